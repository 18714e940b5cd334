//! How one limit of memory is shared out.

/// How much memory a run may use for what it can also spill to disk or do later, in bytes. What is
/// held beyond a share waits, or goes to a temporary file: results are the same with any budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryBudget {
    bytes: u64,
}

impl Default for MemoryBudget {
    /// 512 MiB.
    fn default() -> Self {
        Self::new(512 << 20)
    }
}

impl MemoryBudget {
    /// The least that a run needs: 64 MiB.
    pub const LEAST: u64 = 64 << 20;

    /// A budget of so many bytes, at least [`LEAST`](Self::LEAST).
    pub fn new(bytes: u64) -> Self {
        Self { bytes: bytes.max(Self::LEAST) }
    }

    /// Facts between scan and resolve: an eighth. Others go to a temporary file.
    pub fn facts(self) -> usize {
        self.share(8)
    }

    /// Results that wait for their turn: a sixteenth. Beyond it, no thread starts another input.
    pub fn results(self) -> usize {
        self.share(16)
    }

    /// Objects of S3 that are being fetched or wait to be read: an eighth. A single larger object
    /// is fetched all the same.
    pub fn objects(self) -> u64 {
        self.bytes / 8
    }

    /// Tables that grow with what is found, and cannot be spilled: all of it. With more, the run
    /// ends.
    pub fn tables(self) -> u64 {
        self.bytes
    }

    fn share(self, part: u64) -> usize {
        usize::try_from(self.bytes / part).unwrap_or(usize::MAX)
    }
}
