//! The metrics of a run, in the text format of Prometheus: one file for the textfile collector of
//! node_exporter.
//!
//! Every metric is a gauge. Each run is a process of its own and reports only itself, so nothing
//! can count on from run to run as a counter must. All labels have few values, from closed lists,
//! except the destination. It separates two jobs on one machine, whose metrics would otherwise
//! collide in the collector.

use std::fmt::Write;
use std::time::Duration;

use crate::aggregate::{Counts, InputStatus, InputTotals};
use crate::integrity::{FileKind, IntegritySummary};
use crate::model::{EventTime, IntegrityStatus, RejectReason};

/// The run that the metrics describe.
#[derive(Debug, Clone, Copy)]
pub struct Metrics<'a> {
    /// Where the report goes.
    pub output: &'a str,
    /// When the run started.
    pub started: EventTime,
    /// When the run ended.
    pub ended: EventTime,
    /// How long the run took, by a monotonic clock.
    pub elapsed: Duration,
    /// Its exit status.
    pub exit_status: u8,
    /// When the last run that wrote its report ended: this run, or an earlier one.
    pub last_success: Option<EventTime>,
    /// The conditions of `--max-age` and `--fail-on` that were asked for, and whether they hold.
    pub alarms: &'a [(&'a str, bool)],
    /// The numbers of the report; `None` when no report was written.
    pub report: Option<RunSummary<'a>>,
}

/// The numbers of a report.
#[derive(Debug, Clone, Copy)]
pub struct RunSummary<'a> {
    /// The accounting.
    pub counts: &'a Counts,
    /// The inputs.
    pub inputs: &'a InputTotals,
    /// Time of the newest KMS event, selected or not.
    pub newest_event: Option<EventTime>,
    /// Days without an archive between days that have one, within the time asked for.
    pub missing_days: u64,
    /// What digests say of the inputs.
    pub integrity: &'a IntegritySummary,
}

const LAST_SUCCESS: &str = "keytrail_last_success_timestamp_seconds";

/// The metrics as text.
///
/// Source of the format: Prometheus, "Exposition formats", text-based format 0.0.4.
pub fn metrics(run: &Metrics<'_>) -> String {
    let mut page = MetricsText { text: String::new(), output: run.output };
    page.family("keytrail_build_info", "Which keytrail ran; the value is always 1.");
    page.sample("keytrail_build_info", Some(("version", env!("CARGO_PKG_VERSION"))), 1);
    page.single(
        "keytrail_last_run_start_timestamp_seconds",
        "When the last run began.",
        seconds(run.started),
    );
    page.single(
        "keytrail_last_run_duration_seconds",
        "How long the last run took.",
        run.elapsed.as_secs_f64(),
    );
    page.single("keytrail_last_run_exit_status", "Exit status of the last run.", run.exit_status);
    page.single(
        "keytrail_last_run_success",
        "1 if the last run wrote its report, whatever is in it; 0 otherwise.",
        u8::from(run.report.is_some()),
    );
    if let Some(time) = run.last_success {
        page.single(LAST_SUCCESS, "When the last run that wrote its report ended.", seconds(time));
    }
    if !run.alarms.is_empty() {
        page.family("keytrail_alarm", "1 if the last report meets this condition of --max-age or --fail-on.");
        for (condition, holds) in run.alarms {
            page.sample("keytrail_alarm", Some(("condition", condition)), u8::from(*holds));
        }
    }
    if let Some(report) = &run.report {
        report_metrics(&mut page, report, run.ended);
    }
    page.text
}

