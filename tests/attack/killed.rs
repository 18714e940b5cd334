//! What cannot be caught in the process: a run is killed while it reads an archive, again and
//! again.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use testkit::{decrypt, good, gzip, keytrail, read_report, run, state};

/// An archive of 64 MiB, which takes a while to read.
fn large() -> Vec<u8> {
    let mut record = decrypt(1);
    record["eventSource"] = "s3.amazonaws.com".into();
    let line = record.to_string() + "\n";
    gzip(line.repeat((1 << 20) / line.len()).as_bytes()).repeat(64)
}

fn incremental(dir: &Path, args: &[&str]) -> Command {
    let mut command = keytrail();
    command.current_dir(dir).args(["analyze", "--incremental", "-o", "report", "logs"]).args(args);
    command
}

/// Kills a run while it reads the archive of this name, in which so many runs have died.
fn kill_in(dir: &Path, name: &str, deaths: u32) {
    let mut child = incremental(dir, &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let journal = dir.join("report/_keytrail/reading.json");
    // What an earlier run left there names fewer deaths.
    let entry = format!(r#""deaths":{deaths},"in_work":true"#);
    let is_in_work = |line: &str| line.contains(name) && line.contains(&entry);
    while !fs::read_to_string(&journal).is_ok_and(|text| text.lines().any(is_in_work)) {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was killed");
    }
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
}

#[test]
fn an_archive_that_kills_two_runs_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("logs")).unwrap();
    fs::write(dir.path().join("logs/large.json.gz"), large()).unwrap();
    fs::write(dir.path().join("logs/sound.json"), good(1)).unwrap();
    kill_in(dir.path(), "large.json.gz", 0);
    kill_in(dir.path(), "large.json.gz", 1);
    for _ in 0..2 {
        let ran = run(&mut incremental(dir.path(), &[]));
        assert_eq!(ran.status, 1, "{}", ran.stderr);
        assert!(ran.stderr.contains("killed_a_run: two runs were killed"), "{}", ran.stderr);
        let (run_json, inputs, _) = read_report(dir.path());
        assert_eq!(state(&inputs, "logs/large.json.gz"), ("unreadable", "killed_a_run"));
        assert_eq!(state(&inputs, "logs/sound.json"), ("complete", ""));
        assert_eq!(run_json["totals"]["selected"], 2);
    }
    let ran = run(&mut incremental(dir.path(), &["--force"]));
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(state(&read_report(dir.path()).1, "logs/large.json.gz").0, "complete");
    assert!(!dir.path().join("report/_keytrail/reading.json").exists());
}

/// A signal that asks a run to end blames nothing.
#[test]
fn a_run_that_is_stopped_blames_nothing() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("logs")).unwrap();
    fs::write(dir.path().join("logs/large.json.gz"), large()).unwrap();
    let journal = dir.path().join("report/_keytrail/reading.json");
    for _ in 0..3 {
        let mut child =
            incremental(dir.path(), &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while !fs::read_to_string(&journal).is_ok_and(|text| text.contains("large")) {}
        testkit::signal(&child, "TERM");
        assert_eq!(testkit::ended(&mut child), 130);
        assert!(!journal.exists());
    }
}
