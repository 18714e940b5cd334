//! Files that may hold records and do not show it: encrypted, mangled, or in a form that only their
//! first bytes or their names tell.

/// How files begin that are encrypted: by age, by OpenPGP in text, and by OpenSSL.
const ENCRYPTED: [&[u8]; 4] =
    [b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE", b"-----BEGIN PGP MESSAGE", b"Salted__"];
/// gzip and zstd after their bytes were taken for UTF-8 or for Latin-1.
const MANGLED: [&[u8]; 4] = [
    b"\x1F\xEF\xBF\xBD\x08",
    b"\x1F\xC2\x8B\x08",
    b"\x28\xEF\xBF\xBD\x2F\xEF\xBF\xBD",
    b"\x28\xC2\xB5\x2F\xC3\xBD",
];
/// The same without their first byte.
const BEHEADED: [&[u8]; 2] = [b"\x8B\x08", b"\xB5\x2F\xFD"];
/// Names of compressed files.
const EXTENSIONS: [&str; 10] =
    [".gz", ".gzip", ".zst", ".zstd", ".br", ".brotli", ".zz", ".zlib", ".deflate", ".snappy"];
/// How gzip, zstd and JSON begin in hexadecimal digits.
const OPENINGS: [&[u8]; 5] = [b"1f8b", b"28b52ffd", b"7b22", b"7b0a", b"5b7b"];

/// What to say of content that is no JSON and of which these are the first bytes, if it may hold
/// records.
pub(super) fn closed_form(uri: &str, head: &[u8]) -> Option<&'static str> {
    let begins = |openings: &[&[u8]]| openings.iter().any(|opening| head.starts_with(opening));
    let is_named = || EXTENSIONS.iter().any(|end| ends_with(uri, end));
    let is_text = || std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true);
    if begins(&ENCRYPTED) || is_open_pgp(head) {
        return Some("it is encrypted: decrypt it");
    }
    if begins(&MANGLED) {
        return Some("it is compressed data that was taken for text, and is damaged by it: copy it as bytes");
    }
    if begins(&BEHEADED) {
        return Some("it looks like compressed data without its first byte");
    }
    if is_arrow_stream(head) {
        return Some("it is an Arrow stream, which keytrail does not read: export it as Parquet or JSON");
    }
    if is_named() && !is_text() {
        return Some(
            "it is named like a compressed file, and is none that keytrail reads: damaged, or \
                     compressed by another method",
        );
    }
    if head.split(|b| *b == b'\n').any(|line| is_uuencode(line) || is_dump(line)) {
        return Some("it is a file printed as text (uuencode or a hexadecimal dump): decode it");
    }
    None
}

fn ends_with(uri: &str, end: &str) -> bool {
    uri.len().checked_sub(end.len()).and_then(|at| uri.get(at..)).is_some_and(|e| e.eq_ignore_ascii_case(end))
}

/// Whether the first packet is a session key for a public key or for a password (RFC 9580).
fn is_open_pgp(head: &[u8]) -> bool {
    matches!(
        head,
        [0x84, _, 3, ..]
            | [0x85, _, _, 3, ..]
            | [0xC1, _, 3, ..]
            | [0xC1, 0xC0..=0xDF, _, 3, ..]
            | [0x8C | 0xC3, 0x0D | 0x2E, 4..=6, ..]
    )
}

/// Whether the first message of an Arrow stream follows: a mark, and the length of a table of
/// Flatbuffers.
fn is_arrow_stream(head: &[u8]) -> bool {
    let number = |at: usize| head.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let (Some(u32::MAX), Some(length), Some(table)) = (number(0), number(4), number(8)) else { return false };
    length % 8 == 0 && (16..1 << 24).contains(&length) && (4..length).contains(&table)
}

/// Whether the line begins a file in uuencode.
fn is_uuencode(line: &[u8]) -> bool {
    let rest = line.strip_prefix(b"begin ").or_else(|| line.strip_prefix(b"begin-base64 "));
    rest.is_some_and(|rest| {
        let digits = rest.iter().take_while(|b| (b'0'..=b'7').contains(b)).count();
        (3..=4).contains(&digits) && rest.get(digits) == Some(&b' ')
    })
}

/// Whether the line is the first one of a dump (`xxd`, `hexdump -C`) of JSON or of compressed data.
fn is_dump(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"0000000") else { return false };
    let rest = rest.strip_prefix(b"0").unwrap_or(rest);
    let rest = rest.strip_prefix(b":").unwrap_or(rest);
    let digits: Vec<u8> = rest.iter().take(16).filter(|b| **b != b' ').map(u8::to_ascii_lowercase).collect();
    rest.starts_with(b" ") && OPENINGS.iter().any(|opening| digits.starts_with(opening))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_forms_are_told() {
        for (name, head) in [
            ("a", &b"age-encryption.org/v1\n-> X25519"[..]),
            ("a.asc", b"-----BEGIN PGP MESSAGE-----\n"),
            ("a.gpg", b"\x85\x02\x0C\x03\xFA\x11"),
            ("a", b"\x8C\x0D\x04\x09\x03\x02"),
            ("a", "\u{1F}\u{FFFD}\u{8}\0".as_bytes()),
            ("a", "\u{1F}\u{8B}\u{8}\0".as_bytes()),
            ("a", b"\x8B\x08\0\xC9\x22"),
            ("a", b"\xFF\xFF\xFF\xFF\x70\0\0\0\x10\0\0\0\0\0\x0A\0"),
            ("a.BR", b"\x1B\x78\x1A\0\x9C\x05"),
            ("a.json.gz", b"\xED\x9D\x6B\x73"),
            ("a", b"begin 644 x\nM>R)2"),
            ("a", b"00000000: 1f8b 0800 2322"),
            ("a", b"$ hexdump -C x\n00000000  7b 22 52 65"),
        ] {
            assert!(closed_form(name, head).is_some(), "{}", head.escape_ascii());
        }
        for (name, head) in [
            ("a.gz", &b"plain text under another name"[..]),
            ("a.png", b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR"),
            ("a", b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"),
            ("a", b"begin transaction\n"),
            ("a", b"00000000: 8950 4e47"),
            ("a", b""),
        ] {
            assert_eq!(closed_form(name, head), None, "{}", head.escape_ascii());
        }
    }
}
