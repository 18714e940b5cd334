//! `keytrail analyze`: archives → a report directory.

use std::fs::metadata;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Instant;

use chrono::Utc;

use super::args::{Analyze, LogFormat};
use super::interrupt::Interrupt;
use super::{CliError, Status, log, paint, progress, select};
use keytrail::audit::{Circumstances, caveats};
use keytrail::event::EventTime;
use keytrail::extract::State;
use keytrail::pipeline::{self, Plan};
use keytrail::report::{Directory, Facts, RunFacts, Style, summary};
use keytrail::source::Input;

pub(super) fn run(args: &Analyze, interrupt: &Interrupt) -> Result<Status, CliError> {
    let begin = Instant::now();
    let started = EventTime(Utc::now().timestamp_millis());
    let bar = progress::bar(&args.common);
    log::start(&args.common, &bar);
    let (mut plan, options) = select::plan(
        (&args.select, &args.folders, &args.s3),
        &args.common,
        Some(&args.output),
        interrupt.flag(),
    )?;
    let same = |input: &PathBuf| {
        let paths = input.canonicalize().ok().zip(args.output.canonicalize().ok());
        paths.is_some_and(|(input, output)| input == output)
    };
    if let Some(input) = args.select.inputs.iter().find(|input| same(input)) {
        let text =
            format!("{} is both an input and the report's directory; name another with -o", input.display());
        return Err(CliError::Usage(text));
    }
    if args.incremental {
        plan.extracts = Some(extracts(args, &plan)?);
        // Nobody else is at work here: what looks so was left by a run that was killed.
        Directory::tidy(&args.output)?;
    }
    let mut directory = Directory::create(&args.output, args.force || args.incremental)?;
    interrupt.remove_if_killed(Some(directory.unfinished()));
    let result = progress::while_shown(&bar, &plan, 1 + u64::from(plan.reads_first()), |progress| {
        pipeline::run(&plan, &mut directory, progress)
    });
    let run = match result {
        Ok(run) => run,
        Err(error) => {
            directory.discard();
            return Err(error.into());
        }
    };
    let caveats = caveats(&Circumstances {
        counts: &run.counts,
        inputs: &run.inputs,
        observations: &run.observations,
        coverage: &run.coverage,
        lessons: &run.lessons,
        learn: plan.learn,
        usage: &run.usage,
        keep_duplicates: plan.keep_duplicates,
        chose_folders: !plan.scope.is_everything()
            && plan.inputs.iter().any(|input| matches!(input, Input::S3(_))),
    });
    let facts = RunFacts {
        options: &options,
        started,
        ended: EventTime(Utc::now().timestamp_millis()),
        counts: &run.counts,
        inputs: &run.inputs,
        coverage: &run.coverage,
        lessons: &run.lessons,
        caveats: &caveats,
    };
    let prepared = directory.prepare(&run.usage, &run.daily, &facts)?;
    interrupt.remove_if_killed(None); // from here on a stop must not undo what is put in place
    let written = prepared.place()?;
    if args.common.quiet {
        // errors only
    } else if args.common.log_format == LogFormat::Json {
        log::finished(&run, &written.directory.display().to_string(), begin.elapsed());
    } else {
        let terminal = io::stderr().is_terminal();
        let style = Style { color: paint(&args.common, terminal), width: terminal.then(width).flatten() };
        let facts =
            Facts { run: &facts, usage: &run.usage, report: &written.directory, elapsed: begin.elapsed() };
        let _ = io::stderr().write_all(summary(&facts, style).as_bytes()); // the report is written all the same
    }
    Ok(if run.inputs.read_whole() { Status::Whole } else { Status::InPart })
}

/// What earlier runs into the report's directory have kept.
fn extracts(args: &Analyze, plan: &Plan) -> Result<State, CliError> {
    let once = |input: &&PathBuf| {
        input.as_os_str() == "-" || metadata(input).is_ok_and(|meta| !meta.is_file() && !meta.is_dir())
    };
    if let Some(input) = args.select.inputs.iter().find(once) {
        let text = format!(
            "--incremental cannot tell whether it has read {} before; name files, directories or s3:// instead",
            input.display()
        );
        return Err(CliError::Usage(text));
    }
    let settings = Plan::settings(plan.limits, plan.hash);
    Ok(State::in_directory(&args.output, settings, args.force)?)
}

/// Width of the terminal, in characters.
pub(super) fn width() -> Option<u16> {
    terminal_size::terminal_size().map(|(width, _)| width.0)
}
