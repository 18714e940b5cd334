//! Rows of a table as a stream, in one of the formats of `--format`.
//!
//! One file per format, each with a `RowEncoder`. A new format is a file here and a variant of
//! [`OutputFormat`], whose methods the command line reads.

mod arrow;
mod csv;
mod encoder;
mod ndjson;
mod parquet;
mod terminal;

use std::io::Write;

pub use self::csv::CsvForm;
pub use self::encoder::OutputTarget;
use self::encoder::RowEncoder;
use super::cell::EncodedRow;
use super::error::SinkError;
use super::sink::{EventStep, Sink};
use super::table::{Column, Table};
use super::tables::EVENTS;
use crate::base::TaskQueue;
use crate::model::Rejection;

/// Output formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutputFormat {
    /// A table for a terminal, with the most important columns only.
    Table,
    /// One JSON object per line.
    Ndjson,
    /// Comma-separated values with a header, safe to open in a spreadsheet.
    Csv,
    /// One Parquet file.
    Parquet,
    /// An Arrow IPC stream.
    Arrow,
}

impl OutputFormat {
    /// All formats, in the order of the help.
    pub const ALL: [Self; 5] = [Self::Table, Self::Ndjson, Self::Csv, Self::Parquet, Self::Arrow];

    /// The value of `--format`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }

    /// What it is, for the help.
    pub fn about(self) -> &'static str {
        match self {
            Self::Table => "A table of the most important columns",
            Self::Ndjson => "One JSON object per line",
            Self::Csv => "Comma-separated values with a header, safe to open in a spreadsheet",
            Self::Parquet => "One Parquet file",
            Self::Arrow => "An Arrow IPC stream",
        }
    }

    /// Whether a terminal cannot show it.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow)
    }
}

/// The columns of [`EVENTS`] that a terminal shows.
const TERMINAL_COLUMNS: &[&str] =
    &["event_time", "event_name", "outcome", "principal", "key_arn", "workload", "source_ip"];

/// Writes the rows of one table to a writer as they come.
///
/// ```
/// use keytrail::report::{OutputFormat, OutputTarget, RULES, RowStream};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut out = Vec::new();
/// let stream = RowStream::new(RULES, &["rule"], OutputFormat::Csv, &mut out, OutputTarget::File)?;
/// stream.finish()?;
/// assert!(out.starts_with(b"rule,workload,strength,"));
/// # Ok(())
/// # }
/// ```
pub struct RowStream<'w> {
    encoder: Box<dyn RowEncoder + Send + 'w>,
}

impl<'w> RowStream<'w> {
    /// A stream of selected events, with the columns of `events.parquet`.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn events(
        format: OutputFormat,
        out: impl Write + Send + 'w,
        target: OutputTarget,
    ) -> Result<Self, SinkError> {
        Self::new(EVENTS, TERMINAL_COLUMNS, format, out, target)
    }

    /// A stream of rows of a table. [`OutputFormat::Table`] shows the `terminal_columns`.
    ///
    /// # Errors
    /// When the format's header cannot be written.
    pub fn new<T: Table>(
        columns: &'static [Column<T>],
        terminal_columns: &'static [&'static str],
        format: OutputFormat,
        out: impl Write + Send + 'w,
        target: OutputTarget,
    ) -> Result<Self, SinkError> {
        let names: Vec<&'static str> = columns.iter().map(|column| column.name).collect();
        let encoder: Box<dyn RowEncoder + Send + 'w> = match format {
            OutputFormat::Table => {
                Box::new(terminal::TerminalEncoder::new(names, terminal_columns, out, target))
            }
            OutputFormat::Ndjson => Box::new(ndjson::NdjsonEncoder::new(names, out, target)),
            OutputFormat::Csv => Box::new(csv::CsvEncoder::new(&names, CsvForm::default(), out, target)?),
            OutputFormat::Parquet => Box::new(parquet::ParquetEncoder::new(columns, out)?),
            OutputFormat::Arrow => Box::new(arrow::ArrowEncoder::new(columns, out)?),
        };
        Ok(Self { encoder })
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
        let target = OutputTarget::Terminal { width: None };
        Ok(Self { encoder: Box::new(csv::CsvEncoder::new(names, form, out, target)?) })
    }

    /// Writes a row.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn push(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError> {
        self.encoder.push(row)
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
