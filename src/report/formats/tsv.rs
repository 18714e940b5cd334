//! Tab-separated values with a header: no quotes, so that `cut` and `awk` can read it. Tabs, line
//! breaks and backslashes in values are `\\t`, `\\n`, `\\r` and `\\\\`.

use std::io::Write;

use super::csv::csv_field;
use super::encoder::{OutputTarget, RowEncoder, output_error};
use crate::report::cell::EncodedRow;
use crate::report::error::SinkError;
use crate::report::text::printable;

pub(super) struct TsvEncoder<W> {
    out: W,
    target: OutputTarget,
}

impl<W: Write> TsvEncoder<W> {
    pub(super) fn new(names: &[&'static str], mut out: W, target: OutputTarget) -> Result<Self, SinkError> {
        writeln!(out, "{}", names.join("\t")).map_err(output_error)?;
        Ok(Self { out, target })
    }
}

impl<W: Write> RowEncoder for TsvEncoder<W> {
    fn push(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError> {
        let field = |text: String| match self.target {
            OutputTarget::Terminal { .. } => printable(&text),
            OutputTarget::File => escaped(&text),
        };
        let fields: Vec<String> = row.cells().map(|cell| field(csv_field(&cell))).collect();
        writeln!(self.out, "{}", fields.join("\t")).map_err(output_error)
    }

    fn finish(mut self: Box<Self>) -> Result<(), SinkError> {
        self.out.flush().map_err(output_error)
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => escaped.push_str("\\t"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\\' => escaped.push_str("\\\\"),
            c => escaped.push(c),
        }
    }
    escaped
}
