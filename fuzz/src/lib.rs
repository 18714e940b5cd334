//! Shared by the targets: choices and cuts, read from the first bytes of an input, and a second,
//! naive parser of records.
//!
//! A seed that begins with zeros makes the default choices: pieces of one byte, no damage.

pub use testkit::oracle;

/// The bytes of an input: choices first, then the content.
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

    /// The sizes of up to seven pieces, repeated until the content ends. Without any, each byte is
    /// a piece.
    pub fn cuts(&mut self) -> Cuts {
        let sizes: Vec<usize> = (0..self.byte() % 8)
            .map(|_| match self.byte() {
                small @ 0..=191 => usize::from(small),
                large => (usize::from(large) - 191) * 64,
            })
            .collect();
        Cuts(if sizes.iter().all(|size| *size == 0) { vec![1] } else { sizes })
    }

    /// The rest of the bytes.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// The sizes of the pieces that content is cut into.
#[derive(Clone, Debug)]
pub struct Cuts(Vec<usize>);

impl Cuts {
    /// An endless sequence of sizes; some may be 0, but not all.
    pub fn sizes(&self) -> impl Iterator<Item = usize> {
        self.0.iter().copied().cycle()
    }

    /// The content in pieces, some of them empty.
    pub fn pieces<'c>(&self, content: &'c [u8]) -> impl Iterator<Item = &'c [u8]> {
        let mut rest = content;
        self.sizes().map_while(move |size| {
            let piece;
            (piece, rest) = rest.split_at_checked(size).unwrap_or((rest, &[]));
            (!piece.is_empty() || !rest.is_empty()).then_some(piece)
        })
    }
}
