//! Bad input, by the rows of the contract's table: real files through the real program, with the exit status, the accounting, the rejects
//! and the inputs that must come of each. Good records stand around all damage: they must be counted.

#![cfg(unix)]

mod common;
#[path = "../examples/generate/corpus/mod.rs"]
mod corpus;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use common::{
    LITTLE, Ran, Report, analyze, analyze_in, decrypt, document, ended, folder, input, keytrail, run,
    with_memory,
};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    corpus::archive::gzip(bytes, Compression::best())
}

/// A log file with two good events whose ids begin at `first`.
fn good(first: u32) -> Vec<u8> {
    document(&[decrypt(first), decrypt(first + 1)]).into_bytes()
}

/// Class by class; classes not named must be zero. That their sum is the number of records is part of it.
fn accounts(report: &Report, classes: &[(&str, u64)]) {
    let totals = report.run_json()["totals"].clone();
    let mut expected: BTreeMap<&str, u64> =
        totals.as_object().unwrap().keys().map(|class| (class.as_str(), 0)).collect();
    expected.extend(classes.iter().copied());
    expected.insert("records", classes.iter().filter(|(class, _)| *class != "conflicts").map(|c| c.1).sum());
    assert_eq!(totals, json!(expected), "{}", report.stderr);
}

/// Archive, offset and reason of every reject; each must say something for people too.
fn rejects(report: &Report) -> Vec<(String, Option<u64>, String)> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    report
        .rejects()
        .iter()
        .map(|row| {
            assert!(!text(row, "detail").is_empty(), "{row}");
            (text(row, "archive"), row["record_offset"].as_u64(), text(row, "reason"))
        })
        .collect()
}

fn reject(archive: &str, offset: Option<usize>, reason: &str) -> (String, Option<u64>, String) {
    (archive.to_owned(), offset.map(|n| n as u64), reason.to_owned())
}

/// Status and reason of an input.
fn state<'r>(inputs: &'r [Value], archive: &str) -> (&'r str, &'r str) {
    let row = input(inputs, archive);
    (row["status"].as_str().unwrap(), row["reason"].as_str().unwrap_or_default())
}

/// Where each record of a document stands.
fn places(document: &str, records: &[Value]) -> Vec<std::ops::Range<usize>> {
    let place = |record: &Value| {
        let text = record.to_string();
        let start = document.find(&text).unwrap();
        start..start + text.len()
    };
    records.iter().map(place).collect()
}

// ---- every damaged or unusual file the project keeps

#[test]
fn the_kept_files_are_those_the_generator_makes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/damaged");
    let mut expected: Vec<String> =
        corpus::damaged::cases().iter().map(|case| case.file.to_owned()).collect();
    for case in corpus::damaged::cases() {
        assert_eq!(fs::read(folder.join(case.file)).unwrap(), case.bytes, "{}", case.file);
    }
    expected.push("README.md".to_owned());
    expected.sort();
    let found: Vec<String> = common::sorted(&folder)
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn each_kept_file_by_itself() {
    for case in corpus::damaged::cases() {
        let uri = format!("tests/data/damaged/{}", case.file);
        let report = analyze(&[&uri]);
        let inputs = report.inputs();
        assert_eq!(inputs.len(), 1);
        let (status, reason) = state(&inputs, &uri);
        assert_eq!(status, case.status, "{uri}");
        assert_eq!(reason, case.reason, "{uri}");
        for (class, count) in
            [("records", case.records), ("selected", case.selected), ("rejected", case.rejected)]
        {
            assert_eq!(inputs[0][class], count, "{uri}: {class}");
            assert_eq!(report.run_json()["totals"][class], count, "{uri}: {class}");
        }
        assert_eq!(report.events().len() as u64, case.selected, "{uri}");
        assert_eq!(report.rejects().len() as u64, case.rejected, "{uri}");
        assert_eq!(report.status, i32::from(case.status == "partial"), "{uri}: {}", report.stderr);
    }
}

/// The files share events, so only the sums that copies do not change can be told.
#[test]
fn all_kept_files_in_one_run() {
    let report = analyze(&["tests/data/damaged", "--keep-duplicates"]);
    let cases = corpus::damaged::cases();
    let sum = |of: fn(&corpus::damaged::Case) -> u64| cases.iter().map(of).sum::<u64>();
    let totals = report.run_json()["totals"].clone();
    assert_eq!(totals["records"], sum(|case| case.records));
    assert_eq!(totals["rejected"], sum(|case| case.rejected));
    assert_eq!(report.rejects().len() as u64, sum(|case| case.rejected));
    let inputs = report.inputs();
    for case in &cases {
        let (status, reason) = state(&inputs, &format!("tests/data/damaged/{}", case.file));
        assert_eq!(status, case.status, "{}", case.file);
        assert_eq!(reason, case.reason, "{}", case.file);
    }
    assert_eq!(report.status, 1);
}

// ---- truncated or corrupt gzip

/// What must come of a document cut off after `length` bytes of content: the records before the cut, and where the cut one begins.
fn before_the_cut(text: &str, records: &[Value], length: usize) -> (u64, Option<u64>) {
    let places = places(text, records);
    let whole = places.iter().filter(|place| place.end <= length).count() as u64;
    let cut = places.iter().find(|place| place.start < length && length < place.end);
    (whole, cut.map(|place| place.start as u64))
}

/// Files named by where they were cut; every one of them in one run.
fn cut_everywhere(bytes: &[u8]) -> (tempfile::TempDir, Report) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("cut")).unwrap();
    for at in 0..=bytes.len() {
        fs::write(dir.path().join(format!("cut/{at:05}")), &bytes[..at]).unwrap();
    }
    // The files hold the same events.
    let report = analyze_in(dir.path(), &["cut", "--keep-duplicates"]);
    assert_eq!(report.status, 1);
    (dir, report)
}

