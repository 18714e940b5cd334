//! One zip member: whether its content can be read, and how.

use std::cell::Cell;
use std::io::Read;

use super::error::WalkError;
use super::item::{ArchiveItem, Visitor, emit};
use super::member::{ChecksumReader, DecodingReader};
use crate::format::decode::{Buffers, DecodeOptions, Decoder};

/// Method numbers of APPNOTE 4.4.5.
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
const ZSTD: u16 = 93;
const AES: u16 = 99;

/// What the header or the directory says about a member.
#[derive(Clone, Copy)]
pub(super) struct ZipMember<'a> {
    /// The stored name.
    pub(super) name: &'a [u8],
    /// Size of the content in bytes, where known.
    pub(super) size: Option<u64>,
    /// Size inside the zip file in bytes; 0 when it is known only after the content.
    pub(super) stored_size: u64,
    /// Method of compression.
    pub(super) method: u16,
}

/// The reason why a member with these flags and this method cannot be read, if there is one.
pub(super) fn unsupported_reason(flags: u16, method: u16) -> Option<&'static str> {
    const ENCRYPTED: u16 = 0x2041; // traditional encryption, strong encryption, masked headers
    if flags & ENCRYPTED != 0 || method == AES {
        return Some("the file is encrypted");
    }
    (!matches!(method, STORED | DEFLATED | ZSTD))
        .then_some("the file is compressed in a way that is not supported (only deflate and zstd are)")
}

impl ZipMember<'_> {
    /// Passes the member to the visitor. `stored` yields the bytes as stored.
    pub(super) fn emit(
        self,
        stored: impl Read,
        checksum: &Cell<Option<u32>>,
        visitor: Visitor<'_>,
    ) -> Result<(), WalkError> {
        // Decoding has no limit here: whoever reads the content applies one.
        match self.method {
            DEFLATED => {
                let decoder = Decoder::raw_deflate(stored, u64::MAX);
                self.emit_content(DecodingReader(decoder), checksum, visitor)
            }
            ZSTD => {
                let options = DecodeOptions::default();
                let decoder = Decoder::new(stored, options, &mut Buffers::default())?;
                self.emit_content(DecodingReader(decoder), checksum, visitor)
            }
            _ => self.emit_content(stored, checksum, visitor),
        }
    }

    fn emit_content(
        self,
        content: impl Read,
        checksum: &Cell<Option<u32>>,
        visitor: Visitor<'_>,
    ) -> Result<(), WalkError> {
        let content = &mut ChecksumReader::new(content, checksum);
        let Self { name, size, stored_size, .. } = self;
        emit(visitor, ArchiveItem::Member { name, size, stored_size, content })
    }
}
