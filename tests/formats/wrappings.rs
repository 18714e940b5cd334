//! Records in what other tools wrap around them: names, texts, tables, encodings. The same records must give the same events in every
//! form that keeps all of them; a form that loses something says so; what cannot be read is told.

use serde_json::{Map, Value, json};
use testkit::{Report, analyze_in, assert_rows, document, folder, gzip, input, root, state};

/// A KMS call of SageMaker Canvas by its execution role.
fn canvas(n: u32) -> Value {
    let role = "AmazonSageMaker-ExecutionRole-20250101T101010";
    let key = "arn:aws:kms:us-east-1:111122223333:key/0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0";
    json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLE71099242:SageMaker",
            "arn": format!("arn:aws:sts::111122223333:assumed-role/{role}/SageMaker"),
            "accountId": "111122223333",
            "accessKeyId": "ASIAEXAMPLEEXAMPLE01",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": "AROAEXAMPLE71099242",
                    "arn": format!("arn:aws:iam::111122223333:role/service-role/{role}"),
                    "accountId": "111122223333",
                    "userName": role,
                },
                "attributes": {"creationDate": "2025-10-07T06:00:00Z", "mfaAuthenticated": "false"},
            },
            "invokedBy": "fas.s3.amazonaws.com",
        },
        "eventTime": format!("2025-10-07T08:20:{n:02}Z"),
        "eventSource": "kms.amazonaws.com",
        "eventName": "Decrypt",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "fas.s3.amazonaws.com",
        "userAgent": "agent \"é\" \\ 😀",
        "requestParameters": {
            "encryptionContext": {"aws:s3:arn": format!("arn:aws:s3:::sagemaker-us-east-1-111122223333/Canvas/u, v=w/{n}.csv")},
            "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
        },
        "responseElements": null,
        "requestID": format!("c0ffee00-0000-4000-8000-1000000000{n:02}"),
        "eventID": format!("c0ffee00-0000-4000-8000-2000000000{n:02}"),
        "readOnly": true,
        "resources": [{"accountId": "111122223333", "type": "AWS::KMS::Key", "ARN": key}],
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": "111122223333",
        "eventCategory": "Management",
    })
}

/// A call of another service.
fn ec2() -> Value {
    let mut record = canvas(9);
    record["eventSource"] = "ec2.amazonaws.com".into();
    record["eventName"] = "DescribeVolumes".into();
    record["requestParameters"] = Value::Null;
    record["resources"] = Value::Null;
    record
}

fn records() -> Vec<Value> {
    vec![canvas(1), canvas(2), ec2()]
}

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