fn truncated_gzip(text: &str, records: &[Value], bytes: &[u8]) {
    let (_dir, report) = cut_everywhere(bytes);
    let inputs = report.inputs();
    let mut all = rejects(&report).into_iter().peekable();
    let mut length_before = 0;
    let opening = "{\"Records\":[".len();
    for at in 0..=bytes.len() {
        let uri = format!("cut/{at:05}");
        let row = &inputs[at];
        assert_eq!(row["archive"], uri);
        let ours: Vec<_> = std::iter::from_fn(|| all.next_if(|reject| reject.0 == uri)).collect();
        let length = usize::try_from(row["content_bytes"].as_u64().unwrap()).unwrap();
        if at < 2 || at == bytes.len() {
            // Without both magic bytes it is no gzip; whole it is as good as ever.
            let expected = [("skipped", "empty"), ("skipped", "not_json"), ("complete", "")][at.min(2)];
            assert_eq!(state(&inputs[at..=at], &uri), expected, "{uri}");
            assert_eq!(ours, []);
            continue;
        }
        assert_eq!(state(&inputs[at..=at], &uri), ("partial", "gzip_truncated"), "{uri}");
        let (whole, cut) = before_the_cut(text, records, length);
        assert_eq!(row["selected"], whole, "{uri}");
        assert_eq!(row["rejected"], 1, "{uri}");
        assert_eq!(row["records"], whole + 1, "{uri}");
        assert_eq!(ours.len(), 1, "{uri}");
        assert_eq!(ours[0].2, "gzip_truncated");
        if length > opening {
            assert_eq!(ours[0].1, cut, "{uri}");
        }
        assert!(length >= length_before, "{uri}: a longer file gives less");
        length_before = length;
        if at >= bytes.len() - 8 {
            assert_eq!(length, text.len(), "{uri}: only the trailer is missing");
        }
    }
    assert_eq!(all.next(), None);
}

#[test]
fn truncated_gzip_at_every_byte() {
    let records = [decrypt(1), decrypt(2), decrypt(3)];
    let text = document(&records);
    truncated_gzip(&text, &records, &gzip(text.as_bytes()));
}

/// In a stored block every byte of the file is one of the content, so it is known how much must be read.
#[test]
fn truncated_gzip_at_every_byte_of_a_stored_block() {
    let records = [decrypt(1), decrypt(2), decrypt(3)];
    let text = document(&records);
    let bytes = corpus::archive::gzip(text.as_bytes(), Compression::none());
    let head = bytes.len() - 8 - text.len();
    assert_eq!(&bytes[head..head + text.len()], text.as_bytes());
    truncated_gzip(&text, &records, &bytes);
    let (_dir, report) = cut_everywhere(&bytes);
    for (row, at) in report.inputs().iter().zip(0..) {
        let expected = if at < 2 { at } else { usize::clamp(at, head, head + text.len()) - head };
        assert_eq!(row["content_bytes"], expected, "{row}");
    }
}

/// Whichever byte is damaged: the program goes on, says so, and never counts more than there was.
#[test]
fn corrupt_gzip_at_every_byte() {
    let text = document(&[decrypt(1), decrypt(2), decrypt(3)]);
    let bytes = gzip(text.as_bytes());
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("flipped")).unwrap();
    let flipped = |at: usize| {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        damaged
    };
    for at in 0..bytes.len() {
        fs::write(dir.path().join(format!("flipped/{at:05}")), flipped(at)).unwrap();
    }
    let report = analyze_in(dir.path(), &["flipped", "--keep-duplicates"]);
    assert_eq!(report.status, 1);
    for (row, at) in report.inputs().iter().zip(0..) {
        let status = row["status"].as_str().unwrap();
        match at {
            0 | 1 => assert_eq!(status, "skipped", "{row}: no magic number"),
            // Method and flags decide how to read on; time, level and system mean nothing.
            2 | 3 => {}
            4..=9 => assert_eq!(status, "complete", "{row}"),
            // Even where the content does not look like JSON any more: the checksum tells.
            _ => assert_eq!(status, "partial", "{row}"),
        }
        assert!(row["selected"].as_u64().unwrap() <= 3, "{row}");
        assert_eq!(status == "partial", row["rejected"].as_u64().unwrap() > 0, "{row}");
    }
}

#[test]
fn corrupt_gzip_keeps_the_records_before_the_damage() {
    let records: Vec<Value> = (0..400).map(decrypt).collect();
    let text = document(&records);
    let cut = text.len() / 2;
    // Two stored blocks with a marker between them, which is damaged: what comes before must be given out, wherever it is buffered.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(&text.as_bytes()[..cut]).unwrap();
    encoder.flush().unwrap();
    let marker = encoder.get_ref().len() - 4;
    encoder.write_all(&text.as_bytes()[cut..]).unwrap();
    let mut bytes = encoder.finish().unwrap();
    assert_eq!(bytes[marker..marker + 4], [0, 0, 0xff, 0xff]);
    bytes[marker] ^= 0x10;
    let dir = folder(&[("in/a.json.gz", &bytes), ("in/b.json", &good(1000))]);
    let report = analyze_in(dir.path(), &["in"]);
    let (whole, offset) = before_the_cut(&text, &records, cut);
    assert_eq!(report.status, 1);
    accounts(&report, &[("selected", whole + 2), ("rejected", 1)]);
    assert_eq!(
        rejects(&report),
        [reject("in/a.json.gz", offset.map(|n| usize::try_from(n).unwrap()), "gzip_corrupt")]
    );
    assert_eq!(input(&report.inputs(), "in/a.json.gz")["content_bytes"], cut);
}

#[test]
fn truncated_json_at_every_byte() {
    let records = [decrypt(1), decrypt(2), decrypt(3)];
    let text = document(&records);
    let (_dir, report) = cut_everywhere(text.as_bytes());
    let inputs = report.inputs();
    let mut all = rejects(&report).into_iter().peekable();
    let opening = "{\"Records\":[".len();
    for at in 0..=text.len() {
        let uri = format!("cut/{at:05}");
        let row = &inputs[at];
        assert_eq!(row["archive"], uri);
        let ours: Vec<_> = std::iter::from_fn(|| all.next_if(|reject| reject.0 == uri)).collect();
        if at < opening {
            // Nothing in it says CloudTrail yet.
            assert_eq!(row["status"], "skipped", "{uri}");
            assert_eq!(ours, []);
        } else if at == text.len() {
            assert_eq!(state(&inputs[at..=at], &uri), ("complete", ""));
            assert_eq!(ours, []);
        } else {
            let (whole, cut) = before_the_cut(&text, &records, at);
            assert_eq!(state(&inputs[at..=at], &uri), ("partial", "json_truncated"), "{uri}");
            assert_eq!(row["selected"], whole, "{uri}");
            assert_eq!(row["records"], whole + 1, "{uri}");
            assert_eq!(ours, [(uri, cut, "json_truncated".to_owned())]);
        }
    }
}

// ---- bytes after the first gzip member

#[test]
fn further_gzip_members_are_read_and_marked() {
    let text = document(&[decrypt(1), decrypt(2)]);
    let whole = [gzip(text.as_bytes()), gzip(&good(3)), gzip(&good(5))].concat();
    // One stream in two members, cut in the middle of a record: that is one stream still.
    let split = [gzip(&good(7)[..500]), gzip(&good(7)[500..])].concat();
    let dir = folder(&[("in/one", &gzip(&good(9))), ("in/split", &split), ("in/three", &whole)]);
    let report = analyze_in(dir.path(), &["in"]);
    assert_eq!(report.status, 0, "{}", report.stderr);
    accounts(&report, &[("selected", 10)]);
    let inputs = report.inputs();
    assert_eq!(state(&inputs, "in/one"), ("complete", ""));
    assert_eq!(state(&inputs, "in/split"), ("complete", "several_gzip_members"));
    assert_eq!(state(&inputs, "in/three"), ("complete", "several_gzip_members"));
}

