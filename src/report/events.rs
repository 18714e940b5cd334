//! `events/day=…/events.parquet`: one file per event day, in bounded memory however many days there
//! are.
//!
//! While an out-of-order row of a day may still come, the day's rows after it cannot be encoded.
//! They are buffered, and spilled to disk (compressed) when they become many. At the end they are
//! merged with the out-of-order rows.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use chrono::NaiveDate;

use super::batch::RowBuffer;
use super::cell::{CellReader, EncodedRow, RawCell};
use super::error::SinkError;
use super::parquet::{EncodeBy, FileHandle, TableFile};
use super::sink::{EventStep, RowOrder};
use super::table::column_position;
use super::tables::{EVENTS, EventsTable};
use crate::base::{SpillFile, TaskQueue, lock};

/// Bytes of rows buffered over all days. Beyond it, the largest buffers are encoded or spilled.
const BUFFERED: usize = 32 << 20;
/// Files at the end of a run that are not completed yet.
const OPEN_FILES: usize = 64;
/// With at most so many days, each column is encoded as its own task.
const FEW_DAYS: usize = 8;
/// Bytes that are worth a row group although more rows of the day may come. When no day has as
/// many, all rows of all days are spilled.
const WORTH_A_GROUP: usize = 4 << 20;
/// Rows merged between two checks whether the run goes on.
const ROWS_PER_CHECK: usize = 1024;

/// The day of the file in a report without events: 1970-01-01.
const NO_DAY: i32 = 0;

/// The columns that rows are sorted by.
const ARCHIVE: usize = column_position(EVENTS, "archive");
const OFFSET: usize = column_position(EVENTS, "record_offset");

/// The files of all days.
pub(super) struct EventFiles {
    root: PathBuf,
    days: BTreeMap<i32, DayFile>,
    spill: Arc<Mutex<SpillFile>>,
    /// Bytes of buffered rows, over all days.
    buffered: usize,
    tasks: TaskQueue<SinkError>,
    /// Files whose last row group is queued.
    files: VecDeque<FileHandle>,
    has_files: bool,
}

struct DayFile {
    file: TableFile<EventsTable>,
    /// Out-of-order rows that may still come.
    expected: u64,
    /// Rows that belong after the first expected row.
    blocked: DeferredRows,
    out_of_order: DeferredRows,
}

/// Sorted rows that cannot be encoded yet.
#[derive(Default)]
struct DeferredRows {
    /// The first rows: compressed, in the spill file.
    spilled: Vec<SpilledRows>,
    /// The rows after them.
    buffer: RowBuffer,
}

struct SpilledRows {
    /// Where in the spill file.
    offset: u64,
    rows: usize,
}

impl DeferredRows {
    fn is_empty(&self) -> bool {
        self.spilled.is_empty() && self.buffer.is_empty()
    }

    fn spill(&mut self, spill: &Mutex<SpillFile>) -> io::Result<()> {
        /// Fast: each byte compressed here is read once.
        const LEVEL: i32 = -5;
        let buffer = std::mem::take(&mut self.buffer);
        let bytes = zstd::bulk::compress(&buffer.bytes, LEVEL)?;
        let offset = lock(spill).push(&bytes)?;
        self.spilled.push(SpilledRows { offset, rows: buffer.rows });
        Ok(())
    }

    /// All rows in order, a buffer at a time.
    fn into_buffers(self, spill: &Mutex<SpillFile>) -> impl Iterator<Item = io::Result<RowBuffer>> {
        let read = move |SpilledRows { offset, rows }| -> io::Result<RowBuffer> {
            let bytes = lock(spill).read(offset)?;
            Ok(RowBuffer { bytes: zstd::stream::decode_all(&bytes[..])?, rows })
        };
        self.spilled.into_iter().map(read).chain(Some(Ok(self.buffer)))
    }
}

