//! Where a run sends its rows.

use super::cell::EncodedRow;
use super::error::SinkError;
use crate::base::TaskQueue;
use crate::model::Rejection;

/// Whether an event row comes in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowOrder {
    /// Rows come sorted by archive, then by the record's offset.
    InOrder,
    /// An out-of-order row: a duplicate held back until no better copy could arrive. It belongs
    /// before rows that the sink already has. These rows come last, sorted among themselves.
    OutOfOrder,
}

/// What a run tells about the events of a day.
#[derive(Debug, Clone, Copy)]
pub enum EventStep<'r> {
    /// A row of [`EVENTS`](super::EVENTS).
    Row(EncodedRow<'r>, RowOrder),
    /// An out-of-order row may come, which belongs after the rows so far. So a day's file can be
    /// written before the end of the run, unless it has such rows.
    Expected,
    /// One of the expected rows will not come.
    NotExpected,
}

/// Receives the rows of a run.
pub trait Sink: Send {
    /// Takes what is known next of the selected events of `day`, in days since the epoch (UTC).
    ///
    /// # Errors
    /// When a row cannot be written, or the day's file cannot be created.
    fn event(&mut self, day: i32, step: EventStep<'_>) -> Result<(), SinkError>;

    /// Takes a part of `archive` that could not be read.
    ///
    /// # Errors
    /// When it cannot be written.
    fn reject(&mut self, archive: &str, rejection: &Rejection) -> Result<(), SinkError>;

    /// Takes an event that another record stands for, as a row of
    /// [`SUPERSEDED`](super::SUPERSEDED). By default, it is left out.
    ///
    /// # Errors
    /// When it cannot be written.
    fn superseded(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError> {
        let _ = row;
        Ok(())
    }

    /// Takes what digests say of a file, as a row of [`INTEGRITY`](super::INTEGRITY). By default,
    /// it is left out.
    ///
    /// # Errors
    /// When it cannot be written.
    fn integrity(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError> {
        let _ = row;
        Ok(())
    }

    /// Takes a finished input, as a row of [`INPUTS`](super::INPUTS).
    ///
    /// # Errors
    /// When it cannot be written.
    fn input(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError>;

    /// Ends the rows: none will follow. The sink queues its remaining work as
    /// [`tasks`](Self::tasks). It stops early once `keep_going` returns false.
    ///
    /// # Errors
    /// When spilled rows cannot be read back, or something cannot be written.
    fn finish_rows(&mut self, keep_going: &dyn Fn() -> bool) -> Result<(), SinkError>;

    /// The queue of the sink's tasks, such as encoding row groups, which any thread may run. The
    /// sink runs what is left of them when it is finished. A sink without tasks needs none; one
    /// that wraps another must return the other's queue.
    fn tasks(&self) -> TaskQueue<SinkError> {
        TaskQueue::default()
    }
}
