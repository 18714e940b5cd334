//! A table for a terminal, or one line for each cell where the terminal is too narrow for it.

use std::io::Write;

use comfy_table::{ColumnConstraint, ContentArrangement, Table as TextTable, presets};

use super::encoder::{OutputTarget, RowEncoder, output_error};
use crate::report::cell::{Cell, EncodedRow};
use crate::report::error::SinkError;
use crate::report::text::{cell_text, printable, time_to_seconds};

/// Rows per block. A block is printed when it is full, with column widths that suit its rows.
const BLOCK_ROWS: usize = 200;

/// Lines into which a cell of a table may be broken. Beyond that, each cell has lines of its own.
const MOST_LINES: usize = 4;

pub(super) struct TerminalEncoder<W> {
    names: Vec<&'static str>,
    /// The columns to show.
    shown: &'static [&'static str],
    out: W,
    /// Width of the terminal, in characters.
    width: Option<u16>,
    rows: Vec<Vec<String>>,
}

impl<W: Write> TerminalEncoder<W> {
    pub(super) fn new(
        names: Vec<&'static str>,
        shown: &'static [&'static str],
        out: W,
        target: OutputTarget,
    ) -> Self {
        let width = match target {
            OutputTarget::Terminal { width } => width,
            OutputTarget::File => None,
        };
        Self { names, shown, out, width, rows: Vec::new() }
    }

    fn text_row(&self, row: EncodedRow<'_>) -> Vec<String> {
        let cells: Vec<(&str, Cell<'_>)> = self.names.iter().copied().zip(row.cells()).collect();
        let cell = |name: &str| {
            cells.iter().find(|(column, _)| *column == name).map_or(&Cell::Null, |(_, cell)| cell)
        };
        let text = |name: &&str| match cell(name) {
            Cell::Time(time) => time_to_seconds(*time),
            Cell::Null => "-".to_owned(),
            other => printable(&cell_text(other)),
        };
        self.shown.iter().map(text).collect()
    }

    fn write_block(&mut self) -> Result<(), SinkError> {
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        if let Some(width) = self.width.filter(|width| self.is_too_narrow(&rows, *width)) {
            return self.write_expanded(rows, width);
        }
        let mut table = TextTable::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(self.shown);
        if let Some(width) = self.width {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        table.add_rows(rows);
        writeln!(self.out, "{}", table.trim_fmt()).map_err(output_error)
    }

    /// Whether cells of a table would be broken into more than a few lines.
    fn is_too_narrow(&self, rows: &[Vec<String>], width: u16) -> bool {
        let column = usize::from(width) / self.shown.len().max(1);
        rows.iter().flatten().any(|cell| cell.chars().count() > MOST_LINES * column)
    }

    /// One line for each cell, with the name of its column.
    fn write_expanded(&mut self, rows: Vec<Vec<String>>, width: u16) -> Result<(), SinkError> {
        for row in rows {
            let mut table = TextTable::new();
            table.load_style(presets::NOTHING);
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
            table.add_rows(
                self.shown.iter().copied().map(str::to_owned).zip(row).map(|(name, cell)| [name, cell]),
            );
            if let Some(names) = table.column_mut(0) {
                names.set_constraint(ColumnConstraint::ContentWidth);
            }
            let line = "─".repeat(usize::from(width));
            writeln!(self.out, "{line}\n{}", table.trim_fmt()).map_err(output_error)?;
        }
        Ok(())
    }
}

impl<W: Write> RowEncoder for TerminalEncoder<W> {
    fn push(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError> {
        self.rows.push(self.text_row(row));
        if self.rows.len() >= BLOCK_ROWS { self.write_block() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<(), SinkError> {
        self.write_block()?;
        self.out.flush().map_err(output_error)
    }
}
