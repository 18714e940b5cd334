//! A Parquet file whose columns are plain values, such as a table of a report.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, StringViewArray};
use arrow_schema::{Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};

use super::columns::with_views;
use super::error::TableError;
use super::parquet_footer::read_footer;
use super::parquet_groups::{ParquetGroups, guarded};

/// Maximum number of rows decoded at a time.
const MAX_BATCH_ROWS: u64 = 1024;
/// Bytes of texts in a batch, unless it has one row.
const BATCH_TEXTS: u64 = 8 << 20;
/// Bytes of texts in a row. A record has at most 4 MiB (`--max-record-bytes`), and a row little
/// that is not in the record.
const ROW_TEXTS: u64 = 16 << 20;
/// Bytes of rows that a table may have, however small its files are, and for each byte of them. A
/// report of a million groups has 41 to the byte.
const ROOM: u64 = 128 << 20;
const ROOM_PER_BYTE: u64 = 256;
/// Bytes that a cell counts, beside its text.
const CELL: u64 = 8;

/// How much may still be read of a table, in bytes of its rows. The texts of a dictionary stand in
/// the file once, and in any number of rows.
#[derive(Debug)]
pub struct TableRoom(u64);

impl Default for TableRoom {
    fn default() -> Self {
        Self(ROOM)
    }
}

impl TableRoom {
    /// For a table that this program has just written.
    pub const ENDLESS: Self = Self(u64::MAX);
}

/// Reads columns of a Parquet file. Footer and pages are checked as those of any input, and rows
/// come a few at a time, whatever their texts.
pub struct ParquetTable {
    groups: ParquetGroups,
    schema: SchemaRef,
    room: TableRoom,
    /// What was decoded and not handed over yet.
    batches: VecDeque<RecordBatch>,
}

impl ParquetTable {
    /// Opens a file, to read the columns that `is_wanted` by their names. The pages of others are
    /// not read. `room` is what the files of this table before left.
    ///
    /// # Errors
    /// When its metadata cannot be read.
    pub fn open(file: File, is_wanted: impl Fn(&str) -> bool, room: TableRoom) -> Result<Self, TableError> {
        // Parquet's own types say enough.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = guarded(|| {
            let footer = Arc::new(read_footer(&file)?);
            let plain = ArrowReaderMetadata::try_new(footer.clone(), options.clone())?;
            let views = options.with_schema(Arc::new(with_views(plain.schema())));
            let size = file.metadata()?.len();
            Ok((plain, ArrowReaderMetadata::try_new(footer, views)?, size))
        });
        let (plain, metadata, size) = metadata.map_err(TableError::unreadable)?;
        let fields = plain.schema().fields().iter().enumerate();
        let (places, fields): (Vec<_>, Vec<_>) = fields
            .filter(|(_, field)| is_wanted(field.name()))
            .map(|(place, field)| (place, field.clone()))
            .unzip();
        let mask = ProjectionMask::roots(metadata.metadata().file_metadata().schema_descr(), places);
        let room = TableRoom(room.0.saturating_add(size.saturating_mul(ROOM_PER_BYTE)));
        let groups = ParquetGroups::new(file, metadata, mask, MAX_BATCH_ROWS, room.0);
        Ok(Self { groups, schema: Arc::new(Schema::new(fields)), room, batches: VecDeque::new() })
    }

    /// The columns that are read, and their types. Texts come as views.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// What is left for other files of the table.
    pub fn into_room(self) -> TableRoom {
        self.room
    }

    /// The next rows; `None` after the last.
    ///
    /// # Errors
    /// When rows cannot be read, or are more or longer than in any report. Nothing should be read
    /// after that.
    pub fn next_batch(&mut self) -> Option<Result<RecordBatch, TableError>> {
        if self.batches.is_empty() {
            match self.groups.next_batch()? {
                Ok(batch) => {
                    self.groups.skip_rows(batch.num_rows() as u64);
                    if let Err(error) = self.divide(&batch) {
                        return Some(Err(error));
                    }
                }
                Err(error) => {
                    return Some(Err(TableError::Rows {
                        rows: self.groups.skip_group(),
                        source: error.into(),
                    }));
                }
            }
        }
        self.batches.pop_front().map(Ok)
    }

    /// Divides a batch, so that each part has few bytes of texts.
    fn divide(&mut self, batch: &RecordBatch) -> Result<(), TableError> {
        let texts: Vec<&StringViewArray> =
            batch.columns().iter().filter_map(|column| column.as_string_view_opt()).collect();
        let cells = CELL * batch.num_columns() as u64;
        let (mut start, mut held) = (0, 0);
        for row in 0..batch.num_rows() {
            // The first four bytes of a view are its length; that of null is not looked at.
            let len = |column: &&StringViewArray| match column.is_null(row) {
                true => 0,
                false => u64::from(column.views()[row] as u32),
            };
            let bytes: u64 = texts.iter().map(len).sum();
            if bytes > ROW_TEXTS {
                return Err(TableError::LongRow);
            }
            self.room.0 = self.room.0.checked_sub(bytes + cells).ok_or(TableError::ManyRows)?;
            if held + bytes > BATCH_TEXTS && row > start {
                self.batches.push_back(batch.slice(start, row - start));
                (start, held) = (row, 0);
            }
            held += bytes;
        }
        self.batches.push_back(batch.slice(start, batch.num_rows() - start));
        Ok(())
    }
}
