//! The two accounts' records of one cross-account call are one call.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::{analyze_in, document, folder, keytrail, run};

use super::{ROLES, allow, record, set_policy};

/// What the key's account may know of the caller.
const OWNERS_NAME: &str = "444455556666:AROAForeign";

/// The records of one call by the role of another account: the caller's, and the key owner's.
fn call(n: usize, minute: usize) -> [Value; 2] {
    let shared = format!("shared{n}");
    let caller = json!({"recipientAccountId": "444455556666", "sharedEventID": shared});
    let callers = record(n, minute, "Decrypt", ROLES[2], &caller);
    let mut owners = callers.clone();
    owners["userIdentity"] =
        json!({"type": "AWSAccount", "principalId": "AROAForeign:s", "accountId": "444455556666"});
    owners["recipientAccountId"] = json!("111122223333");
    owners["eventID"] = json!(format!("o{n:03}"));
    [callers, owners]
}

fn principals(rows: &[Value]) -> BTreeSet<&str> {
    rows.iter().filter_map(|row| row["principal"].as_str()).collect()
}

fn counted(table: &[Value], name: &str) -> u64 {
    table.iter().filter(|row| row["principal"] == name).filter_map(|row| row["record_count"].as_u64()).sum()
}

#[test]
fn the_records_of_two_accounts_are_one_call() {
    let statements = json!([allow("use", &json!(ROLES[2]), &json!("kms:Decrypt"))]);
    let ([callers1, owners1], [callers2, owners2], [_, owners3]) = (call(1, 10), call(2, 20), call(3, 30));
    let policy = set_policy(0, 0, &statements);
    let of_owner = document(&[policy, owners1, owners2.clone(), owners3]);
    let of_caller = document(&[callers1, callers2]);
    // The better record comes before, or after.
    for (first, second) in [(&of_owner, &of_caller), (&of_caller, &of_owner)] {
        let input = folder(&[("in/a.json", first.as_bytes()), ("in/b.json", second.as_bytes())]);
        for options in [&["in"][..], &["in", "--threads", "1"], &["in", "--incremental"]] {
            let report = analyze_in(input.path(), options);
            let (policies, access) = (report.policy_statements(), report.access());
            let used: Vec<Value> = policies.iter().filter(|row| row["status"] == "used").cloned().collect();
            assert_eq!((counted(&used, ROLES[2]), counted(&access, ROLES[2])), (2, 2), "{policies:#?}");
            for table in [&policies, &access] {
                // Of the third call, the input has no other record.
                assert_eq!(counted(table, OWNERS_NAME), 1, "{table:#?}");
            }
        }
        let ran = run(keytrail().current_dir(input.path()).args(["review", "--format", "ndjson", "in"]));
        let rows: Vec<Value> = String::from_utf8(ran.stdout)
            .unwrap()
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        let used =
            |name: &str| rows.iter().find(|row| row["principal"] == name).unwrap()["used_count"].clone();
        assert_eq!((used(ROLES[2]), used(OWNERS_NAME)), (json!(2), json!(1)));
        // What is asked for is not lost, and every delivery counts where that is asked for.
        let report = analyze_in(input.path(), &["in", "--account", "111122223333"]);
        assert_eq!(counted(&report.access(), OWNERS_NAME), 3);
        let report = analyze_in(input.path(), &["in", "--keep-duplicates"]);
        assert_eq!(counted(&report.access(), OWNERS_NAME), 3);
    }
}

/// A principal that the owner's records name by its account only is not new to the key.
#[test]
fn the_owners_name_of_a_caller_is_no_new_principal() {
    let mut records: Vec<Value> = (0..40).map(|day| call(day, 10)[0].clone()).collect();
    records.extend((38..40).map(|day| call(day, 10)[1].clone()));
    for record in &mut records {
        let n: u32 = record["sharedEventID"].as_str().unwrap()[6..].parse().unwrap();
        record["eventTime"] = json!(format!("2025-{:02}-{:02}T10:00:00Z", 6 + n / 28, 1 + n % 28));
    }
    let input = folder(&[("in/a.json", document(&records).as_bytes())]);
    let findings = analyze_in(input.path(), &["in"]).findings();
    let new: Vec<Value> = findings.into_iter().filter(|row| row["rule_id"] == "new-principal").collect();
    assert_eq!(principals(&new), BTreeSet::new());
}
