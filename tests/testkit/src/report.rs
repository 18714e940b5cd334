//! Reads a report back: every table as rows of JSON.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Int64Type, TimestampMillisecondType};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use chrono::{DateTime, NaiveDate, SecondsFormat};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value, json};

use crate::files::sorted;
use crate::program::keytrail;
use crate::root;

/// Selects everything.
pub const ANY: [&str; 4] = ["--workload", "any", "--event", "any"];

/// A report in a directory that lives as long as this.
pub struct Report {
    dir: tempfile::TempDir,
    /// Exit status of the run.
    pub status: i32,
    pub stderr: String,
}

impl Report {
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("report")
    }

    pub fn usage(&self) -> Vec<Value> {
        rows(&self.path().join("usage.parquet"))
    }

    pub fn daily(&self) -> Vec<Value> {
        rows(&self.path().join("usage_daily.parquet"))
    }

    pub fn grants(&self) -> Vec<Value> {
        rows(&self.path().join("grants.parquet"))
    }

    pub fn policy_statements(&self) -> Vec<Value> {
        rows(&self.path().join("policy_statements.parquet"))
    }

    pub fn shares(&self) -> Vec<Value> {
        rows(&self.path().join("shares.parquet"))
    }

    pub fn share_use(&self) -> Vec<Value> {
        rows(&self.path().join("share_use.parquet"))
    }

    pub fn access(&self) -> Vec<Value> {
        rows(&self.path().join("access.parquet"))
    }

    pub fn findings(&self) -> Vec<Value> {
        rows(&self.path().join("findings.parquet"))
    }

    pub fn integrity(&self) -> Vec<Value> {
        rows(&self.path().join("integrity.parquet"))
    }

    pub fn superseded(&self) -> Vec<Value> {
        rows(&self.path().join("superseded.parquet"))
    }

    pub fn rejects(&self) -> Vec<Value> {
        rows(&self.path().join("rejects.parquet"))
    }

    pub fn inputs(&self) -> Vec<Value> {
        rows(&self.path().join("inputs.parquet"))
    }

    /// All events, by archive and offset; each day's file is checked to be in that order, and to
    /// hold its day only.
    pub fn events(&self) -> Vec<Value> {
        let place = |row: &Value| {
            (row["archive"].as_str().unwrap().to_owned(), row["record_offset"].as_i64().unwrap())
        };
        let mut all = Vec::new();
        for day in sorted(&self.path().join("events")) {
            let rows = rows(&day.join("events.parquet"));
            assert!(rows.is_sorted_by_key(place), "{} is not in order", day.display());
            let date = day.file_name().unwrap().to_str().unwrap().strip_prefix("day=").unwrap().to_owned();
            assert!(rows.iter().all(|row| row["event_time"].as_str().unwrap().starts_with(&date)));
            all.extend(rows);
        }
        all.sort_by_key(place);
        all
    }

    pub fn run_json(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.path().join("run.json")).unwrap()).unwrap()
    }

    /// Every Parquet file of the report, with its bytes.
    pub fn parquet_bytes(&self) -> Vec<(String, Vec<u8>)> {
        parquet_bytes(&self.path())
    }
}

/// Whether a file of a report says when it was made: two reports of the same input differ in it.
pub fn is_dated(name: &str) -> bool {
    matches!(name, "run.json" | "report.html")
}

