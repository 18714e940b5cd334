//! What the integration tests share: running the binary, reading its reports back.

#![allow(dead_code, reason = "every integration test compiles this anew and uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Int64Type, TimestampMillisecondType};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use chrono::{DateTime, NaiveDate, SecondsFormat};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value};

/// The binary under test, away from whatever the environment says.
pub fn keytrail() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keytrail"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KEYTRAIL_")) {
        command.env_remove(name);
    }
    command.env_remove("NO_COLOR");
    command
}

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

    pub fn rejects(&self) -> Vec<Value> {
        rows(&self.path().join("rejects.parquet"))
    }

    pub fn inputs(&self) -> Vec<Value> {
        rows(&self.path().join("inputs.parquet"))
    }

    /// All events, by archive and offset; each day's file is checked to be in that order, and to hold its day only.
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

    /// Every file of the report but `run.json`, with its bytes.
    pub fn parquet_bytes(&self) -> Vec<(String, Vec<u8>)> {
        parquet_bytes(&self.path())
    }
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

pub fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
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
    analyze_in(Path::new(env!("CARGO_MANIFEST_DIR")), args)
}

/// The program with so much address space, in KiB: whatever it takes, more it cannot get. One thread, so that the machine does not matter;
/// and one arena, since glibc reserves 64 to 128 MiB of addresses, not of memory, for each further thread that allocates.
pub fn with_memory(kib: u32, cwd: &Path, args: &[&str]) -> Ran {
    let program = keytrail();
    let mut shell = Command::new("sh");
    shell.current_dir(cwd).args(["-c", &format!("ulimit -v {kib}; exec \"$0\" \"$@\"")]);
    shell.env("MALLOC_ARENA_MAX", "1");
    shell.arg(program.get_program()).args(["analyze", "--threads", "1", "-o", "report"]).args(args);
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    run(&mut shell)
}

/// More than a run takes (an ordinary archive of up to 64 MiB is held whole), and less than it would take to hold what these tests feed it.
pub const LITTLE: u32 = 160 << 10;

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

/// Fails with the first row that differs.
pub fn assert_rows(what: &str, ours: &[Value], expected: &[Value]) {
    for (n, (ours, expected)) in ours.iter().zip(expected).enumerate() {
        if ours != expected {
            let (Value::Object(a), Value::Object(b)) = (ours, expected) else { panic!("rows are objects") };
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

/// What a process did.
pub struct Ran {
    pub status: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

/// Runs a command to its end, with nothing on standard input unless it says otherwise.
pub fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        status: output.status.code().expect("the process ended by itself"),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Waits for a process that might hang; a test that waits for ever tells nobody anything.
pub fn ended(child: &mut Child) -> i32 {
    for _ in 0..1200 {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().expect("the process ended by itself");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    panic!("the process still runs after a minute");
}

/// The `n`th of any number of records that the default selection takes: a Decrypt by the geospatial service.
pub fn decrypt(n: u32) -> Value {
    serde_json::json!({
        "eventVersion": "1.08",
        "userIdentity": {"type": "AWSService", "invokedBy": "sagemaker-geospatial.amazonaws.com"},
        "eventTime": format!("2024-03-05T10:{:02}:{:02}Z", n / 60 % 60, n % 60),
        "eventSource": "kms.amazonaws.com",
        "eventName": "Decrypt",
        "awsRegion": "us-west-2",
        "sourceIPAddress": "sagemaker-geospatial.amazonaws.com",
        "userAgent": "sagemaker-geospatial.amazonaws.com",
        "requestParameters": {"encryptionAlgorithm": "SYMMETRIC_DEFAULT"},
        "responseElements": null,
        "eventID": format!("00000000-0000-4000-8000-{n:012}"),
        "readOnly": true,
        "resources": [{
            "accountId": "111122223333",
            "type": "AWS::KMS::Key",
            "ARN": "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        }],
        "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
        "eventCategory": "Management",
    })
}

/// A log file with these records, as CloudTrail delivers it.
pub fn document(records: &[impl std::fmt::Display]) -> String {
    let records: Vec<String> = records.iter().map(ToString::to_string).collect();
    format!("{{\"Records\":[{}]}}", records.join(","))
}

/// The row of `inputs.parquet` for the archive of this name.
pub fn input<'r>(inputs: &'r [Value], archive: &str) -> &'r Value {
    inputs
        .iter()
        .find(|row| row["archive"] == archive)
        .unwrap_or_else(|| panic!("no input {archive} in {inputs:#?}"))
}

/// A folder of files to read.
pub fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    dir
}
