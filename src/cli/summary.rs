//! `keytrail summary`: how much each caller, key or address did.

use std::io::{self, Write};

use super::error::CliError;
use super::event_args::{CountBy, SummaryArgs};
use super::event_source::{ReadFrom, TakeEvent, open_input, read_events};
use super::exit::ExitStatus;
use super::interrupt::Interrupt;
use super::reporter::ExitReporter;
use super::row_output::RowOutput;
use super::startup;
use super::values::LogFormat;
use keytrail::aggregate::InputTotals;
use keytrail::model::counted;
use keytrail::report::{EncodedRow, SinkError, TOTALS, Totals, TotalsBy, encode_row, unread_inputs};

/// The columns that a terminal shows.
const TERMINAL_COLUMNS: &[&str] = &[
    "value",
    "call_count",
    "denied_count",
    "failed_count",
    "first_time",
    "last_time",
    "key_count",
    "source_ip_count",
];

pub(super) fn run(
    args: &SummaryArgs,
    interrupt: &Interrupt,
    reporter: &ExitReporter,
) -> Result<ExitStatus, CliError> {
    let bar = startup::start(&args.common)?;
    let mut output = RowOutput::open(&args.rows, &args.common, &bar)?;
    let mut totals = EventTotals(Totals::new(by(args.by)));
    let mut stream = output.rows(TOTALS, TERMINAL_COLUMNS)?;
    let input = open_input(&args.events, &args.common, interrupt)?;
    let read = read_events(input, &args.events, &bar, &mut totals)?;
    let EventTotals(totals) = totals;
    let left_out = totals.left_out();
    let mut bytes = Vec::new();
    for row in &totals.into_rows() {
        bytes.clear();
        encode_row(TOTALS, row, &mut bytes);
        stream.push(EncodedRow::new(&bytes))?;
    }
    stream.finish()?;
    output.finish()?;

    let (mut note, inputs) = match &read.of {
        ReadFrom::Report(note) => (note.clone(), InputTotals::default()),
        ReadFrom::Archives(archives) => (unread_inputs(&archives.run.inputs), archives.run.inputs.clone()),
    };
    if left_out > 0 {
        note.push_str(&format!("{} of further values left out\n", counted(left_out, "event")));
    }
    if !args.common.quiet && args.common.log_format == LogFormat::Text {
        // The rows are printed, with or without these notes.
        let _ = io::stderr().write_all(note.as_bytes());
    }
    if read.wanted == 0 {
        let text = match read.selected {
            0 => "no event was selected; `keytrail events` with the same options says why".to_owned(),
            n => format!("none of {} fits the filters", counted(n, "selected event")),
        };
        return Ok(reporter.nothing_found(&inputs, &text));
    }
    Ok(reporter.rows_printed(&inputs))
}

struct EventTotals(Totals);

impl TakeEvent for EventTotals {
    fn take(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError> {
        self.0.event(row);
        Ok(())
    }
}

fn by(by: CountBy) -> TotalsBy {
    match by {
        CountBy::Principal => TotalsBy::Principal,
        CountBy::AccessKey => TotalsBy::AccessKey,
        CountBy::SourceIp => TotalsBy::SourceIp,
        CountBy::Key => TotalsBy::Key,
        CountBy::Resource => TotalsBy::Resource,
        CountBy::User => TotalsBy::User,
    }
}
