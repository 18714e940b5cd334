//! tar: blocks of 512 bytes, a header before each member. The `tar` crate reads the fields of headers; the walk over them is our own, since its
//! own takes names of any length into memory, ends at the first damaged header, and takes a member that is cut off for a whole one.

use std::borrow::Cow;
use std::io::{BufRead, Read};

use tar::{EntryType, Header, PaxExtensions};

use super::member::{ByteRange, skip};
use super::{Damage, Found, Stop, Visit, damage, tell};
use crate::format::decode::Input;

/// Bytes of a block.
pub(super) const BLOCK: usize = 512;
/// The longest name or extended header that is read.
const LONGEST: u64 = 64 << 10;
/// Where a header says what it is, in tar files of this millennium.
const MAGIC: usize = 257;

/// Whether a tar file begins so: with a header whose checksum is right, or that says what it is, damaged or not.
pub(super) fn begins(first: &[u8]) -> bool {
    // With what stands behind the word, a NUL or a version: a caller may choose the word, to hide an archive of JSON behind it.
    let says_so =
        first.get(MAGIC..MAGIC + 8).is_some_and(|magic| magic == b"ustar  \0" || magic == b"ustar\x0000");
    first.len() == BLOCK && (says_so || header(first).is_some())
}

/// The header in a block, if it is one.
fn header(block: &[u8]) -> Option<&Header> {
    const CHECKSUM: std::ops::Range<usize> = 148..156;
    if block.len() != BLOCK || block[0] == 0 && !block.iter().any(|b| *b != 0) {
        return None;
    }
    let header = Header::from_byte_slice(block);
    let around = block[..CHECKSUM.start].iter().chain(&block[CHECKSUM.end..]);
    // The checksum counts itself as blanks.
    let sum = around.map(|b| u32::from(*b)).sum::<u32>() + 8 * u32::from(b' ');
    (header.cksum().ok() == Some(sum) && header.entry_size().is_ok()).then_some(header)
}

/// What stands before a header and belongs to it.
#[derive(Default)]
struct Lookahead {
    name: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

pub(super) fn walk<R: Read>(from: &mut Input<R>, visit: Visit<'_>) -> Result<(), Stop> {
    let mut ahead = Lookahead::default();
    let mut ended = false;
    loop {
        let at = from.consumed();
        let block = from.peek(BLOCK)?;
        if block.iter().all(|b| *b == 0) && (ended || block.len() == BLOCK) {
            // Two empty blocks are the end, and more may follow them; one is enough, as for other readers.
            let n = block.len();
            from.consume(n);
            if n < BLOCK {
                return Ok(());
            }
            ended = true;
            continue;
        }
        if block.len() < BLOCK && !ended {
            let detail =
                format!("the tar file ends after {} bytes, without its end marker", at + block.len() as u64);
            return damage(visit, Damage::Cut, detail);
        }
        match header(block).cloned() {
            Some(header) => {
                ended = false; // another tar file behind this one
                from.consume(BLOCK);
                entry(from, &header, &mut ahead, visit)?;
            }
            None => {
                ahead = Lookahead::default();
                if !find_header(from, at, ended, visit)? {
                    return Ok(());
                }
            }
        }
    }
}

/// Passes over what is no header, up to the next one; false when there is none.
fn find_header<R: Read>(
    from: &mut Input<R>,
    start: u64,
    ended: bool,
    visit: Visit<'_>,
) -> Result<bool, Stop> {
    let found = loop {
        let n = from.peek(BLOCK)?.len();
        from.consume(n);
        let next = from.peek(BLOCK)?;
        if next.is_empty() {
            break false;
        }
        if header(next).is_some() {
            break true;
        }
    };
    let passed = from.consumed() - start;
    let (kind, what) = if ended {
        (Damage::Trailing, "bytes that are no tar file follow its end")
    } else {
        (Damage::Corrupt, "a header cannot be read")
    };
    damage(visit, kind, format!("{what}; {passed} bytes passed over, from byte {start} of the tar file on"))?;
    Ok(found)
}

/// What a header announces.
fn entry<R: Read>(
    from: &mut Input<R>,
    header: &Header,
    ahead: &mut Lookahead,
    visit: Visit<'_>,
) -> Result<(), Stop> {
    let stored = header.entry_size()?;
    let kind = header.entry_type();
    if matches!(kind, EntryType::GNULongName | EntryType::XHeader) && stored <= LONGEST {
        let (start, mut bytes) = (from.consumed(), Vec::new());
        ByteRange { from: &mut *from, left: stored }.read_to_end(&mut bytes)?;
        if kind == EntryType::XHeader {
            extend(ahead, &bytes);
        } else {
            let len = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
            bytes.truncate(len);
            ahead.name = Some(bytes);
        }
        skip(from, padded(stored) - (from.consumed() - start))?;
        return Ok(()); // if it is cut off, the next block shows it
    }
    if matches!(
        kind,
        EntryType::GNULongLink | EntryType::XGlobalHeader | EntryType::XHeader | EntryType::GNULongName
    ) {
        skip(from, padded(stored))?;
        return Ok(());
    }
    let Lookahead { name, size, sparse } = std::mem::take(ahead);
    let name = name.map_or_else(|| header.path_bytes(), Cow::Owned);
    let size = size.unwrap_or(stored);
    let start = from.consumed();
    match kind {
        EntryType::Directory => {}
        _ if name.ends_with(b"/") && size == 0 => {} // a directory of old
        EntryType::Link | EntryType::Symlink | EntryType::Char | EntryType::Block | EntryType::Fifo => {
            tell(visit, Found::NotAFile { name: &name })?;
            return Ok(()); // whatever size they give, nothing follows
        }
        EntryType::GNUSparse => closed(&name, visit)?,
        other if sparse || other.as_byte() == b'M' => closed(&name, visit)?,
        other if matches!(other.as_byte(), b'V' | b'D') => {} // a volume's label, a list of names
        // POSIX: what is not known is a file.
        _ => {
            let mut content = ByteRange { from: &mut *from, left: size };
            tell(
                visit,
                Found::Member { name: &name, size: Some(size), stored: size, content: &mut content },
            )?;
        }
    }
    skip(from, padded(size).saturating_sub(from.consumed() - start))?;
    Ok(()) // if something is missing, the next block shows it
}

fn closed(name: &[u8], visit: Visit<'_>) -> Result<(), Stop> {
    tell(
        visit,
        Found::Closed {
            name,
            why: "only a part of the file is in the tar file, or it is stored with its holes left out",
        },
    )
}

/// Takes in an extended header.
fn extend(ahead: &mut Lookahead, bytes: &[u8]) {
    for extension in PaxExtensions::new(bytes).flatten() {
        match extension.key_bytes() {
            b"path" => ahead.name = Some(extension.value_bytes().to_vec()),
            b"size" => ahead.size = extension.value().ok().and_then(|text| text.parse().ok()),
            key => ahead.sparse |= key.starts_with(b"GNU.sparse."),
        }
    }
}

/// A size with the blanks that fill its last block.
fn padded(size: u64) -> u64 {
    size.div_ceil(BLOCK as u64).saturating_mul(BLOCK as u64)
}
