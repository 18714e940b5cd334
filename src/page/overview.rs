//! What one reading of the tables gives for several sections.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::error::PageError;
use super::groups::Groups;
use super::keys::Keys;
use super::rows::{Row, at};
use super::source::Source;
use crate::base::stable_hash;
use crate::model::EventTime;
use crate::report::{FINDINGS, FindingsTable, GRANTS, GrantsTable, Kept, USAGE, UsageTable};

/// Why calls failed: result, kind of policy, permission, error code.
pub(super) type Cause = (String, Option<String>, Option<String>, Option<String>);

/// Failed calls of one cause.
#[derive(Debug, Default)]
pub(super) struct Failures {
    pub(super) events: u64,
    principals: HashSet<u64>,
    keys: HashSet<u64>,
    pub(super) last: Option<EventTime>,
}

impl Failures {
    pub(super) fn principals(&self) -> u64 {
        self.principals.len() as u64
    }

    pub(super) fn keys(&self) -> u64 {
        self.keys.len() as u64
    }
}

/// Counts that the page begins with, and what sections share.
#[derive(Debug, Default)]
pub(super) struct Overview {
    pub(super) keys: Keys,
    principals: HashSet<u64>,
    pub(super) workloads: BTreeSet<String>,
    /// Events by result: success, refused, other failures.
    pub(super) results: [u64; 3],
    pub(super) verified: Option<u64>,
    pub(super) failures: BTreeMap<Cause, Failures>,
    /// Open findings by severity.
    pub(super) findings: BTreeMap<String, u64>,
    /// Findings that what was read cannot decide.
    pub(super) undecidable: u64,
    pub(super) times: Option<(EventTime, EventTime)>,
    pub(super) groups: Groups,
}

/// The columns of `usage.parquet` that are read.
const OF_USAGE: [usize; 15] = [
    at!(USAGE, "key_arn"),
    at!(USAGE, "key_account_id"),
    at!(USAGE, "key_region"),
    at!(USAGE, "principal"),
    at!(USAGE, "workload"),
    at!(USAGE, "resource"),
    at!(USAGE, "event_name"),
    at!(USAGE, "outcome"),
    at!(USAGE, "error_code"),
    at!(USAGE, "denied_by"),
    at!(USAGE, "denied_action"),
    at!(USAGE, "event_count"),
    at!(USAGE, "verified_event_count"),
    at!(USAGE, "first_event_time"),
    at!(USAGE, "last_event_time"),
];
/// The same of `findings.parquet`.
const OF_FINDINGS: [usize; 3] =
    [at!(FINDINGS, "key_arn"), at!(FINDINGS, "status"), at!(FINDINGS, "severity")];
/// The same of `grants.parquet`.
const OF_GRANTS: [usize; 2] = [at!(GRANTS, "key_arn"), at!(GRANTS, "state")];

impl Overview {
    pub(super) fn read(source: &Source<'_>) -> Result<Self, PageError> {
        let (mut overview, kept) = (Self::default(), &source.kept);
        source.read::<UsageTable>(&OF_USAGE, |row| {
            overview.usage(&row, kept);
            overview.groups.usage(&row, source.texts);
        })?;
        source.read::<FindingsTable>(&OF_FINDINGS, |row| {
            overview.keys.finding(&row, kept);
            let status = row.text(at!(FINDINGS, "status"));
            overview.undecidable += u64::from(status == Some("undecidable"));
            if status == Some("open") {
                let severity = row.owned(at!(FINDINGS, "severity")).unwrap_or_default();
                *overview.findings.entry(severity).or_insert_with(|| kept.made(row.bytes())) += 1;
            }
        })?;
        source.read::<GrantsTable>(&OF_GRANTS, |row| overview.keys.grant(&row, kept))?;
        Ok(overview)
    }

    fn usage(&mut self, row: &Row<'_>, kept: &Kept) {
        self.keys.usage(row, kept);
        let principal = stable_hash(0, row.text(at!(USAGE, "principal")).unwrap_or_default());
        self.principals.insert(principal);
        if let Some(workload) =
            row.text(at!(USAGE, "workload")).filter(|name| !self.workloads.contains(*name))
        {
            kept.add(workload.len());
            self.workloads.insert(workload.to_owned());
        }
        let events = row.count(at!(USAGE, "event_count"));
        let outcome = row.text(at!(USAGE, "outcome")).unwrap_or("unknown");
        let place = match outcome {
            "success" => 0,
            "denied" => 1,
            _ => 2,
        };
        self.results[place] += events;
        if let Some(verified) = row.optional_count(at!(USAGE, "verified_event_count")) {
            *self.verified.get_or_insert_default() += verified;
        }
        let (first, last) =
            (row.time(at!(USAGE, "first_event_time")), row.time(at!(USAGE, "last_event_time")));
        if let Some((first, last)) = first.zip(last) {
            let (from, to) = self.times.unwrap_or((first, last));
            self.times = Some((from.min(first), to.max(last)));
        }
        if place > 0 {
            let cause = (
                outcome.to_owned(),
                row.owned(at!(USAGE, "denied_by")),
                row.owned(at!(USAGE, "denied_action")),
                row.owned(at!(USAGE, "error_code")),
            );
            let failures = self.failures.entry(cause).or_insert_with(|| kept.made(row.bytes()));
            failures.events += events;
            failures.principals.insert(principal);
            failures.keys.extend(row.text(at!(USAGE, "key_arn")).map(|key| stable_hash(0, key)));
            failures.last = failures.last.max(last);
        }
    }

    pub(super) fn principals(&self) -> u64 {
        self.principals.len() as u64
    }
}
