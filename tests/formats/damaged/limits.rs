//! Bombs, large archives and large records: limits hold, in little memory.

use std::fs::{self, File};
use std::io::{self, Write};

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use testkit::{
    LITTLE, accounts, analyze_in, decrypt, document, folder, good, input, places, read_report, state,
    with_memory,
};

use super::{gzip, reject, rejects};

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

/// Under the limit it is a large archive, no more: what lies behind the spaces counts, and no
/// memory is spent on them.
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

/// A tar file of plain files with these contents.
fn tar(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in members {
        let mut header = [0u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        header[148..156].copy_from_slice(b"        ");
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// Levels of containers multiply: 30 files of 1 MiB in each of 30 archives, and that three times
/// deep, are 26 GiB. All that is inside one listed input comes out of one budget.
#[test]
fn nested_containers_do_not_multiply() {
    let member = |n: usize, content: &[u8]| (format!("{n}.gz"), gzip(content));
    let mut content = vec![b' '; 1 << 20];
    for _ in 0..3 {
        content = tar(&(0..30).map(|n| member(n, &content)).collect::<Vec<_>>());
    }
    let bomb = gzip(&content);
    let dir = folder(&[("bomb.tar.gz", &bomb), ("good.json", &good(10))]);
    let limit = 2 << 20;
    let args = ["bomb.tar.gz", "good.json", "--max-archive-bytes", &limit.to_string()];
    let ran = with_memory(LITTLE, dir.path(), &args);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    let (run, inputs, _) = read_report(dir.path());
    assert_eq!(run["totals"]["selected"], 2, "those of the other file");
    let is_inside = |row: &&Value| row["archive"].as_str().is_some_and(|name| name.contains("!/"));
    let decoded: u64 = inputs.iter().filter(is_inside).filter_map(|row| row["content_bytes"].as_u64()).sum();
    let budget = limit + 64 * bomb.len() as u64;
    assert!((limit / 2..=budget).contains(&decoded), "{decoded} bytes were decoded of {budget}");
    let refused = inputs.iter().filter(|row| row["reason"] == "archive_too_large").count();
    assert!(refused > 10, "{refused} members are named as too large");
    // One level alone is no bomb: the members are within the limit.
    let one = tar(&[member(0, &vec![b' '; 1 << 20]), ("a.json".into(), good(10))]);
    let report = analyze_in(folder(&[("one.tar", &one)]).path(), &["one.tar"]);
    assert_eq!(report.run_json()["totals"]["selected"], 2);
}
