//! The ledger of grants against a naive evaluation of many small worlds, and on sample archives.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::{analyze, analyze_in, document, folder};

const KEYS: [&str; 2] = [
    "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "arn:aws:kms:us-west-2:111122223333:key/5678abcd-12ab-34cd-56ef-1234567890ab",
];
const OPERATIONS: [&str; 4] = ["Decrypt", "Encrypt", "DescribeKey", "CreateGrant"];
const GRANTEES: [&str; 5] = [
    "arn:aws:iam::111122223333:role/service-role/R",
    "arn:aws:iam::111122223333:user/U",
    "arn:aws:sts::111122223333:assumed-role/R/two",
    "sagemaker.us-west-2.amazonaws.com",
    "AROAEXAMPLER",
];

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// `minute` after midnight.
fn time(minute: usize) -> String {
    format!("2025-06-04T{:02}:{:02}:00Z", minute / 60, minute % 60)
}

fn identity(caller: usize) -> Value {
    let role = |session: &str| {
        json!({
            "type": "AssumedRole",
            "principalId": format!("AROAEXAMPLER:{session}"),
            "arn": format!("arn:aws:sts::111122223333:assumed-role/R/{session}"),
            "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": {"arn": GRANTEES[0], "accountId": "111122223333"}},
        })
    };
    match caller {
        0 => role("one"),
        1 => role("two"),
        2 => {
            json!({"type": "IAMUser", "principalId": "AIDAEXAMPLEU", "arn": GRANTEES[1], "accountId": "111122223333"})
        }
        _ => json!({"type": "AWSService", "invokedBy": "sagemaker.amazonaws.com"}),
    }
}

/// Whether this caller is this grantee, as a person would say.
fn is_grantee(caller: usize, grantee: &str) -> bool {
    match caller {
        0 => grantee == GRANTEES[0] || grantee == GRANTEES[4],
        1 => grantee == GRANTEES[0] || grantee == GRANTEES[2] || grantee == GRANTEES[4],
        2 => grantee == GRANTEES[1],
        _ => grantee == GRANTEES[3],
    }
}

fn record(n: usize, minute: usize, name: &str, key: &str, caller: usize, rest: Value) -> Value {
    let mut record = json!({
        "eventVersion": "1.09",
        "userIdentity": identity(caller),
        "eventTime": time(minute),
        "eventSource": "kms.amazonaws.com",
        "eventName": name,
        "awsRegion": "us-west-2",
        "sourceIPAddress": "192.0.2.1",
        "requestID": format!("r{n}"),
        "eventID": format!("e{n}"),
        "resources": [{"ARN": key, "accountId": "111122223333", "type": "AWS::KMS::Key"}],
        "recipientAccountId": "111122223333",
    });
    record.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    record
}

