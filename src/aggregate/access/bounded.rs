//! A table of limited size whose content does not depend on the order in which it is filled.

use std::hash::Hash;

use hashbrown::HashTable;

use crate::base::stable_hash;

/// Values by name, of at most twice the limit; those whose names have the smallest hashes are
/// kept, so that it does not depend on the order of the names which they are.
#[derive(Debug, Clone)]
pub(super) struct Bounded<K, V> {
    places: HashTable<usize>,
    rows: Vec<Row<K, V>>,
    has_forgotten: bool,
}

#[derive(Debug, Clone)]
struct Row<K, V> {
    /// Of the name, in this process.
    hash: u64,
    name: K,
    value: V,
}

impl<K, V> Default for Bounded<K, V> {
    fn default() -> Self {
        Self { places: HashTable::new(), rows: Vec::new(), has_forgotten: false }
    }
}

impl<K: Hash, V> Bounded<K, V> {
    /// The value of the name with this hash, if it is there.
    pub(super) fn find(&mut self, hash: u64, is_same: impl Fn(&K) -> bool) -> Option<&mut V> {
        let same = |place: &usize| self.rows[*place].hash == hash && is_same(&self.rows[*place].name);
        let place = *self.places.find(hash, same)?;
        Some(&mut self.rows[place].value)
    }

    /// Adds a name that is not there.
    pub(super) fn insert(&mut self, hash: u64, name: K, value: V, limit: usize) {
        self.places.insert_unique(hash, self.rows.len(), |place| self.rows[*place].hash);
        self.rows.push(Row { hash, name, value });
        if self.rows.len() >= 2 * limit {
            self.trim(limit);
        }
    }

    /// Forgets what is beyond the limit.
    pub(super) fn trim(&mut self, limit: usize) {
        if self.rows.len() <= limit {
            return;
        }
        let mut hashes: Vec<u64> = self.rows.iter().map(|row| stable_hash(0, &row.name)).collect();
        let (_, largest, _) = hashes.select_nth_unstable(limit - 1);
        let largest = *largest;
        self.rows.retain(|row| stable_hash(0, &row.name) <= largest);
        self.places.clear();
        for (place, row) in self.rows.iter().enumerate() {
            self.places.insert_unique(row.hash, place, |place| self.rows[*place].hash);
        }
        self.has_forgotten = true;
    }

    /// Changes the values of all but so many names: those whose hashes are not among the smallest.
    pub(super) fn thin(&mut self, but: usize, change: impl Fn(&mut V)) {
        if self.rows.len() <= but {
            return;
        }
        let mut hashes: Vec<u64> = self.rows.iter().map(|row| stable_hash(0, &row.name)).collect();
        let (_, largest, _) = hashes.select_nth_unstable(but.saturating_sub(1));
        let largest = *largest;
        let others = self.rows.iter_mut().filter(|row| stable_hash(0, &row.name) > largest);
        others.for_each(|row| change(&mut row.value));
    }

    /// Adds all names of `other`; `add` adds its value of a name to the value that is there.
    pub(super) fn merge(&mut self, other: Self, limit: usize, add: impl Fn(&mut V, V))
    where
        K: Eq,
    {
        self.has_forgotten |= other.has_forgotten;
        for Row { hash, name, value } in other.rows {
            match self.find(hash, |known| *known == name) {
                Some(known) => add(known, value),
                None => self.insert(hash, name, value, limit),
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.rows.iter().map(|row| (&row.name, &row.value))
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there were more names than the limit.
    pub(super) fn has_forgotten(&self) -> bool {
        self.has_forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::table_hash;

    #[test]
    fn beyond_the_limit_it_does_not_depend_on_the_order_what_is_kept() {
        const LIMIT: usize = 50;
        let of = |names: &mut dyn Iterator<Item = u32>| {
            let mut bounded = Bounded::default();
            for name in names {
                let hash = table_hash(&name);
                match bounded.find(hash, |known| *known == name) {
                    Some(count) => *count += 1,
                    None => bounded.insert(hash, name, 1, LIMIT),
                }
            }
            bounded.trim(LIMIT);
            let mut kept: Vec<(u32, u32)> = bounded.iter().map(|(name, count)| (*name, *count)).collect();
            kept.sort_unstable();
            (kept, bounded.has_forgotten())
        };
        let (forwards, has_forgotten) = of(&mut (0..500).chain(0..500));
        assert_eq!((forwards.len(), has_forgotten), (LIMIT, true));
        assert!(forwards.iter().all(|(_, count)| *count == 2));
        assert_eq!(forwards, of(&mut (0..500).rev().chain((0..500).rev())).0);
        assert!(!of(&mut (0..50)).1);
    }

    #[test]
    fn all_but_some_are_changed() {
        let mut bounded = Bounded::default();
        (0..100u32).for_each(|name| bounded.insert(table_hash(&name), name, 1, 1_000));
        for (but, expected) in [(100, 100), (40, 40), (60, 40)] {
            bounded.thin(but, |value| *value = 0);
            assert_eq!(bounded.iter().filter(|(_, value)| **value == 1).count(), expected);
        }
    }
}
