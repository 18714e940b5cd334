//! Records in what other tools wrap around them: names, texts, tables, encodings. The same records
//! must give the same events in every form that keeps all of them; a form that loses something says
//! so; what cannot be read is told.

mod beside;
mod closed;
mod encoded;
mod forms;
mod members;
mod parquet_cells;
mod partial;
mod told;
mod unread;

use serde_json::{Map, Value, json};
use testkit::{Report, analyze_in, assert_rows, document, folder, root};

use forms::{canvas, envelopes, forms, lines, records, text};

fn read(name: &str, bytes: &[u8]) -> Report {
    let dir = folder(&[(name, bytes)]);
    analyze_in(dir.path(), &[name])
}

/// Events without what says where they stood.
fn placeless(mut events: Vec<Value>) -> Vec<Value> {
    for event in &mut events {
        let event = event.as_object_mut().unwrap();
        event.remove("archive").unwrap();
        event.remove("record_offset").unwrap();
    }
    events.sort_by_key(|event| event["event_id"].as_str().unwrap_or_default().to_owned());
    events
}

fn shape(report: &Report) -> String {
    report.inputs()[0]["shape"].as_str().unwrap().to_owned()
}

fn counts(report: &Report) -> [u64; 3] {
    let totals = report.run_json()["totals"].clone();
    ["records", "selected", "rejected"].map(|class| totals[class].as_u64().unwrap())
}

#[test]
fn the_same_records_give_the_same_events_in_every_form() {
    let plain = read("plain.json", document(&records()).as_bytes());
    assert_eq!(counts(&plain), [3, 2, 0]);
    let expected = placeless(plain.events());
    for form in forms() {
        let report = read("in", &form.bytes);
        assert_eq!(counts(&report), [3, 2, 0], "{}: {}", form.name, report.stderr);
        assert_eq!((report.status, shape(&report).as_str()), (0, form.shape), "{}", form.name);
        assert_rows(form.name, &placeless(report.events()), &expected);
        let inputs = report.inputs();
        assert_eq!(inputs[0]["status"], "complete", "{}", form.name);
    }
}

/// The oracle finds the same records by code of its own.
#[test]
fn the_oracle_finds_the_same_records() {
    let expected: Vec<String> = records().iter().map(|r| r["eventID"].as_str().unwrap().to_owned()).collect();
    for form in forms() {
        let mut found = testkit::oracle::search::event_ids(&form.bytes);
        found.sort();
        assert_eq!(
            found,
            {
                let mut expected = expected.clone();
                expected.sort();
                expected
            },
            "{}",
            form.name
        );
    }
}

/// A cut costs what it must, and never in silence.
#[test]
fn what_is_cut_off_is_told() {
    for form in forms() {
        let len = form.bytes.len();
        for at in [len * 9 / 10, len * 2 / 3, len / 2] {
            let report = read("in", &form.bytes[..at]);
            let [_, selected, _] = counts(&report);
            assert!(selected <= 2, "{}", form.name);
            assert!(selected == 2 || report.status == 1, "{} at {at}: {}", form.name, report.stderr);
        }
    }
}

/// A KMS name that is one letter off inside an envelope is another service, or damage; it is never
/// an event.
#[test]
fn nothing_is_made_up() {
    for form in envelopes() {
        let Ok(text) = String::from_utf8(form.bytes) else { continue };
        let report = read("in", text.replace("kms.amazonaws.com", "kmz.amazonaws.com").as_bytes());
        if !text.contains("kms.amazonaws.com") {
            continue; // base64
        }
        assert_eq!(counts(&report)[1], 0, "{}", form.name);
        assert!(report.events().is_empty());
    }
}

