//! What every output format implements.

use std::collections::HashMap;
use std::io;

use crate::base::TaskQueue;
use crate::report::cell::EncodedRow;
use crate::report::error::SinkError;

/// What shows the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputTarget {
    /// A terminal: what could control it is replaced ([`printable`](crate::report::printable)).
    Terminal {
        /// Its width in characters, if known.
        width: Option<u16>,
        /// Whether it shows colors.
        color: bool,
    },
    /// A file or a program: it gets all characters as they are.
    File,
}

/// Writes rows in one format.
pub(super) trait RowEncoder {
    /// Writes a row, or keeps it for later.
    fn push(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError>;

    /// Shows these names instead of ARNs of keys. What a program reads has ARNs.
    fn name_keys(&mut self, _names: HashMap<String, String>) {}

    /// Writes the rows that were kept, and the end of the output.
    fn finish(self: Box<Self>) -> Result<(), SinkError>;

    /// The queue of the tasks that encode rows, if this encoder has one.
    fn tasks(&self) -> Option<&TaskQueue<SinkError>> {
        None
    }
}

/// The name of the output in errors.
pub(super) const STANDARD_OUTPUT: &str = "standard output";

/// For `map_err`: an error of the writer.
pub(super) fn output_error(error: io::Error) -> SinkError {
    match error.kind() {
        io::ErrorKind::BrokenPipe => SinkError::Closed,
        _ => SinkError::File { path: STANDARD_OUTPUT.to_owned(), source: error },
    }
}
