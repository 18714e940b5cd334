//! Reads a zip file as a stream, by the header before each member. This is the only way for input
//! that is not seekable or has lost its directory. (`zip_directory` reads files by their
//! directories.)

use std::cell::Cell;
use std::io::{BufRead, Read};

use memchr::memmem;

use super::error::WalkError;
use super::item::{ArchiveItem, DamageKind, Visitor, emit, emit_damage};
use super::member::{DescriptorReader, SizedReader, skip};
use super::zip_member::{ZipMember, unsupported_reason};
use crate::format::decode::PeekReader;

const MEMBER: [u8; 4] = *b"PK\x03\x04";
const DIRECTORY: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const END_64: [u8; 4] = *b"PK\x06\x06";
const LOCATOR_64: [u8; 4] = *b"PK\x06\x07";
const SIGNATURE: [u8; 4] = *b"PK\x05\x05";
const DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";
/// Length of a member's header up to its name.
const HEADER: usize = 30;
/// Number of bytes searched at a time.
const SEARCH_WINDOW: usize = 64 << 10;

/// Whether a zip file begins with these bytes.
pub(super) fn is_zip(first: &[u8]) -> bool {
    first.starts_with(&MEMBER)
        || first.starts_with(&END)
        // A spanning marker may precede the first member.
        || first.starts_with(&DESCRIPTOR) && first.get(4..8) == Some(&MEMBER[..])
}

pub(super) fn walk<R: Read>(input: &mut PeekReader<R>, visitor: Visitor<'_>) -> Result<(), WalkError> {
    loop {
        let at = input.consumed();
        let next = input.peek(4)?;
        match next.first_chunk() {
            Some(&MEMBER) => {
                if read_member(input, visitor)? == Section::Truncated {
                    return emit_truncated(input, visitor);
                }
            }
            Some(&DESCRIPTOR) if at == 0 => input.consume(4),
            Some(&(DIRECTORY | END | END_64)) => {
                let directory = read_directory(input, visitor)?;
                if directory == Section::Truncated || input.peek(1)?.is_empty() {
                    return Ok(());
                }
                // Either another zip file follows, or trailing bytes.
                if !input.peek(4)?.starts_with(&MEMBER) {
                    let start = input.consumed();
                    let n = u64::MAX - skip(input, u64::MAX)?;
                    let detail = format!("{n} bytes follow its end, from byte {start} of the zip file on");
                    return emit_damage(visitor, DamageKind::Trailing, detail);
                }
            }
            Some(_) => {
                if !find_header(input, visitor)? {
                    return Ok(());
                }
            }
            None => return emit_truncated(input, visitor),
        }
    }
}

/// How a section of the file ended.
#[derive(PartialEq, Eq)]
enum Section {
    Complete,
    /// The file ends inside the section, or the rest of the section cannot be read.
    Truncated,
}

fn emit_truncated<R: Read>(input: &PeekReader<R>, visitor: Visitor<'_>) -> Result<(), WalkError> {
    let detail =
        format!("the zip file ends after {} bytes, without the end of its directory", input.consumed());
    emit_damage(visitor, DamageKind::Truncated, detail)
}

/// Skips bytes up to the next header and reports them as damage; false when no header follows.
fn find_header<R: Read>(input: &mut PeekReader<R>, visitor: Visitor<'_>) -> Result<bool, WalkError> {
    let start = input.consumed();
    let found = loop {
        let window = input.peek(SEARCH_WINDOW)?;
        if window.is_empty() {
            break false;
        }
        let header = memmem::find_iter(window, b"PK").find(|at| is_header(&window[*at..]));
        let at_end = window.len() < SEARCH_WINDOW;
        let n = header.unwrap_or(if at_end { window.len() } else { window.len() - HEADER });
        input.consume(n);
        if header.is_some() {
            break true;
        }
    };
    let skipped = input.consumed() - start;
    let detail =
        format!("a header cannot be read; {skipped} bytes passed over, from byte {start} of the zip file on");
    emit_damage(visitor, DamageKind::Corrupt, detail)?;
    Ok(found)
}

