//! What was scanned, piece by piece in the order of the inputs.

use super::batch_store::{BatchStore, StoredBatch};
use super::error::RunError;
use super::input::scan_list;
use super::plan::Plan;
use super::progress::Progress;
use super::queue::{Queue, next_work};
use super::scanner::{Learn, Retain, Scanner};
use crate::checkpoint::{Checkpoint, Merged, Run};
use crate::facts::{Batch, BatchBuilder, Stretch};
use crate::source::{ListedInput, Prefetcher};

/// All facts of a run.
pub(super) enum ScannedFacts<'p> {
    /// Not scanned yet.
    Inputs {
        plan: &'p Plan,
        progress: &'p Progress,
        queue: Box<Prefetcher<Queue<'p>>>,
    },
    Store(std::vec::IntoIter<StoredBatch>),
    Checkpoint(Merged),
}

/// Facts that stand together.
pub(super) enum FactBatches<'p> {
    Inputs { plan: &'p Plan, progress: &'p Progress, list: Vec<ListedInput> },
    Stored(StoredBatch),
    Known(Run),
}

impl<'p> ScannedFacts<'p> {
    /// The inputs themselves, to be scanned when their turn comes.
    pub(super) fn of_inputs(plan: &'p Plan, progress: &'p Progress) -> Self {
        let held_bytes = plan.limits.memory.objects();
        let queue = Box::new(Prefetcher::new(Queue::listed(plan), held_bytes, plan.cancel.clone()));
        Self::Inputs { plan, progress, queue }
    }

    pub(super) fn of_store(store: BatchStore) -> Self {
        Self::Store(store.into_ordered().into_iter())
    }

    pub(super) fn of_checkpoint(checkpoint: &Checkpoint) -> Self {
        Self::Checkpoint(checkpoint.all())
    }

    /// Gives all that has been scanned to `take`, as long as that says so, and leaves it in place.
    ///
    /// # Errors
    /// When it cannot be read back.
    pub(super) fn read_again(
        &self,
        plan: &Plan,
        take: &mut dyn FnMut(Stretch) -> bool,
    ) -> Result<(), RunError> {
        let mut take_all = |batch: Batch| batch.stretches.into_iter().all(&mut *take);
        match (self, &plan.checkpoint) {
            (Self::Store(stored), _) => {
                for stored in stored.as_slice() {
                    if !take_all(stored.copy().map_err(RunError::Temporary)?) {
                        break;
                    }
                }
            }
            (Self::Checkpoint(_), Some(checkpoint)) => {
                for run in checkpoint.all() {
                    if !take_all(run?.all_facts()?) {
                        break;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl<'p> Iterator for ScannedFacts<'p> {
    type Item = Result<FactBatches<'p>, RunError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Inputs { plan, progress, queue } => {
                let work = next_work(queue).transpose()?;
                Some(work.map(|list| FactBatches::Inputs { plan, progress, list }).map_err(RunError::from))
            }
            Self::Store(stored) => stored.next().map(|stored| Ok(FactBatches::Stored(stored))),
            Self::Checkpoint(rows) => {
                rows.next().map(|run| run.map(FactBatches::Known).map_err(RunError::from))
            }
        }
    }
}

impl FactBatches<'_> {
    /// Reads its batches, as long as `take` says so.
    ///
    /// # Errors
    /// When they cannot be read back.
    pub(super) fn read(self, take: &mut dyn FnMut(Batch) -> bool) -> Result<(), RunError> {
        match self {
            Self::Inputs { plan, progress, list } => {
                let (mut builder, retain) = (BatchBuilder::default(), Retain::Selectable(&plan.selection));
                scan_list(Scanner::new(plan, progress, retain, Learn::No, &mut builder, take), list);
                Ok(())
            }
            Self::Stored(stored) => {
                take(stored.read().map_err(RunError::Temporary)?);
                Ok(())
            }
            Self::Known(run) => {
                take(run.facts()?);
                Ok(())
            }
        }
    }
}