/// Files that tools wrote, or that follow what they write: shape, records, selected, rejected.
#[test]
fn kept_files_count_what_they_hold() {
    for (file, shape, expected) in [
        ("athena-ctas.parquet", "parquet", [3, 2, 0]),
        ("athena-get-query-results.json", "wrapped_lossy", [3, 1, 0]),
        ("athena-results.csv", "lake_csv_lossy", [3, 3, 0]),
        ("athena-unload.json", "wrapped", [3, 3, 0]),
        ("double-gzip.gz", "log_subscription", [3, 2, 0]),
        ("duckdb-flat.csv", "csv_lossy", [3, 2, 0]),
        ("duckdb-flat.json", "ndjson", [3, 2, 0]),
        ("duckdb-unnested.csv", "csv_lossy", [3, 2, 0]),
        ("duckdb-unnested.json", "wrapped", [3, 2, 0]),
        ("lambda-awslogs.json", "wrapped", [1, 1, 0]),
        ("lambda-sqs.json", "wrapped", [1, 1, 0]),
        ("nested-as-text.ndjson", "ndjson", [3, 3, 0]),
        ("nested-as-text.parquet", "parquet", [3, 2, 0]),
        ("any-struct-column.parquet", "parquet", [3, 2, 0]),
        ("any-text-column.parquet", "parquet", [3, 2, 0]),
        ("no-caller.parquet", "parquet_lossy", [3, 0, 0]),
        ("panther.json", "ndjson", [3, 0, 0]),
        ("parameters-as-text.ndjson", "ndjson", [3, 3, 0]),
        ("powershell.json", "mixed_lossy", [2, 0, 2]),
        ("settings-as-text.ndjson", "ndjson", [2, 1, 0]),
        ("sqs-receive.json", "wrapped", [1, 1, 0]),
        ("steampipe.json", "wrapped", [2, 2, 0]),
        ("vector.json", "wrapped", [3, 2, 0]),
    ] {
        let report = analyze_in(&root().join("tests/data/envelopes"), &[file]);
        assert_eq!(counts(&report), expected, "{file}: {}", report.stderr);
        assert_eq!(self::shape(&report), shape, "{file}");
        assert_eq!(report.status, i32::from(expected[2] > 0), "{file}");
        let caveats = report.run_json()["caveats"].to_string();
        assert_eq!(caveats.contains("lossy_inputs"), shape.ends_with("_lossy"), "{file}");
        assert!(!report.events().iter().any(|event| event["principal"] == "unknown"), "{file}");
    }
    let panther =
        analyze_in(&root().join("tests/data/envelopes"), &["panther.json", "--workload", "sagemaker"]);
    assert_eq!(panther.run_json()["totals"]["duplicate"], 1);
    assert_eq!(panther.events()[0]["outcome"], "denied");
}

/// What a printer of objects leaves in the place of an object is no caller and no key.
#[test]
fn text_that_is_not_json_is_a_reject() {
    for (member, text) in [
        ("userIdentity", "@{type=AssumedRole; arn=arn:aws:iam::111122223333:role/R}"),
        ("userIdentity", "System.Collections.Hashtable"),
        ("userIdentity", "map[type:AssumedRole]"),
        ("userIdentity", "anything"),
        ("requestParameters", "@{encryptionContext=}"),
        ("requestParameters", "{\"keyId\": \"cut"),
        ("resources", "System.Object[]"),
    ] {
        let mut record = canvas(1);
        record[member] = text.into();
        let report = read("in", document(&[canvas(2), record]).as_bytes());
        assert_eq!((counts(&report), report.status), ([2, 1, 1], 1), "{member}: {text}");
        assert_eq!(report.rejects()[0]["reason"], "unreadable_member", "{member}: {text}");
    }
    // One level deeper.
    let mut record = canvas(1);
    record["userIdentity"]["sessionContext"] = "@{sessionIssuer=; attributes=}".into();
    assert_eq!(counts(&read("in", document(&[record.clone()]).as_bytes())), [1, 0, 1]);
    record["userIdentity"]["sessionContext"] = canvas(1)["userIdentity"]["sessionContext"].clone();
    record["resources"] = json!(["@{ARN=a; type=b}"]);
    assert_eq!(counts(&read("in", document(&[record.clone()]).as_bytes())), [1, 0, 1]);
    record["resources"] = Value::Null;
    record["requestParameters"]["encryptionContext"] = "@{aws:s3:arn=x}".into();
    assert_eq!(counts(&read("in", document(&[record]).as_bytes())), [1, 0, 1]);
    // What Python prints can be read, but its notation is not JSON's.
    let mut record = canvas(1);
    record["userIdentity"] =
        "{'type': 'AssumedRole', 'arn': 'arn:aws:sts::111122223333:assumed-role/R/s', 'accountId': None}"
            .into();
    let report = read("in", document(&[record]).as_bytes());
    assert_eq!((counts(&report), shape(&report).as_str()), ([1, 1, 0], "mixed_lossy"));
    // What CloudTrail hides, and what says that there is nothing, is no object.
    for text in ["HIDDEN_DUE_TO_SECURITY_REASONS", "", "null", "-"] {
        let mut record = canvas(1);
        record["responseElements"] = text.into();
        assert_eq!(counts(&read("in", document(&[record]).as_bytes())), [1, 1, 0], "{text}");
    }
}

