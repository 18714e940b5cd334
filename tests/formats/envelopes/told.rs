//! What cannot be read, and must be told.

use serde_json::json;
use testkit::{analyze_in, document, folder, gzip, input, state};

use super::forms::{base64, canvas, lines, quoted, records, text};
use super::{counts, read};

/// What is in no known form, but names KMS or members of records, is not passed over.
#[test]
fn unknown_forms_are_told() {
    let record = canvas(1);
    let yaml = "Records:\n- eventVersion: '1.11'\n  eventSource: kms.amazonaws.com\n  eventName: Decrypt\n";
    let xml = "<Records><eventSource>kms.amazonaws.com</eventSource><eventName>Decrypt</eventName></Records>";
    let sql = "INSERT INTO t (event_source, event_name) VALUES ('kms.amazonaws.com', 'Decrypt');\n";
    let short = json!({"src": "kms.amazonaws.com", "op": "Decrypt", "who": "arn"}).to_string();
    let reversed: String = text(&record).chars().rev().collect();
    let hidden = lines(
        (0..3).map(|_| format!("eventName=Decrypt eventSource=kms.amazonaws.com {}", "x".repeat(300_000))),
    );
    for (name, bytes) in [
        ("trail.yaml", yaml.as_bytes().to_vec()),
        ("trail.xml", xml.as_bytes().to_vec()),
        ("trail.sql", sql.as_bytes().to_vec()),
        ("short.json", short.into_bytes()),
        ("cef.log", b"CEF:0|AWS|CloudTrail|1|Decrypt|Decrypt|1|sourceService=kms.amazonaws.com\n".to_vec()),
        ("key-value.log", hidden.into_bytes()),
        ("trail.yaml.gz", gzip(yaml.as_bytes())),
        (
            "trail.html",
            b"<html><td>eventSource</td><td>kms.amazonaws.com</td><td>eventName</td></html>".to_vec(),
        ),
        ("far.txt", format!("{}{yaml}", "nothing of it\n".repeat(50_000)).into_bytes()),
    ] {
        let dir = folder(&[(name, &bytes), ("good.json", document(&records()).as_bytes())]);
        let report = analyze_in(dir.path(), &[name, "good.json"]);
        assert_eq!(state(&report.inputs(), name), ("unreadable", "unreadable_wrapping"), "{name}");
        assert_eq!((report.status, counts(&report)), (1, [3, 2, 0]), "{name}");
        assert!(report.stderr.contains("unreadable_wrapping"), "{name}: {}", report.stderr);
        assert!(report.run_json()["caveats"].to_string().contains("unreadable_wrappings"), "{name}");
        let events = testkit::run(testkit::keytrail().current_dir(dir.path()).args(["events", name]));
        assert_eq!(events.status, 1, "{name}");
        assert!(events.stderr.contains("unreadable_wrapping"), "{name}: {}", events.stderr);
    }
    // Names that are not those of a record, and a mention in prose.
    for (name, bytes) in [
        ("reversed.json", reversed.into_bytes()),
        (
            "prose.json",
            json!({"text": "the service kms.amazonaws.com is not a record"}).to_string().into_bytes(),
        ),
        (
            "analytics.json",
            json!({"event_name": "click", "event_source": "web", "user": 1}).to_string().into_bytes(),
        ),
        (
            "windows.json",
            json!({"EventID": 4624, "Message": "x", "EventTime": "2025-10-07T08:20:00Z"})
                .to_string()
                .into_bytes(),
        ),
    ] {
        let report = read(name, &bytes);
        let told = state(&report.inputs(), name).0.to_owned();
        assert!(told == "skipped" || name == "analytics.json", "{name}: {}", report.stderr);
        assert_eq!(counts(&report), [0, 0, 0], "{name}");
    }
}

