//! Rows of a few columns of events, without the one that says of which service they are.

use serde_json::{Map, Value};
use testkit::{analyze_in, document, folder, state};

use super::forms::{canvas, lines, records, text};
use super::parquet_cells::{parquet, texts};
use super::{counts, read};

/// Two rows with these columns, in every format.
fn tables(names: &[&str]) -> Vec<(&'static str, Vec<u8>)> {
    let cell = |n: u32, name: &str| match &canvas(n)[spelling(name)] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let row = |n| {
        Value::Object(
            names.iter().map(|name| ((*name).to_owned(), cell(n, name).into())).collect::<Map<_, _>>(),
        )
    };
    let rows = [row(1), row(2)];
    let quoted = |text: String| format!("\"{}\"", text.replace('"', "\"\""));
    let csv_row = |n| names.iter().map(|name| quoted(cell(n, name))).collect::<Vec<_>>().join(",");
    let columns =
        names.iter().map(|name| ((*name).to_owned().leak() as &str, texts([cell(1, name), cell(2, name)])));
    vec![
        ("in.csv", lines([names.join(","), csv_row(1), csv_row(2)].into_iter()).into_bytes()),
        ("in.json", Value::from(rows.to_vec()).to_string().into_bytes()),
        ("in.ndjson", lines(rows.iter().map(text)).into_bytes()),
        ("in.parquet", parquet(columns.collect(), 10)),
    ]
}

/// The member of a record that has this name in another spelling.
fn spelling(name: &str) -> &'static str {
    let plain = name.replace('_', "").to_lowercase();
    let names = ["eventID", "eventTime", "eventName", "awsRegion", "userIdentity", "sourceIPAddress"];
    names.into_iter().find(|member| member.to_lowercase() == plain).unwrap_or("none")
}

/// What names an event or a caller, and another member of records, is told in every format.
#[test]
fn a_few_columns_of_events_are_told() {
    for names in [
        &["eventTime", "eventName"][..],
        &["eventid", "eventtime", "eventname"],
        &["event_name", "aws_region", "event_id"],
        &["eventtime", "useridentity"],
        &["eventName", "userIdentity"],
        &["EventTime", "EventName", "SourceIPAddress"],
    ] {
        for (name, bytes) in tables(names) {
            let dir = folder(&[(name, &bytes), ("good.json", document(&records()).as_bytes())]);
            let report = analyze_in(dir.path(), &[name, "good.json"]);
            let inputs = report.inputs();
            let (status, reason) = state(&inputs, name);
            let is_told = reason == "unreadable_wrapping" || status == "partial";
            assert!(is_told, "{names:?} in {name}: {status} {reason}");
            assert_eq!((report.status, counts(&report)[1]), (1, 2), "{names:?} in {name}");
        }
    }
}

/// Other logs have ids, times and Regions, too.
#[test]
fn columns_that_other_logs_have_are_not_told() {
    for names in [
        &["eventID", "eventTime"][..],
        &["eventid", "computer", "message"],
        &["event_time", "aws_region", "event_id"],
        &["event_time", "userAgent"],
    ] {
        for (name, bytes) in tables(names) {
            let report = read(name, &bytes);
            assert_eq!(
                (report.status, state(&report.inputs(), name).0),
                (0, "skipped"),
                "{names:?} in {name}"
            );
        }
    }
}

/// The tables of a report have such columns, and hold no records.
#[test]
fn a_report_among_the_inputs_is_not_told() {
    let dir = folder(&[("good.json", document(&records()).as_bytes())]);
    let args = ["analyze", "good.json", "-o", "report", "--workload", "any", "--event", "any"];
    assert_eq!(testkit::run(testkit::keytrail().current_dir(dir.path()).args(args)).status, 0);
    let report = analyze_in(dir.path(), &["report"]);
    assert_eq!(report.status, 0, "{}", report.stderr);
    assert!(report.inputs().iter().all(|input| input["status"] == "skipped"));
}
