//! All grants of the input, built from the calls that created and ended them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::constraints::{Constraints, Holds};
use super::grant::Grant;
use super::index::{GrantIndex, Span};
use super::kind::Asked;
use super::lifecycle::{Change, GrantState, KeyUsability};
use super::time_line::InForce;
use crate::model::{EventTime, GrantTerms, Grantee, IsGrantee, KeyChange, KeyEffect, KmsEvent, Outcome};

/// All grants.
#[derive(Debug, Clone, Default)]
pub struct GrantLedger {
    grants: Vec<Grant>,
    index: GrantIndex,
    failed: u64,
    dry_runs: u64,
}

/// Grants of the ledger with which a call is consistent, or may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Match {
    /// The place of their kind.
    pub(super) kind: usize,
    pub(super) span: Span,
    /// How many they are.
    pub(super) count: usize,
    pub(super) operation: &'static str,
    /// Everything could be decided.
    pub(super) is_certain: bool,
    /// They are for a role or user by its ARN, whose unique id no record of them shows.
    pub(super) is_by_arn: bool,
}

impl GrantLedger {
    /// Builds the ledger from all changes, in the order of time.
    pub fn new(changes: &BTreeSet<KeyChange>) -> Self {
        let mut changes: Vec<&KeyChange> = changes.iter().collect();
        changes.sort_by_key(|change| (change.by.time, &change.by.event_id));
        let mut usability: BTreeMap<&str, KeyUsability> = BTreeMap::new();
        for change in &changes {
            if let Some(key) = change.key.as_deref() {
                usability.entry(key).or_default().apply(change);
            }
        }
        let mut draft = Draft::default();
        changes.iter().for_each(|change| draft.apply(change));
        let mut grants = draft.finish(&usability);
        let key_of = |grant: &Grant| {
            let time = grant.created.as_ref().or(grant.ended.as_ref()).map(|change| change.time);
            (grant.key.clone(), time, grant.terms.clone())
        };
        grants.sort_by_cached_key(key_of);
        find_orphans(&mut grants);
        let index = GrantIndex::new(&grants);
        let parent = |(place, child): (usize, &Grant)| {
            grants.get(index.parent_of(place, child)?)?.terms.grant_id.clone()
        };
        let parents: Vec<Option<String>> = grants.iter().enumerate().map(parent).collect();
        for (place, (grant, parent)) in grants.iter_mut().zip(parents).enumerate() {
            grant.parent = parent;
            grant.is_counted = grant.grantee.is_some() && !index.is_crowded(place, grant);
        }
        Self { grants, index, failed: draft.failed, dry_runs: draft.dry_runs }
    }

    /// The grants, sorted by key and time.
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// Calls that should have created a grant, and failed.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// CreateGrant calls that only asked whether they were allowed.
    pub fn dry_runs(&self) -> u64 {
        self.dry_runs
    }

    /// Whether there is no grant.
    pub fn is_empty(&self) -> bool {
        self.grants.is_empty()
    }

    /// Whether a call is consistent with a grant.
    pub fn fits(&self, event: &KmsEvent<'_>) -> bool {
        self.matches(event).iter().any(|found| found.is_certain)
    }

    /// The grants with which a call is consistent, or may be.
    pub(super) fn matches(&self, event: &KmsEvent<'_>) -> Vec<Match> {
        let mut found = Vec::new();
        if self.grants.is_empty() || event.outcome != Outcome::Success {
            return found;
        }
        for (key, operation) in operations(event) {
            let Some(key) = key else { continue };
            let call = Asked::new(event, operation);
            for (place, kind) in self.index.of_caller(key, &event.principal) {
                let is_grantee = kind.grantee.is(&event.principal);
                if is_grantee == IsGrantee::No || !kind.allows(operation) {
                    continue;
                }
                let is_by_arn = kind.grantee.is_role_or_user();
                for (span, InForce { count, .. }, holds) in self.index.fitting(kind, &call) {
                    let is_certain = is_grantee == IsGrantee::Yes && holds == Holds::Yes;
                    found.push(Match { kind: place, span, count, operation, is_certain, is_by_arn });
                }
            }
        }
        found
    }

    /// The spans in which a grant is in force, of each time line on which its calls are counted.
    pub(super) fn spans_of(&self, place: usize) -> impl Iterator<Item = (Span, Span)> {
        self.index.spans_of(place, &self.grants[place])
    }
}

/// Finds grants whose grantee was deleted: KMS answered the same request with another grant.
fn find_orphans(grants: &mut [Grant]) {
    let mut newest: HashMap<(Option<String>, GrantTerms), EventTime> = HashMap::new();
    // They are sorted by time within each key.
    for grant in grants.iter_mut().rev() {
        let is_told = grant.terms.name.is_some() && grant.terms.grant_id.is_some();
        let is_principal = grant.grantee.as_ref().is_some_and(Grantee::is_role_or_user);
        let Some(created) = grant.created.as_ref().filter(|_| is_told && is_principal) else { continue };
        let same = (grant.key.clone(), GrantTerms { grant_id: None, ..grant.terms.clone() });
        let later = newest.insert(same, created.time).filter(|later| *later > created.time);
        // After its end, the same request creates a new one in any case.
        grant.orphaned_since =
            later.filter(|later| grant.ended.as_ref().is_none_or(|ended| ended.time > *later));
    }
}

/// Calls whose operation, of the same name, a grant may allow.
///
/// Source: [grant operations](https://docs.aws.amazon.com/kms/latest/developerguide/grants.html#terms-grant-operations).
const SAME_NAME: [&str; 15] = [
    "CreateGrant",
    "Decrypt",
    "DeriveSharedSecret",
    "DescribeKey",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "GetPublicKey",
    "RetireGrant",
    "Sign",
    "Verify",
    "VerifyMac",
];

