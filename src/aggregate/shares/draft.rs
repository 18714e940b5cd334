//! Shares as they come and go, from the calls that made, changed and ended them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::answer::{Answer, AnswerKind};
use super::attempts::Attempts;
use super::consumer::{Consumer, ConsumerKind};
use super::keys::{alias_arn, key_arn};
use super::members::Members;
use super::permissions::Permissions;
use super::policy::consumers;
use super::policy_draft::PolicyDraft;
use super::promotion::Promotions;
use super::resource::{is_other, kind_of_permission, owner_of, resource_key, resource_kind};
use super::scope::Templates;
use super::share::{MadeBy, Promotion};
use crate::aggregate::grants::Change;
use crate::model::{
    Arn, EventTime, Invitation, KeyChange, KeyEffect, OfflineStore, Outcome, PolicyText, ShareCall,
    ShareEffect, ShareTerms,
};

/// Most shares of one principal among which one is looked for.
const CROWD: usize = 1_000;

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
    pub(super) permissions: Permissions,
    pub(super) sources: BTreeSet<String>,
    pub(super) answers: BTreeMap<String, Answer>,
    pub(super) promotion: Option<(Promotion, EventTime)>,
    pub(super) notes: BTreeSet<String>,
    pub(super) evidence: BTreeSet<String>,
    /// It is told with the policy that made it.
    pub(super) is_of_policy: bool,
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
    /// By resource: names of shares that have it, and how they spell it.
    shares_of: HashMap<String, BTreeSet<(String, String)>>,
    pub(super) templates: Templates,
    pub(super) attempts: Attempts,
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
                share.add(terms, call, &change);
                self.index_resources(terms, call);
            }
            ShareEffect::Associates(terms) => {
                self.share(terms, call, &change).add(terms, call, &change);
                self.index_resources(terms, call);
            }
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
                self.share(terms, call, &change).set_permissions(terms, change.time);
            }
            ShareEffect::RemovesPermission(terms) => {
                let share = self.share(terms, call, &change);
                share
                    .permissions
                    .retain(|name| !terms.permissions.iter().any(|gone| gone == name), change.time);
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
            ShareEffect::ChangesPermission { permission: Some(permission), replaces, template, .. } => {
                let is_first = change.event_name == "CreatePermission";
                if is_first || change.event_name == "CreatePermissionVersion" {
                    self.templates.add(permission, template.as_deref(), is_first);
                }
                self.changes_permission(&change, permission, replaces.as_deref());
            }
            ShareEffect::PutsPolicy { resource, text } => {
                self.puts_policy(&resource.arn, text, call.caller_account.as_deref(), &change);
            }
            ShareEffect::DeletesPolicy(resource) => self.policy(&resource.arn, &change).end(&change),
            ShareEffect::DeletesResource(resource) => self.ends(&resource.arn, &change),
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
        policy.set(found, is_known, false, &Change::new(change));
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
            _ => self.attempts.add(call),
        }
    }

    /// The share that a call is about.
    fn share(&mut self, terms: &ShareTerms, call: &ShareCall, change: &Change) -> &mut ShareDraft {
        let key = share_key(terms, call);
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

    fn changes_permission(&mut self, change: &Change, permission: &str, replaces: Option<&str>) {
        match &*change.event_name {
            "PromotePermissionCreatedFromPolicy" => {
                self.promotions.add(permission, change, Promotion::PermissionOnly);
            }
            "ReplacePermissionAssociations" | "SetDefaultPermissionVersion" | "CreatePermissionVersion" => {
                for share in self.shares.values_mut().filter(|share| share.deleted.is_none()) {
                    if replaces.is_some_and(|old| share.permissions.replace(old, permission, change.time)) {
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

    fn puts_policy(&mut self, resource: &str, text: &PolicyText, caller: Option<&str>, change: &Change) {
        let found = consumers(text);
        let is_known = found.keys().all(|consumer| consumer.kind != ConsumerKind::Unknown);
        let is_by_other = is_other(caller, owner_of(resource));
        let policy = self.policy(resource, change);
        if caller.is_none() {
            policy.notes.insert("which account set the policy is not known".to_owned());
        }
        policy.set(found, is_known, is_by_other, change);
    }

    fn index_resources(&mut self, terms: &ShareTerms, call: &ShareCall) {
        let key = share_key(terms, call);
        for name in terms.resources.iter().filter(|name| name.contains(":sagemaker:")) {
            self.shares_of.entry(resource_key(name)).or_default().insert((key.clone(), name.clone()));
        }
    }

    /// The resource was deleted, and with it whatever shares it.
    fn ends(&mut self, resource: &str, change: &Change) {
        let key = resource_key(resource);
        if let Some(policy) = self.policies.get_mut(&key) {
            policy.evidence.extend(change.event_id.clone());
            policy.end(change);
        }
        for (name, spelled) in self.shares_of.remove(&key).unwrap_or_default() {
            let Some(share) = self.shares.get_mut(&name) else { continue };
            share.evidence.extend(change.event_id.clone());
            share.resources.entry(spelled).or_default().remove(change);
        }
    }
}

/// The name of the share that a call is about.
fn share_key(terms: &ShareTerms, call: &ShareCall) -> String {
    let without_arn = || format!("call {}", call.by.event_id.as_deref().unwrap_or_default());
    terms.share.clone().unwrap_or_else(without_arn)
}

impl ShareDraft {
    /// A share has one permission for each kind of resource: a new one takes the place of the old.
    fn set_permissions(&mut self, terms: &ShareTerms, time: EventTime) {
        let mut kinds = self.resources.keys().map(|arn| resource_kind(arn));
        let first = kinds.next();
        let has_one_kind = first.is_some() && kinds.all(|kind| Some(&kind) == first.as_ref());
        for new in &terms.permissions {
            // Of a customer's permission, nothing says for which kind it is.
            let kind = kind_of_permission(new);
            let is_replaced = |old: &str| has_one_kind || kind.is_some() && kind_of_permission(old) == kind;
            self.permissions.retain(|old| !is_replaced(old), time);
            self.permissions.put(new, terms.permission_version.clone(), time);
        }
    }

    fn is_promoted(&self) -> bool {
        matches!(self.promotion, Some((Promotion::Done, _)))
    }

    fn add(&mut self, terms: &ShareTerms, call: &ShareCall, change: &Change) {
        let is_by_other = is_other(call.caller_account.as_deref(), self.owner.as_deref());
        let add = |members: &mut Members, names: &[String]| {
            names.iter().for_each(|name| members.entry(name.clone()).or_default().add(change, is_by_other));
        };
        add(&mut self.resources, &terms.resources);
        add(&mut self.principals, &terms.principals);
        self.sources.extend(terms.sources.iter().cloned());
        for name in &terms.permissions {
            self.permissions.put(name, terms.permission_version.clone(), change.time);
        }
    }
}
