//! All shares of the input, and who used them.

use super::book::ShareBook;
use super::draft::PermissionChange;
use super::keys::KeyCalls;
use super::rows::rows;
use super::share::Share;
use super::uses::{ShareUse, join};
use crate::aggregate::grants::Change;
use crate::model::{OfflineStore, SharedUse, UseRecords};

/// All shares, and their uses.
#[derive(Debug, Clone, Default)]
pub struct ShareLedger {
    shares: Vec<Share>,
    uses: Vec<ShareUse>,
    left_out: u64,
    permission_changes: Vec<PermissionChange>,
    stores: Vec<(OfflineStore, Change)>,
}

impl ShareLedger {
    /// Builds the ledger from what calls say about shares, from the calls on resources of other
    /// accounts, and from those of KMS.
    pub fn new<'u>(
        book: &ShareBook,
        uses: impl Iterator<Item = (&'u SharedUse, &'u UseRecords)>,
        key_calls: KeyCalls,
    ) -> Self {
        let (mut shares, left_out) = rows(&book.draft);
        let attempts = &book.draft.attempts;
        let uses = join(&mut shares, uses, key_calls.into_groups(), &attempts.groups);
        Self {
            shares,
            uses,
            left_out: left_out + attempts.left_out,
            permission_changes: book.draft.permission_changes.clone(),
            stores: book.draft.stores.values().cloned().collect(),
        }
    }

    /// The shares, sorted by resource, share and consumer.
    pub fn shares(&self) -> &[Share] {
        &self.shares
    }

    /// Uses by other accounts, sorted by resource and caller.
    pub fn uses(&self) -> &[ShareUse] {
        &self.uses
    }

    /// How many rows there were beyond those that are kept.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Changes to permissions that shares may have, by time.
    pub fn permission_changes(&self) -> &[PermissionChange] {
        &self.permission_changes
    }

    /// The offline stores of feature groups, with the first call that names each.
    pub fn stores(&self) -> &[(OfflineStore, Change)] {
        &self.stores
    }
}
