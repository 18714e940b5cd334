//! Finds the end of an object or array, 64 bytes at a time, with bit masks. The code is the same
//! for every back end.
//!
//! A back end ([`super::simd`]) reports the positions of quotes, backslashes and brackets. This
//! module decides in safe code what they mean: which are escaped, which are inside strings, and how
//! deep the brackets nest. State is carried from block to block, and from one piece of input to the
//! next.

use super::block::{BLOCK, BlockMasks};
use super::needle::{self, Candidates, PairFinder};

/// The state inside an object or array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NestedScanner {
    /// Number of open brackets.
    depth: u64,
    /// All ones inside a string, zero outside.
    string: u64,
    /// 1 if the next byte is escaped by a backslash, otherwise 0.
    escaped: u64,
    /// What was found of the needle.
    names_kms: bool,
}

impl NestedScanner {
    /// The state before the opening bracket.
    pub(super) const fn new() -> Self {
        Self { depth: 0, string: 0, escaped: 0, names_kms: false }
    }

    pub(super) fn is_in_string(self) -> bool {
        self.string != 0
    }

    pub(super) fn names_kms(self) -> bool {
        self.names_kms
    }

    /// Scans the next bytes; `Some(n)` if the value ends after `n` of them.
    ///
    /// Each back end inlines this function and compiles it for its own instructions. So there is
    /// one call for a whole record, and the masks stay in registers.
    #[inline(always)]
    pub(super) fn scan(&mut self, bytes: &[u8], masks: impl Fn(&[u8; BLOCK]) -> BlockMasks) -> Option<usize> {
        let mut state = *self; // a copy that can stay in registers
        let mut pairs = PairFinder::default();
        let mut at = 0;
        let (blocks, tail) = bytes.as_chunks::<BLOCK>();
        for block in blocks {
            let masks = masks(block);
            let end = state.scan_block(&masks, block);
            state.look_for_needle(pairs.next(&masks), end, bytes, at);
            if let Some(end) = end {
                *self = state;
                return Some(at + end);
            }
            at += BLOCK;
        }
        let mut end = None;
        if !tail.is_empty() {
            let mut block = [0; BLOCK]; // zeros have no meaning in JSON
            block[..tail.len()].copy_from_slice(tail);
            let masks = masks(&block);
            end = state.scan_block(&masks, tail);
            state.look_for_needle(pairs.next(&masks), end, bytes, at);
        }
        *self = state;
        end.map(|end| at + end)
    }

    /// Scans one block. `bytes` are its input; the rest of the block is zeros.
    #[inline(always)]
    fn scan_block(&mut self, masks: &BlockMasks, bytes: &[u8]) -> Option<usize> {
        let (mut quote, mut escaped) = (masks.quote, 0);
        if masks.backslash | self.escaped != 0 {
            let escape = find_escapes(masks.backslash, self.escaped);
            quote &= !escape.escaped;
            escaped = escape.escaping >> (bytes.len() - 1) & 1;
        }
        let string = prefix_xor(quote) ^ self.string;
        if masks.backslash & !string != 0 {
            // Outside strings, a backslash escapes nothing. All masks are right up to the first
            // such backslash, so this test never misses it.
            return self.scan_bytes(bytes);
        }
        self.escaped = escaped;
        self.string = 0u64.wrapping_sub(string >> (BLOCK - 1));
        let (open, close) = (masks.open & !string, masks.close & !string);
        let close_count = u64::from(close.count_ones());
        if close_count >= self.depth {
            // The value may end in this block: check each closing bracket.
            let mut remaining = close;
            let mut closed = 0;
            while remaining != 0 {
                let bit = remaining & remaining.wrapping_neg();
                closed += 1;
                let opened = u64::from((open & (bit - 1)).count_ones());
                if self.depth + opened == closed {
                    return Some(bit.trailing_zeros() as usize + 1);
                }
                remaining ^= bit;
            }
        }
        self.depth = self.depth + u64::from(open.count_ones()) - close_count;
        None
    }

    /// Scans byte by byte. Only damaged content needs this.
    #[cold]
    #[inline(never)]
    fn scan_bytes(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            if self.string != 0 {
                match byte {
                    _ if self.escaped != 0 => self.escaped = 0,
                    b'\\' => self.escaped = 1,
                    b'"' => self.string = 0,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.string = !0,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    // The depth is at least 1: the value begins with a bracket and ends at depth 0.
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Checks the candidates of the block at `block_start` that are before the end of the value.
    #[inline(always)]
    fn look_for_needle(
        &mut self,
        candidates: Candidates,
        end: Option<usize>,
        bytes: &[u8],
        block_start: usize,
    ) {
        let candidates = candidates.truncate(end.unwrap_or(BLOCK));
        if !candidates.is_empty() && !self.names_kms {
            let value = &bytes[..end.map_or(bytes.len(), |end| block_start + end)];
            self.names_kms = needle::names_kms(value, block_start, candidates);
        }
    }
}

/// The result of [`find_escapes`].
struct Escapes {
    /// Bytes that are escaped.
    escaped: u64,
    /// Backslashes that escape the next byte.
    escaping: u64,
}

/// Resolves runs of backslashes. `carry` is 1 if the first byte of the block is escaped.
///
/// In a run of backslashes, every other one escapes the next byte, beginning with the first. Shift
/// the backslashes up by one, set all odd bits, and subtract the backslashes: in the result, the
/// parity of each run shows at its end. (The trick is from simdjson.)
#[inline(always)]
fn find_escapes(backslash: u64, carry: u64) -> Escapes {
    const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;
    let may_escape = backslash & !carry;
    let codes = (may_escape << 1 | ODD).wrapping_sub(may_escape) ^ ODD;
    Escapes { escaped: codes ^ (backslash | carry), escaping: codes & backslash }
}

/// Bit `i` is set if an odd number of bits up to and including `i` is set: from each opening quote
/// to just before its closing quote.
#[inline(always)]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}
