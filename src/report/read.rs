//! Reads a finished report back: its tables as encoded rows, and what `run.json` says.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _};
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Int64Type, TimestampMillisecondType};
use arrow_array::{Array, RecordBatch};
use arrow_schema::Schema;
use serde_json::Value;
use thiserror::Error;

use super::batch::arrow_type;
use super::cell::{Cell, EncodedRow};
use super::directory::StagedReport;
use super::kept::{KEPT_MIB, Kept};
use super::parts::{DAY_FILE, EVENTS_FOLDER, PARTS};
use super::run::SCHEMA_VERSION;
use super::table::{Column, Table};
use super::tables::EventsTable;
use crate::format::tabular::{ParquetTable, TableError, TableRoom};
use crate::model::EventTime;
use crate::s3::{Bucket, S3Error};

const RUN: &str = "run.json";

/// Why a report could not be read back.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// A file cannot be opened or read.
    #[error("cannot read {path}")]
    File {
        /// The file.
        path: String,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// The folder of a bucket cannot be read.
    #[error(transparent)]
    Bucket(#[from] S3Error),
    /// A table of a bucket cannot be stored on this machine.
    #[error("cannot use a temporary file (set TMPDIR to a folder with free space)")]
    Temporary(#[source] io::Error),
    /// `run.json` is not JSON, or of another program.
    #[error("{path} is not the run.json of a keytrail report")]
    NotARun {
        /// The file.
        path: String,
    },
    /// The report has tables that this version does not know.
    #[error(
        "{path} is of a report with schema version {found}; this version of keytrail reads {SCHEMA_VERSION}"
    )]
    OtherVersion {
        /// The file.
        path: String,
        /// The schema version.
        found: u64,
    },
    /// A report has no table of this name.
    #[error("a report has no table {table}")]
    NoTable {
        /// The name.
        table: String,
    },
    /// A table cannot be read.
    #[error("cannot read {path}")]
    Table {
        /// The file.
        path: String,
        /// What is wrong with it.
        #[source]
        source: TableError,
    },
    /// There is more in it than a command keeps in memory.
    #[error("{path} has more than can be kept of a report ({KEPT_MIB} MiB); DuckDB reads it, too")]
    TooMuch {
        /// The file.
        path: String,
    },
    /// A column is missing, has another type, or null where there is none.
    #[error("{path}: column {column} {problem}")]
    Column {
        /// The file.
        path: String,
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

/// A report in a directory, or in a folder of a bucket.
#[derive(Debug, Clone)]
pub struct FinishedReport {
    place: Place,
    run: Value,
    /// This run made it. Of other reports, only so much is read and kept.
    is_own: bool,
}

/// Where a report is.
#[derive(Debug, Clone)]
enum Place {
    Directory(PathBuf),
    Bucket {
        bucket: Bucket,
        /// Its key: empty, or with a slash at its end.
        folder: String,
    },
}

/// Bytes of `run.json` that are read at most. It has some kilobytes; its lists are bounded.
const LARGEST_RUN: u64 = 64 << 20;

impl Place {
    /// The path or address of a file, for people.
    fn name(&self, file: &str) -> String {
        match self {
            Self::Directory(folder) => folder.join(file).display().to_string(),
            Self::Bucket { bucket, folder } => bucket.address(&format!("{folder}{file}")),
        }
    }

    /// How many bytes a file has; `None`: there is none.
    fn size(&self, file: &str) -> Result<Option<u64>, ReadError> {
        match self {
            Self::Directory(folder) => {
                let found = fs::metadata(folder.join(file)).ok().filter(fs::Metadata::is_file);
                Ok(found.map(|file| file.len()))
            }
            Self::Bucket { bucket, folder } => {
                let key = format!("{folder}{file}");
                let found = bucket.list(&key)?.into_iter().find(|object| object.key == key);
                Ok(found.map(|object| object.size))
            }
        }
    }

    /// The names of all files, from the report's folder on.
    fn files(&self) -> Result<Vec<String>, ReadError> {
        match self {
            Self::Directory(folder) => {
                let mut names = Vec::new();
                for path in std::iter::once(folder.clone()).chain(days(folder)) {
                    let failed = |source| ReadError::File { path: path.display().to_string(), source };
                    for entry in fs::read_dir(&path).map_err(failed)? {
                        let path = entry.map_err(failed)?.path();
                        let name = path.strip_prefix(folder).ok().and_then(Path::to_str);
                        names.extend(name.filter(|_| path.is_file()).map(|name| name.replace('\\', "/")));
                    }
                }
                Ok(names)
            }
            Self::Bucket { bucket, folder } => {
                let objects = bucket.list(folder)?.into_iter();
                Ok(objects.filter_map(|object| object.key.strip_prefix(folder).map(str::to_owned)).collect())
            }
        }
    }

    /// A file, open for reading. From a bucket, it is downloaded first.
    fn open(&self, file: &str) -> Result<File, ReadError> {
        match self {
            Self::Directory(folder) => File::open(folder.join(file))
                .map_err(|source| ReadError::File { path: self.name(file), source }),
            Self::Bucket { bucket, folder } => {
                let mut copy = tempfile::tempfile().map_err(ReadError::Temporary)?;
                bucket.download(&format!("{folder}{file}"), &mut copy)?;
                copy.rewind().map_err(ReadError::Temporary)?;
                Ok(copy)
            }
        }
    }
}

impl FinishedReport {
    /// Opens the report in a directory; `None` when there is no `run.json`, or no table of keytrail
    /// beside it: it may be a directory of archives.
    ///
    /// # Errors
    /// When `run.json` cannot be read, or is not that of a report.
    pub fn open(folder: &Path) -> Result<Option<Self>, ReadError> {
        Self::open_at(Place::Directory(folder.to_owned()))
    }

    /// Opens the report in the folder of a bucket with this key, which is empty or has a slash at
    /// its end; `None` as for [`open`](Self::open). Its tables are downloaded when they are read.
    ///
    /// # Errors
    /// When the folder cannot be listed, or as for [`open`](Self::open).
    pub fn open_in_bucket(bucket: &Bucket, folder: &str) -> Result<Option<Self>, ReadError> {
        Self::open_at(Place::Bucket { bucket: bucket.clone(), folder: folder.to_owned() })
    }

    /// Opens a report before it is published.
    ///
    /// # Errors
    /// As for [`open`](Self::open), or when it is not whole.
    pub fn of_staged(staged: &StagedReport) -> Result<Self, ReadError> {
        let folder = staged.folder();
        let opened = Self::open(folder)?.map(|report| Self { is_own: true, ..report });
        opened.ok_or_else(|| ReadError::NotARun { path: folder.join(RUN).display().to_string() })
    }

    fn open_at(place: Place) -> Result<Option<Self>, ReadError> {
        let Some(size) = place.size(RUN)? else { return Ok(None) };
        if place.size("usage.parquet")?.is_none() {
            return Ok(None);
        }
        let wrong = || ReadError::NotARun { path: place.name(RUN) };
        if size > LARGEST_RUN {
            return Err(wrong());
        }
        let mut text = Vec::new();
        let read = place.open(RUN)?.take(LARGEST_RUN).read_to_end(&mut text);
        read.map_err(|source| ReadError::File { path: place.name(RUN), source })?;
        let run: Value = serde_json::from_slice(&text).map_err(|_| wrong())?;
        if run.get("keytrail_version").is_none() || run.get("options").is_none() {
            return Err(wrong());
        }
        let known = u64::from(SCHEMA_VERSION);
        match run.get("schema_version").and_then(Value::as_u64) {
            Some(found) if found != known => Err(ReadError::OtherVersion { path: place.name(RUN), found }),
            _ => Ok(Some(Self { place, run, is_own: false })),
        }
    }

    /// What `run.json` says.
    pub fn run(&self) -> &Value {
        &self.run
    }

    /// The names of its files, as `events/day=2026-01-31/events.parquet`, in the order of a report.
    /// Files that are no part of a report are left out.
    ///
    /// # Errors
    /// When its folder cannot be listed.
    pub fn files(&self) -> Result<Vec<String>, ReadError> {
        let mut files = self.place.files()?;
        files.retain(|file| part_of(file).is_some());
        files.sort_by_key(|file| (part_of(file), file.clone()));
        Ok(files)
    }

    /// One of its [files](Self::files), open for reading.
    ///
    /// # Errors
    /// When it cannot be opened or downloaded.
    pub fn open_file(&self, file: &str) -> Result<File, ReadError> {
        self.place.open(file)
    }

    /// The inputs of its run, as they were named.
    pub fn inputs(&self) -> Vec<&str> {
        let inputs = self.run.get("options").and_then(|options| options.get("inputs"));
        inputs.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// A number in `run.json`, by the names on the way to it.
    pub fn number(&self, names: &[&str]) -> Option<u64> {
        names.iter().try_fold(&self.run, |value, name| value.get(name))?.as_u64()
    }

    /// The first and the last time of a KMS record in its inputs, as `run.json` writes them.
    pub fn window(&self) -> Option<(&str, &str)> {
        let scopes = self.run.get("coverage")?.get("scopes")?.as_array()?;
        let times = |name: &'static str| scopes.iter().filter_map(move |scope| scope.get(name)?.as_str());
        Some((times("first_event_time").min()?, times("last_event_time").max()?))
    }

    /// The accounts and Regions in its coverage.
    pub fn scopes(&self) -> Vec<(&str, &str)> {
        let scopes = self.run.get("coverage").and_then(|coverage| coverage.get("scopes"));
        let scopes = scopes.and_then(Value::as_array).into_iter().flatten();
        scopes
            .filter_map(|scope| Some((scope.get("account_id")?.as_str()?, scope.get("region")?.as_str()?)))
            .collect()
    }

    /// The filters of the run that left out records, as options: `--since 2024-01-01`.
    pub fn filters(&self) -> Vec<String> {
        let options = self.run.get("options");
        let text = |name: &str| match options.and_then(|options| options.get(name)) {
            Some(Value::String(text)) => Some(format!("--{name} {text}")),
            Some(Value::Array(items)) if !items.is_empty() => {
                let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                Some(format!("--{name} {}", items.join(",")))
            }
            _ => None,
        };
        ["since", "until", "account", "region"].into_iter().filter_map(text).collect()
    }

    /// The path or address of a table's file.
    pub fn table_path<T: Table>(&self) -> String {
        self.path_of(&format!("{}.parquet", T::NAME))
    }

    /// The path or address of one of its [files](Self::files).
    pub(super) fn path_of(&self, file: &str) -> String {
        self.place.name(file)
    }

    /// Reads a table and hands each row to `take`. Columns are found by their names: those that
    /// this version does not know are left out, and those that an older one did not have are null.
    ///
    /// # Errors
    /// When the table cannot be read, or a column is not as this version writes it.
    pub fn read<T: Table>(&self, take: impl FnMut(EncodedRow<'_>)) -> Result<(), ReadError> {
        self.read_columns::<T>(&Vec::from_iter(0..T::COLUMNS.len()), take)
    }

    /// Reads columns of a table: those at these positions. In the rows, the others are null.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn read_columns<T: Table>(
        &self,
        columns: &[usize],
        take: impl FnMut(EncodedRow<'_>),
    ) -> Result<(), ReadError> {
        self.read_files::<T>(&[format!("{}.parquet", T::NAME)], columns, take)
    }

    /// Reads the events of all days, a day after the other.
    ///
    /// # Errors
    /// As for [`read`](Self::read), or when the folder cannot be listed.
    pub fn read_events(&self, take: impl FnMut(EncodedRow<'_>)) -> Result<(), ReadError> {
        self.read_event_columns(&Vec::from_iter(0..EventsTable::COLUMNS.len()), take)
    }

    /// Reads columns of the events of all days: those at these positions of
    /// [`EVENTS`](super::EVENTS). In the rows, the others are null.
    ///
    /// # Errors
    /// As for [`read_events`](Self::read_events).
    pub fn read_event_columns(
        &self,
        columns: &[usize],
        take: impl FnMut(EncodedRow<'_>),
    ) -> Result<(), ReadError> {
        let mut files = self.files()?;
        files.retain(|file| file.split_once('/').is_some_and(|(folder, _)| folder == EVENTS_FOLDER));
        self.read_files::<EventsTable>(&files, columns, take)
    }

    /// Reads columns of a table, by their positions, from some of the [files](Self::files).
    fn read_files<T: Table>(
        &self,
        files: &[String],
        columns: &[usize],
        mut take: impl FnMut(EncodedRow<'_>),
    ) -> Result<(), ReadError> {
        let mut room = self.room();
        for file in files {
            room = self.read_file::<T>(file, columns, room, &mut take)?;
        }
        Ok(())
    }

    /// How much may be read of a table.
    pub(super) fn room(&self) -> TableRoom {
        if self.is_own { TableRoom::ENDLESS } else { TableRoom::default() }
    }

    /// How much may be kept of the report.
    pub(crate) fn kept(&self) -> Kept {
        Kept::new(self.is_own)
    }

    /// Reads columns of a table as [`read_columns`](Self::read_columns) does, for what is kept of
    /// their rows.
    ///
    /// # Errors
    /// As for that, or when `kept` is full.
    pub(crate) fn read_kept<T: Table>(
        &self,
        columns: &[usize],
        kept: &Kept,
        mut take: impl FnMut(EncodedRow<'_>),
    ) -> Result<(), ReadError> {
        self.read_columns::<T>(columns, |row| {
            if !kept.is_full() {
                take(row);
            }
        })?;
        if kept.is_full() { Err(ReadError::TooMuch { path: self.table_path::<T>() }) } else { Ok(()) }
    }

    /// Reads one of the files. Returns what is left for the next one.
    fn read_file<T: Table>(
        &self,
        file_name: &str,
        columns: &[usize],
        room: TableRoom,
        mut take: impl FnMut(EncodedRow<'_>),
    ) -> Result<TableRoom, ReadError> {
        let name = self.place.name(file_name);
        let file = self.place.open(file_name)?;
        let unreadable = |source| ReadError::Table { path: name.clone(), source };
        let wanted: Vec<&Column<T>> = columns.iter().filter_map(|place| T::COLUMNS.get(*place)).collect();
        let is_wanted = |name: &str| wanted.iter().any(|column| column.name == name);
        let mut table = ParquetTable::open(file, is_wanted, room).map_err(unreadable)?;
        let found = places(&wanted, &table.schema(), &name)?;
        let place = |column: &Column<T>| {
            let at = wanted.iter().position(|wanted| wanted.name == column.name);
            at.and_then(|at| found.get(at).copied().flatten())
        };
        let places: Vec<Option<usize>> = T::COLUMNS.iter().map(place).collect();
        let mut bytes = Vec::new();
        while let Some(batch) = table.next_batch() {
            let batch = batch.map_err(unreadable)?;
            for row in 0..batch.num_rows() {
                bytes.clear();
                for (column, place) in T::COLUMNS.iter().zip(&places) {
                    let cell = place.map_or(Cell::Null, |place| cell(&batch, place, row));
                    if cell == Cell::Null && !column.nullable && place.is_some() {
                        return Err(problem(&name, column, "is null in a row".to_owned()));
                    }
                    cell.encode(&mut bytes);
                }
                take(EncodedRow::new(&bytes));
            }
        }
        Ok(table.into_room())
    }
}

/// The folders of a report's days.
fn days(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join(EVENTS_FOLDER)).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

/// Which part of a report a file is.
fn part_of(file: &str) -> Option<usize> {
    let part = match file.split_once('/') {
        None => file,
        Some((EVENTS_FOLDER, day)) if day.starts_with("day=") && day.ends_with(DAY_FILE) => EVENTS_FOLDER,
        Some(_) => return None,
    };
    PARTS.iter().position(|known| *known == part)
}

fn problem<T: Table>(path: &str, column: &Column<T>, problem: String) -> ReadError {
    ReadError::Column { path: path.to_owned(), column: column.name, problem }
}

/// Where each of the columns is in a file; `None`: the file is older than the column.
pub(super) fn places<T: Table>(
    columns: &[&Column<T>],
    schema: &Schema,
    path: &str,
) -> Result<Vec<Option<usize>>, ReadError> {
    let place = |column: &&Column<T>| match schema.column_with_name(column.name) {
        None if column.nullable => Ok(None),
        None => Err(problem(path, column, "is missing".to_owned())),
        Some((place, field)) if *field.data_type() == arrow_type(column.column_type) => Ok(Some(place)),
        Some((_, field)) => {
            let expected = column.column_type.as_str();
            Err(problem(path, column, format!("has the type {}, not {expected}", field.data_type())))
        }
    };
    columns.iter().map(place).collect()
}

/// A cell of a column whose type was checked.
fn cell(batch: &RecordBatch, place: usize, row: usize) -> Cell<'_> {
    let column = batch.column(place);
    if column.is_null(row) {
        return Cell::Null;
    }
    if let Some(texts) = column.as_string_view_opt() {
        return Cell::Text(Cow::Borrowed(texts.value(row)));
    }
    if let Some(times) = column.as_primitive_opt::<TimestampMillisecondType>() {
        return Cell::Time(EventTime(times.value(row)));
    }
    if let Some(numbers) = column.as_primitive_opt::<Int64Type>() {
        return Cell::Int(numbers.value(row));
    }
    if let Some(days) = column.as_primitive_opt::<Date32Type>() {
        return Cell::Date(days.value(row));
    }
    column.as_boolean_opt().map_or(Cell::Null, |flags| Cell::Bool(flags.value(row)))
}

#[cfg(test)]
mod tests;
