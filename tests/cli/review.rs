//! `keytrail review`: a row for each key and principal.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;
use testkit::{keytrail, root, run};

/// The rows of `keytrail review` with these arguments.
fn review(args: &[&str]) -> Vec<BTreeMap<String, Value>> {
    let output = run(keytrail().args(["review", "--format", "ndjson"]).args(args));
    assert_eq!(output.status, 0, "{args:?}: {}", output.stderr);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_report_gives_the_review_of_its_archives() {
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("report").display().to_string();
    let logs = root().join("sample-logs").display().to_string();
    assert_eq!(run(keytrail().args(["analyze", "-q", "-o", &report, &logs])).status, 0);
    let rows = review(&[&logs]);
    assert_eq!(rows, review(&[&report]));
    assert!(rows.len() > 10, "{}", rows.len());
    let has = |column: &str| rows.iter().filter(|row| !row[column].is_null()).count();
    assert!(has("last_use") > 0 && has("refused_apis") > 0 && has("granted_not_used") > 0);
    assert!(rows.iter().any(|row| row["workloads"] == "geospatial"));
    // Whoever made a call made it for something, if only `other`.
    assert!(rows.iter().all(|row| row["used_count"] == 0 || !row["workloads"].is_null()));
    assert_eq!((has("reviewer"), has("decision"), has("decision_date")), (0, 0, 0));
    // Every record of a call with a key is in one of the counts.
    let total = |rows: &[BTreeMap<String, Value>]| -> i64 {
        let counts = ["used_count", "refused_count", "failed_count"];
        rows.iter().flat_map(|row| counts.map(|name| row[name].as_i64().unwrap())).sum()
    };
    let key = rows[0]["key_arn"].as_str().unwrap();
    let of_key = review(&[&report, "--key", key]);
    assert!(of_key.iter().all(|row| row["key_arn"] == key) && total(&of_key) > 0);

    let unused = "arn:aws:kms:us-west-2:111122223333:key/00000000-0000-4000-8000-000000000000";
    let keys = dir.path().join("keys.json");
    let listed = |arn: &str| format!(r#"{{"Keys":[{{"KeyId":"x","KeyArn":"{arn}"}}]}}"#);
    fs::write(&keys, listed(unused)).unwrap();
    let keys_option = ["--keys", keys.to_str().unwrap()];
    let with_unused = review(&[&[&*report][..], &keys_option].concat());
    assert_eq!(with_unused.len(), rows.len() + 1);
    let row = with_unused.iter().find(|row| row["key_arn"] == unused).unwrap();
    assert!(row["principal"].is_null() && row["used_count"] == 0);
    fs::write(&keys, listed(key)).unwrap();
    assert_eq!(review(&[&[&*report][..], &keys_option].concat()), rows, "somebody used it");
}

#[test]
fn what_cannot_be_answered_is_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys.json");
    fs::write(&keys, "[]").unwrap();
    let logs = root().join("sample-logs").display().to_string();
    let key = "111aa2bb-333c-4d44-5555-a111bb2c33dd";
    let cases: [(&[&str], &str); 3] = [
        (&["--key", key, "--key", "other"], "no key of the input or of --keys matches --key other"),
        (&["--key", "no-such-key"], "no key of the input or of --keys matches --key no-such-key"),
        (&["--keys", keys.to_str().unwrap()], "is not the output of `aws kms list-keys`"),
    ];
    for (args, expected) in cases {
        let output = run(keytrail().args(["review", &logs]).args(args));
        assert_eq!(output.status, 2, "{args:?}");
        assert!(output.stderr.contains(expected) && output.stdout.is_empty(), "{}", output.stderr);
    }
}

#[test]
fn a_key_that_occurs_nowhere_is_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("report").display().to_string();
    let logs = root().join("sample-logs").display().to_string();
    assert_eq!(run(keytrail().args(["analyze", "-q", "-o", &report, &logs])).status, 0);
    let key = "111aa2bb-333c-4d44-5555-a111bb2c33dd";
    for (command, input, expected) in [
        ("check", &logs, "--key no-such-key: no record of the input names this key"),
        ("check", &report, "--key no-such-key: no record of the report names this key"),
        ("suggest", &logs, "--key no-such-key: no record of the input names this key"),
    ] {
        let ran = run(keytrail().args(["policy", command, input, "--key", "no-such-key"]));
        assert_eq!(ran.status, 2, "{command} {input}");
        assert!(ran.stderr.contains(expected) && ran.stdout.is_empty(), "{}", ran.stderr);
        let ran = run(keytrail().args(["policy", command, input, "--key", key]));
        assert_eq!(ran.status, 0, "{}", ran.stderr);
    }
    let ran = run(keytrail().args(["policy", "check", &logs, "--key", key, "--key", "no-such-key"]));
    assert_eq!(ran.status, 2, "one of two");
    // A key that was called, but whose policy is not known.
    let ran = run(keytrail().args(["policy", "check", &logs, "--key", "*"]));
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    // Without any call, no key is named.
    std::fs::create_dir(dir.path().join("none")).unwrap();
    std::fs::write(dir.path().join("none/a.json"), r#"{"Records":[]}"#).unwrap();
    let none = dir.path().join("none").display().to_string();
    let ran = run(keytrail().args(["policy", "check", &none, "--key", "no-such-key"]));
    assert_eq!(ran.status, 2, "{}", ran.stderr);
}
