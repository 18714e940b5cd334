//! A path and the name under which it is listed.

use std::path::{Component, Path, PathBuf};

/// A file or directory to read, and its name in URIs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedPath {
    pub(super) name: PathBuf,
    pub(super) path: PathBuf,
    pub(super) folder: FolderState,
}

/// What became of a folder that an earlier run has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FolderState {
    /// It is the same, or no earlier run has read it.
    Same,
    /// Another one has taken its place: all files in it are new, even those with the old content.
    Replaced,
}

impl NamedPath {
    /// A path that is named as it was given.
    pub(super) fn as_given(path: &Path) -> Self {
        let path = normalized(path);
        Self { name: path.clone(), path, folder: FolderState::Same }
    }
}

/// Removes `./` and double or trailing separators, so that one file has one URI.
pub(super) fn normalized(path: &Path) -> PathBuf {
    let normalized: PathBuf = path.components().filter(|c| !matches!(c, Component::CurDir)).collect();
    if normalized.as_os_str().is_empty() { PathBuf::from(".") } else { normalized }
}
