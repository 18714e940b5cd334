//! Where extracts are kept: for one run in temporary files, or from run to run beside the report they are for.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tempfile::TempPath;
use thiserror::Error;

use super::bucket::Bucket;
use super::folder::Folder;
use super::segment::{Segment, SegmentError, Settings, Writer};
use crate::base::lock;
use crate::s3::{Bucket as Store, S3Error};

/// The folder in a report's directory; readers of the report ignore names that begin so.
pub const FOLDER: &str = "_keytrail";
/// What the names of segments end in.
pub(super) const SEALED: &str = "extracts";
/// Bytes after which a segment is ended and another begun: what a run that is killed has uploaded by then is not lost.
const LONG: u64 = 512 << 20;
/// More segments than these are made one before a run: each takes an open file.
const MANY: usize = 100;

/// Why extracts cannot be kept from run to run.
#[derive(Debug, Error)]
pub enum StateError {
    /// Another run is at work there.
    #[error("another run is writing to {path}; wait for it to end, or name another directory")]
    Busy {
        /// The report's directory.
        path: String,
    },
    /// There is a report, and no extracts that it was made from.
    #[error(
        "{path} holds files that are not from a run with --incremental; name another directory, or use --force to start over in it"
    )]
    NotBegun {
        /// The report's directory.
        path: String,
    },
    /// A file of extracts cannot be used.
    #[error("cannot continue from {path}: {error}; use --force to read all archives again")]
    Segment {
        /// The file.
        path: String,
        /// Why.
        error: SegmentError,
    },
    /// Something else cannot be read or written.
    #[error("cannot use {path}: {error}")]
    File {
        /// Which.
        path: String,
        /// The operating system's words.
        error: io::Error,
    },
    /// S3 refuses.
    #[error(transparent)]
    Store(#[from] S3Error),
}

impl StateError {
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |error| Self::File { path, error }
    }
}

/// The extracts of earlier runs, and of this one.
#[derive(Debug)]
pub struct State {
    home: Home,
    settings: Settings,
    /// Of earlier runs.
    known: Vec<Arc<Segment>>,
    /// Names of segments that are not wanted any more.
    unwanted: Vec<String>,
    made: Mutex<Vec<Arc<Segment>>>,
    /// The number of the next segment: newer ones have greater numbers.
    next: AtomicU64,
    /// Extracts made in this run, and taken from earlier ones.
    new: AtomicU64,
    old: AtomicU64,
}

#[derive(Debug)]
enum Home {
    Temporary,
    Folder(Folder),
    Bucket(Bucket),
}

/// What earlier runs have left.
#[derive(Default)]
pub(super) struct Found {
    /// Segments, the oldest first, each with its name.
    pub(super) segments: Vec<(String, Arc<Segment>)>,
    /// Names of those that are to be forgotten.
    pub(super) unwanted: Vec<String>,
    /// The number of the next.
    pub(super) next: u64,
}

/// A segment that a thread writes.
pub struct Shelf {
    writer: Writer,
    number: u64,
    place: Placed,
}

/// Where a segment is while it is written.
enum Placed {
    Nameless,
    /// Where it will stay.
    Here(PathBuf),
    /// Until it has been uploaded.
    Meanwhile(TempPath),
}

impl Placed {
    fn path(&self) -> &Path {
        match self {
            Self::Nameless => Path::new("a temporary file (set TMPDIR to a folder with room)"),
            Self::Here(path) => path,
            Self::Meanwhile(path) => path,
        }
    }
}

impl State {
    /// For one run.
    pub fn temporary(settings: Settings) -> Self {
        Self::new(Home::Temporary, settings, Vec::new(), 0)
    }

    /// In the directory of a report, which is created if need be; with `anew`, what is there is not looked at, and [forgotten](Self::forget) at
    /// the end.
    ///
    /// # Errors
    /// When another run is at work there, or what is there cannot be used.
    pub fn in_directory(report: &Path, settings: Settings, anew: bool) -> Result<Self, StateError> {
        let (folder, found) = Folder::open(report, &settings, anew)?;
        Self::with(Home::Folder(folder), settings, found)
    }

    /// In the folder of a report on S3, whose lease is held.
    ///
    /// # Errors
    /// When what is there cannot be used.
    pub fn in_bucket(
        store: &Store,
        report: &str,
        settings: Settings,
        anew: bool,
    ) -> Result<Self, StateError> {
        let (bucket, found) = Bucket::open(store, report, &settings, anew)?;
        Self::with(Home::Bucket(bucket), settings, found)
    }

    fn new(home: Home, settings: Settings, known: Vec<Arc<Segment>>, next: u64) -> Self {
        let (new, old) = (AtomicU64::default(), AtomicU64::default());
        let (made, next) = (Mutex::default(), AtomicU64::new(next));
        Self { home, settings, known, unwanted: Vec::new(), made, next, new, old }
    }

    fn with(home: Home, settings: Settings, found: Found) -> Result<Self, StateError> {
        let Found { segments, unwanted, next } = found;
        let (names, known): (Vec<String>, Vec<Arc<Segment>>) = segments.into_iter().unzip();
        let many = known.len() > MANY;
        let mut state = Self::new(home, settings, known, next);
        state.unwanted = unwanted;
        if many {
            state.make_one(&names)?;
        }
        Ok(state)
    }

