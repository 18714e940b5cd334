//! Parts of the documents that the program writes: tables of columns, help, examples.

use std::fmt::Write;
use std::fs;
use std::process::Stdio;

use keytrail::audit::findings_markdown;
use keytrail::model::{
    IntegrityReason, IntegrityStatus, LearnedRule, LearnedRuleInfo, context_names_markdown,
};
use keytrail::report::{
    ACCESS, DAILY, EVENTS, FINDINGS, GRANTS, INPUTS, INTEGRITY, POLICY_STATEMENTS, REJECTS, REVIEW, RULES,
    SHARE_USE, SHARES, SHARING, SUPERSEDED, USAGE, schema_markdown,
};
use regex::Regex;
use testkit::{analyze, keytrail};

use super::{fenced, hold, read};

#[test]
fn column_tables_are_those_of_the_program() {
    hold(
        "docs/report-schema.md",
        &[
            ("columns: usage", schema_markdown(USAGE)),
            ("columns: daily", schema_markdown(DAILY)),
            ("columns: events", schema_markdown(EVENTS)),
            ("columns: grants", schema_markdown(GRANTS)),
            ("columns: access", schema_markdown(ACCESS)),
            ("columns: policy_statements", schema_markdown(POLICY_STATEMENTS)),
            ("columns: shares", schema_markdown(SHARES)),
            ("columns: share_use", schema_markdown(SHARE_USE)),
            ("columns: findings", schema_markdown(FINDINGS)),
            ("columns: superseded", schema_markdown(SUPERSEDED)),
            ("columns: rejects", schema_markdown(REJECTS)),
            ("columns: inputs", schema_markdown(INPUTS)),
            ("columns: integrity", schema_markdown(INTEGRITY)),
            ("learned rules", learned_rules()),
            ("example: run.json", run_json_example()),
        ],
    );
}

#[test]
fn the_findings_are_those_of_the_program() {
    hold("docs/findings.md", &[("rules", findings_markdown())]);
}

#[test]
fn the_statuses_of_files_are_those_of_the_program() {
    let parts =
        [("statuses", IntegrityStatus::markdown("status")), ("reasons", IntegrityReason::markdown("reason"))];
    hold("docs/integrity.md", &parts);
}

#[test]
fn the_encryption_contexts_are_those_of_the_program() {
    hold("docs/what-counts.md", &[("encryption contexts", context_names_markdown())]);
}

/// The rules whose particulars the input gives.
fn learned_rules() -> String {
    let mut text =
        "| rule | label | strength | what it looks at | source |\n|---|---|---|---|---|\n".to_owned();
    for rule in LearnedRule::ALL {
        let LearnedRuleInfo { id, workload, strength, about, source, .. } = rule.info();
        let (workload, strength) = (workload.as_str(), strength.as_str());
        text += &format!("| `{id}` | `{workload}` | {strength} | {about} | [AWS]({source}) |\n");
    }
    text
}

/// `run.json` of a small run; the two times are the only thing that changes from run to run.
fn run_json_example() -> String {
    let input = "sample-logs/AWSLogs/444455556666";
    let report = analyze(&["--until", "2023-03-27", input]);
    let command = format!("`keytrail analyze --until 2023-03-27 {input}`");
    assert!(read("docs/report-schema.md").contains(&command), "the command above the example is the one run");
    let json = fs::read_to_string(report.path().join("run.json")).unwrap();
    let time = Regex::new(r#""(started|ended)": "[^"]*""#).unwrap();
    fenced("json", &time.replace_all(&json, r#""$1": "2026-03-01T12:00:00.000Z""#))
}

#[test]
fn help_is_what_the_program_prints() {
    let help = |args: &[&str]| {
        let output = keytrail()
            .args(args)
            .arg("--help")
            .stdin(Stdio::null()) // the width of a terminal would be asked of any of the three
            .env_remove("COLUMNS")
            .env_remove("LINES")
            .output()
            .unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{args:?} --help");
        fenced("text", &String::from_utf8(output.stdout).unwrap())
    };
    hold(
        "docs/cli.md",
        &[
            ("help: keytrail", help(&[])),
            ("help: analyze", help(&["analyze"])),
            ("help: events", help(&["events"])),
            ("help: record", help(&["record"])),
            ("help: grants", help(&["grants"])),
            ("help: policy", help(&["policy"])),
            ("help: policy check", help(&["policy", "check"])),
            ("help: policy suggest", help(&["policy", "suggest"])),
            ("help: review", help(&["review"])),
            ("columns: review", schema_markdown(REVIEW)),
            ("help: sharing", help(&["sharing"])),
            ("columns: sharing", schema_markdown(SHARING)),
            ("help: findings", help(&["findings"])),
            ("help: rules", help(&["rules"])),
            ("columns: rules", schema_markdown(RULES)),
            ("help: completions", help(&["completions"])),
            ("help: man", help(&["man"])),
        ],
    );
}

/// A run of the sample, with what changes from run to run made the same.
#[test]
fn the_metrics_shown_are_those_of_the_program() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keytrail.prom");
    analyze(&["sample-logs", "--max-age", "36h", "--metrics", path.to_str().unwrap()]);
    let text = fs::read_to_string(path).unwrap();
    let output = Regex::new(r#"output="[^"]*""#).unwrap();
    let text = output.replace_all(&text, r#"output="s3://example-reports/kms""#);
    let changing =
        Regex::new(r"(?m)^(keytrail_(?:last\w*_(?:seconds)|newest_event_lag_seconds)\{.*\}) .*$").unwrap();
    let text = changing.replace_all(&text, |line: &regex::Captures<'_>| {
        let value = match &line[1] {
            name if name.contains("timestamp") => "1790000000.123",
            name if name.contains("lag") => "4711.5",
            _ => "12.5",
        };
        format!("{} {value}", &line[1])
    });
    hold("docs/batch.md", &[("example: metrics", fenced("text", &text))]);
}

/// The table of documented events says what `tests/rules/samples.rs` holds the program to.
#[test]
fn the_documented_events_are_explained() {
    let mut table = String::from(
        "| | record | class | `principal` | `key_origin` | label, strength: rules | `outcome` |\n|---|---|---|---|---|---|---|\n",
    );
    for line in read("tests/data/documented-expected.jsonl").lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| event[name].as_str().unwrap_or("–");
        let code = |name: &str| format!("`{}`", text(name));
        let (number, class) = (&event["event"], code("default_class"));
        if event["event_time"].is_null() {
            writeln!(table, "| {number} | {} | {class} | | | | |", text("about")).unwrap();
            continue;
        }
        let rules =
            Some(code("workload_rules")).filter(|rules| rules != "``").unwrap_or("no rule".to_owned());
        let label = format!("{}, {}: {rules}", code("workload"), text("workload_strength"));
        let denied = event["denied_by"].as_str().map_or(String::new(), |by| format!(", `{by}`"));
        writeln!(
            table,
            "| {number} | {} by {} | {class} | {} | {} | {label} | {}{denied} |",
            code("event_name"),
            code("principal_type"),
            code("principal"),
            code("key_origin"),
            code("outcome"),
        )
        .unwrap();
    }
    hold("docs/what-counts.md", &[("examples: documented events", table)]);
}
