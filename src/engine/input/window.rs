//! The part of the content in memory: grows as long as a record does, drops what has been read.

use std::io::Read;

use super::stream::DecodeStream;
use crate::format::container;
use crate::format::decode::DecodeError;

/// Bytes asked for at a time: content stays in the processor's cache between decoding and parsing.
const CHUNK: usize = 256 << 10;

#[derive(Default)]
pub(super) struct Window {
    buffer: Vec<u8>,
    from: usize,
    to: usize,
    /// Offset of `buffer[from]` in the content.
    start: u64,
    last: bool,
    /// What has been read is not dropped.
    retains: bool,
}

/// Content of which all is retained, at most. A digest of ten thousand log files has 5 MB.
const RETAINED: usize = 32 << 20;

impl Window {
    /// A window over content still to come.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// A window over the whole content.
    pub(super) fn whole(content: Vec<u8>) -> Self {
        Self { from: 0, to: content.len(), buffer: content, start: 0, last: true, retains: true }
    }

    /// A window over content still to come, of which nothing is dropped as long as it is small.
    pub(super) fn retaining() -> Self {
        Self { retains: true, ..Self::default() }
    }

    /// All of the content, if none of it was dropped.
    pub(super) fn content(&self) -> Option<&[u8]> {
        (self.retains && self.last).then(|| &self.buffer[..self.to])
    }

    /// The memory, to be reused.
    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    pub(super) fn view(&self) -> container::Window<'_> {
        container::Window { bytes: &self.buffer[self.from..self.to], start: self.start, last: self.last }
    }

    /// Nothing follows what is in memory.
    pub(super) fn close(&mut self) {
        self.last = true;
    }

    /// Drops what lies before the offset `from` and reads more. At the end of the content it
    /// [closes](Self::close).
    pub(super) fn refill<R: Read>(
        &mut self,
        from: u64,
        content: &mut DecodeStream<R>,
    ) -> Result<(), DecodeError> {
        self.retains &= self.to < RETAINED;
        let from = if self.retains { self.start } else { from };
        let done =
            usize::try_from(from.saturating_sub(self.start)).unwrap_or(usize::MAX).min(self.to - self.from);
        self.from += done;
        self.start += done as u64;
        if self.buffer.len() - self.to < CHUNK {
            self.buffer.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
            if self.buffer.len() - self.to < CHUNK {
                // Doubling, so that a long record is not copied once per chunk.
                self.buffer.resize((self.buffer.len() * 2).max(self.to + 2 * CHUNK), 0);
            }
        }
        let end = self.to + CHUNK;
        match content.read(&mut self.buffer[self.to..end])? {
            0 => self.close(),
            n => self.to += n,
        }
        Ok(())
    }
}
