//! A hash that is the same in every process.

use std::hash::{DefaultHasher, Hash, Hasher};

/// A 64-bit hash of `value` that spreads evenly. Another `seed` gives an independent hash.
///
/// The key is fixed, so the same value has the same hash on every machine and in every run of one
/// build. The standard library does not promise that another compiler release keeps the algorithm:
/// do not store these hashes.
pub fn hash64(seed: u64, value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    seed.hash(&mut hasher);
    value.hash(&mut hasher);
    hasher.finish()
}
