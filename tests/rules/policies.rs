//! Key policies and calls: rows by construction, time lines, suggestions, and what must make no
//! difference.

mod advice;
mod copies;
mod ram;
mod suggestions;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::{Report, analyze_in, document, folder, keytrail, run};

const KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const ROOT: &str = "arn:aws:iam::111122223333:root";
const ROLES: [&str; 3] = [
    "arn:aws:iam::111122223333:role/team/Reader",
    "arn:aws:iam::111122223333:role/service-role/Writer",
    "arn:aws:iam::444455556666:role/Foreign",
];

fn record(n: usize, minute: usize, name: &str, caller: &str, rest: &Value) -> Value {
    let account = caller.split(':').nth(4).unwrap();
    let role = caller.rsplit('/').next().unwrap();
    let mut record = json!({
        "eventVersion": "1.09",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": format!("AROA{role}:s"),
            "arn": format!("arn:aws:sts::{account}:assumed-role/{role}/s"),
            "accountId": account,
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": caller, "accountId": account}},
        },
        "eventTime": format!("2025-06-04T{:02}:{:02}:00Z", minute / 60, minute % 60),
        "eventSource": "kms.amazonaws.com",
        "eventName": name,
        "awsRegion": "us-west-2",
        "sourceIPAddress": "192.0.2.1",
        "requestID": format!("r{n}"),
        "eventID": format!("e{n:03}"),
        "recipientAccountId": "111122223333",
        "requestParameters": {"keyId": KEY},
        "resources": [{"ARN": KEY, "accountId": "111122223333", "type": "AWS::KMS::Key"}],
    });
    for (name, value) in rest.as_object().unwrap() {
        record[name] = value.clone();
    }
    record
}

fn set_policy(n: usize, minute: usize, statements: &Value) -> Value {
    let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let parameters = json!({"keyId": KEY, "policyName": "default", "policy": policy});
    record(
        n,
        minute,
        "PutKeyPolicy",
        "arn:aws:iam::111122223333:role/Admin",
        &json!({"requestParameters": parameters}),
    )
}

fn allow(sid: &str, principal: &Value, action: &Value) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, "Resource": "*"})
}

/// A report on these records.
fn report_on(records: &[Value]) -> Report {
    let input = folder(&[("in/a.json", document(records).as_bytes())]);
    let report = analyze_in(input.path(), &["in"]);
    assert_eq!(report.status, 0, "{}", report.stderr);
    report
}

/// `statement principal permission status` of each row, with the last part of names.
fn rows(rows: &[Value]) -> BTreeSet<String> {
    let text = |row: &Value, name: &str| {
        let text = row[name].as_str().unwrap_or("-");
        text.rsplit('/').next().unwrap().to_owned()
    };
    rows.iter()
        .map(|row| {
            let names = ["sid", "principal", "permission", "status"].map(|name| text(row, name));
            format!("{} {}", names.join(" "), row["record_count"])
        })
        .collect()
}

fn set(rows: &[&str]) -> BTreeSet<String> {
    rows.iter().map(|row| (*row).to_owned()).collect()
}

