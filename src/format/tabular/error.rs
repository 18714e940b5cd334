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
}

impl TableError {
    /// The error and its cause in one line: the text of the `detail` column in reports.
    pub fn detail(&self) -> String {
        let (Self::Unreadable { source } | Self::Rows { source, .. }) = self;
        format!("{self}: {source}")
    }

    pub(super) fn unreadable(error: ArrowError) -> Self {
        Self::Unreadable { source: error.into() }
    }
}
