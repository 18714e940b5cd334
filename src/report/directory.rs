//! A report directory that appears complete or not at all.
//!
//! Everything is written into a folder of its own inside the target, whose name readers ignore, and renamed into place at the end, `run.json`
//! last. A run that fails leaves nothing behind.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::cell::Row;
use super::columns::{DAILY, Daily, INPUTS, Inputs, REJECTS, Rejects, USAGE, Usage};
use super::events::EventFiles;
use super::parquet::TableFile;
use super::run::RunFacts;
use super::tasks::TaskQueue;
use super::{Sink, SinkError};
use crate::aggregate::{DailyRow, UsageRow};
use crate::model::Rejection;

const EVENTS_FOLDER: &str = "events";
/// The file of a day.
const DAY_FILE: &str = "events.parquet";
/// A file in the staging folder that is locked as long as its run lives.
const ALIVE: &str = "alive";
const STAGING: &str = "_keytrail-";
/// What a report consists of, in the order in which it appears.
const PARTS: [&str; 6] =
    ["usage.parquet", "usage_daily.parquet", EVENTS_FOLDER, "rejects.parquet", "inputs.parquet", "run.json"];

/// A report being written.
pub struct Directory {
    target: PathBuf,
    created: bool,
    force: bool,
    staging: TempDir,
    events: EventFiles,
    rejects: TableFile<Rejects>,
    inputs: TableFile<Inputs>,
    jobs: TaskQueue,
    alive: File,
}

/// A report that has been written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its directory.
    pub directory: PathBuf,
}

impl Directory {
    /// Prepares to write into `target`, which must be empty or not exist, unless `force`.
    ///
    /// # Errors
    /// When it is not empty, or cannot be created or written.
    pub fn create(target: &Path, force: bool) -> Result<Self, SinkError> {
        let created = !target.exists();
        fs::create_dir_all(target).map_err(SinkError::file(target))?;
        if force {
            refuse_foreign(&target.join(EVENTS_FOLDER))?;
        } else if holds_something(target)? {
            return Err(SinkError::NotEmpty { path: target.display().to_string() });
        }
        let staging =
            tempfile::Builder::new().prefix(STAGING).tempdir_in(target).map_err(SinkError::file(target))?;
        let path = staging.path().join(ALIVE);
        let alive = File::create(&path).map_err(SinkError::file(&path))?;
        let _ = alive.try_lock(); // where files cannot be locked, another run may take this one for dead
        let events_root = staging.path().join(EVENTS_FOLDER);
        fs::create_dir(&events_root).map_err(SinkError::file(&events_root))?;
        let jobs = TaskQueue::default();
        let rejects = TableFile::create(&staging.path().join("rejects.parquet"), REJECTS, &jobs)?;
        let inputs = TableFile::create(&staging.path().join("inputs.parquet"), INPUTS, &jobs)?;
        let events = EventFiles::new(events_root, &jobs);
        let target = target.to_owned();
        Ok(Self { target, created, force, staging, events, rejects, inputs, jobs, alive })
    }

