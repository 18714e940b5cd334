//! `keytrail events`: archives → selected events on standard output.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::atomic::Ordering;

use super::args::EventsArgs;
use super::error::CliError;
use super::exit::ExitStatus;
use super::interrupt::Interrupt;
use super::plan::PlanRequest;
use super::progress::BarAwareWriter;
use super::reporter::{ExitReporter, FinishedRun};
use super::values::LogFormat;
use super::{alarms, plan, progress, startup, terminal};
use tracing::warn;

use keytrail::engine::{self, Run};
use keytrail::report::{RowStream, scope, unread_inputs, zero_result_causes};

const BUFFER_BYTES: usize = 64 << 10;

pub(super) fn run(
    args: &EventsArgs,
    interrupt: &Interrupt,
    reporter: &ExitReporter,
) -> Result<ExitStatus, CliError> {
    let bar = startup::start(&args.common)?;
    let is_terminal = io::stdout().is_terminal();
    let format = terminal::stdout_format(args.format, is_terminal)?;
    let plan = plan::plan(&PlanRequest {
        selection: &args.selection,
        prune: &args.prune,
        s3: &args.s3,
        common: &args.common,
        output: None,
        cancel: interrupt.cancel_flag(),
    })?;

    if args.selection.hash {
        warn!("--hash has no effect: the events that are printed have no column for it");
    }
    let width = is_terminal.then(terminal::width).flatten();
    let out = BufWriter::with_capacity(BUFFER_BYTES, BarAwareWriter::new(&bar, io::stdout()));
    let mut stream = RowStream::events(format, out, width)?;
    let run = progress::with_bar(&bar, &plan, |progress| engine::run(&plan, &mut stream, progress))?;
    stream.finish()?;

    if !args.common.quiet && args.common.log_format == LogFormat::Text {
        // The events are printed, with or without these notes.
        let options = plan::recorded_options(&args.selection, &args.prune, &plan.selection);
        let unlisted = plan.unlisted_folders.load(Ordering::Relaxed);
        // Who pipes events elsewhere knows the options, but not what was left out because of them.
        let shows_scope = unlisted > 0 || run.counts.selected == 0;
        let scope = scope(&options, unlisted).filter(|_| shows_scope);
        let _ = io::stderr().write_all(notes(&run, scope).as_bytes());
    }
    let missing_days = alarms::missing_days_in(&run, &plan.selection);
    Ok(reporter.finished(&FinishedRun { run: &run, caveats: &[], missing_days, alarms: &[] }))
}

/// What narrowed the run, what could not be read, and why there may be no event.
fn notes(run: &Run, scope: Option<String>) -> String {
    let mut text = scope.map_or_else(String::new, |scope| format!("scope: {scope}\n"));
    text.push_str(&unread_inputs(&run.inputs));
    if run.counts.selected == 0 {
        text.push_str("no event was selected; likely causes:\n");
        for cause in zero_result_causes(&run.counts, &run.inputs, &run.coverage) {
            text.push_str(&format!("  - {cause}\n"));
        }
    }
    text
}
