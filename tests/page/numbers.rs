use std::process::Command;

use testkit::corpus::archive::Corpus;
use testkit::{ANY, python, root, skip};

use crate::Made;

/// Compares the page of a report with its files. Returns how many values were compared; `None`
/// where there is no DuckDB.
pub fn read_back(made: &Made) -> Option<u64> {
    let script = root().join("tests/page/read_back.py");
    let mut command = Command::new(python());
    command.arg(script).arg(made.report()).arg(made.report().join("report.html"));
    let output = command.output();
    let has_duckdb = Command::new(python()).args(["-c", "import duckdb, pyarrow"]).output();
    let (Ok(output), true) = (output, has_duckdb.is_ok_and(|ran| ran.status.success())) else {
        skip("the numbers of the page", "Python has no duckdb and pyarrow");
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    Some(text.split(' ').next().unwrap().parse().unwrap())
}

#[test]
fn every_number_of_the_sample_is_in_its_files() {
    for options in [&[][..], &["--lang", "ja"], &ANY, &["--since", "2030-01-01"]] {
        let made = Made::sample(options);
        if let Some(values) = read_back(&made) {
            assert!(values > 300, "{options:?}: {values}");
        }
    }
}

#[test]
fn every_number_of_any_corpus_is_in_its_files() {
    for seed in [3, 4] {
        let logs = tempfile::tempdir().unwrap();
        Corpus::sized(seed, 2.0, 256, 0.6).write(logs.path()).unwrap();
        if let Some(values) = read_back(&Made::of(logs.path(), &ANY)) {
            assert!(values > 1_000, "{seed}: {values}");
        }
    }
}

#[test]
fn every_number_of_damaged_input_is_in_its_files() {
    let made = Made::of(&root().join("tests/data/damaged"), &[]);
    let page = made.page();
    assert!(page.contains("id=\"rejects\""), "what could not be read is in the page");
    read_back(&made);
}
