//! What is learned from the facts of the input, through the binary: each learned rule by a fact in
//! a later file than the call that it explains, where aliases pointed, and which records were
//! corrected. The oracle reads every input of these tests, too.

mod aliases;
mod corrections;
mod random;
mod rules;

use std::fs::{self, File};
use std::process::{Command, Stdio};

use aliases::{ALIAS, points, refused};
use corrections::{correction, original};
use serde_json::{Value, json};
use testkit::{Report, analyze_in, assert_rows, document, keytrail, oracle, rows, run};

const MAIN: &str = "111122223333";
const KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const KEY_ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
const OTHER_KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/0987dcba-09fe-87dc-65ba-ab0987654321";
const ANY: [&str; 4] = ["--workload", "any", "--event", "any"];
const OTHER: [&str; 3] = ["other", "none", ""];

fn with(mut record: Value, name: &str, value: impl Into<Value>) -> Value {
    record[name] = value.into();
    record
}

/// A record of `source`, by `who`.
fn record(source: &str, name: &str, who: Value, request: Value) -> Value {
    json!({
        "eventVersion": "1.08",
        "userIdentity": who,
        "eventTime": "2024-03-05T10:00:00Z",
        "eventSource": format!("{source}.amazonaws.com"),
        "eventName": name,
        "awsRegion": "us-west-2",
        "sourceIPAddress": "203.0.113.7",
        "requestParameters": request,
        "responseElements": null,
        "eventType": "AwsApiCall",
        "recipientAccountId": MAIN,
    })
}

fn role(name: &str) -> String {
    format!("arn:aws:iam::{MAIN}:role/team/{name}")
}

/// A session on the role of this name.
fn session(name: &str, session: &str) -> Value {
    json!({
        "type": "AssumedRole",
        "principalId": format!("AROA{name}:{session}"),
        "arn": format!("arn:aws:sts::{MAIN}:assumed-role/{name}/{session}"),
        "accountId": MAIN,
        "accessKeyId": format!("ASIA{name}{session}"),
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": role(name), "accountId": MAIN}},
    })
}

fn service(name: &str) -> Value {
    json!({"type": "AWSService", "invokedBy": format!("{name}.amazonaws.com")})
}

fn admin() -> Value {
    json!({"type": "IAMUser", "arn": format!("arn:aws:iam::{MAIN}:user/Alice"), "accountId": MAIN})
}

/// `minute` of the hour in which everything happens.
fn at(minute: u32, record: Value) -> Value {
    with(record, "eventTime", format!("2024-03-05T10:{minute:02}:00Z"))
}

/// A Decrypt with `KEY`.
fn decrypt(who: Value, context: Value) -> Value {
    let record = record("kms", "Decrypt", who, json!({"encryptionContext": context}));
    with(record, "resources", json!([{"accountId": MAIN, "type": "AWS::KMS::Key", "ARN": KEY}]))
}

/// Jane decrypts this object of S3.
fn reads(object: &str) -> Value {
    decrypt(session("Jane", "work"), json!({"aws:s3:arn": format!("arn:aws:s3:::{object}")}))
}

fn create_domain(settings: Value) -> Value {
    let request = json!({"domainName": "d", "defaultUserSettings": settings});
    record("sagemaker", "CreateDomain", admin(), request)
}

fn artifact_path(uri: &str) -> Value {
    create_domain(json!({"canvasAppSettings": {"workspaceSettings": {"s3ArtifactPath": uri}}}))
}

fn feature_group(members: Value) -> Value {
    record("sagemaker", "CreateFeatureGroup", admin(), members)
}

fn offline_store(uri: &str) -> Value {
    feature_group(json!({"offlineStoreConfig": {"s3StorageConfig": {"s3Uri": uri}}}))
}

fn online_store(key: &str) -> Value {
    feature_group(json!({"onlineStoreConfig": {"securityConfig": {"kmsKeyId": key}}}))
}

fn dataset(role: &str, key: &str) -> Value {
    let config = json!({"roleArn": role, "kMSKeyArn": key});
    record("forecast", "CreateDataset", admin(), json!({"encryptionConfig": config}))
}

