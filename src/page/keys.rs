//! Which keys the report knows, and which of them get a part of the page.

use std::collections::{BTreeMap, HashSet};

use super::rows::{Row, at};
use crate::base::stable_hash;
use crate::model::EventTime;
use crate::report::{FINDINGS, GRANTS, Kept, USAGE};

/// Keys that get a part of their own. Of more, those with the worst findings and the most calls.
pub(super) const KEY_PARTS: usize = 100;

/// The severities of findings, the worst first.
pub(super) const SEVERITIES: [&str; 5] = ["critical", "high", "medium", "low", "info"];

/// What the page's list of keys shows of a key.
#[derive(Debug, Default)]
pub(super) struct KeyTotals {
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
    pub(super) succeeded: u64,
    pub(super) refused: u64,
    pub(super) failed: u64,
    principals: HashSet<u64>,
    pub(super) last: Option<EventTime>,
    pub(super) open_grants: u64,
    /// Open findings.
    pub(super) findings: u64,
    /// The place of the worst of them in [`SEVERITIES`].
    worst: Option<usize>,
}

impl KeyTotals {
    pub(super) fn principals(&self) -> u64 {
        self.principals.len() as u64
    }

    pub(super) fn events(&self) -> u64 {
        self.succeeded + self.refused + self.failed
    }

    /// The worst and the most used first.
    fn rank(&self) -> (usize, u64) {
        (self.worst.unwrap_or(SEVERITIES.len()), u64::MAX - self.events())
    }
}

/// All keys, by ARN; `None`: calls that name none.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) totals: BTreeMap<Option<String>, KeyTotals>,
}

impl Keys {
    /// Adds a row of `usage.parquet`.
    pub(super) fn usage(&mut self, row: &Row<'_>, kept: &Kept) {
        let key = row.owned(at!(USAGE, "key_arn"));
        let totals = self.totals.entry(key).or_insert_with(|| kept.made(row.bytes()));
        totals.account = totals.account.take().or_else(|| row.owned(at!(USAGE, "key_account_id")));
        totals.region = totals.region.take().or_else(|| row.owned(at!(USAGE, "key_region")));
        let events = row.count(at!(USAGE, "event_count"));
        match row.text(at!(USAGE, "outcome")) {
            Some("success") => totals.succeeded += events,
            Some("denied") => totals.refused += events,
            _ => totals.failed += events,
        }
        totals.principals.insert(stable_hash(0, row.text(at!(USAGE, "principal")).unwrap_or_default()));
        totals.last = totals.last.max(row.time(at!(USAGE, "last_event_time")));
    }

    /// Adds a row of `findings.parquet`.
    pub(super) fn finding(&mut self, row: &Row<'_>, kept: &Kept) {
        let Some(key) = row.owned(at!(FINDINGS, "key_arn")) else { return };
        let totals = self.totals.entry(Some(key)).or_insert_with(|| kept.made(row.bytes()));
        if row.text(at!(FINDINGS, "status")) == Some("open") {
            totals.findings += 1;
            let severity = row.text(at!(FINDINGS, "severity"));
            let place = SEVERITIES.iter().position(|name| Some(*name) == severity);
            totals.worst = totals.worst.into_iter().chain(place).min();
        }
    }

    /// Adds a row of `grants.parquet`.
    pub(super) fn grant(&mut self, row: &Row<'_>, kept: &Kept) {
        let Some(key) = row.owned(at!(GRANTS, "key_arn")) else { return };
        let totals = self.totals.entry(Some(key)).or_insert_with(|| kept.made(row.bytes()));
        if row.text(at!(GRANTS, "state")) == Some("open") {
            totals.open_grants += 1;
        }
    }

    /// Keys in the order of the page: the worst findings first, then the most calls.
    pub(super) fn ordered(&self) -> Vec<(&Option<String>, &KeyTotals)> {
        let mut keys: Vec<_> = self.totals.iter().collect();
        keys.sort_by_key(|(key, totals)| (totals.rank(), *key));
        keys
    }

    /// The keys that get a part of the page, in its order, with the place of each part.
    pub(super) fn parts(&self) -> BTreeMap<String, String> {
        let named = self.ordered().into_iter().filter_map(|(key, _)| key.clone());
        named.take(KEY_PARTS).enumerate().map(|(n, key)| (key, format!("key-{}", n + 1))).collect()
    }
}
