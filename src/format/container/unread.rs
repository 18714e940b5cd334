//! Bytes in which records may be, in forms that are recognised and not read.

use memchr::memmem;

use super::watch::{NameWatch, Watched, has_name};
use crate::format::decode::{
    TextDecoder, TextLayer, inflated, may_be_encoded, may_hold_compressed, may_hold_encoded,
};

/// Length of the shortest text that is looked into.
const MIN_CHARS: usize = 64;
/// Most characters of a text that are decoded.
const MAX_CHARS: usize = 8192;
/// Bytes of a value that are looked at.
const MAX_VALUE: usize = 1 << 20;

const OTHER_FILE: &str = "a file of another format in a text";

/// How the files of formats begin that may hold records: zip, Parquet, Avro, ORC, Arrow, and the
/// records that the Kinesis Producer Library puts together.
const MAGICS: [&[u8]; 6] = [b"PK\x03\x04", b"PAR1", b"Obj\x01", b"ORC", b"ARROW1\0\0", b"\xF3\x89\x9A\xC2"];

/// How the numbers of the bytes of gzip, of a record and of a log file begin.
const NUMBERS: [&[u8]; 3] =
    [b"31,139,8,", b"123,34,101,118,101,110,116,", b"123,34,82,101,99,111,114,100,115,"];

/// Whether records may be in a text or a value of bytes: whether it is worth a search.
pub fn may_hold_records_inside(value: &[u8]) -> bool {
    if std::str::from_utf8(value).is_err() {
        let head = &value[..value.len().min(MAX_CHARS)];
        return value.len() >= MIN_CHARS && (may_hold_compressed(head) || unread_content(value).is_some());
    }
    let last_word = || value.trim_ascii_end().rsplit(u8::is_ascii_whitespace).next().unwrap_or_default();
    has_name(value)
        || value.len() >= MIN_CHARS
            && (may_hold_encoded(value) || may_be_encoded(last_word()) || unread_form(value).is_some())
}

/// What a value or a text holds in which records may be, although none was found.
pub fn unread_form(value: &[u8]) -> Option<&'static str> {
    let value = &value[..value.len().min(MAX_VALUE)];
    if has_mangled_gzip(value) {
        return Some("gzip that was taken for text");
    }
    if [&b"[31,139,8,"[..], b"[31, 139, 8, "].iter().any(|list| memmem::find(value, list).is_some()) {
        return Some("a list of bytes that cannot be decompressed");
    }
    if has_numbered_bytes(value) {
        return Some("an object of the numbers of bytes");
    }
    value.split(|b| matches!(b, b'"' | b'\'' | b' ' | b'\t' | b'\n')).find_map(|text| {
        if NUMBERS.iter().any(|numbers| text.starts_with(numbers)) {
            return Some("the numbers of bytes in a text");
        }
        let len = text.iter().take(MAX_CHARS).take_while(|b| is_base64(**b)).count() / 4 * 4;
        if len < MIN_CHARS {
            return None;
        }
        let mut bytes = text[..len].to_vec();
        let len = TextDecoder::new(TextLayer::Base64).decode_in_place(&mut bytes)?;
        bytes.truncate(len);
        let is_deflate = || inflated(&bytes).is_some_and(|content| begins_like_json(&content));
        unread_content(&bytes).or_else(|| is_deflate().then_some("deflate in a text"))
    })
}

/// Whether there is an object that has the first bytes of gzip or of JSON by their positions: what
/// JavaScript makes of an array of bytes.
fn has_numbered_bytes(value: &[u8]) -> bool {
    const FIRST: [&[u8]; 5] = [b"31,1:139,", b"123,1:34,", b"91,1:123,", b"40,1:181,", b"123,1:10,"];
    memmem::find_iter(value, b"\"0").any(|at| {
        let start = value[at + 2..].iter().take(48).filter(|b| !matches!(b, b'"' | b'\\' | b' ' | b'\n'));
        let start: Vec<u8> = start.copied().collect();
        start.strip_prefix(b":").is_some_and(|rest| FIRST.iter().any(|first| rest.starts_with(first)))
    })
}

