//! AVX2: a block is two vectors of 32 bytes.

use std::arch::x86_64::{
    __m256i, _MM_HINT_T0, _mm_prefetch, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8,
    _mm256_or_si256, _mm256_set1_epi8,
};

use crate::format::json::block::{BLOCK, BRACKET_BIT, BlockMasks, PREFETCH_DISTANCE};
use crate::format::json::nested::NestedScanner;

pub(super) fn is_supported() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("popcnt")
}

#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
pub(super) fn scan(nested: &mut NestedScanner, bytes: &[u8]) -> Option<usize> {
    nested.scan(bytes, |block| masks(block))
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn masks(block: &[u8; BLOCK]) -> BlockMasks {
    // A hint only: a prefetch accesses no memory and accepts any address.
    _mm_prefetch::<_MM_HINT_T0>(block.as_ptr().wrapping_add(PREFETCH_DISTANCE).cast());
    let (halves, _) = block.as_chunks::<32>();
    let (low, high) = (load(&halves[0]), load(&halves[1]));
    let bit = _mm256_set1_epi8(BRACKET_BIT.cast_signed());
    let (low_brackets, high_brackets) = (_mm256_or_si256(low, bit), _mm256_or_si256(high, bit));
    BlockMasks {
        quote: equal(low, high, b'"'),
        backslash: equal(low, high, b'\\'),
        open: equal(low_brackets, high_brackets, b'{'),
        close: equal(low_brackets, high_brackets, b'}'),
        k: equal(low_brackets, high_brackets, b'k'),
        m: equal(low_brackets, high_brackets, b'm'),
        u: equal(low, high, b'u'),
    }
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn load(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: `bytes` are 32 readable bytes, and this load requires no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast::<__m256i>()) }
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn equal(low: __m256i, high: __m256i, byte: u8) -> u64 {
    let pattern = _mm256_set1_epi8(byte.cast_signed());
    let half = |bytes| {
        let equal = _mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, pattern));
        u64::from(equal.cast_unsigned())
    };
    half(low) | half(high) << 32
}
