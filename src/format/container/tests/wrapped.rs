//! Records in what wraps them: the walk finds the same elements however the content is cut, damage costs one of them, and what is found
//! inside is the record, byte for byte.

use super::cuts::{everywhere, reasons, same};
use super::*;

const LONG: u64 = 4000;

/// A record whose spelling gives a wrapping something to escape.
fn odd(n: usize) -> String {
    record(n).replacen(":\"t\"", ":\"\\\"t\\\\ \\u00e9é😀\\ud83d\\ude00\\n\"", 1)
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// A way to wrap records: one by itself, and some together.
struct Way {
    name: &'static str,
    one: fn(&str) -> String,
    opening: &'static str,
    between: &'static str,
    closing: &'static str,
    shape: Shape,
}

impl Way {
    fn all(&self, records: &[String]) -> String {
        let items: Vec<String> = records.iter().map(|record| (self.one)(record)).collect();
        format!("{}{}{}", self.opening, items.join(self.between), self.closing)
    }
}

fn looked_up(record: &str) -> String {
    format!(r#"{{"EventId": "1", "Resources": [], "CloudTrailEvent": {}}}"#, quoted(record))
}

fn logged(record: &str) -> String {
    format!(r#"{{"id":"1","timestamp":1,"message":{}}}"#, quoted(record))
}

fn enveloped(record: &str) -> String {
    format!(
        r#"{{"version":"0","detail-type":"AWS API Call via CloudTrail","source":"aws.kms","detail":{record}}}"#
    )
}

fn row(record: &str) -> String {
    format!(r#"[{{"eventName":"E"}},{{"eventJson":{}}}]"#, quoted(record))
}

fn line(record: &str) -> String {
    format!("2024-01-01T00:00:00.000Z {record}\n")
}

fn ways() -> Vec<Way> {
    let way = |name, one, [opening, between, closing]: [&'static str; 3], shape| Way {
        name,
        one,
        opening,
        between,
        closing,
        shape,
    };
    vec![
        way(
            "page",
            looked_up,
            ["{\n  \"Events\": [\n", ",\n", "\n],\"NextToken\":\"x\"}"],
            Shape::LookupEvents,
        ),
        way("compact page", looked_up, ["{\"Events\":[", ",", "]}"], Shape::LookupEvents),
        way("items", looked_up, ["", "\n", "\n"], Shape::LookupEvents),
        way("texts", quoted, ["[", ", ", "]"], Shape::LookupEvents),
        way("envelopes", enveloped, ["", "\n", ""], Shape::EventBridge),
        way("envelopes back to back", enveloped, ["", "", ""], Shape::EventBridge),
        way("envelopes in an array", enveloped, ["[", ",", "]"], Shape::EventBridge),
        way(
            "subscription",
            logged,
            [r#"{"messageType":"DATA_MESSAGE","logEvents":["#, ",", "]}"],
            Shape::LogSubscription,
        ),
        way("filter", logged, [r#"{"events":["#, ",", r#"],"searchedLogStreams":[]}"#], Shape::LogEvents),
        way("lines", line, ["", "", ""], Shape::LogLines),
        way("rows", row, [r#"{"QueryStatus":"FINISHED","QueryResultRows":["#, ",", "]}"], Shape::LakeRows),
    ]
}

/// The records inside what the walk finds, and the reasons of damage; a value that is not JSON is looked at again, as the engine does.
fn held(bytes: &[u8]) -> Vec<String> {
    let mut unwrapper = ContainerReader::new(LONG);
    let window = Window { bytes, start: 0, last: true };
    let (mut found, mut buffer) = (Vec::new(), Vec::new());
    loop {
        found.push(match unwrapper.step(window) {
            Step::Value { range, wrapping, .. } => {
                let value = window.slice(&range);
                if json_error(value).is_some() {
                    unwrapper.reconsider(&range, window);
                }
                match record_in(value, wrapping, &mut buffer) {
                    Extracted::Record { text, .. } => String::from_utf8(text.to_vec()).unwrap(),
                    Extracted::Foreign => "foreign".to_owned(),
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
fn every_wrapping_gives_the_record_byte_for_byte() {
    let records = [odd(1), record(2), odd(3)];
    for way in ways() {
        let text = way.all(&records);
        assert_eq!(held(text.as_bytes()), records, "{}", way.name);
        assert_eq!(walk(text.as_bytes(), &[]).1.shape(), way.shape, "{}", way.name);
        // Several, one behind the other.
        let twice = format!("{text}{text}");
        assert_eq!(held(twice.as_bytes()), [&records[..], &records[..]].concat(), "{}", way.name);
        assert_eq!(walk(twice.as_bytes(), &[]).1.shape(), way.shape, "{}", way.name);
    }
}

#[test]
fn cuts_do_not_matter_to_what_is_wrapped() {
    for way in ways() {
        let text = way.all(&[record(1), record(2)]);
        let (_, shape, recognised, _) = same(LONG, text.as_bytes(), &everywhere(text.as_bytes()));
        assert_eq!((shape, recognised), (way.shape, true), "{}", way.name);
        let end = text.len() - way.closing.len() - 30;
        let ended = same(LONG, &text.as_bytes()[..end], &everywhere(&text.as_bytes()[..end]));
        assert_eq!(reasons(&ended.0), ["value", "json_truncated"], "{}", way.name);
        // Too large to be kept, all of them.
        let (steps, ..) = same(60, text.as_bytes(), &everywhere(text.as_bytes()));
        assert_eq!(reasons(&steps), ["record_too_large", "record_too_large"], "{}", way.name);
    }
}

/// A quote or a bracket lost in one element: one reject, and the next elements count.
#[test]
fn damage_costs_one_element() {
    let records = [odd(1), record(2), odd(3), record(4)];
    // In an array of nothing but texts, nothing shows where the next one begins.
    for way in ways().into_iter().filter(|way| way.name != "texts") {
        let whole = way.all(&records);
        let second = (way.one)(&records[1]);
        let quotes: Vec<usize> = second.match_indices('"').map(|(at, _)| at).collect();
        let brackets = second.match_indices(['{', '}', '[', ']']).map(|(at, _)| at);
        for at in quotes.into_iter().chain(brackets) {
            let mut bad = second.clone();
            bad.remove(at);
            let text = whole.replacen(&second, &bad, 1);
            let found = held(text.as_bytes());
            let good: Vec<&String> = found.iter().filter(|found| records.contains(found)).collect();
            // Damage in a text is the parser's to find. A quote lost around nested objects may end the value inside its neighbour.
            let lost = records.len() - good.len();
            assert!(lost <= 2, "{}: {at} of {bad}: {found:?}", way.name);
            assert!(
                good.contains(&&records[0]) && good.contains(&&records[3]),
                "{}: {at} of {bad}: {found:?}",
                way.name
            );
            assert!(found.len() > good.len(), "{}: {at} of {bad}: {found:?}", way.name);
        }
    }
}

/// What looks like a container or a wrapping inside something else stays what it is.
#[test]
fn nested_wrappings_are_never_opened() {
    for way in ways() {
        let planted = way.all(&[record(8), record(9)]);
        let json = if way.name == "lines" || way.opening.is_empty() {
            enveloped(&record(9))
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
            enveloped(&outer),
            looked_up(&outer),
        ] {
            assert_eq!(held(text.as_bytes()), [outer.as_str()], "{}: {text}", way.name);
        }
    }
    // A record may have members by those names: they are no containers.
    let own =
        format!(r#"{{"eventName":"E","Events":[{}],"logEvents":[1],"events":[2]}}"#, looked_up(&record(1)));
    assert_eq!(held(own.as_bytes()), [own.as_str()]);
    let behind = format!(r#"{{"Events":[{}],"eventName":"E"}}"#, looked_up(&record(1)));
    assert_eq!(held(behind.as_bytes()), [record(1), "! json_syntax".to_owned()]);
}

#[test]
fn what_holds_no_record_is_told() {
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
        (r#"[{"Records":[{"eventName":"E"}]}]"#, "!! missing_field"),
        (r#"[{"Events":[{"CloudTrailEvent":"{}"}]}]"#, "!! missing_field"),
        (r#"[{"Records":{"eventName":"E"}}]"#, r#"{"Records":{"eventName":"E"}}"#),
    ] {
        assert_eq!(held(text.as_bytes()), [expected], "{text}");
    }
    let control = r#"{"messageType":"CONTROL_MESSAGE","logEvents":[{"timestamp":1,"message":"{}"}]}"#;
    assert_eq!(held(control.as_bytes()), [""; 0]);
    for (text, recognised) in [
        (r#"{"Events": [ ]}"#, true),
        (r#"{"QueryResultRows":[],"QueryStatus":"FINISHED"}"#, true),
        (r#"{"events":[]}"#, false),
        (r#"{"messageType":"DATA_MESSAGE","logEvents":[]}"#, false),
        (control, false),
        (r#"{"Events":[{}]}"#, false),
    ] {
        let every: Vec<usize> = (0..text.len()).collect();
        for cuts in [&[][..], &every] {
            let (_, unwrapper) = walk(text.as_bytes(), cuts);
            assert_eq!(unwrapper.recognised(), recognised, "{text}");
            assert!(recognised || unwrapper.skip_reason() == SkipReason::OtherJson, "{text}");
        }
    }
}

/// A message that is no JSON reaches to the next line with a time.
#[test]
fn messages_have_lines() {
    let a = record(1);
    let text = format!(
        "2024-01-01T00:00:00.000Z text {a}\n{a}\n  more\n2024-01-01T00:00:01Z {a}\n2024-01-01T00:00:02Z \n2024-01-01T00:00:03Z [x]\n\n2024-01-01T00:00:04Z {{\"eventName\":\n1}}\n"
    );
    let message = |second: &str| {
        let at = text.find(second).unwrap() + second.len();
        format!("{:?}", Step::Message { offset: at as u64 })
    };
    let expected =
        [message(":00.000Z "), a, message(":02Z "), message(":03Z "), "{\"eventName\":\n1}".to_owned()];
    assert_eq!(held(text.as_bytes()), expected);
    same(LONG, text.as_bytes(), &everywhere(text.as_bytes()));
}

/// Whatever the elements are, content made to be slow takes no time.
#[test]
fn hostile_wrappings_take_no_time() {
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
            let cuts: Vec<usize> = (0..text.len()).step_by(256 << 10).collect();
            feed(ContainerReader::new(4 << 20), text.as_bytes(), &cuts);
        }
    }
}

proptest! {
    /// Text is freed of its escapes as serde_json does it.
    #[test]
    fn text_is_freed_of_escapes(text in any::<String>(), escaped in prop::collection::vec(any::<bool>(), 64)) {
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
        let expected = Extracted::Record { text: text.as_bytes(), at, lossy: false };
        prop_assert_eq!(record_in(value.as_bytes(), Envelope::LookupEvent, &mut buffer), expected);
    }
}
