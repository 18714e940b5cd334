//! Reads Parquet files with the columns of OCSF, row group by row group.

use std::fs::File;
use std::num::NonZero;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};

use super::cells;
use super::columns::{self, ObjectBatch};
use super::error::TableError;
use super::ocsf_mapping::{self, OcsfBatch};
use super::parquet_footer::read_footer;
use super::parquet_groups::{ParquetGroups, guarded};
use super::shape::TableShape;
use crate::format::rebuild::{EventColumns, event_columns};

/// Maximum number of rows decoded at a time.
const MAX_BATCH_ROWS: u64 = 64;
/// The same where only cells are looked at, and their number.
const MAX_CELL_ROWS: u64 = 1024;
const MAX_BATCH_CELLS: u64 = 64 << 10;
/// What a cell that is looked at counts as at least, in bytes.
const LEAST_CELL: u64 = 8;

/// A record rebuilt from a row.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OcsfRecord {
    /// Number of the row in the file, from 0.
    pub row: u64,
    /// JSON text of the record, or of the row as an object
    /// ([`OcsfReader::rows_are_records`]); `None` when it is longer than the limit given to
    /// [`OcsfReader::open`].
    pub json: Option<Vec<u8>>,
}

/// Columns that often hold whole records, as objects or as text.
const RECORD_COLUMNS: [&str; 14] = [
    "record",
    "records",
    "message",
    "_raw",
    "raw",
    "event",
    "detail",
    "body",
    "data",
    "log",
    "value",
    "payload",
    "json",
    "cloud_trail_event",
];

/// Whether the rows may be or hold records, by the names of the columns.
fn names_records(schema: &Schema) -> bool {
    let names = || schema.fields().iter().map(|field| field.name().as_str());
    let columns = event_columns(names());
    let holds_text = |field: &Field| {
        matches!(
            field.data_type(),
            DataType::Utf8 | DataType::Binary | DataType::Struct(_) | DataType::List(_)
        )
    };
    let is_record = |field: &Field| RECORD_COLUMNS.iter().any(|name| field.name().eq_ignore_ascii_case(name));
    may_be_events(columns)
        || ocsf_mapping::may_be_incomplete(schema)
        || schema.fields().iter().any(|field| is_record(field) && holds_text(field))
        || schema.fields().iter().any(|field| has_event_members(field.data_type()))
}

/// Whether these may be the columns of events. Their rows decide.
fn may_be_events(columns: EventColumns) -> bool {
    columns.members > 1 && (columns.has_source || columns.has_name) || columns.members > 3
}

/// Whether a column is, or has inside it, objects with the names of an event.
fn has_event_members(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(fields) => {
            let columns = event_columns(fields.iter().map(|field| field.name().as_str()));
            may_be_events(columns) || fields.iter().any(|field| has_event_members(field.data_type()))
        }
        DataType::List(item) => has_event_members(item.data_type()),
        _ => false,
    }
}

/// What the rows of a batch become.
enum Rows {
    /// Records, from the columns of OCSF.
    Ocsf(OcsfBatch),
    /// Objects with the columns as members.
    Objects(ObjectBatch),
}

impl Rows {
    fn len(&self) -> usize {
        match self {
            Self::Ocsf(batch) => batch.rows(),
            Self::Objects(batch) => batch.rows(),
        }
    }

    fn json(&self, row: usize, max_len: usize) -> Option<Vec<u8>> {
        match self {
            Self::Ocsf(batch) => batch.record(row, max_len),
            Self::Objects(batch) => batch.object(row, max_len),
        }
    }
}

/// Reads a Parquet file with the columns of OCSF, or with those of records.
pub struct OcsfReader {
    groups: ParquetGroups,
    shape: TableShape,
    max_record: usize,
    /// The current batch and the index of its next row.
    batch: Option<(Rows, usize)>,
}

