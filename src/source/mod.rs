//! Where archives come from: files, directories walked in sorted order, standard input.
//!
//! Lists them one by one in the bytewise order of their URIs, so that a run over millions of objects holds none of them in memory and its
//! report does not depend on how inputs were named on the command line. Deliberately absent: what is inside them.

mod kept;
mod key;
mod local;

use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::{EventTime, SkipReason};
pub use key::{Family, KeyFacts};
pub use local::Listing;

/// Something the user named as input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file, or a directory to walk.
    Path(PathBuf),
    /// Standard input.
    Stdin,
}

impl Input {
    /// `-` is standard input, everything else a path.
    pub fn parse(text: &Path) -> Self {
        if text == Path::new("-") { Self::Stdin } else { Self::Path(text.to_owned()) }
    }
}

/// One archive that can be opened.
#[derive(Debug, Clone)]
pub struct Archive {
    /// How reports name it: the path as given or walked, `-` for standard input.
    pub uri: Arc<str>,
    /// Bytes as stored; `None` where only reading tells.
    pub size: Option<u64>,
    /// What its name says.
    pub facts: KeyFacts,
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
    /// A copy of what can be read only once.
    Kept(Arc<kept::Kept>),
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
        /// The operating system's words.
        error: io::Error,
    },
}

impl Archive {
    /// Opens it for reading from its first byte.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match &self.place {
            Place::File(path) => Box::new(File::open(path)?),
            Place::Stdin => Box::new(io::stdin()),
            Place::Kept(kept) => kept.open()?,
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
