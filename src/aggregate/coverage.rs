//! What the input covers: accounts, regions, event times, delivery days, and trails that leave KMS
//! out.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::model::EventTime;

/// The name of an account or region that no record and no archive name tells.
const UNKNOWN: &str = "unknown";

/// What the input covers of one account and region.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RegionCoverage {
    /// KMS records, selected or not.
    pub kms_records: u64,
    /// The earliest and the latest `eventTime` among them.
    pub event_times: Option<(EventTime, EventTime)>,
    /// Archives filed under this account and region.
    pub archives: u64,
    /// The days of the folders that archives were delivered into, in days since the epoch.
    pub delivery_days: BTreeSet<i32>,
}

impl AddAssign for RegionCoverage {
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

/// What the input covers, over all accounts and regions that occur in records or in the names of
/// archives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Coverage {
    /// By account, then by region. The name is `unknown` where neither record nor archive tells.
    pub regions: BTreeMap<String, BTreeMap<String, RegionCoverage>>,
    /// Trails that a `PutEventSelectors` record sets to exclude KMS, as the record names them.
    pub kms_excluded_by: BTreeSet<String>,
    /// KMS records that were not selected for their workload, and whose workload an S3 Bucket Key
    /// hides: they name a bucket and no object, and at most show that they belong to SageMaker.
    pub unattributed: u64,
}

impl Coverage {
    /// The coverage of one account and region, added if it is new.
    pub fn region_mut(&mut self, account: Option<&str>, region: Option<&str>) -> &mut RegionCoverage {
        let regions = entry(&mut self.regions, account.unwrap_or(UNKNOWN));
        entry(regions, region.unwrap_or(UNKNOWN))
    }

    /// Whether KMS records say another account or region than these, which the archive's name says.
    pub fn contradicts(&self, account: Option<&str>, region: Option<&str>) -> bool {
        let differs = |named: Option<&str>, recorded: &str| {
            recorded != UNKNOWN && named.is_some_and(|named| named != recorded)
        };
        let with_records = self.iter().filter(|(.., coverage)| coverage.kms_records > 0);
        with_records.into_iter().any(|(a, r, _)| differs(account, a) || differs(region, r))
    }

    /// Account, region and coverage, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &RegionCoverage)> {
        self.regions.iter().flat_map(|(account, regions)| {
            let row = |(region, coverage)| (account.as_str(), String::as_str(region), coverage);
            regions.iter().map(row)
        })
    }

    /// Time of the newest KMS event, selected or not.
    pub fn newest_event(&self) -> Option<EventTime> {
        let last = |(_, _, region): (_, _, &RegionCoverage)| region.event_times.map(|(_, last)| last);
        self.iter().filter_map(last).max()
    }
}

/// The entry of `name`, added if it is new. The name is copied only then: this runs for every KMS
/// record.
fn entry<'m, T: Default>(map: &'m mut BTreeMap<String, T>, name: &str) -> &'m mut T {
    if !map.contains_key(name) {
        map.insert(name.to_owned(), T::default());
    }
    match map.get_mut(name) {
        Some(entry) => entry,
        None => unreachable!(), // it was inserted above
    }
}

impl AddAssign for Coverage {
    fn add_assign(&mut self, other: Self) {
        for (account, regions) in other.regions {
            let ours = self.regions.entry(account).or_default();
            for (region, coverage) in regions {
                *ours.entry(region).or_default() += coverage;
            }
        }
        self.kms_excluded_by.extend(other.kms_excluded_by);
        self.unattributed += other.unattributed;
    }
}
