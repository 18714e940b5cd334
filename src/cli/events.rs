//! `keytrail events`: archives or a report → selected events.

use std::io::{self, Write};

use super::error::CliError;
use super::event_args::{EventOrder, EventsArgs};
use super::event_source::{
    ArchivesRead, EventInput, EventsRead, ReadFrom, TakeEvent, open_input, read_events,
};
use super::exit::ExitStatus;
use super::interrupt::Interrupt;
use super::reporter::{ExitReporter, FinishedRun};
use super::row_output::RowOutput;
use super::values::LogFormat;
use super::{alarms, startup, unmatched};

use indicatif::ProgressBar;
use keytrail::aggregate::InputTotals;
use keytrail::audit::trails_without_kms;
use keytrail::base::TaskQueue;
use keytrail::model::counted;
use keytrail::report::{
    BatchTaker, Cell, EVENT_COLUMNS, EVENTS, EncodedRow, OutputFormat, RowSorter, RowStream, Sink, SinkError,
    ZeroResult, column_position, printable, scope, unread_inputs, zero_result_causes,
};
use tracing::warn;

pub(super) fn run(
    args: &EventsArgs,
    interrupt: &Interrupt,
    reporter: &ExitReporter,
) -> Result<ExitStatus, CliError> {
    let bar = startup::start(&args.common)?;
    let mut output = RowOutput::open(&args.rows, &args.common, &bar)?;
    if args.events.selection.hash {
        warn!("--hash has no effect: the events that are printed have no column for it");
    }
    let is_for_people = output.format() == OutputFormat::Table || output.is_file();
    let default = if is_for_people { EventOrder::Time } else { EventOrder::None };
    let mut printer = EventPrinter::new(output.rows(EVENTS, EVENT_COLUMNS)?, args, default);
    let input = open_input(&args.events, &args.common, interrupt)?;
    let read = read_events(input, &args.events, &bar, &mut printer)?;
    if let ReadFrom::Archives(archives) = &read.of {
        printer.stream.name_keys(archives.run.facts.aliases.names_of_keys());
    }
    printer.finish()?;
    output.finish()?;
    Ok(ended(&read, args, reporter))
}

/// Hands the events over as record batches, for a program that embeds the command.
pub(super) fn to_batches(
    args: &EventsArgs,
    bar: &ProgressBar,
    input: EventInput,
    reporter: &ExitReporter,
    taker: impl BatchTaker,
) -> Result<ExitStatus, CliError> {
    let chosen = Some(args.rows.columns.as_slice()).filter(|columns| !columns.is_empty());
    let mut printer = EventPrinter::new(RowStream::batches(EVENTS, chosen, taker)?, args, EventOrder::None);
    let read = read_events(input, &args.events, bar, &mut printer)?;
    printer.finish()?;
    Ok(ended(&read, args, reporter))
}

/// Prints events, in an order and up to a limit.
struct EventPrinter<'w> {
    stream: RowStream<'w>,
    /// With whether the newest come first.
    sorter: Option<(RowSorter, bool)>,
    /// How many may still be printed.
    left: u64,
}

impl<'w> EventPrinter<'w> {
    /// Prints to `stream`, in the order `default` unless another is asked for.
    fn new(stream: RowStream<'w>, args: &EventsArgs, default: EventOrder) -> Self {
        let order = args.sort.unwrap_or(default);
        Self {
            stream,
            sorter: (order != EventOrder::None).then(|| (RowSorter::default(), order == EventOrder::Newest)),
            left: args.limit.unwrap_or(u64::MAX),
        }
    }

    fn finish(mut self) -> Result<(), SinkError> {
        if let Some((sorter, _)) = self.sorter {
            let mut printed = Ok(());
            let print = |row: EncodedRow<'_>| {
                if self.left > 0 {
                    self.left -= 1;
                    printed = self.stream.push(row);
                }
                printed.is_ok() && self.left > 0
            };
            sorter.finish(print).map_err(SinkError::Temporary)?;
            printed?;
        }
        self.stream.finish()
    }
}