/// However far behind other text or rows a record is, it is not passed over.
#[test]
fn records_far_behind_other_text_are_told() {
    let filler = |line: &str| line.repeat((66 << 20) / line.len());
    let record = text(&canvas(1));
    let log = format!("{}{record}\n", filler("nothing of it in this line of a program's log\n"));
    let csv =
        format!("t,raw\n{}1,{}\n", filler("1,xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"), csv_field(&record));
    for (name, bytes) in
        [("in.log", log.as_bytes()), ("in.csv", csv.as_bytes()), ("in.log.gz", &gzip(log.as_bytes()))]
    {
        let report = read(name, bytes);
        assert_eq!((report.status, state(&report.inputs(), name).1), (1, "unreadable_wrapping"), "{name}");
    }
    // What may not be read to its end may hold some, too.
    let dir = folder(&[("in.log", &log.as_bytes()[..2 << 20])]);
    let report = analyze_in(dir.path(), &["in.log", "--max-archive-bytes", "1000000"]);
    assert_eq!((report.status, state(&report.inputs(), "in.log").1), (1, "archive_too_large"));
}

/// On the screen, the first few skipped inputs have a name and a reason.
#[test]
fn skipped_inputs_are_named() {
    let plain = document(&records());
    let files: [(&str, &[u8]); 6] = [
        ("a.txt", b"a note"),
        ("b.json", b"{\"other\":1}"),
        ("c.png", b"\x89PNG\r\n\x1A\n\0"),
        ("d.txt", b"another note"),
        ("e.json", b""),
        ("f.json", plain.as_bytes()),
    ];
    let dir = folder(&files);
    let line = "skipped: a.txt (not JSON), b.json (JSON without records), c.png (not JSON), and 1 more\n";
    let report = analyze_in(dir.path(), &["."]);
    assert!(report.status == 0 && report.stderr.contains(line), "{}", report.stderr);
    let events = testkit::run(testkit::keytrail().current_dir(dir.path()).args(["events", "."]));
    assert!(events.status == 0 && events.stderr.contains(line), "{}", events.stderr);
    // What is to be expected beside archives has none.
    let dir = folder(&files[4..]);
    let report = analyze_in(dir.path(), &["."]);
    assert!(!report.stderr.contains("skipped:"), "{}", report.stderr);
}

