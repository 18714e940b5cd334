//! One grant.

use std::collections::BTreeSet;

use super::constraints::{Constraints, Holds};
use super::lifecycle::{Change, GrantState};
use crate::model::{EventTime, GrantTerms, Grantee, KmsEvent};

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
    /// Whether calls are compared with it: its grantee is known, and has not too many grants of
    /// the key.
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

    pub(super) fn allows(&self, operation: &str) -> bool {
        self.terms.operations.as_deref().is_some_and(|list| list.split(',').any(|name| name == operation))
    }

    /// Whether it may be by this grant that a CreateGrant call succeeded: it passes on no more than
    /// it allows itself.
    pub(super) fn lets_create(&self, event: &KmsEvent<'_>) -> Holds {
        match event.grant_operations.as_deref() {
            None => Holds::Undecidable,
            Some(list) if list.split(',').all(|name| name.is_empty() || self.allows(name)) => {
                self.constraints.hold_for_child(event)
            }
            Some(_) => Holds::No,
        }
    }

    pub(super) fn is_in_force(&self, time: EventTime) -> bool {
        self.created.as_ref().is_some_and(|created| created.time <= time)
            && self.ended.as_ref().is_none_or(|ended| time.0 <= ended.time.0.saturating_add(GRACE))
            && self.orphaned_since.is_none_or(|since| time < since)
    }

    /// Whether its constraints limit an operation to some encryption contexts.
    pub fn is_limited(&self, operation: &str) -> bool {
        self.constraints.limit(operation)
    }
}
