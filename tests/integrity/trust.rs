//! `--trust verified`: what records outside of the digests say of others is not believed.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use testkit::trail::{Hour, Signer, Trail, Written};
use testkit::{Report, analyze_in, decrypt, document, gzip, keytrail, run};

use crate::Copy;

const KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const ALIAS: &str = "arn:aws:kms:us-west-2:111122223333:alias/orders";
const ANY: [&str; 4] = ["--workload", "any", "--event", "any"];

fn with(mut record: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        record[name] = value.clone();
    }
    record
}

fn jane(account: &str) -> Value {
    json!({"type": "AssumedRole", "accountId": account, "principalId": "AROAJANE:work",
        "arn": format!("arn:aws:sts::{account}:assumed-role/Jane/work")})
}

/// A call, its correction, a call by an alias and what the alias points to; a call across accounts,
/// as the key's owner and as the caller recorded it.
fn original() -> Value {
    let changes =
        json!({"eventID": "original", "requestID": "r-original", "userIdentity": jane("111122223333")});
    with(decrypt(1), &changes)
}

fn correction() -> Value {
    let addendum = json!({"reason": "UPDATED_DATA", "updatedFields": "sourceIPAddress",
        "originalRequestID": "r-original", "originalEventID": "original"});
    let changes = json!({"eventID": "c", "requestID": "r-c", "addendum": addendum});
    with(original(), &changes)
}

fn by_alias() -> Value {
    let changes = json!({"eventID": "by-alias", "resources": null, "errorCode": "AccessDenied",
        "eventName": "GenerateDataKey", "requestParameters": {"keyId": "alias/orders"},
        "eventTime": "2024-03-05T11:00:00Z"});
    with(original(), &changes)
}

fn alias() -> Value {
    let resources =
        json!([{"accountId": "111122223333", "ARN": ALIAS}, {"accountId": "111122223333", "ARN": KEY}]);
    let changes = json!({"eventID": "alias", "eventName": "CreateAlias", "resources": resources,
        "requestParameters": {"aliasName": "alias/orders", "targetKeyId": KEY}});
    with(original(), &changes)
}

fn callers_copy() -> Value {
    let changes = json!({"eventID": "callers", "requestID": "r-shared", "sharedEventID": "shared",
        "userIdentity": jane("444455556666"), "recipientAccountId": "444455556666"});
    with(original(), &changes)
}

fn owners_copy() -> Value {
    let who = json!({"type": "AWSAccount", "accountId": "444455556666", "principalId": "AROAJANE:work"});
    let changes = json!({"eventID": "owners", "userIdentity": who, "recipientAccountId": "111122223333"});
    with(callers_copy(), &changes)
}

/// A trail of two hours, with these records in its first log file. The digest of the first hour is
/// signed by what the second one repeats.
fn trail(records: &[Value]) -> Vec<Hour> {
    let (trail, signer) = (Trail::default(), Signer::shared());
    let mut hours: Vec<Hour> = Vec::new();
    for n in 0..2 {
        let start = trail.start + chrono::Duration::hours(n);
        let log = trail.log(start, 0);
        let content = if n == 0 { document(records).into_bytes() } else { log.content };
        let logs = vec![Written { content, ..log }];
        let json = trail.digest(start, &logs, hours.last(), signer);
        hours.push(trail.signed(&json, logs, signer));
    }
    hours
}

fn inside() -> [Value; 3] {
    [original(), by_alias(), owners_copy()]
}

fn outside() -> [Value; 3] {
    [correction(), alias(), callers_copy()]
}

/// A copy of a bucket; what no digest lists has a name of CloudTrail's, too.
fn copy(listed: &[Value], unlisted: &[Value]) -> Copy {
    let copy = Copy::of(&trail(listed));
    let added = Written {
        content: document(unlisted).into_bytes(),
        ..Trail::default().log(Trail::default().start, 7)
    };
    added.write(&copy.bucket());
    copy
}

fn analyze(copy: &Copy, args: &[&str]) -> Report {
    analyze_in(copy.dir.path(), &[&["copy", "--digest-keys", "keys.json"], &ANY[..], args].concat())
}

/// The `eventID`s that count of those of this file, with their keys.
fn counted(report: &Report) -> BTreeMap<String, Option<String>> {
    let text = |event: &Value, name: &str| event[name].as_str().map(str::to_owned);
    let events = report.events();
    let ours = events.iter().filter(|event| !event["event_id"].as_str().unwrap().starts_with("00000000"));
    ours.map(|event| (text(event, "event_id").unwrap(), text(event, "key_arn"))).collect()
}

fn ids(report: &Report) -> Vec<String> {
    counted(report).into_keys().collect()
}

fn disbelieved(report: &Report) -> Vec<(String, String)> {
    let run = report.run_json();
    let caveats = run["caveats"].as_array().unwrap().iter();
    let text = |caveat: &Value, name: &str| caveat[name].as_str().unwrap().to_owned();
    let ours = caveats.filter(|caveat| text(caveat, "id").starts_with("disbelieved_"));
    ours.map(|caveat| (text(caveat, "id"), text(caveat, "text"))).collect()
}

