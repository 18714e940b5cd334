//! Where a fact comes from.

use super::time::EventTime;

/// The record that a fact comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Provenance {
    /// `eventTime`.
    pub time: EventTime,
    /// `eventName`.
    pub event_name: String,
    /// `eventID`.
    pub event_id: Option<String>,
    /// `recipientAccountId`, else the caller's account.
    pub account_id: Option<String>,
}
