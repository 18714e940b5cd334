//! Reads a segment: verifies it against the manifest, then gives its record batches one by one.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use arrow_schema::{ArrowError, SchemaRef};
use sha2::{Digest, Sha256};

use super::error::{CheckpointError, Unusable};
use super::manifest::{SegmentEntry, hex};
use super::message::{Message, PREFIX, Prefix, body_length};
use super::rows::{self, ARCHIVE_COLUMNS, ArchiveVersion, Archives};
use super::segment_store::SegmentFile;
use crate::base::lock;
use crate::facts::{Batch, FactsError, StoredFacts, StoredLearned};
use crate::model::Fact;

/// Bytes read at a time to compute a checksum.
const CHUNK: u64 = 1 << 20;

/// A segment on this machine.
#[derive(Debug, Clone)]
pub struct Segment {
    pub(super) entry: SegmentEntry,
    pub(super) file: SegmentFile,
    /// Where it is, for people.
    pub(super) address: String,
}

impl Segment {
    fn unusable(&self, reason: impl Into<Unusable>) -> CheckpointError {
        CheckpointError::unusable(&self.address)(reason.into())
    }

    fn damaged(&self, error: ArrowError) -> CheckpointError {
        self.unusable(FactsError::from(error))
    }

    /// Checks that the file is the one that the manifest describes.
    pub(super) fn verify(&self) -> Result<(), CheckpointError> {
        let (mut hash, mut bytes, mut chunk) = (Sha256::new(), 0, Vec::new());
        loop {
            chunk.clear();
            self.read(bytes, CHUNK, &mut chunk)?;
            hash.update(&chunk);
            bytes += chunk.len() as u64;
            if (chunk.len() as u64) < CHUNK || bytes > self.entry.bytes {
                break;
            }
        }
        if bytes != self.entry.bytes {
            return Err(self.unusable(Unusable::Size { actual: bytes, expected: self.entry.bytes }));
        }
        if hex(hash) == self.entry.sha256 { Ok(()) } else { Err(self.unusable(Unusable::Checksum)) }
    }

    fn read(&self, offset: u64, length: u64, buffer: &mut Vec<u8>) -> Result<(), CheckpointError> {
        let path = || self.address.clone();
        let failed = |source| CheckpointError::File { path: path(), source };
        self.file.read(offset, length, buffer).map_err(failed)
    }
}

/// The record batches of a segment, in order.
pub(super) struct SegmentReader {
    pub(super) segment: Arc<Segment>,
    schema: SchemaRef,
    /// Where the next message begins.
    at: u64,
    /// The archive of the last row so far.
    last: Option<String>,
    /// Archives so far.
    archives: u64,
}

impl SegmentReader {
    /// Opens a segment that has been verified.
    pub(super) fn open(segment: &Arc<Segment>) -> Result<Self, CheckpointError> {
        let schema = rows::schema();
        let mut reader = Self { segment: segment.clone(), schema, at: 0, last: None, archives: 0 };
        let Some(message) = reader.message()? else {
            return Err(segment.damaged(ArrowError::IpcError("there is no schema".to_owned())));
        };
        let schema = message.schema().map_err(|error| segment.damaged(error))?;
        if schema != reader.schema {
            return Err(segment.unusable(Unusable::OtherFormat));
        }
        Ok(reader)
    }

    /// Exactly `length` bytes of the segment.
    fn take(&mut self, length: u64) -> Result<Vec<u8>, CheckpointError> {
        let mut bytes = Vec::new();
        self.segment.read(self.at, length, &mut bytes)?;
        if (bytes.len() as u64) < length {
            return Err(self.segment.damaged(ArrowError::IpcError("it ends in a message".to_owned())));
        }
        self.at += length;
        Ok(bytes)
    }

    /// The next message; `None` at the end.
    fn message(&mut self) -> Result<Option<Message>, CheckpointError> {
        let prefix = self.take(PREFIX as u64)?;
        let segment = self.segment.clone();
        let damaged = |error| segment.damaged(error);
        let Prefix::Message { metadata } = Prefix::parse(&prefix).map_err(damaged)? else {
            return match self.at == segment.entry.bytes {
                true => Ok(None),
                false => Err(damaged(ArrowError::IpcError("there is more behind its end".to_owned()))),
            };
        };
        let metadata = self.take(metadata as u64)?;
        let length = body_length(&metadata).map_err(damaged)?;
        if length > segment.entry.bytes - self.at {
            return Err(damaged(ArrowError::IpcError("it ends in a message".to_owned())));
        }
        let body = self.take(length)?;
        Ok(Some(Message::new(metadata, body)))
    }

    /// The next record batch that has rows.
    pub(super) fn next(&mut self) -> Result<Option<StoredBatch>, CheckpointError> {
        loop {
            let Some(message) = self.message()? else {
                let entry = &self.segment.entry;
                let is_whole =
                    self.archives == entry.archives && self.last.as_ref() == Some(&entry.last_archive);
                return if is_whole { Ok(None) } else { Err(self.segment.unusable(Unusable::Rows)) };
            };
            let damaged = |error| self.segment.damaged(error);
            let batch = message.decode(&self.schema, Some(&ARCHIVE_COLUMNS)).map_err(damaged)?;
            let archives = Archives::new(&batch).map_err(|error| self.segment.unusable(error))?;
            if archives.len() == 0 {
                continue;
            }
            self.note(&archives)?;
            let (segment, schema) = (self.segment.clone(), self.schema.clone());
            return Ok(Some(StoredBatch {
                message,
                segment,
                schema,
                archives,
                facts: Mutex::default(),
                learned: Mutex::default(),
            }));
        }
    }

