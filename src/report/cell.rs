//! Cells and rows as bytes, the form in which rows travel from scanning threads to the writers.
//!
//! A row is encoded once, right after its record was read. No text of an event is allocated by
//! itself, and threads pass each other a few large buffers.
//!
//! Each cell is one tag byte and its value: text as a 32-bit length and UTF-8 bytes, integers and
//! times as 64 bits, dates as 32 bits, booleans as one byte. Numbers are little-endian.

use std::borrow::Cow;

use crate::model::EventTime;

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cell<'a> {
    /// Unknown or absent.
    Null,
    /// Text.
    Text(Cow<'a, str>),
    /// A count, a size or an offset.
    Int(i64),
    /// A point in time.
    Time(EventTime),
    /// True or false.
    Bool(bool),
    /// Days since the epoch.
    Date(i32),
}

impl<'a> Cell<'a> {
    pub(super) fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    pub(super) fn optional_text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::text)
    }

    pub(super) fn optional_bool(value: Option<bool>) -> Self {
        value.map_or(Self::Null, Self::Bool)
    }

    /// A count. No count comes near the limit of a signed integer.
    pub(super) fn count(n: u64) -> Self {
        Self::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.push(NULL),
            Self::Text(text) => {
                out.push(TEXT);
                // No text is longer than a record, and records are limited to far less.
                out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
                out.extend_from_slice(text.as_bytes());
            }
            Self::Int(n) => {
                out.push(INT);
                out.extend_from_slice(&n.to_le_bytes());
            }
            Self::Time(time) => {
                out.push(TIME);
                out.extend_from_slice(&time.0.to_le_bytes());
            }
            Self::Bool(value) => out.extend_from_slice(&[BOOL, u8::from(*value)]),
            Self::Date(day) => {
                out.push(DATE);
                out.extend_from_slice(&day.to_le_bytes());
            }
        }
    }
}

const NULL: u8 = 0;
const TEXT: u8 = 1;
const INT: u8 = 2;
const TIME: u8 = 3;
const BOOL: u8 = 4;
const DATE: u8 = 5;

/// An encoded row: the cells of a table's columns, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodedRow<'a>(&'a [u8]);

impl<'a> EncodedRow<'a> {
    /// The row in `bytes`, which one call of [`encode_row`](super::encode_row) wrote.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The cells, in column order.
    pub fn cells(self) -> impl Iterator<Item = Cell<'a>> {
        CellReader { bytes: self.0 }.map(|cell| match cell {
            RawCell::Null => Cell::Null,
            RawCell::Text(text) => Cell::Text(String::from_utf8_lossy(text)), // it was valid UTF-8
            RawCell::Int(n) => Cell::Int(n),
            RawCell::Time(ms) => Cell::Time(EventTime(ms)),
            RawCell::Bool(value) => Cell::Bool(value),
            RawCell::Date(day) => Cell::Date(day),
        })
    }

    /// Its size in bytes: that of its texts, and a few for each cell.
    pub fn size(self) -> usize {
        self.0.len()
    }

    /// The text in the column at `position`, see [`column_position`](super::column_position).
    /// `None` when the cell is null or not text.
    pub fn text_at(self, position: usize) -> Option<&'a str> {
        match (CellReader { bytes: self.0 }).nth(position) {
            Some(RawCell::Text(text)) => std::str::from_utf8(text).ok(), // it was valid UTF-8
            _ => None,
        }
    }

    /// Encodes the row to `out` with each cell replaced by `change(position, cell)`.
    pub fn encode_with(self, out: &mut Vec<u8>, change: impl Fn(usize, Cell<'a>) -> Cell<'a>) {
        self.cells().enumerate().for_each(|(position, cell)| change(position, cell).encode(out));
    }

    pub(super) fn bytes(self) -> &'a [u8] {
        self.0
    }
}

/// A decoded cell whose text has not been checked to be UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RawCell<'a> {
    Null,
    Text(&'a [u8]),
    Int(i64),
    Time(i64),
    Bool(bool),
    Date(i32),
}

/// Reads the cells of consecutive encoded rows.
pub(super) struct CellReader<'a> {
    /// What has not been read yet.
    pub(super) bytes: &'a [u8],
}

impl<'a> CellReader<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.bytes.split_first_chunk::<N>()?;
        self.bytes = rest;
        Some(*head)
    }
}

impl<'a> Iterator for CellReader<'a> {
    type Item = RawCell<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let [tag] = self.take()?;
        Some(match tag {
            TEXT => {
                let len = u32::from_le_bytes(self.take()?) as usize;
                let (text, rest) = self.bytes.split_at_checked(len)?;
                self.bytes = rest;
                RawCell::Text(text)
            }
            INT => RawCell::Int(i64::from_le_bytes(self.take()?)),
            TIME => RawCell::Time(i64::from_le_bytes(self.take()?)),
            BOOL => RawCell::Bool(self.take::<1>()? == [1]),
            DATE => RawCell::Date(i32::from_le_bytes(self.take()?)),
            _ => RawCell::Null,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoded_row_equals_the_encoded_one() {
        let cells = [
            Cell::Null,
            Cell::text(""),
            Cell::text("arn:aws:kms:é"),
            Cell::Int(-1),
            Cell::Int(i64::MAX),
            Cell::Time(EventTime(-5)),
            Cell::Bool(true),
            Cell::Bool(false),
            Cell::Date(-3),
        ];
        let mut bytes = Vec::new();
        cells.iter().for_each(|cell| cell.encode(&mut bytes));
        let row = EncodedRow::new(&bytes);
        assert!(row.cells().eq(cells));
        assert_eq!(row.text_at(2), Some("arn:aws:kms:é"));
        assert_eq!((row.text_at(0), row.text_at(3), row.text_at(9)), (None, None, None));
    }
}