impl TakeEvent for EventPrinter<'_> {
    fn take(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError> {
        const TIME: usize = column_position(EVENTS, "event_time");
        if let Some((sorter, is_newest_first)) = &mut self.sorter {
            let time = match row.cells().nth(TIME) {
                Some(Cell::Time(time)) => time.0,
                _ => 0, // the column is never null
            };
            let order = if *is_newest_first { -time } else { time };
            return sorter.push(order, row).map_err(SinkError::Temporary);
        }
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        self.stream.push(row)
    }

    fn tasks(&self) -> TaskQueue<SinkError> {
        self.stream.tasks()
    }
}

/// Says what the rows do not, and how it ended.
fn ended(read: &EventsRead, args: &EventsArgs, reporter: &ExitReporter) -> ExitStatus {
    let says = !args.common.quiet && args.common.log_format == LogFormat::Text;
    let mut text = String::new();
    let limit = args.limit.filter(|limit| *limit < read.wanted);
    if let Some(limit) = limit {
        text.push_str(&format!("{limit} of {} printed (--limit)\n", counted(read.wanted, "event")));
    }
    let (inputs, run) = match &read.of {
        ReadFrom::Report(note) => {
            text.push_str(note);
            (InputTotals::default(), None)
        }
        ReadFrom::Archives(archives) => {
            let unmatched = unmatched::sentences(&archives.run.unmatched);
            if args.common.log_format == LogFormat::Json || reporter.is_embedded() {
                unmatched.iter().for_each(|sentence| warn!("{sentence}"));
            }
            text.push_str(&notes(archives, &unmatched));
            (archives.run.inputs.clone(), Some(archives))
        }
    };
    if says {
        // The events are printed, with or without these notes.
        let _ = io::stderr().write_all(text.as_bytes());
    }
    if read.wanted == 0 && args.events.filter.is_given() {
        let selected = counted(read.selected, "selected event");
        return reporter.nothing_found(&inputs, &format!("none of {selected} fits the filters"));
    }
    match run {
        Some(archives) => {
            let missing_days = alarms::missing_days_in(&archives.run, &archives.selection);
            reporter.finished(&FinishedRun { run: &archives.run, caveats: &[], missing_days, alarms: &[] })
        }
        None => reporter.rows_printed(&inputs),
    }
}

/// What narrowed the run, what could not be read, and why there may be no event.
fn notes(archives: &ArchivesRead, unmatched: &[String]) -> String {
    let ArchivesRead { run, options, unlisted, .. } = archives;
    let mut text = String::new();
    // Who pipes events elsewhere knows the options, but not what was left out because of them.
    let shows_scope = *unlisted > 0 || run.counts.selected == 0;
    if let Some(scope) = scope(options, *unlisted).filter(|_| shows_scope) {
        text.push_str(&format!("scope: {scope}\n"));
    }
    text.push_str(&unread_inputs(&run.inputs));
    if run.inputs.hidden > 0 {
        let inputs = counted(run.inputs.hidden, "skipped input");
        text.push_str(&format!(
            "{inputs} may hold records in a form that is not read; `keytrail analyze` names them in \
             inputs.parquet\n"
        ));
    }
    if run.inputs.lossy > 0 {
        let inputs = counted(run.inputs.lossy, "input");
        text.push_str(&format!(
            "{inputs} held records that another tool rebuilt: callers, keys and workloads may be missing; \
             `keytrail analyze` names them in inputs.parquet\n"
        ));
    }
    unmatched.iter().for_each(|sentence| text.push_str(&format!("{}\n", printable(sentence))));
    if run.counts.selected == 0 {
        text.push_str("no event was selected; likely causes:\n");
        let trails = trails_without_kms(&run.facts, &run.coverage);
        let zero = ZeroResult {
            options,
            counts: &run.counts,
            inputs: &run.inputs,
            trails_without_kms: &trails,
            unmatched: unmatched.len(),
            unlisted_folders: *unlisted,
        };
        for cause in zero_result_causes(&zero) {
            text.push_str(&format!("  - {cause}\n"));
        }
    }
    text
}
