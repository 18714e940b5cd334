use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn options(stored_size: Option<u64>, limit: u64, hash: bool) -> DecodeOptions {
    DecodeOptions { stored_size, limit, hash, ..DecodeOptions::default() }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Yields bytes in pieces of at most the given size, then the error, if any.
struct Pieces<'a>(&'a [u8], usize, Option<io::ErrorKind>);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let (true, Some(kind)) = (self.0.is_empty(), self.2) {
            return Err(kind.into());
        }
        let n = self.1.min(self.0.len()).min(buffer.len());
        buffer[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        Ok(n)
    }
}

fn decode(reader: impl Read, limit: u64) -> (Vec<u8>, Option<DecodeError>, u64) {
    let mut content = Decoder::new(reader, options(None, limit, false), &mut Buffers::default()).unwrap();
    let mut all = Vec::new();
    let mut buffer = [0; 100];
    loop {
        match content.read(&mut buffer) {
            Ok(0) => return (all, None, content.gzip_members()),
            Ok(n) => all.extend_from_slice(&buffer[..n]),
            Err(error) => {
                assert!(matches!(content.read(&mut buffer), Ok(0)), "no content follows an error");
                return (all, Some(error), content.gzip_members());
            }
        }
    }
}

const TEXT: &[u8] = b"{\"Records\":[{\"eventName\":\"Decrypt\"},{\"eventName\":\"Encrypt\"}]}";

#[test]
fn plain_and_gzip_decode_the_same_in_pieces_of_any_size() {
    for size in [1, 2, 3, 7, 1000] {
        assert_eq!(decode(Pieces(TEXT, size, None), u64::MAX).0, TEXT);
        let (all, error, members) = decode(Pieces(&gzip(TEXT), size, None), u64::MAX);
        assert!(error.is_none());
        assert_eq!((all.as_slice(), members), (TEXT, 1));
        let two = [gzip(TEXT), gzip(b"more")].concat();
        let (all, error, members) = decode(Pieces(&two, size, None), u64::MAX);
        assert!(error.is_none());
        assert_eq!((all, members), ([TEXT, b"more"].concat(), 2));
    }
}

#[test]
fn truncated_gzip_yields_the_content_before() {
    let whole = gzip(TEXT);
    for end in 2..whole.len() {
        let (all, error, _) = decode(&whole[..end], u64::MAX);
        assert!(TEXT.starts_with(&all));
        assert!(matches!(error, Some(DecodeError::Truncated { .. })), "{end}: {error:?}");
    }
}

#[test]
fn damaged_gzip_yields_the_content_before() {
    // Stored blocks, so that the damage is exactly between two blocks.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(&vec![b'a'; 300_000]).unwrap();
    let mut bytes = encoder.finish().unwrap();
    let (mut at, mut before) = (10, 0);
    for _ in 0..3 {
        let len = usize::from(u16::from_le_bytes([bytes[at + 1], bytes[at + 2]]));
        (at, before) = (at + 5 + len, before + len);
    }
    bytes[at] |= 0b110; // a block type that does not exist
    let mut content =
        Decoder::new(bytes.as_slice(), options(None, u64::MAX, false), &mut Buffers::default()).unwrap();
    let mut buffer = vec![0; 1 << 20];
    let mut returned = 0;
    let error = loop {
        match content.read(&mut buffer) {
            Ok(n) => returned += n,
            Err(error) => break error,
        }
    };
    assert_eq!(returned, before);
    assert!(matches!(error, DecodeError::Corrupt { .. }));
}

#[test]
fn a_wrong_checksum_is_reported_after_the_content() {
    let mut bytes = gzip(TEXT);
    let at = bytes.len() - 6;
    bytes[at] ^= 1;
    let (all, error, _) = decode(bytes.as_slice(), u64::MAX);
    assert_eq!(all, TEXT);
    assert!(matches!(error, Some(DecodeError::Corrupt { .. })));
}

