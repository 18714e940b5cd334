//! A report directory that appears complete or not at all.
//!
//! A run writes into a staging folder inside the target, whose name readers ignore. At the end it
//! renames everything into place, `run.json` last. A run that fails leaves nothing behind.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::cell::EncodedRow;
use super::error::SinkError;
use super::events::EventFiles;
use super::parquet::{EncodeBy, TableFile};
use super::parts::{DAY_FILE, EVENTS_FOLDER, PAGE, PARTS};
use super::run::RunJson;
use super::sink::{EventStep, Sink};
use super::table::Table;
use super::tables::{
    AccessTable, DailyTable, FindingsTable, GrantRow, GrantsTable, InputsTable, IntegrityTable,
    PolicyStatementsTable, RejectRow, RejectsTable, ShareUseTable, SharesTable, SupersededTable, UsageTable,
};
use super::text::printable_json;
use crate::aggregate::{AccessRow, DailyRow, Share, ShareUse, UsageRow};
use crate::audit::{Finding, PolicyLine};
use crate::base::{TaskQueue, TemporaryFolder, lock_file, open_regular};
use crate::model::Rejection;

/// A file in the staging folder. It is locked as long as the run lives.
const ALIVE: &str = "alive";
const STAGING: &str = "_keytrail-";
/// What to do with a report that is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Existing {
    /// Fail: the target must be empty or absent.
    Refuse,
    /// Replace the report.
    Replace,
}

/// A report directory that is being written.
pub struct ReportDirectory {
    target: PathBuf,
    /// The target did not exist before.
    created: bool,
    existing: Existing,
    staging: TemporaryFolder,
    events: EventFiles,
    superseded: TableFile<SupersededTable>,
    rejects: TableFile<RejectsTable>,
    inputs: TableFile<InputsTable>,
    integrity: TableFile<IntegrityTable>,
    tasks: TaskQueue<SinkError>,
    alive: File,
    lock: DirectoryLock,
}

/// Tables whose rows are known at the end of a run.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Aggregates<'r> {
    /// Rows of `usage.parquet`.
    pub usage: &'r [UsageRow],
    /// Rows of `usage_daily.parquet`.
    pub daily: &'r [DailyRow],
    /// Rows of `grants.parquet`.
    pub grants: &'r [GrantRow<'r>],
    /// Rows of `access.parquet`.
    pub access: &'r [AccessRow<'r>],
    /// Rows of `policy_statements.parquet`.
    pub policies: &'r [PolicyLine<'r>],
    /// Rows of `shares.parquet`.
    pub shares: &'r [&'r Share],
    /// Rows of `share_use.parquet`.
    pub share_uses: &'r [&'r ShareUse],
    /// Rows of `findings.parquet`.
    pub findings: &'r [&'r Finding],
}

/// A report in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublishedReport {
    /// The path of its directory, or its `s3://` address.
    pub address: String,
}

impl PublishedReport {
    pub(super) fn new(address: String) -> Self {
        Self { address }
    }
}

impl ReportDirectory {
    /// Prepares to write into `target`. The directory is created if it does not exist.
    ///
    /// # Errors
    /// When another run is writing there, when the target holds a report and `existing` refuses
    /// that, when it holds files that keytrail did not write, or when it cannot be created or
    /// written.
    pub fn create(target: &Path, existing: Existing) -> Result<Self, SinkError> {
        let created = !target.exists();
        fs::create_dir_all(target).map_err(SinkError::file(target))?;
        let lock = DirectoryLock::acquire(target)?;
        match existing {
            Existing::Replace => refuse_foreign(&target.join(EVENTS_FOLDER))?,
            Existing::Refuse => refuse_nonempty(target)?,
        }
        let staging = TemporaryFolder::create_in(target, STAGING).map_err(SinkError::file(target))?;
        let path = staging.path().join(ALIVE);
        let alive = File::create(&path).map_err(SinkError::file(&path))?;
        // Where files cannot be locked, another run may take this one for dead.
        let _ = alive.try_lock();
        let events_root = staging.path().join(EVENTS_FOLDER);
        fs::create_dir(&events_root).map_err(SinkError::file(&events_root))?;
        let tasks = TaskQueue::default();
        let superseded = TableFile::new_in(staging.path(), &tasks);
        let rejects = TableFile::new_in(staging.path(), &tasks);
        let inputs = TableFile::new_in(staging.path(), &tasks);
        let integrity = TableFile::new_in(staging.path(), &tasks);
        let events = EventFiles::new(events_root, &tasks);
        let target = target.to_owned();
        Ok(Self {
            target,
            created,
            existing,
            staging,
            events,
            superseded,
            rejects,
            inputs,
            integrity,
            tasks,
            alive,
            lock,
        })
    }

