//! Why a page could not be written.

use std::io;

use thiserror::Error;

use crate::report::ReadError;

/// Why a page could not be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PageError {
    /// The report cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file of the report cannot be read for its hash.
    #[error("cannot read {file} of the report")]
    File {
        /// Its name in the report.
        file: String,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// The page cannot be written.
    #[error("cannot write the page")]
    Write(#[source] io::Error),
    /// The page cannot be made.
    #[error("cannot make the page")]
    Template(#[source] askama::Error),
}
