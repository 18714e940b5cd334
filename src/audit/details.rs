//! What decides whether a caveat applies, and what its sentence names.

use std::collections::{BTreeMap, BTreeSet};

use super::trails::{TrailState, failed_attempts, periods, trails_without_kms};
use crate::aggregate::{Activity, Counts, Coverage, InputTotals, KeyUse, Observations, UsageRow, is_use};
use crate::integrity::IntegritySummary;
use crate::knowledge::Facts;
use crate::model::{EventTime, Outcome, TrailChange, counted, multi_region_id};

/// What decides which caveats apply to a run.
#[derive(Debug, Clone, Copy)]
pub struct CaveatContext<'a> {
    /// The accounting.
    pub counts: &'a Counts,
    /// The inputs.
    pub inputs: &'a InputTotals,
    /// Properties of the selected events.
    pub observations: &'a Observations,
    /// Accounts, regions and days.
    pub coverage: &'a Coverage,
    /// The facts that the inputs state.
    pub facts: &'a Facts,
    /// Whether facts were gathered and used.
    pub learn: bool,
    /// The groups of selected events.
    pub usage: &'a [UsageRow],
    /// What all calls show, selected or not.
    pub activity: &'a Activity,
    /// Whether every delivered copy was counted.
    pub keep_duplicates: bool,
    /// Events of archives that have changed since an earlier run, which no archive has now.
    pub events_gone: u64,
    /// Whether some folders of S3 were not listed, because of their names.
    pub chose_folders: bool,
    /// What digests say of the inputs.
    pub integrity: &'a IntegritySummary,
}

/// How many selected events are in archives that no digest verifies, if there are digests.
pub(super) fn unverified_events(context: &CaveatContext<'_>) -> Option<u64> {
    let verified: u64 = context.usage.iter().filter_map(|row| row.stats.verified_event_count).sum();
    let unverified = context.counts.selected.saturating_sub(verified);
    (!context.integrity.is_empty() && unverified > 0).then_some(unverified)
}

/// Trails named in a sentence.
const LISTED_TRAILS: usize = 2;
/// Keys named in a sentence.
const LISTED_KEYS: usize = 5;
/// Readers of log files named in a sentence.
const LISTED_READERS: usize = 5;
/// Accounts named in a sentence.
const LISTED_ACCOUNTS: usize = 5;

/// The first few names, and how many more there are. `None` when there are no names.
fn listed<S: AsRef<str>>(names: &[S], limit: usize, where_all_are: &str) -> Option<String> {
    let first: Vec<&str> = names.iter().map(AsRef::as_ref).take(limit).collect();
    let more = match names.len() - first.len() {
        0 => String::new(),
        n => format!(" and {n} more{where_all_are}"),
    };
    (!first.is_empty()).then(|| format!("{}{more}", first.join(", ")))
}

/// What stands before each item of a list that is shown with one item a line.
pub(super) const NEXT_ITEM: char = '\n';

/// The first few items, each on a line of its own, and how many more there are.
fn lines(items: &[String], where_all_are: &str) -> Option<String> {
    let first = items.iter().take(LISTED_TRAILS).map(|item| item.replace(NEXT_ITEM, " "));
    let more = items.len().saturating_sub(LISTED_TRAILS);
    let more = (more > 0).then(|| format!("and {more} more{where_all_are}"));
    let all: Vec<String> = first.chain(more).map(|item| format!("{NEXT_ITEM}{item}")).collect();
    (!all.is_empty()).then(|| all.concat())
}

pub(super) fn not_all_read(context: &CaveatContext<'_>) -> Option<String> {
    let rejects = match context.counts.rejected {
        0 => String::new(),
        n => format!("rejects.parquet has {}, and ", counted(n, "row")),
    };
    (!context.inputs.read_whole()).then_some(rejects)
}

pub(super) fn disagreeing_names(context: &CaveatContext<'_>) -> Option<String> {
    let first = context.inputs.first_name_to_disagree.as_ref()?;
    Some(match context.inputs.names_disagree {
        1 => first.clone(),
        n => format!("{n}, the first of which is {first}"),
    })
}

