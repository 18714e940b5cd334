//! The options that select events, as flags and as variables.

use std::collections::BTreeSet;
use std::fs;

use chrono::{TimeDelta, Utc};
use serde_json::Value;
use testkit::{ANY, analyze, analyze_in, decrypt, document, keytrail, root, rows, run, sorted};

use crate::text;

/// For each option: a value that selects some of the sample's events, and one that selects others.
pub const SELECT: [(&str, &str, &str); 8] = [
    ("workload", "canvas", "forecast,feature-store-offline"),
    ("event", "CreateGrant", "Decrypt,GenerateDataKey"),
    ("since", "2023-03-26", "2025-06-02T12:00:00Z"),
    ("until", "2023-03-20T06:00:00+02:00", "2024-02-03"),
    ("account", "444455556666", "111122223333,123456789012"),
    ("region", "us-west-2", "eu-central-1,us-east-1"),
    ("key", "*1234abcd*", "4e0b6f15-c52d-4a08-a7be-c8170aa12d0?,*:us-east-1:*"),
    ("principal", "*/FeatureStoreWriter", "sagemaker-*.amazonaws.com,*Jane"),
];

/// The same question asked of the unfiltered events, column by column.
fn wanted(row: &Value, option: &str, value: &str) -> bool {
    let time = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap();
    let moment = |text: &str| if text.len() == 10 { time(&format!("{text}T00:00:00Z")) } else { time(text) };
    let glob = |pattern: &str, text: &str| {
        let regex = regex::escape(pattern).replace("\\*", ".*").replace("\\?", ".");
        regex::Regex::new(&format!("^(?:{regex})$")).unwrap().is_match(text)
    };
    let cell = |name: &str| row[name].as_str().unwrap_or_default();
    let any = |holds: &dyn Fn(&str) -> bool| value.split(',').any(holds);
    match option {
        "workload" => any(&|w| cell("workload").split('+').any(|label| label == w)),
        "event" => any(&|e| cell("event_name") == e),
        "since" => time(cell("event_time")) >= moment(value),
        "until" => time(cell("event_time")) < moment(value),
        "account" => any(&|a| cell("recipient_account_id") == a),
        "region" => any(&|r| cell("region") == r),
        "key" => any(&|k| {
            ["key_arn", "key_id", "key_alias", "destination_key_arn"].iter().any(|c| glob(k, cell(c)))
        }),
        "principal" => any(&|p| glob(p, cell("principal"))),
        other => panic!("no column for {other}"),
    }
}

fn ids(events: &[Value]) -> Vec<(Value, Value)> {
    events.iter().map(|row| (row["archive"].clone(), row["record_offset"].clone())).collect()
}

#[test]
fn every_selecting_option_by_flag_and_by_environment() {
    let all = analyze(&[&["sample-logs", "--keep-duplicates"][..], &ANY].concat()).events();
    for (option, value, other) in SELECT {
        // Workloads and events are given; the other options narrow them.
        let base: Vec<&str> = match option {
            "workload" => vec!["--event", "any"],
            "event" => vec!["--workload", "any"],
            _ => ANY.to_vec(),
        };
        let flag = format!("--{option}");
        let variable = format!("KEYTRAIL_{}", option.to_uppercase());
        let selected = |flag_value: Option<&str>, variable_value: Option<&str>| {
            let dir = tempfile::tempdir().unwrap();
            let mut command = keytrail();
            command.current_dir(root()).arg("analyze").arg("-o").arg(dir.path().join("report"));
            command.args(["sample-logs", "--keep-duplicates"]).args(&base);
            if let Some(value) = flag_value {
                command.args([&flag, value]);
            }
            if let Some(value) = variable_value {
                command.env(&variable, value);
            }
            let ran = run(&mut command);
            assert_eq!(ran.status, 0, "{option}: {}", ran.stderr);
            let run: Value =
                serde_json::from_slice(&fs::read(dir.path().join("report/run.json")).unwrap()).unwrap();
            let mut found: Vec<Value> = Vec::new();
            for day in sorted(&dir.path().join("report/events")) {
                found.extend(rows(&day.join("events.parquet")));
            }
            let mut found = ids(&found);
            found.sort_by_key(|(archive, offset)| (archive.to_string(), offset.as_i64()));
            (found, run["options"][option].clone())
        };
        let expected = |value: &str| {
            let mut found: Vec<Value> =
                all.iter().filter(|row| wanted(row, option, value)).cloned().collect();
            found.sort_by_key(|row| (row["archive"].to_string(), row["record_offset"].as_i64()));
            ids(&found)
        };
        let (one, two) = (expected(value), expected(other));
        assert!(one != two && !one.is_empty() && !two.is_empty() && one.len() < all.len(), "{option}");
        let (by_flag, option_by_flag) = selected(Some(value), None);
        assert_eq!(by_flag, one, "{flag} {value}");
        let (by_variable, option_by_variable) = selected(None, Some(value));
        assert_eq!(by_variable, one, "{variable}={value}");
        assert_eq!(option_by_flag, option_by_variable);
        assert!(!option_by_flag.is_null());
        assert_eq!(selected(Some(other), None).0, two, "{flag} {other}");
        assert_eq!(selected(Some(other), Some(value)).0, two, "{flag} does not win over {variable}");
    }
}

