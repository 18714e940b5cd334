//! Where a run sends its rows.

use super::cell::EncodedRow;
use super::error::SinkError;
use crate::base::TaskQueue;
use crate::model::Rejection;

/// Whether an event row comes in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOrder {
    /// Rows come sorted by archive, then by the record's offset.
    InOrder,
    /// An out-of-order row: a duplicate held back until no better copy could arrive. It belongs
    /// before rows that the sink already has. These rows come last, sorted among themselves.
    OutOfOrder,
}

/// Receives the rows of a run.
///
/// Required: [`event`](Self::event), [`rejection`](Self::rejection) and [`input`](Self::input).
/// The other methods have defaults that suit a sink which neither restores the order of rows nor
/// encodes them in parallel.
pub trait Sink: Send {
    /// Takes a selected event, as a row of [`EVENTS`](super::EVENTS). `day` is its event day, in
    /// days since the epoch (UTC).
    ///
    /// # Errors
    /// When it cannot be written.
    fn event(&mut self, day: i32, row: EncodedRow<'_>, order: RowOrder) -> Result<(), SinkError>;

    /// Announces that an out-of-order row of `day` may come, which belongs after the rows so far.
    ///
    /// # Errors
    /// When the day's file cannot be created.
    fn expect_out_of_order(&mut self, day: i32) -> Result<(), SinkError> {
        let _ = day;
        Ok(())
    }

    /// Withdraws one [`expect_out_of_order`](Self::expect_out_of_order) of `day`.
    fn cancel_expected(&mut self, day: i32) {
        let _ = day;
    }

    /// Takes a part of `archive` that could not be read.
    ///
    /// # Errors
    /// When it cannot be written.
    fn rejection(&mut self, archive: &str, rejection: &Rejection) -> Result<(), SinkError>;

    /// Takes a finished input, as a row of [`INPUTS`](super::INPUTS).
    ///
    /// # Errors
    /// When it cannot be written.
    fn input(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError>;

    /// Announces that no row will follow. The sink queues its remaining work as
    /// [`tasks`](Self::tasks). It stops early once `keep_going` returns false.
    ///
    /// # Errors
    /// When spilled rows cannot be read back, or something cannot be written.
    fn end_of_rows(&mut self, keep_going: &dyn Fn() -> bool) -> Result<(), SinkError> {
        let _ = keep_going;
        Ok(())
    }

    /// The queue of the sink's tasks, such as encoding row groups, which any thread may run.
    /// The sink runs what is left of them when it is finished. A sink that wraps another must
    /// return the other's queue.
    fn tasks(&self) -> TaskQueue<SinkError> {
        TaskQueue::default()
    }
}
