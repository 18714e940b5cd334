//! Counts of the stored bytes, seen from a layer inside.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How far the decoder of the stored bytes has come.
#[derive(Debug, Clone, Default)]
pub(super) struct OuterProgress(Arc<[AtomicU64; 2]>);

impl OuterProgress {
    /// Stored bytes read.
    pub(super) fn stored_bytes(&self) -> u64 {
        self.0[0].load(Ordering::Relaxed)
    }

    /// gzip members met.
    pub(super) fn gzip_members(&self) -> u64 {
        self.0[1].load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, stored_bytes: u64, gzip_members: u64) {
        self.0[0].store(stored_bytes, Ordering::Relaxed);
        self.0[1].store(gzip_members, Ordering::Relaxed);
    }
}
