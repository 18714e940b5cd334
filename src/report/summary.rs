//! The summary of a run, to be read at a glance in a terminal or a log.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::run::{RunFacts, Shares};
use super::stream::printable;
use crate::aggregate::{Counts, Coverage, InputTotals, Status, UsageRow};
use crate::audit::Caveat;
use crate::model::{EventTime, Outcome};

/// How the text may look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    /// Terminal escapes for emphasis.
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
}

/// Rows of the table of keys and principals.
const TOP: usize = 10;

/// What the summary is about.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What `run.json` says.
    pub run: &'a RunFacts<'a>,
    /// The rows of `usage.parquet`.
    pub usage: &'a [UsageRow],
    /// The report's directory.
    pub report: &'a Path,
    /// How long it took.
    pub elapsed: Duration,
}

/// The summary of `keytrail analyze`.
pub fn summary(facts: &Facts<'_>, style: Style) -> String {
    let Facts { run, usage, report, elapsed } = *facts;
    let RunFacts { counts, inputs, coverage, caveats, shares, .. } = *run;
    let mut text = String::new();
    let out = &mut text;
    line(out, style, "archives", &archives(inputs));
    let sizes = format!("{} stored, {} of JSON", size(inputs.compressed_bytes), size(inputs.content_bytes));
    line(out, style, "bytes", &sizes);
    if let Some(Shares { archives_read, archives_known }) = shares {
        let text =
            format!("{} read now, {} known from earlier runs", number(archives_read), number(archives_known));
        line(out, style, "new", &text);
    }
    line(out, style, "records", &number(counts.records));
    let span = span(usage).map_or_else(String::new, |(first, last)| {
        format!(", events from {} to {}", to_the_second(first), to_the_second(last))
    });
    line(out, style, "selected", &format!("{}{span}", number(counts.selected)));
    line(out, style, "accounting", &accounting(counts));
    if counts.conflicts > 0 {
        line(out, style, "conflicts", &number(counts.conflicts));
    }
    if !usage.is_empty() {
        let _ = writeln!(out, "\n{}\n{}", style.bold("Top keys × principals"), top(usage, style));
        denials(out, usage, style);
    }
    let problems = not_read(inputs);
    if !problems.is_empty() {
        let _ = write!(out, "\n{}", style.warn(&problems));
    }
    if counts.selected == 0 {
        let _ = writeln!(out, "\n{}", style.bold("Nothing was selected. Likely causes:"));
        for cause in zero_result_causes(counts, inputs, coverage) {
            let _ = writeln!(out, "  - {cause}");
        }
    }
    let pressing: Vec<&Caveat> = caveats.iter().filter(|caveat| is_pressing(caveat)).collect();
    if !pressing.is_empty() {
        let _ = writeln!(out, "\n{}", style.bold("Before relying on these numbers"));
        for caveat in &pressing {
            let _ = writeln!(out, "  - {}", printable(&caveat.text));
        }
    }
    let others = caveats.len() - pressing.len();
    let _ = writeln!(out);
    line(out, style, "report", &report.display().to_string());
    line(out, style, "caveats", &format!("{others} that hold for any such run are in run.json"));
    line(out, style, "query", &query(report));
    line(out, style, "elapsed", &format!("{:.1} s", elapsed.as_secs_f64()));
    text
}

/// What could not be read: the first few cases, and how many more there are. Empty when all was read.
pub fn not_read(inputs: &InputTotals) -> String {
    let mut text = String::new();
    for problem in &inputs.problems {
        let _ = writeln!(text, "not read: {}", printable(problem));
    }
    let all = inputs.rejects.values().sum::<u64>() + inputs.with(Status::Unreadable);
    let told = inputs.problems.len() as u64;
    if all > told {
        let _ = writeln!(text, "not read: {} more", number(all - told));
    }
    text
}

/// See [`is_pressing`].
const PRESSING: [&str; 14] = [
    "trail_excludes_kms",
    "logging_stopped",
    "nothing_learned",
    "not_all_read",
    "skipped_unread",
    "misnamed_inputs",
    "missing_days",
    "unattributed_bucket_keys",
    "ambiguous_workload",
    "omitted_fields",
    "owner_copy_only",
    "conflicts",
    "no_event_id",
    "duplicates_kept",
];