/// A column for each value inside an object; lists stay.
fn flatten(value: &Value, path: &str, separator: &str, columns: &mut Map<String, Value>) {
    let Value::Object(members) = value else {
        columns.insert(path.to_owned(), value.clone());
        return;
    };
    for (name, value) in members {
        let path = if path.is_empty() { name.clone() } else { format!("{path}{separator}{name}") };
        flatten(value, &path, separator, columns);
    }
}

/// Every name in snake case, except in an encryption context.
fn deep_snake(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let rename = |(name, value): (&String, &Value)| {
                let value = if name == "encryptionContext" { value.clone() } else { deep_snake(value) };
                (forms::snake(name), value)
            };
            Value::Object(members.iter().map(rename).collect())
        }
        Value::Array(items) => items.iter().map(deep_snake).collect(),
        value => value.clone(),
    }
}

/// Rows without a caller are events of nobody: the shape says that something was left out.
#[test]
fn rows_without_a_caller_are_lossy() {
    let row = |r: &Value| json!({"eventTime": r["eventTime"], "eventSource": r["eventSource"], "eventName": r["eventName"], "awsRegion": "us-east-1", "arn": r["userIdentity"]["arn"]});
    let rows: Vec<Value> = records().iter().map(row).collect();
    let csv = |r: &Value| {
        ["eventTime", "eventSource", "eventName"].map(|name| r[name].as_str().unwrap().to_owned()).join(",")
    };
    let table =
        lines(std::iter::once("eventTime,eventSource,eventName".to_owned()).chain(rows.iter().map(csv)));
    for (text, shape) in [
        (lines(rows.iter().map(text)), "mixed_lossy"),
        (Value::from(rows.clone()).to_string(), "mixed_lossy"),
        (json!({"rows": rows}).to_string(), "wrapped_lossy"),
        (table, "csv_lossy"),
    ] {
        let report = read("in", text.as_bytes());
        let caveats = report.run_json()["caveats"].to_string();
        assert_eq!((report.status, self::shape(&report).as_str()), (0, shape), "{text}");
        assert!(caveats.contains("lossy_inputs"), "{text}");
        assert_eq!(report.run_json()["totals"]["other_workload"], 2, "{text}");
    }
    // In a log file it is what CloudTrail wrote.
    let mut record = canvas(1);
    record["userIdentity"] = Value::Null;
    assert_eq!(shape(&read("in", document(&[record]).as_bytes())), "records");
}

