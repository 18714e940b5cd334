//! From a [`Plan`] to results: the only place that knows the order of the stages, and the only one that runs them in parallel.
//!
//! Archives are worked on in parallel, a few ahead of the one being merged; what they give is merged in the order of their names. So the result
//! does not depend on the number of threads, and memory is bounded by the few (`scheduler.rs`).
//!
//! ```
//! use keytrail::{engine, report, source::Input};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! let plan = engine::Plan::new(vec![Input::Path("sample-logs".into())])?;
//! let mut sink = report::ReportDirectory::create(&dir.path().join("report"), report::Existing::Refuse)?;
//! let run = engine::run(&plan, &mut sink, &engine::Progress::default())?;
//! println!("{} events of {} records", run.counts.selected, run.counts.records);
//! # Ok(())
//! # }
//! ```

mod archive;
mod aside;
mod checkpoint;
mod container;
mod input;
mod inputs;
mod kept;
mod known;
mod lost;
mod merge;
mod part;
mod progress;
mod queue;
mod resolve;
mod rows;
mod scan;
mod scanner;
mod scheduler;
mod select;
mod store;
mod supply;
mod window;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use thiserror::Error;

use crate::aggregate::{Counts, Coverage, DailyRow, Imbalance, InputTotals, Observations, UsageRow};
use crate::base::TaskQueue;
use crate::classify::{Classifier, RulesError};
use crate::extract::{Settings, State, StateError};
use crate::knowledge::{Aliases, Facts};
use crate::report::{Sink, SinkError};
use crate::s3::Buckets;
use crate::source::{Input, ListContext, Listing, PruneFilter};
use known::Known;
use merge::Merge;
pub use progress::Progress;
use resolve::Resolver;
use scheduler::Scheduler;
pub use select::{EventNames, Pattern, Selection};

/// Limits on what one input may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Decompressed bytes per archive; 8 GiB by default.
    pub archive_bytes: u64,
    /// Bytes per record; 4 MiB by default.
    pub record_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { archive_bytes: 8 << 30, record_bytes: 4 << 20 }
    }
}

/// What to do.
#[derive(Debug)]
pub struct Plan {
    /// Where archives are.
    pub inputs: Vec<Input>,
    /// A directory never read: the report being written.
    pub exclude: Option<PathBuf>,
    /// Which events count.
    pub selection: Selection,
    /// Whose events they are.
    pub classifier: Classifier,
    /// Limits per input.
    pub limits: Limits,
    /// Count every delivered copy.
    pub keep_duplicates: bool,
    /// Read all inputs first for what they teach: rules' particulars, aliases, corrections, stopped trails.
    pub learn: bool,
    /// Where aliases pointed, as the user knows it.
    pub aliases: Aliases,
    /// Hash the content of every archive.
    pub hash: bool,
    /// Where extracts are kept from run to run: then only archives that are new there are read, and the result is that of one run over all of them.
    pub extracts: Option<State>,
    /// Threads to work on archives with; 0: one per core.
    pub threads: usize,
    /// Which folders of S3 are listed.
    pub prune: PruneFilter,
    /// The way to S3.
    pub buckets: Buckets,
    /// Set it to stop the run.
    pub cancel: Arc<AtomicBool>,
}

impl Plan {
    /// The default run over `inputs`.
    ///
    /// # Errors
    /// Never in a released version: the built-in rules are part of it.
    pub fn new(inputs: Vec<Input>) -> Result<Self, RulesError> {
        Ok(Self {
            inputs,
            exclude: None,
            selection: Selection::default(),
            classifier: Classifier::new(None)?,
            limits: Limits::default(),
            keep_duplicates: false,
            learn: true,
            aliases: Aliases::default(),
            hash: false,
            extracts: None,
            threads: 0,
            prune: PruneFilter::default(),
            buckets: Buckets::default(),
            cancel: Arc::default(),
        })
    }

    fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    /// The archives of the plan's inputs, in the order in which they are merged.
    pub fn listing(&self) -> Listing {
        let reach = ListContext {
            prune: self.prune.clone(),
            buckets: self.buckets.clone(),
            cancel: self.cancel.clone(),
        };
        Listing::new(&self.inputs, self.exclude.as_deref(), &reach)
    }

