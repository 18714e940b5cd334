//! How much may be decoded out of one listed input.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Content bytes that each stored byte of the listed input allows, beside the limit of one archive.
/// Logs are some 15 times smaller when compressed; nothing sound needs more.
pub const PER_STORED_BYTE: u64 = 64;

/// Bytes that may still be decoded out of one input, at all levels together: members of containers,
/// layers of compression, texts that hold something compressed. Without it, levels multiply: 67 KB
/// can hold 640 GiB.
///
/// Clones share what is left.
#[derive(Debug, Clone)]
pub struct Budget {
    left: Arc<AtomicU64>,
}

impl Default for Budget {
    /// No limit.
    fn default() -> Self {
        Self::new(u64::MAX)
    }
}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(bytes: u64) -> Self {
        Self { left: Arc::new(AtomicU64::new(bytes)) }
    }

    /// The budget of a listed input of `stored` bytes, whose archives have `limit` bytes each.
    /// Unknown sizes, as of standard input, count as 64 times the limit.
    pub fn of_input(stored: Option<u64>, limit: u64) -> Self {
        let by_size = stored.unwrap_or(limit).saturating_mul(PER_STORED_BYTE);
        Self::new(limit.saturating_add(by_size))
    }

    /// Bytes that are left.
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// Takes `bytes` out of the budget; false, and nothing is left, if there are fewer.
    pub fn take(&self, bytes: u64) -> bool {
        let enough = |left: u64| left.checked_sub(bytes);
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enough).is_ok();
        if !taken {
            self.left.store(0, Ordering::Relaxed);
        }
        taken
    }
}