    /// Removes the staging folders of killed runs from `target`.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn remove_stale(target: &Path) -> Result<(), SinkError> {
        let Ok(entries) = fs::read_dir(target) else { return Ok(()) }; // no such directory
        let directory = File::open(target).ok();
        let is_alone = directory.as_ref().is_some_and(|directory| directory.try_lock().is_ok());
        for entry in entries {
            let entry = entry.map_err(SinkError::file(target))?;
            let is_staging = entry.file_name().to_string_lossy().starts_with(STAGING);
            let is_dead = || match open_regular(&entry.path().join(ALIVE)) {
                Ok(alive) => alive.try_lock().is_ok(),
                // Its run was killed before it made the file, unless another run is about to.
                Err(error) => is_alone && error.kind() == ErrorKind::NotFound,
            };
            if is_staging && is_dead() {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Writes the aggregates and publishes the report.
    ///
    /// # Errors
    /// As for [`stage`](Self::stage) and [`StagedReport::publish`].
    pub fn finish(self, aggregates: Aggregates<'_>, run: &RunJson<'_>) -> Result<PublishedReport, SinkError> {
        self.stage(aggregates, run)?.publish()
    }

    /// Writes the aggregates and completes all files in the staging folder.
    ///
    /// # Errors
    /// When something cannot be written. Nothing is left behind then.
    pub fn stage(self, aggregates: Aggregates<'_>, run: &RunJson<'_>) -> Result<StagedReport, SinkError> {
        let unfinished = self.unfinished();
        self.write(aggregates, run).inspect_err(|_| unfinished.remove())
    }

    fn write(self, aggregates: Aggregates<'_>, run: &RunJson<'_>) -> Result<StagedReport, SinkError> {
        let unfinished = self.unfinished();
        let folder = self.staging.path();
        write_table::<UsageTable>(folder, aggregates.usage, &self.tasks)?;
        write_table::<DailyTable>(folder, aggregates.daily, &self.tasks)?;
        write_table::<GrantsTable>(folder, aggregates.grants, &self.tasks)?;
        write_table::<FindingsTable>(folder, aggregates.findings, &self.tasks)?;
        write_table::<AccessTable>(folder, aggregates.access, &self.tasks)?;
        write_table::<PolicyStatementsTable>(folder, aggregates.policies, &self.tasks)?;
        write_table::<SharesTable>(folder, aggregates.shares, &self.tasks)?;
        write_table::<ShareUseTable>(folder, aggregates.share_uses, &self.tasks)?;
        self.events.finish()?;
        self.superseded.finish()?;
        self.rejects.finish()?;
        self.inputs.finish()?;
        self.integrity.finish()?;
        let path = folder.join("run.json");
        let json = serde_json::to_string_pretty(run).map_err(SinkError::encode(&path))?;
        fs::write(&path, printable_json(&(json + "\n")).as_bytes()).map_err(SinkError::file(&path))?;
        let Self { target, existing, staging, alive, lock, .. } = self;
        Ok(StagedReport { target, existing, staging, unfinished, _alive: alive, _lock: lock })
    }

    /// The folders to remove if the process has to end before the report is finished.
    pub fn unfinished(&self) -> UnfinishedReport {
        UnfinishedReport {
            staging: self.staging.path().to_owned(),
            created: self.created.then(|| self.target.clone()),
        }
    }

    /// Gives up and leaves the target as it was.
    pub fn discard(self) {
        self.unfinished().remove();
    }
}

/// Writes a table whose rows are all known.
fn write_table<'a, T: Table>(
    folder: &Path,
    rows: &[T::Item<'a>],
    tasks: &TaskQueue<SinkError>,
) -> Result<(), SinkError> {
    let mut file = TableFile::<T>::new_in(folder, tasks);
    rows.iter().for_each(|row| file.push(row));
    file.finish()
}

/// A complete report in its staging folder.
#[derive(Debug)]
pub struct StagedReport {
    target: PathBuf,
    existing: Existing,
    staging: TemporaryFolder,
    unfinished: UnfinishedReport,
    _alive: File,
    _lock: DirectoryLock,
}

/// Keeps other runs out of a directory: two reports must not mix. The system releases it however
/// the run ends, and it leaves no file behind.
#[derive(Debug)]
struct DirectoryLock {
    _directory: Option<File>,
}

impl DirectoryLock {
    /// Where directories cannot be opened or locked, nothing keeps others out.
    fn acquire(path: &Path) -> Result<Self, SinkError> {
        let directory = File::open(path).ok();
        match directory.as_ref().map(lock_file) {
            Some(Err(TryLockError::WouldBlock)) => Err(SinkError::Busy { path: path.display().to_string() }),
            _ => Ok(Self { _directory: directory }),
        }
    }
}

/// A file of a staged report.
pub(super) struct StagedFile {
    /// Its name within the report, as `events/day=2026-01-31/events.parquet`.
    pub(super) name: String,
    pub(super) path: PathBuf,
}

impl StagedReport {
    /// Where it is until it is published.
    pub(super) fn folder(&self) -> &Path {
        self.staging.path()
    }

    /// Adds an empty file for the page of the report.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create_page(&self) -> Result<File, SinkError> {
        let path = self.staging.path().join(PAGE);
        File::create(&path).map_err(SinkError::file(&path))
    }

    /// The files, in the order in which they are to appear.
    pub(super) fn files(&self) -> Result<Vec<StagedFile>, SinkError> {
        let mut files = Vec::new();
        for part in PARTS {
            let path = self.staging.path().join(part);
            if part == PAGE && !path.exists() {
                continue;
            }
            if part != EVENTS_FOLDER {
                files.push(StagedFile { name: part.to_owned(), path });
                continue;
            }
            let days = fs::read_dir(&path).map_err(SinkError::file(&path))?;
            let mut days: Vec<PathBuf> = days
                .map(|day| day.map(|day| day.path()).map_err(SinkError::file(&path)))
                .collect::<Result<_, _>>()?;
            days.sort();
            for day in days {
                let folder = day.file_name().unwrap_or_default().to_string_lossy();
                let name = format!("{part}/{folder}/{DAY_FILE}");
                files.push(StagedFile { name, path: day.join(DAY_FILE) });
            }
        }
        Ok(files)
    }

    /// Renames everything into place, `run.json` last. This takes a moment, and must not be
    /// interrupted.
    ///
    /// # Errors
    /// When something cannot be renamed. An older report is then still there, unless some files had
    /// been renamed already. In that case the directory has no `run.json`.
    pub fn publish(self) -> Result<PublishedReport, SinkError> {
        let unfinished = self.unfinished.clone();
        self.rename().inspect_err(|_| unfinished.remove())
    }

    fn rename(self) -> Result<PublishedReport, SinkError> {
        // Another run may have finished here meanwhile.
        if self.existing == Existing::Refuse {
            refuse_nonempty(&self.target)?;
        }
        // `run.json` of the old report goes first: without it, no reader takes the rest for a
        // complete report.
        for part in PARTS.iter().rev() {
            remove(&self.target.join(part))?;
        }
        for part in PARTS {
            let (staged, path) = (self.staging.path().join(part), self.target.join(part));
            if part == PAGE && !staged.exists() {
                continue;
            }
            fs::rename(staged, &path).map_err(SinkError::file(&path))?;
        }
        drop(self.staging);
        Ok(PublishedReport::new(self.target.display().to_string()))
    }
}

/// The folders of an unfinished report.
#[derive(Debug, Clone)]
pub struct UnfinishedReport {
    staging: PathBuf,
    /// The target, if this run created it.
    created: Option<PathBuf>,
}

impl UnfinishedReport {
    /// Removes them as far as possible. What cannot be removed has a name that readers ignore.
    pub fn remove(&self) {
        // A thread that has not yet noticed the end of the run may still create files.
        for _ in 0..10 {
            if fs::remove_dir_all(&self.staging).is_ok() || !self.staging.exists() {
                break;
            }
        }
        if let Some(target) = &self.created {
            let _ = fs::remove_dir(target); // succeeds only if the directory is empty
        }
    }
}

impl Sink for ReportDirectory {
    fn event(&mut self, day: i32, step: EventStep<'_>) -> Result<(), SinkError> {
        self.events.step(day, step)
    }

