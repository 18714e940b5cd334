//! Records in forms that a place for records may hold, and does not hold in CloudTrail's own
//! files: read if a search reads them, and told if not.

use std::io::Write;

use serde_json::{Value, json};
use testkit::{gzip, state};

use super::forms::{base64, canvas, ec2, lines, text};
use super::{counts, read};

/// A text in the place of a record, between two records, in everything that holds texts.
fn places(unknown: &str) -> Vec<(&'static str, String)> {
    let texts = [text(&canvas(1)), unknown.to_owned(), text(&canvas(2))];
    let each = |wrap: &dyn Fn(&String) -> Value| texts.iter().map(wrap).collect::<Vec<_>>();
    let events = each(&|text| json!({"id": "1", "timestamp": 1, "message": text}));
    let message = json!({"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logEvents": events});
    let line = |time: &str| lines(texts.iter().map(|text| format!("{time} {text}")));
    vec![
        ("subscription", message.to_string()),
        ("filter-log-events", json!({"events": events}).to_string()),
        ("export", line("2025-10-07T08:00:00.000Z")),
        ("tail", line("2025-10-07T08:00:00.000000+00:00 stream")),
        (
            "lookup-events",
            json!({"Events": each(&|text| json!({"EventId": "1", "CloudTrailEvent": text}))}).to_string(),
        ),
        ("lake", json!({"QueryResultRows": each(&|text| json!([{"eventJson": text}]))}).to_string()),
        (
            "EventBridge",
            lines(
                each(&|text| {
                    json!({"version": "0", "detail-type": "AWS API Call via CloudTrail", "detail": text})
                })
                .iter()
                .map(Value::to_string),
            ),
        ),
        ("SQS", json!({"Messages": each(&|text| json!({"MessageId": "1", "Body": text}))}).to_string()),
    ]
}

fn python(value: &Value) -> String {
    let text = value.to_string().replace("\\\"", "").replace('"', "'").replace("null", "None");
    text.replace(":true", ":True").replace(":false", ":False").replace("\\\\", "")
}

