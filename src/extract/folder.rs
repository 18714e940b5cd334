//! Extracts in a directory: each segment a file, and a lock that the system gives up however the run ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::segment::{Segment, SegmentError, Settings};
use super::state::{FOLDER, Found, SEALED, StateError, number};

const UNSEALED: &str = "part";

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Held as long as it is open.
    _lock: File,
}

impl Folder {
    pub(super) fn open(report: &Path, settings: &Settings, anew: bool) -> Result<(Self, Found), StateError> {
        let path = report.join(FOLDER);
        if !anew && !path.exists() && holds_something(report) {
            return Err(StateError::NotBegun { path: report.display().to_string() });
        }
        fs::create_dir_all(&path).map_err(StateError::file(&path))?;
        let lock = lock(report, &path.join("lock"))?;
        let mut found = Found::default();
        for (number, file) in listed(&path)? {
            found.next = number + 1;
            if anew {
                found.unwanted.extend(file.file_name().map(|name| name.to_string_lossy().into_owned()));
            } else {
                found.segments.extend(open(&file, settings)?);
            }
        }
        Ok((Self { path, _lock: lock }, found))
    }

    /// The file that a segment is written to.
    pub(super) fn unsealed(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:08}.{UNSEALED}"))
    }

    /// Gives a segment that has been written its name, unless there is nothing in it.
    pub(super) fn place(&self, path: &Path, empty: bool) -> Result<(), StateError> {
        let placed =
            if empty { fs::remove_file(path) } else { fs::rename(path, path.with_extension(SEALED)) };
        placed.map_err(StateError::file(path))
    }

    pub(super) fn remove(&self, names: &[String]) -> Result<(), StateError> {
        names
            .iter()
            .map(|name| self.path.join(name))
            .try_for_each(|path| fs::remove_file(&path).map_err(StateError::file(&path)))
    }
}

fn lock(report: &Path, path: &Path) -> Result<File, StateError> {
    let opened = File::options().create(true).truncate(false).write(true).open(path);
    let file = opened.map_err(StateError::file(path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StateError::Busy { path: report.display().to_string() }),
        Err(TryLockError::Error(error)) => Err(StateError::file(path)(error)),
    }
}

/// The files of extracts in a folder, by their numbers, the oldest first.
fn listed(folder: &Path) -> Result<Vec<(u64, PathBuf)>, StateError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(StateError::file(folder))? {
        let path = entry.map_err(StateError::file(folder))?.path();
        let is_segment = path.extension().is_some_and(|e| e == SEALED || e == UNSEALED);
        let number = path.file_stem().and_then(|stem| number(stem.to_str()?));
        found.extend(number.filter(|_| is_segment).map(|number| (number, path)));
    }
    found.sort();
    Ok(found)
}

/// Opens a file of an earlier run. What a killed run left unfinished is good as far as it goes, and may be nothing.
fn open(path: &Path, settings: &Settings) -> Result<Option<(String, Arc<Segment>)>, StateError> {
    let unsealed = path.extension().is_some_and(|e| e == UNSEALED);
    let file = OpenOptions::new().read(true).write(unsealed).open(path).map_err(StateError::file(path))?;
    let nothing = || fs::remove_file(path).map_err(StateError::file(path)).map(|()| None);
    let mut segment = match Segment::open(file, settings, false, &path.display().to_string()) {
        Ok(segment) => segment,
        Err(SegmentError::Io(_)) if unsealed => return nothing(),
        Err(error) => return Err(StateError::Segment { path: path.display().to_string(), error }),
    };
    let sealed = path.with_extension(SEALED);
    if unsealed {
        if segment.recover().map_err(StateError::file(path))? == 0 {
            return nothing();
        }
        fs::rename(path, &sealed).map_err(StateError::file(path))?;
    }
    let name = sealed.file_name().map(|name| name.to_string_lossy().into_owned());
    Ok(name.map(|name| (name, Arc::new(segment))))
}

fn holds_something(folder: &Path) -> bool {
    let remains = format!("{FOLDER}-"); // of runs that were killed
    fs::read_dir(folder).is_ok_and(|mut entries| {
        entries.any(|e| e.is_ok_and(|e| !e.file_name().to_string_lossy().starts_with(&remains)))
    })
}
