//! Compressed files of very many members.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use testkit::{good, state};

use super::attack;

/// An archive as gzip members of one byte each: a member costs what its bytes cost.
#[test]
fn gzip_members_of_one_byte() {
    let mut sound = good(10);
    sound.resize(200_000, b' ');
    let bytes: Vec<u8> = sound
        .iter()
        .flat_map(|byte| {
            let mut member = GzEncoder::new(Vec::new(), Compression::fast());
            member.write_all(&[*byte]).unwrap();
            member.finish().unwrap()
        })
        .collect();
    let attacked = attack("onebyte.json.gz", &bytes, 0, &[]);
    assert_eq!(state(&attacked.inputs, "onebyte.json.gz"), ("complete", "several_gzip_members"));
    assert_eq!(attacked.inputs[0]["gzip_members"], sound.len());
    assert_eq!(attacked.run["totals"]["selected"], 4);
}
