//! Calls on resources of other accounts, by who called what.
//!
//! Memory: some 200 bytes per call, of at most twice [`LIMIT`] groups.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use crate::model::{ShareCall, SharedUse, UseRecord, UseRecords};

/// How many groups are kept: the first ones in their order, which does not depend on the order of
/// the inputs.
pub const LIMIT: usize = 100_000;

/// Calls on resources of other accounts.
#[derive(Debug, Clone, Default)]
pub struct SharedUses {
    groups: BTreeMap<SharedUse, UseRecords>,
    has_forgotten: bool,
    /// Records in all groups.
    records: usize,
}

impl SharedUses {
    /// Adds a call on a resource whose record is at `offset` of `archive`. A call whose account is
    /// not known is not one of another account.
    pub fn add(&mut self, call: ShareCall, resource: String, archive: &str, offset: u64) {
        let Some(consumer) = call.caller_account else { return };
        let record = UseRecord {
            is_foreign: call.by.account_id.as_deref() != Some(&consumer),
            time: call.by.time,
            event_id: call.by.event_id,
            has_shared_id: call.shared_event_id.is_some(),
        };
        let id = call.shared_event_id.or_else(|| record.event_id.clone());
        let id = id.unwrap_or_else(|| format!("{archive}#{offset}"));
        let group = SharedUse {
            resource,
            consumer,
            principal: call.principal,
            event_name: call.by.event_name,
            outcome: call.outcome,
            error_code: call.error_code,
            key: None,
        };
        self.insert(group, [(id, record)]);
    }

    fn insert(&mut self, group: SharedUse, found: impl IntoIterator<Item = (String, UseRecord)>) {
        let records = self.groups.entry(group).or_default();
        let before = records.len();
        for (id, record) in found {
            let known = records.entry(id).or_insert_with(|| record.clone());
            if record < *known {
                *known = record;
            }
        }
        let added = records.len() - before;
        self.records += added;
        if self.groups.len() >= 2 * LIMIT {
            self.trim();
        }
    }

    /// Records in all groups.
    pub(super) fn records(&self) -> usize {
        self.records
    }

    /// Forgets the groups beyond the limit.
    pub fn trim(&mut self) {
        while self.groups.len() > LIMIT {
            if let Some((_, records)) = self.groups.pop_last() {
                self.records -= records.len();
            }
            self.has_forgotten = true;
        }
    }

    /// The groups, in their order.
    pub fn groups(&self) -> impl Iterator<Item = (&SharedUse, &UseRecords)> {
        self.groups.iter()
    }

    /// Whether there were more groups than are kept.
    pub fn has_forgotten(&self) -> bool {
        self.has_forgotten
    }
}

impl AddAssign for SharedUses {
    fn add_assign(&mut self, other: Self) {
        self.has_forgotten = self.has_forgotten || other.has_forgotten;
        for (group, records) in other.groups {
            self.insert(group, records);
        }
    }
}
