//! The summary of a run, for a terminal or a log.

mod findings;
mod notes;
mod page;
mod tables;

use std::fmt::Write;
use std::time::Duration;

pub use notes::{ZeroResult, scope, unread_inputs, zero_result_causes};
pub use page::Style;

use super::parts::PAGE;
use super::run::{IncrementalSummary, RunJson};
use super::text::{NO_BREAK, number, printable, size, time_to_seconds};
use crate::aggregate::{Counts, InputStatus, InputTotals, UsageRow};
use crate::audit::{Caveat, ITEM_SEPARATOR, Severity, trails_without_kms};
use crate::model::{EventTime, SkipReason, counted};
use page::Page;
use tables::{denials, failures, top_pairs};

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
    /// Whether the report has a page.
    pub has_page: bool,
    /// How long the run took.
    pub elapsed: Duration,
}

impl Summary<'_> {
    /// The summary as text.
    pub fn render(&self, style: Style) -> String {
        let mut page = Page { text: String::new(), style };
        self.totals(&mut page);
        findings::findings(&mut page, self.run.findings);
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
                    0 => "none of the earlier KMS events is gone".to_owned(),
                    n => format!("{} of the earlier content left the report", counted(n, "KMS event")),
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
        if !self.run.integrity.is_empty() {
            page.line("integrity", &self.run.integrity.sentence());
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
            page.items(zero_result_causes(&ZeroResult {
                options: self.run.options,
                counts,
                inputs,
                trails_without_kms: &trails,
                unmatched: self.unmatched.len(),
                unlisted_folders: self.unlisted_folders,
            }));
        }
    }

    fn caveats(&self, page: &mut Page) {
        let is_warning = |caveat: &&Caveat| caveat.severity == Severity::Warning;
        let warnings: Vec<&Caveat> = self.run.caveats.iter().filter(is_warning).collect();
        let is_notice = |caveat: &&Caveat| caveat.severity == Severity::Notice;
        let notices: Vec<&str> = self.run.caveats.iter().filter(is_notice).map(|caveat| caveat.id).collect();
        if !warnings.is_empty() {
            page.heading("Before relying on these numbers");
            page.items(warnings.into_iter().map(one_item_a_line).collect());
        }
        page.text.push('\n');
        let report = printable(self.report);
        page.copyable("report", &report);
        if self.has_page {
            page.copyable("page", &format!("{}/{PAGE}", report.trim_end_matches('/')));
        }
        if !notices.is_empty() {
            let notes = counted(notices.len() as u64, "note");
            page.line("caveats", &format!("{notes} of this run in run.json: {}", notices.join(", ")));
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
        let reason = |(reason, n): (&SkipReason, &u64)| format!("{} {}", number(*n), reason.in_words());
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
