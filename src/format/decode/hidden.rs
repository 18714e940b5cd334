//! Compressed data that nothing says is there: behind other bytes, inside another layer, or without
//! a header.

use flate2::{Decompress, FlushDecompress};
use memchr::memmem;

use super::encoding::{Encoding, sniff};
use super::text_layer::{TextDecoder, TextLayer};

/// How much content of a deflate stream must come out of the first bytes to be one.
const MIN_INFLATED: u64 = 64;
/// What the files of Avro begin with. Their blocks are compressed.
const AVRO: &[u8] = b"Obj\x01";
/// Where a tar file says that it is one.
const TAR_MAGIC: usize = 257;

/// Whether content that is no text, of which these are the first bytes, may be or hold compressed
/// data. Damage at its beginning, or a frame around it, may have hidden that from [`sniff`].
pub fn may_hold_compressed(head: &[u8]) -> bool {
    let is_known = !matches!(sniff(head), Encoding::Plain) || head.starts_with(AVRO);
    is_known || memmem::find(head, b"\x1F\x8B\x08").is_some() || is_deflate(head) || is_encoded_archive(head)
}

/// Whether content that is damaged, or in no known form, has a text or a list of bytes that may
/// hold records.
pub fn may_hold_encoded(head: &[u8]) -> bool {
    let is_encoded = |part: &[u8]| {
        let digits = part.trim_ascii_start().strip_prefix(b"\\\\x").unwrap_or(part);
        TextLayer::detect(digits).is_some()
    };
    let lists = [&b"[123,34"[..], b"[123, 34", b"[31,139", b"[31, 139"];
    head.split(|b| matches!(b, b'"' | b'\n' | b',')).any(is_encoded)
        || lists.iter().any(|list| memmem::find(head, list).is_some())
}

/// Whether the bytes begin a deflate stream of text.
fn is_deflate(head: &[u8]) -> bool {
    inflated(head).is_some()
}

/// The first text of the deflate stream that the bytes begin; `None` if they begin none of text.
pub fn inflated(head: &[u8]) -> Option<Vec<u8>> {
    let is_text = |bytes: &[u8]| !bytes.iter().any(|b| b.is_ascii_control() && !b.is_ascii_whitespace());
    if head.is_empty() || is_text(&head[..head.len().min(512)]) {
        return None;
    }
    let (mut inflate, mut content) = (Decompress::new(false), vec![0; 4096]);
    let result = inflate.decompress(head, &mut content, FlushDecompress::None);
    content.truncate(usize::try_from(inflate.total_out()).unwrap_or(usize::MAX));
    (result.is_ok() && inflate.total_out() >= MIN_INFLATED && is_text(&content)).then_some(content)
}

/// Whether the bytes are base64 of a tar, zip or Parquet file.
fn is_encoded_archive(head: &[u8]) -> bool {
    let mut bytes = head[..head.len() / 4 * 4].to_vec();
    let decoded = TextDecoder::new(TextLayer::Base64).decode_in_place(&mut bytes);
    let Some(bytes) = decoded.and_then(|len| bytes.get(..len)) else { return false };
    bytes.starts_with(b"PK\x03\x04")
        || bytes.starts_with(b"PAR1")
        || bytes.get(TAR_MAGIC..).is_some_and(|rest| rest.starts_with(b"ustar"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn deflate(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn hidden_texts_are_found() {
        for head in [
            &br#"{"data":"7b225265636f726473223a205b7b226576656e7456657273696f6e22"#[..],
            br#"{"data":"\\x7b225265636f726473223a205b7b226576656e7456657273696f6e22"#,
            br#"{"data":"data:;base64,eyJSZWNvcmRzIjpbey"#,
            br#"{"type":"Buffer","data":[123, 34, 82"#,
        ] {
            assert!(may_hold_encoded(head), "{}", head.escape_ascii());
        }
        assert!(!may_hold_encoded(br#"{"hash":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c"#));
    }

    #[test]
    fn hidden_compression_is_found() {
        let text = "{\"Records\":[{\"eventSource\":\"x\"}]} ".repeat(9);
        let mut binary: Vec<u8> = (0..=255).cycle().take(4096).collect();
        for head in
            [&deflate(text.as_bytes())[..], b"\0\0\x01prefix\x1F\x8B\x08\0", b"Obj\x01\x02", b"BZh91AY"]
        {
            assert!(may_hold_compressed(head), "{}", head.escape_ascii());
        }
        for head in [
            &b""[..],
            b"text",
            text.as_bytes(),
            &binary,
            b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR",
            b"\x7FELF\x02\x01\x01",
        ] {
            assert!(!may_hold_compressed(head), "{}", head.escape_ascii());
        }
        binary.rotate_left(31);
        assert!(!may_hold_compressed(&binary));
    }
}
