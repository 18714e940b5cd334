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

/// The rows of `usage`, as `events outcome denied_action denied_by`.
fn outcomes(report: &Report) -> Vec<String> {
    let rows = report.usage();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or("-").to_owned();
    let of = |row: &Value| {
        let parts = ["outcome", "denied_action", "denied_by"].map(|name| text(row, name));
        format!("{} {}", row["event_count"], parts.join(" "))
    };
    rows.iter().map(of).collect()
}

/// A key that is pending deletion is asked for again and again: nobody uses it.
#[test]
fn a_key_pending_deletion() {
    let place = "sagemaker-us-east-1-111122223333/Canvas/user-1/Training/a.csv";
    let failed = |n, code: &str| {
        let message = format!("{KEY} is pending deletion.");
        with(reads(n, "FraudTraining/SageMaker", place), json!({"errorCode": code, "errorMessage": message}))
    };
    let mut records: Vec<Value> = (1..=7).map(|n| failed(n, "KMSInvalidStateException")).collect();
    records.push(reads(8, "CanvasUsers/SageMaker", place));
    let report = analyze(&records, &[]);
    let mut rows = outcomes(&report);
    rows.sort();
    assert_eq!(rows, ["1 success - -", "7 key_state - -"]);
    let shown = |report: &Report, wanted: &str| {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            report.stderr.lines().any(|line| words(line).contains(wanted)),
            "{wanted}: {}",
            report.stderr
        );
    };
    shown(&report, "events denied failed key");
    shown(&report, "7 - 7 us-east-1:111122223333:key/0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0");
    shown(&report, "state of the key (KMSInvalidState)");
    // Every failure that is no refusal is shown so, whatever the code.
    for (code, why) in [
        ("DisabledException", "state of the key (Disabled)"),
        ("NotFoundException", "no such key (NotFound)"),
        ("IncorrectKeyException", "wrong request (IncorrectKey)"),
        ("ThrottlingException", "throttled (Throttling)"),
        ("KMSInternalException", "error inside AWS (KMSInternal)"),
        ("BrandNew", "unknown (BrandNew)"),
    ] {
        let report = analyze(&[failed(1, code)], &[]);
        shown(&report, why);
        assert!(!report.stderr.contains("Denials"), "{}", report.stderr);
    }
    let report = analyze(&[reads(8, "CanvasUsers/SageMaker", place)], &[]);
    assert!(!report.stderr.contains("failed"), "{}", report.stderr);
}

/// The common errors of AWS's APIs: a stale signature is a call by nobody who is known.
#[test]
fn a_request_that_came_too_late_was_denied() {
    let place = "sagemaker-us-east-1-111122223333/Canvas/u/a.csv";
    for (code, outcome) in [
        ("AccessDeniedException", "denied"),
        ("IncompleteSignature", "denied"),
        ("InvalidClientTokenId", "denied"),
        ("NotAuthorized", "denied"),
        ("OptInRequired", "denied"),
        ("RequestExpired", "denied"),
        ("ExpiredTokenException", "denied"),
        ("InternalFailure", "internal"),
        ("ServiceUnavailable", "internal"),
        ("InvalidAction", "misuse"),
        ("ValidationError", "misuse"),
        ("ThrottlingException", "throttled"),
    ] {
        let report = analyze(&[with(reads(1, "R/s", place), json!({"errorCode": code}))], &[]);
        assert_eq!(outcomes(&report), [format!("1 {outcome} - -")], "{code}");
    }
}

/// Why a call was refused is in `usage` and on the screen.
#[test]
fn why_a_call_was_refused() {
    let place = "sagemaker-us-east-1-111122223333/Canvas/u/a.csv";
    let refused = |n, reason: &str| {
        let message = format!(
            "User: arn:aws:sts::111122223333:assumed-role/R/s is not authorized to perform: kms:Decrypt {reason}"
        );
        with(reads(n, "R/s", place), json!({"errorCode": "AccessDenied", "errorMessage": message}))
    };
    let by_key = "on resource: k because no resource-based policy allows the kms:Decrypt action";
    let by_scp = "on resource: k with an explicit deny in a service control policy";
    let report = analyze(&[refused(1, by_key), refused(2, by_key), refused(3, by_scp), refused(4, "")], &[]);
    let expected = [
        "1 denied kms:Decrypt -",
        "1 denied kms:Decrypt explicit_service_control_policy",
        "2 denied kms:Decrypt implicit_resource_policy",
    ];
    assert_eq!(outcomes(&report), expected);
    let words = ["denied in a service control policy", "no resource-based policy allows it", "AccessDenied"];
    for why in words {
        assert!(report.stderr.contains(why), "{}", report.stderr);
    }
}

/// The caveats of a run: id and text.
fn caveat(report: &Report, id: &str) -> Option<String> {
    let run = report.run_json();
    let caveats = run["caveats"].as_array().unwrap();
    caveats.iter().find(|caveat| caveat["id"] == id).map(|caveat| caveat["text"].as_str().unwrap().to_owned())
}

