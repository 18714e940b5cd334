//! Reads tar files: blocks of 512 bytes, a header before each member.
//!
//! The `tar` crate parses the fields of headers. Its own iterator is not used: it reads names of
//! any length into memory, stops at the first damaged header, and treats a truncated member as
//! complete.

use std::borrow::Cow;
use std::io::{BufRead, Read};

use tar::{EntryType, Header, PaxExtensions};

use super::error::WalkError;
use super::item::{ArchiveItem, DamageKind, Visitor, emit, emit_damage};
use super::member::{SizedReader, skip};
use crate::format::decode::PeekReader;

/// Length of a block in bytes.
pub(super) const BLOCK: usize = 512;
/// Longest name or extended header that is read, in bytes.
const MAX_EXTENSION: u64 = 64 << 10;
/// Offset of the magic `ustar` in a header. Pre-POSIX tar files do not have it.
const MAGIC_OFFSET: usize = 257;

const PARTIAL_FILE: &str =
    "only a part of the file is in the tar file, or it is stored with its holes left out";

/// Whether a tar file begins with this block: the checksum of the header is right, or the header
/// has tar's magic even if it is damaged.
pub(super) fn is_tar(first: &[u8]) -> bool {
    // The magic includes the bytes after the word `ustar`, a NUL or a version. The word alone could
    // come from a caller who wants to hide a JSON archive behind it.
    let has_magic = first
        .get(MAGIC_OFFSET..MAGIC_OFFSET + 8)
        .is_some_and(|magic| magic == b"ustar  \0" || magic == b"ustar\x0000");
    first.len() == BLOCK && (has_magic || parse_header(first).is_some())
}

/// The header in a block, if the block is a header.
fn parse_header(block: &[u8]) -> Option<&Header> {
    const CHECKSUM: std::ops::Range<usize> = 148..156;
    if block.len() != BLOCK || block[0] == 0 && !block.iter().any(|b| *b != 0) {
        return None;
    }
    let header = Header::from_byte_slice(block);
    let other_fields = block[..CHECKSUM.start].iter().chain(&block[CHECKSUM.end..]);
    // The checksum field itself counts as spaces.
    let sum = other_fields.map(|b| u32::from(*b)).sum::<u32>() + 8 * u32::from(b' ');
    (header.cksum().ok() == Some(sum) && header.entry_size().is_ok()).then_some(header)
}

/// Values from extended headers, which apply to the next member.
#[derive(Default)]
struct Extensions {
    name: Option<Vec<u8>>,
    size: Option<u64>,
    is_sparse: bool,
}

pub(super) fn walk<R: Read>(input: &mut PeekReader<R>, visitor: Visitor<'_>) -> Result<(), WalkError> {
    let mut extensions = Extensions::default();
    let mut end_marker_seen = false;
    loop {
        let at = input.consumed();
        let block = input.peek(BLOCK)?;
        let is_empty = block.iter().all(|b| *b == 0);
        if is_empty && (end_marker_seen || block.len() == BLOCK) {
            // Two empty blocks mark the end, and more may follow. One is enough, as for other
            // readers.
            let n = block.len();
            input.consume(n);
            if n < BLOCK {
                return Ok(());
            }
            end_marker_seen = true;
            continue;
        }
        if block.len() < BLOCK && !end_marker_seen {
            let detail =
                format!("the tar file ends after {} bytes, without its end marker", at + block.len() as u64);
            return emit_damage(visitor, DamageKind::Truncated, detail);
        }
        match parse_header(block).cloned() {
            Some(header) => {
                end_marker_seen = false; // another tar file follows this one
                input.consume(BLOCK);
                read_entry(input, &header, &mut extensions, visitor)?;
            }
            None => {
                extensions = Extensions::default();
                let (kind, what) = if end_marker_seen {
                    (DamageKind::Trailing, "bytes that are no tar file follow its end")
                } else {
                    (DamageKind::Corrupt, "a header cannot be read")
                };
                let found = find_header(input)?;
                let skipped = input.consumed() - at;
                let detail =
                    format!("{what}; {skipped} bytes passed over, from byte {at} of the tar file on");
                emit_damage(visitor, kind, detail)?;
                if !found {
                    return Ok(());
                }
            }
        }
    }
}

