//! Rows of a table on a stream, in the formats of `--format`: selected events have the columns of `events.parquet`, under the same names.

use std::fs::File;
use std::io::{self, Write};

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::SchemaRef;
use comfy_table::{ContentArrangement, Table as Grid, presets};
use serde::ser::{SerializeMap, Serializer};
use serde_json::Serializer as JsonSerializer;

use super::cell::{Cell, Row};
use super::columns::{EVENTS, Events};
use super::parquet::TableFile;
use super::table::{Column, Rows, Table, schema};
use super::tasks::TaskQueue;
use super::{Sink, SinkError};
use crate::model::{EventTime, Rejection};

/// Output formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For eyes: the telling columns only.
    Table,
    /// One JSON object a line.
    Ndjson,
    /// Comma-separated, with a header, safe to open in a spreadsheet.
    Csv,
    /// One Parquet file.
    Parquet,
    /// An Arrow IPC stream.
    Arrow,
}

/// Rows rendered side by side before column widths are settled.
const TABLE_BLOCK: usize = 200;
/// The Parquet file's name while it is made.
const FILE: &str = "rows.parquet";
const ARROW_BATCH: usize = 4096;
const ARROW_BYTES: usize = 16 << 20;
/// Columns of [`EVENTS`] for the terminal.
const TELLING: &[&str] =
    &["event_time", "event_name", "outcome", "principal", "key_arn", "workload", "source_ip"];

/// Writes rows of a table to `W` as they come.
pub struct Stream<W: Write, T: Table = Events> {
    columns: &'static [Column<T>],
    /// Columns of the terminal table.
    telling: &'static [&'static str],
    encoder: Encoder<W, T>,
}

enum Encoder<W: Write, T: Table> {
    Table {
        out: W,
        width: Option<u16>,
        rows: Vec<Vec<String>>,
    },
    Ndjson(W),
    Csv(Box<csv::Writer<W>>),
    Arrow {
        rows: Rows,
        schema: SchemaRef,
        writer: Box<StreamWriter<W>>,
    },
    /// Parquet ends with an index of what comes before: it is made in a file and copied out whole.
    Parquet {
        out: W,
        folder: tempfile::TempDir,
        file: Box<TableFile<T>>,
        jobs: TaskQueue,
    },
}

fn output_error(error: io::Error) -> SinkError {
    match error.kind() {
        io::ErrorKind::BrokenPipe => SinkError::Closed,
        _ => SinkError::File { path: "standard output".to_owned(), error },
    }
}

fn arrow_error(error: arrow_schema::ArrowError) -> SinkError {
    match error {
        arrow_schema::ArrowError::IoError(_, error) => output_error(error),
        other => SinkError::Encode { path: "standard output".to_owned(), message: other.to_string() },
    }
}

fn csv_error(error: csv::Error) -> SinkError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => output_error(error),
        other => SinkError::Encode { path: "standard output".to_owned(), message: format!("{other:?}") },
    }
}

impl<W: Write> Stream<W> {
    /// Prepares to write events in `format` to `out`; `width` is the terminal's, in characters, if it is one.
    ///
    /// # Errors
    /// When the format's header cannot be written.
    pub fn new(format: Format, out: W, width: Option<u16>) -> Result<Self, SinkError> {
        Self::of(EVENTS, TELLING, format, out, width)
    }
}

impl<W: Write, T: Table> Stream<W, T> {
    /// Prepares to write rows of a table, of which a terminal shows the `telling` columns.
    ///
    /// # Errors
    /// When the format's header cannot be written.
    pub fn of(
        columns: &'static [Column<T>],
        telling: &'static [&'static str],
        format: Format,
        out: W,
        width: Option<u16>,
    ) -> Result<Self, SinkError> {
        let encoder = match format {
            Format::Table => Encoder::Table { out, width, rows: Vec::new() },
            Format::Ndjson => Encoder::Ndjson(out),
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(columns.iter().map(|c| c.name)).map_err(csv_error)?;
                Encoder::Csv(Box::new(writer))
            }
            Format::Arrow => {
                let schema = schema(columns);
                let writer = StreamWriter::try_new(out, &schema).map_err(arrow_error)?;
                Encoder::Arrow { rows: Rows::default(), schema, writer: Box::new(writer) }
            }
            Format::Parquet => {
                let folder = tempfile::tempdir().map_err(SinkError::file(&std::env::temp_dir()))?;
                let jobs = TaskQueue::default();
                let file = Box::new(TableFile::create(&folder.path().join(FILE), columns, &jobs)?);
                Encoder::Parquet { out, folder, file, jobs }
            }
        };
        Ok(Self { columns, telling, encoder })
    }

    /// Writes a row.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn push(&mut self, row: Row<'_>) -> Result<(), SinkError> {
        match &mut self.encoder {
            Encoder::Table { out, width, rows } => {
                rows.push(table_row(self.columns, self.telling, row));
                if rows.len() >= TABLE_BLOCK {
                    write_block(out, self.telling, *width, std::mem::take(rows))?;
                }
                Ok(())
            }
            Encoder::Ndjson(out) => {
                write_json(out, self.columns, row).map_err(|e| output_error(e.into()))?;
                out.write_all(b"\n").map_err(output_error)
            }
            Encoder::Csv(writer) => {
                writer.write_record(row.cells().map(|cell| csv_cell(&cell))).map_err(csv_error)
            }
            Encoder::Arrow { rows, schema, writer } => {
                rows.push(row);
                if rows.len >= ARROW_BATCH || rows.bytes.len() >= ARROW_BYTES {
                    write_batch(rows, schema, writer)
                } else {
                    Ok(())
                }
            }
            Encoder::Parquet { file, .. } => {
                file.push_row(row);
                Ok(())
            }
        }
    }

    /// Writes what is still held back.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> Result<(), SinkError> {
        match self.encoder {
            Encoder::Table { mut out, width, rows } => {
                write_block(&mut out, self.telling, width, rows)?;
                out.flush().map_err(output_error)
            }
            Encoder::Ndjson(mut out) => out.flush().map_err(output_error),
            Encoder::Csv(mut writer) => writer.flush().map_err(output_error),
            Encoder::Arrow { mut rows, schema, mut writer } => {
                write_batch(&mut rows, &schema, &mut writer)?;
                writer.finish().map_err(arrow_error)?;
                writer.get_mut().flush().map_err(output_error)
            }
            Encoder::Parquet { mut out, folder, file, .. } => {
                file.finish()?;
                let path = folder.path().join(FILE);
                let mut file = File::open(&path).map_err(SinkError::file(&path))?;
                io::copy(&mut file, &mut out).and_then(|_| out.flush()).map_err(output_error)
            }
        }
    }
}

