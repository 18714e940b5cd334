//! `events/day=…/events.parquet`: one file per event day, within a bound of memory however many days there are.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::path::{Path, PathBuf};

use arrow_array::{Array, Int64Array, RecordBatch, StringArray};
use chrono::NaiveDate;
use parquet::arrow::ArrowWriter;

use super::SinkError;
use super::cell::{Cell, Row};
use super::columns::{EVENTS, Events};
use super::jobs::Jobs;
use super::parquet::{Append, TableFile, create, encode_error, read_back};
use super::table::schema;

/// Bytes of rows gathered over all days before the fullest day's are handed over to be encoded.
const PENDING: usize = 32 << 20;

/// So many days can be encoded by their columns at the same time.
const FEW_DAYS: usize = 8;

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

    /// Hands over what is left. Of a few days, column by column, since nothing else is left to do in parallel; that takes more memory.
    pub(super) fn hand_over(&mut self) {
        for (day, late) in &mut self.late {
            // Late rows whose places are still in memory are put there; the others when the files are complete.
            if let Some(file) =
                self.days.get_mut(day).filter(|file| file.is_unwritten() && late.is_unwritten())
            {
                file.merge(late.take_rows(), before);
            }
        }
        let split = self.days.len() + self.late.len() <= FEW_DAYS;
        self.days.values_mut().chain(self.late.values_mut()).for_each(|file| file.hand_over(split));
    }

    /// Completes all files.
    pub(super) fn finish(self) -> Result<(), SinkError> {
        for file in self.days.into_values() {
            file.finish()?;
        }
        for (day, file) in self.late {
            let (path, empty) = (path(&self.root, day), file.is_unwritten());
            file.finish()?;
            if empty {
                let late = path.with_extension("late");
                fs::remove_file(&late).map_err(SinkError::file(&late))?;
            } else {
                merge(&path)?;
            }
        }
        Ok(())
    }
}

/// Whether a row of [`EVENTS`] belongs before another: by archive and offset, the last two columns.
fn before(one: Row<'_>, other: Row<'_>) -> bool {
    fn place(row: Row<'_>) -> (Option<Cell<'_>>, Option<Cell<'_>>) {
        let mut place = row.cells().skip(EVENTS.len() - 2);
        (place.next(), place.next())
    }
    match (place(one), place(other)) {
        ((Some(Cell::Text(a)), Some(Cell::Int(m))), (Some(Cell::Text(b)), Some(Cell::Int(n)))) => {
            (a, m) < (b, n)
        }
        _ => false, // our own rows have both
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::Selected;
    use crate::event::{Evidence, KmsEvent, Strength, Workload, WorkloadSet};
    use crate::report::encode;

    fn push(files: &mut EventFiles, offset: u64, text: usize, late: bool) {
        let event = KmsEvent { user_agent: Some("x".repeat(text).into()), ..KmsEvent::example() };
        let evidence = Evidence {
            workload: WorkloadSet::of(Workload::Other),
            strength: Strength::None,
            rules: Default::default(),
        };
        let mut row = Vec::new();
        let archive = if offset < 100 { "a" } else { "b" };
        encode(EVENTS, &Selected { event: &event, evidence: &evidence, archive, offset }, &mut row);
        files.push(0, Row::new(&row), late).unwrap();
    }

    /// Late rows end up in their places: those still in memory, those already encoded, and those that have the day to themselves.
    #[test]
    fn late_rows_stand_where_they_belong() {
        for (text, first) in [(10, 300), (200 << 10, 300), (10, 0)] {
            let dir = tempfile::tempdir().unwrap();
            let mut files = EventFiles::new(dir.path().to_owned(), &Jobs::default());
            let is_late = |n: &u64| n % 7 == 3 || (90..110).contains(n) || *n > 290;
            (0..first).filter(|n| !is_late(n)).for_each(|n| push(&mut files, n, text, false));
            (0..300).filter(is_late).for_each(|n| push(&mut files, n, text, true));
            files.hand_over();
            files.finish().unwrap();
            let path = path(dir.path(), 0);
            let mut offsets = Vec::new();
            for batch in read_back(&path).unwrap() {
                let batch = batch.unwrap();
                let column = batch.column_by_name("record_offset").unwrap();
                offsets.extend_from_slice(column.as_any().downcast_ref::<Int64Array>().unwrap().values());
            }
            let expected: Vec<i64> =
                (0..300u64).filter(|n| first > 0 || is_late(n)).map(u64::cast_signed).collect();
            assert_eq!(offsets, expected);
            assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left");
        }
    }
}
