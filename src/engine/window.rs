//! The stretch of content being looked at: grows as long as a record does, forgets what is done with.

use std::io::Read;

use super::supply::Supply;
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
}

impl Window {
    /// A window over content still to come.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// A window over all there is.
    pub(super) fn whole(content: Vec<u8>) -> Self {
        Self { from: 0, to: content.len(), buffer: content, start: 0, last: true }
    }

    /// The memory, to be used again.
    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    pub(super) fn view(&self) -> container::Window<'_> {
        container::Window { bytes: &self.buffer[self.from..self.to], start: self.start, last: self.last }
    }

    /// Nothing will follow what is held.
    pub(super) fn close(&mut self) {
        self.last = true;
    }

    /// Forgets what lies before `keep` and takes in more; at the end of the content, [closes](Self::close).
    pub(super) fn refill<R: Read>(&mut self, keep: u64, content: &mut Supply<R>) -> Result<(), DecodeError> {
        let done =
            usize::try_from(keep.saturating_sub(self.start)).unwrap_or(usize::MAX).min(self.to - self.from);
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
