//! `events/day=…/events.parquet`: one file per event day, within a bound of memory however many days there are.
//!
//! A day of which an earlier event may still come, since a copy of a call waits for a better one, is not encoded from there on: its rows are
//! kept, compressed on disk when they become many, and the late ones put among them at the end.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use chrono::NaiveDate;

use super::SinkError;
use super::cell::{Row, Stored, StoredCell};
use super::columns::{EVENTS, Events};
use super::parquet::{TableFile, Unwritten};
use super::spill::SpillFile;
use super::table::Rows;
use super::tasks::{TaskQueue, lock};

/// Bytes of rows gathered over all days before the most that belong together are encoded, or go to disk.
const PENDING: usize = 32 << 20;
/// So many days can be encoded by their columns at the same time.
const FEW_DAYS: usize = 8;
/// The least that is worth a row group while more of the day may come. With less of each, of many days, all goes to disk.
const WORTH_A_GROUP: usize = 4 << 20;
/// Rows between two looks at whether the run is over.
const ROWS_AT_A_TIME: usize = 1024;

/// The files of all days.
pub(super) struct EventFiles {
    root: PathBuf,
    days: BTreeMap<i32, Day>,
    spool: Arc<Mutex<SpillFile>>,
    pending: usize,
    jobs: TaskQueue,
    files: Vec<Unwritten>,
}

struct Day {
    file: TableFile<Events>,
    /// Late events that may still come.
    expected: u64,
    /// Rows behind the place of the first that was expected.
    kept: Kept,
    late: Kept,
}

/// Rows in order that cannot be encoded yet.
#[derive(Default)]
struct Kept {
    /// Compressed, in the spool.
    spooled: Vec<(u64, usize)>,
    rows: Rows,
}

impl Kept {
    fn is_empty(&self) -> bool {
        self.spooled.is_empty() && self.rows.len == 0
    }

    fn spool(&mut self, spool: &Mutex<SpillFile>) -> io::Result<()> {
        /// Fast: what is compressed here is read once.
        const LEVEL: i32 = -5;
        let rows = std::mem::take(&mut self.rows);
        let bytes = zstd::bulk::compress(&rows.bytes, LEVEL)?;
        self.spooled.push((lock(spool).push(&bytes)?, rows.len));
        Ok(())
    }

    /// The stretches of rows, in order.
    fn stretches(self, spool: &Mutex<SpillFile>) -> impl Iterator<Item = io::Result<Rows>> {
        let read = move |(place, len)| -> io::Result<Rows> {
            let bytes = lock(spool).read(place)?;
            Ok(Rows { bytes: zstd::stream::decode_all(&bytes[..])?, len })
        };
        self.spooled.into_iter().map(read).chain(Some(Ok(self.rows)))
    }
}

impl EventFiles {
    /// Writes below `root`, which is `events` of the report being made.
    pub(super) fn new(root: PathBuf, jobs: &TaskQueue) -> Self {
        let spool = Arc::new(Mutex::new(SpillFile::new()));
        Self { root, days: BTreeMap::new(), spool, pending: 0, jobs: jobs.clone(), files: Vec::new() }
    }

