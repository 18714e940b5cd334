//! The records of AWS's documentation, every one of them and every column of each, against values
//! written down by hand.
//!
//! Events 1 to 20 are the lines of `documented.jsonl`; 21 to 24 are those of the geospatial page as
//! published, but for the comma too many that makes one of them no JSON. What is expected stands in
//! `tests/data/documented-expected.jsonl`, worked out from the documentation and not by the
//! program: a column that is not there is null. `default_class` and `any_class` are the classes
//! under the default selection and under `--workload any --event any`.

use serde_json::{Map, Value, json};
use testkit::corpus::documented::TEXT;
use testkit::{Report, analyze_in, assert_rows};

const PAGE: &str = include_str!("../testkit/src/corpus/geospatial-page.txt");
const EXPECTED: &str = include_str!("../data/documented-expected.jsonl");

/// One a line: the events in their order.
fn events() -> Vec<String> {
    let page = PAGE.replace("}, }, \"responseElements\"", "} }, \"responseElements\"");
    assert_ne!(page, PAGE, "the comma too many is found");
    TEXT.lines().chain(page.lines()).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn expected() -> Vec<Map<String, Value>> {
    EXPECTED.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
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
    let expected: Vec<Value> = expected()
        .into_iter()
        .filter(|row| row.contains_key("event_time"))
        .map(|mut row| {
            let number = row["event"].as_u64().unwrap() as usize;
            for name in ["event", "default_class", "any_class"] {
                row.remove(name);
            }
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

/// Each alone, but for 9, which is a copy of 8.
#[test]
fn every_documented_event_is_in_its_class() {
    let events = events();
    let expected = expected();
    assert!(
        expected
            .iter()
            .map(|row| &row["event"])
            .eq((1..=events.len()).map(|n| json!(n)).collect::<Vec<_>>().iter())
    );
    for row in expected {
        let number = row["event"].as_u64().unwrap() as usize;
        let mut lines = vec![events[number - 1].clone()];
        if number == 9 {
            lines.push(events[7].clone());
        }
        for (args, class) in
            [(&[][..], &row["default_class"]), (&["--workload", "any", "--event", "any"], &row["any_class"])]
        {
            let totals = analyze(&lines, args).run_json()["totals"].clone();
            assert_eq!(totals[class.as_str().unwrap()], 1, "event {number} is {class}: {totals}");
            assert_eq!(totals["records"], lines.len(), "event {number}");
            assert!(number != 9 || totals["selected"] == 1, "the caller's copy counts");
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
