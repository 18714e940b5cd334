//! Turns many events into a few numbers: accounting, deduplication, usage groups, coverage.
//! Everything merges with `+=`.
//!
//! Deliberately absent: what the numbers mean (`audit`), and how they are written (`report`).

mod access;
mod activity;
mod counts;
mod coverage;
mod dedup;
mod distinct;
mod event_id;
mod grants;
mod inputs;
mod observations;
mod policies;
mod seen;
mod selected;
mod shared_call;
mod shares;
mod usage;

pub use access::{
    Access, AccessRow, CallGroup, CallOrigin, KeyChangeCall, OtherKey, RecordRef, Span, account_of,
};
pub use activity::{Activity, KeyUse, LogReads, is_use};
pub use counts::{Counts, Imbalance};
pub use coverage::{Coverage, RegionCoverage};
pub use dedup::{Decision, Deduplicator, Fingerprint, PendingId, complete_from};
pub use distinct::EXACT_LIMIT;
pub use event_id::EventId;
pub use grants::{Change, Grant, GrantLedger, GrantState, GrantUse, GrantUseCounter, GrantUses, UseSummary};
pub use inputs::{InputStatus, InputSummary, InputTotals, StatusReason, UnreadReason};
pub use observations::{ObservationFlags, Observations};
pub use policies::{
    CallContext, CallTraits, CallerUse, Few, KeyCaller, KeyPolicyUses, PartId, PartUse, PolicyUses, Records,
};
pub use selected::Selected;
pub use shared_call::SharedCall;
pub use shares::{
    Consumer, ConsumerKind, KeyCall, KeyCalls, MadeBy, Permission, PermissionChange, Promotion, SHARE_ROWS,
    Share, ShareBook, ShareLedger, ShareState, ShareUse, SharedKeys, UseKind, resource_kind,
};
pub use usage::{DailyRow, Group, GroupStats, Groups, SampleText, Usage, UsageRow, UsageSample};
