use proptest::prelude::*;

use super::*;
use crate::parse;

mod cuts;
mod wrapped;

const MAX: u64 = 1000;

/// What a walk over `bytes` finds when they come in pieces that end at `cuts`. What is said of KMS on the way, if anything, must be what
/// `parse` says; it is left out of the steps, since it depends on the cuts.
fn walk(bytes: &[u8], cuts: &[usize]) -> (Vec<Step>, ContainerReader) {
    walk_with(Backend::chosen(), bytes, cuts)
}

fn walk_with(backend: Backend, bytes: &[u8], cuts: &[usize]) -> (Vec<Step>, ContainerReader) {
    feed(ContainerReader::with(backend, MAX), bytes, cuts)
}

fn feed(mut unwrapper: ContainerReader, bytes: &[u8], cuts: &[usize]) -> (Vec<Step>, ContainerReader) {
    let mut ends: Vec<usize> = cuts.iter().copied().filter(|cut| *cut < bytes.len()).collect();
    ends.push(bytes.len());
    let mut ends = ends.into_iter();
    let mut window = Window { bytes: &bytes[..0], start: 0, last: bytes.is_empty() };
    let mut steps = Vec::new();
    loop {
        match unwrapper.step(window) {
            Step::More { keep } => {
                assert!(keep >= window.start && keep <= window.end(), "keeps what it was given");
                assert!(!window.last, "wants nothing behind the end");
                let end = ends.next().expect("the last piece is marked as such");
                let from = usize::try_from(keep).unwrap();
                window = Window { bytes: &bytes[from..end], start: keep, last: end == bytes.len() };
            }
            Step::End => return (steps, unwrapper),
            Step::NotJson => {
                steps.push(Step::NotJson);
                return (steps, unwrapper);
            }
            Step::Value { range, wrapping, may_match } => {
                if let Some(answer) = may_match {
                    assert_eq!(answer, parse::may_match(window.slice(&range)));
                }
                steps.push(Step::Value { range, wrapping, may_match: None });
            }
            step => steps.push(step),
        }
    }
}

/// The values and the reasons of damage, in order.
fn found(bytes: &[u8]) -> Vec<String> {
    walk(bytes, &[])
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
fn records_stand_where_they_stand() {
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
        assert_eq!(found(text.as_bytes()), [a.clone(), b.clone()], "{text}");
    }
}

