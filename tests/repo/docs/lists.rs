//! Lists that must be complete: closed lists, rules, outcomes, caveats, dependencies.

use std::collections::BTreeSet;

use keytrail::audit::caveats_markdown;
use keytrail::classify::Classifier;
use keytrail::format::container::JsonShape;
use keytrail::format::{archive, tabular};
use keytrail::model::{DeniedBy, Outcome, RejectReason, SkipReason, Workload};
use regex::Regex;

use super::{hold, read, rows};

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
    let shapes: Vec<String> = JsonShape::ALL
        .map(JsonShape::as_str)
        .into_iter()
        .chain(tabular::TableShape::ALL.map(tabular::TableShape::as_str))
        .chain([archive::ArchiveFormat::Tar.as_str(), archive::ArchiveFormat::Zip.as_str()])
        .map(str::to_owned)
        .collect();
    assert_eq!(listed("\n### Shapes\n", "\n### "), shapes);

    let labels = text.split("The labels are ").nth(1).unwrap().split(". ").next().unwrap();
    let labels: Vec<String> = labels.split(',').map(|label| name(label.trim())).collect();
    assert_eq!(labels, Workload::ALL.map(|workload| workload.as_str().to_owned()));
}

/// The conditions in words are held by the cases of `tests/rules/what_counts/workload.rs`.
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
    hold("docs/what-it-proves.md", &[("caveats", caveats_markdown())]);
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    let text = read("docs/architecture.md");
    let text = text.split("\n## Dependencies\n").nth(1).unwrap();
    let (normal, dev) = text.split_once("For tests and benchmarks only:").unwrap();
    let (dev, python) = dev.split_once("For the Python package only").unwrap();
    let crate_name = Regex::new(r"`([a-z0-9_-]+)`").unwrap();
    let names = |manifest: &toml::Table, section: &str| -> BTreeSet<String> {
        manifest[section].as_table().unwrap().keys().cloned().collect()
    };
    let testkit: toml::Table = toml::from_str(&read("tests/testkit/Cargo.toml")).unwrap();
    let mut dependencies = names(&manifest, "dependencies");
    for (_, section) in manifest["target"].as_table().unwrap() {
        dependencies.extend(names(section.as_table().unwrap(), "dependencies"));
    }
    let of_testkit = &names(&testkit, "dependencies") - &dependencies;
    let of_tests = &names(&manifest, "dev-dependencies") | &of_testkit;
    let package: toml::Table = toml::from_str(&read("python/Cargo.toml")).unwrap();
    let mut of_package = &names(&package, "dependencies") - &dependencies;
    of_package.remove("keytrail");
    for (section, needed, text) in [
        ("dependencies", dependencies, normal),
        ("dev-dependencies", of_tests, dev),
        ("python", of_package, python),
    ] {
        let explained: BTreeSet<String> = text
            .lines()
            .filter(|line| line.starts_with("| `"))
            .flat_map(|line| crate_name.captures_iter(line.split(" | ").next().unwrap()))
            .map(|found| found[1].to_owned())
            .collect();
        assert_eq!(explained, needed, "{section}");
    }
}