#[test]
fn each_permission_is_used_not_used_or_without_effect() {
    let statements = json!([
        allow("root", &json!(ROOT), &json!("kms:*")),
        allow("use", &json!([ROLES[0], ROLES[2]]), &json!(["kms:Decrypt", "kms:Encrypt", "kms:RetireGrant", "kms:ListKeys"])),
        allow("case", &json!("arn:aws:iam::111122223333:role/service-role/writer"), &json!("kms:GenerateDataKey")),
        {"Sid": "dead", "Effect": "Allow", "Principal": "*", "Action": "kms:*"},
        allow("gone", &json!("AROAGONE"), &json!("kms:Sign")),
        {"Sid": "no", "Effect": "Deny", "Principal": {"AWS": ROLES[0]}, "Action": "kms:ReEncrypt*", "Resource": "*"},
    ]);
    let refused = |action: &str, why: &str| {
        let message = format!("User: x is not authorized to perform: kms:{action} on resource: {KEY} {why}");
        json!({"errorCode": "AccessDenied", "errorMessage": message})
    };
    let none = json!({});
    let records = [
        set_policy(0, 0, &statements),
        record(1, 10, "Decrypt", ROLES[0], &none),
        record(2, 11, "Decrypt", ROLES[0], &none),
        record(3, 12, "Decrypt", ROLES[2], &none),
        record(4, 13, "GenerateDataKey", ROLES[1], &none),
        record(5, 14, "Sign", ROLES[2], &none),
        record(
            6,
            15,
            "GenerateDataKey",
            ROLES[2],
            &refused(
                "GenerateDataKey",
                "because no resource-based policy allows the kms:GenerateDataKey action",
            ),
        ),
    ];
    let report = report_on(&records);
    let found = report.policy_statements();
    assert_eq!(
        rows(&found),
        set(&[
            "root arn:aws:iam::111122223333:root - cannot_be_known 3",
            "use Reader Decrypt used 2",
            "use Reader Encrypt allowed_not_used 0",
            "use Reader RetireGrant no_effect 0",
            "use Reader ListKeys no_effect 0",
            "use Foreign Decrypt used 1",
            "use Foreign Encrypt allowed_not_used 0",
            "use Foreign RetireGrant no_effect 0",
            "use Foreign ListKeys no_effect 0",
            "case writer - differs_in_case 0",
            "case writer GenerateDataKey allowed_not_used 0",
            "dead - - no_effect 0",
            "gone AROAGONE - no_effect 0",
            "no Reader kms:ReEncrypt* denies_nothing_seen 0",
            "- Admin PutKeyPolicy cannot_be_known 1",
            "- Writer GenerateDataKey cannot_be_known 1",
            "- Foreign Sign used_not_allowed 1",
            "- Foreign GenerateDataKey refused 1",
        ])
    );
    let refused = found.iter().find(|row| row["status"] == "refused").unwrap();
    assert!(refused["detail"].as_str().unwrap().contains("add a statement"), "{refused}");
    assert_eq!(refused["event_id"], "e006");
    assert_eq!(found[0]["policy_source"], "PutKeyPolicy");
    assert_eq!(found[0]["policy_event_id"], "e000");
}

/// A call is compared with the policy of its time. Failed calls set none, and after a call whose
/// policy the record leaves out nothing is known.
#[test]
fn policies_have_a_time_line() {
    let none = json!({});
    let one = json!([allow("one", &json!(ROLES[0]), &json!("kms:Decrypt"))]);
    let two = json!([allow("two", &json!(ROLES[1]), &json!("kms:Decrypt"))]);
    let mut failed = set_policy(8, 30, &json!([allow("failed", &json!("*"), &json!("kms:*"))]));
    failed["errorCode"] = json!("MalformedPolicyDocumentException");
    let mut other = set_policy(9, 31, &json!([allow("shared", &json!("*"), &json!("kms:*"))]));
    other["requestParameters"]["policyName"] = json!("AWS_RAM");
    let mut omitted = set_policy(10, 90, &one);
    omitted["requestParameters"] = json!({"keyId": KEY});
    let records = [
        record(1, 0, "Decrypt", ROLES[0], &none),
        set_policy(2, 10, &one),
        record(3, 20, "Decrypt", ROLES[0], &none),
        failed,
        other,
        record(4, 40, "Decrypt", ROLES[1], &none),
        set_policy(5, 60, &two),
        // KMS may take some minutes until it forgets the old one.
        record(6, 62, "Decrypt", ROLES[0], &none),
        record(7, 70, "Decrypt", ROLES[1], &none),
        omitted,
        record(11, 95, "Decrypt", ROLES[1], &none),
    ];
    let report = report_on(&records);
    let found = report.policy_statements();
    assert_eq!(
        rows(&found),
        set(&[
            "one Reader Decrypt used 2",
            "two Writer Decrypt used 1",
            "- Admin PutKeyPolicy cannot_be_known 1",
            "- Admin PutKeyPolicy used_not_allowed 2",
            "- Admin PutKeyPolicy used_not_allowed 1",
            "- Reader Decrypt cannot_be_known 1",
            "- Writer Decrypt cannot_be_known 1",
            "- Writer Decrypt used_not_allowed 1",
            "- - - cannot_be_known 0",
        ])
    );
    let from_until: BTreeSet<(String, String)> =
        found.iter().map(|row| (row["policy_from"].to_string(), row["policy_until"].to_string())).collect();
    assert_eq!(from_until.len(), 3, "{from_until:?}");
}

