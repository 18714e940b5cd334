//! Counts distinct values: exactly while they are few, then as an estimate with a known error, in
//! bounded memory.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::AddAssign;

use hashbrown::HashSet;
use serde::{Deserialize, Serialize};

/// Up to so many distinct values are counted exactly.
pub const EXACT_LIMIT: usize = 1024;

const INDEX_BITS: u32 = 12;
const REGISTERS: usize = 1 << INDEX_BITS;

/// A counter of distinct values, given as 64-bit hashes that spread evenly.
///
/// It serialises as the sorted hashes, or as the registers: the same in every order of events.
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "StoredCounter", try_from = "StoredCounter")]
pub(super) enum DistinctCounter {
    /// All hashes.
    Few(HashSet<u64>),
    /// HyperLogLog (Flajolet and others, 2007): for each of 4096 classes of hashes, the longest run
    /// of leading zeros. It depends on the set of values, not on their order. Standard error:
    /// 1.04 / √4096 = 1.6 %.
    Many(Box<[u8; REGISTERS]>),
}

#[derive(Serialize, Deserialize)]
enum StoredCounter {
    Few(Vec<u64>),
    Many(Vec<u8>),
}

impl From<DistinctCounter> for StoredCounter {
    fn from(counter: DistinctCounter) -> Self {
        match counter {
            DistinctCounter::Few(values) => {
                let mut values: Vec<u64> = values.into_iter().collect();
                values.sort_unstable();
                Self::Few(values)
            }
            DistinctCounter::Many(registers) => Self::Many(registers.to_vec()),
        }
    }
}

impl TryFrom<StoredCounter> for DistinctCounter {
    type Error = &'static str;

    fn try_from(stored: StoredCounter) -> Result<Self, Self::Error> {
        match stored {
            StoredCounter::Few(values) if values.len() <= EXACT_LIMIT => {
                Ok(Self::Few(values.into_iter().collect()))
            }
            StoredCounter::Few(_) => Err("more values than are counted exactly"),
            // 52 bits of a hash are left for the run, and one ends it.
            StoredCounter::Many(registers) if registers.iter().all(|run| *run <= 53) => {
                registers.try_into().map(Self::Many).map_err(|_| "another number of registers")
            }
            StoredCounter::Many(_) => Err("a run that is longer than a hash"),
        }
    }
}

impl AddAssign for DistinctCounter {
    fn add_assign(&mut self, other: Self) {
        match (&mut *self, other) {
            (_, Self::Few(values)) => values.into_iter().for_each(|hash| self.insert(hash)),
            (Self::Few(values), Self::Many(mut registers)) => {
                values.iter().for_each(|hash| add(&mut registers, *hash));
                *self = Self::Many(registers);
            }
            (Self::Many(mine), Self::Many(others)) => {
                mine.iter_mut().zip(others.iter()).for_each(|(mine, other)| *mine = (*mine).max(*other));
            }
        }
    }
}

/// Equal sets print alike.
impl fmt::Debug for DistinctCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Few(values) => values.iter().collect::<BTreeSet<_>>().fmt(f),
            Self::Many(registers) => registers.fmt(f),
        }
    }
}

impl Default for DistinctCounter {
    fn default() -> Self {
        Self::Few(HashSet::default())
    }
}

impl DistinctCounter {
    /// Adds a value, given its hash.
    pub(super) fn insert(&mut self, hash: u64) {
        match self {
            Self::Few(values) => {
                values.insert(hash);
                if values.len() > EXACT_LIMIT {
                    let mut registers = Box::new([0; REGISTERS]);
                    values.iter().for_each(|hash| add(&mut registers, *hash));
                    *self = Self::Many(registers);
                }
            }
            Self::Many(registers) => add(registers, hash),
        }
    }

    /// The bytes that it takes behind itself.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Few(values) => values.capacity() * (size_of::<u64>() + 1),
            Self::Many(_) => REGISTERS,
        }
    }

    /// Whether [`count`](Self::count) is exact.
    pub(super) fn is_exact(&self) -> bool {
        matches!(self, Self::Few(_))
    }

    /// The number of distinct values.
    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Few(values) => values.len() as u64,
            Self::Many(registers) => estimate(registers),
        }
    }
}

fn add(registers: &mut [u8; REGISTERS], hash: u64) {
    let index = (hash >> (64 - INDEX_BITS)) as usize;
    // The bit that is set below the hash ends the run of zeros: it is at most 52 + 1.
    let run = (hash << INDEX_BITS | 1 << (INDEX_BITS - 1)).leading_zeros() + 1;
    registers[index] = registers[index].max(run as u8);
}

/// The estimator of the paper, with its correction for counts that are small compared to the number
/// of registers.
fn estimate(registers: &[u8; REGISTERS]) -> u64 {
    let m = REGISTERS as f64;
    let sum: f64 = registers.iter().map(|run| 0.5f64.powi(i32::from(*run))).sum();
    let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
    let empty = registers.iter().filter(|run| **run == 0).count();
    let estimate = if raw <= 2.5 * m && empty > 0 { m * (m / empty as f64).ln() } else { raw };
    // At least as many as are known to have been there.
    (estimate.round() as u64).max(EXACT_LIMIT as u64 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::Hasher;

    use crate::base::stable_hasher;

    fn count(values: impl Iterator<Item = u64>) -> DistinctCounter {
        let mut distinct = DistinctCounter::default();
        values.for_each(|n| {
            let mut hasher = stable_hasher();
            hasher.write_u64(n);
            distinct.insert(hasher.finish());
        });
        distinct
    }

    #[test]
    fn small_counts_are_exact_and_large_ones_within_the_error() {
        let few = count((0..EXACT_LIMIT as u64).chain(0..EXACT_LIMIT as u64));
        assert!(few.is_exact());
        assert_eq!(few.count(), EXACT_LIMIT as u64);
        for n in [EXACT_LIMIT as u64 + 1, 5_000, 12_000, 100_000, 1_000_000] {
            let many = count(0..n);
            assert!(!many.is_exact());
            let error = (many.count() as f64 - n as f64).abs() / n as f64;
            assert!(error < 0.05, "{n}: {error}"); // three standard errors
        }
    }

    #[test]
    fn order_and_repetition_do_not_matter() {
        let forward = count(0..20_000).count();
        assert_eq!(count((0..20_000).rev()).count(), forward);
        assert_eq!(count((0..20_000).chain(5_000..9_000)).count(), forward);
    }
}
