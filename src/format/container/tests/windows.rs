//! Limits and damage: the result must not depend on where windows end.

use super::*;

/// The result for `bytes` with records of at most `max` bytes, in one window. Checks that it is the
/// same for each list of window ends.
pub(super) fn check_windows(
    max: u64,
    bytes: &[u8],
    ends: &[Vec<usize>],
) -> (Vec<Step>, JsonShape, bool, SkipReason) {
    let result = |ends: &[usize]| {
        let (steps, reader) = feed(ContainerReader::new(max), bytes, ends);
        (steps, reader.shape(), reader.is_recognised(), reader.skip_reason())
    };
    let whole = result(&[]);
    for ends in ends {
        assert_eq!(result(ends), whole, "windows end at {ends:?}");
    }
    whole
}

/// One end at every offset, and ends at all offsets.
pub(super) fn all_ends(bytes: &[u8]) -> Vec<Vec<usize>> {
    (1..bytes.len()).map(|end| vec![end]).chain([(1..bytes.len()).collect()]).collect()
}

/// The windows of a run.
fn chunk_ends(bytes: &[u8]) -> Vec<Vec<usize>> {
    [256 << 10, 256 << 9, 100_000]
        .map(|size| (1..).map(|n| n * size).take_while(|at| *at < bytes.len()).collect())
        .into()
}

pub(super) fn reasons(steps: &[Step]) -> Vec<&'static str> {
    steps
        .iter()
        .map(|step| match step {
            Step::Damage { reason, .. } => reason.as_str(),
            Step::Value { .. } => "value",
            Step::Beside { .. } => "beside",
            _ => "other",
        })
        .collect()
}

