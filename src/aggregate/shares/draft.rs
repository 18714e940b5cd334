//! Shares as they come and go, from the calls that made, changed and ended them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::consumer::{Consumer, ConsumerKind};
use super::keys::SharedKeys;
use super::members::{Member, Members};
use super::policy::{Allowed, consumers};
use super::promotion::{Promotions, Scope};
use super::resource::{owner_of, resource_key, resource_kind};
use super::share::{MadeBy, Promotion};
use crate::aggregate::grants::Change;
use crate::model::{
    Invitation, KeyChange, KeyEffect, OfflineStore, Outcome, PolicyText, ShareCall, ShareEffect, ShareTerms,
};
use crate::policy::RamShare;

/// What the calls of the input say about shares, before it is known who used them.
#[derive(Debug, Default)]
pub struct ShareBook {
    pub(super) draft: Draft,
    keys: SharedKeys,
}

impl ShareBook {
    /// Reads all calls, and the changes of keys' policies.
    pub fn new(calls: &BTreeSet<ShareCall>, key_changes: &BTreeSet<KeyChange>) -> Self {
        let mut calls: Vec<&ShareCall> = calls.iter().collect();
        calls.sort_by_key(|call| (call.by.time, &call.by.event_id));
        let mut draft = Draft::default();
        calls.iter().for_each(|call| draft.apply(call));
        draft.link_promotions();
        let mut changes: Vec<&KeyChange> = key_changes.iter().collect();
        changes.sort_by_key(|change| (change.by.time, &change.by.event_id));
        changes.iter().for_each(|change| draft.apply_to_key(change));
        let is_shared = |policy: &&PolicyDraft| !policy.consumers.is_empty();
        let of_policies = draft.keys.values().filter(is_shared).map(|policy| &*policy.resource);
        let in_shares = draft.shares.values().flat_map(|share| share.resources.keys());
        let in_shares = in_shares.map(String::as_str).filter(|arn| arn.contains(":kms:"));
        let keys = SharedKeys::new(&draft.artifacts, &draft.stores, of_policies.chain(in_shares));
        Self { draft, keys }
    }

    /// The keys that are shared through AWS RAM, by their ARNs.
    pub fn ram_keys(&self) -> HashMap<String, RamShare> {
        let mut keys: HashMap<String, RamShare> = HashMap::new();
        for share in self.draft.shares.values() {
            let name = share.share.as_ref().or(share.name.as_ref()).map_or("unknown", String::as_str);
            let members = share.resources.iter().filter(|(arn, _)| resource_kind(arn) == "key");
            for (arn, member) in members {
                let end = [member.end(), share.deleted.as_ref()]
                    .into_iter()
                    .flatten()
                    .map(|change| change.time)
                    .min();
                let new = RamShare {
                    from: member.added.as_ref().map(|change| change.time),
                    until: end,
                    share: name.to_owned(),
                };
                match keys.get_mut(arn) {
                    None => drop(keys.insert(arn.clone(), new)),
                    Some(known) => {
                        known.from = known.from.zip(new.from).map(|(one, other)| one.min(other));
                        known.until = known.until.zip(new.until).map(|(one, other)| one.max(other));
                    }
                }
            }
        }
        keys
    }

    /// Look-ups from calls of KMS to what their keys protect.
    pub fn keys(&self) -> &SharedKeys {
        &self.keys
    }
}

/// A call that changes what a permission allows, in all shares that have it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PermissionChange {
    /// The call.
    pub by: Change,
    /// ARN of the permission.
    pub permission: String,
    /// ARN of the one that it takes the place of.
    pub replaces: Option<String>,
}

