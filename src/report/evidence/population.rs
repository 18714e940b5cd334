//! The population statement: what was asked, what was read, and what was left out and why. What
//! auditors call completeness and accuracy of the population.

use std::collections::BTreeMap;

use serde_json::Value;

use super::ReadError;
use crate::model::{counted, number};
use crate::report::read::FinishedReport;
use crate::report::table::column_position;
use crate::report::tables::{INPUTS, InputsTable};
use crate::report::text::printable;

/// Inputs that are named, of those that were not read whole.
const NAMED: usize = 100;

/// The statement as text. Each fact in it is from `run.json` or `inputs.parquet`.
pub(super) fn statement(report: &FinishedReport) -> Result<String, ReadError> {
    let run = report.run();
    let mut page = Page(String::new());
    page.line(format_args!("POPULATION STATEMENT"));
    page.line(format_args!(""));
    page.line(format_args!(
        "Made by keytrail {}, report schema {}.",
        text(run, &["keytrail_version"]),
        text(run, &["schema_version"])
    ));
    page.line(format_args!(
        "The run began at {} and ended at {} (UTC).",
        text(run, &["started"]),
        text(run, &["ended"])
    ));
    asked(&mut page, run);
    read(&mut page, run);
    left_out(&mut page, run, report)?;
    page.heading("How to check this");
    page.line(format_args!(
        "SHA256SUMS has the SHA-256 of each other file of this pack (sha256sum -c SHA256SUMS)."
    ));
    page.line(format_args!("report.sha256 has that of each file of the report (in the report's folder:"));
    page.line(format_args!(
        "sha256sum -c report.sha256). integrity.csv says which log files CloudTrail's own"
    ));
    page.line(format_args!("digests confirm, and inputs.csv how far each input was read."));
    Ok(page.0)
}

fn asked(page: &mut Page, run: &Value) {
    page.heading("1. What was asked");
    let options = run.get("options").and_then(Value::as_object);
    for (name, value) in options.into_iter().flatten() {
        let value = match value {
            Value::Null | Value::Bool(false) => continue,
            Value::Array(items) if items.is_empty() => continue,
            Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
            other => plain(other),
        };
        page.line(format_args!("  {name}: {value}"));
    }
}

fn read(page: &mut Page, run: &Value) {
    page.heading("2. What was read");
    let count = |names: &[&str]| number_at(run, names);
    let inputs: u64 = entries(run, &["inputs"]).map(|(_, n)| n.as_u64().unwrap_or_default()).sum();
    page.line(format_args!("  {}:", counted(inputs, "input")));
    for (status, n) in entries(run, &["inputs"]) {
        page.line(format_args!("    {status}: {}", number(n.as_u64().unwrap_or_default())));
    }
    let bytes = (number(count(&["bytes", "compressed"])), number(count(&["bytes", "content"])));
    page.line(format_args!("  {} bytes as stored, {} bytes decompressed", bytes.0, bytes.1));
    page.line(format_args!(
        "  {}, each in exactly one class:",
        counted(count(&["totals", "records"]), "record")
    ));
    let others = ["records", "conflicts", "corrected"];
    for (class, n) in entries(run, &["totals"]).filter(|(class, _)| !others.contains(&class.as_str())) {
        page.line(format_args!("    {class}: {}", number(n.as_u64().unwrap_or_default())));
    }
    let integrity = run.get("integrity").and_then(|integrity| integrity.get("summary"));
    match integrity.and_then(Value::as_str) {
        Some(sentence) => page.line(format_args!("  Integrity: {sentence}")),
        None => page.line(format_args!("  Integrity: no digests were in the input; nothing was verified")),
    }
    page.line(format_args!("  Accounts and Regions (archives, KMS records, from, until):"));
    for scope in list(run, &["coverage", "scopes"]) {
        let of = |name: &str| scope.get(name).map_or_else(|| "-".to_owned(), plain);
        let names =
            ["account_id", "region", "archives", "kms_records", "first_event_time", "last_event_time"];
        page.line(format_args!("    {}", names.map(of).join("  ")));
    }
}

fn left_out(page: &mut Page, run: &Value, report: &FinishedReport) -> Result<(), ReadError> {
    const ARCHIVE: usize = column_position(INPUTS, "archive");
    const STATUS: usize = column_position(INPUTS, "status");
    const REASON: usize = column_position(INPUTS, "reason");
    page.heading("3. What was left out, and why");
    let mut reasons: BTreeMap<(String, String), u64> = BTreeMap::new();
    let (mut named, mut others) = (Vec::new(), 0u64);
    report.read::<InputsTable>(|row| {
        let status = row.text_at(STATUS).unwrap_or_default();
        if status == "complete" {
            return;
        }
        // An error of the operating system may name the file.
        let reason =
            if status == "unreadable" { "see inputs.csv" } else { row.text_at(REASON).unwrap_or("-") };
        *reasons.entry((status.to_owned(), reason.to_owned())).or_default() += 1;
        // Digests were read and used, and what else is skipped holds no records.
        match named.len() {
            _ if status == "skipped" => {}
            ..NAMED => named.push(format!("{status}: {}", row.text_at(ARCHIVE).unwrap_or_default())),
            _ => others += 1,
        }
    })?;
    if reasons.is_empty() {
        page.line(format_args!("  Every input was read whole."));
    }
    for ((status, reason), n) in &reasons {
        page.line(format_args!("  {} {status} ({})", counted(*n, "input"), reason));
    }
    for input in &named {
        page.line(format_args!("    {input}"));
    }
    if others > 0 {
        page.line(format_args!("    and {} more: see inputs.csv", number(others)));
    }
    page.line(format_args!("  Days without an archive between days that have one:"));
    let missing = list(run, &["coverage", "missing_days"]);
    if missing.is_empty() {
        page.line(format_args!("    none"));
    }
    for scope in missing {
        page.line(format_args!("    {}", plain(scope)));
    }
    page.heading("4. What the numbers cannot prove");
    for caveat in list(run, &["caveats"]) {
        page.line(format_args!("  - {}: {}", text(caveat, &["id"]), text(caveat, &["text"])));
    }
    Ok(())
}

/// The text so far. A report may be of anyone: whatever a line is made of, it is made
/// [`printable`] here.
struct Page(String);

impl Page {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        self.0.push_str(&printable(&line.to_string()));
        self.0.push('\n');
    }

    fn heading(&mut self, heading: &str) {
        self.line(format_args!(""));
        self.line(format_args!("{heading}"));
        self.line(format_args!(""));
    }
}

fn at<'v>(value: &'v Value, names: &[&str]) -> Option<&'v Value> {
    names.iter().try_fold(value, |value, name| value.get(name))
}

fn number_at(value: &Value, names: &[&str]) -> u64 {
    at(value, names).and_then(Value::as_u64).unwrap_or_default()
}

fn text(value: &Value, names: &[&str]) -> String {
    at(value, names).map_or_else(|| "-".to_owned(), plain)
}

fn list<'v>(value: &'v Value, names: &[&str]) -> &'v [Value] {
    at(value, names).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn entries<'v>(value: &'v Value, names: &[&str]) -> impl Iterator<Item = (&'v String, &'v Value)> {
    at(value, names).and_then(Value::as_object).into_iter().flatten()
}

/// A value without quotes around a text.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
