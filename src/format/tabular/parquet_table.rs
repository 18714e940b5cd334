//! A Parquet file whose columns are plain values, such as a table of a report.

use std::fs::File;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};

use super::error::TableError;
use super::parquet_footer::read_footer;
use super::parquet_groups::{ParquetGroups, guarded};

/// Maximum number of rows decoded at a time.
const MAX_BATCH_ROWS: u64 = 1024;

/// Reads all columns of a Parquet file. Footer and pages are checked as those of any input.
pub struct ParquetTable(ParquetGroups);

impl ParquetTable {
    /// Opens a file.
    ///
    /// # Errors
    /// When its metadata cannot be read.
    pub fn open(file: File) -> Result<Self, TableError> {
        // Parquet's own types say enough.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = guarded(|| {
            let footer = Arc::new(read_footer(&file)?);
            Ok(ArrowReaderMetadata::try_new(footer, options)?)
        });
        let metadata = metadata.map_err(TableError::unreadable)?;
        Ok(Self(ParquetGroups::new(file, metadata, ProjectionMask::all(), MAX_BATCH_ROWS, u64::MAX)))
    }

    /// The columns and their types.
    pub fn schema(&self) -> SchemaRef {
        self.0.metadata().schema().clone()
    }

    /// The next rows; `None` after the last.
    ///
    /// # Errors
    /// When rows cannot be read. Nothing should be read after that.
    pub fn next_batch(&mut self) -> Option<Result<RecordBatch, TableError>> {
        Some(match self.0.next_batch()? {
            Ok(batch) => {
                self.0.skip_rows(batch.num_rows() as u64);
                Ok(batch)
            }
            Err(error) => Err(TableError::Rows { rows: self.0.skip_group(), source: error.into() }),
        })
    }
}
