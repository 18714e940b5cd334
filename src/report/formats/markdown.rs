//! A Markdown table, for a ticket.

use std::io::Write;

use super::encoder::{RowEncoder, output_error};
use crate::report::cell::EncodedRow;
use crate::report::error::SinkError;
use crate::report::markdown_text::code;
use crate::report::text::cell_text;

pub(super) struct MarkdownEncoder<W> {
    out: W,
}

impl<W: Write> MarkdownEncoder<W> {
    pub(super) fn new(names: &[&'static str], mut out: W) -> Result<Self, SinkError> {
        let head: String = names.iter().map(|name| format!(" {name} |")).collect();
        writeln!(out, "|{head}\n|{}", "---|".repeat(names.len())).map_err(output_error)?;
        Ok(Self { out })
    }
}

impl<W: Write> RowEncoder for MarkdownEncoder<W> {
    fn push(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError> {
        let cells: String = row.cells().map(|cell| format!(" {} |", code(&cell_text(&cell)))).collect();
        writeln!(self.out, "|{cells}").map_err(output_error)
    }

    fn finish(mut self: Box<Self>) -> Result<(), SinkError> {
        self.out.flush().map_err(output_error)
    }
}