#[test]
fn other_bytes_after_the_last_gzip_member_are_a_reject() {
    let compressed = gzip(&good(1));
    for tail in [&b"\0"[..], b"\0\0\0\0\0\0\0\0", b"{\"Records\":[]}", b"\x1f", b"trailing text\n"] {
        let dir = folder(&[("in/a", &[&compressed[..], tail].concat()), ("in/b", &good(3))]);
        let report = analyze_in(dir.path(), &["in"]);
        assert_eq!(report.status, 1);
        accounts(&report, &[("selected", 4), ("rejected", 1)]);
        assert_eq!(rejects(&report), [reject("in/a", None, "trailing_bytes")], "{tail:?}");
    }
}

#[test]
fn a_further_gzip_member_that_is_no_json_is_a_reject() {
    let dir = folder(&[("in/a", &[gzip(&good(1)), gzip(b"no JSON at all\n")].concat()), ("in/b", &good(3))]);
    let report = analyze_in(dir.path(), &["in"]);
    assert_eq!(report.status, 1);
    accounts(&report, &[("selected", 4), ("rejected", 1)]);
    assert_eq!(state(&report.inputs(), "in/a").0, "partial");
}

#[test]
fn a_further_gzip_member_cut_off_is_a_reject() {
    let second = gzip(&good(3));
    let dir = folder(&[("in/a", &[&gzip(&good(1))[..], &second[..second.len() / 2]].concat())]);
    let report = analyze_in(dir.path(), &["in"]);
    assert_eq!(report.status, 1);
    assert_eq!(state(&report.inputs(), "in/a"), ("partial", "gzip_truncated"));
    assert!(report.events().len() >= 2, "the first member was whole");
    assert_eq!(report.rejects().len(), 1);
}

// ---- gzip bomb

fn read_report(dir: &Path) -> (Value, Vec<Value>, Vec<Value>) {
    let report = dir.join("report");
    let run = serde_json::from_slice(&fs::read(report.join("run.json")).unwrap()).unwrap();
    (run, common::rows(&report.join("inputs.parquet")), common::rows(&report.join("rejects.parquet")))
}

/// `mib` MiB of the byte, written without ever holding them.
fn stuff(out: &mut impl Write, byte: u8, mib: usize) -> io::Result<()> {
    let chunk = vec![byte; 1 << 20];
    (0..mib).try_for_each(|_| out.write_all(&chunk))
}

#[test]
fn gzip_bomb_is_cut_off_in_little_memory() {
    let dir = tempfile::tempdir().unwrap();
    let file = File::create(dir.path().join("bomb.json.gz")).unwrap();
    let mut bomb = GzEncoder::new(file, Compression::fast());
    write!(bomb, "{{\"Records\":[{},{},", decrypt(1), decrypt(2)).unwrap();
    stuff(&mut bomb, b' ', 2048).unwrap();
    write!(bomb, "{}]}}", decrypt(3)).unwrap();
    bomb.finish().unwrap();
    fs::write(dir.path().join("good.json"), good(10)).unwrap();

    let limit = 32 << 20;
    let args = ["bomb.json.gz", "good.json", "--max-archive-bytes", &limit.to_string()];
    let ran = with_memory(LITTLE, dir.path(), &args);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    let (run, inputs, rejects) = read_report(dir.path());
    assert_eq!(run["totals"]["selected"], 4, "two before the spaces, two in the other file");
    assert_eq!(run["totals"]["rejected"], 1);
    assert_eq!(state(&inputs, "bomb.json.gz"), ("partial", "archive_too_large"));
    assert_eq!(state(&inputs, "good.json"), ("complete", ""));
    assert_eq!(input(&inputs, "bomb.json.gz")["content_bytes"], limit);
    assert_eq!(rejects[0]["reason"], "archive_too_large");
    assert_eq!(rejects[0]["record_offset"], Value::Null, "the spaces are in no record");
}

