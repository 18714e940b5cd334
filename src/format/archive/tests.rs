use std::io::{self, Read, Write};
use std::ops::ControlFlow;

use super::*;
use crate::format::decode::DecodeError;

mod tar;
mod zip;

/// One line for each item of a walk.
fn lines_of(walk: impl FnOnce(Visitor<'_>) -> Result<(), WalkError>) -> Vec<String> {
    let mut lines = Vec::new();
    let end = walk(&mut |found| {
        lines.push(match found {
            ArchiveItem::Member { name, content, .. } => {
                let (mut bytes, mut buffer) = (Vec::new(), [0; 700]);
                let end = loop {
                    match content.read(&mut buffer) {
                        Ok(0) => break String::new(),
                        Ok(n) => bytes.extend_from_slice(&buffer[..n]),
                        Err(error) => break format!(", then {}", DecodeError::from_read(0, error).detail()),
                    }
                };
                let text = if bytes.len() > 40 { bytes.len().to_string() } else { text(&bytes) };
                format!("{}: {text}{end}", text_of(name))
            }
            ArchiveItem::Unsupported { name, reason } => format!("{} unsupported: {reason}", text_of(name)),
            ArchiveItem::NotAFile { name } => format!("{} is no file", text_of(name)),
            ArchiveItem::Damage { kind, detail } => format!("{kind:?}: {detail}"),
        });
        ControlFlow::Continue(())
    });
    assert!(end.is_ok(), "{end:?}");
    lines
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn text_of(name: &[u8]) -> String {
    if name.len() > 100 { format!("a name of {}", name.len()) } else { text(name) }
}

/// Yields at most `n` bytes at a time.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.1.min(self.0.len()).min(buffer.len());
        buffer[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        Ok(n)
    }
}

fn walk_stream(bytes: &[u8]) -> Vec<String> {
    let kind =
        ArchiveFormat::detect(&bytes[..bytes.len().min(ArchiveFormat::DETECT_BYTES)]).expect("an archive");
    let at_once = lines_of(|visit| walk(kind, bytes, visit));
    for size in [1, 513, 70_000] {
        assert_eq!(lines_of(|visit| walk(kind, Pieces(bytes, size), visit)), at_once, "in pieces of {size}");
    }
    at_once
}

/// Walks a zip file by its directory.
fn walk_directory(bytes: &[u8]) -> Vec<String> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    lines_of(|visit| walk_zip_file(file, visit))
}

#[test]
fn other_bytes_are_not_archives() {
    let records = br#"{"Records":[{"eventName":"Decrypt"}]}"#.repeat(20);
    for bytes in [&records[..512], b"", b"PK", b"PK\x07\x08abcd", &[0; 512], &[b' '; 512]] {
        assert_eq!(ArchiveFormat::detect(bytes), None);
    }
}
