//! The selected events of archives or of a report, one after the other.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use indicatif::ProgressBar;

use super::error::CliError;
use super::event_args::EventSelection;
use super::event_filter::EventFilter;
use super::inputs::{finished_report, window_note};
use super::interrupt::Interrupt;
use super::options::CommonOptions;
use super::plan::PlanRequest;
use super::{plan, progress};
use keytrail::base::TaskQueue;
use keytrail::engine::{self, EventNames, Plan, ReportedEvent, Run, Selection};
use keytrail::model::{EventTime, Principal, Rejection, Workload, WorkloadSet};
use keytrail::report::{
    Cell, EVENTS, EncodedRow, EventStep, FinishedReport, RunOptions, Sink, SinkError, column_position,
};

/// What takes events.
pub(super) trait TakeEvent: Send {
    /// Takes a row of `EVENTS`.
    fn take(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError>;

    /// The tasks of a stream that the rows go to.
    fn tasks(&self) -> TaskQueue<SinkError> {
        TaskQueue::default()
    }
}

/// What was read, beside the events.
pub(super) struct EventsRead {
    /// How many events were selected.
    pub(super) selected: u64,
    /// How many of these the filters left.
    pub(super) wanted: u64,
    pub(super) of: ReadFrom,
}

/// What the events were read from.
pub(super) enum ReadFrom {
    /// A report; with what is to be said of it.
    Report(String),
    /// Archives.
    Archives(Box<ArchivesRead>),
}

/// A run over archives.
pub(super) struct ArchivesRead {
    pub(super) run: Run,
    pub(super) options: RunOptions,
    pub(super) selection: Selection,
    /// Folders in S3 that were not listed.
    pub(super) unlisted: u64,
}

/// What events are read from, once it is known to be there.
pub(super) struct EventInput {
    filter: EventFilter,
    from: InputKind,
}

enum InputKind {
    Report(FinishedReport),
    Archives(Box<Plan>),
}

/// Opens what events are read from.
///
/// # Errors
/// When an option has a wrong value, or no input can be opened.
pub(super) fn open_input(
    args: &EventSelection,
    common: &CommonOptions,
    interrupt: &Interrupt,
) -> Result<EventInput, CliError> {
    let filter = EventFilter::new(&args.filter)?;
    if let Some(report) = finished_report(&args.selection.inputs, &plan::buckets(&args.s3))? {
        return Ok(EventInput { filter, from: InputKind::Report(report) });
    }
    let plan = plan::plan(&PlanRequest {
        selection: &args.selection,
        prune: &args.prune,
        s3: &args.s3,
        common,
        output: None,
        cancel: interrupt.cancel_flag(),
    })?;
    Ok(EventInput { filter, from: InputKind::Archives(Box::new(plan)) })
}

/// Reads the events.
///
/// # Errors
/// When an input or a report cannot be read, or `take` fails.
pub(super) fn read_events(
    input: EventInput,
    args: &EventSelection,
    bar: &ProgressBar,
    take: &mut dyn TakeEvent,
) -> Result<EventsRead, CliError> {
    let mut shown = ShownEvents { filter: input.filter, selected: 0, wanted: 0, take };
    let plan = match input.from {
        InputKind::Archives(plan) => *plan,
        InputKind::Report(report) => {
            of_report(args, &report, &mut shown)?;
            let ShownEvents { selected, wanted, .. } = shown;
            return Ok(EventsRead { selected, wanted, of: ReadFrom::Report(window_note(&report)) });
        }
    };
    let run = progress::with_bar(bar, &plan, |progress| engine::run(&plan, &mut shown, progress))?;
    let ShownEvents { selected, wanted, .. } = shown;
    let options = plan::recorded_options(&args.selection, &args.prune, &plan.selection);
    let unlisted = plan.unlisted_folders.load(Ordering::Relaxed);
    let Plan { selection, .. } = plan;
    let read = ArchivesRead { run, options, selection, unlisted };
    Ok(EventsRead { selected, wanted, of: ReadFrom::Archives(Box::new(read)) })
}

/// Hands over the events that the filters leave.
struct ShownEvents<'t> {
    filter: EventFilter,
    selected: u64,
    wanted: u64,
    take: &'t mut dyn TakeEvent,
}

