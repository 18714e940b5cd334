//! Keys that are shared through AWS RAM have a second policy.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::{analyze_in, document, folder, keytrail, run};

use super::{KEY, ROLES, ROOT, allow, record, rows, set, set_policy};

/// A call of AWS RAM on a share of the key.
fn ram(n: usize, minute: usize, name: &str) -> Value {
    let share = "arn:aws:ram:us-west-2:111122223333:resource-share/s";
    let rest = json!({
        "eventSource": "ram.amazonaws.com",
        "requestParameters": {
            "name": "keys", "resourceShareArn": share, "resourceArns": [KEY], "principals": ["444455556666"],
        },
        "responseElements": {"resourceShare": {"resourceShareArn": share, "name": "keys"}},
        "resources": null,
    });
    record(n, minute, name, "arn:aws:iam::111122223333:role/Admin", &rest)
}

#[test]
fn what_the_policy_of_ram_may_allow_cannot_be_known() {
    let statements = json!([allow("root", &json!(ROOT), &json!("kms:*"))]);
    let records = [
        set_policy(1, 0, &statements),
        record(2, 10, "Decrypt", ROLES[2], &json!({})),
        ram(3, 20, "CreateResourceShare"),
        record(4, 30, "Decrypt", ROLES[2], &json!({})),
        record(5, 40, "Encrypt", ROLES[2], &json!({})),
        ram(6, 50, "DisassociateResourceShare"),
        record(7, 100, "Decrypt", ROLES[2], &json!({})),
    ];
    let input = folder(&[("in/a.json", document(&records).as_bytes())]);
    let found = analyze_in(input.path(), &["in"]).policy_statements();
    assert_eq!(
        rows(&found),
        set(&[
            "root arn:aws:iam::111122223333:root - cannot_be_known 0",
            "- - - cannot_be_known 0",
            "- Admin PutKeyPolicy cannot_be_known 1",
            "- Foreign Decrypt used_not_allowed 2",
            "- Foreign Decrypt cannot_be_known 1",
            "- Foreign Encrypt cannot_be_known 1",
        ])
    );
    let details: Vec<&str> = found.iter().filter_map(|row| row["detail"].as_str()).collect();
    assert!(
        details.iter().any(|detail| detail.contains("resource-share/s), so it has a second policy")),
        "{details:?}"
    );
    assert!(details.iter().any(|detail| detail.contains("no record shows its second policy")), "{details:?}");
}

#[test]
fn a_policy_of_ram_stands_beside_the_keys_own() {
    let policy = |sid: &str, role: &str| {
        json!({"Version": "2012-10-17", "Statement": [allow(sid, &json!(role), &json!("kms:Decrypt"))]})
            .to_string()
    };
    let of_ram = json!({"PolicyName": "AWS_RAM", "Policy": policy("ram", ROLES[2])}).to_string();
    let records = [
        set_policy(1, 0, &json!([allow("own", &json!(ROLES[0]), &json!("kms:Decrypt"))])),
        record(2, 10, "Decrypt", ROLES[2], &json!({})),
        record(3, 20, "Decrypt", ROLES[0], &json!({})),
        record(4, 30, "Decrypt", ROLES[1], &json!({})),
    ];
    let input = folder(&[
        ("in/a.json", document(&records).as_bytes()),
        ("calls/a.json", document(&records[1..]).as_bytes()),
        ("ram.json", of_ram.as_bytes()),
        ("own.json", policy("own", ROLES[0]).as_bytes()),
    ]);
    let check = |options: &[&str]| {
        let ran = run(keytrail().current_dir(input.path()).args(["policy", "check", "-q"]).args(options));
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        let text = String::from_utf8(ran.stdout).unwrap();
        let found: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        rows(&found).into_iter().filter(|row| !row.contains("PutKeyPolicy")).collect::<BTreeSet<_>>()
    };
    let expected = set(&[
        "own Reader Decrypt used 1",
        "ram Foreign Decrypt used 1",
        "- Writer Decrypt used_not_allowed 1",
    ]);
    let named = format!("{KEY}=ram.json");
    for options in [
        &["in", "--policy", "ram.json"][..],
        &["in", "--policy", &named],
        &["calls", "--policy", "ram.json", "--policy", "own.json"],
        &["calls", "--policy", "own.json", "--policy", &named],
    ] {
        assert_eq!(check(options), expected, "{options:?}");
    }
    // Of the key's own policy nothing is known.
    let expected = set(&[
        "- - - cannot_be_known 0",
        "ram Foreign Decrypt used 1",
        "- Foreign Decrypt cannot_be_known 1",
        "- Reader Decrypt cannot_be_known 1",
        "- Writer Decrypt cannot_be_known 1",
    ]);
    assert_eq!(check(&["calls", "--policy", "ram.json"]), expected);
    // A suggestion is for the key's own policy.
    let suggest = ["policy", "suggest", "in", "--key", KEY, "--policy", "ram.json"];
    let ran = run(keytrail().current_dir(input.path()).args(suggest));
    assert!(ran.stderr.contains("AWS_RAM stays beside it"), "{}", ran.stderr);
}
