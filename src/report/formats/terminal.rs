//! A table for a terminal, one line a row.

use std::collections::HashMap;
use std::io::Write;

use super::encoder::{OutputTarget, RowEncoder, output_error};
use crate::report::cell::{Cell, EncodedRow};
use crate::report::error::SinkError;
use crate::report::text::{cell_text, number, printable, time_to_seconds};
use crate::report::text_table::{TableHead, TableLayout};

/// Rows per block. A block is printed when it is full. Its columns are those of the block before,
/// if its rows fit into them.
const BLOCK_ROWS: usize = 200;

/// Bytes of texts in a block that is printed before it has as many rows.
const BLOCK_BYTES: usize = 8 << 20;

/// The columns whose values may be bad news.
const OUTCOMES: [&str; 2] = ["outcome", "severity"];

pub(super) struct TerminalEncoder<W> {
    /// Place and head of the columns to show.
    shown: Vec<(usize, TableHead<'static>)>,
    /// How many columns the table has.
    all: usize,
    out: W,
    width: Option<u16>,
    color: bool,
    rows: Vec<Vec<String>>,
    /// Bytes of their texts.
    bytes: usize,
    count: u64,
    layout: Option<TableLayout<'static>>,
    /// Aliases of keys, by their ARNs.
    names: HashMap<String, String>,
}

impl<W: Write> TerminalEncoder<W> {
    /// `shown`: the places of columns among all `names`, and whether they are numbers.
    pub(super) fn new(
        names: &[&'static str],
        shown: impl IntoIterator<Item = (usize, bool)>,
        out: W,
        target: OutputTarget,
    ) -> Self {
        let (width, color) = match target {
            OutputTarget::Terminal { width, color } => (width, color),
            OutputTarget::File => (None, false),
        };
        let head = |(place, is_number): (usize, bool)| (place, TableHead { name: names[place], is_number });
        let shown = shown.into_iter().map(head).collect();
        Self {
            shown,
            all: names.len(),
            out,
            width,
            color,
            rows: Vec::new(),
            bytes: 0,
            count: 0,
            layout: None,
            names: HashMap::new(),
        }
    }

    fn text_row(&self, row: EncodedRow<'_>) -> Vec<String> {
        let cells: Vec<Cell<'_>> = row.cells().collect();
        let text = |(place, head): &(usize, TableHead<'_>)| match cells.get(*place).unwrap_or(&Cell::Null) {
            Cell::Time(time) => time_to_seconds(*time),
            Cell::Null => "-".to_owned(),
            Cell::Int(n) if head.name.ends_with("count") => u64::try_from(*n).map_or(n.to_string(), number),
            Cell::Text(key) if head.name == "key_arn" => {
                printable(self.names.get(key.as_ref()).map_or(key, |name| name.as_str()))
            }
            other => printable(&cell_text(other)),
        };
        self.shown.iter().map(text).collect()
    }

    fn write_block(&mut self) -> Result<(), SinkError> {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        if rows.is_empty() {
            return Ok(());
        }
        let layout = match self.layout.take().filter(|layout| layout.suits(&rows)) {
            Some(layout) => layout,
            None => {
                let heads: Vec<TableHead<'static>> = self.shown.iter().map(|(_, head)| *head).collect();
                let layout = TableLayout::new(&heads, &rows, self.width);
                let head =
                    if self.color { format!("\x1b[1m{}\x1b[0m", layout.head()) } else { layout.head() };
                writeln!(self.out, "{head}\n{}", layout.rule()).map_err(output_error)?;
                layout
            }
        };
        for row in &rows {
            let paint =
                |place: usize, text: String| match self.color.then(|| self.color_of(place, row)).flatten() {
                    Some(color) => format!("\x1b[{color}m{text}\x1b[0m"),
                    None => text,
                };
            writeln!(self.out, "{}", layout.row(row, paint)).map_err(output_error)?;
        }
        self.count += rows.len() as u64;
        self.layout = Some(layout);
        Ok(())
    }

    /// The color of a cell: red for what was refused, yellow for what failed.
    fn color_of(&self, place: usize, row: &[String]) -> Option<&'static str> {
        let (_, head) = self.shown.get(place)?;
        match row.get(place)?.as_str() {
            _ if !OUTCOMES.contains(&head.name) => None,
            "denied" | "critical" | "high" => Some("31"),
            "success" | "low" | "info" => None,
            _ => Some("33"),
        }
    }

    /// What the rows do not say.
    fn write_foot(&mut self) -> Result<(), SinkError> {
        let Some(layout) = &self.layout else { return Ok(()) };
        let rows = if self.count == 1 { "row" } else { "rows" };
        let shown = self.shown.len() - layout.hidden();
        let mut foot = format!("{}\n{} {rows}", layout.rule(), number(self.count));
        if shown < self.all {
            foot.push_str(&format!(", {shown} of {} columns (--columns chooses)", self.all));
        }
        layout.said_once().iter().for_each(|line| foot.push_str(&format!("\n{line}")));
        writeln!(self.out, "{foot}").map_err(output_error)
    }
}

impl<W: Write> RowEncoder for TerminalEncoder<W> {
    fn push(&mut self, row: EncodedRow<'_>) -> Result<(), SinkError> {
        let row = self.text_row(row);
        self.bytes += row.iter().map(String::len).sum::<usize>();
        self.rows.push(row);
        if self.rows.len() >= BLOCK_ROWS || self.bytes >= BLOCK_BYTES { self.write_block() } else { Ok(()) }
    }

    fn name_keys(&mut self, names: HashMap<String, String>) {
        self.names = names;
    }

    fn finish(mut self: Box<Self>) -> Result<(), SinkError> {
        self.write_block()?;
        self.write_foot()?;
        self.out.flush().map_err(output_error)
    }
}