/// Whether these bytes are a header, and not just the letters `PK` in the content of a member.
fn is_header(bytes: &[u8]) -> bool {
    let u16_at = |at: usize| bytes.get(at..at + 2)?.first_chunk().map(|b| u16::from_le_bytes(*b));
    // The latest version of the format is 6.3. A name is never empty.
    let valid_version = |at: usize| u16_at(at).is_some_and(|version| version & 0xFF <= 63);
    match bytes.first_chunk() {
        Some(&MEMBER) => {
            valid_version(4) && matches!(u16_at(8), Some(0..=20 | 93..=99)) && u16_at(26) > Some(0)
        }
        Some(&DIRECTORY) => valid_version(6) && u16_at(28) > Some(0),
        Some(&END) => bytes.len() >= 22,
        _ => false,
    }
}

/// A member's header, as far as it is needed.
struct Header {
    name: Vec<u8>,
    flags: u16,
    method: u16,
    /// The CRC-32 of the content; may be 0 when a data descriptor follows.
    checksum: u32,
    /// Size of the content; may be 0 when a data descriptor follows.
    size: u64,
    /// Size inside the zip file; may be 0 when a data descriptor follows.
    stored_size: u64,
}

impl Header {
    /// Reads the header; `None` when the file ends inside it.
    fn read<R: Read>(input: &mut PeekReader<R>) -> Result<Option<Self>, WalkError> {
        let Some(fixed) = input.peek(HEADER)?.first_chunk::<HEADER>().copied() else {
            return Ok(None);
        };
        let u16_at = |at: usize| u16::from_le_bytes([fixed[at], fixed[at + 1]]);
        let u32_at = |at: usize| u32::from_le_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
        input.consume(HEADER);
        let (name_len, extra_len) = (usize::from(u16_at(26)), usize::from(u16_at(28)));
        let mut name = input.peek(name_len)?.to_vec();
        name.truncate(name_len);
        input.consume(name.len());
        let extra = input.peek(extra_len)?.to_vec();
        input.consume(extra.len());
        if name.len() < name_len || extra.len() < extra_len {
            return Ok(None);
        }
        let (size, stored_size) = sizes(u32_at(22), u32_at(18), &extra);
        let (flags, method, checksum) = (u16_at(6), u16_at(8), u32_at(14));
        Ok(Some(Self { name, flags, method, checksum, size, stored_size }))
    }

    /// Whether a data descriptor follows the content.
    fn has_descriptor(&self) -> bool {
        self.flags & 8 != 0
    }
}

/// Reads a member, from its header to the next header.
fn read_member<R: Read>(input: &mut PeekReader<R>, visitor: Visitor<'_>) -> Result<Section, WalkError> {
    let Some(header) = Header::read(input)? else { return Ok(Section::Truncated) };
    let (size, stored_size) = (header.size, header.stored_size);
    let has_descriptor = header.has_descriptor();
    let start = input.consumed();
    // Without a size, only the data descriptor shows where the content ends.
    let known_size = (!has_descriptor || stored_size > 0).then_some(stored_size);
    let header_checksum = known_size.map(|_| header.checksum).filter(|sum| !has_descriptor || *sum != 0);
    let checksum = Cell::new(header_checksum);
    let is_directory = header.name.ends_with(b"/") && stored_size == 0;
    if let Some(reason) = unsupported_reason(header.flags, header.method) {
        emit(visitor, ArchiveItem::Unsupported { name: &header.name, reason })?;
    } else if !is_directory {
        let member = ZipMember {
            name: &header.name,
            size: (!has_descriptor || size > 0).then_some(size),
            stored_size,
            method: header.method,
        };
        match known_size {
            Some(left) => {
                member.emit(SizedReader { reader: &mut *input, left }, &checksum, visitor)?;
            }
            None => {
                let stored = DescriptorReader { input: &mut *input, position: 0, checksum: &checksum };
                member.emit(stored, &checksum, visitor)?;
            }
        }
    }
    let read = input.consumed() - start;
    match known_size {
        Some(size) => {
            if skip(input, size.saturating_sub(read))? > 0 {
                return Ok(Section::Truncated);
            }
            if has_descriptor {
                skip_descriptor(input)?;
            }
        }
        // The visitor did not read the content to its end, or the member is unsupported.
        None if checksum.get().is_none() => {
            let mut rest = DescriptorReader { input: &mut *input, position: read, checksum: &checksum };
            if std::io::copy(&mut rest, &mut std::io::sink()).is_err() {
                return Ok(Section::Truncated);
            }
        }
        None => {}
    }
    Ok(Section::Complete)
}

