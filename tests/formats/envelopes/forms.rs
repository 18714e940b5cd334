//! The forms: three records in what tools wrap around them.

use serde_json::{Map, Value, json};
use testkit::{document, gzip};

/// A KMS call of SageMaker Canvas by its execution role.
pub fn canvas(n: u32) -> Value {
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
pub fn ec2() -> Value {
    let mut record = canvas(9);
    record["eventSource"] = "ec2.amazonaws.com".into();
    record["eventName"] = "DescribeVolumes".into();
    record["requestParameters"] = Value::Null;
    record["resources"] = Value::Null;
    record
}

pub fn records() -> Vec<Value> {
    vec![canvas(1), canvas(2), ec2()]
}

pub fn text(value: &Value) -> String {
    value.to_string()
}

pub fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

pub fn lines(values: impl Iterator<Item = String>) -> String {
    values.map(|line| line + "\n").collect()
}

pub fn base64(bytes: &[u8]) -> String {
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
pub fn renamed(value: &Value, rename: &dyn Fn(&str) -> String) -> Value {
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

pub fn snake(name: &str) -> String {
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
pub fn flattened(record: &Value) -> Value {
    let member = |(name, value): (&String, &Value)| {
        let value = if value.is_object() || value.is_array() { text(value).into() } else { value.clone() };
        (name.clone(), value)
    };
    Value::Object(record.as_object().unwrap().iter().map(member).collect())
}

/// Every object and list as JSON text, also those inside others.
fn deep_text(record: &Value) -> Value {
    fn printed(value: &Value) -> Value {
        match value {
            Value::Object(_) => text(&deep_text(value)).into(),
            Value::Array(items) => text(&items.iter().map(deep_text).collect()).into(),
            value => value.clone(),
        }
    }
    match record {
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), printed(value))).collect())
        }
        value => value.clone(),
    }
}

/// A form that keeps all of a record.
pub struct Form {
    pub name: &'static str,
    pub shape: &'static str,
    pub bytes: Vec<u8>,
}

pub fn each(name: &'static str, wrap: impl Fn(&Value) -> String) -> Form {
    form(name, "wrapped", lines(records().iter().map(wrap)))
}

pub fn form(name: &'static str, shape: &'static str, bytes: impl Into<Vec<u8>>) -> Form {
    Form { name, shape, bytes: bytes.into() }
}

/// Objects around the record, or around its text.
pub fn envelopes() -> Vec<Form> {
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
        form("lookup events of the SDK for JavaScript", "mixed", {
            let item = |r: &Value| json!({"eventId": r["eventID"], "eventName": r["eventName"], "cloudTrailEvent": text(r)});
            json!({"events": records().iter().map(item).collect::<Vec<_>>()}).to_string()
        }),
        form("lookup events, parsed", "lookup_events", {
            let item = |r: &Value| json!({"EventId": r["eventID"], "EventName": r["eventName"], "EventSource": r["eventSource"], "CloudTrailEvent": r});
            json!({"Events": records().iter().map(item).collect::<Vec<_>>()}).to_string()
        }),
        form("eventbridge with its detail as text", "mixed", lines(records().iter().map(|r| {
            json!({"version": "0", "detail-type": "AWS API Call via CloudTrail", "source": "aws.kms", "detail": text(r)}).to_string()
        }))),
        form("texts in Records", "wrapped", {
            let texts: Vec<String> = records().iter().map(text).collect();
            json!({"Records": texts}).to_string()
        }),
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
        form("an envelope in a log group", "mixed", {
            let event = |r: &Value| json!({"id": "1", "timestamp": 1, "message": json!({"log": text(r)}).to_string()});
            let events: Vec<Value> =
                [canvas(1), canvas(2)].iter().map(event).chain([event(&ec2())]).collect();
            json!({"messageType": "DATA_MESSAGE", "logEvents": events}).to_string()
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
pub fn notations() -> Vec<Form> {
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
        form("text in text at every level", "ndjson", lines(records().iter().map(|r| text(&deep_text(r))))),
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
pub fn encodings() -> Vec<Form> {
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
        form("base64 of base64 of gzip", "records", base64(base64(&gzip(&log)).as_bytes())),
        form("base64 after a byte order mark", "records", format!("\u{feff}{}", base64(&gzip(&log)))),
        form("base64 after a line break", "records", format!("\n{}\n", base64(&gzip(&log)))),
        form("two members in one", "records", gzip(&[gzip(&log[..500]), gzip(&log[500..])].concat())),
    ]
}

/// CSV that keeps nested members as JSON.
pub fn tables() -> Vec<Form> {
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

pub fn forms() -> Vec<Form> {
    [envelopes(), notations(), encodings(), tables()].into_iter().flatten().collect()
}
