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

/// A run over these records ends by its limit rather than take more; with `enough`, it does not.
fn outgrows_little_memory(what: &str, records: impl Iterator<Item = Value>, enough: Option<&str>) {
    let dir = tempfile::tempdir().unwrap();
    let lines: String = records.map(|record| record.to_string() + "\n").collect();
    fs::write(dir.path().join("in.json"), lines).unwrap();
    let analyze = |memory: &str, incremental: bool| {
        let args = ["analyze", "--workload", "any", "--event", "any", "--no-html", "--memory", memory];
        let incremental: &[&str] = if incremental { &["--incremental"] } else { &[] };
        let out = format!("{memory}{}", incremental.concat());
        run(keytrail().current_dir(dir.path()).args(args).args(["-o", &out, "in.json"]).args(incremental))
    };
    for incremental in [false, true].into_iter().take(1 + usize::from(enough.is_some())) {
        let little = analyze("64MiB", incremental);
        assert_eq!(little.status, 2, "{what}: {}", little.stderr);
        let said = &little.stderr;
        assert!(said.contains("--memory allows") && said.contains("of 64 MiB"), "{what}: {said}");
    }
    assert!(!dir.path().join("64MiB").exists(), "{what}");
    if let Some(enough) = enough {
        let ran = analyze(enough, false);
        assert_eq!(ran.status, 0, "{what}: {}", ran.stderr);
    }
}

/// What records say of keys, aliases and trails is kept until the end, and was not limited.
#[test]
fn facts_do_not_outgrow_memory() {
    let key = |n: usize| format!("arn:aws:kms:us-west-2:111122223333:key/{n:036}");
    let text = |n: usize, len: usize| format!("{n}{}", "x".repeat(len));
    let call = |n: usize, name: &str, changes: &Value| {
        let mut record = with(changes);
        record["eventName"] = name.into();
        record["eventID"] = format!("00000000-0000-4000-8000-{n:012}").into();
        record
    };
    outgrows_little_memory(
        "policies",
        (0..80).map(|n| {
            let statement = json!({"Sid": text(n, 60_000), "Effect": "Allow", "Principal": "*",
                "Action": "kms:*", "Resource": "*"});
            let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
            let request = json!({"keyId": key(n), "policyName": "default", "policy": policy});
            call(n, "PutKeyPolicy", &json!({"requestParameters": request}))
        }),
        Some("512MiB"),
    );
    outgrows_little_memory(
        "aliases",
        (0..16_000).map(|n| {
            let alias = format!("arn:aws:kms:us-west-2:111122223333:alias/{}", text(n, 4000));
            let resources = json!([{"ARN": alias}, {"ARN": key(n)}]);
            let request = json!({"aliasName": format!("alias/{}", text(n, 10)), "targetKeyId": key(n)});
            call(n, "CreateAlias", &json!({"resources": resources, "requestParameters": request}))
        }),
        Some("512MiB"),
    );
    outgrows_little_memory(
        "shares",
        (0..200).map(|n| {
            let group = |g| format!("arn:aws:sagemaker:us-west-2:111122223333:model-package-group/g{g}");
            let resources: Vec<_> = (0..200).map(group).collect();
            let principals: Vec<_> = (0..200).map(|account| format!("{account:012}")).collect();
            let request = json!({"name": "s", "resourceArns": resources, "principals": principals});
            let share = format!("arn:aws:ram:us-west-2:111122223333:resource-share/{n}");
            let response = json!({"resourceShare": {"resourceShareArn": share, "name": "s"}});
            let changes = json!({"eventSource": "ram.amazonaws.com", "requestParameters": request,
                "responseElements": response});
            call(n, "CreateResourceShare", &changes)
        }),
        Some("512MiB"),
    );
}

/// The file of each day of events has a writer.
#[test]
fn days_do_not_outgrow_memory() {
    let record = |n: usize| {
        let day = chrono::NaiveDate::from_epoch_days(n as i32).unwrap();
        with(&json!({"eventTime": format!("{day}T12:00:00Z"), "eventID": format!("day-{n}")}))
    };
    outgrows_little_memory("days", (0..7000).map(record), None);
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
