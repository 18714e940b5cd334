//! zip in a stream: by the headers before the members, as far as they tell. What cannot be read backwards has to be read so, and what has lost its
//! directory. (`directory` reads files by their directories.)

use std::cell::Cell;
use std::io::{BufRead, Read};

use memchr::memmem;

use super::member::{ByteRange, Checked, Described, Inflated, skip};
use super::{Damage, Found, Stop, Visit, damage, tell};
use crate::format::decode::{Content, Input};

const MEMBER: [u8; 4] = *b"PK\x03\x04";
const DIRECTORY: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const END_64: [u8; 4] = *b"PK\x06\x06";
const LOCATOR_64: [u8; 4] = *b"PK\x06\x07";
const SIGNATURE: [u8; 4] = *b"PK\x05\x05";
const DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";
/// Bytes of a member's header before its name.
const HEADER: usize = 30;
/// Bytes searched at a time.
const LOOK: usize = 64 << 10;

/// Method numbers of APPNOTE 4.4.5.
pub(super) const STORED: u16 = 0;
pub(super) const DEFLATED: u16 = 8;
pub(super) const ZSTD: u16 = 93;
const AES: u16 = 99;

/// Whether a zip file begins so.
pub(super) fn begins(first: &[u8]) -> bool {
    first.starts_with(&MEMBER)
        || first.starts_with(&END)
        // A file that could have been several says so before its first member.
        || first.starts_with(&DESCRIPTOR) && first.get(4..8) == Some(&MEMBER[..])
}

pub(super) fn walk<R: Read>(from: &mut Input<R>, visit: Visit<'_>) -> Result<(), Stop> {
    loop {
        let at = from.consumed();
        let next = from.peek(4)?;
        match next.first_chunk() {
            Some(&MEMBER) => {
                if !member(from, visit)? {
                    return cut(from, visit);
                }
            }
            Some(&DESCRIPTOR) if at == 0 => from.consume(4),
            Some(&(DIRECTORY | END | END_64)) => {
                if !directory(from, visit)? || from.peek(1)?.is_empty() {
                    return Ok(());
                }
                // Another zip file behind this one, or nothing that belongs here.
                if !from.peek(4)?.starts_with(&MEMBER) {
                    let start = from.consumed();
                    let n = u64::MAX - skip(from, u64::MAX)?;
                    let detail = format!("{n} bytes follow its end, from byte {start} of the zip file on");
                    return damage(visit, Damage::Trailing, detail);
                }
            }
            Some(_) => {
                if !find_header(from, visit)? {
                    return Ok(());
                }
            }
            None => return cut(from, visit),
        }
    }
}

fn cut<R: Read>(from: &Input<R>, visit: Visit<'_>) -> Result<(), Stop> {
    let detail =
        format!("the zip file ends after {} bytes, without the end of its directory", from.consumed());
    damage(visit, Damage::Cut, detail)
}

/// Passes over what is no header, up to the next one; false when there is none.
fn find_header<R: Read>(from: &mut Input<R>, visit: Visit<'_>) -> Result<bool, Stop> {
    let start = from.consumed();
    let found = loop {
        let window = from.peek(LOOK)?;
        if window.is_empty() {
            break false;
        }
        let headers = memmem::find_iter(window, b"PK").find(|at| is_header(&window[*at..]));
        let last = window.len() < LOOK;
        let n = headers.unwrap_or(if last { window.len() } else { window.len() - HEADER });
        from.consume(n);
        if headers.is_some() {
            break true;
        }
    };
    let passed = from.consumed() - start;
    let detail =
        format!("a header cannot be read; {passed} bytes passed over, from byte {start} of the zip file on");
    damage(visit, Damage::Corrupt, detail)?;
    Ok(found)
}

/// Whether this is a header indeed, and not two letters in a member's content.
fn is_header(bytes: &[u8]) -> bool {
    let short = |at: usize| bytes.get(at..at + 2)?.first_chunk().map(|b| u16::from_le_bytes(*b));
    // Versions go to 6.3; a name has a length.
    let version = |at: usize| short(at).is_some_and(|v| v & 0xFF <= 63);
    match bytes.first_chunk() {
        Some(&MEMBER) => version(4) && matches!(short(8), Some(0..=20 | 93..=99)) && short(26) > Some(0),
        Some(&DIRECTORY) => version(6) && short(28) > Some(0),
        Some(&END) => bytes.len() >= 22,
        _ => false,
    }
}

