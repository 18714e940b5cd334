//! Finds the end of the part of a string that needs no decoding.

use wide::u8x16;

/// Bytes compared at once: the size of a vector register on every x86-64 and on ARM with NEON.
const BLOCK: usize = 16;

/// Position of the first quote, backslash or control character at or after `from`.
#[inline]
pub(super) fn plain_end(bytes: &[u8], from: usize) -> Option<usize> {
    let (blocks, rest) = bytes.get(from..)?.as_chunks::<BLOCK>();
    let mut at = from;
    for block in blocks {
        let block = u8x16::new(*block);
        let equals = |byte: u8| block.simd_eq(u8x16::splat(byte));
        let is_control = block.min(u8x16::splat(b' ' - 1)).simd_eq(block);
        let ends = (equals(b'"') | equals(b'\\') | is_control).to_bitmask();
        if ends != 0 {
            return Some(at + ends.trailing_zeros() as usize);
        }
        at += BLOCK;
    }
    let ends_plain = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..b' ');
    rest.iter().position(ends_plain).map(|n| at + n)
}
