//! Bad records among good ones: each costs itself and nothing else.

use serde_json::{Value, json};
use testkit::{accounts, analyze_in, decrypt, document, folder, places, state};

use super::{reject, rejects};

#[test]
fn one_bad_record_among_good_ones() {
    let texts = |broken: &str| {
        vec![decrypt(1).to_string(), decrypt(2).to_string(), broken.to_owned(), decrypt(3).to_string()]
    };
    let whole = decrypt(9).to_string();
    let without = |name: &str| {
        let mut record = decrypt(9);
        record.as_object_mut().unwrap().remove(name);
        record.to_string()
    };
    let with = |name: &str, value: Value| {
        let mut record = decrypt(9);
        record[name] = value;
        record.to_string()
    };
    let cases = [
        ("json_syntax", whole.replacen(':', " ", 1)),
        ("json_syntax", whole.replacen("null", "nul", 1)),
        ("json_syntax", whole.replacen("null", "NaN", 1)),
        ("json_syntax", whole.replacen("true", "+1", 1)),
        ("json_syntax", format!("{},}}", &whole[..whole.len() - 1])),
        ("json_syntax", whole.replacen("null", "'null'", 1)),
        ("json_syntax", whole.replacen("Decrypt", "Dec\nrypt", 1)),
        ("json_syntax", whole.replacen("Decrypt", "Dec\\xrypt", 1)),
        ("lone_surrogate", whole.replacen("SYMMETRIC", "\\udc00SYMMETRIC", 1)),
        ("lone_surrogate", whole.replacen("SYMMETRIC", "\\ud800\\ud800SYMMETRIC", 1)),
        ("missing_field", without("eventTime")),
        ("missing_field", without("eventName")),
        ("missing_field", with("eventName", json!(["Decrypt"]))),
        ("bad_event_time", with("eventTime", json!("yesterday"))),
        ("bad_event_time", with("eventTime", json!("2024-13-05T10:00:00Z"))),
        ("unsupported_version", with("eventVersion", json!("2.0"))),
    ];
    for (reason, broken) in cases {
        assert_ne!(broken, whole);
        let text = document(&texts(&broken));
        let start = text.find(&broken).unwrap();
        let lines = texts(&broken).join("\n");
        for (shape, content, offset) in
            [("records", text.clone(), start), ("ndjson", lines.clone(), lines.find(&broken).unwrap())]
        {
            if shape == "ndjson" && broken.contains('\n') {
                continue; // it would be two lines
            }
            let dir = folder(&[("in", content.as_bytes())]);
            let report = analyze_in(dir.path(), &["in"]);
            assert_eq!(report.status, 1, "{shape}, {broken}");
            assert_eq!(rejects(&report), [reject("in", Some(offset), reason)], "{shape}, {broken}");
            accounts(&report, &[("selected", 3), ("rejected", 1)]);
            assert_eq!(report.rejects()[0]["record_index"], 2);
            assert_eq!(state(&report.inputs(), "in"), ("partial", reason));
        }
    }
}

#[test]
fn invalid_utf8_lone_surrogates_and_nul_reject_that_record_only() {
    let text = document(&[decrypt(1), decrypt(2), decrypt(3)]);
    let start = places(&text, &[decrypt(2)])[0].start;
    let at = start + decrypt(2).to_string().find("SYMMETRIC").unwrap();
    let with = |bytes: &[u8]| [&text.as_bytes()[..at], bytes, &text.as_bytes()[at..]].concat();
    let rejected: [(&[u8], &str); 7] = [
        (b"\xff", "invalid_utf8"),
        (b"\xc0\xaf", "invalid_utf8"),
        (b"\xed\xa0\x80", "invalid_utf8"), // a surrogate written as UTF-8
        (b"caf\xe9", "invalid_utf8"),
        (b"\xf4\x90\x80\x80", "invalid_utf8"), // beyond the last character
        (b"\\ud83d", "lone_surrogate"),
        (b"a\0b", "json_syntax"),
    ];
    for (bytes, reason) in rejected {
        let dir = folder(&[("in", &with(bytes))]);
        let report = analyze_in(dir.path(), &["in"]);
        assert_eq!(report.status, 1);
        accounts(&report, &[("selected", 2), ("rejected", 1)]);
        assert_eq!(rejects(&report), [reject("in", Some(start), reason)], "{bytes:?}");
    }
    for bytes in [&b"\\ud83d\\ude00"[..], "caf\u{e9} \u{1F600}".as_bytes(), b"\\u0000"] {
        let dir = folder(&[("in", &with(bytes))]);
        let report = analyze_in(dir.path(), &["in"]);
        assert_eq!(report.status, 0, "{bytes:?}: {}", report.stderr);
        accounts(&report, &[("selected", 3)]);
    }
}

#[test]
fn of_duplicate_json_keys_the_last_wins_and_it_is_noted_at_debug() {
    let twice = |n: u32, name: &str, first: &str| {
        decrypt(n).to_string().replacen(
            &format!("\"{name}\":"),
            &format!("\"{name}\":{first},\"{name}\":"),
            1,
        )
    };
    let records = [
        twice(1, "eventName", "\"Encrypt\""),
        twice(2, "eventSource", "\"s3.amazonaws.com\""),
        decrypt(3).to_string(),
        // Here the last one is of S3.
        format!(
            "{},\"eventSource\":\"s3.amazonaws.com\"}}",
            decrypt(4).to_string().strip_suffix('}').unwrap()
        ),
    ];
    let text = document(&records);
    let dir = folder(&[("in", text.as_bytes())]);
    let report = analyze_in(dir.path(), &["in", "--log-format", "json", "-vv"]);
    assert_eq!(report.status, 0, "{}", report.stderr);
    accounts(&report, &[("selected", 3), ("other_source", 1)]);
    let noted: Vec<Value> = report
        .stderr
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["level"] == "DEBUG" && message["offset"].is_u64())
        .map(|message| json!([message["archive"], message["offset"]]))
        .collect();
    let at = |record: &str| json!(["in", text.find(record).unwrap()]);
    assert_eq!(noted, [at(&records[0]), at(&records[1]), at(&records[3])], "{}", report.stderr);

    let report = analyze_in(dir.path(), &["in", "--log-format", "json", "-v"]);
    assert!(!report.stderr.contains("DEBUG"), "{}", report.stderr);
}
