//! Where the files of a checkpoint are: what a local directory and a folder in S3 have in common.

use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tempfile::TempPath;

use super::error::CheckpointError;
use crate::base::lock;
use crate::base::open_regular;

/// The folder of a report that holds its checkpoint. Readers of reports ignore names that start
/// with an underscore.
pub const FOLDER: &str = "_keytrail";
/// The name of the manifest.
pub(super) const MANIFEST: &str = "manifest.json";
/// Bytes of a manifest that are read at most: enough for 100,000 segments.
pub(super) const MAX_MANIFEST: u64 = 64 << 20;

/// The files of one checkpoint. Whoever has it may write: no other run uses the same files.
///
/// A file counts once the manifest names it, so files appear in any state but the manifest is
/// replaced as a whole.
pub trait SegmentStore: Debug + Send + Sync {
    /// Where a file is, for people.
    fn address(&self, name: &str) -> String;

    /// All files that are there, those of other programs included.
    ///
    /// # Errors
    /// When they cannot be listed.
    fn list(&self) -> Result<Vec<StoredFile>, CheckpointError>;

    /// The manifest; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read_manifest(&self) -> Result<Option<Vec<u8>>, CheckpointError>;

    /// Replaces the manifest. Afterwards it has survived a loss of power.
    ///
    /// # Errors
    /// When it cannot be written: then the old one is still there. Also if another run has written
    /// it meanwhile.
    fn write_manifest(&self, json: &[u8]) -> Result<(), CheckpointError>;

    /// Gets a segment to this machine.
    ///
    /// # Errors
    /// When it cannot be read.
    fn fetch(&self, name: &str) -> Result<SegmentFile, CheckpointError>;

    /// A new, empty file.
    ///
    /// # Errors
    /// When it cannot be created.
    fn create(&self, name: &str) -> Result<NewFile, CheckpointError>;

    /// Puts a new file in place. Afterwards it has survived a loss of power.
    ///
    /// # Errors
    /// When it cannot be written.
    fn commit(&self, name: &str, file: NewFile) -> Result<SegmentFile, CheckpointError>;

    /// Removes files. It is no error if they do not exist.
    ///
    /// # Errors
    /// When they cannot be removed.
    fn remove(&self, names: &[String]) -> Result<(), CheckpointError>;
}

/// A file that a store holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Its name in the folder.
    pub name: String,
    /// Its size; `None` if it is not a regular file.
    pub bytes: Option<u64>,
}

/// A file that is being written. It is removed if it is dropped before it is committed.
#[derive(Debug)]
pub struct NewFile {
    pub(super) file: File,
    pub(super) path: TempPath,
}

impl NewFile {
    /// The file, open for writing.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Where it is while it is written.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A segment on this machine. It is opened for each read, so that any number of segments needs no
/// more file handles than one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SegmentFile {
    /// A file that stays.
    Permanent(PathBuf),
    /// A file that is removed with the last clone of this value.
    Temporary(Arc<TempPath>),
    /// Part of an unnamed temporary file with many segments.
    Part {
        /// The file.
        file: Arc<Mutex<File>>,
        /// Where the segment begins in it.
        start: u64,
        /// Bytes of the segment.
        length: u64,
    },
}

impl SegmentFile {
    /// Appends up to `length` bytes from `offset` on to `buffer`. It appends fewer at the end of
    /// the file: memory is taken for bytes that are there.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&self, offset: u64, length: u64, buffer: &mut Vec<u8>) -> io::Result<()> {
        let mut read = |mut file: &File, start: u64, length: u64| {
            file.seek(SeekFrom::Start(start + offset))?;
            file.take(length).read_to_end(buffer).map(drop)
        };
        match self {
            Self::Permanent(path) => read(&open_regular(path)?, 0, length),
            Self::Temporary(path) => read(&open_regular(path)?, 0, length),
            Self::Part { file, start, length: all } => {
                let length = length.min(all.saturating_sub(offset));
                read(&lock(file), *start, length)
            }
        }
    }
}
