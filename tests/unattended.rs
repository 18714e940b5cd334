//! What a run tells those who are not there: exit status, JSON lines, metrics, and the conditions that raise an alarm.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use chrono::{SecondsFormat, TimeDelta, Utc};
use common::{Ran, decrypt, document, ended, folder, keytrail, run};
use regex::Regex;
use serde_json::{Value, json};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sample-logs");

/// The lines of standard error, every one of which must be a JSON object with the members that all lines have.
fn json_lines(stderr: &str) -> Vec<Value> {
    let lines: Vec<Value> = stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    for line in &lines {
        assert!(chrono::DateTime::parse_from_rfc3339(line["timestamp"].as_str().unwrap()).is_ok(), "{line}");
        assert!(line["level"].is_string() && line["message"].is_string(), "{line}");
    }
    lines
}

fn of_level<'l>(lines: &'l [Value], level: &str) -> Vec<&'l Value> {
    lines.iter().filter(|line| line["level"] == level).collect()
}

fn analyze(cwd: &Path, args: &[&str]) -> Ran {
    run(keytrail().current_dir(cwd).args(["analyze", "--force", "-o", "report"]).args(args))
}

/// A record of the default selection, so long ago.
fn hours_ago(n: u32, hours: i64) -> Value {
    let mut record = decrypt(n);
    let time = Utc::now() - TimeDelta::hours(hours);
    record["eventTime"] = time.to_rfc3339_opts(SecondsFormat::Secs, true).into();
    record
}

// ---- JSON lines

#[test]
fn the_last_line_says_how_it_went() {
    let dir = tempfile::tempdir().unwrap();
    let ran = analyze(dir.path(), &[SAMPLE, "--log-format", "json"]);
    assert_eq!(ran.status, 0);
    let lines = json_lines(&ran.stderr);
    let last = lines.last().unwrap();
    let report: Value =
        serde_json::from_slice(&fs::read(dir.path().join("report/run.json")).unwrap()).unwrap();
    assert_eq!((&last["message"], &last["level"]), (&json!("finished"), &json!("INFO")));
    assert_eq!((&last["exit_status"], &last["output"]), (&json!(0), &json!("report")));
    for member in ["totals", "inputs", "bytes", "started"] {
        assert_eq!(last[member], report[member], "{member}");
    }
    assert_eq!((&last["rejects"], &last["alarms"]), (&json!({}), &json!([])));
    let times = report["coverage"]["scopes"].as_array().unwrap().iter();
    let newest = times.filter_map(|scope| scope["last_event_time"].as_str()).max().unwrap();
    assert_eq!(last["newest_event_time"], newest);
    let ms = |time: &Value| {
        chrono::DateTime::parse_from_rfc3339(time.as_str().unwrap()).unwrap().timestamp_millis() as f64
    };
    let lag = (ms(&last["timestamp"]) - ms(&last["newest_event_time"])) / 1000.0;
    assert!((last["lag_seconds"].as_f64().unwrap() - lag).abs() < 60.0, "{last}");
    let missing = report["coverage"]["missing_days"].as_array().unwrap().iter();
    let missing: i64 = missing.map(|scope| scope["count"].as_i64().unwrap()).sum();
    assert!(missing > 0);
    assert_eq!(last["missing_days"], missing);

    // What people are warned of, one line each.
    let text = analyze(dir.path(), &[SAMPLE]).stderr;
    let told: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("  - ")).collect();
    let warnings = of_level(&lines, "WARN");
    assert_eq!(warnings.iter().map(|w| w["message"].as_str().unwrap()).collect::<Vec<_>>(), told);
    assert!(warnings.iter().any(|w| w["caveat"] == "missing_days"), "{warnings:?}");
    assert_eq!(lines.len(), warnings.len() + 1);
}

