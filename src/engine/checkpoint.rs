//! Facts in the checkpoint of an incremental run: which version of an archive they are of.

use crate::checkpoint::ArchiveVersion;
use crate::source::{ListedInput, Version};

/// What the listing names, as a checkpoint names it.
pub(super) fn archive_version(listed: &ListedInput) -> ArchiveVersion {
    let uri = listed.uri().clone();
    match listed {
        ListedInput::Archive(archive) => {
            let etag = archive.version.tag().map(Box::from);
            let modified = archive.version.modified;
            ArchiveVersion { uri, size: archive.size, etag, modified }
        }
        ListedInput::Skipped { .. } | ListedInput::Unreadable { .. } => {
            ArchiveVersion { uri, size: None, etag: None, modified: None }
        }
    }
}

/// Whether what is listed can be told from other versions of it.
pub(super) fn is_recognizable(listed: &ListedInput) -> bool {
    matches!(listed, ListedInput::Archive(archive) if !archive.version.is_unknown())
}

/// Whether the facts of an archive in the checkpoint are those of what is listed.
pub(super) fn is_known(listed: &ListedInput, known: ArchiveVersion) -> bool {
    match listed {
        ListedInput::Archive(archive) => {
            let version = Version { etag: known.etag, inode: None, modified: known.modified };
            archive.version.is_same(archive.size, &version, known.size)
        }
        // It was read when it could be.
        ListedInput::Unreadable { .. } => true,
        ListedInput::Skipped { .. } => false,
    }
}
