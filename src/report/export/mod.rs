//! The tables of a finished report for other programs: CSV files, a workbook, and a text for a
//! ticket.

mod about;
mod batches;
mod markdown;
mod tables;
mod workbook;

use std::io::Write;

use rust_xlsxwriter::XlsxError;
use thiserror::Error;

use self::tables::StoredTable;
use super::error::SinkError;
use super::formats::RowStream;
use super::read::{FinishedReport, ReadError};

pub use self::batches::TableBatches;
pub use self::markdown::export_markdown;
pub use self::tables::{EXPORTED_TABLES, exported_columns};
pub use self::workbook::export_workbook;
pub use super::formats::CsvForm;

/// Why a report could not be exported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The report cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Rows cannot be written.
    #[error(transparent)]
    Rows(#[from] SinkError),
    /// The workbook cannot be made.
    #[error("cannot write the workbook")]
    Workbook(#[from] XlsxError),
}

/// A table that was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportedRows {
    /// Its name.
    pub table: &'static str,
    /// Its rows in the report.
    pub rows: u64,
    /// The last of these for which a sheet had no room.
    pub left_out: u64,
}

/// Writes a table of a report as CSV; `None`: the report does not have it.
///
/// # Errors
/// When the table cannot be read, or the rows cannot be written.
pub fn export_csv(
    report: &FinishedReport,
    table: &str,
    form: CsvForm,
    out: impl Write + Send,
) -> Result<Option<ExportedRows>, ExportError> {
    let Some(table) = StoredTable::of(report, &[table])?.pop() else { return Ok(None) };
    let names: Vec<&str> = table.columns().into_iter().map(|(name, _)| name).collect();
    let mut stream = RowStream::csv(&names, form, out)?;
    let mut rows = 0;
    table.read(report, |row| {
        rows += 1;
        stream.push(row).map_err(ExportError::from)
    })?;
    stream.finish()?;
    Ok(Some(ExportedRows { table: table.name, rows, left_out: 0 }))
}
