//! What was scanned, piece by piece in the order of the inputs.

use std::io;

use super::checkpoint;
use super::store::{Held, Store};
use crate::extract::{Entry, Merged, State};
use crate::facts::Batch;

/// All facts of a run.
pub(super) enum Kept {
    Store(std::vec::IntoIter<Held>),
    Checkpoint(Merged),
}

/// Facts that stand together.
pub(super) enum Piece {
    Held(Held),
    Entry(Entry),
}

impl Kept {
    pub(super) fn of_store(store: Store) -> Self {
        Self::Store(store.into_ordered().into_iter())
    }

    pub(super) fn of_checkpoint(state: &State) -> Self {
        Self::Checkpoint(Merged::new(&state.all()))
    }
}

impl Iterator for Kept {
    type Item = io::Result<Piece>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Store(held) => held.next().map(|held| Ok(Piece::Held(held))),
            Self::Checkpoint(entries) => entries.next().map(|entry| entry.map(Piece::Entry)),
        }
    }
}

impl Piece {
    /// Reads its batches, as long as `take` says so.
    ///
    /// # Errors
    /// When they cannot be read back.
    pub(super) fn read(self, take: &mut dyn FnMut(Batch) -> bool) -> io::Result<()> {
        match self {
            Self::Held(held) => {
                take(held.read()?);
                Ok(())
            }
            Self::Entry(entry) => checkpoint::read(&entry, take),
        }
    }
}
