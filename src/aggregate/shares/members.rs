//! What is in a share, and since when.

use std::collections::BTreeMap;

use crate::aggregate::grants::Change;

/// When something was put into a share, and taken out again.
#[derive(Debug, Clone, Default)]
pub(super) struct Member {
    pub(super) added: Option<Change>,
    pub(super) removed: Option<Change>,
    /// Both happened within one second: times are whole seconds.
    pub(super) is_tied: bool,
}

impl Member {
    /// It was put in. Changes come in the order of time.
    pub(super) fn add(&mut self, change: &Change) {
        if let Some(removed) = &self.removed {
            self.is_tied = removed.time == change.time;
            self.removed = None;
            self.added = Some(change.clone());
        }
        self.added.get_or_insert_with(|| change.clone());
    }

    /// It was taken out.
    pub(super) fn remove(&mut self, change: &Change) {
        self.is_tied = self.added.as_ref().is_some_and(|added| added.time == change.time);
        self.removed.get_or_insert_with(|| change.clone());
    }

    /// The end, if it is certain.
    pub(super) fn end(&self) -> Option<&Change> {
        self.removed.as_ref().filter(|_| !self.is_tied)
    }
}

/// Members by name.
pub(super) type Members = BTreeMap<String, Member>;

/// The later of two changes.
pub(super) fn later<'c>(one: Option<&'c Change>, other: Option<&'c Change>) -> Option<&'c Change> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.time > one.time { other } else { one }),
        (one, other) => one.or(other),
    }
}

/// The earliest of some changes.
pub(super) fn earliest<'c>(changes: impl IntoIterator<Item = Option<&'c Change>>) -> Option<&'c Change> {
    changes.into_iter().flatten().min_by_key(|change| change.time)
}
