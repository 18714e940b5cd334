//! How much of a report is kept in memory.

use std::cell::Cell;

/// Bytes that a command keeps of a report at most. What it makes of them takes as much again.
pub(crate) const KEPT_MIB: usize = 160;
/// Bytes of a kept row or name, beside its texts, about.
const EACH: usize = 200;

/// What may still be kept of a report that anybody may have made.
#[derive(Debug)]
pub(crate) struct Kept(Cell<usize>);

impl Kept {
    pub(super) fn new(is_own: bool) -> Self {
        Self(Cell::new(if is_own { usize::MAX } else { KEPT_MIB << 20 }))
    }

    /// Counts a row or a name whose texts have so many bytes.
    pub(crate) fn add(&self, bytes: usize) {
        self.0.set(self.0.get().saturating_sub(bytes.saturating_add(EACH)));
    }

    /// Counts what is made of a row of so many bytes, and returns a new one.
    pub(crate) fn made<T: Default>(&self, bytes: usize) -> T {
        self.add(bytes);
        T::default()
    }

    /// Whether nothing more may be kept.
    pub(crate) fn is_full(&self) -> bool {
        self.0.get() == 0
    }
}