    /// Removes from `target` what runs that were killed have left behind.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn tidy(target: &Path) -> Result<(), SinkError> {
        let Ok(entries) = fs::read_dir(target) else { return Ok(()) }; // nothing there
        for entry in entries {
            let entry = entry.map_err(SinkError::file(target))?;
            let is_staging = entry.file_name().to_string_lossy().starts_with(STAGING);
            // What cannot be opened is being made, or removed.
            let is_left = || File::open(entry.path().join(ALIVE)).is_ok_and(|alive| alive.try_lock().is_ok());
            if is_staging && is_left() {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Writes the aggregates and puts everything in its place.
    ///
    /// # Errors
    /// When something cannot be written. A report that was there before is then still there, unless the failure came while files were being
    /// renamed; it has no `run.json` in that case.
    pub fn finish(
        self,
        usage: &[UsageRow],
        daily: &[DailyRow],
        run: &RunFacts<'_>,
    ) -> Result<Written, SinkError> {
        self.prepare(usage, daily, run)?.place()
    }

    /// Writes all there is to write, and puts nothing in its place yet.
    ///
    /// # Errors
    /// When something cannot be written: then nothing of it is left.
    pub fn prepare(
        self,
        usage: &[UsageRow],
        daily: &[DailyRow],
        run: &RunFacts<'_>,
    ) -> Result<Prepared, SinkError> {
        let unfinished = self.unfinished();
        self.write(usage, daily, run).inspect_err(|_| unfinished.remove())
    }

    fn write(
        self,
        usage: &[UsageRow],
        daily: &[DailyRow],
        run: &RunFacts<'_>,
    ) -> Result<Prepared, SinkError> {
        let unfinished = self.unfinished();
        let path = self.staging.path().join("usage.parquet");
        let mut file = TableFile::<Usage>::create(&path, USAGE, &self.jobs)?;
        usage.iter().for_each(|row| file.push(row));
        file.finish()?;
        let path = self.staging.path().join("usage_daily.parquet");
        let mut file = TableFile::<Daily>::create(&path, DAILY, &self.jobs)?;
        daily.iter().for_each(|row| file.push(row));
        file.finish()?;
        self.events.finish()?;
        self.rejects.finish()?;
        self.inputs.finish()?;
        let run_path = self.staging.path().join("run.json");
        let json = serde_json::to_string_pretty(run).map_err(|e| SinkError::Encode {
            path: run_path.display().to_string(),
            message: e.to_string(),
        })?;
        fs::write(&run_path, json + "\n").map_err(SinkError::file(&run_path))?;
        let Self { target, force, staging, alive, .. } = self;
        Ok(Prepared { target, force, staging, unfinished, _alive: alive })
    }

    /// What is there of the report so far, for whoever may have to end the process at once.
    pub fn unfinished(&self) -> Unfinished {
        Unfinished {
            staging: self.staging.path().to_owned(),
            created: self.created.then(|| self.target.clone()),
        }
    }

    /// Gives up, leaving the target as it was.
    pub fn discard(self) {
        self.unfinished().remove();
    }
}

/// A report that is written and only has to be put in its place.
#[derive(Debug)]
pub struct Prepared {
    target: PathBuf,
    force: bool,
    staging: TempDir,
    unfinished: Unfinished,
    _alive: File,
}

impl Prepared {
    /// The files that make up the report, by their names in it, in the order in which they are to appear.
    pub(super) fn files(&self) -> Result<Vec<(String, PathBuf)>, SinkError> {
        let mut files = Vec::new();
        for part in PARTS {
            let path = self.staging.path().join(part);
            if part != EVENTS_FOLDER {
                files.push((part.to_owned(), path));
                continue;
            }
            let days = fs::read_dir(&path).map_err(SinkError::file(&path))?;
            let mut days: Vec<PathBuf> = days
                .map(|day| day.map(|day| day.path()).map_err(SinkError::file(&path)))
                .collect::<Result<_, _>>()?;
            days.sort();
            for day in days {
                let name = day.file_name().unwrap_or_default().to_string_lossy().into_owned();
                files.push((format!("{part}/{name}/{DAY_FILE}"), day.join(DAY_FILE)));
            }
        }
        Ok(files)
    }

    /// Puts everything in its place, `run.json` last. This takes no time to speak of, and must not be cut short.
    ///
    /// # Errors
    /// When something cannot be renamed. A report that was there before is then still there, unless some files had been renamed already; it
    /// has no `run.json` in that case.
    pub fn place(self) -> Result<Written, SinkError> {
        let unfinished = self.unfinished.clone();
        self.rename().inspect_err(|_| unfinished.remove())
    }

    fn rename(self) -> Result<Written, SinkError> {
        // Another run may have finished here meanwhile.
        if !self.force && holds_something(&self.target)? {
            return Err(SinkError::NotEmpty { path: self.target.display().to_string() });
        }
        // The old report goes last part first: without run.json nobody takes the rest for a whole.
        for part in PARTS.iter().rev() {
            remove(&self.target.join(part))?;
        }
        for part in PARTS {
            let place = self.target.join(part);
            fs::rename(self.staging.path().join(part), &place).map_err(SinkError::file(&place))?;
        }
        self.staging.close().map_err(SinkError::file(&self.target))?;
        Ok(Written { directory: self.target })
    }
}

/// The folders of a report that is not finished.
#[derive(Debug, Clone)]
pub struct Unfinished {
    staging: PathBuf,
    created: Option<PathBuf>,
}

impl Unfinished {
    /// Removes them, as far as possible: what stays has a name that readers ignore.
    pub fn remove(&self) {
        // A thread that has not heard of it yet may still put something there.
        for _ in 0..10 {
            if fs::remove_dir_all(&self.staging).is_ok() || !self.staging.exists() {
                break;
            }
        }
        if let Some(target) = &self.created {
            let _ = fs::remove_dir(target); // only if nothing else has been put there
        }
    }
}

impl Sink for Directory {
    fn event(&mut self, day: i32, row: Row<'_>, late: bool) -> Result<(), SinkError> {
        self.events.push(day, row, late)
    }

    fn expect_out_of_order(&mut self, day: i32) -> Result<(), SinkError> {
        self.events.expect_out_of_order(day)
    }

    fn cancel_expected(&mut self, day: i32) {
        self.events.cancel_expected(day);
    }

    fn rejection(&mut self, archive: &str, rejection: &Rejection) -> Result<(), SinkError> {
        self.rejects.push(&(archive, rejection));
        Ok(())
    }

    fn input(&mut self, row: Row<'_>) -> Result<(), SinkError> {
        self.inputs.push_row(row);
        Ok(())
    }

    fn all_given(&mut self, go_on: &dyn Fn() -> bool) -> Result<(), SinkError> {
        self.rejects.hand_over(true);
        self.inputs.hand_over(true);
        self.events.hand_over(go_on)
    }

    fn tasks(&self) -> TaskQueue {
        self.jobs.clone()
    }
}

/// Whether a directory holds anything but the remains of a run that was killed.
fn holds_something(directory: &Path) -> Result<bool, SinkError> {
    let entries = fs::read_dir(directory).map_err(SinkError::file(directory))?;
    for entry in entries {
        let entry = entry.map_err(SinkError::file(directory))?;
        if !entry.file_name().to_string_lossy().starts_with(STAGING) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Replacing a report must not take what keytrail has not put there.
fn refuse_foreign(events: &Path) -> Result<(), SinkError> {
    let Ok(days) = fs::read_dir(events) else { return Ok(()) }; // nothing there, or no directory: `finish` will tell
    for day in days {
        let day = day.map_err(SinkError::file(events))?.path();
        let named_so = day.file_name().is_some_and(|name| name.to_string_lossy().starts_with("day="));
        let is_ours = named_so
            && fs::read_dir(&day)
                .is_ok_and(|mut files| files.all(|f| f.is_ok_and(|f| f.file_name() == DAY_FILE)));
        if !is_ours {
            return Err(SinkError::Foreign { path: day.display().to_string() });
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), SinkError> {
    let result = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => return Ok(()),
    };
    result.map_err(SinkError::file(path))
}
