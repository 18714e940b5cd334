//! Reports of other versions, damaged ones, and folders that are none.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, StringArray, TimestampMillisecondArray};
use parquet::arrow::ArrowWriter;

use super::*;
use crate::model::error_chain;
use crate::report::tables::{REJECTS, RejectsTable};

/// Writes a table of rejects with these columns, and reads it.
fn read(columns: Vec<(&str, ArrayRef)>) -> Result<Vec<Vec<Cell<'static>>>, String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("run.json"), r#"{"keytrail_version":"x","options":{}}"#).unwrap();
    fs::write(folder.path().join("usage.parquet"), "").unwrap();
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    );
    let (batch, file) = (batch.unwrap(), File::create(folder.path().join("rejects.parquet")).unwrap());
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let report = FinishedReport::open(folder.path()).unwrap().unwrap();
    let mut rows = Vec::new();
    let owned = |cell: Cell<'_>| match cell {
        Cell::Text(text) => Cell::Text(text.into_owned().into()),
        Cell::Int(number) => Cell::Int(number),
        _ => Cell::Null,
    };
    let read = report.read::<RejectsTable>(|row| rows.push(row.cells().map(owned).collect()));
    let name = folder.path().display().to_string();
    read.map(|()| rows).map_err(|error| error_chain(&error).replace(&name, "R"))
}

fn texts(texts: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

#[test]
fn columns_are_found_by_name() {
    let names: Vec<&str> = REJECTS.iter().map(|column| column.name).collect();
    assert_eq!(names[..2], ["archive", "record_offset"], "the test knows these columns");
    let some = texts(&[Some("a")]);
    let required = || {
        let is_other = |column: &&Column<RejectsTable>| !column.nullable && column.name != "archive";
        REJECTS.iter().filter(is_other).map(|column| (column.name, texts(&[Some("x")])))
    };
    let mut columns: Vec<(&str, ArrayRef)> = vec![("new_column", some.clone()), ("archive", some.clone())];
    columns.extend(required());
    let rows = read(columns).unwrap();
    assert_eq!(rows[0][..2], [Cell::Text("a".into()), Cell::Null], "an older report has no offset");

    let mut wrong: Vec<(&str, ArrayRef)> = vec![("archive", Arc::new(Int64Array::from(vec![1])))];
    wrong.extend(required());
    assert_eq!(read(wrong).unwrap_err(), "R/rejects.parquet: column archive has the type Int64, not string");
    let missing = read(required().collect()).unwrap_err();
    assert_eq!(missing, "R/rejects.parquet: column archive is missing");
    let mut null: Vec<(&str, ArrayRef)> = vec![("archive", texts(&[None]))];
    null.extend(required());
    assert_eq!(read(null).unwrap_err(), "R/rejects.parquet: column archive is null in a row");
    let times: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![1]));
    let mut wrong: Vec<(&str, ArrayRef)> = vec![("archive", some), ("record_offset", times)];
    wrong.extend(required());
    assert!(read(wrong).unwrap_err().contains("column record_offset has the type Timestamp"));
}

#[test]
fn what_is_no_report_is_told() {
    let folder = tempfile::tempdir().unwrap();
    assert!(FinishedReport::open(folder.path()).unwrap().is_none());
    fs::write(folder.path().join("run.json"), "{}").unwrap();
    assert!(FinishedReport::open(folder.path()).unwrap().is_none(), "archives may have such a name");
    fs::write(folder.path().join("usage.parquet"), "no Parquet").unwrap();
    assert!(matches!(FinishedReport::open(folder.path()), Err(ReadError::NotARun { .. })));
    fs::write(folder.path().join("run.json"), r#"{"keytrail_version":"x","options":{}}"#).unwrap();
    fs::write(folder.path().join("rejects.parquet"), "no Parquet").unwrap();
    let report = FinishedReport::open(folder.path()).unwrap().unwrap();
    assert!(matches!(report.read::<RejectsTable>(|_| ()), Err(ReadError::Table { .. })));
}
