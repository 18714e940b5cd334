//! What is said when a run is over, however it ends: the last line on standard error, and the metrics.
//!
//! With `--log-format json` the last line is an object whose `message` is `finished`, `failed` or `stopped`, with the exit status: whoever
//! collects the logs of many nights needs no other line to know how each went.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::Utc;
use serde_json::{Map, Value, json};
use tempfile::NamedTempFile;
use tracing::warn;

use super::alarms::Alarm;
use super::args::{Command, Common, LogFormat};
use super::{CliError, Status, log};
use keytrail::aggregate::{InputStatus, InputTotals};
use keytrail::audit::{Caveat, Severity};
use keytrail::model::{EventTime, error_chain};
use keytrail::engine::Run;
use keytrail::report::{Metrics, RunSummary, SinkError, last_success, metrics};

/// What people are told of a run that was stopped.
const STOPPED: &str = "stopped; the report was not finished";

/// How the end of a command is told: once, even where a signal comes as the run ends by itself.
#[derive(Clone)]
pub(super) struct Ending(Arc<Inner>);

struct Inner {
    json: bool,
    quiet: bool,
    output: String,
    metrics: Option<PathBuf>,
    begin: Instant,
    started: EventTime,
    told: AtomicBool,
}

/// What came of a run.
pub(super) struct Finished<'a> {
    pub(super) run: &'a Run,
    pub(super) caveats: &'a [Caveat],
    pub(super) missing_days: u64,
    pub(super) alarms: &'a [Alarm],
}

impl Ending {
    /// For this command, which begins now.
    pub(super) fn of(command: &Command) -> Self {
        let (common, output, metrics): (Option<&Common>, _, _) = match command {
            Command::Analyze(args) => {
                let output = args.output.display().to_string();
                (Some(&args.common), output, args.unattended.metrics.clone())
            }
            Command::Events(args) => (Some(&args.common), "-".to_owned(), None),
            Command::Rules(args) => (Some(&args.common), "-".to_owned(), None),
            Command::Completions { .. } | Command::Man { .. } => (None, "-".to_owned(), None),
        };
        Self(Arc::new(Inner {
            json: common.is_some_and(|common| common.log_format == LogFormat::Json),
            quiet: common.is_some_and(|common| common.quiet),
            output,
            metrics,
            begin: Instant::now(),
            started: now(),
            told: AtomicBool::new(false),
        }))
    }

    /// When the command began.
    pub(super) fn started(&self) -> EventTime {
        self.0.started
    }

    /// How long ago that was.
    pub(super) fn elapsed(&self) -> Duration {
        self.0.begin.elapsed()
    }

    /// Fails if the metrics cannot be written: better now than when hours of work are done.
    pub(super) fn check(&self) -> Result<(), CliError> {
        let Some(path) = &self.0.metrics else { return Ok(()) };
        if path.is_dir() {
            let text = format!("--metrics {}: that is a directory; name a file in it", path.display());
            return Err(CliError::Usage(text));
        }
        beside(path).and_then(NamedTempFile::close).map_err(|error| not_written(path, error).into())
    }

    /// Tells what came of a run, and gives the exit status.
    pub(super) fn finished(&self, finished: &Finished<'_>) -> Status {
        let held = finished.alarms.iter().filter_map(|alarm| Some((alarm, alarm.reason.as_ref()?)));
        let mut status = match held.clone().next() {
            Some(_) => Status::Alarm,
            None => Status::of(&finished.run.inputs),
        };
        if self.is_told() {
            return status;
        }
        if self.0.json {
            for caveat in finished.caveats.iter().filter(|caveat| caveat.severity == Severity::Warning) {
                warn!(caveat = caveat.id, "{}", caveat.text);
            }
        }
        for (alarm, reason) in held {
            let facts = json!({"condition": alarm.condition, "reason": reason});
            self.error("alarm", facts, || format!("{}: {reason}", alarm.option()));
        }
        if let Err(error) = self.write_metrics(status, Some(finished)) {
            status = Status::Failed;
            let text = error_chain(&error);
            self.error("not written", json!({"error": text}), || text.clone());
        }
        self.last_line(status, || facts(finished, now()));
        status
    }

    /// Tells what came of a run that only learned, and gives the exit status.
    pub(super) fn learned(&self, inputs: &InputTotals) -> Status {
        let status = Status::of(inputs);
        if !self.is_told() {
            self.last_line(status, || of_inputs(inputs));
        }
        status
    }

    /// Tells why there is no result, and gives the exit status.
    pub(super) fn failed(&self, error: &CliError) -> Status {
        let status = error.status();
        match status {
            Status::Whole => {} // the reader of our output has had enough, and is not there to be told
            Status::Interrupted => self.without_result("stopped", status, STOPPED),
            _ => self.without_result("failed", status, &error_chain(error)),
        }
        status
    }