fn world(dice: &mut Dice) -> Vec<Value> {
    let mut records = Vec::new();
    for n in 0..60 {
        let (minute, key, caller) = (dice.below(120), dice.one(&KEYS), dice.below(4));
        let id = format!("grant{}", dice.below(4));
        let context = dice.one(&[None, Some("x"), Some("y")]);
        let fails = dice.below(8) == 0;
        let failed = if fails { json!("AccessDenied") } else { Value::Null };
        let context_json = context.map_or(json!({}), |value| json!({"Project": value}));
        let new = match dice.below(10) {
            0 | 1 => {
                // KMS gives every grant another id, and never one key's id to another key.
                let id = format!("{id}-{n}-{}", if key == KEYS[0] { 0 } else { 1 });
                let operations: BTreeSet<&str> = (0..2).map(|_| dice.one(&OPERATIONS)).collect();
                let constraints = dice.one(&["", "encryptionContextSubset", "encryptionContextEquals"]);
                let mut parameters = json!({
                    "keyId": key,
                    "granteePrincipal": dice.one(&GRANTEES),
                    "operations": operations,
                });
                if !constraints.is_empty() {
                    parameters["constraints"] = json!({constraints: {"Project": "x"}});
                }
                let answer = if fails { Value::Null } else { json!({"grantId": id, "keyId": key}) };
                record(
                    n,
                    minute,
                    "CreateGrant",
                    key,
                    caller,
                    json!({"requestParameters": parameters, "responseElements": answer, "errorCode": failed}),
                )
            }
            2 => {
                let known: Vec<String> = ids(&records);
                let id = if known.is_empty() { id } else { known[dice.below(known.len())].clone() };
                let name = dice.one(&["RetireGrant", "RevokeGrant"]);
                let key = if id.ends_with('1') { KEYS[1] } else { KEYS[0] };
                record(
                    n,
                    minute,
                    name,
                    key,
                    caller,
                    json!({"requestParameters": {"keyId": key, "grantId": id}, "errorCode": failed}),
                )
            }
            3 if dice.below(6) == 0 => record(n, minute, "DeleteKey", key, caller, json!({})),
            4 => {
                let name = dice.one(&["DisableKey", "EnableKey", "ScheduleKeyDeletion", "CancelKeyDeletion"]);
                record(
                    n,
                    minute,
                    name,
                    key,
                    caller,
                    json!({"requestParameters": {"keyId": key}, "errorCode": failed}),
                )
            }
            _ => {
                let name = dice.one(&["Decrypt", "Encrypt", "DescribeKey"]);
                let parameters = json!({"keyId": key, "encryptionContext": context_json});
                record(
                    n,
                    minute,
                    name,
                    key,
                    caller,
                    json!({"requestParameters": parameters, "errorCode": failed}),
                )
            }
        };
        records.push(new);
    }
    records
}

fn ids(records: &[Value]) -> Vec<String> {
    records.iter().filter_map(|r| r["responseElements"]["grantId"].as_str()).map(str::to_owned).collect()
}

fn minute(record: &Value) -> i64 {
    let text = record["eventTime"].as_str().unwrap();
    text[11..13].parse::<i64>().unwrap() * 60 + text[14..16].parse::<i64>().unwrap()
}

fn caller(record: &Value) -> usize {
    (0..4).find(|caller| identity(*caller) == record["userIdentity"]).unwrap()
}

/// Id, state, calls, unusable since: what the table must say, record by record.
fn expected(records: &[Value]) -> BTreeSet<(String, String, u64, Option<String>)> {
    let mut by_time: Vec<&Value> = records.iter().collect();
    by_time.sort_by_key(|r| (minute(r), r["eventID"].as_str().unwrap().to_owned()));
    let succeeded = |r: &&&Value| r["errorCode"].is_null();
    let named = |name: &'static str| by_time.iter().filter(move |r| r["eventName"] == name).filter(succeeded);
    let key_of = |r: &Value| r["resources"][0]["ARN"].clone();
    let ends = || {
        by_time
            .iter()
            .filter(|r| r["eventName"] == "RetireGrant" || r["eventName"] == "RevokeGrant")
            .filter(succeeded)
    };
    let mut all: BTreeSet<String> = ids(records).into_iter().collect();
    all.extend(ends().map(|r| r["requestParameters"]["grantId"].as_str().unwrap().to_owned()));
    let mut rows = BTreeSet::new();
    for id in all {
        let created = named("CreateGrant").find(|r| r["responseElements"]["grantId"] == id.as_str());
        let end = ends().find(|r| r["requestParameters"]["grantId"] == id.as_str());
        let key = created.or(end).map(|r| key_of(r)).unwrap();
        let deleted = named("DeleteKey").find(|r| key_of(r) == key);
        let state = match (created, end, deleted) {
            (None, _, _) => "created_before_window",
            (_, Some(end), _) if end["eventName"] == "RetireGrant" => "retired",
            (_, Some(_), _) => "revoked",
            (_, None, Some(_)) => "key_deleted",
            (_, None, None) => "open",
        };
        // An end before the creation cannot come from KMS, but times are random here: the first end
        // counts.
        let ended = end.or(deleted).map(|r| minute(r));
        let mut calls = 0;
        if let Some(created) = created {
            let terms = &created["requestParameters"];
            for r in records.iter().filter(|r| r["errorCode"].is_null() && key_of(r) == key) {
                let name = r["eventName"].as_str().unwrap();
                let allows = terms["operations"].as_array().unwrap().iter().any(|op| op == name);
                let in_time = minute(r) >= minute(created) && ended.is_none_or(|end| minute(r) <= end + 5);
                let context = &r["requestParameters"]["encryptionContext"];
                // A grant passes on no more than it allows.
                let child = &r["requestParameters"];
                let is_narrower = || {
                    let has = |op: &Value| terms["operations"].as_array().unwrap().contains(op);
                    let is_same = |kind: &str| !child["constraints"][kind].is_null();
                    let is_as_strict =
                        match terms["constraints"].as_object().and_then(|all| all.keys().next()) {
                            None => true,
                            Some(kind) if kind == "encryptionContextEquals" => is_same(kind),
                            Some(_) => !child["constraints"].is_null(),
                        };
                    child["operations"].as_array().unwrap().iter().all(has) && is_as_strict
                };
                let holds = match name {
                    "DescribeKey" => true,
                    "CreateGrant" => is_narrower(),
                    _ => terms["constraints"].is_null() || context["Project"] == "x",
                };
                let grantee = terms["granteePrincipal"].as_str().unwrap();
                calls += u64::from(allows && in_time && holds && is_grantee(caller(r), grantee));
            }
        }
        let mut unusable = None;
        for r in by_time.iter().filter(|r| key_of(r) == key).filter(succeeded) {
            match r["eventName"].as_str().unwrap() {
                "DisableKey" | "ScheduleKeyDeletion" | "CancelKeyDeletion" | "DeleteKey" => {
                    unusable.get_or_insert(r["eventTime"].as_str().unwrap().replace("Z", ".000Z"));
                }
                "EnableKey" => unusable = None,
                _ => {}
            }
        }
        let unusable = unusable.filter(|_| end.is_none());
        rows.insert((id, state.to_owned(), calls, unusable));
    }
    rows
}

