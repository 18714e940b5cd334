//! Reports that somebody else made: some kilobytes whose rows have gigabytes of text.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use arrow_array::types::{Date32Type, Int32Type, Int64Type, TimestampMillisecondType};
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Int32Array, PrimitiveArray, RecordBatch, StringArray,
    cast::AsArray, types::ArrowPrimitiveType,
};
use arrow_schema::DataType;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use testkit::{command_with_memory, keytrail, run};

use super::TIME;

/// Address space of one command in KiB.
const MEMORY: u32 = 512 << 10;
/// Texts that may be anything. Others have closed lists of values.
const FREE: [&str; 10] = [
    "key_arn",
    "principal",
    "grantee",
    "resource_arn",
    "consumer",
    "detail",
    "archive",
    "error_message",
    "principal_id",
    "user_agent",
];

/// A report of the sample, with the events of one day.
fn report() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-logs");
    let ran =
        run(keytrail().current_dir(dir.path()).args(["analyze", "--no-html", "-o", "report"]).arg(sample));
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    // The events of all days count together: those of one are left.
    let days = fs::read_dir(dir.path().join("report/events")).unwrap().skip(1);
    days.for_each(|day| fs::remove_dir_all(day.unwrap().path()).unwrap());
    dir
}

fn tables(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => tables(&path, found),
            false if path.extension().is_some_and(|end| end == "parquet") => found.push(path),
            false => {}
        }
    }
}

/// Replaces each table in a folder of it by its first row, so many times, with `text` in place of
/// free texts.
fn blow_up(dir: &Path, rows: usize, text: &str) {
    let mut found = Vec::new();
    tables(dir, &mut found);
    for path in found {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
        let Some(first) = reader.with_batch_size(1).build().unwrap().next() else { continue };
        let first = first.unwrap();
        let schema = first.schema();
        let columns = schema.fields().iter().zip(first.columns()).map(|(field, column)| {
            let is_free = FREE.contains(&field.name().as_str());
            (field.name().clone(), repeated(column, rows, is_free.then_some(text)), true)
        });
        let blown = RecordBatch::try_from_iter_with_nullable(columns.collect::<Vec<_>>()).unwrap();
        let level = Compression::ZSTD(ZstdLevel::try_new(3).unwrap());
        let properties = WriterProperties::builder().set_compression(level).build();
        let file = File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, blown.schema(), Some(properties)).unwrap();
        writer.write(&blown).unwrap();
        writer.close().unwrap();
        assert!(fs::metadata(&path).unwrap().len() < 100_000);
    }
}

fn repeated(column: &ArrayRef, rows: usize, text: Option<&str>) -> ArrayRef {
    fn numbers<T: ArrowPrimitiveType>(column: &ArrayRef, rows: usize) -> PrimitiveArray<T> {
        let column = column.as_primitive::<T>();
        let value = (!column.is_null(0)).then(|| column.value(0));
        (0..rows).map(|_| value).collect::<PrimitiveArray<T>>()
    }
    match column.data_type() {
        DataType::Utf8 => {
            let own = column.as_string::<i32>();
            let text = text.or_else(|| (!own.is_null(0)).then(|| own.value(0)));
            let keys = Int32Array::from(vec![text.map(|_| 0); rows]);
            let values = Arc::new(StringArray::from(vec![text.unwrap_or_default()]));
            Arc::new(DictionaryArray::<Int32Type>::try_new(keys, values).unwrap())
        }
        DataType::Boolean => {
            let own = column.as_boolean();
            Arc::new(BooleanArray::from(vec![(!own.is_null(0)).then(|| own.value(0)); rows]))
        }
        DataType::Date32 => Arc::new(numbers::<Date32Type>(column, rows)),
        DataType::Int64 => Arc::new(numbers::<Int64Type>(column, rows)),
        _ => Arc::new(numbers::<TimestampMillisecondType>(column, rows).with_timezone("UTC")),
    }
}

/// The command ends in time, with exit status 2 and one sentence that says this.
#[track_caller]
fn refused(dir: &Path, args: &[&str], why: &str) {
    let since = Instant::now();
    let ran = command_with_memory(MEMORY, dir, args);
    assert!(since.elapsed() < TIME, "{args:?} took {:?}", since.elapsed());
    assert_eq!(ran.status, 2, "{args:?}: {}", ran.stderr);
    assert!(ran.stderr.contains(why) && ran.stderr.lines().count() == 1, "{args:?}: {}", ran.stderr);
}

/// Once: `sharing`, `findings`, `html` and `review` ended for lack of memory, and the others took
/// minutes.
#[test]
fn a_text_of_a_dictionary_in_every_row() {
    let dir = report();
    blow_up(&dir.path().join("report"), 3_000, &"x".repeat(100_000));
    let why = "its rows are larger than keytrail's in a file of this size";
    refused(dir.path(), &["summary", "--by", "key", "report"], why);
    refused(dir.path(), &["record", "no-such-event", "report"], why);
    refused(dir.path(), &["sharing", "report"], why);
    refused(dir.path(), &["findings", "report"], why);
    refused(dir.path(), &["review", "report"], why);
    refused(dir.path(), &["html", "report", "-o", "page.html"], why);
    refused(dir.path(), &["export", "report", "--format", "md"], why);
    refused(dir.path(), &["evidence", "report", "-o", "evidence.zip"], why);
}

/// Rows that are read, and of which a command would keep too much.
#[test]
fn more_than_is_kept() {
    let dir = report();
    blow_up(&dir.path().join("report"), 650, &"y".repeat(40_000));
    refused(dir.path(), &["sharing", "report"], "has more than can be kept of a report (160 MiB)");
    let ran = command_with_memory(MEMORY, dir.path(), &["review", "report"]);
    assert_eq!(ran.status, 0, "the rows are alike: {}", ran.stderr);
    let ran = command_with_memory(MEMORY, dir.path(), &["html", "report", "-o", "page.html"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(fs::metadata(dir.path().join("page.html")).unwrap().len() < 12 << 20);
}

/// One row that is longer than a record can be.
#[test]
fn a_row_of_seventeen_megabytes() {
    let dir = report();
    blow_up(&dir.path().join("report"), 1, &"z".repeat(17 << 20));
    let why = "a row has more than 16 MiB of text; keytrail writes none of that length";
    refused(dir.path(), &["findings", "report"], why);
    refused(dir.path(), &["html", "report", "-o", "page.html"], why);
}
