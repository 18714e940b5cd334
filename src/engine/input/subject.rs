//! What is known of an input before it is read, and its summary when it yields no records.

use std::io;
use std::sync::Arc;

use super::stream::StreamPosition;
use crate::aggregate::{Counts, InputStatus, InputSummary, StatusReason, UnreadReason};
use crate::engine::plan::{Limits, Plan};
use crate::engine::scanner::{Outcome, Scanner};
use crate::format::container::JsonShape;
use crate::format::decode::{Budget, DecodeError, DecodeOptions, Encoding};
use crate::model::{RejectReason, Rejection, SkipReason, error_chain};
use crate::source::{Archive, NameFields, Signature, Version, member_name_to_text};

/// What is known of an input before it is read.
pub(super) struct Subject {
    pub(super) uri: Arc<str>,
    /// Stored bytes, where known.
    pub(super) size: Option<u64>,
    /// What its name says.
    pub(super) name_fields: NameFields,
    pub(super) version: Version,
    /// The container that it is a member of.
    pub(super) container: Option<Arc<str>>,
    /// How many containers there are around it.
    pub(super) depth: usize,
    /// What may be decoded out of the listed input that it is, or that it is in.
    pub(super) budget: Budget,
    /// How many layers of its content were decoded inside the first one.
    pub(super) layers: u32,
    /// A digest may list it.
    pub(super) may_be_listed: bool,
    /// Its name or its first bytes are those of a digest.
    pub(super) may_be_digest: bool,
    /// The signature in its metadata.
    pub(super) signature: Signature,
}

impl Subject {
    /// An archive of the listing.
    pub(super) fn of_archive(archive: &Archive, limits: Limits) -> Self {
        Self {
            uri: archive.uri.clone(),
            size: archive.size,
            name_fields: archive.name_fields.clone(),
            version: archive.version.clone(),
            container: None,
            depth: 0,
            budget: Budget::of_input(archive.size, limits.archive_bytes),
            layers: 0,
            may_be_listed: archive.may_be_listed,
            may_be_digest: false,
            signature: archive.signature(),
        }
    }

    /// An entry of the listing that is not read.
    pub(super) fn unread(uri: &Arc<str>) -> Self {
        let (name_fields, version) = (NameFields::default(), Version::default());
        let (container, budget) = (None, Budget::new(0));
        Self {
            uri: uri.clone(),
            size: None,
            name_fields,
            version,
            container,
            depth: 0,
            budget,
            layers: 0,
            may_be_listed: false,
            may_be_digest: false,
            signature: Signature::default(),
        }
    }

    /// A member of a container.
    pub(super) fn member_of(container: &Self, name: &[u8], size: Option<u64>) -> Self {
        let name = member_name_to_text(name);
        Self {
            uri: format!("{}!/{name}", container.uri).into(),
            size,
            name_fields: NameFields::from_key(&name),
            version: Version::default(),
            container: Some(container.uri.clone()),
            depth: container.depth + 1,
            budget: container.budget.clone(),
            layers: 0,
            // The digests may come behind it.
            may_be_listed: true,
            may_be_digest: false,
            signature: Signature::default(),
        }
    }

    /// How its content is decoded; `stored_size`: its stored bytes, where known.
    pub(super) fn decode_options(&self, plan: &Plan, stored_size: Option<u64>) -> DecodeOptions {
        let (limit, budget) = (plan.limits.archive_bytes, self.budget.clone());
        let is_listed = self.may_be_listed || plan.checkpoint.is_some() || plan.digests.hash_all;
        DecodeOptions { stored_size, limit, budget, hash: plan.hash || plan.learn && is_listed }
    }

