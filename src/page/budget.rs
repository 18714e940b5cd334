//! How much room there is in the page.

/// Room in the page, in bytes. Each part takes what it needs, and is cut where there is no more.
pub(super) struct Budget {
    left: usize,
    part: usize,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self { left: bytes, part: bytes }
    }

    /// Begins a part that may take so many bytes.
    pub(super) fn part(&mut self, bytes: usize) -> &mut Self {
        self.part = bytes.min(self.left);
        self
    }

    /// Whether there was room for so many bytes. If not, the part is at its end.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        if bytes > self.part {
            self.part = 0;
            return false;
        }
        self.part -= bytes;
        self.left -= bytes;
        true
    }
}
