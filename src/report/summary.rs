//! The summary of a run, for a terminal or a log.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table as TextTable, presets};

use super::run::{IncrementalSummary, RunJson, RunOptions};
use super::text::{NO_BREAK, number, printable, size, time_to_seconds, wrap};
use crate::aggregate::{Counts, Group, InputStatus, InputTotals, UsageRow};
use crate::audit::{Caveat, ITEM_SEPARATOR, Severity, trails_without_kms};
use crate::model::{EventTime, Outcome, SkipReason};

/// How the text may look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    /// Use terminal escapes for emphasis.
    pub color: bool,
    /// Width of the terminal, in characters, if it is one.
    pub width: Option<u16>,
}

impl Style {
    fn bold(self, text: &str) -> String {
        if self.color { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn warn(self, text: &str) -> String {
        if self.color { format!("\x1b[33m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn table(self) -> TextTable {
        let mut table = TextTable::new();
        table.load_style(presets::NOTHING);
        if let Some(width) = self.width {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        table
    }
}

/// Where the values of lines begin.
const LINE_INDENT: usize = 11;

/// Terminals below this width show the day of the last event instead of its time.
const NARROW: u16 = 120;

/// Rows shown of each table.
const TOP: usize = 10;

/// The summary of `keytrail analyze`.
#[derive(Debug, Clone, Copy)]
pub struct Summary<'a> {
    /// The content of `run.json`.
    pub run: &'a RunJson<'a>,
    /// The rows of `usage.parquet`.
    pub usage: &'a [UsageRow],
    /// Folders of S3 that were not listed.
    pub unlisted_folders: u64,
    /// What is to be said about patterns of the selection that match nothing.
    pub unmatched: &'a [String],
    /// What the report no longer covers that the last one in its place did.
    pub window: Option<&'a str>,
    /// The report's directory.
    pub report: &'a str,
    /// How long the run took.
    pub elapsed: Duration,
}

impl Summary<'_> {
    /// The summary as text.
    pub fn render(&self, style: Style) -> String {
        let mut page = Page { text: String::new(), style };
        self.totals(&mut page);
        if !self.usage.is_empty() {
            page.heading("Top keys × principals");
            page.text.push_str(&top_pairs(self.usage, style));
            denials(&mut page, self.usage);
            failures(&mut page, self.usage);
        }
        self.problems(&mut page);
        self.caveats(&mut page);
        page.text
    }

    fn totals(&self, page: &mut Page) {
        let RunJson { counts, inputs, incremental, .. } = *self.run;
        if let Some(scope) = scope(self.run.options, self.unlisted_folders) {
            page.line("scope", &scope);
        }
        if let Some(window) = self.window {
            page.line("window", window);
        }
        page.line("archives", &archives(inputs));
        if inputs.compressed_bytes > 0 {
            let (stored, content) = (size(inputs.compressed_bytes), size(inputs.content_bytes));
            page.line("bytes", &format!("{stored} stored, {content} of JSON"));
        }
        if let Some(IncrementalSummary { archives_read, archives_known, archives_replaced, events_gone }) =
            incremental
        {
            let known = match archives_known {
                0 => String::new(),
                known => format!(", {} known from earlier runs", number(known)),
            };
            page.line("new", &format!("{} read now{known}", number(archives_read)));
            if archives_replaced > 0 {
                let gone = match events_gone {
                    0 => "none of their earlier KMS events is gone".to_owned(),
                    n => format!("{} of their earlier content left the report", counted(n, "KMS event")),
                };
                let changed = counted(archives_replaced, "archive");
                page.line("changed", &format!("{changed} since an earlier run: read again; {gone}"));
            }
        }
        page.line("records", &number(counts.records));
        let span = time_span(self.usage).map_or_else(String::new, |(first, last)| {
            format!(", events from {} to {}", time_to_seconds(first), time_to_seconds(last))
        });
        page.line("selected", &format!("{}{span}", number(counts.selected)));
        if counts.records > 0 {
            page.line("accounting", &accounting(counts));
        }
        if counts.conflicts > 0 {
            page.line("conflicts", &number(counts.conflicts));
        }
    }

    fn problems(&self, page: &mut Page) {
        let RunJson { counts, inputs, coverage, facts, .. } = *self.run;
        let unread = unread_inputs(inputs);
        if !unread.is_empty() {
            let _ = write!(page.text, "\n{}", page.style.warn(&unread));
        }
        if !self.unmatched.is_empty() {
            page.heading("Options that match nothing");
            page.items(self.unmatched.iter().map(|text| printable(text)).collect());
        }
        if counts.selected == 0 {
            page.heading("Nothing was selected. Likely causes:");
            let trails = trails_without_kms(facts, coverage);
            page.items(zero_result_causes(self.run.options, counts, inputs, &trails));
        }
    }

    fn caveats(&self, page: &mut Page) {
        let is_warning = |caveat: &&Caveat| caveat.severity == Severity::Warning;
        let warnings: Vec<&Caveat> = self.run.caveats.iter().filter(is_warning).collect();
        let notices = self.run.caveats.len() - warnings.len();
        if !warnings.is_empty() {
            page.heading("Before relying on these numbers");
            page.items(warnings.into_iter().map(one_item_a_line).collect());
        }
        page.text.push('\n');
        let report = printable(self.report);
        page.copyable("report", &report);
        if notices > 0 {
            page.line("caveats", &format!("{notices} that hold for most runs are in run.json"));
        }
        if !self.usage.is_empty() {
            page.copyable("query", &query(&report));
        }
        page.line("elapsed", &format!("{:.1} s", self.elapsed.as_secs_f64()));
    }
}

/// The sentence of a caveat, in which each item of its list has a line of its own.
fn one_item_a_line(caveat: &Caveat) -> String {
    let list = caveat.items.join(ITEM_SEPARATOR);
    match caveat.text.split_once(&list) {
        Some((before, after)) if !list.is_empty() => {
            let items: Vec<String> =
                caveat.items.iter().map(|item| format!("  {}", printable(item))).collect();
            let after = after.trim_start_matches(['.', ' ']);
            format!("{}\n{}\n{}", printable(before.trim_end()), items.join("\n"), printable(after))
        }
        _ => printable(&caveat.text),
    }
}

/// The text written so far.
struct Page {
    text: String,
    style: Style,
}

// Writing to a String cannot fail.
impl Page {
    fn line(&mut self, name: &str, value: &str) {
        self.copyable(name, &wrap(value, self.style.width, LINE_INDENT));
    }

    /// A line whose value is to be copied: it is not broken.
    fn copyable(&mut self, name: &str, value: &str) {
        let name = self.style.bold(&format!("{name:<width$}", width = LINE_INDENT - 1));
        let _ = writeln!(self.text, "{name} {value}");
    }

    fn heading(&mut self, text: &str) {
        let _ = writeln!(self.text, "\n{}", self.style.bold(text));
    }

    fn items(&mut self, items: Vec<String>) {
        for item in items {
            for (number, line) in item.lines().enumerate() {
                let indent = 4 + line.chars().take_while(|c| *c == ' ').count();
                let mark = if number == 0 { "  - ".to_owned() } else { " ".repeat(indent) };
                let text = wrap(line.trim_start(), self.style.width, indent);
                let _ = writeln!(self.text, "{mark}{text}");
            }
        }
    }
}

/// The inputs and records that could not be read, and the inputs without archives: the first few,
/// and how many more there are. Empty when everything was read.
pub fn unread_inputs(inputs: &InputTotals) -> String {
    let mut text = String::new();
    for problem in &inputs.problems {
        let _ = writeln!(text, "not read: {}", printable(problem));
    }
    let all = inputs.rejects.values().sum::<u64>() + inputs.count(InputStatus::Unreadable);
    let shown = inputs.problems.len() as u64;
    if all > shown {
        let _ = writeln!(text, "not read: {} more", number(all - shown));
    }
    for uri in &inputs.empty {
        let _ = writeln!(text, "empty: no archive in {}", printable(uri));
    }
    let more = inputs.skipped_for(SkipReason::NoArchive) - inputs.empty.len() as u64;
    if more > 0 {
        let _ = writeln!(text, "empty: {} more", number(more));
    }
    text
}

/// What narrows the run, beside workloads and APIs: the options, and how many folders of S3 were
/// not listed because of them.
pub fn scope(options: &RunOptions, unlisted_folders: u64) -> Option<String> {
    let lists = options.filters().into_iter().filter(|(_, values)| !values.is_empty());
    let mut parts: Vec<String> = lists.map(|(name, values)| format!("{name} {}", first_of(values))).collect();
    parts.extend(options.since.as_ref().map(|time| format!("since {time}")));
    parts.extend(options.until.as_ref().map(|time| format!("until {time}")));
    let unlisted = match unlisted_folders {
        0 => String::new(),
        1 => ": 1 folder not listed".to_owned(),
        n => format!(": {} folders not listed", number(n)),
    };
    (!parts.is_empty()).then(|| printable(&format!("{}{unlisted}", parts.join(", "))))
}

/// The first few values of an option.
fn first_of(values: &[String]) -> String {
    const SHOWN: usize = 3;
    let more = match values.len().saturating_sub(SHOWN) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    format!("{}{more}", values[..values.len().min(SHOWN)].join(","))
}

/// A command that shows the report. DuckDB looks for credentials only if a secret says so.
fn query(report: &str) -> String {
    let file = format!("{}/usage.parquet", report.trim_end_matches('/'));
    let secret = match file.starts_with("s3://") {
        true => "create secret (type s3, provider credential_chain); ",
        false => "",
    };
    format!(
        "duckdb -c \"{secret}select key_arn, principal, workload, event_name, outcome, event_count \
         from '{file}' order by event_count desc\""
    )
}

fn archives(inputs: &InputTotals) -> String {
    let mut parts = Vec::new();
    for (status, name) in [
        (InputStatus::Complete, "read whole"),
        (InputStatus::Partial, "partial"),
        (InputStatus::Unreadable, "unreadable"),
    ] {
        if inputs.count(status) > 0 {
            parts.push(format!("{} {name}", number(inputs.count(status))));
        }
    }
    let skipped = inputs.count(InputStatus::Skipped);
    if skipped > 0 {
        let reason = |(reason, n): (&SkipReason, &u64)| format!("{} {}", number(*n), reason.as_str());
        let reasons: Vec<String> = inputs.skipped.iter().map(reason).collect();
        parts.push(format!("{} skipped ({})", number(skipped), reasons.join(", ")));
    }
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

/// The classes as a sum; classes without records are left out. No line breaks inside a term.
fn accounting(counts: &Counts) -> String {
    let terms: Vec<String> = counts
        .classes()
        .iter()
        .filter(|(_, n)| *n > 0)
        .map(|(class, n)| format!("{}{NO_BREAK}{class}", number(*n)))
        .collect();
    format!("{} = {}", number(counts.records), terms.join(&format!(" +{NO_BREAK}")))
}

fn time_span(usage: &[UsageRow]) -> Option<(EventTime, EventTime)> {
    let first = usage.iter().map(|row| row.stats.first_time).min()?;
    let last = usage.iter().map(|row| row.stats.last_time).max()?;
    Some((first, last))
}

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

fn top_pairs(usage: &[UsageRow], style: Style) -> String {
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

fn denials(page: &mut Page, usage: &[UsageRow]) {
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
fn failures(page: &mut Page, usage: &[UsageRow]) {
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

/// What may explain that nothing was selected, the most likely cause first.
pub fn zero_result_causes(
    options: &RunOptions,
    counts: &Counts,
    inputs: &InputTotals,
    trails_without_kms: &[String],
) -> Vec<String> {
    let kms = counts.records - counts.other_source - counts.rejected;
    let all = inputs.total();
    let empty = inputs.skipped_for(SkipReason::NoArchive);
    let unreadable = inputs.count(InputStatus::Unreadable);
    let causes = [
        (all == empty, "there is no archive in the inputs named".to_owned()),
        (
            all > empty && all == inputs.count(InputStatus::Skipped),
            "none of the inputs is a CloudTrail archive: inputs.parquet says what each is".to_owned(),
        ),
        (unreadable > 0, format!("{} could not be read", counted(unreadable, "input"))),
        (
            counts.records > 0 && counts.records == counts.rejected,
            "nothing in the inputs could be read: rejects.parquet says where and why".to_owned(),
        ),
        (
            counts.records > counts.rejected && kms == 0,
            format!(
                "of {}, none is of kms.amazonaws.com: the trail may exclude KMS events (its event \
                 selectors say), or record data events only",
                counted(counts.records, "record")
            ),
        ),
        (
            counts.filtered > 0,
            format!("{} outside {}", counted(counts.filtered, "KMS event"), options.narrowing().join(" or ")),
        ),
        (
            counts.other_workload > 0,
            format!(
                "{} of the APIs asked for, but of workloads not asked for: try --workload any",
                counted(counts.other_workload, "call")
            ),
        ),
        (
            counts.other_event > 0,
            format!("{} of APIs not asked for: try --event any", counted(counts.other_event, "KMS event")),
        ),
        (
            counts.not_usage > 0,
            format!(
                "{} without use of a key (network activity, insights, dry runs)",
                counted(counts.not_usage, "KMS record")
            ),
        ),
        (
            !trails_without_kms.is_empty(),
            format!("these trails were set to leave KMS out: {}", trails_without_kms.join(", ")),
        ),
        (kms == 0, "use of AWS owned keys is never recorded in a customer's trail".to_owned()),
    ];
    let applying = causes.into_iter().filter(|(applies, _)| *applies);
    applying.map(|(_, text)| printable(&text)).collect()
}

/// `1 input`, `2 inputs`
fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", number(n), if n == 1 { "" } else { "s" })
}
