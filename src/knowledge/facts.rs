//! The facts that the records of all inputs state, gathered before anything is counted.
//!
//! Facts merge with `+=`, in whatever order inputs are read. Memory: an entry per distinct rule
//! with its particulars, per alias change and per correction; and two hashes (some 90 bytes) per
//! session that SageMaker, its geospatial part or Forecast opened.

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::AddAssign;
use std::sync::Arc;

use super::aliases::Aliases;
use super::corrections::{CorrectedBy, Corrections, EventKey};
use super::shared_uses::SharedUses;
use super::size;
use crate::model::{
    CanvasKey, Digest, Fact, InputContent, KeyChange, KeyEffect, LearnedCondition, LearnedRule,
    LearnedRuleSet, Provenance, Role, SessionId, ShareCall, ShareEffect, TrailChange,
};

/// A record that states a fact, and where the record is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct FactSource {
    /// The record.
    pub record: Provenance,
    /// URI of its archive.
    pub archive: Arc<str>,
    /// Byte offset of the record in the decompressed archive.
    pub offset: u64,
}

/// Where a record is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct RecordPlace {
    /// URI of its archive.
    pub archive: Arc<str>,
    /// Byte offset of the record in the decompressed archive.
    pub offset: u64,
}

impl RecordPlace {
    /// The place of the record at `offset` of `archive`.
    pub fn new(archive: Arc<str>, offset: u64) -> Self {
        Self { archive, offset }
    }
}

/// Changes to what trails record, each with the first place of its record.
pub type TrailChanges = BTreeMap<TrailChange, RecordPlace>;

/// The records that state a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FactSupport {
    /// The earliest record.
    pub first: FactSource,
    /// The number of records. Every delivered copy counts.
    pub records: u64,
}

impl AddAssign for FactSupport {
    fn add_assign(&mut self, other: Self) {
        self.records += other.records;
        if other.first < self.first {
            self.first = other.first;
        }
    }
}

/// All facts.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Facts {
    /// Learned rules with their particulars.
    pub rules: BTreeMap<(LearnedRule, LearnedCondition<'static>), FactSupport>,
    /// The rules that hold for each session.
    pub sessions: HashMap<SessionId, LearnedRuleSet>,
    /// Which key each alias pointed to, and when.
    pub aliases: Aliases,
    /// Events that have been corrected.
    pub corrections: Corrections,
    /// Changes, and attempted changes, to what trails record, by time.
    pub trails: TrailChanges,
    /// Changes to keys and their grants, by time.
    pub keys: BTreeSet<KeyChange>,
    /// The archives of the records that created grants, by their `eventID`; the first by its URI.
    pub grant_archives: HashMap<String, Arc<str>>,
    /// Keys that settings name for Canvas's folders, each with the first place of its record.
    pub canvas_keys: BTreeMap<CanvasKey, RecordPlace>,
    /// The digests among the inputs, by their URIs.
    pub digests: BTreeSet<(Arc<str>, Digest)>,
    /// The contents of inputs that are damaged, or whose facts stand in several batches.
    pub contents: HashMap<Arc<str>, InputContent>,
    /// Changes to what is shared between accounts, by time.
    pub shares: BTreeSet<ShareCall>,
    /// Calls on resources of other accounts.
    pub shared_uses: SharedUses,
    /// About the bytes they take.
    bytes: usize,
}

impl Facts {
    /// About the bytes that they take in memory, with what is derived from them.
    pub fn bytes(&self) -> u64 {
        self.bytes as u64
    }

    /// Entries of all tables.
    fn entries(&self) -> usize {
        self.rules.len()
            + self.sessions.len()
            + self.aliases.changes()
            + self.corrections.len()
            + self.trails.len()
            + self.keys.len()
            + self.canvas_keys.len()
            + self.digests.len()
            + self.contents.len()
            + self.shares.len()
            + self.shared_uses.records()
    }

