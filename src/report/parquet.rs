//! One Parquet file: rows in, row groups out.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::SinkError;
use super::table::{Column, Rows};

/// Rows gathered before they are encoded.
const BATCH: usize = 8192;
/// Memory of rows after which they are encoded however few: an Arrow text column ends at 2 GiB.
const BATCH_BYTES: usize = 32 << 20;
/// Bytes of encoded rows after which a row group is closed.
const ROW_GROUP: usize = 64 << 20;

/// A file that is open only while bytes go out: a report can have more days than a process may have files open.
struct Append {
    path: PathBuf,
    pending: Vec<u8>,
}

impl Append {
    const CAPACITY: usize = 256 << 10;
}

impl Write for Append {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= Self::CAPACITY {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.pending.is_empty() {
            OpenOptions::new().append(true).open(&self.path)?.write_all(&self.pending)?;
            self.pending = Vec::new();
        }
        Ok(())
    }
}

/// A Parquet file being written.
pub(super) struct TableFile<T: 'static> {
    rows: Rows<T>,
    writer: ArrowWriter<Append>,
    path: PathBuf,
}

impl<T> TableFile<T> {
    /// Creates the file.
    pub(super) fn create(path: &Path, columns: &'static [Column<T>]) -> Result<Self, SinkError> {
        File::create_new(path).map_err(SinkError::file(path))?;
        let rows = Rows::new(columns);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .build();
        let file = Append { path: path.to_owned(), pending: Vec::new() };
        let writer =
            ArrowWriter::try_new(file, rows.schema(), Some(properties)).map_err(|e| encode_error(path, e))?;
        Ok(Self { rows, writer, path: path.to_owned() })
    }

    /// Adds a row.
    pub(super) fn push(&mut self, row: &T) -> Result<(), SinkError> {
        self.rows.push(row);
        if self.rows.len() >= BATCH || self.rows.bytes() >= BATCH_BYTES {
            self.encode()?;
        }
        Ok(())
    }

    /// Memory of rows not yet encoded, bytes.
    pub(super) fn pending_bytes(&self) -> usize {
        self.rows.bytes()
    }

    /// Memory held by encoded rows not yet written, bytes.
    pub(super) fn encoded_bytes(&self) -> usize {
        self.writer.memory_size()
    }

    /// Encodes the rows gathered.
    pub(super) fn encode(&mut self) -> Result<(), SinkError> {
        if self.rows.len() == 0 {
            return Ok(());
        }
        let batch = self.rows.take().map_err(|e| encode_error(&self.path, e.into()))?;
        self.write(&batch)
    }

    /// Adds rows already in a batch.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), SinkError> {
        self.writer.write(batch).map_err(|e| encode_error(&self.path, e))?;
        if self.writer.in_progress_size() >= ROW_GROUP {
            self.write_out()?;
        }
        Ok(())
    }

    /// Closes the row group, so that it takes no more memory.
    pub(super) fn write_out(&mut self) -> Result<(), SinkError> {
        self.writer.flush().map_err(|e| encode_error(&self.path, e))?;
        self.writer.sync().map_err(SinkError::file(&self.path))
    }

    /// Completes the file.
    pub(super) fn finish(mut self) -> Result<(), SinkError> {
        self.encode()?;
        let mut file = self.writer.into_inner().map_err(|e| encode_error(&self.path, e))?;
        file.flush().map_err(SinkError::file(&self.path))
    }
}

/// Reads a file of ours back, batch by batch.
pub(super) fn read_back(path: &Path) -> Result<ParquetRecordBatchReader, SinkError> {
    let file = File::open(path).map_err(SinkError::file(path))?;
    ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|builder| builder.with_batch_size(BATCH).build())
        .map_err(|e| encode_error(path, e))
}

/// Disk-full and the like come wrapped by the encoder.
pub(super) fn encode_error(path: &Path, error: ParquetError) -> SinkError {
    SinkError::Encode { path: path.display().to_string(), message: error.to_string() }
}
