//! Files and directories of this machine.

use std::cmp::Ordering;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use walkdir::{DirEntry, WalkDir};

use super::{Archive, Listed, NameFields, Place, Version, text_of};
use crate::model::{EventTime, SkipReason};

/// What lies in a directory, in the bytewise order of URIs.
pub(super) struct Walk {
    entries: walkdir::IntoIter,
    /// Never entered: the report being written.
    exclude: Option<PathBuf>,
}

impl Walk {
    /// Walks a directory, but not into `exclude`, which is an absolute path without symbolic links.
    pub(super) fn new(directory: PathBuf, exclude: Option<PathBuf>) -> Self {
        Self { entries: WalkDir::new(directory).follow_links(true).sort_by(by_uri).into_iter(), exclude }
    }

    fn is_excluded(&self, entry: &DirEntry) -> bool {
        let Some(exclude) = &self.exclude else { return false };
        // Names first: the full path is only resolved for a directory that could be the one.
        entry.file_type().is_dir()
            && (entry.depth() == 0 || Some(entry.file_name()) == exclude.file_name())
            && fs::canonicalize(entry.path()).is_ok_and(|path| path == *exclude)
    }
}

impl Iterator for Walk {
    type Item = Listed;

    fn next(&mut self) -> Option<Listed> {
        loop {
            return Some(match self.entries.next()? {
                Ok(entry) if self.is_excluded(&entry) => {
                    self.entries.skip_current_dir();
                    continue;
                }
                Ok(entry) if entry.file_type().is_dir() => continue,
                Ok(entry) => look_at(&plain(entry.path())),
                Err(error) => {
                    let uri = error.path().map_or_else(String::new, uri_of);
                    Listed::Unreadable { uri: uri.into(), error: io::Error::from(error) }
                }
            });
        }
    }
}

/// Orders the entries of a directory as their URIs order: a directory's goes on with `/`.
fn by_uri(a: &DirEntry, b: &DirEntry) -> Ordering {
    fn end(entry: &DirEntry) -> Option<u8> {
        // A link is followed, but not yet when its directory is sorted.
        let is_dir = entry.file_type().is_dir() || entry.path_is_symlink() && entry.path().is_dir();
        is_dir.then_some(b'/')
    }
    match (a.file_name().to_str(), b.file_name().to_str()) {
        (Some(one), Some(other)) => one.bytes().chain(end(a)).cmp(other.bytes().chain(end(b))),
        _ => {
            let name = |entry: &DirEntry| uri_of(Path::new(entry.file_name())).into_bytes();
            name(a).into_iter().chain(end(a)).cmp(name(b).into_iter().chain(end(b)))
        }
    }
}

pub(super) fn named(path: PathBuf) -> Listed {
    match fs::metadata(&path) {
        Ok(meta) => archive(path, &meta),
        Err(error) => Listed::Unreadable { uri: uri_of(&path).into(), error },
    }
}

fn look_at(path: &Path) -> Listed {
    let uri = || Arc::from(uri_of(path));
    match fs::metadata(path) {
        Ok(meta) if meta.is_file() => archive(path.to_owned(), &meta),
        Ok(_) => Listed::Skipped { uri: uri(), reason: SkipReason::NotAFile },
        Err(error) => Listed::Unreadable { uri: uri(), error },
    }
}

fn archive(path: PathBuf, meta: &Metadata) -> Listed {
    let uri = uri_of(&path);
    let facts = NameFields::read(&uri);
    let regular = meta.is_file();
    let size = regular.then_some(meta.len());
    let modified = meta.modified().ok().filter(|_| regular).map(moment);
    let version = Version { etag: None, modified };
    Listed::Archive(Archive { uri: uri.into(), size, facts, version, place: Place::File(path) })
}

/// A time of the file system, to the millisecond.
fn moment(time: SystemTime) -> EventTime {
    let ms = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    EventTime(match time.duration_since(UNIX_EPOCH) {
        Ok(since) => ms(since),
        Err(before) => -ms(before.duration()),
    })
}

/// The path without `./` and doubled or trailing separators, so that one file has one URI.
pub(super) fn plain(path: &Path) -> PathBuf {
    let plain: PathBuf = path.components().filter(|c| !matches!(c, Component::CurDir)).collect();
    if plain.as_os_str().is_empty() { PathBuf::from(".") } else { plain }
}

/// The path as text, with `/` between its parts.
pub(super) fn uri_of(path: &Path) -> String {
    let text = text_of(path.as_os_str().as_encoded_bytes());
    if std::path::MAIN_SEPARATOR == '/' { text } else { text.replace(std::path::MAIN_SEPARATOR, "/") }
}
