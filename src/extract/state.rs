//! Where extracts are kept: for one run in temporary files, or from run to run beside the report they are for.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tempfile::TempPath;
use thiserror::Error;

use super::bucket::Bucket;
use super::folder::Folder;
use super::segment::{Segment, SegmentError, Settings, Writer};
use crate::store::{Store, StoreError};

/// The folder in a report's directory; readers of the report ignore names that begin so.
pub const FOLDER: &str = "_keytrail";
/// What the names of segments end in.
pub(super) const SEALED: &str = "extracts";
/// Bytes after which a segment is ended and another begun: what a run that is killed has uploaded by then is not lost.
const LONG: u64 = 256 << 20;
/// More segments than these are made one before a run: each takes an open file.
const MANY: usize = 48;

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
        "{path} holds something that --incremental cannot go on from; name another directory, or use --force to begin anew in it"
    )]
    NotBegun {
        /// The report's directory.
        path: String,
    },
    /// A file of extracts cannot be used.
    #[error("cannot go on from {path}: {error}; use --force to read all archives anew")]
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
    Store(#[from] StoreError),
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

/// Segments of earlier runs, the oldest first, each with its name; and the number of the next.
pub(super) type Found = (Vec<(String, Arc<Segment>)>, u64);

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

    /// In the directory of a report, which is created if need be; with `anew`, what is there is forgotten.
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
        Self { home, settings, known, made: Mutex::default(), next: AtomicU64::new(next), new, old }
    }

    fn with(home: Home, settings: Settings, (found, next): Found) -> Result<Self, StateError> {
        let (names, known): (Vec<String>, Vec<Arc<Segment>>) = found.into_iter().unzip();
        let many = known.len() > MANY;
        let mut state = Self::new(home, settings, known, next);
        if many {
            state.make_one(&names)?;
        }
        Ok(state)
    }

    /// Replaces many segments by one. Whenever this is cut short, each extract is still in one of the files.
    fn make_one(&mut self, names: &[String]) -> Result<(), StateError> {
        let mut shelf = self.begin()?;
        shelf.write(|writer| writer.take_in(&self.known))?;
        self.end(shelf)?;
        self.known = std::mem::take(self.made.get_mut().unwrap_or_else(PoisonError::into_inner));
        match &self.home {
            Home::Temporary => Ok(()),
            Home::Folder(folder) => folder.remove(names),
            Home::Bucket(bucket) => bucket.remove(names),
        }
    }

    /// What earlier runs have kept.
    pub fn known(&self) -> &[Arc<Segment>] {
        &self.known
    }

    /// What there is now, the newest last.
    pub fn all(&self) -> Vec<Arc<Segment>> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
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
            let opened = Segment::open(file, &self.settings, true);
            let path = place.path().display().to_string();
            let segment = opened.map_err(|error| StateError::Segment { path, error })?;
            self.made.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(segment));
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

    /// Whether the extract of this archive has to go into another segment.
    pub fn is_full(&self, uri: &str) -> bool {
        self.writer.len() > LONG || !self.writer.takes(uri)
    }
}

/// The number in a segment's name.
pub(super) fn number(stem: &str) -> Option<u64> {
    stem.parse().ok().filter(|_| stem.bytes().all(|b| b.is_ascii_digit()))
}