/// Under the limit it is a large archive, no more: what lies behind the spaces counts, and no memory is spent on them.
#[test]
fn a_large_archive_is_read_in_little_memory() {
    let dir = tempfile::tempdir().unwrap();
    let file = File::create(dir.path().join("large.json.gz")).unwrap();
    let mut large = GzEncoder::new(file, Compression::fast());
    write!(large, "{{\"Records\":[{},", decrypt(1)).unwrap();
    stuff(&mut large, b'\n', 192).unwrap();
    write!(large, "{}]}}", decrypt(2)).unwrap();
    large.finish().unwrap();
    let ran = with_memory(LITTLE, dir.path(), &["large.json.gz"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let (run, inputs, _) = read_report(dir.path());
    assert_eq!(run["totals"]["selected"], 2);
    assert!(input(&inputs, "large.json.gz")["content_bytes"].as_u64().unwrap() > 192 << 20);
}

#[test]
fn an_archive_of_exactly_the_limit_is_whole() {
    let content = good(1);
    for (over, status, state_of, selected) in
        [(0, 0, ("complete", ""), 2), (1, 1, ("partial", "archive_too_large"), 2)]
    {
        for bytes in [content.clone(), gzip(&content)] {
            let dir = folder(&[("in", &bytes)]);
            let limit = (content.len() - over).to_string();
            let report = analyze_in(dir.path(), &["in", "--max-archive-bytes", &limit]);
            assert_eq!(report.status, status, "{}", report.stderr);
            assert_eq!(state(&report.inputs(), "in"), state_of);
            accounts(&report, &[("selected", selected), ("rejected", over as u64)]);
        }
    }
}

#[test]
fn a_record_over_the_limit_is_a_reject_and_its_neighbours_count() {
    let mut large = decrypt(2);
    large["requestParameters"]["padding"] = "x".repeat(8000).into();
    let records = [decrypt(1), large.clone(), decrypt(3)];
    let text = document(&records);
    let start = places(&text, &records)[1].start;
    let length = large.to_string().len();
    for bytes in [text.clone().into_bytes(), gzip(text.as_bytes())] {
        let dir = folder(&[("in", &bytes)]);
        // Exactly the limit is not over it.
        let report = analyze_in(dir.path(), &["in", "--max-record-bytes", &length.to_string()]);
        assert_eq!(report.status, 0, "{}", report.stderr);
        accounts(&report, &[("selected", 3)]);
        let report = analyze_in(dir.path(), &["in", "--max-record-bytes", &(length - 1).to_string()]);
        assert_eq!(report.status, 1);
        accounts(&report, &[("selected", 2), ("rejected", 1)]);
        assert_eq!(rejects(&report), [reject("in", Some(start), "record_too_large")]);
        assert_eq!(report.rejects()[0]["record_index"], 1);
    }
}

#[test]
fn a_record_far_over_the_limit_takes_little_memory() {
    for (mib, place) in [(50, "document"), (192, "document"), (192, "line"), (192, "other service")] {
        let dir = tempfile::tempdir().unwrap();
        let file = File::create(dir.path().join("in.gz")).unwrap();
        let mut out = GzEncoder::new(file, Compression::fast());
        let source = if place == "other service" { "s3" } else { "kms" };
        let record =
            format!("{{\"eventVersion\":\"1.08\",\"eventSource\":\"{source}.amazonaws.com\",\"x\":\"");
        let (head, between, tail) =
            if place == "line" { ("", "\n", "\n") } else { ("{\"Records\":[", ",", "]}") };
        let before = format!("{head}{}{between}", decrypt(1));
        write!(out, "{before}{record}").unwrap();
        stuff(&mut out, b'y', mib).unwrap();
        write!(out, "\"}}{between}{}{tail}", decrypt(2)).unwrap();
        out.finish().unwrap();
        let ran = with_memory(LITTLE, dir.path(), &["in.gz"]);
        assert_eq!(ran.status, 1, "{mib} MiB in a {place}: {}", ran.stderr);
        let (run, inputs, rejects) = read_report(dir.path());
        assert_eq!(run["totals"]["selected"], 2, "{mib} MiB in a {place}");
        assert_eq!(run["totals"]["rejected"], 1);
        assert_eq!(state(&inputs, "in.gz"), ("partial", "record_too_large"));
        assert_eq!(rejects[0]["record_offset"], before.len());
    }
}

/// An answer or an export may be as long as it likes, and so may the text of one that is broken.
#[test]
fn long_answers_and_exports_take_little_memory() {
    let quoted = |record: &Value| Value::String(record.to_string()).to_string();
    let item = |n| format!("{{\"EventId\":\"{n}\",\"CloudTrailEvent\":{}}}", quoted(&decrypt(n)));
    let line = |n| format!("2024-01-01T00:00:00.000Z {}", decrypt(n));
    let ends = [("{\"Events\":[", ",", "]}"), ("", "\n", "\n")];
    for (large, (head, between, tail)) in
        [(false, ends[0]), (true, ends[0]), (false, ends[1]), (true, ends[1])]
    {
        let dir = tempfile::tempdir().unwrap();
        let file = File::create(dir.path().join("in.gz")).unwrap();
        let mut out = GzEncoder::new(file, Compression::fast());
        let element = |n| if head.is_empty() { line(n) } else { item(n) };
        write!(out, "{head}{}{between}", element(1)).unwrap();
        let (open, close) = match head.is_empty() {
            true => ("2024-01-01T00:00:00.000Z {\"eventName\":\"", "\"}"),
            false => ("{\"CloudTrailEvent\":\"{\\\"eventName\\\":\\\"", "\\\"}\"}"),
        };
        // One of 192 MiB, or a MiB each.
        for _ in 0..if large { 1 } else { 192 } {
            write!(out, "{open}").unwrap();
            stuff(&mut out, b'y', if large { 192 } else { 1 }).unwrap();
            write!(out, "{close}{between}").unwrap();
        }
        write!(out, "{}{tail}", element(2)).unwrap();
        out.finish().unwrap();
        let ran = with_memory(LITTLE, dir.path(), &["in.gz"]);
        assert_eq!(ran.status, i32::from(large), "{}", ran.stderr);
        let (run, ..) = read_report(dir.path());
        let expected = if large { [3, 2, 0, 1] } else { [194, 2, 192, 0] };
        let totals =
            ["records", "selected", "other_source", "rejected"].map(|class| run["totals"][class].clone());
        assert_eq!(totals, expected, "large: {large}, {head:?}");
    }
}

/// Neither a string that never ends nor brackets without end may eat the memory, or the stack.
#[test]
fn content_that_never_closes_takes_little_memory() {
    for filler in [b'y', b'[', b'{', b'\\', b'"'] {
        let dir = tempfile::tempdir().unwrap();
        let file = File::create(dir.path().join("in.gz")).unwrap();
        let mut out = GzEncoder::new(file, Compression::fast());
        let before = format!("{{\"Records\":[{},", decrypt(1));
        write!(out, "{before}{{\"eventSource\":\"kms.amazonaws.com\",\"x\":\"").unwrap();
        stuff(&mut out, filler, 192).unwrap();
        out.finish().unwrap();
        let ran = with_memory(LITTLE, dir.path(), &["in.gz"]);
        assert_eq!(ran.status, 1, "{:?}: {}", char::from(filler), ran.stderr);
        let (run, inputs, _) = read_report(dir.path());
        assert_eq!(run["totals"]["selected"], 1, "{:?}", char::from(filler));
        assert_eq!(input(&inputs, "in.gz")["status"], "partial");
    }
}

// ---- what seems to be something else

/// Five letters that a caller can choose, where tar files have theirs.
#[test]
fn a_word_of_tar_hides_no_archive() {
    let text = format!("{{\"userAgent\":\"{}ustar\",\"Records\":[{}]}}", "x".repeat(257 - 14), decrypt(1));
    assert_eq!(text.find("ustar"), Some(257));
    for bytes in [text.clone().into_bytes(), gzip(text.as_bytes())] {
        let dir = folder(&[("in", &bytes)]);
        let report = analyze_in(dir.path(), &["in"]);
        assert_eq!((report.status, state(&report.inputs(), "in")), (0, ("complete", "")));
        accounts(&report, &[("selected", 1)]);
    }
}

/// What stands before the first brace may be a note, or all that is left of a record: records behind it are not counted, and that is told.
#[test]
fn a_lost_beginning_is_told() {
    let whole = String::from_utf8(good(1)).unwrap();
    let commented = format!("# exported\n{whole}");
    for bytes in [&whole.as_bytes()[100..], commented.as_bytes()] {
        for bytes in [bytes.to_vec(), gzip(bytes)] {
            let dir = folder(&[("in", &bytes)]);
            let report = analyze_in(dir.path(), &["in"]);
            assert_eq!((report.status, state(&report.inputs(), "in")), (0, ("skipped", "broken_start")));
            assert!(report.stderr.contains("Skipped inputs that may hold records: 1."), "{}", report.stderr);
        }
    }
    let dir = folder(&[("in", b"no JSON, and nothing of a record")]);
    let report = analyze_in(dir.path(), &["in"]);
    assert_eq!(state(&report.inputs(), "in"), ("skipped", "not_json"));
    assert!(!report.stderr.contains("Skipped inputs"), "{}", report.stderr);
}

// ---- one bad record among good ones

#[test]
fn one_bad_record_among_good_ones() {
    let texts = |broken: &str| {
        vec![decrypt(1).to_string(), decrypt(2).to_string(), broken.to_owned(), decrypt(3).to_string()]
    };
    let whole = decrypt(9).to_string();
    let without = |name: &str| {
        let mut record = decrypt(9);
        record.as_object_mut().unwrap().remove(name);
        record.to_string()
    };
    let with = |name: &str, value: Value| {
        let mut record = decrypt(9);
        record[name] = value;
        record.to_string()
    };
    let cases = [
        ("json_syntax", whole.replacen(':', " ", 1)),
        ("json_syntax", whole.replacen("null", "nul", 1)),
        ("json_syntax", whole.replacen("null", "NaN", 1)),
        ("json_syntax", whole.replacen("true", "+1", 1)),
        ("json_syntax", format!("{},}}", &whole[..whole.len() - 1])),
        ("json_syntax", whole.replacen("null", "'null'", 1)),
        ("json_syntax", whole.replacen("Decrypt", "Dec\nrypt", 1)),
        ("json_syntax", whole.replacen("Decrypt", "Dec\\xrypt", 1)),
        ("lone_surrogate", whole.replacen("SYMMETRIC", "\\udc00SYMMETRIC", 1)),
        ("lone_surrogate", whole.replacen("SYMMETRIC", "\\ud800\\ud800SYMMETRIC", 1)),
        ("missing_field", without("eventTime")),
        ("missing_field", without("eventName")),
        ("missing_field", with("eventName", json!(["Decrypt"]))),
        ("bad_event_time", with("eventTime", json!("yesterday"))),
        ("bad_event_time", with("eventTime", json!("2024-13-05T10:00:00Z"))),
        ("unsupported_version", with("eventVersion", json!("2.0"))),
    ];
    for (reason, broken) in cases {
        assert_ne!(broken, whole);
        let text = document(&texts(&broken));
        let start = text.find(&broken).unwrap();
        let lines = texts(&broken).join("\n");
        for (shape, content, offset) in
            [("records", text.clone(), start), ("ndjson", lines.clone(), lines.find(&broken).unwrap())]
        {
            if shape == "ndjson" && broken.contains('\n') {
                continue; // it would be two lines
            }
            let dir = folder(&[("in", content.as_bytes())]);
            let report = analyze_in(dir.path(), &["in"]);
            assert_eq!(report.status, 1, "{shape}, {broken}");
            assert_eq!(rejects(&report), [reject("in", Some(offset), reason)], "{shape}, {broken}");
            accounts(&report, &[("selected", 3), ("rejected", 1)]);
            assert_eq!(report.rejects()[0]["record_index"], 2);
            assert_eq!(state(&report.inputs(), "in"), ("partial", reason));
        }
    }
}

// ---- invalid UTF-8, lone surrogates, NUL

#[test]
fn invalid_utf8_lone_surrogates_and_nul_reject_that_record_only() {
    let text = document(&[decrypt(1), decrypt(2), decrypt(3)]);
    let start = places(&text, &[decrypt(2)])[0].start;
    let at = start + decrypt(2).to_string().find("SYMMETRIC").unwrap();
    let with = |bytes: &[u8]| [&text.as_bytes()[..at], bytes, &text.as_bytes()[at..]].concat();
    let rejected: [(&[u8], &str); 7] = [
        (b"\xff", "invalid_utf8"),
        (b"\xc0\xaf", "invalid_utf8"),
        (b"\xed\xa0\x80", "invalid_utf8"), // a surrogate written as UTF-8
        (b"caf\xe9", "invalid_utf8"),
        (b"\xf4\x90\x80\x80", "invalid_utf8"), // beyond the last character
        (b"\\ud83d", "lone_surrogate"),
        (b"a\0b", "json_syntax"),
    ];
    for (bytes, reason) in rejected {
        let dir = folder(&[("in", &with(bytes))]);
        let report = analyze_in(dir.path(), &["in"]);
        assert_eq!(report.status, 1);
        accounts(&report, &[("selected", 2), ("rejected", 1)]);
        assert_eq!(rejects(&report), [reject("in", Some(start), reason)], "{bytes:?}");
    }
    for bytes in [&b"\\ud83d\\ude00"[..], "caf\u{e9} \u{1F600}".as_bytes(), b"\\u0000"] {
        let dir = folder(&[("in", &with(bytes))]);
        let report = analyze_in(dir.path(), &["in"]);
        assert_eq!(report.status, 0, "{bytes:?}: {}", report.stderr);
        accounts(&report, &[("selected", 3)]);
    }
}

// ---- digest files, other JSON, empty files, non-JSON

#[test]
fn what_is_no_archive_is_skipped_and_never_an_event() {
    let utf16 = |text: &str, mark: bool, little: bool| -> Vec<u8> {
        let units = mark.then_some(0xFEFF).into_iter().chain(text.encode_utf16());
        units.flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
    };
    let text = String::from_utf8(good(1)).unwrap();
    let digest = corpus::readme::digest().1.to_string();
    let nested = json!({"detail": decrypt(1), "Records": {"Records": [decrypt(2)]}}).to_string();
    let cases: [(&str, Vec<u8>, &str); 19] = [
        ("digest", digest.clone().into_bytes(), "digest"),
        ("digest.gz", gzip(digest.as_bytes()), "digest"),
        ("empty", Vec::new(), "empty"),
        ("blank", b" \r\n\t\n".to_vec(), "empty"),
        ("empty.gz", gzip(b""), "empty"),
        ("other-object", b"{\"a\":1}".to_vec(), "other_json"),
        ("other-array", b"[1,2,3]".to_vec(), "other_json"),
        ("other-lines", b"{\"a\":1}\n{\"b\":2}\n".to_vec(), "other_json"),
        ("other-nested", nested.into_bytes(), "other_json"),
        ("other-empty-object", b"{}".to_vec(), "other_json"),
        ("text", b"eventSource kms.amazonaws.com\n".to_vec(), "not_json"),
        ("csv", b"eventTime,eventSource\n2024-03-05T10:00:00Z,kms.amazonaws.com\n".to_vec(), "not_json"),
        ("html", b"<html>{\"Records\":[]}</html>".to_vec(), "not_json"),
        ("binary", (0..=255).collect(), "not_json"),
        ("utf16-le", utf16(&text, true, true), "utf16"),
        ("utf16-be", utf16(&text, true, false), "utf16"),
        ("utf16-unmarked", utf16(&text, false, true), "utf16"),
        ("a.bz2", [b"BZh9", text.as_bytes()].concat(), "unsupported_compression"),
        ("a.xz", [b"\xFD7zXZ\0", text.as_bytes()].concat(), "unsupported_compression"),
    ];
    let mut files: Vec<(String, &[u8])> =
        cases.iter().map(|(name, bytes, _)| (format!("in/{name}"), &bytes[..])).collect();
    let logs = good(20);
    files.push(("in/logs.json".to_owned(), &logs));
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    let dir = folder(&files);
    let report = analyze_in(dir.path(), &["in", "--workload", "any", "--event", "any"]);
    // Skipping is no failure to read.
    assert_eq!(report.status, 0, "{}", report.stderr);
    accounts(&report, &[("selected", 2)]);
    assert_eq!(rejects(&report), []);
    let inputs = report.inputs();
    for (name, _, reason) in &cases {
        assert_eq!(state(&inputs, &format!("in/{name}")), ("skipped", *reason), "{name}");
        assert_eq!(input(&inputs, &format!("in/{name}"))["records"], 0, "{name}");
    }
    assert!(report.events().iter().all(|row| row["archive"] == "in/logs.json"));
}

#[test]
fn a_byte_order_mark_does_not_matter() {
    let marked = [b"\xEF\xBB\xBF", &good(1)[..]].concat();
    let dir = folder(&[("in/a", &marked), ("in/b", &gzip(&[b"\xEF\xBB\xBF", &good(3)[..]].concat()))]);
    let report = analyze_in(dir.path(), &["in"]);
    assert_eq!(report.status, 0, "{}", report.stderr);
    accounts(&report, &[("selected", 4)]);
    let start = "\u{feff}{\"Records\":[".len();
    assert_eq!(report.events()[0]["record_offset"], start, "offsets count the mark");
}

// ---- a structural look-alike nested inside another record

#[test]
fn a_look_alike_nested_in_another_record_is_never_counted() {
    let inner = decrypt(50);
    let log = document(&[decrypt(51), decrypt(52)]);
    let host = |parameters: Value| {
        let mut record = decrypt(9);
        record["eventSource"] = "sqs.amazonaws.com".into();
        record["eventName"] = "SendMessage".into();
        record["requestParameters"] = parameters;
        record
    };
    let hosts = [
        host(json!({"Records": [inner, inner]})),
        host(json!({"message": log})),
        host(inner.clone()),
        host(json!([[[inner]], {"Records": {"Records": [inner]}}])),
        host(json!({"text": format!("]}}\n{inner}\n{{\"Records\":[{inner}]}}")})),
    ];
    let kms = {
        let mut record = decrypt(2);
        record["requestParameters"]["encryptionContext"] = json!({"note": log.clone()});
        record["additionalEventData"] = json!({"Records": [inner]});
        record
    };
    let all: Vec<Value> =
        [decrypt(1)].into_iter().chain(hosts.iter().cloned()).chain([kms, decrypt(3)]).collect();
    // Behind the array, too, the document may hold what it likes.
    let text = format!("{},\"other\":{log},\"more\":[{inner}]}}", document(&all).strip_suffix('}').unwrap());
    let lines: Vec<String> = all.iter().map(ToString::to_string).collect();
    let shapes =
        [text, lines.join("\n"), lines.concat(), format!("[{}]", lines.join(",")), document(&all[..])];
    for shape in shapes {
        let dir = folder(&[("in", shape.as_bytes())]);
        let report = analyze_in(dir.path(), &["in", "--workload", "any", "--event", "any"]);
        assert_eq!(report.status, 0, "{shape}");
        accounts(&report, &[("selected", 3), ("other_source", hosts.len() as u64)]);
        let ids: Vec<Value> = report.events().iter().map(|row| row["event_id"].clone()).collect();
        assert_eq!(ids, [1, 2, 3].map(|n| decrypt(n)["eventID"].clone()));
    }
}

// ---- duplicate JSON keys

#[test]
fn of_duplicate_json_keys_the_last_wins_and_it_is_noted_at_debug() {
    let twice = |n: u32, name: &str, first: &str| {
        decrypt(n).to_string().replacen(
            &format!("\"{name}\":"),
            &format!("\"{name}\":{first},\"{name}\":"),
            1,
        )
    };
    let records = [
        twice(1, "eventName", "\"Encrypt\""),
        twice(2, "eventSource", "\"s3.amazonaws.com\""),
        decrypt(3).to_string(),
        // Here the last one is of S3.
        format!(
            "{},\"eventSource\":\"s3.amazonaws.com\"}}",
            decrypt(4).to_string().strip_suffix('}').unwrap()
        ),
    ];
    let text = document(&records);
    let dir = folder(&[("in", text.as_bytes())]);
    let report = analyze_in(dir.path(), &["in", "--log-format", "json", "-vv"]);
    assert_eq!(report.status, 0, "{}", report.stderr);
    accounts(&report, &[("selected", 3), ("other_source", 1)]);
    let noted: Vec<Value> = report
        .stderr
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["level"] == "DEBUG" && message["offset"].is_u64())
        .map(|message| json!([message["archive"], message["offset"]]))
        .collect();
    let at = |record: &str| json!(["in", text.find(record).unwrap()]);
    assert_eq!(noted, [at(&records[0]), at(&records[1]), at(&records[3])], "{}", report.stderr);

    let report = analyze_in(dir.path(), &["in", "--log-format", "json", "-v"]);
    assert!(!report.stderr.contains("DEBUG"), "{}", report.stderr);
}

// ---- unreadable file, vanished object, access denied

fn is_root() -> bool {
    fs::metadata("/proc/self").map_or_else(|_| false, |meta| meta.uid() == 0)
}

#[test]
fn an_unreadable_file_is_said_and_the_others_go_on() {
    let dir = folder(&[("in/a.json", &good(1)), ("in/z.json", &good(3))]);
    let inside = dir.path().join("in");
    // A link to nothing, a link that leads back, a file that opens but cannot be read at its first byte.
    symlink("gone", inside.join("dangling")).unwrap();
    symlink(".", inside.join("loop")).unwrap();
    let mut unreadable = vec!["in/dangling", "in/loop"];
    if Path::new("/proc/self/mem").exists() {
        symlink("/proc/self/mem", inside.join("mem")).unwrap();
        unreadable.push("in/mem");
    }
    // Nothing is forbidden to root, so only others can test what is.
    if !is_root() {
        fs::write(inside.join("locked"), good(5)).unwrap();
        fs::set_permissions(inside.join("locked"), fs::Permissions::from_mode(0o000)).unwrap();
        unreadable.push("in/locked");
    }
    let report = analyze_in(dir.path(), &["in"]);
    assert_eq!(report.status, 1, "{}", report.stderr);
    accounts(&report, &[("selected", 4)]);
    let inputs = report.inputs();
    for uri in &unreadable {
        let (status, reason) = state(&inputs, uri);
        assert_eq!(status, "unreadable", "{uri}");
        assert!(!reason.is_empty(), "{uri}");
        assert!(report.stderr.contains(uri), "{uri} is not named in: {}", report.stderr);
    }
    assert_eq!(inputs.len(), unreadable.len() + 2, "{inputs:#?}");
}

#[test]
fn a_vanished_input_is_said_and_the_others_go_on() {
    let dir = folder(&[("a.json", &good(1)), ("in/b.json", &good(3))]);
    let report = analyze_in(dir.path(), &["a.json", "gone.json", "in", "gone/b.json", "a.json/below"]);
    assert_eq!(report.status, 1);
    accounts(&report, &[("selected", 4)]);
    let inputs = report.inputs();
    for uri in ["gone.json", "gone/b.json", "a.json/below"] {
        assert_eq!(state(&inputs, uri).0, "unreadable");
        assert!(report.stderr.contains(uri), "{}", report.stderr);
    }
    assert_eq!(report.run_json()["inputs"]["unreadable"], 3);
    // With nothing else there is a report all the same, and it says why it is empty.
    let report = analyze_in(dir.path(), &["gone.json"]);
    assert_eq!(report.status, 1);
    accounts(&report, &[]);
}

/// A connection that breaks: the data sent before arrive, then reading fails.
#[test]
fn an_input_that_breaks_in_the_middle_keeps_what_came_before() {
    let records = [decrypt(1), decrypt(2), decrypt(3)];
    let text = document(&records);
    let start = places(&text, &records)[2].start;
    let cut = start + 40;
    for (bytes, offset) in
        [(&text.as_bytes()[..cut], Some(start)), (&text.as_bytes()[..start], None), (&[][..], None)]
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut theirs, _) = listener.accept().unwrap();
        // Closing with something unread resets the connection instead of ending it.
        ours.write_all(b"unread").unwrap();
        theirs.peek(&mut [0]).unwrap();
        theirs.write_all(bytes).unwrap();
        drop(theirs);
        let dir = tempfile::tempdir().unwrap();
        let mut command = keytrail();
        command.current_dir(dir.path()).args(["analyze", "-o", "report", "-"]);
        let ran = run(command.stdin(Stdio::from(OwnedFd::from(ours))));
        assert_eq!(ran.status, 1, "{}", ran.stderr);
        let (run, inputs, rejects) = read_report(dir.path());
        if bytes.is_empty() {
            assert_eq!(state(&inputs, "-").0, "unreadable");
            assert_eq!(run["totals"]["records"], 0);
            continue;
        }
        assert_eq!(run["totals"]["selected"], 2);
        assert_eq!(run["totals"]["rejected"], 1);
        assert_eq!(state(&inputs, "-"), ("partial", "read_error"));
        assert_eq!(rejects[0]["reason"], "read_error");
        assert_eq!(rejects[0]["record_offset"].as_u64(), offset.map(|n| n as u64));
    }
}

