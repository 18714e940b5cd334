//! README.md: its output is real, its figures are those of the sample, its commands run, and it
//! stays short.

use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use regex::Regex;
use testkit::{analyze, root};

#[cfg(unix)]
use super::examples::runs;
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

/// How often a search finds the name of KMS in the content of an archive.
fn occurrences(archive: &Path) -> usize {
    let stored = fs::read(archive).unwrap();
    let mut content = String::new();
    match MultiGzDecoder::new(&stored[..]).read_to_string(&mut content) {
        Ok(_) => content.matches("kms.amazonaws.com").count(),
        Err(_) => String::from_utf8_lossy(&stored).matches("kms.amazonaws.com").count(),
    }
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
    let inputs = report.inputs();
    let archives = inputs.iter().map(|row| row["archive"].as_str().unwrap());
    let matches: usize = archives.map(|archive| occurrences(&root().join(archive))).sum();
    let claims = [
        ("groups by", format!("| {by_service} of the {selected} calls |")),
        ("counts events", format!("| {failed} of the {selected} calls |")),
        ("counts records", format!("| {copies} records too many |")),
        ("searches for", format!("{matches} matches, {kms} KMS records |")),
    ];
    for (row, claim) in claims {
        let line = readme.lines().find(|line| line.starts_with(&format!("| {row}"))).unwrap();
        assert!(line.ends_with(&claim), "{row}: it is {claim}");
    }
}

/// The commands in README run in their order, in one folder with the sample logs and the rule file.
#[test]
#[cfg(unix)]
fn commands_in_the_readme_run() {
    let readme = read("README.md");
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root().join("sample-logs"), dir.path().join("sample-logs")).unwrap();
    let rules = blocks(&readme, "toml");
    assert_eq!(rules.len(), 1);
    fs::write(dir.path().join("our-rules.toml"), rules[0]).unwrap();
    let mut run = 0;
    for block in blocks(&readme, "sh") {
        let block = block.replace("\\\n", " ");
        for command in block.lines().filter(|line| !line.is_empty() && !line.starts_with(['#'])) {
            run += usize::from(!command.starts_with("cargo ") && runs(command, dir.path()));
        }
    }
    assert!(run >= 1, "no command was found");
}

#[test]
fn commands_for_auditors_run() {
    let text = read("docs/audit.md");
    let mut run = 0;
    for command in blocks(&text, "sh").iter().flat_map(|block| block.lines()) {
        // Those that need a key's own policy need AWS.
        run += usize::from(
            command.starts_with("keytrail") && !command.contains("KEY=") && runs(command, root()),
        );
    }
    assert_eq!(run, 5);
}

/// A newcomer reads it in five minutes; the long output apart, which is looked at rather than read.
#[test]
fn the_readme_stays_short() {
    let readme = read("README.md");
    let output = readme.split("<!-- output").nth(1).unwrap().split("<!-- end").next().unwrap();
    let lines = readme.lines().count() - output.lines().count();
    assert!(lines <= 222, "{lines} lines");
}
