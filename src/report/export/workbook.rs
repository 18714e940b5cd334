//! A workbook with a sheet per table.
//!
//! Texts are written as texts, in cells whose format is text: a spreadsheet evaluates none of them,
//! neither when it opens the workbook nor when somebody edits a cell. Rows go to temporary files,
//! so that memory does not grow with the report.

use std::io::{self, Write};

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use super::about::{Said, caveats, parts};
use super::tables::StoredTable;
use super::{ExportError, ExportedRows};
use crate::base::catch_panic;
use crate::model::counted;
use crate::report::cell::{Cell, EncodedRow};
use crate::report::error::SinkError;
use crate::report::read::FinishedReport;
use crate::report::table::ColumnType;
use crate::report::text::{cell_text, printable};

/// The rows of a sheet, that of the header among them.
const SHEET_ROWS: u32 = 1_048_576;
/// UTF-16 units that a cell can hold.
const CELL_LEN: usize = 32_767;
/// Digits of a number that a spreadsheet keeps.
const LARGEST_NUMBER: u64 = 999_999_999_999_999;
/// Widths of columns, in characters.
const WIDTHS: std::ops::RangeInclusive<usize> = 8..=60;

const DAY_MS: i64 = 86_400_000;
/// 1970-01-01, in days of a spreadsheet.
const EPOCH_DAYS: i64 = 25_569;
/// The days that a spreadsheet shows as dates, from 1900-03-01 on: it takes 1900 for a leap year.
const SHOWN_DAYS: std::ops::RangeInclusive<i64> = 61..=2_958_465;

/// Writes a workbook of the tables of these names, or of all; those that the report does not have
/// are left out. The first sheet says what the report is of. The same report gives the same bytes.
///
/// # Errors
/// When the report cannot be read, or the workbook cannot be written.
pub fn export_workbook(
    report: &FinishedReport,
    tables: &[&str],
    out: impl Write + Send,
) -> Result<Vec<ExportedRows>, ExportError> {
    let written = catch_panic(|| write(report, &StoredTable::of(report, tables)?, SHEET_ROWS, out));
    // The crate panics with these words where a temporary file, or `out`, cannot be written.
    written.unwrap_or_else(|panic| match panic.contains("write to xml file") {
        true => Err(SinkError::Temporary(io::Error::other(panic)).into()),
        // Another panic is a fault of this program, and told as one.
        false => std::panic::resume_unwind(Box::new(panic)),
    })
}

fn write(
    report: &FinishedReport,
    tables: &[StoredTable],
    sheet_rows: u32,
    out: impl Write + Send,
) -> Result<Vec<ExportedRows>, ExportError> {
    let formats = Formats::new();
    let mut workbook = Workbook::new();
    if let Some(ended) = report.run().get("ended").and_then(|ended| ended.as_str())
        && let Ok(ended) = ExcelDateTime::parse_from_str(ended)
    {
        workbook.set_properties(&DocProperties::new().set_creation_datetime(&ended));
    }
    workbook.add_worksheet().set_name("report")?;
    let mut exported = Vec::new();
    for table in tables {
        let worksheet = workbook.add_worksheet_with_constant_memory()?;
        worksheet.set_name(table.name)?;
        let mut sheet = Sheet::new(worksheet, &formats, table, sheet_rows)?;
        table.read(report, |row| sheet.push(row))?;
        exported.push(sheet.finish()?);
    }
    write_about(workbook.worksheet_from_index(0)?, report, &exported, &formats)?;
    workbook.save_to_writer(out)?;
    Ok(exported)
}

struct Formats {
    header: Format,
    text: Format,
    wrapped: Format,
    number: Format,
    time: Format,
    date: Format,
}

impl Formats {
    fn new() -> Self {
        Self {
            header: Format::new().set_bold().set_background_color("#D9E2EC").set_num_format("@"),
            text: Format::new().set_num_format("@"),
            wrapped: Format::new().set_num_format("@").set_text_wrap(),
            number: Format::new().set_num_format("#,##0"),
            time: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss"),
            date: Format::new().set_num_format("yyyy-mm-dd"),
        }
    }
}

/// A sheet that is being filled with the rows of a table.
struct Sheet<'w> {
    sheet: &'w mut Worksheet,
    formats: &'w Formats,
    table: &'static str,
    /// The next row to write.
    row: u32,
    last_row: u32,
    widths: Vec<usize>,
    /// The row that takes the last place, if no other follows.
    held: Option<Vec<u8>>,
    rows: u64,
}

