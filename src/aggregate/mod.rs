//! What many events come to: accounting, copies, usage groups, coverage. Everything merges with `+=`.
//!
//! Deliberately absent: what the numbers mean (`audit`), and how they are written (`report`).

mod copies;
mod counts;
mod coverage;
mod inputs;
mod usage;

use std::sync::Arc;

use crate::event::{Evidence, KmsEvent};
pub use copies::{Copies, Fingerprint, Placement};
pub use counts::{Counts, Imbalance};
pub use coverage::{Coverage, Scope};
pub use inputs::{InputSummary, InputTotals, Status, StatusReason};
pub use usage::{DailyRow, Group, Stats, Usage, UsageRow};

/// An event that counts, with its evidence and its place in the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// The event.
    pub event: KmsEvent<'static>,
    /// Whose workload it is, and why we say so.
    pub evidence: Evidence,
    /// URI of the archive.
    pub archive: Arc<str>,
    /// Byte offset of the record in the decompressed archive.
    pub offset: u64,
    /// What makes it the same as another delivery.
    pub fingerprint: Fingerprint,
}

/// What is worth knowing of the selected events when judging the numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Observations {
    /// Events without `eventID`: copies of them cannot be recognised.
    pub without_event_id: u64,
    /// Events whose key account or region was completed from the record.
    pub assumed_key: u64,
    /// Events that name no key.
    pub without_key: u64,
    /// Events whose encryption context names a bucket but no object.
    pub bucket_only: u64,
    /// Events whose evidence is equally strong for more than one workload.
    pub ambiguous: u64,
    /// Events whose workload rests on names or paths alone (strong or medium rules).
    pub by_name: u64,
    /// Events refused.
    pub denied: u64,
    /// Calls for which only the key owner's copy, which may not name the caller's role, was in the input.
    pub owner_copy_only: u64,
}

impl Observations {
    /// Takes one selected event into account.
    pub fn observe(&mut self, selected: &Selected) {
        use crate::event::{KeyOrigin, Outcome, Strength};
        let event = &selected.event;
        self.without_event_id += u64::from(event.event_id.is_none());
        self.assumed_key += u64::from(event.key.origin == KeyOrigin::Assumed);
        self.without_key += u64::from(event.key.origin == KeyOrigin::None);
        self.bucket_only += u64::from(event.s3_bucket.is_some() && event.s3_object_key.is_none());
        self.ambiguous += u64::from(selected.evidence.workload.iter().count() > 1);
        self.by_name += u64::from(matches!(selected.evidence.strength, Strength::Strong | Strength::Medium));
        self.denied += u64::from(event.outcome == Outcome::Denied);
    }
}
