//! Readers for the content of one member.

use std::cell::Cell;
use std::io::{self, BufRead, Read};

use memchr::memmem;
use rawzip::Crc32;

use crate::format::decode::{DecodeError, Decoder, PeekReader};

/// Number of bytes to look ahead for a data descriptor.
const LOOK_AHEAD: usize = 64 << 10;
/// Signature of a data descriptor in a zip file.
const DESCRIPTOR: &[u8] = b"PK\x07\x08";

/// Reads exactly `left` bytes. Like [`io::Take`], but an early end is an error.
pub(super) struct SizedReader<R> {
    pub(super) reader: R,
    pub(super) left: u64,
}

impl<R: Read> Read for SizedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let max = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let n = self.reader.read(&mut buffer[..max])?;
        if n == 0 && max > 0 {
            return Err(DecodeError::MemberTruncated { missing: Some(self.left) }.into());
        }
        self.left -= n as u64;
        Ok(n)
    }
}

/// Skips `n` bytes and returns how many of them are missing because the input ends.
pub(super) fn skip<R: Read>(input: &mut PeekReader<R>, mut n: u64) -> io::Result<u64> {
    while n > 0 {
        let available = input.fill_buf()?.len();
        if available == 0 {
            break;
        }
        let step = usize::try_from(n).unwrap_or(usize::MAX).min(available);
        input.consume(step);
        n -= step as u64;
    }
    Ok(n)
}

/// Reads a zip member whose size is stored after its content, in a data descriptor.
///
/// The content ends at the first data descriptor signature that is followed by exactly the number
/// of bytes before it and then by another header. A zip file inside the member cannot look like
/// that: its descriptors count from a later offset.
pub(super) struct DescriptorReader<'a, R> {
    pub(super) input: &'a mut PeekReader<R>,
    /// Number of bytes returned so far.
    pub(super) position: u64,
    /// The checksum in the descriptor, once the descriptor is found.
    pub(super) checksum: &'a Cell<Option<u32>>,
}

impl<R: Read> Read for DescriptorReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.checksum.get().is_some() || buffer.is_empty() {
            return Ok(0);
        }
        let window = self.input.peek(LOOK_AHEAD)?;
        if window.is_empty() {
            return Err(DecodeError::MemberTruncated { missing: None }.into());
        }
        if let Some(descriptor) = Descriptor::parse(window, self.position) {
            self.input.consume(descriptor.len);
            self.checksum.set(Some(descriptor.checksum));
            return Ok(0);
        }
        let next = memmem::find(&window[1..], DESCRIPTOR).map(|n| n + 1);
        let at_end = window.len() < LOOK_AHEAD;
        // The last bytes of a full window may be the start of a signature.
        let safe = if at_end { window.len() } else { window.len() - DESCRIPTOR.len() + 1 };
        let n = next.unwrap_or(safe).min(buffer.len());
        buffer[..n].copy_from_slice(&window[..n]);
        self.input.consume(n);
        self.position += n as u64;
        Ok(n)
    }
}

/// A data descriptor.
struct Descriptor {
    /// Its length in bytes, signature included.
    len: usize,
    /// The CRC-32 of the member's content.
    checksum: u32,
}

impl Descriptor {
    /// The descriptor at the start of `window`, if it describes a member of `stored_size` bytes.
    /// Its sizes have 32 or 64 bits.
    fn parse(window: &[u8], stored_size: u64) -> Option<Self> {
        if !window.starts_with(DESCRIPTOR) {
            return None;
        }
        let u32_at = |at: usize| window.get(at..at + 4)?.first_chunk().map(|b| u32::from_le_bytes(*b));
        let u64_at = |at: usize| window.get(at..at + 8)?.first_chunk().map(|b| u64::from_le_bytes(*b));
        // A header follows, or nothing, or part of a header where the file is truncated.
        let header_follows =
            |at: usize| window.get(at..).is_some_and(|next| b"PK".starts_with(&next[..next.len().min(2)]));
        let checksum = u32_at(4)?;
        if u64_at(8) == Some(stored_size) && header_follows(24) {
            return Some(Self { len: 24, checksum });
        }
        (u32_at(8).map(u64::from) == Some(stored_size) && header_follows(16))
            .then_some(Self { len: 16, checksum })
    }
}

/// Reads the decoded content of a compressed member.
pub(super) struct DecodingReader<R: Read>(pub(super) Decoder<R>);

impl<R: Read> Read for DecodingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.0.read(buffer)?;
        if n == 0 && !buffer.is_empty() {
            // The inner reader finds the data descriptor only when it is read to its end.
            self.0.skip_rest()?;
        }
        Ok(n)
    }
}

/// Verifies a CRC-32 at the end of the content.
pub(super) struct ChecksumReader<'a, R> {
    reader: R,
    actual: Crc32,
    /// The expected checksum. A data descriptor supplies it only at the end of the content.
    expected: &'a Cell<Option<u32>>,
}

impl<'a, R: Read> ChecksumReader<'a, R> {
    pub(super) fn new(reader: R, expected: &'a Cell<Option<u32>>) -> Self {
        Self { reader, actual: Crc32::new(), expected }
    }
}

impl<R: Read> Read for ChecksumReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.actual.update(&buffer[..n]);
        let at_end = n == 0 && !buffer.is_empty();
        if at_end && self.expected.get().is_some_and(|expected| expected != self.actual.checksum()) {
            let message = "its checksum is not that of its content".to_owned();
            return Err(DecodeError::MemberCorrupt { message }.into());
        }
        Ok(n)
    }
}

/// Fails every read: the content of a member whose header cannot be read.
pub(super) struct FailingReader(pub(super) String);

impl Read for FailingReader {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(DecodeError::MemberCorrupt { message: self.0.clone() }.into())
    }
}
