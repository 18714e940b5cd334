//! The tables of the summary: who used which key, and which calls failed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::page::{Page, Style};
use crate::aggregate::{Group, UsageRow};
use crate::model::{Arn, DeniedBy, EventTime, Outcome, counted};
use crate::report::text::{number, printable, time_to_seconds};
use crate::report::text_table::{TableHead, text_table};

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
    let is_narrow = is_narrow(style);
    let keys = rows.iter().take(TOP).filter_map(|((key, _), _)| *key);
    let names = Names::of(style, keys.chain(rows.iter().take(TOP).map(|((_, principal), _)| *principal)));
    let last_event = |time: EventTime| match is_narrow {
        true => time.to_rfc3339().chars().take("2026-01-31".len()).collect(),
        false => time_to_seconds(time),
    };
    // Most runs have no such failures: then the table has no column for them.
    let has_failures = rows.iter().any(|(_, pair)| pair.failed > 0);
    let numbers = if has_failures { 3 } else { 2 };
    let count = |n| if n > 0 { number(n) } else { "-".to_owned() };
    let headings = ["events", "denied", "failed"].into_iter().take(numbers);
    let headings = headings.map(|name| TableHead { name, is_number: true }).chain(
        ["key", "principal", "workload", "last event"].map(|name| TableHead { name, is_number: false }),
    );
    let mut lines = Vec::new();
    for ((key, principal), pair) in rows.into_iter().take(TOP) {
        let counts = [number(pair.events), count(pair.denied), count(pair.failed)];
        let texts = [
            printable(&names.key(key)),
            printable(&names.principal(principal)),
            pair.workloads.join(", "),
            pair.last.map_or_else(String::new, last_event),
        ];
        lines.push(counts.into_iter().take(numbers).chain(texts).collect());
    }
    let mut text = text_table(&headings.collect::<Vec<_>>(), &lines, style.width);
    if all > TOP {
        let _ = writeln!(text, "… and {} in usage.parquet", counted((all - TOP) as u64, "more pair"));
    }
    text
}

pub(super) fn denials(page: &mut Page, usage: &[UsageRow]) {
    failed_calls(page, usage, "Denials", ["denied", "call", "principal", "key", "why"], |group| {
        let why = || {
            // Most refused permissions are named like the call.
            let action = group.denied_action.as_deref();
            let action = action.filter(|action| action.strip_prefix("kms:") != Some(&*group.event_name));
            let by = DeniedBy::all().find(|by| group.denied_by.as_deref() == Some(by.as_str()));
            let by =
                by.map_or_else(|| group.error_code.as_deref().unwrap_or("-").to_owned(), DeniedBy::in_words);
            action.map_or(by.clone(), |action| format!("{action}: {by}"))
        };
        (group.outcome == Outcome::Denied).then(why)
    });
}

