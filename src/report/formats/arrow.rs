//! An Arrow IPC stream.

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

pub(super) struct ArrowEncoder<W: Write> {
    rows: RowBuffer,
    schema: SchemaRef,
    writer: StreamWriter<W>,
}

impl<W: Write> ArrowEncoder<W> {
    pub(super) fn new<T: Table>(columns: &[&'static Column<T>], out: W) -> Result<Self, SinkError> {
        let schema = schema(columns.iter().copied());
        let writer = StreamWriter::try_new(out, &schema).map_err(arrow_error)?;
        Ok(Self { rows: RowBuffer::default(), schema, writer })
    }

    fn write_batch(&mut self) -> Result<(), SinkError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows);
        rows.to_arrays(&self.schema)
            .and_then(|arrays| RecordBatch::try_new(self.schema.clone(), arrays))
            .and_then(|batch| self.writer.write(&batch))
            .map_err(arrow_error)
    }
}

impl<W: Write> RowEncoder for ArrowEncoder<W> {
    fn push(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError> {
        self.rows.push(row);
        let is_full = self.rows.rows >= BATCH_ROWS || self.rows.bytes.len() >= BATCH_BYTES;
        if is_full { self.write_batch() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<(), SinkError> {
        self.write_batch()?;
        self.writer.finish().map_err(arrow_error)?;
        self.writer.get_mut().flush().map_err(output_error)
    }
}

fn arrow_error(error: ArrowError) -> SinkError {
    match error {
        ArrowError::IoError(_, error) => output_error(error),
        other => SinkError::encode(Path::new(STANDARD_OUTPUT))(other),
    }
}
