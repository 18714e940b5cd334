//! A row of `integrity.parquet`.

use std::borrow::Cow;

use crate::model::{EventTime, IntegrityReason, IntegrityStatus, Sha256};

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// A digest.
    Digest,
    /// A log file.
    Log,
}

impl FileKind {
    /// The value of the column `kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Digest => "digest",
            Self::Log => "log",
        }
    }
}

/// A row of `integrity.parquet`: a digest or a log file, of the input or missing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IntegrityRow<'r> {
    /// What it is.
    pub kind: FileKind,
    /// Its URI; of what is missing, the place where CloudTrail wrote it.
    pub archive: Cow<'r, str>,
    /// Where CloudTrail wrote it, as a digest says.
    pub recorded_location: Option<String>,
    /// Its account.
    pub account_id: Option<Cow<'r, str>>,
    /// Its Region.
    pub region: Option<Cow<'r, str>>,
    /// The trail that the digest is of.
    pub trail: Option<Cow<'r, str>>,
    /// The status.
    pub status: IntegrityStatus,
    /// Why.
    pub reason: Option<IntegrityReason>,
    /// The digest that names it.
    pub digest: Option<String>,
    /// Start of the digest's hour; of a log file, of the digest that lists it.
    pub start: Option<EventTime>,
    /// End of that hour.
    pub end: Option<EventTime>,
    /// The hash of its content; of what is missing, the one that is recorded.
    pub sha256: Option<Sha256>,
    /// Fingerprint of the public key of the digest.
    pub fingerprint: Option<Cow<'r, str>>,
    /// The file that the public key comes from.
    pub key_source: Option<Cow<'r, str>>,
}
