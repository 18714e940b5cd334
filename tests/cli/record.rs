//! `keytrail record`: the record behind a row, from wherever it is.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use testkit::{Ran, decrypt, document, folder, gzip, keytrail, names, places, root, run};

use crate::{events, text};

fn record(args: &[&str]) -> Ran {
    run(keytrail().current_dir(root()).arg("record").args(args))
}

fn id(record: &Value) -> Option<&str> {
    let members = record.as_object()?;
    members.iter().find(|(name, _)| name.eq_ignore_ascii_case("eventid"))?.1.as_str()
}

/// One event of every archive of the test data: in zip and tar files, in all shapes, and in tables.
#[test]
fn every_row_leads_to_its_record() {
    let data = ["tests/data/containers", "tests/data/shapes", "tests/data/lake", "tests/data/envelopes"];
    let printed = run(keytrail()
        .current_dir(root())
        .args(["events", "-q", "--workload", "any", "--event", "any", "--keep-duplicates", "--no-learn"])
        .args(data))
    .stdout;
    let mut by_archive = BTreeMap::new();
    for line in text(&printed).lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        by_archive.insert(row["archive"].as_str().unwrap().to_owned(), row);
    }
    assert!(by_archive.len() > 30, "{}", by_archive.len());
    assert!(by_archive.keys().any(|name| name.contains("zip!/")));
    assert!(by_archive.keys().any(|name| name.contains(".tar.zst!/")));
    for (archive, row) in by_archive {
        let place = format!("{archive}@{}", row["record_offset"]);
        let ran = record(&[&place]);
        assert!(ran.stderr.starts_with(&format!("{place}\n")), "{place}: {}", ran.stderr);
        let found: Vec<Value> =
            serde_json::Deserializer::from_slice(&ran.stdout).into_iter().map(Result::unwrap).collect();
        let wanted = row["event_id"].as_str();
        assert!(found.iter().any(|record| id(record) == wanted), "{place}: {wanted:?} {found:?}");
    }
}

/// A report names the archives of its events: only these are read.
#[test]
fn a_report_leads_to_the_archives() {
    let dir = folder(&[
        ("a.json", document(&[decrypt(1)]).as_bytes()),
        ("b.json", document(&[decrypt(2), decrypt(2)]).as_bytes()),
    ]);
    let run_in = |args: &[&str]| run(keytrail().current_dir(dir.path()).args(args));
    let ids = [1, 2].map(|n| decrypt(n)["eventID"].as_str().unwrap().to_owned());
    let analyzed = run_in(&["analyze", "-q", "-o", "report", "a.json", "b.json"]);
    assert_eq!(analyzed.status, 0, "{}", analyzed.stderr);
    for (id, archive) in ids.iter().zip(["a.json", "b.json"]) {
        let (of_report, of_archive) = (run_in(&["record", id, "report"]), run_in(&["record", id, archive]));
        assert_eq!(of_report.status, 0, "{}", of_report.stderr);
        assert_eq!(text(&of_report.stdout), text(&of_archive.stdout));
        assert!(of_report.stderr.starts_with(&format!("{archive}@")), "{}", of_report.stderr);
    }
    let none = run_in(&["record", "no-such-id", "report"]);
    assert_eq!(none.status, 2);
    assert!(none.stderr.contains("the report has no event no-such-id"), "{}", none.stderr);
    assert!(none.stderr.contains("a.json b.json"), "{}", none.stderr);
}

