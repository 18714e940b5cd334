//! The scan of all inputs: every byte is read once, in parallel, and comes to batches of facts.

use std::sync::{Arc, Mutex, PoisonError};

use tracing::{info, warn};

use super::checkpoint::{archive_version, is_recognizable};
use super::input::{self, scan_list};
use super::kept::Kept;
use super::queue::{Queue, next_work};
use super::scanner::{Keep, Scanner};
use super::store::Store;
use super::{Plan, Progress, RunError};
use crate::aggregate::{InputStatus, InputTotals, StatusReason};
use crate::base::lock;
use crate::checkpoint::{Checkpoint, SegmentWriter};
use crate::facts::{Batch, BatchBuilder, Stretch};
use crate::knowledge::Facts;
use crate::source::{ListedInput, Prefetcher};

/// Scans all inputs; what their records say of other calls, and the facts to resolve.
///
/// A run that learns nothing, and keeps nothing for later, can resolve its inputs as it scans them: here nothing is scanned then.
pub(super) fn scan<'p>(
    plan: &'p Plan,
    pool: &rayon::ThreadPool,
    progress: &'p Progress,
) -> Result<(Facts, Kept<'p>), RunError> {
    if !plan.learn && plan.checkpoint.is_none() {
        return Ok((Facts::default(), Kept::of_inputs(plan, progress)));
    }
    if let Some(checkpoint) = &plan.checkpoint {
        let facts = Scan::new(plan, progress, To::Checkpoint(checkpoint)).run(pool)?;
        return Ok((facts, Kept::of_checkpoint(checkpoint)));
    }
    let store = Store::default();
    let facts = Scan::new(plan, progress, To::Store(&store)).run(pool)?;
    Ok((facts, Kept::of_store(store)))
}

/// Scans all inputs for what their records say of other calls, and nothing else; with what became of the inputs.
pub(super) fn learn(
    plan: &Plan,
    pool: &rayon::ThreadPool,
    progress: &Progress,
) -> Result<(Facts, InputTotals), RunError> {
    let totals = Mutex::default();
    let facts = Scan::new(plan, progress, To::Totals(&totals)).run(pool)?;
    Ok((facts, totals.into_inner().unwrap_or_else(PoisonError::into_inner)))
}