#[test]
fn shapes_are_told_by_content() {
    let (a, b) = (record(1), record(2));
    for (text, shape) in [
        (format!(r#"{{"Records":[{a}]}}"#), Shape::Records),
        (r#"{"Records":[]}"#.to_owned(), Shape::Records),
        (a.clone(), Shape::Record),
        (format!("[{a}]"), Shape::Array),
        (format!("{a}\n{b}"), Shape::Ndjson),
        (format!("{a}{b}"), Shape::Concatenated),
        (format!("{a}\n[{b}]"), Shape::Mixed),
        (r#"{"digestS3Object":"k","logFiles":[]}"#.to_owned(), Shape::Digest),
        (r#"{"a":[1,2]}"#.to_owned(), Shape::OtherJson),
        ("[1,2]".to_owned(), Shape::OtherJson),
        (" \n".to_owned(), Shape::Empty),
        ("# text".to_owned(), Shape::Unknown),
        ("[link](x)".to_owned(), Shape::Unknown),
    ] {
        assert_eq!(walk(text.as_bytes(), &[]).1.shape(), shape, "{text}");
    }
}

#[test]
fn damage_costs_one_record() {
    let (a, b) = (record(1), record(2));
    for (bad, reason) in [
        (r#"{"eventVersion":"1.08","eventName":"Decr"#, "json_syntax"), // cut off inside a string
        (r#"{"eventVersion":"1.08","x":{"eventName":"E""#, "json_syntax"), // two brackets missing
        (r#"{"eventVersion":"1.08","x":"unclosed}"#, "json_syntax"),
        (r#"{"eventVersion":"1.08","x":}}"#, "json_syntax"), // one bracket too many
    ] {
        let text = format!(r#"{{"Records":[{a},{bad},{b}]}}"#);
        let expected = [a.clone(), format!("! {reason} Some({})", 13 + a.len()), b.clone()];
        assert_eq!(found(text.as_bytes()), expected, "{bad}");
        let lines = format!("{a}\n{bad}\n{b}\n");
        assert_eq!(found(lines.as_bytes())[0], a);
        assert_eq!(found(lines.as_bytes()).last(), Some(&b), "{lines}");
    }
    // Balanced damage is the parser's to find.
    let bad = r#"{"eventName":}"#;
    assert_eq!(found(format!("[{a},{bad},{b}]").as_bytes()), [a.clone(), bad.to_owned(), b]);
}

/// Damage that cancels makes one value of all that stands between; what the parser rejects is looked at again.
#[test]
fn two_lost_quotes_do_not_cost_what_stands_between() {
    let (a, b, c) = (record(1), record(2), record(3));
    let bad = r#"{"eventVersion":"1.08","eventName":"E}"#;
    let text = format!(r#"{{"Records":[{a},{bad},{b},{b},{bad},{c}]}}"#);
    let bytes = text.as_bytes();
    let mut unwrapper = ContainerReader::new(MAX);
    let window = Window { bytes, start: 0, last: true };
    let mut good = Vec::new();
    loop {
        match unwrapper.step(window) {
            Step::Value { range, .. } if json_error(window.slice(&range)).is_some() => {
                unwrapper.reconsider(&range, window)
            }
            Step::Value { range, .. } => good.push(String::from_utf8(window.slice(&range).to_vec()).unwrap()),
            Step::End => break,
            Step::Damage { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(good, [a, b.clone(), b, c]);
}

/// The ordinary element, in an ordinary window, is answered for without being asked again.
#[test]
fn what_is_said_of_kms_is_said_of_every_ordinary_record() {
    let records: Vec<String> =
        ["s3.amazonaws.com", "kms.amazonaws.com", r"\u006bms.amazonaws.com", r"\u00e9\n"]
            .map(|source| format!(r#"{{"eventSource":"{source}","pad":"{}"}}"#, "x".repeat(100)))
            .into();
    for text in
        [format!(r#"{{"Records":[{}]}}"#, records.join(",")), format!("[\n{}\n]", records.join(" ,\n"))]
    {
        for backend in Backend::usable() {
            let mut unwrapper = ContainerReader::with(backend, MAX);
            let window = Window { bytes: text.as_bytes(), start: 0, last: true };
            let mut answers = Vec::new();
            while let Step::Value { may_match, .. } = unwrapper.step(window) {
                answers.push(may_match);
            }
            assert_eq!(answers, [Some(false), Some(true), Some(true), Some(false)], "{backend:?}");
        }
    }
}

/// A record with balanced damage may hold look-alikes: they stay what they are.
#[test]
fn reconsidering_brings_no_look_alike_to_life() {
    let planted = record(9);
    let bad = format!(
        r#"{{"eventVersion":"1.08","x":,"list":[1,{planted},{planted}],"text":"{}"}}"#,
        planted.replace('"', "\\\"")
    );
    let text = format!(r#"{{"Records":[{bad},{bad}]}}"#);
    let mut unwrapper = ContainerReader::new(MAX);
    let window = Window { bytes: text.as_bytes(), start: 0, last: true };
    let mut values = 0;
    while let Step::Value { range, .. } = unwrapper.step(window) {
        assert_eq!(window.slice(&range), bad.as_bytes());
        unwrapper.reconsider(&range, window);
        values += 1;
    }
    assert_eq!(values, 2);
}

/// What looks like a record inside a damaged one, before the damage, is not taken for one.
#[test]
fn damage_does_not_bring_look_alikes_to_life() {
    let (a, planted, b) = (record(1), record(9), record(2));
    let bad = format!(r#"{{"eventVersion":"1.08","list":[1,{planted},{planted}],"x":"cut"#);
    let found = found(format!(r#"{{"Records":[{a},{bad},{b}]}}"#).as_bytes());
    assert_eq!(found, [a.clone(), format!("! json_syntax Some({})", 13 + a.len()), b]);
}

#[test]
fn what_is_cut_off_is_said() {
    let a = record(1);
    let text = format!(r#"{{"Records":[{a},{a}]}}"#);
    for cut in 13 + a.len()..text.len() {
        let found = found(&text.as_bytes()[..cut]);
        assert!(found.last().unwrap().starts_with("! json_truncated"), "{cut}: {found:?}");
        assert_eq!(found.iter().filter(|f| f.starts_with('!')).count(), 1);
        assert_eq!(found[0], a);
    }
}

#[test]
fn a_large_record_is_passed_over_not_kept() {
    let (a, b) = (record(1), record(2));
    let large = format!(r#"{{"eventName":"{}"}}"#, "x".repeat(5000));
    let text = format!(r#"{{"Records":[{a},{large},{b}]}}"#);
    assert_eq!(found(text.as_bytes())[1], format!("! record_too_large Some({})", 13 + a.len()));
    let cuts: Vec<usize> = (0..text.len()).step_by(100).collect();
    assert_eq!(walk(text.as_bytes(), &cuts).0, walk(text.as_bytes(), &[]).0);
    // A document may be as large as it likes.
    let text = format!(r#"{{"pad":"{}","Records":[{a}]}}"#, "x".repeat(5000));
    assert_eq!(walk(text.as_bytes(), &cuts).0, walk(text.as_bytes(), &[]).0);
    assert_eq!(found(text.as_bytes()), [a]);
}

/// Content made to be slow. There is no time limit here: if the walk were not linear, this test would not end.
#[test]
fn hostile_content_takes_no_time() {
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
        let cuts: Vec<usize> = (0..text.len()).step_by(256 << 10).collect();
        let mut unwrapper = ContainerReader::new(4 << 20);
        let mut start = 0;
        for end in cuts.into_iter().skip(1).chain([text.len()]) {
            loop {
                let window = Window {
                    bytes: &text.as_bytes()[start..end],
                    start: start as u64,
                    last: end == text.len(),
                };
                match unwrapper.step(window) {
                    Step::More { keep } => {
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

/// Bytes that are almost archives.
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(600)))]

    /// However the content is cut, the walk finds the same, and never panics.
    #[test]
    fn cuts_do_not_matter(bytes in content(), mut cuts in prop::collection::vec(0usize..600, 0..12)) {
        cuts.sort_unstable();
        let (whole, a) = walk(&bytes, &[]);
        let (cut, b) = walk(&bytes, &cuts);
        prop_assert_eq!(&whole, &cut);
        prop_assert_eq!(a.shape(), b.shape());
        let every: Vec<usize> = (0..bytes.len()).collect();
        for backend in Backend::usable() {
            prop_assert_eq!(&walk_with(backend, &bytes, &[]).0, &whole, "{:?}", backend);
            prop_assert_eq!(&walk_with(backend, &bytes, &every).0, &whole, "{:?}", backend);
        }
    }

    /// Values do not overlap, and come in order.
    #[test]
    fn values_come_one_after_the_other(bytes in content()) {
        let mut end = 0;
        for step in walk(&bytes, &[]).0 {
            if let Step::Value { range, .. } = step {
                prop_assert!(range.start >= end && range.end > range.start);
                end = range.end;
            }
        }
    }
}
