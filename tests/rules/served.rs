//! What calls were for: `service` and `resource`, in `events`, in `usage`, and in own rules.

use serde_json::{Value, json};
use testkit::{Report, analyze_in, decrypt, document, rows};

/// The `n`th Decrypt, with this encryption context, for a role or through a service.
fn call(n: u32, context: Value, invoked_by: Option<&str>) -> Value {
    let mut record = decrypt(n);
    record["userIdentity"] = json!({"type": "AssumedRole", "accountId": "111122223333", "invokedBy": invoked_by,
        "arn": "arn:aws:sts::111122223333:assumed-role/App/i-1"});
    record["requestParameters"] =
        json!({"encryptionContext": context, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"});
    record
}

fn analyze(records: &[Value], args: &[&str]) -> Report {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("events.json"), document(records)).unwrap();
    analyze_in(dir.path(), &[&["events.json", "--workload", "any", "--event", "any"], args].concat())
}

/// `service resource` of each row, `-` for null.
fn served(rows: &[Value]) -> Vec<String> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or("-").replace(".amazonaws.com", "");
    rows.iter().map(|row| format!("{} {}", text(row, "service"), text(row, "resource"))).collect()
}

const SECRET: &str = "arn:aws:secretsmanager:us-west-2:111122223333:secret:prod/db-AbCdEf";

#[test]
fn the_resource_is_named_whatever_the_service() {
    let log_group = "arn:aws:logs:us-west-2:111122223333:log-group:/app";
    let parameter = "arn:aws:ssm:us-west-2:111122223333:parameter/prod/token";
    let function = "arn:aws:lambda:us-west-2:111122223333:function:f";
    let as_text = json!({"SecretARN": SECRET}).to_string();
    let records = [
        call(1, json!({"SecretARN": SECRET, "SecretVersionId": "v"}), Some("secretsmanager.amazonaws.com")),
        call(2, json!({"PARAMETER_ARN": parameter}), Some("fas.ssm.us-west-2.amazonaws.com")),
        call(3, json!({"aws:dynamodb:tableName": "Orders", "aws:dynamodb:subscriberId": "1"}), None),
        call(4, json!({"aws:ebs:id": "vol-0b6", "aws:rds:dbc-id": "cluster-A"}), Some("rds.amazonaws.com")),
        call(5, json!({"aws:logs:arn": log_group}), Some("logs.amazonaws.com")),
        call(6, json!({"aws:lambda:FunctionArn": function}), None),
        // Nothing but the caller; nothing at all; a context of one's own.
        call(7, Value::Null, Some("athena.amazonaws.com")),
        call(8, Value::Null, None),
        call(9, json!({"app": "x", "secretarn": SECRET}), None),
        // A context given as JSON text, and one that is damaged.
        call(10, Value::String(as_text.clone()), None),
        call(11, Value::String(as_text[..as_text.len() - 2].to_owned()), None),
        call(12, json!({"SecretARN": null}), None),
    ];
    let report = analyze(&records, &["--threads", "1"]);
    let found = served(&report.events());
    let expected = [
        format!("secretsmanager {SECRET}"),
        format!("ssm {parameter}"),
        "dynamodb Orders".to_owned(),
        "rds cluster-A".to_owned(),
        format!("logs {log_group}"),
        format!("lambda {function}"),
        "athena -".to_owned(),
        "- -".to_owned(),
        "- -".to_owned(),
    ];
    assert_eq!(found[..9], expected);
    for damaged in &found[9..] {
        assert!([format!("secretsmanager {SECRET}"), "- -".to_owned()].contains(damaged), "{damaged}");
    }
    assert_eq!(found.last().unwrap(), "- -");
}

