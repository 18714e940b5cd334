//! What calls show about key policies: which permissions of which statements were used, and which
//! calls no statement explains. Independent of what is selected, as the ledger of grants.
//!
//! Memory: some 300 bytes per key, caller, permission and version of a policy, of at most
//! [`LIMIT`] callers.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use super::activity::LIMIT;
use crate::model::{DeniedBy, EventTime, KmsEvent, Outcome, Principal, Text, Workload, WorkloadSet};
use crate::policy::{
    Applied, AppliedHow, ContextValue, Effect, Judgement, KeyPolicies, Request, Verdict, in_force,
};

/// One permission that a statement gives to, or denies, whom one of its elements names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartId {
    /// The place of the policy among the versions of the key's policy.
    pub version: usize,
    /// The place of the statement in it.
    pub statement: usize,
    /// The place of the element in its `Principal`; `None`: it has `NotPrincipal`.
    pub element: Option<usize>,
    /// The permission, without `kms:`.
    pub permission: &'static str,
}

/// Records of calls, and one of them. Each delivered copy of a call is a record; of the records of
/// two accounts, the caller's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Records {
    /// How many.
    pub count: u64,
    /// `eventTime` of the first and the last.
    pub times: Option<(EventTime, EventTime)>,
    /// `eventID` of the first; of several at that time, the smallest.
    pub event_id: Option<String>,
}

/// How often a part of a statement applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartUse {
    /// Calls that it allowed and that succeeded; of a `Deny`: refused calls that it denies.
    pub applied: Records,
    /// Those of them that no other statement of the policy allows.
    pub alone: u64,
    /// Successful calls of the account that it names, whose IAM policies decided.
    pub by_account: Records,
    /// Successful calls that it allows or does not: the records do not show enough.
    pub undecided: Records,
    /// Why; of several reasons, the first in the alphabet.
    pub reason: Option<String>,
}

/// What a caller did with one permission.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallerUse {
    /// Successful calls that a statement allows.
    pub allowed: Records,
    /// Successful calls of an account that a statement names.
    pub by_account: Records,
    /// Successful calls that no statement allows.
    pub unexplained: Records,
    /// Those of them that are consistent with a grant.
    pub unexplained_with_grant: u64,
    /// Successful calls that are consistent with a grant, whatever statements say.
    pub with_grant: u64,
    /// Successful calls of a time whose policy is not known.
    pub policy_unknown: Records,
    /// What conditions could ask of the successful calls.
    pub traits: CallTraits,
    /// Successful calls that a statement denies.
    pub denied: Records,
    /// Successful calls of which records do not show enough to decide.
    pub undecided: Records,
    /// Why; of several reasons, the first in the alphabet.
    pub reason: Option<String>,
    /// Refused calls.
    pub refused: Records,
    /// What refused them, as far as records say.
    pub refused_by: BTreeSet<DeniedBy>,
    /// What the policy says about the refused calls: it allows them.
    pub refused_though_allowed: u64,
}

/// What all calls of one kind have in common, as far as conditions of policies can ask for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallTraits {
    /// Through which services: `kms:ViaService`. `None` stands for calls without one.
    pub via_services: Few<Option<String>>,
    /// Buckets of `aws:s3:arn` in the encryption context. `None` stands for calls without one.
    pub buckets: Few<Option<String>>,
    /// For resources of which accounts a service acted. `None` stands for calls that do not say so.
    pub source_accounts: Few<Option<String>>,
    /// Sessions of the role that called. `None` stands for calls without one.
    pub sessions: Few<Option<String>>,
}

/// A set of a few values; of more than [`Few::MOST`], nothing is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Few<T>(Option<BTreeSet<T>>);

impl<T: Ord> Few<T> {
    /// Most values that are kept.
    pub const MOST: usize = 8;

    fn insert(&mut self, value: T) {
        if let Some(values) = &mut self.0 {
            values.insert(value);
            if values.len() > Self::MOST {
                self.0 = None;
            }
        }
    }

    /// The values; `None`: there are too many.
    pub fn values(&self) -> Option<&BTreeSet<T>> {
        self.0.as_ref()
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(Some(BTreeSet::new()))
    }
}