impl EventFiles {
    /// Writes below `root`, the folder `events` of the report.
    pub(super) fn new(root: PathBuf, tasks: &TaskQueue<SinkError>) -> Self {
        let spill = Arc::new(Mutex::new(SpillFile::new()));
        let (days, files) = (BTreeMap::new(), VecDeque::new());
        Self { root, days, spill, buffered: 0, tasks: tasks.clone(), files, has_files: false }
    }

    fn day(&mut self, day: i32) -> Result<&mut DayFile, SinkError> {
        Ok(match self.days.entry(day) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let folder = day_folder(&self.root, day);
                fs::create_dir_all(&folder).map_err(SinkError::file(&folder))?;
                let file = TableFile::new_in(&folder, &self.tasks);
                entry.insert(DayFile {
                    file,
                    expected: 0,
                    blocked: DeferredRows::default(),
                    out_of_order: DeferredRows::default(),
                })
            }
        })
    }

    /// Takes the next row of a day, or what is known of rows to come.
    pub(super) fn step(&mut self, day: i32, step: EventStep<'_>) -> Result<(), SinkError> {
        let day = self.day(day)?;
        let before = day.buffered_bytes();
        match step {
            EventStep::Expected => day.expected += 1,
            EventStep::NotExpected => day.expect_one_less(),
            EventStep::Row(row, RowOrder::OutOfOrder) => day.out_of_order.buffer.push(row),
            EventStep::Row(row, RowOrder::InOrder) if day.is_blocked() => day.blocked.buffer.push(row),
            EventStep::Row(row, RowOrder::InOrder) => day.file.push_encoded(row),
        }
        let after = day.buffered_bytes();
        self.buffered = (self.buffered + after).saturating_sub(before);
        if self.buffered >= BUFFERED { self.free_memory() } else { Ok(()) }
    }

    /// Encodes or spills the largest buffers; when all are small, it spills all of them.
    fn free_memory(&mut self) -> Result<(), SinkError> {
        let largest = self.days.values().map(DayFile::buffered_bytes).max().unwrap_or(0);
        let least = if largest >= WORTH_A_GROUP { largest } else { 1 };
        for day in self.days.values_mut().filter(|day| day.buffered_bytes() >= least) {
            let DayFile { file, blocked, out_of_order, .. } = day;
            if largest < WORTH_A_GROUP && blocked.is_empty() {
                blocked.buffer = file.take_rows();
            }
            for rows in [blocked, out_of_order] {
                if !rows.buffer.is_empty() {
                    rows.spill(&self.spill).map_err(SinkError::Temporary)?;
                }
            }
            file.queue_rows(EncodeBy::RowGroup);
        }
        self.buffered = self.days.values().map(DayFile::buffered_bytes).sum();
        Ok(())
    }

    /// Queues the encoding of all rows that are left, while `keep_going` returns true. Few days are
    /// encoded column by column, since nothing else is left to do in parallel.
    pub(super) fn queue_rows(&mut self, keep_going: &dyn Fn() -> bool) -> Result<(), SinkError> {
        let days = std::mem::take(&mut self.days);
        let by = if days.len() <= FEW_DAYS { EncodeBy::Column } else { EncodeBy::RowGroup };
        for DayFile { mut file, blocked, out_of_order, .. } in days.into_values() {
            if !blocked.is_empty() || !out_of_order.is_empty() {
                let push = |row: EncodedRow<'_>| file.push_encoded(row);
                merge(blocked, out_of_order, &self.spill, keep_going, push).map_err(SinkError::Temporary)?;
            }
            file.queue_rows(by);
            self.files.push_back(file.handle());
            self.has_files = true;
            if self.files.len() > OPEN_FILES
                && let Some(oldest) = self.files.pop_front()
            {
                oldest.finish(&self.tasks)?;
            }
        }
        Ok(())
    }

    /// Completes all files. A report without events has one file without rows, so that readers find
    /// the columns. No call to KMS was recorded on its day.
    pub(super) fn finish(mut self) -> Result<(), SinkError> {
        if !self.has_files && self.days.is_empty() {
            self.day(NO_DAY)?;
        }
        self.queue_rows(&|| true)?;
        self.files.into_iter().try_for_each(|file| file.finish(&self.tasks))
    }
}