/// A member, from its header to the next one; false when the file ends inside.
fn member<R: Read>(from: &mut Input<R>, visit: Visit<'_>) -> Result<bool, Stop> {
    let Some(fixed) = from.peek(HEADER)?.first_chunk::<HEADER>().copied() else { return Ok(false) };
    let short = |at: usize| u16::from_le_bytes([fixed[at], fixed[at + 1]]);
    let long = |at: usize| u32::from_le_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
    from.consume(HEADER);
    let (flags, method) = (short(6), short(8));
    let (name_len, extra_len) = (usize::from(short(26)), usize::from(short(28)));
    let mut name = from.peek(name_len)?.to_vec();
    name.truncate(name_len);
    from.consume(name.len());
    let extra = from.peek(extra_len)?.to_vec();
    from.consume(extra.len());
    if name.len() < name_len || extra.len() < extra_len {
        return Ok(false);
    }
    let (size, stored) = sizes(long(22), long(18), &extra);
    let described = flags & 8 != 0;
    let start = from.consumed();
    let length = (!described || stored > 0).then_some(stored);
    let checksum = Cell::new(length.map(|_| long(14)).filter(|sum| !described || *sum != 0));
    let is_directory = name.ends_with(b"/") && stored == 0;
    if let Some(why) = closed(flags, method) {
        tell(visit, Found::Closed { name: &name, why })?;
    } else if !is_directory {
        let size = (!described || size > 0).then_some(size);
        match length {
            Some(left) => hand_out(
                ByteRange { from: &mut *from, left },
                &name,
                (size, stored, method),
                &checksum,
                visit,
            )?,
            None => {
                let bytes = Described { from: &mut *from, given: 0, checksum: &checksum };
                hand_out(bytes, &name, (size, stored, method), &checksum, visit)?;
            }
        }
    }
    let given = from.consumed() - start;
    match length {
        Some(length) => {
            if skip(from, length.saturating_sub(given))? > 0 {
                return Ok(false);
            }
            if described {
                pass_descriptor(from)?;
            }
        }
        // An encrypted member was not asked for its bytes, another may not have been read to its end.
        None if checksum.get().is_none() => {
            let mut rest = Described { from: &mut *from, given, checksum: &checksum };
            if std::io::copy(&mut rest, &mut std::io::sink()).is_err() {
                return Ok(false);
            }
        }
        None => {}
    }
    Ok(true)
}

/// Why a member with these flags and this method cannot be read.
pub(super) fn closed(flags: u16, method: u16) -> Option<&'static str> {
    const ENCRYPTED: u16 = 0x2041; // as a whole, strongly, or its header too
    if flags & ENCRYPTED != 0 || method == AES {
        return Some("the file is encrypted");
    }
    (!matches!(method, STORED | DEFLATED | ZSTD))
        .then_some("the file is compressed in a way that is not supported (only deflate and zstd are)")
}

/// Has `visit` read a member.
pub(super) fn hand_out(
    bytes: impl Read,
    name: &[u8],
    (size, stored, method): (Option<u64>, u64, u16),
    checksum: &Cell<Option<u32>>,
    visit: Visit<'_>,
) -> Result<(), Stop> {
    if method == DEFLATED {
        // However much it may come to: whoever reads it has a limit.
        let content = &mut Checked::new(Inflated(Content::deflated(bytes, u64::MAX)), checksum);
        return tell(visit, Found::Member { name, size, stored, content });
    }
    if method == ZSTD {
        let content = Content::new(bytes, None, u64::MAX, false, &mut Default::default())?;
        return tell(
            visit,
            Found::Member { name, size, stored, content: &mut Checked::new(Inflated(content), checksum) },
        );
    }
    tell(visit, Found::Member { name, size, stored, content: &mut Checked::new(bytes, checksum) })
}

/// Size and stored size, from the extension for large files where the header leaves them to it.
fn sizes(size: u32, stored: u32, mut extra: &[u8]) -> (u64, u64) {
    let (mut size, mut stored) = (u64::from(size), u64::from(stored));
    const ELSEWHERE: u64 = u32::MAX as u64;
    while let [a, b, c, d, rest @ ..] = extra {
        let (id, len) = (u16::from_le_bytes([*a, *b]), usize::from(u16::from_le_bytes([*c, *d])));
        let Some((field, behind)) = rest.split_at_checked(len) else { break };
        if id == 1 {
            let mut numbers =
                field.chunks_exact(8).filter_map(|n| n.first_chunk()).map(|n| u64::from_le_bytes(*n));
            for value in [&mut size, &mut stored] {
                if *value == ELSEWHERE {
                    *value = numbers.next().unwrap_or(*value);
                }
            }
        }
        extra = behind;
    }
    (size, stored)
}

/// Passes over the data descriptor of a member whose length was known without it. It may come with or without its own signature, and with sizes
/// of 32 or 64 bits: the header behind it tells.
fn pass_descriptor<R: Read>(from: &mut Input<R>) -> Result<(), Stop> {
    let next = from.peek(24 + 2)?;
    let signed = next.starts_with(&DESCRIPTOR);
    let lengths = if signed { [16, 24] } else { [12, 20] };
    let length = lengths.into_iter().find(|n| next.get(*n..*n + 2) == Some(b"PK"));
    if let Some(n) = length {
        from.consume(n);
    }
    Ok(())
}

/// The directory, to its end: everything before it has been read, but only its end shows that nothing is missing. False when it cannot be read.
fn directory<R: Read>(from: &mut Input<R>, visit: Visit<'_>) -> Result<bool, Stop> {
    loop {
        let next = from.peek(46)?;
        let short =
            |at: usize| u64::from(next.get(at..at + 2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]])));
        let length = match next.first_chunk() {
            None => return cut(from, visit).map(|()| false),
            Some(&DIRECTORY) => 46 + short(28) + short(30) + short(32),
            Some(&END_64) => 12u64.saturating_add(
                next.get(4..12).and_then(|b| b.first_chunk()).map_or(0, |b| u64::from_le_bytes(*b)),
            ),
            Some(&LOCATOR_64) => 20,
            Some(&SIGNATURE) => 6 + short(4),
            Some(&END) => {
                let whole = next.len() >= 22;
                let length = 22 + short(20);
                let missing = skip(from, length)?;
                return if whole && missing == 0 { Ok(true) } else { cut(from, visit).map(|()| false) };
            }
            Some(_) => {
                let detail =
                    format!("the directory cannot be read from byte {} of the zip file on", from.consumed());
                return damage(visit, Damage::Corrupt, detail).map(|()| false);
            }
        };
        if skip(from, length)? > 0 {
            return cut(from, visit).map(|()| false);
        }
    }
}
