//! The facts that the records of all inputs state, gathered before anything is counted.
//!
//! Facts merge with `+=`, in whatever order inputs are read. Memory: an entry per distinct rule
//! with its particulars, per alias change and per correction; and two hashes (some 90 bytes) per
//! session that SageMaker, its geospatial part or Forecast opened.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::AddAssign;
use std::sync::Arc;

use super::aliases::Aliases;
use crate::model::{
    EventTime, Fact, KmsEvent, LearnedCondition, LearnedRule, LearnedRuleSet, Provenance, Role, SessionId,
    TrailChange,
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
    pub trails: BTreeSet<TrailChange>,
}

impl Facts {
    /// Adds a fact that the record at `offset` of `archive` states.
    pub fn add(&mut self, fact: Fact<'static>, archive: &Arc<str>, offset: u64) {
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
            Fact::Correction { original, by, account_id, time } => {
                let corrected = (account_id.map(Into::into), original.into_owned());
                self.corrections.add(corrected, (time, by.into_owned()));
            }
            Fact::Trail(change) => {
                self.trails.insert(change);
            }
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

impl AddAssign for Facts {
    fn add_assign(&mut self, other: Self) {
        for (rule, support) in other.rules {
            self.add_rule(rule, support);
        }
        for (session, rules) in other.sessions {
            *self.sessions.entry(session).or_default() |= rules;
        }
        self.aliases += other.aliases;
        for (corrected, by) in other.corrections.by {
            self.corrections.add(corrected, by);
        }
        self.trails.extend(other.trails);
    }
}

/// Account and `eventID` of an event.
type EventKey = (Option<String>, String);

/// Which events have been corrected, and by which events. Of several corrections of one event the
/// last one counts, by `eventTime`, then by `eventID`.
#[derive(Debug, Clone, Default)]
pub struct Corrections {
    by: BTreeMap<EventKey, (EventTime, String)>,
    /// Of each cycle of events that correct one another, the last event. It is not superseded.
    cycle_winners: BTreeSet<EventKey>,
}

impl Corrections {
    fn add(&mut self, corrected: EventKey, by: (EventTime, String)) {
        let last = self.by.entry(corrected).or_insert_with(|| by.clone());
        if by > *last {
            *last = by;
        }
    }

    /// Finds the cycles. Each event is visited once.
    fn find_cycles(&mut self) {
        let mut visited = BTreeSet::new();
        let mut winners = BTreeSet::new();
        for start in self.by.keys() {
            let mut path = Vec::new();
            let mut next = Some(start.clone());
            while let Some(event) = next.take_if(|event| self.by.contains_key(event)) {
                if !visited.insert(event.clone()) {
                    // If the event is on this path, a cycle begins there. If it is on an earlier
                    // path, that path has found any cycle.
                    let from = path.iter().position(|earlier| *earlier == event);
                    let cycle = from.and_then(|from| path.get(from..)).unwrap_or_default();
                    let last = cycle.iter().filter_map(|event| self.by.get(event)).max();
                    winners.extend(last.map(|(_, id)| (event.0.clone(), id.clone())));
                    break;
                }
                next = self.by.get(&event).map(|(_, by)| (event.0.clone(), by.clone()));
                path.push(event);
            }
        }
        self.cycle_winners = winners;
    }

    /// Whether another event replaces this one: it has been corrected, or it is a correction and
    /// not the last of the event that it corrects.
    pub fn is_superseded(&self, event: &KmsEvent<'_>) -> bool {
        if self.by.is_empty() {
            return false;
        }
        let Some(id) = event.event_id.as_deref() else { return false };
        let account = event.recipient_account_id.as_deref().map(str::to_owned);
        let key = |id: &str| (account.clone(), id.to_owned());
        let is_not_last = |original: &str| self.by.get(&key(original)).is_some_and(|(_, last)| last != id);
        event.corrects.as_deref().is_some_and(is_not_last)
            || self.by.contains_key(&key(id)) && !self.cycle_winners.contains(&key(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, corrects: Option<&str>) -> KmsEvent<'static> {
        let corrects = corrects.map(|text| text.to_owned().into());
        KmsEvent { event_id: Some(id.to_owned().into()), corrects, ..KmsEvent::example() }
    }

    #[test]
    fn a_key_given_with_a_role_of_canvas_belongs_to_canvas() {
        let archive: Arc<str> = "a".into();
        let record = || Provenance {
            time: EventTime(0),
            event_name: "X".to_owned(),
            event_id: None,
            account_id: None,
        };
        let role = |name: &str| format!("arn:aws:iam::111122223333:role/{name}");
        let is_canvas_key = |roles: &[&str], named: Option<&str>| {
            let mut facts = Facts::default();
            for name in roles {
                let when = LearnedCondition::RoleAndKey(role(name).into(), "k".into());
                facts.add(Fact::Rule(LearnedRule::ForecastRoleAndKey, when, record()), &archive, 0);
            }
            if let Some(name) = named {
                let when = LearnedCondition::Role(role(name).into());
                facts.add(Fact::Rule(LearnedRule::CanvasForecastRole, when, record()), &archive, 1);
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

    #[test]
    fn the_last_event_of_a_cycle_is_not_superseded() {
        let mut corrections = Corrections::default();
        for (original, time, by) in
            [("a", 1, "b"), ("b", 3, "c"), ("c", 2, "a"), ("x", 0, "x"), ("o", 1, "a")]
        {
            corrections.add((None, original.to_owned()), (EventTime(time), by.to_owned()));
        }
        corrections.find_cycles();
        let superseded = |id, corrects| corrections.is_superseded(&event(id, Some(corrects)));
        assert!(superseded("a", "c") && superseded("b", "a") && !superseded("c", "b"));
        assert!(!superseded("x", "x"), "an event that corrects itself");
        assert!(corrections.is_superseded(&event("o", None)), "an event that a member of the cycle corrects");
    }

    #[test]
    fn long_chains_take_linear_time() {
        let mut corrections = Corrections::default();
        for n in 0..100_000 {
            corrections.add((None, n.to_string()), (EventTime(n), (n + 1).to_string()));
        }
        corrections.find_cycles();
        let superseded =
            (0..=100_000).filter(|n| corrections.is_superseded(&event(&n.to_string(), None))).count();
        assert_eq!(superseded, 100_000);
    }

    #[test]
    fn the_last_of_several_corrections_counts() {
        let mut corrections = Corrections::default();
        assert!(!corrections.is_superseded(&event("a", None)));
        for (time, by) in [(1, "b"), (3, "d"), (2, "c")] {
            corrections.add((None, "a".to_owned()), (EventTime(time), by.to_owned()));
        }
        let superseded = |id, corrects| corrections.is_superseded(&event(id, corrects));
        assert!(superseded("a", None) && superseded("b", Some("a")) && superseded("c", Some("a")));
        assert!(!superseded("d", Some("a")) && !superseded("e", None));
        let mut elsewhere = event("a", None);
        elsewhere.recipient_account_id = Some("111122223333".into());
        assert!(!corrections.is_superseded(&elsewhere), "ids are those of an account");
    }
}
