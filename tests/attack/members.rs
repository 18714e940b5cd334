//! Compressed files of very many members.

use std::fs;
use std::io::Write;
use std::time::Instant;

use flate2::Compression;
use flate2::write::GzEncoder;
use testkit::{analyze_in, good, state};

use super::{TIME, attack};

/// An archive with two events, as so many gzip members of one byte each.
fn one_byte_members(count: usize) -> Vec<u8> {
    let mut sound = good(10);
    sound.resize(count, b' ');
    let member = |byte: &u8| {
        let mut member = GzEncoder::new(Vec::new(), Compression::fast());
        member.write_all(&[*byte]).unwrap();
        member.finish().unwrap()
    };
    sound.iter().flat_map(member).collect()
}

/// An archive as gzip members of one byte each: a member costs what its bytes cost.
#[test]
fn gzip_members_of_one_byte() {
    let bytes = one_byte_members(100_000);
    let attacked = attack("onebyte.json.gz", &bytes, 0, &[]);
    assert_eq!(state(&attacked.inputs, "onebyte.json.gz"), ("complete", "several_gzip_members"));
    assert_eq!(attacked.inputs[0]["gzip_members"], 100_000);
    assert_eq!(attacked.run["totals"]["selected"], 4);
}

/// The same in an archive so large that it is decoded ahead. Once: a buffer of 256 KiB was cleared
/// for each byte.
#[test]
fn gzip_members_of_one_byte_decoded_ahead() {
    let bytes = one_byte_members(220_000);
    assert!(bytes.len() > 4 << 20);
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("onebyte.json.gz"), bytes).unwrap();
    let since = Instant::now();
    let report = analyze_in(dir.path(), &["--threads", "2", "onebyte.json.gz"]);
    assert_eq!((report.status, report.events().len()), (0, 2), "{}", report.stderr);
    assert!(since.elapsed() < TIME, "{:?}", since.elapsed());
}
