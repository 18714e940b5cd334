//! The bytes of one member, delimited and checked on the way.

use std::cell::Cell;
use std::io::{self, BufRead, Read};

use memchr::memmem;
use rawzip::Crc32;

use crate::format::decode::{Content, DecodeError, Input};

/// Bytes that may be looked ahead.
const LOOK: usize = 64 << 10;
/// How a zip file's data descriptor begins.
const DESCRIPTOR: &[u8] = b"PK\x07\x08";

/// A stretch of known length.
pub(super) struct ByteRange<R> {
    pub(super) from: R,
    pub(super) left: u64,
}

impl<R: Read> Read for ByteRange<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let n = self.from.read(&mut buffer[..most])?;
        if n == 0 && most > 0 {
            return Err(DecodeError::MemberCut { missing: Some(self.left) }.into());
        }
        self.left -= n as u64;
        Ok(n)
    }
}

/// Passes over `n` bytes; how many of them were not there.
pub(super) fn skip<R: Read>(from: &mut Input<R>, mut n: u64) -> io::Result<u64> {
    while n > 0 {
        let there = from.fill_buf()?.len();
        if there == 0 {
            break;
        }
        let taken = usize::try_from(n).unwrap_or(usize::MAX).min(there);
        from.consume(taken);
        n -= taken as u64;
    }
    Ok(n)
}

/// A zip member whose length stands behind it: the first thing that calls itself a data descriptor and names exactly the bytes before it,
/// and is followed by a header. What members contain cannot look like that by being a zip file: the descriptors in it count from later on.
pub(super) struct Described<'s, R> {
    pub(super) from: &'s mut Input<R>,
    pub(super) given: u64,
    /// The checksum it names, once it has been found.
    pub(super) checksum: &'s Cell<Option<u32>>,
}

impl<R: Read> Read for Described<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.checksum.get().is_some() || buffer.is_empty() {
            return Ok(0);
        }
        let window = self.from.peek(LOOK)?;
        if window.is_empty() {
            return Err(DecodeError::MemberCut { missing: None }.into());
        }
        if let Some((len, checksum)) = descriptor(window, self.given) {
            self.from.consume(len);
            self.checksum.set(Some(checksum));
            return Ok(0);
        }
        let next = memmem::find(&window[1..], DESCRIPTOR).map(|n| n + 1);
        let at_end = window.len() < LOOK;
        let whole = if at_end { window.len() } else { window.len() - DESCRIPTOR.len() + 1 };
        let n = next.unwrap_or(whole).min(buffer.len());
        buffer[..n].copy_from_slice(&window[..n]);
        self.from.consume(n);
        self.given += n as u64;
        Ok(n)
    }
}

/// Length and checksum of the data descriptor of `given` bytes, if one begins here; sizes are of 32 or 64 bits.
fn descriptor(window: &[u8], given: u64) -> Option<(usize, u32)> {
    if !window.starts_with(DESCRIPTOR) {
        return None;
    }
    let short = |at: usize| window.get(at..at + 4)?.first_chunk().map(|b| u32::from_le_bytes(*b));
    let long = |at: usize| window.get(at..at + 8)?.first_chunk().map(|b| u64::from_le_bytes(*b));
    // Nothing but the end can follow, too, where the file is cut off.
    let followed =
        |at: usize| window.get(at..).is_some_and(|next| b"PK".starts_with(&next[..next.len().min(2)]));
    let checksum = short(4)?;
    if long(8) == Some(given) && followed(24) {
        return Some((24, checksum));
    }
    (short(8).map(u64::from) == Some(given) && followed(16)).then_some((16, checksum))
}

/// What a deflate stream decodes to, as bytes to be read.
pub(super) struct Inflated<R: Read>(pub(super) Content<R>);

impl<R: Read> Read for Inflated<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.0.read(buffer)?;
        if n == 0 && !buffer.is_empty() {
            // Only whoever reads to the end of the stored bytes comes upon what stands behind them.
            self.0.pass_rest()?;
        }
        Ok(n)
    }
}

/// Bytes of which the checksum is known, at the latest behind them.
pub(super) struct Checked<'s, R> {
    from: R,
    so_far: Crc32,
    expected: &'s Cell<Option<u32>>,
}

impl<'s, R: Read> Checked<'s, R> {
    pub(super) fn new(from: R, expected: &'s Cell<Option<u32>>) -> Self {
        Self { from, so_far: Crc32::new(), expected }
    }
}

impl<R: Read> Read for Checked<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(buffer)?;
        self.so_far.update(&buffer[..n]);
        let over = n == 0 && !buffer.is_empty();
        if over && self.expected.get().is_some_and(|expected| expected != self.so_far.checksum()) {
            let message = "its checksum is not that of its content".to_owned();
            return Err(DecodeError::MemberCorrupt { message }.into());
        }
        Ok(n)
    }
}

/// A member of which nothing can be read, since what the container says of it is not true.
pub(super) struct Unusable(pub(super) String);

impl Read for Unusable {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(DecodeError::MemberCorrupt { message: self.0.clone() }.into())
    }
}
