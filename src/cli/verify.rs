//! `keytrail verify`: what digests say of digests and log files, on standard output.

use std::io::{self, BufWriter, Write};

use indicatif::ProgressBar;

use super::digest_files::digest_options;
use super::error::CliError;
use super::exit::ExitStatus;
use super::inputs::{finished_report, window_note};
use super::interrupt::Interrupt;
use super::progress::BarAwareWriter;
use super::reporter::ExitReporter;
use super::row_output::RowOutput;
use super::times::time_window;
use super::values::LogFormat;
use super::verify_args::VerifyArgs;
use super::{plan, progress, startup};
use keytrail::aggregate::InputTotals;
use keytrail::engine::{self, DigestOptions, Plan, Selection};
use keytrail::integrity::{FileKind, IntegritySummary};
use keytrail::model::{IntegrityReason, IntegrityStatus, Rejection, counted, number};
use keytrail::report::{
    EncodedRow, EventStep, FinishedReport, INTEGRITY, IntegrityTable, RowStream, Sink, SinkError,
    column_position, printable, unread_inputs,
};

/// The columns that a terminal shows.
const TERMINAL_COLUMNS: &[&str] = &["kind", "status", "reason", "archive"];

pub(super) fn run(
    args: &VerifyArgs,
    interrupt: &Interrupt,
    reporter: &ExitReporter,
) -> Result<ExitStatus, CliError> {
    let bar = startup::start(&args.common)?;
    if let Some(report) = finished_report(&args.inputs, &plan::buckets(&args.s3))? {
        return of_report(args, &report, reporter, &bar);
    }
    let (since, until) =
        time_window(("--start-time", args.start_time.as_deref()), ("--end-time", args.end_time.as_deref()))?;
    let digests =
        DigestOptions { hash_all: true, only_selected_time: true, ..digest_options(&args.digests)? };
    let selection = Selection { since, until, ..Selection::default() };
    let plan = Plan {
        threads: usize::from(args.common.threads),
        buckets: plan::buckets(&args.s3),
        cancel: interrupt.cancel_flag(),
        prune: plan::prune_for(&selection),
        selection,
        digests,
        ..Plan::new(plan::inputs(&args.inputs)?)?
    };
    plan::check_inputs(&plan)?;

    let out = BufWriter::new(BarAwareWriter::new(&bar, io::stdout()));
    let mut output;
    let printer = match args.format {
        None => Printer::Lines { out, prints_all: args.common.verbose > 0 },
        Some(_) => {
            output = RowOutput::stdout(args.format, &[], &args.common, &bar)?;
            Printer::Rows(output.rows(INTEGRITY, TERMINAL_COLUMNS)?)
        }
    };
    let mut sink = VerifySink { printer };
    let run = progress::with_bar(&bar, &plan, |progress| engine::run(&plan, &mut sink, progress))?;
    match sink.printer {
        Printer::Lines { mut out, .. } => {
            let page = page(&run.integrity);
            out.write_all(page.as_bytes()).and_then(|()| out.flush()).map_err(output_failed)?;
        }
        Printer::Rows(rows) => rows.finish()?,
    }
    if !args.common.quiet && args.common.log_format == LogFormat::Text {
        let mut notes = unread_inputs(&run.inputs);
        if args.format.is_some() {
            notes.push_str(&format!("{}\n", run.integrity.sentence()));
        }
        // The result is printed, with or without these notes.
        let _ = io::stderr().write_all(notes.as_bytes());
    }
    let is_verified = run.integrity.signed_digests > 0 && run.integrity.broken() == 0;
    Ok(reporter.verified(&run.inputs, is_verified))
}

/// Prints what a report says of its digests and log files. Nothing is verified again.
fn of_report(
    args: &VerifyArgs,
    report: &FinishedReport,
    reporter: &ExitReporter,
    bar: &ProgressBar,
) -> Result<ExitStatus, CliError> {
    let mut output = RowOutput::stdout(args.format, &[], &args.common, bar)?;
    let mut broken = 0;
    let mut printed = Ok(());
    {
        let mut lines = BufWriter::new(BarAwareWriter::new(bar, io::stdout()));
        let printer = match args.format {
            None => Printer::Lines { out: &mut lines, prints_all: args.common.verbose > 0 },
            Some(_) => Printer::Rows(output.rows(INTEGRITY, TERMINAL_COLUMNS)?),
        };
        let mut sink = VerifySink { printer };
        report.read::<IntegrityTable>(|row| {
            let is = |status: IntegrityStatus| row.text_at(STATUS) == Some(status.as_str());
            use IntegrityStatus::{Invalid, Missing, Unlisted};
            broken += u64::from([Invalid, Missing, Unlisted].into_iter().any(is));
            if printed.is_ok() {
                printed = sink.integrity(row);
            }
        })?;
        printed?;
        match sink.printer {
            Printer::Lines { out, .. } => {
                let summary = report.run()["integrity"]["summary"].as_str().unwrap_or("No digests found");
                let text = format!("{}\n", printable(summary));
                out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(output_failed)?;
            }
            Printer::Rows(rows) => rows.finish()?,
        }
    }
    output.finish()?;
    if !args.common.quiet && args.common.log_format == LogFormat::Text {
        // The result is printed, with or without this note.
        let _ = io::stderr().write_all(window_note(report).as_bytes());
    }
    let signed = report.number(&["integrity", "signed_digests"]).unwrap_or_default();
    Ok(reporter.verified(&InputTotals::default(), signed > 0 && broken == 0))
}

/// Why standard output cannot be written.
fn output_failed(source: io::Error) -> SinkError {
    match source.kind() {
        io::ErrorKind::BrokenPipe => SinkError::Closed,
        _ => SinkError::File { path: "standard output".to_owned(), source },
    }
}

