//! The tables of the summary: who used which key, and which calls failed.

use std::collections::BTreeMap;
use std::fmt::Write;

use comfy_table::{CellAlignment, ColumnConstraint, Table as TextTable};

use super::page::{Page, Style};
use crate::aggregate::{Group, UsageRow};
use crate::model::{EventTime, Outcome};
use crate::report::text::{number, printable, time_to_seconds};

/// Terminals below this width show the day of the last event instead of its time.
const NARROW: u16 = 120;

/// Rows shown of each table.
const TOP: usize = 10;

/// What one principal did with one key.
#[derive(Default)]
struct Pair {
    events: u64,
    denied: u64,
    /// Failed in another way.
    failed: u64,
    last: Option<EventTime>,
    workloads: Vec<String>,
}

pub(super) fn top_pairs(usage: &[UsageRow], style: Style) -> String {
    let mut pairs: BTreeMap<(Option<&str>, &str), Pair> = BTreeMap::new();
    for UsageRow { group, stats, .. } in usage {
        let pair = pairs.entry((group.key_arn.as_deref(), &group.principal)).or_default();
        pair.events += stats.event_count;
        match group.outcome {
            Outcome::Success => {}
            Outcome::Denied => pair.denied += stats.event_count,
            _ => pair.failed += stats.event_count,
        }
        pair.last = pair.last.max(Some(stats.last_time));
        if !pair.workloads.iter().any(|workload| **workload == *group.workload) {
            pair.workloads.push(group.workload.to_string());
        }
    }
    let all = pairs.len();
    let mut rows: Vec<_> = pairs.into_iter().collect();
    rows.sort_by(|a, b| b.1.events.cmp(&a.1.events).then_with(|| a.0.cmp(&b.0)));
    let is_narrow = style.width.is_some_and(|width| width < NARROW);
    let last_event = |time: EventTime| match is_narrow {
        true => time.to_rfc3339().chars().take("2026-01-31".len()).collect(),
        false => time_to_seconds(time),
    };
    // Most runs have no such failures: then the table has no column for them.
    let has_failures = rows.iter().any(|(_, pair)| pair.failed > 0);
    let numbers = if has_failures { 3 } else { 2 };
    let count = |n| if n > 0 { number(n) } else { "-".to_owned() };
    let mut table = style.table();
    let names = ["events", "denied", "failed"].into_iter().take(numbers);
    table.set_header(names.chain(["key", "principal", "workload", "last event"]));
    for ((key, principal), pair) in rows.into_iter().take(TOP) {
        let counts = [number(pair.events), count(pair.denied), count(pair.failed)];
        let texts = [
            printable(&short_key(key)),
            printable(principal),
            pair.workloads.join(", "),
            pair.last.map_or_else(String::new, last_event),
        ];
        table.add_row(counts.into_iter().take(numbers).chain(texts));
    }
    right_align(&mut table, numbers);
    if let Some(column) = table.column_mut(numbers + 3) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    let mut text = format!("{}\n", table.trim_fmt());
    if all > TOP {
        let _ = writeln!(text, "… and {} more pairs in usage.parquet", number((all - TOP) as u64));
    }
    text
}

pub(super) fn denials(page: &mut Page, usage: &[UsageRow]) {
    failed_calls(page, usage, "Denials", ["denied", "call", "principal", "key", "why"], |group| {
        let why = || {
            // Most refused permissions are named like the call.
            let action = group.denied_action.as_deref();
            let action = action.filter(|action| action.strip_prefix("kms:") != Some(&*group.event_name));
            let by = group.denied_by.as_deref();
            let parts: Vec<&str> = by.into_iter().chain(action).collect();
            if parts.is_empty() {
                group.error_code.as_deref().unwrap_or("-").to_owned()
            } else {
                parts.join(" ")
            }
        };
        (group.outcome == Outcome::Denied).then(why)
    });
}

/// Calls that failed, but were not refused: none of them used a key.
pub(super) fn failures(page: &mut Page, usage: &[UsageRow]) {
    let heading = "Other failures (the key was not used)";
    failed_calls(page, usage, heading, ["failed", "call", "principal", "key", "why"], |group| {
        let why = || match group.error_code.as_deref() {
            Some(code) => format!("{} ({code})", group.outcome.as_str()),
            None => group.outcome.as_str().to_owned(),
        };
        (!matches!(group.outcome, Outcome::Success | Outcome::Denied)).then(why)
    });
}

/// A table of the groups of which `why` says why their calls failed.
fn failed_calls(
    page: &mut Page,
    usage: &[UsageRow],
    heading: &str,
    columns: [&str; 5],
    why: impl Fn(&Group) -> Option<String>,
) {
    let mut failed: BTreeMap<(&str, &str, Option<&str>, String), u64> = BTreeMap::new();
    for UsageRow { group, stats, .. } in usage {
        let Some(why) = why(group) else { continue };
        let call = (&*group.principal, &*group.event_name, group.key_arn.as_deref(), why);
        *failed.entry(call).or_default() += stats.event_count;
    }
    if failed.is_empty() {
        return;
    }
    let mut rows: Vec<_> = failed.into_iter().collect();
    rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let mut table = page.style.table();
    table.set_header(columns);
    for ((principal, name, key, why), count) in rows.iter().take(TOP) {
        let key = printable(&short_key(*key));
        table.add_row([number(*count), printable(name), printable(principal), key, printable(why)]);
    }
    right_align(&mut table, 1);
    page.heading(heading);
    let _ = writeln!(page.text, "{}", table.trim_fmt());
    if rows.len() > TOP {
        let _ = writeln!(page.text, "… and {} more", number((rows.len() - TOP) as u64));
    }
}

/// Aligns the first `columns` columns to the right.
fn right_align(table: &mut TextTable, columns: usize) {
    for index in 0..columns {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// A key ARN without its beginning, which is the same for all keys.
fn short_key(arn: Option<&str>) -> String {
    let Some(arn) = arn else { return "(not named)".to_owned() };
    arn.split_once(":kms:").map_or(arn, |(_, rest)| rest).to_owned()
}
