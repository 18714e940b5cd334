//! The command line as a user meets it: the real program, its options and environment, what it prints where, and what it leaves on disk.

#![cfg(unix)]

mod common;
#[path = "../examples/generate/corpus/mod.rs"]
mod corpus;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use chrono::{TimeDelta, Utc};
use common::{Report, analyze, analyze_in, decrypt, document, ended, input, keytrail, rows, run};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use keytrail::split::Backend;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sample-logs");
const ANY: [&str; 4] = ["--workload", "any", "--event", "any"];

/// Every file below a folder, with its bytes.
fn everything(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for path in common::sorted(&next) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

fn names(folder: &Path) -> Vec<String> {
    common::sorted(folder).iter().map(|p| p.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    corpus::archive::gzip(bytes, Compression::fast())
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// `keytrail events` on these arguments, in the repository's folder; it must succeed.
fn events(args: &[&str]) -> Vec<u8> {
    let ran = run(keytrail().current_dir(ROOT).arg("events").args(args));
    assert_eq!(ran.status, 0, "{args:?}: {}", ran.stderr);
    ran.stdout
}

// ---- analyze

const PARTS: [&str; 6] =
    ["events", "inputs.parquet", "rejects.parquet", "run.json", "usage.parquet", "usage_daily.parquet"];

#[test]
fn the_main_command_reports_the_sample_logs() {
    let dir = tempfile::tempdir().unwrap();
    let ran = run(keytrail().current_dir(dir.path()).args(["analyze", SAMPLE]));
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(text(&ran.stdout), "");
    let accounting = "2,261 = 73 selected + 3 duplicate + 3 other_copy + 1,968 other_source + 77 other_event + 135 other_workload + \
                      2 not_usage";
    let line =
        ran.stderr.lines().find_map(|line| line.strip_prefix("accounting ")).expect("an accounting line");
    assert_eq!(line.trim(), accounting);

    // The directory that is written unless another is named, and nothing beside what a report consists of.
    assert_eq!(names(dir.path()), ["keytrail-report"]);
    let report = dir.path().join("keytrail-report");
    assert_eq!(names(&report), PARTS);
    assert_eq!(rows(&report.join("rejects.parquet")), Vec::<Value>::new());
    for day in common::sorted(&report.join("events")) {
        let name = day.file_name().unwrap().to_str().unwrap();
        let date = name.strip_prefix("day=").expect("a Hive partition");
        assert!(date.parse::<chrono::NaiveDate>().is_ok(), "{name}");
        assert_eq!(names(&day), ["events.parquet"]);
    }

    let run: Value = serde_json::from_slice(&fs::read(report.join("run.json")).unwrap()).unwrap();
    assert_eq!(run["schema_version"], 1);
    assert_eq!(run["keytrail_version"], env!("CARGO_PKG_VERSION"));
    let classes = [
        "selected",
        "duplicate",
        "other_copy",
        "other_source",
        "other_event",
        "other_workload",
        "filtered",
        "not_usage",
        "rejected",
    ];
    let sum: u64 = classes.iter().map(|class| run["totals"][class].as_u64().unwrap()).sum();
    assert_eq!(run["totals"]["records"], sum);
    for key in ["options", "started", "ended", "inputs", "bytes", "coverage", "caveats"] {
        assert!(!run[key].is_null(), "run.json has no {key}");
    }
    let selected: i64 =
        rows(&report.join("usage.parquet")).iter().map(|r| r["event_count"].as_i64().unwrap()).sum();
    let daily: i64 =
        rows(&report.join("usage_daily.parquet")).iter().map(|r| r["event_count"].as_i64().unwrap()).sum();
    assert_eq!((selected, daily), (73, 73));
}

/// Whoever sees run.json sees the whole report: the renaming of the other parts is not after its own.
#[test]
fn run_json_appears_last() {
    let report = analyze(&["sample-logs"]);
    let changed = |name: &str| {
        let meta = fs::metadata(report.path().join(name)).unwrap();
        (meta.ctime(), meta.ctime_nsec())
    };
    for part in PARTS {
        assert!(changed(part) <= changed("run.json"), "{part} was put in place after run.json");
    }
}

/// The instructions to split with can be chosen. They change nothing, and what this processor does not have is refused.
#[test]
fn back_ends_are_chosen_by_the_environment() {
    let expected = events(&[&ANY[..], &[SAMPLE]].concat());
    let with = |name: &str| {
        let mut command = keytrail();
        run(command.current_dir(ROOT).env(Backend::VARIABLE, name).arg("events").args(ANY).arg(SAMPLE))
    };
    for name in Backend::usable().iter().map(|backend| backend.name()).chain([""]) {
        let ran = with(name);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        assert!(ran.stdout == expected, "{name}");
    }
    for name in ["AVX2", "sse", "scalar "] {
        let ran = with(name);
        assert_eq!(ran.status, 2, "{name}");
        assert!(ran.stdout.is_empty());
        assert!(ran.stderr.contains(&format!("KEYTRAIL_SIMD={name}: ")), "{}", ran.stderr);
        assert!(ran.stderr.contains("scalar"), "{}", ran.stderr);
    }
}

#[test]
fn a_directory_that_is_not_empty_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("report");
    for file in ["notes.txt", ".hidden", "run.json"] {
        fs::create_dir_all(&report).unwrap();
        fs::write(report.join(file), "mine").unwrap();
        let ran = run(keytrail().current_dir(dir.path()).args(["analyze", "-o", "report", SAMPLE]));
        assert_eq!(ran.status, 2);
        assert!(
            ran.stderr.contains("report is not empty") && ran.stderr.contains("--force"),
            "{}",
            ran.stderr
        );
        assert_eq!(everything(dir.path()), BTreeMap::from([(format!("report/{file}"), b"mine".to_vec())]));
        fs::remove_dir_all(&report).unwrap();
    }
    // An empty one will do, and so will one whose parents are missing.
    fs::create_dir(&report).unwrap();
    for output in ["report", "new/and/deep"] {
        let ran = run(keytrail().current_dir(dir.path()).args(["analyze", "-o", output, SAMPLE]));
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        assert_eq!(names(&dir.path().join(output)), PARTS);
    }
}

#[test]
fn force_replaces_the_report_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("report");
    let analyze = |args: &[&str]| {
        let ran = run(keytrail().arg("analyze").arg("-o").arg(&report).args(args).arg(SAMPLE));
        assert_eq!(ran.status, 0, "{}", ran.stderr);
    };
    analyze(&ANY);
    let days_before = names(&report.join("events"));
    fs::write(report.join("notes.txt"), "mine").unwrap();
    fs::create_dir(report.join("mine")).unwrap();
    fs::write(report.join("mine/usage.parquet"), "mine too").unwrap();

    let two_days = ["--since", "2023-03-24", "--until", "2023-03-26", "--force"];
    analyze(&[&ANY[..], &two_days].concat());
    let days_after = names(&report.join("events"));
    assert!(days_before.len() > 10, "{days_before:?}");
    assert_eq!(days_after, ["day=2023-03-24", "day=2023-03-25"], "stale days were left");
    assert_eq!(fs::read(report.join("notes.txt")).unwrap(), b"mine");
    assert_eq!(fs::read(report.join("mine/usage.parquet")).unwrap(), b"mine too");
    assert_eq!(names(&report).len(), PARTS.len() + 2, "{:?}", names(&report));

    // What is there is what a run into an empty directory gives.
    let fresh = common::analyze(&[&ANY[..], &two_days[..4], &[SAMPLE]].concat());
    for (name, bytes) in fresh.parquet_bytes() {
        assert!(fs::read(report.join(&name)).unwrap() == bytes, "{name}");
    }
}

/// What a killed run leaves has a name that readers ignore, and is no report.
#[test]
fn the_remains_of_a_killed_run_are_no_report() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("report/_keytrail-abc/events")).unwrap();
    let ran = run(keytrail().current_dir(dir.path()).args(["analyze", "-o", "report", SAMPLE]));
    assert_eq!(ran.status, 0, "{}", ran.stderr);
}

