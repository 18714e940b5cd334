//! Records in envelopes: the reader finds the same elements in any windows, damage costs one of
//! them, and the extracted record is the original, byte for byte.

use super::windows::{all_ends, check_windows, reasons};
use super::*;
use crate::format::decode::Budget;

const MAX_RECORD: u64 = 4000;

/// A record with characters that an envelope must escape.
fn record_with_escapes(n: usize) -> String {
    record(n).replacen(":\"t\"", ":\"\\\"t\\\\ \\u00e9é😀\\ud83d\\ude00\\n\"", 1)
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// A format that wraps records.
struct Format {
    name: &'static str,
    /// Wraps one record.
    wrap: fn(&str) -> String,
    opening: &'static str,
    between: &'static str,
    closing: &'static str,
    shape: JsonShape,
}

impl Format {
    fn wrap_all(&self, records: &[String]) -> String {
        let items: Vec<String> = records.iter().map(|record| (self.wrap)(record)).collect();
        format!("{}{}{}", self.opening, items.join(self.between), self.closing)
    }
}

fn lookup_event(record: &str) -> String {
    format!(r#"{{"EventId": "1", "Resources": [], "CloudTrailEvent": {}}}"#, quoted(record))
}

fn log_event(record: &str) -> String {
    format!(r#"{{"id":"1","timestamp":1,"message":{}}}"#, quoted(record))
}

fn eventbridge(record: &str) -> String {
    format!(
        r#"{{"version":"0","detail-type":"AWS API Call via CloudTrail","source":"aws.kms","detail":{record}}}"#
    )
}

fn lake_row(record: &str) -> String {
    format!(r#"[{{"eventName":"E"}},{{"eventJson":{}}}]"#, quoted(record))
}

fn log_line(record: &str) -> String {
    format!("2024-01-01T00:00:00.000Z {record}\n")
}

fn formats() -> Vec<Format> {
    let format = |name, wrap, [opening, between, closing]: [&'static str; 3], shape| Format {
        name,
        wrap,
        opening,
        between,
        closing,
        shape,
    };
    vec![
        format(
            "page",
            lookup_event,
            ["{\n  \"Events\": [\n", ",\n", "\n],\"NextToken\":\"x\"}"],
            JsonShape::LookupEvents,
        ),
        format("compact page", lookup_event, ["{\"Events\":[", ",", "]}"], JsonShape::LookupEvents),
        format("items", lookup_event, ["", "\n", "\n"], JsonShape::LookupEvents),
        format("texts", quoted, ["[", ", ", "]"], JsonShape::LookupEvents),
        format("envelopes", eventbridge, ["", "\n", ""], JsonShape::EventBridge),
        format("envelopes back to back", eventbridge, ["", "", ""], JsonShape::EventBridge),
        format("envelopes in an array", eventbridge, ["[", ",", "]"], JsonShape::EventBridge),
        format(
            "subscription",
            log_event,
            [r#"{"messageType":"DATA_MESSAGE","logEvents":["#, ",", "]}"],
            JsonShape::LogSubscription,
        ),
        format(
            "filter",
            log_event,
            [r#"{"events":["#, ",", r#"],"searchedLogStreams":[]}"#],
            JsonShape::LogEvents,
        ),
        format("lines", log_line, ["", "", ""], JsonShape::LogLines),
        format(
            "rows",
            lake_row,
            [r#"{"QueryStatus":"FINISHED","QueryResultRows":["#, ",", "]}"],
            JsonShape::LakeRows,
        ),
    ]
}

/// The records in all values, and the reasons of damage. Looks inside values that are not valid
/// JSON, as a run does.
fn extract_all(bytes: &[u8]) -> Vec<String> {
    let mut reader = ContainerReader::new(MAX_RECORD);
    let window = Window { bytes, start: 0, last: true };
    let (mut found, mut buffer) = (Vec::new(), Vec::new());
    loop {
        found.push(match reader.step(window) {
            Step::Value { range, envelope, .. } => {
                let value = window.slice(&range);
                if json_error(value).is_some() {
                    reader.resync_within(&range, window);
                }
                if envelope == Envelope::Wrapped {
                    let mut inner = Vec::new();
                    RecordSearch::new(MAX_RECORD, Budget::new(MAX_RECORD)).search(value, &mut |extracted| {
                        inner.push(match extracted {
                            Extracted::Record { json: text, .. } => String::from_utf8(text.to_vec()).unwrap(),
                            Extracted::NoRecord => "foreign".to_owned(),
                            Extracted::Unreadable { reason, .. } => format!("!! {}", reason.as_str()),
                        });
                    });
                    let none = inner.is_empty().then(|| "foreign".to_owned());
                    found.extend(inner.into_iter().chain(none));
                    continue;
                }
                match extract_record(value, envelope, &mut buffer) {
                    Extracted::Record { json: text, .. } => String::from_utf8(text.to_vec()).unwrap(),
                    Extracted::NoRecord => "foreign".to_owned(),
                    Extracted::Unreadable { reason, .. } => format!("!! {}", reason.as_str()),
                }
            }
            Step::Damage { reason, .. } => format!("! {}", reason.as_str()),
            Step::End => return found,
            other => format!("{other:?}"),
        });
    }
}

#[test]
fn records_are_extracted_byte_for_byte() {
    let records = [record_with_escapes(1), record(2), record_with_escapes(3)];
    for format in formats() {
        let text = format.wrap_all(&records);
        assert_eq!(extract_all(text.as_bytes()), records, "{}", format.name);
        assert_eq!(read(text.as_bytes(), &[]).1.shape(), format.shape, "{}", format.name);
        // Two in a row.
        let twice = format!("{text}{text}");
        assert_eq!(extract_all(twice.as_bytes()), [&records[..], &records[..]].concat(), "{}", format.name);
        assert_eq!(read(twice.as_bytes(), &[]).1.shape(), format.shape, "{}", format.name);
    }
}

#[test]
fn window_boundaries_do_not_matter() {
    for format in formats() {
        let text = format.wrap_all(&[record(1), record(2)]);
        let (_, shape, recognised, _) =
            check_windows(MAX_RECORD, text.as_bytes(), &all_ends(text.as_bytes()));
        assert_eq!((shape, recognised), (format.shape, true), "{}", format.name);
        let end = text.len() - format.closing.len() - 30;
        let ended = check_windows(MAX_RECORD, &text.as_bytes()[..end], &all_ends(&text.as_bytes()[..end]));
        assert_eq!(reasons(&ended.0), ["value", "json_truncated"], "{}", format.name);
        // All values are too large to keep.
        let (steps, ..) = check_windows(60, text.as_bytes(), &all_ends(text.as_bytes()));
        assert_eq!(reasons(&steps), ["record_too_large", "record_too_large"], "{}", format.name);
    }
}

/// A quote or bracket is missing in one element. The elements after it are found.
#[test]
fn damage_costs_one_element() {
    let records = [record_with_escapes(1), record(2), record_with_escapes(3), record(4)];
    // In an array of strings, nothing shows where the next one begins.
    for format in formats().into_iter().filter(|format| format.name != "texts") {
        let whole = format.wrap_all(&records);
        let second = (format.wrap)(&records[1]);
        let quotes: Vec<usize> = second.match_indices('"').map(|(at, _)| at).collect();
        let brackets = second.match_indices(['{', '}', '[', ']']).map(|(at, _)| at);
        for at in quotes.into_iter().chain(brackets) {
            let mut bad = second.clone();
            bad.remove(at);
            let text = whole.replacen(&second, &bad, 1);
            let found = extract_all(text.as_bytes());
            let good: Vec<&String> = found.iter().filter(|found| records.contains(found)).collect();
            // The parser finds damage in text. After a lost quote around nested objects, the value
            // may end inside the next one.
            let lost = records.len() - good.len();
            assert!(lost <= 2, "{}: {at} of {bad}: {found:?}", format.name);
            assert!(
                good.contains(&&records[0]) && good.contains(&&records[3]),
                "{}: {at} of {bad}: {found:?}",
                format.name
            );
            assert!(found.len() > good.len(), "{}: {at} of {bad}: {found:?}", format.name);
        }
    }
}

/// Containers and envelopes nested in a value are part of that value.
#[test]
fn nested_envelopes_are_never_opened() {
    for format in formats() {
        let planted = format.wrap_all(&[record(8), record(9)]);
        let json = if format.name == "lines" || format.opening.is_empty() {
            eventbridge(&record(9))
        } else {
            planted.clone()
        };
        let outer = format!(
            r#"{{"eventVersion":"1.08","requestParameters":{{"a":{json},"b":{},"detail-type":"x via CloudTrail","detail":{}}},"eventName":"E"}}"#,
            quoted(&planted),
            record(7)
        );
        for text in [
            outer.clone(),
            format!(r#"{{"Records":[{outer}]}}"#),
            format!("[{outer}]"),
            eventbridge(&outer),
            lookup_event(&outer),
        ] {
            assert_eq!(extract_all(text.as_bytes()), [outer.as_str()], "{}: {text}", format.name);
        }
    }
    // Members of a record with the names of containers are not containers.
    let own = format!(
        r#"{{"eventName":"E","Events":[{}],"logEvents":[1],"events":[2]}}"#,
        lookup_event(&record(1))
    );
    assert_eq!(extract_all(own.as_bytes()), [own.as_str()]);
    let behind = format!(r#"{{"Events":[{}],"eventName":"E"}}"#, lookup_event(&record(1)));
    assert_eq!(extract_all(behind.as_bytes()), [record(1), "! json_syntax".to_owned()]);
}

#[test]
fn values_without_a_record_are_distinguished() {
    for (text, expected) in [
        (r#"{"Events":[{"EventId":"1","EventSource":"kms.amazonaws.com"}]}"#, "!! missing_field"),
        (r#"{"Events":[{"EventSource":"kms.amazonaws.com","CloudTrailEvent":null}]}"#, "!! missing_field"),
        (r#"{"Events":[{"SourceIdentifier":"db"}]}"#, "foreign"),
        (r#"{"Events":[7]}"#, "foreign"),
        (r#"{"events":[{"timestamp":1,"message":"plain text"}]}"#, "foreign"),
        (r#"{"events":[{"timestamp":1,"message":{"eventName":"E"}}]}"#, "foreign"),
        (r#"{"events":[{"timestamp":1}]}"#, "foreign"),
        (r#"{"detail-type":"AWS API Call via CloudTrail","detail":null}"#, "!! missing_field"),
        (r#"{"detail-type":"KMS CMK Rotation","detail":{"eventName":"E"}}"#, "foreign"),
        (r#"{"detail-type":7,"detail":{"eventName":"E"}}"#, "foreign"),
        (r#"{"QueryResultRows":[[{"_col0":"5"}]]}"#, "foreign"),
        (r#"{"QueryResultRows":[[{"eventName":"E"}]]}"#, "!! missing_field"),
        (r#"{"Events":[{"EventId":"1","CloudTrailEvent":"\ud83d"}]}"#, "!! lone_surrogate"),
        (r#"{"Events":[{"EventId":"1","CloudTrailEvent":"{}",}]}"#, "!! json_syntax"),
        (r#"{"QueryResultRows":[[{"eventJson":"\ud83d"}]]}"#, "!! lone_surrogate"),
        (r#"[{"Records":[{"eventName":"E"}]}]"#, "foreign"),
        (r#"[{"Records":[{"eventName":"E","eventSource":"s"}]}]"#, r#"{"eventName":"E","eventSource":"s"}"#),
        (r#"[{"Events":[{"CloudTrailEvent":"{}"}]}]"#, "foreign"),
        (r#"[{"EventId":"1","EventSource":"kms.amazonaws.com"}]"#, "!! missing_field"),
        (r#"[{"Records":{"eventName":"E"}}]"#, "foreign"),
    ] {
        assert_eq!(extract_all(text.as_bytes()), [expected], "{text}");
    }
    let control = r#"{"messageType":"CONTROL_MESSAGE","logEvents":[{"timestamp":1,"message":"{}"}]}"#;
    assert_eq!(extract_all(control.as_bytes()), [""; 0]);
    for (text, recognised) in [
        (r#"{"Events": [ ]}"#, true),
        (r#"{"QueryResultRows":[],"QueryStatus":"FINISHED"}"#, true),
        (r#"{"events":[]}"#, false),
        (r#"{"messageType":"DATA_MESSAGE","logEvents":[]}"#, false),
        (control, false),
        (r#"{"Events":[{}]}"#, false),
    ] {
        let every: Vec<usize> = (0..text.len()).collect();
        for ends in [&[][..], &every] {
            let (_, reader) = read(text.as_bytes(), ends);
            assert_eq!(reader.is_recognised(), recognised, "{text}");
            assert!(recognised || reader.skip_reason() == SkipReason::OtherJson, "{text}");
        }
    }
}

/// A message that is not JSON extends to the next line with a timestamp.
#[test]
fn messages_span_lines() {
    let a = record(1);
    let text = format!(
        "2024-01-01T00:00:00.000Z text {a}\n{a}\n  more\n2024-01-01T00:00:01Z {a}\n2024-01-01T00:00:02Z \n2024-01-01T00:00:03Z [x]\n\n2024-01-01T00:00:04Z {{\"eventName\":\n1}}\n"
    );
    let message = |before: &str, after: &str| {
        let start = text.find(before).unwrap() + before.len();
        let end = text.find(after).unwrap();
        format!("{:?}", Step::Message { range: start as u64..end as u64 })
    };
    let expected = [
        message(":00.000Z ", "\n2024-01-01T00:00:01Z"),
        a,
        message(":02Z ", "\n2024-01-01T00:00:03Z"),
        message(":03Z ", "\n2024-01-01T00:00:04Z"),
        "{\"eventName\":\n1}".to_owned(),
    ];
    assert_eq!(extract_all(text.as_bytes()), expected);
    check_windows(MAX_RECORD, text.as_bytes(), &all_ends(text.as_bytes()));
}

/// Content designed to be slow is read in linear time, whatever the elements are.
#[test]
fn hostile_envelopes_are_read_in_linear_time() {
    const LEN: usize = 2 << 20;
    for head in
        [r#"{"Events":[{"x":"cut"#, r#"{"QueryResultRows":[[{"x":"cut"#, "2024-01-01T00:00:00Z {\"x\":\"cut"]
    {
        for piece in [
            r#",{"EventId":1,"CloudTrailEvent":""#,
            r#","#,
            ",[{",
            "[[",
            "\n2024-01-01T00:00:00Z ",
            "\n2024-01-01T00:00:00Z {",
            "\n2024-",
            "\n",
        ] {
            let text = format!("{head}{}", piece.repeat(LEN / piece.len()));
            let ends: Vec<usize> = (0..text.len()).step_by(256 << 10).collect();
            feed(ContainerReader::new(4 << 20), text.as_bytes(), &ends);
        }
    }
}

proptest! {
    /// Escapes are replaced as serde_json does it.
    #[test]
    fn escapes_are_replaced(text in any::<String>(), escaped in prop::collection::vec(any::<bool>(), 64)) {
        let mut spelled = String::new();
        for (letter, escaped) in text.chars().zip(escaped.iter().cycle()) {
            if *escaped {
                spelled.extend(letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04X}")));
            } else {
                let plain = quoted(&letter.to_string());
                spelled.push_str(&plain[1..plain.len() - 1]);
            }
        }
        let value = format!(r#"{{"a":["CloudTrailEvent",{{"CloudTrailEvent":"no"}}],"CloudTrailEvent" : "{spelled}"}}"#);
        let mut buffer = Vec::new();
        let at = value.len() - spelled.len() - 2;
        let expected = Extracted::Record { json: text.as_bytes(), offset: at, lossy: false };
        prop_assert_eq!(extract_record(value.as_bytes(), Envelope::LookupEvent, &mut buffer), expected);
    }
}
