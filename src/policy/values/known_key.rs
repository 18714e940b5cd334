//! A row of the catalogue of condition keys.

use crate::policy::context::ContextValue;
use crate::policy::request::Request;

/// Computes the value of a key; the text is what follows the fixed part of the key's name.
pub(super) type ValueOf = for<'e> fn(&Request<'e>, &str) -> ContextValue<'e>;

/// A condition key that keytrail knows.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct KnownKey {
    /// Its name. If it ends with `:` or `/`, a name of the user's follows.
    pub name: &'static str,
    /// How its value is decided, or why it is not.
    pub how: How,
    pub(super) value: ValueOf,
}

/// Whether a record can decide the value of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It can, for some calls at least: from which members.
    Decided(&'static str),
    /// It never can: why.
    Unknown(&'static str),
}

pub(super) const fn decided(name: &'static str, from: &'static str, value: ValueOf) -> KnownKey {
    KnownKey { name, how: How::Decided(from), value }
}

pub(super) const fn unknown(name: &'static str, why: &'static str, value: ValueOf) -> KnownKey {
    KnownKey { name, how: How::Unknown(why), value }
}
