//! Shares as they come and go, from the calls that made, changed and ended them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::consumer::{Consumer, ConsumerKind};
use super::keys::{alias_arn, key_arn};
use super::members::{Member, Members};
use super::policy::{Allowed, consumers};
use super::promotion::{Promotions, Version};
use super::resource::{kind_of_permission, owner_of, resource_key, resource_kind};
use super::share::{MadeBy, Promotion};
use crate::aggregate::grants::Change;
use crate::model::{
    Arn, EventTime, Invitation, KeyChange, KeyEffect, OfflineStore, Outcome, PolicyText, ShareCall,
    ShareEffect, ShareTerms,
};

/// Most shares of one principal among which one is looked for.
const CROWD: usize = 1_000;
/// Most consumers of one policy, in all its versions.
const CONSUMERS: usize = 10_000;

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
    pub(super) promotion: Option<(Promotion, EventTime)>,
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
    /// What the policy was, by time.
    pub(super) versions: Vec<Version>,
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
    /// By principal: names of shares that have it, or had it; at most [`CROWD`].
    shares_with: HashMap<String, BTreeSet<String>>,
    pub(super) promotions: Promotions,
    pub(super) permission_changes: Vec<PermissionChange>,
}

impl Draft {
    pub(super) fn apply(&mut self, call: &ShareCall, key_of: &impl Fn(&str, EventTime) -> Option<String>) {
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
                self.share(terms, call, &change).set_permissions(terms);
            }
            ShareEffect::RemovesPermission(terms) => {
                let share = self.share(terms, call, &change);
                share.permissions.retain(|name, _| !terms.permissions.contains(name));
            }
            ShareEffect::PromotesShare(terms) => {
                let share = self.share(terms, call, &change);
                if !share.is_promoted() {
                    share.promotion = Some((Promotion::Done, change.time));
                }
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
                policy.end_version(&change);
            }
            ShareEffect::SetsArtifactKey { resource, key } => {
                // A bare alias is one of the caller's account, whosever the group is.
                let own = || {
                    let Arn { partition, region, .. } = Arn::parse(&resource.arn)?;
                    let account = call.caller_account.as_deref()?;
                    Some(format!("arn:{partition}:sagemaker:{region}:{account}:model-package-group/g"))
                };
                let of = own().unwrap_or_else(|| resource.arn.clone());
                let alias = alias_arn(key, &of);
                let named = alias.and_then(|alias| key_of(&alias, change.time)).or_else(|| key_arn(key, &of));
                self.artifacts.extend(named.map(|key| (resource.arn.clone(), key)));
            }
            ShareEffect::StoresOffline(store) => {
                let time = change.time;
                let resolved = |key: &String| {
                    let alias = alias_arn(key, &store.group);
                    let key_of_alias = alias.and_then(|alias| key_of(&alias, time));
                    key_of_alias.or_else(|| key_arn(key, &store.group)).unwrap_or_else(|| key.clone())
                };
                let key = resource_key(&store.group);
                let (OfflineStore { role, uri, key: named, .. }, first) =
                    self.stores.remove(&key).unwrap_or_else(|| (OfflineStore::default(), change));
                // Only some calls say everything.
                let known = OfflineStore {
                    group: store.group.clone(),
                    role: store.role.clone().or(role),
                    uri: store.uri.clone().or(uri),
                    key: store.key.as_ref().map(resolved).or(named),
                };
                self.stores.insert(key, (known, first));
            }
            _ => {}
        }
    }

    /// Whom of other accounts the policy of a key lets in.
    pub(super) fn apply_to_key(&mut self, change: &KeyChange) {
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
                if !share.is_promoted() {
                    share.promotion = Some((Promotion::Failed(code), change.time));
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
        for principal in &terms.principals {
            let shares = self.shares_with.entry(principal.clone()).or_default();
            if shares.len() < CROWD {
                shares.insert(key.clone());
            }
        }
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
            share.notes.insert("not all parameters of a call are known".to_owned());
        }
        share
    }

    /// An answer to an invitation. Only a successful one names the share.
    fn answer(&mut self, call: &ShareCall, invitation: &Invitation, answer: Answer) {
        let receiver = invitation.receiver.as_deref().or(call.caller_account.as_deref());
        let Some(receiver) = receiver.map(str::to_owned) else { return };
        let mut notes = None;
        let key = invitation.share.clone().or_else(|| {
            let is_open = |key: &&String| {
                self.shares.get(*key).is_some_and(|share| {
                    share.deleted.is_none()
                        && !share.answers.contains_key(&receiver)
                        && share.principals.get(&receiver).is_some_and(|member| member.end().is_none())
                })
            };
            let with = self.shares_with.get(&receiver).filter(|keys| keys.len() < CROWD)?;
            let mut open = with.iter().filter(is_open);
            let key = open.next().filter(|_| open.next().is_none())?;
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
}

impl PolicyDraft {
    fn new(made_by: MadeBy, resource: &str) -> Self {
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
            notes: BTreeSet::new(),
            evidence: BTreeSet::new(),
        }
    }

    /// The policy now lets these in, and nobody else if all of it is known.
    fn set(&mut self, found: BTreeMap<Consumer, Allowed>, is_known: bool, change: &Change) {
        let is_tied = self.versions.last().is_some_and(|last| last.from == change.time);
        if is_tied {
            self.notes.insert("policies were set within one second: which came last is not known".to_owned());
        } else if is_known {
            let gone = self.consumers.iter_mut().filter(|(consumer, _)| !found.contains_key(*consumer));
            gone.for_each(|(_, (member, _))| member.remove(change));
        } else if !self.consumers.is_empty() {
            self.notes.insert("a later policy is not known".to_owned());
        }
        if let Some(last) = self.versions.last_mut() {
            last.until.get_or_insert(change.time);
        }
        self.versions.push(Version::new(&found, change));
        for (consumer, allowed) in found {
            if self.consumers.len() >= CONSUMERS && !self.consumers.contains_key(&consumer) {
                self.notes.insert("it has had more consumers than are kept".to_owned());
                continue;
            }
            let (member, known) = self.consumers.entry(consumer).or_default();
            member.add(change);
            if is_tied { *known += allowed } else { *known = allowed }
        }
    }

    /// The policy was in force until now, if it was.
    fn end_version(&mut self, change: &Change) {
        match self.versions.last_mut() {
            Some(last) => {
                last.until.get_or_insert(change.time);
            }
            None => self.versions.push(Version::until(change)),
        }
    }
}

impl ShareDraft {
    /// A share has one permission for each kind of resource: a new one takes the place of the old.
    fn set_permissions(&mut self, terms: &ShareTerms) {
        let mut kinds = self.resources.keys().map(|arn| resource_kind(arn));
        let first = kinds.next();
        let has_one_kind = first.is_some() && kinds.all(|kind| Some(&kind) == first.as_ref());
        for new in &terms.permissions {
            // Of a customer's permission, nothing says for which kind it is.
            let kind = kind_of_permission(new);
            let is_replaced = |old: &str| has_one_kind || kind.is_some() && kind_of_permission(old) == kind;
            self.permissions.retain(|old, _| !is_replaced(old));
            self.permissions.insert(new.clone(), terms.permission_version.clone());
        }
    }

    fn is_promoted(&self) -> bool {
        matches!(self.promotion, Some((Promotion::Done, _)))
    }

    fn add(&mut self, terms: &ShareTerms, change: &Change) {
        terms.resources.iter().for_each(|name| self.resources.entry(name.clone()).or_default().add(change));
        terms.principals.iter().for_each(|name| self.principals.entry(name.clone()).or_default().add(change));
        self.sources.extend(terms.sources.iter().cloned());
        let names = terms.permissions.iter().cloned();
        self.permissions.extend(names.map(|name| (name, terms.permission_version.clone())));
    }
}