fn mkfifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_pipe_inside_a_directory_is_skipped_without_waiting_for_it() {
    let dir = folder(&[("in/a.json", &good(1)), ("in/z.json", &good(3))]);
    mkfifo(&dir.path().join("in/pipe"));
    let mut command = keytrail();
    command.current_dir(dir.path()).args(["analyze", "-q", "-o", "report", "in"]);
    assert_eq!(ended(&mut command.spawn().unwrap()), 0);
    let (run, inputs, _) = read_report(dir.path());
    assert_eq!(run["totals"]["selected"], 4);
    assert_eq!(state(&inputs, "in/pipe"), ("skipped", "not_a_file"));
}

#[test]
fn a_pipe_named_as_input_is_read() {
    for bytes in [good(1), gzip(&good(1))] {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        mkfifo(&pipe);
        let mut command = keytrail();
        command.current_dir(dir.path()).args(["analyze", "-q", "-o", "report", "pipe"]);
        let mut child = command.spawn().unwrap();
        File::options().write(true).open(&pipe).unwrap().write_all(&bytes).unwrap();
        assert_eq!(ended(&mut child), 0);
        let (run, inputs, _) = read_report(dir.path());
        assert_eq!(run["totals"]["selected"], 2);
        assert_eq!(state(&inputs, "pipe"), ("complete", ""));
    }
}

