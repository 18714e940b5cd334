//! What many events come to: accounting, copies, usage groups, coverage. Everything merges with `+=`.
//!
//! Deliberately absent: what the numbers mean (`audit`), and how they are written (`report`).

mod counts;
mod coverage;
mod dedup;
mod distinct;
mod inputs;
mod seen;
mod usage;

use std::ops::AddAssign;

use crate::model::{Evidence, KmsEvent};
pub use counts::{Counts, Imbalance};
pub use coverage::{Coverage, Scope};
pub use dedup::{Decision, Deduplicator, Fingerprint, PendingId, complete};
pub use distinct::EXACT;
pub use inputs::{InputSummary, InputTotals, Status, StatusReason};
pub use usage::{DailyRow, Group, Groups, Measured, Stats, Usage, UsageRow};

/// An event that has passed all filters, with its evidence and its place in the input.
#[derive(Debug, Clone, Copy)]
pub struct Selected<'a> {
    /// The event.
    pub event: &'a KmsEvent<'a>,
    /// Whose workload it is, and why we say so.
    pub evidence: &'a Evidence,
    /// URI of the archive.
    pub archive: &'a str,
    /// Byte offset of the record in the decompressed archive.
    pub offset: u64,
}

/// What is worth knowing of the selected events when judging the numbers. Unit: events.
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
    /// Events of which CloudTrail left out parameters or other members as too large.
    pub omitted: u64,
    /// Events of CloudTrail's own log delivery.
    pub log_delivery: u64,
    /// Events of S3 acting for its caller.
    pub through_s3: u64,
    /// Events of AWS services acting by themselves.
    pub by_service: u64,
    /// Calls for which only the key owner's copy, which may not name the caller's role, was in the input.
    pub owner_copy_only: u64,
}

/// What [`Observations`] counts, of one event: a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remarks(u16);

impl Remarks {
    /// What there is to say of `selected`.
    pub fn of(selected: &Selected<'_>) -> Self {
        use crate::model::{KeyOrigin, Outcome, Strength};
        let event = selected.event;
        let by_service = event.principal.kind == "AWSService";
        let invoked_by = event.principal.invoked_by.as_deref();
        let said = [
            event.event_id.is_none(),
            event.key.origin == KeyOrigin::Assumed,
            event.key.origin == KeyOrigin::None,
            event.s3_bucket.is_some() && event.s3_object_key.is_none(),
            selected.evidence.workload.is_ambiguous(),
            matches!(selected.evidence.strength, Strength::Strong | Strength::Medium),
            event.outcome == Outcome::Denied,
            event.omitted_fields.is_some(),
            event.log_delivery,
            !by_service && matches!(invoked_by, Some("s3.amazonaws.com" | "s3.amazonaws.com.cn")),
            by_service,
        ];
        Self(said.iter().enumerate().fold(0, |bits, (n, said)| bits | u16::from(*said) << n))
    }

    fn says(self, n: u32) -> u64 {
        u64::from(self.0 >> n & 1)
    }
}

impl AddAssign<Remarks> for Observations {
    fn add_assign(&mut self, remarks: Remarks) {
        self.without_event_id += remarks.says(0);
        self.assumed_key += remarks.says(1);
        self.without_key += remarks.says(2);
        self.bucket_only += remarks.says(3);
        self.ambiguous += remarks.says(4);
        self.by_name += remarks.says(5);
        self.denied += remarks.says(6);
        self.omitted += remarks.says(7);
        self.log_delivery += remarks.says(8);
        self.through_s3 += remarks.says(9);
        self.by_service += remarks.says(10);
    }
}
