//! What a command reports when it ends: the last line on standard error, and the metrics.
//!
//! With `--log-format json` the last line is an object whose `message` is `finished`, `failed` or
//! `stopped`, with the exit status. A log collector needs no other line to see how a run ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use keytrail::base::{lock, now_millis};
use serde_json::{Map, Value, json};
use tracing::warn;

use super::alarms::AlarmCheck;
use super::args::Command;
use super::error::CliError;
use super::exit::ExitStatus;
use super::log;
use super::metrics_file::MetricsFile;
use super::options::CommonOptions;
use super::terminal::say;
use super::values::LogFormat;
use keytrail::aggregate::{InputStatus, InputTotals};
use keytrail::audit::{Caveat, Severity};
use keytrail::engine::Run;
use keytrail::model::{EventTime, counted, error_chain};
use keytrail::report::{Metrics, RunSummary, SinkError, metrics, printable_lines, unread_inputs};

const INTERRUPTED: &str = "stopped before the result was complete";

/// Reports the end of a command exactly once, even if a signal arrives just as the run ends.
#[derive(Clone)]
pub(super) struct ExitReporter(Arc<CommandContext>);

/// What the reports say about the command itself.
struct CommandContext {
    log_format: LogFormat,
    quiet: bool,
    output: String,
    metrics: Option<MetricsFile>,
    start: Instant,
    start_time: EventTime,
    is_reported: AtomicBool,
    /// What would be printed, for a program that embeds the command.
    said: Option<Mutex<Vec<(Message, String)>>>,
}

/// What a line about the end of a command says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Message {
    /// Some input could not be read.
    ReadInPart,
    /// A condition of `--max-age` or `--fail-on` is met.
    Alarm,
    /// There is nothing to print.
    NotFound,
    /// The metrics cannot be written.
    NotWritten,
    /// There is no result.
    Failed,
    /// There is no result, since a signal came.
    Stopped,
}

impl Message {
    /// `message` of the line as JSON.
    fn as_str(self) -> &'static str {
        match self {
            Self::ReadInPart => "read in part",
            Self::Alarm => "alarm",
            Self::NotFound => "not found",
            Self::NotWritten => "not written",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

/// The result of a run.
pub(super) struct FinishedRun<'a> {
    pub(super) run: &'a Run,
    pub(super) caveats: &'a [Caveat],
    pub(super) missing_days: u64,
    pub(super) alarms: &'a [AlarmCheck],
}

impl ExitReporter {
    /// For a command that starts now.
    pub(super) fn new(command: &Command) -> Self {
        Self::with(command, None)
    }

    /// For a command that starts now and prints nothing.
    pub(super) fn embedded(command: &Command) -> Self {
        Self::with(command, Some(Mutex::default()))
    }

    fn with(command: &Command, said: Option<Mutex<Vec<(Message, String)>>>) -> Self {
        let (common, output, metrics): (Option<&CommonOptions>, _, _) = match command {
            Command::Analyze(args) => {
                let output = args.output.display().to_string();
                (Some(&args.common), output, args.monitoring.metrics.clone())
            }
            Command::Events(args) => (Some(&args.common), "-".to_owned(), None),
            Command::Summary(args) => (Some(&args.common), "-".to_owned(), None),
            Command::Record(args) => (Some(&args.common), "-".to_owned(), None),
            Command::Grants(args) => (Some(&args.common), "-".to_owned(), None),
            Command::Review(args) => (Some(&args.common), "-".to_owned(), None),
            Command::Sharing(args) => (Some(&args.common), "-".to_owned(), None),
            Command::Policy(args) => (Some(args.common()), "-".to_owned(), None),
            Command::Findings(args) => (Some(&args.common), "-".to_owned(), None),
            Command::Verify(args) => (Some(&args.common), "-".to_owned(), None),
            Command::Html(args) => (Some(&args.common), args.output.display().to_string(), None),
            Command::Evidence(args) => (Some(&args.common), args.output.display().to_string(), None),
            Command::Export(args) => {
                (Some(&args.common), args.output_or_default().display().to_string(), None)
            }
            Command::Rules(args) => (Some(&args.common), "-".to_owned(), None),
            Command::Completions(_) | Command::Man(_) => (None, "-".to_owned(), None),
        };
        Self(Arc::new(CommandContext {
            log_format: common.map_or(LogFormat::Text, |common| common.log_format),
            quiet: common.is_some_and(|common| common.quiet),
            output,
            metrics: metrics.map(MetricsFile::new),
            start: Instant::now(),
            start_time: now(),
            is_reported: AtomicBool::new(false),
            said,
        }))
    }

