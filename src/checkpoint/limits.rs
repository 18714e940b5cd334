//! When segments are committed and compacted.

use std::time::Duration;

/// When segments are committed and compacted. Reports do not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommitLimits {
    /// Bytes after which a segment is committed, and the next one begun.
    pub bytes: u64,
    /// The time after which it is committed, whatever its size: a killed run loses no more of each
    /// thread's work.
    pub age: Duration,
    /// Segments that may have archives between each other's, and runs that may have segments. If
    /// there are more at the start of a run, some are merged: each overlapping segment takes memory
    /// when it is read, and each segment takes time to open.
    pub unmerged: usize,
}

impl Default for CommitLimits {
    fn default() -> Self {
        Self { bytes: 64 << 20, age: Duration::from_secs(30), unmerged: 32 }
    }
}