/// The service opens the session that `session` makes of these names.
fn assume_role(by: &str, name: &str, session: &str) -> Value {
    let request = json!({"roleArn": role(name), "roleSessionName": session});
    let response = json!({
        "credentials": {"accessKeyId": format!("ASIA{name}{session}")},
        "assumedRoleUser": {"assumedRoleId": format!("AROA{name}:{session}")},
    });
    with(record("sts", "AssumeRole", service(by), request), "responseElements", response)
}

/// Files of records; a record without an eventID gets one that tells its place.
fn folder(files: &[(&str, Vec<Value>)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("in")).unwrap();
    for (name, records) in files {
        let number = |(n, record): (usize, &Value)| match record.get("eventID") {
            Some(_) => record.clone(),
            None => with(record.clone(), "eventID", format!("{name}-{n}")),
        };
        let records: Vec<Value> = records.iter().enumerate().map(number).collect();
        fs::write(dir.path().join("in").join(name), document(&records)).unwrap();
    }
    dir
}

/// What the binary makes of these files, all of which can be read; and the oracle, too.
fn analyze(files: &[(&str, Vec<Value>)], args: &[&str], options: &oracle::Options) -> Report {
    let report = agreeing(files, args, options);
    assert_eq!(report.status, 0, "{}", report.stderr);
    report
}

/// A report in which binary and oracle agree.
fn agreeing(files: &[(&str, Vec<Value>)], args: &[&str], options: &oracle::Options) -> Report {
    let dir = folder(files);
    let report = analyze_in(dir.path(), &[&["in"], &ANY[..], args].concat());
    let read = |name: &str| fs::read(dir.path().join("in").join(name)).unwrap();
    let inputs: Vec<(String, Vec<u8>)> =
        files.iter().map(|(name, _)| (format!("in/{name}"), read(name))).collect();
    let expected = oracle::analyze(&inputs, options);
    assert_rows("events", &report.events(), &expected.events);
    assert_rows("usage", &report.usage(), &expected.usage);
    for (class, count) in &expected.totals {
        assert_eq!(report.run_json()["totals"][class], *count, "{class}");
    }
    report
}

fn any() -> oracle::Options {
    oracle::Options { workloads: None, events: None, ..oracle::Options::default() }
}

/// Workload, strength and rules of the event in `call.json`, with these records in later files, one
/// in each.
fn judged(call: &Value, facts: &[Value], learn: bool) -> [String; 3] {
    let names = ["later-1.json", "later-2.json", "later-3.json"];
    let mut files = vec![("call.json", vec![call.clone()])];
    files.extend(names.into_iter().zip(facts.iter().map(|fact| vec![fact.clone()])));
    let args: &[&str] = if learn { &[] } else { &["--no-learn"] };
    let events = analyze(&files, args, &oracle::Options { learn, ..any() }).events();
    let event = events.iter().find(|event| event["archive"] == "in/call.json").unwrap();
    ["workload", "workload_strength", "workload_rules"].map(|name| event[name].as_str().unwrap().to_owned())
}

/// The call is `learned` with the facts, and `unlearned` without them or with `--no-learn`.
fn assert_learned(facts: &[Value], call: &Value, learned: [&str; 3], unlearned: [&str; 3]) {
    assert_eq!(judged(call, facts, true), learned, "{call}\nafter {facts:?}");
    assert_eq!(judged(call, &[], true), unlearned, "{call}");
    assert_eq!(judged(call, facts, false), unlearned, "{call}");
}

/// The facts say nothing about the call.
fn assert_not_learned(facts: &[Value], call: &Value) {
    assert_eq!(judged(call, facts, true), judged(call, facts, false), "{call}\nafter {facts:?}");
}

/// Facts in every file, before and after the calls that they explain.
fn everything() -> tempfile::TempDir {
    let calls = ["Jane", "Planner", "Surveyor", "Writer", "Trainer", "Runner"];
    let mut files = Vec::new();
    for (n, name) in calls.into_iter().enumerate() {
        let plain = (0..20).map(|minute| at(minute, decrypt(session(name, "work"), json!({}))));
        let minute = 10 + n as u32;
        let mut records: Vec<Value> = plain.chain([at(minute, refused(ALIAS))]).collect();
        records.push(
            [
                reads("artifacts/canvas/Canvas/x"),
                reads("features/pfx/111122223333/sagemaker/us-west-2/offline-store/x"),
                reads("features"),
            ][n % 3]
                .clone(),
        );
        records.push(match n {
            0 => assume_role("forecast", "Runner", "work"),
            1 => artifact_path("s3://artifacts/canvas"),
            2 => dataset(&role("Planner"), KEY),
            3 => offline_store("s3://features/pfx"),
            4 => at(12, points("CreateAlias", KEY)),
            _ => record("sagemaker", "CreateModel", session("Jane", "work"), json!({"modelName": "Canvas"})),
        });
        files.push((format!("{n}.json"), records));
    }
    files.push(("6.json".to_owned(), vec![correction("6.json-c", "198.51.100.1"), original()]));
    let files: Vec<(&str, Vec<Value>)> =
        files.iter().map(|(name, records)| (name.as_str(), records.clone())).collect();
    folder(&files)
}

