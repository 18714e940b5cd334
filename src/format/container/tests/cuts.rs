//! Limits and damage, at every place where a window may end: what is found must not depend on that.

use super::*;

/// What `bytes` are found to hold with records of at most `max` bytes: whole, and cut in every way that `cuts` has.
pub(super) fn same(max: u64, bytes: &[u8], cuts: &[Vec<usize>]) -> (Vec<Step>, Shape, bool, SkipReason) {
    let seen = |cuts: &[usize]| {
        let (steps, unwrapper) = feed(ContainerReader::new(max), bytes, cuts);
        (steps, unwrapper.shape(), unwrapper.recognised(), unwrapper.skip_reason())
    };
    let whole = seen(&[]);
    for cuts in cuts {
        assert_eq!(seen(cuts), whole, "cut at {cuts:?}");
    }
    whole
}

/// One cut at every place, and a cut after every byte.
pub(super) fn everywhere(bytes: &[u8]) -> Vec<Vec<usize>> {
    (1..bytes.len()).map(|cut| vec![cut]).chain([(1..bytes.len()).collect()]).collect()
}

/// As the engine cuts.
fn chunks(bytes: &[u8]) -> Vec<Vec<usize>> {
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
            _ => "other",
        })
        .collect()
}

#[test]
fn what_is_too_large_to_keep_is_counted_all_the_same() {
    let long = "x".repeat(400);
    let (record, other) = (format!(r#"{{"eventName":"E","pad":"{long}"}}"#), format!(r#"{{"a":"{long}"}}"#));
    let digest = format!(r#"{{"digestS3Object":"k","pad":"{long}"}}"#);
    let lines = format!("{record}\n{{\"eventName\":\"F\"}}\n");
    let spread = record.replacen(',', ",\n", 1) + "\n{}";
    let array = format!("[{record},{record}]");
    for (text, shape, recognised) in [
        (&record, Shape::Record, true),
        (&lines, Shape::Ndjson, true),
        (&spread, Shape::Concatenated, true),
        (&array, Shape::Array, true),
        (&other, Shape::OtherJson, false),
        (&digest, Shape::Digest, false),
    ] {
        let text = text.as_bytes();
        for max in [300, text.len() as u64 - 1, text.len() as u64] {
            let (_, found, is_recognised, _) = same(max, text, &everywhere(text));
            assert_eq!((found, is_recognised), (shape, recognised), "{max}: {}", text.escape_ascii());
        }
        // Cut off, too.
        same(300, &text[..text.len() - 1], &everywhere(text));
    }
    let (steps, ..) = same(300, array.as_bytes(), &[]);
    assert_eq!(reasons(&steps), ["record_too_large", "record_too_large"]);
}

#[test]
fn whether_a_long_value_breaks_is_asked_at_one_place() {
    let (a, b) = (record(1), record(2));
    let long = "x".repeat(600 << 10);
    let text = format!("{{\"a\":\"\u{1}{long}\",\"Records\":[{a},{b}]}}");
    let (steps, shape, ..) = same(4 << 20, text.as_bytes(), &chunks(text.as_bytes()));
    assert_eq!(reasons(&steps), ["json_syntax", "value", "value"]);
    assert_eq!(shape, Shape::Records);
    for text in [
        format!("{{\"eventName\":\"\u{1}{long}\"}}\n{a}\n{b}"),
        format!("{{\"Records\":[{{\"eventName\":\"\u{1}{long}\"}},{a},{b}]}}"),
        format!("{{\"Records\":[{{\"eventName\":\"cut}},{a},{b},{{\"pad\":\"{long}\"}}]}}"),
    ] {
        let (steps, ..) = same(4 << 20, text.as_bytes(), &chunks(text.as_bytes()));
        assert_eq!(reasons(&steps)[..3], ["json_syntax", "value", "value"]);
    }
    // Not broken before that place: the parser's business.
    let text = format!("{{\"eventName\":\"{long}\u{1}\"}}\n{a}");
    let (steps, ..) = same(4 << 20, text.as_bytes(), &chunks(text.as_bytes()));
    assert_eq!(reasons(&steps), ["value", "value"]);
}

/// Whether the object is a digest is not asked before it has proved to be an object.
#[test]
fn why_content_is_passed_over_does_not_depend_on_cuts() {
    for max in [20, 60, 100] {
        for text in [
            format!("{{\"a\u{1}\":1,\"digestS3Object\":\"{}\"}}", "x".repeat(50)),
            format!("{{\"digestS3Object\":\"\u{1}{}\"}}", "x".repeat(50)),
            format!("{{\"digestS3Object\":\"{}\\q\",\"x\":\"", "x".repeat(50)),
        ] {
            let (.., reason) = same(max, text.as_bytes(), &everywhere(text.as_bytes()));
            assert!(matches!(reason, SkipReason::NotJson | SkipReason::Digest), "{reason:?}");
        }
    }
}

/// The words for people, too: they are said of the value alone.
#[test]
fn the_words_of_damage_do_not_depend_on_cuts() {
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
            same(1000, text.as_bytes(), &everywhere(text.as_bytes()));
        }
    }
}

/// However far back a comma stands before blanks.
#[test]
fn blanks_before_a_record_are_looked_through_as_far_as_they_are_kept() {
    let (a, b) = (record(1), record(2));
    for blanks in [4094, 4095, 4096, 4097, 5000] {
        for before in ["\"x\"", ",", "\"Records\":["] {
            let text = format!("[{a},{{\"x\":tru{before}{}{b}]", " ".repeat(blanks));
            let cuts: Vec<usize> = (1..text.len()).step_by(97).collect();
            let at = text.len() - b.len() - 2;
            same(1000, text.as_bytes(), &[cuts, vec![at], vec![at - 1, at, at + 1], vec![at + 1]]);
        }
    }
}