    fn reject(&mut self, archive: &str, rejection: &Rejection) -> Result<(), SinkError> {
        self.rejects.push(&RejectRow { archive, rejection });
        Ok(())
    }

    fn superseded(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError> {
        self.superseded.push_encoded(row);
        Ok(())
    }

    fn integrity(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError> {
        self.integrity.push_encoded(row);
        Ok(())
    }

    fn input(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError> {
        self.inputs.push_encoded(row);
        Ok(())
    }

    fn finish_rows(&mut self, keep_going: &dyn Fn() -> bool) -> Result<(), SinkError> {
        self.superseded.queue_rows(EncodeBy::Column);
        self.rejects.queue_rows(EncodeBy::Column);
        self.inputs.queue_rows(EncodeBy::Column);
        self.integrity.queue_rows(EncodeBy::Column);
        self.events.queue_rows(keep_going)
    }

    fn tasks(&self) -> TaskQueue<SinkError> {
        self.tasks.clone()
    }
}

/// Fails if a directory holds anything but the staging folders of killed runs.
fn refuse_nonempty(directory: &Path) -> Result<(), SinkError> {
    let entries = fs::read_dir(directory).map_err(SinkError::file(directory))?;
    for entry in entries {
        let entry = entry.map_err(SinkError::file(directory))?;
        if !entry.file_name().to_string_lossy().starts_with(STAGING) {
            return Err(SinkError::NotEmpty { path: directory.display().to_string() });
        }
    }
    Ok(())
}

/// Replacing a report removes `events`: fails if it holds anything that keytrail did not write.
fn refuse_foreign(events: &Path) -> Result<(), SinkError> {
    // If this is no directory, or there is nothing, publishing will tell.
    let Ok(days) = fs::read_dir(events) else { return Ok(()) };
    for day in days {
        let day = day.map_err(SinkError::file(events))?.path();
        let is_day = day.file_name().is_some_and(|name| name.to_string_lossy().starts_with("day="));
        let is_ours = is_day
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
