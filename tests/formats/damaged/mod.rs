//! Bad input, by the rows of the contract's table: real files through the real program, with the
//! exit status, the accounting, the rejects and the inputs that must come of each. Good records
//! stand around all damage: they must be counted.

mod gzip;
mod limits;
mod look_alikes;
mod records;

use std::fs;

use flate2::Compression;
use serde_json::Value;
use testkit::{Report, analyze, corpus, root, sorted, state};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    corpus::archive::gzip(bytes, Compression::best())
}

/// Archive, offset and reason of every reject; each must say something for people too.
fn rejects(report: &Report) -> Vec<(String, Option<u64>, String)> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    report
        .rejects()
        .iter()
        .map(|row| {
            assert!(!text(row, "detail").is_empty(), "{row}");
            (text(row, "archive"), row["record_offset"].as_u64(), text(row, "reason"))
        })
        .collect()
}

fn reject(archive: &str, offset: Option<usize>, reason: &str) -> (String, Option<u64>, String) {
    (archive.to_owned(), offset.map(|n| n as u64), reason.to_owned())
}

#[test]
fn the_kept_files_are_those_the_generator_makes() {
    let folder = root().join("tests/data/damaged");
    let mut expected: Vec<String> =
        corpus::damaged::cases().iter().map(|case| case.file.to_owned()).collect();
    for case in corpus::damaged::cases() {
        assert_eq!(fs::read(folder.join(case.file)).unwrap(), case.bytes, "{}", case.file);
    }
    expected.push("README.md".to_owned());
    expected.sort();
    let found: Vec<String> =
        sorted(&folder).iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(found, expected);
}

#[test]
fn each_kept_file_by_itself() {
    for case in corpus::damaged::cases() {
        let uri = format!("tests/data/damaged/{}", case.file);
        let report = analyze(&[&uri]);
        let inputs = report.inputs();
        assert_eq!(inputs.len(), 1);
        let (status, reason) = state(&inputs, &uri);
        assert_eq!(status, case.status, "{uri}");
        assert_eq!(reason, case.reason, "{uri}");
        for (class, count) in
            [("records", case.records), ("selected", case.selected), ("rejected", case.rejected)]
        {
            assert_eq!(inputs[0][class], count, "{uri}: {class}");
            assert_eq!(report.run_json()["totals"][class], count, "{uri}: {class}");
        }
        assert_eq!(report.events().len() as u64, case.selected, "{uri}");
        assert_eq!(report.rejects().len() as u64, case.rejected, "{uri}");
        let is_whole = !matches!(case.status, "partial" | "unreadable");
        assert_eq!(report.status, i32::from(!is_whole), "{uri}: {}", report.stderr);
    }
}

/// The files share events, so only the sums that copies do not change can be told.
#[test]
fn all_kept_files_in_one_run() {
    let report = analyze(&["tests/data/damaged", "--keep-duplicates"]);
    let cases = corpus::damaged::cases();
    let sum = |of: fn(&corpus::damaged::Case) -> u64| cases.iter().map(of).sum::<u64>();
    let totals = report.run_json()["totals"].clone();
    assert_eq!(totals["records"], sum(|case| case.records));
    assert_eq!(totals["rejected"], sum(|case| case.rejected));
    assert_eq!(report.rejects().len() as u64, sum(|case| case.rejected));
    let inputs = report.inputs();
    for case in &cases {
        let (status, reason) = state(&inputs, &format!("tests/data/damaged/{}", case.file));
        assert_eq!(status, case.status, "{}", case.file);
        assert_eq!(reason, case.reason, "{}", case.file);
    }
    assert_eq!(report.status, 1);
}