#[test]
fn options_given_twice_add_up() {
    let twice = analyze(&["sample-logs", "--event", "any", "--workload", "canvas", "--workload", "forecast"]);
    let once = analyze(&["sample-logs", "--event", "any", "--workload", "canvas,forecast"]);
    assert_eq!(twice.status, 0, "{}", twice.stderr);
    assert_eq!(twice.parquet_bytes(), once.parquet_bytes());
    assert!(!once.events().is_empty());
}

#[test]
fn workload_sagemaker_is_all_of_its_workloads() {
    let list = "geospatial,canvas,canvas-forecast,forecast,feature-store-offline,feature-store-online,autopilot,sagemaker-other";
    let short = analyze(&["sample-logs", "--event", "any", "--workload", "sagemaker"]);
    let long = analyze(&["sample-logs", "--event", "any", "--workload", list]);
    let default = analyze(&["sample-logs", "--event", "any"]);
    assert_eq!(short.parquet_bytes(), long.parquet_bytes());
    assert!(short.events().len() > default.events().len(), "the sample has other SageMaker workloads");
}

#[test]
fn the_other_options_have_variables_too() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("in.json"), document(&[decrypt(1), decrypt(1), decrypt(2)])).unwrap();
    let ran = run(keytrail()
        .current_dir(dir.path())
        .args(["analyze", "in.json"])
        .env("KEYTRAIL_OUTPUT", "elsewhere")
        .env("KEYTRAIL_KEEP_DUPLICATES", "true")
        .env("KEYTRAIL_HASH", "true")
        .env("KEYTRAIL_THREADS", "2")
        .env("KEYTRAIL_MAX_ARCHIVE_BYTES", "123456")
        .env("KEYTRAIL_MAX_RECORD_BYTES", "12345")
        .env("KEYTRAIL_QUIET", "true"));
    assert_eq!((ran.status, &*ran.stderr), (0, ""));
    let run_json: Value =
        serde_json::from_slice(&fs::read(dir.path().join("elsewhere/run.json")).unwrap()).unwrap();
    assert_eq!(run_json["totals"]["selected"], 3);
    let options = &run_json["options"];
    assert_eq!(options["keep_duplicates"], true);
    assert_eq!(options["hash"], true);
    assert_eq!(options["max_archive_bytes"], 123_456);
    assert_eq!(options["max_record_bytes"], 12_345);
    let again = run(keytrail()
        .current_dir(dir.path())
        .args(["analyze", "in.json", "-o", "elsewhere"])
        .env("KEYTRAIL_FORCE", "true")
        .env("KEYTRAIL_COLOR", "always")
        .env("KEYTRAIL_MAX_RECORD_BYTES", "10"));
    assert_eq!(again.status, 1, "no record is that small");
    assert!(again.stderr.contains('\u{1b}'));
    let csv =
        run(keytrail().current_dir(dir.path()).args(["events", "in.json"]).env("KEYTRAIL_FORMAT", "csv"));
    assert!(text(&csv.stdout).starts_with("event_time,event_id,"));
    let bad = run(keytrail().args(["analyze", "in.json"]).env("KEYTRAIL_THREADS", "many"));
    assert_eq!(bad.status, 2);
    assert!(bad.stderr.contains("--threads"), "{}", bad.stderr);
}

