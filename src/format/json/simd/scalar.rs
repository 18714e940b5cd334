//! Portable code without vector instructions: for every processor, and the reference for the other
//! back ends.

use crate::format::json::block::{BLOCK, BRACKET_BIT, BlockMasks};
use crate::format::json::nested::NestedScanner;

pub(super) fn scan(nested: &mut NestedScanner, bytes: &[u8]) -> Option<usize> {
    nested.scan(bytes, masks)
}

#[inline(always)]
fn masks(block: &[u8; BLOCK]) -> BlockMasks {
    let mut brackets = *block;
    for byte in &mut brackets {
        *byte |= BRACKET_BIT;
    }
    BlockMasks {
        quote: equal(block, b'"'),
        backslash: equal(block, b'\\'),
        open: equal(&brackets, b'{'),
        close: equal(&brackets, b'}'),
        k: equal(&brackets, b'k'),
        m: equal(&brackets, b'm'),
        u: equal(block, b'u'),
    }
}

/// Compares all bytes first, then combines eight results with one multiplication. Compilers
/// vectorize the comparison in a plain loop; for `map` on an array they sometimes emit calls.
#[inline(always)]
fn equal(block: &[u8; BLOCK], byte: u8) -> u64 {
    // Moves the lowest bit of byte `i` to bit `56 + i`. Below bit 56, no two products overlap, so
    // nothing carries over.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let mut results = [0; BLOCK];
    for (result, b) in results.iter_mut().zip(block) {
        *result = u8::from(*b == byte);
    }
    let (eights, _) = results.as_chunks::<8>();
    let mut mask = 0;
    for (n, eight) in eights.iter().enumerate() {
        mask |= u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56 << (8 * n);
    }
    mask
}
