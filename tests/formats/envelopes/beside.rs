//! Records in members of a document beside its own array of records.

use serde_json::{Value, json};
use testkit::{analyze_in, folder};

use super::forms::{base64, canvas, quoted, records, text};
use super::{counts, placeless, read};

/// Documents that hold the three records of [`records`] in several members.
fn documents() -> Vec<String> {
    let [a, b, c] = records().try_into().unwrap();
    vec![
        json!({"Records": [a], "more": [b, c]}).to_string(),
        json!({"Records": [a], "page2": {"Records": [b]}, "page3": {"Records": [c]}}).to_string(),
        format!(r#"{{"more":[{b}],"Records":[{a}],"z":{{"record":{c}}}}}"#),
        format!(r#"{{"Records":[{a}],"message":{},"Records":[{c}]}}"#, quoted(&text(&b))),
        format!(r#"{{"Records":[],"more":[{a},{b},{c}]}}"#),
        format!(r#"{{"events":[{a}],"results":[{b},{c}]}}"#),
        format!(r#"{{"hits":{{"first":[{a}],"hits":[{{"_source":{b}}}],"last":{{"x":[{c}]}}}}}}"#),
        json!({"Records": [a, b], "data": base64(text(&c).as_bytes())}).to_string(),
    ]
}

/// Records are read wherever they stand.
#[test]
fn records_beside_an_array_are_read() {
    let expected = placeless(read("in", json!({"Records": records()}).to_string().as_bytes()).events());
    for document in documents() {
        let report = read("in", document.as_bytes());
        assert_eq!((counts(&report), report.status), ([3, 2, 0], 0), "{document}: {}", report.stderr);
        assert_eq!(placeless(report.events()), expected, "{document}");
        let mut ids = testkit::oracle::search::event_ids(document.as_bytes());
        ids.sort();
        let mut known: Vec<String> =
            records().iter().map(|r| r["eventID"].as_str().unwrap().to_owned()).collect();
        known.sort();
        assert_eq!(ids, known, "{document}");
        // Cut off, it is told.
        let cut = &document.as_bytes()[..document.len() - 3];
        let report = read("in", cut);
        assert_eq!(report.status, 1, "{document}: {}", report.stderr);
    }
}

/// A record that is there twice is one call.
#[test]
fn a_record_in_two_members_counts_once() {
    let a = canvas(1);
    for document in [
        format!(r#"{{"Records":[{a}],"copy":[{a}]}}"#),
        format!(r#"{{"copy":{{"record":{a}}},"Records":[{a}]}}"#),
        format!(r#"{{"Records":[{a}],"raw":{}}}"#, quoted(&text(&a))),
    ] {
        let report = read("in", document.as_bytes());
        assert_eq!((counts(&report), report.status), ([2, 1, 0], 0), "{document}");
        assert_eq!(report.events().len(), 1, "{document}");
    }
}

/// What is no record, but has members of one, is told; what only describes the records is not.
#[test]
fn what_cannot_be_read_beside_an_array_is_told() {
    let a = canvas(1);
    let printed = "@{eventVersion=1.11; eventSource=kms.amazonaws.com; eventName=Decrypt}";
    for (beside, rejected) in [
        (json!({"src": "kms.amazonaws.com", "op": "Decrypt", "who": "somebody"}), 1),
        (json!([{"stringValue": "kms.amazonaws.com"}, {"stringValue": "Decrypt"}]), 1),
        (json!(printed), 1),
        (json!([{"Name": "eventsource"}, {"Name": "eventname"}, {"Name": "useridentity"}]), 0),
        (json!("select eventSource, eventName from t where eventSource = 'kms.amazonaws.com'"), 0),
        (json!({"RequestId": "5c2d7c3e-0000-4000-8000-000000000001", "HTTPStatusCode": 200}), 0),
        (json!("a token of a page that is longer than any name of a member"), 0),
    ] {
        for document in [
            format!(r#"{{"Records":[{a}],"b":{beside}}}"#),
            format!(r#"{{"b":{beside},"rows":[{a}],"n":1}}"#),
        ] {
            let report = read("in", document.as_bytes());
            let expected = [1 + rejected, 1, rejected];
            assert_eq!(counts(&report), expected, "{document}: {}", report.stderr);
            assert_eq!(report.status, i32::from(rejected > 0), "{document}");
        }
    }
    // Without any record in the array, too.
    let unknown = json!({"rows": [], "b": [{"src": "kms.amazonaws.com", "operation": "Decrypt"}]});
    let report = read("in", unknown.to_string().as_bytes());
    assert_eq!(report.status, 1, "{}", report.stderr);
}

/// More than fits is not searched, and told if it may hold records.
#[test]
fn large_values_beside_an_array_are_told() {
    let many: Vec<Value> = (0..40).map(canvas).collect();
    let noise = vec!["x".repeat(90); 600];
    for (document, expected) in [
        (json!({"Records": [canvas(50)], "more": many}).to_string(), [2, 1, 1]),
        (format!(r#"{{"more":{},"Records":[{}]}}"#, Value::from(many), canvas(50)), [2, 1, 1]),
        (json!({"Records": [canvas(50)], "noise": noise}).to_string(), [1, 1, 0]),
    ] {
        let dir = folder(&[("in", document.as_bytes())]);
        let report = analyze_in(dir.path(), &["in", "--max-record-bytes", "20000"]);
        assert_eq!(counts(&report), expected, "{}", report.stderr);
        assert_eq!(report.status, i32::from(expected[2] > 0));
    }
}
