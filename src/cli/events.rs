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
use super::{alarms, plan, progress, startup, terminal, unmatched};

use keytrail::audit::trails_without_kms;
use keytrail::engine::{self, Run};
use keytrail::model::counted;
use keytrail::report::{
    RowStream, RunOptions, ZeroResult, printable, scope, unread_inputs, zero_result_causes,
};
use tracing::warn;

const BUFFER_BYTES: usize = 64 << 10;

pub(super) fn run(
    args: &EventsArgs,
    interrupt: &Interrupt,
    reporter: &ExitReporter,
) -> Result<ExitStatus, CliError> {
    let bar = startup::start(&args.common)?;
    let is_terminal = io::stdout().is_terminal();
    let format = terminal::stdout_format(args.output.format, is_terminal)?;
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
    let target = terminal::output_target(is_terminal);
    let out = BufWriter::with_capacity(BUFFER_BYTES, BarAwareWriter::new(&bar, io::stdout()));
    let mut stream = RowStream::events(format, out, target)?;
    let run = progress::with_bar(&bar, &plan, |progress| engine::run(&plan, &mut stream, progress))?;
    stream.finish()?;

    let unmatched = unmatched::sentences(&run.unmatched);
    if args.common.log_format == LogFormat::Json {
        unmatched.iter().for_each(|sentence| warn!("{sentence}"));
    }
    if !args.common.quiet && args.common.log_format == LogFormat::Text {
        // The events are printed, with or without these notes.
        let options = plan::recorded_options(&args.selection, &args.prune, &plan.selection);
        let unlisted = plan.unlisted_folders.load(Ordering::Relaxed);
        let _ = io::stderr().write_all(notes(&run, &options, unlisted, &unmatched).as_bytes());
    }
    let missing_days = alarms::missing_days_in(&run, &plan.selection);
    Ok(reporter.finished(&FinishedRun { run: &run, caveats: &[], missing_days, alarms: &[] }))
}

/// What narrowed the run, what could not be read, and why there may be no event.
fn notes(run: &Run, options: &RunOptions, unlisted_folders: u64, unmatched: &[String]) -> String {
    let mut text = String::new();
    // Who pipes events elsewhere knows the options, but not what was left out because of them.
    let shows_scope = unlisted_folders > 0 || run.counts.selected == 0;
    if let Some(scope) = scope(options, unlisted_folders).filter(|_| shows_scope) {
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
            unlisted_folders,
        };
        for cause in zero_result_causes(&zero) {
            text.push_str(&format!("  - {cause}\n"));
        }
    }
    text
}
