//! Where extracts are kept: for one run in temporary files, or from run to run beside the report they are for.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;

use super::segment::{Segment, SegmentError, Settings, Writer};

/// The folder in a report's directory; readers of the report ignore names that begin so.
const FOLDER: &str = "_keytrail";
const SEALED: &str = "extracts";
const UNSEALED: &str = "part";
/// Bytes after which a segment is ended and another begun.
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
}

impl StateError {
    fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
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
    next: Mutex<u64>,
}

#[derive(Debug)]
enum Home {
    Temporary,
    Folder {
        path: PathBuf,
        /// Held as long as it is open.
        _lock: File,
    },
}

/// A segment that a thread writes.
pub struct Shelf {
    writer: Writer,
    path: Option<PathBuf>,
}

impl State {
    /// For one run.
    pub fn temporary(settings: Settings) -> Self {
        Self {
            home: Home::Temporary,
            settings,
            known: Vec::new(),
            made: Mutex::default(),
            next: Mutex::new(0),
        }
    }

    /// In the directory of a report, which is created if need be; with `anew`, what is there is forgotten.
    ///
    /// # Errors
    /// When another run is at work there, or what is there cannot be used.
    pub fn in_directory(report: &Path, settings: Settings, anew: bool) -> Result<Self, StateError> {
        let path = report.join(FOLDER);
        if !anew && !path.exists() && holds_something(report) {
            return Err(StateError::NotBegun { path: report.display().to_string() });
        }
        fs::create_dir_all(&path).map_err(StateError::file(&path))?;
        let lock = lock(report, &path.join("lock"))?;
        let mut segments = Vec::new();
        let mut next = 0;
        for (number, file) in listed(&path)? {
            next = number + 1;
            if anew {
                fs::remove_file(&file).map_err(StateError::file(&file))?;
            } else if let Some(segment) = open(&file, &settings)? {
                segments.push(segment);
            }
        }
        let home = Home::Folder { path, _lock: lock };
        let mut state =
            Self { home, settings, known: Vec::new(), made: Mutex::default(), next: Mutex::new(next) };
        state.known = segments.iter().map(|(_, segment)| segment.clone()).collect();
        if segments.len() > MANY {
            state.make_one(&segments)?;
        }
        Ok(state)
    }

    /// Replaces many segments by one. Whenever this is cut short, each extract is still in one of the files.
    fn make_one(&mut self, segments: &[(PathBuf, Arc<Segment>)]) -> Result<(), StateError> {
        let (file, path) = self.create()?;
        let at = path.clone().unwrap_or_default();
        let error = || StateError::file(&at);
        let mut writer = Writer::new(file, &self.settings).map_err(error())?;
        writer.take_in(&self.known).map_err(error())?;
        self.end(Shelf { writer, path })?;
        self.known = std::mem::take(self.made.get_mut().unwrap_or_else(PoisonError::into_inner));
        segments.iter().try_for_each(|(path, _)| fs::remove_file(path).map_err(StateError::file(path)))
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

    /// Begins a segment for the calling thread.
    ///
    /// # Errors
    /// When no file can be created.
    pub fn begin(&self) -> Result<Shelf, StateError> {
        let (file, path) = self.create()?;
        let at = path.as_deref().unwrap_or(Path::new("a temporary file"));
        let writer = Writer::new(file, &self.settings).map_err(StateError::file(at))?;
        Ok(Shelf { writer, path })
    }

    fn create(&self) -> Result<(File, Option<PathBuf>), StateError> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        match &self.home {
            Home::Temporary => {
                let file = tempfile::tempfile().map_err(StateError::file(&std::env::temp_dir()))?;
                Ok((file, None))
            }
            Home::Folder { path, .. } => {
                let path = path.join(format!("{:08}.{UNSEALED}", *next));
                *next += 1;
                let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
                Ok((file.map_err(StateError::file(&path))?, Some(path)))
            }
        }
    }

    /// Ends a segment: from now on its extracts can be read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end(&self, shelf: Shelf) -> Result<(), StateError> {
        let Shelf { writer, path } = shelf;
        let at = path.clone().unwrap_or_else(std::env::temp_dir);
        let empty = writer.is_empty();
        let file = writer.finish(path.is_some() && !empty).map_err(StateError::file(&at))?;
        if let Some(path) = path {
            let placed =
                if empty { fs::remove_file(&path) } else { fs::rename(&path, path.with_extension(SEALED)) };
            placed.map_err(StateError::file(&path))?;
        }
        if !empty {
            let opened = Segment::open(file, &self.settings, true);
            let segment =
                opened.map_err(|error| StateError::Segment { path: at.display().to_string(), error })?;
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
        let at = self.path.as_deref().unwrap_or(Path::new("a temporary file"));
        write(&mut self.writer).map_err(StateError::file(at))
    }

    /// Whether the extract of this archive has to go into another segment.
    pub fn is_full(&self, uri: &str) -> bool {
        self.writer.len() > LONG || !self.writer.takes(uri)
    }
}

fn lock(report: &Path, path: &Path) -> Result<File, StateError> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(StateError::file(path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StateError::Busy { path: report.display().to_string() }),
        Err(TryLockError::Error(error)) => Err(StateError::File { path: path.display().to_string(), error }),
    }
}

/// The files of extracts in a folder, by their numbers, the oldest first.
fn listed(folder: &Path) -> Result<Vec<(u64, PathBuf)>, StateError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(StateError::file(folder))? {
        let path = entry.map_err(StateError::file(folder))?.path();
        let is_segment = path.extension().is_some_and(|e| e == SEALED || e == UNSEALED);
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        if let Some(number) = number.filter(|_| is_segment) {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found)
}

/// Opens a file of an earlier run. What a killed run left unfinished is good as far as it goes, and may be nothing.
fn open(path: &Path, settings: &Settings) -> Result<Option<(PathBuf, Arc<Segment>)>, StateError> {
    let unsealed = path.extension().is_some_and(|e| e == UNSEALED);
    let file = OpenOptions::new().read(true).write(unsealed).open(path).map_err(StateError::file(path))?;
    let mut segment = match Segment::open(file, settings, false) {
        Ok(segment) => segment,
        Err(SegmentError::Io(_)) if unsealed => {
            fs::remove_file(path).map_err(StateError::file(path))?;
            return Ok(None);
        }
        Err(error) => return Err(StateError::Segment { path: path.display().to_string(), error }),
    };
    let mut path = path.to_owned();
    if unsealed {
        if segment.recover().map_err(StateError::file(&path))? == 0 {
            fs::remove_file(&path).map_err(StateError::file(&path))?;
            return Ok(None);
        }
        let sealed = path.with_extension(SEALED);
        fs::rename(&path, &sealed).map_err(StateError::file(&path))?;
        path = sealed;
    }
    Ok(Some((path, Arc::new(segment))))
}

fn holds_something(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}
