//! What a question is asked of: a finished report, or the facts of a run over archives.

use indicatif::ProgressBar;

use super::error::CliError;
use super::inputs::finished_report;
use super::interrupt::Interrupt;
use super::options::CommonOptions;
use super::sinks::NoRows;
use super::{plan, progress};
use keytrail::engine::{self, Plan, Run};
use keytrail::report::FinishedReport;
use keytrail::s3::Buckets;
use std::path::PathBuf;

/// What a question is asked of.
pub(super) enum Subject {
    /// A report that another run wrote.
    Report(FinishedReport),
    /// A run over all of the inputs, which selects what is selected by default.
    Run(Box<Run>),
}

impl Subject {
    /// Opens the report, or runs over the archives. The run keeps no rows of events.
    ///
    /// # Errors
    /// When an input cannot be listed, or a report not be read; and those of a run.
    pub(super) fn open(
        inputs: &[PathBuf],
        buckets: &Buckets,
        common: &CommonOptions,
        interrupt: &Interrupt,
        bar: &ProgressBar,
    ) -> Result<Self, CliError> {
        if let Some(report) = finished_report(inputs, buckets)? {
            return Ok(Self::Report(report));
        }
        let plan = Plan {
            threads: usize::from(common.threads),
            buckets: buckets.clone(),
            cancel: interrupt.cancel_flag(),
            ..Plan::new(plan::inputs(inputs)?)?
        };
        plan::check_inputs(&plan)?;
        let run = progress::with_bar(bar, &plan, |progress| engine::run(&plan, &mut NoRows, progress))?;
        Ok(Self::Run(Box::new(run)))
    }
}
