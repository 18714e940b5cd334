//! Suggestions on random worlds, and the table in every kind of run.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::{analyze_in, document, folder, keytrail, rows as table_rows, run};

use super::{KEY, ROLES, ROOT, allow, record, set_policy};

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

/// Calls of some roles, through services and directly, on objects of some buckets.
fn world(dice: &mut Dice) -> Vec<Value> {
    const APIS: [&str; 4] = ["Decrypt", "GenerateDataKey", "DescribeKey", "CreateGrant"];
    let mut records = Vec::new();
    if dice.below(2) == 0 {
        let admin = allow(
            "admins",
            &json!("arn:aws:iam::111122223333:role/Admin"),
            &json!(["kms:Put*", "kms:Decrypt"]),
        );
        let statements = json!([
            allow("root", &json!(ROOT), &json!("kms:*")),
            admin,
            allow("old", &json!(ROLES[dice.below(3)]), &json!(["kms:Decrypt", "kms:Encrypt"])),
        ]);
        records.push(set_policy(500, 0, &statements));
    }
    for n in 0..1 + dice.below(12) {
        let (api, role) = (APIS[dice.below(4)], ROLES[dice.below(3)]);
        let mut rest = json!({});
        let mut parameters = json!({"keyId": KEY});
        if api != "DescribeKey" && dice.below(2) == 0 {
            let bucket = ["a", "b"][dice.below(2)];
            parameters["encryptionContext"] = json!({"aws:s3:arn": format!("arn:aws:s3:::{bucket}/k{n}")});
        }
        if api == "CreateGrant" {
            parameters =
                json!({"keyId": KEY, "granteePrincipal": "s3.amazonaws.com", "operations": ["Decrypt"]});
        }
        rest["requestParameters"] = parameters;
        let mut record = record(n, 10 + n, api, role, &rest);
        if dice.below(2) == 0 {
            record["userIdentity"]["invokedBy"] = json!("s3.amazonaws.com");
            record["sourceIPAddress"] = json!("s3.amazonaws.com");
        }
        if dice.below(6) == 0 {
            record["errorCode"] = json!("AccessDenied");
        }
        records.push(record);
    }
    records
}

/// What callers did, and whether a statement names the caller for it.
fn covered(policy: &Value, input: &str) -> BTreeSet<(String, String)> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("policy.json");
    std::fs::write(&file, policy.to_string()).unwrap();
    let ran = run(keytrail().args(["policy", "check", "-q", "--policy", file.to_str().unwrap(), input]));
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let rows = String::from_utf8(ran.stdout).unwrap();
    let mut rows = rows.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let mut covered = BTreeSet::new();
    rows.by_ref().for_each(|row| {
        assert!(
            !["used_not_allowed", "missing"].contains(&&*text(&row, "status")) || policy["Id"] == "reduced",
            "{row}"
        );
        let is_covered = row["status"] == "used"
            || row["status"] == "cannot_be_known" && text(&row, "detail").starts_with("It depends");
        if is_covered {
            covered.insert((text(&row, "principal"), text(&row, "permission")));
        }
    });
    covered
}

/// A suggestion allows all that succeeded and was not left to administrators, and none of its
/// statements for use can go.
#[test]
fn suggestions_are_complete_and_have_nothing_to_spare() {
    let mut dice = Dice(14);
    for n in 0..12 {
        let records = world(&mut dice);
        let input = folder(&[("a.json", document(&records).as_bytes())]);
        let input = input.path().to_str().unwrap();
        let suggest = || run(keytrail().args(["policy", "suggest", "--key", KEY, input]));
        let ran = suggest();
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        assert_eq!(ran.stdout, suggest().stdout);
        let policy: Value = serde_json::from_slice(&ran.stdout).unwrap();
        let whole = covered(&policy, input);
        let used = records.iter().filter(|record| record["errorCode"].is_null());
        for record in used.filter(|record| {
            ["Decrypt", "GenerateDataKey", "CreateGrant"].contains(&record["eventName"].as_str().unwrap())
        }) {
            let role = record["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"].as_str().unwrap();
            let pair = (role.to_owned(), record["eventName"].as_str().unwrap().to_owned());
            assert!(whole.contains(&pair), "world {n}: {pair:?} in {policy:#}");
        }
        let statements = policy["Statement"].as_array().unwrap();
        for (place, statement) in statements.iter().enumerate() {
            if !statement["Sid"].as_str().unwrap().starts_with("Observed") {
                continue;
            }
            let mut reduced = policy.clone();
            reduced["Id"] = json!("reduced");
            reduced["Statement"].as_array_mut().unwrap().remove(place);
            assert_ne!(covered(&reduced, input), whole, "world {n}: {statement}");
        }
    }
}

#[test]
fn the_table_is_the_same_in_every_run() {
    let mut dice = Dice(3);
    let statements = json!([
        allow("root", &json!(ROOT), &json!("kms:*")),
        allow("use", &json!(ROLES[0]), &json!(["kms:*"])),
    ]);
    let mut first = vec![set_policy(900, 0, &statements)];
    first.extend(world(&mut dice));
    let mut second =
        vec![set_policy(901, 15, &json!([allow("use", &json!(ROLES[1]), &json!("kms:Decrypt"))]))];
    second.extend(world(&mut dice));
    let (first, second) = (document(&first), document(&second));
    let input = folder(&[("in/a.json", first.as_bytes()), ("in/b.json", second.as_bytes())]);
    let whole = analyze_in(input.path(), &["in"]).policy_statements();
    assert!(whole.len() > 5);
    for options in [&["--threads", "1"][..], &["--workload", "any", "--event", "any"], &["--memory", "64MiB"]]
    {
        let report = analyze_in(input.path(), &[&["in"], options].concat());
        assert_eq!(report.policy_statements(), whole, "{options:?}");
    }
    // What an incremental run adds comes to the same.
    std::fs::rename(input.path().join("in/b.json"), input.path().join("b.json")).unwrap();
    let analyze = || {
        let arguments = ["analyze", "-q", "--incremental", "-o", "report", "in"];
        let ran = run(keytrail().current_dir(input.path()).args(arguments));
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        table_rows(&input.path().join("report/policy_statements.parquet"))
    };
    assert_ne!(analyze(), whole);
    std::fs::rename(input.path().join("b.json"), input.path().join("in/b.json")).unwrap();
    assert_eq!(analyze(), whole);
}