    /// What extracts depend on, beside their archives.
    pub fn settings(limits: Limits, hash: bool) -> Settings {
        Settings { archive_bytes: limits.archive_bytes, record_bytes: limits.record_bytes, hash }
    }
}

/// What came of a run, besides what the sink has been given.
#[derive(Debug)]
pub struct Run {
    /// The accounting; it has been checked.
    pub counts: Counts,
    /// Usage per group, sorted.
    pub usage: Vec<UsageRow>,
    /// Usage per day, sorted.
    pub daily: Vec<DailyRow>,
    /// What became of the inputs.
    pub inputs: InputTotals,
    /// What the inputs cover.
    pub coverage: Coverage,
    /// What is worth knowing of the selected events.
    pub observations: Observations,
    /// What the inputs have taught.
    pub facts: Facts,
}

/// Why a run ended without a result.
#[derive(Debug, Error)]
pub enum RunError {
    /// Results could not be written.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The accounting does not hold.
    #[error(transparent)]
    Imbalance(#[from] Imbalance),
    /// Extracts could not be kept.
    #[error(transparent)]
    State(#[from] StateError),
    /// Extracts could not be read back.
    #[error("cannot read the stored facts ({0}); with --incremental, use --force to read all archives again")]
    Extract(std::io::Error),
    /// Copies that wait for their partners could not be put aside.
    #[error("cannot use a temporary file (set TMPDIR to a folder with room): {0}")]
    Temporary(std::io::Error),
    /// No threads to be had.
    #[error("cannot start threads: {0}")]
    Threads(String),
    /// Stopped through [`Plan::cancel`].
    #[error("stopped")]
    Cancelled,
}

/// Runs the plan.
///
/// # Errors
/// When results cannot be written, the accounting does not hold, or the run is stopped. Unreadable input is no error: it is part of the result.
pub fn run(plan: &Plan, sink: &mut dyn Sink, progress: &Progress) -> Result<Run, RunError> {
    let pool = threads(plan)?;
    let (mut facts, kept) = scan::scan(plan, &pool, progress)?;
    let known = Known::new(plan, &mut facts);
    let jobs = sink.tasks();
    let merge = Merge::new(plan, &known, sink, progress);
    let scheduler = Scheduler::new(Resolver { plan, known: &known }, kept, jobs.clone(), merge);
    pool.broadcast(|_| scheduler.work());
    let mut merge = scheduler.into_merge()?;
    // What is left to merge is left to this thread; the others do what it leaves to be done.
    let given = AtomicBool::new(false);
    pool.in_place_scope(|prune| {
        for _ in 1..pool.current_num_threads() {
            prune.spawn(|_| do_jobs(plan, &jobs, &given));
        }
        let placed = merge.place_waiting();
        given.store(true, Ordering::Release);
        do_jobs(plan, &jobs, &given);
        placed
    })?;
    jobs.take_error()?;
    if plan.is_cancelled() {
        return Err(RunError::Cancelled);
    }
    merge.finish(facts)
}

/// Scans the plan's inputs for what their records say of other calls, and for nothing else; with what became of them.
///
/// # Errors
/// When the run is stopped. Unreadable input says nothing.
pub fn learn(plan: &Plan, progress: &Progress) -> Result<(Facts, InputTotals), RunError> {
    scan::learn(plan, &threads(plan)?, progress)
}

fn threads(plan: &Plan) -> Result<rayon::ThreadPool, RunError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(plan.threads)
        .thread_name(|n| format!("worker-{n}"))
        .build()
        .map_err(|e| RunError::Threads(e.to_string()))
}

/// Does jobs until no more can come.
fn do_jobs(plan: &Plan, jobs: &TaskQueue<SinkError>, given: &AtomicBool) {
    while !plan.is_cancelled() {
        if jobs.run_one() {
            continue;
        }
        if given.load(Ordering::Acquire) && jobs.is_idle() {
            return;
        }
        jobs.wait();
    }
}
