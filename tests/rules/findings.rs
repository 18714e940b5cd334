//! Findings on the sample logs: each rule has its story there, and every way to them is the same.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;

use flate2::read::MultiGzDecoder;
use serde_json::Value;
use testkit::{analyze, analyze_in, folder, keytrail, root, run};

/// `keytrail findings` on these arguments.
fn findings(args: &[&str]) -> testkit::Ran {
    run(keytrail().current_dir(root()).arg("findings").args(args))
}

fn json(args: &[&str]) -> Value {
    let ran = findings(&[args, &["-q", "--format", "json"]].concat());
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    serde_json::from_slice(&ran.stdout).unwrap()
}

fn texts(rows: &[Value], name: &str) -> BTreeSet<String> {
    rows.iter().filter_map(|row| row[name].as_str()).map(str::to_owned).collect()
}

/// The stories that `sample-logs/README.md` tells. `grant-quota` has none.
#[test]
fn every_rule_has_its_story() {
    let report = analyze(&["sample-logs"]);
    let found = texts(&report.findings(), "rule_id");
    let rules: BTreeSet<String> =
        keytrail::audit::FINDING_RULES.iter().map(|rule| rule.id.to_owned()).collect();
    let missing: Vec<&String> = rules.difference(&found).collect();
    assert_eq!(missing, ["grant-quota"]);
    let told = std::fs::read_to_string(root().join("sample-logs/README.md")).unwrap();
    assert!(rules.iter().all(|rule| told.contains(&format!("`{rule}`"))));
}

#[test]
fn evidence_is_where_it_is_said_to_be() {
    let report = analyze(&["sample-logs", "--workload", "any", "--event", "any", "--keep-duplicates"]);
    let places: BTreeSet<String> = report
        .events()
        .iter()
        .map(|event| format!("{} {} {}", event["event_id"], event["archive"], event["record_offset"]))
        .collect();
    let (mut placed, mut named) = (0, 0);
    for finding in report.findings() {
        let evidence: Vec<Value> = serde_json::from_str(finding["evidence"].as_str().unwrap()).unwrap();
        assert!(!evidence.is_empty() && evidence.len() <= 20, "{finding}");
        assert!(finding["evidence_count"].as_u64().unwrap() >= evidence.len() as u64, "{finding}");
        let rule = finding["rule_id"].as_str().unwrap();
        for record in evidence {
            let place = format!("{} {} {}", record["event_id"], record["archive"], record["offset"]);
            // Of some records, only the id is known.
            let by_id = ["share-", "pipeline-", "used-without-", "offline-", "permission-"];
            if record["archive"].is_null() && by_id.iter().any(|name| rule.starts_with(name)) {
                named += 1;
            } else {
                // Settings, and changes of trails, are no events of KMS.
                assert!(places.contains(&place) || is_at_its_place(&record), "{rule}: {place}");
                placed += 1;
            }
        }
    }
    assert!(placed > 90 && named > 3, "{placed} {named}");
}

/// Whether a record of a finding's evidence is in its archive at its offset.
fn is_at_its_place(record: &Value) -> bool {
    let file = File::open(root().join(record["archive"].as_str().unwrap())).unwrap();
    let mut content = Vec::new();
    MultiGzDecoder::new(file).read_to_end(&mut content).unwrap();
    let offset = record["offset"].as_u64().unwrap() as usize;
    let mut values = serde_json::Deserializer::from_slice(&content[offset..]).into_iter::<Value>();
    values.next().unwrap().unwrap()["eventID"] == record["event_id"]
}

/// The table does not depend on threads, on how archives are read, or on what is selected.
#[test]
fn the_table_is_the_same_in_every_run() {
    let whole = analyze(&["sample-logs"]).findings();
    for options in
        [&["--threads", "1"][..], &["--event", "Decrypt"], &["--incremental"], &["--memory", "64MiB"]]
    {
        assert_eq!(analyze(&[&["sample-logs"], options].concat()).findings(), whole, "{options:?}");
    }
    assert_eq!(analyze(&["sample-logs", "--no-learn"]).findings(), [] as [Value; 0]);
    // The same from archives, and from the report.
    let report = analyze(&["sample-logs"]);
    let path = report.path().display().to_string();
    assert_eq!(json(&["sample-logs"]), json(&[&path]));
    assert_eq!(json(&[&path]).as_array().unwrap().len(), whole.len());
    // In a longer input, what was found keeps its name.
    let before = analyze(&["sample-logs", "--until", "2024-11-14"]).findings();
    let ids = texts(&whole, "finding_id");
    let stories =
        before.iter().filter(|row| row["key_arn"].as_str().is_some_and(|key| key.contains("222233334444")));
    let kept = stories.filter(|row| ids.contains(row["finding_id"].as_str().unwrap())).count();
    assert!(kept > 10, "{kept}");
}

