use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::de::{Deserialize, IgnoredAny};
use serde_json::Value;

use super::super::member::read_fast;
use super::super::record::Record;
use super::super::tests::has_odd_number;
use super::scan::plain_end;
use super::*;

/// Checks that the fast reader accepts only what serde_json accepts, with the same result, and
/// returns that result.
///
/// Numbers other than small whole ones are the exception: the fast reader keeps their spelling,
/// serde_json their value, if it can.
fn check(text: &str) -> Option<Record<'_>> {
    let mut record = Record::default();
    let fast = read_fast(text, &mut record).ok().map(|_| record);
    if let Some(fast) = &fast {
        assert!(serde_json::from_str::<IgnoredAny>(text).is_ok(), "{text}");
        match serde_json::from_str::<Value>(text) {
            Ok(value) if !has_odd_number(&value) => {
                assert_eq!(serde_json::from_str::<Record<'_>>(text).ok().as_ref(), Some(fast), "{text}");
            }
            _ => {}
        }
    }
    // The same through serde (which limits nesting in another way), with a general value, and with
    // a value that is skipped.
    if let (Some(value), Some(fast)) = (through_serde::<Record<'_>>(text), &fast) {
        assert_eq!(&value, fast, "{text}");
    }
    if let Some(value) = through_serde::<Value>(text) {
        assert_eq!(serde_json::from_str::<Value>(text).ok(), Some(value), "{text}");
    }
    if through_serde::<IgnoredAny>(text).is_some() {
        assert!(serde_json::from_str::<IgnoredAny>(text).is_ok(), "{text}");
    }
    fast
}

fn through_serde<'t, T: Deserialize<'t>>(text: &'t str) -> Option<T> {
    let mut reader = Reader::new(text);
    let value = T::deserialize(&mut reader).ok()?;
    reader.finish().ok().map(|_| value)
}

const NAMES: &[&str] = &[
    "eventVersion",
    "userIdentity",
    "eventName",
    "EventName",
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "readOnly",
    "resources",
    "tlsDetails",
    "sessionContext",
    "sessionIssuer",
    "keyId",
    "KeyId",
    "KEYID",
    "encryptionContext",
    "operations",
    "keyMetadata",
    "arn",
    "ARN",
    "accountId",
    "dryRun",
    "grantId",
    "other",
    "",
];

fn quoted() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z0-9:/ -]{0,40}".prop_map(|s| format!("\"{s}\"")),
        1 => any::<String>().prop_map(|s| Value::from(s).to_string()),
        1 => prop::collection::vec(select(vec![r"\n", r#"\""#, r"\\", r"\/", r"\u00e9", r"\ud83d\ude00", "é", "x", r"\b\f\r\t"]), 0..6)
            .prop_map(|parts| format!("\"{}\"", parts.concat())),
        1 => Just(r#""{\"grantId\":\"g\"}""#.to_owned()),
    ]
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => quoted(),
        1 => select(vec!["null", "true", "false", "0", "-0", "1.5e3", "1E+2", "-7", "123456789012345678901234567890", "1e999",
            "18446744073709551615", "-9223372036854775808", "-9223372036854775809"]).prop_map(str::to_owned),
        1 => any::<i64>().prop_map(|n| n.to_string()),
        1 => any::<f64>().prop_map(|n| Value::from(n).to_string()),
    ]
}

fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => Just(""), 1 => select(vec![" ", "\n\t", "\r "])]
}

/// JSON whose objects use the names of a record's members in any order, also repeatedly.
fn json() -> impl Strategy<Value = String> {
    scalar().prop_recursive(5, 60, 8, |inner| {
        let member = (select(NAMES), quoted(), prop::bool::weighted(0.9), space(), inner.clone());
        let member = member.prop_map(|(name, other, is_member, space, value)| {
            let name = if is_member { format!("\"{name}\"") } else { other };
            format!("{space}{name}{space}:{space}{value}{space}")
        });
        prop_oneof![
            3 => prop::collection::vec(member, 0..8).prop_map(|members| format!("{{{}}}", members.join(","))),
            1 => (prop::collection::vec(inner, 0..4), space())
                .prop_map(|(items, space)| format!("[{space}{}{space}]", items.join(&format!("{space},")))),
        ]
    })
}

