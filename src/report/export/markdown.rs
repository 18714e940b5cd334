//! A report as Markdown, short enough for a ticket.
//!
//! Texts of records are shown as code, in which Markdown has no markup, no links and no mentions.
//! Those with characters that could end the code, a cell or a line have these characters as
//! references, which mean the character and nothing else.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;

use super::ExportError;
use super::about::{Said, caveats, parts};
use super::tables::StoredTable;
use crate::model::{counted, number};
use crate::report::cell::{Cell, EncodedRow};
use crate::report::markdown_text::{code, escape, shorten};
use crate::report::read::FinishedReport;
use crate::report::table::column_position;
use crate::report::tables::{FINDINGS, FindingsTable, USAGE, UsageTable};
use crate::report::text::{cell_text, time_to_seconds};

/// Open findings that are shown.
const FINDINGS_SHOWN: usize = 50;
/// Rows of usage that are shown.
const USES_SHOWN: usize = 20;
/// Causes of refusals that are shown.
const CAUSES_SHOWN: usize = 50;
/// Lines of a part that are shown: there may be many inputs.
const LINES_SHOWN: usize = 50;

/// A report as Markdown: what it is of, counts, open findings, the most frequent use, refusals by
/// cause, caveats. A table that the report does not have is left out.
///
/// # Errors
/// When the report cannot be read.
pub fn export_markdown(report: &FinishedReport) -> Result<String, ExportError> {
    let mut page = Page("# KMS usage: a keytrail report\n".to_owned());
    for part in parts(report) {
        page.heading(part.title);
        let left_out = part.lines.len().saturating_sub(LINES_SHOWN);
        for (label, said) in part.lines.iter().take(LINES_SHOWN) {
            let said = match said {
                Said::Text(text) => code(text),
                Said::Count(n) => number(*n),
            };
            page.line(format_args!("- {}: {said}", prose(label)));
        }
        page.more(left_out as u64, "line", "run.json");
    }
    let has = |name: &str| StoredTable::of(report, &[name]).map(|tables| !tables.is_empty());
    if has("findings")? {
        findings(&mut page, report)?;
    }
    if has("usage")? {
        usage(&mut page, report)?;
    }
    page.heading("What the numbers cannot prove");
    for (id, text) in caveats(report) {
        page.line(format_args!("- {}: {}", code(&id), prose(&text)));
    }
    Ok(page.0)
}

fn findings(page: &mut Page, report: &FinishedReport) -> Result<(), ExportError> {
    const SEVERITY: usize = column_position(FINDINGS, "severity");
    const STATUS: usize = column_position(FINDINGS, "status");
    const RULE: usize = column_position(FINDINGS, "rule_id");
    const DETAIL: usize = column_position(FINDINGS, "detail");
    const ID: usize = column_position(FINDINGS, "finding_id");
    page.heading("Open findings");
    let (mut rows, mut open, mut others) = (Vec::new(), 0, 0u64);
    // They are stored with the worst first.
    report.read::<FindingsTable>(|row| {
        if row.text_at(STATUS) != Some("open") {
            others += 1;
            return;
        }
        open += 1;
        if rows.len() < FINDINGS_SHOWN {
            let prose = |place| prose(row.text_at(place).unwrap_or_default());
            rows.push([prose(SEVERITY), text(row, RULE), prose(DETAIL), text(row, ID)]);
        }
    })?;
    if others > 0 {
        let (findings, are) = (counted(others, "finding"), if others == 1 { "is" } else { "are" });
        page.line(format_args!("{findings} more {are} muted or undecidable.\n"));
    }
    if open == 0 {
        page.line(format_args!("None."));
        return Ok(());
    }
    page.table(["severity", "rule", "what was found", "id"], &rows);
    page.more(open - rows.len() as u64, "open finding", "findings.parquet");
    Ok(())
}