impl<'w> Sheet<'w> {
    fn new(
        sheet: &'w mut Worksheet,
        formats: &'w Formats,
        table: &StoredTable,
        sheet_rows: u32,
    ) -> Result<Self, ExportError> {
        let mut widths = Vec::new();
        for (column, (name, column_type)) in (0u16..).zip(table.columns()) {
            // The header has the button of the filter, too.
            let least = match column_type {
                ColumnType::Time => 20,
                ColumnType::Date => 11,
                _ => 0,
            };
            widths.push((name.len() + 3).max(least));
            sheet.write_string_with_format(0, column, name, &formats.header)?;
        }
        sheet.set_freeze_panes(1, 0)?;
        Ok(Self {
            sheet,
            formats,
            table: table.name,
            row: 1,
            last_row: sheet_rows - 1,
            widths,
            held: None,
            rows: 0,
        })
    }

    fn push(&mut self, row: EncodedRow<'_>) -> Result<(), ExportError> {
        self.rows += 1;
        if self.row < self.last_row {
            self.write(row)?;
        } else if self.rows == u64::from(self.last_row) {
            self.held = Some(row.bytes().to_vec());
        }
        Ok(())
    }

    fn write(&mut self, row: EncodedRow<'_>) -> Result<(), XlsxError> {
        for ((column, width), cell) in (0u16..).zip(&mut self.widths).zip(row.cells()) {
            let shown = write_cell(self.sheet, self.formats, (self.row, column), &cell)?;
            *width = shown.max(*width);
        }
        self.row += 1;
        Ok(())
    }

    /// Fills the last place, and sets what depends on all rows.
    fn finish(mut self) -> Result<ExportedRows, ExportError> {
        let mut left_out = 0;
        if let Some(held) = self.held.take() {
            if self.rows == u64::from(self.last_row) {
                self.write(EncodedRow::new(&held))?;
            } else {
                left_out = self.rows - u64::from(self.last_row) + 1;
                let note = format!("{} more: a sheet has no room for them", counted(left_out, "row"));
                self.sheet.write_string_with_format(self.row, 0, note, &self.formats.header)?;
            }
        }
        for (column, width) in (0u16..).zip(&self.widths) {
            let width = u32::try_from((*width).clamp(*WIDTHS.start(), *WIDTHS.end())).unwrap_or_default();
            self.sheet.set_column_width(column, width)?;
        }
        // The note of what was left out is no row to filter.
        let columns = u16::try_from(self.widths.len()).unwrap_or(u16::MAX);
        self.sheet.autofilter(0, 0, self.row.saturating_sub(1), columns.saturating_sub(1))?;
        Ok(ExportedRows { table: self.table, rows: self.rows, left_out })
    }
}

/// Writes a cell, and returns how many characters wide it is.
fn write_cell(
    sheet: &mut Worksheet,
    formats: &Formats,
    (row, column): (u32, u16),
    cell: &Cell<'_>,
) -> Result<usize, XlsxError> {
    #[expect(clippy::cast_precision_loss, reason = "times and numbers of at most 15 digits fit")]
    let number = |n: i64| n as f64;
    match cell {
        Cell::Null => {}
        Cell::Bool(value) => _ = sheet.write_boolean(row, column, *value)?,
        Cell::Int(n) if n.unsigned_abs() <= LARGEST_NUMBER => {
            sheet.write_number_with_format(row, column, number(*n), &formats.number)?;
        }
        Cell::Time(time) if SHOWN_DAYS.contains(&(time.0.div_euclid(DAY_MS) + EPOCH_DAYS)) => {
            let days = number(time.0) / number(DAY_MS) + number(EPOCH_DAYS);
            sheet.write_number_with_format(row, column, days, &formats.time)?;
            return Ok(0);
        }
        Cell::Date(day) if SHOWN_DAYS.contains(&(i64::from(*day) + EPOCH_DAYS)) => {
            let days = number(i64::from(*day) + EPOCH_DAYS);
            sheet.write_number_with_format(row, column, days, &formats.date)?;
            return Ok(0);
        }
        other => _ = sheet.write_string_with_format(row, column, text(&cell_text(other)), &formats.text)?,
    }
    Ok(match cell {
        Cell::Text(text) => text.chars().count() + 1,
        Cell::Int(n) => n.to_string().len() * 4 / 3 + 1,
        _ => 0,
    })
}

