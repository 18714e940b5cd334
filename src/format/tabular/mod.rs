//! Tables of events: Parquet files whose columns are those of OCSF, as Amazon Security Lake keeps CloudTrail's events, and
//! the CSV files of CloudTrail Lake.
//!
//! CSV is only taken apart here, since its columns are those of other query results (`unwrap`). A row of OCSF becomes the text
//! of the record that it was made from, as far as its columns tell (`ocsf`): so everything behind this room sees records,
//! whatever they came from. Rows are read some at a time, row group by row group, and only the columns that are asked for.
//! Deliberately absent: what a record says (`parse`).

mod cells;
mod csv;
mod guard;
mod ocsf;
mod shape;

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use thiserror::Error;

pub use csv::{Csv, CsvKind, CsvStep, LOOKS_AT};
use guard::guarded;
use ocsf::Columns;
pub use shape::Shape;

/// How a Parquet file begins.
pub const PARQUET: &[u8] = b"PAR1";
/// Rows decoded at a time, and bytes that those of an even row group then come to, whichever is less.
const ROWS: u64 = 64;
const BATCH: u64 = 8 << 20;

/// Why a table could not be read.
#[derive(Debug, Error)]
pub enum TableError {
    /// What the file says of itself, at its end, cannot be read: nothing of it can.
    #[error("the Parquet file cannot be read: {0}")]
    Unreadable(String),
    /// Some of its rows cannot be read.
    #[error("rows {} to {} of the Parquet file cannot be read: {message}", .rows.start, .rows.end - 1)]
    Rows {
        /// Which, counted from 0.
        rows: Range<u64>,
        /// The reader's words.
        message: String,
    },
}

/// A record, as text.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    /// The number of its row in the file, from 0 on.
    pub row: u64,
    /// JSON; `None` when it is longer than was asked for.
    pub text: Option<Vec<u8>>,
}

/// A Parquet file with OCSF's columns, being read.
pub struct Table {
    file: File,
    metadata: ArrowReaderMetadata,
    mask: ProjectionMask,
    lossy: bool,
    longest: usize,
    /// The row group that comes next, and its first row.
    next_group: usize,
    group: Range<u64>,
    reader: Option<ParquetRecordBatchReader>,
    batch: Option<(Columns, usize)>,
    /// The row that comes next.
    row: u64,
}

impl Table {
    /// Looks at the columns of a Parquet file, of which records are to have at most `longest` bytes; `None` when they are not
    /// those of OCSF's calls of APIs.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn open(file: File, longest: usize) -> Result<Option<Self>, TableError> {
        // What a writer says of Arrow's types is not believed: Parquet's own types are enough, and fewer.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let unreadable = |error: ArrowError| TableError::Unreadable(error.to_string());
        let metadata =
            guarded(|| Ok(ArrowReaderMetadata::load(&file, options.clone())?)).map_err(unreadable)?;
        if !ocsf::is_of_calls(metadata.schema()) {
            return Ok(None);
        }
        let options = options.with_schema(Arc::new(cells::viewed(metadata.schema())));
        let metadata = guarded(|| Ok(ArrowReaderMetadata::try_new(metadata.metadata().clone(), options)?))
            .map_err(unreadable)?;
        let lossy = ocsf::lacks_columns(metadata.schema());
        let wanted = metadata.schema().fields().iter().enumerate();
        let roots = wanted.filter(|(_, field)| ocsf::ROOTS.contains(&field.name().as_str())).map(|(n, _)| n);
        let mask = ProjectionMask::roots(metadata.parquet_schema(), roots);
        let (group, row) = (0..0, 0);
        let (reader, batch) = (None, None);
        Ok(Some(Self { file, metadata, mask, lossy, longest, next_group: 0, group, reader, batch, row }))
    }

    /// What it is, for the `shape` column: lossy, when columns that records are rebuilt from are missing.
    pub fn shape(&self) -> Shape {
        if self.lossy { Shape::OcsfParquetLossy } else { Shape::OcsfParquet }
    }

    /// Bytes that all columns come to, as far as the file says.
    pub fn content_bytes(&self) -> u64 {
        let groups = self.metadata.metadata().row_groups().iter();
        groups.map(|group| u64::try_from(group.total_byte_size()).unwrap_or_default()).sum()
    }

    /// The next record. Rows that cannot be read cost the rest of their row group.
    pub fn next_record(&mut self) -> Option<Result<Record, TableError>> {
        loop {
            if let Some((columns, at)) = &mut self.batch
                && *at < columns.rows()
            {
                let text = columns.record(*at, self.longest);
                *at += 1;
                self.row += 1;
                return Some(Ok(Record { row: self.row - 1, text }));
            }
            self.batch = None;
            match self.next_batch()? {
                Ok(batch) => self.batch = Some((Columns::of(&batch), 0)),
                Err(error) => {
                    let rows = self.row..self.group.end.max(self.row + 1);
                    self.reader = None;
                    self.row = rows.end;
                    return Some(Err(TableError::Rows { rows, message: error.to_string() }));
                }
            }
        }
    }

    fn next_batch(&mut self) -> Option<Result<RecordBatch, ArrowError>> {
        loop {
            let reader = self.reader.as_mut();
            match guarded(|| reader.and_then(Iterator::next).transpose()) {
                Ok(None) => {}
                Ok(Some(batch)) => return Some(Ok(batch)),
                Err(error) => return Some(Err(error)),
            }
            if self.reader.take().is_some() && self.row < self.group.end {
                let missing = "the row group ends early".to_owned();
                return Some(Err(ArrowError::ParquetError(missing)));
            }
            let group = self.metadata.metadata().row_groups().get(self.next_group)?;
            let rows = u64::try_from(group.num_rows()).unwrap_or_default();
            let bytes = u64::try_from(group.total_byte_size()).unwrap_or_default();
            let at_once = (BATCH.saturating_mul(rows) / bytes.max(1)).clamp(1, ROWS);
            self.group = self.group.end..self.group.end.saturating_add(rows);
            self.row = self.group.start;
            let opened = self.file.try_clone().map_err(ArrowError::from).and_then(|file| {
                let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
                let builder = builder
                    .with_row_groups(vec![self.next_group])
                    .with_batch_size(usize::try_from(at_once).unwrap_or(1));
                builder.with_projection(self.mask.clone()).build().map_err(ArrowError::from)
            });
            self.next_group += 1;
            match opened {
                Ok(reader) => self.reader = Some(reader),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// A schema, as the parts of this room pass it on.
type Schema = Arc<arrow_schema::Schema>;