#[test]
fn a_report_inside_the_input_is_not_read_back() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("logs")).unwrap();
    fs::write(dir.path().join("logs/a.json"), document(&[decrypt(1)])).unwrap();
    for (cwd, args) in [("", &["analyze", "-o", "logs/report", "logs"][..]), ("logs", &["analyze", "."])] {
        for force in [&[][..], &["--force"]] {
            let ran = run(keytrail().current_dir(dir.path().join(cwd)).args(args).args(force));
            assert_eq!(ran.status, 0, "{}", ran.stderr);
            let report = if cwd.is_empty() { "logs/report" } else { "logs/keytrail-report" };
            let inputs = rows(&dir.path().join(report).join("inputs.parquet"));
            let ours =
                |row: &&Value| row["archive"].as_str().unwrap().contains(report.rsplit('/').next().unwrap());
            assert_eq!(inputs.iter().filter(ours).count(), 0, "{inputs:#?}");
            assert_eq!(inputs.iter().filter(|row| row["status"] == "complete").count(), 1);
        }
        fs::remove_dir_all(dir.path().join("logs/report")).ok();
    }
}

#[test]
fn standard_input_plain_and_compressed() {
    let content = document(&[decrypt(1), decrypt(2)]);
    for bytes in [content.clone().into_bytes(), gzip(content.as_bytes())] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("in"), &bytes).unwrap();
        let stdin = || File::open(dir.path().join("in")).unwrap();
        let ran =
            run(keytrail().current_dir(dir.path()).args(["analyze", "-o", "report", "-"]).stdin(stdin()));
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        let inputs = rows(&dir.path().join("report/inputs.parquet"));
        assert_eq!(input(&inputs, "-")["selected"], 2);
        assert_eq!(inputs.len(), 1);
        let events = run(keytrail().args(["events", "-"]).stdin(stdin())).stdout;
        let from_file = run(keytrail().current_dir(dir.path()).args(["events", "in"])).stdout;
        assert_eq!(text(&events), text(&from_file).replace("\"archive\":\"in\"", "\"archive\":\"-\""));
        assert_eq!(text(&events).lines().count(), 2);
    }
}

/// Standard input is called `-`, and so may a file be.
#[test]
fn a_file_of_the_name_of_standard_input_is_not_taken_for_it() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("in"), document(&[decrypt(1), decrypt(2), decrypt(3)])).unwrap();
    fs::write(dir.path().join("-"), document(&[decrypt(4), decrypt(5)])).unwrap();
    let stdin = File::open(dir.path().join("in")).unwrap();
    let ran =
        run(keytrail().current_dir(dir.path()).args(["analyze", "-o", "report", "-", "./-"]).stdin(stdin));
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let inputs = rows(&dir.path().join("report/inputs.parquet"));
    let selected: Vec<i64> = inputs.iter().map(|row| row["selected"].as_i64().unwrap()).collect();
    assert_eq!((selected.iter().sum::<i64>(), selected.len()), (5, 2));
}