fn report_metrics(page: &mut MetricsText<'_>, report: &RunSummary<'_>, ended: EventTime) {
    let RunSummary { counts, inputs, newest_event, missing_days, integrity } = *report;
    page.family("keytrail_records", "Records behind the report by class; the classes add up to all records.");
    for (class, n) in counts.classes() {
        page.sample("keytrail_records", Some(("class", class)), n);
    }
    let conflicts = "Selected events that share eventID and account with another but differ from it.";
    page.single("keytrail_conflicts", conflicts, counts.conflicts);
    page.family("keytrail_archives", "Archives behind the report by how far they could be read.");
    for status in InputStatus::ALL {
        page.sample("keytrail_archives", Some(("status", status.as_str())), inputs.count(status));
    }
    page.family("keytrail_rejects", "Records or stretches of archives that could not be read, by reason.");
    for reason in RejectReason::ALL {
        let n = inputs.rejects.get(&reason).copied().unwrap_or_default();
        page.sample("keytrail_rejects", Some(("reason", reason.as_str())), n);
    }
    page.single("keytrail_stored_bytes", "Stored bytes of the archives.", inputs.compressed_bytes);
    page.single("keytrail_content_bytes", "Decompressed bytes of the archives.", inputs.content_bytes);
    if let Some(newest) = newest_event {
        page.single(
            "keytrail_newest_event_timestamp_seconds",
            "Time of the newest KMS event that was read, selected or not.",
            seconds(newest),
        );
        page.single(
            "keytrail_newest_event_lag_seconds",
            "Age of that event when the run ended.",
            seconds(EventTime(ended.0.saturating_sub(newest.0))),
        );
    }
    page.single(
        "keytrail_missing_delivery_days",
        "Days without an archive between days that have one, per account and region, added up.",
        missing_days,
    );
    if !integrity.is_empty() {
        for (kind, name, help) in [
            (FileKind::Digest, "keytrail_digests", "Digests by what is known of their integrity."),
            (FileKind::Log, "keytrail_log_files", "Log files by what digests say of their integrity."),
        ] {
            page.family(name, help);
            for status in IntegrityStatus::ALL {
                page.sample(name, Some(("integrity", status.as_str())), integrity.count(kind, *status));
            }
        }
    }
}

/// Reads from the metrics of an earlier run when the last successful run ended.
pub fn last_success(metrics: &str) -> Option<EventTime> {
    let line = metrics.lines().find(|line| line.starts_with(LAST_SUCCESS))?;
    let seconds: f64 = line.rsplit(' ').next()?.parse().ok()?;
    // The file may hold any number; the cast saturates.
    seconds.is_finite().then(|| EventTime((seconds * 1000.0).round() as i64))
}

/// With milliseconds: a double holds them for any date.
fn seconds(time: EventTime) -> f64 {
    time.0 as f64 / 1000.0
}

/// The text written so far.
struct MetricsText<'a> {
    text: String,
    output: &'a str,
}

// Writing to a String cannot fail.
impl MetricsText<'_> {
    fn family(&mut self, name: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} gauge");
    }

    fn sample(&mut self, name: &str, label: Option<(&str, &str)>, value: impl std::fmt::Display) {
        let _ = write!(self.text, "{name}{{output=\"{}\"", escaped(self.output));
        if let Some((label, text)) = label {
            let _ = write!(self.text, ",{label}=\"{}\"", escaped(text));
        }
        let _ = writeln!(self.text, "}} {value}");
    }

    fn single(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, help);
        self.sample(name, None, value);
    }
}

/// A label may have any text as its value. These three characters must be escaped.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(last_success: Option<EventTime>) -> Metrics<'static> {
        Metrics {
            output: "a \"b\"\\c\nd} 7",
            started: EventTime(1_700_000_000_250),
            ended: EventTime(1_700_000_001_750),
            elapsed: Duration::from_millis(1500),
            exit_status: 2,
            last_success,
            alarms: &[],
            report: None,
        }
    }

    #[test]
    fn the_last_success_is_read_back_whatever_the_label() {
        for time in [EventTime(1_679_076_126_123), EventTime(0), EventTime(-1)] {
            let text = metrics(&failed(Some(time)));
            assert_eq!(last_success(&text), Some(time), "{text}");
        }
        assert_eq!(last_success(&metrics(&failed(None))), None);
        for odd in ["", "\n\n", LAST_SUCCESS, "keytrail_last_success_timestamp_seconds{} NaN"] {
            assert_eq!(last_success(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_destination_may_have_any_name() {
        let text = metrics(&failed(None));
        let line = text.lines().find(|line| line.starts_with("keytrail_last_run_success")).unwrap();
        assert_eq!(line, r#"keytrail_last_run_success{output="a \"b\"\\c\nd} 7"} 0"#);
    }
}
