//! Why results could not be written.

use std::error::Error;
use std::io;
use std::path::Path;

use thiserror::Error;

use crate::s3::S3Error;

/// Why results could not be written. The cause is the error's `source()`.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SinkError {
    /// A file or directory could not be created, written, read back or renamed.
    #[error("cannot write {path}")]
    File {
        /// The file or directory.
        path: String,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// The report directory is not empty.
    #[error("{path} is not empty; name another directory, or use --force to replace the report in it")]
    NotEmpty {
        /// The directory.
        path: String,
    },
    /// A file that keytrail did not write lies where the report would be replaced.
    #[error("{path} is not part of a report; move it away, or name another directory")]
    Foreign {
        /// That file or directory.
        path: String,
    },
    /// Another run is writing to the same report.
    #[error("another run is writing to {path}; wait for it to end, or name another directory")]
    Busy {
        /// The report's directory.
        path: String,
    },
    /// A temporary file could not be used.
    #[error("cannot use a temporary file (set TMPDIR to a folder with free space)")]
    Temporary(#[source] io::Error),
    /// A request to S3 failed.
    #[error(transparent)]
    S3(#[from] S3Error),
    /// Another run has taken over the lease of the report's folder.
    #[error(
        "lost the lease on {path}: another run took this one for dead, or S3 could not be reached; \
         the folder may hold objects of both runs, so run again"
    )]
    LeaseLost {
        /// The report's folder.
        path: String,
    },
    /// A table has no column of a name that was asked for.
    #[error("there is no column {name}")]
    NoColumn {
        /// The name.
        name: String,
    },
    /// Rows could not be encoded.
    #[error("cannot write {path}")]
    Encode {
        /// The file.
        path: String,
        /// The encoder's error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The reader of standard output closed it.
    #[error("standard output was closed")]
    Closed,
}

impl SinkError {
    /// For `map_err`: an I/O error on `path`.
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::File { path, source }
    }

    /// For `map_err`: an encoder's error while `path` was written.
    pub(super) fn encode<E: Into<Box<dyn Error + Send + Sync>>>(path: &Path) -> impl FnOnce(E) -> Self {
        let path = path.display().to_string();
        move |source| Self::Encode { path, source: source.into() }
    }
}
