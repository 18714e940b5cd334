//! When a grant came and went, and since when its key cannot be used.

use crate::model::{EventTime, KeyChange, KeyEffect, ShareCall};

/// What became of a grant, as far as the input shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum GrantState {
    /// Created in the input, and not ended in it.
    Open,
    /// Retired.
    Retired,
    /// Revoked.
    Revoked,
    /// Its key was deleted.
    KeyDeleted,
    /// Its end is in the input, its creation is not: what it allowed is not known.
    CreatedBeforeWindow,
    /// The record does not show the grant's id, so no end can be found for it.
    Unknown,
}

impl GrantState {
    /// Every state.
    pub const ALL: [Self; 6] = [
        Self::Open,
        Self::Retired,
        Self::Revoked,
        Self::KeyDeleted,
        Self::CreatedBeforeWindow,
        Self::Unknown,
    ];

    /// The value of the column `state`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
            Self::KeyDeleted => "key_deleted",
            Self::CreatedBeforeWindow => "created_before_window",
            Self::Unknown => "unknown",
        }
    }
}

/// A call that created or ended a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// `eventTime`.
    pub time: EventTime,
    /// `eventName`.
    pub event_name: String,
    /// `eventID`.
    pub event_id: Option<String>,
    /// Who called.
    pub principal: String,
    /// The service that called for the principal.
    pub service: Option<String>,
    /// The account that the record belongs to.
    pub account_id: Option<String>,
}

impl Change {
    /// The call of a share.
    pub(in crate::aggregate) fn of_share(call: &ShareCall) -> Self {
        Self {
            time: call.by.time,
            event_name: call.by.event_name.clone(),
            event_id: call.by.event_id.clone(),
            principal: call.principal.clone(),
            service: None,
            account_id: call.by.account_id.clone(),
        }
    }

    pub(in crate::aggregate) fn new(change: &KeyChange) -> Self {
        Self {
            time: change.by.time,
            event_name: change.by.event_name.clone(),
            event_id: change.by.event_id.clone(),
            principal: change.principal.clone(),
            service: change.service.clone(),
            account_id: change.by.account_id.clone(),
        }
    }
}

/// Whether a key can be used, change by change, in the order of time.
#[derive(Debug, Clone, Default)]
pub(super) struct KeyUsability {
    pub(super) unusable_since: Option<EventTime>,
    pub(super) deleted: Option<Change>,
}

impl KeyUsability {
    /// The next change of the key.
    pub(super) fn apply(&mut self, change: &KeyChange) {
        let time = change.by.time;
        match change.effect {
            KeyEffect::Disables | KeyEffect::SchedulesDeletion | KeyEffect::CancelsDeletion => {
                // A key whose deletion was cancelled stays disabled.
                self.unusable_since.get_or_insert(time);
            }
            KeyEffect::Enables => self.unusable_since = None,
            KeyEffect::Deletes => {
                self.unusable_since.get_or_insert(time);
                self.deleted.get_or_insert_with(|| Change::new(change));
            }
            _ => {}
        }
    }
}
