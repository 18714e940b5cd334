//! Filters as people paste them: from error messages, consoles and policies. And what is said about
//! a filter that matches nothing.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::{ANY, analyze_in, decrypt, document, folder, keytrail, run};

const KEY: &str = "0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0";
const OTHER_KEY: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

/// A call by a session of a role with a path.
fn by_role(n: u32, account: &str, role: &str, session: &str, key: &str) -> Value {
    let mut record = decrypt(n);
    record["userIdentity"] = json!({
        "type": "AssumedRole",
        "principalId": format!("AROAEXAMPLE{role}0000:{session}").to_uppercase(),
        "arn": format!("arn:aws:sts::{account}:assumed-role/{role}/{session}"),
        "accountId": account,
        "sessionContext": {"sessionIssuer": {"type": "Role", "accountId": account,
            "arn": format!("arn:aws:iam::{account}:role/service-role/{role}")}},
    });
    record["recipientAccountId"] = account.into();
    record["resources"][0]["ARN"] = format!("arn:aws:kms:us-west-2:111122223333:key/{key}").into();
    record
}

fn alias_change(n: u32, alias: &str, key: &str) -> Value {
    let mut record = decrypt(n);
    record["eventName"] = "CreateAlias".into();
    let key = format!("arn:aws:kms:us-west-2:111122223333:key/{key}");
    record["requestParameters"] = json!({"aliasName": alias, "targetKeyId": key});
    record["resources"] = json!([
        {"ARN": format!("arn:aws:kms:us-west-2:111122223333:{alias}")}, {"ARN": key},
    ]);
    record
}

fn input() -> tempfile::TempDir {
    let mut user = decrypt(5);
    user["userIdentity"] = json!({"type": "IAMUser", "principalId": "AIDAEXAMPLEEXAMPLE01",
        "arn": "arn:aws:iam::111122223333:user/team/jane", "accountId": "111122223333", "userName": "jane"});
    let records = [
        alias_change(0, "alias/app", KEY),
        by_role(1, "111122223333", "BackupOperator", "night", KEY),
        by_role(2, "111122223333", "BackupOperator", "day", KEY),
        by_role(3, "444455556666", "BackupOperator", "night", OTHER_KEY),
        by_role(4, "111122223333", "OldBackupOperator", "night", OTHER_KEY),
        user,
    ];
    folder(&[("in.json", document(&records).as_bytes())])
}

fn selected(dir: &tempfile::TempDir, args: &[&str]) -> (BTreeSet<i64>, String) {
    let report = analyze_in(dir.path(), &[&["in.json"], &ANY[..], args].concat());
    assert_eq!(report.status, 0, "{args:?}: {}", report.stderr);
    let number = |row: Value| row["event_id"].as_str().unwrap()[24..].parse().unwrap();
    (report.events().into_iter().map(number).collect(), report.stderr.clone())
}

