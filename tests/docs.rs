//! The documentation against the program: generated parts must be what the program says, examples must run, lists must be complete.
//!
//! `UPDATE_DOCS=1 cargo test --test docs` writes the generated parts anew (tables of columns, help, outputs). Read the difference.

mod common;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use keytrail::classify::Classifier;
use keytrail::format::container::Shape;
use keytrail::format::{archive, tabular};
use keytrail::model::{DeniedBy, LearnedRule, LearnedRuleInfo, Outcome, RejectReason, SkipReason, Workload};
use keytrail::report::{Column, DAILY, EVENTS, INPUTS, Kind, REJECTS, RULES, Table, USAGE, schema_markdown};
use regex::Regex;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// What stands between `<!-- marker -->` and `<!-- end -->` must be `expected`; with UPDATE_DOCS it is made so.
fn hold(name: &str, parts: &[(&str, String)]) {
    let mut text = read(name);
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    for (marker, expected) in parts {
        let begin = format!("<!-- {marker} -->\n");
        let from = text.find(&begin).unwrap_or_else(|| panic!("{name} has no {begin}")) + begin.len();
        let to =
            from + text[from..].find("<!-- end -->").unwrap_or_else(|| panic!("{name}: {marker} has no end"));
        let expected = format!("\n{}\n\n", expected.trim_end());
        if update {
            text.replace_range(from..to, &expected);
        } else {
            let hint = "UPDATE_DOCS=1 cargo test --test docs writes it anew";
            assert_eq!(&text[from..to], expected, "{name}, {marker}: {hint}");
        }
    }
    if update {
        fs::write(root().join(name), text).unwrap();
    }
}

fn fenced(language: &str, text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
    format!("```{language}\n{}\n```", lines.join("\n"))
}

/// All documents, with their path in the repository.
fn documents() -> Vec<(PathBuf, String)> {
    let mut names = vec![PathBuf::from("README.md"), PathBuf::from("CHANGELOG.md")];
    for path in common::sorted(&root().join("docs")) {
        names.push(path.strip_prefix(root()).unwrap().to_owned());
    }
    names.retain(|name| name.extension().is_some_and(|e| e == "md"));
    names.into_iter().map(|name| (name.clone(), read(name.to_str().unwrap()))).collect()
}

