//! CSV files of CloudTrail Lake, written by Python's csv, against the same rows as
//! `get-query-results` gives them.

use std::fs;

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::io::Write;
use testkit::{Report, analyze_in, assert_rows, root};

fn data(file: &str) -> Vec<u8> {
    fs::read(root().join("tests/data").join(file)).unwrap()
}

fn analyze(name: &str, bytes: &[u8], args: &[&str]) -> Report {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(name), bytes).unwrap();
    analyze_in(dir.path(), &[&[name, "--workload", "any", "--event", "any"], args].concat())
}

fn events(report: &Report) -> Vec<Value> {
    let mut rows = report.events();
    for row in &mut rows {
        row.as_object_mut().unwrap().retain(|name, _| !["archive", "record_offset"].contains(&name.as_str()));
    }
    rows.sort_by_key(|row| row.to_string());
    rows
}

/// Status, reason, shape, records, rejected.
fn input(report: &Report) -> Value {
    let row = &report.inputs()[0];
    json!([row["status"], row["reason"], row["shape"], row["records"], row["rejected"]])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn rows_in_csv_give_the_events_of_the_same_rows_in_json() {
    for (csv, rows, shape) in [
        ("lake/result.csv", "shapes/lake-rows.json", "lake_csv"),
        ("lake/result-lossy.csv", "shapes/lake-rows-lossy.json", "lake_csv_lossy"),
    ] {
        let expected = analyze("rows.json", &data(rows), &[]);
        assert!(!events(&expected).is_empty());
        for (name, bytes) in [("result.csv", data(csv)), ("result.csv.gz", gzip(&data(csv)))] {
            let report = analyze(name, &bytes, &[]);
            assert_eq!(report.status, expected.status, "{name}");
            assert_rows(csv, &events(&report), &events(&expected));
            assert_eq!(report.run_json()["totals"], expected.run_json()["totals"]);
            assert_eq!(input(&report)[2], shape);
        }
        // A record's place is its row.
        let (report, text) = (analyze("result.csv", &data(csv), &[]), data(csv));
        for event in report.events() {
            let at = usize::try_from(event["record_offset"].as_u64().unwrap()).unwrap();
            assert!(text[..at].ends_with(b"\n"), "{at}");
        }
    }
}

#[test]
fn what_is_lost_is_said() {
    let report = analyze("result-lossy.csv", &data("lake/result-lossy.csv"), &[]);
    let caveats = report.run_json()["caveats"].to_string();
    assert!(caveats.contains("lossy_inputs"), "{caveats}");
}

/// A row cut off has too few fields, or is not known to be whole when its compression breaks off.
#[test]
fn a_csv_file_cut_off_keeps_the_rows_before_the_cut() {
    let whole = data("lake/result-lossy.csv");
    let rows: Vec<usize> =
        whole.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1).collect();
    let (names, first) = (rows[0], rows[1]);
    for at in (names + 1..first - 40).step_by(37) {
        let report = analyze("result.csv", &whole[..at], &[]);
        assert_eq!(
            input(&report),
            json!(["partial", "csv_syntax", "lake_csv_lossy", 1, 1])
                .as_array()
                .map(|row| {
                    let mut row = row.clone();
                    row[2] = "lake_csv".into(); // no record was put together
                    Value::Array(row)
                })
                .unwrap(),
            "{at}"
        );
        assert_eq!(report.rejects()[0]["record_offset"], names);
    }
    let stored = gzip(&whole);
    for at in (first + 30..whole.len()).step_by(53) {
        // A stored block: so many bytes behind the header are content.
        let report = analyze("result.csv.gz", &stored[..15 + at], &[]);
        assert_eq!(input(&report), json!(["partial", "gzip_truncated", "lake_csv_lossy", 2, 1]), "{at}");
        assert_eq!(report.rejects()[0]["record_offset"], first, "{at}");
    }
}

#[test]
fn bad_rows_are_rejects_and_the_others_count() {
    let good = "kms.amazonaws.com,Decrypt,2024-03-05 10:00:00.000";
    let text = format!(
        "eventsource,eventname,eventtime\n{good}\n{good},more\nfew\n,Decrypt,\n,,\n{}\n{good}\n",
        "x".repeat(3000)
    );
    let mut bytes = text.into_bytes();
    let report = analyze("a.csv", &bytes, &["--max-record-bytes", "2000"]);
    assert_eq!(input(&report), json!(["partial", "csv_syntax", "lake_csv_lossy", 7, 4]));
    let reasons: Vec<Value> = report.rejects().iter().map(|row| row["reason"].clone()).collect();
    assert_eq!(reasons, ["csv_syntax", "csv_syntax", "missing_field", "record_too_large"]);
    assert_eq!(report.run_json()["totals"]["selected"], 2);
    assert_eq!(report.run_json()["totals"]["other_source"], 1); // a row that shows no event
    bytes.extend_from_slice(b"kms.amazonaws.com,D\xFFcrypt,x\n");
    let report = analyze("a.csv", &bytes, &["--max-record-bytes", "2000"]);
    assert_eq!(report.rejects().last().unwrap()["reason"], "invalid_utf8");
}

#[test]
fn the_event_history_of_the_console_is_told() {
    let report = analyze("event_history.csv", &data("lake/event-history.csv"), &[]);
    assert_eq!(report.status, 1);
    assert_eq!(input(&report)[0], "unreadable");
    assert!(report.stderr.contains("download it as JSON"), "{}", report.stderr);
}

/// One name that CloudTrail Lake has, too, does not make a file its own.
#[test]
fn other_csv_files_are_skipped() {
    let report = analyze("a.csv", b"eventid,computer,message\n4624,host,logon\n4634,host,logoff\n", &[]);
    assert_eq!(report.status, 0);
    assert_eq!(input(&report), json!(["skipped", "not_json", "unknown", 0, 0]));
}
