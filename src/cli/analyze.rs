//! `keytrail analyze`: archives → a report directory.

use std::io::{self, IsTerminal, Write};

use chrono::Utc;

use super::args::{Analyze, LogFormat};
use super::destination::Destination;
use super::ending::{Ending, Finished};
use super::interrupt::Interrupt;
use super::{CliError, Status, alarms, log, paint, progress, select};
use keytrail::audit::{CaveatContext, caveats};
use keytrail::engine;
use keytrail::model::EventTime;
use keytrail::report::{IncrementalSummary, RunJson, Style, Summary};
use keytrail::source::Input;

pub(super) fn run(args: &Analyze, interrupt: &Interrupt, ending: &Ending) -> Result<Status, CliError> {
    let bar = progress::bar(&args.common);
    log::start(&args.common, &bar);
    ending.check()?;
    let (mut plan, options) = select::plan(
        (&args.select, &args.folders, &args.s3),
        &args.common,
        Some(&args.output),
        interrupt.flag(),
    )?;
    let destination = Destination::open(args, &mut plan)?;
    let mut directory = destination.report(args)?;
    interrupt.remove_if_killed(Some(directory.unfinished()));
    let result =
        progress::while_shown(&bar, &plan, 1, |progress| engine::run(&plan, &mut directory, progress));
    let run = match result {
        Ok(run) => run,
        Err(error) => {
            directory.discard();
            return Err(error.into());
        }
    };
    let caveats = caveats(&CaveatContext {
        counts: &run.counts,
        inputs: &run.inputs,
        observations: &run.observations,
        coverage: &run.coverage,
        facts: &run.lessons,
        learn: plan.learn,
        usage: &run.usage,
        keep_duplicates: plan.keep_duplicates,
        chose_folders: !plan.prune.keeps_everything()
            && plan.inputs.iter().any(|input| matches!(input, Input::S3(_))),
    });
    let ended = EventTime(Utc::now().timestamp_millis());
    let facts = RunJson {
        options: &options,
        started: ending.started(),
        ended,
        counts: &run.counts,
        inputs: &run.inputs,
        coverage: &run.coverage,
        facts: &run.lessons,
        incremental: plan.extracts.as_ref().map(|state| {
            let (archives_read, archives_known) = state.counted();
            IncrementalSummary { archives_read, archives_known }
        }),
        caveats: &caveats,
    };
    let staged = directory.stage(&run.usage, &run.daily, &facts)?;
    interrupt.remove_if_killed(None); // from here on a stop must not undo what is put in place
    let written = destination.publish(staged, &plan)?;
    if !args.common.quiet && args.common.log_format == LogFormat::Text {
        let terminal = io::stderr().is_terminal();
        let style = Style { color: paint(&args.common, terminal), width: terminal.then(width).flatten() };
        let summary =
            Summary { run: &facts, usage: &run.usage, report: &written.directory, elapsed: ending.elapsed() };
        let _ = io::stderr().write_all(summary.render(style).as_bytes()); // the report is written all the same
    }
    let missing_days = alarms::missing_in(&run, &plan.selection);
    let alarms = alarms::alarms(&args.unattended, &run, missing_days, ended);
    Ok(ending.finished(&Finished { run: &run, caveats: &caveats, missing_days, alarms: &alarms }))
}

/// Width of the terminal, in characters.
pub(super) fn width() -> Option<u16> {
    terminal_size::terminal_size().map(|(width, _)| width.0)
}
