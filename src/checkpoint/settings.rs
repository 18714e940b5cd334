//! The options that facts depend on.

use serde::{Deserialize, Serialize};

/// The options that facts depend on, beside their archives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `--max-archive-bytes`.
    pub max_archive_bytes: u64,
    /// `--max-record-bytes`.
    pub max_record_bytes: u64,
    /// `--hash`.
    pub hash: bool,
}

/// What to do with the facts of earlier runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earlier {
    /// Use them.
    Continue,
    /// Read all archives again. What is there is not looked at, and removed once the new report is
    /// in place.
    Rebuild,
}