    /// Whether it prints nothing.
    pub(super) fn is_embedded(&self) -> bool {
        self.0.said.is_some()
    }

    /// What it would have printed.
    pub(super) fn take_said(&self) -> Vec<(Message, String)> {
        self.0.said.as_ref().map(|said| std::mem::take(&mut *lock(said))).unwrap_or_default()
    }

    /// When the command started.
    pub(super) fn start_time(&self) -> EventTime {
        self.0.start_time
    }

    /// Time since the command started.
    pub(super) fn elapsed(&self) -> Duration {
        self.0.start.elapsed()
    }

    /// Fails if the metrics file cannot be written.
    pub(super) fn check_metrics_file(&self) -> Result<(), CliError> {
        self.0.metrics.as_ref().map_or(Ok(()), MetricsFile::check)
    }

    /// Reports a run that has a result, and returns the exit status.
    pub(super) fn finished(&self, finished: &FinishedRun<'_>) -> ExitStatus {
        let mut status = if finished.alarms.iter().any(AlarmCheck::is_raised) {
            ExitStatus::Alarm
        } else {
            ExitStatus::of_inputs(&finished.run.inputs)
        };
        if self.is_already_reported() {
            return status;
        }
        if self.is_json() {
            for caveat in finished.caveats.iter().filter(|caveat| caveat.severity == Severity::Warning) {
                warn!(caveat = caveat.id, "{}", caveat.text);
            }
        }
        for alarm in finished.alarms {
            let Some(reason) = &alarm.reason else { continue };
            let fields = json!({"condition": alarm.condition.as_str(), "reason": reason});
            self.error(Message::Alarm, fields, &format!("{}: {reason}", alarm.condition.option()));
        }
        // Nothing else on the screen says why the status is not 0.
        let rejected = finished.run.counts.rejected;
        if self.is_embedded() && !finished.run.inputs.read_whole() {
            self.error(Message::ReadInPart, json!({}), unread_inputs(&finished.run.inputs).trim_end());
        } else if self.0.quiet && rejected > 0 {
            let text = format!(
                "{} could not be read: damaged, or in a form that is not known",
                counted(rejected, "place")
            );
            self.error(Message::ReadInPart, json!({"rejected": rejected}), &text);
        }
        if let Err(error) = self.write_metrics(status, Some(finished)) {
            status = ExitStatus::Failure;
            self.metrics_failed(&error);
        }
        self.last_line(status, || run_fields(finished, now()));
        status
    }

    /// Reports that rules or grants were printed, and returns the exit status.
    pub(super) fn rows_printed(&self, inputs: &InputTotals) -> ExitStatus {
        self.ended(inputs, ExitStatus::of_inputs(inputs))
    }

    /// Reports that there is nothing to print, and returns the exit status.
    pub(super) fn nothing_found(&self, inputs: &InputTotals, text: &str) -> ExitStatus {
        self.error(Message::NotFound, json!({"error": text}), text);
        self.ended(inputs, ExitStatus::NothingFound)
    }

    fn ended(&self, inputs: &InputTotals, status: ExitStatus) -> ExitStatus {
        if !self.is_already_reported() {
            self.last_line(status, || input_fields(inputs));
        }
        status
    }

    /// Reports that files were checked, and returns the exit status.
    pub(super) fn verified(&self, inputs: &InputTotals, is_verified: bool) -> ExitStatus {
        let status = self.rows_printed(inputs);
        if is_verified { status } else { ExitStatus::Partial }
    }

    /// Reports why there is no result, and returns the exit status.
    pub(super) fn failed(&self, error: &CliError) -> ExitStatus {
        let status = error.status();
        match status {
            ExitStatus::Success => {} // the reader of our output has closed the pipe
            ExitStatus::Interrupted => self.no_result(Message::Stopped, status, INTERRUPTED),
            _ => self.no_result(Message::Failed, status, &error_chain(error)),
        }
        status
    }

    /// Reports that a signal has stopped the run, unless the end has been reported.
    pub(super) fn interrupted(&self) {
        self.no_result(Message::Stopped, ExitStatus::Interrupted, INTERRUPTED);
    }

    fn no_result(&self, message: Message, status: ExitStatus, error: &str) {
        if self.is_already_reported() {
            return;
        }
        if let Err(error) = self.write_metrics(status, None) {
            self.metrics_failed(&error);
        }
        let mut fields = json!({"error": error});
        self.add_command_fields(&mut fields, status);
        self.error(message, fields, error);
    }

