//! One value of a row, and rows as bytes: how they travel from where they are made to where they are written.
//!
//! A row leaves the record it was read from as one short run of bytes, so that nothing of an event has to be allocated by itself, and
//! threads hand on a few large buffers.

use std::borrow::Cow;

use super::table::{Column, Table};
use crate::model::EventTime;

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Not known, or not there.
    Null,
    /// Text.
    Text(Cow<'a, str>),
    /// A count, size or offset.
    Int(i64),
    /// A moment.
    Time(EventTime),
    /// True or false.
    Bool(bool),
    /// Days since the epoch.
    Date(i32),
}

impl<'a> Cell<'a> {
    /// Text.
    pub(super) fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// Text or null.
    pub(super) fn maybe(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::text)
    }

    /// A count; none comes near the limit of a signed integer.
    pub(super) fn count(n: u64) -> Self {
        Self::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.push(NULL),
            Self::Text(text) => {
                out.push(TEXT);
                // No text is longer than a record, and those are limited to far less.
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

/// Appends `row` to `out`, in the form [`Row`] reads.
pub fn encode<T: Table>(columns: &[Column<T>], row: &T::Row<'_>, out: &mut Vec<u8>) {
    for column in columns {
        (column.get)(row).encode(out);
    }
}

/// A row: the cells of a table's columns, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a>(&'a [u8]);

impl<'a> Row<'a> {
    /// The row whose bytes these are: what one call of [`encode`] appended.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Its cells.
    pub fn cells(self) -> impl Iterator<Item = Cell<'a>> {
        Stored { bytes: self.0 }.map(|cell| match cell {
            StoredCell::Null => Cell::Null,
            StoredCell::Text(text) => Cell::Text(String::from_utf8_lossy(text)), // it was text when it was stored
            StoredCell::Int(n) => Cell::Int(n),
            StoredCell::Time(ms) => Cell::Time(EventTime(ms)),
            StoredCell::Bool(value) => Cell::Bool(value),
            StoredCell::Date(day) => Cell::Date(day),
        })
    }

    /// Appends the row to `out` with its cells changed by `change`, which is given each with its place among the columns.
    pub fn encode_with(self, out: &mut Vec<u8>, change: impl Fn(usize, Cell<'a>) -> Cell<'a>) {
        self.cells().enumerate().for_each(|(index, cell)| change(index, cell).encode(out));
    }

    pub(super) fn bytes(self) -> &'a [u8] {
        self.0
    }
}

/// A cell as it is stored: text is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoredCell<'a> {
    Null,
    Text(&'a [u8]),
    Int(i64),
    Time(i64),
    Bool(bool),
    Date(i32),
}

/// The cells of rows stored one behind the other.
pub(super) struct Stored<'a> {
    pub(super) bytes: &'a [u8],
}

impl<'a> Stored<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.bytes.split_first_chunk::<N>()?;
        self.bytes = rest;
        Some(*head)
    }
}

impl<'a> Iterator for Stored<'a> {
    type Item = StoredCell<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let [kind] = self.take()?;
        Some(match kind {
            TEXT => {
                let len = u32::from_le_bytes(self.take()?) as usize;
                let (text, rest) = self.bytes.split_at_checked(len)?;
                self.bytes = rest;
                StoredCell::Text(text)
            }
            INT => StoredCell::Int(i64::from_le_bytes(self.take()?)),
            TIME => StoredCell::Time(i64::from_le_bytes(self.take()?)),
            BOOL => StoredCell::Bool(self.take::<1>()? == [1]),
            DATE => StoredCell::Date(i32::from_le_bytes(self.take()?)),
            _ => StoredCell::Null,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_comes_out_as_it_went_in() {
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
        assert!(Row::new(&bytes).cells().eq(cells));
    }
}
