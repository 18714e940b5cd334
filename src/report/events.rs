//! `events/day=…/events.parquet`: one file per event day, within a bound of memory however many days there are.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::path::{Path, PathBuf};

use arrow_array::{Array, Int64Array, RecordBatch, StringArray};
use chrono::NaiveDate;
use parquet::arrow::ArrowWriter;

use super::SinkError;
use super::cell::Row;
use super::columns::{EVENTS, Events};
use super::jobs::Jobs;
use super::parquet::{Append, TableFile, create, encode_error, read_back};
use super::table::schema;

/// Bytes of rows gathered over all days before the fullest day's are handed over to be encoded.
const PENDING: usize = 32 << 20;

type Days = BTreeMap<i32, TableFile<Events>>;

/// The files of all days.
pub(super) struct EventFiles {
    root: PathBuf,
    days: Days,
    /// Rows that belong before others already added, in order among themselves.
    late: Days,
    pending: usize,
    jobs: Jobs,
}

impl EventFiles {
    /// Writes below `root`, which is `events` of the report being made.
    pub(super) fn new(root: PathBuf, jobs: &Jobs) -> Self {
        Self { root, days: BTreeMap::new(), late: BTreeMap::new(), pending: 0, jobs: jobs.clone() }
    }

    /// Adds the next event; `late` ones come in their own order, and are put in their places at the end.
    pub(super) fn push(&mut self, day: i32, row: Row<'_>, late: bool) -> Result<(), SinkError> {
        let days = if late { &mut self.late } else { &mut self.days };
        let file = match days.entry(day) {
            Entry::Occupied(file) => file.into_mut(),
            Entry::Vacant(place) => {
                let path = path(&self.root, day);
                let path = if late { path.with_extension("late") } else { path };
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder).map_err(SinkError::file(folder))?;
                }
                place.insert(TableFile::create(&path, EVENTS, &self.jobs)?)
            }
        };
        let before = file.pending_bytes();
        file.push_row(row);
        self.pending = self.pending + file.pending_bytes() - before;
        if self.pending >= PENDING
            && let Some(fullest) =
                self.days.values_mut().chain(self.late.values_mut()).max_by_key(|file| file.pending_bytes())
        {
            self.pending -= fullest.pending_bytes();
            fullest.hand_over(false);
        }
        Ok(())
    }

    /// Hands over what is left, column by column: nothing else is left to do in parallel.
    pub(super) fn hand_over(&mut self) {
        self.days.values_mut().chain(self.late.values_mut()).for_each(|file| file.hand_over(true));
    }

    /// Completes all files.
    pub(super) fn finish(self) -> Result<(), SinkError> {
        let late: Vec<i32> = self.late.keys().copied().collect();
        for file in self.days.into_values().chain(self.late.into_values()) {
            file.finish()?;
        }
        late.into_iter().try_for_each(|day| merge(&path(&self.root, day)))
    }
}

fn path(root: &Path, day: i32) -> PathBuf {
    let date = NaiveDate::from_epoch_days(day).unwrap_or_default();
    root.join(format!("day={date}")).join("events.parquet")
}

/// Writes a day's file anew with the late events where they belong.
fn merge(path: &Path) -> Result<(), SinkError> {
    let late = path.with_extension("late");
    if !path.exists() {
        return fs::rename(&late, path).map_err(SinkError::file(path));
    }
    let first = path.with_extension("first");
    fs::rename(path, &first).map_err(SinkError::file(path))?;
    let mut out = create(path, schema(EVENTS))?;
    let mut late_rows = Ordered::open(&late)?;
    let mut rows = Ordered::open(&first)?;
    while rows.fill()? {
        if !late_rows.fill()? {
            rows.give_all(&mut out)?;
        } else if late_rows.last() < rows.first() {
            late_rows.give_all(&mut out)?;
        } else if rows.last() < late_rows.first() {
            rows.give_all(&mut out)?;
        } else if late_rows.first() < rows.first() {
            late_rows.give_before(&rows, &mut out)?;
        } else {
            rows.give_before(&late_rows, &mut out)?;
        }
    }
    while late_rows.fill()? {
        late_rows.give_all(&mut out)?;
    }
    let mut file = out.into_inner().map_err(|e| encode_error(path, e))?;
    std::io::Write::flush(&mut file).map_err(SinkError::file(path))?;
    [late, first].iter().try_for_each(|path| fs::remove_file(path).map_err(SinkError::file(path)))
}

/// The rows of a file of ours, in order of archive and offset, taken from the front.
struct Ordered {
    path: PathBuf,
    batches: parquet::arrow::arrow_reader::ParquetRecordBatchReader,
    archives: StringArray,
    offsets: Int64Array,
    batch: Option<RecordBatch>,
}

impl Ordered {
    fn open(path: &Path) -> Result<Self, SinkError> {
        let empty = (StringArray::from(Vec::<&str>::new()), Int64Array::from(Vec::<i64>::new()));
        let batches = read_back(path)?;
        Ok(Self { path: path.to_owned(), batches, archives: empty.0, offsets: empty.1, batch: None })
    }

    /// Makes sure that there are rows, if any are left.
    fn fill(&mut self) -> Result<bool, SinkError> {
        while self.batch.as_ref().is_none_or(|batch| batch.num_rows() == 0) {
            let Some(batch) = self.batches.next() else { return Ok(false) };
            let batch = batch.map_err(|e| encode_error(&self.path, e.into()))?;
            self.hold(batch);
        }
        Ok(true)
    }

    fn hold(&mut self, batch: RecordBatch) {
        // The columns are there, and of these types: the file is ours.
        if let Some(archives) = batch.column_by_name("archive").and_then(|c| c.as_any().downcast_ref()) {
            self.archives = StringArray::clone(archives);
        }
        if let Some(offsets) = batch.column_by_name("record_offset").and_then(|c| c.as_any().downcast_ref()) {
            self.offsets = Int64Array::clone(offsets);
        }
        self.batch = Some(batch);
    }

    fn place(&self, row: usize) -> (&str, i64) {
        (self.archives.value(row), self.offsets.value(row))
    }

    fn first(&self) -> (&str, i64) {
        self.place(0)
    }

    fn last(&self) -> (&str, i64) {
        self.place(self.offsets.len() - 1) // only asked of a batch with rows
    }

    fn give_all(&mut self, out: &mut ArrowWriter<Append>) -> Result<(), SinkError> {
        self.give(self.offsets.len(), out)
    }

    /// Gives the rows that come before the first of `other`.
    fn give_before(&mut self, other: &Self, out: &mut ArrowWriter<Append>) -> Result<(), SinkError> {
        let end = (0..self.offsets.len()).find(|row| self.place(*row) > other.first());
        self.give(end.unwrap_or(self.offsets.len()), out)
    }

    fn give(&mut self, rows: usize, out: &mut ArrowWriter<Append>) -> Result<(), SinkError> {
        let Some(batch) = self.batch.take() else { return Ok(()) }; // nothing to give
        out.write(&batch.slice(0, rows)).map_err(|e| encode_error(&self.path, e))?;
        self.hold(batch.slice(rows, batch.num_rows() - rows));
        Ok(())
    }
}
