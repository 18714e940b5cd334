//! Inputs that cannot be opened, hold nothing, or are misspelled addresses.

use std::fs;

use serde_json::json;
use testkit::{accounts, analyze_in, everything, folder, good, keytrail, read_report, root, run, state};

use crate::text;

/// No report is written, and the message says what was probably meant.
#[test]
fn an_address_that_is_not_an_input_is_refused_with_what_was_meant() {
    let dir = folder(&[("a.json", &good(1))]);
    for (input, wanted) in [
        ("s3:/my-trail/AWSLogs", "did you mean s3://my-trail/AWSLogs?"),
        ("s3:my-trail", "did you mean s3://my-trail?"),
        ("s3//my-trail/x", "did you mean s3://my-trail/x?"),
        ("arn:aws:s3:::my-trail/AWSLogs/", "did you mean s3://my-trail/AWSLogs/?"),
        ("https://my-trail.s3.eu-west-1.amazonaws.com/AWSLogs/", "did you mean s3://my-trail/AWSLogs/?"),
        ("https://s3.amazonaws.com/my-trail/AWSLogs", "did you mean s3://my-trail/AWSLogs?"),
        ("s3a://my-trail/AWSLogs", "did you mean s3://my-trail/AWSLogs?"),
        ("file:///var/log/trail", "did you mean /var/log/trail?"),
        ("gs://my-trail/AWSLogs", "s3://bucket/prefix"),
        ("https://example.com/a.json.gz", "s3://bucket/prefix"),
    ] {
        for args in [&["analyze"][..], &["analyze", "a.json"], &["analyze", "-q"], &["events"], &["rules"]] {
            let ran = run(keytrail().current_dir(dir.path()).args(args).arg(input));
            assert_eq!(ran.status, 2, "{args:?} {input}: {}", ran.stderr);
            assert!(ran.stderr.contains(wanted) && ran.stderr.contains(input), "{input}: {}", ran.stderr);
            assert_eq!(text(&ran.stdout), "");
        }
    }
    let ran = run(keytrail().current_dir(dir.path()).args(["analyze", "a.json", "-o", "s3:/b/report"]));
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("did you mean s3://b/report?"), "{}", ran.stderr);
    assert_eq!(everything(dir.path()).len(), 1, "nothing is written");

    // A file of such a name is a file.
    fs::create_dir_all(dir.path().join("s3:/b")).unwrap();
    fs::write(dir.path().join("s3:/b/a.json"), good(3)).unwrap();
    accounts(&analyze_in(dir.path(), &["s3:/b"]), &[("selected", 2)]);
}

#[test]
fn without_any_input_that_opens_there_is_no_report() {
    let dir = folder(&[("a.json", &good(1))]);
    let cases: [(&[&str], &[&str]); 4] = [
        (&["gone.json"], &["cannot open gone.json", "No such file"]),
        (&["gone.json", "gone/b.json", "a.json/c"], &["gone.json", "gone/b.json", "a.json/c", "Not a dir"]),
        (&["my-trail/AWSLogs/"], &["did you mean s3://my-trail/AWSLogs/?"]),
        (&["1", "2", "3", "4", "5", "6", "7"], &["5: ", "and 2 more"]),
    ];
    for (inputs, wanted) in cases {
        for command in [&["analyze"][..], &["analyze", "-q"], &["events"], &["rules"]] {
            let ran = run(keytrail().current_dir(dir.path()).args(command).args(inputs));
            assert_eq!(ran.status, 2, "{command:?} {inputs:?}: {}", ran.stderr);
            for word in wanted {
                assert!(ran.stderr.contains(word), "{word}: {}", ran.stderr);
            }
        }
    }
    assert_eq!(everything(dir.path()).len(), 1, "nothing is written");
}

#[test]
fn quiet_still_prints_inputs_that_cannot_be_read() {
    let dir = folder(&[("a.json", &good(1))]);
    for command in ["analyze", "events", "rules"] {
        let ran = run(keytrail().current_dir(dir.path()).args([command, "-q", "a.json", "gone.json"]));
        assert_eq!(ran.status, 1, "{}", ran.stderr);
        assert!(ran.stderr.contains("gone.json") && ran.stderr.contains("No such file"), "{}", ran.stderr);
    }
}

