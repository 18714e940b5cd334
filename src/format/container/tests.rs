use proptest::prelude::*;

use super::*;
use crate::format::json::{Backend, MayMatch};
use crate::model::SkipReason;
use crate::parse;

mod envelopes;
mod windows;

const MAX: u64 = 1000;

/// The steps for `bytes` in windows that end at `ends`. Any `may_match` must agree with `parse`; it
/// is set to `Unknown` in the steps since it depends on the windows.
fn read(bytes: &[u8], ends: &[usize]) -> (Vec<Step>, ContainerReader) {
    read_with(Backend::selected(), bytes, ends)
}

fn read_with(backend: Backend, bytes: &[u8], ends: &[usize]) -> (Vec<Step>, ContainerReader) {
    feed(ContainerReader::with_backend(backend, MAX), bytes, ends)
}

fn feed(mut reader: ContainerReader, bytes: &[u8], ends: &[usize]) -> (Vec<Step>, ContainerReader) {
    let mut ends: Vec<usize> = ends.iter().copied().filter(|end| *end < bytes.len()).collect();
    ends.push(bytes.len());
    let mut ends = ends.into_iter();
    let mut window = Window { bytes: &bytes[..0], start: 0, last: bytes.is_empty() };
    let mut steps = Vec::new();
    loop {
        match reader.step(window) {
            Step::NeedMore { keep_from: keep } => {
                assert!(keep >= window.start && keep <= window.end(), "the kept bytes are in the window");
                assert!(!window.last, "nothing is requested after the end");
                let end = ends.next().expect("the last window is marked as such");
                let from = usize::try_from(keep).unwrap();
                window = Window { bytes: &bytes[from..end], start: keep, last: end == bytes.len() };
            }
            Step::End => return (steps, reader),
            Step::NotJson => {
                steps.push(Step::NotJson);
                return (steps, reader);
            }
            Step::Value { range, envelope, may_match } => {
                let value = window.slice(&range);
                match may_match {
                    MayMatch::Yes => assert!(parse::may_match(value)),
                    MayMatch::IfSourceIsMissing => {
                        assert_eq!(parse::may_lack_source(value), parse::may_match(value));
                    }
                    MayMatch::Unknown => {}
                }
                steps.push(Step::Value { range, envelope, may_match: MayMatch::Unknown });
            }
            step => steps.push(step),
        }
    }
}

/// The values and the reasons of damage, in order.
fn outcomes(bytes: &[u8]) -> Vec<String> {
    read(bytes, &[])
        .0
        .iter()
        .map(|step| match step {
            Step::Value { range, .. } => {
                String::from_utf8_lossy(&bytes[range.start as usize..range.end as usize]).into_owned()
            }
            Step::Damage { reason, offset, .. } => format!("! {} {offset:?}", reason.as_str()),
            other => format!("{other:?}"),
        })
        .collect()
}

