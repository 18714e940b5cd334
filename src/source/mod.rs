//! Where archives come from: files, directories walked in sorted order, objects in S3, standard input.
//!
//! Lists them one by one in the bytewise order of their URIs, so that a run over millions of objects holds none of them in memory and its
//! report does not depend on how inputs were named on the command line. Deliberately absent: what is inside them.

mod key;
mod listing;
mod local;
mod prefetch;
mod prune;
mod s3;

use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use crate::model::{EventTime, SkipReason};
use crate::s3::{Address, AddressError, Buckets};
pub use key::{Family, NameFields};
pub use listing::Listing;
pub use prefetch::{Entry, Prefetcher};
pub use prune::PruneFilter;

/// Something the user named as input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file, or a directory to walk.
    Path(PathBuf),
    /// Standard input.
    Stdin,
    /// The object of this key, and all objects of the folder of this name.
    S3(Address),
}

impl Input {
    /// `-` is standard input, `s3://…` an address in S3, everything else a path.
    ///
    /// # Errors
    /// When what begins as an address in S3 is none.
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

/// What listing inputs takes, beside their names.
#[derive(Debug, Clone, Default)]
pub struct ListContext {
    /// Which folders of S3 to list. Directories of this machine are walked whole: that costs little, and every archive can teach something.
    pub prune: PruneFilter,
    /// The way to S3.
    pub buckets: Buckets,
    /// Set to stop waiting for S3.
    pub cancel: Arc<AtomicBool>,
}

impl ListContext {
    fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}

/// One archive that can be opened.
#[derive(Debug, Clone)]
pub struct Archive {
    /// How reports name it: the path as given or walked, the address in S3, `-` for standard input.
    pub uri: Arc<str>,
    /// Bytes as stored; `None` where only reading tells.
    pub size: Option<u64>,
    /// What its name says.
    pub facts: NameFields,
    /// Which state of it this is.
    pub version: Version,
    place: Place,
}

/// What tells one state of an archive from another that bears the same name; empty where only reading would tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The object's ETag, as S3 gives it.
    pub etag: Option<Box<str>>,
    /// When it was last written.
    pub modified: Option<EventTime>,
}

impl Version {
    /// Whether nothing is known: no state can be told from another.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// Whether both are the same state, as far as can be told without reading; `size` is that of each.
    pub fn is_same(&self, size: Option<u64>, other: &Self, other_size: Option<u64>) -> bool {
        match (&self.etag, &other.etag) {
            (Some(etag), Some(other)) => etag == other,
            _ => !self.is_unknown() && self == other && size == other_size,
        }
    }
}

#[derive(Debug, Clone)]
enum Place {
    File(PathBuf),
    Stdin,
    S3(prefetch::Remote),
}

/// An entry of the listing.
#[derive(Debug)]
pub enum Listed {
    /// To be read.
    Archive(Archive),
    /// Not to be read: no regular file.
    Skipped {
        /// Its URI.
        uri: Arc<str>,
        /// Why.
        reason: SkipReason,
    },
    /// Could not be listed or looked at.
    Unreadable {
        /// Its URI.
        uri: Arc<str>,
        /// The operating system's words, or S3's.
        error: io::Error,
    },
}

impl Listed {
    /// Its URI.
    pub fn uri(&self) -> &Arc<str> {
        match self {
            Self::Archive(archive) => &archive.uri,
            Self::Skipped { uri, .. } | Self::Unreadable { uri, .. } => uri,
        }
    }
}

impl Archive {
    /// Opens it for reading from its first byte.
    ///
    /// # Errors
    /// When the operating system or S3 refuses.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match &self.place {
            Place::File(path) => Box::new(File::open(path)?),
            Place::Stdin => Box::new(io::stdin()),
            Place::S3(remote) => remote.open(self.version.etag.as_deref())?,
        })
    }

    /// Opens it as a file in which one can go back and forth; `None` where there is none.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn open_file(&self) -> io::Result<Option<File>> {
        match &self.place {
            Place::File(path) if self.size.is_some() => File::open(path).map(Some),
            _ => Ok(None),
        }
    }
}

/// A name as text; bytes that are not UTF-8 become `%HH`. (A name that spells a `%HH` itself looks the same.)
pub fn text_of(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(text, "%{byte:02X}"); // writing to a String cannot fail
        }
    }
    text
}
