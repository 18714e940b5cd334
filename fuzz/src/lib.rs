//! What the targets share: choices and cuts read from the front of the fuzzer's bytes, and a second, naive reading of records.
//!
//! A seed that begins with zeros makes the plainest choices: no cuts but after every byte, no damage.

pub use testkit::oracle;

/// The fuzzer's bytes: choices first, the content behind them.
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    /// The next choice; 0 when there are no more bytes.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub fn word(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// The sizes of up to seven pieces, used again and again until the content ends; without any, every byte is a piece.
    pub fn cuts(&mut self) -> Cuts {
        let sizes: Vec<usize> = (0..self.byte() % 8)
            .map(|_| match self.byte() {
                small @ 0..=191 => usize::from(small),
                large => (usize::from(large) - 191) * 64,
            })
            .collect();
        Cuts(if sizes.iter().all(|size| *size == 0) { vec![1] } else { sizes })
    }

    /// All that is left.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// Where the content is cut.
#[derive(Clone, Debug)]
pub struct Cuts(Vec<usize>);

impl Cuts {
    /// Sizes of pieces without end; some are 0, never all.
    pub fn sizes(&self) -> impl Iterator<Item = usize> {
        self.0.iter().copied().cycle()
    }

    /// The content in pieces, empty ones among them.
    pub fn pieces<'c>(&self, content: &'c [u8]) -> impl Iterator<Item = &'c [u8]> {
        let mut rest = content;
        self.sizes().map_while(move |size| {
            let piece;
            (piece, rest) = rest.split_at_checked(size).unwrap_or((rest, &[]));
            (!piece.is_empty() || !rest.is_empty()).then_some(piece)
        })
    }
}
