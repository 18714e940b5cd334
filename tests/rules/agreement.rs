//! The product against two answers that share no code with it: the oracle, which reads the same
//! archives the slow, obvious way, and the generator's truth, which knows what it planted.

use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::corpus::archive::Corpus;
use testkit::{Report, analyze_in, assert_rows, corpus, oracle, root, sorted};

/// Every file below `root`, named as a run in `root` on `input` names it.
fn files(root: &Path, input: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(input)];
    while let Some(folder) = folders.pop() {
        for path in sorted(&root.join(&folder)) {
            let name = folder.join(path.file_name().unwrap());
            if path.is_dir() {
                folders.push(name);
            } else {
                found.push((name.to_str().unwrap().to_owned(), std::fs::read(path).unwrap()));
            }
        }
    }
    found
}

fn any() -> oracle::Options {
    oracle::Options { workloads: None, events: None, ..oracle::Options::default() }
}

const ANY: [&str; 4] = ["--workload", "any", "--event", "any"];

/// The oracle says nothing of what keys protect.
fn agree_on_shares(report: &Report, expected: &oracle::Report) {
    let (mut shares, mut uses) = (report.shares(), report.share_use());
    shares.retain(|row| row["made_by"] != "key_policy");
    for row in &mut shares {
        row.as_object_mut().unwrap().retain(|name, _| !["note", "evidence"].contains(&&**name));
    }
    uses.retain(|row| row["key_arn"].is_null());
    assert_rows("shares", &shares, &expected.shares);
    assert_rows("share_use", &uses, &expected.share_use);
}

/// Every row of every table, and every total.
fn agrees(root: &Path, input: &str, args: &[&str], options: &oracle::Options) {
    let report = analyze_in(root, &[&[input], args].concat());
    let expected = oracle::analyze(&files(root, input), options);
    agree(&report, &expected);
}

fn agree(report: &Report, expected: &oracle::Report) {
    let run = report.run_json();
    for (class, count) in &expected.totals {
        assert_eq!(run["totals"][class], *count, "{class}");
    }
    assert_rows("events", &report.events(), &expected.events);
    assert_rows("usage", &report.usage(), &expected.usage);
    assert_rows("usage_daily", &report.daily(), &expected.daily);
    agree_on_shares(report, expected);
    for class in ["corrected", "other_copy"] {
        let rows = report.superseded().iter().filter(|row| row["class"] == class).count();
        assert_eq!(run["totals"][class], rows, "superseded.parquet: {class}");
    }
    let rejects: Vec<Value> = report
        .rejects()
        .into_iter()
        .map(|mut row| {
            let row = row.as_object_mut().unwrap();
            row.retain(|name, _| ["archive", "record_offset", "reason"].contains(&name.as_str()));
            Value::Object(row.clone())
        })
        .collect();
    assert_rows("rejects", &rejects, &expected.rejects);
    let is_whole =
        run["totals"]["rejected"] == 0 && expected.inputs.iter().all(|input| input["status"] != "unreadable");
    assert_eq!(report.status == 0, is_whole, "{}", report.stderr);
}

/// Columns of `usage` that the generator does not know.
const NOT_TOLD: [&str; 3] = ["service", "resource", "resource_count"];

/// The generator's truth for one selection against the report.
fn is_true(report: &Report, truth: &Value) {
    let run = report.run_json();
    for (class, name) in [
        ("selected", "selected"),
        ("duplicate", "duplicates"),
        ("corrected", "corrected"),
        ("other_copy", "other_copies"),
        ("other_event", "other_event"),
        ("other_workload", "other_workload"),
        ("other_source", "other_source"),
        ("not_usage", "not_usage"),
        ("conflicts", "conflicts"),
        ("records", "records"),
    ] {
        assert_eq!(run["totals"][class], truth[name], "{class}");
    }
    let to_ms = |rows: &Value| -> Vec<Value> {
        let mut rows = rows.as_array().unwrap().clone();
        for row in &mut rows {
            for name in ["first_event_time", "last_event_time"] {
                let text = row[name].as_str().unwrap();
                row[name] = text.replace("Z", ".000Z").into();
            }
        }
        rows
    };
    // The generator does not say what calls were for, nor which use of a key was the last. The
    // oracle does.
    let is_told = |name: &str| !name.starts_with("key_last_used") && !NOT_TOLD.contains(&name);
    let mut usage = report.usage();
    for row in &mut usage {
        row.as_object_mut().unwrap().retain(|name, _| is_told(name));
    }
    assert_rows("usage", &usage, &to_ms(&truth["groups"]));
}

