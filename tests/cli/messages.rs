//! What is printed for people: hints, colour, progress, `--quiet` and `--verbose`.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use testkit::{analyze_in, decrypt, document, folder, keytrail, run};

use crate::{SAMPLE, text};

#[test]
fn a_run_that_finds_nothing_says_what_may_explain_it() {
    let dir = tempfile::tempdir().unwrap();
    let s3 = r#"{"eventVersion":"1.09","eventSource":"s3.amazonaws.com","eventName":"GetObject","eventTime":"2024-03-05T10:00:00Z"}"#;
    fs::write(dir.path().join("s3.json"), document(&[s3])).unwrap();
    fs::write(dir.path().join("other.json"), "{\"a\":1}").unwrap();
    fs::write(dir.path().join("kms.json"), document(&[decrypt(1)])).unwrap();
    fs::create_dir(dir.path().join("empty")).unwrap();
    let cases: [(&[&str], &[&str]); 7] = [
        (&["kms.json", "--workload", "autopilot"], &["1 call belongs to other workloads", "--workload any"]),
        (&["kms.json", "--event", "Encrypt"], &["1 KMS event is of other APIs", "--event any"]),
        (&["kms.json", "--since", "2030-01-01"], &["1 KMS event outside --since"]),
        (&["kms.json", "--account", "999999999999"], &["--account"]),
        (&["s3.json"], &["of 1 record, none is of kms.amazonaws.com", "AWS owned keys"]),
        (&["empty"], &["there is no archive"]),
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

/// One of a thing is not several, and several are not one; and words stand where files have ids.
#[test]
fn what_is_counted_is_named_in_plain_words() {
    let several = regex::Regex::new(
        r"(?m)(^|[ (])1 (archives|inputs|events|KMS events|calls|records|rejects|files|rows|folders|notes|general notes|days|hours|more pairs|skipped inputs)\b",
    )
    .unwrap();
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("one.json"), document(&[decrypt(1)])).unwrap();
    fs::write(dir.path().join("two.json"), document(&[decrypt(1), decrypt(2)])).unwrap();
    fs::write(dir.path().join("page.html"), "<html>").unwrap();
    fs::write(dir.path().join("list.json"), "{\"a\":1}").unwrap();
    fs::write(dir.path().join("void.json"), "").unwrap();
    fs::write(dir.path().join("cut.json"), &document(&[decrypt(1), decrypt(2)])[..900]).unwrap();
    fs::write(dir.path().join("utf16.json"), b"\xff\xfe{\0\"\0").unwrap();
    let cases: [(&[&str], &[&str]); 8] = [
        (&["one.json"], &["1 read whole"]),
        (&["two.json", "--workload", "autopilot"], &["2 calls belong to other workloads"]),
        (&["two.json", "--event", "Encrypt"], &["2 KMS events are of other APIs"]),
        (&["page.html"], &["1 skipped (1 not JSON)"]),
        (&["list.json", "void.json"], &["2 skipped (1 empty, 1 JSON without records)"]),
        (&["utf16.json"], &["1 unreadable"]),
        (&["cut.json", "--fail-on", "rejects"], &["--fail-on rejects: 1 reject (what could not be read)"]),
        (&["page.html", "--fail-on", "skipped"], &["--fail-on skipped: 1 file without CloudTrail records"]),
    ];
    for (args, wanted) in cases {
        let stderr = analyze_in(dir.path(), args).stderr.clone();
        assert!(wanted.iter().all(|text| stderr.contains(text)), "{args:?}: {stderr}");
        assert!(!several.is_match(&stderr), "{args:?}: {stderr}");
        for id in ["not_json", "other_json", "utf16)", "utf16,", "no_archive"] {
            assert!(!stderr.contains(id), "{args:?}: {stderr}");
        }
    }
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

/// Names and contents come from whoever writes into the bucket: they must not steer the terminal
/// that shows the messages.
#[test]
fn messages_pass_on_no_control_characters() {
    let mut late = decrypt(1);
    late["eventTime"] = "\u{1b}[31mred\u{7}".into();
    let mut version = decrypt(2);
    version["eventVersion"] = "\u{1b}]0;title\u{7}".into();
    let text = document(&[late, version]);
    let dir = folder(&[("in/\u{1b}[2Jname\n.json", text.as_bytes())]);
    for args in [&["in"][..], &["in", "-vv", "--log-format", "json"]] {
        let report = analyze_in(dir.path(), args);
        assert_eq!(report.status, 1);
        let steering: Vec<char> = report.stderr.chars().filter(|c| c.is_control() && *c != '\n').collect();
        assert_eq!(steering, Vec::<char>::new(), "{:?}", report.stderr);
    }
}

/// Whoever asks for silence still learns why the status is not 0; and `events` says, as `analyze`
/// does, that records were rebuilt.
#[test]
fn what_is_lost_is_said_by_every_command() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("cut.json"), &document(&[decrypt(1), decrypt(2)])[..900]).unwrap();
    let row = "eventTime,eventName,eventSource,awsRegion\n2025-10-07T05:36:22Z,Decrypt,kms.amazonaws.com,eu-west-1\n";
    fs::write(dir.path().join("rows.csv"), row).unwrap();
    for command in [&["analyze", "-q", "-o", "report"][..], &["events", "-q"]] {
        let ran = run(keytrail().current_dir(dir.path()).args(command).arg("cut.json"));
        assert_eq!(ran.status, 1);
        assert!(ran.stderr.contains("1 place could not be read"), "{}", ran.stderr);
    }
    let args = ["events", "--workload", "any", "rows.csv"];
    let ran = run(keytrail().current_dir(dir.path()).args(args));
    assert!(ran.stderr.contains("1 input held records that another tool rebuilt"), "{}", ran.stderr);
}

/// Advice names only what can help: where a value matches nothing, no other API or workload does.
#[test]
fn advice_is_never_false() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("two.json"), document(&[decrypt(1), decrypt(2)])).unwrap();
    let advice = |args: &[&str]| analyze_in(dir.path(), &[&["two.json"], args].concat()).stderr.clone();
    assert!(advice(&["--event", "Encrypt"]).contains("try --event any"));
    let nothing = advice(&["--event", "Encrypt", "--account", "999999999999"]);
    assert!(nothing.contains("matches no KMS event") && !nothing.contains("try --event any"), "{nothing}");
}
