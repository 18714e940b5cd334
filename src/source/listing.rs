//! All inputs of a run, one archive after the other.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::archive::{Archive, ListedInput, Location, Version};
use super::folders::FolderNames;
use super::input::{Input, ListContext};
use super::local::{self, DirectoryWalk};
use super::name::NameFields;
use super::named_path::NamedPath;
use super::s3_folder::{self, FolderListing};
use crate::model::SkipReason;
use crate::s3::{Address, S3Error};

/// Lists all archives of some inputs, in the bytewise order of their URIs.
pub struct Listing {
    /// The inputs still to list, in order.
    roots: std::vec::IntoIter<Root>,
    current: Option<Current>,
    /// Whether the current root has yielded anything.
    has_yielded: bool,
    /// A directory that is never entered: the report being written.
    exclude: Option<PathBuf>,
    context: ListContext,
    /// The addresses that may name an object or a folder, as far as the object has been looked up.
    looked_up: Vec<(Address, Lookup)>,
}

/// The directory or folder that is being listed.
enum Current {
    Directory(Box<DirectoryWalk>, PathBuf),
    Folder(Box<FolderListing>, Address),
}

/// What looking up an object returned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lookup {
    /// The listing has an item for it: an archive, or an error.
    Listed,
    /// There is no such object.
    Missing,
}

/// What an input names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Root {
    Stdin,
    File(NamedPath),
    /// With folders in it that are not entered.
    Directory(NamedPath, Vec<PathBuf>),
    Object(Address),
    /// The key is empty or ends in `/`.
    Folder(Address),
}

impl Root {
    /// An address in S3 may name an object and a folder.
    fn all_of(input: &Input, names: Option<&FolderNames>) -> Vec<Self> {
        match input {
            Input::Stdin => vec![Self::Stdin],
            Input::Path(path) => Self::of_path(path, names),
            Input::S3(address) if address.key.is_empty() || address.key.ends_with('/') => {
                vec![Self::Folder(address.clone())]
            }
            Input::S3(address) => vec![Self::Object(address.clone()), Self::Folder(address.folder())],
        }
    }

    /// A directory may hold folders that are listed under names of their own.
    fn of_path(path: &Path, names: Option<&FolderNames>) -> Vec<Self> {
        let (named, inner) = match names {
            Some(names) => names.resolve(path),
            None => (NamedPath::as_given(path), Vec::new()),
        };
        if !path.is_dir() {
            return vec![Self::File(named)];
        }
        let mut roots: Vec<Self> = inner.iter().flat_map(|path| Self::of_path(path, names)).collect();
        roots.push(Self::Directory(named, inner));
        roots
    }

    /// Sorts a directory like the URIs in it, which continue with `/`.
    fn sort_key(&self) -> Vec<u8> {
        match self {
            Self::Stdin => b"-".to_vec(),
            Self::Directory(dir, _) if is_current_dir(&dir.name) => Vec::new(), // URIs in it lack the `.`
            Self::File(file) => local::uri_of(&file.name).into_bytes(),
            Self::Directory(dir, _) => format!("{}/", local::uri_of(&dir.name)).into_bytes(),
            Self::Object(address) | Self::Folder(address) => address.to_string().into_bytes(),
        }
    }

    /// Whether `other` is in this directory or folder, by their names alone.
    fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Directory(outer, _), Self::Directory(inner, _) | Self::File(inner)) => {
                let (outer, inner) = (&outer.name, &inner.name);
                let is_below_current_dir =
                    || inner.is_relative() && !inner.components().any(|c| c == Component::ParentDir);
                if is_current_dir(outer) { is_below_current_dir() } else { inner.starts_with(outer) }
            }
            (Self::File(file), Self::Directory(other, _) | Self::File(other)) => file.name == other.name,
            (Self::Folder(outer), Self::Folder(inner) | Self::Object(inner)) => {
                outer.bucket == inner.bucket && inner.key.starts_with(&outer.key)
            }
            _ => self == other,
        }
    }
}

fn is_current_dir(path: &Path) -> bool {
    path == Path::new(".")
}

