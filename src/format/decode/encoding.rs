//! How an input is stored, detected from its first bytes.

use crate::model::SkipReason;

/// How an input is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// gzip, one or more members.
    Gzip,
    /// zstd, one or more frames.
    Zstd,
    /// zlib, one or more streams: records of Kinesis, and what many programs call deflate.
    Zlib,
    /// A raw deflate stream. It has no magic bytes: only the zip file that contains it says so.
    Deflate,
    /// Not compressed, as far as the first bytes show.
    Plain,
    /// An encoding that keytrail recognises and cannot read.
    Unsupported(SkipReason),
}

impl Encoding {
    /// The name used in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Zlib => "zlib",
            Self::Deflate => "deflate",
            Self::Plain | Self::Unsupported(_) => "plain",
        }
    }
}

/// Number of bytes that [`sniff`] looks at.
pub(super) const SNIFF_BYTES: usize = 6;

/// Detects the encoding from the first bytes of an input; six bytes are enough.
pub fn sniff(first: &[u8]) -> Encoding {
    const UNSUPPORTED: [(&[u8], SkipReason); 24] = [
        (b"BZh", SkipReason::UnsupportedCompression),
        (b"\xFD7zXZ\0", SkipReason::UnsupportedCompression),
        (b"7z\xBC\xAF\x27\x1C", SkipReason::UnsupportedCompression),
        // LZ4 in two formats, compress, LZMA and framed Snappy.
        (b"\x04\x22\x4D\x18", SkipReason::UnsupportedCompression),
        (b"\x02\x21\x4C\x18", SkipReason::UnsupportedCompression),
        (b"\x1F\x9D", SkipReason::UnsupportedCompression),
        (b"\x5D\0\0", SkipReason::UnsupportedCompression),
        (b"\xFF\x06\0\0sN", SkipReason::UnsupportedCompression),
        (b"Rar!\x1A\x07", SkipReason::UnsupportedCompression),
        (b"LZIP\x01", SkipReason::UnsupportedCompression),
        (b"\x89LZO\0", SkipReason::UnsupportedCompression),
        (b"LRZI", SkipReason::UnsupportedCompression),
        (b"MSCF\0\0", SkipReason::UnsupportedCompression), // a cabinet
        (b"ORC", SkipReason::UnsupportedFile),
        (b"ARROW1", SkipReason::UnsupportedFile),
        (b"Obj\x01", SkipReason::UnsupportedFile), // Avro
        (b"SQLite", SkipReason::UnsupportedFile),
        (b"\xFF\xFE", SkipReason::Utf16),
        (b"\xFE\xFF", SkipReason::Utf16),
        // JSON without a byte order mark, little-endian and big-endian.
        (b"{\0", SkipReason::Utf16),
        (b"[\0{\0", SkipReason::Utf16),
        (b"\0{\0", SkipReason::Utf16),
        (b"\0[\0{", SkipReason::Utf16),
        (b"\0[\0\n", SkipReason::Utf16),
    ];
    match first {
        [0x1F, 0x8B, ..] => Encoding::Gzip,
        // A frame, or a skippable frame: parallel compressors write those before their frames.
        [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Encoding::Zstd,
        // The usual window, at the levels that the second byte names.
        [b'x', 0x01 | 0x9C | 0xDA, ..] => Encoding::Zlib,
        _ => UNSUPPORTED
            .iter()
            .find(|(magic, _)| first.starts_with(magic))
            .map_or(Encoding::Plain, |(_, reason)| Encoding::Unsupported(*reason)),
    }
}