/// Where batches go.
#[derive(Clone, Copy)]
enum To<'p> {
    /// To be resolved in this run.
    Store(&'p Store),
    /// To be resolved in this run and in later ones.
    Checkpoint(&'p Checkpoint),
    /// Nowhere: only their inputs are counted, and problems told in the order in which they come.
    Totals(&'p Mutex<InputTotals>),
}

struct Scan<'p> {
    plan: &'p Plan,
    progress: &'p Progress,
    to: To<'p>,
    /// With the number of the next piece of work.
    queue: Mutex<(u64, Prefetcher<Queue<'p>>)>,
    /// What is known from the checkpoint.
    known: Arc<Mutex<Facts>>,
}

impl<'p> Scan<'p> {
    fn new(plan: &'p Plan, progress: &'p Progress, to: To<'p>) -> Self {
        let known = Arc::default();
        let queue = match to {
            To::Checkpoint(checkpoint) => Queue::incremental(plan, checkpoint, Arc::clone(&known)),
            To::Store(_) | To::Totals(_) => Queue::listed(plan),
        };
        let queue = Mutex::new((0, Prefetcher::new(queue, plan.cancel.clone())));
        Self { plan, progress, to, queue, known }
    }

    fn run(&self, pool: &rayon::ThreadPool) -> Result<Facts, RunError> {
        self.progress.set_scanning(true);
        let scanned = pool.broadcast(|_| self.work());
        self.progress.set_scanning(false);
        let mut facts = std::mem::take(&mut *lock(&self.known));
        for part in scanned {
            facts += part?;
        }
        if self.plan.is_cancelled() {
            return Err(RunError::Cancelled);
        }
        if !self.plan.learn {
            facts = Facts::default(); // they were kept for runs that learn
        }
        facts.derive();
        Ok(facts)
    }

    /// The next piece of work, with its number.
    fn next(&self) -> Result<Option<(u64, Vec<ListedInput>)>, RunError> {
        let mut queue = lock(&self.queue);
        let (number, entries) = &mut *queue;
        let work = next_work(entries)?;
        *number += 1;
        Ok(work.map(|work| (*number, work)))
    }

    /// Scans one piece of work after the other: what each thread does.
    fn work(&self) -> Result<Facts, RunError> {
        let (keep, learn) = match self.to {
            To::Checkpoint(checkpoint) => return self.work_for(checkpoint),
            To::Store(_) => (Keep::Selectable(&self.plan.selection), self.plan.learn),
            To::Totals(_) => (Keep::Nothing, true),
        };
        let mut facts = Facts::default();
        let mut builder = BatchBuilder::default();
        while !self.plan.is_cancelled()
            && let Some((number, list)) = self.next()?
        {
            let (mut taken, mut batches) = (Ok(()), 0);
            let mut emit = |batch| {
                taken = self.take(batch, (number, batches), &mut facts);
                batches += 1;
                taken.is_ok() && !self.plan.is_cancelled()
            };
            scan_list(Scanner::new(self.plan, self.progress, keep, learn, &mut builder, &mut emit), list);
            taken?;
        }
        Ok(facts)
    }

    /// The same for a checkpoint: archives share batches, however they are taken from the queue.
    fn work_for(&self, checkpoint: &Checkpoint) -> Result<Facts, RunError> {
        let mut facts = Facts::default();
        let mut builder = BatchBuilder::default();
        let mut writer = checkpoint.writer();
        let mut push = |writer: &mut SegmentWriter<'_>, mut batch: Batch| {
            let pushed = writer.push(&batch);
            batch.stretches.iter_mut().for_each(|stretch| gather(&mut facts, stretch));
            pushed
        };
        while !self.plan.is_cancelled()
            && let Some((_, list)) = self.next()?
        {
            for listed in list {
                if writer.is_due(listed.uri()) {
                    push(&mut writer, builder.finish())?;
                    writer.commit()?;
                }
                let is_recognizable = is_recognizable(&listed);
                writer.begin(archive_version(&listed), builder.stretches());
                let mut pushed = Ok(());
                let mut emit = |batch| {
                    pushed = push(&mut writer, batch);
                    pushed.is_ok() && !self.plan.is_cancelled()
                };
                let mut scanner =
                    Scanner::new(self.plan, self.progress, Keep::All, true, &mut builder, &mut emit);
                input::scan(&mut scanner, listed);
                let is_reusable = scanner.reusable && is_recognizable;
                pushed?;
                // When a run is stopped, an archive may have been read in part.
                if self.plan.is_cancelled() {
                    break;
                }
                writer.end(is_reusable);
                checkpoint.add_read(1);
            }
        }
        push(&mut writer, builder.finish())?;
        writer.finish()?;
        Ok(facts)
    }

    fn take(&self, mut batch: Batch, order: (u64, usize), facts: &mut Facts) -> Result<(), RunError> {
        batch.stretches.iter_mut().for_each(|stretch| gather(facts, stretch));
        match self.to {
            To::Checkpoint(_) => Ok(()),
            To::Store(store) => store.put(order, batch).map_err(RunError::Temporary),
            To::Totals(totals) => {
                let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
                for stretch in &batch.stretches {
                    tell(&stretch.uri, stretch);
                    stretch.rejects.iter().for_each(|rejection| totals.add_reject(&stretch.uri, rejection));
                    if let Some(end) = &stretch.end {
                        *totals += &end.summary;
                    }
                }
                Ok(())
            }
        }
    }
}

/// Takes what a stretch says of other calls.
fn gather(facts: &mut Facts, stretch: &mut Stretch) {
    for (offset, fact) in std::mem::take(&mut stretch.learned) {
        facts.add(fact, &stretch.uri, offset);
    }
}

/// Tells what is wrong with an input.
fn tell(uri: &str, stretch: &Stretch) {
    for rejection in &stretch.rejects {
        info!(archive = %uri, %rejection, "rejected");
    }
    if let Some(end) = &stretch.end
        && let (InputStatus::Unreadable, Some(StatusReason::Error(error))) =
            (end.summary.status, &end.summary.reason)
    {
        warn!(archive = %uri, error = error.as_str(), "cannot be read");
    }
}
