//! Finding the end of a string's plain text.

/// Bytes looked at together: what an SSE2 register holds. Compilers turn the loop over a block into three comparisons.
const BLOCK: usize = 16;

/// Where the first quote, backslash or control character stands, from `at` on.
#[inline]
pub(super) fn plain_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
        let ends = block.map(|byte| if ends_plain(byte) { u8::MAX } else { 0 });
        let ends = u128::from_le_bytes(ends);
        if ends != 0 {
            return Some(at + ends.trailing_zeros() as usize / 8);
        }
        at += BLOCK;
    }
    bytes.get(at..)?.iter().position(|byte| ends_plain(*byte)).map(|n| at + n)
}

/// Without short-circuits, which would keep a block from being compared at once.
#[inline]
fn ends_plain(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < b' ')
}
