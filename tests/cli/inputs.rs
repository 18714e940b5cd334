//! What is named as input: files, folders, pipes, standard input, and what cannot be read of them.

use std::fs::{self, File};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;

use keytrail::format::json::Backend;
use testkit::{
    ANY, Report, accounts, analyze_by, analyze_in, corpus, decrypt, document, ended, folder, good, gzip,
    input, keytrail, mkfifo, places, read_report, root, rows, run, skip, state, unprivileged,
};

use crate::{SAMPLE, events, text};

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

/// The instructions to split with can be chosen. They change nothing, and what this processor does
/// not have is refused.
#[test]
fn back_ends_are_chosen_by_the_environment() {
    let expected = events(&[&ANY[..], &[SAMPLE]].concat());
    let with = |name: &str| {
        let mut command = keytrail();
        run(command.current_dir(root()).env(Backend::ENV_VAR, name).arg("events").args(ANY).arg(SAMPLE))
    };
    for name in Backend::available().iter().map(|backend| backend.name()).chain([""]) {
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
fn an_unreadable_file_is_said_and_the_others_go_on() {
    let dir = folder(&[("in/a.json", &good(1)), ("in/z.json", &good(3))]);
    let inside = dir.path().join("in");
    // A link to nothing, a file that opens but cannot be read at its first byte.
    symlink("gone", inside.join("dangling")).unwrap();
    let mut unreadable = vec!["in/dangling"];
    if Path::new("/proc/self/mem").exists() {
        symlink("/proc/self/mem", inside.join("mem")).unwrap();
        unreadable.push("in/mem");
    } else {
        skip("a file that opens and cannot be read", "there is no /proc/self/mem");
    }
    let program = unprivileged();
    if program.is_some() {
        fs::write(inside.join("locked"), good(5)).unwrap();
        fs::set_permissions(inside.join("locked"), fs::Permissions::from_mode(0o000)).unwrap();
        unreadable.push("in/locked");
    }
    let report = analyze_by(program.unwrap_or_else(keytrail).current_dir(dir.path()), &["in"]);
    assert_eq!(report.status, 1, "{}", report.stderr);
    accounts(&report, &[("selected", 4)]);
    let inputs = report.inputs();
    for uri in &unreadable {
        let (status, reason) = state(&inputs, uri);
        assert_eq!(status, "unreadable", "{uri}");
        assert!(!reason.is_empty(), "{uri}");
        assert!(report.stderr.contains(uri), "{uri} is not named in: {}", report.stderr);
    }
    assert_eq!(inputs.len(), unreadable.len() + 2, "{inputs:#?}");
}

#[test]
fn a_vanished_input_is_said_and_the_others_go_on() {
    let dir = folder(&[("a.json", &good(1)), ("in/b.json", &good(3))]);
    let report = analyze_in(dir.path(), &["a.json", "gone.json", "in", "gone/b.json", "a.json/below"]);
    assert_eq!(report.status, 1);
    accounts(&report, &[("selected", 4)]);
    let inputs = report.inputs();
    for uri in ["gone.json", "gone/b.json", "a.json/below"] {
        assert_eq!(state(&inputs, uri).0, "unreadable");
        assert!(report.stderr.contains(uri), "{}", report.stderr);
    }
    assert_eq!(report.run_json()["inputs"]["unreadable"], 3);
}

/// A connection that breaks: the data sent before arrive, then reading fails.
#[test]
fn an_input_that_breaks_in_the_middle_keeps_what_came_before() {
    let records = [decrypt(1), decrypt(2), decrypt(3)];
    let text = document(&records);
    let start = places(&text, &records)[2].start;
    let cut = start + 40;
    for (bytes, offset) in
        [(&text.as_bytes()[..cut], Some(start)), (&text.as_bytes()[..start], None), (&[][..], None)]
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut theirs, _) = listener.accept().unwrap();
        // Closing with something unread resets the connection instead of ending it.
        ours.write_all(b"unread").unwrap();
        theirs.peek(&mut [0]).unwrap();
        theirs.write_all(bytes).unwrap();
        drop(theirs);
        let dir = tempfile::tempdir().unwrap();
        let mut command = keytrail();
        command.current_dir(dir.path()).args(["analyze", "-o", "report", "-"]);
        let ran = run(command.stdin(Stdio::from(OwnedFd::from(ours))));
        assert_eq!(ran.status, 1, "{}", ran.stderr);
        let (run, inputs, rejects) = read_report(dir.path());
        if bytes.is_empty() {
            assert_eq!(state(&inputs, "-").0, "unreadable");
            assert_eq!(run["totals"]["records"], 0);
            continue;
        }
        assert_eq!(run["totals"]["selected"], 2);
        assert_eq!(run["totals"]["rejected"], 1);
        assert_eq!(state(&inputs, "-"), ("partial", "read_error"));
        assert_eq!(rejects[0]["reason"], "read_error");
        assert_eq!(rejects[0]["record_offset"].as_u64(), offset.map(|n| n as u64));
    }
}

