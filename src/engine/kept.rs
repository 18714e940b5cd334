//! What was scanned, piece by piece in the order of the inputs.

use std::io;

use super::batch_store::{BatchStore, StoredBatch};
use super::checkpoint;
use super::input::scan_list;
use super::plan::Plan;
use super::progress::Progress;
use super::queue::{Queue, Work};
use super::scanner::{Learn, Retain, Scanner};
use crate::extract::{Entry, Merged, State};
use crate::facts::{Batch, BatchBuilder};
use crate::source::{ListedInput, Prefetcher};

/// All facts of a run.
pub(super) enum Kept<'p> {
    /// Not scanned yet.
    Inputs {
        plan: &'p Plan,
        progress: &'p Progress,
        queue: Box<Prefetcher<Queue>>,
    },
    Store(std::vec::IntoIter<StoredBatch>),
    Checkpoint(Merged),
}

/// Facts that stand together.
pub(super) enum Piece<'p> {
    Inputs { plan: &'p Plan, progress: &'p Progress, list: Vec<ListedInput> },
    Stored(StoredBatch),
    Entry(Entry),
}

impl<'p> Kept<'p> {
    /// The inputs themselves, to be scanned when their turn comes.
    pub(super) fn of_inputs(plan: &'p Plan, progress: &'p Progress) -> Self {
        let queue = Box::new(Prefetcher::new(Queue::listed(plan), plan.cancel.clone()));
        Self::Inputs { plan, progress, queue }
    }

    pub(super) fn of_store(store: BatchStore) -> Self {
        Self::Store(store.into_ordered().into_iter())
    }

    pub(super) fn of_checkpoint(state: &State) -> Self {
        Self::Checkpoint(Merged::new(&state.all()))
    }
}

impl<'p> Iterator for Kept<'p> {
    type Item = io::Result<Piece<'p>>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Inputs { plan, progress, queue } => match Work::next(queue, false).transpose()? {
                Ok(Work::Scan(list)) => Some(Ok(Piece::Inputs { plan, progress, list })),
                Ok(Work::Known(entry)) => Some(Ok(Piece::Entry(entry))),
                Err(error) => Some(Err(error)),
            },
            Self::Store(held) => held.next().map(|held| Ok(Piece::Stored(held))),
            Self::Checkpoint(entries) => entries.next().map(|entry| entry.map(Piece::Entry)),
        }
    }
}

impl Piece<'_> {
    /// Reads its batches, as long as `take` says so.
    ///
    /// # Errors
    /// When they cannot be read back.
    pub(super) fn read(self, take: &mut dyn FnMut(Batch) -> bool) -> io::Result<()> {
        match self {
            Self::Inputs { plan, progress, list } => {
                let (mut builder, retain) = (BatchBuilder::default(), Retain::Selectable(&plan.selection));
                scan_list(Scanner::new(plan, progress, retain, Learn::No, &mut builder, take), list);
                Ok(())
            }
            Self::Stored(held) => {
                take(held.read()?);
                Ok(())
            }
            Self::Entry(entry) => checkpoint::read(&entry, take),
        }
    }
}
