//! How far a run has come, for whoever wants to show it while it runs.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Counters that only grow; read them from another thread.
#[derive(Debug, Default)]
pub struct Progress {
    compressed_bytes: AtomicU64,
    archives: AtomicU64,
    selected: AtomicU64,
    scanning: AtomicBool,
}

impl Progress {
    /// Stored bytes read.
    pub fn compressed_bytes(&self) -> u64 {
        self.compressed_bytes.load(Ordering::Relaxed)
    }

    /// Inputs merged.
    pub fn archives(&self) -> u64 {
        self.archives.load(Ordering::Relaxed)
    }

    /// Events selected.
    pub fn selected(&self) -> u64 {
        self.selected.load(Ordering::Relaxed)
    }

    /// Whether inputs are being read, before any event is resolved.
    pub fn is_scanning(&self) -> bool {
        self.scanning.load(Ordering::Relaxed)
    }

    pub(super) fn set_scanning(&self, scanning: bool) {
        self.scanning.store(scanning, Ordering::Relaxed);
    }

    pub(super) fn add_bytes(&self, n: u64) {
        self.compressed_bytes.fetch_add(n, Ordering::Relaxed);
    }

    pub(super) fn add_archive(&self) {
        self.archives.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add_selected(&self) {
        self.selected.fetch_add(1, Ordering::Relaxed);
    }
}
