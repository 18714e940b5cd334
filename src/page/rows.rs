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
pub(super) struct Row<'a>(Vec<Cell<'a>>);

impl<'a> Row<'a> {
    pub(super) fn new(row: EncodedRow<'a>) -> Self {
        Self(row.cells().collect())
    }

    pub(super) fn cell(&self, position: usize) -> &Cell<'a> {
        self.0.get(position).unwrap_or(&Cell::Null)
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

/// The items with the smallest keys of any number of items, in bounded memory.
pub(super) struct Smallest<K, T> {
    limit: usize,
    items: Vec<(K, T)>,
    total: u64,
    /// The place of the largest item that may be kept, once there are enough.
    largest: Option<usize>,
}

impl<K: Ord, T> Smallest<K, T> {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, items: Vec::new(), total: 0, largest: None }
    }

    /// Adds an item, which is made only if it may be kept.
    pub(super) fn push(&mut self, key: K, item: impl FnOnce() -> T) {
        self.total += 1;
        if self.largest.is_some_and(|place| self.items.get(place).is_some_and(|(known, _)| key >= *known)) {
            return;
        }
        self.items.push((key, item()));
        if self.items.len() >= 2 * self.limit.max(64) {
            self.cut();
        }
    }

    /// How many items were pushed.
    pub(super) fn pushed(&self) -> u64 {
        self.total
    }

    fn cut(&mut self) {
        self.items.sort_by(|a, b| a.0.cmp(&b.0));
        self.items.truncate(self.limit);
        self.largest = self.limit.checked_sub(1).filter(|last| *last < self.items.len());
    }

    /// The items in the order of their keys, and how many were pushed.
    pub(super) fn finish(mut self) -> (Vec<T>, u64) {
        self.cut();
        (self.items.into_iter().map(|(_, item)| item).collect(), self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_of_many_are_kept_in_order() {
        let mut smallest = Smallest::new(3);
        let mut made = 0;
        let numbers = (0..1000_u32).rev().chain(2000..9000);
        for n in numbers {
            smallest.push(n, || {
                made += 1;
                n
            });
        }
        assert!(smallest.items.len() < 128);
        assert_eq!(smallest.finish(), (vec![0, 1, 2], 8000));
        assert!(made < 1_100, "{made}");
    }
}