#[test]
fn findings_make_alarms_unless_they_are_accepted() {
    let alarm = |options: &[&str]| analyze(&[&["sample-logs"], options].concat()).status;
    assert_eq!(alarm(&["--fail-on", "findings"]), 3);
    assert_eq!(alarm(&["--fail-on", "findings:critical"]), 3);
    let mute = |rule: &str, expiry: &str| {
        format!(
            "[[mute]]\nrule = \"{rule}\"\nreason = \"sample\"\nowner = \"tests\"\nexpiry = \"{expiry}\"\n"
        )
    };
    let critical = ["key-deleted-used", "key-pending-deletion-used", "policy-public"];
    let file = |expiry: &str| critical.map(|rule| mute(rule, expiry)).concat();
    let dir = folder(&[
        ("valid.toml", file("2999-12-31").as_bytes()),
        ("expired.toml", file("2020-12-31").as_bytes()),
        ("unknown.toml", mute("grant-stail", "2999-12-31").as_bytes()),
        ("nobody.toml", file("2999-12-31").replace("owner", "# owner").as_bytes()),
        ("day.toml", file("tomorrow").as_bytes()),
    ]);
    let path = |name: &str| dir.path().join(name).display().to_string();
    let options = |name: &str| {
        ["--fail-on".to_owned(), "findings:critical".to_owned(), "--mute".to_owned(), path(name)]
    };
    let run_with = |name: &str| {
        let options = options(name);
        analyze(&[&["sample-logs"][..], &options.each_ref().map(String::as_str)].concat())
    };
    let muted = run_with("valid.toml");
    assert_eq!(muted.status, 0, "{}", muted.stderr);
    assert!(muted.stderr.contains(" muted"), "{}", muted.stderr);
    assert_eq!(muted.run_json()["findings"]["muted"]["critical"], 7);
    let statuses = texts(&muted.findings(), "status");
    assert_eq!(statuses, ["muted", "open", "undecidable"].map(str::to_owned).into());
    let expired = run_with("expired.toml");
    assert_eq!(expired.status, 3, "{}", expired.stderr);
    let ran = findings(&["sample-logs", "--mute", &path("expired.toml"), "--format", "csv"]);
    assert!(ran.stderr.contains("mute by tests expired on 2020-12-31"), "{}", ran.stderr);
    for (name, sentence) in [
        ("unknown.toml", "there is no rule \"grant-stail\""),
        ("nobody.toml", "missing field `owner`"),
        ("day.toml", "expiry \"tomorrow\" is not a day such as 2027-03-31"),
        ("gone.toml", "cannot read"),
    ] {
        let ran = findings(&["sample-logs", "--mute", &path(name)]);
        assert_eq!(ran.status, 2, "{name}: {}", ran.stderr);
        assert!(ran.stderr.contains(sentence), "{name}: {}", ran.stderr);
        let report = analyze_in(dir.path(), &["valid.toml", "--mute", &path(name)]);
        assert_eq!(report.status, 2, "{name}");
    }
}

#[test]
fn sarif_has_what_its_readers_need() {
    let report = analyze(&["sample-logs", "--until", "2024-10-01"]);
    let earlier = report.path().display().to_string();
    let mute = "[[mute]]\nrule='grant-stale'\nreason='quarterly'\nowner='data'\nexpiry='2999-01-01'\n";
    let dir = folder(&[("m.toml", mute.as_bytes())]);
    let file = dir.path().join("m.toml").display().to_string();
    let ran = findings(&["-q", "sample-logs", "--format", "sarif", "--baseline", &earlier, "--mute", &file]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let sarif: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), json(&["sample-logs"]).as_array().unwrap().len());
    let mut prints = BTreeSet::new();
    for result in results {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        let score: f64 = rule["properties"]["security-severity"].as_str().unwrap().parse().unwrap();
        assert!((0.0..=10.0).contains(&score));
        assert!(["fail", "review", "informational"].contains(&result["kind"].as_str().unwrap()));
        assert_eq!(result["kind"] != "fail", result["level"] == "none", "{result}");
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        assert!(["new", "unchanged"].contains(&result["baselineState"].as_str().unwrap()));
        assert!(prints.insert(result["partialFingerprints"]["keytrailFindingId/v1"].to_string()));
        for place in result["locations"].as_array().unwrap() {
            let Some(physical) = place.get("physicalLocation") else { continue };
            assert!(physical["artifactLocation"]["uri"].as_str().unwrap().starts_with("sample-logs/"));
            assert!(physical["region"]["byteOffset"].is_u64());
        }
        let is_muted = result["ruleId"] == "grant-stale";
        assert_eq!(result["suppressions"][0]["status"] == "accepted", is_muted, "{result}");
    }
    let states = |state: &str| results.iter().filter(|result| result["baselineState"] == state).count();
    assert!(states("new") > 5 && states("unchanged") > 5, "{} {}", states("new"), states("unchanged"));
}

/// An attack: every call has another principal and another key.
#[test]
fn a_crowd_makes_no_crowd_of_findings() {
    let calls = (0..3000).map(|n| {
        let mut record = testkit::decrypt(n);
        record["eventName"] = if n % 2 == 0 { "DisableKey" } else { "Decrypt" }.into();
        let key = format!("arn:aws:kms:us-west-2:111122223333:key/{:08}-12ab-34cd-56ef-1234567890ab", n / 2);
        record["resources"][0]["ARN"] = key.into();
        record
    });
    let records: Vec<Value> = calls.collect();
    let dir = folder(&[("in/a.json", testkit::document(&records).as_bytes())]);
    let report = analyze_in(dir.path(), &["in"]);
    assert_eq!(report.status, 0, "{}", report.stderr);
    assert!(report.findings().len() <= keytrail::audit::FINDING_RULES.len() * 1000);
    assert_eq!(report.run_json()["findings"]["left_out"]["key-disabled-used"], 500);
    assert!(report.stderr.contains("500 more of key-disabled-used left out"), "{}", report.stderr);
}