/// Size and stored size; from the zip64 extra field where the header refers to it.
fn sizes(size: u32, stored_size: u32, mut extra: &[u8]) -> (u64, u64) {
    const IN_EXTRA_FIELD: u64 = u32::MAX as u64;
    let (mut size, mut stored_size) = (u64::from(size), u64::from(stored_size));
    while let [a, b, c, d, rest @ ..] = extra {
        let (id, len) = (u16::from_le_bytes([*a, *b]), usize::from(u16::from_le_bytes([*c, *d])));
        let Some((field, next)) = rest.split_at_checked(len) else { break };
        if id == 1 {
            let mut numbers =
                field.chunks_exact(8).filter_map(|n| n.first_chunk()).map(|n| u64::from_le_bytes(*n));
            for value in [&mut size, &mut stored_size] {
                if *value == IN_EXTRA_FIELD {
                    *value = numbers.next().unwrap_or(*value);
                }
            }
        }
        extra = next;
    }
    (size, stored_size)
}

/// Skips the data descriptor of a member whose header states its size. The descriptor may lack its
/// signature, and its sizes have 32 or 64 bits; the next header shows which.
fn skip_descriptor<R: Read>(input: &mut PeekReader<R>) -> Result<(), WalkError> {
    let next = input.peek(24 + 2)?;
    let has_signature = next.starts_with(&DESCRIPTOR);
    let lengths = if has_signature { [16, 24] } else { [12, 20] };
    let length = lengths.into_iter().find(|n| next.get(*n..*n + 2) == Some(b"PK"));
    if let Some(n) = length {
        input.consume(n);
    }
    Ok(())
}

/// Reads the central directory to its end. All members before it have been read; only the end of
/// the directory proves that the file is complete. Reports damage.
fn read_directory<R: Read>(input: &mut PeekReader<R>, visitor: Visitor<'_>) -> Result<Section, WalkError> {
    let truncated = |input: &PeekReader<R>, visitor: Visitor<'_>| {
        emit_truncated(input, visitor).map(|()| Section::Truncated)
    };
    loop {
        let next = input.peek(46)?;
        let u16_at =
            |at: usize| u64::from(next.get(at..at + 2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]])));
        let length = match next.first_chunk() {
            None => return truncated(input, visitor),
            Some(&DIRECTORY) => 46 + u16_at(28) + u16_at(30) + u16_at(32),
            Some(&END_64) => {
                let size = next.get(4..12).and_then(|b| b.first_chunk());
                12u64.saturating_add(size.map_or(0, |b| u64::from_le_bytes(*b)))
            }
            Some(&LOCATOR_64) => 20,
            Some(&SIGNATURE) => 6 + u16_at(4),
            Some(&END) => {
                let is_complete = next.len() >= 22;
                let length = 22 + u16_at(20);
                let missing = skip(input, length)?;
                return if is_complete && missing == 0 {
                    Ok(Section::Complete)
                } else {
                    truncated(input, visitor)
                };
            }
            Some(_) => {
                let detail =
                    format!("the directory cannot be read from byte {} of the zip file on", input.consumed());
                emit_damage(visitor, DamageKind::Corrupt, detail)?;
                return Ok(Section::Truncated);
            }
        };
        if skip(input, length)? > 0 {
            return truncated(input, visitor);
        }
    }
}