#[test]
fn principals_keys_and_accounts_are_found_as_they_are_pasted() {
    let dir = input();
    let sts = "arn:aws:sts::111122223333:assumed-role/BackupOperator";
    let upper = KEY.to_uppercase();
    let cases: [(&str, &str, &[i64]); 40] = [
        ("--principal", &format!("{sts}/night"), &[1]),
        ("--principal", sts, &[1, 2]),
        ("--principal", &format!("{sts}/*"), &[1, 2]),
        ("--principal", "arn:aws:sts::*:assumed-role/BackupOperator/night", &[1, 3]),
        ("--principal", "assumed-role/BackupOperator/day", &[2]),
        ("--principal", "BackupOperator", &[1, 2, 3]),
        ("--principal", "role/service-role/BackupOperator", &[1, 2, 3]),
        ("--principal", "arn:aws:iam::111122223333:role/service-role/BackupOperator", &[1, 2]),
        ("--principal", "*BackupOperator", &[1, 2, 3, 4]),
        ("--principal", "AROAEXAMPLEBACKUPOPERATOR0000", &[1, 2, 3]),
        ("--principal", "AROAEXAMPLEBACKUPOPERATOR0000:NIGHT", &[1, 3]),
        ("--principal", "jane", &[5]),
        ("--principal", "user/team/jane", &[5]),
        ("--principal", "AIDAEXAMPLEEXAMPLE01", &[5]),
        ("--principal", "444455556666", &[3]),
        ("--principal", "4444-5555-6666", &[3]),
        ("--principal", "sagemaker-geospatial.amazonaws.com", &[0]),
        ("--user", "jane", &[5]),
        ("--key", KEY, &[0, 1, 2]),
        ("--key", &upper, &[0, 1, 2]),
        ("--key", &format!("key/{KEY}"), &[0, 1, 2]),
        ("--key", &format!("arn:aws:kms:us-west-2:111122223333:key/{upper}"), &[0, 1, 2]),
        ("--key", "alias/app", &[0, 1, 2]),
        ("--key", "app", &[0, 1, 2]),
        ("--key", "arn:aws:kms:us-west-2:111122223333:alias/app", &[0, 1, 2]),
        ("--key", "alias/a*", &[0, 1, 2]),
        ("--key", "ALIAS/app", &[0, 1, 2]),
        ("--key", "Alias/app", &[0, 1, 2]),
        ("--key", "arn:aws:kms:us-west-2:111122223333:ALIAS/app", &[0, 1, 2]),
        ("--key", "arn:aws:kms:us-west-2:1111-2222-3333:alias/app", &[0, 1, 2]),
        ("--key", "us-west-2:111122223333:alias/app", &[0, 1, 2]),
        // As the summary prints it.
        ("--key", &format!("us-west-2:111122223333:key/{KEY}"), &[0, 1, 2]),
        ("--key", &format!("us-west-2:1111-2222-3333:key/{KEY}"), &[0, 1, 2]),
        ("--key", &format!("arn:aws:kms:us-west-2:1111-2222-3333:key/{KEY}"), &[0, 1, 2]),
        ("--key", &format!(" {KEY} "), &[0, 1, 2]),
        ("--principal", "arn:aws:sts::1111-2222-3333:assumed-role/BackupOperator/night", &[1]),
        ("--principal", "arn:aws:iam::1111-2222-3333:user/team/jane", &[5]),
        ("--account", "4444-5555-6666", &[3]),
        ("--account", "444455556666", &[3]),
        ("--region", "US-West-2", &[0, 1, 2, 3, 4, 5]),
    ];
    for (option, value, expected) in cases {
        let (found, stderr) = selected(&dir, &[option, value]);
        assert_eq!(found, expected.iter().copied().collect(), "{option} {value}: {stderr}");
        assert!(!stderr.contains("matches no KMS event"), "{stderr}");
        // Without what other records say, an alias selects only the calls that name it.
        if !value.contains("app") && !value.contains("alias/") {
            assert_eq!(selected(&dir, &[option, value, "--no-learn"]).0, found, "{option} {value}");
        }
    }
}

