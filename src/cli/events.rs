//! `keytrail events`: archives → selected events on standard output.

use std::io::{self, BufWriter, IsTerminal, Write};

use super::args::{Events, LogFormat};
use super::ending::{Ending, Finished};
use super::interrupt::Interrupt;
use super::progress::AboveBar;
use super::{CliError, Status, alarms, log, progress, select};
use keytrail::engine;
use keytrail::report::{RowStream, unread_inputs, zero_result_causes};

pub(super) fn run(args: &Events, interrupt: &Interrupt, ending: &Ending) -> Result<Status, CliError> {
    let bar = progress::bar(&args.common);
    log::start(&args.common, &bar);
    let terminal = io::stdout().is_terminal();
    let format = super::format(args.format, terminal)?;
    let (plan, _) =
        select::plan((&args.select, &args.folders, &args.s3), &args.common, None, interrupt.flag())?;
    let width = terminal.then(super::analyze::width).flatten();
    let mut stream = RowStream::events(
        format,
        BufWriter::with_capacity(64 << 10, AboveBar::new(&bar, io::stdout())),
        width,
    )?;
    let run = progress::while_shown(&bar, &plan, 1, |progress| {
        engine::run(&plan, &mut stream, progress)
    })?;
    stream.finish()?;
    if !args.common.quiet && args.common.log_format == LogFormat::Text {
        let mut text = unread_inputs(&run.inputs);
        if run.counts.selected == 0 {
            text.push_str("no event was selected; likely causes:\n");
            for cause in zero_result_causes(&run.counts, &run.inputs, &run.coverage) {
                text.push_str(&format!("  - {cause}\n"));
            }
        }
        let _ = io::stderr().write_all(text.as_bytes()); // the events are out all the same
    }
    let missing_days = alarms::missing_in(&run, &plan.selection);
    Ok(ending.finished(&Finished { run: &run, caveats: &[], missing_days, alarms: &[] }))
}
