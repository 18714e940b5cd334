//! `--max-age` and `--fail-on`: the conditions that raise an alarm.

use std::path::Path;

use chrono::{SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use testkit::{decrypt, document, folder, keytrail, run};

use super::metrics::Page;
use super::{analyze, json_lines, of_level};

/// A record of the default selection, so long ago.
fn hours_ago(n: u32, hours: i64) -> Value {
    let mut record = decrypt(n);
    let time = Utc::now() - TimeDelta::hours(hours);
    record["eventTime"] = time.to_rfc3339_opts(SecondsFormat::Secs, true).into();
    record
}

/// Runs with these conditions, in text and in JSON, and gives the exit status and the conditions
/// that raised an alarm.
fn alarm(dir: &Path, args: &[&str]) -> (i32, Vec<(String, String)>) {
    let args = [args, &["--metrics", "alarm.prom"]].concat();
    let text = analyze(dir, &args);
    let ran = analyze(dir, &[&args[..], &["--log-format", "json", "-v"]].concat());
    assert_eq!(text.status, ran.status);
    assert!(dir.join("report/run.json").exists(), "the report is written all the same");
    let lines = json_lines(&ran.stderr);
    let errors = of_level(&lines, "ERROR");
    let alarms: Vec<(String, String)> = errors
        .iter()
        .filter(|line| line["message"] != "cannot be read")
        .map(|line| {
            assert_eq!(line["message"], "alarm");
            let of = |name: &str| line[name].as_str().unwrap().to_owned();
            (of("condition"), of("reason"))
        })
        .collect();
    for (condition, reason) in &alarms {
        let told = match condition.as_str() {
            "max_age" => "keytrail: --max-age: ".to_owned(),
            other => format!("keytrail: --fail-on {other}: {reason}"),
        };
        assert!(text.stderr.lines().any(|line| line.starts_with(&told)), "{told}: {}", text.stderr);
    }
    let last = lines.last().unwrap();
    let names: Vec<&str> = alarms.iter().map(|(condition, _)| condition.as_str()).collect();
    assert_eq!((&last["alarms"], &last["exit_status"]), (&json!(names), &json!(ran.status)));
    let page = Page::of(&dir.join("alarm.prom"));
    for (family, labels) in page.samples.keys().filter(|(family, _)| family == "keytrail_alarm") {
        let holds = names.contains(&labels["condition"].as_str());
        assert_eq!(page.value(family, &[("condition", &labels["condition"])]), f64::from(u8::from(holds)));
    }
    (ran.status, alarms)
}

#[test]
fn an_alarm_when_the_newest_event_is_too_old() {
    let s3 = json!({"eventVersion": "1.09", "eventSource": "s3.amazonaws.com", "eventName": "GetObject",
        "eventTime": "2024-03-05T10:00:00Z"});
    let dir = folder(&[
        ("old.json", document(&[decrypt(1), hours_ago(2, 30), hours_ago(3, 50)]).as_bytes()),
        ("s3.json", document(&[s3]).as_bytes()),
        // Two hours to come: whoever believed it would hear nothing for as long as it lies there.
        ("ahead.json", document(&[decrypt(1), hours_ago(2, -2)]).as_bytes()),
        ("clock.json", document(&[decrypt(1), hours_ago(2, 0)]).as_bytes()),
    ]);
    let cases: [(&[&str], i32, &str); 9] = [
        (&["old.json", "--max-age", "29h"], 3, "30 hours old"),
        (&["old.json", "--max-age", "31h"], 0, ""),
        (&["old.json", "--max-age", "1d"], 3, "30 hours old"),
        (&["old.json", "--max-age", "2d"], 0, ""),
        (&["old.json", "--max-age", "1w"], 0, ""),
        (&["s3.json", "--max-age", "9999w"], 3, "no KMS event"),
        (&["ahead.json", "--max-age", "1h"], 3, "in the future"),
        (&["clock.json", "--max-age", "1h"], 0, ""),
        // What is not selected is read as well.
        (&["old.json", "--max-age", "31h", "--workload", "autopilot"], 0, ""),
    ];
    for (args, status, reason) in cases {
        let (found, alarms) = alarm(dir.path(), args);
        assert_eq!(found, status, "{args:?}: {alarms:?}");
        assert_eq!(alarms.len(), usize::from(status == 3));
        assert!(alarms.iter().all(|(name, why)| name == "max_age" && why.contains(reason)), "{alarms:?}");
    }
    let refused = ["", "1", "d", "-1d", "1y", "1.5d", "+3h", "99999999999999999999d", "é"];
    for bad in refused {
        assert_eq!(analyze(dir.path(), &["old.json", &format!("--max-age={bad}")]).status, 2, "{bad:?}");
    }
}

#[test]
fn an_alarm_for_what_could_not_be_read_and_for_what_is_missing() {
    let other = {
        let mut record = decrypt(1);
        record["sourceIPAddress"] = "203.0.113.9".into();
        record
    };
    let correction = {
        let original = decrypt(1);
        let mut record = original.clone();
        record["eventID"] = "correction".into();
        record["addendum"] = json!({
            "reason": "UPDATED_DATA",
            "originalEventID": original["eventID"],
            "originalRequestID": original["requestID"],
        });
        record
    };
    let cut = document(&[decrypt(1), decrypt(2)]);
    let good = document(&[decrypt(1)]);
    let day = |day: u32, id: &str| {
        let base = "AWSLogs/111122223333/CloudTrail/us-west-2/2024/03";
        format!(
            "{base}/{day:02}/111122223333_CloudTrail_us-west-2_202403{day:02}T1000Z_{id}AAAAAAAAAAAAAA.json"
        )
    };
    let dir = folder(&[
        ("good.json", good.as_bytes()),
        ("cut.json", &cut.as_bytes()[..900]),
        ("conflict.json", document(&[decrypt(1), other]).as_bytes()),
        ("corrected.json", document(&[decrypt(1), correction]).as_bytes()),
        (&day(5, "a"), good.as_bytes()),
        (&day(8, "b"), document(&[decrypt(3)]).as_bytes()),
    ]);
    let all = "rejects,unreadable,gaps,conflicts";
    let cases: [(&[&str], i32, &[&str]); 18] = [
        (&["good.json", "--fail-on", all], 0, &[]),
        (&["cut.json"], 1, &[]),
        (&["cut.json", "--fail-on", "unreadable,gaps,conflicts"], 1, &[]),
        (&["cut.json", "--fail-on", all], 3, &["rejects"]),
        (&["good.json", "gone.json", "--fail-on", "rejects,gaps,conflicts"], 1, &[]),
        (&["good.json", "gone.json", "--fail-on", "unreadable"], 3, &["unreadable"]),
        (&["conflict.json", "--fail-on", "rejects,unreadable,gaps"], 0, &[]),
        (&["conflict.json", "--fail-on", "conflicts"], 3, &["conflicts"]),
        (&["corrected.json", "--fail-on", "corrected"], 3, &["corrected"]),
        (&["conflict.json", "--fail-on", "corrected"], 0, &[]),
        (&["AWSLogs", "--fail-on", "rejects,unreadable,conflicts"], 0, &[]),
        (&["AWSLogs", "--fail-on", "gaps"], 3, &["gaps"]),
        (&["AWSLogs", "gone.json", "cut.json", "--fail-on", all], 3, &["rejects", "unreadable", "gaps"]),
        (
            &["AWSLogs", "--fail-on", "gaps", "--fail-on", "rejects", "--max-age", "1h"],
            3,
            &["max_age", "gaps"],
        ),
        // The sixth and the seventh are missing: outside the window nobody asked for them.
        (&["AWSLogs", "--fail-on", "gaps", "--since", "2024-03-08"], 0, &[]),
        (&["AWSLogs", "--fail-on", "gaps", "--until", "2024-03-06"], 0, &[]),
        (&["AWSLogs", "--fail-on", "gaps", "--since", "2024-03-07T23:00:00Z"], 3, &["gaps"]),
        (&["AWSLogs", "--fail-on", "gaps", "--until", "2024-03-06T01:00:00Z"], 3, &["gaps"]),
    ];
    for (args, status, expected) in cases {
        let (found, alarms) = alarm(dir.path(), args);
        assert_eq!(found, status, "{args:?}: {alarms:?}");
        assert_eq!(alarms.iter().map(|(name, _)| name).collect::<Vec<_>>(), expected, "{args:?}");
    }
    let days = alarm(dir.path(), &["AWSLogs", "--fail-on", "gaps"]).1;
    assert!(days[0].1.starts_with("2 missing delivery days"), "{days:?}");
    for bad in ["", "rejects,", "nothing"] {
        assert_eq!(analyze(dir.path(), &["good.json", "--fail-on", bad]).status, 2, "{bad:?}");
    }
}

#[test]
fn alarms_and_metrics_come_from_the_environment_too() {
    let dir = folder(&[("cut.json", &document(&[decrypt(1), decrypt(2)]).as_bytes()[..900])]);
    let with = |name: &str, value: &str| {
        let mut command = keytrail();
        command.current_dir(dir.path()).args(["analyze", "--force", "-q", "-o", "report", "cut.json"]);
        run(command.env(name, value))
    };
    assert_eq!(with("KEYTRAIL_FAIL_ON", "unreadable").status, 1);
    let ran = with("KEYTRAIL_FAIL_ON", "unreadable,rejects");
    assert_eq!(ran.status, 3);
    assert!(
        ran.stderr.starts_with("keytrail: --fail-on rejects: 1 "),
        "said with --quiet, too: {}",
        ran.stderr
    );
    assert_eq!(with("KEYTRAIL_MAX_AGE", "1h").status, 3);
    assert_eq!(with("KEYTRAIL_METRICS", "k.prom").status, 1);
    assert!(Page::of(&dir.path().join("k.prom")).has("keytrail_records"));
}