    /// False for the first caller, who then reports; true for all others.
    fn is_already_reported(&self) -> bool {
        self.0.is_reported.swap(true, Ordering::Relaxed)
    }

    fn is_json(&self) -> bool {
        self.0.log_format == LogFormat::Json
    }

    fn metrics_failed(&self, error: &SinkError) {
        let text = error_chain(error);
        self.error(Message::NotWritten, json!({"error": text}), &text);
    }

    /// Prints an error in the requested format: as JSON with `message` and `fields`, or as `text`.
    fn error(&self, message: Message, fields: Value, text: &str) {
        if let Some(said) = &self.0.said {
            lock(said).push((message, printable_lines(text)));
        } else if self.is_json() {
            log::line("ERROR", message.as_str(), fields);
        } else {
            // A name in the text may hold a line break: what follows must not look like a message.
            let text = printable_lines(text).replace('\n', "\n  ");
            say(&format!("keytrail: {text}"));
        }
    }

    fn last_line(&self, status: ExitStatus, fields: impl FnOnce() -> Value) {
        if self.is_json() && !self.0.quiet {
            let mut fields = fields();
            self.add_command_fields(&mut fields, status);
            log::line("INFO", "finished", fields);
        }
    }

    /// The fields that the last line of every command has.
    fn add_command_fields(&self, fields: &mut Value, status: ExitStatus) {
        fields["exit_status"] = status.code().into();
        fields["output"] = self.0.output.as_str().into();
        fields["started"] = self.0.start_time.to_rfc3339().into();
        fields["elapsed_seconds"] = self.elapsed().as_secs_f64().into();
    }

    fn write_metrics(&self, status: ExitStatus, finished: Option<&FinishedRun<'_>>) -> Result<(), SinkError> {
        let Some(file) = &self.0.metrics else { return Ok(()) };
        let ended = now();
        let alarms: Vec<(&str, bool)> = finished
            .iter()
            .flat_map(|finished| finished.alarms)
            .map(|alarm| (alarm.condition.as_str(), alarm.is_raised()))
            .collect();
        file.write(&metrics(&Metrics {
            output: &self.0.output,
            started: self.0.start_time,
            ended,
            elapsed: self.elapsed(),
            exit_status: status.code(),
            last_success: finished.map(|_| ended).or_else(|| file.last_success()),
            alarms: &alarms,
            report: finished.map(|finished| RunSummary {
                counts: &finished.run.counts,
                inputs: &finished.run.inputs,
                newest_event: finished.run.coverage.newest_event(),
                missing_days: finished.missing_days,
                integrity: &finished.run.integrity,
            }),
        }))
    }
}

/// What the last line says about a run with a result.
fn run_fields(finished: &FinishedRun<'_>, ended: EventTime) -> Value {
    let FinishedRun { run, missing_days, alarms, .. } = finished;
    let classes = run.counts.classes();
    let mut totals: Map<String, Value> =
        classes.iter().map(|(name, n)| ((*name).into(), (*n).into())).collect();
    totals.insert("records".to_owned(), run.counts.records.into());
    totals.insert("conflicts".to_owned(), run.counts.conflicts.into());
    totals.insert("corrected".to_owned(), run.counts.corrected.into());
    let newest = run.coverage.newest_event();
    let lag = newest.map(|newest| ended.0.saturating_sub(newest.0) as f64 / 1000.0);
    let raised = alarms.iter().filter(|alarm| alarm.is_raised());
    let mut fields = input_fields(&run.inputs);
    fields["totals"] = totals.into();
    fields["missing_days"] = (*missing_days).into();
    fields["newest_event_time"] = newest.map(EventTime::to_rfc3339).into();
    fields["lag_seconds"] = lag.into();
    fields["alarms"] = raised.map(|alarm| alarm.condition.as_str()).collect::<Vec<_>>().into();
    fields
}

fn input_fields(inputs: &InputTotals) -> Value {
    let by_status: Map<String, Value> = InputStatus::ALL
        .into_iter()
        .map(|status| (status.as_str().into(), inputs.count(status).into()))
        .collect();
    let rejects: Map<String, Value> =
        inputs.rejects.iter().map(|(reason, n)| (reason.as_str().into(), (*n).into())).collect();
    let bytes = json!({"compressed": inputs.compressed_bytes, "content": inputs.content_bytes});
    json!({"inputs": by_status, "rejects": rejects, "bytes": bytes})
}

fn now() -> EventTime {
    EventTime(now_millis())
}