impl OcsfReader {
    /// Opens a Parquet file; `None` when its columns are neither those of OCSF's class API Activity
    /// nor such as may hold records, and none of its texts is one that `may_hold_records`.
    /// Records longer than `max_record` bytes are not rebuilt, and pages are read up to `content`
    /// bytes in all. What was looked at in search of texts is taken off `content`.
    ///
    /// # Errors
    /// When the metadata of the file cannot be read.
    pub fn open(
        file: File,
        max_record: usize,
        content: &mut u64,
        may_hold_records: impl Fn(&[u8]) -> bool,
    ) -> Result<Option<Self>, TableError> {
        // Ignore the Arrow schema that the writer embedded: Parquet's own types are fewer and
        // suffice.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = guarded(|| {
            let footer = Arc::new(read_footer(&file)?);
            Ok(ArrowReaderMetadata::try_new(footer, options.clone())?)
        })
        .map_err(TableError::unreadable)?;
        let is_ocsf = ocsf_mapping::is_api_activity(metadata.schema());
        let names_records = is_ocsf || names_records(metadata.schema());
        let options = options.with_schema(Arc::new(columns::with_views(metadata.schema())));
        let metadata = guarded(|| Ok(ArrowReaderMetadata::try_new(metadata.metadata().clone(), options)?))
            .map_err(TableError::unreadable)?;
        let lossy = ocsf_mapping::lacks_columns(metadata.schema());
        let roots = metadata.schema().fields().iter().enumerate();
        let roots =
            roots.filter(|(_, field)| !is_ocsf || ocsf_mapping::ROOTS.contains(&field.name().as_str()));
        let mask = ProjectionMask::roots(metadata.parquet_schema(), roots.map(|(n, _)| n));
        let shape = match (is_ocsf, lossy) {
            (true, true) => TableShape::OcsfParquetLossy,
            (true, false) => TableShape::OcsfParquet,
            (false, _) => TableShape::Parquet,
        };
        let table = Self {
            groups: ParquetGroups::new(file, metadata, mask, MAX_BATCH_ROWS, *content),
            shape,
            max_record,
            batch: None,
        };
        if !names_records && !table.any_cell(content, may_hold_records) {
            return Ok(None);
        }
        Ok(Some(table))
    }

    /// Whether one of the texts, or of the values of bytes, is as asked for: in any row group. What
    /// cannot be read, or is more than may be looked at, may be so.
    fn any_cell(&self, content: &mut u64, is_asked_for: impl Fn(&[u8]) -> bool) -> bool {
        let metadata = self.groups.metadata();
        let Some((mask, columns)) = cells::text_columns(metadata.parquet_schema()) else { return false };
        let Ok(file) = self.groups.file() else { return true };
        let batch_rows = (MAX_BATCH_CELLS / columns).clamp(1, MAX_CELL_ROWS);
        let mut groups = ParquetGroups::new(file, metadata.clone(), mask, batch_rows, *content);
        let mut left = *content;
        let found = finds_cell(&mut groups, columns, &mut left, is_asked_for);
        let pages = *content - groups.content_left();
        *content = left.saturating_sub(pages);
        found
    }

    /// The shape: lossy when columns are missing that records are rebuilt from.
    pub fn shape(&self) -> TableShape {
        self.shape
    }

    /// The names of the columns, one in each line.
    pub fn column_names(&self) -> String {
        let names: Vec<&str> =
            self.groups.metadata().schema().fields().iter().map(|field| field.name().as_str()).collect();
        names.join("\n")
    }

    /// Whether rows become records. If not, they become objects in which the records are to be
    /// searched.
    pub fn rows_are_records(&self) -> bool {
        self.shape != TableShape::Parquet
    }

    /// Size of all columns before compression in bytes, as the file states it.
    pub fn content_bytes(&self) -> u64 {
        let groups = self.groups.metadata().metadata().row_groups().iter();
        groups.map(|group| u64::try_from(group.total_byte_size()).unwrap_or_default()).sum()
    }

    /// Size of the file in bytes; 0 when the operating system does not say.
    pub fn stored_bytes(&self) -> u64 {
        self.groups.file().and_then(|file| file.metadata()).map_or(0, |file| file.len())
    }

    /// Bytes of pages that may still be read.
    pub fn content_left(&self) -> u64 {
        self.groups.content_left()
    }

    /// The next record; `None` after the last. After an error, the rest of the row group is
    /// skipped.
    pub fn next_record(&mut self) -> Option<Result<OcsfRecord, TableError>> {
        loop {
            if let Some((batch, next)) = &mut self.batch
                && *next < batch.len()
            {
                let json = batch.json(*next, self.max_record);
                let row = self.groups.row();
                *next += 1;
                self.groups.skip_rows(1);
                return Some(Ok(OcsfRecord { row, json }));
            }
            self.batch = None;
            match self.groups.next_batch()? {
                Ok(batch) if self.rows_are_records() => {
                    self.batch = Some((Rows::Ocsf(OcsfBatch::new(&batch)), 0));
                }
                Ok(batch) => self.batch = Some((Rows::Objects(ObjectBatch::new(&batch)), 0)),
                Err(error) => {
                    let rows = self.groups.skip_group();
                    return Some(Err(TableError::Rows { rows, source: error.into() }));
                }
            }
        }
    }
}

/// See [`OcsfReader::any_cell`]. Takes the lengths of what was looked at off `left`.
fn finds_cell(
    groups: &mut ParquetGroups,
    columns: NonZero<u64>,
    left: &mut u64,
    is_asked_for: impl Fn(&[u8]) -> bool,
) -> bool {
    while let Some(batch) = groups.next_batch() {
        let Ok(batch) = batch else { return true };
        groups.skip_rows(batch.num_rows() as u64);
        let cells = columns.get() * batch.num_rows() as u64;
        let rest = left.saturating_sub(cells * LEAST_CELL);
        if cells::any(&batch, left, &is_asked_for) {
            return true;
        }
        *left = rest.min(*left);
        if rest == 0 {
            return true;
        }
    }
    false
}
