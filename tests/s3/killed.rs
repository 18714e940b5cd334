//! The journal of a run whose report is in S3: an archive in which runs are killed is set aside,
//! however fast it kills, and sound runs ask for next to nothing.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;
use testkit::bed::{Bed, Fault, Operation};
use testkit::{Ran, decrypt, folder, good, gzip, keytrail, run, signal, state};

const JOURNAL: &str = "report/_keytrail/reading.json";

fn command(bed: &Bed, dir: &TempDir) -> Command {
    let mut command = bed.around(keytrail());
    command.current_dir(dir).args(["analyze", "--incremental", "--threads", "1", "-o", &bed.uri("report")]);
    command.arg("logs");
    command
}

fn start(bed: &Bed, dir: &TempDir) -> Child {
    command(bed, dir).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Kills a run. As if it had been long ago: its lock is gone.
fn kill(bed: &Bed, mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
    bed.proxy.leave_alone();
    bed.delete("report/_keytrail/lock");
}

fn journal(bed: &Bed) -> Option<String> {
    Some(String::from_utf8(bed.get(JOURNAL)?).unwrap())
}

/// Waits until a line of the journal holds all of these.
fn wait_for(bed: &Bed, parts: &[&str]) {
    let is_it = |line: &str| parts.iter().all(|part| line.contains(part));
    for _ in 0..3000 {
        if journal(bed).is_some_and(|text| text.lines().any(is_it)) {
            return;
        }
        sleep(Duration::from_millis(10));
    }
    panic!("{:?}", journal(bed));
}

/// How often the journal was written since the last call.
fn writes(bed: &Bed) -> usize {
    let asked = bed.proxy.asked();
    bed.proxy.forget();
    asked.iter().filter(|asked| asked.key == JOURNAL && asked.operation == Operation::PutObject).count()
}

fn assert_refused(bed: &Bed, ran: &Ran, name: &str) {
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("killed_a_run: two runs were killed"), "{}", ran.stderr);
    let dir = tempfile::tempdir().unwrap();
    let inputs = testkit::rows(&bed.fetch("report/", dir.path()).join("inputs.parquet"));
    assert_eq!(state(&inputs, name), ("unreadable", "killed_a_run"));
    assert_eq!(state(&inputs, "logs/a.json"), ("complete", ""));
    assert_eq!(state(&inputs, "logs/z.json"), ("complete", ""));
}

/// An archive that takes some seconds to read.
fn large() -> Vec<u8> {
    let mut record = decrypt(1);
    record["eventSource"] = "s3.amazonaws.com".into();
    let line = record.to_string() + "\n";
    gzip(line.repeat((1 << 20) / line.len()).as_bytes()).repeat(512)
}

#[test]
fn an_archive_that_kills_two_runs_is_not_read() {
    let bed = Bed::start();
    let dir =
        folder(&[("logs/a.json", &good(1)), ("logs/large.json.gz", &large()), ("logs/z.json", &good(3))]);
    for deaths in ["\"deaths\":0", "\"deaths\":1"] {
        let child = start(&bed, &dir);
        wait_for(&bed, &["large.json.gz", deaths, "\"in_work\":true"]);
        kill(&bed, child);
    }
    for _ in 0..2 {
        let ran = run(&mut command(&bed, &dir));
        assert_refused(&bed, &ran, "logs/large.json.gz");
    }
    // A signal blames nothing more, and what is set aside stays so.
    fs::copy(dir.path().join("logs/large.json.gz"), dir.path().join("logs/other.json.gz")).unwrap();
    let mut child = start(&bed, &dir);
    wait_for(&bed, &["other.json.gz", "\"in_work\":true"]);
    signal(&child, "TERM");
    assert_eq!(testkit::ended(&mut child), 130);
    let left = journal(&bed).unwrap();
    assert!(left.lines().count() == 1 && left.contains("large.json.gz"), "{left}");
}

/// It ends the run at once, before a request could name it.
#[test]
fn one_that_kills_at_once_is_found_too() {
    let bed = Bed::start();
    let dir = folder(&[("logs/a.json", &good(1)), ("logs/bad.json", &good(2)), ("logs/z.json", &good(3))]);
    // The first run notes only that it reads, later ones name each archive before it is opened.
    for (at, part) in [(0, ""), (1, "\"deaths\":0"), (1, "\"deaths\":1")] {
        let count = Mutex::new(0);
        bed.proxy.meddle(move |asked| {
            let is_write = asked.key == JOURNAL && asked.operation == Operation::PutObject;
            let mut count = count.lock().unwrap();
            *count += usize::from(is_write);
            (is_write && *count == at + 1).then_some(Fault::StallInBody)
        });
        let child = start(&bed, &dir);
        match at {
            0 => wait_for(&bed, &["is reading"]),
            _ => wait_for(&bed, &["bad.json", part, "\"in_work\":true"]),
        }
        kill(&bed, child);
    }
    let ran = run(&mut command(&bed, &dir));
    assert_refused(&bed, &ran, "logs/bad.json");
    assert!(writes(&bed) > 1, "an earlier run died");
    fs::write(dir.path().join("logs/y.json"), good(5)).unwrap();
    assert_refused(&bed, &run(&mut command(&bed, &dir)), "logs/bad.json");
    assert_eq!(writes(&bed), 2, "that it reads, and what is set aside");
    // It is read again when it changes.
    fs::write(dir.path().join("logs/bad.json"), good(20)).unwrap();
    assert_eq!(run(&mut command(&bed, &dir)).status, 0);
}

#[test]
fn sound_archives_cost_three_requests_altogether() {
    let bed = Bed::start();
    let names: Vec<String> = (0..200).map(|n| format!("logs/{n:03}.json")).collect();
    let content: Vec<Vec<u8>> = (0..200).map(|n| good(2 * n)).collect();
    let files: Vec<(&str, &[u8])> =
        names.iter().map(|name| &**name).zip(content.iter().map(|c| &**c)).collect();
    let dir = folder(&files);
    assert_eq!(run(&mut command(&bed, &dir)).status, 0);
    let asked = bed.proxy.asked();
    let of_journal = asked.iter().filter(|asked| asked.key == JOURNAL);
    let operations: Vec<Operation> = of_journal.map(|asked| asked.operation).collect();
    assert_eq!(operations, [Operation::GetObject, Operation::PutObject, Operation::DeleteObject]);
    assert_eq!(journal(&bed), None);
}
