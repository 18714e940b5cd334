//! The key that Canvas settings name for a folder in S3.

use super::provenance::Provenance;

/// A key that the settings of a domain or user profile name for what Canvas stores in S3.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct CanvasKey {
    /// The record with the settings.
    pub by: Provenance,
    /// The bucket.
    pub bucket: String,
    /// The path below which Canvas makes its own folder; no slashes at its ends; empty: the bucket.
    pub path: String,
    /// The key, as the settings name it: ARN, id or alias.
    pub key: String,
}