/// Whether a caveat concerns this very run rather than any: a warning.
pub fn is_pressing(caveat: &Caveat) -> bool {
    PRESSING.contains(&caveat.id)
}

fn line(out: &mut String, style: Style, name: &str, value: &str) {
    let _ = writeln!(out, "{} {value}", style.bold(&format!("{name:<10}")));
}

fn query(report: &Path) -> String {
    let file = report.join("usage.parquet").display().to_string();
    format!(
        "duckdb -c \"select key_arn, principal, workload, event_name, outcome, event_count from '{file}' order by event_count desc\""
    )
}

fn archives(inputs: &InputTotals) -> String {
    let mut text = format!("{} read whole", number(inputs.with(Status::Complete)));
    for (status, name) in [(Status::Partial, "partial"), (Status::Unreadable, "unreadable")] {
        if inputs.with(status) > 0 {
            let _ = write!(text, ", {} {name}", number(inputs.with(status)));
        }
    }
    if inputs.with(Status::Skipped) > 0 {
        let reasons: Vec<String> =
            inputs.skipped.iter().map(|(reason, n)| format!("{} {}", number(*n), reason.as_str())).collect();
        let _ = write!(text, ", {} skipped ({})", number(inputs.with(Status::Skipped)), reasons.join(", "));
    }
    text
}

/// The identity, term by term; terms that are zero are left out.
fn accounting(counts: &Counts) -> String {
    let terms: Vec<String> = counts
        .classes()
        .iter()
        .filter(|(_, n)| *n > 0)
        .map(|(class, n)| format!("{} {class}", number(*n)))
        .collect();
    format!(
        "{} = {}",
        number(counts.records),
        if terms.is_empty() { "0".to_owned() } else { terms.join(" + ") }
    )
}

fn span(usage: &[UsageRow]) -> Option<(EventTime, EventTime)> {
    let first = usage.iter().map(|(_, stats)| stats.first_time).min()?;
    let last = usage.iter().map(|(_, stats)| stats.last_time).max()?;
    Some((first, last))
}

fn to_the_second(time: EventTime) -> String {
    time.to_rfc3339().replace(".000Z", "Z")
}

#[derive(Default)]
struct Pair {
    events: u64,
    denied: u64,
    last: Option<EventTime>,
    workloads: Vec<String>,
}

fn top(usage: &[UsageRow], style: Style) -> String {
    let mut pairs: BTreeMap<(Option<&str>, &str), Pair> = BTreeMap::new();
    for (group, stats) in usage {
        let pair = pairs.entry((group.key_arn.as_deref(), &group.principal)).or_default();
        pair.events += stats.event_count;
        pair.denied += if group.outcome == Outcome::Denied { stats.event_count } else { 0 };
        pair.last = pair.last.max(Some(stats.last_time));
        if !pair.workloads.iter().any(|w| **w == *group.workload) {
            pair.workloads.push(group.workload.to_string());
        }
    }
    let all = pairs.len();
    let mut rows: Vec<_> = pairs.into_iter().collect();
    rows.sort_by(|a, b| b.1.events.cmp(&a.1.events).then_with(|| a.0.cmp(&b.0)));
    let mut table = plain_table(style);
    table.set_header(["events", "denied", "key", "principal", "workload", "last event"]);
    for ((key, principal), pair) in rows.into_iter().take(TOP) {
        table.add_row([
            number(pair.events),
            if pair.denied > 0 { number(pair.denied) } else { "-".to_owned() },
            printable(&short_key(key)),
            printable(principal),
            pair.workloads.join(", "),
            pair.last.map_or_else(String::new, to_the_second),
        ]);
    }
    right_align(&mut table, 2);
    if all > TOP {
        format!("{}\n… and {} more pairs in usage.parquet", table.trim_fmt(), number((all - TOP) as u64))
    } else {
        table.trim_fmt()
    }
}

