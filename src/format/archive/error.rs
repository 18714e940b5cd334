//! Errors of a walk.

use std::io;

use thiserror::Error;

/// Why a walk stopped before the end of the archive.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WalkError {
    /// The visitor requested it.
    #[error("the walk was cancelled")]
    Cancelled,
    /// Reading the archive failed.
    #[error("the archive cannot be read")]
    Read(#[from] io::Error),
}
