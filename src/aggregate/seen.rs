//! A set of events that have been seen, in as few bytes as it can be: a run over a year of an organisation's archives keeps one entry per selected
//! event.
//!
//! Each entry is 16 bytes: 96 bits of a hash of the event's identity, and 32 of one of its content. Entries lie in the order of their hashes in
//! arrays with a few gaps (linear probing, kept sorted), split into shards that grow one at a time by a quarter: never more than
//! 24 bytes an entry, growth included. A general hash table doubles, and would need up to three times as much.

/// What [`SeenSet::insert`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sighting {
    /// Never seen before; it is now.
    New,
    /// Seen with the same content.
    Same,
    /// Seen with another content, which stays the one remembered.
    Other,
}

/// An identity: 96 bits of a hash that spreads evenly.
pub(super) type Identity = [u32; 3];

const SHARD_BITS: u32 = 6;
const SMALLEST: usize = 16;

/// Events seen.
#[derive(Debug)]
pub(super) struct SeenSet {
    shards: Vec<Shard>,
}

impl Default for SeenSet {
    fn default() -> Self {
        Self { shards: (0..1 << SHARD_BITS).map(|_| Shard::default()).collect() }
    }
}

impl SeenSet {
    /// Takes note of an event.
    pub(super) fn insert(&mut self, identity: Identity, content: u32) -> Sighting {
        let entry = identity.iter().fold(0, |bits, word| bits << 32 | u128::from(*word)) << 32;
        // An empty place is zero: no entry may be.
        let entry = (entry.max(1 << 32)) | u128::from(content);
        let shard = (entry >> (128 - SHARD_BITS)) as usize;
        self.shards[shard].insert(entry)
    }

    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.slots.capacity() * size_of::<u128>()).sum()
    }
}

#[derive(Debug, Default)]
struct Shard {
    /// The first `room` places are homes; the last entries may lie behind them.
    slots: Vec<u128>,
    room: usize,
    len: usize,
}

/// The part of an entry that tells it from others.
fn identity(entry: u128) -> u128 {
    entry >> 32
}

impl Shard {
    /// Where an entry belongs: as far along the places as its hash is along all hashes.
    fn home(&self, entry: u128) -> usize {
        let position = (entry >> (96 - SHARD_BITS)) as u32;
        ((u64::from(position) * self.room as u64) >> 32) as usize
    }

    fn insert(&mut self, entry: u128) -> Sighting {
        let mut at = self.home(entry);
        while let Some(&slot) = self.slots.get(at) {
            if slot == 0 || identity(slot) > identity(entry) {
                break;
            }
            if identity(slot) == identity(entry) {
                return if slot == entry { Sighting::Same } else { Sighting::Other };
            }
            at += 1;
        }
        if (self.len + 1) * 10 > self.room * 9 {
            self.grow();
            return self.insert(entry);
        }
        // Everything from here to the next gap moves up by one.
        let gap = self.slots[at..].iter().position(|slot| *slot == 0).map_or(self.slots.len(), |n| at + n);
        if gap == self.slots.len() {
            self.slots.push(0);
        }
        self.slots.copy_within(at..gap, at + 1);
        self.slots[at] = entry;
        self.len += 1;
        Sighting::New
    }

    fn grow(&mut self) {
        let old = std::mem::take(&mut self.slots);
        self.room = (self.room + self.room / 4).max(SMALLEST);
        self.slots = Vec::with_capacity(self.room + self.room / 64 + 1);
        self.slots.resize(self.room, 0);
        let mut next = 0;
        for entry in old.into_iter().filter(|entry| *entry != 0) {
            let at = self.home(entry).max(next);
            if at == self.slots.len() {
                self.slots.push(0);
            }
            self.slots[at] = entry;
            next = at + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;
    use std::hash::{DefaultHasher, Hasher};

    fn spread(n: u64) -> Identity {
        [1u64, 2, 3].map(|seed| {
            let mut hasher = DefaultHasher::new();
            hasher.write_u64(seed);
            hasher.write_u64(n);
            hasher.finish() as u32
        })
    }

    proptest! {
        /// As a plain map would say, however the hashes lie: evenly, all in one place, or at the very ends.
        #[test]
        fn agrees_with_a_map(
            events in prop::collection::vec((0u64..400, 0u32..3), 0..2000),
            lie in prop::sample::select(vec![0u8, 1, 2]),
        ) {
            let mut seen = SeenSet::default();
            let mut map: HashMap<u64, u32> = HashMap::new();
            for (n, content) in events {
                let identity = match lie {
                    0 => spread(n),
                    1 => [0, 0, n as u32 + 1],
                    _ => [u32::MAX, u32::MAX, u32::MAX - n as u32],
                };
                let expected = match map.get(&n) {
                    None => Sighting::New,
                    Some(first) if *first == content => Sighting::Same,
                    Some(_) => Sighting::Other,
                };
                map.entry(n).or_insert(content);
                prop_assert_eq!(seen.insert(identity, content), expected);
            }
        }
    }

    #[test]
    fn an_entry_takes_no_more_than_24_bytes() {
        let mut seen = SeenSet::default();
        for n in 0..200_000u64 {
            assert_eq!(seen.insert(spread(n), 0), Sighting::New);
            if n >= 20_000 && n % 1000 == 0 {
                let each = seen.bytes() as f64 / (n + 1) as f64;
                assert!(each <= 24.0, "{each} bytes an entry at {n}");
            }
        }
        assert!((0..200_000).all(|n| seen.insert(spread(n), 0) == Sighting::Same));
    }
}