    fn day(&mut self, day: i32) -> Result<&mut Day, SinkError> {
        Ok(match self.days.entry(day) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let path = path(&self.root, day);
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder).map_err(SinkError::file(folder))?;
                }
                let file = TableFile::create(&path, EVENTS, &self.jobs)?;
                self.files.push(file.unwritten());
                place.insert(Day { file, expected: 0, kept: Kept::default(), late: Kept::default() })
            }
        })
    }

    /// An event of that day that belongs here may come late.
    pub(super) fn expect_out_of_order(&mut self, day: i32) -> Result<(), SinkError> {
        self.day(day)?.expected += 1;
        Ok(())
    }

    /// One of those will not come.
    pub(super) fn cancel_expected(&mut self, day: i32) {
        if let Some(day) = self.days.get_mut(&day) {
            day.expected = day.expected.saturating_sub(1);
            if day.expected == 0 && day.kept.spooled.is_empty() && day.late.is_empty() {
                day.file.take_in(std::mem::take(&mut day.kept.rows));
            }
        }
    }

    /// Adds the next event; `late` ones come last, in their own order.
    pub(super) fn push(&mut self, day: i32, row: Row<'_>, late: bool) -> Result<(), SinkError> {
        let place = self.day(day)?;
        let before = place.pending();
        if late {
            place.late.rows.push(row);
        } else if place.expected > 0 || !place.kept.is_empty() {
            place.kept.rows.push(row);
        } else {
            place.file.push_row(row);
        }
        let after = place.pending();
        self.pending = (self.pending + after).saturating_sub(before);
        if self.pending >= PENDING { self.relieve() } else { Ok(()) }
    }

    /// Gets rows out of memory: the most that belong together, or of many days with few rows each those of all.
    fn relieve(&mut self) -> Result<(), SinkError> {
        let most = self.days.values().map(Day::pending).max().unwrap_or(0);
        let least = if most >= WORTH_A_GROUP { most } else { 1 };
        for day in self.days.values_mut().filter(|day| day.pending() >= least) {
            let Day { file, kept, late, .. } = day;
            if most < WORTH_A_GROUP && kept.is_empty() {
                kept.rows = file.take_rows();
            }
            for rows in [kept, late] {
                if rows.rows.len > 0 {
                    rows.spool(&self.spool).map_err(SinkError::Temporary)?;
                }
            }
            file.hand_over(false);
        }
        // Added up anew, since days change in more ways than this.
        self.pending = self.days.values().map(Day::pending).sum();
        Ok(())
    }

    /// Hands over what is left, as long as `go_on`. Of a few days, column by column, since nothing else is left to do in parallel; that takes
    /// more memory.
    pub(super) fn hand_over(&mut self, go_on: &dyn Fn() -> bool) -> Result<(), SinkError> {
        let days = std::mem::take(&mut self.days);
        let split = days.len() <= FEW_DAYS;
        for Day { mut file, kept, late, .. } in days.into_values() {
            if !kept.is_empty() || !late.is_empty() {
                merge(kept, late, &self.spool, go_on, |row| file.push_row(row))
                    .map_err(SinkError::Temporary)?;
            }
            file.hand_over(split);
        }
        Ok(())
    }

    /// Completes all files.
    pub(super) fn finish(mut self) -> Result<(), SinkError> {
        self.hand_over(&|| true)?;
        self.files.into_iter().try_for_each(|file| file.finish(&self.jobs))
    }
}

impl Day {
    fn pending(&self) -> usize {
        self.file.pending_bytes() + self.kept.rows.bytes.len() + self.late.rows.bytes.len()
    }
}

fn path(root: &Path, day: i32) -> PathBuf {
    let date = NaiveDate::from_epoch_days(day).unwrap_or_default();
    root.join(format!("day={date}")).join("events.parquet")
}

