//! How inputs are judged by the digests among them.

use crate::integrity::{PublicKeys, Signatures};
use crate::model::IntegrityStatus;

/// How inputs are judged by the digests among them.
#[derive(Debug, Default)]
pub struct DigestOptions {
    /// CloudTrail's public keys.
    pub keys: PublicKeys,
    /// Signatures that the input does not have.
    pub signatures: Signatures,
    /// Hash every input, also those that come before the first digest.
    pub hash_all: bool,
    /// What is outside of the selected time is left out.
    pub only_selected_time: bool,
    /// Only records of valid archives correct others, replace copies of them, or teach what others
    /// are for.
    pub trusts_only_verified: bool,
}

impl DigestOptions {
    /// Whether a record changes what others count for, by what digests say of its archive.
    pub(super) fn believes(&self, integrity: Option<IntegrityStatus>) -> bool {
        !self.trusts_only_verified || integrity == Some(IntegrityStatus::Valid)
    }
}
