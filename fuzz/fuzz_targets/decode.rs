//! Decoding with one call and streaming: the same content, member count and error; and the same as
//! flate2's own reader.
#![no_main]

use std::io::{self, Read, Write};
use std::mem::discriminant;

use flate2::{Compression, Decompress, FlushDecompress, Status};
use keytrail::format::decode::{Buffers, DecodeError, DecodeOptions, Decoder, Encoding, sniff};
use keytrail_fuzz::{Cuts, Input};
use libfuzzer_sys::fuzz_target;

/// Maximum size of the content, in bytes.
const MAX_CONTENT: usize = 1 << 20;

/// Yields bytes in pieces of the given sizes.
struct Pieces<'c, I>(&'c [u8], I);

impl<I: Iterator<Item = usize>> Read for Pieces<'_, I> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.1.by_ref().find(|size| *size > 0).unwrap_or(usize::MAX);
        let n = size.min(self.0.len()).min(buffer.len());
        buffer[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        Ok(n)
    }
}

#[derive(Debug)]
struct Decoded {
    content: Vec<u8>,
    error: Option<DecodeError>,
    members: u64,
    stored: u64,
    sha256: Option<String>,
}

fn decode(stored: &[u8], size: Option<u64>, limit: u64, cuts: &Cuts) -> Decoded {
    let mut buffers = Buffers::default();
    let reader = Pieces(stored, cuts.sizes());
    let mut options = DecodeOptions::default();
    (options.stored_size, options.limit, options.hash) = (size, limit, true);
    let mut decoder = Decoder::new(reader, options, &mut buffers).expect("a slice can be read");
    assert_eq!(decoder.encoding(), sniff(&stored[..stored.len().min(6)]));
    let mut content = decoder.take_whole().unwrap_or_default();
    let mut buffer = vec![0; 20 << 10];
    let mut sizes = cuts.sizes().filter(|size| *size > 0);
    let error = loop {
        // Small pieces at first only: a decompression bomb would take too long.
        let small = sizes.next().filter(|_| content.len() < 4 << 10);
        let room = small.unwrap_or(buffer.len()).min(buffer.len());
        match decoder.read(&mut buffer[..room]) {
            Ok(0) => break None,
            Ok(n) => content.extend_from_slice(&buffer[..n]),
            Err(error) => break Some(error),
        }
    };
    assert!(matches!(decoder.read(&mut buffer), Ok(0)), "no content after the end");
    assert_eq!(decoder.content_bytes(), content.len() as u64);
    assert!(content.len() as u64 <= limit);
    let (members, bytes, sha256) = (decoder.gzip_members(), decoder.compressed_bytes(), decoder.sha256());
    decoder.finish(&mut buffers);
    Decoded { content, error, members, stored: bytes, sha256 }
}

/// Reads member by member with flate2's reader: the content, and how it ended.
fn naive(mut stored: &[u8]) -> (Vec<u8>, &'static str) {
    let mut content = Vec::new();
    while stored.starts_with(b"\x1F\x8B") {
        let mut decoder = flate2::bufread::GzDecoder::new(&mut stored);
        match decoder.read_to_end(&mut content) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return (content, "truncated"),
            Err(_) => return (content, "corrupt"),
        }
    }
    (content, if stored.is_empty() { "whole" } else { "trailing" })
}

fn check(stored: &[u8], limit: u64, cuts: &Cuts) {
    let expected = decode(stored, None, limit, cuts);
    let len = stored.len() as u64;
    let plain = Input::new(&[]).cuts();
    for (size, cuts) in
        [(Some(len), cuts), (Some(len + 1), cuts), (Some(len.saturating_sub(1)), cuts), (None, &plain)]
    {
        let other = decode(stored, size, limit, cuts);
        let what = format!("size {size:?} of {len}, {cuts:?}: {:?} and {:?}", other.error, expected.error);
        assert_eq!(
            other.error.as_ref().map(discriminant),
            expected.error.as_ref().map(discriminant),
            "{what}"
        );
        assert_eq!(other.content, expected.content, "{what}");
        assert_eq!(other.sha256, expected.sha256, "{what}");
        assert_eq!(other.members, expected.members, "{what}");
        if let (
            Some(DecodeError::Trailing { offset: a, .. }),
            Some(DecodeError::Trailing { offset: b, .. }),
        ) = (&other.error, &expected.error)
        {
            assert_eq!(a, b, "the offset of trailing bytes");
        }
        if other.error.is_none() && sniff(&stored[..stored.len().min(6)]) == Encoding::Gzip {
            assert_eq!((other.stored, expected.stored), (len, len), "all bytes have been read");
        }
    }
    if limit == u64::MAX && expected.members > 0 {
        let (content, end) = naive(stored);
        let ours = match &expected.error {
            None => "whole",
            Some(DecodeError::Truncated { .. }) => "truncated",
            Some(DecodeError::Corrupt { .. }) => "corrupt",
            Some(DecodeError::Trailing { .. }) => "trailing",
            Some(error) => panic!("{error}"),
        };
        assert_eq!(ours == "whole", end == "whole", "{ours}, {end}");
        if ours == "whole" {
            assert_eq!(expected.content, content);
        }
    }
}

