//! Every shape that records arrive in: real-looking files through the real program. The same
//! records must give the same events, whatever is wrapped around them; what is cut off or broken
//! costs what it must.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use keytrail::format::container::{ContainerReader, Step, Window};
use serde_json::Value;
use testkit::corpus::shapes::{Case, cases, plain};
use testkit::corpus::wrap;
use testkit::{Report, analyze, analyze_in, assert_rows, root, sorted};

fn folder() -> PathBuf {
    root().join("tests/data/shapes")
}

/// The run over one of the kept files.
fn read(case: &Case) -> Report {
    analyze_in(&folder(), &[case.file])
}

/// Events by their ids, without what says where they stood.
fn placeless(mut events: Vec<Value>) -> Vec<Value> {
    for event in &mut events {
        let event = event.as_object_mut().unwrap();
        event.remove("archive").unwrap();
        event.remove("record_offset").unwrap();
    }
    events.sort_by_key(|event| event["event_id"].as_str().unwrap().to_owned());
    events
}

#[test]
fn the_kept_files_are_those_the_generator_makes() {
    let mut expected = vec!["README.md".to_owned(), "plain.json".to_owned()];
    for case in cases() {
        assert_eq!(fs::read(folder().join(case.file)).unwrap(), case.bytes, "{}", case.file);
        expected.push(case.file.to_owned());
    }
    assert_eq!(fs::read(folder().join("plain.json")).unwrap(), plain());
    expected.sort();
    let found: Vec<String> =
        sorted(&folder()).iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(found, expected);
}

#[test]
fn each_file_counts_what_it_holds() {
    for case in cases() {
        let report = read(&case);
        let inputs = report.inputs();
        let input = &inputs[0];
        let status = if case.rejected > 0 { "partial" } else { "complete" };
        let reason = if case.reason.is_empty() { Value::Null } else { case.reason.into() };
        let expected = [("shape", case.shape.into()), ("status", status.into()), ("reason", reason)];
        for (column, value) in expected {
            assert_eq!(input[column], value, "{}: {column}", case.file);
        }
        let counts = [("records", case.records), ("selected", case.selected), ("rejected", case.rejected)];
        for (class, count) in counts {
            assert_eq!(input[class], count, "{}: {class}", case.file);
        }
        assert_eq!(report.events().len() as u64, case.selected, "{}", case.file);
        assert_eq!(report.status, i32::from(case.rejected > 0), "{}: {}", case.file, report.stderr);
    }
}

#[test]
fn the_same_records_give_the_same_events_in_every_shape() {
    let expected = placeless(analyze(&["tests/data/shapes/plain.json"]).events());
    assert_eq!(expected.len(), 5);
    let odd = expected.iter().find(|event| event["user_agent"].as_str().is_some_and(|a| a.contains('😀')));
    assert_eq!(odd.unwrap()["user_agent"], "\"é\\/\n😀😀\u{2028}");
    // A cut file has the events before its fifth record.
    let lost = ["e0000003-00eb-00ce-0e00-ea000fb0fba0", "e0000005-00eb-00ce-0e00-ea000fb0fba0"];
    let before: Vec<Value> = expected
        .iter()
        .filter(|event| !lost.contains(&event["event_id"].as_str().unwrap()))
        .cloned()
        .collect();
    let mut compared = 0;
    for case in cases() {
        let events = match (case.selected, case.reason) {
            (5, "") => &expected,
            (3, "json_truncated") => &before,
            _ => continue,
        };
        assert_rows(case.file, &placeless(read(&case).events()), events);
        compared += 1;
    }
    assert!(compared > 20, "{compared}");
}