    /// Checks that the rows go on in order.
    fn note(&mut self, archives: &Archives) -> Result<(), CheckpointError> {
        let first = archives.uri(0);
        let goes_on = match &self.last {
            Some(last) => &**last <= first,
            None => first == self.segment.entry.first_archive,
        };
        let Some(changes) = archives.changes().filter(|_| goes_on) else {
            return Err(self.segment.unusable(Unusable::Rows));
        };
        self.archives += changes + u64::from(self.last.as_deref() != Some(first));
        self.last = Some(archives.uri(archives.len() - 1).to_owned());
        Ok(())
    }
}

/// A record batch of a segment. Its facts are decoded when they are asked for.
#[derive(Debug)]
pub(super) struct StoredBatch {
    message: Message,
    segment: Arc<Segment>,
    schema: SchemaRef,
    pub(super) archives: Archives,
    facts: Mutex<Option<Arc<StoredFacts>>>,
    learned: Mutex<Option<Arc<StoredLearned>>>,
}

impl StoredBatch {
    fn learned(&self) -> Result<Arc<StoredLearned>, CheckpointError> {
        let mut learned = lock(&self.learned);
        if let Some(learned) = &*learned {
            return Ok(learned.clone());
        }
        let batch = self.message.decode(&self.schema, Some(&rows::learned_columns()));
        let batch = batch.map_err(|error| self.segment.damaged(error))?;
        let read = Arc::new(StoredLearned::new(&batch).map_err(|error| self.segment.unusable(error))?);
        *learned = Some(read.clone());
        Ok(read)
    }

    fn facts(&self) -> Result<Arc<StoredFacts>, CheckpointError> {
        let mut facts = lock(&self.facts);
        if let Some(facts) = &*facts {
            return Ok(facts.clone());
        }
        let batch = self.message.decode(&self.schema, Some(&rows::fact_columns()));
        let batch = batch.map_err(|error| self.segment.damaged(error))?;
        let read = Arc::new(StoredFacts::new(&batch).map_err(|error| self.segment.unusable(error))?);
        *facts = Some(read.clone());
        Ok(read)
    }
}

/// Rows of a segment that follow one another, and that no newer segment replaces.
#[derive(Debug, Clone)]
pub struct Run {
    pub(super) batch: Arc<StoredBatch>,
    pub(super) rows: Range<usize>,
}

impl Run {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The URI of the archive of a row.
    pub fn uri(&self, row: usize) -> &str {
        self.batch.archives.uri(self.rows.start + row)
    }

    /// The archive of a row.
    pub fn archive(&self, row: usize) -> ArchiveVersion {
        self.batch.archives.version(self.rows.start + row)
    }

    /// The row behind the last one of the archive of a row.
    pub fn end_of_archive(&self, row: usize) -> usize {
        self.batch.archives.end_of(self.rows.start + row).min(self.rows.end) - self.rows.start
    }

    /// Some of its rows.
    #[must_use]
    pub fn slice(&self, rows: Range<usize>) -> Self {
        let start = self.rows.start;
        Self { batch: self.batch.clone(), rows: start + rows.start..start + rows.end }
    }

    /// The facts, without those about other records, which [`Self::learned`] gives.
    ///
    /// # Errors
    /// When they cannot be decoded.
    pub fn facts(&self) -> Result<Batch, CheckpointError> {
        let facts = self.batch.facts()?.batch(self.rows.clone());
        let facts = facts.map_err(|error| self.batch.segment.unusable(error))?;
        // An input is its archive, or a member of it.
        let is_of = |uri: &str, archive: &str| {
            uri.strip_prefix(archive).is_some_and(|member| member.is_empty() || member.starts_with("!/"))
        };
        let are_of_archives =
            facts.stretches.iter().enumerate().all(|(row, stretch)| is_of(&stretch.uri, self.uri(row)));
        if !are_of_archives {
            return Err(self.batch.segment.unusable(Unusable::Rows));
        }
        Ok(facts)
    }

    /// All facts.
    ///
    /// # Errors
    /// When they cannot be decoded.
    pub fn all_facts(&self) -> Result<Batch, CheckpointError> {
        let mut facts = self.facts()?;
        let added = self.batch.learned()?.add_to(&mut facts, self.rows.clone());
        added.map_err(|error| self.batch.segment.unusable(error))?;
        Ok(facts)
    }

    /// Gives the facts about other records to `take`: the input, the offset of the record in it,
    /// and the fact. Nothing else is decoded.
    ///
    /// # Errors
    /// When they cannot be decoded.
    pub fn learned(
        &self,
        take: &mut dyn FnMut(&Arc<str>, u64, Fact<'static>),
    ) -> Result<(), CheckpointError> {
        let learned = self.batch.learned()?.for_each(self.rows.clone(), take);
        learned.map_err(|error| self.batch.segment.unusable(error))
    }
}
