//! Values that were kept in memory as they are: nothing that is kept is longer than AWS's names.

use std::fs;

use serde_json::{Value, json};
use testkit::{decrypt, document, keytrail, rows, run};

use super::attack;

/// Bytes of one name.
const LEN: usize = 2 << 20;
/// Records with such a name: 80 MiB in all, where a run has less than 150.
const RECORDS: usize = 40;

fn with(changes: &Value) -> Value {
    let mut record = decrypt(7);
    for (name, value) in changes.as_object().unwrap() {
        record[name] = value.clone();
    }
    record
}

fn rejected(what: &str, changes: impl Fn(String) -> Value) {
    let records: Vec<Value> =
        (0..RECORDS).map(|n| with(&changes(format!("{n}{}", "x".repeat(LEN))))).collect();
    let args = ["--workload", "any", "--event", "any", "--max-record-bytes", "8000000"];
    let attacked = attack("names.json", &document(&records).into_bytes(), 1, &args);
    assert_eq!(attacked.rejects.len(), RECORDS, "{what}");
    assert!(attacked.rejects.iter().all(|reject| reject["reason"] == "field_too_long"), "{what}");
}

#[test]
fn names_longer_than_any_of_aws() {
    let arn = |name: &str| format!("arn:aws:sts::111122223333:assumed-role/{name}/session");
    rejected("a principal", |name| json!({"userIdentity": {"type": "AssumedRole", "arn": arn(&name)}}));
    rejected("a region", |name| json!({"awsRegion": name}));
    rejected("a shared id", |name| json!({"sharedEventID": name}));
    rejected("an alias", |name| {
        json!({"eventName": "CreateAlias",
            "requestParameters": {"aliasName": format!("alias/{name}"), "targetKeyId": "1234abcd"}})
    });
    rejected(
        "an encryption context",
        |name| json!({"requestParameters": {"encryptionContext": {"a": name}}}),
    );
}

#[test]
fn names_in_records_that_explain_others() {
    rejected("a trail", |name| {
        json!({"eventSource": "cloudtrail.amazonaws.com", "eventName": "StopLogging",
            "requestParameters": {"name": name}})
    });
    rejected("a path", |name| {
        json!({"eventSource": "sagemaker.amazonaws.com", "eventName": "CreateDomain",
            "requestParameters": {"defaultUserSettings": {"canvasAppSettings":
                {"workspaceSettings": {"s3ArtifactPath": format!("s3://bucket/{name}")}}}}})
    });
}

/// Each day has a file of its own, whose writer takes some 60 KiB.
#[test]
fn events_of_thousands_of_days() {
    let day = |n: u32| chrono::NaiveDate::from_epoch_days(n as i32).unwrap();
    let records: Vec<Value> = (0..1800)
        .map(|n| {
            let mut record = decrypt(n);
            record["eventTime"] = format!("{}T12:00:00Z", day(n)).into();
            record
        })
        .collect();
    let attacked = attack("days.json", &document(&records).into_bytes(), 0, &["--workload", "any"]);
    assert_eq!(attacked.run["totals"]["selected"], 1802);
}

/// Two names of archives that lie 8,000 years apart, and every day between them missing.
#[test]
fn names_that_imply_thousands_of_years() {
    let dir = tempfile::tempdir().unwrap();
    for account in 0..50 {
        for date in ["00010101", "99991231"] {
            let name = format!("{:012}_CloudTrail_us-east-1_{date}T0000Z_AbCdEfGhIjKlMnOp.json", account);
            std::fs::write(dir.path().join(name), document(&[decrypt(account)])).unwrap();
        }
    }
    let ran = testkit::with_memory(testkit::LITTLE, dir.path(), &["."]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(rows(&dir.path().join("report/inputs.parquet")).len() >= 100);
    assert!(std::fs::metadata(dir.path().join("report/run.json")).unwrap().len() < 1 << 20);
}

/// Each event has a group of its own, which stays in memory: a run ends rather than take more than
/// it may.
#[test]
fn tables_do_not_outgrow_memory() {
    let dir = tempfile::tempdir().unwrap();
    let mut events = String::new();
    for n in 0..16_000 {
        let mut record = decrypt(n);
        let arn = format!("arn:aws:sts::111122223333:assumed-role/{}{n:06}/s", "r".repeat(3900));
        record["userIdentity"] = json!({"type": "AssumedRole", "arn": arn, "accountId": "111122223333"});
        events += &(record.to_string() + "\n");
    }
    fs::write(dir.path().join("groups.json"), events).unwrap();
    let analyze = |memory: &str| {
        let args = ["analyze", "--workload", "any", "--memory", memory, "-o", memory, "groups.json"];
        run(keytrail().current_dir(dir.path()).args(args))
    };
    let little = analyze("64MiB");
    assert_eq!(little.status, 2, "{}", little.stderr);
    assert!(little.stderr.contains("--since") && little.stderr.contains("of 64 MiB"), "{}", little.stderr);
    assert!(!dir.path().join("64MiB").exists());
    assert_eq!(analyze("512MiB").status, 0);
}