/// What called a key while its policy is not known is told.
#[test]
fn calls_under_an_unknown_policy_are_told() {
    let mut broken = set_policy(0, 0, &json!([]));
    broken["requestParameters"]["policy"] = json!("{no policy");
    let found = report_on(&[broken, record(1, 10, "Decrypt", ROLES[0], &json!({}))]).policy_statements();
    assert_eq!(
        rows(&found),
        set(&[
            "- - - cannot_be_known 0",
            "- Admin PutKeyPolicy cannot_be_known 1",
            "- Reader Decrypt cannot_be_known 1",
        ])
    );
}

/// A policy of 32 KB that names many principals and many patterns does not grow without bound.
#[test]
fn rows_are_bounded() {
    let principals: Vec<String> =
        (0..300).map(|n| format!("arn:aws:iam::111122223333:role/{n:010}")).collect();
    let patterns: Vec<String> = (0..1200).map(|n| format!("kms:*{}{n}", "?".repeat(3))).collect();
    let statements = json!([allow("many", &json!(principals), &json!(patterns))]);
    let report = report_on(&[set_policy(1, 0, &statements), record(2, 10, "Decrypt", ROLES[0], &json!({}))]);
    let found = report.policy_statements();
    assert!((20_000..30_000).contains(&found.len()), "{}", found.len());
    assert!(found.iter().any(|row| row["detail"] == "Further rows about its statements are left out."));
    assert!(found.iter().any(|row| row["status"] == "used_not_allowed"));
    // Longer texts are not policies.
    let patterns: Vec<String> = (0..9000).map(|n| format!("kms:{n}")).collect();
    let report = report_on(&[set_policy(1, 0, &json!([allow("long", &json!("*"), &json!(patterns))]))]);
    let found = report.policy_statements();
    assert!(found[0]["detail"].as_str().unwrap().contains("more than a policy can have"), "{:?}", found[0]);
}

/// Conditions that are made to be slow cost a bounded time, and are not known.
#[test]
fn slow_conditions_are_not_compared() {
    let pattern = format!("{}b", "*a".repeat(1000));
    let conditions = json!({"StringLike": {"kms:EncryptionContext:x": vec![pattern; 15]}});
    let mut statement = allow("slow", &json!(ROLES[0]), &json!("kms:Decrypt"));
    statement["Condition"] = conditions;
    let mut records = vec![set_policy(1, 0, &json!([statement]))];
    let context = json!({"requestParameters": {"encryptionContext": {"x": "a".repeat(8000)}}});
    records.extend((2..40).map(|n| record(n, 10 + n, "Decrypt", ROLES[0], &context)));
    let found = report_on(&records).policy_statements();
    let used = found.iter().find(|row| row["sid"] == "slow" && row["record_count"] == 38).unwrap();
    assert_eq!(used["status"], "cannot_be_known");
    assert!(used["detail"].as_str().unwrap().contains("too long to be compared"), "{used}");
}

/// People name a key by its id, and by its ARN.
#[test]
fn a_policy_is_for_the_key_that_is_named() {
    let none = json!({});
    let records = [
        record(1, 10, "Decrypt", ROLES[0], &none),
        record(2, 11, "Encrypt", ROLES[1], &none),
        record(3, 12, "Decrypt", ROLES[1], &none),
    ];
    let policy = json!({"Version": "2012-10-17", "Statement": [allow("use", &json!(ROLES[0]), &json!("kms:Decrypt"))]});
    let id = KEY.rsplit('/').next().unwrap();
    let input = folder(&[
        ("in/a.json", document(&records).as_bytes()),
        ("policy.json", policy.to_string().as_bytes()),
        (&format!("{id}.json"), policy.to_string().as_bytes()),
    ]);
    let check = |options: &[&str]| {
        let ran =
            run(keytrail().current_dir(input.path()).args(["policy", "check", "-q", "in"]).args(options));
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        let text = String::from_utf8(ran.stdout).unwrap();
        let found: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(found.iter().all(|row| row["key_arn"] == KEY), "{text}");
        rows(&found)
    };
    let expected = set(&[
        "use Reader Decrypt used 1",
        "- Writer Encrypt used_not_allowed 1",
        "- Writer Decrypt used_not_allowed 1",
    ]);
    let (by_arn, by_id, by_name) =
        (format!("{KEY}=policy.json"), format!("{id}=policy.json"), format!("{id}.json"));
    for policy in [by_arn.as_str(), &by_id, &by_name, "policy.json"] {
        assert_eq!(check(&["--policy", policy]), expected, "{policy}");
        for key in [KEY, id, "*1234abcd*"] {
            assert_eq!(check(&["--policy", policy, "--key", key]), expected, "{policy} {key}");
        }
        let suggested = run(keytrail()
            .current_dir(input.path())
            .args(["policy", "suggest", "-q", "in", "--key", id, "--policy", policy]));
        assert_eq!(suggested.status, 0, "{policy}: {}", suggested.stderr);
    }
}