/// How rows are printed.
enum Printer<'w, W: Write> {
    /// As lines of text; those of files that are valid, or that no digest covers, if asked for.
    Lines {
        out: W,
        prints_all: bool,
    },
    Rows(RowStream<'w>),
}

/// Prints what digests say of each file, and leaves all other rows out.
struct VerifySink<'w, W: Write> {
    printer: Printer<'w, W>,
}

impl<W: Write + Send> Sink for VerifySink<'_, W> {
    fn event(&mut self, _: i32, _: EventStep<'_>) -> Result<(), SinkError> {
        Ok(())
    }

    fn reject(&mut self, _: &str, _: &Rejection) -> Result<(), SinkError> {
        Ok(())
    }

    fn integrity(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError> {
        match &mut self.printer {
            Printer::Rows(rows) => rows.push(row),
            Printer::Lines { out, prints_all } => match line(row, *prints_all) {
                Some(line) => out.write_all(line.as_bytes()).map_err(output_failed),
                None => Ok(()),
            },
        }
    }

    fn input(&mut self, _: EncodedRow<'_>) -> Result<(), SinkError> {
        Ok(())
    }

    fn finish_rows(&mut self, _: &dyn Fn() -> bool) -> Result<(), SinkError> {
        Ok(())
    }
}

const KIND: usize = column_position(INTEGRITY, "kind");
const ARCHIVE: usize = column_position(INTEGRITY, "archive");
const RECORDED: usize = column_position(INTEGRITY, "recorded_location");
const STATUS: usize = column_position(INTEGRITY, "status");
const REASON: usize = column_position(INTEGRITY, "reason");

/// The line of a file, with tabs as AWS's validator writes it: kind, place, verdict. Where the file
/// is not at its place, its URI follows.
fn line(row: EncodedRow<'_>, prints_all: bool) -> Option<String> {
    let text = |column| row.text_at(column).unwrap_or_default();
    let status = IntegrityStatus::ALL.iter().copied().find(|known| known.as_str() == text(STATUS))?;
    let reason = IntegrityReason::ALL.iter().copied().find(|known| known.as_str() == text(REASON));
    let is_expected =
        matches!(status, IntegrityStatus::Valid | IntegrityStatus::NotYetCovered | IntegrityStatus::NoDigest);
    if is_expected && !prints_all {
        return None;
    }
    let kind = if text(KIND) == FileKind::Digest.as_str() { "Digest file" } else { "Log file" };
    let archive = text(ARCHIVE);
    let place = row.text_at(RECORDED).unwrap_or(archive);
    let found = match reason {
        Some(IntegrityReason::LocationDiffers | IntegrityReason::Moved) => {
            format!("\t(found at {})", printable(archive))
        }
        _ => String::new(),
    };
    let fields = [kind, place, &verdict(status, reason)].map(printable);
    Some(format!("{}{found}\n", fields.join("\t")))
}

/// A verdict in the words of AWS's validator, as far as it has one.
fn verdict(status: IntegrityStatus, reason: Option<IntegrityReason>) -> String {
    use {IntegrityReason as Why, IntegrityStatus as Is};
    let words = match (status, reason) {
        (Is::Invalid, Some(Why::SignatureMismatch)) => "signature verification failed",
        (Is::Invalid, Some(Why::InvalidFormat | Why::Damaged)) => "invalid format",
        (Is::Invalid, Some(Why::Moved)) => "has been moved from its original location",
        (Is::Invalid, Some(Why::HashMismatch)) => "hash value doesn't match",
        (Is::Invalid, Some(Why::TrailingData)) => "unexpected data after end of compressed stream",
        (Is::Missing, _) => match reason {
            None => "not found",
            Some(Why::BeforeInput) => {
                "not found; it comes before the oldest digest in the input: see --start-time"
            }
            Some(other) => return format!("INVALID: not found; {}", other.in_words()),
        },
        (_, Some(reason)) => reason.in_words(),
        (status, None) => status.in_words(),
    };
    match status {
        Is::Valid => match reason {
            None | Some(Why::StartsChain) => "valid".to_owned(),
            Some(_) => format!("valid; {words}"),
        },
        Is::Invalid | Is::Missing => format!("INVALID: {words}"),
        other => format!("{}: {words}", other.as_str()),
    }
}

/// The counts, in the words of AWS's validator, and the sentence to quote.
fn page(summary: &IntegritySummary) -> String {
    let mut text = String::new();
    if summary.is_empty() {
        return "No digests found\n".to_owned();
    }
    for (kind, name) in [(FileKind::Digest, "digest"), (FileKind::Log, "log")] {
        use IntegrityStatus as Is;
        let count = |status| summary.count(kind, status);
        let invalid = count(Is::Invalid) + count(Is::Missing);
        let others = [Is::Unverifiable, Is::Unlisted];
        let total = count(Is::Valid) + invalid + others.into_iter().map(count).sum::<u64>();
        let part = |n: u64, word: &str| format!("{}/{} {name} files {word}", number(n), number(total));
        let mut parts = vec![part(count(Is::Valid), "valid")];
        if invalid > 0 {
            parts.push(part(invalid, "INVALID"));
        }
        parts.extend(
            others.into_iter().filter(|status| count(*status) > 0).map(|s| part(count(s), s.as_str())),
        );
        text.push_str(&format!("{}\n", parts.join(", ")));
        for status in [Is::NotYetCovered, Is::NoDigest] {
            if count(status) > 0 {
                let files = counted(count(status), &format!("{name} file"));
                text.push_str(&format!("{files} more: {}\n", status.in_words()));
            }
        }
    }
    text.push_str(&format!("{}\n", summary.sentence()));
    text
}
