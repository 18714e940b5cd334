//! A file of the input, and what digests say of it.

use crate::model::{EventTime, IntegrityReason, IntegrityStatus, Sha256};

/// What a file of the input is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NamedAs {
    /// A log file of CloudTrail.
    Log,
    /// A digest.
    Digest,
    /// Another file.
    Other,
}

/// What is known of the content of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// The hash of its content, which was read to the end.
    Hashed(Sha256),
    /// It was read, and not hashed.
    NotHashed,
    /// Not all of it can be read.
    Damaged,
}

/// A file of the input.
#[derive(Debug, Clone, Copy)]
pub struct InputFile<'f> {
    /// Its URI.
    pub uri: &'f str,
    /// What it is by its name.
    pub named_as: NamedAs,
    /// The account in its name.
    pub account_id: Option<&'f str>,
    /// The Region in its name.
    pub region: Option<&'f str>,
    /// The time in its name.
    pub delivered: Option<EventTime>,
    /// Its content.
    pub content: Content,
    /// Something follows its first gzip member.
    pub has_more_members: bool,
    /// It holds records, or should.
    pub is_archive: bool,
}

/// What digests say of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// The status.
    pub status: IntegrityStatus,
    /// Why.
    pub reason: Option<IntegrityReason>,
    /// What in the digests it is judged by.
    pub(super) by: JudgedBy,
}

/// What in the digests a file is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JudgedBy {
    /// It is that digest.
    Digest(usize),
    /// It is not a digest that can be read, but named like one.
    DigestName,
    /// It is that log file: the number of the log, and the digest that it is best judged by.
    Log { log: usize, digest: usize },
    /// No digest lists it.
    Nothing,
}

impl Verdict {
    pub(super) fn new(
        status: IntegrityStatus,
        reason: impl Into<Option<IntegrityReason>>,
        by: JudgedBy,
    ) -> Self {
        Self { status, reason: reason.into(), by }
    }
}
