//! Why a record, or a list of aliases, could not be read.

use thiserror::Error;

use crate::model::RejectReason;

/// A record that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}: {detail}", reason.as_str())]
#[non_exhaustive]
pub struct ParseError {
    /// The kind of defect.
    pub reason: RejectReason,
    /// For people: what exactly was found, and at which byte of the record.
    pub detail: String,
}

impl ParseError {
    pub(super) fn new(reason: RejectReason, detail: String) -> Self {
        Self { reason, detail }
    }

    pub(super) fn unknown_source(source: &str) -> Self {
        let detail = format!("a KMS record whose eventSource is {source:?}: no known name of KMS");
        Self::new(RejectReason::UnreadableMember, detail)
    }

    pub(super) fn missing_field(name: &str) -> Self {
        Self::new(RejectReason::MissingField, format!("a KMS record without {name}"))
    }
}

/// Why no facts could be read from a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NoFacts {
    /// It is not a JSON object.
    #[error("not a JSON object")]
    InvalidJson,
    /// Another tool rewrote it: there is text in the place of objects, or a time in another form.
    /// [`format::rebuild`](crate::format::rebuild) may know how to restore it.
    #[error("text in the place of objects, or a time in an unknown form")]
    Rewritten,
}

/// A file that is not the output of `aws kms list-aliases`.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AliasListError {
    /// The file is not JSON.
    #[error("not JSON")]
    Json(#[from] serde_json::Error),
    /// The file is JSON without a list of aliases.
    #[error("no \"Aliases\" list in it; save the output of `aws kms list-aliases` as it is")]
    NoAliases,
    /// A member of an alias is missing or cannot be read.
    #[error("alias {number} has no readable {member}")]
    Alias {
        /// Position of the alias in the file, from 1.
        number: usize,
        /// Name of the member.
        member: &'static str,
    },
}