impl<T: Ord> AddAssign for Few<T> {
    fn add_assign(&mut self, other: Self) {
        match other.0 {
            Some(values) => values.into_iter().for_each(|value| self.insert(value)),
            None => self.0 = None,
        }
    }
}

impl CallTraits {
    fn add(&mut self, request: &Request<'_>) {
        let own = |text: &Option<Text<'_>>| text.as_deref().map(str::to_owned);
        let via = match request.value("kms:ViaService") {
            ContextValue::One(service) => Some(service.into_owned()),
            _ => None,
        };
        self.via_services.insert(via);
        self.buckets.insert(own(&request.event.s3_bucket));
        self.source_accounts.insert(own(&request.event.source_account_id));
        self.sessions.insert(own(&request.event.principal.session_name));
    }
}

impl AddAssign for CallTraits {
    fn add_assign(&mut self, other: Self) {
        self.via_services += other.via_services;
        self.buckets += other.buckets;
        self.source_accounts += other.source_accounts;
        self.sessions += other.sessions;
    }
}

/// A caller of a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyCaller {
    /// `userIdentity.type`
    pub kind: String,
    /// Its account.
    pub account_id: Option<String>,
    /// What its calls are for.
    pub workloads: WorkloadSet,
    /// What it did, by version of the policy (`None`: not known) and permission.
    pub uses: BTreeMap<(Option<usize>, &'static str), CallerUse>,
}

impl KeyCaller {
    /// The caller with this name, as far as all of its calls show it.
    pub fn as_principal<'c>(&'c self, name: &'c str) -> Principal<'c> {
        Principal {
            name: name.into(),
            kind: self.kind.as_str().into(),
            account_id: self.account_id.as_deref().map(Into::into),
            ..Principal::UNKNOWN
        }
    }
}

/// What calls show about the policies of one key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyPolicyUses {
    /// Parts of statements.
    pub parts: BTreeMap<PartId, PartUse>,
    /// Its callers, by the column `principal` of events.
    pub callers: BTreeMap<String, KeyCaller>,
    /// There were too many callers: those that come last in the alphabet are missing.
    pub has_forgotten: bool,
}

/// What calls show about all policies, by the ARN of the key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyUses {
    keys: BTreeMap<String, KeyPolicyUses>,
}

/// What else is known of a call.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct CallContext {
    /// It is consistent with a grant.
    pub has_grant: bool,
    /// What it is for.
    pub workloads: WorkloadSet,
}

impl PolicyUses {
    /// Adds what a call shows about these policies of its key, of which there is at least one.
    pub fn add(&mut self, policies: KeyPolicies<'_>, request: &Request<'_>, context: CallContext) {
        let Some(key) = request.key_arn else { return };
        if let Some(uses) = self.keys.get_mut(key) {
            return uses.add(policies, request, context);
        }
        self.keys.entry(key.to_owned()).or_default().add(policies, request, context);
    }

    /// What calls show about the policies of a key.
    pub fn of_key(&self, key_arn: &str) -> Option<&KeyPolicyUses> {
        self.keys.get(key_arn)
    }

    /// The keys with calls of a workload.
    pub fn keys_of(&self, workload: Workload) -> BTreeSet<&str> {
        let is_of = |uses: &KeyPolicyUses| {
            uses.callers.values().any(|caller| caller.workloads.intersects(WorkloadSet::single(workload)))
        };
        self.keys.iter().filter(|(_, uses)| is_of(uses)).map(|(key, _)| key.as_str()).collect()
    }

    /// The keys, and what calls show about their policies.
    pub fn keys(&self) -> impl Iterator<Item = (&str, &KeyPolicyUses)> {
        self.keys.iter().map(|(key, uses)| (key.as_str(), uses))
    }
}

impl KeyPolicyUses {
    /// No calls.
    pub const NONE: Self = Self { parts: BTreeMap::new(), callers: BTreeMap::new(), has_forgotten: false };