#[test]
fn generated_archives_agree_with_oracle_and_truth() {
    for (seed, mib, archive_kib, share) in [(1, 3.0, 512, 0.3), (2, 1.0, 64, 1.0), (3, 1.0, 4096, 0.05)] {
        let dir = tempfile::tempdir().unwrap();
        let truth = Corpus::sized(seed, mib, archive_kib, share).write(dir.path()).unwrap().to_json();
        agrees(dir.path(), "AWSLogs", &ANY, &any());
        agrees(dir.path(), "AWSLogs", &[], &oracle::Options::default());
        is_true(&analyze_in(dir.path(), &[&["AWSLogs"][..], &ANY].concat()), &truth);
        is_true(&analyze_in(dir.path(), &["AWSLogs"]), &truth["default_selection"]);
    }
}

#[test]
fn the_sample_logs_agree_with_oracle_and_truth() {
    let root = root();
    agrees(root, "sample-logs", &ANY, &any());
    agrees(root, "sample-logs", &[], &oracle::Options::default());
    let truth: Value =
        serde_json::from_slice(&std::fs::read(root.join("tests/data/sample-truth.json")).unwrap()).unwrap();
    is_true(&analyze_in(root, &[&["sample-logs"][..], &ANY].concat()), &truth);
    is_true(&analyze_in(root, &["sample-logs"]), &truth["default_selection"]);
}

#[test]
fn the_documented_events_agree_with_the_oracle() {
    let root = root().join("tests/testkit/src/corpus");
    let name = "documented.jsonl";
    let input = [(name.to_owned(), std::fs::read(root.join(name)).unwrap())];
    for (args, options) in [(&ANY[..], any()), (&[], oracle::Options::default())] {
        agree(&analyze_in(&root, &[&[name], args].concat()), &oracle::analyze(&input, &options));
    }
}

#[test]
fn filters_agree_with_the_oracle() {
    let root = root();
    let at = |text: &str| Some(chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis());
    let list = |texts: &[&str]| -> Vec<String> { texts.iter().map(|t| (*t).to_owned()).collect() };
    let cases: [(&[&str], oracle::Options); 8] = [
        (
            &["--since", "2023-03-20", "--until", "2024-02-01T08:00:00Z"],
            oracle::Options { since: at("2023-03-20T00:00:00Z"), until: at("2024-02-01T08:00:00Z"), ..any() },
        ),
        (&["--account", "444455556666"], oracle::Options { accounts: list(&["444455556666"]), ..any() }),
        (
            &["--region", "us-east-1,eu-central-1"],
            oracle::Options { regions: list(&["us-east-1", "eu-central-1"]), ..any() },
        ),
        (&["--key", "*1234abcd*"], oracle::Options { keys: list(&["*1234abcd*"]), ..any() }),
        (&["--principal", "*:role/*"], oracle::Options { principals: list(&["*:role/*"]), ..any() }),
        (&["--keep-duplicates"], oracle::Options { keep_duplicates: true, ..any() }),
        (&["--no-learn"], oracle::Options { learn: false, ..any() }),
        (&["--max-record-bytes", "1500"], oracle::Options { max_record_bytes: 1500, ..any() }),
    ];
    for (args, options) in cases {
        agrees(root, "sample-logs", &[&ANY[..], args].concat(), &options);
    }
}

/// Structural damage is left out: the product finds the records behind it, the oracle does not try.
#[test]
fn damaged_inputs_agree_with_the_oracle() {
    let root = root();
    let resynchronised =
        ["cut-off-record.json", "missing-brace.json", "unclosed-string.json", "bad-line.ndjson"];
    for case in corpus::damaged::cases() {
        if !resynchronised.contains(&case.file) {
            let report = analyze_in(root, &[&format!("tests/data/damaged/{}", case.file)]);
            let expected = oracle::analyze(
                &[(format!("tests/data/damaged/{}", case.file), case.bytes)],
                &oracle::Options::default(),
            );
            println!("{}", case.file);
            agree(&report, &expected);
        }
    }
}

