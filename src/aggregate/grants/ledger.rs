//! All grants of the input, built from the calls that created and ended them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::constraints::{Constraints, Holds};
use super::grant::Grant;
use super::index::GrantIndex;
use super::lifecycle::{Change, GrantState, KeyUsability};
use crate::model::{EventTime, GrantTerms, Grantee, IsGrantee, KeyChange, KeyEffect, KmsEvent, Outcome};

/// All grants.
#[derive(Debug, Clone, Default)]
pub struct GrantLedger {
    grants: Vec<Grant>,
    index: GrantIndex,
    failed: u64,
    dry_runs: u64,
}

/// A grant of the ledger with which a call is consistent, or may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) grant: usize,
    pub(super) operation: &'static str,
    /// Everything could be decided.
    pub(super) is_certain: bool,
    /// The grant is for a role or user by its ARN, whose unique id no record of the grant shows.
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
        for grant in &mut grants {
            grant.is_counted = grant.grantee.is_some() && !index.is_crowded(grant);
        }
        let mut ledger = Self { grants, index, failed: draft.failed, dry_runs: draft.dry_runs };
        let parents: Vec<Option<String>> = (0..ledger.grants.len()).map(|n| ledger.parent_of(n)).collect();
        for (grant, parent) in ledger.grants.iter_mut().zip(parents) {
            grant.parent = parent;
        }
        ledger
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
            for n in self.index.of_caller(key, &event.principal) {
                let grant = &self.grants[n];
                if !grant.is_in_force(event.time) || !grant.allows(operation) {
                    continue;
                }
                let grantee = grant.grantee.as_ref();
                let is_grantee = grantee.map_or(IsGrantee::No, |grantee| grantee.is(&event.principal));
                let holds = match operation {
                    "CreateGrant" => grant.lets_create(event),
                    _ => grant.constraints.hold_for(event, operation),
                };
                if is_grantee == IsGrantee::No || holds == Holds::No {
                    continue;
                }
                let is_certain = is_grantee == IsGrantee::Yes && holds == Holds::Yes;
                let is_by_arn = grantee.is_some_and(Grantee::is_role_or_user);
                found.push(Match { grant: n, operation, is_certain, is_by_arn });
            }
        }
        found
    }

    /// The id of the only grant by which the creator of a grant may have created it: no two grants
    /// add up.
    fn parent_of(&self, n: usize) -> Option<String> {
        let child = &self.grants[n];
        let created = child.created.as_ref()?;
        let is_parent = |parent: &&Grant| {
            parent.terms.grant_id != child.terms.grant_id
                && parent.is_in_force(created.time)
                && parent.allows("CreateGrant")
                && parent.grantee.as_ref().is_some_and(|grantee| grantee.is_named(&created.principal))
                && child.operations().all(|operation| parent.allows(operation))
                && child.constraints.are_as_strict_as(&parent.constraints)
        };
        let named = self.index.of_name(child.key.as_ref()?, &created.principal);
        let mut parents = named.iter().map(|n| &self.grants[*n]).filter(is_parent);
        let parent = parents.next().filter(|_| parents.next().is_none())?;
        parent.terms.grant_id.clone()
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
