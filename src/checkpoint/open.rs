//! The checkpoint of one run: opened, used, and finished.

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::bucket::BucketStore;
use super::catalog::{Catalog, Publish, is_segment};
use super::compaction::compact;
use super::error::{CheckpointError, Unusable};
use super::journal::{JOURNAL, Journal};
use super::limits::CommitLimits;
use super::local::LocalStore;
use super::manifest::{Manifest, SegmentEntry};
use super::merge::Merged;
use super::segment::Segment;
use super::segment_store::{FOLDER, MANIFEST, SegmentStore, StoredFile};
use super::settings::{Earlier, Settings};
use super::writer::SegmentWriter;
use crate::base::{into_inner, lock};
use crate::model::KnownFolder;
use crate::s3::Bucket;

/// Segments that are fetched and verified at a time.
const AT_A_TIME: usize = 8;

/// How a checkpoint is opened.
#[derive(Debug, Clone, Copy)]
pub struct CheckpointOptions {
    /// What its facts depend on.
    pub settings: Settings,
    /// What to do with the facts of earlier runs.
    pub earlier: Earlier,
    /// When segments are committed.
    pub limits: CommitLimits,
}

/// The checkpoint of one run.
#[derive(Debug)]
pub struct Checkpoint {
    catalog: Catalog,
    journal: Journal,
    limits: CommitLimits,
    /// There was a checkpoint that this one replaces at the end.
    replaces: bool,
    /// Archives that this run has read, and those that it has the facts of from earlier runs.
    read: AtomicU64,
    known: AtomicU64,
}

impl Checkpoint {
    /// Opens the checkpoint of a report directory, or begins one.
    ///
    /// # Errors
    /// When another run uses it, there is a report without a checkpoint, or what is there cannot be
    /// used.
    pub fn in_directory(report: &Path, options: &CheckpointOptions) -> Result<Self, CheckpointError> {
        let folder = report.join(FOLDER);
        let holds_report = || {
            let remains = format!("{FOLDER}-"); // of runs that were killed
            std::fs::read_dir(report).is_ok_and(|mut entries| {
                entries.any(|entry| {
                    entry.is_ok_and(|entry| {
                        let name = entry.file_name();
                        name != *FOLDER && !name.to_string_lossy().starts_with(&remains)
                    })
                })
            })
        };
        if options.earlier == Earlier::Continue && !folder.exists() && holds_report() {
            return Err(CheckpointError::NotIncremental { path: report.display().to_string() });
        }
        let store = Box::new(LocalStore::open(report)?);
        let mut checkpoint =
            Self::open(store, options, &report.display().to_string(), &|| Ok(holds_report()))?;
        checkpoint.journal = Journal::in_directory(&folder, options.earlier);
        Ok(checkpoint)
    }

    /// Opens the checkpoint of a report in S3, or begins one. The folder `report` is empty, or a
    /// key with a slash at its end; the caller holds its lease.
    ///
    /// # Errors
    /// As for [`Self::in_directory`].
    pub fn in_bucket(
        bucket: &Bucket,
        report: &str,
        options: &CheckpointOptions,
    ) -> Result<Self, CheckpointError> {
        let own = format!("{report}{FOLDER}/");
        let holds_report = || {
            let objects = bucket.list(report)?;
            Ok(objects.iter().any(|object| object.key != report && !object.key.starts_with(&own)))
        };
        let store = Box::new(BucketStore::open(bucket, report));
        let mut checkpoint = Self::open(store, options, &bucket.address(report), &holds_report)?;
        checkpoint.journal = Journal::in_bucket(bucket, &own, options.earlier)?;
        Ok(checkpoint)
    }

