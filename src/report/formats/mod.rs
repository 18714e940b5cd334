//! Rows of a table as a stream, in one of the formats of `--format`.
//!
//! One file per format, each with a `RowEncoder`. A new format is a file here and a variant of
//! [`OutputFormat`], whose methods the command line reads.

mod arrow;
mod csv;
mod encoder;
mod line;
mod markdown;
mod ndjson;
mod parquet;
mod terminal;
mod tsv;

use std::collections::HashMap;
use std::io::Write;

pub use self::arrow::BatchTaker;
pub use self::csv::CsvForm;
pub use self::encoder::OutputTarget;
use self::encoder::RowEncoder;
use super::cell::{Cell, EncodedRow};
use super::error::SinkError;
use super::sink::{EventStep, Sink};
use super::table::{Column, ColumnType, Table};
use crate::base::TaskQueue;
use crate::model::Rejection;

/// Output formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutputFormat {
    /// A table for a terminal, with the most important columns only.
    Table,
    /// A line for each column that has a value.
    Line,
    /// One JSON object per line.
    Ndjson,
    /// Comma-separated values with a header, safe to open in a spreadsheet.
    Csv,
    /// Tab-separated values with a header, without quotes.
    Tsv,
    /// A Markdown table, for a ticket.
    Md,
    /// One Parquet file.
    Parquet,
    /// An Arrow IPC stream.
    Arrow,
}

impl OutputFormat {
    /// All formats, in the order of the help.
    pub const ALL: [Self; 8] =
        [Self::Table, Self::Line, Self::Ndjson, Self::Csv, Self::Tsv, Self::Md, Self::Parquet, Self::Arrow];

    /// The value of `--format`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Line => "line",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Md => "md",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }

    /// What it is, for the help.
    pub fn about(self) -> &'static str {
        match self {
            Self::Table => "A table of the most important columns, one line a row",
            Self::Line => "A line for each column that has a value",
            Self::Ndjson => "One JSON object per line",
            Self::Csv => "Comma-separated values with a header, safe to open in a spreadsheet",
            Self::Tsv => "Tab-separated values with a header, for cut and awk",
            Self::Md => "A Markdown table of the most important columns, for a ticket",
            Self::Parquet => "One Parquet file",
            Self::Arrow => "An Arrow IPC stream",
        }
    }

    /// Whether only the most important columns are written, unless others are asked for.
    fn is_short(self) -> bool {
        matches!(self, Self::Table | Self::Md)
    }

    /// Whether a terminal cannot show it.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow)
    }
}

/// The most important columns of [`EVENTS`](super::EVENTS).
pub const EVENT_COLUMNS: &[&str] =
    &["event_time", "event_name", "outcome", "principal", "key_arn", "workload", "source_ip"];

/// In which format rows are written, for what, and which columns of them.
#[derive(Debug, Clone, Copy)]
pub struct RowForm<'c> {
    /// The format.
    pub format: OutputFormat,
    /// What shows the rows.
    pub target: OutputTarget,
    /// The most important columns, which a table for people has.
    pub important: &'c [&'static str],
    /// The columns that are asked for, in this order, instead of the most important, or of all.
    pub chosen: Option<&'c [String]>,
}

impl RowForm<'_> {
    /// All columns, for a file or a program.
    pub fn of_file(format: OutputFormat) -> Self {
        Self { format, target: OutputTarget::File, important: &[], chosen: None }
    }

    /// The places of the columns to write.
    fn places<T: Table>(&self, columns: &[Column<T>]) -> Result<Vec<usize>, SinkError> {
        let place = |name: &str| columns.iter().position(|column| column.name == name);
        match self.chosen {
            Some(names) => names
                .iter()
                .map(|name| place(name).ok_or_else(|| SinkError::NoColumn { name: name.clone() }))
                .collect(),
            None if self.format.is_short() => {
                Ok(self.important.iter().filter_map(|name| place(name)).collect())
            }
            None => Ok((0..columns.len()).collect()),
        }
    }
}

/// Writes the rows of one table to a writer as they come.
///
/// ```
/// use keytrail::report::{OutputFormat, OutputTarget, RULES, RowForm, RowStream};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut out = Vec::new();
/// let chosen = ["workload".to_owned(), "rule".to_owned()];
/// let form = RowForm {
///     format: OutputFormat::Csv,
///     target: OutputTarget::File,
///     important: &["rule"],
///     chosen: Some(&chosen),
/// };
/// let stream = RowStream::new(RULES, form, &mut out)?;
/// stream.finish()?;
/// assert_eq!(out, b"workload,rule\n");
/// # Ok(())
/// # }
/// ```
pub struct RowStream<'w> {
    encoder: Box<dyn RowEncoder + Send + 'w>,
    /// The places of the cells to write, unless they are all, or the encoder chooses.
    places: Option<Vec<usize>>,
    /// The cells of a row that are written.
    cells: Vec<u8>,
}

