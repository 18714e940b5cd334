//! Bytes that were looked at again and again: time grows with the input, not with its square.

use serde_json::json;
use testkit::{decrypt, document, with_cpu};

use super::attack;

/// Bytes of one value.
const LEN: usize = 512 << 10;

fn with(changes: serde_json::Value) -> serde_json::Value {
    let mut record = decrypt(7);
    for (name, value) in changes.as_object().unwrap() {
        record[name] = value.clone();
    }
    record
}

/// Each `arn:` in a message begins an ARN that reaches to its end.
#[test]
fn messages_of_nothing_but_arns() {
    for arn in ["arn:a:kms:", "arn:aws:kms:us-east-1:111122223333:"] {
        let message = arn.repeat(LEN / arn.len());
        let record = with(json!({"errorCode": "AccessDenied", "errorMessage": message, "resources": []}));
        attack("messages.json", &document(&[record]).into_bytes(), 0, &[]);
    }
}

/// Each slash in the key of an object ends a folder that may have been learned.
#[test]
fn keys_of_nothing_but_slashes() {
    let settings = json!({"eventVersion": "1.08", "eventSource": "sagemaker.amazonaws.com",
        "eventName": "CreateDomain", "eventTime": "2023-01-01T00:00:00Z", "awsRegion": "us-east-1",
        "recipientAccountId": "111122223333", "userIdentity": {"accountId": "111122223333"},
        "requestParameters": {"defaultUserSettings": {"canvasAppSettings":
            {"workspaceSettings": {"s3ArtifactPath": "s3://bucket/a/b"}}}}});
    for folder in ["/", "a/", "Canvas/"] {
        let key = folder.repeat(4000 / folder.len());
        let context = json!({"aws:s3:arn": format!("arn:aws:s3:::bucket/{key}")});
        let record = with(json!({"requestParameters": {"encryptionContext": context}}));
        let records: Vec<_> =
            [settings.clone()].into_iter().chain((0..100).map(|_| record.clone())).collect();
        attack("slashes.json", &document(&records).into_bytes(), 0, &[]);
    }
}

/// Each name of KMS in a value once had the whole value searched for an operation.
#[test]
fn values_of_nothing_but_kms() {
    for (name, status) in [("kms.amazonaws.com", 1), ("\"kms.amazonaws.com\"", 0)] {
        let value = json!({"a": vec![name; LEN / name.len()]});
        attack("kms.json", value.to_string().as_bytes(), status, &[]);
    }
}

/// A million frames of zstd without content, which once each had a decoder of their own.
#[test]
fn frames_without_content() {
    let frames = [0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0].repeat(1_000_000);
    attack("frames.zst", &frames, 0, &[]);
    attack("frames.zst.gz", &testkit::gzip(&frames), 0, &[]);
}

/// Own rules are the user's, but the events that they are compared with are not: each event was
/// once compared with each text of each rule.
#[test]
fn many_own_rules() {
    let dir = tempfile::tempdir().unwrap();
    let rule = |n: u32, names: &[String]| {
        let (head, names) = ("workload = \"canvas\"\nstrength = \"medium\"", names.join(","));
        format!(
            "[[rule]]\nid = \"X{n}\"\n{head}\n[[rule.when]]\nevent_name = [\"Decrypt\"]\nrole_name = [{names}]\n"
        )
    };
    let files = [
        (0..10_000).map(|n| rule(n, &[format!("\"Role-{n}\"")])).collect::<String>(),
        (0..10_000).map(|n| rule(n, &[format!("\"/^Role-{n}$/\"")])).collect(),
        rule(0, &(0..100_000).map(|n| format!("\"Role-{n}\"")).collect::<Vec<_>>()),
    ];
    let record = |n: u32| {
        let mut record = decrypt(10 + n);
        let arn = format!("arn:aws:sts::111122223333:assumed-role/Role-{}/s", n % 20_000);
        record["userIdentity"] = json!({"type": "AssumedRole", "arn": arn, "accountId": "111122223333"});
        record
    };
    let events = document(&(0..20_000).map(record).collect::<Vec<_>>()).into_bytes();
    std::fs::write(dir.path().join("events.json"), events).unwrap();
    for rules in files {
        std::fs::write(dir.path().join("rules.toml"), rules).unwrap();
        let args = ["--force", "--workload", "any", "--rules", "rules.toml", "events.json"];
        let ran = with_cpu(30, dir.path(), &args);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
    }
}

/// A call was once counted for each of the grants that fit it.
#[test]
fn calls_that_fit_many_grants() {
    let key = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let role = "arn:aws:iam::111122223333:role/R";
    let identity = json!({
        "type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/R/s", "principalId": "AROA:s",
        "accountId": "111122223333", "sessionContext": {"sessionIssuer": {"arn": role}},
    });
    let with_parameters = |n: u32, name: &str, parameters: serde_json::Value| {
        let mut record = decrypt(n);
        record["eventName"] = name.into();
        record["userIdentity"] = identity.clone();
        record["resources"] = json!([{"ARN": key, "accountId": "111122223333"}]);
        record["requestParameters"] = parameters;
        record
    };
    let context = |n: u32| json!({"job": n.to_string(), "aws:s3:arn": "arn:aws:s3:::bucket"});
    // Grants without end that are all alike, and grants that each have another context.
    for is_alike in [true, false] {
        let grant = |n: u32| {
            let mut parameters = json!({"keyId": key, "granteePrincipal": role,
                "operations": ["Decrypt", "DescribeKey"]});
            if !is_alike {
                parameters["constraints"] = json!({"encryptionContextSubset": context(n)});
            }
            let mut record = with_parameters(n, "CreateGrant", parameters);
            record["responseElements"] = json!({"grantId": format!("g{n}"), "keyId": key});
            record
        };
        let call = |n: u32| {
            let name = if n.is_multiple_of(2) { "Decrypt" } else { "DescribeKey" };
            with_parameters(n, name, json!({"encryptionContext": context(n % 1_000)}))
        };
        let records: Vec<_> = (0..1_000).map(grant).chain((1_000..21_000).map(call)).collect();
        attack("grants.json", &document(&records).into_bytes(), 0, &["--workload", "any"]);
    }
}

/// The names of trails that leave KMS out were once each looked for among all changes of trails.
#[test]
fn many_trails_that_leave_kms_out() {
    let record = |n: u32| {
        with(json!({
            "eventSource": "cloudtrail.amazonaws.com",
            "eventName": "PutEventSelectors",
            "eventID": format!("trail {n}"),
            "resources": [],
            "requestParameters": {"trailName": format!("t{n}"), "eventSelectors": [{
                "readWriteType": "All", "includeManagementEvents": true,
                "excludeManagementEventSources": ["kms.amazonaws.com"],
            }]},
        }))
    };
    let dir = tempfile::tempdir().unwrap();
    let records: Vec<_> = (0..40_000).map(record).collect();
    std::fs::write(dir.path().join("trails.json"), document(&records)).unwrap();
    let ran = with_cpu(60, dir.path(), &["--no-html", "trails.json"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
}