/// Calls that failed, but were not refused: none of them used a key.
pub(super) fn failures(page: &mut Page, usage: &[UsageRow]) {
    let heading = "Other failures (the key was not used)";
    failed_calls(page, usage, heading, ["failed", "call", "principal", "key", "why"], |group| {
        let why = || match group.error_code.as_deref() {
            Some(code) => format!("{} ({code})", group.outcome.in_words()),
            None => group.outcome.in_words().to_owned(),
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
    let shown = || rows.iter().take(TOP).map(|((principal, _, key, _), _)| (*principal, *key));
    let names = Names::of(page.style, shown().flat_map(|(principal, key)| [Some(principal), key]).flatten());
    let mut lines = Vec::new();
    for ((principal, name, key, why), count) in rows.iter().take(TOP) {
        let (principal, key) = (printable(&names.principal(principal)), printable(&names.key(*key)));
        lines.push(vec![number(*count), printable(name), principal, key, printable(why)]);
    }
    page.heading(heading);
    let heads = columns.map(|name| TableHead { name, is_number: name == columns[0] });
    page.text.push_str(&text_table(&heads, &lines, page.style.width));
    if rows.len() > TOP {
        let _ = writeln!(page.text, "… and {} more", number((rows.len() - TOP) as u64));
    }
}

fn is_narrow(style: Style) -> bool {
    style.width.is_some_and(|width| width < NARROW)
}

/// How a table shows keys and principals. Where there is little room, what is the same in all rows
/// is left out, so that what tells them apart is seen.
#[derive(Debug, Clone, Copy)]
struct Names {
    is_narrow: bool,
    /// All ARNs of the table are of one account.
    is_one_account: bool,
    /// All keys of the table are of one region.
    is_one_region: bool,
}

impl Names {
    /// Of the table that shows these keys and principals.
    fn of<'a>(style: Style, names: impl Iterator<Item = &'a str>) -> Self {
        let (mut accounts, mut regions) = (BTreeSet::new(), BTreeSet::new());
        for arn in names.filter_map(Arn::parse) {
            accounts.insert(arn.account);
            regions.extend(Some(arn.region).filter(|region| !region.is_empty()));
        }
        let is_narrow = is_narrow(style);
        Self { is_narrow, is_one_account: accounts.len() <= 1, is_one_region: regions.len() <= 1 }
    }

    /// A key ARN without its beginning, which is the same for all keys.
    fn key(self, arn: Option<&str>) -> String {
        let Some(arn) = arn else { return "(not named)".to_owned() };
        let short = || arn.split_once(":kms:").map_or(arn, |(_, rest)| rest).to_owned();
        match Arn::parse(arn).filter(|_| self.is_narrow) {
            Some(Arn { account, region, resource, .. }) => {
                let region = Some(region).filter(|_| !self.is_one_region);
                let account = Some(account).filter(|_| !self.is_one_account);
                let id = middle_cut(resource.strip_prefix("key/").unwrap_or(resource));
                region.into_iter().chain(account).chain([&*id]).collect::<Vec<_>>().join(":")
            }
            None => short(),
        }
    }

    fn principal(self, name: &str) -> String {
        match Arn::parse(name).filter(|_| self.is_narrow) {
            Some(Arn { resource, .. }) if self.is_one_account => resource.to_owned(),
            Some(Arn { account, resource, .. }) => format!("{account}:{resource}"),
            None => name.to_owned(),
        }
    }
}

/// A long id without its middle: the ends tell ids apart.
fn middle_cut(id: &str) -> String {
    const END: usize = 6;
    let chars: Vec<char> = id.chars().collect();
    match chars.len() > 3 * END {
        true => chars[..END].iter().chain(&['…']).chain(&chars[chars.len() - END..]).collect(),
        false => id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/service-role/Etl";
    const KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn on_a_narrow_terminal_rows_do_not_look_alike() {
        let shown = |width: Option<u16>, others: &[&str]| {
            let style = Style { width, ..Style::default() };
            let names = Names::of(style, [ROLE, KEY].into_iter().chain(others.iter().copied()));
            [names.principal(ROLE), names.key(Some(KEY))]
        };
        let whole = [ROLE, "us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"];
        assert_eq!(shown(None, &[]), whole);
        assert_eq!(shown(Some(NARROW), &[]), whole);
        assert_eq!(shown(Some(80), &[]), ["role/service-role/Etl", "1234ab…7890ab"]);
        assert_eq!(
            shown(Some(80), &["arn:aws:iam::444455556666:role/Etl"]),
            ["111122223333:role/service-role/Etl", "111122223333:1234ab…7890ab"]
        );
        let other_region = KEY.replace("us-west-2", "us-east-1");
        assert_eq!(shown(Some(80), &[&other_region])[1], "us-west-2:1234ab…7890ab");
        assert_eq!(shown(Some(80), &["forecast.amazonaws.com"])[0], "role/service-role/Etl");
        assert_eq!(middle_cut("mrk-1"), "mrk-1");
    }
}
