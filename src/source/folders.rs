//! Names of folders that stay the same from run to run.
//!
//! An incremental run recognises an archive by its URI, which begins with the folder as the user
//! named it. The same folder can be named in several ways (relative, through a symbolic link), and
//! can be moved. [`FolderNames`] remembers which folder each name means: a folder that is known is
//! listed under its first name, however it is named now, and no name ever means two folders.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use thiserror::Error;

use super::named_path::{FolderState, NamedPath, normalized};
use crate::model::KnownFolder;

/// The folders that runs with the same checkpoint have read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FolderNames {
    folders: Vec<KnownFolder>,
    /// The real paths of those that have taken the place of others since the last run.
    replaced: Vec<PathBuf>,
}

/// A folder has no name that would not be mistaken for that of another folder.
#[derive(Debug, Error)]
#[error(
    "{path}: an earlier run read another folder, {other}, whose archives would have the same names \
     in the report; use --force to forget that folder and read all archives again"
)]
pub struct NameTaken {
    /// The folder.
    path: String,
    /// Where the other folder was.
    other: String,
}

impl FolderNames {
    /// The folders of earlier runs.
    pub fn new(folders: Vec<KnownFolder>) -> Self {
        Self { folders, replaced: Vec::new() }
    }

    /// All folders, for the next run.
    pub fn folders(&self) -> &[KnownFolder] {
        &self.folders
    }

    /// Adds the folder that an input is, or is in.
    ///
    /// # Errors
    /// When the folder can only have a name that means another one.
    pub fn add(&mut self, input: &Path) -> Result<(), NameTaken> {
        let path = normalized(input);
        self.add_folder(if path.is_dir() { &path } else { parent(&path) })
    }

    fn add_folder(&mut self, folder: &Path) -> Result<(), NameTaken> {
        // What does not exist, or has a name that is not text, is not remembered.
        let Ok(real) = folder.canonicalize() else { return Ok(()) };
        if real.to_str().is_none() || folder.to_str().is_none() || self.containing(&real).is_some() {
            return Ok(());
        }
        let moved = real.ancestors().find_map(|place| Some((self.moved_to(place)?, place)));
        let name = if folder == Path::new(".") { Path::new("") } else { folder };
        // A folder of this name that is gone: the new one has taken its place.
        let replaced =
            || self.folders.iter().position(|known| Path::new(&known.name) == name && is_gone(known));
        if let Some((at, place)) = moved {
            self.relocate(at, place);
            return Ok(());
        }
        if let Some(at) = replaced() {
            self.relocate(at, &real);
            self.replaced.push(real);
            return Ok(());
        }
        let free = [name, &real].into_iter().find(|name| self.mistaken(name, &real).is_none());
        let Some(name) = free else {
            let other = self.mistaken(&real, &real).map_or_else(String::new, |known| known.path.clone());
            return Err(NameTaken { path: folder.display().to_string(), other });
        };
        let (name, path) = (text(name), text(&real));
        let (inode, created) = identity(&real);
        self.folders.push(KnownFolder { name, path, inode, created });
        Ok(())
    }

    /// The innermost known folder that a real path is, or is in.
    fn containing(&self, real: &Path) -> Option<&KnownFolder> {
        let around = self.folders.iter().filter(|known| real.starts_with(&known.path));
        around.max_by_key(|known| known.path.len())
    }

    /// The known folder that is in this place now.
    fn moved_to(&self, place: &Path) -> Option<usize> {
        let (inode, created) = identity(place);
        let is_same = |known: &KnownFolder| known.inode == inode && known.created == created;
        let (Some(_), Some(_)) = (inode, created) else { return None };
        self.folders.iter().position(is_same)
    }

    /// Notes where a known folder is now. What is in it has moved with it.
    fn relocate(&mut self, at: usize, to: &Path) {
        let from = PathBuf::from(&self.folders[at].path);
        for known in &mut self.folders {
            if let Ok(rest) = Path::new(&known.path).strip_prefix(&from) {
                known.path = text(&join(to, rest));
            }
        }
        let known = &mut self.folders[at];
        (known.inode, known.created) = identity(to);
    }

    /// The known folder that the name would be mistaken for, if `real` had it.
    fn mistaken(&self, name: &Path, real: &Path) -> Option<&KnownFolder> {
        let is_at =
            |place: PathBuf, path: &Path| place == path || place.canonicalize().is_ok_and(|p| p == path);
        self.folders.iter().find(|known| {
            let (known_name, known_path) = (Path::new(&known.name), Path::new(&known.path));
            let within = |outer: &Path, inner: &Path| {
                // The name of the current folder is empty; absolute paths are not in it.
                let rest = inner.strip_prefix(outer).ok()?;
                (outer.is_absolute() == inner.is_absolute()).then(|| rest.to_owned())
            };
            match (within(known_name, name), within(name, known_name)) {
                (Some(rest), _) => !is_at(join(known_path, &rest), real),
                (None, Some(rest)) => !is_at(join(real, &rest), known_path),
                (None, None) => false,
            }
        })
    }

    /// The name in URIs of a file or directory that the user named, and the folders in it that are
    /// known under names of their own.
    pub(super) fn resolve(&self, path: &Path) -> (NamedPath, Vec<PathBuf>) {
        let given = NamedPath::as_given(path);
        let is_dir = given.path.is_dir();
        let folder = if is_dir { &given.path } else { parent(&given.path) };
        let Ok(real) = folder.canonicalize() else { return (given, Vec::new()) };
        let Some(known) = self.containing(&real) else { return (given, Vec::new()) };
        let rest = real.strip_prefix(&known.path).unwrap_or(Path::new(""));
        let name = join(Path::new(&known.name), rest);
        let NamedPath { path, .. } = given;
        let is_replaced = self.replaced.iter().any(|replaced| real.starts_with(replaced));
        let folder = if is_replaced { FolderState::Replaced } else { FolderState::Same };
        if !is_dir {
            let file = path.file_name().map_or(Path::new(""), Path::new);
            return (NamedPath { name: join(&name, file), path, folder }, Vec::new());
        }
        let has_other_name = |inner: &&KnownFolder| {
            let rest = Path::new(&inner.path).strip_prefix(&real).ok();
            let rest = rest.filter(|rest| !rest.as_os_str().is_empty());
            rest.is_some_and(|rest| Path::new(&inner.name) != join(&name, rest))
        };
        let inner = self.folders.iter().filter(has_other_name).map(|inner| PathBuf::from(&inner.path));
        let inner = inner.filter(|path| path.is_dir()).collect();
        (NamedPath { name: normalized(&name), path, folder }, inner)
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// `join` without a separator at the end.
fn join(folder: &Path, rest: &Path) -> PathBuf {
    if rest.as_os_str().is_empty() { folder.to_owned() } else { folder.join(rest) }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn is_gone(known: &KnownFolder) -> bool {
    !Path::new(&known.path).is_dir()
}

/// The number of a folder's inode, and when it was created.
fn identity(path: &Path) -> (Option<u64>, Option<u64>) {
    let Ok(meta) = fs::metadata(path) else { return (None, None) };
    let since_epoch = meta.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    (inode(&meta), since_epoch.and_then(|time| u64::try_from(time.as_nanos()).ok()))
}

#[cfg(unix)]
fn inode(meta: &Metadata) -> Option<u64> {
    Some(std::os::unix::fs::MetadataExt::ino(meta))
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> Option<u64> {
    None
}