/// Skips blocks up to the next header; false when no header follows.
fn find_header<R: Read>(input: &mut PeekReader<R>) -> Result<bool, WalkError> {
    loop {
        let n = input.peek(BLOCK)?.len();
        input.consume(n);
        let next = input.peek(BLOCK)?;
        if next.is_empty() {
            return Ok(false);
        }
        if parse_header(next).is_some() {
            return Ok(true);
        }
    }
}

/// Reads the entry after a header: a member, or an extension for the next one.
///
/// A missing end is not noticed here: the next block shows it.
fn read_entry<R: Read>(
    input: &mut PeekReader<R>,
    header: &Header,
    extensions: &mut Extensions,
    visitor: Visitor<'_>,
) -> Result<(), WalkError> {
    let stored_size = header.entry_size()?;
    let entry_type = header.entry_type();
    match entry_type {
        EntryType::GNULongName | EntryType::XHeader if stored_size <= MAX_EXTENSION => {
            return read_extension(input, entry_type, stored_size, extensions);
        }
        EntryType::GNULongLink | EntryType::XGlobalHeader | EntryType::XHeader | EntryType::GNULongName => {
            skip(input, padded(stored_size))?;
            return Ok(());
        }
        _ => {}
    }
    let Extensions { name, size, is_sparse } = std::mem::take(extensions);
    let name = name.map_or_else(|| header.path_bytes(), Cow::Owned);
    let name: &[u8] = &name;
    let size = size.unwrap_or(stored_size);
    let start = input.consumed();
    let partial = ArchiveItem::Unsupported { name, reason: PARTIAL_FILE };
    match entry_type {
        EntryType::Directory => {}
        _ if name.ends_with(b"/") && size == 0 => {} // a directory in the pre-POSIX format
        EntryType::Link | EntryType::Symlink | EntryType::Char | EntryType::Block | EntryType::Fifo => {
            // No content follows, whatever size the header states.
            return emit(visitor, ArchiveItem::NotAFile { name });
        }
        EntryType::GNUSparse => emit(visitor, partial)?,
        other if is_sparse || other.as_byte() == b'M' => emit(visitor, partial)?,
        // A volume label, a list of names.
        other if matches!(other.as_byte(), b'V' | b'D') => {}
        // POSIX: treat unknown types as files.
        _ => {
            let mut content = SizedReader { reader: &mut *input, left: size };
            let (size, stored_size) = (Some(size), size);
            let item = ArchiveItem::Member { name, size, stored_size, content: &mut content };
            emit(visitor, item)?;
        }
    }
    skip(input, padded(size).saturating_sub(input.consumed() - start))?;
    Ok(())
}

/// Reads a long name of GNU tar or an extended header of POSIX.
fn read_extension<R: Read>(
    input: &mut PeekReader<R>,
    entry_type: EntryType,
    stored_size: u64,
    extensions: &mut Extensions,
) -> Result<(), WalkError> {
    let (start, mut bytes) = (input.consumed(), Vec::new());
    SizedReader { reader: &mut *input, left: stored_size }.read_to_end(&mut bytes)?;
    if entry_type == EntryType::XHeader {
        extensions.apply_pax(&bytes);
    } else {
        let len = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
        bytes.truncate(len);
        extensions.name = Some(bytes);
    }
    skip(input, padded(stored_size) - (input.consumed() - start))?;
    Ok(())
}

impl Extensions {
    /// Applies the records of a pax extended header.
    fn apply_pax(&mut self, bytes: &[u8]) {
        for extension in PaxExtensions::new(bytes).flatten() {
            match extension.key_bytes() {
                b"path" => self.name = Some(extension.value_bytes().to_vec()),
                b"size" => self.size = extension.value().ok().and_then(|text| text.parse().ok()),
                key => self.is_sparse |= key.starts_with(b"GNU.sparse."),
            }
        }
    }
}

/// A size rounded up to whole blocks.
fn padded(size: u64) -> u64 {
    size.div_ceil(BLOCK as u64).saturating_mul(BLOCK as u64)
}