#[test]
fn what_is_named_twice_is_read_once() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("logs/deep")).unwrap();
    fs::write(dir.path().join("logs/a.json"), document(&[decrypt(1)])).unwrap();
    fs::write(dir.path().join("logs/deep/b.json"), document(&[decrypt(2)])).unwrap();
    let once = analyze_in(dir.path(), &["logs", "--keep-duplicates"]);
    assert_eq!(once.run_json()["totals"]["records"], 2);
    for inputs in [
        &["logs", "logs"][..],
        &["logs/deep", "logs"],
        &["logs/deep", "logs/a.json", "logs/deep/b.json"],
        &["./logs", "logs/", "logs/deep/b.json", "logs//a.json"],
    ] {
        let report = analyze_in(dir.path(), &[inputs, &["--keep-duplicates"]].concat());
        assert_eq!(report.status, 0, "{}", report.stderr);
        assert_eq!(report.parquet_bytes(), once.parquet_bytes(), "{inputs:?}");
    }
}

#[test]
fn the_number_of_threads_does_not_show() {
    let dir = tempfile::tempdir().unwrap();
    corpus::archive::Corpus::sized(7, 1.0, 32, 0.4).write(dir.path()).unwrap();
    for args in [&["AWSLogs"][..], &["AWSLogs", "--workload", "any", "--event", "any", "--keep-duplicates"]] {
        let reports: Vec<Report> = ["1", "2", "7", "0"]
            .iter()
            .map(|n| analyze_in(dir.path(), &[args, &["--threads", n]].concat()))
            .collect();
        assert!(reports[0].run_json()["totals"]["selected"].as_u64().unwrap() > 50);
        for report in &reports {
            assert_eq!(report.status, 0, "{}", report.stderr);
            assert!(report.parquet_bytes() == reports[0].parquet_bytes(), "{args:?}");
            assert_eq!(report.run_json()["totals"], reports[0].run_json()["totals"]);
        }
        let lines = |n| {
            run(keytrail().current_dir(dir.path()).arg("events").args(args).args(["--threads", n])).stdout
        };
        assert!(lines("1") == lines("7"), "{args:?}");
    }
}

// ---- SELECT

