//! OCSF's Parquet files, written by pyarrow, against the records that they were made from.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use common::{Report, analyze_in, assert_rows, input, keytrail, rows};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

const ANY: [&str; 4] = ["--workload", "any", "--event", "any"];

fn data(file: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ocsf").join(file)).unwrap()
}

fn analyze(name: &str, bytes: &[u8], args: &[&str]) -> Report {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(name), bytes).unwrap();
    analyze_in(dir.path(), &[&[name], &ANY[..], args].concat())
}

/// Events by their ids, without their places.
fn events(report: &Report) -> Vec<Value> {
    let mut rows = report.events();
    for row in &mut rows {
        row.as_object_mut().unwrap().retain(|name, _| !["archive", "record_offset"].contains(&name.as_str()));
    }
    rows.sort_by_key(|row| (row["event_id"].to_string(), row["recipient_account_id"].to_string()));
    rows
}

fn offsets(report: &Report) -> Vec<u64> {
    let mut offsets: Vec<u64> =
        report.events().iter().map(|row| row["record_offset"].as_u64().unwrap()).collect();
    offsets.sort_unstable();
    offsets
}

#[test]
fn rows_of_ocsf_give_the_events_of_the_records_they_were_made_from() {
    let plain = analyze("records.json", &data("records.json"), &[]);
    let expected = events(&plain);
    assert!(expected.len() > 90);
    let report = analyze("a.parquet", &data("1.1.parquet"), &[]);
    assert_eq!(report.status, 0, "{}", report.stderr);
    assert_rows("events", &events(&report), &expected);
    assert_eq!(report.run_json()["totals"], plain.run_json()["totals"]);
    let inputs = report.inputs();
    let row = input(&inputs, "a.parquet");
    assert_eq!(
        (&row["shape"], &row["status"], &row["records"]),
        (&"ocsf_parquet".into(), &"complete".into(), &98.into())
    );
    assert_eq!(row["compressed_bytes"], data("1.1.parquet").len());
    // A record's place is its row: all but that of the one that is no use of a key.
    let places = offsets(&report);
    assert_eq!((places.len(), places[0], places[96]), (97, 0, 97));
}

/// The older source keeps neither parameters nor answers: what is missing is null, and the shape says so.
#[test]
fn what_the_older_source_has_lost_is_null() {
    let full = events(&analyze("records.json", &data("records.json"), &[]));
    let report = analyze("older.gz.parquet", &data("older.gz.parquet"), &[]);
    assert_eq!(input(&report.inputs(), "older.gz.parquet")["shape"], "ocsf_parquet_lossy");
    let lossy = events(&report);
    assert_eq!(lossy.len(), full.len());
    let mut lost = BTreeSet::new();
    for (lossy, full) in lossy.iter().zip(&full) {
        for (column, value) in lossy.as_object().unwrap() {
            if *value != full[column] {
                lost.insert(column.clone());
                // Nothing is invented: what is not as it was is missing, or says less.
                let says_less = ["key_origin", "workload", "workload_strength", "workload_rules"];
                assert!(value.is_null() || says_less.contains(&column.as_str()), "{column}: {value}");
            }
        }
    }
    assert!(lost.contains("encryption_context") && lost.contains("tls_version"));
    for kept in [
        "event_time",
        "event_id",
        "principal",
        "session_name",
        "source_ip",
        "outcome",
        "error_message",
        "read_only",
    ] {
        assert!(!lost.contains(kept), "{kept}");
    }
}

#[test]
fn through_a_pipe_and_in_containers_the_same_comes_out() {
    let bytes = data("1.1.parquet");
    let expected = events(&analyze("a.parquet", &bytes, &[]));
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("report");
    let mut child = keytrail()
        .arg("analyze")
        .args(ANY)
        .arg("-o")
        .arg(&out)
        .arg("-")
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(rows(&out.join("inputs.parquet"))[0]["selected"], 97);
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    builder.append_data(&mut header, "in/a.parquet", &bytes[..]).unwrap();
    let packed = zstd::bulk::compress(&builder.into_inner().unwrap(), 1).unwrap();
    let report = analyze("a.tar.zst", &packed, &["--hash"]);
    assert_rows("events", &events(&report), &expected);
    let inputs = report.inputs();
    let row = input(&inputs, "a.tar.zst!/in/a.parquet");
    assert_eq!((&row["shape"], &row["status"]), (&"ocsf_parquet".into(), &"complete".into()));
    assert_eq!(row["content_sha256"].as_str().unwrap().len(), 64);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 1).unwrap()
}

/// `(name in the file, bytes)` as a zip file whose member is stored.
fn zip(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut packed);
    let (mut entry, config) = archive.new_file(name).start().unwrap();
    let mut data = config.wrap(&mut entry);
    data.write_all(bytes).unwrap();
    let (_, descriptor) = data.finish().unwrap();
    entry.finish(descriptor).unwrap();
    archive.finish().unwrap();
    packed
}