/// A gzip member with `content`, compressed here or already a deflate stream, with a trailer that
/// matches as far as possible.
fn member(flavour: u8, content: &[u8]) -> Vec<u8> {
    let (body, crc, len) = match flavour & 7 {
        7 => with_trailer_fields(content),
        level => {
            let level = Compression::new([6, 0, 1, 9, 0, 3, 6][usize::from(level)]);
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
            encoder.write_all(content).expect("a vector takes all");
            let body = encoder.finish().expect("a vector takes all");
            (body, libdeflater::crc32(content), content.len())
        }
    };
    // The optional header fields.
    let flags = (flavour >> 3) & 0x1F;
    let mut bytes = vec![0x1F, 0x8B, 8, flags, 0, 0, 0, 0, 0, 255];
    if flags & 4 != 0 {
        bytes.extend_from_slice(b"\x05\0extra");
    }
    if flags & 8 != 0 {
        bytes.extend_from_slice(b"name\0");
    }
    if flags & 16 != 0 {
        bytes.extend_from_slice(b"comment\0");
    }
    if flags & 2 != 0 {
        let crc = libdeflater::crc32(&bytes) as u16;
        bytes.extend_from_slice(&crc.to_le_bytes());
    }
    bytes.extend_from_slice(&body);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes.extend_from_slice(&(len as u32).to_le_bytes());
    bytes
}

/// The deflate stream at the start of `bytes`, with the checksum and size of its content according
/// to zlib, or to libdeflate if zlib rejects it.
fn with_trailer_fields(bytes: &[u8]) -> (Vec<u8>, u32, usize) {
    let mut zlib = Decompress::new(false);
    let mut content = vec![0; MAX_CONTENT];
    let status = zlib.decompress(bytes, &mut content, FlushDecompress::Finish);
    let (read, len) = (zlib.total_in() as usize, zlib.total_out() as usize);
    if matches!(status, Ok(Status::StreamEnd)) {
        return (bytes[..read].to_vec(), libdeflater::crc32(&content[..len]), len);
    }
    let len = libdeflater::Decompressor::new().deflate_decompress(bytes, &mut content).unwrap_or(0);
    (bytes.to_vec(), libdeflater::crc32(&content[..len]), len)
}

fn damage(stored: &mut Vec<u8>, kind: u8, at: u16, value: u8) {
    let at = usize::from(at) % (stored.len() + 1);
    match kind % 6 {
        0 => stored.truncate(at),
        1 => stored.insert(at, value),
        2 => stored.extend(std::iter::repeat_n(value, at % 16)),
        3 => stored.extend_from_within(stored.len().saturating_sub(8)..), // the trailer twice
        4 if at < stored.len() => drop(stored.remove(at)),
        _ if at < stored.len() => stored[at] ^= value,
        _ => {}
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let choice = input.byte();
    let limit = if choice & 0x80 == 0 { u64::MAX } else { u64::from(input.word()) };
    let cuts = input.cuts();
    // 0: the bytes are the stored input. Otherwise: the number of members to build and damage.
    let members = usize::from(choice & 3);
    if members == 0 {
        return check(input.rest(), limit, &cuts);
    }
    let flavours: Vec<u8> = (0..members).map(|_| input.byte()).collect();
    let damages: Vec<(u8, u16, u8)> =
        (0..choice >> 2 & 7).map(|_| (input.byte(), input.word(), input.byte())).collect();
    let content = input.rest();
    let share = content.len().div_ceil(members).max(1);
    let mut chunks = content.chunks(share);
    let mut stored = Vec::new();
    for flavour in flavours {
        stored.extend(member(flavour, chunks.next().unwrap_or_default()));
    }
    for (kind, at, value) in damages {
        damage(&mut stored, kind, at, value);
    }
    check(&stored, limit, &cuts);
});
