//! Why a checkpoint cannot be used or written.

use std::io;
use std::path::Path;

use thiserror::Error;

use super::settings::Settings;
use crate::facts::FactsError;
use crate::s3::S3Error;

/// Why a checkpoint cannot be used or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Another run is writing to the same report.
    #[error("another run is writing to {path}; wait for it to end, or name another directory")]
    Busy {
        /// The report's directory or address.
        path: String,
    },
    /// There is a report, but no checkpoint that it was made from.
    #[error(
        "{path} holds files that are not from a run with --incremental; name another directory, \
         or use --force to start over in it"
    )]
    NotIncremental {
        /// The report's directory or address.
        path: String,
    },
    /// The manifest or a segment cannot be used.
    #[error("cannot continue from {path}; use --force to read all archives again")]
    Unusable {
        /// The file or object.
        path: String,
        /// What is wrong with it.
        source: Unusable,
    },
    /// A file cannot be read or written.
    #[error("cannot use {path}")]
    File {
        /// The file.
        path: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Facts cannot be written.
    #[error("cannot write facts to {path}")]
    Encode {
        /// The file.
        path: String,
        /// Why not.
        source: FactsError,
    },
    /// A request to S3 failed.
    #[error(transparent)]
    S3(#[from] S3Error),
}

/// What is wrong with a file of a checkpoint.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Unusable {
    /// It was made by a version of keytrail with another format.
    #[error("it was made by another version of keytrail")]
    OtherFormat,
    /// It was made with other options, which other facts come from.
    #[error(
        "it was made with other values of --max-archive-bytes, --max-record-bytes or --hash \
         (max_archive_bytes {}, max_record_bytes {}, hash {})",
        .0.max_archive_bytes, .0.max_record_bytes, .0.hash
    )]
    OtherSettings(Settings),
    /// The manifest is not the JSON that a manifest is.
    #[error("it is not a manifest")]
    NotAManifest(#[source] serde_json::Error),
    /// Some bytes of the manifest have changed.
    #[error("its checksum does not match its content")]
    ManifestChecksum,
    /// The manifest names a segment that does not exist.
    #[error("the manifest names this file, but it does not exist")]
    Missing,
    /// It is not a regular file.
    #[error("it is not a regular file")]
    NotAFile,
    /// It has another size than the manifest says.
    #[error("it has {actual} bytes, but {expected} according to the manifest")]
    Size {
        /// Its size in bytes.
        actual: u64,
        /// The size in the manifest, in bytes.
        expected: u64,
    },
    /// It has another checksum than the manifest says.
    #[error("its SHA-256 is not the one in the manifest")]
    Checksum,
    /// It is not the Arrow stream that a segment is, or its columns do not hold facts.
    #[error("it does not hold facts")]
    Facts(#[from] FactsError),
    /// Its rows are not those that the manifest describes.
    #[error("its archives are not those that the manifest describes")]
    Rows,
}

impl CheckpointError {
    /// An error of the operating system.
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::File { path, source }
    }

    /// A file that cannot be used.
    pub(super) fn unusable(path: &str) -> impl FnOnce(Unusable) -> Self {
        let path = path.to_owned();
        move |source| Self::Unusable { path, source }
    }
}
