//! How inputs are judged by the digests among them.

use crate::integrity::{PublicKeys, Signatures};
use crate::model::{Fact, IntegrityStatus};

/// How inputs are judged by the digests among them.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct DigestOptions {
    /// CloudTrail's public keys.
    pub keys: PublicKeys,
    /// Signatures that the input does not have.
    pub signatures: Signatures,
    /// Hash every input, also those that come before the first digest.
    pub hash_all: bool,
    /// What is outside of the selected time is left out.
    pub only_selected_time: bool,
    /// Only records of valid archives correct others, replace copies of them, or say what they are
    /// for.
    pub trusts_only_verified: bool,
}

impl DigestOptions {
    /// Whether a record changes what others count for, by what digests say of its archive.
    pub(super) fn believes(&self, integrity: Option<IntegrityStatus>) -> bool {
        !self.trusts_only_verified || integrity == Some(IntegrityStatus::Valid)
    }

    /// Whether a fact is added as soon as it is found. Others change what other records count for:
    /// which of them counts, with which key, and for which workload.
    pub(super) fn believes_at_once(&self, fact: &Fact<'_>) -> bool {
        match fact {
            Fact::Rule(..)
            | Fact::Session(..)
            | Fact::Alias { .. }
            | Fact::Correction { .. }
            | Fact::CanvasKey(_) => !self.trusts_only_verified,
            Fact::Trail(_) | Fact::Key(_) | Fact::Share(_) | Fact::Digest(_) | Fact::Content(_) => true,
        }
    }
}

/// What was not believed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Disbelieved {
    /// Corrections, every delivered copy.
    pub(super) corrections: u64,
    /// Other facts about records: settings, sessions and aliases.
    pub(super) facts: u64,
}
