//! What stored bytes are, told by their first few.

use crate::event::SkipReason;

/// How an input is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// gzip, one or more members.
    Gzip,
    /// Anything that may be JSON text.
    Plain,
    /// Something that cannot hold JSON text as it is.
    Foreign(SkipReason),
}

/// Bytes [`sniff`] looks at.
pub(super) const LONGEST: usize = 6;

/// Tells the format from the first bytes.
pub fn sniff(first: &[u8]) -> Format {
    const FOREIGN: [(&[u8], SkipReason); 10] = [
        (b"\x28\xB5\x2F\xFD", SkipReason::UnsupportedCompression), // zstd
        (b"BZh", SkipReason::UnsupportedCompression),
        (b"\xFD7zXZ\0", SkipReason::UnsupportedCompression),
        (b"7z\xBC\xAF\x27\x1C", SkipReason::UnsupportedCompression),
        (b"PK\x03\x04", SkipReason::UnsupportedCompression), // zip
        (b"PK\x05\x06", SkipReason::UnsupportedCompression), // empty zip
        (b"PAR1", SkipReason::Parquet),
        (b"\xFF\xFE", SkipReason::Utf16),
        (b"\xFE\xFF", SkipReason::Utf16),
        (b"{\0", SkipReason::Utf16), // little-endian without a mark
    ];
    if first.starts_with(b"\x1F\x8B") {
        return Format::Gzip;
    }
    FOREIGN
        .iter()
        .find(|(magic, _)| first.starts_with(magic))
        .map_or(Format::Plain, |(_, reason)| Format::Foreign(*reason))
}
