//! AVX2: two vectors of 32 bytes.

use std::arch::x86_64::{
    __m256i, _MM_HINT_T0, _mm_prefetch, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8,
    _mm256_or_si256, _mm256_set1_epi8,
};

use super::AHEAD;
use crate::format::json::nested::{BLOCK, BRACKET_BIT, Masks, Nested};

pub(super) fn is_supported() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("popcnt")
}

#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
pub(super) fn scan(nested: &mut Nested, bytes: &[u8]) -> Option<usize> {
    nested.scan(bytes, |block| masks(block))
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn masks(block: &[u8; BLOCK]) -> Masks {
    // Only a hint: it reads nothing, and any address will do.
    _mm_prefetch::<_MM_HINT_T0>(block.as_ptr().wrapping_add(AHEAD).cast());
    let (halves, _) = block.as_chunks::<32>();
    let (low, high) = (load(&halves[0]), load(&halves[1]));
    let bit = _mm256_set1_epi8(BRACKET_BIT.cast_signed());
    let (low_brackets, high_brackets) = (_mm256_or_si256(low, bit), _mm256_or_si256(high, bit));
    Masks {
        quote: equal(low, high, b'"'),
        backslash: equal(low, high, b'\\'),
        open: equal(low_brackets, high_brackets, b'{'),
        close: equal(low_brackets, high_brackets, b'}'),
        k: equal(low, high, b'k'),
        m: equal(low, high, b'm'),
        u: equal(low, high, b'u'),
    }
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn load(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: 32 readable bytes, and this load asks for no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast::<__m256i>()) }
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn equal(low: __m256i, high: __m256i, byte: u8) -> u64 {
    let wanted = _mm256_set1_epi8(byte.cast_signed());
    let half = |bytes| {
        let found = _mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, wanted));
        u64::from(found.cast_unsigned())
    };
    half(low) | half(high) << 32
}
