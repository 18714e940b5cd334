//! Files and directories on this machine.

use std::cmp::Ordering;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use walkdir::{DirEntry, WalkDir};

use super::archive::{Archive, ListedInput, Location, Version};
use super::name::{NameFields, name_to_text};
use crate::model::{EventTime, SkipReason};

/// Walks a directory in the bytewise order of the URIs in it.
pub(super) struct DirectoryWalk {
    entries: walkdir::IntoIter,
    /// A directory that is never entered: the report being written.
    exclude: Option<PathBuf>,
}

impl DirectoryWalk {
    /// Does not enter `exclude`, which is an absolute path without symbolic links.
    pub(super) fn new(directory: PathBuf, exclude: Option<PathBuf>) -> Self {
        Self { entries: WalkDir::new(directory).follow_links(true).sort_by(by_uri).into_iter(), exclude }
    }

    fn is_excluded(&self, entry: &DirEntry) -> bool {
        let Some(exclude) = &self.exclude else { return false };
        // Names are compared first: resolving a path is slow.
        entry.file_type().is_dir()
            && (entry.depth() == 0 || Some(entry.file_name()) == exclude.file_name())
            && fs::canonicalize(entry.path()).is_ok_and(|path| path == *exclude)
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
                Ok(entry) if entry.file_type().is_dir() => continue,
                Ok(entry) => list_entry(&normalized(entry.path())),
                Err(error) => {
                    let uri = error.path().map_or_else(String::new, uri_of);
                    ListedInput::Unreadable { uri: uri.into(), error: io::Error::from(error) }
                }
            });
        }
    }
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
pub(super) fn list_named(path: PathBuf) -> ListedInput {
    match fs::metadata(&path) {
        Ok(meta) => archive(path, &meta),
        Err(error) => ListedInput::Unreadable { uri: uri_of(&path).into(), error },
    }
}

fn list_entry(path: &Path) -> ListedInput {
    let uri = || Arc::from(uri_of(path));
    match fs::metadata(path) {
        Ok(meta) if meta.is_file() => archive(path.to_owned(), &meta),
        Ok(_) => ListedInput::Skipped { uri: uri(), reason: SkipReason::NotAFile },
        Err(error) => ListedInput::Unreadable { uri: uri(), error },
    }
}

fn archive(path: PathBuf, meta: &Metadata) -> ListedInput {
    let uri = uri_of(&path);
    let name_fields = NameFields::from_key(&uri);
    let is_regular = meta.is_file();
    let size = is_regular.then_some(meta.len());
    let modified = meta.modified().ok().filter(|_| is_regular).map(to_event_time);
    let version = Version { etag: None, modified };
    ListedInput::Archive(Archive {
        uri: uri.into(),
        size,
        name_fields,
        version,
        location: Location::File(path),
    })
}

/// Converts a time of the file system, rounded to milliseconds towards the epoch.
fn to_event_time(time: SystemTime) -> EventTime {
    let ms = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    EventTime(match time.duration_since(UNIX_EPOCH) {
        Ok(since) => ms(since),
        Err(before) => -ms(before.duration()),
    })
}

/// Removes `./` and double or trailing separators, so that one file has one URI.
pub(super) fn normalized(path: &Path) -> PathBuf {
    let normalized: PathBuf = path.components().filter(|c| !matches!(c, Component::CurDir)).collect();
    if normalized.as_os_str().is_empty() { PathBuf::from(".") } else { normalized }
}

/// The path as text, with `/` between its parts.
pub(super) fn uri_of(path: &Path) -> String {
    let text = name_to_text(path.as_os_str().as_encoded_bytes());
    if std::path::MAIN_SEPARATOR == '/' { text } else { text.replace(std::path::MAIN_SEPARATOR, "/") }
}