impl DayFile {
    /// One of the expected rows will not come. After the last one, the rows that waited for them
    /// are in their place.
    fn expect_one_less(&mut self) {
        self.expected = self.expected.saturating_sub(1);
        if self.expected == 0 && self.blocked.spilled.is_empty() && self.out_of_order.is_empty() {
            self.file.append(&std::mem::take(&mut self.blocked.buffer));
        }
    }

    /// Whether rows in order have to wait for rows that may come before them.
    fn is_blocked(&self) -> bool {
        self.expected > 0 || !self.blocked.is_empty()
    }

    fn buffered_bytes(&self) -> usize {
        self.file.buffered_bytes() + self.blocked.buffer.bytes.len() + self.out_of_order.buffer.bytes.len()
    }
}

/// The folder of a day, as Hive partitions are named.
fn day_folder(root: &Path, day: i32) -> PathBuf {
    let date = NaiveDate::from_epoch_days(day).unwrap_or_default();
    root.join(format!("day={date}"))
}

/// Merges two sorted sequences of rows, and calls `push` with each row.
fn merge(
    a: DeferredRows,
    b: DeferredRows,
    spill: &Mutex<SpillFile>,
    keep_going: &dyn Fn() -> bool,
    mut push: impl FnMut(EncodedRow<'_>),
) -> io::Result<()> {
    let mut a = RowCursor::new(a.into_buffers(spill))?;
    let mut b = RowCursor::new(b.into_buffers(spill))?;
    for n in 0.. {
        if n % ROWS_PER_CHECK == 0 && !keep_going() {
            return Ok(()); // the run was stopped, so the file is not used
        }
        let next = match (a.sort_key(), b.sort_key()) {
            (Some(key), Some(other)) if other < key => &mut b,
            (Some(_), _) => &mut a,
            (None, Some(_)) => &mut b,
            (None, None) => return Ok(()),
        };
        push(next.row());
        next.advance()?;
    }
    Ok(())
}

/// Walks over sorted rows.
struct RowCursor<I> {
    buffers: I,
    current: RowBuffer,
    /// Where the row lies in `current`, and its archive's name. Both are empty behind the last row.
    row: Range<usize>,
    archive: Range<usize>,
    offset: i64,
}

impl<I: Iterator<Item = io::Result<RowBuffer>>> RowCursor<I> {
    fn new(buffers: I) -> io::Result<Self> {
        let current = RowBuffer::default();
        let mut cursor = Self { buffers, current, row: 0..0, archive: 0..0, offset: 0 };
        cursor.advance()?;
        Ok(cursor)
    }

    fn row(&self) -> EncodedRow<'_> {
        EncodedRow::new(&self.current.bytes[self.row.clone()])
    }

    /// Archive and offset of the row; `None` behind the last.
    fn sort_key(&self) -> Option<(&[u8], i64)> {
        (!self.row.is_empty()).then(|| (&self.current.bytes[self.archive.clone()], self.offset))
    }

    fn advance(&mut self) -> io::Result<()> {
        let mut start = self.row.end;
        while start == self.current.bytes.len() {
            let Some(rows) = self.buffers.next().transpose()? else {
                self.row = start..start;
                return Ok(());
            };
            (self.current, start) = (rows, 0);
        }
        let total = self.current.bytes.len();
        let mut cells = CellReader { bytes: &self.current.bytes[start..] };
        for position in 0..EVENTS.len() {
            let cell = cells.next();
            let end = total - cells.bytes.len();
            match cell {
                Some(RawCell::Text(archive)) if position == ARCHIVE => {
                    self.archive = end - archive.len()..end;
                }
                Some(RawCell::Int(offset)) if position == OFFSET => self.offset = offset,
                _ => {}
            }
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
    use crate::report::encode_row;
    use arrow_array::Int64Array;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use EventStep::{Expected, NotExpected};
    use RowOrder::{InOrder, OutOfOrder};

    fn file(root: &Path, day: i32) -> PathBuf {
        day_folder(root, day).join("events.parquet")
    }

    fn push(files: &mut EventFiles, offset: u64, text: usize, order: RowOrder) {
        push_on(files, 0, offset, text, order);
    }

    fn push_on(files: &mut EventFiles, day: i32, offset: u64, text: usize, order: RowOrder) {
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
        let served = event.served();
        let selected = Selected {
            event: &event,
            evidence: &evidence,
            archive,
            offset,
            served: &served,
            integrity: None,
        };
        encode_row(EVENTS, &selected, &mut row);
        files.step(day, EventStep::Row(EncodedRow::new(&row), order)).unwrap();
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

    /// Out-of-order rows are sorted in: among rows in memory, among spilled rows, after rows that
    /// are already encoded, or when the day has no other rows.
    #[test]
    fn out_of_order_rows_are_sorted_in() {
        for (text, first) in [(10, 300), (300 << 10, 300), (10, 0)] {
            let dir = tempfile::tempdir().unwrap();
            let mut files = EventFiles::new(dir.path().to_owned(), &TaskQueue::default());
            let is_out_of_order = |n: u64| n >= 80 && (n % 7 == 3 || (90..110).contains(&n) || n > 290);
            for n in 0..300 {
                if is_out_of_order(n) {
                    files.step(0, Expected).unwrap();
                } else if n < first {
                    push(&mut files, n, text, InOrder);
                }
            }
            (0..300).filter(|n| is_out_of_order(*n)).for_each(|n| push(&mut files, n, text, OutOfOrder));
            files.queue_rows(&|| true).unwrap();
            files.finish().unwrap();
            let expected: Vec<i64> =
                (0..300).filter(|n| is_out_of_order(*n) || *n < first).map(u64::cast_signed).collect();
            assert_eq!(offsets(&file(dir.path(), 0)), expected);
        }
    }

    /// Many days that all expect an out-of-order row, and many days with small buffers that are too
    /// large together: memory stays bounded and no row is lost.
    #[test]
    fn many_days_stay_within_memory() {
        for (days, rows, text, expect) in [(3000, 1, 10, true), (40, 30, 40 << 10, false)] {
            let dir = tempfile::tempdir().unwrap();
            let mut files = EventFiles::new(dir.path().to_owned(), &TaskQueue::default());
            for offset in 0..rows {
                for day in 0..days {
                    if expect {
                        files.step(day, Expected).unwrap();
                    }
                    push_on(&mut files, day, 2 * offset + 1, text, InOrder);
                }
            }
            if expect {
                (0..days).for_each(|day| push_on(&mut files, day, 0, text, OutOfOrder));
            } else {
                assert!(files.days.values().any(|day| !day.blocked.spilled.is_empty()), "was spilled");
            }
            files.queue_rows(&|| true).unwrap();
            files.finish().unwrap();
            let expected: Vec<i64> =
                expect.then_some(0).into_iter().chain((0..rows.cast_signed()).map(|n| 2 * n + 1)).collect();
            for day in (0..days).step_by(13) {
                assert_eq!(offsets(&file(dir.path(), day)), expected);
            }
        }
    }

    /// A day whose expected rows never come is written as if none had been expected.
    #[test]
    fn cancelled_rows_no_longer_block_a_day() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = EventFiles::new(dir.path().to_owned(), &TaskQueue::default());
        files.step(0, Expected).unwrap();
        files.step(0, Expected).unwrap();
        (0..10).for_each(|n| push(&mut files, n, 10, InOrder));
        files.step(0, NotExpected).unwrap();
        assert_eq!(files.days[&0].blocked.buffer.rows, 10);
        files.step(0, NotExpected).unwrap();
        assert!(files.days[&0].blocked.is_empty());
        (10..20).for_each(|n| push(&mut files, n, 10, InOrder));
        files.finish().unwrap();
        assert_eq!(offsets(&file(dir.path(), 0)), (0..20).collect::<Vec<_>>());
    }
}