#[test]
fn every_archive_not_read_whole_has_its_line() {
    let cut = document(&[decrypt(1), decrypt(2)]);
    let dir = folder(&[("a/cut.json", &cut.as_bytes()[..900]), ("a/cut2.json", &cut.as_bytes()[..800])]);
    let ran = analyze(dir.path(), &["a", "gone.json", "--log-format", "json"]);
    assert_eq!(ran.status, 1);
    let lines = json_lines(&ran.stderr);
    let about = |archive: &str| -> Vec<&Value> {
        let warnings = of_level(&lines, "WARN").into_iter();
        warnings.filter(|line| line["archive"] == archive).collect()
    };
    for archive in ["a/cut.json", "a/cut2.json"] {
        let [line] = about(archive)[..] else { panic!("{lines:?}") };
        assert_eq!((&line["reason"], &line["rejected"]), (&json!("json_truncated"), &json!(1)));
    }
    assert_eq!(about("gone.json").len(), 1, "{lines:?}");
    let last = lines.last().unwrap();
    assert_eq!((&last["exit_status"], &last["rejects"]), (&json!(1), &json!({"json_truncated": 2})));
    assert_eq!(last["inputs"], json!({"complete": 0, "partial": 2, "unreadable": 1, "skipped": 0}));
}

#[test]
fn the_other_commands_end_with_such_a_line_too() {
    for command in ["events", "rules"] {
        let dir = folder(&[("a.json", document(&[decrypt(1)]).as_bytes())]);
        let args = [command, "a.json", "gone.json", "--log-format", "json"];
        let ran = run(keytrail().current_dir(dir.path()).args(args));
        let lines = json_lines(&ran.stderr);
        let last = lines.last().unwrap();
        assert_eq!((&last["message"], &last["exit_status"]), (&json!("finished"), &json!(1)), "{command}");
        assert_eq!((ran.status, &last["output"]), (1, &json!("-")), "{command}");
        assert_eq!(last["inputs"]["unreadable"], 1, "{command}");
    }
}

/// Whatever ends a run before there is a report, the last line says it in the form asked for.
#[test]
fn a_run_that_fails_says_so_in_json() {
    let dir = folder(&[("a.json", document(&[decrypt(1)]).as_bytes()), ("full/x", b"")]);
    let cases: [(&[&str], &str); 5] = [
        (&["a.json", "-o", "full"], "not empty"),
        (&["a.json", "-o", "new", "--event", "Dec rypt"], "Dec rypt"),
        (&["a.json", "-o", "new", "--rules", "none.toml"], "none.toml"),
        (&["a.json", "-o", "new", "--no-such-option"], "--no-such-option"),
        (&["a.json", "-o", "new", "--max-age", "soon"], "soon"),
    ];
    for (args, wanted) in cases {
        for asked in [&["--log-format", "json"][..], &["--log-format=json"], &[]] {
            let mut command = keytrail();
            command.current_dir(dir.path()).arg("analyze").args(args).args(asked);
            if asked.is_empty() {
                command.env("KEYTRAIL_LOG_FORMAT", "json");
            }
            let ran = run(&mut command);
            assert_eq!(ran.status, 2);
            let [line] = &json_lines(&ran.stderr)[..] else { panic!("{}", ran.stderr) };
            assert_eq!((&line["level"], &line["message"]), (&json!("ERROR"), &json!("failed")));
            assert_eq!(line["exit_status"], 2);
            assert!(line["error"].as_str().unwrap().contains(wanted), "{line}");
        }
        let text = run(keytrail().current_dir(dir.path()).arg("analyze").args(args)).stderr;
        assert!(text.contains(wanted) && serde_json::from_str::<Value>(&text).is_err(), "{text}");
    }
    assert!(!dir.path().join("new").exists());
}

