//! Bit masks of a block of 64 bytes: the interface between the back ends and the safe code.

/// Number of bytes in a block, and of bits in a mask.
pub(super) const BLOCK: usize = 64;

/// The positions of the bytes that matter in a block: bit `i` stands for byte `i`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockMasks {
    /// `"`
    pub(super) quote: u64,
    /// `\`
    pub(super) backslash: u64,
    /// `{` and `[`
    pub(super) open: u64,
    /// `}` and `]`
    pub(super) close: u64,
    /// `k` and `K`; followed by `m`, the needle may begin here.
    pub(super) k: u64,
    /// `m` and `M`
    pub(super) m: u64,
    /// `u`; after a backslash, it escapes a character by its code.
    pub(super) u: u64,
}

/// The bit that distinguishes `{` from `[` and `}` from `]`. Setting it in every byte turns `[`
/// into `{` and `]` into `}`, and no other byte into either. It is also the bit that distinguishes
/// small letters from capitals.
pub(super) const BRACKET_BIT: u8 = b'{' ^ b'[';

/// How far ahead to prefetch, in bytes. The decoder has just written the content, so it is in a
/// more distant cache.
#[cfg(target_arch = "x86_64")]
pub(super) const PREFETCH_DISTANCE: usize = 1024;
