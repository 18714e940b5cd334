//! What is shared between accounts: one entry per share, resource and consumer, from when until
//! when; and who used it from another account.
//!
//! A share is what somebody asked AWS RAM or SageMaker for. RAM completes associations later and
//! may fail without a record, and the consumer's own IAM policies must allow the call, too. So a
//! share is only called *effective* when a call of the consumer on the resource succeeded.
//!
//! Shares are known by their ARNs: names are not unique. A resource policy
//! (`PutModelPackageGroupPolicy`) makes a share without a call of RAM: then the policy stands for
//! it.
//!
//! Memory: some 1 KiB per row, of at most [`SHARE_ROWS`] rows.

mod answer;
mod attempts;
mod book;
mod consumer;
mod draft;
mod keys;
mod ledger;
mod link;
mod members;
mod permissions;
mod policy;
mod policy_draft;
mod promotion;
mod resource;
mod rows;
mod scope;
mod share;
mod uses;

#[cfg(test)]
mod tests;

pub use book::ShareBook;
pub use consumer::{Consumer, ConsumerKind};
pub use draft::PermissionChange;
pub use keys::{KeyCall, KeyCalls, SharedKeys};
pub use ledger::ShareLedger;
pub use resource::{UseKind, resource_kind};
pub use rows::SHARE_ROWS;
pub use share::{MadeBy, Permission, Promotion, Share, ShareState};
pub use uses::ShareUse;
