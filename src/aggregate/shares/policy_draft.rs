//! The policy of a resource as it changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::answer::Answer;
use super::consumer::Consumer;
use super::members::Member;
use super::policy::Allowed;
use super::promotion::Version;
use super::scope::{Allows, SCOPES, Scope, span};
use super::share::{MadeBy, Promotion};
use crate::aggregate::grants::Change;

/// Most consumers of one policy, in all its versions.
const CONSUMERS: usize = 10_000;

/// The policy of a resource as it changes.
#[derive(Debug)]
pub(super) struct PolicyDraft {
    pub(super) made_by: MadeBy,
    pub(super) resource: String,
    pub(super) consumers: BTreeMap<Consumer, InPolicy>,
    /// What the policy was, by time.
    pub(super) versions: Vec<Version>,
    pub(super) answers: BTreeMap<String, Answer>,
    pub(super) share: Option<String>,
    pub(super) name: Option<String>,
    pub(super) feature_set: Option<String>,
    pub(super) promotion: Option<Promotion>,
    /// Something was promoted that may be it.
    pub(super) may_be_promoted: bool,
    pub(super) notes: BTreeSet<String>,
    pub(super) evidence: BTreeSet<String>,
}

/// A consumer in the policy.
#[derive(Debug, Default)]
pub(super) struct InPolicy {
    pub(super) member: Member,
    /// What the last version allows.
    pub(super) allowed: Allowed,
    /// What each version of the owner allows. Of those that other accounts set, nothing.
    pub(super) scopes: Vec<Scope>,
}

impl PolicyDraft {
    pub(super) fn new(made_by: MadeBy, resource: &str) -> Self {
        Self {
            made_by,
            resource: resource.to_owned(),
            consumers: BTreeMap::new(),
            versions: Vec::new(),
            answers: BTreeMap::new(),
            share: None,
            name: None,
            feature_set: None,
            promotion: None,
            may_be_promoted: false,
            notes: BTreeSet::new(),
            evidence: BTreeSet::new(),
        }
    }

    /// The policy now lets these in, and nobody else if all of it is known. `is_by_other`: an
    /// account that is not the owner's set it.
    pub(super) fn set(
        &mut self,
        found: BTreeMap<Consumer, Allowed>,
        is_known: bool,
        is_by_other: bool,
        change: &Change,
    ) {
        let is_tied = self.versions.last().is_some_and(|last| last.from == change.time);
        if is_tied {
            self.notes.insert("policies were set within one second: which came last is not known".to_owned());
        } else if is_known {
            let gone = self.consumers.iter_mut().filter(|(consumer, _)| !found.contains_key(*consumer));
            gone.for_each(|(_, known)| known.member.remove(change));
        } else if !self.consumers.is_empty() {
            self.notes.insert("a later policy is not known".to_owned());
        }
        if let Some(last) = self.versions.last_mut() {
            last.until.get_or_insert(change.time);
        }
        self.versions.push(Version::new(&found, change));
        // Consumers of one statement have the same actions.
        let mut same: BTreeSet<Arc<BTreeSet<String>>> = BTreeSet::new();
        for (consumer, allowed) in found {
            if self.consumers.len() >= CONSUMERS && !self.consumers.contains_key(&consumer) {
                self.notes.insert("it has had more consumers than are kept".to_owned());
                continue;
            }
            let known = self.consumers.entry(consumer).or_default();
            known.member.add(change, is_by_other);
            if !is_tied {
                known.close(change);
            }
            if !is_by_other {
                let allows = match same.get(&allowed.actions) {
                    _ if allowed.is_cut => Allows::Anything,
                    Some(known) => Allows::Actions(Arc::clone(known)),
                    None => {
                        let new = Arc::new(allowed.actions.clone());
                        same.insert(Arc::clone(&new));
                        Allows::Actions(new)
                    }
                };
                known.permit(Scope { span: span(Some(change.time), None), allows });
            }
            if is_tied { known.allowed += allowed } else { known.allowed = allowed }
        }
    }

    /// The policy was deleted, or the resource.
    pub(super) fn end(&mut self, change: &Change) {
        self.consumers.values_mut().for_each(|known| known.member.remove(change));
        match self.versions.last_mut() {
            Some(last) => {
                last.until.get_or_insert(change.time);
            }
            None => self.versions.push(Version::until(change)),
        }
    }
}

impl InPolicy {
    /// What was allowed until now no longer is.
    fn close(&mut self, change: &Change) {
        let (_, end) = span(None, Some(change.time));
        let open = self.scopes.iter_mut().rev().take_while(|scope| scope.span.1 == i64::MAX);
        open.for_each(|scope| scope.span.1 = end);
    }

    fn permit(&mut self, scope: Scope) {
        let is_full = self.scopes.len() >= SCOPES;
        match self.scopes.last_mut() {
            Some(last) if last.allows == scope.allows && scope.span.0 <= last.span.1 => {
                last.span.1 = last.span.1.max(scope.span.1);
            }
            // Of too many, the last ones count as one, of which nothing is known.
            Some(last) if is_full => {
                *last = Scope { span: (last.span.0, scope.span.1), allows: Allows::Anything };
            }
            _ => self.scopes.push(scope),
        }
    }
}