// ---- disk full, output not writable

/// Everything below a folder, with its bytes.
fn everything(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for path in common::sorted(&next) {
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                found.insert(name + "/", Vec::new());
                folders.push(path);
            } else {
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

/// No file may grow past `blocks` (of 512 or 1024 bytes, as the shell likes); the failure comes as an error, as on a full disk, not as a signal.
fn with_small_files(blocks: u32, cwd: &Path, args: &[&str]) -> Ran {
    let program = keytrail();
    let mut shell = Command::new("sh");
    shell
        .current_dir(cwd)
        .args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")])
        .arg(program.get_program())
        .args(args);
    for (name, _) in program.get_envs() {
        shell.env_remove(name);
    }
    run(&mut shell)
}

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sample-logs");

#[test]
fn disk_full_leaves_no_file_of_a_report() {
    let dir = tempfile::tempdir().unwrap();
    let mut failed = 0;
    // Each limit stops another file.
    for blocks in [0, 1, 2, 4, 8] {
        let args = ["analyze", "--workload", "any", "--event", "any", "-o", "report", SAMPLE];
        let ran = with_small_files(blocks, dir.path(), &args);
        assert_eq!(ran.status, 2, "{blocks} blocks: {}", ran.stderr);
        assert!(ran.stderr.starts_with("keytrail: cannot write "), "{}", ran.stderr);
        let left: Vec<String> =
            everything(dir.path()).into_keys().filter(|name| !name.ends_with('/')).collect();
        assert_eq!(left, [""; 0], "{blocks} blocks");
        failed += 1;
    }
    assert_eq!(failed, 5);
}

#[test]
fn disk_full_leaves_the_report_that_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("report");
    let first = run(keytrail().arg("analyze").arg("-o").arg(&report).arg(SAMPLE));
    assert_eq!(first.status, 0, "{}", first.stderr);
    let before = everything(dir.path());
    let args = ["analyze", "--force", "--workload", "any", "--event", "any", "-o", "report", SAMPLE];
    for blocks in [0, 2, 8] {
        let ran = with_small_files(blocks, dir.path(), &args);
        assert_eq!(ran.status, 2, "{}", ran.stderr);
        assert!(everything(dir.path()) == before, "{blocks} blocks: the old report has changed");
    }
}

/// The same with a real file system that is full. Mounting takes root and a kernel that allows it, so this may have nothing to do.
#[test]
fn disk_full_on_a_small_file_system() {
    let dir = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=64k none full || exit 77
        \"$0\" analyze --workload any --event any -o full/report \"$1\"; status=$?
        find full ! -type d; exit $status";
    fs::create_dir(dir.path().join("full")).unwrap();
    let program = keytrail();
    // Its own mount namespace goes away with it.
    let mut command = Command::new("unshare");
    command.current_dir(dir.path()).args(["-m", "sh", "-c", script]).arg(program.get_program()).arg(SAMPLE);
    let ran = match command.output() {
        Ok(output) => output,
        Err(error) => return println!("not tested here: unshare: {error}"),
    };
    let stderr = String::from_utf8_lossy(&ran.stderr);
    if ran.status.code() == Some(77) || stderr.starts_with("unshare:") {
        return println!("not tested here: {stderr}");
    }
    assert_eq!(ran.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("No space left on device"), "{stderr}");
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "", "something was left on the full disk");
}