impl<'w> RowStream<'w> {
    /// A stream of rows of a table.
    ///
    /// # Errors
    /// When a chosen column does not exist, or the format's header cannot be written.
    pub fn new<T: Table>(
        columns: &'static [Column<T>],
        form: RowForm<'_>,
        out: impl Write + Send + 'w,
    ) -> Result<Self, SinkError> {
        let RowForm { format, target, .. } = form;
        let places = form.places(columns)?;
        let written: Vec<&'static Column<T>> = places.iter().map(|place| &columns[*place]).collect();
        let names: Vec<&'static str> = written.iter().map(|column| column.name).collect();
        let encoder: Box<dyn RowEncoder + Send + 'w> = match format {
            OutputFormat::Table => {
                let all: Vec<&'static str> = columns.iter().map(|column| column.name).collect();
                let is_number = |place: &usize| (*place, columns[*place].column_type == ColumnType::Int);
                let shown = places.iter().map(is_number);
                Box::new(terminal::TerminalEncoder::new(&all, shown, out, target))
            }
            OutputFormat::Line => Box::new(line::LineEncoder::new(names, out)),
            OutputFormat::Ndjson => Box::new(ndjson::NdjsonEncoder::new(names, out, target)),
            OutputFormat::Csv => Box::new(csv::CsvEncoder::new(&names, CsvForm::default(), out, target)?),
            OutputFormat::Tsv => Box::new(tsv::TsvEncoder::new(&names, out, target)?),
            OutputFormat::Md => Box::new(markdown::MarkdownEncoder::new(&names, out)?),
            OutputFormat::Parquet => Box::new(parquet::ParquetEncoder::new(&written, out)?),
            OutputFormat::Arrow => Box::new(arrow::BatchEncoder::new(&written, arrow::IpcStream::new(out))?),
        };
        let is_all = places.iter().copied().eq(0..columns.len());
        let places = Some(places).filter(|_| !is_all && format != OutputFormat::Table);
        Ok(Self { encoder, places, cells: Vec::new() })
    }

    /// A stream of rows of a table as record batches, with these columns, or with all.
    ///
    /// # Errors
    /// When a chosen column does not exist, or `taker` does not take the columns.
    pub fn batches<T: Table>(
        columns: &'static [Column<T>],
        chosen: Option<&[String]>,
        taker: impl BatchTaker + 'w,
    ) -> Result<Self, SinkError> {
        let places = RowForm { chosen, ..RowForm::of_file(OutputFormat::Arrow) }.places(columns)?;
        let written: Vec<&'static Column<T>> = places.iter().map(|place| &columns[*place]).collect();
        let encoder = Box::new(arrow::BatchEncoder::new(&written, taker)?);
        let is_all = places.iter().copied().eq(0..columns.len());
        Ok(Self { encoder, places: Some(places).filter(|_| !is_all), cells: Vec::new() })
    }

    /// A stream of rows with columns of these names, as CSV in this form for a spreadsheet.
    ///
    /// # Errors
    /// When the header cannot be written.
    pub(super) fn csv(
        names: &[&'static str],
        form: CsvForm,
        out: impl Write + Send + 'w,
    ) -> Result<Self, SinkError> {
        // A spreadsheet shows texts to people, as a terminal does.
        let target = OutputTarget::Terminal { width: None, color: false };
        let encoder = Box::new(csv::CsvEncoder::new(names, form, out, target)?);
        Ok(Self { encoder, places: None, cells: Vec::new() })
    }

    /// Writes a row.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn push(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError> {
        let Some(places) = &self.places else { return self.encoder.push(row) };
        let cells: Vec<Cell<'_>> = row.cells().collect();
        self.cells.clear();
        places.iter().for_each(|place| cells[*place].encode(&mut self.cells));
        self.encoder.push(EncodedRow::new(&self.cells))
    }

    /// Shows these names, by the ARNs of keys, instead of the ARNs in the rows that follow. Only a
    /// table for a terminal does.
    pub fn name_keys(&mut self, names: HashMap<String, String>) {
        self.encoder.name_keys(names);
    }

    /// Writes the rows that are still buffered, and the end of the output.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn finish(self) -> Result<(), SinkError> {
        self.encoder.finish()
    }
}

impl Sink for RowStream<'_> {
    /// Out-of-order rows stay out of order: a stream cannot be sorted afterwards.
    fn event(&mut self, _day: i32, step: EventStep<'_>) -> Result<(), SinkError> {
        match step {
            EventStep::Row(row, _) => self.push(row),
            EventStep::Expected | EventStep::NotExpected => Ok(()),
        }
    }

    fn reject(&mut self, _archive: &str, _rejection: &Rejection) -> Result<(), SinkError> {
        Ok(())
    }

    fn input(&mut self, _row: EncodedRow<'_>) -> Result<(), SinkError> {
        Ok(())
    }

    fn finish_rows(&mut self, _: &dyn Fn() -> bool) -> Result<(), SinkError> {
        Ok(())
    }

    fn tasks(&self) -> TaskQueue<SinkError> {
        self.encoder.tasks().cloned().unwrap_or_default()
    }
}