fn record(n: usize) -> String {
    format!(r#"{{"eventVersion":"1.08","eventTime":"t","eventSource":"s","eventName":"E{n}"}}"#)
}

#[test]
fn records_are_found_in_every_container() {
    let (a, b) = (record(1), record(2));
    for text in [
        format!(r#"{{"Records":[{a},{b}]}}"#),
        format!(
            "\u{FEFF} {{ \"other\" : [1,{{\"Records\":[{a}]}}] , \"Records\" : [ {a} ,\n {b} ] , \"more\" : {{}} }}\n"
        ),
        format!(r#"{{"\u0052ecords":[{a},{b}]}}"#),
        format!("[{a},{b}]"),
        format!("{a}\n{b}\n"),
        format!("{a}{b}"),
        format!(r#"{{"Records":[{a}]}}{{"Records":[{b}]}}"#),
    ] {
        let mut found = outcomes(text.as_bytes());
        found.retain(|outcome| !outcome.starts_with("Beside"));
        assert_eq!(found, [a.clone(), b.clone()], "{text}");
    }
}

#[test]
fn shapes_are_detected_from_the_content() {
    let (a, b) = (record(1), record(2));
    for (text, shape) in [
        (format!(r#"{{"Records":[{a}]}}"#), JsonShape::Records),
        (r#"{"Records":[]}"#.to_owned(), JsonShape::Records),
        (a.clone(), JsonShape::Record),
        (format!("[{a}]"), JsonShape::Array),
        (format!("{a}\n{b}"), JsonShape::Ndjson),
        (format!("{a}{b}"), JsonShape::Concatenated),
        (format!("{a}\n[{b}]"), JsonShape::Mixed),
        (r#"{"digestS3Object":"k","logFiles":[]}"#.to_owned(), JsonShape::Digest),
        (r#"{"a":[1,2]}"#.to_owned(), JsonShape::OtherJson),
        ("[1,2]".to_owned(), JsonShape::OtherJson),
        (" \n".to_owned(), JsonShape::Empty),
        ("# text".to_owned(), JsonShape::Unknown),
        ("[link](x)".to_owned(), JsonShape::Unknown),
    ] {
        assert_eq!(read(text.as_bytes(), &[]).1.shape(), shape, "{text}");
    }
}

#[test]
fn damage_costs_one_record() {
    let (a, b) = (record(1), record(2));
    for (bad, reason) in [
        (r#"{"eventVersion":"1.08","eventName":"Decr"#, "json_syntax"), // truncated inside a string
        (r#"{"eventVersion":"1.08","x":{"eventName":"E""#, "json_syntax"), // two brackets missing
        (r#"{"eventVersion":"1.08","x":"unclosed}"#, "json_syntax"),
        (r#"{"eventVersion":"1.08","x":}}"#, "json_syntax"), // one bracket too many
    ] {
        let text = format!(r#"{{"Records":[{a},{bad},{b}]}}"#);
        let expected = [a.clone(), format!("! {reason} Some({})", 13 + a.len()), b.clone()];
        assert_eq!(outcomes(text.as_bytes()), expected, "{bad}");
        let lines = format!("{a}\n{bad}\n{b}\n");
        assert_eq!(outcomes(lines.as_bytes())[0], a);
        assert_eq!(outcomes(lines.as_bytes()).last(), Some(&b), "{lines}");
    }
    // The parser finds damage that leaves the brackets balanced.
    let bad = r#"{"eventName":}"#;
    assert_eq!(outcomes(format!("[{a},{bad},{b}]").as_bytes()), [a.clone(), bad.to_owned(), b]);
}

/// Two lost quotes form one value of everything between them. The reader looks inside values that
/// the parser rejects.
#[test]
fn two_lost_quotes_do_not_cost_the_records_between_them() {
    let (a, b, c) = (record(1), record(2), record(3));
    let bad = r#"{"eventVersion":"1.08","eventName":"E}"#;
    let text = format!(r#"{{"Records":[{a},{bad},{b},{b},{bad},{c}]}}"#);
    let bytes = text.as_bytes();
    let mut reader = ContainerReader::new(MAX);
    let window = Window { bytes, start: 0, last: true };
    let mut good = Vec::new();
    loop {
        match reader.step(window) {
            Step::Value { range, .. } if json_error(window.slice(&range)).is_some() => {
                reader.resync_within(&range, window)
            }
            Step::Value { range, .. } => good.push(String::from_utf8(window.slice(&range).to_vec()).unwrap()),
            Step::End => break,
            Step::Damage { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(good, [a, b.clone(), b, c]);
}

/// For an element inside one window, `may_match` is always known.
#[test]
fn may_match_is_known_for_ordinary_records() {
    let other = MayMatch::IfSourceIsMissing;
    let records: Vec<String> =
        ["s3.amazonaws.com", "kms.amazonaws.com", r"\u006bms.amazonaws.com", r"s3.amazonaws.com\u00e9\n"]
            .map(|source| format!(r#"{{"eventSource":"{source}","pad":"{}"}}"#, "x".repeat(100)))
            .into();
    for text in
        [format!(r#"{{"Records":[{}]}}"#, records.join(",")), format!("[\n{}\n]", records.join(" ,\n"))]
    {
        for backend in Backend::available() {
            let mut reader = ContainerReader::with_backend(backend, MAX);
            let window = Window { bytes: text.as_bytes(), start: 0, last: true };
            let mut answers = Vec::new();
            while let Step::Value { may_match, .. } = reader.step(window) {
                answers.push(may_match);
            }
            assert_eq!(answers, [other, MayMatch::Yes, MayMatch::Yes, other], "{backend:?}");
        }
    }
}

/// Look-alikes nested in a damaged record are not records.
#[test]
fn resync_within_ignores_nested_look_alikes() {
    let planted = record(9);
    let bad = format!(
        r#"{{"eventVersion":"1.08","x":,"list":[1,{planted},{planted}],"text":"{}"}}"#,
        planted.replace('"', "\\\"")
    );
    let text = format!(r#"{{"Records":[{bad},{bad}]}}"#);
    let mut reader = ContainerReader::new(MAX);
    let window = Window { bytes: text.as_bytes(), start: 0, last: true };
    let mut values = 0;
    while let Step::Value { range, .. } = reader.step(window) {
        assert_eq!(window.slice(&range), bad.as_bytes());
        reader.resync_within(&range, window);
        values += 1;
    }
    assert_eq!(values, 2);
}

/// Look-alikes before the damage in a damaged record are not records.
#[test]
fn resync_ignores_look_alikes_before_the_damage() {
    let (a, planted, b) = (record(1), record(9), record(2));
    let bad = format!(r#"{{"eventVersion":"1.08","list":[1,{planted},{planted}],"x":"cut"#);
    let found = outcomes(format!(r#"{{"Records":[{a},{bad},{b}]}}"#).as_bytes());
    assert_eq!(found, [a.clone(), format!("! json_syntax Some({})", 13 + a.len()), b]);
}

#[test]
fn truncated_content_is_reported() {
    let a = record(1);
    let text = format!(r#"{{"Records":[{a},{a}]}}"#);
    for cut in 13 + a.len()..text.len() {
        let found = outcomes(&text.as_bytes()[..cut]);
        assert!(found.last().unwrap().starts_with("! json_truncated"), "{cut}: {found:?}");
        assert_eq!(found.iter().filter(|f| f.starts_with('!')).count(), 1);
        assert_eq!(found[0], a);
    }
}

#[test]
fn a_large_record_is_skipped_and_not_kept() {
    let (a, b) = (record(1), record(2));
    let large = format!(r#"{{"eventName":"{}"}}"#, "x".repeat(5000));
    let text = format!(r#"{{"Records":[{a},{large},{b}]}}"#);
    assert_eq!(outcomes(text.as_bytes())[1], format!("! record_too_large Some({})", 13 + a.len()));
    let ends: Vec<usize> = (0..text.len()).step_by(100).collect();
    assert_eq!(read(text.as_bytes(), &ends).0, read(text.as_bytes(), &[]).0);
    // The size of a document is not limited.
    let text = format!(r#"{{"pad":"{}","Records":[{a}]}}"#, "x".repeat(5000));
    assert_eq!(read(text.as_bytes(), &ends).0, read(text.as_bytes(), &[]).0);
    assert_eq!(outcomes(text.as_bytes()), [a]);
}

/// Content designed to be slow. There is no time limit here: if the time were not linear, this test
/// would not end.
#[test]
fn hostile_content_is_read_in_linear_time() {
    const LEN: usize = 4 << 20;
    let head = r#"{"Records":[{"eventVersion":"1","x":"cut"#;
    for piece in [
        ",{",
        r#"","y":{,{"a":[1,"#,
        r#"}},{"a":[1"#,
        r#",{"eventVersion":"x"#,
        r#",{"eventTime":1}"#,
        "[",
        "{",
        " ",
        "\"",
    ] {
        let text = format!("{head}{}", piece.repeat(LEN / piece.len()));
        let ends: Vec<usize> = (0..text.len()).step_by(256 << 10).collect();
        let mut reader = ContainerReader::new(4 << 20);
        let mut start = 0;
        for end in ends.into_iter().skip(1).chain([text.len()]) {
            loop {
                let window = Window {
                    bytes: &text.as_bytes()[start..end],
                    start: start as u64,
                    last: end == text.len(),
                };
                match reader.step(window) {
                    Step::NeedMore { keep_from: keep } => {
                        start = usize::try_from(keep).unwrap();
                        break;
                    }
                    Step::End | Step::NotJson => break,
                    _ => {}
                }
            }
        }
    }
}

/// Bytes that resemble archives.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        " ",
        "\n",
        "1",
        "tru",
        "\"Records\"",
        "\"eventName\":\"x\"",
        "{\"eventVersion\":\"1.08\",\"eventTime\":\"t\",\"eventSource\":\"s\",\"eventName\":\"E\"}",
        "{\"a\":\"}\\\"{\"}",
        "{\"Records\":[",
        "{\"Events\": [",
        "{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[",
        "{\"messageType\":\"CONTROL_MESSAGE\",\"logEvents\":[",
        "{\"QueryResultRows\":[",
        "{\"EventId\":\"1\",\"CloudTrailEvent\":\"{\\\"eventName\\\":1}\"}",
        "{\"timestamp\":1,\"message\":\"{\\\"eventName\\\":1}\"}",
        "{\"detail-type\":\"x via CloudTrail\",\"detail\":{\"eventName\":1}}",
        "[{\"eventsource\":\"s\"},{\"eventjson\":\"{}\"}]",
        "2024-01-01T00:00:00.000Z ",
        "\n2024-01-01T00:00:00Z text",
        "]}",
        "\u{FEFF}",
        "é",
        "\"kms.amazonaws.com\"",
        "{\"eventSource\":\"\\u006bms.amazonaws.com\"}",
        "\"0123456789012345678901234567890123456789012345678901234567890123456789\"",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}

/// A list inside the row of a query that begins the row: the row was found again for ever.
#[test]
fn rows_that_begin_with_a_list_are_passed_over() {
    let bytes = br#"{"QueryResultRows":[[[{"eventsource":"s"},{"eventjson":"{}"}]]1"eventName":"x" ["Records":
        {"timestamp":1,"message":"{\"eventName\":1}"}{"QueryResultRows":[{ {"a":"}\"{"}}tru"kms.amazonaws.com"{"#;
    for end in 0..=bytes.len() {
        assert!(read(&bytes[..end], &[]).0.len() < 100, "{end}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(600)))]

    /// Any windows give the same steps, without panics.
    #[test]
    fn window_boundaries_do_not_matter(bytes in content(), mut ends in prop::collection::vec(0usize..600, 0..12)) {
        ends.sort_unstable();
        let (whole, a) = read(&bytes, &[]);
        let (cut, b) = read(&bytes, &ends);
        prop_assert_eq!(&whole, &cut);
        prop_assert_eq!(a.shape(), b.shape());
        let every: Vec<usize> = (0..bytes.len()).collect();
        for backend in Backend::available() {
            prop_assert_eq!(&read_with(backend, &bytes, &[]).0, &whole, "{:?}", backend);
            prop_assert_eq!(&read_with(backend, &bytes, &every).0, &whole, "{:?}", backend);
        }
    }

    /// Values are in order and do not overlap.
    #[test]
    fn values_are_in_order(bytes in content()) {
        let mut end = 0;
        for step in read(&bytes, &[]).0 {
            if let Step::Value { range, .. } = step {
                prop_assert!(range.start >= end && range.end > range.start);
                end = range.end;
            }
        }
    }
}