/// The same records, whatever is wrapped around them. Left out is what the oracle does not try:
/// going on behind structural damage, and rebuilding the columns of a query.
#[test]
fn every_shape_agrees_with_the_oracle() {
    let root = root();
    let mut compared = 0;
    for case in corpus::shapes::cases() {
        if case.file.starts_with("lake-rows-lossy")
            || case.file.contains("no-source")
            || case.file.contains("lost-quote")
        {
            continue;
        }
        let file = format!("tests/data/shapes/{}", case.file);
        println!("{file}");
        let options = oracle::Options::default();
        let report = analyze_in(root, &[&file]);
        let expected = oracle::analyze(&[(file, case.bytes)], &options);
        agree(&report, &expected);
        let shape = expected.inputs[0]["shape"].as_str().unwrap().replace("object", "record");
        assert_eq!(report.inputs()[0]["shape"], shape);
        compared += 1;
    }
    assert!(compared > 25, "{compared}");
}

/// Files that end anywhere. What the content ends in is one reject, at the same place; what comes
/// before counts.
#[test]
fn every_shape_cut_off_anywhere_agrees_with_the_oracle() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("cut")).unwrap();
    for case in corpus::shapes::cases().iter().filter(|case| case.rejected == 0) {
        if case.file.starts_with("lake-rows-lossy") || case.file.ends_with(".gz") {
            continue;
        }
        for cut in (1..case.bytes.len()).step_by(83) {
            let name = dir.path().join(format!("cut/{}-{cut:05}", case.file));
            std::fs::write(name, &case.bytes[..cut]).unwrap();
        }
    }
    agrees(dir.path(), "cut", &ANY, &any());
}

/// What is shared, in many small worlds: both families are there, the oracle agrees, and neither
/// threads nor steps of incremental runs change a row.
#[test]
fn generated_shares_agree_with_the_oracle_in_any_order() {
    let (mut shares, mut uses, mut states) = (0, 0, std::collections::BTreeSet::new());
    for seed in 10..34 {
        let dir = tempfile::tempdir().unwrap();
        let archives = [6.0, 18.0, 36.0][seed as usize % 3];
        Corpus::sized(seed, archives / 16.0, 64, 0.05).write(dir.path()).unwrap();
        std::fs::remove_file(dir.path().join("truth.json")).unwrap();
        let expected = oracle::analyze(&files(dir.path(), "AWSLogs"), &oracle::Options::default());
        let report = analyze_in(dir.path(), &["AWSLogs"]);
        println!("seed {seed}");
        agree_on_shares(&report, &expected);
        shares += expected.shares.len();
        uses += expected.share_use.len();
        states.extend(expected.shares.iter().map(|row| row["state"].as_str().unwrap().to_owned()));

        // Half of the files come later.
        let logs = dir.path().join("AWSLogs");
        let later = dir.path().join("later");
        for (n, (name, bytes)) in files(dir.path(), "AWSLogs").into_iter().enumerate() {
            if (n + seed as usize).is_multiple_of(2) {
                let to = later.join(&name);
                std::fs::create_dir_all(to.parent().unwrap()).unwrap();
                std::fs::write(to, bytes).unwrap();
                std::fs::remove_file(dir.path().join(&name)).unwrap();
            }
        }
        let out = dir.path().join("report");
        let go_on = || {
            let mut command = testkit::keytrail();
            command.current_dir(dir.path()).args(["analyze", "-q", "--incremental", "-o"]).arg(&out);
            let ran = testkit::run(command.arg(&logs));
            assert!([0, 1].contains(&ran.status), "{}", ran.stderr);
        };
        go_on();
        for (name, bytes) in files(&later, "AWSLogs") {
            let to = dir.path().join(name);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::write(to, bytes).unwrap();
        }
        go_on();
        for table in ["shares", "share_use"] {
            let file = format!("{table}.parquet");
            let [ours, full] = [&out, &report.path()].map(|of| std::fs::read(of.join(&file)).unwrap());
            assert!(ours == full, "{table}: incremental and full differ");
        }
    }
    assert!(shares > 500 && uses > 400, "{shares} {uses}");
    let all = ["accepted", "effective", "ended", "invited", "rejected", "requested"];
    assert_eq!(states.iter().map(String::as_str).collect::<Vec<_>>(), all);
}