/// For each option: a value that selects some of the sample's events, and one that selects others.
const SELECT: [(&str, &str, &str); 8] = [
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
            command.current_dir(ROOT).arg("analyze").arg("-o").arg(dir.path().join("report"));
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
            for day in common::sorted(&dir.path().join("report/events")) {
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

// ---- events

/// The columns of the contract, written down a second time.
const COLUMNS: &str = "event_time event_id shared_event_id request_id event_name region recipient_account_id principal \
    principal_type principal_account_id source_account_id session_name access_key_id invoked_by source_ip user_agent key_arn \
    key_id key_account_id key_region key_family key_origin key_alias destination_key_arn workload workload_strength \
    workload_rules outcome error_code error_message denied_action denied_by encryption_context s3_bucket s3_object_key grant_id \
    grantee_principal retiring_principal grant_operations read_only vpc_endpoint_id tls_version omitted_fields archive \
    record_offset";

/// Text that callers choose, as a hostile one would.
const HOSTILE: [&str; 8] = [
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "plain, with \"quotes\"\r\nand a line break",
    "\u{1b}[31mred\u{1b}]0;title\u{7}\u{9b}2J",
    "",
];

fn hostile_archive() -> tempfile::TempDir {
    let records: Vec<Value> = (1..)
        .zip(HOSTILE)
        .map(|(n, text)| {
            let mut record = decrypt(n);
            record["userIdentity"] = json!({
                "type": "AssumedRole",
                "principalId": format!("AROAEXAMPLE:{text}"),
                "arn": format!("arn:aws:sts::111122223333:assumed-role/GeoRole/{text}"),
                "accountId": "111122223333",
            });
            record["userAgent"] = text.into();
            record["sourceIPAddress"] = text.into();
            record["eventName"] = if text.is_empty() { "Decrypt".into() } else { text.into() };
            record
        })
        .collect();
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("hostile.json"), document(&records)).unwrap();
    dir
}

fn lines(ndjson: &[u8]) -> Vec<Value> {
    text(ndjson).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn ndjson_has_the_columns_in_their_order_and_the_values_of_the_report() {
    let columns: Vec<&str> = COLUMNS.split_whitespace().collect();
    assert_eq!(columns, keytrail::report::EVENTS.iter().map(|c| c.name).collect::<Vec<_>>());
    let out = events(&[&["--format", "ndjson", "sample-logs"][..], &ANY].concat());
    for line in text(&out).lines() {
        let mut rest = line.strip_prefix('{').unwrap();
        for column in &columns {
            let key = format!("\"{column}\":");
            let at = rest.find(&key).unwrap_or_else(|| panic!("no {column} in its place: {line}"));
            assert!(at == 0 || rest[..at].ends_with(','), "{line}");
            rest = &rest[at + key.len()..];
        }
        assert_eq!(serde_json::from_str::<Value>(line).unwrap().as_object().unwrap().len(), columns.len());
    }
    let report = analyze(&[&["sample-logs"][..], &ANY].concat());
    // A copy that waited for a better one comes late in a stream.
    let mut ours = lines(&out);
    ours.sort_by_key(|row| (row["archive"].as_str().unwrap().to_owned(), row["record_offset"].as_i64()));
    common::assert_rows("ndjson", &ours, &report.events());
    assert!(ours.len() > 200);
}

#[test]
fn a_pipe_gets_ndjson_unless_told_otherwise() {
    assert_eq!(text(&events(&["sample-logs"])), text(&events(&["sample-logs", "--format", "ndjson"])));
    assert_eq!(lines(&events(&["sample-logs"])).len(), 73);
}

#[test]
fn csv_has_the_columns_and_no_formulas() {
    let dir = hostile_archive();
    let any = ["--workload", "any", "--event", "any", "hostile.json"];
    let of = |format: &str| {
        let ran = run(keytrail().current_dir(dir.path()).args(["events", "--format", format]).args(any));
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        ran.stdout
    };
    let table = of("csv");
    let mut reader = csv::Reader::from_reader(&table[..]);
    assert_eq!(reader.headers().unwrap(), COLUMNS.split_whitespace().collect::<Vec<_>>());
    let columns: Vec<&str> = COLUMNS.split_whitespace().collect();
    let expected = lines(&of("ndjson"));
    let mut guarded = 0;
    let cells: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(cells.len(), HOSTILE.len());
    for (cells, row) in cells.iter().zip(&expected) {
        for (cell, column) in cells.iter().zip(&columns) {
            let value = match &row[column] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            if row[column].is_string() && value.starts_with(['=', '+', '-', '@', '\t', '\r']) {
                assert_eq!(cell, format!("'{value}"));
                guarded += 1;
            } else {
                assert_eq!(cell, value);
            }
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{column}: {cell}");
        }
    }
    // Session name, user agent, source address and event name of five events.
    assert_eq!(guarded, 4 * 5);
    let session = columns.iter().position(|c| *c == "session_name").unwrap();
    assert_eq!(&cells[0][session], "'=cmd|' /C calc'!A0");
}

#[test]
fn parquet_and_arrow_hold_what_ndjson_does() {
    let hostile = hostile_archive();
    let hostile = hostile.path().join("hostile.json");
    for source in ["sample-logs", hostile.to_str().unwrap()] {
        let expected = lines(&events(&[&["--format", "ndjson", source][..], &ANY].concat()));
        assert!(!expected.is_empty());

        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("events.parquet");
        fs::write(&file, events(&[&["--format", "parquet", source][..], &ANY].concat())).unwrap();
        common::assert_rows("parquet", &rows(&file), &expected);

        let stream = events(&[&["--format", "arrow", source][..], &ANY].concat());
        let reader = arrow_ipc::reader::StreamReader::try_new(&stream[..], None).unwrap();
        let fields: Vec<String> = reader.schema().fields().iter().map(|f| f.name().clone()).collect();
        assert_eq!(fields, COLUMNS.split_whitespace().collect::<Vec<_>>());
        let arrow: Vec<Value> = reader.flat_map(|batch| common::batch_rows(&batch.unwrap())).collect();
        common::assert_rows("arrow", &arrow, &expected);
    }
}

/// Also when there is nothing to write: a reader needs the columns.
#[test]
fn formats_without_events_still_have_their_columns() {
    let none = ["sample-logs", "--since", "2030-01-01"];
    assert_eq!(events(&none), b"");
    let header = events(&[&none[..], &["--format", "csv"]].concat());
    assert_eq!(text(&header).trim_end(), COLUMNS.split_whitespace().collect::<Vec<_>>().join(","));
    let stream = events(&[&none[..], &["--format", "arrow"]].concat());
    let mut reader = arrow_ipc::reader::StreamReader::try_new(&stream[..], None).unwrap();
    assert_eq!(reader.schema().fields().len(), COLUMNS.split_whitespace().count());
    assert!(reader.next().is_none());
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("none.parquet");
    fs::write(&file, events(&[&none[..], &["--format", "parquet"]].concat())).unwrap();
    assert_eq!(rows(&file), Vec::<Value>::new());
}

#[test]
fn the_table_passes_on_no_control_characters() {
    let dir = hostile_archive();
    for args in [["events", "--format", "table"], ["analyze", "-o", "report"]] {
        let ran = run(keytrail().current_dir(dir.path()).args(args).args(ANY).arg("hostile.json"));
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        let shown = text(&ran.stdout).to_owned() + &ran.stderr;
        let steering: Vec<char> = shown.chars().filter(|c| c.is_control() && *c != '\n').collect();
        assert!(steering.is_empty(), "{shown:?}");
        assert!(args[0] == "analyze" || shown.contains("[31mred"), "{shown}");
    }
}

/// The reader of a pipe may stop when it has seen enough: that is no failure, and nothing to talk about.
#[test]
fn a_broken_pipe_is_no_failure() {
    for format in ["ndjson", "csv", "table", "arrow", "parquet"] {
        let mut command = keytrail();
        command.current_dir(ROOT).args(["events", "--format", format, "sample-logs"]).args(ANY);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        out.read_exact(&mut [0]).unwrap();
        drop(out);
        assert_eq!(ended(&mut child), 0, "{format}");
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(stderr, "", "{format}");
    }
    for args in [&["--help"][..], &["man"], &["completions", "bash"]] {
        let script = "\"$0\" \"$@\" | true; echo ${PIPESTATUS[0]}";
        let program = keytrail();
        let ran = run(Command::new("bash").args(["-c", script]).arg(program.get_program()).args(args));
        assert_eq!((text(&ran.stdout), &*ran.stderr), ("0\n", ""), "{args:?}");
    }
}

/// Nobody reads the summary, but the report is there.
#[test]
fn a_broken_pipe_on_standard_error_does_not_lose_the_report() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = keytrail();
    command.current_dir(dir.path()).args(["analyze", "-o", "report", SAMPLE]).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(ended(&mut child), 0);
    assert_eq!(names(&dir.path().join("report")), PARTS);
}

// ---- signals

fn mkfifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// Input without end; the run is told to stop in the middle of it.
#[test]
fn a_signal_ends_a_run_and_leaves_nothing_behind() {
    for (name, old_report) in [("INT", false), ("TERM", false), ("INT", true)] {
        let dir = tempfile::tempdir().unwrap();
        if old_report {
            let ran = run(keytrail().current_dir(dir.path()).args(["analyze", "-o", "report", SAMPLE]));
            assert_eq!(ran.status, 0, "{}", ran.stderr);
        }
        let before = everything(dir.path());
        let pipe = dir.path().join("pipe");
        mkfifo(&pipe);
        let mut command = keytrail();
        command.current_dir(dir.path()).args(["analyze", "--force", "-o", "report", "pipe"]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut writer = File::options().write(true).open(&pipe).unwrap();
        // More than a pipe holds: when this is written, the program has begun to read.
        let chunk: String = (0..200).map(|n| decrypt(n).to_string() + "\n").collect();
        writer.write_all(chunk.as_bytes()).unwrap();
        let feeder = std::thread::spawn(move || while writer.write_all(chunk.as_bytes()).is_ok() {});
        signal(&child, name);
        assert_eq!(ended(&mut child), 130, "SIG{name}");
        feeder.join().unwrap();
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert!(stderr.contains("stopped"), "{stderr}");
        fs::remove_file(&pipe).unwrap();
        assert!(everything(dir.path()) == before, "SIG{name}: {:?}", everything(dir.path()).keys());
        assert_eq!(dir.path().join("report").exists(), old_report, "SIG{name}");
    }
}

/// The same while the program waits for bytes that never come.
#[test]
fn a_signal_ends_a_run_that_waits_for_its_input() {
    for command_name in ["analyze", "events"] {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        mkfifo(&pipe);
        let mut command = keytrail();
        command.current_dir(dir.path()).args([command_name, "pipe"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut writer = File::options().write(true).open(&pipe).unwrap();
        let chunk: String = (0..200).map(|n| decrypt(n).to_string() + "\n").collect();
        writer.write_all(chunk.as_bytes()).unwrap();
        signal(&child, "INT");
        assert_eq!(ended(&mut child), 130, "{command_name}");
        drop(writer);
        fs::remove_file(&pipe).unwrap();
        assert_eq!(names(dir.path()), [""; 0], "{command_name}");
    }
}

// ---- what is printed

#[test]
fn a_run_that_finds_nothing_says_what_may_explain_it() {
    let dir = tempfile::tempdir().unwrap();
    let s3 = r#"{"eventVersion":"1.09","eventSource":"s3.amazonaws.com","eventName":"GetObject","eventTime":"2024-03-05T10:00:00Z"}"#;
    fs::write(dir.path().join("s3.json"), document(&[s3])).unwrap();
    fs::write(dir.path().join("other.json"), "{\"a\":1}").unwrap();
    fs::write(dir.path().join("kms.json"), document(&[decrypt(1)])).unwrap();
    fs::create_dir(dir.path().join("empty")).unwrap();
    let cases: [(&[&str], &[&str]); 7] = [
        (&["kms.json", "--workload", "autopilot"], &["other callers", "--workload any"]),
        (&["kms.json", "--event", "Encrypt"], &["not asked for", "--event any"]),
        (&["kms.json", "--since", "2030-01-01"], &["1 KMS events lie outside --since"]),
        (&["kms.json", "--account", "999999999999"], &["--account"]),
        (&["s3.json"], &["none of the 1 records is of kms.amazonaws.com", "AWS owned keys"]),
        (&["empty"], &["no file was found"]),
        (&["other.json"], &["none of the inputs is a CloudTrail archive"]),
    ];
    for (args, wanted) in cases {
        let report = analyze_in(dir.path(), args);
        assert_eq!(report.status, 0, "{}", report.stderr);
        let streamed = run(keytrail().current_dir(dir.path()).arg("events").args(args));
        assert_eq!((streamed.status, text(&streamed.stdout)), (0, ""));
        for stderr in [&report.stderr, &streamed.stderr] {
            assert!(stderr.to_lowercase().contains("likely causes"), "{stderr}");
            for text in wanted {
                assert!(stderr.contains(text), "{args:?} does not say {text:?}: {stderr}");
            }
        }
    }
    // And one that finds something does not.
    assert!(!analyze_in(dir.path(), &["kms.json"]).stderr.contains("ikely causes"));
}

#[test]
fn no_progress_and_no_colour_where_nobody_looks() {
    for args in [&["analyze", "-o", "report"][..], &["events"], &["events", "--format", "table"]] {
        let dir = tempfile::tempdir().unwrap();
        let ran = run(keytrail().current_dir(dir.path()).args(args).arg(SAMPLE));
        assert_eq!(ran.status, 0);
        for stream in [text(&ran.stdout), &ran.stderr] {
            assert!(!stream.contains(['\r', '\u{1b}']), "{args:?}: {stream:?}");
        }
    }
}

#[test]
fn colour_is_as_told() {
    let stderr = |args: &[&str], no_color: &str| {
        let dir = tempfile::tempdir().unwrap();
        let mut command = keytrail();
        command.current_dir(dir.path()).args(["analyze", SAMPLE]).args(args).env("NO_COLOR", no_color);
        run(&mut command).stderr
    };
    assert!(stderr(&["--color", "always"], "").contains("\u{1b}["));
    assert!(stderr(&["--color", "always"], "1").contains("\u{1b}["), "the flag wins over NO_COLOR");
    assert!(!stderr(&["--color", "never"], "").contains('\u{1b}'));
    assert!(!stderr(&[], "").contains('\u{1b}'));
}

#[test]
fn quiet_says_nothing_but_errors() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("cut.json"), &document(&[decrypt(1), decrypt(2)])[..900]).unwrap();
    for flag in ["-q", "--quiet"] {
        let ran = run(keytrail().current_dir(dir.path()).args(["analyze", "--force", flag, SAMPLE]));
        assert_eq!((ran.status, text(&ran.stdout), &*ran.stderr), (0, "", ""));
    }
    // The exit status still tells.
    let ran = run(keytrail().current_dir(dir.path()).args(["analyze", "--force", "-q", "cut.json"]));
    assert_eq!(ran.status, 1);
    let ran = run(keytrail().current_dir(dir.path()).args(["analyze", "-q", "cut.json"]));
    assert_eq!(ran.status, 2, "the directory is not empty now");
    assert!(ran.stderr.contains("not empty"), "{}", ran.stderr);
}

#[test]
fn verbose_names_rejects_then_archives() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("cut.json"), &document(&[decrypt(1), decrypt(2)])[..900]).unwrap();
    let messages = |args: &[&str]| -> Vec<Value> {
        analyze_in(dir.path(), &[&["cut.json", "--log-format", "json"], args].concat())
            .stderr
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("every line is JSON"))
            .filter(|line| line["message"] != "finished")
            .collect()
    };
    let levels = |messages: &[Value]| -> BTreeSet<String> {
        messages.iter().map(|m| m["level"].as_str().unwrap().to_owned()).collect()
    };
    let warnings = BTreeSet::from(["WARN".to_owned()]);
    assert_eq!(levels(&messages(&[])), warnings, "an archive that was not read whole is always named");
    let one = messages(&["-v"]);
    assert_eq!(&levels(&one) - &warnings, BTreeSet::from(["INFO".to_owned()]));
    assert!(
        one.iter().any(|m| m["archive"] == "cut.json" && m.to_string().contains("json_truncated at byte")),
        "{one:?}"
    );
    let two = messages(&["-vv"]);
    assert_eq!(&levels(&two) - &warnings, BTreeSet::from(["INFO".to_owned(), "DEBUG".to_owned()]));
    assert!(two.iter().any(|m| m["level"] == "DEBUG" && m["archive"] == "cut.json"), "{two:?}");
    let text = analyze_in(dir.path(), &["cut.json", "-v"]).stderr;
    assert!(text.lines().any(|line| line.contains("INFO") && line.contains("json_truncated")), "{text}");
}

