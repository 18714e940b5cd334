//! Which policy made a permission or a share that is promoted. No record says so. It is told where
//! only one policy can be: that of a resource which a call names together with the share, or the
//! only one that was in force in the account and Region at the times of the calls. Where several
//! can be, they say so.

use std::collections::{BTreeMap, BTreeSet};

use super::consumer::ConsumerKind;
use super::draft::{Draft, ShareDraft};
use super::policy_draft::PolicyDraft;
use super::resource::resource_key;
use super::share::Promotion;
use crate::model::{Arn, EventTime};

/// Most policies of one account and Region among which one is looked for.
const CROWD: usize = 1_000;

const SEVERAL: &str = "several policies of this account and Region may be what was promoted";
const SEVERAL_FOR_SHARE: &str = "a policy made it; which one is not known: several may have";
const SEVERAL_SHARES: &str = "several shares may be the one that the policy made";
const ONLY: &str = "the only policy of this account and Region that the share may be made from";
const ONLY_PERMISSION: &str =
    "the only policy of this account and Region that the permission may be made from";
const CHANGED: &str = "the policy was changed after the promotion";

/// An account and a Region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Scope {
    account: String,
    region: String,
}

impl Scope {
    /// The scope of an ARN.
    fn of(arn: &str) -> Option<Self> {
        let arn = Arn::parse(arn)?;
        Some(Self { account: arn.account.to_owned(), region: arn.region.to_owned() })
    }
}

/// The policies that may be what a call is about.
enum Found {
    None,
    One(String),
    Several(Vec<String>),
}

/// The policies of each account and Region.
struct Scopes(BTreeMap<Scope, Vec<String>>);

impl Scopes {
    fn new(policies: &BTreeMap<String, PolicyDraft>) -> Self {
        let mut scopes = Self(BTreeMap::new());
        for (key, policy) in policies {
            if let Some(scope) = Scope::of(&policy.resource) {
                scopes.0.entry(scope).or_default().push(key.clone());
            }
        }
        scopes
    }

    /// Those in the scope of an ARN that fit. Of a crowd, all may.
    fn find(&self, arn: &str, fits: impl Fn(&str) -> bool) -> Found {
        let keys = Scope::of(arn).and_then(|scope| self.0.get(&scope)).map_or(&[][..], Vec::as_slice);
        if keys.len() > CROWD {
            return Found::Several(keys.to_vec());
        }
        let mut list: Vec<String> = keys.iter().filter(|key| fits(key)).cloned().collect();
        match (list.pop(), list.is_empty()) {
            (None, _) => Found::None,
            (Some(only), true) => Found::One(only),
            (Some(last), false) => {
                list.push(last);
                Found::Several(list)
            }
        }
    }
}

impl PolicyDraft {
    /// Whether it was in force at a time, and may have been promoted then.
    fn was_in_force(&self, time: EventTime, must_be_promotable: bool) -> bool {
        let later = self.versions.partition_point(|version| version.from <= time);
        // At the second of a change, both may have been.
        let before = self.versions[..later].iter().rev().take(2);
        before.into_iter().any(|version| {
            version.until.is_none_or(|until| time <= until) && (version.is_promotable || !must_be_promotable)
        })
    }

    /// Whether it lets an account in, as far as it is known.
    fn lets_in(&self, account: &str) -> bool {
        self.consumers.keys().any(|consumer| {
            matches!(consumer.kind, ConsumerKind::Unknown | ConsumerKind::Everyone)
                || consumer.account() == Some(account)
        })
    }

    /// Whether the share may be the one that this policy made.
    fn fits(&self, share: &ShareDraft) -> bool {
        let promoted = share.promotion.iter();
        let mut promoted = promoted.map(|(promotion, time)| (*time, *promotion == Promotion::Done));
        let mut answered = share.answers.iter();
        promoted.all(|(time, is_done)| self.was_in_force(time, is_done))
            && answered.all(|(account, answer)| {
                self.was_in_force(answer.change.time, false) && self.lets_in(account)
            })
    }

    fn take(&mut self, share: &ShareDraft, note: Option<&str>) {
        self.share.clone_from(&share.share);
        self.name.clone_from(&share.name);
        self.feature_set.clone_from(&share.feature_set);
        if let Some((promotion, time)) = &share.promotion {
            self.promote(promotion, *time);
        }
        self.answers.clone_from(&share.answers);
        self.evidence.extend(share.evidence.iter().cloned());
        self.notes.extend(note.map(str::to_owned));
    }

