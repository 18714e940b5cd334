//! The scan of all inputs: every byte is read once, in parallel, and becomes batches of facts.

use std::sync::Mutex;

use tracing::{error, info};

use super::batch_store::BatchStore;
use super::checkpoint::{self, CheckpointWriter};
use super::error::RunError;
use super::input::scan_list;
use super::kept::Kept;
use super::plan::Plan;
use super::progress::Progress;
use super::queue::{Queue, Work};
use super::scanner::{Learn, Retain, Scanner};
use crate::aggregate::{InputStatus, InputTotals, StatusReason};
use crate::base::{into_inner, lock};
use crate::extract::State;
use crate::facts::{Batch, BatchBuilder, Stretch};
use crate::knowledge::Facts;
use crate::source::Prefetcher;

/// Scans all inputs. Returns what their records say about other calls, and the facts to resolve.
///
/// A run that uses nothing of the former and stores nothing can resolve each input as it scans it:
/// then nothing is scanned here.
pub(super) fn scan<'p>(
    plan: &'p Plan,
    pool: &rayon::ThreadPool,
    progress: &'p Progress,
) -> Result<(Facts, Kept<'p>), RunError> {
    if !plan.learn && plan.extracts.is_none() {
        return Ok((Facts::default(), Kept::of_inputs(plan, progress)));
    }
    if let Some(state) = &plan.extracts {
        let facts = Scan::new(plan, progress, Destination::Checkpoint(state)).run(pool)?;
        return Ok((facts, Kept::of_checkpoint(state)));
    }
    let store = BatchStore::default();
    let facts = Scan::new(plan, progress, Destination::Store(&store)).run(pool)?;
    Ok((facts, Kept::of_store(store)))
}

/// Scans all inputs only for what their records say about other calls; also returns how many inputs
/// could be read.
pub(super) fn learn(
    plan: &Plan,
    pool: &rayon::ThreadPool,
    progress: &Progress,
) -> Result<(Facts, InputTotals), RunError> {
    let totals = Mutex::default();
    let facts = Scan::new(plan, progress, Destination::Totals(&totals)).run(pool)?;
    Ok((facts, into_inner(totals)))
}

