//! Errors of reading tables.

use std::error::Error as StdError;
use std::ops::Range;

use arrow_schema::ArrowError;
use thiserror::Error;

/// Why a table, or part of it, could not be read.
///
/// `Display` describes this level only; [`source`](StdError::source) has the cause.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TableError {
    /// The metadata at the end of the file cannot be read, and so none of its rows.
    #[error("the Parquet file cannot be read")]
    Unreadable {
        /// The error of the Parquet reader.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// Some rows cannot be read.
    #[error("rows {} to {} of the Parquet file cannot be read", .rows.start, .rows.end - 1)]
    Rows {
        /// Numbers of the rows, from 0.
        rows: Range<u64>,
        /// The error of the Parquet reader.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A row is longer than any that keytrail writes.
    #[error("a row has more than 16 MiB of text; keytrail writes none of that length")]
    LongRow,
    /// The rows are longer than keytrail's own ever are in files of this size.
    #[error("its rows are larger than keytrail's in a file of this size (128 MiB, and 256 bytes for each)")]
    ManyRows,
}

impl TableError {
    /// The error and its cause in one line: the text of the `detail` column in reports.
    pub fn detail(&self) -> String {
        match self {
            Self::Unreadable { source } | Self::Rows { source, .. } => format!("{self}: {source}"),
            Self::LongRow | Self::ManyRows => self.to_string(),
        }
    }

    pub(super) fn unreadable(error: ArrowError) -> Self {
        Self::Unreadable { source: error.into() }
    }
}
