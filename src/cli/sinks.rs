//! A sink for commands that print no rows of events.

use keytrail::model::Rejection;
use keytrail::report::{EncodedRow, EventStep, Sink, SinkError};

/// A sink that leaves all rows out.
pub(super) struct NoRows;

impl Sink for NoRows {
    fn event(&mut self, _: i32, _: EventStep<'_>) -> Result<(), SinkError> {
        Ok(())
    }

    fn reject(&mut self, _: &str, _: &Rejection) -> Result<(), SinkError> {
        Ok(())
    }

    fn input(&mut self, _: EncodedRow<'_>) -> Result<(), SinkError> {
        Ok(())
    }

    fn finish_rows(&mut self, _: &dyn Fn() -> bool) -> Result<(), SinkError> {
        Ok(())
    }
}
