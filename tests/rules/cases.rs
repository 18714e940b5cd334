//! Inputs that people had in public threads or AWS guides, rebuilt with invented ids, on which an
//! earlier version gave a wrong answer.

use serde_json::{Value, json};
use testkit::{Report, analyze_in, document};

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0";
const ANY: [&str; 4] = ["--workload", "any", "--event", "any"];

/// The `n`th record: a call of `service` by a session on a role, `n` seconds after the hour.
fn call(n: u32, service: &str, name: &str, role: &str, request: Value) -> Value {
    let (role, session) = role.split_once('/').unwrap();
    json!({
        "eventVersion": "1.09",
        "userIdentity": {
            "type": "AssumedRole", "principalId": format!("AROA{role}:{session}"),
            "arn": format!("arn:aws:sts::111122223333:assumed-role/{role}/{session}"),
            "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": format!("arn:aws:iam::111122223333:role/{role}")}},
        },
        "eventTime": format!("2025-10-07T08:{:02}:{:02}Z", n / 60, n % 60),
        "eventSource": format!("{service}.amazonaws.com"), "eventName": name, "awsRegion": "us-east-1",
        "requestParameters": request, "responseElements": null, "requestID": format!("r{n}"), "eventID": format!("e{n}"),
        "eventType": "AwsApiCall", "recipientAccountId": "111122223333",
    })
}

fn with(mut record: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        record[name] = value.clone();
    }
    record
}

/// A Decrypt of what an S3 object was encrypted with.
fn reads(n: u32, role: &str, place: &str) -> Value {
    let context = json!({"aws:s3:arn": format!("arn:aws:s3:::{place}")});
    let request = json!({"encryptionContext": context, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"});
    with(
        call(n, "kms", "Decrypt", role, request),
        json!({"resources": [{"ARN": KEY, "accountId": "111122223333"}]}),
    )
}

fn analyze(records: &[Value], args: &[&str]) -> Report {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("events.json"), document(records)).unwrap();
    analyze_in(dir.path(), &[&["events.json"], args].concat())
}

/// Of each event in order of time: label and strength.
fn labels(records: &[Value], args: &[&str]) -> Vec<String> {
    let mut events = analyze(records, args).events();
    events.sort_by_key(|event| event["event_time"].as_str().unwrap().to_owned());
    let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
    events.iter().map(|e| format!("{} {}", text(e, "workload"), text(e, "workload_strength"))).collect()
}

/// A domain or a profile whose settings name a path for Canvas.
fn canvas_storage(name: &str, path: &str) -> Value {
    let settings = json!({
        "executionRole": "arn:aws:iam::111122223333:role/CanvasUsers",
        "canvasAppSettings": {"workspaceSettings": {"s3ArtifactPath": path}},
    });
    call(0, "sagemaker", name, "Admin/alice", json!({"domainId": "d-abc", "userSettings": settings}))
}

/// Canvas stores into a bucket of one's own, below a folder.
#[test]
fn canvas_in_a_bucket_of_ones_own() {
    let calls = [
        reads(1, "DataScienceTeam/SageMaker", "analytics/machine-learning/Canvas/user-1/Training/input.csv"),
        reads(2, "DataScienceTeam/SageMaker", "analytics/machine-learning/Canvas/user-1/Training/input.csv"),
        reads(3, "DataScienceTeam/SageMaker", "analytics/machine-learning/reports/q3.csv"),
    ];
    let report = analyze(&calls, &[]);
    assert_eq!(report.run_json()["totals"]["selected"], 2);
    let expected = ["canvas medium", "canvas medium", "sagemaker-other medium"];
    assert_eq!(labels(&calls, &ANY), expected);
    // The settings make the same two surer, and nothing else of the folder Canvas's.
    for path in ["s3://analytics/machine-learning", "s3://analytics/machine-learning/"] {
        let settings = canvas_storage("CreateUserProfile", path);
        let expected = ["canvas strong", "canvas strong", "sagemaker-other medium"];
        assert_eq!(labels(&[&[settings], &calls[..]].concat(), &ANY), expected);
    }
}

/// A domain names a whole bucket for Canvas, in which everybody stores.
#[test]
fn canvas_in_a_bucket_of_everybody() {
    for bucket in ["sagemaker-us-east-1-111122223333", "team-canvas-prod", "acme-ml-stage"] {
        let calls = [
            reads(1, "FraudTraining/SageMaker", &format!("{bucket}/xgboost-fraud/train/train.csv")),
            reads(
                2,
                "FeatureWriter/fs",
                &format!(
                    "{bucket}/111122223333/sagemaker/us-east-1/offline-store/orders-1700000000/data/x.parquet"
                ),
            ),
            reads(3, "CanvasUsers/SageMaker", &format!("{bucket}/Canvas/user-1/Training/a.csv")),
            reads(4, "NightlyReport/i-0123456789abcdef0", &format!("{bucket}/reports/2025-10-07.csv")),
            reads(5, "NightlyReport/i-0123456789abcdef0", bucket),
        ];
        let is_default = bucket.starts_with("sagemaker-");
        let (report, alone) = match is_default {
            true => ("unknown weak", "s3-unattributed weak"),
            false => ("other none", "other none"),
        };
        let canvas = if is_default { "canvas strong" } else { "canvas medium" };
        let without = ["sagemaker-other medium", "feature-store-offline strong", canvas, report, alone];
        assert_eq!(labels(&calls, &ANY), without, "{bucket}");
        let mut learned = without;
        learned[2] = "canvas strong";
        for path in [format!("s3://{bucket}"), format!("s3://{bucket}/")] {
            let settings = canvas_storage("CreateDomain", &path);
            let records = [&[settings], &calls[..]].concat();
            assert_eq!(labels(&records, &ANY), learned, "{path}");
            assert_eq!(analyze(&records, &[]).run_json()["totals"]["selected"], 2, "{path}");
        }
    }
}

/// A feature group's storage is a project's folder, in which other things are, too.
#[test]
fn a_feature_group_in_a_projects_folder() {
    let storage = json!({"s3StorageConfig": {"s3Uri": "s3://ml-data/fraud"}});
    let request = json!({"featureGroupName": "g", "offlineStoreConfig": storage});
    let group = call(0, "sagemaker", "CreateFeatureGroup", "Admin/alice", request);
    let own = "ml-data/fraud/111122223333/sagemaker/us-east-1/offline-store";
    let calls = [
        reads(1, "Training/job", "ml-data/fraud/train/train.csv"),
        reads(2, "Writer/fs", &format!("{own}/g-1700000000/data/x.parquet")),
        reads(3, "Writer/fs", &format!("{own}/g-1700000000/_temp/x.parquet")),
        reads(4, "Training/job", "ml-data/fraud/111122223333/notes.txt"),
    ];
    let expected =
        ["other none", "feature-store-offline strong", "feature-store-offline strong", "other none"];
    assert_eq!(labels(&[&[group], &calls[..]].concat(), &ANY), expected);
}