    fn add(&mut self, policies: KeyPolicies<'_>, request: &Request<'_>, context: CallContext) {
        let event = request.event;
        let judgement = judge(policies, request);
        if let Some((version, judgement)) = &judgement {
            self.add_parts(*version, judgement, request);
        }
        let caller = match self.callers.get_mut(&*event.principal.name) {
            Some(known) => known,
            None => {
                self.callers.entry(event.principal.name.clone().into_owned()).or_insert_with(|| KeyCaller {
                    kind: event.principal.kind.clone().into_owned(),
                    account_id: event.principal.account_id.as_deref().map(str::to_owned),
                    ..KeyCaller::default()
                })
            }
        };
        caller.workloads |= context.workloads;
        let version = judgement.as_ref().map(|(version, _)| *version);
        let verdict = judgement.map(|(_, judgement)| judgement.verdict);
        caller.uses.entry((version, request.action)).or_default().add(request, verdict, context.has_grant);
        self.trim();
    }

    /// Adds which parts of statements applied to a call.
    fn add_parts(&mut self, version: usize, judgement: &Judgement, request: &Request<'_>) {
        let event = request.event;
        let is_direct_allow =
            |one: &&Applied| one.effect == Effect::Allow && matches!(one.how, AppliedHow::Directly(_));
        let is_alone = judgement.applied.iter().filter(is_direct_allow).count() == 1;
        for one in &judgement.applied {
            let counts = match one.effect {
                Effect::Allow => event.outcome == Outcome::Success && judgement.verdict != Verdict::Denies,
                Effect::Deny => event.outcome == Outcome::Denied,
            };
            if !counts {
                continue;
            }
            let element = match &one.how {
                AppliedHow::Directly(element) | AppliedHow::Perhaps { element, .. } => *element,
                AppliedHow::ByAccount(element) => Some(*element),
            };
            let part = PartId { version, statement: one.statement, element, permission: request.action };
            let part = self.parts.entry(part).or_default();
            match &one.how {
                AppliedHow::Directly(_) => {
                    part.applied.add(event);
                    part.alone += u64::from(is_alone && one.effect == Effect::Allow);
                }
                AppliedHow::ByAccount(_) => part.by_account.add(event),
                AppliedHow::Perhaps { why, .. } => {
                    part.undecided.add(event);
                    keep_first(&mut part.reason, why);
                }
            }
        }
    }

    /// Forgets what is beyond the limit: it does not depend on the order of the calls what is kept.
    fn trim(&mut self) {
        while self.callers.len() > LIMIT {
            self.callers.pop_last();
            self.has_forgotten = true;
        }
    }
}

/// What the policy in force says about a call, and which of the key's policies that is; `None`: the
/// policy of that time is not known.
fn judge(policies: KeyPolicies<'_>, request: &Request<'_>) -> Option<(usize, Judgement)> {
    let (event, versions) = (request.event, policies.versions);
    let judge = |version: usize| {
        let known = versions.get(version)?;
        let mut judgement = known.policy.as_ref().ok()?.judge(request);
        if let Some(why) = policies.what_is_unknown(version, event.time) {
            // What is not known may allow the call; `default` may deny it, too.
            let may_change = judgement.verdict == Verdict::NotByThisPolicy
                || known.is_partial && judgement.verdict != Verdict::Denies;
            if may_change {
                judgement.verdict = Verdict::Undecidable(why.into());
            }
        }
        Some((version, judgement))
    };
    // A call that sets a policy was allowed by the one before it.
    let before_itself = i64::from(event.name == "PutKeyPolicy");
    let mut in_force = in_force(versions, EventTime(event.time.0.saturating_sub(before_itself)));
    let last = judge(in_force.next()?);
    let is_explained = last.as_ref().is_some_and(|(_, last)| last.verdict == Verdict::Allows);
    if event.outcome != Outcome::Success || is_explained {
        return last;
    }
    // Shortly after a change, the policy before it may still have decided.
    let before = in_force.filter_map(judge).find(|(_, before)| before.verdict == Verdict::Allows);
    before.or(last)
}