    fn open(
        store: Box<dyn SegmentStore>,
        options: &CheckpointOptions,
        report: &str,
        holds_report: &dyn Fn() -> Result<bool, CheckpointError>,
    ) -> Result<Self, CheckpointError> {
        let CheckpointOptions { settings, earlier, limits } = *options;
        let json = store.read_manifest()?;
        let (mut folders, mut known, mut replaces) = (Vec::new(), Vec::new(), false);
        match (json, earlier) {
            (Some(_), Earlier::Rebuild) => replaces = true,
            (Some(json), Earlier::Continue) => {
                (folders, known) = continue_from(&*store, settings, &json)?;
            }
            (None, Earlier::Rebuild) => {}
            (None, Earlier::Continue) => refuse_lost(&*store, report, holds_report)?,
        }
        let begins = known.is_empty() && !replaces;
        let publish = if replaces { Publish::AtTheEnd } else { Publish::AtOnce };
        let catalog = Catalog::new(store, settings, folders, known, publish);
        if begins {
            catalog.write_now()?;
        }
        if !replaces {
            catalog.remove_unnamed(|_| false)?;
        }
        compact(&catalog, limits)?;
        let (read, known) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok(Self { catalog, journal: Journal::default(), limits, replaces, read, known })
    }

    /// Which archives are being read.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The folders on this machine that earlier runs have read archives from.
    pub fn folders(&self) -> Vec<KnownFolder> {
        self.catalog.folders()
    }

    /// Keeps these folders for later runs, instead.
    pub fn set_folders(&self, folders: Vec<KnownFolder>) {
        self.catalog.set_folders(folders);
    }

    /// Rows of the archives that earlier runs have read.
    pub fn known(&self) -> Merged {
        Merged::new(self.catalog.known())
    }

    /// All rows: also those of archives that this run has read, once their writers have finished.
    pub fn all(&self) -> Merged {
        Merged::new(self.catalog.all())
    }

    /// Begins a segment for the calling thread.
    pub fn writer(&self) -> SegmentWriter<'_> {
        SegmentWriter::new(&self.catalog, self.limits)
    }

    /// Notes archives that this run has read.
    pub fn add_read(&self, archives: u64) {
        self.read.fetch_add(archives, Ordering::Relaxed);
    }

    /// Notes archives whose facts this run has from earlier ones.
    pub fn add_known(&self, archives: u64) {
        self.known.fetch_add(archives, Ordering::Relaxed);
    }

    /// Archives that this run has read, and those whose facts it has from earlier ones.
    pub fn archives(&self) -> (u64, u64) {
        (self.read.load(Ordering::Relaxed), self.known.load(Ordering::Relaxed))
    }

    /// Removes the checkpoint that this one replaces. The report that was made without it must be
    /// in place.
    ///
    /// # Errors
    /// When the manifest cannot be written, or files cannot be removed.
    pub fn finish(&self) -> Result<(), CheckpointError> {
        if self.replaces {
            self.catalog.write_now()?;
        } else {
            self.catalog.write_folders()?;
        }
        self.catalog.remove_unnamed(is_of_old_format)
    }
}

impl Drop for Checkpoint {
    fn drop(&mut self) {
        self.journal.finish(false); // while it still holds the lock of a directory
    }
}

/// Removes the checkpoint of a report directory, if there is one: the report was replaced by one
/// that is not made from it.
///
/// # Errors
/// When a file cannot be removed.
pub fn remove_from_directory(report: &Path) -> Result<(), CheckpointError> {
    if !report.join(FOLDER).is_dir() {
        return Ok(());
    }
    let store = LocalStore::open(report)?;
    remove_all(&store)?;
    store.remove_folder();
    Ok(())
}

/// The same for a report in S3. The caller holds its lease.
///
/// # Errors
/// When an object cannot be removed.
pub fn remove_from_bucket(bucket: &Bucket, report: &str) -> Result<(), CheckpointError> {
    remove_all(&BucketStore::open(bucket, report))
}

/// Removes the files of a checkpoint, the manifest first. Other files stay.
fn remove_all(store: &dyn SegmentStore) -> Result<(), CheckpointError> {
    store.remove(&[MANIFEST, JOURNAL].map(str::to_owned))?;
    let files = store.list()?.into_iter().filter(|file| file.bytes.is_some()).map(|file| file.name);
    let own: Vec<String> = files.filter(|name| is_segment(name) || is_of_old_format(name)).collect();
    store.remove(&own)
}