#[test]
fn a_filter_that_matches_nothing_is_named_with_what_would_match() {
    let dir = input();
    for (args, wanted) in [
        (
            &["--principal", "BackupOprator"][..],
            "--principal \"BackupOprator\" matches no KMS event; did you mean \"*BackupOperator\" (4 events)?",
        ),
        (&["--principal", "*backupoperator*"], "did you mean \"*BackupOperator\""),
        (&["--principal", "Nobody"], "there are "),
        (
            &["--key", "0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f1"],
            "did you mean \"0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0\" (3 events)?",
        ),
        (&["--key", "alias/apq"], "did you mean \"alias/app\""),
        (&["--key", "ALIAS/APP"], "did you mean \"alias/app\""),
        (
            &["--key", "us-west-1:111122223333:key/0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0"],
            "did you mean \"0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0\" (3 events)?",
        ),
        (
            &["--account", "444455556667"],
            "--account \"444455556667\" matches no KMS event; did you mean \"444455556666\" (1 event)?",
        ),
        (&["--region", "us-west-1"], "did you mean \"us-west-2\" (6 events)?"),
        (&["--user", "john"], "--user \"john\" matches no KMS event"),
    ] {
        let (found, stderr) = selected(&dir, args);
        assert!(found.is_empty() && stderr.contains(wanted), "{args:?}: {stderr}");
        assert!(
            stderr.contains(&format!("6 KMS events outside {}\n", args[0])),
            "only what was given: {stderr}"
        );
        let ran = run(keytrail().current_dir(dir.path()).args(["events", "in.json"]).args(ANY).args(args));
        assert!(ran.stderr.contains(wanted), "{}", ran.stderr);
        let all = [&["events", "in.json", "--log-format", "json"], &ANY[..], args].concat();
        let ran = run(keytrail().current_dir(dir.path()).args(all));
        let mut lines = ran.stderr.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        assert!(lines.any(|line| line["message"].as_str().unwrap().contains(wanted)), "{}", ran.stderr);
    }
    // One of two patterns, and a filter that others hide: each is asked of every KMS event.
    let (found, stderr) = selected(&dir, &["--principal", "jane,jnae"]);
    assert_eq!(found, BTreeSet::from([5]));
    assert!(
        stderr.contains("--principal \"jnae\" matches no KMS event") && !stderr.contains("\"jane\" matches"),
        "{stderr}"
    );
    let (found, stderr) = selected(&dir, &["--principal", "jane", "--account", "444455556666"]);
    assert!(found.is_empty() && !stderr.contains("matches no KMS event"), "{stderr}");
    assert!(stderr.contains("6 KMS events outside --account or --principal"), "{stderr}");
}

#[test]
fn the_name_of_an_api_in_a_policy_is_explained() {
    let dir = input();
    for (name, wanted) in
        [("kms:Decrypt", "write --event Decrypt"), ("KMS:generatedatakey", "write --event GenerateDataKey")]
    {
        let ran = run(keytrail().current_dir(dir.path()).args(["analyze", "in.json", "--event", name]));
        assert!(ran.status == 2 && ran.stderr.contains(wanted), "{}", ran.stderr);
    }
    let ran = run(keytrail().current_dir(dir.path()).args(["events", "in.json", "--event", "Decypt"]));
    assert!(ran.status == 0 && ran.stderr.contains("did you mean Decrypt?"), "{}", ran.stderr);
}

/// However many distinct callers there are, only some are remembered.
#[test]
fn very_many_values_cost_bounded_memory() {
    let records: Vec<Value> =
        (0..3000).map(|n| by_role(n, "111122223333", &format!("Role{n:04}"), "s", KEY)).collect();
    let dir = folder(&[("in.json", document(&records).as_bytes())]);
    let report = analyze_in(dir.path(), &[&["in.json", "--principal", "Nobody"], &ANY[..]].concat());
    assert_eq!(report.status, 0);
    assert!(report.stderr.contains("--principal \"Nobody\" matches no KMS event"), "{}", report.stderr);
}

/// An alias whose key is not known does not stand for every key.
#[test]
fn a_key_that_matches_nothing_is_named_beside_aliases() {
    let mut by_alias = decrypt(7);
    by_alias["eventName"] = "DescribeKey".into();
    by_alias["resources"] = json!([]);
    by_alias["requestParameters"] = json!({"keyId": "alias/of-another"});
    let dir = folder(&[("a.json", document(&[decrypt(1), by_alias]).as_bytes())]);
    for extra in [&[][..], &["--no-learn"], &["--event", "any"]] {
        let ran = run(keytrail()
            .current_dir(dir.path())
            .args(["analyze", "a.json", "-o", "out", "--force", "--key", "nokey"])
            .args(extra));
        assert!(ran.stderr.contains("--key \"nokey\" matches no KMS event"), "{extra:?}: {}", ran.stderr);
    }
}