/// The same for bytes that were decoded or decompressed.
pub(super) fn unread_content(bytes: &[u8]) -> Option<&'static str> {
    let is_tar = bytes.get(257..262) == Some(b"ustar");
    if is_tar || MAGICS.iter().any(|magic| bytes.starts_with(magic)) {
        return Some(OTHER_FILE);
    }
    let text: Vec<u8> = bytes.iter().copied().take(128).filter(|b| !matches!(b, 0 | 0xFE | 0xFF)).collect();
    let zeros = bytes.iter().take(128).filter(|b| **b == 0).count();
    if zeros >= text.len().saturating_sub(2) && zeros > 0 && begins_like_json(&text) {
        return Some("UTF-16 in a text");
    }
    let mut watch = NameWatch::default();
    watch.feed(bytes);
    watch.may_hold_records(Watched::Prose).then_some("names of members in encoded text")
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte)
}

fn begins_like_json(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let next = |text: &[u8]| text[1..].trim_ascii_start().first().copied();
    match text.first() {
        Some(b'{') => next(text) == Some(b'"'),
        Some(b'[') => matches!(next(text), Some(b'{' | b'[')),
        _ => false,
    }
}

/// Whether there are the first bytes of gzip, decoded as UTF-8 or Latin-1, perhaps with escapes.
fn has_mangled_gzip(value: &[u8]) -> bool {
    const FIRST: [&[u8]; 3] = [b"\\u001f", b"\\u001F", b"\x1F"];
    const SECOND: [&[u8]; 6] =
        [b"\\ufffd", b"\\uFFFD", b"\\u008b", b"\\u008B", "\u{FFFD}".as_bytes(), "\u{8B}".as_bytes()];
    const THIRD: [&[u8]; 3] = [b"\\b", b"\\u0008", b"\x08"];
    let strip = |rest: &'_ [u8], parts: &[&[u8]]| {
        parts.iter().find(|part| rest.starts_with(part)).map(|part| part.len())
    };
    FIRST.iter().any(|first| {
        memmem::find_iter(value, first).any(|at| {
            let rest = &value[at + first.len()..];
            strip(rest, &SECOND).is_some_and(|len| strip(&rest[len..], &THIRD).is_some())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unread_forms_are_recognised() {
        for value in [
            r#"{"a":"\u001f\ufffd\b\u0000"}"#,
            r#"{"a":"\u001f\u008b\u0008"}"#,
            "\u{1F}\u{FFFD}\u{8}",
            r#"{"a":"31,139,8,0,13"}"#,
            r#"{"a":{"0": 31, "1": 139, "2": 8}}"#,
            r#"{"a":{"0":123,"1":34,"2":82}}"#,
            r#"{"a":"{\"0\":31,\"1\":139,\"2\":8}"}"#,
            r#"{"a":"UEsDBBQAAAAAAEp6fF1zMbNs8gMAAPIDAAAJAAAAYS5qc29uLmd6H4sIALzwCmsC/+1X"}"#,
            "x UEFSMRUEFRAVFEwVAhUAEgAACBwEAAAAMS4xMRUAFRIVFiwVChUQFQYVBhw2ACgEMS4x",
            r#"{"a":"ewAiAGUAdgBlAG4AdABWAGUAcgBzAGkAbwBuACIAOgAgACIAMQAuADEAMQAiACwA"}"#,
            r#"{"a":"ZXZlbnRTb3VyY2U9a21zLmFtYXpvbmF3cy5jb20gZXZlbnROYW1lPURlY3J5cHQg"}"#,
        ] {
            assert!(unread_form(value.as_bytes()).is_some(), "{value}");
        }
        for value in [
            r#"{"a":"\u001f\b","b":"\ufffd\b","c":"1,139,8,","d":"31,139"}"#,
            r#"{"a":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a089f86d081884c7d"}"#,
            r#"{"a":"iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAYAAAAf8/9hAAAAAXNSR0IArs4c6QAAAARnQU1BAACx"}"#,
            r#"{"0":1,"1":2,"a":{"0":31}}"#,
            "START RequestId: c0ffee00-0000-4000-8000-000000000101 Version: $LATEST",
        ] {
            assert_eq!(unread_form(value.as_bytes()), None, "{value}");
        }
    }
}
