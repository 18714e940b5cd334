//! Messages of an Arrow IPC stream: a segment is a schema message, messages of record batches, and
//! the end marker. Messages are written and read one by one, so that a reader needs memory for one.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::read_record_batch;
use arrow_ipc::writer::{IpcWriteOptions, StreamEncoder};
use arrow_ipc::{CompressionType, MessageHeader, root_as_message};
use arrow_schema::{ArrowError, Schema, SchemaRef};

use crate::base::catch_panic;

/// zstd's fastest ordinary level: a higher one makes segments hardly smaller.
const LEVEL: i32 = 1;
/// The end marker of a stream.
const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
/// Bytes before a message's metadata: a marker, and the length of the metadata.
pub(super) const PREFIX: usize = 8;
/// Bytes of metadata that are believed: some 200 are needed for each column.
const MAX_METADATA: usize = 1 << 20;
/// Bytes of a record batch in memory that are believed. The writer ends a batch after one MiB, but
/// a single record may be as long as `--max-record-bytes` allows, and facts repeat some of its
/// texts.
const MAX_BATCH: u64 = 1 << 30;

fn options() -> Result<IpcWriteOptions, ArrowError> {
    IpcWriteOptions::default()
        .try_with_compression(Some(CompressionType::ZSTD))?
        .try_with_compression_level(Some(LEVEL))
}

/// The beginning of every segment: its schema message.
pub(super) fn schema_message(schema: &Schema) -> Result<Vec<u8>, ArrowError> {
    let buffers = StreamEncoder::try_new_with_options(schema, options()?)?.finish()?;
    let mut bytes = buffers.concat_bytes();
    bytes.truncate(bytes.len() - END.len());
    Ok(bytes)
}

/// The end of every segment.
pub(super) fn end_message() -> [u8; 8] {
    END
}

trait ConcatBytes {
    fn concat_bytes(&self) -> Vec<u8>;
}

impl ConcatBytes for Vec<Buffer> {
    fn concat_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.iter().map(Buffer::len).sum());
        self.iter().for_each(|buffer| bytes.extend_from_slice(buffer));
        bytes
    }
}

/// Encodes record batches as messages. What it takes in memory is used again.
pub(super) struct Encoder(StreamEncoder);

impl Encoder {
    pub(super) fn new(schema: &SchemaRef) -> Result<Self, ArrowError> {
        let mut encoder = StreamEncoder::try_new_with_options(schema, options()?)?;
        // With the first batch comes the schema, which is written apart.
        encoder.encode(&RecordBatch::new_empty(schema.clone()))?;
        Ok(Self(encoder))
    }

    pub(super) fn encode(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
        Ok(self.0.encode(batch)?.concat_bytes())
    }
}

/// What comes next in a stream, by the bytes before it.
pub(super) enum Prefix {
    /// A message with so many bytes of metadata.
    Message {
        metadata: usize,
    },
    End,
}

impl Prefix {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ArrowError> {
        let damaged = || ArrowError::IpcError("there is no message".to_owned());
        let (marker, rest) = bytes.split_first_chunk::<4>().ok_or_else(damaged)?;
        let (length, _) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
        match (marker, u32::from_le_bytes(*length) as usize) {
            ([0xff, 0xff, 0xff, 0xff], 0) => Ok(Self::End),
            ([0xff, 0xff, 0xff, 0xff], metadata @ 1..=MAX_METADATA) => Ok(Self::Message { metadata }),
            _ => Err(damaged()),
        }
    }
}

/// Bytes of the body behind a message's metadata.
pub(super) fn body_length(metadata: &[u8]) -> Result<u64, ArrowError> {
    let message = root_as_message(metadata).map_err(|error| ArrowError::IpcError(error.to_string()))?;
    u64::try_from(message.bodyLength()).map_err(|_| ArrowError::IpcError("a negative length".to_owned()))
}

/// A message of a schema or a record batch.
#[derive(Debug)]
pub(super) struct Message {
    metadata: Vec<u8>,
    body: Buffer,
}

impl Message {
    pub(super) fn new(metadata: Vec<u8>, body: Vec<u8>) -> Self {
        Self { metadata, body: Buffer::from_vec(body) }
    }

    /// The schema that a stream's first message holds.
    pub(super) fn schema(&self) -> Result<SchemaRef, ArrowError> {
        let wrong = || ArrowError::IpcError("there is no schema".to_owned());
        let message =
            root_as_message(&self.metadata).map_err(|error| ArrowError::IpcError(error.to_string()))?;
        let schema = message.header_as_schema().ok_or_else(wrong)?;
        Ok(Arc::new(arrow_ipc::convert::try_fb_to_schema(schema)?))
    }

    /// Decodes some columns; all without `columns`.
    pub(super) fn decode(
        &self,
        schema: &SchemaRef,
        columns: Option<&[usize]>,
    ) -> Result<RecordBatch, ArrowError> {
        let wrong = |what: &str| ArrowError::IpcError(what.to_owned());
        let message =
            root_as_message(&self.metadata).map_err(|error| ArrowError::IpcError(error.to_string()))?;
        if message.header_type() != MessageHeader::RecordBatch {
            return Err(wrong("a message is not a record batch"));
        }
        let batch = message.header_as_record_batch().ok_or_else(|| wrong("a message has no record batch"))?;
        self.check_buffers(&batch)?;
        let read = || {
            let (no_dictionaries, version) = (HashMap::new(), message.version());
            read_record_batch(&self.body, batch, schema.clone(), &no_dictionaries, columns, &version)
        };
        catch_panic(read).unwrap_or_else(|panic| Err(ArrowError::IpcError(panic)))
    }

    /// Checks what the reader of the arrow crate believes: where buffers are, and how long they are
    /// once they are decompressed, for which it takes memory at once.
    fn check_buffers(&self, batch: &arrow_ipc::RecordBatch<'_>) -> Result<(), ArrowError> {
        let wrong = || ArrowError::IpcError("a buffer is not where it should be".to_owned());
        let mut in_memory = 0u64;
        for buffer in batch.buffers().ok_or_else(wrong)? {
            let start = usize::try_from(buffer.offset()).map_err(|_| wrong())?;
            // The format asks for that, and the reader believes it.
            if start % 8 != 0 {
                return Err(wrong());
            }
            let length = usize::try_from(buffer.length()).map_err(|_| wrong())?;
            let end = start.checked_add(length).ok_or_else(wrong)?;
            let bytes = self.body.as_slice().get(start..end).ok_or_else(wrong)?;
            let declared = match bytes.split_first_chunk::<8>() {
                Some((declared, _)) if batch.compression().is_some() => i64::from_le_bytes(*declared),
                _ => -1,
            };
            in_memory = in_memory.saturating_add(u64::try_from(declared).unwrap_or(length as u64));
        }
        let rows = u64::try_from(batch.length()).map_err(|_| wrong())?;
        if in_memory > MAX_BATCH || rows > MAX_BATCH {
            return Err(ArrowError::IpcError(format!("a record batch of more than {MAX_BATCH} bytes")));
        }
        Ok(())
    }
}
