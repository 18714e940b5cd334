use std::fs;

use testkit::{keytrail, run};

use crate::Made;

#[test]
fn the_page_of_a_report_is_the_one_that_analyze_writes() {
    let made = Made::sample(&[]);
    let out = made.dir.path().join("page.html");
    let ran = run(keytrail().arg("html").arg(made.report()).arg("-o").arg(&out));
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&out).unwrap(), made.page());
    let again = run(keytrail().arg("html").arg(made.report()).arg("-o").arg(&out));
    assert_eq!(again.status, 2);
    assert!(again.stderr.contains("exists; name another file, or use --force"), "{}", again.stderr);
    assert_eq!(run(keytrail().arg("html").arg(made.report()).args(["--force", "-o"]).arg(&out)).status, 0);
    let piped = run(keytrail().arg("html").arg(made.report()).args(["-o", "-"]));
    assert_eq!(String::from_utf8(piped.stdout).unwrap(), made.page());
}

#[test]
fn a_report_need_not_have_a_page() {
    let made = Made::sample(&["--no-html"]);
    assert!(!made.report().join("report.html").exists());
    // A page of the report that was there before does not stay.
    let ran = |options: &[&str]| {
        let mut command = keytrail();
        command.arg("analyze").arg(testkit::root().join("sample-logs")).args(["-q", "--force", "-o"]);
        run(command.arg(made.report()).args(options)).status
    };
    assert_eq!(ran(&[]), 0);
    assert!(made.report().join("report.html").exists());
    assert_eq!(ran(&["--no-html"]), 0);
    assert!(!made.report().join("report.html").exists());
}

#[test]
fn a_missing_table_is_a_missing_section() {
    let made = Made::sample(&[]);
    let tables = [
        "findings",
        "grants",
        "access",
        "policy_statements",
        "shares",
        "share_use",
        "integrity",
        "superseded",
    ];
    for table in tables {
        fs::remove_file(made.report().join(format!("{table}.parquet"))).unwrap();
    }
    let page = run(keytrail().arg("html").arg(made.report()).args(["-o", "-"]));
    assert_eq!(page.status, 0, "{}", page.stderr);
    let page = String::from_utf8(page.stdout).unwrap();
    assert!(page.contains("id=\"uses\"") && page.contains("id=\"sign\""));
    assert!(!page.contains("id=\"findings\"") && !page.contains("id=\"sharing\""));
    fs::write(made.report().join("report.html"), page).unwrap();
    crate::numbers::read_back(&made);
}

#[test]
fn what_is_no_whole_report_is_refused_in_a_sentence() {
    let made = Made::sample(&[]);
    let refused = |expected: &str| {
        let ran = run(keytrail().arg("html").arg(made.report()).args(["-o", "-"]));
        assert_eq!((ran.status, ran.stdout.len()), (2, 0), "{expected}");
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    };
    let run_json = made.report().join("run.json");
    let text = fs::read_to_string(&run_json).unwrap();
    fs::write(&run_json, text.replace("\"schema_version\": 1", "\"schema_version\": 7")).unwrap();
    refused("schema version 7");
    fs::write(&run_json, &text[..text.len() / 2]).unwrap();
    refused("is not the run.json of a keytrail report");
    fs::write(&run_json, &text).unwrap();
    let usage = fs::read(made.report().join("usage.parquet")).unwrap();
    fs::write(made.report().join("usage.parquet"), &usage[..usage.len() / 2]).unwrap();
    refused("usage.parquet");
    fs::write(made.report().join("usage.parquet"), &usage).unwrap();
    fs::remove_dir_all(made.report().join("events")).unwrap();
    refused("its events are missing");
    fs::remove_file(&run_json).unwrap();
    refused("is not a report");
}
