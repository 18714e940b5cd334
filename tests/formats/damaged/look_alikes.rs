//! What looks like an archive or a record and is none, and the reverse.

use serde_json::{Value, json};
use testkit::{accounts, analyze_in, corpus, decrypt, document, folder, good, input, state};

use super::{gzip, rejects};

/// Five letters that a caller can choose, where tar files have theirs.
#[test]
fn a_word_of_tar_hides_no_archive() {
    let text = format!("{{\"userAgent\":\"{}ustar\",\"Records\":[{}]}}", "x".repeat(257 - 14), decrypt(1));
    assert_eq!(text.find("ustar"), Some(257));
    for bytes in [text.clone().into_bytes(), gzip(text.as_bytes())] {
        let dir = folder(&[("in", &bytes)]);
        let report = analyze_in(dir.path(), &["in"]);
        assert_eq!((report.status, state(&report.inputs(), "in")), (0, ("complete", "")));
        accounts(&report, &[("selected", 1)]);
    }
}

/// What stands before the first brace may be a note, or all that is left of a record: records
/// behind it are not counted, and that is told.
#[test]
fn a_lost_beginning_is_told() {
    let whole = String::from_utf8(good(1)).unwrap();
    let commented = format!("# exported\n{whole}");
    for bytes in [&whole.as_bytes()[100..], commented.as_bytes()] {
        for bytes in [bytes.to_vec(), gzip(bytes)] {
            let dir = folder(&[("in", &bytes)]);
            let report = analyze_in(dir.path(), &["in"]);
            let told = ("unreadable", "unreadable_wrapping");
            assert_eq!((report.status, state(&report.inputs(), "in")), (1, told));
            assert!(report.stderr.contains("in a form that is not read: 1."), "{}", report.stderr);
        }
    }
    let dir = folder(&[("in", b"no JSON, and nothing of a record")]);
    let report = analyze_in(dir.path(), &["in"]);
    assert_eq!(state(&report.inputs(), "in"), ("skipped", "not_json"));
    assert!(!report.stderr.contains("Skipped inputs"), "{}", report.stderr);
    // One name of a member may be chance.
    let dir = folder(&[("in", b"the member \"eventName\" of something")]);
    assert_eq!(state(&analyze_in(dir.path(), &["in"]).inputs(), "in"), ("skipped", "broken_start"));
}

#[test]
fn what_is_no_archive_is_skipped_and_never_an_event() {
    let digest = corpus::readme::digest().1.to_string();
    let cases: [(&str, Vec<u8>, &str); 11] = [
        ("digest", digest.clone().into_bytes(), "digest"),
        ("digest.gz", gzip(digest.as_bytes()), "digest"),
        ("empty", Vec::new(), "empty"),
        ("blank", b" \r\n\t\n".to_vec(), "empty"),
        ("empty.gz", gzip(b""), "empty"),
        ("other-object", b"{\"a\":1}".to_vec(), "other_json"),
        ("other-array", b"[1,2,3]".to_vec(), "other_json"),
        ("other-lines", b"{\"a\":1}\n{\"b\":2}\n".to_vec(), "other_json"),
        ("other-empty-object", b"{}".to_vec(), "other_json"),
        ("html", b"<html>{\"Records\":[]}</html>".to_vec(), "not_json"),
        ("binary", (0..=255).collect(), "not_json"),
    ];
    let mut files: Vec<(String, &[u8])> =
        cases.iter().map(|(name, bytes, _)| (format!("in/{name}"), &bytes[..])).collect();
    let logs = good(20);
    files.push(("in/logs.json".to_owned(), &logs));
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    let dir = folder(&files);
    let report = analyze_in(dir.path(), &["in", "--workload", "any", "--event", "any"]);
    // Skipping is no failure to read.
    assert_eq!(report.status, 0, "{}", report.stderr);
    accounts(&report, &[("selected", 2)]);
    assert_eq!(rejects(&report), []);
    let inputs = report.inputs();
    for (name, _, reason) in &cases {
        assert_eq!(state(&inputs, &format!("in/{name}")), ("skipped", *reason), "{name}");
        assert_eq!(input(&inputs, &format!("in/{name}"))["records"], 0, "{name}");
    }
    assert!(report.events().iter().all(|row| row["archive"] == "in/logs.json"));
}

