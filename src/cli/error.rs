//! Errors that stop a command.

use std::io;

use thiserror::Error;

use super::exit::ExitStatus;
use keytrail::checkpoint::CheckpointError;
use keytrail::classify::RulesError;
use keytrail::engine::RunError;
use keytrail::report::SinkError;
use keytrail::s3::S3Error;

/// Why a command failed as a whole.
#[derive(Debug, Error)]
pub(super) enum CliError {
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Rules(#[from] RulesError),
    #[error(transparent)]
    Bucket(#[from] S3Error),
    /// A file named by an option cannot be read.
    #[error("cannot read {path}")]
    Read {
        path: String,
        #[source]
        error: io::Error,
    },
    /// The arguments do not fit together. The text says what to write instead.
    #[error("{0}")]
    Usage(String),
}

impl CliError {
    /// The exit status of a command that ends with this error.
    pub(super) fn status(&self) -> ExitStatus {
        match self {
            Self::Run(RunError::Cancelled) => ExitStatus::Interrupted,
            Self::Sink(SinkError::Closed) | Self::Run(RunError::Sink(SinkError::Closed)) => {
                ExitStatus::Success
            }
            _ => ExitStatus::Failure,
        }
    }
}