fn text(value: &Value) -> String {
    value.to_string()
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn lines(values: impl Iterator<Item = String>) -> String {
    values.map(|line| line + "\n").collect()
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |chunk: &[u8]| {
        let bits = chunk.iter().fold(0u32, |bits, b| bits << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        let letter = |n: usize| {
            if n > chunk.len() { '=' } else { char::from(LETTERS[(bits >> (18 - 6 * n)) as usize & 63]) }
        };
        (0..4).map(letter).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

/// Every object in a record, its parameters excepted, with other names.
fn renamed(value: &Value, rename: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::Object(members) => {
            let inner = |name: &str, value: &Value| match name {
                "requestParameters" => value.clone(),
                _ => renamed(value, rename),
            };
            Value::Object(members.iter().map(|(name, value)| (rename(name), inner(name, value))).collect())
        }
        Value::Array(items) => items.iter().map(|item| renamed(item, rename)).collect(),
        value => value.clone(),
    }
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    let letters: Vec<char> = name.chars().collect();
    for (n, letter) in letters.iter().enumerate() {
        let follows_small = n > 0 && letters[n - 1].is_lowercase();
        if letter.is_uppercase() && follows_small {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// Nested members as JSON text.
fn flattened(record: &Value) -> Value {
    let member = |(name, value): (&String, &Value)| {
        let value = if value.is_object() || value.is_array() { text(value).into() } else { value.clone() };
        (name.clone(), value)
    };
    Value::Object(record.as_object().unwrap().iter().map(member).collect())
}

/// A form that keeps all of a record.
struct Form {
    name: &'static str,
    shape: &'static str,
    bytes: Vec<u8>,
}

fn each(name: &'static str, wrap: impl Fn(&Value) -> String) -> Form {
    form(name, "wrapped", lines(records().iter().map(wrap)))
}

fn form(name: &'static str, shape: &'static str, bytes: impl Into<Vec<u8>>) -> Form {
    Form { name, shape, bytes: bytes.into() }
}

/// Objects around the record, or around its text.
fn envelopes() -> Vec<Form> {
    vec![
        each("record", |r| json!({"record": r}).to_string()),
        each("any single name", |r| json!({"x-trail-7": r}).to_string()),
        each("elasticsearch hit", |r| json!({"_index": "i", "_id": "1", "_source": r}).to_string()),
        each("elasticsearch hit of filebeat", |r| {
            json!({"_source": {"@timestamp": "t", "event": {"original": text(r), "action": "Decrypt"}, "message": "x"}}).to_string()
        }),
        each("filebeat message", |r| {
            json!({"@timestamp": "t", "message": text(r), "log": {"offset": 0}}).to_string()
        }),
        each("dotted name", |r| json!({"event.original": text(r), "event.action": "Decrypt"}).to_string()),
        each("splunk", |r| {
            json!({"preview": false, "result": {"_raw": text(r), "eventName": "Decrypt", "eventSource": "kms.amazonaws.com", "userIdentity.arn": "a"}})
                .to_string()
        }),
        each("datadog archive", |r| {
            json!({"_id": "i", "service": "cloudtrail", "attributes": r, "tags": ["a"]}).to_string()
        }),
        each("datadog api", |r| {
            json!({"data": [{"id": "i", "type": "log", "attributes": {"attributes": r}}]}).to_string()
        }),
        each("fluent bit", |r| json!({"date": 1.5, "log": format!("{r}\n")}).to_string()),
        each("kafka connect", |r| json!({"key": null, "value": text(r), "offset": 3}).to_string()),
        each("opentelemetry", |r| json!({"timeUnixNano": "1", "body": {"stringValue": text(r)}}).to_string()),
        each("sns in sqs", |r| {
            let message = json!({"Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:111122223333:t", "Message": text(r)});
            json!({"Messages": [{"MessageId": "1", "Body": message.to_string()}]}).to_string()
        }),
        each("kinesis event of lambda", |r| {
            let record = json!({"kinesis": {"data": base64(text(r).as_bytes())}, "eventSource": "aws:kinesis", "eventVersion": "1.0", "eventName": "aws:kinesis:record"});
            json!({"Records": [record]}).to_string()
        }),
        each("firehose event of lambda", |r| {
            json!({"invocationId": "i", "records": [{"recordId": "1", "data": base64(&gzip(text(r).as_bytes()))}]}).to_string()
        }),
        each("eventbridge in text", |r| {
            let event = json!({"version": "0", "detail-type": "AWS API Call via CloudTrail", "source": "aws.kms", "detail": r});
            json!({"body": event.to_string()}).to_string()
        }),
        each("text in text in text", |r| quoted(&quoted(&quoted(&text(r))))),
        each("logs insights on the console", |r| json!([{"@timestamp": "t", "@message": r}]).to_string()),
        each("loki", |r| {
            json!({"status": "success", "data": {"resultType": "streams", "result": [{"stream": {}, "values": [["1", text(r)]]}]}}).to_string()
        }),
        each("a map by id", |r| json!({"events_by_id": {"e1": r}}).to_string()),
        form("one text a line", "wrapped", lines(records().iter().map(|r| quoted(&text(r))))),
        form("vector", "wrapped", json!({"bucket": "b", "message": document(&records())}).to_string()),
        form("documents in an array", "wrapped", format!("[{}]", document(&records()))),
        form("a list in an object", "wrapped", json!({"hits": {"total": 3, "hits": records()}}).to_string()),
        form(
            "a list of envelopes",
            "wrapped",
            json!({"rows": records().iter().map(|r| json!({"cloud_trail_event": r})).collect::<Vec<_>>()})
                .to_string(),
        ),
        form("logs insights on the command line", "wrapped", {
            let row = |r: &Value| json!([{"field": "@timestamp", "value": "t"}, {"field": "@message", "value": text(r)}, {"field": "@ptr", "value": "p"}]);
            json!({"results": records().iter().map(row).collect::<Vec<_>>(), "status": "Complete"})
                .to_string()
        }),
        form("awslogs", "wrapped", {
            let event = |r: &Value| json!({"id": "1", "timestamp": 1, "message": text(r)});
            let events: Vec<Value> = records().iter().map(event).collect();
            let message = json!({"messageType": "DATA_MESSAGE", "logGroup": "g", "logEvents": events});
            json!({"awslogs": {"data": base64(&gzip(message.to_string().as_bytes()))}}).to_string()
        }),
        form("aws logs tail", "log_lines", {
            let line =
                |r: &Value| format!("2025-10-07T08:20:00.123000+00:00 111122223333_CloudTrail_us-east-1 {r}");
            lines(records().iter().map(line))
        }),
        form("aws logs tail, pretty", "log_lines", {
            let line = |r: &Value| format!("2025-10-07T08:20:00+00:00 stream\n{r:#}");
            lines(records().iter().map(line))
        }),
        form(
            "syslog",
            "log_lines",
            lines(records().iter().map(|r| format!("<134>Oct  7 08:20:00 host trail[12]: {r}"))),
        ),
    ]
}

/// Other names, and texts in the place of objects.
fn notations() -> Vec<Form> {
    let table = |names: &dyn Fn(&str) -> String| lines(records().iter().map(|r| text(&renamed(r, names))));
    let times = |time: fn(&str) -> Value| {
        let retimed = |mut r: Value| {
            r["eventTime"] = time(r["eventTime"].as_str().unwrap());
            text(&r)
        };
        lines(records().into_iter().map(retimed))
    };
    vec![
        form("lower case", "wrapped", table(&|name| name.to_lowercase())),
        form("snake case", "wrapped", table(&snake)),
        form("capital case", "wrapped", table(&|name| name[..1].to_uppercase() + &name[1..])),
        form(
            "a prefix",
            "wrapped",
            lines(records().iter().map(|r| {
                let members: Map<String, Value> = r
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(name, value)| (format!("r_{name}"), value.clone()))
                    .collect();
                Value::Object(members).to_string()
            })),
        ),
        form("nested members as text", "ndjson", lines(records().iter().map(|r| text(&flattened(r))))),
        form(
            "text in lower case",
            "wrapped",
            lines(records().iter().map(|r| text(&renamed(&flattened(r), &|name| name.to_lowercase())))),
        ),
        form("a time without T", "ndjson", times(|time| time.replace('T', " ").replace('Z', "+00").into())),
        form(
            "a time with nanoseconds",
            "ndjson",
            times(|time| time.replace('T', " ").replace('Z', ".000000000").into()),
        ),
        form(
            "seconds since 1970",
            "ndjson",
            times(|time| (1_759_825_200 + time[17..19].parse::<u64>().unwrap()).into()),
        ),
        form(
            "milliseconds since 1970",
            "ndjson",
            times(|time| ((1_759_825_200 + time[17..19].parse::<u64>().unwrap()) * 1000).into()),
        ),
        form("columns of rows", "wrapped", {
            let mut columns: Map<String, Value> = Map::new();
            for (n, record) in records().iter().enumerate() {
                for (name, value) in record.as_object().unwrap() {
                    columns.entry(name.as_str()).or_insert_with(|| json!({}))[n.to_string()] = value.clone();
                }
            }
            Value::Object(columns).to_string()
        }),
        form("names and cells", "wrapped", {
            let names: Vec<String> = canvas(1).as_object().unwrap().keys().cloned().collect();
            let cells: Vec<Value> =
                records().iter().map(|r| names.iter().map(|name| r[name].clone()).collect()).collect();
            json!({"columns": names, "index": [0, 1, 2], "data": cells}).to_string()
        }),
    ]
}

/// Compression and encodings around the whole file.
fn encodings() -> Vec<Form> {
    let log = document(&records()).into_bytes();
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    vec![
        form("gzip in gzip", "records", gzip(&gzip(&log))),
        form("gzip in gzip in gzip", "records", gzip(&gzip(&gzip(&log)))),
        form("zstd in gzip", "records", gzip(&zstd(&log))),
        form("gzip in zstd", "records", zstd(&gzip(&log))),
        form("base64 of gzip", "records", base64(&gzip(&log))),
        form("base64 of gzip in gzip", "records", gzip(base64(&gzip(&log)).as_bytes())),
        form("base64 of JSON", "records", base64(&log)),
        form("two members in one", "records", gzip(&[gzip(&log[..500]), gzip(&log[500..])].concat())),
    ]
}

/// CSV that keeps nested members as JSON.
fn tables() -> Vec<Form> {
    let names: Vec<String> = canvas(1).as_object().unwrap().keys().cloned().collect();
    let cell = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => text(value),
    };
    let csv = |delimiter: char, rename: &dyn Fn(&str) -> String, index: bool| {
        let field = |text: String| format!("\"{}\"", text.replace('"', "\"\""));
        let row = |n: Option<usize>, cells: Vec<String>| {
            let index = index.then(|| n.map_or(String::new(), |n| n.to_string()));
            index.into_iter().chain(cells).collect::<Vec<_>>().join(&delimiter.to_string())
        };
        let header = row(None, names.iter().map(|name| rename(name)).collect());
        let rows = records();
        let rows = rows
            .iter()
            .enumerate()
            .map(|(n, r)| row(Some(n), names.iter().map(|name| field(cell(&r[name]))).collect()));
        lines(std::iter::once(header).chain(rows))
    };
    let column = |name: &str| {
        let row = |r: &Value| format!("2025-10-07 08:20:00.000,\"{}\"", text(r).replace('"', "\"\""));
        format!("@timestamp,{name}\n{}", lines(records().iter().map(row)))
    };
    vec![
        form("csv", "csv", csv(',', &|name| name.to_owned(), false)),
        form("csv of pandas", "csv", csv(',', &|name| name.to_owned(), true)),
        form("csv with semicolons and snake case", "csv", csv(';', &snake, false)),
        form("tsv", "csv", csv('\t', &|name| name[..1].to_uppercase() + &name[1..], false)),
        form("csv of logs insights", "csv", column("@message")),
        form("csv of splunk", "csv", column("_raw")),
        form(
            "csv of one column",
            "csv",
            lines(records().iter().map(|r| format!("\"{}\"", text(r).replace('"', "\"\"")))),
        ),
    ]
}

fn forms() -> Vec<Form> {
    [envelopes(), notations(), encodings(), tables()].into_iter().flatten().collect()
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

/// A KMS name that is one letter off inside the wrapping is another service, or damage; it is never an event.
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
        ("athena-ctas.parquet", "parquet_lossy", [3, 2, 0]),
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
        ("panther.json", "ndjson", [3, 0, 0]),
        ("parameters-as-text.ndjson", "ndjson", [3, 3, 0]),
        ("powershell.json", "mixed_lossy", [2, 0, 2]),
        ("settings-as-text.ndjson", "ndjson", [2, 1, 0]),
        ("sqs-receive.json", "wrapped", [1, 1, 0]),
        ("steampipe.json", "wrapped", [2, 2, 0]),
        ("vector.json", "wrapped", [3, 2, 0]),
    ] {
        let report = analyze_in(&root().join("tests/data/wrappings"), &[file]);
        assert_eq!(counts(&report), expected, "{file}: {}", report.stderr);
        assert_eq!(self::shape(&report), shape, "{file}");
        assert_eq!(report.status, i32::from(expected[2] > 0), "{file}");
        let caveats = report.run_json()["caveats"].to_string();
        assert_eq!(caveats.contains("lossy_inputs"), shape.ends_with("_lossy"), "{file}");
        assert!(!report.events().iter().any(|event| event["principal"] == "unknown"), "{file}");
    }
    let panther =
        analyze_in(&root().join("tests/data/wrappings"), &["panther.json", "--workload", "sagemaker"]);
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
    for (name, form) in [("flat", &flat as &dyn Fn(&Value) -> Value), ("OCSF", &ocsf), ("ECS", &ecs)] {
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

/// What is in no known form, but names KMS or members of records, is not passed over.
#[test]
fn unknown_forms_are_told() {
    let record = canvas(1);
    let yaml = "Records:\n- eventVersion: '1.11'\n  eventSource: kms.amazonaws.com\n  eventName: Decrypt\n";
    let xml = "<Records><eventSource>kms.amazonaws.com</eventSource><eventName>Decrypt</eventName></Records>";
    let sql = "INSERT INTO t (event_source, event_name) VALUES ('kms.amazonaws.com', 'Decrypt');\n";
    let short = json!({"src": "kms.amazonaws.com", "op": "Decrypt", "who": "arn"}).to_string();
    let reversed: String = text(&record).chars().rev().collect();
    let hidden = lines(
        (0..3).map(|_| format!("eventName=Decrypt eventSource=kms.amazonaws.com {}", "x".repeat(300_000))),
    );
    for (name, bytes) in [
        ("trail.yaml", yaml.as_bytes().to_vec()),
        ("trail.xml", xml.as_bytes().to_vec()),
        ("trail.sql", sql.as_bytes().to_vec()),
        ("short.json", short.into_bytes()),
        ("cef.log", b"CEF:0|AWS|CloudTrail|1|Decrypt|Decrypt|1|sourceService=kms.amazonaws.com\n".to_vec()),
        ("key-value.log", hidden.into_bytes()),
        ("trail.yaml.gz", gzip(yaml.as_bytes())),
        ("far.txt", format!("{}{yaml}", "nothing of it\n".repeat(50_000)).into_bytes()),
    ] {
        let dir = folder(&[(name, &bytes), ("good.json", document(&records()).as_bytes())]);
        let report = analyze_in(dir.path(), &[name, "good.json"]);
        assert_eq!(state(&report.inputs(), name), ("unreadable", "unreadable_wrapping"), "{name}");
        assert_eq!((report.status, counts(&report)), (1, [3, 2, 0]), "{name}");
        assert!(report.stderr.contains("unreadable_wrapping"), "{name}: {}", report.stderr);
        assert!(report.run_json()["caveats"].to_string().contains("unreadable_wrappings"), "{name}");
        let events = testkit::run(testkit::keytrail().current_dir(dir.path()).args(["events", name]));
        assert_eq!(events.status, 1, "{name}");
        assert!(events.stderr.contains("unreadable_wrapping"), "{name}: {}", events.stderr);
    }
    // Names that are not those of a record, and a mention in prose.
    for (name, bytes) in [
        ("reversed.json", reversed.into_bytes()),
        (
            "prose.json",
            json!({"text": "the service kms.amazonaws.com is not a record"}).to_string().into_bytes(),
        ),
        (
            "analytics.json",
            json!({"event_name": "click", "event_source": "web", "user": 1}).to_string().into_bytes(),
        ),
        (
            "windows.json",
            json!({"EventID": 4624, "Message": "x", "EventTime": "2025-10-07T08:20:00Z"})
                .to_string()
                .into_bytes(),
        ),
    ] {
        let report = read(name, &bytes);
        let told = state(&report.inputs(), name).0.to_owned();
        assert!(told == "skipped" || name == "analytics.json", "{name}: {}", report.stderr);
        assert_eq!(counts(&report), [0, 0, 0], "{name}");
    }
}

/// A file with CloudTrail's name is a log, and when something else was saved under it, that log is lost.
#[test]
fn lost_logs_are_told() {
    let log = "111122223333_CloudTrail_us-east-1_20251007T0830Z_AbCdEfGhIjKlMnOp.json.gz";
    let xml = "<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code><Message>not authorized to perform: kms:Decrypt</Message></Error>";
    let lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 984076\n";
    for (bytes, told) in [
        (xml, "AccessDenied: not authorized to perform: kms:Decrypt"),
        ("<!DOCTYPE html><html><head><title>Sign in</title></head></html>", "Sign in"),
        (lfs, "Git LFS"),
        ("", "no bytes"),
        ("{}", "other_json"),
        (
            "{\"Records\":[{\"eventVersion\":\"2.1\",\"eventSource\":\"aws:s3\",\"eventName\":\"ObjectCreated:Put\"}]}",
            "notification",
        ),
    ] {
        let report = read(log, bytes.as_bytes());
        assert_eq!((report.status, state(&report.inputs(), log)), (1, ("unreadable", "lost_log")), "{told}");
        assert!(report.stderr.contains(told), "{told}: {}", report.stderr);
        assert!(report.run_json()["caveats"].to_string().contains("misnamed_inputs"), "{told}");
        // Under another name it is none of ours.
        let report = read("other.json", bytes.as_bytes());
        assert_eq!((report.status, report.inputs()[0]["status"].as_str()), (0, Some("skipped")), "{told}");
    }
}

#[test]
fn notifications_are_no_logs() {
    let s3 = json!({"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {"object": {"key": "AWSLogs/x.json.gz"}}});
    let sns = json!({"Type": "Notification", "TopicArn": "arn", "Message": json!({"s3Bucket": "b", "s3ObjectKey": ["k"]}).to_string()});
    for (name, text) in [
        ("s3.json", json!({"Records": [s3, s3]}).to_string()),
        ("sns.json", sns.to_string()),
        ("sqs.json", json!({"Messages": [{"ReceiptHandle": "r", "Body": json!({"Records": [s3]}).to_string()}]}).to_string()),
        ("lambda.json", json!({"Records": [{"eventSource": "aws:sqs", "body": json!({"Records": [s3]}).to_string()}]}).to_string()),
        ("bridge.json", json!({"version": "0", "detail-type": "Object Created", "source": "aws.s3", "detail": {"object": {"key": "k"}}}).to_string()),
        ("test.json", json!({"Service": "Amazon S3", "Event": "s3:TestEvent"}).to_string()),
        ("validation.txt", "CloudTrail validation message.".to_owned()),
    ] {
        let report = read(name, text.as_bytes());
        assert_eq!((report.status, state(&report.inputs(), name)), (0, ("skipped", "notification")), "{name}");
        assert!(report.stderr.contains("notification"), "{name}: {}", report.stderr);
        assert!(!report.stderr.contains("exclude"), "{name}: {}", report.stderr);
    }
    // Beside a record, a notification is only something else.
    let mixed = document(&[s3, canvas(1)]);
    assert_eq!(counts(&read("mixed.json", mixed.as_bytes())), [2, 1, 0]);
}

/// The depth, and what is decompressed out of texts, are bounded.
#[test]
fn hostile_wrappings_are_bounded() {
    let mut deep = text(&canvas(1));
    for _ in 0..12 {
        deep = format!("{{\"message\":{}}}", quoted(&deep));
    }
    let report = read("deep.json", deep.as_bytes());
    assert_eq!((report.status, counts(&report)[1]), (1, 0), "{}", report.stderr);
    let nested = format!("{}{}{}", "{\"a\":".repeat(100), canvas(1), "}".repeat(100));
    assert_eq!(read("nested.json", nested.as_bytes()).status, 1);
    let bomb = gzip(&vec![b' '; 4 << 20]);
    let event = json!({"awslogs": {"data": base64(&gzip(&bomb))}}).to_string();
    let dir = folder(&[("bomb.json", event.as_bytes())]);
    let report = analyze_in(dir.path(), &["bomb.json", "--max-archive-bytes", "1000000"]);
    assert_eq!(report.inputs()[0]["rejected"], 1, "{}", report.stderr);
    // More layers than are taken off.
    let mut layers = document(&records()).into_bytes();
    (0..8).for_each(|_| layers = gzip(&layers));
    let report = read("layers.gz", &layers);
    assert_eq!(
        (report.status, input(&report.inputs(), "layers.gz")["reason"].as_str()),
        (1, Some("unreadable_wrapping"))
    );
}