// ---- signals

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// A run whose input never ends, stopped while it reads or while it waits: its exit status, and what it said.
fn stopped(name: &str, reads: bool, dir: &Path) -> (i32, String) {
    let pipe = dir.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut command = keytrail();
    command.current_dir(dir).args(["analyze", "--force", "-o", "report", "pipe", "--log-format", "json"]);
    let mut child = command.args(["--metrics", "k.prom"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut writer = File::options().write(true).open(&pipe).unwrap();
    let chunk: String = (0..200).map(|n| decrypt(n).to_string() + "\n").collect();
    // More than a pipe holds: when this is written, the program has begun to read.
    writer.write_all(chunk.as_bytes()).unwrap();
    let feeder = std::thread::spawn(move || {
        while reads && writer.write_all(chunk.as_bytes()).is_ok() {}
        writer // open until the run has ended
    });
    signal(&child, name);
    let status = ended(&mut child);
    drop(feeder.join().unwrap());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    fs::remove_file(&pipe).unwrap();
    (status, stderr)
}

#[test]
fn a_signal_is_told_in_the_last_line_and_in_the_metrics() {
    for (name, reads) in [("TERM", true), ("TERM", false), ("INT", true)] {
        let dir = folder(&[("a.json", document(&[decrypt(1)]).as_bytes())]);
        assert_eq!(analyze(dir.path(), &["a.json", "--metrics", "k.prom"]).status, 0);
        let before = Page::of(&dir.path().join("k.prom"));
        let report = fs::read(dir.path().join("report/run.json")).unwrap();
        let (status, stderr) = stopped(name, reads, dir.path());
        assert_eq!(status, 130, "SIG{name}");
        let lines = json_lines(&stderr);
        let [last] = of_level(&lines, "ERROR")[..] else { panic!("{stderr}") };
        assert_eq!(lines.last().unwrap(), last);
        assert_eq!((&last["message"], &last["exit_status"]), (&json!("stopped"), &json!(130)));
        let after = Page::of(&dir.path().join("k.prom"));
        assert_eq!(after.value("keytrail_last_run_success", &[]), 0.0);
        assert_eq!(after.value("keytrail_last_run_exit_status", &[]), 130.0);
        let success = "keytrail_last_success_timestamp_seconds";
        assert_eq!(after.value(success, &[]), before.value(success, &[]));
        let names: Vec<String> = common::sorted(dir.path()).iter().map(|p| p.display().to_string()).collect();
        assert_eq!(names.len(), 3, "{names:?}");
        assert_eq!(fs::read(dir.path().join("report/run.json")).unwrap(), report, "the old report stays");
    }
}

// ---- metrics

/// A file in the text format, read by the letter of its definition.
struct Page {
    samples: BTreeMap<(String, BTreeMap<String, String>), f64>,
}

impl Page {
    fn of(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.ends_with('\n') && !text.contains('\r'), "{text}");
        let head = Regex::new(r"^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$").unwrap();
        let sample = Regex::new(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)\{(.*)\} (\S+)$").unwrap();
        let label = Regex::new(r#"^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(,|$)"#).unwrap();
        let mut samples = BTreeMap::new();
        let mut families = BTreeSet::new();
        let mut family = String::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if line.starts_with('#') {
                // Help, then type, then the samples of that family and of no other.
                let help = head.captures(line).unwrap_or_else(|| panic!("{line}"));
                let kind = head.captures(lines.next().unwrap()).unwrap();
                assert_eq!((&help[1], &kind[1], &kind[2], &kind[3]), ("HELP", "TYPE", &help[2], "gauge"));
                assert!(!help[3].contains('\\'));
                family = help[2].to_owned();
                assert!(families.insert(family.clone()), "{family} comes twice");
                continue;
            }
            let found = sample.captures(line).unwrap_or_else(|| panic!("no sample: {line}"));
            assert_eq!(found[1], family, "{line}");
            let mut rest = &found[2];
            let mut labels = BTreeMap::new();
            while !rest.is_empty() {
                let pair = label.captures(rest).unwrap_or_else(|| panic!("no label: {rest}"));
                let value = pair[2].replace(r"\\", "\0").replace(r"\n", "\n").replace("\\\"", "\"");
                assert!(labels.insert(pair[1].to_owned(), value.replace('\0', "\\")).is_none());
                rest = &rest[pair[0].len()..];
            }
            let value: f64 = found[3].parse().unwrap();
            assert!(value.is_finite(), "{line}");
            assert!(samples.insert((family.clone(), labels), value).is_none(), "{line} comes twice");
        }
        let used: BTreeSet<String> = samples.keys().map(|(family, _)| family.clone()).collect();
        assert_eq!(used, families, "every family has samples");
        Self { samples }
    }

    /// The value of the one sample with these labels beside the destination.
    fn value(&self, family: &str, labels: &[(&str, &str)]) -> f64 {
        let is_it = |(name, found): &(String, BTreeMap<String, String>)| {
            let others = found.iter().filter(|(label, _)| *label != "output");
            name == family && others.map(|(l, v)| (l.as_str(), v.as_str())).eq(labels.iter().copied())
        };
        let found: Vec<f64> = self.samples.iter().filter(|(key, _)| is_it(key)).map(|(_, v)| *v).collect();
        assert_eq!(found.len(), 1, "{family} {labels:?}");
        found[0]
    }

    fn has(&self, family: &str) -> bool {
        self.samples.keys().any(|(name, _)| name == family)
    }
}

#[test]
fn metrics_say_what_run_json_says() {
    let cut = document(&[decrypt(1), decrypt(2)]);
    let dir = folder(&[("cut.json", &cut.as_bytes()[..900])]);
    let args = [SAMPLE, "cut.json", "gone.json", "--metrics", "k.prom", "--fail-on", "conflicts"];
    assert_eq!(analyze(dir.path(), &args).status, 1);
    let page = Page::of(&dir.path().join("k.prom"));
    let report: Value =
        serde_json::from_slice(&fs::read(dir.path().join("report/run.json")).unwrap()).unwrap();
    let mut records = 0.0;
    for (class, n) in report["totals"].as_object().unwrap() {
        if !["records", "conflicts", "corrected"].contains(&class.as_str()) {
            assert_eq!(page.value("keytrail_records", &[("class", class)]), n.as_f64().unwrap(), "{class}");
            records += n.as_f64().unwrap();
        }
    }
    assert_eq!(records, report["totals"]["records"].as_f64().unwrap());
    for (status, n) in report["inputs"].as_object().unwrap() {
        assert_eq!(page.value("keytrail_archives", &[("status", status)]), n.as_f64().unwrap(), "{status}");
    }
    assert_eq!(page.value("keytrail_archives", &[("status", "unreadable")]), 1.0);
    assert_eq!(page.value("keytrail_rejects", &[("reason", "json_truncated")]), 1.0);
    assert_eq!(page.value("keytrail_rejects", &[("reason", "gzip_corrupt")]), 0.0);
    assert_eq!(page.value("keytrail_stored_bytes", &[]), report["bytes"]["compressed"].as_f64().unwrap());
    assert_eq!(page.value("keytrail_content_bytes", &[]), report["bytes"]["content"].as_f64().unwrap());
    let seconds = |time: &Value| {
        let time = chrono::DateTime::parse_from_rfc3339(time.as_str().unwrap()).unwrap();
        time.timestamp_millis() as f64 / 1000.0
    };
    let scopes = report["coverage"]["scopes"].as_array().unwrap().iter();
    let newest = scopes.map(|scope| &scope["last_event_time"]).filter(|time| time.is_string()).map(seconds);
    let newest = newest.fold(f64::MIN, f64::max);
    assert_eq!(page.value("keytrail_newest_event_timestamp_seconds", &[]), newest);
    let ended = page.value("keytrail_last_success_timestamp_seconds", &[]);
    let lag = page.value("keytrail_newest_event_lag_seconds", &[]);
    assert!((ended - newest - lag).abs() < 0.01, "{ended} {newest} {lag}");
    let started = page.value("keytrail_last_run_start_timestamp_seconds", &[]);
    assert_eq!(started, seconds(&report["started"]));
    let duration = page.value("keytrail_last_run_duration_seconds", &[]);
    assert!(duration > 0.0 && (ended - started - duration).abs() < 5.0, "{duration}");
    assert_eq!(page.value("keytrail_last_run_exit_status", &[]), 1.0);
    assert_eq!(page.value("keytrail_last_run_success", &[]), 1.0);
    assert_eq!(page.value("keytrail_alarm", &[("condition", "conflicts")]), 0.0);
    assert_eq!(page.value("keytrail_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), 1.0);
    assert!(page.value("keytrail_missing_delivery_days", &[]) > 0.0);
}

/// The collector runs as another user and may look at any moment.
#[test]
#[cfg(unix)]
fn metrics_are_for_others_to_read_and_nothing_lies_beside_them() {
    use std::os::unix::fs::PermissionsExt;
    let dir = folder(&[("in/a.json", document(&[decrypt(1)]).as_bytes()), ("metrics/k.prom", b"old")]);
    let path = dir.path().join("metrics/k.prom");
    let mut held = File::open(&path).unwrap();
    assert_eq!(analyze(dir.path(), &["in", "--metrics", "metrics/k.prom"]).status, 0);
    let mut text = String::new();
    held.read_to_string(&mut text).unwrap();
    assert_eq!(text, "old", "whoever has it open reads it to its end");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(common::sorted(path.parent().unwrap()), [path]);
}

#[test]
#[cfg(unix)]
fn a_destination_of_any_name_is_a_label() {
    let dir = folder(&[("a.json", document(&[decrypt(1)]).as_bytes())]);
    let odd = "a \"quoted\\n\" back\\slash\nand {a} line";
    let mut command = keytrail();
    command.current_dir(dir.path()).args(["analyze", "a.json", "--metrics", "k.prom", "-o", odd]);
    assert_eq!(run(&mut command).status, 0);
    let path = dir.path().join("k.prom");
    let page = Page::of(&path);
    assert!(page.samples.keys().all(|(_, labels)| labels["output"] == odd));
    // And a later run, which fails, finds its own past in it.
    let before = page.value("keytrail_last_success_timestamp_seconds", &[]);
    assert_eq!(run(&mut command).status, 2);
    let page = Page::of(&path);
    assert_eq!(page.value("keytrail_last_success_timestamp_seconds", &[]), before);
    second_reader(&path, &page);
}

#[test]
fn a_run_that_fails_leaves_metrics_that_say_so() {
    let dir = folder(&[("a.json", document(&[decrypt(1)]).as_bytes()), ("full/x", b"")]);
    let path = dir.path().join("k.prom");
    let failing = ["analyze", "a.json", "-o", "full", "--metrics", "k.prom"];
    let fail = || assert_eq!(run(keytrail().current_dir(dir.path()).args(failing)).status, 2);
    fail();
    let never = Page::of(&path);
    assert_eq!(never.value("keytrail_last_run_success", &[]), 0.0);
    assert_eq!(never.value("keytrail_last_run_exit_status", &[]), 2.0);
    assert!(never.value("keytrail_last_run_start_timestamp_seconds", &[]) > 1.7e9);
    for of_report in ["keytrail_records", "keytrail_last_success_timestamp_seconds", "keytrail_alarm"] {
        assert!(!never.has(of_report), "{of_report}");
    }
    assert_eq!(analyze(dir.path(), &["a.json", "--metrics", "k.prom"]).status, 0);
    let well = Page::of(&path);
    let success = "keytrail_last_success_timestamp_seconds";
    let start = "keytrail_last_run_start_timestamp_seconds";
    assert!(well.value(success, &[]) >= well.value(start, &[]));
    fail();
    let again = Page::of(&path);
    assert_eq!(again.value(success, &[]), well.value(success, &[]));
    assert!(again.value(start, &[]) > well.value(start, &[]));
    second_reader(&path, &again);
}

/// A run of hours whose metrics cannot be written is noticed before it begins.
#[test]
fn metrics_that_cannot_be_written_are_refused_at_once() {
    let dir = folder(&[("a.json", document(&[decrypt(1)]).as_bytes())]);
    for (place, wanted) in [("none/k.prom", "none/k.prom"), (".", "directory"), ("a.json/k.prom", "a.json")] {
        let ran = analyze(dir.path(), &["a.json", "--metrics", place]);
        assert_eq!(ran.status, 2, "{place}");
        assert!(ran.stderr.contains(wanted), "{}", ran.stderr);
        assert!(!dir.path().join("report").exists(), "{place}");
    }
}

/// And one whose folder goes away meanwhile has a report, and says that the metrics are missing.
#[test]
fn metrics_that_cannot_be_written_in_the_end_are_an_error() {
    let dir = folder(&[("metrics/x", b"")]);
    let pipe = dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut command = keytrail();
    command.current_dir(dir.path()).args(["analyze", "-o", "report", "pipe", "--log-format", "json"]);
    let mut child = command.args(["--metrics", "metrics/k.prom"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut writer = File::options().write(true).open(&pipe).unwrap();
    fs::remove_dir_all(dir.path().join("metrics")).unwrap();
    writer.write_all(document(&[decrypt(1)]).as_bytes()).unwrap();
    drop(writer);
    assert_eq!(ended(&mut child), 2);
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    let lines = json_lines(&stderr);
    let [error] = of_level(&lines, "ERROR")[..] else { panic!("{stderr}") };
    assert!(error["error"].as_str().unwrap().contains("metrics/k.prom"), "{error}");
    assert_eq!(lines.last().unwrap()["exit_status"], 2);
    assert!(dir.path().join("report/run.json").exists());
}

/// The parser of Prometheus's own Python client, where there is one (see `tests/second_reader.rs`).
fn second_reader(path: &Path, ours: &Page) {
    let script = "import json, sys
from prometheus_client.parser import text_string_to_metric_families as parse
found = [[s.name, s.labels, s.value] for f in parse(open(sys.argv[1], newline='').read()) for s in f.samples]
json.dump(found, sys.stdout)";
    let python = std::env::var_os("KEYTRAIL_PYTHON").unwrap_or_else(|| "python3".into());
    let output = Command::new(&python).args(["-c", script]).arg(path).output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        let required = std::env::var_os("KEYTRAIL_REQUIRE_SECOND_READER").is_some_and(|value| value == "1");
        assert!(
            !required,
            "{} cannot read the metrics with prometheus_client",
            PathBuf::from(python).display()
        );
        println!("SKIPPED: no second reader of metrics");
        return;
    };
    let found: Vec<(String, BTreeMap<String, String>, f64)> = serde_json::from_slice(&output.stdout).unwrap();
    let found: BTreeMap<_, _> = found.into_iter().map(|(name, labels, v)| ((name, labels), v)).collect();
    assert_eq!(found, ours.samples);
}

#[test]
fn another_parser_finds_the_same_metrics() {
    let dir = tempfile::tempdir().unwrap();
    let args = [SAMPLE, "--metrics", "k.prom", "--max-age", "1h", "--fail-on", "rejects,gaps"];
    assert_eq!(analyze(dir.path(), &args).status, 3);
    let path = dir.path().join("k.prom");
    second_reader(&path, &Page::of(&path));
}

// ---- alarms

/// Runs with these conditions, in text and in JSON, and gives the exit status and the conditions that raised an alarm.
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
        (&day(5, "a"), good.as_bytes()),
        (&day(8, "b"), document(&[decrypt(3)]).as_bytes()),
    ]);
    let all = "rejects,unreadable,gaps,conflicts";
    let cases: [(&[&str], i32, &[&str]); 16] = [
        (&["good.json", "--fail-on", all], 0, &[]),
        (&["cut.json"], 1, &[]),
        (&["cut.json", "--fail-on", "unreadable,gaps,conflicts"], 1, &[]),
        (&["cut.json", "--fail-on", all], 3, &["rejects"]),
        (&["good.json", "gone.json", "--fail-on", "rejects,gaps,conflicts"], 1, &[]),
        (&["good.json", "gone.json", "--fail-on", "unreadable"], 3, &["unreadable"]),
        (&["conflict.json", "--fail-on", "rejects,unreadable,gaps"], 0, &[]),
        (&["conflict.json", "--fail-on", "conflicts"], 3, &["conflicts"]),
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
    assert!(days[0].1.starts_with("2 delivery days"), "{days:?}");
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