    fn promote(&mut self, promotion: &Promotion, time: EventTime) {
        self.promotion = Some(promotion.clone());
        if self.versions.last().is_some_and(|version| version.from > time) {
            self.notes.insert(CHANGED.to_owned());
        }
    }
}

impl ShareDraft {
    /// It may be one that a policy made: it was promoted or answered, and no record created it.
    fn may_be_of_policy(&self) -> bool {
        self.created.is_none() && (self.promotion.is_some() || !self.answers.is_empty())
    }
}

/// Tells promotions and answers with the policies that made what they are about.
pub(super) fn link_promotions(draft: &mut Draft) {
    let scopes = Scopes::new(&draft.policies);
    let mut unclear: BTreeSet<String> = BTreeSet::new();
    // By the policy: the shares that can only be of it, and whether their resources say so.
    let mut claims: BTreeMap<String, Vec<(String, bool)>> = BTreeMap::new();
    let mut without_policy: BTreeSet<String> = BTreeSet::new();
    for (name, share) in draft.shares.iter().filter(|(_, share)| share.may_be_of_policy()) {
        let Some(arn) = &share.share else { continue };
        if share.resources.is_empty() {
            match scopes.find(arn, |key| draft.policies[key].fits(share)) {
                Found::None => {}
                Found::One(key) => claims.entry(key).or_default().push((name.clone(), false)),
                Found::Several(keys) => {
                    unclear.extend(keys);
                    without_policy.insert(name.clone());
                }
            }
            continue;
        }
        let mut named = share.resources.keys().map(|arn| resource_key(arn));
        let only = named.next().filter(|key| named.next().is_none() && draft.policies.contains_key(key));
        if let Some(key) = only {
            claims.entry(key).or_default().push((name.clone(), true));
        }
    }
    let mut of_permission: BTreeMap<String, String> = BTreeMap::new();
    for (key, mut claims) in claims {
        let Some(policy) = draft.policies.get_mut(&key) else { continue };
        if claims.iter().any(|(_, is_named)| *is_named) {
            claims.retain(|(_, is_named)| *is_named);
        }
        let [(name, is_named)] = &*claims else {
            policy.notes.insert(SEVERAL_SHARES.to_owned());
            policy.may_be_promoted = true;
            continue;
        };
        let Some(share) = draft.shares.get_mut(name) else { continue };
        policy.take(share, (!is_named).then_some(ONLY));
        // Whom the policy does not let in keeps a row of the share's own.
        share.is_of_policy = share.principals.keys().all(|principal| policy.lets_in(principal));
        of_permission.extend(share.permissions.iter().map(|(name, _)| (name.clone(), key.clone())));
    }
    let mut promotions: Vec<_> = std::mem::take(&mut draft.promotions).0.into_iter().collect();
    promotions.sort_by_key(|(_, (_, change))| (change.time, change.event_id.clone()));
    for (permission, (promotion, change)) in promotions {
        let is_done = promotion == Promotion::PermissionOnly;
        let fits = |key: &str| draft.policies[key].was_in_force(change.time, is_done);
        let (key, note) = match of_permission.remove(&permission) {
            Some(key) => (key, None),
            None => match scopes.find(&permission, fits) {
                Found::None => continue,
                Found::One(key) => (key, Some(ONLY_PERMISSION)),
                Found::Several(keys) => {
                    unclear.extend(keys);
                    continue;
                }
            },
        };
        let Some(policy) = draft.policies.get_mut(&key) else { continue };
        policy.evidence.extend(change.event_id.clone());
        let is_over = policy.promotion == Some(Promotion::PermissionOnly) && !is_done;
        // What became of the share says more.
        let has_share = matches!(policy.promotion, Some(Promotion::Done | Promotion::Failed(_)))
            && policy.share.is_some();
        if !is_over && !has_share {
            policy.promote(&promotion, change.time);
            policy.notes.extend(note.map(str::to_owned));
        }
    }
    for key in unclear {
        if let Some(policy) = draft.policies.get_mut(&key) {
            policy.notes.insert(SEVERAL.to_owned());
            policy.may_be_promoted = true;
        }
    }
    for name in without_policy {
        if let Some(share) = draft.shares.get_mut(&name).filter(|share| share.promotion.is_some()) {
            share.notes.insert(SEVERAL_FOR_SHARE.to_owned());
        }
    }
}