impl CallerUse {
    fn add(&mut self, request: &Request<'_>, verdict: Option<Verdict>, has_grant: bool) {
        let event = request.event;
        match event.outcome {
            Outcome::Denied => {
                self.refused.add(event);
                self.refused_by.extend(event.denied_by);
                self.refused_though_allowed += u64::from(verdict == Some(Verdict::Allows));
            }
            Outcome::Success => {
                let records = match verdict {
                    None => &mut self.policy_unknown,
                    Some(Verdict::Allows) => &mut self.allowed,
                    Some(Verdict::Denies) => &mut self.denied,
                    Some(Verdict::ByAccount) => &mut self.by_account,
                    Some(Verdict::Undecidable(reason)) => {
                        keep_first(&mut self.reason, &reason);
                        &mut self.undecided
                    }
                    Some(_) => {
                        self.unexplained_with_grant += u64::from(has_grant);
                        &mut self.unexplained
                    }
                };
                records.add(event);
                self.with_grant += u64::from(has_grant);
                self.traits.add(request);
            }
            _ => {}
        }
    }

    /// All successful calls.
    pub fn succeeded(&self) -> Records {
        let mut all = self.allowed.clone();
        let others =
            [&self.by_account, &self.unexplained, &self.denied, &self.undecided, &self.policy_unknown];
        others.into_iter().for_each(|records| all += records.clone());
        all
    }
}

/// Of several reasons, the first in the alphabet is kept.
fn keep_first(known: &mut Option<String>, reason: &str) {
    if known.as_deref().is_none_or(|known| reason < known) {
        *known = Some(reason.to_owned());
    }
}

impl Records {
    fn add(&mut self, event: &KmsEvent<'_>) {
        self.add_one(1, (event.time, event.time), event.event_id.as_deref());
    }

    fn add_one(&mut self, count: u64, times: (EventTime, EventTime), event_id: Option<&str>) {
        self.count += count;
        let (first, last) = self.times.unwrap_or(times);
        let is_smaller =
            || self.event_id.as_deref().is_none_or(|known| event_id.is_some_and(|id| id < known));
        if self.times.is_none() || times.0 < first || times.0 == first && is_smaller() {
            self.event_id = event_id.map(str::to_owned);
        }
        self.times = Some((first.min(times.0), last.max(times.1)));
    }
}

impl AddAssign for Records {
    fn add_assign(&mut self, other: Self) {
        if let Some(times) = other.times {
            self.add_one(other.count, times, other.event_id.as_deref());
        }
    }
}

impl AddAssign for PartUse {
    fn add_assign(&mut self, other: Self) {
        self.applied += other.applied;
        self.alone += other.alone;
        self.by_account += other.by_account;
        self.undecided += other.undecided;
        if let Some(reason) = other.reason {
            keep_first(&mut self.reason, &reason);
        }
    }
}

impl AddAssign for CallerUse {
    fn add_assign(&mut self, other: Self) {
        self.allowed += other.allowed;
        self.by_account += other.by_account;
        self.unexplained += other.unexplained;
        self.unexplained_with_grant += other.unexplained_with_grant;
        self.with_grant += other.with_grant;
        self.policy_unknown += other.policy_unknown;
        self.traits += other.traits;
        self.denied += other.denied;
        self.undecided += other.undecided;
        self.refused += other.refused;
        self.refused_by.extend(other.refused_by);
        self.refused_though_allowed += other.refused_though_allowed;
        if let Some(reason) = other.reason {
            keep_first(&mut self.reason, &reason);
        }
    }
}

impl AddAssign for KeyCaller {
    fn add_assign(&mut self, other: Self) {
        other.workloads.iter().for_each(|workload| self.workloads.insert(workload));
        merge(&mut self.uses, other.uses);
    }
}

impl AddAssign for KeyPolicyUses {
    fn add_assign(&mut self, other: Self) {
        merge(&mut self.parts, other.parts);
        merge(&mut self.callers, other.callers);
        self.has_forgotten = self.has_forgotten || other.has_forgotten;
        self.trim();
    }
}

impl AddAssign for PolicyUses {
    fn add_assign(&mut self, other: Self) {
        merge(&mut self.keys, other.keys);
    }
}

fn merge<K: Ord, V: AddAssign>(into: &mut BTreeMap<K, V>, other: BTreeMap<K, V>) {
    for (key, value) in other {
        match into.entry(key) {
            Entry::Occupied(mut known) => *known.get_mut() += value,
            Entry::Vacant(new) => drop(new.insert(value)),
        }
    }
}
