//! The records of AWS's documentation, every one of them and every column of each, against values written down by hand.
//!
//! Events 1 to 20 are the lines of `documented.jsonl`; 21 to 24 are those of the geospatial page as published, but for the comma too
//! many that makes one of them no JSON. What is expected stands in `tests/data/documented-expected.jsonl`, worked out from the
//! documentation and not by the program: a column that is not there is null.

mod common;

use common::{Report, analyze_in, assert_rows};
use serde_json::{Map, Value, json};

const DOCUMENTED: &str = include_str!("../examples/generate/corpus/documented.jsonl");
const PAGE: &str = include_str!("../examples/generate/corpus/geospatial-page.txt");
const EXPECTED: &str = include_str!("data/documented-expected.jsonl");

/// One a line: the events in their order.
fn events() -> Vec<String> {
    let page = PAGE.replace("}, }, \"responseElements\"", "} }, \"responseElements\"");
    assert_ne!(page, PAGE, "the comma too many is found");
    DOCUMENTED.lines().chain(page.lines()).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn analyze(lines: &[String], args: &[&str]) -> Report {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("events.jsonl"), lines.join("\n")).unwrap();
    analyze_in(dir.path(), &[&["events.jsonl"], args].concat())
}

#[test]
fn every_column_of_every_documented_event() {
    let events = events();
    assert_eq!(events.len(), 24);
    let report = analyze(&events, &["--workload", "any", "--event", "any", "--keep-duplicates"]);
    assert_eq!(report.status, 0, "{}", report.stderr);
    let mut rows = report.events();
    let starts: Vec<usize> = events
        .iter()
        .scan(0, |at, line| {
            let start = *at;
            *at += line.len() + 1;
            Some(start)
        })
        .collect();
    let columns: Vec<String> = rows[0].as_object().unwrap().keys().cloned().collect();
    let expected: Vec<Value> = EXPECTED
        .lines()
        .map(|line| {
            let mut row: Map<String, Value> = serde_json::from_str(line).unwrap();
            let number = row.remove("event").unwrap().as_u64().unwrap() as usize;
            row.insert("archive".into(), json!("events.jsonl"));
            row.insert("record_offset".into(), json!(starts[number - 1]));
            for column in &columns {
                row.entry(column).or_insert(Value::Null);
            }
            Value::Object(row)
        })
        .collect();
    rows.sort_by_key(|row| row["record_offset"].as_u64());
    assert_rows("events", &rows, &expected);
}

/// The class of each record under the default selection and under `--workload any --event any`, alone but for the caller's copy of 9.
#[test]
fn every_documented_event_is_in_its_class() {
    let events = events();
    for (number, by_default, with_any) in [
        (1, "selected", "selected"),
        (2, "selected", "selected"),
        (3, "selected", "selected"),
        (4, "selected", "selected"),
        (5, "selected", "selected"),
        (6, "other_workload", "selected"),
        (7, "selected", "selected"),
        (8, "selected", "selected"),
        (9, "other_copy", "other_copy"),
        (10, "other_event", "selected"),
        (11, "other_event", "selected"),
        (12, "other_event", "selected"),
        (13, "other_event", "selected"),
        (14, "other_event", "selected"),
        (15, "other_event", "selected"),
        (16, "other_event", "selected"),
        (17, "other_workload", "selected"),
        (18, "other_event", "selected"),
        (19, "not_usage", "not_usage"),
        (20, "other_workload", "selected"),
        (21, "selected", "selected"),
        (22, "selected", "selected"),
        (23, "selected", "selected"),
        (24, "selected", "selected"),
    ] {
        let mut lines = vec![events[number - 1].clone()];
        let with_partner = number == 9;
        if with_partner {
            lines.push(events[7].clone());
        }
        let selections: [(&[&str], &str); 2] =
            [(&[], by_default), (&["--workload", "any", "--event", "any"], with_any)];
        for (args, class) in selections {
            let totals = analyze(&lines, args).run_json()["totals"].clone();
            assert_eq!(totals[class], 1, "event {number} is {class}: {totals}");
            assert_eq!(totals["records"], lines.len(), "event {number}");
            assert!(!with_partner || totals["selected"] == 1, "the caller's copy of event {number} counts");
        }
    }
}

/// Four different events under one id are four events, and told.
#[test]
fn the_page_s_events_share_an_id_and_all_count() {
    let totals = analyze(&events()[20..], &[]).run_json()["totals"].clone();
    assert_eq!(
        (&totals["selected"], &totals["duplicate"], &totals["conflicts"]),
        (&json!(4), &json!(0), &json!(3))
    );
}
