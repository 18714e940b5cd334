//! All inputs of a run, one archive after the other.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::{Archive, Input, ListContext, Listed, NameFields, Place, Version, local, s3};
use crate::s3::{Address, S3Error};

/// All archives of some inputs, in the bytewise order of their URIs.
pub struct Listing {
    roots: std::vec::IntoIter<Root>,
    walk: Walk,
    /// Never entered: the report being written.
    exclude: Option<PathBuf>,
    reach: ListContext,
    /// Addresses that could be an object's or a folder's, and whether there is something to say of the object.
    objects: Vec<(Address, bool)>,
}

enum Walk {
    Nothing,
    Local(Box<local::Walk>),
    S3(Box<s3::Walk>, Address),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Root {
    Stdin,
    File(PathBuf),
    Directory(PathBuf),
    Object(Address),
    /// Its key is empty or ends in `/`.
    Folder(Address),
}

impl Root {
    /// What an input stands for: an address in S3 can be an object's and a folder's.
    fn of(input: &Input) -> Vec<Self> {
        match input {
            Input::Stdin => vec![Self::Stdin],
            Input::Path(path) if path.is_dir() => vec![Self::Directory(local::plain(path))],
            Input::Path(path) => vec![Self::File(local::plain(path))],
            Input::S3(address) if address.key.is_empty() || address.key.ends_with('/') => {
                vec![Self::Folder(address.clone())]
            }
            Input::S3(address) => vec![Self::Object(address.clone()), Self::Folder(address.folder())],
        }
    }

    /// Sorts as its contents will: a directory's URIs go on with `/`.
    fn order(&self) -> Vec<u8> {
        match self {
            Self::Stdin => b"-".to_vec(),
            Self::Directory(path) if is_here(path) => Vec::new(), // its contents are named without it
            Self::File(path) => local::uri_of(path).into_bytes(),
            Self::Directory(path) => format!("{}/", local::uri_of(path)).into_bytes(),
            Self::Object(address) | Self::Folder(address) => address.to_string().into_bytes(),
        }
    }

    /// Whether `other` lies inside this directory or folder, going by the names alone.
    fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Directory(mine), Self::Directory(theirs) | Self::File(theirs)) => {
                let inside =
                    || theirs.is_relative() && !theirs.components().any(|c| c == Component::ParentDir);
                if is_here(mine) { inside() } else { theirs.starts_with(mine) }
            }
            (Self::File(mine), Self::Directory(theirs) | Self::File(theirs)) => mine == theirs,
            (Self::Folder(mine), Self::Folder(theirs) | Self::Object(theirs)) => {
                mine.bucket == theirs.bucket && theirs.key.starts_with(&mine.key)
            }
            _ => self == other,
        }
    }
}

fn is_here(path: &Path) -> bool {
    path == Path::new(".")
}

impl Listing {
    /// Lists `inputs`; those that lie inside others, or are named twice, are read once. Whatever lies in `exclude` is left out.
    pub fn new(inputs: &[Input], exclude: Option<&Path>, reach: &ListContext) -> Self {
        let mut roots: Vec<Root> = inputs.iter().flat_map(Root::of).collect();
        roots.sort_by_cached_key(Root::order);
        let mut kept: Vec<Root> = Vec::new();
        for root in roots {
            if !kept.iter().any(|outer| outer.contains(&root)) {
                kept.push(root);
            }
        }
        let exclude = exclude.and_then(|path| fs::canonicalize(path).ok());
        let (walk, reach) = (Walk::Nothing, reach.clone());
        Self { roots: kept.into_iter(), walk, exclude, reach, objects: Vec::new() }
    }

    fn next_in_walk(&mut self) -> Option<Listed> {
        let listed = match &mut self.walk {
            Walk::Nothing => None,
            Walk::Local(walk) => walk.next(),
            Walk::S3(walk, _) => walk.next(),
        };
        if listed.is_some() {
            return listed;
        }
        match std::mem::replace(&mut self.walk, Walk::Nothing) {
            Walk::S3(walk, folder) if walk.is_empty() => self.named_in_vain(folder),
            _ => None,
        }
    }

    /// Folders of S3 are in the names of objects only: one without any does not exist, unless its name is an object's.
    fn named_in_vain(&self, folder: Address) -> Option<Listed> {
        let object = folder.key.strip_suffix('/')?;
        let is_same = |(other, _): &&(Address, bool)| other.bucket == folder.bucket && other.key == object;
        match self.objects.iter().find(is_same) {
            _ if self.reach.is_cancelled() => None,
            Some((_, true)) => None,
            Some((address, false)) => Some(nothing_there(address)),
            None => Some(nothing_there(&folder)),
        }
    }

    /// Begins with a root; gives it if it is all there is to it.
    fn open(&mut self, root: Root) -> Option<Listed> {
        match root {
            Root::Stdin => {
                return Some(Listed::Archive(Archive {
                    uri: "-".into(),
                    size: None,
                    facts: NameFields::default(),
                    version: Version::default(),
                    place: Place::Stdin,
                }));
            }
            Root::Directory(path) => {
                self.walk = Walk::Local(Box::new(local::Walk::new(path, self.exclude.clone())));
            }
            // Named by the user, so read whatever it is: a pipe, say, from a process substitution.
            Root::File(path) => return Some(local::named(path)),
            Root::Object(address) => {
                let opened = self.reach.buckets.open(&address.bucket);
                let found = opened.and_then(|store| s3::object(&store, &address, &self.reach));
                let listed = found.unwrap_or_else(|error| Some(s3::unlisted(&address, error)));
                self.objects.push((address, listed.is_some()));
                return listed;
            }
            Root::Folder(address) => match self.reach.buckets.open(&address.bucket) {
                Ok(store) => {
                    let walk = s3::Walk::new(store, address.clone(), self.reach.clone());
                    self.walk = Walk::S3(Box::new(walk), address);
                }
                Err(error) => return Some(s3::unlisted(&address, error)),
            },
        }
        None
    }
}

fn nothing_there(address: &Address) -> Listed {
    s3::unlisted(address, S3Error::NoSuchObject { address: address.to_string() })
}

impl Iterator for Listing {
    type Item = Listed;

    fn next(&mut self) -> Option<Listed> {
        loop {
            if let Some(listed) = self.next_in_walk() {
                return Some(listed);
            }
            let root = self.roots.next()?;
            if let Some(listed) = self.open(root) {
                return Some(listed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uris(inputs: &[&Path], exclude: Option<&Path>) -> Vec<String> {
        let inputs: Vec<Input> = inputs.iter().map(|p| Input::parse(p).unwrap()).collect();
        Listing::new(&inputs, exclude, &ListContext::default())
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
