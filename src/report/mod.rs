//! What leaves keytrail: Arrow schemas, Parquet files, other formats of the same rows, the summary.
//!
//! Every table is one list of [`Column`]s; Parquet, Arrow, CSV, NDJSON, terminal tables and the schema documentation all come from
//! it. Deliberately absent: printing (`cli`), and what is counted (`aggregate`).

mod cell;
mod columns;
mod directory;
mod events;
mod metrics;
mod parquet;
mod remote;
mod run;
mod spill;
mod stream;
mod summary;
mod table;
mod tasks;

use thiserror::Error;

use crate::model::Rejection;
use crate::s3::S3Error;

pub use cell::{Cell, Row, encode};
pub use columns::{
    DAILY, Daily, EVENTS, Events, INPUTS, Inputs, REJECTS, RULES, Rejects, RuleFacts, Rules, USAGE, Usage,
    schema_markdown,
};
pub use directory::{Directory, Prepared, Unfinished, Written};
pub use metrics::{Metrics, RunSummary, last_success, metrics};
pub use remote::Remote;
pub use run::{Options, RunFacts, SCHEMA_VERSION, Shares};
pub(crate) use spill::SpillFile;
pub use stream::{Format, Stream, printable};
pub use summary::{Facts, Style, is_pressing, not_read, summary, zero_result_causes};
pub use table::{Column, Kind, Table};
pub use tasks::TaskQueue;

/// Takes what a run finds, as it finds it.
pub trait Sink: Send {
    /// The next selected event, of that day (since the epoch, UTC): a row of [`EVENTS`]. In the order of archive and offset, unless `late`: then
    /// it is a copy that has waited in vain for a better one, and belongs before others already given; late ones come last, in
    /// their own order.
    ///
    /// # Errors
    /// When it cannot be written.
    fn event(&mut self, day: i32, row: Row<'_>, late: bool) -> Result<(), SinkError>;

    /// A late event of that day may come that belongs behind those given so far.
    ///
    /// # Errors
    /// When the day's file cannot be created.
    fn expect_out_of_order(&mut self, day: i32) -> Result<(), SinkError> {
        let _ = day;
        Ok(())
    }

    /// One of those will not come.
    fn cancel_expected(&mut self, day: i32) {
        let _ = day;
    }

    /// Something in `archive` that could not be read.
    ///
    /// # Errors
    /// When it cannot be written.
    fn rejection(&mut self, archive: &str, rejection: &Rejection) -> Result<(), SinkError>;

    /// An input is done: a row of [`INPUTS`].
    ///
    /// # Errors
    /// When it cannot be written.
    fn input(&mut self, row: Row<'_>) -> Result<(), SinkError>;

    /// Nothing more will come: what is left is to be made ready as [`tasks`](Self::jobs), as long as `go_on` says so.
    ///
    /// # Errors
    /// When it cannot be read back or written.
    fn all_given(&mut self, go_on: &dyn Fn() -> bool) -> Result<(), SinkError> {
        let _ = go_on;
        Ok(())
    }

    /// Work that may be done by any thread meanwhile; whatever nobody takes up, the sink does itself when it is finished. A sink that hands
    /// everything on to one of this library hands on its jobs as well.
    fn tasks(&self) -> TaskQueue {
        TaskQueue::default()
    }
}

/// Why results could not be written.
#[derive(Debug, Error)]
pub enum SinkError {
    /// A file or directory could not be created, written or renamed.
    #[error("cannot write {path}: {error}")]
    File {
        /// Which.
        path: String,
        /// The operating system's words.
        error: std::io::Error,
    },
    /// The report's directory already holds something.
    #[error("{path} is not empty; name another directory, or use --force to replace the report in it")]
    NotEmpty {
        /// The directory.
        path: String,
    },
    /// Something that is not keytrail's lies where the report would be replaced.
    #[error("{path} is not part of a report; move it away, or name another directory")]
    Foreign {
        /// What.
        path: String,
    },
    /// A temporary file could not be used.
    #[error("cannot use a temporary file (set TMPDIR to a folder with room): {0}")]
    Temporary(std::io::Error),
    /// S3 refuses.
    #[error(transparent)]
    Bucket(#[from] S3Error),
    /// Another run has taken over.
    #[error(
        "the right to write to {path} was lost: another run has taken it for dead, or S3 could not be reached; there may be objects of both, so run once more"
    )]
    LeaseLost {
        /// The report's folder.
        path: String,
    },
    /// Encoding failed.
    #[error("cannot write {path}: {message}")]
    Encode {
        /// The file.
        path: String,
        /// The encoder's words.
        message: String,
    },
    /// Whoever reads standard output has stopped reading.
    #[error("standard output was closed")]
    Closed,
}

impl SinkError {
    fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |error| Self::File { path, error }
    }
}
