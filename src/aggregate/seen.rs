//! The set of events seen so far, in as few bytes as possible: a run over a year of an
//! organisation's archives keeps one entry per selected event.
//!
//! Each entry is 16 bytes: 96 bits of a hash of the event's identity, and 32 bits of a hash of its
//! content. Entries are sorted by hash in arrays with a few gaps (sorted linear probing). The
//! arrays are split into shards that grow one at a time, by a quarter. This takes at most 24 bytes
//! per entry, growth included. A general hash table doubles, and would need up to three times as
//! much.

use std::hash::Hash;

use crate::base::keyed_hash;

/// What [`SeenSet::insert`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sighting {
    /// The event is new, and was added.
    New,
    /// The event was seen with the same content.
    Same,
    /// The event was seen with another content, which stays in the set.
    Other,
}

/// The identity of an event: 96 bits of a hash that spreads evenly.
pub(super) type Identity = [u32; 3];

const SHARD_BITS: u32 = 6;
const SMALLEST: usize = 16;

/// 96 bits of a hash. Among a billion events, the chance of any accidental match is one in ten
/// thousand million.
pub(super) fn identity(value: &impl Hash) -> Identity {
    let hash = keyed_hash(value);
    [(hash >> 96) as u32, (hash >> 64) as u32, (hash >> 32) as u32]
}

/// The events seen so far.
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
    /// Adds an event.
    pub(super) fn insert(&mut self, identity: Identity, content: u32) -> Sighting {
        let entry = identity.iter().fold(0, |bits, word| bits << 32 | u128::from(*word)) << 32;
        // Zero marks an empty slot, so no entry may be zero.
        let entry = (entry.max(1 << 32)) | u128::from(content);
        let shard = (entry >> (128 - SHARD_BITS)) as usize;
        self.shards[shard].insert(entry)
    }

    /// The bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.slots.capacity() * size_of::<u128>()).sum()
    }
}

#[derive(Debug, Default)]
struct Shard {
    /// The first `homes` slots are homes of entries. The last entries may lie behind them.
    slots: Vec<u128>,
    homes: usize,
    len: usize,
}

/// The identity in an entry.
fn identity_of(entry: u128) -> u128 {
    entry >> 32
}

impl Shard {
    /// The slot where an entry belongs: as far along the slots as its hash is along all hashes.
    fn home(&self, entry: u128) -> usize {
        let position = (entry >> (96 - SHARD_BITS)) as u32;
        ((u64::from(position) * self.homes as u64) >> 32) as usize
    }

    fn insert(&mut self, entry: u128) -> Sighting {
        let mut at = self.home(entry);
        while let Some(&slot) = self.slots.get(at) {
            if slot == 0 || identity_of(slot) > identity_of(entry) {
                break;
            }
            if identity_of(slot) == identity_of(entry) {
                return if slot == entry { Sighting::Same } else { Sighting::Other };
            }
            at += 1;
        }
        if (self.len + 1) * 10 > self.homes * 9 {
            self.grow();
            return self.insert(entry);
        }
        // Everything from here to the next gap moves up by one slot.
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
        self.homes = (self.homes + self.homes / 4).max(SMALLEST);
        self.slots = Vec::with_capacity(self.homes + self.homes / 64 + 1);
        self.slots.resize(self.homes, 0);
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
    use std::hash::Hasher;

    use crate::base::stable_hasher;

    fn spread(n: u64) -> Identity {
        [1u64, 2, 3].map(|seed| {
            let mut hasher = stable_hasher();
            hasher.write_u64(seed);
            hasher.write_u64(n);
            hasher.finish() as u32
        })
    }

    proptest! {
        /// Agrees with a plain map when hashes spread evenly, are all in one slot, or lie at the
        /// end.
        #[test]
        fn agrees_with_a_map(
            events in prop::collection::vec((0u64..400, 0u32..3), 0..2000),
            spread_as in prop::sample::select(vec![0u8, 1, 2]),
        ) {
            let mut seen = SeenSet::default();
            let mut map: HashMap<u64, u32> = HashMap::new();
            for (n, content) in events {
                let identity = match spread_as {
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
    fn an_entry_takes_at_most_24_bytes() {
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
