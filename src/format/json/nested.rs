//! The end of an object or array, 64 bytes at a time: arithmetic on bit masks, the same for every back end.
//!
//! A back end ([`super::simd`]) says where quotes, backslashes and brackets stand; what they mean is settled here, in safe code: which
//! are escaped, which lie in strings, how deep the brackets nest. What one block leaves undecided is carried to the next, and the
//! same way from one piece of input to the next.

use super::needle;

/// Bytes looked at together: as many as a mask has bits.
pub(super) const BLOCK: usize = 64;

/// Where the bytes that matter stand in a block: bit `i` speaks of byte `i`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Masks {
    /// `"`
    pub(super) quote: u64,
    /// `\`
    pub(super) backslash: u64,
    /// `{` and `[`
    pub(super) open: u64,
    /// `}` and `]`
    pub(super) close: u64,
    /// `k`: with an `m` behind it, the name of KMS may begin there.
    pub(super) k: u64,
    /// `m`
    pub(super) m: u64,
    /// `u`: behind a backslash, a character is spelled by its number.
    pub(super) u: u64,
}

/// Added to a byte, makes one bracket of each kind: `[` becomes `{`, `]` becomes `}`, and nothing else becomes either.
pub(super) const BRACKET_BIT: u8 = b'{' ^ b'[';

/// Inside an object or array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Nested {
    /// Brackets that are open.
    depth: u64,
    /// All ones inside a string, zero outside.
    string: u64,
    /// 1 after a backslash that escapes the next byte, otherwise 0.
    escaped: u64,
    /// The name of KMS has been seen.
    pub(super) named: bool,
}

impl Nested {
    /// Before the opening bracket.
    pub(super) const fn new() -> Self {
        Self { depth: 0, string: 0, escaped: 0, named: false }
    }

    pub(super) fn is_in_string(self) -> bool {
        self.string != 0
    }

    /// Takes the next bytes; `Some(n)` when the value ends after `n` of them. To be compiled into each back end, with its instructions:
    /// one call for a whole record, and the masks never leave the registers.
    #[inline(always)]
    pub(super) fn scan(&mut self, bytes: &[u8], masks: impl Fn(&[u8; BLOCK]) -> Masks) -> Option<usize> {
        let mut walk = *self; // a copy, to live in registers
        let mut pairs = Pairs::default();
        let mut at = 0;
        let (blocks, tail) = bytes.as_chunks::<BLOCK>();
        for block in blocks {
            let found = masks(block);
            let end = walk.block(&found, block);
            walk.look_for_name(pairs.take(&found), end, (bytes, at));
            if let Some(end) = end {
                *self = walk;
                return Some(at + end);
            }
            at += BLOCK;
        }
        let mut end = None;
        if !tail.is_empty() {
            let mut block = [0; BLOCK]; // zeros mean nothing
            block[..tail.len()].copy_from_slice(tail);
            let found = masks(&block);
            end = walk.block(&found, tail);
            walk.look_for_name(pairs.take(&found), end, (bytes, at));
        }
        *self = walk;
        end.map(|end| at + end)
    }

    /// Takes one block, of which `bytes` are input and the rest zeros.
    #[inline(always)]
    fn block(&mut self, masks: &Masks, bytes: &[u8]) -> Option<usize> {
        let (mut quote, mut escaped) = (masks.quote, 0);
        if masks.backslash | self.escaped != 0 {
            let escape;
            (quote, escape) = unescaped(quote, masks.backslash, self.escaped);
            escaped = escape >> (bytes.len() - 1) & 1;
        }
        let string = prefix_xor(quote) ^ self.string;
        if masks.backslash & !string != 0 {
            // Outside strings a backslash escapes nothing. Up to the first such one all masks are right, so that it is never missed.
            return self.step_by_bytes(bytes);
        }
        self.escaped = escaped;
        self.string = 0u64.wrapping_sub(string >> (BLOCK - 1));
        let (open, close) = (masks.open & !string, masks.close & !string);
        let closes = u64::from(close.count_ones());
        if closes >= self.depth {
            let mut left = close;
            let mut closed = 0;
            while left != 0 {
                let bit = left & left.wrapping_neg();
                closed += 1;
                let opened = u64::from((open & (bit - 1)).count_ones());
                if self.depth + opened == closed {
                    return Some(bit.trailing_zeros() as usize + 1);
                }
                left ^= bit;
            }
        }
        self.depth = self.depth + u64::from(open.count_ones()) - closes;
        None
    }

    /// One byte at a time: for damaged content only.
    #[cold]
    #[inline(never)]
    fn step_by_bytes(&mut self, bytes: &[u8]) -> Option<usize> {
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
                    self.depth -= 1; // at least 1: the value began with a bracket and ends when they are even
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Notes whether what `seconds` point to, in the block at `at` and before the value's end, can name KMS.
    #[inline(always)]
    fn look_for_name(&mut self, seconds: Seconds, end: Option<usize>, (bytes, at): (&[u8], usize)) {
        let inside = end.map_or(!0, |end| !0 >> (BLOCK - end));
        let seconds = Seconds { name: seconds.name & inside, escape: seconds.escape & inside };
        if seconds.name | seconds.escape != 0 && !self.named {
            let value = &bytes[..end.map_or(bytes.len(), |end| at + end)];
            self.named = needle::any(value, at, seconds);
        }
    }
}

/// Where a second character stands behind its first: the `m` of `km`, the `u` of `\u`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seconds {
    pub(super) name: u64,
    pub(super) escape: u64,
}

/// What finds [`Seconds`] whose first character is the last of the block before.
#[derive(Debug, Default)]
struct Pairs {
    k: u64,
    backslash: u64,
}

impl Pairs {
    #[inline(always)]
    fn take(&mut self, masks: &Masks) -> Seconds {
        let seconds = Seconds {
            name: masks.m & (masks.k << 1 | self.k),
            escape: masks.u & (masks.backslash << 1 | self.backslash),
        };
        *self = Self { k: masks.k >> (BLOCK - 1), backslash: masks.backslash >> (BLOCK - 1) };
        seconds
    }
}

/// Of `quote`, those that are not escaped; and the backslashes that escape something. `carry`: the first byte is escaped.
///
/// In a run of backslashes every other one escapes its neighbour, beginning with the first. Subtracting each run from its own bits moved
/// up by one, with all odd bits set, leaves a pattern that changes exactly where the run's parity does (the trick is simdjson's).
#[inline(always)]
fn unescaped(quote: u64, backslash: u64, carry: u64) -> (u64, u64) {
    const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;
    let may_escape = backslash & !carry;
    let codes = (may_escape << 1 | ODD).wrapping_sub(may_escape) ^ ODD;
    let escaped = codes ^ (backslash | carry);
    (quote & !escaped, codes & backslash)
}

/// Bit `i` tells whether an odd number of bits up to and including `i` is set: from an opening quote to before the closing one.
#[inline(always)]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}