/// However it is compressed, and what is told of it are the bytes that are stored and those that they come to.
#[test]
fn compressed_files_are_read_and_measured_as_they_are_stored() {
    let bytes = data("1.1.parquet");
    let plain = analyze("a.parquet", &bytes, &["--hash"]);
    let expected = events(&plain);
    let (front, back) = bytes.split_at(1000);
    for (name, stored, members) in [
        ("a.parquet.gz", gzip(&bytes), 1),
        ("two.parquet.gz", [gzip(front), gzip(back)].concat(), 2),
        ("a.parquet.zst", zstd(&bytes), 0),
    ] {
        let report = analyze(name, &stored, &["--hash"]);
        assert_eq!(report.status, 0, "{name}: {}", report.stderr);
        assert_rows(name, &events(&report), &expected);
        let inputs = report.inputs();
        let row = input(&inputs, name);
        assert_eq!(row["compressed_bytes"], stored.len(), "{name}");
        assert_eq!(row["content_bytes"], bytes.len(), "{name}");
        assert_eq!(row["gzip_members"], members, "{name}");
        assert_eq!(row["content_sha256"], plain.inputs()[0]["content_sha256"], "{name}");
        assert_eq!(report.run_json()["bytes"]["compressed"], stored.len(), "{name}");
    }
    let report = analyze("a.zip", &zip("a.parquet.gz", &gzip(&bytes)), &[]);
    assert_rows("zip", &events(&report), &expected);
    // What is skipped has been read, too, and so has what breaks off.
    let stored = gzip(&data("other.parquet"));
    let report = analyze("other.parquet.gz", &stored, &[]);
    let row = &report.inputs()[0];
    assert_eq!(
        (&row["reason"], &row["compressed_bytes"], &row["gzip_members"]),
        (&"parquet".into(), &stored.len().into(), &1.into())
    );
    let cut = &gzip(&bytes)[..2000];
    let report = analyze("cut.parquet.gz", cut, &[]);
    let row = &report.inputs()[0];
    assert_eq!(
        (&row["reason"], &row["compressed_bytes"], &row["gzip_members"]),
        (&"gzip_truncated".into(), &cut.len().into(), &1.into())
    );
}

#[test]
fn other_parquet_files_are_skipped() {
    let report = analyze("other.parquet", &data("other.parquet"), &[]);
    assert_eq!(report.status, 0);
    let inputs = report.inputs();
    assert_eq!((&inputs[0]["status"], &inputs[0]["reason"]), (&"skipped".into(), &"parquet".into()));
}

/// A Parquet file says at its end where everything is: without its end, nothing of it can be read.
#[test]
fn a_parquet_file_cut_off_is_a_reject() {
    let bytes = data("1.1.parquet");
    for at in [4, 5, 1000, bytes.len() / 2, bytes.len() - 1] {
        let report = analyze("a.parquet", &bytes[..at], &[]);
        assert_eq!(report.status, 1, "{at}");
        let inputs = report.inputs();
        assert_eq!(
            (&inputs[0]["status"], &inputs[0]["reason"]),
            (&"partial".into(), &"parquet_corrupt".into())
        );
        assert_eq!((&inputs[0]["records"], &inputs[0]["rejected"]), (&1.into(), &1.into()));
    }
}

/// Damage in a row group costs its rows, from the damaged ones on, and says which.
#[test]
fn damage_in_a_row_group_costs_that_group() {
    let bytes = data("1.1.parquet");
    let mut damaged = 0;
    for at in (4..bytes.len() - 8).step_by(bytes.len() / 120) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x55;
        let report = analyze("a.parquet", &bytes, &[]);
        assert!(report.status <= 1, "{at}: {}", report.stderr);
        let inputs = report.inputs();
        let (selected, rejected) =
            (inputs[0]["selected"].as_u64().unwrap(), inputs[0]["rejected"].as_u64().unwrap());
        assert!(selected <= 97, "{at}");
        if inputs[0]["reason"] == "parquet_corrupt" {
            damaged += 1;
            assert!(
                rejected >= 1 && report.rejects()[0]["detail"].as_str().unwrap().contains("cannot be read")
            );
        }
    }
    assert!(damaged > 60, "{damaged}");
}

/// Damage at which the reader of Parquet panics costs rows, and not the run.
#[test]
fn damage_that_the_reader_does_not_expect_is_a_reject() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.parquet"), data("negative-length.parquet")).unwrap();
    fs::write(dir.path().join("b.parquet"), data("1.1.parquet")).unwrap();
    let report = analyze_in(dir.path(), &[&["."], &ANY[..], &["--keep-duplicates"]].concat());
    assert_eq!(report.status, 1);
    let inputs = report.inputs();
    assert_eq!(input(&inputs, "a.parquet")["reason"], "parquet_corrupt");
    assert_eq!(input(&inputs, "b.parquet")["selected"], 97);
    // It is told as damage, and not as a fault of the program.
    assert!(!report.stderr.contains("panicked"), "{}", report.stderr);
    let report = analyze_in(dir.path(), &[&["a.parquet", "-q"], &ANY[..]].concat());
    assert_eq!((report.status, report.stderr.as_str()), (1, ""));
}

#[test]
fn limits_hold_for_rows_and_for_files() {
    let bytes = data("1.1.parquet");
    let report = analyze("a.parquet", &bytes, &["--max-archive-bytes", "1000"]);
    assert_eq!(report.inputs()[0]["reason"], "archive_too_large");
    let report = analyze("a.parquet", &bytes, &["--max-record-bytes", "1200"]);
    let inputs = report.inputs();
    assert_eq!((&inputs[0]["reason"], &inputs[0]["records"]), (&"record_too_large".into(), &98.into()));
    assert!(inputs[0]["rejected"].as_u64().unwrap() > 1 && inputs[0]["selected"].as_u64().unwrap() > 1);
}
