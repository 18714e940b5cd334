//! Why a run ends without a result.

use std::io;

use thiserror::Error;

use crate::aggregate::Imbalance;
use crate::checkpoint::CheckpointError;
use crate::facts::FactsError;
use crate::report::SinkError;

/// Why a run ended without a result.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// Results could not be written.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The accounting does not hold.
    #[error(transparent)]
    Imbalance(#[from] Imbalance),
    /// The checkpoint of an incremental run could not be read or written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A temporary file could not be written or read.
    #[error("cannot use a temporary file (set TMPDIR to a folder with room)")]
    Temporary(#[source] io::Error),
    /// Facts that were scanned elsewhere cannot be read.
    #[error("what was scanned elsewhere is not sound")]
    Facts(#[source] FactsError),
    /// The tables of what was found do not fit into the memory that they may take.
    #[error(
        "what was found takes more memory than --memory allows ({} MiB, of {} MiB): choose fewer events \
         (--since, --until, --account, --key …) or inputs, or give more --memory",
        used >> 20, limit >> 20
    )]
    TooMuchMemory {
        /// Bytes that they take.
        used: u64,
        /// Bytes that they may take.
        limit: u64,
    },
    /// The threads could not be started.
    #[error("cannot start threads")]
    Threads(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Stopped through [`Plan::cancel`](super::Plan::cancel).
    #[error("stopped")]
    Cancelled,
}
