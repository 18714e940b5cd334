//! Files and directories on this machine.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use walkdir::{DirEntry, WalkDir};

use super::archive::{Archive, ListedInput, Location, Version};
use super::name::{NameFields, name_to_text};
use super::named_path::{FolderState, NamedPath, normalized};
use crate::base::unix_micros;
use crate::model::{EventTime, SkipReason};

/// Walks a directory in the bytewise order of the URIs in it.
pub(super) struct DirectoryWalk {
    entries: walkdir::IntoIter,
    directory: NamedPath,
    /// Directories that are never entered, as absolute paths without symbolic links.
    excludes: Vec<PathBuf>,
    /// Directories that were entered. With symbolic links, many names can lead to one.
    entered: HashSet<FileId>,
}

/// What tells two files apart: device and inode.
type FileId = (u64, u64);

#[cfg(unix)]
fn file_id(entry: &DirEntry) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    entry.metadata().ok().map(|meta| (meta.dev(), meta.ino()))
}

#[cfg(not(unix))]
fn file_id(_: &DirEntry) -> Option<FileId> {
    None
}

impl DirectoryWalk {
    /// Does not enter `excludes`, which are absolute paths without symbolic links.
    pub(super) fn new(directory: NamedPath, excludes: Vec<PathBuf>) -> Self {
        let entries = WalkDir::new(&directory.path).follow_links(true).sort_by(by_uri).into_iter();
        Self { entries, directory, excludes, entered: HashSet::new() }
    }

    fn is_excluded(&self, entry: &DirEntry) -> bool {
        // Names are compared first: resolving a path is slow. A link can have any name.
        let may_be = |path: &PathBuf| {
            entry.depth() == 0 || entry.path_is_symlink() || Some(entry.file_name()) == path.file_name()
        };
        entry.file_type().is_dir()
            && self.excludes.iter().any(|exclude| {
                may_be(exclude) && fs::canonicalize(entry.path()).is_ok_and(|path| path == *exclude)
            })
    }

    /// A path in the directory, with its name.
    fn named(&self, path: &Path) -> NamedPath {
        let (path, folder) = (normalized(path), self.directory.folder);
        if self.directory.name == self.directory.path {
            return NamedPath { name: path.clone(), path, folder };
        }
        let rest = path.strip_prefix(&self.directory.path).unwrap_or(&path);
        NamedPath { name: normalized(&self.directory.name.join(rest)), path, folder }
    }
}

impl Iterator for DirectoryWalk {
    type Item = ListedInput;

    fn next(&mut self) -> Option<ListedInput> {
        loop {
            return Some(match self.entries.next()? {
                Ok(entry) if self.is_excluded(&entry) => {
                    self.entries.skip_current_dir();
                    continue;
                }
                Ok(entry) if entry.file_type().is_dir() => {
                    if file_id(&entry).is_none_or(|id| self.entered.insert(id)) {
                        continue;
                    }
                    self.entries.skip_current_dir();
                    already_listed(&self.named(entry.path()))
                }
                Ok(entry) => list_entry(self.named(entry.path())),
                Err(error) if error.loop_ancestor().is_some() => match error.path() {
                    Some(path) => already_listed(&self.named(path)),
                    None => continue,
                },
                Err(error) => {
                    let uri = error.path().map_or_else(String::new, |path| uri_of(&self.named(path).name));
                    ListedInput::Unreadable { uri: uri.into(), error: io::Error::from(error) }
                }
            });
        }
    }
}

fn already_listed(directory: &NamedPath) -> ListedInput {
    ListedInput::Skipped { uri: uri_of(&directory.name).into(), reason: SkipReason::AlreadyListed }
}

/// Compares two entries of a directory by their URIs. In the URIs of what is in a directory, its
/// name is followed by `/`.
fn by_uri(a: &DirEntry, b: &DirEntry) -> Ordering {
    fn separator(entry: &DirEntry) -> Option<u8> {
        // walkdir follows links, but only after it has sorted the directory that they are in.
        let is_dir = entry.file_type().is_dir() || entry.path_is_symlink() && entry.path().is_dir();
        is_dir.then_some(b'/')
    }
    match (a.file_name().to_str(), b.file_name().to_str()) {
        (Some(one), Some(other)) => one.bytes().chain(separator(a)).cmp(other.bytes().chain(separator(b))),
        _ => {
            let name = |entry: &DirEntry| uri_of(Path::new(entry.file_name())).into_bytes();
            name(a).into_iter().chain(separator(a)).cmp(name(b).into_iter().chain(separator(b)))
        }
    }
}

/// Lists a file that the user named. It is read whatever it is: it may be a pipe, for example from
/// a process substitution.
pub(super) fn list_named(file: NamedPath) -> ListedInput {
    match fs::metadata(&file.path) {
        Ok(meta) => archive(file, &meta),
        Err(error) => ListedInput::Unreadable { uri: uri_of(&file.name).into(), error },
    }
}

fn list_entry(file: NamedPath) -> ListedInput {
    let uri = || Arc::from(uri_of(&file.name));
    match fs::metadata(&file.path) {
        Ok(meta) if meta.is_file() => archive(file, &meta),
        Ok(_) => ListedInput::Skipped { uri: uri(), reason: SkipReason::NotAFile },
        Err(error) => ListedInput::Unreadable { uri: uri(), error },
    }
}

fn archive(NamedPath { name, path, folder }: NamedPath, meta: &Metadata) -> ListedInput {
    let uri = uri_of(&name);
    let name_fields = NameFields::from_key(&uri);
    let is_regular = meta.is_file();
    let size = is_regular.then_some(meta.len());
    let modified = meta.modified().ok().filter(|_| is_regular).map(to_event_time);
    let is_same = is_regular && folder == FolderState::Same;
    let inode = is_same.then(|| last_change(meta)).flatten();
    let version = Version { etag: None, inode, modified };
    ListedInput::Archive(Archive {
        uri: uri.into(),
        size,
        name_fields,
        version,
        may_be_listed: false,
        location: Location::File(path),
    })
}

/// Distinguishes the content of a file from what was there before, even if a program has set the
/// old time again.
#[cfg(unix)]
fn last_change(meta: &Metadata) -> Option<Box<str>> {
    use std::os::unix::fs::MetadataExt;
    Some(format!("{}-{}.{:09}", meta.ino(), meta.ctime(), meta.ctime_nsec()).into())
}

#[cfg(not(unix))]
fn last_change(_: &Metadata) -> Option<Box<str>> {
    None
}

/// Converts a time of the file system, rounded to milliseconds towards the epoch.
fn to_event_time(time: SystemTime) -> EventTime {
    EventTime(unix_micros(time) / 1000)
}

/// The path as text, with `/` between its parts.
pub(super) fn uri_of(path: &Path) -> String {
    let text = name_to_text(path.as_os_str().as_encoded_bytes());
    if std::path::MAIN_SEPARATOR == '/' { text } else { text.replace(std::path::MAIN_SEPARATOR, "/") }
}
