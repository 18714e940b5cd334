//! Calls that were meant to share something, and failed.

use std::collections::BTreeMap;

use super::resource::{is_other, owner_of};
use crate::model::{ShareCall, ShareEffect, SharedUse, UseRecord, UseRecords};

/// Most groups of such calls that are kept.
const GROUPS: usize = 10_000;

/// Calls that were meant to share something, and failed.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    pub(super) groups: BTreeMap<SharedUse, UseRecords>,
    /// How many resources of calls were left out.
    pub(super) left_out: u64,
}

impl Attempts {
    /// Adds a call that failed, if it is one of these.
    pub(super) fn add(&mut self, call: &ShareCall) {
        let caller = call.caller_account.as_deref();
        let resources: Vec<&String> = match &call.effect {
            ShareEffect::CreatesShare(terms)
            | ShareEffect::Associates(terms)
            | ShareEffect::SetsPermission(terms) => match &*terms.resources {
                [] => terms.share.iter().collect(),
                resources => resources.iter().collect(),
            },
            // On a resource of another account, it is a use.
            ShareEffect::PutsPolicy { resource, .. } if is_other(caller, owner_of(&resource.arn)) => return,
            ShareEffect::PutsPolicy { resource, .. } => vec![&resource.arn],
            _ => return,
        };
        // A refused call often has no parameters.
        let unknown = "unknown".to_owned();
        let resources = if resources.is_empty() { vec![&unknown] } else { resources };
        let id = call.shared_event_id.as_ref().or(call.by.event_id.as_ref());
        let id = id.cloned().unwrap_or_else(|| format!("{} {:?}", call.by.time.0, call.effect));
        let record = UseRecord {
            is_foreign: is_other(caller, call.by.account_id.as_deref()),
            time: call.by.time,
            event_id: call.by.event_id.clone(),
            has_shared_id: call.shared_event_id.is_some(),
        };
        for resource in resources {
            let group = SharedUse {
                resource: resource.clone(),
                consumer: caller.unwrap_or("unknown").to_owned(),
                principal: call.principal.clone(),
                event_name: call.by.event_name.clone(),
                outcome: call.outcome,
                error_code: call.error_code.clone(),
                key: None,
            };
            if self.groups.len() >= GROUPS && !self.groups.contains_key(&group) {
                self.left_out += 1;
                continue;
            }
            let known =
                self.groups.entry(group).or_default().entry(id.clone()).or_insert_with(|| record.clone());
            if record < *known {
                *known = record.clone();
            }
        }
    }
}