#[test]
fn bytes_after_the_last_member_are_located() {
    let mut bytes = gzip(TEXT);
    let end = bytes.len() as u64;
    bytes.extend_from_slice(b"\0\0garbage");
    let (all, error, _) = decode(bytes.as_slice(), u64::MAX);
    assert_eq!(all, TEXT);
    assert!(matches!(error, Some(DecodeError::Trailing { offset, .. }) if offset == end));
}

#[test]
fn decoding_stops_at_the_limit() {
    let bomb = gzip(&vec![b' '; 10 << 20]);
    let (all, error, _) = decode(bomb.as_slice(), 1 << 20);
    assert_eq!(all.len(), 1 << 20);
    assert!(matches!(error, Some(DecodeError::TooLarge { limit }) if limit == 1 << 20));
    let (all, error, _) = decode(gzip(TEXT).as_slice(), TEXT.len() as u64);
    assert!(error.is_none(), "exactly the limit is allowed");
    assert_eq!(all, TEXT);
}

#[test]
fn a_read_error_is_not_damage() {
    let whole = gzip(TEXT);
    let (_, error, _) = decode(Pieces(&whole[..20], 7, Some(io::ErrorKind::TimedOut)), u64::MAX);
    assert!(matches!(error, Some(DecodeError::Read { .. })), "{error:?}");
}

#[test]
fn the_hash_covers_the_content() {
    let expected = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let stored = gzip(b"{}");
    for size in [None, Some(stored.len() as u64)] {
        let mut content =
            Decoder::new(stored.as_slice(), options(size, u64::MAX, true), &mut Buffers::default()).unwrap();
        let mut buffer = [0; 10];
        while content.read(&mut buffer).unwrap() > 0 {}
        assert_eq!(content.sha256().as_deref(), Some(expected));
    }
}

/// One call or streaming gives the same result. Only an ordinary archive is decoded with one call.
#[test]
fn decoding_with_one_call_gives_the_same_result() {
    let one = gzip(TEXT);
    let trailer = one[one.len() - 8..].to_vec();
    let mut flipped = one.clone();
    flipped[15] ^= 4;
    let size = one[one.len() - 4..].to_vec();
    let mut own_size = GzEncoder::new(Vec::new(), Compression::none());
    own_size.write_all(&64u32.to_le_bytes().repeat(16)).unwrap();
    let other: Vec<u8> = TEXT.iter().rev().copied().collect();
    let with_flags =
        |flags: u8, fields: &[u8]| [&one[..3], &[flags], &one[4..10], fields, &one[10..]].concat();
    let checksum = (libdeflater::crc32(&with_flags(2, b"")[..10]) as u16).to_le_bytes();
    let cases: [(&str, Vec<u8>, bool); 20] = [
        ("an ordinary archive", one.clone(), true),
        ("one with a name and a comment", with_flags(0x18, b"name\0comment\0"), true),
        ("one with an extra field, marked as text", with_flags(5, b"\x02\0ex"), true),
        ("one whose name does not end", with_flags(8, b"name")[..14].to_vec(), false),
        ("one with a checksum of its header", with_flags(2, &checksum), false),
        ("one with a wrong checksum of its header", with_flags(2, &[!checksum[0], checksum[1]]), false),
        ("one with an unknown flag", with_flags(0x20, b""), false),
        ("another unknown flag", with_flags(0xC0, b""), false),
        ("another method", [&one[..2], &[7], &one[3..]].concat(), false),
        ("one that holds its own size", own_size.finish().unwrap(), true),
        ("the size once more at the end", [one.clone(), b"garbage".to_vec(), size].concat(), false),
        ("another member of the same size before it", [gzip(&other), one.clone()].concat(), false),
        ("the same member twice", [one.clone(), one.clone()].concat(), false),
        ("two members", [gzip(b"x"), one.clone()].concat(), false),
        ("an empty member at the end", [one.clone(), gzip(b"")].concat(), false),
        (
            "garbage that ends like the member",
            [one.clone(), b"garbage".to_vec(), trailer.clone()].concat(),
            false,
        ),
        ("the trailer twice", [one.clone(), trailer].concat(), false),
        ("truncated", one[..one.len() - 3].to_vec(), false),
        ("damaged", flipped, false),
        ("not compressed", TEXT.to_vec(), false),
    ];
    for (what, stored, is_ordinary) in cases {
        for size in [stored.len(), stored.len() - 1, stored.len() + 1] {
            let mut buffers = Buffers::default();
            for _ in 0..2 {
                let size = Some(size as u64);
                let mut content =
                    Decoder::new(stored.as_slice(), options(size, u64::MAX, true), &mut buffers).unwrap();
                let whole = content.take_whole();
                let expected = is_ordinary && size >= Some(stored.len() as u64);
                assert_eq!(whole.is_some(), expected, "{what}");
                let (all, error, members) = decode(stored.as_slice(), u64::MAX);
                if let Some(whole) = whole {
                    assert_eq!(
                        (&whole, members, error.is_none()),
                        (&all, content.gzip_members(), true),
                        "{what}"
                    );
                    assert_eq!(content.content_bytes(), all.len() as u64);
                    assert_eq!(content.compressed_bytes(), stored.len() as u64);
                    buffers.recycle(whole);
                } else {
                    let (mut returned, mut buffer) = (Vec::new(), [0; 7]);
                    let end = loop {
                        match content.read(&mut buffer) {
                            Ok(0) => break None,
                            Ok(n) => returned.extend_from_slice(&buffer[..n]),
                            Err(error) => break Some(error.detail()),
                        }
                    };
                    assert_eq!((returned, end), (all, error.map(|e| e.detail())), "{what}");
                }
                content.finish(&mut buffers);
            }
        }
    }
}