/// The last use of a key is that by anybody, whatever is selected and however the calls were read.
#[test]
fn a_key_that_somebody_else_used_last() {
    let place = "sagemaker-us-east-1-111122223333/Canvas/u/a.csv";
    let other_key = KEY.replace("0f1e2d3c", "aaaaaaaa");
    let records = [
        reads(1, "CanvasUsers/SageMaker", place),
        // Later: by another workload, by an API that is not asked for, in another region; and what
        // is no use.
        reads(2, "Payroll/nightly", "payroll/2025.csv"),
        with(reads(3, "Payroll/nightly", "payroll/2025.csv"), json!({"eventName": "Encrypt"})),
        with(reads(4, "Backup/daily", "b/c"), json!({"awsRegion": "eu-west-1", "eventName": "ReEncrypt"})),
        with(reads(5, "Late/x", "b/c"), json!({"errorCode": "DisabledException"})),
        with(reads(6, "Auditor/x", "b/c"), json!({"eventName": "DescribeKey"})),
        with(reads(7, "Other/x", "b/c"), json!({"resources": [{"ARN": other_key}]})),
    ];
    let last = |report: &Report| {
        let rows = report.usage();
        assert_eq!(rows.len(), 1);
        ["key_last_used_by", "key_last_used_event_name", "key_last_used_event_id", "last_event_id"].map(
            |name| {
                rows[0][name]
                    .as_str()
                    .unwrap_or("-")
                    .trim_start_matches("arn:aws:iam::111122223333:role/")
                    .to_owned()
            },
        )
    };
    // A scan drops early what these options can never select; a checkpoint keeps all of it.
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("events.json"), document(&records)).unwrap();
    for args in [
        &[][..],
        &["--no-learn"],
        &["--incremental"],
        &["--incremental", "--no-learn"],
        &["--threads", "1"],
        &["--event", "any"],
        &["--region", "us-east-1"],
        &["--until", "2025-10-07T08:00:02Z"],
        &["--principal", "*CanvasUsers"],
        &["--key", "*0f1e2d3c*"],
    ] {
        let report = analyze_in(dir.path(), &[&["events.json"], args].concat());
        assert_eq!(last(&report), ["Backup", "ReEncrypt", "e4", "e1"], "{args:?}: {}", report.stderr);
        let text = caveat(&report, "keys_used_otherwise").unwrap_or_else(|| panic!("{args:?}"));
        assert!(text.contains(KEY) && text.contains("role/Backup") && !text.contains(&other_key), "{text}");
        assert!(
            report.stderr.contains("keys_used_otherwise") || report.stderr.contains("role/Backup"),
            "{args:?}"
        );
    }
    // Nobody else used it later, or it is selected, too.
    for (records, args) in [
        (&records[..1], &[][..]),
        (&records[..], &ANY[..]),
        (&[reads(1, "Payroll/nightly", "p"), reads(2, "CanvasUsers/SageMaker", place)], &[]),
    ] {
        assert_eq!(caveat(&analyze(records, args), "keys_used_otherwise"), None);
    }
    // An API that is not asked for is the last use in a checkpoint, too, where all calls are kept.
    let records = &records[..3];
    std::fs::write(dir.path().join("three.json"), document(records)).unwrap();
    for args in [&[][..], &["--incremental"], &["--no-learn"]] {
        let report = analyze_in(dir.path(), &[&["three.json"], args].concat());
        assert_eq!(last(&report)[..3], ["Payroll", "Encrypt", "e3"], "{args:?}");
    }
    // A selected ReEncrypt uses two keys, and stands in a row of the first.
    let both = json!({"eventName": "ReEncrypt", "resources": [{"ARN": other_key}, {"ARN": KEY}],
        "requestParameters": {"sourceKeyId": other_key, "destinationKeyId": KEY}});
    let records = [records[0].clone(), with(reads(8, "Backup/daily", "b/c"), both)];
    let [selected, not] = [&ANY[..], &[]].map(|args| caveat(&analyze(&records, args), "keys_used_otherwise"));
    assert_eq!(selected, None);
    assert!(not.unwrap().contains("ReEncrypt"));
}

/// Somebody who decrypts many log files reads logs. CloudTrail delivers them.
#[test]
fn who_reads_the_logs_is_named() {
    let context = |n: u32| {
        json!({"encryptionContext": {"aws:s3:arn": format!("arn:aws:s3:::logs/AWSLogs/111122223333/{n}.json.gz"),
            "aws:cloudtrail:arn": "arn:aws:cloudtrail:us-east-1:111122223333:trail/main"}})
    };
    let on_log = |n, identity: Value| {
        with(
            reads(n, "SecurityAudit/eve", "x"),
            json!({"requestParameters": context(n), "userIdentity": identity}),
        )
    };
    let reader = |n| with(reads(n, "SecurityAudit/eve", "x"), json!({"requestParameters": context(n)}));
    let mut records: Vec<Value> = (1..=300).map(reader).collect();
    let cloudtrail = json!({"type": "AWSService", "invokedBy": "cloudtrail.amazonaws.com"});
    let delivers = |n| with(on_log(n, cloudtrail.clone()), json!({"eventName": "GenerateDataKey"}));
    records.extend((301..=305).map(delivers));
    records.push(on_log(306, json!({"type": "AWSService", "invokedBy": "athena.amazonaws.com"})));
    for args in [&[][..], &ANY, &["--event", "CreateGrant"]] {
        let report = analyze(&records, args);
        let text = caveat(&report, "log_readers").unwrap();
        assert!(text.contains("role/SecurityAudit 300, athena.amazonaws.com 1."), "{text}");
        let delivery = caveat(&report, "log_delivery");
        assert_eq!(delivery.is_some_and(|text| text.ends_with("context): 5.")), args == ANY, "{args:?}");
    }
    assert_eq!(caveat(&analyze(&records[300..305], &ANY), "log_readers"), None);
    let labels = labels(&records[..1], &ANY);
    assert_eq!(labels, ["other none"]);
}
