//! `--metrics`: the file for Prometheus, read by a strict reader here and by that of Prometheus's
//! Python client.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use regex::Regex;
use serde_json::Value;
use testkit::{decrypt, document, ended, folder, keytrail, mkfifo, python, run, skip, sorted};

use super::{analyze, json_lines, of_level};
use crate::SAMPLE;

/// A file in the text format, read by the letter of its definition.
pub struct Page {
    pub samples: BTreeMap<(String, BTreeMap<String, String>), f64>,
}

impl Page {
    pub fn of(path: &Path) -> Self {
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
    pub fn value(&self, family: &str, labels: &[(&str, &str)]) -> f64 {
        let is_it = |(name, found): &(String, BTreeMap<String, String>)| {
            let others = found.iter().filter(|(label, _)| *label != "output");
            name == family && others.map(|(l, v)| (l.as_str(), v.as_str())).eq(labels.iter().copied())
        };
        let found: Vec<f64> = self.samples.iter().filter(|(key, _)| is_it(key)).map(|(_, v)| *v).collect();
        assert_eq!(found.len(), 1, "{family} {labels:?}");
        found[0]
    }

    pub fn has(&self, family: &str) -> bool {
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
fn metrics_are_for_others_to_read_and_nothing_lies_beside_them() {
    let dir = folder(&[("in/a.json", document(&[decrypt(1)]).as_bytes()), ("metrics/k.prom", b"old")]);
    let path = dir.path().join("metrics/k.prom");
    let mut held = File::open(&path).unwrap();
    assert_eq!(analyze(dir.path(), &["in", "--metrics", "metrics/k.prom"]).status, 0);
    let mut text = String::new();
    held.read_to_string(&mut text).unwrap();
    assert_eq!(text, "old", "whoever has it open reads it to its end");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(sorted(path.parent().unwrap()), [path]);
}

#[test]
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
    mkfifo(&pipe);
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

/// The parser of Prometheus's own Python client, where there is one (see
/// `formats/second_reader.rs`).
fn second_reader(path: &Path, ours: &Page) {
    let script = "import json, sys
from prometheus_client.parser import text_string_to_metric_families as parse
found = [[s.name, s.labels, repr(s.value)] for f in parse(open(sys.argv[1], newline='').read()) for s in f.samples]
json.dump(found, sys.stdout)";
    let output = Command::new(python()).args(["-c", script]).arg(path).output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        let why = format!("{} cannot import prometheus_client", python().display());
        return skip("the metrics, by Prometheus's own parser", why);
    };
    // Values come as text: serde_json may miss the last bit of a number, `parse` does not.
    let found: Vec<(String, BTreeMap<String, String>, String)> =
        serde_json::from_slice(&output.stdout).unwrap();
    let found: BTreeMap<_, f64> =
        found.into_iter().map(|(name, labels, v)| ((name, labels), v.parse().unwrap())).collect();
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