/// Whoever wants to see the record finds it at its offset: JSON in place, or the first character of
/// its text.
#[test]
fn offsets_lead_to_the_record() {
    for case in cases().iter().filter(|case| !case.file.ends_with(".gz")) {
        for event in read(case).events() {
            let offset = usize::try_from(event["record_offset"].as_u64().unwrap()).unwrap();
            let text = std::str::from_utf8(&case.bytes[offset..]).unwrap();
            let id = event["event_id"].as_str().unwrap();
            let until_id = text.find(id).unwrap();
            let others = case.file.starts_with("nested"); // it holds records that are none
            assert!(others || text[..until_id].matches("eventVersion").count() <= 1, "{}: {id}", case.file);
            if case.shape.starts_with("lake_rows") {
                assert!(text.starts_with('['), "{}", case.file);
            } else {
                // In a log group, the text may be that of EventBridge's event around it.
                let begins = if case.file.starts_with("eventbridge-in-logs") {
                    "{\"version\":"
                } else {
                    "{\"eventVersion\":"
                };
                assert!(text.replace('\\', "").starts_with(begins), "{}: {text:.40}", case.file);
            }
        }
    }
}

#[test]
fn rejects_are_placed_where_the_value_begins() {
    let case = |file: &str| cases().into_iter().find(|case| case.file == file).unwrap();
    let places = |case: &Case| -> Vec<(usize, u64)> {
        let place = |row: &Value| {
            (
                usize::try_from(row["record_offset"].as_u64().unwrap()).unwrap(),
                row["record_index"].as_u64().unwrap(),
            )
        };
        read(case).rejects().iter().map(place).collect()
    };
    // The text of the record, when that is broken; the element around it, when nobody can tell.
    let broken = case("lookup-events-broken-texts.json");
    let at: Vec<(usize, u64)> = places(&broken);
    assert_eq!(at.iter().map(|(_, index)| *index).collect::<Vec<_>>(), [1, 3]);
    for (offset, _) in at {
        assert!(broken.bytes[offset..].starts_with(b"{\\\"eventVersion"), "{offset}");
    }
    let cut = case("lookup-events-v2-cut.json");
    let (offset, index) = places(&cut)[0];
    assert_eq!(index, 4);
    assert!(cut.bytes[offset..].starts_with(b"{\n            \"EventId\""), "{offset}");
}

#[test]
fn rows_of_columns_are_rebuilt_as_far_as_they_tell() {
    let lossy = cases().into_iter().find(|case| case.file == "lake-rows-lossy.json").unwrap();
    let report = read(&lossy);
    let exact = analyze(&["tests/data/shapes/plain.json"]).events();
    let exact = exact.iter().find(|event| event["event_name"] == "GenerateDataKey").unwrap();
    let rebuilt = &report.events()[0];
    for column in [
        "event_time",
        "event_id",
        "event_name",
        "region",
        "recipient_account_id",
        "principal",
        "principal_type",
        "invoked_by",
        "source_ip",
        "key_arn",
        "key_origin",
        "workload",
        "outcome",
        "s3_bucket",
        "read_only",
    ] {
        assert_eq!(rebuilt[column], exact[column], "{column}");
    }
    assert!(rebuilt["s3_object_key"].as_str().unwrap().ends_with("output/a, b=c.tif"), "{rebuilt}");
    // Columns that the query did not print are not guessed.
    for column in ["request_id", "error_code", "vpc_endpoint_id", "tls_version"] {
        assert_eq!(rebuilt[column], Value::Null, "{column}");
    }
    let caveats = report.run_json()["caveats"].clone();
    assert!(caveats.as_array().unwrap().iter().any(|caveat| caveat["id"] == "lossy_inputs"), "{caveats}");
}