/// A share of AWS RAM as it changes.
#[derive(Debug, Default)]
pub(super) struct ShareDraft {
    pub(super) share: Option<String>,
    pub(super) name: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) allows_external: Option<bool>,
    pub(super) allows_external_by_default: bool,
    pub(super) feature_set: Option<String>,
    pub(super) created: Option<Change>,
    /// The first call that names it.
    pub(super) seen: Option<Change>,
    pub(super) deleted: Option<Change>,
    pub(super) resources: Members,
    pub(super) principals: Members,
    pub(super) external: BTreeMap<String, bool>,
    pub(super) permissions: BTreeMap<String, Option<String>>,
    pub(super) sources: BTreeSet<String>,
    pub(super) answers: BTreeMap<String, Answer>,
    pub(super) promotion: Option<Promotion>,
    pub(super) notes: BTreeSet<String>,
    pub(super) evidence: BTreeSet<String>,
    /// It is told with the policy that made it.
    pub(super) is_of_policy: bool,
}

/// What a consumer answered.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) change: Change,
    pub(super) kind: AnswerKind,
}

impl Answer {
    pub(super) fn is_acceptance(&self) -> bool {
        self.kind == AnswerKind::Accepted
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerKind {
    Accepted,
    Rejected,
    Expired,
}

/// The policy of a resource as it changes.
#[derive(Debug)]
pub(super) struct PolicyDraft {
    pub(super) made_by: MadeBy,
    pub(super) resource: String,
    pub(super) consumers: BTreeMap<Consumer, (Member, Allowed)>,
    pub(super) answers: BTreeMap<String, Answer>,
    pub(super) share: Option<String>,
    pub(super) name: Option<String>,
    pub(super) feature_set: Option<String>,
    pub(super) promotion: Option<Promotion>,
    pub(super) notes: BTreeSet<String>,
    pub(super) evidence: BTreeSet<String>,
}

/// Shares as they come and go.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// By ARN, or by what else names them.
    pub(super) shares: BTreeMap<String, ShareDraft>,
    /// By the resource.
    pub(super) policies: BTreeMap<String, PolicyDraft>,
    /// Policies of keys, by the key.
    pub(super) keys: BTreeMap<String, PolicyDraft>,
    /// Keys of artifacts: the resource and its key.
    pub(super) artifacts: BTreeSet<(String, String)>,
    /// By the feature group.
    pub(super) stores: BTreeMap<String, (OfflineStore, Change)>,
    promotions: Promotions,
    pub(super) permission_changes: Vec<PermissionChange>,
}

impl Draft {
    fn apply(&mut self, call: &ShareCall) {
        let change = Change::of_share(call);
        if call.outcome != Outcome::Success {
            return self.apply_failed(call, &change);
        }
        match &call.effect {
            ShareEffect::CreatesShare(terms) => {
                let share = self.share(terms, call, &change);
                if share.created.is_none() {
                    share.allows_external_by_default = terms.allows_external.is_none() && !terms.is_cut;
                    share.created = Some(change.clone());
                }
                share.add(terms, &change);
            }
            ShareEffect::Associates(terms) => self.share(terms, call, &change).add(terms, &change),
            ShareEffect::Disassociates(terms) => {
                let share = self.share(terms, call, &change);
                let remove = |members: &mut Members, names: &[String]| {
                    names.iter().for_each(|name| members.entry(name.clone()).or_default().remove(&change));
                };
                remove(&mut share.resources, &terms.resources);
                remove(&mut share.principals, &terms.principals);
            }
            ShareEffect::UpdatesShare(terms) => {
                let share = self.share(terms, call, &change);
                share.allows_external_by_default &= terms.allows_external.is_none();
            }
            ShareEffect::DeletesShare(terms) => {
                self.share(terms, call, &change).deleted.get_or_insert(change);
            }
            ShareEffect::SetsPermission(terms) => {
                let share = self.share(terms, call, &change);
                let names = terms.permissions.iter().cloned();
                share.permissions.extend(names.map(|name| (name, terms.permission_version.clone())));
            }
            ShareEffect::RemovesPermission(terms) => {
                let share = self.share(terms, call, &change);
                share.permissions.retain(|name, _| !terms.permissions.contains(name));
            }
            ShareEffect::PromotesShare(terms) => {
                self.share(terms, call, &change).promotion = Some(Promotion::Done);
            }
            ShareEffect::AcceptsInvitation(invitation) => {
                self.answer(call, invitation, Answer { change, kind: AnswerKind::Accepted });
            }
            ShareEffect::RejectsInvitation(invitation) => {
                self.answer(call, invitation, Answer { change, kind: AnswerKind::Rejected });
            }
            ShareEffect::ChangesPermission { permission, replaces, .. } => {
                self.changes_permission(call, &change, permission.as_deref(), replaces.as_deref());
            }
            ShareEffect::PutsPolicy { resource, text } => self.puts_policy(&resource.arn, text, &change),
            ShareEffect::DeletesPolicy(resource) => {
                let policy = self.policy(&resource.arn, &change);
                policy.consumers.values_mut().for_each(|(member, _)| member.remove(&change));
            }
            ShareEffect::SetsArtifactKey { resource, key } => {
                self.artifacts.insert((resource.arn.clone(), key.clone()));
            }
            ShareEffect::StoresOffline(store) => {
                let key = resource_key(&store.group);
                let (OfflineStore { role, uri, key: named, .. }, first) =
                    self.stores.remove(&key).unwrap_or_else(|| (OfflineStore::default(), change));
                // Only some calls say everything.
                let known = OfflineStore {
                    group: store.group.clone(),
                    role: store.role.clone().or(role),
                    uri: store.uri.clone().or(uri),
                    key: store.key.clone().or(named),
                };
                self.stores.insert(key, (known, first));
            }
            _ => {}
        }
    }