fn shown(rows: &[Value]) -> BTreeSet<(String, String, u64, Option<String>)> {
    let row = |row: &Value| {
        let text = |name: &str| row[name].as_str().map(str::to_owned);
        let is_known = !row["grantee"].is_null();
        assert_eq!(row["undecidable_use_count"], json!(is_known.then_some(0)), "{row}");
        let calls = row["consistent_use_count"].as_u64().unwrap_or_default();
        (text("grant_id").unwrap(), text("state").unwrap(), calls, text("unusable_since"))
    };
    rows.iter().map(row).collect()
}

#[test]
fn small_worlds_agree_with_a_naive_evaluation() {
    let mut dice = Dice(7);
    let mut calls = 0;
    for _ in 0..40 {
        let records = world(&mut dice);
        let expected = expected(&records);
        calls += expected.iter().map(|row| row.2).sum::<u64>();
        // In two archives, one of which repeats records of the other.
        let (first, rest) = records.split_at(35);
        let repeated: Vec<Value> = rest.iter().chain(&first[..10]).cloned().collect();
        let dir = folder(&[
            ("in/a.json", document(first).as_bytes()),
            ("in/b.json", document(&repeated).as_bytes()),
        ]);
        for options in [&["in"][..], &["in", "--workload", "any", "--event", "any"], &["in", "--incremental"]]
        {
            let report = analyze_in(dir.path(), options);
            assert_eq!(report.status, 0, "{}", report.stderr);
            assert_eq!(shown(&report.grants()), expected, "{options:?}");
        }
    }
    assert!(calls > 50, "the worlds show something: {calls}");
}

/// The table does not depend on threads, on how archives are read, or on the selection.
#[test]
fn the_table_is_the_same_in_every_run() {
    let whole = analyze(&["sample-logs"]).grants();
    assert!(whole.iter().any(|row| row["state"] == "open"));
    assert!(whole.iter().any(|row| row["consistent_use_count"].as_u64() > Some(0)));
    for options in [
        &["--threads", "1"][..],
        &["--workload", "any", "--event", "any"],
        &["--event", "Decrypt"],
        &["--incremental"],
        &["--memory", "64MiB"],
    ] {
        assert_eq!(analyze(&[&["sample-logs"], options].concat()).grants(), whole, "{options:?}");
    }
    assert_eq!(analyze(&["sample-logs", "--no-learn"]).grants(), [] as [Value; 0]);
}