/// Whatever an input is, the three commands that read it end with the same status.
#[test]
fn all_commands_end_alike() {
    let mut statuses = [0; 3];
    for folder in ["damaged", "containers", "envelopes", "lake", "ocsf", "shapes"] {
        let folder = root().join("tests/data").join(folder);
        for name in everything(&folder).into_keys().filter(|name| !name.ends_with('/')) {
            let file = folder.join(name);
            let ends = ["analyze", "events", "rules"].map(|command| {
                let scratch = tempfile::tempdir().unwrap();
                let mut program = keytrail();
                program.current_dir(scratch.path()).args([command, "-q", "--threads", "1"]).arg(&file);
                run(&mut program).status
            });
            assert_eq!(ends, [ends[0]; 3], "{}", file.display());
            statuses[ends[0] as usize] += 1;
        }
    }
    assert!(statuses[0] > 20 && statuses[1] > 20 && statuses[2] == 0, "{statuses:?}");
}

/// The same status, line and row, whatever is empty; and it is an alarm where one was asked for.
#[test]
fn an_input_without_archives_is_said_and_no_failure() {
    let dir = folder(&[("a.json", &good(1))]);
    fs::create_dir_all(dir.path().join("logs/2026/11")).unwrap();
    fs::create_dir_all(dir.path().join("new")).unwrap();
    let report = analyze_in(dir.path(), &["logs/2026/11", "new"]);
    assert_eq!(report.status, 0, "{}", report.stderr);
    accounts(&report, &[]);
    for uri in ["logs/2026/11", "new"] {
        assert_eq!(state(&report.inputs(), uri), ("skipped", "no_archive"));
        assert!(report.stderr.contains(&format!("empty: no archive in {uri}\n")), "{}", report.stderr);
    }
    assert!(report.stderr.contains("there is no archive in the inputs named"), "{}", report.stderr);
    let inputs = &report.run_json()["inputs"];
    assert_eq!(*inputs, json!({"complete": 0, "partial": 0, "unreadable": 0, "skipped": 2}));
    for command in ["events", "rules"] {
        let ran = run(keytrail().current_dir(dir.path()).args([command, "new"]));
        assert_eq!(ran.status, 0);
        assert!(ran.stderr.contains("empty: no archive in new"), "{command}: {}", ran.stderr);
    }
    // The current directory with nothing in it, and one that holds only the report being written.
    let report = analyze_in(&dir.path().join("new"), &["."]);
    assert_eq!((report.status, state(&report.inputs(), ".")), (0, ("skipped", "no_archive")));
}

#[test]
fn conditions_for_what_is_empty_and_what_is_no_archive() {
    let digest = json!({"digestS3Bucket": "b", "digestS3Object": "o", "logFiles": [],
        "digestStartTime": "2024-03-05T10:00:00Z", "digestEndTime": "2024-03-05T11:00:00Z"});
    let dir = folder(&[
        ("good/a.json", &good(1)),
        ("digests/d.json", digest.to_string().as_bytes()),
        ("notes/n.txt", b"hello"),
    ]);
    fs::create_dir(dir.path().join("empty")).unwrap();
    let cases: [(&[&str], i32, &[&str]); 7] = [
        (&["good", "digests", "--fail-on", "skipped,empty"], 0, &[]),
        (&["good", "notes", "--fail-on", "empty"], 0, &[]),
        (&["good", "notes", "--fail-on", "skipped"], 3, &["--fail-on skipped: 1 "]),
        (&["good", "empty", "--fail-on", "skipped"], 0, &[]),
        (&["good", "empty", "--fail-on", "empty"], 3, &["--fail-on empty: 1 "]),
        (&["empty", "--fail-on", "empty", "-q"], 3, &["--fail-on empty: 1 "]),
        (&["notes", "empty", "--fail-on", "empty,skipped"], 3, &["--fail-on empty", "--fail-on skipped"]),
    ];
    for (args, status, wanted) in cases {
        let report = analyze_in(dir.path(), args);
        assert_eq!(report.status, status, "{args:?}: {}", report.stderr);
        for word in wanted {
            assert!(report.stderr.contains(word), "{args:?}: {}", report.stderr);
        }
    }
}

/// A folder that was empty last night has archives today.
#[test]
fn an_incremental_run_reads_what_has_come_into_an_empty_folder() {
    let dir = folder(&[]);
    fs::create_dir(dir.path().join("logs")).unwrap();
    let analyze = || {
        let ran = run(keytrail().current_dir(dir.path()).args([
            "analyze",
            "logs",
            "--incremental",
            "-o",
            "report",
        ]));
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        let (run_json, inputs, _) = read_report(dir.path());
        let names: Vec<String> =
            inputs.iter().map(|row| row["archive"].as_str().unwrap().to_owned()).collect();
        (names, run_json["totals"]["selected"].clone())
    };
    assert_eq!(analyze(), (vec!["logs".to_owned()], json!(0)));
    fs::write(dir.path().join("logs/a.json"), good(1)).unwrap();
    assert_eq!(analyze(), (vec!["logs/a.json".to_owned()], json!(2)));
}