/// Filters for who called do not make a permission look unused.
#[test]
fn filters_for_callers_leave_the_table_alone() {
    let statements = json!([allow("use", &json!(ROLES[0]), &json!(["kms:Decrypt", "kms:Encrypt"]))]);
    let records = [set_policy(0, 0, &statements), record(1, 10, "Decrypt", ROLES[0], &json!({}))];
    let input = folder(&[("in/a.json", document(&records).as_bytes())]);
    let whole = analyze_in(input.path(), &["in"]).policy_statements();
    for options in [["--principal", "nobody"], ["--user", "nobody"], ["--resource", "nothing"]] {
        let report = analyze_in(input.path(), &[&["in"], &options[..]].concat());
        assert_eq!(report.policy_statements(), whole, "{options:?}");
        let unused = report.findings().into_iter().find(|row| row["rule_id"] == "policy-not-used").unwrap();
        assert_eq!(unused["status"], "undecidable");
    }
}

/// What never applies is told apart from what nobody used; and another account cannot change a
/// key's policy.
#[test]
fn conditions_that_no_request_meets_have_no_effect() {
    let on = |action: &Value, operator: &str, key: &str| {
        let mut statement = allow("S", &json!(ROLES[0]), action);
        statement["Condition"] = json!({operator: {key: "true"}});
        statement
    };
    let cases = [
        (on(&json!("kms:Decrypt"), "Bool", "kms:GrantIsForAWSResource"), "no_effect"),
        (on(&json!("kms:CreateGrant"), "Bool", "kms:GrantIsForAWSResource"), "allowed_not_used"),
        (on(&json!("kms:Decrypt"), "BoolIfExists", "kms:GrantIsForAWSResource"), "allowed_not_used"),
        (on(&json!("kms:Decrypt"), "StringNotEquals", "kms:GrantOperations"), "allowed_not_used"),
        (on(&json!("kms:Decrypt"), "Null", "kms:GrantOperations"), "allowed_not_used"),
        (on(&json!("kms:DescribeKey"), "StringEquals", "KMS:encryptioncontext:Team"), "no_effect"),
        (on(&json!("kms:Decrypt"), "StringEquals", "KMS:encryptioncontext:Team"), "allowed_not_used"),
        (on(&json!("kms:DescribeKey"), "StringEquals", "aws:ResourceTag/Team"), "allowed_not_used"),
        (on(&json!("kms:DescribeKey"), "StringEquals", "other:Key"), "allowed_not_used"),
    ];
    for (statement, expected) in cases {
        let report = report_on(&[set_policy(1, 0, &json!([statement.clone()]))]);
        let rows = report.policy_statements();
        let of_statement: Vec<&Value> = rows.iter().filter(|row| !row["sid"].is_null()).collect();
        assert_eq!(of_statement.len(), 1, "{statement}");
        assert_eq!(of_statement[0]["status"], expected, "{statement}");
    }

    let foreign = allow("S", &json!("arn:aws:iam::444455556666:root"), &json!("kms:*"));
    let report = report_on(&[set_policy(1, 0, &json!([foreign]))]);
    let findings = report.findings();
    let wide: Vec<&Value> = findings.iter().filter(|row| row["rule_id"] == "policy-wide").collect();
    let detail = wide[0]["detail"].as_str().unwrap();
    assert_eq!(
        detail,
        "root of account 444455556666 may use the key in every way that works across accounts."
    );
}