    /// Tells that a signal has stopped the run, unless its end has been told already.
    pub(super) fn stopped(&self) {
        self.without_result("stopped", Status::Interrupted, STOPPED);
    }

    fn without_result(&self, message: &str, status: Status, error: &str) {
        if self.is_told() {
            return;
        }
        if let Err(error) = self.write_metrics(status, None) {
            let text = error_chain(&error);
            self.error("not written", json!({"error": text}), || text.clone());
        }
        let mut facts = json!({"error": error});
        self.add_run(&mut facts, status);
        self.error(message, facts, || error.to_owned());
    }

    /// Whether somebody has told it before, and if not, that it is told now.
    fn is_told(&self) -> bool {
        self.0.told.swap(true, Ordering::Relaxed)
    }

    /// An error, in the form asked for.
    fn error(&self, message: &str, facts: Value, text: impl FnOnce() -> String) {
        if self.0.json {
            log::line("ERROR", message, facts);
        } else {
            let _ = writeln!(io::stderr(), "keytrail: {}", text()); // nobody to tell if this fails
        }
    }

    fn last_line(&self, status: Status, facts: impl FnOnce() -> Value) {
        if self.0.json && !self.0.quiet {
            let mut facts = facts();
            self.add_run(&mut facts, status);
            log::line("INFO", "finished", facts);
        }
    }

    /// What the last line says of any run.
    fn add_run(&self, facts: &mut Value, status: Status) {
        facts["exit_status"] = status.code().into();
        facts["output"] = self.0.output.as_str().into();
        facts["started"] = self.0.started.to_rfc3339().into();
        facts["elapsed_seconds"] = self.elapsed().as_secs_f64().into();
    }

    fn write_metrics(&self, status: Status, finished: Option<&Finished<'_>>) -> Result<(), SinkError> {
        let Some(path) = &self.0.metrics else { return Ok(()) };
        let ended = now();
        let before = || fs::read_to_string(path).ok().as_deref().and_then(last_success);
        let alarms: Vec<(&str, bool)> = finished
            .iter()
            .flat_map(|finished| finished.alarms)
            .map(|alarm| (alarm.condition, alarm.reason.is_some()))
            .collect();
        let text = metrics(&Metrics {
            output: &self.0.output,
            started: self.0.started,
            ended,
            elapsed: self.elapsed(),
            exit_status: status.code(),
            last_success: finished.map(|_| ended).or_else(before),
            alarms: &alarms,
            report: finished.map(|finished| RunSummary {
                counts: &finished.run.counts,
                inputs: &finished.run.inputs,
                newest_event: finished.run.coverage.newest_event(),
                missing_days: finished.missing_days,
            }),
        });
        let write = || {
            let mut file = beside(path)?;
            file.write_all(text.as_bytes())?;
            file.persist(path).map_err(|error| error.error)
        };
        write().map(drop).map_err(|error| not_written(path, error))
    }
}

/// What the last line says of a report.
fn facts(finished: &Finished<'_>, ended: EventTime) -> Value {
    let Finished { run, missing_days, alarms, .. } = finished;
    let mut totals: Map<String, Value> =
        run.counts.classes().iter().map(|(name, n)| ((*name).into(), (*n).into())).collect();
    totals.insert("records".to_owned(), run.counts.records.into());
    totals.insert("conflicts".to_owned(), run.counts.conflicts.into());
    totals.insert("corrected".to_owned(), run.counts.corrected.into());
    let newest = run.coverage.newest_event();
    let lag = newest.map(|newest| ended.0.saturating_sub(newest.0) as f64 / 1000.0);
    let held: Vec<&str> = alarms.iter().filter(|a| a.reason.is_some()).map(|a| a.condition).collect();
    let mut facts = of_inputs(&run.inputs);
    facts["totals"] = totals.into();
    facts["missing_days"] = (*missing_days).into();
    facts["newest_event_time"] = newest.map(EventTime::to_rfc3339).into();
    facts["lag_seconds"] = lag.into();
    facts["alarms"] = held.into();
    facts
}

fn of_inputs(inputs: &InputTotals) -> Value {
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
    EventTime(Utc::now().timestamp_millis())
}

/// A file that can take the place of `path` at a stroke. The collector of metrics is another user, and reads only names that end in `.prom`.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".keytrail-").suffix(".tmp");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    builder.tempfile_in(folder.unwrap_or(Path::new(".")))
}

fn not_written(path: &Path, error: io::Error) -> SinkError {
    SinkError::File { path: path.display().to_string(), source: error }
}
