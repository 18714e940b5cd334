//! What the input covers: accounts, regions, event times, delivery days, and trails that leave KMS out.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::model::EventTime;

/// One account and region.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// KMS records, selected or not.
    pub kms_records: u64,
    /// Earliest and latest `eventTime` among them.
    pub event_times: Option<(EventTime, EventTime)>,
    /// Archives filed under this account and region.
    pub archives: u64,
    /// Days (since the epoch) of the folders that archives were delivered into.
    pub delivery_days: BTreeSet<i32>,
}

impl AddAssign for Scope {
    fn add_assign(&mut self, other: Self) {
        self.kms_records += other.kms_records;
        self.archives += other.archives;
        self.delivery_days.extend(other.delivery_days);
        self.event_times = match (self.event_times, other.event_times) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (a, b) => a.or(b),
        };
    }
}

/// All accounts and regions met, in records or in the names of archives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// By account, then region; `unknown` where a record or name does not tell.
    pub scopes: BTreeMap<String, BTreeMap<String, Scope>>,
    /// Trails that a `PutEventSelectors` record sets to exclude KMS, as the record names them.
    pub kms_excluded_by: BTreeSet<String>,
    /// KMS records that were not selected for their workload, and whose workload an S3 Bucket Key hides: they name a bucket, no object, and
    /// nothing else shows more than that they are SageMaker's.
    pub unattributed: u64,
}

impl Coverage {
    /// The scope of one account and region.
    pub fn scope(&mut self, account: Option<&str>, region: Option<&str>) -> &mut Scope {
        let scopes = entry(&mut self.scopes, account.unwrap_or("unknown"));
        entry(scopes, region.unwrap_or("unknown"))
    }

    /// Account, region and scope, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &Scope)> {
        let of_account = |(account, scopes)| {
            let account: &String = account;
            let scopes: &BTreeMap<String, Scope> = scopes;
            scopes.iter().map(move |(region, scope)| (account.as_str(), region.as_str(), scope))
        };
        self.scopes.iter().flat_map(of_account)
    }

    /// Time of the newest KMS event, selected or not.
    pub fn newest_event(&self) -> Option<EventTime> {
        self.iter().filter_map(|(_, _, scope)| scope.event_times.map(|(_, last)| last)).max()
    }
}

/// The entry of a name, which is copied only when it is new: this is asked for every KMS record.
fn entry<'m, T: Default>(map: &'m mut BTreeMap<String, T>, name: &str) -> &'m mut T {
    if !map.contains_key(name) {
        map.insert(name.to_owned(), T::default());
    }
    match map.get_mut(name) {
        Some(known) => known,
        None => unreachable!(), // it is there since the line above
    }
}

impl AddAssign for Coverage {
    fn add_assign(&mut self, other: Self) {
        for (account, scopes) in other.scopes {
            let known = self.scopes.entry(account).or_default();
            for (region, scope) in scopes {
                *known.entry(region).or_default() += scope;
            }
        }
        self.kms_excluded_by.extend(other.kms_excluded_by);
        self.unattributed += other.unattributed;
    }
}
