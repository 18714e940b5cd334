//! What stored bytes are, told by their first few.

use crate::model::SkipReason;

/// How an input is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// gzip, one or more members.
    Gzip,
    /// zstd, one or more frames.
    Zstd,
    /// A bare deflate stream; nothing tells it by its content, only the zip file that it is in.
    Deflate,
    /// Anything that may be content as it is.
    Plain,
    /// Something that cannot.
    Foreign(SkipReason),
}

impl Format {
    /// Its name, for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Deflate => "deflate",
            Self::Plain | Self::Foreign(_) => "plain",
        }
    }
}

/// Bytes [`sniff`] looks at.
pub(super) const LONGEST: usize = 6;

/// Tells the format from the first bytes.
pub fn sniff(first: &[u8]) -> Format {
    const FOREIGN: [(&[u8], SkipReason); 6] = [
        (b"BZh", SkipReason::UnsupportedCompression),
        (b"\xFD7zXZ\0", SkipReason::UnsupportedCompression),
        (b"7z\xBC\xAF\x27\x1C", SkipReason::UnsupportedCompression),
        (b"\xFF\xFE", SkipReason::Utf16),
        (b"\xFE\xFF", SkipReason::Utf16),
        (b"{\0", SkipReason::Utf16), // little-endian without a mark
    ];
    match first {
        [0x1F, 0x8B, ..] => Format::Gzip,
        // A frame, or one to be passed over, as parallel compressors put before their frames.
        [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Format::Zstd,
        _ => FOREIGN
            .iter()
            .find(|(magic, _)| first.starts_with(magic))
            .map_or(Format::Plain, |(_, reason)| Format::Foreign(*reason)),
    }
}
