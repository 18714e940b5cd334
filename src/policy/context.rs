//! The value of a condition key in a request.

use std::borrow::Cow;

/// What a condition key has in the context of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContextValue<'e> {
    /// The key is not in the context.
    Absent,
    /// One value.
    One(Cow<'e, str>),
    /// The values of a key that may have several, at least one. Scalar operators never match it.
    Many(Vec<Cow<'e, str>>),
    /// Why the record does not tell: one short clause.
    Unknown(Cow<'static, str>),
}

impl<'e> ContextValue<'e> {
    /// The value that is given, or absent.
    pub(super) fn of(text: Option<&'e str>) -> Self {
        text.map_or(Self::Absent, |text| Self::One(Cow::Borrowed(text)))
    }

    pub(super) fn owned(text: impl Into<String>) -> Self {
        Self::One(Cow::Owned(text.into()))
    }

    pub(super) fn flag(flag: bool) -> Self {
        Self::One(Cow::Borrowed(if flag { "true" } else { "false" }))
    }

    pub(super) fn many(values: Vec<Cow<'e, str>>) -> Self {
        if values.is_empty() { Self::Absent } else { Self::Many(values) }
    }

    pub(super) const fn unknown(why: &'static str) -> Self {
        Self::Unknown(Cow::Borrowed(why))
    }
}
