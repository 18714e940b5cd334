//! The rows of a Parquet file, row group by row group, a few at a time.

use std::fs::File;
use std::io;
use std::ops::Range;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};

use super::parquet_pages::{CheckedPages, ContentLeft, DELTA_ROWS};
use crate::base::catch_panic;

/// Maximum size of a decoded batch in bytes, if the rows of a row group are of equal size.
const MAX_BATCH_BYTES: u64 = 8 << 20;

/// Reads some columns of a Parquet file, as far as its pages are within bounds.
pub(super) struct ParquetGroups {
    file: File,
    metadata: ArrowReaderMetadata,
    mask: ProjectionMask,
    max_batch_rows: u64,
    /// Index of the next row group.
    next_group: usize,
    /// Rows of the current row group.
    group: Range<u64>,
    reader: Option<(ParquetRecordBatchReader, CheckedPages)>,
    left: ContentLeft,
    /// Number of the next row.
    row: u64,
}

impl ParquetGroups {
    /// Begins before the first row. A batch has at most `max_batch_rows` rows; pages are read up to
    /// `content` bytes in all.
    pub(super) fn new(
        file: File,
        metadata: ArrowReaderMetadata,
        mask: ProjectionMask,
        max_batch_rows: u64,
        content: u64,
    ) -> Self {
        Self {
            file,
            metadata,
            mask,
            max_batch_rows,
            next_group: 0,
            group: 0..0,
            reader: None,
            left: ContentLeft::new(content),
            row: 0,
        }
    }

    pub(super) fn metadata(&self) -> &ArrowReaderMetadata {
        &self.metadata
    }

    /// The file, a second time.
    pub(super) fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Bytes of pages that may still be read.
    pub(super) fn content_left(&self) -> u64 {
        self.left.bytes()
    }

    /// Number of the next row.
    pub(super) fn row(&self) -> u64 {
        self.row
    }

    /// Counts rows of the last batch as read.
    pub(super) fn skip_rows(&mut self, rows: u64) {
        self.row += rows;
    }

    /// Skips the rest of the row group, and returns its rows.
    pub(super) fn skip_group(&mut self) -> Range<u64> {
        let rows = self.row..self.group.end.max(self.row + 1);
        self.reader = None;
        self.row = rows.end;
        rows
    }

    /// The next rows; `None` after the last. Call [`Self::skip_rows`] for them.
    pub(super) fn next_batch(&mut self) -> Option<Result<RecordBatch, ArrowError>> {
        loop {
            let reader = self.reader.as_mut();
            let next = |(reader, pages): &mut (ParquetRecordBatchReader, CheckedPages)| {
                pages.next_batch();
                reader.next()
            };
            match guarded(|| reader.and_then(next).transpose()) {
                Ok(None) => {}
                Ok(Some(batch)) => return Some(Ok(batch)),
                Err(error) => return Some(Err(error)),
            }
            if self.reader.take().is_some() && self.row < self.group.end {
                let missing = "the row group ends early".to_owned();
                return Some(Err(ArrowError::ParquetError(missing)));
            }
            match self.open_next_group()? {
                Ok(reader) => self.reader = Some(reader),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Moves to the next row group; `None` after the last.
    fn open_next_group(&mut self) -> Option<Result<(ParquetRecordBatchReader, CheckedPages), ArrowError>> {
        let index = self.next_group;
        let group = self.metadata.metadata().row_groups().get(index)?;
        let rows = u64::try_from(group.num_rows()).unwrap_or_default();
        let bytes = u64::try_from(group.total_byte_size()).unwrap_or_default();
        let batch_rows = (MAX_BATCH_BYTES.saturating_mul(rows) / bytes.max(1)).clamp(1, self.max_batch_rows);
        self.group = self.group.end..self.group.end.saturating_add(rows);
        self.row = self.group.start;
        self.next_group += 1;
        Some(guarded(|| {
            let pages = CheckedPages::new(self.file.try_clone()?, group, &self.mask, self.left.clone())?;
            let batch_rows = if pages.has_deltas() { batch_rows.min(DELTA_ROWS) } else { batch_rows };
            let reader =
                ParquetRecordBatchReaderBuilder::new_with_metadata(pages.clone(), self.metadata.clone())
                    .with_row_groups(vec![index])
                    .with_batch_size(usize::try_from(batch_rows).unwrap_or(1))
                    .with_projection(self.mask.clone())
                    .build()?;
            Ok((reader, pages))
        }))
    }
}

/// Reads with the parquet crate, which may panic on damaged files: that is an error, too.
pub(super) fn guarded<T>(read: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, ArrowError> {
    catch_panic(read).unwrap_or_else(|panic| Err(ArrowError::ParquetError(panic)))
}
