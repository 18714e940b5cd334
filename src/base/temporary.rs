//! Folders for temporary files: closed to other users, and removed on every way out.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Mutex;

use tempfile::TempDir;

use super::locks::lock;

/// Folders that exist. A process that has to end removes them; see [`remove_temporary_folders`].
static FOLDERS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A folder that only this user can read. It is removed when this value is dropped, or by
/// [`remove_temporary_folders`]. Only a process that is killed leaves it behind. A fork of the
/// process that drops its copy of the value removes nothing.
#[derive(Debug)]
pub struct TemporaryFolder {
    folder: TempDir,
    /// The process that made it.
    owner: u32,
}

impl TemporaryFolder {
    /// Creates a folder in `parent`, whose name begins with `prefix`.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create_in(parent: &Path, prefix: &str) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(prefix);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        // Locked meanwhile: whoever removes all folders sees this one, or it is not made yet.
        let mut folders = lock(&FOLDERS);
        let folder = builder.tempdir_in(parent)?;
        folders.insert(folder.path().to_owned());
        drop(folders);
        Ok(Self { folder, owner: process::id() })
    }

    /// Creates a folder where the system keeps temporary files (`TMPDIR`).
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create() -> io::Result<Self> {
        Self::create_in(&std::env::temp_dir(), "keytrail-")
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // The folder itself is removed by its own drop, after this.
        self.folder.disable_cleanup(self.owner != process::id());
        lock(&FOLDERS).remove(self.folder.path());
    }
}

/// Removes all folders that exist: for a process that ends without dropping its values.
pub fn remove_temporary_folders() {
    for folder in &*lock(&FOLDERS) {
        // A thread that has not yet noticed the end may still create files.
        for _ in 0..10 {
            if fs::remove_dir_all(folder).is_ok() || !folder.exists() {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_private_and_go_away() {
        let parent = tempfile::tempdir().unwrap();
        let first = TemporaryFolder::create_in(parent.path(), "a-").unwrap();
        let second = TemporaryFolder::create_in(parent.path(), "b-").unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(first.path()).unwrap().permissions().mode() & 0o777, 0o700);
        }
        let path = first.path().to_owned();
        drop(first);
        assert!(!path.exists());
        // As a fork of the process has it.
        let mut third = TemporaryFolder::create_in(parent.path(), "c-").unwrap();
        let path = third.path().to_owned();
        third.owner += 1;
        drop(third);
        assert!(path.exists());
        fs::write(second.path().join("file"), b"rows").unwrap();
        assert!(lock(&FOLDERS).contains(second.path()));
        fs::remove_dir_all(second.path()).unwrap();
    }
}