// ---- the other commands

#[test]
fn completions_and_manual() {
    for (shell, sign) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef keytrail"),
        ("fish", "complete -c keytrail"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let ran = run(keytrail().args(["completions", shell]));
        assert_eq!((ran.status, &*ran.stderr), (0, ""));
        let script = text(&ran.stdout);
        for word in [sign, "analyze", "events", "max-record-bytes", "ndjson"] {
            assert!(script.contains(word), "{shell}: no {word}");
        }
    }
    let script = run(keytrail().args(["completions", "bash"])).stdout;
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("keytrail.bash"), script).unwrap();
    // What the shell itself makes of the script.
    let typed = "source keytrail.bash; COMP_WORDS=(keytrail ana); COMP_CWORD=1; _keytrail keytrail ana keytrail; echo \"${COMPREPLY[@]}\"";
    let ran = run(Command::new("bash").current_dir(dir.path()).args(["--norc", "-c", typed]));
    assert_eq!(text(&ran.stdout).trim(), "analyze", "{}", ran.stderr);

    let ran = run(keytrail().arg("man"));
    assert_eq!((ran.status, &*ran.stderr), (0, ""));
    let page = text(&ran.stdout);
    for sign in [".TH keytrail 1", ".SH NAME", ".SH SYNOPSIS", "analyze", "events"] {
        assert!(page.contains(sign), "no {sign} in {page}");
    }
    assert!(
        page.lines().filter(|line| line.starts_with('.')).all(|line| {
            [".TH", ".SH", ".TP", ".ie", ".el", ".br", ".RS", ".RE", ".PP", ".nf", ".fi", ".SS", ".IP", ".in"]
                .iter()
                .any(|request| line.starts_with(request))
        }),
        "a line of text that begins with a full stop would be taken for a request"
    );
}