/// Copies are all printed, each with its place, and other services' records are found, too.
#[test]
fn all_records_of_an_id_are_printed() {
    let other = json!({"eventID": "s3-1", "eventSource": "s3.amazonaws.com", "eventName": "GetObject"});
    let records = [decrypt(1), other.clone(), decrypt(2)];
    let one = document(&records);
    let two = document(&[decrypt(2)]);
    let dir = folder(&[("a.json", one.as_bytes()), ("b.json.gz", &gzip(two.as_bytes()))]);
    let at = places(&one, &records)[2].start;
    for threads in ["1", "4"] {
        let id = "00000000-0000-4000-8000-000000000002";
        let ran =
            run(keytrail().current_dir(dir.path()).args(["record", id, "--threads", threads, "a.json", "."]));
        assert_eq!((ran.status, &*ran.stderr), (0, &*format!("a.json@{at}\nb.json.gz@12\n")));
        let pretty = format!("{:#}\n", decrypt(2));
        assert_eq!(text(&ran.stdout), pretty.repeat(2));
    }
    let ran = run(keytrail().current_dir(dir.path()).args(["record", "-q", "s3-1", "."]));
    assert_eq!((ran.status, &*ran.stderr, text(&ran.stdout)), (0, "", &*format!("{other:#}\n")));
    let ran = run(keytrail().current_dir(dir.path()).args(["record", "--log-format", "json", "s3-1", "."]));
    let lines: Vec<Value> = ran.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["message"], &lines[0]["archive"]), (&json!("record"), &json!("a.json")));
    assert_eq!(lines[1]["exit_status"], 0);
    // A record of another service inside an envelope.
    let ran =
        record(&["-q", "53000001-00eb-00ce-0e00-ea000fb0fba0", "tests/data/shapes/log-subscription.json"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(text(&ran.stdout).contains("GetBucketAcl"));
}

#[test]
fn the_record_is_as_it_was_and_does_not_deceive() {
    let content = "{\"Records\":[{\"eventID\":\"x\",\"eventSource\":\"kms.amazonaws.com\",\"n\":1.000000000000000000001,\
                   \"a\":\"\u{202e}gpj\u{9b}\u{7f}\",\"z\":1,\"b\":{}}]}";
    let dir = folder(&[("a.json", content.as_bytes())]);
    let ran = run(keytrail().current_dir(dir.path()).args(["record", "x", "."]));
    assert_eq!(
        text(&ran.stdout),
        "{\n  \"eventID\": \"x\",\n  \"eventSource\": \"kms.amazonaws.com\",\n  \
         \"n\": 1.000000000000000000001,\n  \"a\": \"\\u202egpj\\u009b\\u007f\",\n  \"z\": 1,\n  \"b\": {}\n}\n"
    );
}

#[test]
fn what_cannot_be_found_is_said() {
    let dir = folder(&[("a.json", document(&[decrypt(1)]).as_bytes())]);
    let cases: [(&[&str], i32, &str); 6] = [
        (&["nobody", "."], 1, "no record has the event id nobody in 1 input"),
        (&["-q", "nobody", "."], 1, "no record has the event id nobody"),
        (&["a.json@5", "a.json"], 1, "no record is at a.json@5"),
        (&["b.json@12", "."], 1, "no input is named b.json"),
        (&["nobody"], 2, "name the archives"),
        (&["b.json@12"], 2, "b.json"),
    ];
    for (args, status, wanted) in cases {
        let ran = run(keytrail().current_dir(dir.path()).arg("record").args(args));
        assert_eq!((ran.status, &*ran.stdout), (status, &b""[..]), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(wanted), "{args:?}: {}", ran.stderr);
    }
    let report = dir.path().join("report");
    let ran = run(keytrail().current_dir(dir.path()).args(["analyze", "-q", "-o", "report", "a.json"]));
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let ran = run(keytrail().arg("record").arg("x").arg(&report));
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("is only in the archives: name a.json"), "{}", ran.stderr);
    assert_eq!(names(dir.path()), ["a.json", "report"]);
    // Only the archive in which the record is said to be is read.
    fs::write(dir.path().join("bad.json.gz"), &gzip(b"{\"Records\":[")[..8]).unwrap();
    let ran = run(keytrail().current_dir(dir.path()).args(["record", "a.json@12", "."]));
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let ran = run(keytrail().current_dir(dir.path()).args(["record", "nobody", "."]));
    assert!(ran.status == 1 && ran.stderr.contains("bad.json.gz"), "{}", ran.stderr);
    assert_eq!(events(&["-q", "--workload", "any", "tests/data/shapes/no-events.json"]), b"");
}
