//! What one reading of the tables gives for several sections.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::error::PageError;
use super::keys::Keys;
use super::rows::{Row, at};
use super::source::Source;
use crate::base::stable_hash;
use crate::model::EventTime;
use crate::report::{FINDINGS, FindingsTable, GrantsTable, USAGE, UsageTable};

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
}

impl Overview {
    pub(super) fn read(source: &Source<'_>) -> Result<Self, PageError> {
        let mut overview = Self::default();
        source.read::<UsageTable>(|row| overview.usage(&row))?;
        source.read::<FindingsTable>(|row| {
            overview.keys.finding(&row);
            let status = row.text(at!(FINDINGS, "status"));
            overview.undecidable += u64::from(status == Some("undecidable"));
            if status == Some("open") {
                let severity = row.owned(at!(FINDINGS, "severity")).unwrap_or_default();
                *overview.findings.entry(severity).or_default() += 1;
            }
        })?;
        source.read::<GrantsTable>(|row| overview.keys.grant(&row))?;
        Ok(overview)
    }

    fn usage(&mut self, row: &Row<'_>) {
        self.keys.usage(row);
        let principal = stable_hash(0, row.text(at!(USAGE, "principal")).unwrap_or_default());
        self.principals.insert(principal);
        self.workloads.extend(row.owned(at!(USAGE, "workload")));
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
            let failures = self.failures.entry(cause).or_default();
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
