//! How inputs are judged by the digests among them.

use crate::integrity::{PublicKeys, Signatures};

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
}