/// The decoder looks at the next member only when more content is requested.
#[test]
fn the_member_count_at_the_limit_does_not_depend_on_the_reads() {
    let two = [gzip(TEXT), gzip(TEXT)].concat();
    for limit in [TEXT.len() as u64 - 1, TEXT.len() as u64, TEXT.len() as u64 + 1] {
        let members = [1, 7, 1000].map(|size| {
            let (_, error, members) = decode(Pieces(&two, size, None), limit);
            assert!(matches!(error, Some(DecodeError::TooLarge { .. })), "{error:?}");
            members
        });
        assert_eq!(members, [if limit < TEXT.len() as u64 { 1 } else { 2 }; 3], "{limit}");
    }
}

// ---- zstd

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 3).unwrap()
}

#[test]
fn zstd_decodes_the_same_in_pieces_of_any_size() {
    let skippable = [&b"\x50\x2A\x4D\x18\x03\0\0\0"[..], b"abc"].concat();
    let frames = [skippable.clone(), zstd(TEXT), zstd(b""), skippable, zstd(b"more")].concat();
    for size in [1, 2, 3, 7, 1000] {
        let (all, error, members) = decode(Pieces(&frames, size, None), u64::MAX);
        assert!(error.is_none(), "{error:?}");
        assert_eq!((all, members), ([TEXT, b"more"].concat(), 0));
    }
}

#[test]
fn truncated_zstd_yields_the_content_before() {
    let first: Vec<u8> = (0..60_000u32).flat_map(|n| (n * n).to_le_bytes()).collect();
    let whole = [zstd(&first), zstd(TEXT)].concat();
    let boundary = zstd(&first).len();
    let all = [&first[..], TEXT].concat();
    let mut before = 0;
    for end in (4..whole.len()).step_by(997).chain(boundary - 5..whole.len()) {
        let (returned, error, _) = decode(&whole[..end], u64::MAX);
        assert!(all.starts_with(&returned) && returned.len() >= before);
        before = returned.len();
        let complete = end == boundary;
        assert_eq!(error.is_none(), complete, "{end}");
        // Fewer bytes than a magic number are trailing bytes.
        let trailing = (boundary + 1..boundary + 4).contains(&end);
        let as_expected = match error {
            Some(DecodeError::Trailing { .. }) => trailing,
            Some(DecodeError::Truncated { encoding: Encoding::Zstd, stored_bytes }) => {
                !trailing && stored_bytes == end as u64
            }
            _ => complete,
        };
        assert!(as_expected, "{end}");
        assert!(end < boundary || returned.len() >= first.len(), "{end}");
    }
}