/// The operations of a grant that a call needs, and the keys on which.
fn operations<'e>(event: &'e KmsEvent<'_>) -> impl Iterator<Item = (Option<&'e str>, &'static str)> {
    let key = event.key.arn.as_deref();
    let both = match &*event.name {
        "ReEncrypt" => {
            [Some((key, "ReEncryptFrom")), Some((event.destination_key_arn.as_deref(), "ReEncryptTo"))]
        }
        name => [SAME_NAME.into_iter().find(|known| *known == name).map(|known| (key, known)), None],
    };
    both.into_iter().flatten()
}

/// The state of a grant that a call has ended.
fn ended_state(grant: &Grant) -> GrantState {
    match grant.ended.as_ref().map(|change| change.event_name.as_str()) {
        Some("RetireGrant") => GrantState::Retired,
        Some(_) => GrantState::Revoked,
        None => grant.state,
    }
}

/// Grants as they come and go.
#[derive(Default)]
struct Draft {
    /// By key and id.
    by_id: BTreeMap<(Option<String>, String), Grant>,
    /// Those whose id no record shows.
    without_id: Vec<Grant>,
    failed: u64,
    dry_runs: u64,
}

impl Draft {
    fn apply(&mut self, change: &KeyChange) {
        match &change.effect {
            KeyEffect::CreatesGrant(terms) => self.create(change, terms),
            KeyEffect::FailsToCreateGrant => self.failed += 1,
            KeyEffect::TriesToCreateGrant => self.dry_runs += 1,
            KeyEffect::RetiresGrant { grant_id } => {
                self.end(change, grant_id.as_deref(), GrantState::Retired)
            }
            KeyEffect::RevokesGrant { grant_id } => {
                self.end(change, grant_id.as_deref(), GrantState::Revoked)
            }
            _ => {}
        }
    }

    fn create(&mut self, change: &KeyChange, terms: &GrantTerms) {
        let new = || Grant {
            key: change.key.clone(),
            terms: terms.clone(),
            created: Some(Change::new(change)),
            repeated: 0,
            ended: None,
            state: if terms.grant_id.is_some() { GrantState::Open } else { GrantState::Unknown },
            unusable_since: None,
            orphaned_since: None,
            parent: None,
            is_counted: false,
            grantee: terms.grantee.as_deref().map(Grantee::new),
            constraints: Constraints::new(terms.constraints.as_deref()),
        };
        let Some(id) = &terms.grant_id else { return self.without_id.push(new()) };
        let known = self.by_id.entry((change.key.clone(), id.clone())).or_insert_with(new);
        match &known.created {
            // Times are whole seconds: within one, the end may come first in this order.
            None => {
                let (state, ended) = (ended_state(known), known.ended.take());
                *known = Grant { state, ended, ..new() };
            }
            // The other account's copy of the same call is no second call.
            Some(created) => known.repeated += u64::from(created.time != change.by.time),
        }
    }

    fn end(&mut self, change: &KeyChange, id: Option<&str>, state: GrantState) {
        // Without an id, it is not known which grant has ended.
        let Some(id) = id else { return };
        let grant = self.by_id.entry((change.key.clone(), id.to_owned())).or_insert_with(|| Grant {
            key: change.key.clone(),
            terms: GrantTerms { grant_id: Some(id.to_owned()), ..GrantTerms::default() },
            created: None,
            repeated: 0,
            ended: None,
            state: GrantState::CreatedBeforeWindow,
            unusable_since: None,
            orphaned_since: None,
            parent: None,
            is_counted: false,
            grantee: None,
            constraints: Constraints::default(),
        });
        if grant.ended.is_none() {
            grant.ended = Some(Change::new(change));
            if grant.state == GrantState::Open {
                grant.state = state;
            }
        }
    }

    /// Gives the ends in records that name no key (older ones have no `resources`, some name an
    /// alias) to the grant with that id, if only one key has such a grant.
    fn join_ends_without_key(&mut self) {
        let is_key = |key: &Option<String>| key.as_deref().is_some_and(|key| key.contains(":key/"));
        let mut of_id: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
        for (key, id) in self.by_id.keys().filter(|(key, _)| is_key(key)) {
            of_id.entry(id.clone()).or_default().push(key.clone());
        }
        let without_key = |((key, _), grant): &(&(Option<String>, String), &Grant)| {
            !is_key(key) && grant.created.is_none() && grant.ended.is_some()
        };
        let without: Vec<_> = self.by_id.iter().filter(without_key).map(|(name, _)| name.clone()).collect();
        for name in without {
            let Some([key]) = of_id.get(&name.1).map(Vec::as_slice) else { continue };
            let Some(end) = self.by_id.remove(&name) else { continue };
            if let Some(grant) = self.by_id.get_mut(&(key.clone(), name.1))
                && grant.ended.is_none()
            {
                grant.ended = end.ended;
                grant.state = ended_state(grant);
            }
        }
    }

    fn finish(&mut self, usability: &BTreeMap<&str, KeyUsability>) -> Vec<Grant> {
        self.join_ends_without_key();
        let grants = std::mem::take(&mut self.by_id).into_values();
        let mut grants: Vec<Grant> = grants.chain(std::mem::take(&mut self.without_id)).collect();
        for grant in &mut grants {
            let Some(key) = grant.key.as_deref().and_then(|key| usability.get(key)) else { continue };
            if grant.ended.is_some() {
                continue;
            }
            grant.unusable_since = key.unusable_since;
            if let Some(deleted) = &key.deleted {
                grant.ended = Some(deleted.clone());
                grant.state = GrantState::KeyDeleted;
            }
        }
        grants
    }
}