#[test]
fn a_pipe_inside_a_directory_is_skipped_without_waiting_for_it() {
    let dir = folder(&[("in/a.json", &good(1)), ("in/z.json", &good(3))]);
    mkfifo(&dir.path().join("in/pipe"));
    let mut command = keytrail();
    command.current_dir(dir.path()).args(["analyze", "-q", "-o", "report", "in"]);
    assert_eq!(ended(&mut command.spawn().unwrap()), 0);
    let (run, inputs, _) = read_report(dir.path());
    assert_eq!(run["totals"]["selected"], 4);
    assert_eq!(state(&inputs, "in/pipe"), ("skipped", "not_a_file"));
}

#[test]
fn a_pipe_named_as_input_is_read() {
    for bytes in [good(1), gzip(&good(1))] {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        mkfifo(&pipe);
        let mut command = keytrail();
        command.current_dir(dir.path()).args(["analyze", "-q", "-o", "report", "pipe"]);
        let mut child = command.spawn().unwrap();
        File::options().write(true).open(&pipe).unwrap().write_all(&bytes).unwrap();
        assert_eq!(ended(&mut child), 0);
        let (run, inputs, _) = read_report(dir.path());
        assert_eq!(run["totals"]["selected"], 2);
        assert_eq!(state(&inputs, "pipe"), ("complete", ""));
    }
}

/// Links from 14 directories to their parent: 16,383 names for one file without a rule against it.
#[test]
fn a_directory_is_read_once_however_many_links_lead_to_it() {
    let dir = folder(&[("in/z.json", &good(1))]);
    let mut path = dir.path().join("in");
    for n in 0..14 {
        symlink("..", path.join("a")).unwrap();
        path = path.join(format!("d{n}"));
        fs::create_dir(&path).unwrap();
        symlink("..", path.join("b")).unwrap();
    }
    symlink("..", path.join("a")).unwrap();
    let report = analyze_in(dir.path(), &["in/d0/.."]);
    assert_eq!(report.status, 0, "{}", report.stderr);
    let inputs = report.inputs();
    assert!(inputs.len() < 40, "{}", inputs.len());
    assert_eq!(inputs.iter().filter(|input| input["status"] == "complete").count(), 1);
    assert!(inputs.iter().any(|input| input["reason"] == "already_listed"));
    assert_eq!(report.run_json()["totals"]["selected"], 2);
}

/// The report is not read as input, whatever the name that leads to it.
#[test]
fn a_link_to_the_report_is_not_read() {
    let dir = folder(&[("in/a.json", &good(1))]);
    for _ in 0..2 {
        let mut command = keytrail();
        let args = ["analyze", "-q", "--force", "-o", "in/report", "in"];
        let ran = run(command.current_dir(dir.path()).args(args));
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        let _ = symlink("report", dir.path().join("in/other"));
    }
    assert_eq!(rows(&dir.path().join("in/report/inputs.parquet")).len(), 1);
}

/// A pipe or an endless file in the place of a small file neither blocks nor fills memory.
#[test]
fn small_files_are_read_within_bounds() {
    let dir = folder(&[("in/a.json", &good(1))]);
    let metrics = dir.path().join("metrics.prom");
    mkfifo(&metrics);
    let mut command = keytrail();
    command.current_dir(dir.path()).args([
        "analyze",
        "-q",
        "-o",
        "report",
        "in",
        "--metrics",
        "metrics.prom",
    ]);
    assert_eq!(ended(&mut command.stderr(Stdio::null()).spawn().unwrap()), 0);
    for option in ["--rules", "--aliases"] {
        let args = ["in", option, "/dev/zero", "--force"];
        let ran = testkit::with_memory(400_000, dir.path(), &args);
        assert_eq!(ran.status, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains("/dev/zero") && ran.stderr.contains("64 MiB"), "{}", ran.stderr);
    }
}
