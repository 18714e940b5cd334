//! A line for each cell that has a value, for people who want to see all of a few rows.

use std::io::Write;

use super::encoder::{RowEncoder, output_error};
use crate::report::cell::{Cell, EncodedRow};
use crate::report::error::SinkError;
use crate::report::text::{cell_text, printable};

pub(super) struct LineEncoder<W> {
    names: Vec<&'static str>,
    /// Of the longest name.
    width: usize,
    out: W,
    is_first: bool,
}

impl<W: Write> LineEncoder<W> {
    pub(super) fn new(names: Vec<&'static str>, out: W) -> Self {
        let width = names.iter().map(|name| name.len()).max().unwrap_or(0);
        Self { names, width, out, is_first: true }
    }
}

impl<W: Write> RowEncoder for LineEncoder<W> {
    fn push(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError> {
        let mut text = if std::mem::take(&mut self.is_first) { String::new() } else { "\n".to_owned() };
        for (name, cell) in self.names.iter().zip(row.cells()).filter(|(_, cell)| *cell != Cell::Null) {
            let value = printable(&cell_text(&cell));
            text.push_str(&format!("{name:>width$} = {value}\n", width = self.width));
        }
        self.out.write_all(text.as_bytes()).map_err(output_error)
    }

    fn finish(mut self: Box<Self>) -> Result<(), SinkError> {
        self.out.flush().map_err(output_error)
    }
}
