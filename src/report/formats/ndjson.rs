//! Newline-delimited JSON: one object per row, with all columns.

use std::io::Write;

use serde::ser::{SerializeMap, Serializer};
use serde_json::Serializer as JsonSerializer;

use super::encoder::{OutputTarget, RowEncoder, output_error};
use crate::report::cell::{Cell, EncodedRow};
use crate::report::error::SinkError;
use crate::report::text::{date_text, printable, printable_json};

pub(super) struct NdjsonEncoder<W> {
    names: Vec<&'static str>,
    out: W,
    target: OutputTarget,
    /// The row that is written.
    line: Vec<u8>,
}

impl<W: Write> NdjsonEncoder<W> {
    pub(super) fn new(names: Vec<&'static str>, out: W, target: OutputTarget) -> Self {
        Self { names, out, target, line: Vec::new() }
    }

    fn write(&mut self, row: EncodedRow<'_>) -> Result<(), serde_json::Error> {
        self.line.clear();
        let mut json = JsonSerializer::new(&mut self.line);
        let mut map = json.serialize_map(Some(self.names.len()))?;
        for (name, cell) in self.names.iter().zip(row.cells()) {
            match cell {
                Cell::Null => map.serialize_entry(name, &())?,
                Cell::Text(text) if self.target != OutputTarget::File => {
                    map.serialize_entry(name, &printable(&text))?;
                }
                Cell::Text(text) => map.serialize_entry(name, &text)?,
                Cell::Int(n) => map.serialize_entry(name, &n)?,
                Cell::Time(time) => map.serialize_entry(name, &time.to_rfc3339())?,
                Cell::Bool(value) => map.serialize_entry(name, &value)?,
                Cell::Date(day) => map.serialize_entry(name, &date_text(day))?,
            }
        }
        map.end()
    }
}

impl<W: Write> RowEncoder for NdjsonEncoder<W> {
    fn push(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError> {
        self.write(row).map_err(|error| output_error(error.into()))?;
        self.line.push(b'\n');
        match str::from_utf8(&self.line) {
            Ok(line) if !line.is_ascii() || line.contains('\u{7f}') => {
                self.out.write_all(printable_json(line).as_bytes()).map_err(output_error)
            }
            _ => self.out.write_all(&self.line).map_err(output_error),
        }
    }

    fn finish(mut self: Box<Self>) -> Result<(), SinkError> {
        self.out.flush().map_err(output_error)
    }
}
