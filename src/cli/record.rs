//! `keytrail record`: one original record, as the archive has it.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::error::CliError;
use super::exit::ExitStatus;
use super::inputs::finished_report;
use super::interrupt::Interrupt;
use super::progress::BarAwareWriter;
use super::record_args::RecordArgs;
use super::reporter::ExitReporter;
use super::terminal::say;
use super::values::LogFormat;
use super::{log, plan, progress, startup};
use keytrail::aggregate::{InputStatus, InputTotals};
use keytrail::engine::{self, Plan, RecordName, RunError};
use keytrail::model::counted;
use keytrail::report::{
    EVENTS, FinishedReport, SinkError, column_position, pretty_json, printable, printable_lines,
    unread_inputs,
};

pub(super) fn run(
    args: &RecordArgs,
    interrupt: &Interrupt,
    reporter: &ExitReporter,
) -> Result<ExitStatus, CliError> {
    let bar = startup::start(&args.common)?;
    let name = RecordName::parse(&args.name);
    let buckets = plan::buckets(&args.s3);
    let mut inputs =
        if args.inputs.is_empty() { vec![archive_of(&name, &args.name)?] } else { args.inputs.clone() };
    if let Some(report) = finished_report(&inputs, &buckets)? {
        inputs = archives_in(&report, &name, &args.name)?;
    }
    let plan = Plan {
        threads: usize::from(args.common.threads),
        buckets,
        cancel: interrupt.cancel_flag(),
        ..Plan::new(plan::inputs(&inputs)?)?
    };
    plan::check_inputs(&plan)?;
    let (mut found, totals) =
        progress::with_bar(&bar, &plan, |progress| engine::find_records(&plan, &name, progress))?;

    let is_text = args.common.log_format == LogFormat::Text;
    let mut out = BufWriter::new(BarAwareWriter::new(&bar, io::stdout()));
    for nth in 0.. {
        let Some((archive, offset, bytes)) = found.get(nth).map_err(RunError::Temporary)? else { break };
        let pretty = pretty_json(&bytes);
        let is_json = pretty.is_some();
        let text = pretty.unwrap_or_else(|| printable_lines(&String::from_utf8_lossy(&bytes)));
        match writeln!(out, "{text}").and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Err(SinkError::Closed.into()),
            Err(source) => {
                return Err(SinkError::File { path: "standard output".to_owned(), source }.into());
            }
            Ok(()) => {}
        }
        if !args.common.quiet && is_text {
            let damage = if is_json { "" } else { ": not valid JSON, printed as it is" };
            // The record is printed, with or without this line.
            say(&format!("{}@{offset}{damage}", printable(archive)));
        } else if !is_text {
            log::line("INFO", "record", json!({"archive": archive, "offset": offset, "is_json": is_json}));
        }
    }
    if !args.common.quiet && is_text {
        let _ = io::stderr().write_all(unread_inputs(&totals).as_bytes());
    }
    if found.is_empty() {
        return Ok(reporter.nothing_found(&totals, &not_found(&name, &args.name, &totals)));
    }
    Ok(reporter.rows_printed(&totals))
}

/// The archives in which the report says the event is. A report has the place of each event.
fn archives_in(report: &FinishedReport, name: &RecordName, text: &str) -> Result<Vec<PathBuf>, CliError> {
    const ID: usize = column_position(EVENTS, "event_id");
    const ARCHIVE: usize = column_position(EVENTS, "archive");
    let RecordName::EventId(id) = name else { return Ok(vec![archive_of(name, text)?]) };
    let mut archives = BTreeSet::new();
    report.read_events(|row| {
        if row.text_at(ID) == Some(id.as_str()) {
            archives.extend(row.text_at(ARCHIVE).map(path_of));
        }
    })?;
    if archives.is_empty() {
        let read = report.inputs();
        let read = if read.is_empty() { "the archives".to_owned() } else { printable(&read.join(" ")) };
        let text = format!(
            "the report has no event {}; what was not selected is only in the archives: name {read}",
            printable(text)
        );
        return Err(CliError::Usage(text));
    }
    Ok(archives.into_iter().collect())
}

/// The archive itself, where no input is named.
fn archive_of(name: &RecordName, text: &str) -> Result<PathBuf, CliError> {
    let RecordName::Place { archive, .. } = name else {
        let text = format!(
            "name the archives in which the record {} is, or the record as ARCHIVE@OFFSET",
            printable(text)
        );
        return Err(CliError::Usage(text));
    };
    Ok(path_of(archive))
}

/// The file or object that an archive is, or is in.
fn path_of(archive: &str) -> PathBuf {
    if Path::new(archive).exists() {
        return archive.into();
    }
    // `!/` is between a container and its member; it may also be in a name.
    let ends = archive.match_indices("!/").map(|(at, _)| &archive[..at]);
    let containers: Vec<&str> = ends.collect();
    let on_disk = containers.iter().find(|name| Path::new(name).is_file());
    on_disk.or(containers.first()).copied().unwrap_or(archive).into()
}

/// Why there may be no record.
fn not_found(name: &RecordName, text: &str, totals: &InputTotals) -> String {
    let inputs: u64 = InputStatus::ALL.into_iter().map(|status| totals.count(status)).sum();
    let text = printable(text);
    match name {
        RecordName::Place { archive, .. } if inputs == 0 => {
            let archive = printable(archive);
            format!("no input is named {archive}: name INPUT as in the run that named the archive so")
        }
        RecordName::Place { .. } => {
            format!("no record is at {text}: the offset is that of the column record_offset")
        }
        RecordName::EventId(_) => {
            format!("no record has the event id {text} in {}", counted(inputs, "input"))
        }
    }
}