    /// Adds a fact that the record at `offset` of `archive` states.
    ///
    /// `archive_account`: the account in whose folder the archive is, by its name.
    pub fn add(
        &mut self,
        fact: Fact<'static>,
        archive: &Arc<str>,
        offset: u64,
        archive_account: &dyn Fn() -> Option<String>,
    ) {
        let (bytes, entries) = (size::bytes(&fact), self.entries());
        self.insert(fact, archive, offset, archive_account);
        if self.entries() > entries {
            self.bytes += bytes;
        }
    }

    fn insert(
        &mut self,
        fact: Fact<'static>,
        archive: &Arc<str>,
        offset: u64,
        archive_account: &dyn Fn() -> Option<String>,
    ) {
        match fact {
            Fact::Rule(rule, when, record) => {
                let first = FactSource { record, archive: archive.clone(), offset };
                self.add_rule((rule, when), FactSupport { first, records: 1 });
            }
            Fact::Session(rule, session) => {
                for name in [session.access_key_id, session.principal_id].into_iter().flatten() {
                    self.sessions.entry(SessionId::from_name(&name)).or_default().insert(rule);
                }
            }
            Fact::Alias { alias, key, time } => {
                self.aliases.insert(alias.into_owned(), Some(time), key.map(Into::into));
            }
            Fact::Correction {
                original,
                by,
                account_id,
                time,
                event_name,
                original_request_id,
                request_id,
            } => {
                let account_id = account_id.map(Cow::into_owned);
                let is_foreign = archive_account().is_some_and(|owner| Some(&owner) != account_id.as_ref());
                let original = EventKey {
                    account_id,
                    event_id: original.into_owned(),
                    request_id: original_request_id.map(Cow::into_owned),
                    event_name: event_name.into_owned(),
                    time,
                };
                let by = CorrectedBy {
                    event_id: by.into_owned(),
                    request_id: request_id.map(Cow::into_owned),
                    is_foreign,
                };
                self.corrections.add(original, by);
            }
            Fact::Trail(change) => {
                keep_first(&mut self.trails, change, RecordPlace::new(archive.clone(), offset));
            }
            Fact::CanvasKey(folder) => {
                keep_first(&mut self.canvas_keys, *folder, RecordPlace::new(archive.clone(), offset));
            }
            Fact::Key(change) => {
                if let (KeyEffect::CreatesGrant(_), Some(id)) = (&change.effect, &change.by.event_id) {
                    self.add_grant_archive(id.clone(), archive.clone());
                }
                self.keys.insert(*change);
            }
            Fact::Share(call) => match call.effect.clone() {
                ShareEffect::Uses(resource) => self.shared_uses.add(*call, resource.arn, archive, offset),
                _ => {
                    self.shares.insert(*call);
                }
            },
            Fact::Digest(digest) => {
                self.digests.insert((archive.clone(), *digest));
            }
            Fact::Content(content) => {
                self.contents.insert(archive.clone(), content);
            }
        }
    }

    fn add_grant_archive(&mut self, event_id: String, archive: Arc<str>) {
        let first = self.grant_archives.entry(event_id).or_insert_with(|| archive.clone());
        if archive < *first {
            *first = archive;
        }
    }

    /// Derives the facts that need more than one record. Call it once all facts have been added.
    ///
    /// A key that Forecast was given together with a role of Canvas belongs to Canvas, whoever uses
    /// it for Forecast.
    pub fn derive(&mut self) {
        let named_roles: HashSet<Role> = self
            .rules
            .keys()
            .filter_map(|(rule, when)| match (rule, when) {
                (LearnedRule::CanvasForecastRole, LearnedCondition::Role(role)) => Role::from_arn(role),
                _ => None,
            })
            .collect();
        let is_of_canvas = |role: &Role| role.is_canvas_forecast() || named_roles.contains(role);
        let keys: Vec<_> = self
            .rules
            .iter()
            .filter_map(|((rule, when), support)| match (rule, when) {
                (LearnedRule::ForecastRoleAndKey, LearnedCondition::RoleAndKey(role, key)) => {
                    let role = Role::from_arn(role).filter(is_of_canvas);
                    role.map(|_| (LearnedCondition::Key(key.clone()), support.clone()))
                }
                _ => None,
            })
            .collect();
        for (key, support) in keys {
            self.add_rule((LearnedRule::CanvasForecastKey, key), support);
        }
        self.corrections.find_cycles();
    }