#[test]
fn disk_full_under_standard_output() {
    for format in ["ndjson", "csv", "table", "parquet", "arrow"] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut command = keytrail();
        command.args(["events", "--format", format, SAMPLE]).stdout(full).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        assert_eq!(ended(&mut child), 2, "{format}");
        let mut stderr = String::new();
        child.stderr.unwrap().read_to_string(&mut stderr).unwrap();
        assert!(stderr.contains("standard output"), "{format}: {stderr}");
    }
}

#[test]
fn output_not_writable() {
    let dir = folder(&[("in.json", &good(1)), ("file", b"not a directory")]);
    for output in ["file", "file/report", "/proc/no-such-directory/report"] {
        let ran = run(keytrail().current_dir(dir.path()).args(["analyze", "-o", output, "in.json"]));
        assert_eq!(ran.status, 2, "{output}: {}", ran.stderr);
        assert!(ran.stderr.contains(output), "{}", ran.stderr);
    }
    assert_eq!(fs::read(dir.path().join("file")).unwrap(), b"not a directory");
    if !is_root() {
        let locked = dir.path().join("locked");
        fs::create_dir(&locked).unwrap();
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
        let ran = run(keytrail().current_dir(dir.path()).args(["analyze", "-o", "locked/report", "in.json"]));
        assert_eq!(ran.status, 2, "{}", ran.stderr);
    }
}

