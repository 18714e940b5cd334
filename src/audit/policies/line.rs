//! One line of a comparison of a key policy with calls.

use std::borrow::Cow;

use crate::aggregate::Records;
use crate::policy::{PolicyVersion, Statement};

/// What calls show about a permission, a statement or a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PolicyStatus {
    /// A workload is said to need it, and no statement gives it.
    Missing,
    /// Calls succeeded that no statement of the key policy explains.
    UsedNotAllowed,
    /// Calls were refused.
    Refused,
    /// It differs from the name of a caller only in case, and so does not name it.
    DiffersInCase,
    /// It has no effect in a key policy.
    NoEffect,
    /// What decides is not in the records.
    CannotBeKnown,
    /// It allows what no call in the window did.
    AllowedNotUsed,
    /// It allows what calls did.
    Used,
    /// It denies, and refused calls are among what it denies.
    Denies,
    /// It denies, and no refused call is among what it denies.
    DeniesNothingSeen,
}

impl PolicyStatus {
    /// Every status, those that ask for an answer first.
    pub const ALL: [Self; 10] = [
        Self::Missing,
        Self::UsedNotAllowed,
        Self::Refused,
        Self::DiffersInCase,
        Self::NoEffect,
        Self::CannotBeKnown,
        Self::AllowedNotUsed,
        Self::Used,
        Self::Denies,
        Self::DeniesNothingSeen,
    ];

    /// Its value in the column `status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::UsedNotAllowed => "used_not_allowed",
            Self::Refused => "refused",
            Self::DiffersInCase => "differs_in_case",
            Self::NoEffect => "no_effect",
            Self::CannotBeKnown => "cannot_be_known",
            Self::AllowedNotUsed => "allowed_not_used",
            Self::Used => "used",
            Self::Denies => "denies",
            Self::DeniesNothingSeen => "denies_nothing_seen",
        }
    }

    /// The status in words.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::UsedNotAllowed => "used, not allowed by it",
            Self::Refused => "refused",
            Self::DiffersInCase => "differs in case",
            Self::NoEffect => "no effect",
            Self::CannotBeKnown => "cannot be known",
            Self::AllowedNotUsed => "allowed, not used",
            Self::Used => "used",
            Self::Denies => "denies",
            Self::DeniesNothingSeen => "denies nothing that was seen",
        }
    }
}

/// A line of a comparison.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PolicyLine<'a> {
    /// ARN of the key, or its id.
    pub key: &'a str,
    /// The policy.
    pub version: &'a PolicyVersion,
    /// The place of the statement, counted from 1, and the statement; `None`: the line is about the
    /// whole policy.
    pub statement: Option<(usize, &'a Statement)>,
    /// Whom it is about: an element of `Principal`, or a caller.
    pub principal: Option<Cow<'a, str>>,
    /// What it is about: a permission, or a pattern of the statement.
    pub permission: Option<Cow<'a, str>>,
    /// What calls show.
    pub status: PolicyStatus,
    /// Why, and what to do, as a sentence.
    pub detail: Option<String>,
    /// The records that show it.
    pub records: Records,
    /// Those that no other statement explains.
    pub alone: Option<u64>,
}