/// Where batches go.
#[derive(Clone, Copy)]
enum Destination<'p> {
    /// To be resolved in this run.
    Store(&'p BatchStore),
    /// To be resolved in this run and in later ones.
    Checkpoint(&'p State),
    /// Nowhere: their inputs are counted, and problems are logged as they are found.
    Totals(&'p Mutex<InputTotals>),
}

struct Scan<'p> {
    plan: &'p Plan,
    progress: &'p Progress,
    to: Destination<'p>,
    /// Also the number of the next piece of work.
    queue: Mutex<(u64, Prefetcher<Queue>)>,
}

impl<'p> Scan<'p> {
    fn new(plan: &'p Plan, progress: &'p Progress, to: Destination<'p>) -> Self {
        let queue = match to {
            Destination::Checkpoint(state) => Queue::incremental(plan, state),
            Destination::Store(_) | Destination::Totals(_) => Queue::listed(plan),
        };
        let queue = Mutex::new((0, Prefetcher::new(queue, plan.cancel.clone())));
        Self { plan, progress, to, queue }
    }

    fn run(&self, pool: &rayon::ThreadPool) -> Result<Facts, RunError> {
        self.progress.set_scanning(true);
        let scanned = pool.broadcast(|_| self.work());
        self.progress.set_scanning(false);
        let mut facts = Facts::default();
        for found in scanned {
            facts += found?;
        }
        if self.plan.is_cancelled() {
            return Err(RunError::Cancelled);
        }
        if !self.plan.learn {
            facts = Facts::default(); // they are stored for runs that use them
        }
        facts.derive();
        Ok(facts)
    }

    /// The next piece of work, with its number.
    fn next(&self) -> Result<Option<(u64, Work)>, RunError> {
        let mut queue = lock(&self.queue);
        let (number, entries) = &mut *queue;
        let is_single = matches!(self.to, Destination::Checkpoint(_));
        let work = Work::next(entries, is_single).map_err(RunError::ReadFacts)?;
        *number += 1;
        Ok(work.map(|work| (*number, work)))
    }

    /// Scans one piece of work after the other: what each thread does.
    fn work(&self) -> Result<Facts, RunError> {
        let mut facts = Facts::default();
        let mut builder = BatchBuilder::default();
        let mut writer = match self.to {
            Destination::Checkpoint(state) => Some(CheckpointWriter::new(state)),
            Destination::Store(_) | Destination::Totals(_) => None,
        };
        let (retain, learn) = match self.to {
            Destination::Checkpoint(_) => (Retain::All, Learn::Yes),
            Destination::Store(_) => (Retain::Selectable(&self.plan.selection), self.learn()),
            Destination::Totals(_) => (Retain::Nothing, Learn::Yes),
        };
        while !self.plan.is_cancelled()
            && let Some((number, work)) = self.next()?
        {
            let list = match work {
                Work::Scan(list) => list,
                Work::Known(entry) => {
                    self.count(false);
                    let take = &mut |mut batch: Batch| {
                        batch.stretches.iter_mut().for_each(|stretch| gather(&mut facts, stretch));
                        !self.plan.is_cancelled()
                    };
                    checkpoint::read(&entry, take).map_err(RunError::ReadFacts)?;
                    continue;
                }
            };
            if let (Some(writer), [listed]) = (&mut writer, &list[..]) {
                self.count(true);
                writer.begin(listed)?;
            }
            let (mut result, mut batches) = (Ok(()), 0);
            let mut emit = |batch| {
                result = self.take(batch, (number, batches), &mut facts, writer.as_mut());
                batches += 1;
                result.is_ok() && !self.plan.is_cancelled()
            };
            let reusable = scan_list(
                Scanner::new(self.plan, self.progress, retain, learn, &mut builder, &mut emit),
                list,
            );
            result?;
            // A run that was stopped may have read the archive in part.
            if let Some(writer) = &mut writer
                && !self.plan.is_cancelled()
            {
                writer.end(reusable)?;
            }
        }
        writer.map_or(Ok(()), |mut writer| writer.finish())?;
        Ok(facts)
    }

    fn take(
        &self,
        mut batch: Batch,
        order: (u64, usize),
        facts: &mut Facts,
        writer: Option<&mut CheckpointWriter<'_>>,
    ) -> Result<(), RunError> {
        if let Some(writer) = writer {
            writer.push(&batch)?;
        }
        batch.stretches.iter_mut().for_each(|stretch| gather(facts, stretch));
        match self.to {
            Destination::Checkpoint(_) => Ok(()),
            Destination::Store(store) => store.put(order, batch).map_err(RunError::Temporary),
            Destination::Totals(totals) => {
                let mut totals = lock(totals);
                for stretch in &batch.stretches {
                    log_problems(&stretch.uri, stretch);
                    stretch.rejects.iter().for_each(|rejection| totals.add_reject(&stretch.uri, rejection));
                    if let Some(end) = &stretch.end {
                        *totals += &end.summary;
                    }
                }
                Ok(())
            }
        }
    }

    fn learn(&self) -> Learn {
        if self.plan.learn { Learn::Yes } else { Learn::No }
    }

    fn count(&self, is_new: bool) {
        if let Destination::Checkpoint(state) = self.to {
            state.count(is_new);
        }
    }
}

/// Moves what a stretch says about other calls into `facts`.
fn gather(facts: &mut Facts, stretch: &mut Stretch) {
    for (offset, fact) in std::mem::take(&mut stretch.learned) {
        facts.add(fact, &stretch.uri, offset);
    }
}

/// Logs what is wrong with an input.
fn log_problems(uri: &str, stretch: &Stretch) {
    for rejection in &stretch.rejects {
        info!(archive = %uri, %rejection, "rejected");
    }
    if let Some(end) = &stretch.end
        && let (InputStatus::Unreadable, Some(StatusReason::Error(error))) =
            (end.summary.status, &end.summary.reason)
    {
        error!(archive = %uri, error = error.as_str(), "cannot be read");
    }
}
