//! Whom the policy of a resource lets do what.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use super::consumer::{Consumer, ConsumerKind};
use crate::model::PolicyText;
use crate::policy::{Condition, Effect, PastedPolicy, Policy, Principals};

/// Most actions of a consumer that are kept.
const ACTIONS: usize = 100;

const DENIES: &str = "the policy has Deny statements, which are not looked at";

/// What a policy lets a consumer do.
#[derive(Debug, Clone, Default)]
pub(super) struct Allowed {
    pub(super) actions: BTreeSet<String>,
    /// There are more actions than are kept, or what they are is not known.
    pub(super) is_cut: bool,
    pub(super) notes: BTreeSet<String>,
}

impl Allowed {
    /// Adds actions, up to a limit.
    fn add(&mut self, actions: impl IntoIterator<Item = String>) {
        for action in actions {
            if self.actions.len() < ACTIONS || self.actions.contains(&action) {
                self.actions.insert(action);
            } else {
                self.is_cut = true;
            }
        }
    }
}

impl AddAssign for Allowed {
    fn add_assign(&mut self, other: Self) {
        self.add(other.actions);
        self.is_cut = self.is_cut || other.is_cut;
        self.notes.extend(other.notes);
    }
}

/// Whom a policy lets do what. A policy that is not known, or not valid, lets somebody unknown do
/// something.
pub(super) fn consumers(text: &PolicyText) -> BTreeMap<Consumer, Allowed> {
    let unknown = |note: &str| {
        let notes = BTreeSet::from([note.to_owned()]);
        let allowed = Allowed { actions: BTreeSet::new(), is_cut: true, notes };
        BTreeMap::from([(Consumer::without_name(ConsumerKind::Unknown), allowed)])
    };
    let PolicyText::Given(text) = text else { return unknown("the record does not show the policy") };
    let (policy, note) = match Policy::parse(text) {
        Ok(policy) => (policy, None),
        Err(error) => match PastedPolicy::parse(text) {
            Ok(pasted) => (pasted.policy, Some("the policy is not valid JSON and was repaired to be read")),
            Err(_) => return unknown(&format!("the policy cannot be read: {error}")),
        },
    };
    let mut found: BTreeMap<Consumer, Allowed> = BTreeMap::new();
    let denies = policy.statements.iter().any(|statement| statement.effect == Effect::Deny);
    let allowing = policy.statements.iter().filter(|statement| statement.effect == Effect::Allow);
    for statement in allowing {
        let organization = statement.conditions.iter().find_map(organization);
        let consumers: Vec<Consumer> = match &statement.principals {
            Principals::AllBut(_) => vec![Consumer::parse("*")],
            Principals::Listed(list) => list.iter().map(|element| Consumer::parse(&element.text)).collect(),
        };
        for mut consumer in consumers {
            if let (ConsumerKind::Everyone, Some(organization)) = (consumer.kind, organization) {
                consumer = Consumer::parse(organization);
            }
            let allowed = found.entry(consumer).or_default();
            if let Some(actions) = &statement.actions {
                let patterns =
                    if actions.is_negated { vec!["*".to_owned()] } else { actions.patterns.clone() };
                allowed.add(patterns);
            }
            let other =
                statement.conditions.iter().filter(|condition| self::organization(condition).is_none());
            allowed.notes.extend(other.take(1).map(|_| "the policy has conditions".to_owned()));
            allowed.notes.extend(note.map(str::to_owned));
            let is_negated = statement.actions.as_ref().is_some_and(|actions| actions.is_negated);
            allowed.notes.extend(is_negated.then(|| "NotAction is taken for every action".to_owned()));
            allowed.notes.extend(denies.then(|| DENIES.to_owned()));
        }
    }
    found
}

/// The organization to which a condition limits everybody.
fn organization(condition: &Condition) -> Option<&str> {
    let is_limit = condition.key().eq_ignore_ascii_case("aws:PrincipalOrgID")
        && ["stringequals", "stringlike"].contains(&&*condition.operator().to_ascii_lowercase());
    match condition.values() {
        [one] if is_limit => Some(one),
        _ => None,
    }
}
