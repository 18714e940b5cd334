//! What a run is asked to list, and with which settings.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use thiserror::Error;

use super::folders::FolderNames;
use super::prune::PruneFilter;
use crate::s3::{Address, AddressError, Buckets, Lookalike};

/// Something the user named as input.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// A file, or a directory to walk.
    Path(PathBuf),
    /// Standard input.
    Stdin,
    /// The object with this key, and all objects in the folder of this name.
    S3(Address),
}

/// The name of an input that is neither a path nor a valid address.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InputError {
    /// It starts with `s3://`, but is not a valid address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// There is no such file, and it looks like another way to write an address or a path.
    #[error("{text:?} is not an input that keytrail can read; did you mean {meant}?")]
    Misspelled {
        /// The name as given.
        text: String,
        /// What was probably meant.
        meant: String,
    },
    /// There is no such file, and it is the address of a place that is not read.
    #[error(
        "{text:?} is not an input that keytrail can read: name files, directories, \
         s3://bucket/prefix, or `-` for standard input"
    )]
    Elsewhere {
        /// The name as given.
        text: String,
    },
}

impl Input {
    /// Reads the name of an input: `-` is standard input, `s3://…` an address in S3, everything
    /// else a path.
    ///
    /// # Errors
    /// When the text starts with `s3://` but is not a valid address, or looks like an address and
    /// there is no such file.
    pub fn parse(name: &Path) -> Result<Self, InputError> {
        if name == Path::new("-") {
            return Ok(Self::Stdin);
        }
        let Some(text) = name.to_str() else { return Ok(Self::Path(name.to_owned())) };
        if let Some(address) = Address::parse(text) {
            return Ok(Self::S3(address?));
        }
        let text = || text.to_owned();
        match Lookalike::of(&text()).filter(|_| !name.exists()) {
            Some(Lookalike::Meant(meant)) => Err(InputError::Misspelled { text: text(), meant }),
            Some(Lookalike::Elsewhere) => Err(InputError::Elsewhere { text: text() }),
            None => Ok(Self::Path(name.to_owned())),
        }
    }

    /// Opens the file or directory and closes it again. Pipes and other inputs are not opened.
    ///
    /// # Errors
    /// When it does not exist, or must not be read.
    pub fn check_opens(&self) -> io::Result<()> {
        let Self::Path(path) = self else { return Ok(()) };
        let kind = fs::metadata(path)?.file_type();
        if kind.is_dir() {
            fs::read_dir(path).map(drop)
        } else if kind.is_file() {
            File::open(path).map(drop)
        } else {
            Ok(())
        }
    }
}

/// What listing needs besides the inputs.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ListContext {
    /// Which folders in S3 to list. Directories on this machine are walked completely: that costs
    /// little, and every archive may contain facts.
    pub prune: PruneFilter,
    /// Under which names folders on this machine are listed; `None`: as they are given.
    pub names: Option<FolderNames>,
    /// Opens buckets.
    pub buckets: Buckets,
    /// Set to stop waiting for S3.
    pub cancel: Arc<AtomicBool>,
    /// Counts the folders that `prune` leaves out.
    pub unlisted_folders: Arc<AtomicU64>,
}

impl ListContext {
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    pub(super) fn count_unlisted_folder(&self) {
        self.unlisted_folders.fetch_add(1, Ordering::Relaxed);
    }
}