pub(super) fn trails_excluding_kms(context: &CaveatContext<'_>) -> Option<String> {
    let trails = trails_without_kms(context.facts, context.coverage);
    lines(&trails, " (coverage.trail_periods of run.json)")
}

pub(super) fn stopped_trails(context: &CaveatContext<'_>) -> Option<String> {
    lines(&periods(context.facts, TrailState::NotLogging), "")
}

pub(super) fn failed_trail_changes(context: &CaveatContext<'_>) -> Option<String> {
    let attempt = |change: &TrailChange| {
        let by = change.principal.as_deref().unwrap_or("unknown");
        let code = change.error_code.as_deref().unwrap_or_default();
        let (name, time) = (&change.by.event_name, change.by.time.to_rfc3339());
        format!("{name} of {} at {time} by {by} ({code})", change.trail)
    };
    let attempts: Vec<String> = failed_attempts(&context.facts.trails).into_iter().map(attempt).collect();
    lines(&attempts, " (coverage.failed_trail_changes in run.json)")
}

/// Accounts that own keys or make calls, but of which the input has neither archives nor records.
pub(super) fn accounts_not_covered(context: &CaveatContext<'_>) -> Option<String> {
    let usage = context.usage.iter().map(|row| &row.group);
    let accounts = usage
        .flat_map(|group| [&group.key_account_id, &group.principal_account_id])
        .flatten()
        .map(|account| &**account)
        .filter(|account| !context.coverage.regions.contains_key(*account));
    listed(&Vec::from_iter(accounts.collect::<BTreeSet<&str>>()), LISTED_ACCOUNTS, "")
}

/// Keys whose latest use by anybody is later than that by selected calls.
pub(super) fn keys_used_otherwise(context: &CaveatContext<'_>) -> Option<String> {
    let mut last: BTreeMap<&str, (Option<EventTime>, &KeyUse)> = BTreeMap::new();
    for row in context.usage {
        let (Some(key), Some(by_anybody)) = (row.group.key_arn.as_deref(), &row.key_last_use) else {
            continue;
        };
        let selected = (row.group.outcome == Outcome::Success && is_use(&row.group.event_name))
            .then_some(row.stats.last_time);
        let as_destination = context.activity.last_selected_destination(key);
        let (known, _) = last.entry(key).or_insert((as_destination, by_anybody));
        *known = (*known).max(selected);
    }
    let later = last.into_iter().filter(|(_, (selected, by_anybody))| *selected < Some(by_anybody.time));
    let described: Vec<String> = later
        .map(|(key, (_, last))| {
            let KeyUse { time, principal, event_name, .. } = last;
            format!("{key} ({event_name} by {principal}, {})", time.to_rfc3339())
        })
        .collect();
    listed(&described, LISTED_KEYS, "")
}

pub(super) fn log_readers(context: &CaveatContext<'_>) -> Option<String> {
    let readers = context.activity.log_readers().into_iter();
    let readers: Vec<String> = readers.map(|(who, reads)| format!("{who} {}", reads.calls)).collect();
    listed(&readers, LISTED_READERS, "")
}

pub(super) fn multi_region_keys(context: &CaveatContext<'_>) -> u64 {
    let key_ids = context.usage.iter().filter_map(|row| row.group.key_id.as_deref());
    key_ids.filter_map(multi_region_id).collect::<BTreeSet<&str>>().len() as u64
}

pub(super) fn shared_by_workloads(context: &CaveatContext<'_>) -> Option<String> {
    let keys = shared(context.usage, |row| row.group.key_arn.as_deref());
    let principals = shared(context.usage, |row| Some(&row.group.principal));
    (keys + principals > 0).then(|| format!("keys {keys}, principals {principals}"))
}

/// How many names (of keys, or of principals) were used for more than one workload. Labels that
/// mean that the workload is unknown do not count.
fn shared<'u>(usage: &'u [UsageRow], name: impl Fn(&'u UsageRow) -> Option<&'u str>) -> usize {
    let mut workloads: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in usage {
        let labels = row.group.workload.split('+');
        let known = labels.filter(|label| !["other", "unknown", "s3-unattributed"].contains(label));
        if let Some(name) = name(row) {
            workloads.entry(name).or_default().extend(known);
        }
    }
    workloads.values().filter(|labels| labels.len() > 1).count()
}
