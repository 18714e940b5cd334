//! Examples in the documents run as they are written, in their order, in one folder.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use testkit::{binary, root, skip};

use super::read;

/// Runs a command of a document in `folder`: it must succeed, print something, and print no errors.
/// Returns `false` when this machine lacks `jq`.
pub(super) fn runs(command: &str, folder: &Path) -> bool {
    if command.contains("jq ") && Command::new("jq").arg("--version").output().is_err() {
        skip(command, "jq is not installed");
        return false;
    }
    let path = format!("{}:{}", binary().parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KEYTRAIL_")) {
        shell.env_remove(name);
    }
    let output = shell.args(["-ec", command]).env("PATH", path).current_dir(folder).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}\n{errors}");
    // The summary of `analyze` is on standard error, and so are the notes of some commands.
    // Everything else prints to standard output, and there only what was skipped: the sample has a
    // README.
    if ![
        "analyze",
        "keytrail export",
        "keytrail grants",
        "keytrail policy",
        "keytrail record",
        "keytrail review",
        "keytrail sharing",
    ]
    .iter()
    .any(|name| command.contains(name))
    {
        let is_expected =
            |line: &str| line.starts_with("skipped: ") || line.starts_with("the report's KMS records ");
        assert!(errors.lines().all(is_expected), "{command}\n{errors}");
        let is_empty = output.stdout.is_empty() && ![">", " -o "].iter().any(|to| command.contains(to));
        assert!(!is_empty, "{command} prints nothing: a poor example");
    }
    true
}

/// The examples in the help of each command.
#[test]
fn examples_in_the_manual_run_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let sample = root().join("sample-logs");
    symlink(&sample, dir.path().join("sample-logs")).unwrap();
    symlink(&sample, dir.path().join("logs")).unwrap();
    symlink(sample.join("AWSLogs"), dir.path().join("AWSLogs")).unwrap();
    let one = walk(&sample).into_iter().find(|path| path.ends_with(".json.gz")).unwrap();
    fs::copy(one, dir.path().join("one.json.gz")).unwrap();
    let policy =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:*"}]}"#;
    fs::write(dir.path().join("policy.json"), policy).unwrap();
    fs::write(dir.path().join("accounts.txt"), "111122223333 # ours\n").unwrap();
    let manual = read("docs/cli.md");
    let examples = manual.split("\nExamples:\n").skip(1);
    let lines = examples.flat_map(|text| text.split("\n\n").next().unwrap().lines());
    let commands = lines.map(str::trim).filter(|line| line.contains("keytrail "));
    // They need S3 or an account, or would write outside of the folder.
    let elsewhere = |line: &str| ["s3://", "aws ", "> /"].iter().any(|text| line.contains(text));
    let run = commands.filter(|line| !elsewhere(line) && runs(line, dir.path())).count();
    assert!(run >= 8, "{run} examples were found");
}

/// The files below a folder.
fn walk(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path.display().to_string()] })
        .collect()
}
