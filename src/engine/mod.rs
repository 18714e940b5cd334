//! Runs a [`Plan`]: the only room that knows the order of the stages, and the only one with
//! threads.
//!
//! [`run`] scans all inputs, builds look-ups from the facts they hold, and resolves the facts to
//! events that count. Workers scan and resolve in parallel; their batches are merged in the order
//! of the inputs. So the result does not depend on the number of threads, and a worker that is too
//! far ahead waits, which bounds memory (`scheduler.rs`).
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

mod batch_store;
mod belief;
mod checkpoint;
mod digest_options;
mod elsewhere;
mod encoded_facts;
mod error;
mod filter_log;
mod input;
mod input_rows;
mod integrity;
mod merge;
mod owners_copies;
mod patterns;
mod pending;
mod plan;
mod progress;
mod queue;
mod record_lookup;
mod replaced;
mod reported;
mod resolve;
mod resolved;
mod result;
mod run_knowledge;
mod scan;
mod scan_facts;
mod scanned;
mod scanner;
mod scheduler;
mod select;
mod shown;
mod superseded;
mod threads;

use std::sync::atomic::{AtomicBool, Ordering};

use crate::aggregate::InputTotals;
use crate::base::TaskQueue;
use crate::knowledge::Facts;
use crate::report::{Sink, SinkError};
use belief::add_believed;
pub use digest_options::DigestOptions;
pub use elsewhere::scan_listed;
pub use encoded_facts::EncodedFacts;
pub use error::RunError;
pub use filter_log::{FilterLog, UnmatchedPattern};
use integrity::Judge;
use merge::Merge;
pub use patterns::{KeyPattern, Pattern, PatternError, PrincipalPattern, account_id};
pub use plan::{Limits, Plan};
pub use progress::Progress;
use record_lookup::RecordLookup;
pub use record_lookup::{FoundRecords, RecordName};
pub use replaced::ReplacedArchives;
pub use reported::ReportedEvent;
use resolve::Resolver;
pub use result::Run;
use run_knowledge::RunKnowledge;
use scan::Found;
use scheduler::Scheduler;
pub use select::{EventNames, Filter, Selection};
use threads::start_threads;

/// Runs the plan.
///
/// # Errors
/// When results cannot be written, the accounting does not hold, or the run is stopped. An input
/// that cannot be read is no error: it is part of the result.
pub fn run(plan: &Plan, sink: &mut dyn Sink, progress: &Progress) -> Result<Run, RunError> {
    let pool = start_threads(plan.threads)?;
    // Scan: every input once, to batches of facts.
    let (Found { mut facts, activity, replaced }, batches) = scan::scan(plan, &pool, progress)?;
    // Facts of all inputs become look-ups: settings, sessions, aliases, corrections.
    let mut judge = Judge::new(plan, &mut facts);
    judge.hash_early_inputs(plan);
    let disbelieved = add_believed(plan, &batches, &judge, &mut facts)?;
    let knowledge = RunKnowledge::new(plan, &mut facts, judge, disbelieved);
    // Resolve: classify and select in parallel; deduplicate, aggregate and emit in input order.
    let tasks = sink.tasks();
    let merge = Merge::new(plan, &knowledge, sink, progress);
    let resolver = Resolver { plan, knowledge: &knowledge, replaced: &replaced };
    let scheduler = Scheduler::new(resolver, batches, tasks.clone(), merge);
    pool.broadcast(|_| scheduler.work());
    let mut merge = scheduler.into_merge()?;
    with_helpers(plan, &pool, &tasks, || merge.count_pending())?;
    if plan.is_cancelled() {
        return Err(RunError::Cancelled);
    }
    let run = merge.finish(facts, activity)?;
    Ok(Run { replaced: replaced.summary(), ..run })
}

/// Scans the plan's inputs only for what their records say about other calls; also returns how many
/// inputs could be read.
///
/// # Errors
/// When the run is stopped. An input that cannot be read is no error.
pub fn learn(plan: &Plan, progress: &Progress) -> Result<(Facts, InputTotals), RunError> {
    scan::learn(plan, &start_threads(plan.threads)?, progress)
}

/// Looks for the records of a name in the plan's inputs, KMS calls or not; also returns how many
/// inputs could be read. An input in which the record cannot be is neither read nor counted.
///
/// # Errors
/// When the run is stopped, or a temporary file cannot be used. An input that cannot be read is no
/// error.
pub fn find_records(
    plan: &Plan,
    name: &RecordName,
    progress: &Progress,
) -> Result<(FoundRecords, InputTotals), RunError> {
    let lookup = RecordLookup::new(name);
    let totals = scan::find(plan, &lookup, &start_threads(plan.threads)?, progress)?;
    Ok((lookup.finish().map_err(RunError::Temporary)?, totals))
}

/// Does `work` on this thread, while the others run the tasks that it queues.
fn with_helpers(
    plan: &Plan,
    pool: &rayon::ThreadPool,
    tasks: &TaskQueue<SinkError>,
    work: impl FnOnce() -> Result<(), RunError>,
) -> Result<(), RunError> {
    let is_queued = AtomicBool::new(false);
    pool.in_place_scope(|scope| {
        for _ in 1..pool.current_num_threads() {
            scope.spawn(|_| run_tasks(plan, tasks, &is_queued));
        }
        let result = work();
        is_queued.store(true, Ordering::Release);
        run_tasks(plan, tasks, &is_queued);
        result
    })?;
    Ok(tasks.take_error()?)
}

/// Runs tasks until all are queued (`is_queued`) and done.
fn run_tasks(plan: &Plan, tasks: &TaskQueue<SinkError>, is_queued: &AtomicBool) {
    while !plan.is_cancelled() {
        if tasks.run_one() {
            continue;
        }
        if is_queued.load(Ordering::Acquire) && tasks.is_idle() {
            return;
        }
        tasks.wait();
    }
}
