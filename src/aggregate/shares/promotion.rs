//! Policies while they were in force, and what became of promotions of permissions.

use std::collections::BTreeMap;

use super::consumer::{Consumer, ConsumerKind};
use super::policy::Allowed;
use super::share::Promotion;
use crate::aggregate::grants::Change;
use crate::model::EventTime;

/// A policy of a resource, while it was in force.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) from: EventTime,
    /// `None`: to the end of the input.
    pub(super) until: Option<EventTime>,
    /// AWS RAM refuses to promote one with a role or a user as its principal, and one that allows
    /// every action.
    pub(super) is_promotable: bool,
}

impl Version {
    /// The policy that a call sets.
    pub(super) fn new(found: &BTreeMap<Consumer, Allowed>, change: &Change) -> Self {
        use ConsumerKind::{Role, User};
        let is_refused = |(consumer, allowed): (&Consumer, &Allowed)| {
            matches!(consumer.kind, Role | User) || allowed.actions.contains("*")
        };
        Self { from: change.time, until: None, is_promotable: !found.iter().any(is_refused) }
    }

    /// A policy from before the input begins, which a call ended.
    pub(super) fn until(change: &Change) -> Self {
        Self { from: EventTime(i64::MIN), until: Some(change.time), is_promotable: true }
    }
}

/// What became of promotions of permissions, by the permission.
#[derive(Debug, Default)]
pub(super) struct Promotions(pub(super) BTreeMap<String, (Promotion, Change)>);

impl Promotions {
    /// The promotion of a permission succeeded or failed. Calls come in the order of time.
    pub(super) fn add(&mut self, permission: &str, change: &Change, promotion: Promotion) {
        let new = (promotion, change.clone());
        let known = self.0.entry(permission.to_owned()).or_insert_with(|| new.clone());
        // Whoever tries again after a success finds nothing to promote.
        if known.0 != Promotion::PermissionOnly {
            *known = new;
        }
    }
}