/// A text as a cell can hold it.
fn text(text: &str) -> String {
    // XML does not have these characters.
    let mut shown = printable(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}");
    if shown.encode_utf16().count() > CELL_LEN {
        let mut units = 0;
        let end = shown.char_indices().find(|(_, c)| {
            units += c.len_utf16();
            units >= CELL_LEN
        });
        shown.truncate(end.map_or(shown.len(), |(end, _)| end));
        shown.push('…');
    }
    shown
}

fn write_about(
    sheet: &mut Worksheet,
    report: &FinishedReport,
    exported: &[ExportedRows],
    formats: &Formats,
) -> Result<(), XlsxError> {
    let mut row = 0;
    let heading = |sheet: &mut Worksheet, row: &mut u32, title: &str| -> Result<(), XlsxError> {
        *row += u32::from(*row > 0);
        sheet.write_string_with_format(*row, 0, title, &formats.header)?;
        sheet.write_blank(*row, 1, &formats.header)?;
        *row += 1;
        Ok(())
    };
    for part in parts(report) {
        heading(sheet, &mut row, part.title)?;
        for (label, said) in &part.lines {
            sheet.write_string_with_format(row, 0, text(label), &formats.text)?;
            match said {
                Said::Text(said) => sheet.write_string_with_format(row, 1, text(said), &formats.wrapped)?,
                Said::Count(n) => {
                    let n = Cell::Int(i64::try_from(*n).unwrap_or(i64::MAX));
                    write_cell(sheet, formats, (row, 1), &n)?;
                    &mut *sheet
                }
            };
            row += 1;
        }
    }
    heading(sheet, &mut row, "Sheets of this workbook, and rows of their tables")?;
    for table in exported {
        sheet.write_string_with_format(row, 0, table.table, &formats.text)?;
        write_cell(sheet, formats, (row, 1), &Cell::count(table.rows))?;
        if table.left_out > 0 {
            let note = format!("{} left out: a sheet has no room for them", counted(table.left_out, "row"));
            sheet.write_string_with_format(row, 2, note, &formats.text)?;
        }
        row += 1;
    }
    heading(sheet, &mut row, "What the numbers cannot prove")?;
    for (id, caveat) in caveats(report) {
        sheet.write_string_with_format(row, 0, text(&id), &formats.text)?;
        sheet.write_string_with_format(row, 1, text(&caveat), &formats.wrapped)?;
        row += 1;
    }
    sheet.set_column_width(0, 34)?;
    sheet.set_column_width(1, 90)?;
    sheet.set_column_width(2, 50)?;
    sheet.set_freeze_panes(1, 0)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{RejectReason, Rejection};
    use crate::report::export::EXPORTED_TABLES;
    use crate::report::table::encode_row;
    use crate::report::tables::{REJECTS, RejectRow};

    /// What a sheet of four rows says of a table with as many rows as asked, and its last row.
    fn filled(rows: u32) -> (ExportedRows, u32) {
        let (mut workbook, formats) = (Workbook::new(), Formats::new());
        let worksheet = workbook.add_worksheet_with_constant_memory().unwrap();
        let place = EXPORTED_TABLES.iter().position(|name| *name == "rejects").unwrap();
        let mut sheet = Sheet::new(worksheet, &formats, &StoredTable::all()[place], 4).unwrap();
        for _ in 0..rows {
            let rejection = Rejection::new(RejectReason::JsonSyntax, "=1+1");
            let mut bytes = Vec::new();
            encode_row(REJECTS, &RejectRow { archive: "a", rejection: &rejection }, &mut bytes);
            sheet.push(EncodedRow::new(&bytes)).unwrap();
        }
        let written = sheet.row + u32::from(sheet.held.is_some());
        (sheet.finish().unwrap(), written - 1)
    }

    #[test]
    fn a_sheet_is_cut_only_where_it_has_no_room() {
        for (rows, left_out, last) in [(0, 0, 0), (2, 0, 2), (3, 0, 3), (4, 2, 3), (9, 7, 3)] {
            let expected = ExportedRows { table: "rejects", rows: u64::from(rows), left_out };
            assert_eq!(filled(rows), (expected, last), "{rows}");
        }
    }

    #[test]
    fn a_cell_holds_what_it_can() {
        let long = "é😀".repeat(20_000);
        let shown = text(&long);
        assert!(shown.encode_utf16().count() <= CELL_LEN && shown.ends_with('…'));
        assert!(long.starts_with(shown.trim_end_matches('…')));
        assert_eq!(text(&"x".repeat(CELL_LEN)).len(), CELL_LEN);
        assert_eq!(text("a\u{ffff}\u{1}b"), "a\u{fffd}\u{fffd}b");
    }
}
