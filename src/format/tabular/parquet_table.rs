//! A Parquet file whose columns are plain values, such as a table of a report.

use std::fs::File;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};

use super::error::TableError;
use super::parquet_footer::read_footer;
use super::parquet_groups::{ParquetGroups, guarded};

/// Maximum number of rows decoded at a time.
const MAX_BATCH_ROWS: u64 = 1024;

/// Reads columns of a Parquet file. Footer and pages are checked as those of any input.
pub struct ParquetTable {
    groups: ParquetGroups,
    schema: SchemaRef,
}

impl ParquetTable {
    /// Opens a file, to read the columns that `is_wanted` by their names. The pages of others are
    /// not read.
    ///
    /// # Errors
    /// When its metadata cannot be read.
    pub fn open(file: File, is_wanted: impl Fn(&str) -> bool) -> Result<Self, TableError> {
        // Parquet's own types say enough.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = guarded(|| {
            let footer = Arc::new(read_footer(&file)?);
            Ok(ArrowReaderMetadata::try_new(footer, options)?)
        });
        let metadata = metadata.map_err(TableError::unreadable)?;
        let fields = metadata.schema().fields().iter().enumerate();
        let (places, fields): (Vec<_>, Vec<_>) = fields
            .filter(|(_, field)| is_wanted(field.name()))
            .map(|(place, field)| (place, field.clone()))
            .unzip();
        let mask = ProjectionMask::roots(metadata.metadata().file_metadata().schema_descr(), places);
        let schema = Arc::new(Schema::new(fields));
        Ok(Self { groups: ParquetGroups::new(file, metadata, mask, MAX_BATCH_ROWS, u64::MAX), schema })
    }

    /// The columns that are read, and their types.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// The next rows; `None` after the last.
    ///
    /// # Errors
    /// When rows cannot be read. Nothing should be read after that.
    pub fn next_batch(&mut self) -> Option<Result<RecordBatch, TableError>> {
        Some(match self.groups.next_batch()? {
            Ok(batch) => {
                self.groups.skip_rows(batch.num_rows() as u64);
                Ok(batch)
            }
            Err(error) => Err(TableError::Rows { rows: self.groups.skip_group(), source: error.into() }),
        })
    }
}
