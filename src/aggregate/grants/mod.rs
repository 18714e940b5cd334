//! The grants of the input: one entry per grant, from when until when, for whom and for what; and
//! which calls are consistent with it.
//!
//! No record says that a call was allowed by a grant, so "consistent with" is never "by". A call is
//! consistent with a grant when the grantee called, the operation is one of the grant's, its
//! constraints hold, and the call lies between the grant's creation and five minutes after its end,
//! since KMS may take that long to forget it
//! ([eventual consistency](https://docs.aws.amazon.com/kms/latest/developerguide/grants.html#terms-eventual-consistency)).
//!
//! Memory: some 600 bytes per grant, and some 60 bytes per call that is consistent with one.

mod constraints;
mod grant;
mod index;
mod ledger;
mod lifecycle;
mod uses;

#[cfg(test)]
mod tests;

pub use grant::Grant;
pub use ledger::GrantLedger;
pub use lifecycle::{Change, GrantState};
pub use uses::{GrantUse, GrantUses, UseSummary};