impl Listing {
    /// Lists `inputs`. An input that is named twice, or is inside another, is listed once.
    /// Everything in the directory `exclude` is left out.
    pub fn new(inputs: &[Input], exclude: Option<&Path>, context: &ListContext) -> Self {
        let mut roots: Vec<Root> =
            inputs.iter().flat_map(|input| Root::all_of(input, context.names.as_ref())).collect();
        roots.sort_by_cached_key(Root::sort_key);
        let mut outermost: Vec<Root> = Vec::new();
        for root in roots {
            if !outermost.iter().any(|outer| outer.contains(&root)) {
                outermost.push(root);
            }
        }
        Self {
            roots: outermost.into_iter(),
            current: None,
            has_yielded: false,
            exclude: exclude.and_then(|path| fs::canonicalize(path).ok()),
            context: context.clone(),
            looked_up: Vec::new(),
        }
    }

    fn next_in_current(&mut self) -> Option<ListedInput> {
        let item = match self.current.as_mut()? {
            Current::Directory(walk, _) => walk.next(),
            Current::Folder(listing, _) => listing.next(),
        };
        if item.is_some() {
            self.has_yielded = true;
            return item;
        }
        let current = self.current.take()?;
        match current {
            _ if self.has_yielded || self.context.is_cancelled() => None,
            Current::Directory(_, path) => Some(no_archive(local::uri_of(&path))),
            Current::Folder(_, folder) => self.empty_folder(&folder),
        }
    }

    /// What a folder in S3 without archives is listed as. Folders exist only as parts of keys, so
    /// an address without keys is an empty folder, unless it names an object: then the object is
    /// missing.
    fn empty_folder(&self, folder: &Address) -> Option<ListedInput> {
        let object_key = folder.key.strip_suffix('/').unwrap_or_default();
        let is_same =
            |(object, _): &&(Address, Lookup)| object.bucket == folder.bucket && object.key == object_key;
        match self.looked_up.iter().find(is_same) {
            Some((_, Lookup::Listed)) => None,
            Some((object, Lookup::Missing)) if object.names_object() => Some(not_found(object)),
            _ => Some(no_archive(folder.to_string())),
        }
    }

    /// Starts to list a root. Returns the item of a root that has only one.
    fn start(&mut self, root: Root) -> Option<ListedInput> {
        self.has_yielded = false;
        match root {
            Root::Stdin => {
                return Some(ListedInput::Archive(Archive {
                    uri: "-".into(),
                    size: None,
                    name_fields: NameFields::default(),
                    version: Version::default(),
                    may_be_listed: false,
                    location: Location::Stdin,
                }));
            }
            Root::Directory(dir, mut excludes) => {
                excludes.extend(self.exclude.clone());
                let name = dir.name.clone();
                self.current = Some(Current::Directory(Box::new(DirectoryWalk::new(dir, excludes)), name));
            }
            Root::File(file) => return Some(local::list_named(file)),
            Root::Object(address) => {
                let bucket = self.context.buckets.open(&address.bucket);
                let item = bucket
                    .and_then(|bucket| s3_folder::find_object(&bucket, &address, &self.context))
                    .unwrap_or_else(|error| Some(s3_folder::unreadable(&address, error)));
                let lookup = if item.is_some() { Lookup::Listed } else { Lookup::Missing };
                self.looked_up.push((address, lookup));
                return item;
            }
            Root::Folder(address) => match self.context.buckets.open(&address.bucket) {
                Ok(bucket) => {
                    let listing = FolderListing::new(bucket, address.clone(), self.context.clone());
                    self.current = Some(Current::Folder(Box::new(listing), address));
                }
                Err(error) => return Some(s3_folder::unreadable(&address, error)),
            },
        }
        None
    }
}

fn not_found(address: &Address) -> ListedInput {
    s3_folder::unreadable(address, S3Error::NoSuchObject { address: address.to_string() })
}

fn no_archive(uri: String) -> ListedInput {
    ListedInput::Skipped { uri: uri.into(), reason: SkipReason::NoArchive }
}

impl Iterator for Listing {
    type Item = ListedInput;

    fn next(&mut self) -> Option<ListedInput> {
        loop {
            if let Some(item) = self.next_in_current() {
                return Some(item);
            }
            let root = self.roots.next()?;
            if let Some(item) = self.start(root) {
                return Some(item);
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
            .map(|item| match item {
                ListedInput::Archive(archive) => archive.uri.to_string(),
                ListedInput::Skipped { uri, .. } | ListedInput::Unreadable { uri, .. } => format!("! {uri}"),
            })
            .collect()
    }

    #[test]
    fn archives_are_listed_once_in_the_bytewise_order_of_uris() {
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
    fn an_input_that_does_not_exist_is_unreadable() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("gone.json.gz");
        assert_eq!(uris(&[&missing], None), [format!("! {}", missing.display())]);
    }
}
