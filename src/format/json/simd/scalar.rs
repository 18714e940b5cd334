//! No instructions but the ordinary ones: for every processor, and as the measure of the other back ends.

use crate::format::json::nested::{BLOCK, BRACKET_BIT, Masks, Nested};

pub(super) fn scan(nested: &mut Nested, bytes: &[u8]) -> Option<usize> {
    nested.scan(bytes, masks)
}

#[inline(always)]
fn masks(block: &[u8; BLOCK]) -> Masks {
    let mut brackets = *block;
    for byte in &mut brackets {
        *byte |= BRACKET_BIT;
    }
    Masks {
        quote: equal(block, b'"'),
        backslash: equal(block, b'\\'),
        open: equal(&brackets, b'{'),
        close: equal(&brackets, b'}'),
        k: equal(block, b'k'),
        m: equal(block, b'm'),
        u: equal(block, b'u'),
    }
}

/// Compares all bytes first, which compilers do many at a time (in a plain loop; of `map` on an array they sometimes make calls), then gathers
/// eight results by one multiplication.
#[inline(always)]
fn equal(block: &[u8; BLOCK], byte: u8) -> u64 {
    // Moves the lowest bit of byte `i` to bit `56 + i`; no two meet in one place below that.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let mut found = [0; BLOCK];
    for (found, b) in found.iter_mut().zip(block) {
        *found = u8::from(*b == byte);
    }
    let (eights, _) = found.as_chunks::<8>();
    let mut mask = 0;
    for (n, eight) in eights.iter().enumerate() {
        mask |= u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56 << (8 * n);
    }
    mask
}