/// Use, and refusals: from one reading of the table.
fn usage(page: &mut Page, report: &FinishedReport) -> Result<(), ExportError> {
    const KEY: usize = column_position(USAGE, "key_arn");
    const PRINCIPAL: usize = column_position(USAGE, "principal");
    const WORKLOAD: usize = column_position(USAGE, "workload");
    const NAME: usize = column_position(USAGE, "event_name");
    const OUTCOME: usize = column_position(USAGE, "outcome");
    const ERROR: usize = column_position(USAGE, "error_code");
    const BY: usize = column_position(USAGE, "denied_by");
    const ACTION: usize = column_position(USAGE, "denied_action");
    const EVENTS: usize = column_position(USAGE, "event_count");
    const LAST: usize = column_position(USAGE, "last_event_time");
    let (mut top, mut rows, mut events) = (Vec::new(), 0u64, 0u64);
    let mut causes: BTreeMap<[Option<String>; 4], u64> = BTreeMap::new();
    report.read::<UsageTable>(|row| {
        let count = count(row, EVENTS);
        events += count;
        let place = (Reverse(count), rows);
        rows += 1;
        let after = top.partition_point(|(other, _)| *other < place);
        if after < USES_SHOWN {
            let cells = [KEY, PRINCIPAL, WORKLOAD, NAME, OUTCOME].map(|place| text(row, place));
            top.insert(after, (place, [cells.to_vec(), vec![number(count), text(row, LAST)]].concat()));
            top.truncate(USES_SHOWN);
        }
        if row.text_at(OUTCOME) != Some("success") {
            let cause = [OUTCOME, BY, ACTION, ERROR].map(|place| row.text_at(place).map(str::to_owned));
            *causes.entry(cause).or_default() += count;
        }
    })?;
    page.heading("Most frequent use");
    page.line(format_args!(
        "{} in {} by key, principal, workload, operation and outcome.\n",
        counted(events, "event"),
        counted(rows, "group")
    ));
    let shown: Vec<Vec<String>> = top.into_iter().map(|(_, cells)| cells).collect();
    if !shown.is_empty() {
        page.table(["key", "principal", "workload", "operation", "outcome", "events", "last"], &shown);
        page.more(rows - shown.len() as u64, "group", "usage.parquet");
    }
    page.heading("Refusals and failures, by cause");
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by_key(|(_, events)| Reverse(*events));
    let left_out = causes.len().saturating_sub(CAUSES_SHOWN);
    let shown: Vec<Vec<String>> = causes
        .iter()
        .take(CAUSES_SHOWN)
        .map(|(cause, events)| {
            let mut cells: Vec<String> =
                cause.iter().map(|text| text.as_deref().map_or_else(|| "-".to_owned(), code)).collect();
            cells.push(number(*events));
            cells
        })
        .collect();
    if shown.is_empty() {
        page.line(format_args!("No selected call failed."));
    } else {
        page.table(["outcome", "refused by", "permission", "error", "events"], &shown);
        page.more(left_out as u64, "cause", "usage.parquet");
    }
    Ok(())
}

/// The text so far.
struct Page(String);

impl Page {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.0, "{line}"); // writing to a String cannot fail
    }

    fn heading(&mut self, heading: &str) {
        self.line(format_args!("\n## {heading}\n"));
    }

    /// A table with cells that are Markdown.
    fn table<const N: usize>(&mut self, heads: [&str; N], rows: &[impl AsRef<[String]>]) {
        self.line(format_args!("| {} |\n|{}", heads.join(" | "), "---|".repeat(N)));
        for row in rows {
            self.line(format_args!("| {} |", row.as_ref().join(" | ")));
        }
    }

    /// Says what was cut, if anything was.
    fn more(&mut self, left_out: u64, what: &str, file: &str) {
        if left_out > 0 {
            self.line(format_args!("\n{} more: see {file}.", counted(left_out, what)));
        }
    }
}

fn count(row: EncodedRow<'_>, place: usize) -> u64 {
    match row.cells().nth(place) {
        Some(Cell::Int(n)) => n.unsigned_abs(),
        _ => 0,
    }
}

/// A cell of a row, as code.
fn text(row: EncodedRow<'_>, place: usize) -> String {
    match row.cells().nth(place) {
        None | Some(Cell::Null) => "-".to_owned(),
        Some(Cell::Time(time)) => code(&time_to_seconds(time)),
        Some(cell) => code(&cell_text(&cell)),
    }
}

/// A sentence in which names of records may be.
fn prose(text: &str) -> String {
    let mut escaped = String::new();
    for c in shorten(text).chars() {
        match c {
            // A person or a ticket that is named must not be told.
            '@' | '#' => {
                escaped.push_str("<code>");
                escape(c, &mut escaped);
                escaped.push_str("</code>");
            }
            c => escape(c, &mut escaped),
        }
    }
    // Tickets make links of names that begin so.
    escaped.replace("www.", "www&#46;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_no_markup() {
        assert_eq!(prose("[x](http://y) *z*"), "&#91;x&#93;(http&#58;&#47;&#47;y) &#42;z&#42;");
        assert_eq!(prose("see www.example.com."), "see www&#46;example.com.");
        assert_eq!(prose("@all #1"), "<code>&#64;</code>all <code>&#35;</code>1");
    }
}
