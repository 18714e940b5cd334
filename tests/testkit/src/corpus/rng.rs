//! A small deterministic random number generator (splitmix64). A crate would be free to change its
//! stream in a new version, and then every archive, and every truth that tests hold, would change
//! with it.

/// Random numbers that depend on the parts of the seed and on nothing else.
#[derive(Clone, Debug)]
pub struct Rng(u64);

const ALNUM: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

impl Rng {
    /// Mixes the parts one after another, so that (1, 2) and (2, 1) give unrelated streams.
    pub fn new(parts: &[u64]) -> Self {
        let mut rng = Rng(0x6b65_7974_7261_696c);
        for part in parts {
            rng.0 ^= part.wrapping_mul(0xff51_afd7_ed55_8ccd);
            rng.0 = rng.bits();
        }
        rng
    }

    /// A stream of its own for a name, for things that must be the same wherever they are mentioned
    /// (key ids).
    pub fn named(name: &str) -> Self {
        // FNV-1a
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |h: u64, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        Rng::new(&[hash])
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to `n` - 1; the bias of the multiply-and-shift method does not matter for n this small.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }

    /// `low` to `high`, both included.
    pub fn range(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as u64) as i64
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        ((self.bits() >> 11) as f64) < probability * (1u64 << 53) as f64
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// The index of one of the weights.
    pub fn weighted(&mut self, weights: &[u32]) -> usize {
        let mut left = self.below(weights.iter().map(|w| u64::from(*w)).sum());
        for (index, weight) in weights.iter().enumerate() {
            match left.checked_sub(u64::from(*weight)) {
                Some(rest) => left = rest,
                None => return index,
            }
        }
        weights.len() - 1
    }

    fn letters(&mut self, n: usize, alphabet: &[u8]) -> String {
        (0..n).map(|_| alphabet[self.below(alphabet.len() as u64) as usize] as char).collect()
    }

    pub fn hex(&mut self, n: usize) -> String {
        let mut text = String::with_capacity(n);
        while text.len() < n {
            let bits = self.bits();
            let digits = (0..16.min(n - text.len()))
                .map(|digit| b"0123456789abcdef"[(bits >> (60 - 4 * digit)) as usize & 15] as char);
            text.extend(digits);
        }
        text
    }

    pub fn alnum(&mut self, n: usize) -> String {
        self.letters(n, ALNUM)
    }

    /// Upper-case letters and digits, as in access key and principal ids.
    pub fn upper(&mut self, n: usize) -> String {
        self.letters(n, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    }

    pub fn uuid(&mut self) -> String {
        let h = self.hex(31);
        format!("{}-{}-4{}-a{}-{}", &h[..8], &h[8..12], &h[12..15], &h[15..18], &h[18..30])
    }
}