#[test]
fn threads_and_order_do_not_change_what_is_learned() {
    let dir = everything();
    let of = |threads: &str| analyze_in(dir.path(), &[&["in", "--threads", threads], &ANY[..]].concat());
    let one = of("1");
    let labels = |report: &Report| -> Vec<String> {
        let usage = report.usage();
        let mut labels: Vec<String> =
            usage.iter().map(|row| row["workload"].as_str().unwrap().to_owned()).collect();
        labels.sort();
        labels.dedup();
        labels
    };
    assert_eq!(
        labels(&one),
        ["canvas", "canvas+feature-store-offline", "feature-store-offline", "forecast", "other"]
    );
    for threads in ["2", "7"] {
        assert_eq!(of(threads).parquet_bytes(), one.parquet_bytes(), "{threads} threads");
    }
    // The files the other way round: the same sums.
    let backwards: Vec<String> = (0..7).rev().map(|n| format!("in/{n}.json")).collect();
    let names: Vec<&str> = backwards.iter().map(String::as_str).collect();
    assert_eq!(analyze_in(dir.path(), &[&names[..], &ANY].concat()).parquet_bytes(), one.parquet_bytes());
}

/// A fact is the same in every shape of input.
#[test]
fn facts_are_read_in_every_shape() {
    let call = reads("artifacts/canvas/Canvas/x");
    let fact = with(artifact_path("s3://artifacts/canvas"), "eventID", "fact");
    let text = fact.to_string();
    let message = json!([{"id": "1", "timestamp": 1, "message": text}]);
    let wrapped = [
        text.clone(),
        format!("[{text}]"),
        json!({"Events": [{"EventId": "1", "CloudTrailEvent": text}]}).to_string(),
        json!({"version": "0", "detail-type": "AWS API Call via CloudTrail", "detail": fact}).to_string(),
        json!({"messageType": "DATA_MESSAGE", "logEvents": message}).to_string(),
        json!({"events": message}).to_string(),
        format!("2024-03-05T10:00:00.000Z {text}"),
    ];
    for later in wrapped {
        let dir = folder(&[("call.json", vec![call.clone()])]);
        fs::write(dir.path().join("in/later"), &later).unwrap();
        let report = analyze_in(dir.path(), &[&["in"], &ANY[..]].concat());
        assert_eq!(report.status, 0, "{}", report.stderr);
        assert_eq!(report.events()[0]["workload_rules"], "C2", "{later}");
    }
}

/// Standard input can be read only once. The same is learned from it.
#[test]
fn the_same_is_learned_from_standard_input() {
    let dir = everything();
    let mut all = Vec::new();
    for n in 0..7 {
        all.extend(fs::read(dir.path().join(format!("in/{n}.json"))).unwrap());
    }
    fs::write(dir.path().join("all"), &all).unwrap();
    let from_files = analyze_in(dir.path(), &[&["in"], &ANY[..]].concat());
    let all = dir.path().join("all");
    let mut cat = Command::new("cat").arg(&all).stdout(Stdio::piped()).spawn().unwrap();
    for stdin in [Stdio::from(cat.stdout.take().unwrap()), File::open(&all).unwrap().into()] {
        let mut command = keytrail();
        command.current_dir(dir.path()).args(["analyze", "-o", "report", "--force", "-"]).args(ANY);
        let ran = run(command.stdin(stdin));
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        for table in ["usage.parquet", "usage_daily.parquet"] {
            let (ours, expected) = (dir.path().join("report").join(table), from_files.path().join(table));
            assert_rows(table, &rows(&ours), &rows(&expected));
        }
    }
    assert!(cat.wait().unwrap().success());
}
