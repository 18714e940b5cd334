//! `--rules`: rules of one's own decide, and bad ones are refused.

use std::fs;

use serde_json::json;
use testkit::{analyze, keytrail, names, run};

use crate::{SAMPLE, text};

#[test]
fn own_rules_decide_and_show() {
    let dir = tempfile::tempdir().unwrap();
    let rules = dir.path().join("own.toml");
    fs::write(
        &rules,
        r#"
[[rule]]
id = "acme-analysts"
workload = "autopilot"
strength = "definitive"
about = "our analysts only run Autopilot"
source = "team wiki"
[[rule.when]]
role_name = ["/^Athena/"]
"#,
    )
    .unwrap();
    let before = analyze(&["sample-logs", "--workload", "autopilot,feature-store-offline"]);
    let after = analyze(&[
        "sample-logs",
        "--workload",
        "autopilot,feature-store-offline",
        "--rules",
        rules.to_str().unwrap(),
    ]);
    assert_eq!(after.status, 0, "{}", after.stderr);
    let mut changed = 0;
    for (before, after) in before.events().iter().zip(&after.events()) {
        assert_eq!(before["event_id"], after["event_id"]);
        let fired: Vec<&str> = after["workload_rules"].as_str().unwrap().split(',').collect();
        if after["principal"].as_str().unwrap().ends_with("/AthenaAnalysts") {
            assert_eq!(
                (&after["workload"], &after["workload_strength"]),
                (&json!("autopilot"), &json!("definitive"))
            );
            assert_eq!(before["workload"], "feature-store-offline");
            assert!(fired.contains(&"acme-analysts"), "{after}");
            // What the built-in rules found is not hidden.
            assert!(before["workload_rules"].as_str().unwrap().split(',').all(|id| fired.contains(&id)));
            changed += 1;
        } else {
            assert_eq!(before, after);
        }
    }
    assert_eq!(changed, 5);
    assert_eq!(after.run_json()["options"]["rules"], rules.to_str().unwrap());
    let groups: i64 = after
        .usage()
        .iter()
        .filter(|row| row["workload"] == "autopilot")
        .map(|row| row["event_count"].as_i64().unwrap())
        .sum();
    assert_eq!(groups, 5);
}

#[test]
fn bad_rules_are_refused_with_file_rule_and_reason() {
    let rule = |id: &str, workload: &str, strength: &str, when: &str| {
        format!(
            "[[rule]]\nid = \"{id}\"\nworkload = \"{workload}\"\nstrength = \"{strength}\"\n[[rule.when]]\n{when}\n"
        )
    };
    let good = rule("mine", "canvas", "strong", "role_name = [\"x\"]");
    let cases: [(String, &[&str]); 12] = [
        ("not toml at all".to_owned(), &["line 1"]),
        ("rule = 3".to_owned(), &["rule"]),
        (rule("mine", "canvass", "strong", "role_name = [\"x\"]"), &["rule mine", "canvass"]),
        (rule("mine", "canvas", "sure", "role_name = [\"x\"]"), &["rule mine", "sure", "definitive"]),
        (rule("mine", "canvas", "strong", "rolename = [\"x\"]"), &["rule mine", "rolename", "role_name"]),
        (rule("mine", "canvas", "strong", "role_name = [\"/(/\"]"), &["rule mine", "/(/"]),
        (rule("mine", "canvas", "strong", "absent = [\"role_name\"]"), &["rule mine"]),
        (rule("G1", "canvas", "strong", "role_name = [\"x\"]"), &["rule G1", "taken"]),
        (rule("a,b", "canvas", "strong", "role_name = [\"x\"]"), &["rule a,b", "comma"]),
        (format!("{good}{good}"), &["rule mine", "taken"]),
        (good.replace("strength", "strenght"), &["strenght"]),
        (good.replace("[[rule.when]]\nrole_name = [\"x\"]", ""), &["when"]),
    ];
    for (content, wanted) in cases {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("own.toml"), &content).unwrap();
        for command in ["analyze", "events"] {
            let ran = run(keytrail().current_dir(dir.path()).args([command, "--rules", "own.toml", SAMPLE]));
            assert_eq!((ran.status, text(&ran.stdout)), (2, ""), "{content}");
            assert!(ran.stderr.contains("own.toml"), "{}", ran.stderr);
            for text in wanted {
                assert!(ran.stderr.contains(text), "{content}\ndoes not lead to {text:?}: {}", ran.stderr);
            }
        }
        assert_eq!(names(dir.path()), ["own.toml"], "nothing is written");
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("own.toml"), good).unwrap();
    let ran = run(keytrail().current_dir(dir.path()).args(["analyze", "--rules", "own.toml", SAMPLE]));
    assert_eq!(ran.status, 0, "{}", ran.stderr);
}
