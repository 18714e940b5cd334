//! Large containers and bombs take little memory.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use serde_json::Value;
use testkit::{Ran, binary, decrypt, document, folder, input, state};

/// `keytrail` with so little memory, in KiB, for its data.
fn with_memory(kib: u32, cwd: &Path, args: &[&str]) -> Ran {
    let mut command = Command::new("sh");
    let limited = format!("ulimit -d {kib}; exec \"$@\"");
    command.current_dir(cwd).args(["-c", &limited, "sh", binary().to_str().unwrap()]).args(args);
    testkit::run(command.env("MALLOC_ARENA_MAX", "1"))
}

#[test]
fn large_members_and_bombs_take_little_memory() {
    let dir = tempfile::tempdir().unwrap();
    // 200 MiB of blanks before the records, as a member of a tar file that is itself compressed,
    // and of a zip file.
    let blanks = vec![b' '; 1 << 20];
    let tail = document(&[decrypt(1), decrypt(2)]);
    let size = (200 << 20) + tail.len();
    let mut header = tar::Header::new_ustar();
    header.set_path("large.json").unwrap();
    header.set_size(size as u64);
    header.set_cksum();
    let mut tar =
        zstd::stream::Encoder::new(File::create(dir.path().join("large.tar.zst")).unwrap(), 1).unwrap();
    tar.write_all(header.as_bytes()).unwrap();
    (0..200).for_each(|_| tar.write_all(&blanks).unwrap());
    tar.write_all(tail.as_bytes()).unwrap();
    tar.write_all(&vec![0; size.next_multiple_of(512) - size + 1024]).unwrap();
    tar.finish().unwrap();
    let run = |args: &[&str]| {
        let ran = with_memory(150_000, dir.path(), &[&["analyze", "-o", "out", "--force"], args].concat());
        let totals: Value =
            serde_json::from_slice(&fs::read(dir.path().join("out/run.json")).unwrap()).unwrap();
        (
            ran.status,
            totals["totals"]["selected"].as_u64().unwrap(),
            testkit::rows(&dir.path().join("out/inputs.parquet")),
        )
    };
    let (status, selected, _) = run(&["large.tar.zst"]);
    assert_eq!((status, selected), (0, 2));
    // The limit holds for the container as for what is in it: one cause, and the member that it
    // hits.
    let (status, selected, inputs) = run(&["large.tar.zst", "--max-archive-bytes", "1000000"]);
    assert_eq!((status, selected), (1, 0));
    assert_eq!(state(&inputs, "large.tar.zst"), ("partial", "archive_too_large"));
    assert_eq!(state(&inputs, "large.tar.zst!/large.json"), ("partial", "archive_too_large"));
    // A tar file that is not compressed has no limit, its members have.
    let plain = fs::read(dir.path().join("large.tar.zst")).unwrap();
    fs::write(dir.path().join("large.tar"), zstd::stream::decode_all(&plain[..]).unwrap()).unwrap();
    let (status, selected, inputs) = run(&["large.tar", "--max-archive-bytes", "1000000"]);
    assert_eq!((status, selected), (1, 0));
    assert_eq!(state(&inputs, "large.tar"), ("complete", ""));
    assert_eq!(state(&inputs, "large.tar!/large.json"), ("partial", "archive_too_large"));
}

#[test]
fn a_bomb_in_a_zip_file_stops_at_the_limit() {
    // 1 GiB of blanks in a deflated member.
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::fast());
    let blanks = vec![b' '; 1 << 20];
    (0..1024).for_each(|_| encoder.write_all(&blanks).unwrap());
    let bomb = encoder.finish().unwrap();
    let le = |parts: &[(usize, usize)]| -> Vec<u8> {
        parts.iter().flat_map(|(value, len)| value.to_le_bytes()[..*len].to_vec()).collect()
    };
    let mut bytes = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0".to_vec();
    bytes.extend(le(&[(bomb.len(), 4), (1 << 30, 4), (4, 2), (0, 2)]));
    bytes.extend_from_slice(b"bomb");
    bytes.extend(bomb);
    let dir = folder(&[("bomb.zip", &bytes)]);
    let args = ["analyze", "-o", "out", "bomb.zip", "--max-archive-bytes", "100000000"];
    let ran = with_memory(150_000, dir.path(), &args);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    let inputs = testkit::rows(&dir.path().join("out/inputs.parquet"));
    assert_eq!(state(&inputs, "bomb.zip!/bomb"), ("partial", "archive_too_large"));
    assert_eq!(input(&inputs, "bomb.zip!/bomb")["content_bytes"], 100_000_000);
    assert_eq!(state(&inputs, "bomb.zip"), ("partial", "container_truncated"));
}