#[test]
fn usage_has_what_all_calls_of_a_group_have() {
    let secret = |n, name: &str| {
        call(n, json!({"SecretARN": format!("{SECRET}{name}")}), Some("secretsmanager.amazonaws.com"))
    };
    let groups = |records: &[Value]| -> Vec<(String, u64)> {
        let report = analyze(records, &[]);
        let rows = report.usage();
        served(&rows)
            .into_iter()
            .zip(rows.iter().map(|row| row["resource_count"].as_u64().unwrap()))
            .collect()
    };
    let same = format!("secretsmanager {SECRET}");
    assert_eq!(groups(&[secret(1, ""), secret(2, ""), secret(3, "")]), [(same.clone(), 1)]);
    // Copies of one call are one.
    assert_eq!(groups(&[secret(1, ""), secret(1, "")]), [(same, 1)]);
    assert_eq!(groups(&[secret(1, ""), secret(2, "x")]), [("secretsmanager -".to_owned(), 2)]);
    let without = call(3, Value::Null, Some("secretsmanager.amazonaws.com"));
    assert_eq!(groups(&[secret(1, ""), without.clone()]), [("secretsmanager -".to_owned(), 1)]);
    assert_eq!(groups(&[without.clone(), secret(1, "")]), [("secretsmanager -".to_owned(), 1)]);
    let table = call(4, json!({"aws:dynamodb:tableName": "T"}), Some("secretsmanager.amazonaws.com"));
    assert_eq!(groups(&[secret(1, ""), table]), [("- -".to_owned(), 2)]);
    // Very many.
    let many: Vec<Value> = (0..1500).map(|n| secret(n, &format!("{n}"))).collect();
    let (texts, count) = groups(&many).remove(0);
    assert_eq!(texts, "secretsmanager -");
    assert!((1400..=1500).contains(&count), "{count}");
}

#[test]
fn own_rules_compare_what_calls_were_for() {
    let dir = tempfile::tempdir().unwrap();
    let rules = r#"
        [[rule]]
        id = "X1"
        workload = "canvas"
        strength = "strong"
        [[rule.when]]
        for_service = ["secretsmanager.amazonaws.com"]
        resource = ["/:secret:prod/"]

        [[rule]]
        id = "X2"
        workload = "forecast"
        strength = "strong"
        [[rule.when]]
        event_name = ["Decrypt"]
        absent = ["resource", "for_service"]
    "#;
    std::fs::write(dir.path().join("rules.toml"), rules).unwrap();
    let records = [
        call(1, json!({"SecretARN": SECRET}), None),
        call(2, json!({"SecretARN": "arn:aws:secretsmanager:us-west-2:111122223333:secret:test/x"}), None),
        call(3, Value::Null, None),
        call(4, Value::Null, Some("athena.amazonaws.com")),
    ];
    std::fs::write(dir.path().join("events.json"), document(&records)).unwrap();
    let args = ["events.json", "--workload", "any", "--event", "any", "--rules", "rules.toml"];
    let report = analyze_in(dir.path(), &args);
    let found: Vec<Value> = report.events().iter().map(|row| row["workload_rules"].clone()).collect();
    assert_eq!(found, ["X1", "", "X2", ""], "{}", report.stderr);
    assert!(!rows(&report.path().join("usage.parquet")).is_empty());
}

#[test]
fn calls_are_selected_by_what_they_were_for() {
    let bucket = json!({"aws:s3:arn": "arn:aws:s3:::data/x.csv"});
    let records = [
        call(1, json!({"SecretARN": SECRET}), Some("secretsmanager.amazonaws.com")),
        call(2, json!({"SecretARN": SECRET}), None),
        call(3, bucket, Some("s3.amazonaws.com")),
        call(4, Value::Null, Some("athena.amazonaws.com")),
        call(5, Value::Null, None),
    ];
    for (pattern, expected) in [
        (SECRET, &["1", "2"][..]),
        ("*:secret:prod/*", &["1", "2"]),
        ("secretsmanager.amazonaws.com", &["1", "2"]),
        ("arn:aws:s3:::data/*,athena*", &["3", "4"]),
        ("*", &["1", "2", "3", "4"]),
    ] {
        for more in [&[][..], &["--no-learn"]] {
            let report = analyze(&records, &[&["--resource", pattern], more].concat());
            let ids: Vec<String> = report
                .events()
                .iter()
                .map(|row| row["event_time"].as_str().unwrap()[18..19].to_owned())
                .collect();
            assert_eq!(ids, expected, "{pattern}: {}", report.stderr);
        }
    }
    let none = analyze(&records, &["--resource", "*:secret:prd/*"]);
    assert!(none.stderr.contains("--resource \"*:secret:prd/*\" matches no KMS event"), "{}", none.stderr);
}