/// Gives the rows of both, each in its place.
fn merge(
    kept: Kept,
    late: Kept,
    spool: &Mutex<SpillFile>,
    go_on: &dyn Fn() -> bool,
    mut give: impl FnMut(Row<'_>),
) -> io::Result<()> {
    let mut kept = Cursor::new(kept.stretches(spool))?;
    let mut late = Cursor::new(late.stretches(spool))?;
    for n in 0.. {
        if n % ROWS_AT_A_TIME == 0 && !go_on() {
            return Ok(()); // of a run that is over, nothing is kept
        }
        let next = match (kept.place(), late.place()) {
            (Some(this), Some(other)) if other < this => &mut late,
            (Some(_), _) => &mut kept,
            (None, Some(_)) => &mut late,
            (None, None) => return Ok(()),
        };
        give(next.row());
        next.advance()?;
    }
    Ok(())
}

/// A walk over rows in order.
struct Cursor<I> {
    stretches: I,
    rows: Rows,
    /// Where the row lies, and its cell that names the archive.
    row: Range<usize>,
    archive: Range<usize>,
    offset: i64,
}

impl<I: Iterator<Item = io::Result<Rows>>> Cursor<I> {
    fn new(stretches: I) -> io::Result<Self> {
        let mut cursor = Self { stretches, rows: Rows::default(), row: 0..0, archive: 0..0, offset: 0 };
        cursor.advance()?;
        Ok(cursor)
    }

    fn row(&self) -> Row<'_> {
        Row::new(&self.rows.bytes[self.row.clone()])
    }

    /// What rows are ordered by; `None` behind the last.
    fn place(&self) -> Option<(&[u8], i64)> {
        (!self.row.is_empty()).then(|| (&self.rows.bytes[self.archive.clone()], self.offset))
    }

    fn advance(&mut self) -> io::Result<()> {
        let mut start = self.row.end;
        while start == self.rows.bytes.len() {
            let Some(rows) = self.stretches.next().transpose()? else {
                self.row = start..start;
                return Ok(());
            };
            (self.rows, start) = (rows, 0);
        }
        let total = self.rows.bytes.len();
        let mut cells = Stored { bytes: &self.rows.bytes[start..] };
        // Archive and offset are the last two columns; a test holds it.
        cells.by_ref().take(EVENTS.len() - 2).for_each(drop);
        if let Some(StoredCell::Text(archive)) = cells.next() {
            let end = total - cells.bytes.len();
            self.archive = end - archive.len()..end;
        }
        if let Some(StoredCell::Int(offset)) = cells.next() {
            self.offset = offset;
        }
        self.row = start..total - cells.bytes.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::Selected;
    use crate::model::{Evidence, KmsEvent, Strength, Workload, WorkloadSet};
    use crate::report::encode;
    use arrow_array::Int64Array;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    fn push(files: &mut EventFiles, offset: u64, text: usize, late: bool) {
        push_on(files, 0, offset, text, late);
    }

    fn push_on(files: &mut EventFiles, day: i32, offset: u64, text: usize, late: bool) {
        let event = KmsEvent {
            time: crate::model::EventTime(i64::from(day) * 86_400_000),
            user_agent: Some("x".repeat(text).into()),
            ..KmsEvent::example()
        };
        let evidence = Evidence {
            workload: WorkloadSet::single(Workload::Other),
            strength: Strength::None,
            rules: Default::default(),
        };
        let mut row = Vec::new();
        let archive = if offset < 100 { "a" } else { "b" };
        encode(EVENTS, &Selected { event: &event, evidence: &evidence, archive, offset }, &mut row);
        files.push(day, Row::new(&row), late).unwrap();
    }

    fn offsets(path: &Path) -> Vec<i64> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(path).unwrap()).unwrap();
        let mut offsets = Vec::new();
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            let column = batch.column_by_name("record_offset").unwrap();
            offsets.extend_from_slice(column.as_any().downcast_ref::<Int64Array>().unwrap().values());
        }
        offsets
    }

    /// Late rows end up in their places: among rows in memory, on disk and already encoded, or with the day to themselves.
    #[test]
    fn late_rows_stand_where_they_belong() {
        for (text, first) in [(10, 300), (300 << 10, 300), (10, 0)] {
            let dir = tempfile::tempdir().unwrap();
            let mut files = EventFiles::new(dir.path().to_owned(), &TaskQueue::default());
            let is_late = |n: u64| n >= 80 && (n % 7 == 3 || (90..110).contains(&n) || n > 290);
            for n in 0..300 {
                if is_late(n) {
                    files.expect_out_of_order(0).unwrap();
                } else if n < first {
                    push(&mut files, n, text, false);
                }
            }
            (0..300).filter(|n| is_late(*n)).for_each(|n| push(&mut files, n, text, true));
            files.hand_over(&|| true).unwrap();
            files.finish().unwrap();
            let expected: Vec<i64> =
                (0..300).filter(|n| is_late(*n) || *n < first).map(u64::cast_signed).collect();
            assert_eq!(offsets(&path(dir.path(), 0)), expected);
        }
    }

    /// Many days, of which all expect late rows, or with few rows each and more than memory is meant for: nothing piles up, nothing is lost.
    #[test]
    fn many_days_take_turns() {
        for (days, rows, text, late) in [(3000, 1, 10, true), (40, 30, 40 << 10, false)] {
            let dir = tempfile::tempdir().unwrap();
            let mut files = EventFiles::new(dir.path().to_owned(), &TaskQueue::default());
            for offset in 0..rows {
                for day in 0..days {
                    if late {
                        files.expect_out_of_order(day).unwrap();
                    }
                    push_on(&mut files, day, 2 * offset + 1, text, false);
                }
            }
            if late {
                (0..days).for_each(|day| push_on(&mut files, day, 0, text, true));
            } else {
                assert!(files.days.values().any(|day| !day.kept.spooled.is_empty()), "went to disk");
            }
            files.hand_over(&|| true).unwrap();
            files.finish().unwrap();
            let expected: Vec<i64> =
                late.then_some(0).into_iter().chain((0..rows.cast_signed()).map(|n| 2 * n + 1)).collect();
            for day in (0..days).step_by(13) {
                assert_eq!(offsets(&path(dir.path(), day)), expected);
            }
        }
    }

    /// A day whose late rows never come is written as if none had been expected.
    #[test]
    fn what_is_not_expected_any_more_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = EventFiles::new(dir.path().to_owned(), &TaskQueue::default());
        files.expect_out_of_order(0).unwrap();
        files.expect_out_of_order(0).unwrap();
        (0..10).for_each(|n| push(&mut files, n, 10, false));
        files.cancel_expected(0);
        assert_eq!(files.days[&0].kept.rows.len, 10);
        files.cancel_expected(0);
        assert!(files.days[&0].kept.is_empty());
        (10..20).for_each(|n| push(&mut files, n, 10, false));
        files.finish().unwrap();
        assert_eq!(offsets(&path(dir.path(), 0)), (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn rows_end_with_what_they_are_ordered_by() {
        let last: Vec<&str> = EVENTS[EVENTS.len() - 2..].iter().map(|column| column.name).collect();
        assert_eq!(last, ["archive", "record_offset"]);
    }
}
