//! `--log-format json`: one object a line, and the last line says how the run ended.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use testkit::{decrypt, document, ended, folder, keytrail, mkfifo, run, signal, sorted};

use super::metrics::Page;
use super::{analyze, json_lines, of_level};
use crate::SAMPLE;

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

    // What people are warned of, one line each; where people see a list, up to the list.
    let text = analyze(dir.path(), &[SAMPLE]).stderr;
    let (_, relying) = text.split_once("Before relying on these numbers").unwrap();
    let told: Vec<&str> = relying.lines().filter_map(|line| line.strip_prefix("  - ")).collect();
    let warnings = of_level(&lines, "WARN");
    assert_eq!(warnings.len(), told.len());
    for (warning, told) in warnings.iter().zip(told) {
        let message = warning["message"].as_str().unwrap();
        assert!(message == told || told.ends_with(':') && message.starts_with(told), "{message}: {told}");
    }
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
        let lines = lines.iter().filter(|line| line["level"] == "WARN" || line["level"] == "ERROR");
        lines.filter(|line| line["archive"] == archive).collect()
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

/// A run whose input never ends, stopped while it reads or while it waits: its exit status, and
/// what it said.
fn stopped(name: &str, reads: bool, dir: &Path) -> (i32, String) {
    let pipe = dir.join("pipe");
    mkfifo(&pipe);
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
        let names: Vec<String> = sorted(dir.path()).iter().map(|p| p.display().to_string()).collect();
        assert_eq!(names.len(), 3, "{names:?}");
        assert_eq!(fs::read(dir.path().join("report/run.json")).unwrap(), report, "the old report stays");
    }
}
