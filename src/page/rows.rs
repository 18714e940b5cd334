//! Rows of a report's tables, read by the names of their columns, and the best of many.

use crate::model::EventTime;
use crate::report::{Cell, EncodedRow};

/// The position of a column, decided when the program is compiled: `at!(USAGE, "key_arn")`.
macro_rules! at {
    ($list:ident, $name:literal) => {
        const { $crate::report::column_position($list, $name) }
    };
}
pub(super) use at;

/// A decoded row.
pub(super) struct Row<'a> {
    cells: Vec<Cell<'a>>,
    bytes: usize,
}

impl<'a> Row<'a> {
    pub(super) fn new(row: EncodedRow<'a>) -> Self {
        Self { cells: row.cells().collect(), bytes: row.size() }
    }

    /// Bytes of its texts, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn cell(&self, position: usize) -> &Cell<'a> {
        self.cells.get(position).unwrap_or(&Cell::Null)
    }

    pub(super) fn text(&self, position: usize) -> Option<&str> {
        match self.cell(position) {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Text that is kept.
    pub(super) fn owned(&self, position: usize) -> Option<String> {
        self.text(position).map(str::to_owned)
    }

    /// A count; zero for null.
    pub(super) fn count(&self, position: usize) -> u64 {
        match self.cell(position) {
            Cell::Int(n) => u64::try_from(*n).unwrap_or_default(),
            _ => 0,
        }
    }

    pub(super) fn optional_count(&self, position: usize) -> Option<u64> {
        match self.cell(position) {
            Cell::Int(n) => u64::try_from(*n).ok(),
            _ => None,
        }
    }

    pub(super) fn time(&self, position: usize) -> Option<EventTime> {
        match self.cell(position) {
            Cell::Time(time) => Some(*time),
            _ => None,
        }
    }

    pub(super) fn day(&self, position: usize) -> Option<i32> {
        match self.cell(position) {
            Cell::Date(day) => Some(*day),
            _ => None,
        }
    }
}

/// The items with the smallest keys of any number of items, in bounded memory: so many, and no more
/// than have some bytes.
pub(super) struct Smallest<K, T> {
    limit: usize,
    room: usize,
    /// Key, item and bytes of the row that it was made from.
    items: Vec<(K, T, usize)>,
    /// Bytes of all of them.
    bytes: usize,
    total: u64,
    /// The place of the largest item that may be kept, once there are enough.
    largest: Option<usize>,
}

impl<K: Ord, T> Smallest<K, T> {
    /// At most `limit` items, of rows that have `room` bytes, about.
    pub(super) fn new(limit: usize, room: usize) -> Self {
        Self { limit, room, items: Vec::new(), bytes: 0, total: 0, largest: None }
    }

    /// Adds an item of a row of so many bytes. It is made only if it may be kept.
    pub(super) fn push(&mut self, key: K, bytes: usize, item: impl FnOnce() -> T) {
        self.total += 1;
        if self.largest.is_some_and(|place| self.items.get(place).is_some_and(|(known, ..)| key >= *known)) {
            return;
        }
        self.items.push((key, item(), bytes));
        self.bytes += bytes;
        if self.items.len() >= 2 * self.limit.max(64) || self.bytes > 2 * self.room {
            self.cut();
        }
    }

    /// How many items were pushed.
    pub(super) fn pushed(&self) -> u64 {
        self.total
    }

    fn cut(&mut self) {
        self.items.sort_by(|a, b| a.0.cmp(&b.0));
        let before = self.items.len();
        let mut sum = 0;
        let fits = |item: &&(K, T, usize)| {
            sum += item.2;
            sum <= self.room
        };
        // The first one is kept, whatever it takes: what follows it is not in its place.
        let fitting = self.items.iter().take(self.limit).take_while(fits).count();
        self.items.truncate(fitting.max(1).min(self.limit));
        self.bytes = self.items.iter().map(|item| item.2).sum();
        if self.items.len() < before || self.items.len() == self.limit || self.largest.is_some() {
            self.largest = self.items.len().checked_sub(1);
        }
    }

    /// The items in the order of their keys, and how many were pushed.
    pub(super) fn finish(mut self) -> (Vec<T>, u64) {
        self.cut();
        (self.items.into_iter().map(|(_, item, _)| item).collect(), self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_of_many_are_kept_in_order() {
        let mut smallest = Smallest::new(3, usize::MAX / 2);
        let mut made = 0;
        let numbers = (0..1000_u32).rev().chain(2000..9000);
        for n in numbers {
            smallest.push(n, 100, || {
                made += 1;
                n
            });
        }
        assert!(smallest.items.len() < 128);
        assert_eq!(smallest.finish(), (vec![0, 1, 2], 8000));
        assert!(made < 1_100, "{made}");
    }

    #[test]
    fn no_more_than_have_room_are_kept() {
        let mut smallest = Smallest::new(1000, 500);
        for n in (0..1000_u32).rev() {
            smallest.push(n, 100, || n);
            assert!(smallest.bytes <= 1100);
        }
        assert_eq!(smallest.finish(), (vec![0, 1, 2, 3, 4], 1000));
        let mut smallest = Smallest::new(1000, 500);
        [(1, 5000), (2, 1), (3, 1)].into_iter().for_each(|(n, bytes)| smallest.push(n, bytes, || n));
        assert_eq!(smallest.finish(), (vec![1], 3), "the first one, and none that follows a gap");
    }
}