#[test]
fn what_is_outside_of_the_digests_changes_nothing_else() {
    let copy = copy(&inside(), &outside());
    let all = analyze(&copy, &[]);
    assert_eq!(ids(&all), ["alias", "by-alias", "c", "callers"]);
    assert_eq!(counted(&all)["by-alias"].as_deref(), Some(KEY));
    assert_eq!(disbelieved(&all), []);
    assert_eq!(all.run_json()["options"]["trust"], "all");

    let verified = analyze(&copy, &["--trust", "verified"]);
    assert_eq!(ids(&verified), ["alias", "by-alias", "c", "callers", "original", "owners"]);
    assert_eq!(counted(&verified)["by-alias"], None);
    assert_eq!(verified.superseded(), Vec::<Value>::new());
    let said = disbelieved(&verified);
    let [(one, corrections), (two, copies), (three, facts)] = &said[..] else { panic!("{said:?}") };
    assert_eq!([one, two, three], ["disbelieved_corrections", "disbelieved_copies", "disbelieved_facts"]);
    assert!(corrections.contains("verify: 1. ") && copies.contains("verify: 1. "), "{said:?}");
    assert!(facts.contains("verify: 1. "), "{said:?}");
    assert_eq!(verified.run_json()["options"]["trust"], "verified");
}

#[test]
fn what_digests_verify_is_believed() {
    let copy = copy(&[inside(), outside()].concat(), &[decrypt(70)]);
    let (all, verified) = (analyze(&copy, &[]), analyze(&copy, &["--trust", "verified"]));
    assert_eq!(ids(&all), ["alias", "by-alias", "c", "callers"]);
    assert_eq!(counted(&verified), counted(&all));
    assert_eq!(verified.superseded().len(), 2);
    assert_eq!(disbelieved(&verified), []);
}

/// A copy outside is not replaced either, and a repeated delivery still counts once.
#[test]
fn records_outside_count_for_themselves() {
    let copy = copy(&[callers_copy()], &[owners_copy(), callers_copy(), original(), correction()]);
    let report = analyze(&copy, &["--trust", "verified"]);
    assert_eq!(ids(&report), ["c", "callers", "original", "owners"]);
    assert_eq!(report.run_json()["totals"]["duplicate"], 1);
}

/// Also when what changes others was read in an earlier run, and when its digest comes later.
#[test]
fn incremental_runs_come_to_the_same() {
    for (listed, unlisted) in [(inside().to_vec(), outside()), ([inside(), outside()].concat(), outside())] {
        let copy = copy(&listed, &unlisted);
        let step = |args: &[&str]| {
            let fixed = ["analyze", "--incremental", "-o", "steps", "--digest-keys", "keys.json", "copy"];
            let ran = run(keytrail().current_dir(copy.dir.path()).args(fixed).args(ANY).args(args));
            assert!(ran.status < 2, "{}", ran.stderr);
            (testkit::parquet_bytes(&copy.dir.path().join("steps")), ran.stderr)
        };
        let digests = copy.bucket().join("AWSLogs/111122223333/CloudTrail-Digest");
        let away = copy.dir.path().join("away");
        fs::rename(&digests, &away).unwrap();
        let (_, said) = step(&["--trust", "verified"]);
        assert!(said.contains("With --trust verified"), "nothing is verified without digests: {said}");
        fs::rename(&away, &digests).unwrap();
        let verified = analyze(&copy, &["--trust", "verified"]).parquet_bytes();
        let all = analyze(&copy, &[]).parquet_bytes();
        assert_eq!(step(&["--trust", "verified"]).0, verified);
        assert_eq!(step(&[]).0, all, "the same facts under another option");
        assert_eq!(step(&["--trust", "verified"]).0, verified);
    }
}

/// What is looked at again may have been written to disk, and stand behind other inputs.
#[test]
fn facts_on_disk_are_looked_at_too() {
    let copy = copy(&inside(), &outside());
    let agent = |n: u32| format!("{n} ").repeat(400);
    let other = |n: u32| json!({"eventID": format!("00000000-{n}"), "userAgent": agent(n)});
    let many: Vec<Value> = (0..8_000).map(|n| with(decrypt(n), &other(n))).collect();
    fs::write(copy.bucket().join("a.json.gz"), gzip(document(&many).as_bytes())).unwrap();
    fs::write(copy.bucket().join("z.json.gz"), gzip(document(&outside()).as_bytes())).unwrap();
    let report = analyze(&copy, &["--trust", "verified", "--memory", "64MiB"]);
    assert_eq!(ids(&report), ["alias", "by-alias", "c", "callers", "original", "owners"]);
    assert!(disbelieved(&report)[0].1.contains("verify: 2. "));
}

#[test]
fn it_needs_keys() {
    let copy = copy(&inside(), &outside());
    let ran = run(keytrail().current_dir(copy.dir.path()).args(["analyze", "--trust", "verified", "copy"]));
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("--digest-keys"), "{}", ran.stderr);
}
