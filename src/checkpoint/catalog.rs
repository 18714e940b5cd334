//! The segments of a run: those of earlier runs, and those that it has written itself.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex};

use super::error::CheckpointError;
use super::manifest::{Manifest, SegmentEntry};
use super::segment::Segment;
use super::segment_store::{NewFile, SegmentFile, SegmentStore};
use super::settings::Settings;
use crate::base::lock;
use crate::model::KnownFolder;

const PREFIX: &str = "segment-";
const SUFFIX: &str = ".arrows";

/// A name for a segment that no other run gives, not even one that was taken for dead.
pub(super) fn new_name() -> String {
    format!("{PREFIX}{:016x}{SUFFIX}", RandomState::new().hash_one(std::process::id()))
}

/// Whether keytrail gives such names to segments.
pub(super) fn is_segment(name: &str) -> bool {
    let digits = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
    digits.is_some_and(|digits| digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// When the manifest is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Publish {
    /// With each segment: a killed run loses none of them.
    AtOnce,
    /// When the new report is in place: until then there is the checkpoint that it replaces.
    AtTheEnd,
}

#[derive(Debug)]
pub(super) struct Catalog {
    pub(super) store: Box<dyn SegmentStore>,
    pub(super) settings: Settings,
    /// The number of this run.
    pub(super) generation: u64,
    publish: Publish,
    folders: Mutex<Folders>,
    segments: Mutex<Segments>,
}

#[derive(Debug, Default)]
struct Folders {
    known: Vec<KnownFolder>,
    /// The manifest does not have them yet.
    is_changed: bool,
}

#[derive(Debug, Default)]
struct Segments {
    /// In the manifest, oldest first.
    permanent: Vec<Arc<Segment>>,
    /// How many of them earlier runs have left.
    known: usize,
    /// Of archives that the next run has to read again.
    of_this_run: Vec<Arc<Segment>>,
}

impl Catalog {
    pub(super) fn new(
        store: Box<dyn SegmentStore>,
        settings: Settings,
        folders: Vec<KnownFolder>,
        known: Vec<Arc<Segment>>,
        publish: Publish,
    ) -> Self {
        let generation = known.iter().map(|segment| segment.entry.generation).max().unwrap_or(0) + 1;
        let segments = Segments { known: known.len(), permanent: known, of_this_run: Vec::new() };
        let folders = Mutex::new(Folders { known: folders, is_changed: false });
        Self { store, settings, generation, publish, folders, segments: Mutex::new(segments) }
    }

    /// The folders that archives were read from.
    pub(super) fn folders(&self) -> Vec<KnownFolder> {
        lock(&self.folders).known.clone()
    }

    /// Replaces them. The manifest has them once it is written.
    pub(super) fn set_folders(&self, known: Vec<KnownFolder>) {
        let mut folders = lock(&self.folders);
        folders.is_changed |= folders.known != known;
        folders.known = known;
    }

    /// Writes the manifest if it does not have the folders yet.
    pub(super) fn write_folders(&self) -> Result<(), CheckpointError> {
        let is_changed = lock(&self.folders).is_changed;
        if is_changed { self.write_now() } else { Ok(()) }
    }

    /// The segments of earlier runs.
    pub(super) fn known(&self) -> Vec<Arc<Segment>> {
        let segments = lock(&self.segments);
        segments.permanent[..segments.known].to_vec()
    }

    /// All segments, oldest first.
    pub(super) fn all(&self) -> Vec<Arc<Segment>> {
        let segments = lock(&self.segments);
        segments.permanent.iter().chain(&segments.of_this_run).cloned().collect()
    }

    /// Puts a file in place.
    pub(super) fn place(&self, file: NewFile, entry: SegmentEntry) -> Result<Arc<Segment>, CheckpointError> {
        let address = self.store.address(&entry.name);
        let file = self.store.commit(&entry.name, file)?;
        Ok(Arc::new(Segment { entry, file, address }))
    }

    /// Commits a segment: from now on later runs have it, too.
    pub(super) fn commit(&self, segment: Arc<Segment>) -> Result<(), CheckpointError> {
        let mut segments = lock(&self.segments);
        segments.permanent.push(segment);
        match self.publish {
            Publish::AtOnce => self.write(&segments.permanent),
            Publish::AtTheEnd => Ok(()),
        }
    }

    /// Adds a segment that counts in this run only.
    pub(super) fn add_of_this_run(&self, file: File, entry: SegmentEntry) {
        let part = SegmentFile::Part { file: Arc::new(Mutex::new(file)), start: 0, length: entry.bytes };
        let address = "a temporary file".to_owned();
        lock(&self.segments).of_this_run.push(Arc::new(Segment { entry, file: part, address }));
    }

    /// Replaces the last of the segments of earlier runs, from `from` on.
    pub(super) fn replace(&self, from: usize, with: Vec<Arc<Segment>>) -> Result<(), CheckpointError> {
        let mut segments = lock(&self.segments);
        let replaced: Vec<String> =
            segments.permanent.drain(from..).map(|segment| segment.entry.name.clone()).collect();
        segments.permanent.extend(with);
        segments.known = segments.permanent.len();
        self.write(&segments.permanent)?;
        self.store.remove(&replaced)
    }

    /// Writes the manifest as it is now.
    pub(super) fn write_now(&self) -> Result<(), CheckpointError> {
        self.write(&lock(&self.segments).permanent)
    }

    fn write(&self, segments: &[Arc<Segment>]) -> Result<(), CheckpointError> {
        let entries = segments.iter().map(|segment| segment.entry.clone()).collect();
        let mut folders = lock(&self.folders);
        let manifest = Manifest::new(self.settings, folders.known.clone(), entries);
        let json = manifest.to_json().map_err(|error| {
            let path = self.store.address(super::segment_store::MANIFEST);
            CheckpointError::File { path, source: error.into() }
        })?;
        self.store.write_manifest(&json)?;
        folders.is_changed = false;
        Ok(())
    }

    /// Removes the segments that the manifest does not name: of killed runs, and of a checkpoint
    /// that has been replaced.
    pub(super) fn remove_unnamed(&self, also: impl Fn(&str) -> bool) -> Result<(), CheckpointError> {
        let named: Vec<Arc<Segment>> = lock(&self.segments).permanent.clone();
        let is_named = |name: &str| named.iter().any(|segment| segment.entry.name == name);
        let files = self.store.list()?.into_iter();
        let unnamed = files.filter(|file| file.bytes.is_some()).map(|file| file.name);
        let unnamed = unnamed.filter(|name| is_segment(name) && !is_named(name) || also(name));
        self.store.remove(&unnamed.collect::<Vec<_>>())
    }
}