/// Every Parquet file below a folder, with its bytes.
pub fn parquet_bytes(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in sorted(&folder) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|e| e == "parquet") {
                let name = entry.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.push((name, std::fs::read(&entry).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// `keytrail analyze` with these arguments, inputs included, run in `cwd`.
pub fn analyze_in(cwd: &Path, args: &[&str]) -> Report {
    analyze_by(keytrail().current_dir(cwd), args)
}

/// `analyze` with these arguments, by this program.
pub fn analyze_by(program: &mut Command, args: &[&str]) -> Report {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("report");
    let output = program.arg("analyze").arg("-o").arg(&out).args(args).output().unwrap();
    report(dir, &output)
}

/// `keytrail analyze` in the repository's folder.
pub fn analyze(args: &[&str]) -> Report {
    analyze_in(root(), args)
}

fn report(dir: tempfile::TempDir, output: &Output) -> Report {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    Report { dir, status: output.status.code().expect("the run ended by itself"), stderr }
}

/// All rows of a Parquet file as JSON objects.
pub fn rows(path: &Path) -> Vec<Value> {
    let file = std::fs::File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    reader.flat_map(|batch| batch_rows(&batch.unwrap())).collect()
}

pub fn batch_rows(batch: &RecordBatch) -> Vec<Value> {
    let schema = batch.schema();
    (0..batch.num_rows())
        .map(|row| {
            let cells = schema
                .fields()
                .iter()
                .enumerate()
                .map(|(column, field)| (field.name().clone(), cell(batch.column(column).as_ref(), row)));
            Value::Object(cells.collect::<Map<_, _>>())
        })
        .collect()
}

fn cell(array: &dyn Array, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Date32 => NaiveDate::from_epoch_days(array.as_primitive::<Date32Type>().value(row))
            .unwrap()
            .to_string()
            .into(),
        DataType::Timestamp(TimeUnit::Millisecond, Some(zone)) if &**zone == "UTC" => {
            let ms = array.as_primitive::<TimestampMillisecondType>().value(row);
            DateTime::from_timestamp_millis(ms).unwrap().to_rfc3339_opts(SecondsFormat::Millis, true).into()
        }
        other => panic!("a column of type {other}"),
    }
}

/// Columns of which the oracle says nothing: what digests say. `tests/integrity` holds them.
const OF_DIGESTS: [&str; 2] = ["integrity", "verified_event_count"];

/// Fails with the first row that differs.
pub fn assert_rows(what: &str, ours: &[Value], expected: &[Value]) {
    for (n, (ours, expected)) in ours.iter().zip(expected).enumerate() {
        let (Value::Object(a), Value::Object(b)) = (ours, expected) else { panic!("rows are objects") };
        let mut a = a.clone();
        a.retain(|name, _| b.contains_key(name) || !OF_DIGESTS.contains(&name.as_str()));
        if a != *b {
            let differing: Vec<String> = a
                .keys()
                .chain(b.keys().filter(|k| !a.contains_key(*k)))
                .filter(|k| a.get(*k) != b.get(*k))
                .map(|k| format!("  {k}: {:?}, expected {:?}", a.get(k), b.get(k)))
                .collect();
            panic!("{what}, row {n}:\n{}\nour row: {ours}", differing.join("\n"));
        }
    }
    assert_eq!(ours.len(), expected.len(), "{what}: number of rows");
}

/// The row of `inputs.parquet` for the archive of this name.
pub fn input<'r>(inputs: &'r [Value], archive: &str) -> &'r Value {
    inputs
        .iter()
        .find(|row| row["archive"] == archive)
        .unwrap_or_else(|| panic!("no input {archive} in {inputs:#?}"))
}

/// Status and reason of an input.
pub fn state<'r>(inputs: &'r [Value], archive: &str) -> (&'r str, &'r str) {
    let row = input(inputs, archive);
    (row["status"].as_str().unwrap(), row["reason"].as_str().unwrap_or_default())
}

/// Checks the totals class by class: classes that are not named must be zero, and `records` their
/// sum.
pub fn accounts(report: &Report, classes: &[(&str, u64)]) {
    let totals = report.run_json()["totals"].clone();
    let mut expected: BTreeMap<&str, u64> =
        totals.as_object().unwrap().keys().map(|class| (class.as_str(), 0)).collect();
    expected.extend(classes.iter().copied());
    expected.insert("records", classes.iter().filter(|(class, _)| *class != "conflicts").map(|c| c.1).sum());
    assert_eq!(totals, json!(expected), "{}", report.stderr);
}

/// `run.json`, the inputs and the rejects of the report `dir/report`.
pub fn read_report(dir: &Path) -> (Value, Vec<Value>, Vec<Value>) {
    let report = dir.join("report");
    let run = serde_json::from_slice(&std::fs::read(report.join("run.json")).unwrap()).unwrap();
    (run, rows(&report.join("inputs.parquet")), rows(&report.join("rejects.parquet")))
}
