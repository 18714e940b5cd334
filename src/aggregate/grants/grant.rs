//! One grant.

use std::collections::BTreeSet;
use std::ops::Range;

use super::constraints::Constraints;
use super::lifecycle::{Change, GrantState};
use crate::model::{EventTime, GrantTerms, Grantee};

/// How long after its end a grant may still be used, in milliseconds.
const GRACE: i64 = 5 * 60 * 1000;

/// A grant.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Grant {
    /// Its key: ARN, or id where the records give no more.
    pub key: Option<String>,
    /// What it allows whom. Of a grant that was created before the input begins, only its id is
    /// known.
    pub terms: GrantTerms,
    /// The call that created it.
    pub created: Option<Change>,
    /// Calls that asked for the same grant again, by its name.
    pub repeated: u64,
    /// What ended it.
    pub ended: Option<Change>,
    /// What became of it.
    pub state: GrantState,
    /// Since when its key cannot be used.
    pub unusable_since: Option<EventTime>,
    /// Id of the only grant from which the creator may have had the right to create this one.
    pub parent: Option<String>,
    /// Whether calls are compared with it: its grantee is known, and has not too many kinds
    /// of grants of the key.
    pub is_counted: bool,
    /// Since when another grant of the same name and terms shows that the grantee was deleted, and
    /// created again: it is another principal since.
    pub orphaned_since: Option<EventTime>,
    pub(super) grantee: Option<Grantee>,
    pub(super) constraints: Constraints,
}

impl Grant {
    /// Its operations, as the record lists them, each once.
    pub fn operations(&self) -> impl Iterator<Item = &str> {
        let list = self.terms.operations.as_deref().unwrap_or_default();
        let parts: BTreeSet<&str> = list.split(',').filter(|name| !name.is_empty()).collect();
        parts.into_iter()
    }

    /// From when until before when calls may be by it, in milliseconds.
    pub(super) fn times(&self) -> Option<Range<i64>> {
        let begin = self.created.as_ref()?.time.0;
        let end = self.ended.as_ref().map(|ended| ended.time.0.saturating_add(GRACE + 1));
        let ends = [end, self.orphaned_since.map(|since| since.0)];
        Some(begin..ends.into_iter().flatten().min().unwrap_or(i64::MAX))
    }

    /// Whether its constraints limit an operation to some encryption contexts.
    pub fn is_limited(&self, operation: &str) -> bool {
        self.constraints.limit(operation)
    }
}