/// The folders and the segments that a manifest names; the segments fetched and verified.
fn continue_from(
    store: &dyn SegmentStore,
    settings: Settings,
    json: &[u8],
) -> Result<(Vec<KnownFolder>, Vec<Arc<Segment>>), CheckpointError> {
    let address = store.address(MANIFEST);
    let manifest = Manifest::from_json(json).map_err(CheckpointError::unusable(&address))?;
    if manifest.settings != settings {
        let reason = Unusable::OtherSettings(manifest.settings);
        return Err(CheckpointError::unusable(&address)(reason));
    }
    if !manifest.segments.iter().all(|entry| is_segment(&entry.name)) {
        return Err(CheckpointError::unusable(&address)(Unusable::Rows));
    }
    let files = store.list()?;
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(None));
    let fetched: Mutex<Vec<Option<Arc<Segment>>>> = Mutex::new(vec![None; manifest.segments.len()]);
    let fetch_all = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(entry) = manifest.segments.get(at).filter(|_| lock(&failed).is_none()) else { return };
            match fetch(store, &files, entry) {
                Ok(segment) => lock(&fetched)[at] = Some(Arc::new(segment)),
                Err(error) => drop(lock(&failed).get_or_insert(error)),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME.min(manifest.segments.len()) {
            scope.spawn(fetch_all);
        }
    });
    match into_inner(failed) {
        Some(error) => Err(error),
        None => Ok((manifest.folders, into_inner(fetched).into_iter().flatten().collect())),
    }
}

fn fetch(
    store: &dyn SegmentStore,
    files: &[StoredFile],
    entry: &SegmentEntry,
) -> Result<Segment, CheckpointError> {
    let address = store.address(&entry.name);
    let unusable = |reason| CheckpointError::unusable(&address)(reason);
    // What is there is looked at before it is fetched: it may be of any size.
    match files.iter().find(|file| file.name == entry.name) {
        None => return Err(unusable(Unusable::Missing)),
        Some(StoredFile { bytes: None, .. }) => return Err(unusable(Unusable::NotAFile)),
        Some(StoredFile { bytes: Some(actual), .. }) if *actual != entry.bytes => {
            return Err(unusable(Unusable::Size { actual: *actual, expected: entry.bytes }));
        }
        Some(_) => {}
    }
    let file = store.fetch(&entry.name)?;
    let segment = Segment { entry: entry.clone(), file, address };
    segment.verify()?;
    Ok(segment)
}

/// Without a manifest there is nothing to continue from. Fails if there was one, or something else.
fn refuse_lost(
    store: &dyn SegmentStore,
    report: &str,
    holds_report: &dyn Fn() -> Result<bool, CheckpointError>,
) -> Result<(), CheckpointError> {
    let files = store.list()?;
    if let Some(old) = files.iter().find(|file| is_of_old_format(&file.name)) {
        return Err(CheckpointError::unusable(&store.address(&old.name))(Unusable::OtherFormat));
    }
    if files.iter().any(|file| is_segment(&file.name)) {
        return Err(CheckpointError::unusable(&store.address(MANIFEST))(Unusable::Missing));
    }
    match holds_report()? {
        true => Err(CheckpointError::NotIncremental { path: report.to_owned() }),
        false => Ok(()),
    }
}

/// Whether versions before the manifest gave such names: `00000012.extracts`, in S3
/// `00000012-0123456789abcdef.extracts`, and `00000012.part` while it was written.
fn is_of_old_format(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".extracts").or_else(|| name.strip_suffix(".part")) else {
        return false;
    };
    let (number, unique) = stem.split_once('-').unwrap_or((stem, "0123456789abcdef"));
    let is_number = number.len() == 8 && number.bytes().all(|b| b.is_ascii_digit());
    is_number && unique.len() == 16 && unique.bytes().all(|b| b.is_ascii_hexdigit())
}
