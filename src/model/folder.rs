//! A folder that an incremental run has read, as later runs recognise it.

use serde::{Deserialize, Serialize};

/// A folder on this machine, and its name in the URIs of archives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownFolder {
    /// Its name in URIs: as the user first named it, or its real path. Empty: the current folder.
    pub name: String,
    /// Its absolute path, without symbolic links.
    pub path: String,
    /// The number of its inode, where the system has such numbers.
    pub inode: Option<u64>,
    /// When it was created, in nanoseconds since 1970, where the file system knows that. Numbers of
    /// inodes are used again, so that both are compared.
    pub created: Option<u64>,
}