    /// Whom of other accounts the policy of a key lets in.
    fn apply_to_key(&mut self, change: &KeyChange) {
        let (KeyEffect::SetsPolicy { text, .. }, Some(key)) = (&change.effect, &change.key) else { return };
        let Some(owner) = owner_of(key) else { return };
        let is_outside = |consumer: &Consumer| match consumer.kind {
            ConsumerKind::Service | ConsumerKind::Unknown | ConsumerKind::None => false,
            _ => consumer.account() != Some(owner),
        };
        let mut found = consumers(text);
        let is_known = found.keys().all(|consumer| consumer.kind != ConsumerKind::Unknown);
        found.retain(|consumer, _| is_outside(consumer));
        let is_there = self.keys.contains_key(key);
        if found.is_empty() && !is_there {
            return;
        }
        let new = || PolicyDraft::new(MadeBy::KeyPolicy, key);
        let policy = self.keys.entry(key.clone()).or_insert_with(new);
        policy.evidence.extend(change.by.event_id.clone());
        policy.set(found, is_known, &Change::new(change));
    }

    /// Why a call failed says something of promotions and invitations.
    fn apply_failed(&mut self, call: &ShareCall, change: &Change) {
        let code = call.error_code.clone().unwrap_or_else(|| "unknown".to_owned());
        match &call.effect {
            ShareEffect::PromotesShare(terms) => {
                let share = self.share(terms, call, change);
                if share.promotion != Some(Promotion::Done) {
                    share.promotion = Some(Promotion::Failed(code));
                }
            }
            ShareEffect::ChangesPermission { permission: Some(permission), .. }
                if change.event_name == "PromotePermissionCreatedFromPolicy" =>
            {
                self.promotions.add(permission, change, Promotion::Failed(code));
            }
            ShareEffect::AcceptsInvitation(invitation) | ShareEffect::RejectsInvitation(invitation) => {
                let kind = match &*code {
                    "ResourceShareInvitationExpired" => AnswerKind::Expired,
                    "ResourceShareInvitationAlreadyAccepted" => AnswerKind::Accepted,
                    "ResourceShareInvitationAlreadyRejected" => AnswerKind::Rejected,
                    _ => return,
                };
                self.answer(call, invitation, Answer { change: change.clone(), kind });
            }
            _ => {}
        }
    }

