//! The grants of the input: one entry per grant, from when until when, for whom and for what; and
//! which calls are consistent with it.
//!
//! No record says that a call was allowed by a grant, so "consistent with" is never "by". A call is
//! consistent with a grant when the grantee called, the operation is one of the grant's, its
//! constraints hold, and the call lies between the grant's creation and five minutes after its end,
//! since KMS may take that long to forget it
//! ([eventual consistency](https://docs.aws.amazon.com/kms/latest/developerguide/grants.html#terms-eventual-consistency)).
//!
//! Grants that calls cannot tell apart but by the time ([`kind`], [`time_line`]) are counted
//! together, so that neither time nor memory grows with calls times grants.
//!
//! Memory: some 3 KiB per grant, and at most 24 bytes per call and kind of grants that it is
//! consistent with. Both count against the limit of memory.

mod constraints;
mod grant;
mod index;
mod kind;
mod ledger;
mod lifecycle;
mod time_line;
mod uses;

#[cfg(test)]
mod tests;

pub use grant::Grant;
pub use ledger::GrantLedger;
pub use lifecycle::{Change, GrantState};
pub use uses::{GrantUse, GrantUseCounter, GrantUses, UseSummary};
