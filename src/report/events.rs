//! `events/day=…/events.parquet`: one file per event day, within a bound of memory however many days there are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use arrow_array::{Array, Int64Array, RecordBatch, StringArray};
use chrono::NaiveDate;

use super::SinkError;
use super::columns::EVENTS;
use super::parquet::{TableFile, encode_error, read_back};
use super::table::Rows;
use crate::aggregate::Selected;

/// Memory of rows gathered over all days before the fullest day is encoded, bytes.
const PENDING_BYTES: usize = 32 << 20;
/// Memory of encoded rows over all days before the largest row group is written out, bytes.
const ENCODED_BYTES: usize = 64 << 20;

pub(super) struct EventFiles {
    root: PathBuf,
    days: BTreeMap<i32, TableFile<Selected>>,
    pending: usize,
    late: BTreeMap<i32, Vec<Selected>>,
}

impl EventFiles {
    /// Writes below `root`, which is `events` of the report being made.
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, days: BTreeMap::new(), pending: 0, late: BTreeMap::new() }
    }

    fn path(&self, day: i32) -> PathBuf {
        let date = NaiveDate::from_epoch_days(day).unwrap_or_default();
        self.root.join(format!("day={date}")).join("events.parquet")
    }

    fn create(&self, day: i32) -> Result<TableFile<Selected>, SinkError> {
        let path = self.path(day);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(SinkError::file(folder))?;
        }
        TableFile::create(&path, EVENTS)
    }

    /// Adds the next event.
    pub(super) fn push(&mut self, selected: &Selected) -> Result<(), SinkError> {
        let day = selected.event.time.day();
        if !self.days.contains_key(&day) {
            let file = self.create(day)?;
            self.days.insert(day, file);
        }
        let Some(file) = self.days.get_mut(&day) else { return Ok(()) }; // just inserted
        let before = file.pending_bytes();
        file.push(selected)?;
        let after = file.pending_bytes();
        self.pending = self.pending + after - before;
        let mut encoded = after < before;
        if self.pending >= PENDING_BYTES
            && let Some(fullest) = self.days.values_mut().max_by_key(|file| file.pending_bytes())
        {
            self.pending -= fullest.pending_bytes();
            fullest.encode()?;
            encoded = true;
        }
        if encoded
            && self.days.values().map(TableFile::encoded_bytes).sum::<usize>() >= ENCODED_BYTES
            && let Some(largest) = self.days.values_mut().max_by_key(|file| file.encoded_bytes())
        {
            largest.write_out()?;
        }
        Ok(())
    }

    /// Keeps an event that belongs before others already added.
    pub(super) fn push_late(&mut self, selected: &Selected) {
        self.late.entry(selected.event.time.day()).or_default().push(selected.clone());
    }

    /// Completes all files.
    pub(super) fn finish(mut self) -> Result<(), SinkError> {
        for (_, file) in std::mem::take(&mut self.days) {
            file.finish()?;
        }
        let late = std::mem::take(&mut self.late);
        for (day, mut events) in late {
            events.sort_by(|a, b| (&a.archive, a.offset).cmp(&(&b.archive, b.offset)));
            self.merge(day, &events)?;
        }
        Ok(())
    }

    /// Writes a day's file anew with the late events where they belong.
    fn merge(&self, day: i32, late: &[Selected]) -> Result<(), SinkError> {
        let path = self.path(day);
        let first = path.with_extension("first");
        if path.exists() {
            fs::rename(&path, &first).map_err(SinkError::file(&path))?;
        }
        let mut merged = self.create(day)?;
        let mut late = Late::new(late, &path)?;
        if first.exists() {
            for batch in read_back(&first)? {
                let batch = batch.map_err(|e| encode_error(&first, e.into()))?;
                late.interleave(&batch, &mut merged)?;
            }
            fs::remove_file(&first).map_err(SinkError::file(&first))?;
        }
        late.rest(&mut merged)?;
        merged.finish()
    }
}

/// Late events of one day as a batch, taken from the front.
struct Late<'e> {
    events: &'e [Selected],
    batch: RecordBatch,
    next: usize,
}

impl<'e> Late<'e> {
    fn new(events: &'e [Selected], path: &Path) -> Result<Self, SinkError> {
        let mut rows = Rows::new(EVENTS);
        for event in events {
            rows.push(event);
        }
        let batch = rows.take().map_err(|e| encode_error(path, e.into()))?;
        Ok(Self { events, batch, next: 0 })
    }

    fn interleave(&mut self, batch: &RecordBatch, out: &mut TableFile<Selected>) -> Result<(), SinkError> {
        let archives = batch.column_by_name("archive").and_then(|c| c.as_any().downcast_ref::<StringArray>());
        let offsets =
            batch.column_by_name("record_offset").and_then(|c| c.as_any().downcast_ref::<Int64Array>());
        let (Some(archives), Some(offsets)) = (archives, offsets) else { return out.write(batch) }; // our own schema
        let mut written = 0;
        for row in 0..batch.num_rows() {
            let place = (archives.value(row), offsets.value(row).cast_unsigned());
            let before =
                self.events[self.next..].iter().take_while(|e| (&*e.archive, e.offset) < place).count();
            if before > 0 {
                out.write(&batch.slice(written, row - written))?;
                out.write(&self.batch.slice(self.next, before))?;
                (written, self.next) = (row, self.next + before);
            }
        }
        out.write(&batch.slice(written, batch.num_rows() - written))
    }

    fn rest(&self, out: &mut TableFile<Selected>) -> Result<(), SinkError> {
        out.write(&self.batch.slice(self.next, self.batch.num_rows() - self.next))
    }
}