fn denials(out: &mut String, usage: &[UsageRow], style: Style) {
    let mut refused: BTreeMap<(&str, &str, Option<&str>), u64> = BTreeMap::new();
    for (group, stats) in usage.iter().filter(|(group, _)| group.outcome == Outcome::Denied) {
        *refused.entry((&group.principal, &group.event_name, group.key_arn.as_deref())).or_default() +=
            stats.event_count;
    }
    if refused.is_empty() {
        return;
    }
    let mut rows: Vec<_> = refused.into_iter().collect();
    rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let mut table = plain_table(style);
    table.set_header(["denied", "call", "principal", "key"]);
    for ((principal, name, key), count) in rows.iter().take(TOP) {
        table.add_row([number(*count), printable(name), printable(principal), printable(&short_key(*key))]);
    }
    right_align(&mut table, 1);
    let _ = writeln!(out, "\n{}\n{}", style.bold("Denials"), table.trim_fmt());
    if rows.len() > TOP {
        let _ = writeln!(out, "… and {} more", number((rows.len() - TOP) as u64));
    }
}

fn plain_table(style: Style) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if let Some(width) = style.width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table
}

fn right_align(table: &mut Table, columns: usize) {
    for index in 0..columns {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// A key ARN without the part that is the same for all.
fn short_key(arn: Option<&str>) -> String {
    let Some(arn) = arn else { return "(not named)".to_owned() };
    arn.split_once(":kms:").map_or(arn, |(_, rest)| rest).to_owned()
}

/// What may explain that nothing was selected, most telling first.
pub fn zero_result_causes(counts: &Counts, inputs: &InputTotals, coverage: &Coverage) -> Vec<String> {
    let mut causes = Vec::new();
    let mut say = |applies: bool, text: String| {
        if applies {
            causes.push(printable(&text));
        }
    };
    say(inputs.all() == 0, "no file was found in the inputs named".to_owned());
    say(
        inputs.all() > 0 && inputs.all() == inputs.with(Status::Skipped),
        "none of the inputs is a CloudTrail archive: inputs.parquet says what each is".to_owned(),
    );
    say(
        inputs.with(Status::Unreadable) > 0,
        format!("{} inputs could not be read", number(inputs.with(Status::Unreadable))),
    );
    say(
        counts.records > 0 && counts.records == counts.rejected,
        "nothing in the inputs could be read: rejects.parquet says where and why".to_owned(),
    );
    let kms = counts.records - counts.other_source - counts.rejected;
    say(
        counts.records > counts.rejected && kms == 0,
        format!(
            "none of the {} records is of kms.amazonaws.com: the trail may exclude KMS events (its event selectors say), or record data \
             events only",
            number(counts.records)
        ),
    );
    say(
        counts.filtered > 0,
        format!(
            "{} KMS events lie outside --since, --until, --account, --region, --key or --principal",
            number(counts.filtered)
        ),
    );
    say(
        counts.other_workload > 0,
        format!(
            "{} calls of the APIs asked for come from other callers: try --workload sagemaker, or --workload any",
            number(counts.other_workload)
        ),
    );
    say(
        counts.other_event > 0,
        format!("{} KMS events are of APIs not asked for: try --event any", number(counts.other_event)),
    );
    say(
        counts.not_usage > 0,
        format!(
            "{} KMS records are no use of a key (network activity, insights, dry runs)",
            number(counts.not_usage)
        ),
    );
    let trails: Vec<&str> = coverage.kms_excluded_by.iter().map(String::as_str).collect();
    say(!trails.is_empty(), format!("these trails were set to leave KMS out: {}", trails.join(", ")));
    say(kms == 0, "use of AWS owned keys is never recorded in a customer's trail".to_owned());
    causes
}

/// `1,234,567`
fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `14.3 MiB`
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sizes_read_well() {
        assert_eq!(
            [number(0), number(999), number(1000), number(1_234_567)],
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!([size(1023), size(1536), size(15 << 20)], ["1023 bytes", "1.5 KiB", "15.0 MiB"]);
    }
}
