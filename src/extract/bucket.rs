//! Extracts on S3: each segment an object, which is fetched into a temporary file to be read.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::segment::{Segment, Settings};
use super::state::{FOLDER, Found, SEALED, StateError, number};
use crate::base::{into_inner, lock};
use crate::s3::Bucket as Store;

/// Segments fetched at a time.
const AT_A_TIME: usize = 8;

#[derive(Debug)]
pub(super) struct Bucket {
    store: Store,
    /// The folder of the extracts, with a slash at its end.
    folder: String,
}

impl Bucket {
    /// `report`: the report's folder, empty or with a slash at its end. Whoever calls holds its lease.
    pub(super) fn open(
        store: &Store,
        report: &str,
        settings: &Settings,
        anew: bool,
    ) -> Result<(Self, Found), StateError> {
        let bucket = Self { store: store.clone(), folder: format!("{report}{FOLDER}/") };
        let keys: Vec<String> = store.list(&bucket.folder)?.into_iter().map(|listed| listed.key).collect();
        let mut named: Vec<(u64, String)> = keys
            .into_iter()
            .filter_map(|key| {
                let name = key.strip_prefix(&bucket.folder)?;
                let number = number(name.strip_suffix(SEALED)?.strip_suffix('.')?)?;
                Some((number, name.to_owned()))
            })
            .collect();
        named.sort();
        let next = named.last().map_or(0, |(number, _)| number + 1);
        let names: Vec<String> = named.into_iter().map(|(_, name)| name).collect();
        if anew {
            return Ok((bucket, Found { unwanted: names, next, ..Found::default() }));
        }
        let segments = bucket.fetch(&names, settings)?;
        let segments = names.into_iter().zip(segments).collect();
        Ok((bucket, Found { segments, next, ..Found::default() }))
    }

    /// The segments of these names, in their order.
    fn fetch(&self, names: &[String], settings: &Settings) -> Result<Vec<Arc<Segment>>, StateError> {
        let next = AtomicUsize::new(0);
        let fetched = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..AT_A_TIME.min(names.len()) {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(name) = names.get(at) else { return };
                        let segment = self.fetch_one(name, settings);
                        let failed = segment.is_err();
                        lock(&fetched).push((at, segment));
                        if failed {
                            return;
                        }
                    }
                });
            }
        });
        let mut fetched = into_inner(fetched);
        fetched.sort_by_key(|(at, _)| *at);
        fetched.into_iter().map(|(_, segment)| segment).collect()
    }

    fn fetch_one(&self, name: &str, settings: &Settings) -> Result<Arc<Segment>, StateError> {
        let mut file = tempfile::tempfile().map_err(StateError::file(&std::env::temp_dir()))?;
        let key = format!("{}{name}", self.folder);
        self.store.download(&key, &mut file)?;
        let path = self.store.address(&key);
        let opened = Segment::open(file, settings, false, &path);
        opened.map(Arc::new).map_err(|error| StateError::Segment { path, error })
    }

    /// Uploads a segment that has been written. No other run gives it the same name, should this one have been taken for dead.
    pub(super) fn place(&self, file: &Path, number: u64) -> Result<(), StateError> {
        let unique = RandomState::new().hash_one(number);
        Ok(self.store.upload(&format!("{}{number:08}-{unique:016x}.{SEALED}", self.folder), file)?)
    }

    pub(super) fn remove(&self, names: &[String]) -> Result<(), StateError> {
        Ok(self.store.delete(names.iter().map(|name| format!("{}{name}", self.folder)).collect())?)
    }
}