#[test]
fn values_that_are_too_large_are_counted() {
    let long = "x".repeat(400);
    let (record, other) = (format!(r#"{{"eventName":"E","pad":"{long}"}}"#), format!(r#"{{"a":"{long}"}}"#));
    let digest = format!(r#"{{"digestS3Object":"k","pad":"{long}"}}"#);
    let lines = format!("{record}\n{{\"eventName\":\"F\"}}\n");
    let spread = record.replacen(',', ",\n", 1) + "\n{}";
    let array = format!("[{record},{record}]");
    for (text, shape, recognised) in [
        (&record, JsonShape::Record, true),
        (&lines, JsonShape::Ndjson, true),
        (&spread, JsonShape::Concatenated, true),
        (&array, JsonShape::Array, true),
        (&other, JsonShape::OtherJson, false),
        (&digest, JsonShape::Digest, false),
    ] {
        let text = text.as_bytes();
        for max in [300, text.len() as u64 - 1, text.len() as u64] {
            let (_, found, is_recognised, _) = check_windows(max, text, &all_ends(text));
            assert_eq!((found, is_recognised), (shape, recognised), "{max}: {}", text.escape_ascii());
        }
        // Truncated.
        check_windows(300, &text[..text.len() - 1], &all_ends(text));
    }
    let (steps, ..) = check_windows(300, array.as_bytes(), &[]);
    assert_eq!(reasons(&steps), ["record_too_large", "record_too_large"]);
}

#[test]
fn what_is_beside_the_records_is_reported_once() {
    let a = record(1);
    let long = format!("[{}]", [a.clone(), a.clone(), a.clone(), a.clone(), a.clone()].join(","));
    for (text, expected) in [
        (format!(r#"{{"Records":[{a}],"more":[{a}],"n":1,"s":"short"}}"#), &["value", "beside"][..]),
        (format!(r#"{{"more":[{a}],"n":{{"m":[{a}]}},"Records":[{a}]}}"#), &["beside", "beside", "value"]),
        (
            format!(r#"{{"hits":{{"more":[{a}],"hits":[{a}],"after":{{"b":[{a}]}}}}}}"#),
            &["beside", "value", "beside"],
        ),
        (
            format!(r#"{{"Records":[{a}],"more":{long},"end":[{a}]}}"#),
            &["value", "record_too_large", "beside"],
        ),
        (format!(r#"{{"more":{long},"Records":[{a}]}}"#), &["record_too_large", "value"]),
        (format!(r#"{{"Records":[{a}],"pad":["{}"]}}"#, "x".repeat(500)), &["value"]),
        (format!(r#"{{"pad":["{}"],"Records":[{a}]}}"#, "x".repeat(500)), &["value"]),
    ] {
        let (steps, ..) = check_windows(300, text.as_bytes(), &all_ends(text.as_bytes()));
        assert_eq!(reasons(&steps), expected, "{text}");
        check_windows(300, &text.as_bytes()[..text.len() - 2], &all_ends(&text.as_bytes()[..text.len() - 2]));
    }
}

#[test]
fn a_long_value_is_checked_for_damage_at_one_offset() {
    let (a, b) = (record(1), record(2));
    let long = "x".repeat(600 << 10);
    let text = format!("{{\"a\":\"\u{1}{long}\",\"Records\":[{a},{b}]}}");
    let (steps, shape, ..) = check_windows(4 << 20, text.as_bytes(), &chunk_ends(text.as_bytes()));
    assert_eq!(reasons(&steps), ["json_syntax", "value", "value"]);
    assert_eq!(shape, JsonShape::Records);
    for text in [
        format!("{{\"eventName\":\"\u{1}{long}\"}}\n{a}\n{b}"),
        format!("{{\"Records\":[{{\"eventName\":\"\u{1}{long}\"}},{a},{b}]}}"),
        format!("{{\"Records\":[{{\"eventName\":\"cut}},{a},{b},{{\"pad\":\"{long}\"}}]}}"),
    ] {
        let (steps, ..) = check_windows(4 << 20, text.as_bytes(), &chunk_ends(text.as_bytes()));
        assert_eq!(reasons(&steps)[..3], ["json_syntax", "value", "value"]);
    }
    // Damage after that offset is left to the parser.
    let text = format!("{{\"eventName\":\"{long}\u{1}\"}}\n{a}");
    let (steps, ..) = check_windows(4 << 20, text.as_bytes(), &chunk_ends(text.as_bytes()));
    assert_eq!(reasons(&steps), ["value", "value"]);
}

/// An object counts as a digest only once it is complete.
#[test]
fn the_skip_reason_does_not_depend_on_windows() {
    for max in [20, 60, 100] {
        for text in [
            format!("{{\"a\u{1}\":1,\"digestS3Object\":\"{}\"}}", "x".repeat(50)),
            format!("{{\"digestS3Object\":\"\u{1}{}\"}}", "x".repeat(50)),
            format!("{{\"digestS3Object\":\"{}\\q\",\"x\":\"", "x".repeat(50)),
        ] {
            let (.., reason) = check_windows(max, text.as_bytes(), &all_ends(text.as_bytes()));
            assert!(matches!(reason, SkipReason::NotJson | SkipReason::Digest), "{reason:?}");
        }
    }
}

/// The description of damage depends on the value alone.
#[test]
fn the_detail_of_damage_does_not_depend_on_windows() {
    let (a, b) = (record(1), record(2));
    for bad in [
        "tru",
        r#"{"x":"\ud8"#,
        r#"{"x":[1}"#,
        r#""\ud83d\ud"#,
        "{\"x\":\"\\",
        r#""\ud"more":{7"#,
        "{\"x\":nul",
    ] {
        for text in [format!("[{a},{bad},{b}]"), format!("[{a},{bad}"), format!("{a}\n{bad}\n{b}")] {
            check_windows(1000, text.as_bytes(), &all_ends(text.as_bytes()));
        }
    }
}

/// White space between a comma and a record is examined as far as it is kept.
#[test]
fn white_space_before_a_record_does_not_depend_on_windows() {
    let (a, b) = (record(1), record(2));
    for spaces in [4094, 4095, 4096, 4097, 5000] {
        for before in ["\"x\"", ",", "\"Records\":["] {
            let text = format!("[{a},{{\"x\":tru{before}{}{b}]", " ".repeat(spaces));
            let ends: Vec<usize> = (1..text.len()).step_by(97).collect();
            let at = text.len() - b.len() - 2;
            check_windows(1000, text.as_bytes(), &[ends, vec![at], vec![at - 1, at, at + 1], vec![at + 1]]);
        }
    }
}

/// What is before an array, and is longer than a record, is told or not whatever the windows are.
#[test]
fn what_is_before_an_array_does_not_depend_on_windows() {
    let names = r#""eventVersion":"1.08","eventTime":"t","eventSource":"kms.amazonaws.com""#;
    for member in [format!("\"a\":{{{names}}},"), format!("\"a\":[{{{names}}},"), "\"a\":1,".to_owned()] {
        for max in [16, 60, 300] {
            let text = format!("{{{member}\"Records\":[{{\"a\":1}}]}}");
            check_windows(max, text.as_bytes(), &all_ends(text.as_bytes()));
        }
    }
}
