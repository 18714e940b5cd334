//! Arrow record batches: an IPC stream, or handed over as they are.

use std::io::Write;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, SchemaRef};

use super::encoder::{RowEncoder, STANDARD_OUTPUT, output_error};
use crate::report::batch::{RowBuffer, schema};
use crate::report::cell::EncodedRow;
use crate::report::error::SinkError;
use crate::report::table::{Column, Table};

/// A batch is written when it has so many rows, or so many bytes.
const BATCH_ROWS: usize = 4096;
const BATCH_BYTES: usize = 16 << 20;

/// What takes record batches.
pub trait BatchTaker: Send {
    /// Takes the columns, before any batch.
    ///
    /// # Errors
    /// When they cannot be written, or nobody wants the rows: [`SinkError::Closed`].
    fn begin(&mut self, schema: SchemaRef) -> Result<(), SinkError>;

    /// Takes some rows.
    ///
    /// # Errors
    /// As for [`begin`](Self::begin).
    fn take(&mut self, batch: RecordBatch) -> Result<(), SinkError>;

    /// Ends the rows.
    ///
    /// # Errors
    /// As for [`begin`](Self::begin).
    fn finish(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Rows become batches.
pub(super) struct BatchEncoder<B: BatchTaker> {
    rows: RowBuffer,
    schema: SchemaRef,
    taker: B,
}

impl<B: BatchTaker> BatchEncoder<B> {
    pub(super) fn new<T: Table>(columns: &[&'static Column<T>], mut taker: B) -> Result<Self, SinkError> {
        let schema = schema(columns.iter().copied());
        taker.begin(SchemaRef::clone(&schema))?;
        Ok(Self { rows: RowBuffer::default(), schema, taker })
    }

    fn write_batch(&mut self) -> Result<(), SinkError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows);
        let arrays = rows.to_arrays(&self.schema);
        let batch = arrays.and_then(|arrays| RecordBatch::try_new(self.schema.clone(), arrays));
        self.taker.take(batch.map_err(arrow_error)?)
    }
}

impl<B: BatchTaker> RowEncoder for BatchEncoder<B> {
    fn push(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError> {
        self.rows.push(row);
        let is_full = self.rows.rows >= BATCH_ROWS || self.rows.bytes.len() >= BATCH_BYTES;
        if is_full { self.write_batch() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<(), SinkError> {
        self.write_batch()?;
        self.taker.finish()
    }
}

/// Writes batches as an IPC stream.
pub(super) struct IpcStream<W: Write> {
    /// Until the columns are known.
    out: Option<W>,
    writer: Option<StreamWriter<W>>,
}

impl<W: Write> IpcStream<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out: Some(out), writer: None }
    }
}

impl<W: Write + Send> BatchTaker for IpcStream<W> {
    fn begin(&mut self, schema: SchemaRef) -> Result<(), SinkError> {
        if let Some(out) = self.out.take() {
            self.writer = Some(StreamWriter::try_new(out, &schema).map_err(arrow_error)?);
        }
        Ok(())
    }

    fn take(&mut self, batch: RecordBatch) -> Result<(), SinkError> {
        self.writer.as_mut().map_or(Ok(()), |writer| writer.write(&batch)).map_err(arrow_error)
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.finish().map_err(arrow_error)?;
        writer.get_mut().flush().map_err(output_error)
    }
}

fn arrow_error(error: ArrowError) -> SinkError {
    match error {
        ArrowError::IoError(_, error) => output_error(error),
        other => SinkError::encode(Path::new(STANDARD_OUTPUT))(other),
    }
}
