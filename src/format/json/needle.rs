//! Finds values that can name KMS as an `eventSource` does: the question that `parse` asks about
//! every record, answered while the scanner passes over the bytes anyway.
//!
//! The bit masks of a block show the pairs `km`, in any case, and `\u`. Only after such a pair are
//! bytes compared.

use super::block::{BLOCK, BlockMasks};

/// The usual name. `parse` has the same constant as `KMS`; a test compares the two answers.
const NEEDLE: &[u8; 17] = b"kms.amazonaws.com";

/// How the endpoints with validated cryptography begin.
const FIPS: &[u8; 8] = b"kms-fips";

/// How the type of a key in `resources` ends: another sign of a KMS call.
const KEY_TYPE: &[u8; 8] = b"kms::key";

/// The set of characters in the needle: bit `b` stands for the character `b`.
const NEEDLE_CHARACTERS: u128 = {
    let mut set = 0;
    let mut n = 0;
    while n < NEEDLE.len() {
        set |= 1 << NEEDLE[n];
        n += 1;
    }
    set
};

/// Places in a block where the needle or an escape may be, as masks of the second character of a
/// pair.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidates {
    /// The `m` of `km`.
    needle: u64,
    /// The `u` of `\u`.
    escape: u64,
}

impl Candidates {
    /// Drops the candidates after the first `len` bytes of the block.
    #[inline(always)]
    pub(super) fn truncate(self, len: usize) -> Self {
        let mask = !0 >> (BLOCK - len);
        Self { needle: self.needle & mask, escape: self.escape & mask }
    }

    #[inline(always)]
    pub(super) fn is_empty(self) -> bool {
        self.needle | self.escape == 0
    }
}

/// Finds [`Candidates`], including pairs that span two blocks.
#[derive(Debug, Default)]
pub(super) struct PairFinder {
    /// 1 if the last byte of the previous block is `k`.
    k: u64,
    /// 1 if the last byte of the previous block is a backslash.
    backslash: u64,
}

impl PairFinder {
    #[inline(always)]
    pub(super) fn next(&mut self, masks: &BlockMasks) -> Candidates {
        let candidates = Candidates {
            needle: masks.m & (masks.k << 1 | self.k),
            escape: masks.u & (masks.backslash << 1 | self.backslash),
        };
        *self = Self { k: masks.k >> (BLOCK - 1), backslash: masks.backslash >> (BLOCK - 1) };
        candidates
    }
}

/// Whether there is at the candidates a name of KMS in any case, the type of a key, or an escape
/// that could spell a character of the usual name. The block starts at `block_start` in `value`,
/// and `value` ends where the JSON value does.
#[inline(never)]
pub(super) fn names_kms(value: &[u8], block_start: usize, candidates: Candidates) -> bool {
    let pair_at = |bit: u32| &value[block_start + bit as usize - 1..];
    let begins_with = |bit: u32, text: &[u8]| {
        pair_at(bit).get(..text.len()).is_some_and(|bytes| bytes.eq_ignore_ascii_case(text))
    };
    let byte_before = |bit: u32| (block_start + bit as usize).checked_sub(2).map(|at| value[at]);
    // What follows the pair rules most of them out.
    let is_name = |bit: u32| match pair_at(bit) {
        [_, _, b's' | b'S', b'.' | b'[', ..] => true,
        [_, _, b's' | b'S', b'-', ..] => begins_with(bit, FIPS),
        [_, _, b's' | b'S', b':', ..] => begins_with(bit, KEY_TYPE),
        [_, _, b's' | b'S', b'"' | b'\\', ..] => matches!(byte_before(bit), Some(b'"' | b'.' | b' ')),
        _ => false,
    };
    set_bits(candidates.needle).any(is_name)
        || set_bits(candidates.escape).any(|bit| escapes_needle_character(pair_at(bit)))
}

/// The positions of the bits that are set, lowest first.
fn set_bits(mut mask: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let bit = (mask != 0).then(|| mask.trailing_zeros());
        mask &= mask.wrapping_sub(1);
        bit
    })
}

/// Whether `bytes` begin with `\u00XX` for a character of the needle.
fn escapes_needle_character(bytes: &[u8]) -> bool {
    let [b'\\', b'u', b'0', b'0', high, low, ..] = *bytes else { return false };
    // All characters of the needle begin with one of these digits.
    matches!(high, b'2' | b'6' | b'7')
        && char::from(low)
            .to_digit(16)
            .is_some_and(|low| NEEDLE_CHARACTERS >> (u32::from(high - b'0') << 4 | low) & 1 == 1)
}
