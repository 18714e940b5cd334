//! Promotions of permissions. No record says which resource a permission was made from: it is
//! looked for in the permission's account and Region.

use std::collections::BTreeMap;

use super::share::Promotion;
use crate::aggregate::grants::Change;
use crate::model::Arn;

/// An account and a Region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scope {
    account: String,
    region: String,
}

impl Scope {
    /// The scope of an ARN.
    pub(super) fn of(arn: &str) -> Option<Self> {
        let arn = Arn::parse(arn)?;
        Some(Self { account: arn.account.to_owned(), region: arn.region.to_owned() })
    }
}

/// What became of promotions of permissions, with the id of the last record.
#[derive(Debug, Default)]
pub(super) struct Promotions(BTreeMap<Scope, (Promotion, Option<String>)>);

impl Promotions {
    /// The promotion of a permission succeeded or failed. Calls come in the order of time.
    pub(super) fn add(&mut self, permission: &str, change: &Change, promotion: Promotion) {
        let Some(scope) = Scope::of(permission) else { return };
        let known = self.0.entry(scope).or_insert_with(|| (promotion.clone(), change.event_id.clone()));
        // Whoever tries again after a success finds nothing to promote.
        if known.0 != Promotion::PermissionOnly {
            *known = (promotion, change.event_id.clone());
        }
    }

    /// What became of those of this account and Region.
    pub(super) fn of(&self, scope: &Scope) -> Option<&(Promotion, Option<String>)> {
        self.0.get(scope)
    }
}