impl<W: Write + Send> Sink for Stream<W> {
    /// Late events come late: a stream cannot be put in order afterwards.
    fn event(&mut self, _day: i32, row: Row<'_>, _late: bool) -> Result<(), SinkError> {
        self.push(row)
    }

    fn rejection(&mut self, _archive: &str, _rejection: &Rejection) -> Result<(), SinkError> {
        Ok(())
    }

    fn input(&mut self, _row: Row<'_>) -> Result<(), SinkError> {
        Ok(())
    }

    fn tasks(&self) -> TaskQueue {
        match &self.encoder {
            Encoder::Parquet { jobs, .. } => jobs.clone(),
            _ => TaskQueue::default(),
        }
    }
}

fn write_batch<W: Write>(
    rows: &mut Rows,
    schema: &SchemaRef,
    writer: &mut StreamWriter<W>,
) -> Result<(), SinkError> {
    if rows.len == 0 {
        return Ok(());
    }
    let arrays = std::mem::take(rows).arrays(schema).map_err(arrow_error)?;
    let batch = RecordBatch::try_new(schema.clone(), arrays).map_err(arrow_error)?;
    writer.write(&batch).map_err(arrow_error)
}

fn write_json<W: Write, T: Table>(
    out: &mut W,
    columns: &[Column<T>],
    row: Row<'_>,
) -> Result<(), serde_json::Error> {
    let mut json = JsonSerializer::new(out);
    let mut map = json.serialize_map(Some(columns.len()))?;
    for (column, cell) in columns.iter().zip(row.cells()) {
        match cell {
            Cell::Null => map.serialize_entry(column.name, &())?,
            Cell::Text(text) => map.serialize_entry(column.name, &text)?,
            Cell::Int(n) => map.serialize_entry(column.name, &n)?,
            Cell::Time(time) => map.serialize_entry(column.name, &time.to_rfc3339())?,
            Cell::Bool(value) => map.serialize_entry(column.name, &value)?,
            Cell::Date(day) => map.serialize_entry(column.name, &date_text(day))?,
        }
    }
    map.end()
}

fn date_text(day: i32) -> String {
    chrono::NaiveDate::from_epoch_days(day).map_or_else(|| day.to_string(), |date| date.to_string())
}

fn cell_text(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Text(text) => text.to_string(),
        Cell::Int(n) => n.to_string(),
        Cell::Time(time) => time.to_rfc3339(),
        Cell::Bool(value) => value.to_string(),
        Cell::Date(day) => date_text(*day),
    }
}

/// Text as a spreadsheet shows it: what it would take for a formula gets an apostrophe before it. User agents, session names and object
/// keys are chosen by whoever makes the call.
fn csv_cell(cell: &Cell<'_>) -> String {
    let text = cell_text(cell);
    let formula = matches!(cell, Cell::Text(_)) && text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if formula { format!("'{text}") } else { text }
}

fn table_row<T: Table>(columns: &[Column<T>], telling: &[&str], row: Row<'_>) -> Vec<String> {
    let shown: Vec<(&str, Cell<'_>)> = columns.iter().map(|c| c.name).zip(row.cells()).collect();
    let cell =
        |name: &str| shown.iter().find(|(column, _)| *column == name).map_or(&Cell::Null, |(_, cell)| cell);
    telling
        .iter()
        .map(|name| match cell(name) {
            Cell::Time(time) => short_time(*time),
            Cell::Null => "-".to_owned(),
            other => printable(&cell_text(other)),
        })
        .collect()
}

/// To the second: CloudTrail knows no less.
fn short_time(time: EventTime) -> String {
    time.to_rfc3339().replace(".000Z", "Z")
}

/// The text without control characters: what a caller or a file is called must not steer the terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}

fn write_block<W: Write>(
    out: &mut W,
    telling: &[&str],
    width: Option<u16>,
    rows: Vec<Vec<String>>,
) -> Result<(), SinkError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut table = Grid::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(telling);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table.add_rows(rows);
    writeln!(out, "{}", table.trim_fmt()).map_err(output_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreadsheets_see_text_not_formulas() {
        for start in ["=", "+", "-", "@", "\t", "\r"] {
            let text = format!("{start}cmd|' /C calc'!A0");
            assert_eq!(csv_cell(&Cell::text(&text)), format!("'{text}"));
        }
        assert_eq!(csv_cell(&Cell::text("a=b")), "a=b");
        assert_eq!(csv_cell(&Cell::Int(-1)), "-1");
    }

    #[test]
    fn callers_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\u{9b}c\nd"), "a\u{FFFD}[31mb\u{FFFD}c\u{FFFD}d");
    }
}