impl ShownEvents<'_> {
    fn row(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError> {
        self.selected += 1;
        if !self.filter.wants(row) {
            return Ok(());
        }
        self.wanted += 1;
        self.take.take(row)
    }
}

impl Sink for ShownEvents<'_> {
    /// Out-of-order rows stay out of order.
    fn event(&mut self, _: i32, step: EventStep<'_>) -> Result<(), SinkError> {
        match step {
            EventStep::Row(row, _) => self.row(row),
            EventStep::Expected | EventStep::NotExpected => Ok(()),
        }
    }

    fn reject(&mut self, _: &str, _: &Rejection) -> Result<(), SinkError> {
        Ok(())
    }

    fn input(&mut self, _: EncodedRow<'_>) -> Result<(), SinkError> {
        Ok(())
    }

    fn finish_rows(&mut self, _: &dyn Fn() -> bool) -> Result<(), SinkError> {
        Ok(())
    }

    fn tasks(&self) -> TaskQueue<SinkError> {
        self.take.tasks()
    }
}

/// Reads the events of a report.
fn of_report(
    args: &EventSelection,
    report: &FinishedReport,
    shown: &mut ShownEvents<'_>,
) -> Result<(), CliError> {
    let mut selection = plan::selection(&args.selection)?;
    let (has_workload, has_event) = args.is_given;
    if !has_workload {
        selection.workloads = WorkloadSet::ANY;
    }
    if !has_event {
        selection.events = EventNames::Any;
    }
    let alias_keys = alias_keys(&selection, report)?;
    let mut taken = Ok(());
    report.read_events(|row| {
        if taken.is_ok() && selection.wants_reported(&reported(row), &alias_keys) {
            taken = shown.row(row);
        }
    })?;
    Ok(taken?)
}

const KEY: usize = column_position(EVENTS, "key_arn");
const ALIAS: usize = column_position(EVENTS, "key_alias");

/// The keys of the aliases that are asked for, as the report's events name them.
fn alias_keys(selection: &Selection, report: &FinishedReport) -> Result<HashSet<String>, CliError> {
    let mut keys = HashSet::new();
    if !selection.keys.is_empty() {
        report.read_events(|row| {
            if let (Some(key), Some(alias)) = (row.text_at(KEY), row.text_at(ALIAS))
                && selection.wants_alias(alias)
            {
                keys.insert(key.to_owned());
            }
        })?;
    }
    Ok(keys)
}

fn reported(row: EncodedRow<'_>) -> ReportedEvent<'_> {
    let text = |place: usize| row.text_at(place);
    let owned = |place: usize| text(place).map(Into::into);
    let mut principal = Principal::UNKNOWN;
    principal.name = owned(column_position(EVENTS, "principal")).unwrap_or_default();
    principal.kind = owned(column_position(EVENTS, "principal_type")).unwrap_or_default();
    principal.account_id = owned(column_position(EVENTS, "principal_account_id"));
    principal.session_name = owned(column_position(EVENTS, "session_name"));
    principal.source_identity = owned(column_position(EVENTS, "source_identity"));
    principal.on_behalf_of = owned(column_position(EVENTS, "on_behalf_of"));
    principal.user_name = owned(column_position(EVENTS, "user_name"));
    principal.web_identity = owned(column_position(EVENTS, "web_identity"));
    let caller = text(column_position(EVENTS, "principal_account_id"));
    let workloads = text(column_position(EVENTS, "workload")).unwrap_or_default();
    let mut set = WorkloadSet::default();
    workloads.split('+').filter_map(Workload::parse).for_each(|workload| set.insert(workload));
    ReportedEvent {
        time: match row.cells().nth(column_position(EVENTS, "event_time")) {
            Some(Cell::Time(time)) => time,
            _ => EventTime(0), // the column is never null
        },
        name: text(column_position(EVENTS, "event_name")).unwrap_or_default(),
        workloads: set,
        account: text(column_position(EVENTS, "recipient_account_id")).or(caller),
        region: text(column_position(EVENTS, "region")).unwrap_or_default(),
        principal,
        keys: [
            text(KEY),
            text(column_position(EVENTS, "key_id")),
            text(column_position(EVENTS, "destination_key_arn")),
        ],
        alias: text(ALIAS),
        served: [text(column_position(EVENTS, "service")), text(column_position(EVENTS, "resource"))],
    }
}