#[test]
fn an_empty_variable_is_not_set_and_an_unknown_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("in.json"), document(&[decrypt(1)])).unwrap();
    let with = |variables: &[(&str, &str)], args: &[&str]| {
        let mut command = keytrail();
        command.current_dir(dir.path()).args(["analyze", "--force", "in.json"]).args(args);
        command.envs(variables.iter().copied());
        run(&mut command)
    };
    let names = ["SINCE", "UNTIL", "ACCOUNT", "WORKLOAD", "EVENT", "KEY", "THREADS", "MAX_AGE", "FAIL_ON"];
    let names = names.into_iter().chain(["OUTPUT", "QUIET", "COLOR", "RULES", "HASH", "SIMD", "PROFILE"]);
    let empty: Vec<(String, &str)> = names.map(|name| (format!("KEYTRAIL_{name}"), "")).collect();
    let empty: Vec<(&str, &str)> = empty.iter().map(|(name, value)| (&**name, *value)).collect();
    let ran = with(&empty, &[]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(dir.path().join("keytrail-report/run.json").exists());
    assert!(!ran.stderr.contains("KEYTRAIL_"), "{}", ran.stderr);

    let ran = with(
        &[("KEYTRAIL_REGIONS", "us-east-1"), ("KEYTRAIL_XYZ_UNHEARD_OF", "1"), ("KEYTRAIL_OLD", "")],
        &[],
    );
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let hint = "KEYTRAIL_REGIONS has no effect; did you mean KEYTRAIL_REGION?";
    assert!(ran.stderr.contains(hint), "{}", ran.stderr);
    assert!(ran.stderr.contains("KEYTRAIL_XYZ_UNHEARD_OF has no effect"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("KEYTRAIL_OLD"), "{}", ran.stderr);
}

/// Whatever narrows a run is on the screen, also if a variable did.
#[test]
fn the_scope_of_a_run_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("in.json"), document(&[decrypt(1)])).unwrap();
    let scope = |args: &[&str]| {
        let report = analyze_in(dir.path(), &[&["in.json"], args].concat());
        report.stderr.lines().find_map(|line| line.strip_prefix("scope ")).map(|line| line.trim().to_owned())
    };
    assert_eq!(scope(&[]), None);
    assert_eq!(scope(&["--region", "us-east-1"]).as_deref(), Some("region us-east-1"));
    assert_eq!(
        scope(&["--account", "1,2,3,4,5", "--key", "*", "--since", "2024-01-01"]).as_deref(),
        Some("account 1,2,3 and 2 more, key *, since 2024-01-01T00:00:00.000Z")
    );
    let ran = run(keytrail().current_dir(dir.path()).args(["events", "in.json"]).env("KEYTRAIL_REGION", "x"));
    assert!(ran.stderr.contains("\nscope: region x\n"), "{}", ran.stderr);
    for (region, told) in [
        ("x", "--region x is not a name of a Region, such as us-east-1\n"),
        ("us-east1", "us-east-1; did you mean us-east-1?\n"),
        ("eu-west-2b", "us-east-1; did you mean eu-west-2?\n"),
    ] {
        let ran = run(keytrail().current_dir(dir.path()).args(["events", "in.json", "--region", region]));
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }
}

#[test]
fn times_back_from_now() {
    let at = |n: u32, ago: TimeDelta| {
        let mut record = decrypt(n);
        record["eventTime"] = (Utc::now() - ago).format("%Y-%m-%dT%H:%M:%SZ").to_string().into();
        record
    };
    let records = [
        at(1, TimeDelta::days(31)),
        at(2, TimeDelta::days(29)),
        at(3, TimeDelta::hours(13)),
        at(4, TimeDelta::hours(11)),
        at(5, TimeDelta::minutes(-60)),
    ];
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("in"), document(&records)).unwrap();
    for (args, expected) in [
        (&["--since", "30d"][..], &[2, 3, 4, 5][..]),
        (&["--since", "12h"], &[4, 5]),
        (&["--since", "2w"], &[3, 4, 5]),
        (&["--until", "12h"], &[1, 2, 3]),
        (&["--since", "30d", "--until", "12h"], &[2, 3]),
        (&["--since", "0s"], &[5]),
        (&["--until", "0d"], &[1, 2, 3, 4]),
    ] {
        let report = analyze_in(dir.path(), &[&["in"], args].concat());
        assert_eq!(report.status, 0, "{}", report.stderr);
        let found: BTreeSet<String> =
            report.events().iter().map(|row| row["event_id"].as_str().unwrap().to_owned()).collect();
        let expected: BTreeSet<String> =
            expected.iter().map(|n| decrypt(*n)["eventID"].as_str().unwrap().to_owned()).collect();
        assert_eq!(found, expected, "{args:?}");
        // The report says which moment that was.
        let option = args[0].trim_start_matches('-');
        assert!(report.run_json()["options"][option].as_str().unwrap().ends_with('Z'));
    }
}

#[test]
fn the_window_is_half_open() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("in"), document(&[decrypt(1), decrypt(2), decrypt(3)])).unwrap();
    let report =
        analyze_in(dir.path(), &["in", "--since", "2024-03-05T10:00:02Z", "--until", "2024-03-05T10:00:03Z"]);
    let events = report.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["event_id"], decrypt(2)["eventID"]);
    assert_eq!(report.run_json()["totals"]["filtered"], 2);
}
