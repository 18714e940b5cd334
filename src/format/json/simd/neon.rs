//! NEON: a block is four vectors of 16 bytes. Every 64-bit ARM processor has NEON, so no detection
//! is needed.
//!
//! The project's tests have not run on such a machine: run `cargo test json::` there before relying
//! on this back end.

use std::arch::aarch64::{
    uint8x16_t, vandq_u8, vceqq_u8, vdupq_n_u8, vgetq_lane_u64, vld1q_u8, vorrq_u8, vpaddq_u8,
    vreinterpretq_u64_u8,
};

use crate::format::json::block::{BLOCK, BRACKET_BIT, BlockMasks};
use crate::format::json::nested::NestedScanner;

#[target_feature(enable = "neon")]
pub(super) fn scan(nested: &mut NestedScanner, bytes: &[u8]) -> Option<usize> {
    nested.scan(bytes, |block| masks(block))
}

#[inline]
#[target_feature(enable = "neon")]
fn masks(block: &[u8; BLOCK]) -> BlockMasks {
    let (quarters, _) = block.as_chunks::<16>();
    let bytes = [load(&quarters[0]), load(&quarters[1]), load(&quarters[2]), load(&quarters[3])];
    let bit = vdupq_n_u8(BRACKET_BIT);
    let brackets = bytes.map(|quarter| vorrq_u8(quarter, bit));
    BlockMasks {
        quote: equal(&bytes, b'"'),
        backslash: equal(&bytes, b'\\'),
        open: equal(&brackets, b'{'),
        close: equal(&brackets, b'}'),
        k: equal(&brackets, b'k'),
        m: equal(&brackets, b'm'),
        u: equal(&bytes, b'u'),
    }
}

#[inline]
#[target_feature(enable = "neon")]
fn load(bytes: &[u8; 16]) -> uint8x16_t {
    // SAFETY: `bytes` are 16 readable bytes, and this load requires no alignment.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}

/// A comparison returns 0 or 255 for each byte. Of each byte, only the bit of its position among
/// eight is kept. Three pairwise additions then combine eight bytes into one.
#[inline]
#[target_feature(enable = "neon")]
fn equal(bytes: &[uint8x16_t; 4], byte: u8) -> u64 {
    let positions = load(&[1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128]);
    let pattern = vdupq_n_u8(byte);
    let [a, b, c, d] = bytes.map(|quarter| vandq_u8(vceqq_u8(quarter, pattern), positions));
    let halves = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
    vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(halves, halves)))
}
