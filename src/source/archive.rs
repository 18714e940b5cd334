//! An archive that a listing found, and how to open it.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::name::NameFields;
use super::object::{RemoteObject, Signature};
use crate::base::open_regular;
use crate::model::{EventTime, SkipReason};

/// One archive that can be opened.
#[derive(Debug, Clone)]
pub struct Archive {
    /// The name in reports: the path as given or walked, the address in S3, `-` for standard input.
    pub uri: Arc<str>,
    /// The stored size in bytes; `None` if only reading tells.
    pub size: Option<u64>,
    /// What its name says.
    pub name_fields: NameFields,
    /// Which version of the archive this is.
    pub version: Version,
    /// A digest may list it: digests come before it, or may come later.
    pub may_be_listed: bool,
    pub(super) location: Location,
}

/// Where an archive is read from.
#[derive(Debug, Clone)]
pub(super) enum Location {
    File(PathBuf),
    Stdin,
    S3(RemoteObject),
}

/// Distinguishes the versions of an archive that were stored under the same name. Empty if only
/// reading would tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The object's ETag as S3 sends it.
    pub etag: Option<Box<str>>,
    /// The number of a file's inode and the time of its last change, which no program can set, as
    /// far as the platform gives them. They differ in every copy: no report shows them.
    pub inode: Option<Box<str>>,
    /// When it was last written.
    pub modified: Option<EventTime>,
}

impl Version {
    /// Whether nothing is known, so that this version cannot be told from another.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// The text that distinguishes this version best.
    pub fn tag(&self) -> Option<&str> {
        self.etag.as_deref().or(self.inode.as_deref())
    }

    /// Whether both are the same version, as far as that is known without reading. The sizes are
    /// those of the two archives.
    pub fn is_same(&self, size: Option<u64>, other: &Self, other_size: Option<u64>) -> bool {
        match (self.tag(), other.tag()) {
            (Some(etag), Some(other)) => etag == other && size == other_size,
            _ => self.modified.is_some() && self.modified == other.modified && size == other_size,
        }
    }
}

/// One item of a listing.
#[derive(Debug)]
#[non_exhaustive]
pub enum ListedInput {
    /// An archive to read.
    Archive(Archive),
    /// Not a regular file, and not read; or a directory or folder without archives.
    Skipped {
        /// The URI.
        uri: Arc<str>,
        /// Why it is skipped.
        reason: SkipReason,
    },
    /// A file, directory or folder that cannot be listed.
    Unreadable {
        /// The URI.
        uri: Arc<str>,
        /// The error of the operating system or of S3.
        error: io::Error,
    },
}

impl ListedInput {
    /// The URI.
    pub fn uri(&self) -> &Arc<str> {
        match self {
            Self::Archive(archive) => &archive.uri,
            Self::Skipped { uri, .. } | Self::Unreadable { uri, .. } => uri,
        }
    }
}

impl Archive {
    /// Opens the archive for reading from its first byte.
    ///
    /// # Errors
    /// When the operating system or S3 refuses.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match &self.location {
            Location::File(path) if self.size.is_some() => Box::new(open_regular(path)?),
            Location::File(path) => Box::new(File::open(path)?),
            Location::Stdin => Box::new(io::stdin()),
            Location::S3(object) => object.open(self.version.etag.as_deref())?,
        })
    }

    /// The signature in the metadata of its object in S3.
    pub fn signature(&self) -> Signature {
        match &self.location {
            Location::S3(object) => object.signature(),
            Location::File(_) | Location::Stdin => Signature::default(),
        }
    }

    /// Opens the archive as a file that can be read at any position; `None` if it is not such a
    /// file.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn open_file(&self) -> io::Result<Option<File>> {
        match &self.location {
            Location::File(path) if self.size.is_some() => open_regular(path).map(Some),
            _ => Ok(None),
        }
    }
}
