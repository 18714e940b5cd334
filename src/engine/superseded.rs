//! Encoded rows of events that another record stands for.

use std::ops::Range;

use crate::report::{EncodedRow, SUPERSEDED, SupersededRow, encode_row};

/// Rows of `superseded.parquet`, in one buffer.
#[derive(Default)]
pub(super) struct SupersededRows {
    bytes: Vec<u8>,
    rows: Vec<Range<usize>>,
}

impl SupersededRows {
    pub(super) fn push(&mut self, row: &SupersededRow<'_>) {
        let begin = self.bytes.len();
        encode_row(SUPERSEDED, row, &mut self.bytes);
        self.rows.push(begin..self.bytes.len());
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = EncodedRow<'_>> {
        self.rows.iter().map(|row| EncodedRow::new(&self.bytes[row.clone()]))
    }

    /// About the memory they take, bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len() + self.rows.len() * size_of::<Range<usize>>()
    }
}