#[test]
fn damaged_zstd_yields_the_blocks_before() {
    // A frame with a window of 1 MiB and stored blocks of 1000 bytes, the third of a type that does
    // not exist.
    let mut bytes = b"\x28\xB5\x2F\xFD\0\x50".to_vec();
    for kind in [0, 0, 3, 0] {
        bytes.extend_from_slice(&(1000u32 << 3 | kind << 1).to_le_bytes()[..3]);
        bytes.extend_from_slice(&[b'a'; 1000]);
    }
    let mut content =
        Decoder::new(bytes.as_slice(), options(None, u64::MAX, false), &mut Buffers::default()).unwrap();
    let (mut buffer, mut returned) = (vec![0; 1 << 20], 0);
    let error = loop {
        match content.read(&mut buffer) {
            Ok(0) => panic!("the damage was not reported"),
            Ok(n) => returned += n,
            Err(error) => break error,
        }
    };
    assert_eq!(returned, 2000);
    assert!(matches!(error, DecodeError::Corrupt { encoding: Encoding::Zstd, .. }), "{error:?}");
}

#[test]
fn zstd_trailing_bytes_are_located_and_the_limit_holds() {
    let end = zstd(TEXT).len() as u64;
    let (all, error, _) = decode(&[zstd(TEXT), b"garbage".to_vec()].concat()[..], u64::MAX);
    assert_eq!(all, TEXT);
    assert!(
        matches!(error, Some(DecodeError::Trailing { encoding: Encoding::Zstd, offset }) if offset == end)
    );
    let (all, error, _) = decode(&zstd(&vec![b' '; 10 << 20])[..], 1 << 20);
    assert_eq!(all.len(), 1 << 20);
    assert!(matches!(error, Some(DecodeError::TooLarge { .. })));
}

// ---- peeking

#[test]
fn peeking_consumes_nothing() {
    let two = [gzip(TEXT), gzip(b"more")].concat();
    let end = gzip(TEXT)[..30].to_vec();
    for stored in [TEXT.to_vec(), gzip(TEXT), two, zstd(TEXT), end, Vec::new()] {
        let (all, error, _) = decode(&stored[..], 50);
        for n in [0, 1, 7, 1000] {
            for size in [None, Some(stored.len() as u64)] {
                let mut content =
                    Decoder::new(&stored[..], options(size, 50, true), &mut Buffers::default()).unwrap();
                let (unlimited, ..) = decode(&stored[..], u64::MAX);
                assert_eq!(content.peek(n), &unlimited[..n.min(unlimited.len())]);
                let whole = content.take_whole();
                let (mut returned, mut buffer) = (Vec::new(), [0; 9]);
                let end = loop {
                    match content.read(&mut buffer) {
                        Ok(0) => break None,
                        Ok(n) => returned.extend_from_slice(&buffer[..n]),
                        Err(error) => break Some(error.detail()),
                    }
                };
                assert_eq!(whole.unwrap_or(returned), all);
                assert_eq!(end, error.as_ref().map(DecodeError::detail));
                assert_eq!(content.content_bytes(), all.len() as u64);
            }
        }
    }
}

/// Content before a read error is returned, also when the stored size is known.
#[test]
fn a_read_error_costs_only_the_content_after_it() {
    let stored = gzip(TEXT);
    for end in 6..stored.len() {
        let reader = Pieces(&stored[..end], 5, Some(io::ErrorKind::TimedOut));
        let mut content = Decoder::new(
            reader,
            options(Some(stored.len() as u64), u64::MAX, false),
            &mut Buffers::default(),
        )
        .unwrap();
        assert!(!content.is_whole());
        let (returned, mut buffer) = (decode(&stored[..end], u64::MAX).0, [0; 1000]);
        let mut all = Vec::new();
        let error = loop {
            match content.read(&mut buffer) {
                Ok(0) => panic!("the failure was not reported"),
                Ok(n) => all.extend_from_slice(&buffer[..n]),
                Err(error) => break error,
            }
        };
        assert_eq!(all, returned);
        assert!(matches!(error, DecodeError::Read { .. }), "{error:?}");
    }
}
