//! The part of the content that the caller holds in memory.

use std::ops::Range;

/// A part of the content.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// Offset of the first byte in the decompressed content.
    pub start: u64,
    /// Whether the content ends with these bytes.
    pub last: bool,
}

impl<'a> Window<'a> {
    /// The bytes from `offset` on.
    pub(super) fn from(&self, offset: u64) -> &'a [u8] {
        let skip = usize::try_from(offset.saturating_sub(self.start)).unwrap_or(usize::MAX);
        self.bytes.get(skip..).unwrap_or_default()
    }

    /// The bytes of a range that lies inside the window.
    pub fn slice(&self, range: &Range<u64>) -> &'a [u8] {
        let len = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let bytes = self.from(range.start);
        bytes.get(..len).unwrap_or(bytes)
    }

    /// The window up to the offset `end`.
    pub(super) fn until(&self, end: u64) -> Self {
        let len = usize::try_from(end.saturating_sub(self.start)).unwrap_or(usize::MAX);
        match self.bytes.get(..len) {
            Some(bytes) if len < self.bytes.len() => Self { bytes, start: self.start, last: false },
            _ => *self,
        }
    }

    /// Offset of the end.
    pub(super) fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Offset and value of the first byte from `offset` on that is not JSON white space.
    pub(super) fn next_token(&self, offset: u64) -> (u64, Option<u8>) {
        let bytes = self.from(offset);
        let white_space = bytes.iter().take_while(|b| b.is_ascii_whitespace()).count();
        (offset + white_space as u64, bytes.get(white_space).copied())
    }
}