    /// The share that a call is about.
    fn share(&mut self, terms: &ShareTerms, call: &ShareCall, change: &Change) -> &mut ShareDraft {
        let without_arn = || format!("call {}", call.by.event_id.as_deref().unwrap_or_default());
        let key = terms.share.clone().unwrap_or_else(without_arn);
        let share = self.shares.entry(key).or_default();
        share.share = share.share.take().or_else(|| terms.share.clone());
        share.name = terms.name.clone().or_else(|| share.name.take());
        let owner = terms.owner.as_deref().or_else(|| terms.share.as_deref().and_then(owner_of));
        let owner = owner.or(call.caller_account.as_deref());
        share.owner = share.owner.take().or_else(|| owner.map(str::to_owned));
        share.allows_external = terms.allows_external.or(share.allows_external);
        share.feature_set = terms.feature_set.clone().or_else(|| share.feature_set.take());
        share.external.extend(terms.external.iter().cloned());
        share.evidence.extend(change.event_id.clone());
        share.seen.get_or_insert_with(|| change.clone());
        if terms.is_cut {
            share.notes.insert("CloudTrail left out parameters of a call".to_owned());
        }
        share
    }

    /// An answer to an invitation. Only a successful one names the share.
    fn answer(&mut self, call: &ShareCall, invitation: &Invitation, answer: Answer) {
        let receiver = invitation.receiver.as_deref().or(call.caller_account.as_deref());
        let Some(receiver) = receiver.map(str::to_owned) else { return };
        let mut notes = None;
        let key = invitation.share.clone().or_else(|| {
            let is_open = |share: &ShareDraft| {
                share.deleted.is_none()
                    && !share.answers.contains_key(&receiver)
                    && share.principals.get(&receiver).is_some_and(|member| member.end().is_none())
            };
            let mut open = self.shares.iter().filter(|(_, share)| is_open(share));
            let (key, _) = open.next().filter(|_| open.next().is_none())?;
            notes = Some("the only open share with the consumer: the answer does not name it".to_owned());
            Some(key.clone())
        });
        let key = key.unwrap_or_else(|| {
            format!("invitation {}", invitation.invitation.as_deref().unwrap_or_default())
        });
        let share = self.shares.entry(key).or_default();
        share.share = share.share.take().or_else(|| invitation.share.clone());
        share.name = share.name.take().or_else(|| invitation.name.clone());
        let owner = invitation.sender.as_deref().or_else(|| invitation.share.as_deref().and_then(owner_of));
        share.owner = share.owner.take().or_else(|| owner.map(str::to_owned));
        share.principals.entry(receiver.clone()).or_default();
        share.evidence.extend(answer.change.event_id.clone());
        share.seen.get_or_insert_with(|| answer.change.clone());
        share.notes.extend(notes);
        share.answers.insert(receiver, answer);
    }

    fn changes_permission(
        &mut self,
        call: &ShareCall,
        change: &Change,
        permission: Option<&str>,
        replaces: Option<&str>,
    ) {
        let Some(permission) = permission else { return };
        match &*call.by.event_name {
            "PromotePermissionCreatedFromPolicy" => {
                self.promotions.add(permission, change, Promotion::PermissionOnly);
            }
            "ReplacePermissionAssociations" | "SetDefaultPermissionVersion" | "CreatePermissionVersion" => {
                for share in self.shares.values_mut().filter(|share| share.deleted.is_none()) {
                    if let Some(version) = replaces.and_then(|old| share.permissions.remove(old)) {
                        share.permissions.insert(permission.to_owned(), version.and(None));
                        share.evidence.extend(change.event_id.clone());
                    }
                }
                self.permission_changes.push(PermissionChange {
                    by: change.clone(),
                    permission: permission.to_owned(),
                    replaces: replaces.map(str::to_owned),
                });
            }
            _ => {}
        }
    }

    fn policy(&mut self, resource: &str, change: &Change) -> &mut PolicyDraft {
        let new = || PolicyDraft::new(MadeBy::ResourcePolicy, resource);
        let policy = self.policies.entry(resource_key(resource)).or_insert_with(new);
        policy.evidence.extend(change.event_id.clone());
        policy
    }

