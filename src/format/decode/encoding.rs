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
            Self::Deflate => "deflate",
            Self::Plain | Self::Unsupported(_) => "plain",
        }
    }
}

/// Number of bytes that [`sniff`] looks at.
pub(super) const SNIFF_BYTES: usize = 6;

/// Detects the encoding from the first bytes of an input; six bytes are enough.
pub fn sniff(first: &[u8]) -> Encoding {
    const UNSUPPORTED: [(&[u8], SkipReason); 11] = [
        (b"BZh", SkipReason::UnsupportedCompression),
        (b"\xFD7zXZ\0", SkipReason::UnsupportedCompression),
        (b"7z\xBC\xAF\x27\x1C", SkipReason::UnsupportedCompression),
        // zlib, LZ4 and compress.
        (b"x\x9C", SkipReason::UnsupportedCompression),
        (b"x\xDA", SkipReason::UnsupportedCompression),
        (b"x\x01", SkipReason::UnsupportedCompression),
        (b"\x04\x22\x4D\x18", SkipReason::UnsupportedCompression),
        (b"\x1F\x9D", SkipReason::UnsupportedCompression),
        (b"\xFF\xFE", SkipReason::Utf16),
        (b"\xFE\xFF", SkipReason::Utf16),
        (b"{\0", SkipReason::Utf16), // little-endian without a byte order mark
    ];
    match first {
        [0x1F, 0x8B, ..] => Encoding::Gzip,
        // A frame, or a skippable frame: parallel compressors write those before their frames.
        [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Encoding::Zstd,
        _ => UNSUPPORTED
            .iter()
            .find(|(magic, _)| first.starts_with(magic))
            .map_or(Encoding::Plain, |(_, reason)| Encoding::Unsupported(*reason)),
    }
}