/// The fenced blocks of `language`.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let fence = format!("```{language}\n");
    text.split(fence.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn column_tables_are_those_of_the_program() {
    hold(
        "docs/report-schema.md",
        &[
            ("columns: usage", schema_markdown(USAGE)),
            ("columns: daily", schema_markdown(DAILY)),
            ("columns: events", schema_markdown(EVENTS)),
            ("columns: rejects", schema_markdown(REJECTS)),
            ("columns: inputs", schema_markdown(INPUTS)),
            ("learned rules", learned_rules()),
            ("example: run.json", run_json_example()),
        ],
    );
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
    let report = common::analyze(&["--until", "2023-03-27", input]);
    let command = format!("`keytrail analyze --until 2023-03-27 {input}`");
    assert!(read("docs/report-schema.md").contains(&command), "the command above the example is the one run");
    let json = fs::read_to_string(report.path().join("run.json")).unwrap();
    let time = Regex::new(r#""(started|ended)": "[^"]*""#).unwrap();
    fenced("json", &time.replace_all(&json, r#""$1": "2026-03-01T12:00:00.000Z""#))
}

#[test]
fn help_is_what_the_program_prints() {
    let help = |args: &[&str]| {
        let output = common::keytrail()
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
            ("help: rules", help(&["rules"])),
            ("columns: rules", schema_markdown(RULES)),
            ("help: completions", help(&["completions"])),
            ("help: man", help(&["man"])),
        ],
    );
}

#[test]
fn the_first_output_in_the_readme_is_real() {
    let report = common::analyze(&["sample-logs"]);
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
    let report = common::analyze(&["sample-logs"]);
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
    let binary = Path::new(env!("CARGO_BIN_EXE_keytrail")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let has_jq = Command::new("jq").arg("--version").output().is_ok();
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

/// A run of the sample, with what changes from run to run made the same.
#[test]
fn the_metrics_shown_are_those_of_the_program() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keytrail.prom");
    common::analyze(&["sample-logs", "--max-age", "36h", "--metrics", path.to_str().unwrap()]);
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

#[test]
fn the_tables_for_athena_are_those_of_the_program() {
    let events = format!(
        "CREATE EXTERNAL TABLE kms_events (\n  {})\nPARTITIONED BY (day string)\nSTORED AS PARQUET\n\
         LOCATION 's3://example-reports/kms/events/'\nTBLPROPERTIES (\n  'projection.enabled' = 'true',\n  \
         'projection.day.type' = 'date',\n  'projection.day.format' = 'yyyy-MM-dd',\n  \
         'projection.day.range' = '2020-01-01,NOW',\n  'projection.day.interval' = '1',\n  \
         'projection.day.interval.unit' = 'DAYS',\n  \
         'storage.location.template' = 's3://example-reports/kms/events/day=${{day}}/');",
        athena(EVENTS).join(",\n  "),
    );
    let file = |name: &str, columns: Vec<String>| {
        format!(
            "CREATE EXTERNAL TABLE kms_{name} (\n  {})\n\
             ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'\n\
             STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'\n\
             OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.IgnoreKeyTextOutputFormat'\n\
             LOCATION 's3://example-reports/athena/{name}/';\n",
            columns.join(",\n  ")
        )
    };
    let files = [
        file("usage", athena(USAGE)),
        file("usage_daily", athena(DAILY)),
        file("inputs", athena(INPUTS)),
        file("rejects", athena(REJECTS)),
    ];
    let parts =
        [("athena: events", fenced("sql", &events)), ("athena: files", fenced("sql", &files.join("\n")))];
    hold("docs/batch.md", &parts);
    // The files are there under these names; that their columns have these types, `tests/second_reader.rs` holds.
    let report = common::analyze(&["sample-logs"]);
    for name in ["usage", "usage_daily", "inputs", "rejects"] {
        assert!(report.path().join(format!("{name}.parquet")).exists(), "{name}");
    }
}

fn athena<T: Table>(columns: &[Column<T>]) -> Vec<String> {
    let kind = |kind| match kind {
        Kind::Text => "string",
        Kind::Int => "bigint",
        Kind::Time => "timestamp",
        Kind::Bool => "boolean",
        Kind::Date => "date",
    };
    columns.iter().map(|column| format!("{} {}", column.name, kind(column.kind))).collect()
}

/// Cells of the table rows between two headings.
fn rows<'t>(text: &'t str, from: &str, to: &str) -> Vec<Vec<&'t str>> {
    let text = text.split(from).nth(1).unwrap_or_else(|| panic!("no {from:?}")).split(to).next().unwrap();
    text.lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect()
}

#[test]
fn closed_lists_are_complete() {
    let text = read("docs/report-schema.md");
    let name = |cell: &str| cell.trim_matches('`').to_owned();
    let listed = |from, to| rows(&text, from, to).iter().map(|row| name(row[0])).collect::<Vec<_>>();

    let rejects = RejectReason::ALL.map(|reason| reason.as_str().to_owned());
    assert_eq!(listed("\nReasons:\n", "\n## "), rejects);

    assert_eq!(
        listed("Inputs are skipped", "\nAn input is taken"),
        SkipReason::ALL.map(|reason| reason.as_str().to_owned())
    );

    let denials: Vec<String> = DeniedBy::all().map(|by| by.as_str().to_owned()).collect();
    assert_eq!(listed("\n## Who refused: `denied_by`\n", "\n## "), denials);
    let shapes: Vec<String> = Shape::ALL
        .map(Shape::as_str)
        .into_iter()
        .chain(tabular::Shape::ALL.map(tabular::Shape::as_str))
        .chain([archive::Kind::Tar.as_str(), archive::Kind::Zip.as_str()])
        .map(str::to_owned)
        .collect();
    assert_eq!(listed("\n### Shapes\n", "\n### "), shapes);

    let labels = text.split("The labels are ").nth(1).unwrap().split(". ").next().unwrap();
    let labels: Vec<String> = labels.split(',').map(|label| name(label.trim())).collect();
    assert_eq!(labels, Workload::ALL.map(|workload| workload.as_str().to_owned()));
}

/// The conditions in words are held by the cases of `tests/what_counts/workload.rs`.
#[test]
fn built_in_rules_are_those_of_the_program() {
    let text = read("docs/what-counts.md");
    let table = rows(&text, "<!-- rules: built-in -->", "<!-- end -->");
    let told: Vec<[&str; 3]> = table.iter().map(|row| [row[0], row[1], row[2]]).collect();
    let classifier = Classifier::new(None).unwrap();
    let rules: Vec<[String; 3]> = classifier
        .rules()
        .iter()
        .map(|r| [r.id.as_str(), r.workload.as_str(), r.strength.as_str()].map(|text| format!("`{text}`")))
        .collect();
    assert_eq!(told, rules);
}

/// The table of documented events says what `tests/samples.rs` holds the program to.
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

#[test]
fn outcomes_and_their_codes_are_those_of_the_program() {
    let text = read("docs/report-schema.md");
    let code = Regex::new(r"`([A-Z][\w.]*)(\*?)`").unwrap();
    let mut outcomes = BTreeSet::new();
    let mut codes = BTreeSet::new();
    for row in rows(&text, "\n## Outcomes\n", "\n## ") {
        let outcome = row[0].trim_matches('`');
        outcomes.insert(outcome.to_owned());
        for found in code.captures_iter(row[2]) {
            let code = format!("{}{}", &found[1], if found[2].is_empty() { "" } else { "Anything" });
            assert_eq!(Outcome::from_error(Some(&code), None).as_str(), outcome, "{code}");
            codes.insert(found[1].to_owned());
        }
    }
    for outcome in Outcome::ALL {
        assert!(outcomes.contains(outcome.as_str()), "{} is not in the table", outcome.as_str());
    }
    // No list of codes can be asked of the program: its source has them.
    let source = read("src/model/outcome.rs");
    let source = source.split("fn from_code").nth(1).unwrap().split("\n}").next().unwrap();
    let quoted = Regex::new(r#""([A-Z][\w.]*)""#).unwrap();
    for found in quoted.captures_iter(source) {
        assert!(codes.contains(&found[1]), "{} is not in the table of outcomes", &found[1]);
    }
    assert!(codes.len() > 50);
}

#[test]
fn every_caveat_is_explained() {
    let source = read("src/audit/caveats.rs");
    let id = Regex::new(r#"(?m)^ +"([a-z0-9_]+)",$"#).unwrap();
    let ids: BTreeSet<String> = id.captures_iter(&source).map(|found| found[1].to_owned()).collect();
    let text = read("docs/what-it-proves.md");
    let explained: BTreeSet<String> = rows(&text, "## The caveats of run.json", "\n## ")
        .iter()
        .map(|row| row[0].trim_matches('`').to_owned())
        .collect();
    assert_eq!(explained, ids);
    assert!(ids.len() > 10);
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    let text = read("docs/architecture.md");
    let text = text.split("\n## Dependencies\n").nth(1).unwrap();
    let (normal, dev) = text.split_once("For tests and benchmarks only:").unwrap();
    let crate_name = Regex::new(r"`([a-z0-9_-]+)`").unwrap();
    for (section, text) in [("dependencies", normal), ("dev-dependencies", dev)] {
        let explained: BTreeSet<String> = text
            .lines()
            .filter(|line| line.starts_with("| `"))
            .flat_map(|line| crate_name.captures_iter(line.split(" | ").next().unwrap()))
            .map(|found| found[1].to_owned())
            .collect();
        let needed: BTreeSet<String> = manifest[section].as_table().unwrap().keys().cloned().collect();
        assert_eq!(explained, needed, "{section}");
    }
}

#[test]
fn links_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut followed = 0;
    for (name, text) in documents() {
        for found in link.captures_iter(&text) {
            let target = &found[1];
            if target.starts_with("https://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { name.clone() } else { name.parent().unwrap().join(file) };
            let full = root().join(&path);
            assert!(full.exists(), "{}: {target} does not exist", name.display());
            if !anchor.is_empty() {
                let headings = fs::read_to_string(&full).unwrap();
                let headings: Vec<String> =
                    headings.lines().filter(|line| line.starts_with('#')).map(slug).collect();
                assert!(
                    headings.iter().any(|heading| heading == anchor),
                    "{}: no heading for {target}",
                    name.display()
                );
            }
            followed += 1;
        }
    }
    assert!(followed > 10, "links were found");
}

/// A heading's anchor, as GitHub makes it.
fn slug(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() })
        .collect()
}

/// A newcomer reads it in five minutes; the long output apart, which is looked at rather than read.
#[test]
fn the_readme_stays_short() {
    let readme = read("README.md");
    let output = readme.split("<!-- output").nth(1).unwrap().split("<!-- end").next().unwrap();
    let lines = readme.lines().count() - output.lines().count();
    assert!(lines <= 210, "{lines} lines");
}