    fn puts_policy(&mut self, resource: &str, text: &PolicyText, change: &Change) {
        let found = consumers(text);
        let is_known = found.keys().all(|consumer| consumer.kind != ConsumerKind::Unknown);
        self.policy(resource, change).set(found, is_known, change);
    }

    /// Tells promotions with the policies that made what is promoted.
    fn link_promotions(&mut self) {
        let mut scopes: BTreeMap<Scope, Vec<String>> = BTreeMap::new();
        for (key, policy) in &self.policies {
            if let Some(scope) = Scope::of(&policy.resource) {
                scopes.entry(scope).or_default().push(key.clone());
            }
        }
        const SEVERAL: &str = "several policies of this account and Region may be what was promoted";
        for (scope, keys) in scopes {
            let of_scope = |share: &&mut ShareDraft| {
                (share.promotion.is_some() || !share.answers.is_empty())
                    && share.created.is_none()
                    && share.resources.is_empty()
                    && share.share.as_deref().and_then(Scope::of).as_ref() == Some(&scope)
            };
            let mut promoted: Vec<&mut ShareDraft> = self.shares.values_mut().filter(of_scope).collect();
            let of_permission = self.promotions.of(&scope);
            if let ([key], Some(policy)) = (&*keys, keys.first().and_then(|key| self.policies.get_mut(key))) {
                debug_assert_eq!(resource_key(&policy.resource), *key);
                if let Some((promotion, event_id)) = of_permission {
                    policy.promotion = Some(promotion.clone());
                    policy.evidence.extend(event_id.clone());
                }
                if let [share] = &mut *promoted {
                    share.is_of_policy = true;
                    policy.share.clone_from(&share.share);
                    policy.name.clone_from(&share.name);
                    policy.feature_set.clone_from(&share.feature_set);
                    if share.promotion.is_some() {
                        policy.promotion.clone_from(&share.promotion);
                    }
                    policy.answers.clone_from(&share.answers);
                    policy.evidence.extend(share.evidence.iter().cloned());
                    let note = "the only share of this account and Region whose resource no record names";
                    policy.notes.insert(note.to_owned());
                }
            } else if of_permission.is_some() || !promoted.is_empty() {
                for key in &keys {
                    if let Some(policy) = self.policies.get_mut(key) {
                        policy.notes.insert(SEVERAL.to_owned());
                    }
                }
            }
        }
    }
}

impl PolicyDraft {
    fn new(made_by: MadeBy, resource: &str) -> Self {
        Self {
            made_by,
            resource: resource.to_owned(),
            consumers: BTreeMap::new(),
            answers: BTreeMap::new(),
            share: None,
            name: None,
            feature_set: None,
            promotion: None,
            notes: BTreeSet::new(),
            evidence: BTreeSet::new(),
        }
    }

    /// The policy now lets these in, and nobody else if all of it is known.
    fn set(&mut self, found: BTreeMap<Consumer, Allowed>, is_known: bool, change: &Change) {
        if is_known {
            let gone = self.consumers.iter_mut().filter(|(consumer, _)| !found.contains_key(*consumer));
            gone.for_each(|(_, (member, _))| member.remove(change));
        } else if !self.consumers.is_empty() {
            self.notes.insert("a later policy is not known".to_owned());
        }
        for (consumer, allowed) in found {
            let (member, known) = self.consumers.entry(consumer).or_default();
            member.add(change);
            *known = allowed;
        }
    }
}

impl ShareDraft {
    fn add(&mut self, terms: &ShareTerms, change: &Change) {
        terms.resources.iter().for_each(|name| self.resources.entry(name.clone()).or_default().add(change));
        terms.principals.iter().for_each(|name| self.principals.entry(name.clone()).or_default().add(change));
        self.sources.extend(terms.sources.iter().cloned());
        let names = terms.permissions.iter().cloned();
        self.permissions.extend(names.map(|name| (name, terms.permission_version.clone())));
    }
}