#[test]
fn texts_in_every_place_are_read_in_every_form() {
    let record = text(&canvas(3));
    let hex: String = gzip(record.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    for unknown in [base64(&gzip(record.as_bytes())), base64(record.as_bytes()), hex, python(&canvas(3))] {
        for (place, document) in places(&unknown) {
            // In an export, a brace begins JSON.
            if unknown.starts_with('{') && place == "export" {
                continue;
            }
            let report = read("in", document.as_bytes());
            assert_eq!(
                (report.status, counts(&report)),
                (0, [3, 3, 0]),
                "{place}: {unknown}: {}",
                report.stderr
            );
        }
        // The damaged twin.
        for (place, document) in places(&unknown[..unknown.len() / 2]) {
            let report = read("in", document.as_bytes());
            assert_eq!((report.status, counts(&report)[1]), (1, 2), "{place}: {unknown}: {}", report.stderr);
        }
    }
}

#[test]
fn texts_in_every_place_that_cannot_be_read_are_told() {
    let record = text(&canvas(3));
    let identity = text(&canvas(3)["userIdentity"]);
    let begins = format!("{{\"eventVersion\":\"1.11\",\"userIdentity\":{identity},\"eventTime\":");
    for unknown in [
        &begins[..25],
        &begins[..100],
        &begins,
        "eventSource=kms.amazonaws.com eventName=Decrypt userIdentity.arn=arn:aws:iam::1:user/a",
        "<Record><eventSource>kms.amazonaws.com</eventSource></Record>",
        "%7B%22eventVersion%22%3A%221.11%22%2C%22userIdentity%22%3A%7B%7D%2C%22eventName%22%3A1%7D",
        &json!({"time": "2025-10-07", "api": "Decrypt", "source": "kms.amazonaws.com"}).to_string(),
        &json!(["2025-10-07T08:02:00Z", "kms.amazonaws.com", "Decrypt"]).to_string(),
        &base64(&record.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()),
        &base64(&deflated(&record)),
        &base64(b"eventSource=kms.amazonaws.com eventName=Decrypt userIdentity.arn=arn:aws:iam"),
    ] {
        for (place, document) in places(unknown) {
            let report = read("in", document.as_bytes());
            assert_eq!((report.status, counts(&report)[1]), (1, 2), "{place}: {unknown}: {}", report.stderr);
            assert!(counts(&report)[2] > 0, "{place}: {unknown}");
        }
    }
}

#[test]
fn messages_of_other_programs_are_not_told() {
    for other in [
        "START RequestId: c0ffee00-0000-4000-8000-000000000101 Version: $LATEST",
        "END RequestId: c0ffee00-0000-4000-8000-000000000101",
        "calling kms.amazonaws.com: AccessDenied for the event source mapping",
        "{not json}",
        &json!({"level": "INFO", "message": "to kms.amazonaws.com"}).to_string(),
        &text(&ec2()),
        &format!("token {}", base64(&[7; 90])),
    ] {
        for (place, document) in places(other).into_iter().take(4) {
            let report = read("in", document.as_bytes());
            assert_eq!(
                (report.status, counts(&report)),
                (0, [3, 2, 0]),
                "{place}: {other}: {}",
                report.stderr
            );
        }
    }
}

fn deflated(content: &str) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Bytes in which records may be, in JSON without any record that can be read.
#[test]
fn other_files_in_texts_are_told() {
    let gzipped = gzip(text(&canvas(1)).as_bytes());
    let latin: String = gzipped.iter().copied().map(char::from).collect();
    let numbers = gzipped.iter().map(u8::to_string).collect::<Vec<_>>().join(",");
    let mut tar = vec![0; 1024];
    tar[257..262].copy_from_slice(b"ustar");
    for held in [
        base64(&[&b"PK\x03\x04"[..], &[9; 90]].concat()),
        base64(&[&b"PAR1"[..], &[9; 90]].concat()),
        base64(&[&b"\xF3\x89\x9A\xC2"[..], &[9; 90]].concat()),
        base64(&gzip(&tar)),
        String::from_utf8_lossy(&gzipped).into_owned(),
        latin,
        numbers,
    ] {
        let report = read("in.json", json!({"body": held}).to_string().as_bytes());
        assert_eq!((report.status, counts(&report)[1]), (1, 0), "{held}: {}", report.stderr);
        let report = read("in.json", json!({"Records": [canvas(1), {"body": held}]}).to_string().as_bytes());
        assert_eq!((report.status, counts(&report)), (1, [2, 1, 1]), "{held}: {}", report.stderr);
    }
    for held in [format!("b'{}'", base64(&gzipped)), format!("{gzipped:?}")] {
        let report = read("in.json", json!({"body": held}).to_string().as_bytes());
        assert_eq!((report.status, counts(&report)), (0, [1, 1, 0]), "{held}: {}", report.stderr);
        let cut = &held[..held.len() / 2];
        let report = read("in.json", json!({"Records": [canvas(1), {"body": cut}]}).to_string().as_bytes());
        assert_eq!(report.status, 1, "{held}: {}", report.stderr);
    }
    let report = read(
        "in.json",
        json!({"body": base64(b"\x89PNG\r\n\x1A\n0000000000000000000000000000000000000000000000000")})
            .to_string()
            .as_bytes(),
    );
    assert_eq!((report.status, state(&report.inputs(), "in.json").0), (0, "skipped"));
}

/// Texts with the quotes of JSON around them.
#[test]
fn quoted_texts_are_read() {
    let plain = canvas(1);
    let quote = |names: &[&str]| {
        let mut record = plain.clone();
        for name in names {
            record[*name] = record[*name].to_string().into();
        }
        record
    };
    let texts =
        ["eventVersion", "eventTime", "eventSource", "eventName", "awsRegion", "userAgent", "eventID"];
    let mut deep = plain.clone();
    for name in ["type", "arn", "accountId", "sessionContext", "principalId", "accessKeyId", "invokedBy"] {
        deep["userIdentity"][name] = deep["userIdentity"][name].to_string().into();
    }
    let expected = super::placeless(read("in", text(&plain).as_bytes()).events());
    for record in [quote(&["eventSource"]), quote(&["eventTime", "eventName"]), quote(&texts), deep] {
        for document in
            [json!({"Records": [record]}).to_string(), json!({"message": text(&record)}).to_string()]
        {
            let report = read("in", document.as_bytes());
            assert_eq!((report.status, counts(&report)), (0, [1, 1, 0]), "{document}: {}", report.stderr);
            assert_eq!(super::placeless(report.events()), expected, "{document}");
        }
    }
    // Cut off, the quotes are not those of a JSON text.
    let mut cut = quote(&["eventTime"]);
    cut["eventTime"] = "\"2025-10-07T08:20".into();
    assert_eq!(read("in", json!({"Records": [cut]}).to_string().as_bytes()).status, 1);
}