    /// Its summary, before anything is counted.
    pub(super) fn summary(&self) -> InputSummary {
        InputSummary {
            archive: self.uri.clone(),
            container: self.container.clone(),
            status: InputStatus::Complete,
            reason: None,
            shape: JsonShape::Unknown.as_str().into(),
            is_container: false,
            compressed_bytes: 0,
            content_bytes: 0,
            content_sha256: None,
            gzip_members: 0,
            account_id: self.name_fields.account_id.clone(),
            region: self.name_fields.region.clone(),
            delivered: self.name_fields.delivered,
            etag: self.version.etag.clone(),
            modified: self.version.modified,
            counts: Counts::default(),
            integrity: None,
        }
    }

    /// The summary of an input that is skipped.
    pub(super) fn skipped(&self, reason: SkipReason) -> InputSummary {
        let mut input = self.summary();
        (input.status, input.reason) = (InputStatus::Skipped, Some(StatusReason::Skipped(reason)));
        input
    }

    /// The summary of an input that may hold records in a form that is not read.
    pub(super) fn in_unknown_form(&self, detail: &str) -> InputSummary {
        let mut input = self.summary();
        let (reason, detail) = (UnreadReason::UnknownEnvelope, detail.to_owned());
        (input.status, input.reason) =
            (InputStatus::Unreadable, Some(StatusReason::Unread { reason, detail }));
        input
    }

    /// The summary of an input whose first bytes cannot be read, and what is rejected.
    fn failed(&self, error: io::Error) -> (InputSummary, Vec<Rejection>) {
        match DecodeError::from_read(0, error) {
            DecodeError::Read { source: error, .. } => (unreadable(self.summary(), &error), Vec::new()),
            // The container that it is in is damaged here: records may be lost.
            error => {
                let (reason, detail) = (reason_of(&error), error.detail());
                let mut input = self.summary();
                (input.status, input.reason) = (InputStatus::Partial, Some(StatusReason::Rejected(reason)));
                (input.counts.records, input.counts.rejected) = (1, 1);
                (input, vec![Rejection { offset: None, index: None, reason, detail }])
            }
        }
    }
}

/// Ends an input of which nothing can be used; `position`: how far it was read.
pub(super) fn end_failed(
    scanner: &mut Scanner<'_>,
    subject: &Subject,
    error: io::Error,
    position: StreamPosition,
) {
    let (input, rejects) = subject.failed(error);
    scanner.input(with_position(input, position), rejects, Outcome::MayChange);
}

/// The summary of an input that was read as far as `position` and yielded nothing.
pub(super) fn with_position(mut input: InputSummary, position: StreamPosition) -> InputSummary {
    input.compressed_bytes = position.compressed_bytes;
    input.content_bytes = position.content_bytes;
    input.gzip_members = position.members;
    input
}

/// The summary of an input that cannot be read at all.
pub(super) fn unreadable(mut input: InputSummary, error: &io::Error) -> InputSummary {
    (input.status, input.reason) = (InputStatus::Unreadable, Some(StatusReason::Error(error_chain(error))));
    input
}

/// The reason that a reject gives for an error.
pub(super) fn reason_of(error: &DecodeError) -> RejectReason {
    match error {
        DecodeError::Truncated { encoding: Encoding::Zstd, .. } => RejectReason::ZstdTruncated,
        DecodeError::Corrupt { encoding: Encoding::Zstd, .. } => RejectReason::ZstdCorrupt,
        DecodeError::Truncated { encoding: Encoding::Gzip | Encoding::Zlib, .. } => {
            RejectReason::GzipTruncated
        }
        DecodeError::Corrupt { encoding: Encoding::Gzip | Encoding::Zlib, .. } => RejectReason::GzipCorrupt,
        // Other compressions occur in containers only.
        DecodeError::Truncated { .. } | DecodeError::MemberTruncated { .. } => {
            RejectReason::ContainerTruncated
        }
        DecodeError::Corrupt { .. } | DecodeError::MemberCorrupt { .. } => RejectReason::ContainerCorrupt,
        DecodeError::Trailing { .. } => RejectReason::TrailingBytes,
        DecodeError::TooLarge { .. } | DecodeError::BudgetSpent => RejectReason::ArchiveTooLarge,
        DecodeError::Read { .. } => RejectReason::ReadError,
    }
}