// ---- bad usage

/// Each says which option, and what would do instead.
#[test]
fn invalid_options() {
    let dir = folder(&[("in.json", &good(1)), ("rules.toml", b"[[rule]\n")]);
    let cases: [(&[&str], &[&str]); 24] = [
        (&["--workload", "canvass"], &["--workload", "canvass", "canvas-forecast", "any"]),
        (&["--workload", ""], &["--workload", "empty", "all"]),
        (&["--account", ""], &["--account", "empty", "all"]),
        (&["--event", "decrypt"], &["--event", "Decrypt", "exactly"]),
        (&["--event", "kms:Decrypt"], &["--event", "kms:Decrypt", "Decrypt"]),
        (&["--event", "De crypt"], &["--event", "De crypt"]),
        (&["--since", "yesterday"], &["--since", "yesterday", "2023-03-17", "30d"]),
        (&["--until", "2024-02-30"], &["--until", "2024-02-30", "2023-03-17"]),
        (&["--since", "30x"], &["--since", "30x", "30d"]),
        (&["--since", "2024-03-02", "--until", "2024-03-01"], &["--since", "--until", "2024-03-02"]),
        (&["--since", "2024-03-01", "--until", "2024-03-01"], &["--since", "--until"]),
        (&["--max-record-bytes", "0"], &["--max-record-bytes", "1"]),
        (&["--max-record-bytes", "4MiB"], &["--max-record-bytes", "4MiB"]),
        (&["--max-archive-bytes=-1"], &["--max-archive-bytes", "-1"]),
        (&["--threads", "many"], &["--threads", "many"]),
        (&["--color", "sometimes"], &["--color", "always", "never"]),
        (&["--log-format", "xml"], &["--log-format", "json"]),
        (&["--rules", "no-such.toml"], &["no-such.toml", "No such file"]),
        (&["--rules", "rules.toml"], &["rules.toml", "line 1"]),
        (&["--wrokload", "any"], &["--wrokload", "--workload"]),
        (&["--keep-duplicates=yes"], &["--keep-duplicates"]),
        (&["--account"], &["--account", "<A,...>"]),
        (&["--output", ""], &["--output"]),
        (&["--quiet", "--quiet"], &["--quiet"]),
    ];
    for (args, wanted) in cases {
        let ran = run(keytrail().current_dir(dir.path()).args(["analyze", "in.json"]).args(args));
        assert_eq!(ran.status, 2, "{args:?}: {}", ran.stderr);
        for text in wanted {
            assert!(ran.stderr.contains(text), "{args:?} does not say {text}: {}", ran.stderr);
        }
        assert_eq!(ran.stdout, b"");
    }
    let cases: [(&[&str], &[&str]); 5] = [
        (&["analyze"], &["INPUT", "Usage"]),
        (&["events", "--format", "xml", "in.json"], &["--format", "ndjson", "parquet"]),
        (&["analyse", "in.json"], &["analyse", "analyze"]),
        (&["completions", "cobol"], &["cobol", "bash"]),
        (&[], &["Usage", "analyze", "events"]),
    ];
    for (args, wanted) in cases {
        let ran = run(keytrail().current_dir(dir.path()).args(args));
        assert_eq!(ran.status, 2, "{args:?}: {}", ran.stderr);
        for text in wanted {
            assert!(ran.stderr.contains(text), "{args:?} does not say {text}: {}", ran.stderr);
        }
    }
    assert_eq!(
        everything(dir.path()).keys().collect::<Vec<_>>(),
        ["in.json", "rules.toml"],
        "nothing is written"
    );
}

/// Names and contents come from whoever writes into the bucket: they must not steer the terminal that shows the messages.
#[test]
fn messages_pass_on_no_control_characters() {
    let mut late = decrypt(1);
    late["eventTime"] = "\u{1b}[31mred\u{7}".into();
    let mut version = decrypt(2);
    version["eventVersion"] = "\u{1b}]0;title\u{7}".into();
    let text = document(&[late, version]);
    let dir = folder(&[("in/\u{1b}[2Jname\n.json", text.as_bytes())]);
    for args in [&["in"][..], &["in", "-vv", "--log-format", "json"]] {
        let report = analyze_in(dir.path(), args);
        assert_eq!(report.status, 1);
        let steering: Vec<char> = report.stderr.chars().filter(|c| c.is_control() && *c != '\n').collect();
        assert_eq!(steering, [], "{:?}", report.stderr);
    }
}
