//! Bytes of one extract, compressed a block at a time, so that a large one needs no more memory than a small one.

use std::io::{self, Read, Write};

use zstd::bulk::{Compressor, Decompressor};

/// Bytes compressed at a time.
const BLOCK: usize = 1 << 20;
/// How much work compression may be. It is on the way of every archive: what lasts a run is only kept from filling the disk, what lasts for years is
/// worth more.
#[derive(Debug, Clone, Copy)]
pub(super) enum Effort {
    Little,
    Some,
}

impl Effort {
    fn level(self) -> i32 {
        match self {
            Self::Little => -5,
            Self::Some => 1,
        }
    }
}

/// Compresses extracts, one after the other.
pub(super) struct Packer {
    compressor: Compressor<'static>,
    raw: Vec<u8>,
    packed: Vec<u8>,
}

impl Packer {
    pub(super) fn new(effort: Effort) -> io::Result<Self> {
        let mut compressor = Compressor::new(effort.level())?;
        compressor.include_checksum(true)?;
        Ok(Self { compressor, raw: Vec::new(), packed: Vec::new() })
    }

    /// Takes bytes, and writes the blocks that have become full; how many bytes were written.
    pub(super) fn push(&mut self, mut bytes: &[u8], out: &mut impl Write) -> io::Result<u64> {
        let mut written = 0;
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - self.raw.len()));
            self.raw.extend_from_slice(now);
            bytes = later;
            if self.raw.len() == BLOCK {
                written += self.flush(out)?;
            }
        }
        Ok(written)
    }

    /// Writes what is left of an extract.
    pub(super) fn flush(&mut self, out: &mut impl Write) -> io::Result<u64> {
        if self.raw.is_empty() {
            return Ok(0);
        }
        self.packed.resize(zstd::zstd_safe::compress_bound(self.raw.len()), 0);
        let len = self.compressor.compress_to_buffer(&self.raw, &mut self.packed)?;
        out.write_all(&size(self.raw.len())?)?;
        out.write_all(&size(len)?)?;
        out.write_all(&self.packed[..len])?;
        self.raw.clear();
        Ok(8 + len as u64)
    }
}

fn size(len: usize) -> io::Result<[u8; 4]> {
    u32::try_from(len).map(u32::to_le_bytes).map_err(io::Error::other)
}

/// Reads the bytes of an extract back.
pub struct Blocks<R> {
    stored: R,
    decompressor: Decompressor<'static>,
    packed: Vec<u8>,
    raw: Vec<u8>,
    taken: usize,
}

impl<R: Read> Blocks<R> {
    pub(super) fn new(stored: R) -> io::Result<Self> {
        let decompressor = Decompressor::new()?;
        Ok(Self { stored, decompressor, packed: Vec::new(), raw: Vec::new(), taken: 0 })
    }

    /// Takes in the next block; false at the end.
    fn refill(&mut self) -> io::Result<bool> {
        let mut sizes = [0; 8];
        if !read_all_or_none(&mut self.stored, &mut sizes)? {
            return Ok(false);
        }
        let [a, b, c, d, e, f, g, h] = sizes;
        let raw = u32::from_le_bytes([a, b, c, d]) as usize;
        let packed = u32::from_le_bytes([e, f, g, h]) as usize;
        // Zeros are what a file is full of that was not written to its end.
        if raw == 0 || packed == 0 {
            return Err(damaged("a block is empty"));
        }
        if raw > BLOCK || packed > zstd::zstd_safe::compress_bound(BLOCK) {
            return Err(damaged("a block is longer than any can be"));
        }
        self.packed.resize(packed, 0);
        self.stored.read_exact(&mut self.packed)?;
        self.raw.resize(raw, 0);
        let len = self.decompressor.decompress_to_buffer(&self.packed, &mut self.raw)?;
        self.taken = 0;
        if len == raw { Ok(true) } else { Err(damaged("a block is shorter than it says")) }
    }
}

impl<R: Read> Read for Blocks<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.taken == self.raw.len() && !self.refill()? {
            return Ok(0);
        }
        let n = buffer.len().min(self.raw.len() - self.taken);
        buffer[..n].copy_from_slice(&self.raw[self.taken..self.taken + n]);
        self.taken += n;
        Ok(n)
    }
}

/// Fills `buffer`, unless there is nothing at all.
fn read_all_or_none(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) if filled == 0 => return Ok(false),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(true)
}

pub(super) fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
