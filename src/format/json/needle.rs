//! Whether a value can name KMS: the question `parse` asks of every record, answered on the way.
//!
//! The scanner sees every byte anyway; where it meets `km` or `\u`, it asks here.

use super::nested::Seconds;

/// The name in question; `parse` has it as `KMS`, and a test holds the two answers together.
const NAME: &[u8; 17] = b"kms.amazonaws.com";

/// Bit `b` of the two: whether the character `b` occurs in the name.
const LETTERS: u128 = {
    let mut letters = 0;
    let mut n = 0;
    while n < NAME.len() {
        letters |= 1 << NAME[n];
        n += 1;
    }
    letters
};

/// Whether the name stands at one of these places of the block at `at`, or an escape that could spell one of its characters. `bytes` end with
/// the value.
#[inline(never)]
pub(super) fn any(bytes: &[u8], at: usize, seconds: Seconds) -> bool {
    let from = |bit: u32| &bytes[at + bit as usize - 1..];
    bits(seconds.name).any(|bit| from(bit).starts_with(NAME))
        || bits(seconds.escape).any(|bit| spells_a_letter(from(bit)))
}

/// The set bits, from the lowest on.
fn bits(mut mask: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let bit = (mask != 0).then(|| mask.trailing_zeros());
        mask &= mask.wrapping_sub(1);
        bit
    })
}

/// Whether the escape at the start of `bytes` is `\u00XX` for a character of the name.
fn spells_a_letter(bytes: &[u8]) -> bool {
    let [b'\\', b'u', b'0', b'0', high, low, ..] = *bytes else { return false };
    // Of the sixteen first digits only three lead to a letter of the name.
    matches!(high, b'2' | b'6' | b'7')
        && char::from(low)
            .to_digit(16)
            .is_some_and(|low| LETTERS >> (u32::from(high - b'0') << 4 | low) & 1 == 1)
}
