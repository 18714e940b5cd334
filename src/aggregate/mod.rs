//! Turns many events into a few numbers: accounting, deduplication, usage groups, coverage.
//! Everything merges with `+=`.
//!
//! Deliberately absent: what the numbers mean (`audit`), and how they are written (`report`).

mod aliases;
mod counts;
mod coverage;
mod dedup;
mod distinct;
mod facts;
mod inputs;
mod observations;
mod seen;
mod usage;

use crate::model::{Evidence, KmsEvent};
pub use aliases::Aliases;
pub use counts::{Counts, Imbalance};
pub use coverage::{Coverage, RegionCoverage};
pub use dedup::{Decision, Deduplicator, Fingerprint, PendingId, complete_from};
pub use distinct::EXACT_LIMIT;
pub use facts::{Corrections, FactSource, FactSupport, Facts};
pub use inputs::{InputStatus, InputSummary, InputTotals, StatusReason};
pub use observations::{ObservationFlags, Observations};
pub use usage::{DailyRow, Group, GroupStats, Groups, Usage, UsageRow, UsageSample};

/// An event that has passed all filters, with its evidence and its position in the input.
#[derive(Debug, Clone, Copy)]
pub struct Selected<'a> {
    /// The event.
    pub event: &'a KmsEvent<'a>,
    /// Which workload it belongs to, and which rules say so.
    pub evidence: &'a Evidence,
    /// URI of the archive.
    pub archive: &'a str,
    /// Byte offset of the record in the decompressed archive.
    pub offset: u64,
}