proptest! {
    #[test]
    fn well_formed_text_gives_the_same_record(text in json()) {
        check(&text);
    }

    /// Bytes are replaced, removed or inserted, or the end is cut off.
    #[test]
    fn damaged_text_gives_the_same_record(
        text in json(),
        damage in prop::collection::vec((any::<Index>(), 0..4, select(br#"{}[]",:\0 aetn1.-u"#.to_vec())), 1..4),
    ) {
        let mut bytes = text.into_bytes();
        for (index, kind, byte) in damage {
            let at = index.index(bytes.len() + 1);
            match kind {
                0 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => { bytes.remove(at); }
                2 => bytes.insert(at, byte),
                _ => bytes.truncate(at.max(1)),
            }
        }
        check(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn noise_gives_the_same_record(text in r#"[{}\[\]":,\\0-9eE.+\-a-z \n\x00\x1f]{0,40}"#) {
        check(&text);
    }

    #[test]
    fn plain_end_agrees_with_a_byte_by_byte_search(
        mut bytes in prop::collection::vec(0x20u8..=0xFF, 0..70),
        ends in prop::collection::vec((any::<Index>(), select(vec![b'"', b'\\', 0, 0x1F, 0x20, 0x7F, 0x80, 0x22])), 0..3),
        from in 0usize..72,
    ) {
        for (index, byte) in ends {
            let at = index.index(bytes.len().max(1));
            if at < bytes.len() { bytes[at] = byte }
        }
        let expected = (from..bytes.len()).find(|at| matches!(bytes[*at], b'"' | b'\\' | 0..0x20));
        prop_assert_eq!(plain_end(&bytes, from), expected);
    }
}

#[test]
fn usual_records_need_no_fallback() {
    for text in [
        r#"{"eventVersion":"1.08","userIdentity":{"type":"AWSService","invokedBy":"s3.amazonaws.com"},"readOnly":true,"n":[1,-2.5e3,{}]}"#,
        "{\n  \"eventName\" : \"Decrypt\" ,\n  \"responseElements\" : null , \"resources\" : [ ]\n}\n",
        r#"{"eventName":"a\nb\u0041","other":"\ud83d\ude00\\","\u0065ventID":"x"}"#,
    ] {
        assert!(check(text).is_some(), "{text}");
    }
}

#[test]
fn invalid_json_is_left_to_serde_json() {
    for text in [
        "",
        " ",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{,}",
        "{\"a\" 1}",
        "{1:2}",
        "[1,]",
        "[,]",
        "[1 2]",
        "[1}",
        "{\"a\":[}",
        "{\"a\":tru}",
        "{\"a\":nul",
        "{\"a\":01}",
        "{\"a\":-}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":1e}",
        "{\"a\":+1}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"\\u+123\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"b}",
        "{} x",
        "{}{}",
        "{\"a\":\"\\\"}",
        "{\"eventName\":\"\\u12\"}",
        "{\"eventName\":\"\\ud800\"}",
        "\u{feff}{}",
        "{\"a\":1\u{a0}}",
        "{\"a\":\0}",
    ] {
        assert!(check(text).is_none(), "{text:?}");
    }
}

#[test]
fn deep_nesting_is_left_to_serde_json() {
    for (open, close) in [("[", "]"), ("{\"requestParameters\":", "}"), ("{\"x\":[", "]}")] {
        for depth in [10, 60, 64, 65, 127, 128, 100_000] {
            let text = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            check(&text);
            check(&format!("{{\"requestParameters\":{text},\"other\":{text}}}"));
        }
    }
}
