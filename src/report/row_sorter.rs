//! Rows in the order of a number, however many there are.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;

use super::cell::EncodedRow;
use crate::base::SpillFile;

/// Bytes of rows that are sorted in memory. Beyond it, they wait on disk.
const BUFFER: usize = 32 << 20;

/// Bytes of rows that are read back at once, from each sorted part.
const PIECE: usize = 64 << 10;

/// Sorts rows by a number; those with the same number stay in the order in which they came.
///
/// At most 32 MiB of rows are in memory while they come, and while they are read back 64 KiB (or
/// one row, if it is longer) for each 32 MiB of rows: 2 MiB for each GiB.
#[derive(Default)]
pub struct RowSorter {
    bytes: Vec<u8>,
    /// Number, and where the row is in `bytes`.
    rows: Vec<(i64, usize, usize)>,
    spill: SpillFile,
    parts: Vec<Part>,
}

/// Sorted rows on disk.
struct Part {
    /// Where its pieces are in the spill file, the next one last.
    pieces: Vec<u64>,
    /// The piece that is read, and how much of it was read.
    piece: Vec<u8>,
    at: usize,
}

impl RowSorter {
    /// Takes a row.
    ///
    /// # Errors
    /// When a temporary file cannot be written.
    pub fn push(&mut self, order: i64, row: EncodedRow<'_>) -> io::Result<()> {
        self.rows.push((order, self.bytes.len(), row.bytes().len()));
        self.bytes.extend_from_slice(row.bytes());
        if self.bytes.len() + size_of_val(&*self.rows) >= BUFFER { self.spill() } else { Ok(()) }
    }

    /// Hands over all rows in order, until `take` returns false.
    ///
    /// # Errors
    /// When a temporary file cannot be written or read.
    pub fn finish(mut self, mut take: impl FnMut(EncodedRow<'_>) -> bool) -> io::Result<()> {
        if self.parts.is_empty() {
            self.sort();
            let mut rows = self.rows.iter().map(|(_, at, len)| &self.bytes[*at..at + len]);
            let _ = rows.all(|bytes| take(EncodedRow::new(bytes)));
            return Ok(());
        }
        self.spill()?;
        let Self { mut spill, mut parts, .. } = self;
        let mut next = BinaryHeap::new();
        for (nth, part) in parts.iter_mut().enumerate() {
            next.extend(part.peek(&mut spill)?.map(|order| Reverse((order, nth))));
        }
        while let Some(Reverse((_, nth))) = next.pop() {
            if !take(EncodedRow::new(parts[nth].next())) {
                break;
            }
            next.extend(parts[nth].peek(&mut spill)?.map(|order| Reverse((order, nth))));
        }
        Ok(())
    }

    fn sort(&mut self) {
        self.rows.sort_by_key(|(order, ..)| *order);
    }

    /// Writes the rows in memory as a part.
    fn spill(&mut self) -> io::Result<()> {
        /// Fast: each byte that is compressed is read once.
        const LEVEL: i32 = -5;
        self.sort();
        let (mut pieces, mut piece) = (Vec::new(), Vec::with_capacity(PIECE));
        let mut rows = self.rows.iter().peekable();
        while let Some((order, at, len)) = rows.next() {
            piece.extend_from_slice(&order.to_le_bytes());
            piece.extend_from_slice(&(*len as u64).to_le_bytes());
            piece.extend_from_slice(&self.bytes[*at..at + len]);
            if piece.len() >= PIECE || rows.peek().is_none() {
                pieces.push(self.spill.push(&zstd::bulk::compress(&piece, LEVEL)?)?);
                piece.clear();
            }
        }
        pieces.reverse();
        self.parts.push(Part { pieces, piece: Vec::new(), at: 0 });
        self.rows.clear();
        self.bytes.clear();
        Ok(())
    }
}

/// Bytes before a row: its number and its length.
const HEAD: usize = 16;

impl Part {
    /// The number of the next row; `None`: there is none.
    fn peek(&mut self, spill: &mut SpillFile) -> io::Result<Option<i64>> {
        if self.at == self.piece.len() {
            let Some(offset) = self.pieces.pop() else { return Ok(None) };
            self.piece = zstd::stream::decode_all(&spill.read(offset)?[..])?;
            self.at = 0;
        }
        Ok(Some(i64::from_le_bytes(self.number(0))))
    }

    /// The next row, which was peeked at.
    fn next(&mut self) -> &[u8] {
        let len = u64::from_le_bytes(self.number(8)) as usize;
        let start = self.at + HEAD;
        self.at = start + len;
        &self.piece[start..self.at]
    }

    /// Eight bytes of the next row's head.
    fn number(&self, from: usize) -> [u8; 8] {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.piece[self.at + from..self.at + from + 8]);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::cell::Cell;

    fn sorted(rows: &[(i64, String)]) -> Vec<String> {
        let mut sorter = RowSorter::default();
        for (order, text) in rows {
            let mut bytes = Vec::new();
            Cell::text(text).encode(&mut bytes);
            sorter.push(*order, EncodedRow::new(&bytes)).unwrap();
        }
        let mut sorted = Vec::new();
        sorter
            .finish(|row| {
                sorted.push(row.text_at(0).unwrap().to_owned());
                true
            })
            .unwrap();
        sorted
    }

    #[test]
    fn rows_are_sorted_in_memory_and_on_disk() {
        // The same number comes more than once: then the first stays first.
        let order = |n: usize| (n as i64 * 7919) % 1000 - 500;
        for (count, len) in [(0, 0), (1, 10), (3000, 10), (3000, 40_000)] {
            let rows: Vec<(i64, String)> =
                (0..count).map(|n| (order(n), format!("{n:06}{}", "x".repeat(len)))).collect();
            let mut expected = rows.clone();
            expected.sort_by_key(|(order, _)| *order);
            assert!(sorted(&rows).iter().eq(expected.iter().map(|(_, text)| text)), "{count} of {len}");
        }
    }

    #[test]
    fn nobody_needs_to_take_all() {
        let mut sorter = RowSorter::default();
        (0..10).for_each(|n| sorter.push(-n, EncodedRow::new(&[0])).unwrap());
        let mut taken = 0;
        let take = |_: EncodedRow<'_>| {
            taken += 1;
            taken < 3
        };
        sorter.finish(take).unwrap();
        assert_eq!(taken, 3);
    }
}