/// What is compressed in another way, or UTF-16, may hold records.
#[test]
fn what_may_be_an_archive_is_no_success() {
    let utf16 = |text: &str, mark: bool, little: bool| -> Vec<u8> {
        let units = mark.then_some(0xFEFF).into_iter().chain(text.encode_utf16());
        units.flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
    };
    let text = String::from_utf8(good(1)).unwrap();
    for (name, bytes) in [
        ("utf16-le", utf16(&text, true, true)),
        ("utf16-be", utf16(&text, true, false)),
        ("utf16-unmarked", utf16(&text, false, true)),
        ("a.bz2", [b"BZh9", text.as_bytes()].concat()),
        ("a.xz", [b"\xFD7zXZ\0", text.as_bytes()].concat()),
    ] {
        let dir = folder(&[(name, &bytes), ("good.json", &good(20))]);
        let report = analyze_in(dir.path(), &[name, "good.json", "--workload", "any", "--event", "any"]);
        assert_eq!(report.status, 1, "{name}: {}", report.stderr);
        accounts(&report, &[("selected", 2)]);
        assert_eq!(state(&report.inputs(), name), ("unreadable", "unreadable_wrapping"), "{name}");
    }
}

#[test]
fn a_byte_order_mark_does_not_matter() {
    let marked = [b"\xEF\xBB\xBF", &good(1)[..]].concat();
    let dir = folder(&[("in/a", &marked), ("in/b", &gzip(&[b"\xEF\xBB\xBF", &good(3)[..]].concat()))]);
    let report = analyze_in(dir.path(), &["in"]);
    assert_eq!(report.status, 0, "{}", report.stderr);
    accounts(&report, &[("selected", 4)]);
    let start = "\u{feff}{\"Records\":[".len();
    assert_eq!(report.events()[0]["record_offset"], start, "offsets count the mark");
}

#[test]
fn a_look_alike_nested_in_another_record_is_never_counted() {
    let inner = decrypt(50);
    let log = document(&[decrypt(51), decrypt(52)]);
    let host = |parameters: Value| {
        let mut record = decrypt(9);
        record["eventSource"] = "sqs.amazonaws.com".into();
        record["eventName"] = "SendMessage".into();
        record["requestParameters"] = parameters;
        record
    };
    let hosts = [
        host(json!({"Records": [inner, inner]})),
        host(json!({"message": log})),
        host(inner.clone()),
        host(json!([[[inner]], {"Records": {"Records": [inner]}}])),
        host(json!({"text": format!("]}}\n{inner}\n{{\"Records\":[{inner}]}}")})),
    ];
    let kms = {
        let mut record = decrypt(2);
        record["requestParameters"]["encryptionContext"] = json!({"note": log.clone()});
        record["additionalEventData"] = json!({"Records": [inner]});
        record
    };
    let all: Vec<Value> =
        [decrypt(1)].into_iter().chain(hosts.iter().cloned()).chain([kms, decrypt(3)]).collect();
    let lines: Vec<String> = all.iter().map(ToString::to_string).collect();
    let shapes = [lines.join("\n"), lines.concat(), format!("[{}]", lines.join(",")), document(&all[..])];
    for shape in shapes {
        let dir = folder(&[("in", shape.as_bytes())]);
        let report = analyze_in(dir.path(), &["in", "--workload", "any", "--event", "any"]);
        assert_eq!(report.status, 0, "{shape}");
        accounts(&report, &[("selected", 3), ("other_source", hosts.len() as u64)]);
        let ids: Vec<Value> = report.events().iter().map(|row| row["event_id"].clone()).collect();
        assert_eq!(ids, [1, 2, 3].map(|n| decrypt(n)["eventID"].clone()));
    }
}

/// Tables of other programs that are not read may hold records: they are told, not skipped.
#[test]
fn tables_that_are_not_read_are_told() {
    let heads: [(&str, &[u8]); 4] = [
        ("a.orc", b"ORC\x0a\x03\x00\x00\x00"),
        ("a.feather", b"ARROW1\0\0\xff\xff\xff\xff"),
        ("a.avro", b"Obj\x01\x04\x14avro.codec"),
        ("a.db", b"SQLite format 3\0\x10\0"),
    ];
    for (name, head) in heads {
        let bytes = [head, &[7; 300][..]].concat();
        let report = testkit::analyze_in(testkit::folder(&[(name, &bytes)]).path(), &[name]);
        assert_eq!(report.status, 1, "{name}: {}", report.stderr);
        assert_eq!(testkit::state(&report.inputs(), name), ("unreadable", "unreadable_wrapping"));
        assert!(report.stderr.contains("ORC, Arrow, Avro or SQLite"), "{}", report.stderr);
    }
}