    fn add_rule(&mut self, rule: (LearnedRule, LearnedCondition<'static>), support: FactSupport) {
        match self.rules.entry(rule) {
            Entry::Occupied(mut entry) => *entry.get_mut() += support,
            Entry::Vacant(entry) => {
                entry.insert(support);
            }
        }
    }
}

/// Of several copies of a record, the first place counts, in whatever order they come.
fn keep_first<K: Ord>(facts: &mut BTreeMap<K, RecordPlace>, fact: K, place: RecordPlace) {
    match facts.entry(fact) {
        Entry::Occupied(mut known) if place < *known.get() => drop(known.insert(place)),
        Entry::Occupied(_) => {}
        Entry::Vacant(entry) => drop(entry.insert(place)),
    }
}

impl AddAssign for Facts {
    fn add_assign(&mut self, other: Self) {
        let (bytes, entries) = (self.bytes + other.bytes, self.entries() + other.entries());
        for (rule, support) in other.rules {
            self.add_rule(rule, support);
        }
        for (session, rules) in other.sessions {
            *self.sessions.entry(session).or_default() |= rules;
        }
        self.aliases += other.aliases;
        self.corrections += other.corrections;
        other.trails.into_iter().for_each(|(change, place)| keep_first(&mut self.trails, change, place));
        let folders = other.canvas_keys.into_iter();
        folders.for_each(|(folder, place)| keep_first(&mut self.canvas_keys, folder, place));
        self.keys.extend(other.keys);
        other.grant_archives.into_iter().for_each(|(id, archive)| self.add_grant_archive(id, archive));
        self.digests.extend(other.digests);
        self.contents.extend(other.contents);
        self.shares.extend(other.shares);
        self.shared_uses += other.shared_uses;
        // What both have is there once now.
        let bytes = bytes as u128 * self.entries() as u128 / entries.max(1) as u128;
        self.bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_given_with_a_role_of_canvas_belongs_to_canvas() {
        let archive: Arc<str> = "a".into();
        let record = || Provenance {
            time: crate::model::EventTime(0),
            event_name: "X".to_owned(),
            event_id: None,
            account_id: None,
        };
        let role = |name: &str| format!("arn:aws:iam::111122223333:role/{name}");
        let is_canvas_key = |roles: &[&str], named: Option<&str>| {
            let mut facts = Facts::default();
            for name in roles {
                let when = LearnedCondition::RoleAndKey(role(name).into(), "k".into());
                facts.add(Fact::Rule(LearnedRule::ForecastRoleAndKey, when, record()), &archive, 0, &|| None);
            }
            if let Some(name) = named {
                let when = LearnedCondition::Role(role(name).into());
                facts.add(Fact::Rule(LearnedRule::CanvasForecastRole, when, record()), &archive, 1, &|| None);
            }
            facts.derive();
            facts.rules.contains_key(&(LearnedRule::CanvasForecastKey, LearnedCondition::Key("k".into())))
        };
        assert!(is_canvas_key(&["x/amazonsagemakerCanvasForecastRole-1"], None), "by its name");
        assert!(is_canvas_key(&["path/R"], Some("R")), "by the settings");
        assert!(
            !is_canvas_key(&["R"], None)
                && !is_canvas_key(&["R"], Some("S"))
                && !is_canvas_key(&[], Some("R"))
        );
    }
}