    /// Replaces the newest segments, as far as they are short, by one: the order of the others and theirs stays. Whenever this is cut
    /// short, each extract is still in one of the files.
    fn make_one(&mut self, names: &[String]) -> Result<(), StateError> {
        let short = self.known.iter().rev().take_while(|segment| segment.len() < LONG / 2).count();
        if short < 2 {
            return Ok(());
        }
        let first = self.known.len() - short;
        let mut shelf = self.begin()?;
        if let Err(error) = shelf.write(|writer| writer.take_in(&self.known[first..])) {
            shelf.discard();
            return Err(error);
        }
        self.end(shelf)?;
        self.known.truncate(first);
        self.known.append(&mut lock(&self.made));
        self.remove(&names[first..])
    }

    fn remove(&self, names: &[String]) -> Result<(), StateError> {
        match &self.home {
            Home::Temporary => Ok(()),
            Home::Folder(folder) => folder.remove(names),
            Home::Bucket(bucket) => bucket.remove(names),
        }
    }

    /// Forgets what was not to be gone on from: once the report that does without it is in its place.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn forget(&self) -> Result<(), StateError> {
        self.remove(&self.unwanted)
    }

    /// What earlier runs have kept.
    pub fn known(&self) -> &[Arc<Segment>] {
        &self.known
    }

    /// What there is now, the newest last.
    pub fn all(&self) -> Vec<Arc<Segment>> {
        let made = lock(&self.made);
        self.known.iter().chain(made.iter()).cloned().collect()
    }

    /// Whether extracts stay for later runs.
    pub fn is_lasting(&self) -> bool {
        !matches!(self.home, Home::Temporary)
    }

    /// Takes note that an archive has been read, or counted from what was kept of it.
    pub fn count(&self, read: bool) {
        if read { &self.new } else { &self.old }.fetch_add(1, Ordering::Relaxed);
    }

    /// What has been noted: archives read, and archives counted from what earlier runs have kept.
    pub fn counted(&self) -> (u64, u64) {
        (self.new.load(Ordering::Relaxed), self.old.load(Ordering::Relaxed))
    }

    /// Begins a segment for the calling thread.
    ///
    /// # Errors
    /// When no file can be created.
    pub fn begin(&self) -> Result<Shelf, StateError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let temporary = std::env::temp_dir();
        let (file, place) = match &self.home {
            Home::Temporary => {
                (tempfile::tempfile().map_err(StateError::file(&temporary))?, Placed::Nameless)
            }
            Home::Folder(folder) => {
                let path = folder.unsealed(number);
                let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
                (file.map_err(StateError::file(&path))?, Placed::Here(path))
            }
            Home::Bucket(_) => {
                let (file, path) =
                    tempfile::NamedTempFile::new().map_err(StateError::file(&temporary))?.into_parts();
                (file, Placed::Meanwhile(path))
            }
        };
        let writer =
            Writer::new(file, &self.settings, self.is_lasting()).map_err(StateError::file(place.path()))?;
        Ok(Shelf { writer, number, place })
    }

    /// Ends a segment: from now on its extracts can be read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end(&self, shelf: Shelf) -> Result<(), StateError> {
        let Shelf { writer, number, place } = shelf;
        let empty = writer.is_empty();
        let durable = matches!(place, Placed::Here(_)) && !empty;
        let file: File = writer.finish(durable).map_err(StateError::file(place.path()))?;
        match (&self.home, &place) {
            (Home::Folder(folder), Placed::Here(path)) => folder.place(path, empty)?,
            (Home::Bucket(bucket), Placed::Meanwhile(path)) if !empty => bucket.place(path, number)?,
            _ => {}
        }
        if !empty {
            let path = place.path().display().to_string();
            let opened = Segment::open(file, &self.settings, true, &path);
            let segment = opened.map_err(|error| StateError::Segment { path, error })?;
            lock(&self.made).push(Arc::new(segment));
        }
        Ok(())
    }
}

impl Shelf {
    /// Writes to the segment.
    ///
    /// # Errors
    /// When that fails.
    pub fn write(&mut self, write: impl FnOnce(&mut Writer) -> io::Result<()>) -> Result<(), StateError> {
        write(&mut self.writer).map_err(StateError::file(self.place.path()))
    }

    /// Leaves nothing behind of a segment that cannot be written.
    fn discard(self) {
        if let Placed::Here(path) = &self.place {
            let _ = std::fs::remove_file(path); // the next run finds nothing in it that counts
        }
    }

    /// Whether the extract of this archive has to go into another segment.
    pub fn is_full(&self, uri: &str) -> bool {
        self.writer.len() > LONG || !self.writer.takes(uri)
    }
}

/// The number in a segment's name, which may have more behind it.
pub(super) fn number(stem: &str) -> Option<u64> {
    let stem = stem.split('-').next()?;
    stem.parse().ok().filter(|_| stem.bytes().all(|b| b.is_ascii_digit()))
}
