//! What a run is asked to list, and with which settings.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::prune::PruneFilter;
use crate::s3::{Address, AddressError, Buckets};

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

impl Input {
    /// Reads the name of an input: `-` is standard input, `s3://…` an address in S3, everything
    /// else a path.
    ///
    /// # Errors
    /// When the text starts with `s3://` but is not a valid address.
    pub fn parse(text: &Path) -> Result<Self, AddressError> {
        if text == Path::new("-") {
            return Ok(Self::Stdin);
        }
        match text.to_str().and_then(Address::parse) {
            Some(address) => address.map(Self::S3),
            None => Ok(Self::Path(text.to_owned())),
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
    /// Opens buckets.
    pub buckets: Buckets,
    /// Set to stop waiting for S3.
    pub cancel: Arc<AtomicBool>,
}

impl ListContext {
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}
