//! README.md: its output is real, its figures are those of the sample, its commands run, and it stays short.

use std::fs;
use std::process::Command;

use regex::Regex;
use testkit::{analyze, binary, root, skip};

use super::{fenced, hold, read};

/// The fenced blocks of `language`.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let fence = format!("```{language}\n");
    text.split(fence.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn the_first_output_in_the_readme_is_real() {
    let report = analyze(&["sample-logs"]);
    assert_eq!(report.status, 0);
    let path = report.path().display().to_string();
    let output = report.stderr.replace(&path, "report");
    let elapsed = Regex::new(r"(?m)^elapsed .*$").unwrap();
    let output = elapsed.replace(&output, "elapsed    0.1 s");
    hold("README.md", &[("output: analyze sample-logs", fenced("text", &output))]);
}

/// The figures of the table "Why not a script".
#[test]
fn the_figures_in_the_readme_are_those_of_the_sample() {
    let readme = read("README.md");
    let report = analyze(&["sample-logs"]);
    let totals = report.run_json()["totals"].clone();
    let total = |name: &str| totals[name].as_i64().unwrap();
    let events_where = |test: &dyn Fn(&serde_json::Value) -> bool| -> i64 {
        let rows = report.usage();
        rows.iter().filter(|row| test(row)).map(|row| row["event_count"].as_i64().unwrap()).sum()
    };
    let selected = total("selected");
    let by_service = events_where(&|row| row["principal_type"] == "AWSService");
    let failed = events_where(&|row| row["outcome"] != "success");
    let copies = total("duplicate") + total("other_copy");
    let kms = total("records") - total("other_source");
    let claims = [
        ("groups by", format!("| {by_service} of the {selected} calls |")),
        ("counts events", format!("| {failed} of the {selected} calls |")),
        ("counts records", format!("| {copies} records too many |")),
        ("searches for", format!("{kms} KMS records |")),
    ];
    for (row, claim) in claims {
        let line = readme.lines().find(|line| line.starts_with(&format!("| {row}"))).unwrap();
        assert!(line.ends_with(&claim), "{row}: it is {claim}");
    }
}

/// Commands in README that begin with `keytrail` are run as they stand, in a folder with the sample logs and the rule file shown.
#[test]
#[cfg(unix)]
fn commands_in_the_readme_run() {
    let readme = read("README.md");
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root().join("sample-logs"), dir.path().join("sample-logs")).unwrap();
    let rules = blocks(&readme, "toml");
    assert_eq!(rules.len(), 1);
    fs::write(dir.path().join("our-rules.toml"), rules[0]).unwrap();
    let binary = binary().parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let has_jq = Command::new("jq").arg("--version").output().is_ok();
    if !has_jq {
        skip("the commands with jq", "jq is not installed");
    }
    let mut run = 0;
    for block in blocks(&readme, "sh") {
        for command in
            block.replace("\\\n", " ").lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            if command.starts_with("cargo ") || !has_jq && command.contains("jq ") {
                continue;
            }
            let mut shell = Command::new("sh");
            for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KEYTRAIL_")) {
                shell.env_remove(name);
            }
            let output = shell.args(["-ec", command]).env("PATH", &path).current_dir(&dir).output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && errors.is_empty(), "{command}\n{errors}");
            let empty = output.stdout.is_empty() && !command.contains('>');
            assert!(!empty, "{command} prints nothing: a poor example");
            run += 1;
        }
    }
    assert!(run >= if has_jq { 5 } else { 1 }, "{run} commands were found");
}

/// A newcomer reads it in five minutes; the long output apart, which is looked at rather than read.
#[test]
fn the_readme_stays_short() {
    let readme = read("README.md");
    let output = readme.split("<!-- output").nth(1).unwrap().split("<!-- end").next().unwrap();
    let lines = readme.lines().count() - output.lines().count();
    assert!(lines <= 210, "{lines} lines");
}
