//! The report that `analyze` leaves on disk: its files, the folder it goes into, and what stays as
//! it was.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use flate2::read::MultiGzDecoder;
use serde_json::Value;
use sha2::{Digest, Sha256};
use testkit::{
    ANY, analyze, analyze_in, binary, decrypt, document, everything, gzip, input, keytrail, names, root,
    rows, run, sorted,
};

use crate::{PARTS, SAMPLE, text};

#[test]
fn the_main_command_reports_the_sample_logs() {
    let dir = tempfile::tempdir().unwrap();
    let ran = run(keytrail().current_dir(dir.path()).args(["analyze", SAMPLE]));
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(text(&ran.stdout), "");
    let accounting = "2,453 = 74 selected + 3 duplicate + 3 other_copy + 2,078 other_source + 89 other_event + 204 other_workload + \
                      2 not_usage";
    let line =
        ran.stderr.lines().find_map(|line| line.strip_prefix("accounting ")).expect("an accounting line");
    assert_eq!(line.trim(), accounting);

    // The directory that is written unless another is named, and nothing beside what a report
    // consists of.
    assert_eq!(names(dir.path()), ["keytrail-report"]);
    let report = dir.path().join("keytrail-report");
    assert_eq!(names(&report), PARTS);
    assert_eq!(rows(&report.join("rejects.parquet")), Vec::<Value>::new());
    for day in sorted(&report.join("events")) {
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
    assert_eq!((selected, daily), (74, 74));
}

/// Whoever sees run.json sees the whole report: the renaming of the other parts is not after its
/// own.
/// On standard output when asked for, and then not on standard error.
#[test]
fn the_summary_is_printed_in_the_form_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("report");
    let summary = |form: &str| {
        let mut command = keytrail();
        command.current_dir(root()).args(["analyze", "--force", "--summary", form, "-o"]);
        let ran = run(command.arg(&report).arg("sample-logs"));
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        assert!(!ran.stderr.contains("accounting"), "{}", ran.stderr);
        text(&ran.stdout).to_owned()
    };
    let printed = summary("text");
    assert!(printed.contains("\naccounting 2,453 = 74 selected"), "{printed}");
    assert!(printed.contains("/report/report.html\n"), "{printed}");
    let has_day = |line: &str| line.contains("eu-central-1: 20") || line.contains("us-west-2: 20");
    assert!(printed.lines().any(has_day), "it says which days are missing for whom:\n{printed}");
    let printed: Value = serde_json::from_str(&summary("json")).unwrap();
    let written: Value = serde_json::from_slice(&fs::read(report.join("run.json")).unwrap()).unwrap();
    assert_eq!(printed, written);
    assert!(summary("md").starts_with("# KMS usage: a keytrail report\n"));
}

/// Whoever looks at `run.json` is not deceived, and whoever parses it gets what was in the records.
#[test]
fn run_json_escapes_what_is_not_seen() {
    let unseen = "a\u{202e}\u{200b}\u{2028}\u{feff}\u{e0041}\u{9b}\u{85}\u{7f}\u{1b}\u{3164}";
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.json"), document(&[decrypt(1)])).unwrap();
    let mut command = keytrail();
    command.current_dir(dir.path()).args(["analyze", "-q", "-o", "report", "--principal", unseen]);
    let ran = run(command.arg("a.json"));
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let json = fs::read_to_string(dir.path().join("report/run.json")).unwrap();
    assert!(!json.contains(|c: char| c != '\n' && (c.is_control() || unseen[1..].contains(c))), "{json}");
    let run: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(run["options"]["principal"][0], unseen);
}

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
        let mine = [("report/".to_owned(), Vec::new()), (format!("report/{file}"), b"mine".to_vec())];
        assert_eq!(everything(dir.path()), BTreeMap::from(mine));
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
    let fresh = testkit::analyze(&[&ANY[..], &two_days[..4], &[SAMPLE]].concat());
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

/// Two runs into one directory would mix their files: one of them writes, whatever the options are.
#[test]
fn of_two_runs_into_one_directory_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let start = |options: &[&str]| {
        let mut command = keytrail();
        command.current_dir(dir.path()).args(["analyze", "-q", SAMPLE, "-o", "report"]).args(options);
        command
    };
    assert_eq!(run(&mut start(&[])).status, 0);
    let directory = fs::File::open(dir.path().join("report")).unwrap();
    directory.lock().unwrap(); // as a run would
    for options in [&["--force"][..], &["--force", "--incremental"], &[]] {
        let refused = run(&mut start(options));
        assert_eq!(refused.status, 2, "{options:?}");
        assert!(refused.stderr.contains("another run is writing to report"), "{}", refused.stderr);
    }
    drop(directory);
    for _ in 0..5 {
        let until = ["2023-03-20", "2024-01-01", "2099-01-01"];
        let runs: Vec<_> = until
            .iter()
            .map(|until| {
                let mut command = start(&["--force", "--until", until]);
                command.stderr(std::process::Stdio::piped()).spawn().unwrap()
            })
            .collect();
        let ends: Vec<_> = runs.into_iter().map(|run| run.wait_with_output().unwrap()).collect();
        assert!(ends.iter().any(|end| end.status.success()));
        for end in ends.iter().filter(|end| !end.status.success()) {
            let said = String::from_utf8_lossy(&end.stderr);
            assert!(said.contains("another run is writing to report"), "{said}");
        }
        // The tables are those of the run that `run.json` tells about.
        let json = fs::read_to_string(dir.path().join("report/run.json")).unwrap();
        let json: Value = serde_json::from_str(&json).unwrap();
        let usage = rows(&dir.path().join("report/usage.parquet"));
        let events: i64 = usage.iter().map(|row| row["event_count"].as_i64().unwrap()).sum();
        assert_eq!(json["totals"]["selected"], events);
    }
}

/// Files and folders of a report, and those of a checkpoint, have the mode that the umask leaves.
#[test]
fn the_umask_decides_who_may_read_a_report() {
    for (umask, file, folder) in [("022", 0o644, 0o755), ("027", 0o640, 0o750), ("077", 0o600, 0o700)] {
        let dir = tempfile::tempdir().unwrap();
        let script = format!("umask {umask}; exec \"$0\" analyze -q --incremental -o report \"$1\"");
        let mut command = std::process::Command::new("sh");
        let ran = run(command.current_dir(dir.path()).args(["-c", &script]).arg(binary()).arg(SAMPLE));
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        let mut folders = vec![dir.path().join("report")];
        while let Some(path) = folders.pop() {
            let mode = path.metadata().unwrap().permissions().mode() & 0o777;
            let expected = if path.is_dir() { folder } else { file };
            assert_eq!(mode, expected, "umask {umask}: {}", path.display());
            if path.is_dir() {
                folders.extend(sorted(&path));
            }
        }
    }
}