#[test]
fn forms_that_lose_members_say_so() {
    let flat = |r: &Value| {
        json!({
            "eventSource": r["eventSource"], "eventName": r["eventName"], "eventTime": r["eventTime"], "eventID": r["eventID"],
            "awsRegion": "us-east-1", "recipientAccountId": 111_122_223_333_u64,
            "userIdentity.type": "AssumedRole", "userIdentity.sessionContext.sessionIssuer.arn": r["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"],
            "requestParameters.encryptionContext.aws:s3:arn": r["requestParameters"]["encryptionContext"]["aws:s3:arn"],
            "resources{}.ARN": r["resources"][0]["ARN"],
        })
    };
    let ocsf = |r: &Value| {
        json!({
            "class_uid": 6003, "time": 1_759_825_201_000_u64, "metadata": {"uid": r["eventID"], "product": {"name": "CloudTrail"}},
            "api": {"operation": r["eventName"], "service": {"name": r["eventSource"]}, "request": {"data": text(&r["requestParameters"])}},
            "cloud": {"region": "us-east-1", "account": {"uid": "111122223333"}},
            "actor": {"user": {"type": "AssumedRole", "uid": r["userIdentity"]["arn"]}, "session": {"issuer": r["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"]}},
            "resources": [{"uid": r["resources"][0]["ARN"], "type": "AWS::KMS::Key"}],
        })
    };
    let ecs = |r: &Value| {
        json!({
            "@timestamp": r["eventTime"], "event": {"provider": r["eventSource"], "action": r["eventName"], "id": r["eventID"]},
            "cloud": {"region": "us-east-1", "account": {"id": "111122223333"}},
            "aws": {"cloudtrail": {
                "user_identity": {"type": "AssumedRole", "arn": r["userIdentity"]["arn"], "session_context": {"session_issuer": {"arn": r["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"]}}},
                "request_parameters": format!("{{encryptionContext={{aws:s3:arn={}}}}}", r["requestParameters"]["encryptionContext"]["aws:s3:arn"].as_str().unwrap_or_default()),
                "resources": [{"arn": r["resources"][0]["ARN"]}],
            }},
        })
    };
    // As json_normalize of pandas names columns, in the order of the record.
    let columns = |separator: &str, r: &Value| {
        let mut columns = Map::new();
        flatten(r, "", separator, &mut columns);
        Value::Object(columns)
    };
    let (dots, underscores) = (|r: &Value| columns(".", r), |r: &Value| columns("_", r));
    let snake_case = |r: &Value| deep_snake(r);
    for (name, form) in [
        ("flat", &flat as &dyn Fn(&Value) -> Value),
        ("OCSF", &ocsf),
        ("ECS", &ecs),
        ("columns with dots", &dots),
        ("columns with underscores", &underscores),
        ("snake case at every level", &snake_case),
    ] {
        let report = read("in", lines(records().iter().map(|r| text(&form(r)))).as_bytes());
        assert_eq!(
            (counts(&report), shape(&report).as_str()),
            ([3, 2, 0], "wrapped_lossy"),
            "{name}: {}",
            report.stderr
        );
        for event in report.events() {
            assert_eq!(
                event["principal"],
                "arn:aws:iam::111122223333:role/service-role/AmazonSageMaker-ExecutionRole-20250101T101010",
                "{name}"
            );
            assert_eq!(event["key_arn"], canvas(1)["resources"][0]["ARN"], "{name}");
            assert_eq!(event["workload"], "canvas", "{name}");
        }
        assert!(report.run_json()["caveats"].to_string().contains("lossy_inputs"));
    }
}

/// Events of other systems have names in common with records, and may carry records.
#[test]
fn events_that_carry_records_are_not_records() {
    let all = records();
    let encoded: Vec<Value> =
        all.iter().map(|r| json!({"value": forms::base64(text(r).as_bytes())})).collect();
    for event in [
        json!({"eventSource": "SelfManagedKafka", "bootstrapServers": "b:9092", "records": {"t-0": encoded}}),
        json!({"eventSource": "my-app", "payload": all}),
        json!({"eventVersion": "1", "records": all}),
        json!({"eventName": "batch-arrived", "items": all}),
        json!({"eventVersion": "1.0", "kind": "batch", "items": {"list": all}}),
    ] {
        let report = read("in.json", text(&event).as_bytes());
        assert_eq!(counts(&report), [3, 2, 0], "{event}: {}", report.stderr);
        let cut = &text(&event)[..text(&event).len() - 40];
        assert_eq!(read("in.json", cut.as_bytes()).status, 1, "{event}");
    }
}

/// Records beside the place where one was found are read, too; the same ones again are not.
#[test]
fn records_in_several_members_are_all_read() {
    let all = records();
    let (first, rest) = (json!([all[0]]), json!(all[1..]));
    for value in [
        json!({"message": text(&all[0]), "extra": {"list": rest}}),
        json!({"detail": all[0], "more": rest}),
        json!({"event": {"original": text(&all[0])}, "_raw": text(&all[1]), "payload": text(&all[2])}),
        json!({"page": {"data": first, "included": rest}}),
        json!({"message": text(&all[0]), "copy": {"list": all}}),
    ] {
        let report = read("in.json", text(&value).as_bytes());
        assert_eq!(counts(&report), [3, 2, 0], "{value}: {}", report.stderr);
        assert_eq!(report.run_json()["totals"]["duplicate"], 0, "{value}");
    }
}