#[test]
fn help_and_version() {
    let ran = run(keytrail().arg("--version"));
    assert_eq!((ran.status, text(&ran.stdout)), (0, concat!("keytrail ", env!("CARGO_PKG_VERSION"), "\n")));
    for command in [&[][..], &["analyze"], &["events"], &["completions"], &["man"]] {
        for flag in ["-h", "--help"] {
            let ran = run(keytrail().args(command).arg(flag));
            assert_eq!((ran.status, &*ran.stderr), (0, ""));
            assert!(text(&ran.stdout).contains("Usage: keytrail"), "{command:?}");
        }
    }
    let help = run(keytrail().args(["analyze", "--help"])).stdout;
    for (option, ..) in SELECT {
        assert!(text(&help).contains(&format!("KEYTRAIL_{}", option.to_uppercase())), "{option}");
    }
}

// ---- rules

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

// ---- evidence

#[test]
fn hash_is_the_sha256_of_the_content() {
    let dir = tempfile::tempdir().unwrap();
    let one = document(&[decrypt(1), decrypt(2)]);
    let large = document(&(0..3000).map(decrypt).collect::<Vec<_>>());
    let files: [(&str, Vec<u8>); 5] = [
        ("in/plain.json", one.clone().into_bytes()),
        ("in/a.json.gz", gzip(one.as_bytes())),
        ("in/members.gz", [gzip(&one.as_bytes()[..700]), gzip(&one.as_bytes()[700..])].concat()),
        ("in/large.gz", gzip(large.as_bytes())),
        ("in/space.gz", gzip(format!("{one}\n\n   ").as_bytes())),
    ];
    fs::create_dir(dir.path().join("in")).unwrap();
    for (name, bytes) in &files {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    let report = analyze_in(dir.path(), &["in", "--hash"]);
    assert_eq!(report.status, 0, "{}", report.stderr);
    let inputs = report.inputs();
    for (name, bytes) in &files {
        let mut content = Vec::new();
        if bytes.starts_with(b"\x1f\x8b") {
            MultiGzDecoder::new(&bytes[..]).read_to_end(&mut content).unwrap();
        } else {
            content.clone_from(bytes);
        }
        let digest: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(input(&inputs, name)["content_sha256"], digest, "{name}");
        assert_eq!(input(&inputs, name)["content_bytes"], content.len(), "{name}");
        assert_eq!(input(&inputs, name)["compressed_bytes"], bytes.len(), "{name}");
    }
    let without = analyze_in(dir.path(), &["in"]);
    assert!(without.inputs().iter().all(|row| row["content_sha256"].is_null()));
}

// ---- on a terminal

/// `keytrail` with these arguments on a terminal of this width, made by `script` (util-linux, part of every Debian).
#[cfg(target_os = "linux")]
fn on_terminal(dir: &Path, columns: u16, arguments: &str) -> Command {
    let program = keytrail();
    let line = format!(
        "stty cols {columns} rows 50; exec '{}' {arguments}",
        program.get_program().to_str().unwrap()
    );
    let mut command = Command::new("script");
    command.current_dir(dir).args(["-qec", &line, "/dev/null"]);
    for (name, _) in program.get_envs() {
        command.env_remove(name);
    }
    command.env("TERM", "xterm-256color").stdin(Stdio::null()).stderr(Stdio::inherit());
    command
}

/// Up to the letter that ends it.
#[cfg(target_os = "linux")]
fn escape_sequence(rest: &mut std::str::Chars<'_>) -> String {
    let mut sequence = String::new();
    for c in rest {
        sequence.push(c);
        if c.is_ascii_alphabetic() {
            break;
        }
    }
    sequence
}

/// What stands on the terminal in the end: a line is written over, or cleared, as the escapes say.
#[cfg(target_os = "linux")]
fn screen(output: &[u8]) -> String {
    let (mut lines, mut row, mut column) = (vec![Vec::new()], 0_usize, 0_usize);
    let mut rest = text(output).chars();
    while let Some(c) = rest.next() {
        match c {
            '\r' => column = 0,
            '\n' => {
                row += 1;
                lines.resize(lines.len().max(row + 1), Vec::new());
            }
            '\u{1b}' => {
                assert_eq!(rest.next(), Some('['), "an escape that no part of the program writes");
                let sequence: String = escape_sequence(&mut rest);
                match sequence.as_str() {
                    "2K" => lines[row].clear(),
                    "K" | "0K" => lines[row].truncate(column),
                    "1A" | "A" => row -= 1,
                    "1B" | "B" => row += 1,
                    "1G" | "G" => column = 0,
                    other => assert!(other.ends_with(['m', 'h', 'l']), "{other:?}"),
                }
            }
            c => {
                let line = &mut lines[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = c;
                column += 1;
            }
        }
    }
    let text: Vec<String> = lines.iter().map(|line| line.iter().collect()).collect();
    text.join("\n")
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_events_are_a_table_that_fits() {
    let dir = hostile_archive();
    fs::write(dir.path().join("good.json"), document(&[decrypt(20), decrypt(21)])).unwrap();
    for columns in [60, 100, 240] {
        let args = "events --workload any --event any hostile.json good.json";
        let output = on_terminal(dir.path(), columns, args).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
        let table = screen(&output.stdout);
        assert!(!table.contains("{\"event_time\""), "{table}");
        assert!(table.contains("event_time") || columns < 100, "{table}");
        assert!(table.contains('═') || table.contains('─'), "{table}");
        let widest = table.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= usize::from(columns), "{widest} of {columns} columns:\n{table}");
        let steering: Vec<char> = table.chars().filter(|c| c.is_control() && *c != '\n').collect();
        assert!(steering.is_empty(), "{table:?}");
    }
    // The narrow one has all that the wide one has.
    let cells = |columns| {
        let output = on_terminal(dir.path(), columns, "events good.json").output().unwrap();
        screen(&output.stdout).matches("2024").count()
    };
    assert_eq!(cells(60), cells(240));
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_binary_formats_are_refused() {
    let dir = hostile_archive();
    for format in ["parquet", "arrow"] {
        let output =
            on_terminal(dir.path(), 80, &format!("events --format {format} hostile.json")).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stdout).contains("redirect"), "{}", text(&output.stdout));
        assert!(!output.stdout.contains(&0), "binary on a terminal");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_the_summary_has_colour_unless_told_otherwise() {
    let dir = hostile_archive();
    let run = |args: &str, no_color: Option<&str>| {
        let mut command = on_terminal(dir.path(), 100, &format!("analyze --force hostile.json {args}"));
        if let Some(value) = no_color {
            command.env("NO_COLOR", value);
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
        text(&output.stdout).contains("\u{1b}[1m")
    };
    assert!(run("", None));
    assert!(run("", Some("")), "an empty NO_COLOR means nothing");
    assert!(!run("", Some("1")));
    assert!(!run("--color never", None));
    assert!(run("--color always", Some("1")));
}

/// The input holds back until the bar is seen, so the test does not depend on how fast anything is.
#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_a_progress_bar_shows_and_goes() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    mkfifo(&pipe);
    let mut child =
        on_terminal(dir.path(), 100, "analyze -o report pipe").stdout(Stdio::piped()).spawn().unwrap();
    let mut writer = File::options().write(true).open(&pipe).unwrap();
    writer.write_all((decrypt(1).to_string() + "\n").as_bytes()).unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("read · learning rules") {
        let some = out.fill_buf().unwrap().to_vec();
        assert!(!some.is_empty(), "no bar in {:?}", String::from_utf8_lossy(&seen));
        out.consume(some.len());
        seen.extend(some);
    }
    writer.write_all(decrypt(2).to_string().as_bytes()).unwrap();
    drop(writer);
    let mut rest = Vec::new();
    out.read_to_end(&mut rest).unwrap();
    assert_eq!(ended(&mut child), 0);
    let rest = screen(&rest);
    let summary = rest.find("accounting").expect("a summary after the bar");
    assert!(!rest[summary..].contains("read ·"), "the bar is still there: {rest}");
    assert!(rest[summary..].starts_with("accounting 2 = 2 selected"), "{rest}");

    // Nor does it show when it is not wanted.
    fs::remove_file(&pipe).unwrap();
    for flag in ["--no-progress", "-q"] {
        mkfifo(&pipe);
        let args = format!("analyze --force -o report {flag} pipe");
        let child = on_terminal(dir.path(), 100, &args).stdout(Stdio::piped()).spawn().unwrap();
        let mut writer = File::options().write(true).open(&pipe).unwrap();
        writer.write_all(decrypt(1).to_string().as_bytes()).unwrap();
        // Several times as long as it takes a bar to be drawn.
        std::thread::sleep(std::time::Duration::from_millis(600));
        drop(writer);
        let output = child.wait_with_output().unwrap();
        assert!(!text(&output.stdout).contains("read ·"), "{flag}: {}", text(&output.stdout));
        fs::remove_file(&pipe).unwrap();
    }
}

/// Rows come out while the bar stands on the same terminal: it may not wipe any of them away.
#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_the_bar_wipes_no_row_away() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    mkfifo(&pipe);
    let mut child =
        on_terminal(dir.path(), 200, "events --no-learn pipe").stdout(Stdio::piped()).spawn().unwrap();
    let mut writer = File::options().write(true).open(&pipe).unwrap();
    let mut out = child.stdout.take().unwrap();
    let (give, take) = std::sync::mpsc::channel();
    // Read all the time: a terminal does not hold a program up.
    let reader = std::thread::spawn(move || {
        let mut some = [0; 4096];
        while let Ok(n @ 1..) = out.read(&mut some) {
            give.send(some[..n].to_vec()).unwrap();
        }
    });
    let mut seen = Vec::new();
    for part in 0..3 {
        let records: String = (0..1500).map(|n| decrypt(part * 1500 + n).to_string() + "\n").collect();
        writer.write_all(records.as_bytes()).unwrap();
        let before = seen.len();
        // Once the bar is there, every part of the table meets it.
        while !String::from_utf8_lossy(&seen[before..]).contains("archives ·") {
            seen.extend(take.recv().expect("a bar is shown while the program waits"));
        }
    }
    drop(writer);
    seen.extend(take.iter().flatten());
    reader.join().unwrap();
    assert_eq!(ended(&mut child), 0);
    let screen = screen(&seen);
    assert!(!screen.lines().last().unwrap_or_default().contains("archives ·"), "the bar is still there");
    assert_eq!(screen.matches("2024-").count(), 4500);
}
