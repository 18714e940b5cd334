//! The content of an input, as far as digests can judge it.

use serde::{Deserialize, Serialize};

use super::sha256::Sha256;

/// The content of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InputContent {
    /// Its SHA-256; `None`: it is not known.
    pub sha256: Option<Sha256>,
    /// Not all of it can be read.
    pub is_damaged: bool,
    /// Something follows its first gzip member.
    pub has_more_members: bool,
}
