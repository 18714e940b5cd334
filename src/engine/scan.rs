//! The scan of all inputs: every byte is read once, in parallel, and comes to batches of facts.

use std::sync::{Mutex, PoisonError};

use tracing::{info, warn};

use super::checkpoint::{self, CheckpointWriter};
use super::input::scan_list;
use super::kept::Kept;
use super::queue::{Queue, Work};
use super::scanner::{Keep, Scanner};
use super::store::Store;
use super::{Plan, Progress, RunError};
use crate::aggregate::{InputStatus, InputTotals};
use crate::extract::State;
use crate::facts::{Batch, BatchBuilder, Stretch};
use crate::knowledge::Facts;
use crate::source::Prefetcher;

/// Scans all inputs; what their records say of other calls, and the facts to resolve.
///
/// A run that learns nothing, and keeps nothing for later, can resolve its inputs as it scans them: here nothing is scanned then.
pub(super) fn scan<'p>(
    plan: &'p Plan,
    pool: &rayon::ThreadPool,
    progress: &'p Progress,
) -> Result<(Facts, Kept<'p>), RunError> {
    if !plan.learn && plan.extracts.is_none() {
        return Ok((Facts::default(), Kept::of_inputs(plan, progress)));
    }
    if let Some(state) = &plan.extracts {
        let facts = Scan::new(plan, progress, To::Checkpoint(state)).run(pool)?;
        return Ok((facts, Kept::of_checkpoint(state)));
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
    Checkpoint(&'p State),
    /// Nowhere: only their inputs are counted, and problems told in the order in which they come.
    Totals(&'p Mutex<InputTotals>),
}

struct Scan<'p> {
    plan: &'p Plan,
    progress: &'p Progress,
    to: To<'p>,
    /// With the number of the next piece of work.
    queue: Mutex<(u64, Prefetcher<Queue>)>,
}

impl<'p> Scan<'p> {
    fn new(plan: &'p Plan, progress: &'p Progress, to: To<'p>) -> Self {
        let queue = match to {
            To::Checkpoint(state) => Queue::incremental(plan, state),
            To::Store(_) | To::Totals(_) => Queue::listed(plan),
        };
        let queue = Mutex::new((0, Prefetcher::new(queue, plan.cancel.clone())));
        Self { plan, progress, to, queue }
    }

    fn run(&self, pool: &rayon::ThreadPool) -> Result<Facts, RunError> {
        self.progress.set_scanning(true);
        let scanned = pool.broadcast(|_| self.work());
        self.progress.set_scanning(false);
        let mut facts = Facts::default();
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
    fn next(&self) -> Result<Option<(u64, Work)>, RunError> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, entries) = &mut *queue;
        let is_single = matches!(self.to, To::Checkpoint(_));
        let work = Work::next(entries, is_single).map_err(RunError::Extract)?;
        *number += 1;
        Ok(work.map(|work| (*number, work)))
    }

    /// Scans one piece of work after the other: what each thread does.
    fn work(&self) -> Result<Facts, RunError> {
        let mut facts = Facts::default();
        let mut builder = BatchBuilder::default();
        let mut writer = match self.to {
            To::Checkpoint(state) => Some(CheckpointWriter::new(state)),
            To::Store(_) | To::Totals(_) => None,
        };
        let (keep, learn) = match self.to {
            To::Checkpoint(_) => (Keep::All, true),
            To::Store(_) => (Keep::Selectable(&self.plan.selection), self.plan.learn),
            To::Totals(_) => (Keep::Nothing, true),
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
                    checkpoint::read(&entry, take).map_err(RunError::Extract)?;
                    continue;
                }
            };
            if let (Some(writer), [listed]) = (&mut writer, &list[..]) {
                self.count(true);
                writer.begin(listed)?;
            }
            let (mut taken, mut batches) = (Ok(()), 0);
            let mut emit = |batch| {
                taken = self.take(batch, (number, batches), &mut facts, writer.as_mut());
                batches += 1;
                taken.is_ok() && !self.plan.is_cancelled()
            };
            let reusable =
                scan_list(Scanner::new(self.plan, self.progress, keep, learn, &mut builder, &mut emit), list);
            taken?;
            // Of a run that was stopped, an archive may have been read in part.
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

    fn count(&self, is_new: bool) {
        if let To::Checkpoint(state) = self.to {
            state.count(is_new);
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
        && let (InputStatus::Unreadable, Some(reason)) = (end.summary.status, &end.summary.reason)
    {
        warn!(archive = %uri, error = %reason.message(), "cannot be read");
    }
}