fn csv_field(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// In a file with records, too: what is no record there, but names what only records have, is a
/// reject.
#[test]
fn unknown_forms_among_records_are_rejects() {
    let record = canvas(1);
    let printed = "@{eventVersion=1.11; eventSource=kms.amazonaws.com; eventName=Decrypt; userIdentity=}";
    let cells = json!([{"stringValue": "kms.amazonaws.com"}, {"stringValue": "Decrypt"}]);
    let short = json!({"src": "kms.amazonaws.com", "op": "Decrypt"});
    let in_text = json!({"text": "event_source: kms.amazonaws.com, event_name: Decrypt"});
    for unknown in [printed.into(), cells, short, in_text] {
        for (document, records) in [
            (json!({"Records": [record, unknown]}).to_string(), [2, 1, 1]),
            (json!([record, unknown]).to_string(), [2, 1, 1]),
            (json!({"rows": [{"record": record}, unknown]}).to_string(), [2, 1, 1]),
            (json!({"Records": [unknown]}).to_string(), [1, 0, 1]),
        ] {
            let report = read("in.json", document.as_bytes());
            assert_eq!((report.status, counts(&report)), (1, records), "{document}: {}", report.stderr);
            assert_eq!(report.rejects()[0]["reason"], "unreadable_member", "{document}");
        }
    }
    // A mention is none.
    for other in
        [json!("kms.amazonaws.com"), json!({"text": "about kms.amazonaws.com"}), json!([1, 2]), json!(null)]
    {
        let report = read("in.json", json!({"Records": [record, other]}).to_string().as_bytes());
        assert_eq!((report.status, counts(&report)), (0, [2, 1, 0]), "{other}");
    }
}

/// A file with CloudTrail's name is a log, and when something else was saved under it, that log is
/// lost.
#[test]
fn lost_logs_are_told() {
    let log = "111122223333_CloudTrail_us-east-1_20251007T0830Z_AbCdEfGhIjKlMnOp.json.gz";
    let xml = "<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code><Message>not authorized to perform: kms:Decrypt</Message></Error>";
    let lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 984076\n";
    for (bytes, told) in [
        (xml, "AccessDenied: not authorized to perform: kms:Decrypt"),
        ("<!DOCTYPE html><html><head><title>Sign in</title></head></html>", "Sign in"),
        (lfs, "Git LFS"),
        ("", "no bytes"),
        ("{}", "JSON without records"),
        (
            "{\"Records\":[{\"eventVersion\":\"2.1\",\"eventSource\":\"aws:s3\",\"eventName\":\"ObjectCreated:Put\"}]}",
            "notification",
        ),
    ] {
        let report = read(log, bytes.as_bytes());
        assert_eq!((report.status, state(&report.inputs(), log)), (1, ("unreadable", "lost_log")), "{told}");
        assert!(report.stderr.contains(told), "{told}: {}", report.stderr);
        assert!(report.run_json()["caveats"].to_string().contains("misnamed_inputs"), "{told}");
        // Under another name it is none of ours.
        let report = read("other.json", bytes.as_bytes());
        assert_eq!((report.status, report.inputs()[0]["status"].as_str()), (0, Some("skipped")), "{told}");
    }
}

#[test]
fn notifications_are_no_logs() {
    let s3 = json!({"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {"object": {"key": "AWSLogs/x.json.gz"}}});
    let sns = json!({"Type": "Notification", "TopicArn": "arn", "Message": json!({"s3Bucket": "b", "s3ObjectKey": ["k"]}).to_string()});
    for (name, text) in [
        ("s3.json", json!({"Records": [s3, s3]}).to_string()),
        ("sns.json", sns.to_string()),
        ("sqs.json", json!({"Messages": [{"ReceiptHandle": "r", "Body": json!({"Records": [s3]}).to_string()}]}).to_string()),
        ("lambda.json", json!({"Records": [{"eventSource": "aws:sqs", "body": json!({"Records": [s3]}).to_string()}]}).to_string()),
        ("bridge.json", json!({"version": "0", "detail-type": "Object Created", "source": "aws.s3", "detail": {"object": {"key": "k"}}}).to_string()),
        ("test.json", json!({"Service": "Amazon S3", "Event": "s3:TestEvent"}).to_string()),
        ("validation.txt", "CloudTrail validation message.".to_owned()),
    ] {
        let report = read(name, text.as_bytes());
        assert_eq!((report.status, state(&report.inputs(), name)), (0, ("skipped", "notification")), "{name}");
        assert!(report.stderr.contains("notification"), "{name}: {}", report.stderr);
        assert!(!report.stderr.contains("exclude"), "{name}: {}", report.stderr);
    }
    // Beside a record, a notification is only something else.
    let mixed = document(&[s3, canvas(1)]);
    assert_eq!(counts(&read("mixed.json", mixed.as_bytes())), [2, 1, 0]);
}

/// The depth, and what is decompressed out of texts, are bounded.
#[test]
fn hostile_envelopes_are_bounded() {
    let mut deep = text(&canvas(1));
    for _ in 0..12 {
        deep = format!("{{\"message\":{}}}", quoted(&deep));
    }
    let report = read("deep.json", deep.as_bytes());
    assert_eq!((report.status, counts(&report)[1]), (1, 0), "{}", report.stderr);
    let nested = format!("{}{}{}", "{\"a\":".repeat(100), canvas(1), "}".repeat(100));
    assert_eq!(read("nested.json", nested.as_bytes()).status, 1);
    let bomb = gzip(&vec![b' '; 4 << 20]);
    let event = json!({"awslogs": {"data": base64(&gzip(&bomb))}}).to_string();
    let dir = folder(&[("bomb.json", event.as_bytes())]);
    let report = analyze_in(dir.path(), &["bomb.json", "--max-archive-bytes", "1000000"]);
    assert_eq!(report.inputs()[0]["rejected"], 1, "{}", report.stderr);
    // More layers than are taken off.
    let mut layers = document(&records()).into_bytes();
    (0..8).for_each(|_| layers = gzip(&layers));
    let report = read("layers.gz", &layers);
    assert_eq!(
        (report.status, input(&report.inputs(), "layers.gz")["reason"].as_str()),
        (1, Some("unreadable_wrapping"))
    );
}