/// JSON of other services that is built alike, and log groups of anything else.
#[test]
fn look_alikes_of_other_services_are_skipped() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text, reason) in [
        (
            "rds.json",
            r#"{"Events":[{"SourceIdentifier":"db","Message":"kms.amazonaws.com unreachable","Date":"2024-01-01"}]}"#,
            "other_json",
        ),
        (
            "flow.json",
            r#"{"messageType":"DATA_MESSAGE","logEvents":[{"id":"1","timestamp":1,"message":"2 111122223333 eni-1 ACCEPT OK"}]}"#,
            "other_json",
        ),
        (
            "app.json",
            r#"{"events":[{"timestamp":1,"message":"{\"level\":\"info\",\"to\":\"kms.amazonaws.com\"}"}]}"#,
            "other_json",
        ),
        (
            "control.json",
            r#"{"messageType":"CONTROL_MESSAGE","logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE"}]}"#,
            "other_json",
        ),
        (
            "ram.json",
            r#"{"version":"0","detail-type":"Resource Sharing State Change","source":"aws.ram","detail":{"event":"x"}}"#,
            "other_json",
        ),
        ("count.json", r#"{"QueryStatus":"FINISHED","QueryResultRows":[[{"_col0":"5"}]]}"#, "other_json"),
        (
            "lines.txt",
            "2024-01-01T00:00:00.000Z 2 111122223333 eni-1 ACCEPT OK\n2024-01-01T00:00:01.000Z and\nmore\n",
            "not_json",
        ),
        ("numbers.txt", "2024-01-01 is a day\n", "not_json"),
    ] {
        fs::write(dir.path().join(name), text).unwrap();
        let report = analyze_in(dir.path(), &[name]);
        let input = &report.inputs()[0];
        assert_eq!(
            (&input["status"], &input["reason"]),
            (&"skipped".into(), &reason.into()),
            "{name}: {input}"
        );
        assert_eq!((&input["records"], report.status), (&0.into(), 0), "{name}");
    }
}

/// The records of a log file, as they are spelled.
fn records_of(content: &[u8]) -> Vec<String> {
    let mut reader = ContainerReader::new(4 << 20);
    let window = Window { bytes: content, start: 0, last: true };
    let mut records = Vec::new();
    while let Step::Value { range, .. } = reader.step(window) {
        records.push(String::from_utf8(window.slice(&range).to_vec()).unwrap());
    }
    records
}

/// Copies the sample logs to `root`, each file's records in another shape.
fn wrap_sample(root: &Path, wrap: fn(&[String]) -> String) {
    let sample = testkit::root();
    let mut folders = vec![PathBuf::from("sample-logs/AWSLogs")];
    while let Some(folder) = folders.pop() {
        fs::create_dir_all(root.join(&folder)).unwrap();
        for path in sorted(&sample.join(&folder)) {
            let name = folder.join(path.file_name().unwrap());
            if path.is_dir() {
                folders.push(name);
            } else if !name.to_str().unwrap().contains("CloudTrail-Digest") {
                let mut content = Vec::new();
                let stored = fs::read(path).unwrap();
                flate2::read::MultiGzDecoder::new(stored.as_slice()).read_to_end(&mut content).unwrap();
                fs::write(root.join(&name), wrap(&records_of(&content))).unwrap();
            }
        }
    }
}

/// All that the sample holds, workloads of every kind and both copies of calls among it, comes out
/// the same in every shape.
#[test]
fn the_sample_logs_say_the_same_in_every_shape() {
    let without_offsets = |mut rows: Vec<Value>| {
        for row in &mut rows {
            row.as_object_mut().unwrap().remove("record_offset").unwrap();
        }
        rows
    };
    let wraps: [fn(&[String]) -> String; 6] = [
        |records| format!("{{\"Records\":[{}]}}", records.join(",")),
        |records| wrap::looked_up(records, 1, false),
        // Some serializers spell quotes by their number.
        |records| wrap::looked_up(records, 2, false).replace("\\\"", "\\u0022"),
        |records| records.iter().map(|record| wrap::enveloped(record)).collect(),
        wrap::delivered,
        wrap::lines,
    ];
    let mut expected: Option<Report> = None;
    for wrap in wraps {
        let dir = tempfile::tempdir().unwrap();
        wrap_sample(dir.path(), wrap);
        let report = analyze_in(dir.path(), &["sample-logs", "--workload", "any", "--event", "any"]);
        assert_eq!(report.status, 0, "{}", report.stderr);
        let Some(expected) = &expected else {
            assert!(report.events().len() > 100);
            expected = Some(report);
            continue;
        };
        assert_eq!(report.run_json()["totals"], expected.run_json()["totals"]);
        assert_eq!(report.run_json()["coverage"], expected.run_json()["coverage"]);
        assert_rows("events", &without_offsets(report.events()), &without_offsets(expected.events()));
        assert_rows("usage", &report.usage(), &expected.usage());
    }
}
