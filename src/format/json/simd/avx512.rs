//! AVX-512: a block is one vector of 64 bytes, and comparisons return masks.

use std::arch::x86_64::{
    __m512i, _MM_HINT_T0, _mm_prefetch, _mm512_cmpeq_epi8_mask, _mm512_loadu_si512, _mm512_or_si512,
    _mm512_set1_epi8,
};

use crate::format::json::block::{BLOCK, BRACKET_BIT, BlockMasks, PREFETCH_DISTANCE};
use crate::format::json::nested::NestedScanner;

pub(super) fn is_supported() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("popcnt")
}

#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,popcnt")]
pub(super) fn scan(nested: &mut NestedScanner, bytes: &[u8]) -> Option<usize> {
    nested.scan(bytes, |block| masks(block))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,popcnt")]
fn masks(block: &[u8; BLOCK]) -> BlockMasks {
    // A hint only: a prefetch accesses no memory and accepts any address.
    _mm_prefetch::<_MM_HINT_T0>(block.as_ptr().wrapping_add(PREFETCH_DISTANCE).cast());
    // SAFETY: a block is 64 readable bytes, and this load requires no alignment.
    let bytes = unsafe { _mm512_loadu_si512(block.as_ptr().cast::<__m512i>()) };
    let brackets = _mm512_or_si512(bytes, _mm512_set1_epi8(BRACKET_BIT.cast_signed()));
    BlockMasks {
        quote: equal(bytes, b'"'),
        backslash: equal(bytes, b'\\'),
        open: equal(brackets, b'{'),
        close: equal(brackets, b'}'),
        k: equal(brackets, b'k'),
        m: equal(brackets, b'm'),
        u: equal(bytes, b'u'),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,popcnt")]
fn equal(bytes: __m512i, byte: u8) -> u64 {
    _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte.cast_signed()))
}
