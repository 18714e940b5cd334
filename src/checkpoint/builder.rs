//! One segment file that is being written.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::manifest::{SegmentEntry, hex};
use super::message::end_message;

/// Writes messages to a file, and counts what the manifest says of it.
pub(super) struct SegmentBuilder<F> {
    to: F,
    hash: Sha256,
    bytes: u64,
    archives: u64,
    first: Option<Arc<str>>,
    last: Option<Arc<str>>,
}

/// A file that a segment can be written to.
pub(super) trait SegmentOutput {
    fn file(&self) -> &File;
}

impl SegmentOutput for File {
    fn file(&self) -> &File {
        self
    }
}

impl SegmentOutput for super::segment_store::NewFile {
    fn file(&self) -> &File {
        Self::file(self)
    }
}

impl<F: SegmentOutput> SegmentBuilder<F> {
    /// Begins a segment in an empty file with its schema message.
    pub(super) fn new(to: F, schema: &[u8]) -> io::Result<Self> {
        let mut builder = Self { to, hash: Sha256::new(), bytes: 0, archives: 0, first: None, last: None };
        builder.write(schema)?;
        Ok(builder)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.to.file().write_all(bytes)?;
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Notes an archive whose rows follow. It may have rows already.
    pub(super) fn add_archive(&mut self, uri: &Arc<str>) {
        if self.is_last(uri) {
            return;
        }
        self.first.get_or_insert_with(|| uri.clone());
        self.last = Some(uri.clone());
        self.archives += 1;
    }

    /// Adds the messages of record batches.
    pub(super) fn push(&mut self, messages: &[u8]) -> io::Result<()> {
        self.write(messages)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether rows of this archive can be next.
    pub(super) fn accepts(&self, uri: &str) -> bool {
        self.last.as_deref().is_none_or(|last| last < uri)
    }

    /// Whether this is the last archive so far.
    pub(super) fn is_last(&self, uri: &str) -> bool {
        self.last.as_deref() == Some(uri)
    }

    /// Ends the segment; `None` if there is no archive in it.
    pub(super) fn finish(mut self, name: String, generation: u64) -> io::Result<Option<(F, SegmentEntry)>> {
        let (Some(first), Some(last)) = (self.first.clone(), self.last.clone()) else { return Ok(None) };
        self.write(&end_message())?;
        self.to.file().seek(SeekFrom::Start(0))?;
        let entry = SegmentEntry {
            name,
            generation,
            bytes: self.bytes,
            sha256: hex(self.hash),
            archives: self.archives,
            first_archive: first.to_string(),
            last_archive: last.to_string(),
        };
        Ok(Some((self.to, entry)))
    }
}
