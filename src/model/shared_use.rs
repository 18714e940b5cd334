//! Calls on resources of other accounts.

use std::collections::BTreeMap;

use super::outcome::Outcome;
use super::time::EventTime;

/// Calls of one principal to one API on one resource of another account, with one result. Field
/// order is sort order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct SharedUse {
    /// ARN of the resource, or a pattern for those of all accounts.
    pub resource: String,
    /// The account of the caller.
    pub consumer: String,
    /// Who called.
    pub principal: String,
    /// API.
    pub event_name: String,
    /// How the calls ended.
    pub outcome: Outcome,
    /// Normalized error code.
    pub error_code: Option<String>,
    /// Of a call of KMS: ARN of the key.
    pub key: Option<String>,
}

/// A call of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UseRecord {
    /// The record is not that of the caller's account.
    pub is_foreign: bool,
    /// `eventTime`.
    pub time: EventTime,
    /// `eventID`.
    pub event_id: Option<String>,
    /// It has a `sharedEventID`, as copies of a call in several accounts have.
    pub has_shared_id: bool,
}

/// The calls of a group by what is the same in all copies: `sharedEventID`, else `eventID`, else
/// where the record is.
pub type UseRecords = BTreeMap<String, UseRecord>;
