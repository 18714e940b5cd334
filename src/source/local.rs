//! Files and directories of this machine.

use std::cmp::Ordering;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use walkdir::{DirEntry, WalkDir};

use super::{Archive, Input, KeyFacts, Listed, Place, Version, text_of};
use crate::event::{EventTime, SkipReason};

/// All archives of some inputs, in the bytewise order of their URIs.
pub struct Listing {
    roots: std::vec::IntoIter<Root>,
    walk: Option<walkdir::IntoIter>,
    /// Never entered: the report being written.
    exclude: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Root {
    path: Option<PathBuf>,
    is_dir: bool,
}

impl Root {
    /// Sorts as its contents will: a directory's URIs go on with `/`.
    fn order(&self) -> Vec<u8> {
        let mut name = self.path.as_deref().map_or(b"-".to_vec(), |p| uri_of(p).into_bytes());
        if self.is_here() {
            name.clear(); // its contents are named without it
        } else if self.is_dir {
            name.push(b'/');
        }
        name
    }

    /// Whether `other` lies inside this directory, going by the names alone.
    fn contains(&self, other: &Self) -> bool {
        match (&self.path, &other.path) {
            (Some(_), Some(theirs)) if self.is_here() => {
                theirs.is_relative() && !theirs.components().any(|c| c == Component::ParentDir)
            }
            (Some(mine), Some(theirs)) => mine == theirs || (self.is_dir && theirs.starts_with(mine)),
            _ => self == other,
        }
    }

    fn is_here(&self) -> bool {
        self.path.as_deref() == Some(Path::new("."))
    }
}

impl Listing {
    /// Lists `inputs`; those that lie inside others, or are named twice, are read once. Whatever lies in `exclude` is left out.
    pub fn new(inputs: &[Input], exclude: Option<&Path>) -> Self {
        let mut roots: Vec<Root> = inputs
            .iter()
            .map(|input| match input {
                Input::Stdin => Root { path: None, is_dir: false },
                Input::Path(path) => Root { path: Some(plain(path)), is_dir: path.is_dir() },
            })
            .collect();
        roots.sort_by_cached_key(Root::order);
        let mut kept: Vec<Root> = Vec::new();
        for root in roots {
            if !kept.iter().any(|outer| outer.contains(&root)) {
                kept.push(root);
            }
        }
        let exclude = exclude.and_then(|path| fs::canonicalize(path).ok());
        Self { roots: kept.into_iter(), walk: None, exclude }
    }

    fn is_excluded(&self, entry: &DirEntry) -> bool {
        let Some(exclude) = &self.exclude else { return false };
        // Names first: the full path is only resolved for a directory that could be the one.
        entry.file_type().is_dir()
            && (entry.depth() == 0 || Some(entry.file_name()) == exclude.file_name())
            && fs::canonicalize(entry.path()).is_ok_and(|path| path == *exclude)
    }

    fn next_in_walk(&mut self) -> Option<Listed> {
        let mut walk = self.walk.take()?;
        while let Some(entry) = walk.next() {
            let listed = match entry {
                Ok(entry) if self.is_excluded(&entry) => {
                    walk.skip_current_dir();
                    continue;
                }
                Ok(entry) if entry.file_type().is_dir() => continue,
                Ok(entry) => look_at(&plain(entry.path())),
                Err(error) => {
                    let uri = error.path().map_or_else(String::new, uri_of);
                    Listed::Unreadable { uri: uri.into(), error: io::Error::from(error) }
                }
            };
            self.walk = Some(walk);
            return Some(listed);
        }
        None
    }
}

impl Iterator for Listing {
    type Item = Listed;

    fn next(&mut self) -> Option<Listed> {
        loop {
            if let Some(listed) = self.next_in_walk() {
                return Some(listed);
            }
            let root = self.roots.next()?;
            match root.path {
                None => {
                    let facts = KeyFacts::default();
                    return Some(Listed::Archive(Archive {
                        uri: "-".into(),
                        size: None,
                        facts,
                        version: Version::default(),
                        place: Place::Stdin,
                    }));
                }
                Some(path) if root.is_dir => {
                    self.walk = Some(WalkDir::new(path).follow_links(true).sort_by(by_uri).into_iter());
                }
                // Named by the user, so read whatever it is: a pipe, say, from a process substitution.
                Some(path) => return Some(named(path)),
            }
        }
    }
}

/// Orders the entries of a directory as their URIs order: a directory's goes on with `/`.
fn by_uri(a: &DirEntry, b: &DirEntry) -> Ordering {
    fn end(entry: &DirEntry) -> Option<u8> {
        entry.file_type().is_dir().then_some(b'/')
    }
    match (a.file_name().to_str(), b.file_name().to_str()) {
        (Some(one), Some(other)) => one.bytes().chain(end(a)).cmp(other.bytes().chain(end(b))),
        _ => {
            let name = |entry: &DirEntry| uri_of(Path::new(entry.file_name())).into_bytes();
            name(a).into_iter().chain(end(a)).cmp(name(b).into_iter().chain(end(b)))
        }
    }
}

fn named(path: PathBuf) -> Listed {
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
    let facts = KeyFacts::read(&uri);
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
fn plain(path: &Path) -> PathBuf {
    let plain: PathBuf = path.components().filter(|c| !matches!(c, Component::CurDir)).collect();
    if plain.as_os_str().is_empty() { PathBuf::from(".") } else { plain }
}

/// The path as text, with `/` between its parts.
fn uri_of(path: &Path) -> String {
    let text = text_of(path.as_os_str().as_encoded_bytes());
    if std::path::MAIN_SEPARATOR == '/' { text } else { text.replace(std::path::MAIN_SEPARATOR, "/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uris(inputs: &[&Path], exclude: Option<&Path>) -> Vec<String> {
        let inputs: Vec<Input> = inputs.iter().map(|p| Input::parse(p)).collect();
        Listing::new(&inputs, exclude)
            .map(|listed| match listed {
                Listed::Archive(archive) => archive.uri.to_string(),
                Listed::Skipped { uri, .. } | Listed::Unreadable { uri, .. } => format!("! {uri}"),
            })
            .collect()
    }

    #[test]
    fn lists_in_the_bytewise_order_of_uris_once_each() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a/x", "a/b/y", "a-b", "a.json", "a/b.json", "out/report"] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{}").unwrap();
        }
        let found = uris(&[dir.path()], Some(&dir.path().join("out")));
        let mut sorted = found.clone();
        sorted.sort();
        assert_eq!(found, sorted);
        assert_eq!(found.len(), 5);

        let twice =
            [dir.path().join("a"), dir.path().join("a-b"), dir.path().join("./a/x"), dir.path().join("a/")];
        let twice: Vec<&Path> = twice.iter().map(PathBuf::as_path).collect();
        let found = uris(&twice, None);
        let mut sorted = found.clone();
        sorted.sort();
        assert_eq!(found, sorted);
        assert_eq!(found.len(), 4);
    }

    #[test]
    fn what_cannot_be_listed_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let gone = dir.path().join("gone.json.gz");
        assert_eq!(uris(&[&gone], None), [format!("! {}", gone.display())]);
    }
}
