//! Hashes that are the same everywhere, and hashes that nobody can predict.
//!
//! [`stable_hash`] and [`keyed_hash`] are SipHash-1-3 (Aumasson and Bernstein, 2012), from a crate
//! that keeps the algorithm; the standard library's default hasher may change with any release.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::OnceLock;

use hashbrown::DefaultHashBuilder;
use siphasher::sip::SipHasher13;
use siphasher::sip128::{Hasher128, SipHasher13 as SipHasher13With128Bits};

/// A 64-bit hash of `value` that is the same in every process, on every machine with the same byte
/// order, and in every release. Another `seed` gives an independent hash.
///
/// For estimates in reports, which must not change from run to run. Anybody can search for values
/// with the same hash: never use it to decide that two values are equal.
pub fn stable_hash(seed: u64, value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = stable_hasher();
    seed.hash(&mut hasher);
    value.hash(&mut hasher);
    hasher.finish()
}

/// The hasher behind [`stable_hash`], for content that comes in pieces.
pub fn stable_hasher() -> SipHasher13 {
    SipHasher13::new()
}

/// A 128-bit hash of `value` under a key that is random in each process.
///
/// Whoever writes the values does not know the key, so they cannot search for two values with the
/// same hash. Only compare hashes of one process; never store them or let them reach a report.
pub fn keyed_hash(value: &(impl Hash + ?Sized)) -> u128 {
    static KEY: OnceLock<(u64, u64)> = OnceLock::new();
    let (first, second) = *KEY.get_or_init(|| {
        // The standard library takes the keys of its hash tables from the operating system.
        let random = RandomState::new();
        (random.hash_one(0), random.hash_one(1))
    });
    let mut hasher = SipHasher13With128Bits::new_with_keys(first, second);
    value.hash(&mut hasher);
    hasher.finish128().as_u128()
}

/// A fast 64-bit hash of `value` for hash tables, under a key that is random in each process:
/// values that were chosen to collide in one process do not collide in another.
pub fn table_hash(value: &(impl Hash + ?Sized)) -> u64 {
    static STATE: OnceLock<DefaultHashBuilder> = OnceLock::new();
    STATE.get_or_init(DefaultHashBuilder::default).hash_one(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stable_hashes_are_the_same_in_every_release() {
        // SipHash-1-3 with the key 0 of eight zero bytes, "session" and 0xff, computed separately.
        assert_eq!(stable_hash(0, "session"), 4_720_825_084_427_723_427);
        assert_ne!(stable_hash(0, "session"), stable_hash(1, "session"));
    }

    #[test]
    fn keyed_hashes_differ_by_value() {
        assert_eq!(keyed_hash("a"), keyed_hash("a"));
        assert_ne!(keyed_hash("a"), keyed_hash("b"));
        assert_ne!(keyed_hash(&("a", "bc")), keyed_hash(&("ab", "c")));
    }
}
