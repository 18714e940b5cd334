//! What the records of all inputs have taught, gathered before anything is counted.
//!
//! Lessons add up with `+=`, in whatever order inputs are read. Memory: an entry per distinct rule and particular, alias change and correction;
//! of each session that SageMaker, its geospatial part or Forecast opened, two hashes (some 90 bytes).

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::AddAssign;
use std::sync::Arc;

use super::Aliases;
use crate::model::{
    EventTime, Fact, KmsEvent, LearnedCondition, LearnedRule, LearnedRuleSet, Provenance, Role, SessionId,
    TrailChange,
};

/// A record that teaches something, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// The record.
    pub taught: Provenance,
    /// URI of its archive.
    pub archive: Arc<str>,
    /// Its offset there.
    pub offset: u64,
}

/// How often and where first something was learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// The earliest record.
    pub first: Source,
    /// Records that teach it; each copy of one counts.
    pub records: u64,
}

impl AddAssign for Basis {
    fn add_assign(&mut self, other: Self) {
        self.records += other.records;
        if other.first < self.first {
            self.first = other.first;
        }
    }
}

/// Everything learned.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Rules with their particulars.
    pub rules: BTreeMap<(LearnedRule, LearnedCondition<'static>), Basis>,
    /// The rules of each session.
    pub sessions: HashMap<SessionId, LearnedRuleSet>,
    /// Where aliases pointed, and when.
    pub aliases: Aliases,
    /// Events that have been corrected.
    pub corrections: Corrections,
    /// Trails that were stopped, started or deleted.
    pub trails: BTreeSet<TrailChange>,
    /// Trails that were set to leave out KMS, or its reading events.
    pub silent_trails: BTreeSet<String>,
}

impl Facts {
    /// Takes in what a record of `archive`, at `offset`, teaches.
    pub fn learn(&mut self, lesson: Fact<'static>, archive: &Arc<str>, offset: u64) {
        match lesson {
            Fact::Rule(rule, when, taught) => {
                let first = Source { taught, archive: archive.clone(), offset };
                self.add_rule((rule, when), Basis { first, records: 1 });
            }
            Fact::Session(rule, session) => {
                for name in [session.access_key_id, session.principal_id].into_iter().flatten() {
                    self.sessions.entry(SessionId::from_name(&name)).or_default().insert(rule);
                }
            }
            Fact::Alias { alias, key, time } => {
                self.aliases.change(alias.into_owned(), time, key.map(Into::into));
            }
            Fact::Correction { original, by, account_id, time } => {
                let place = (account_id.map(Into::into), original.into_owned());
                self.corrections.add(place, (time, by.into_owned()));
            }
            Fact::Trail(change) => {
                self.trails.insert(change);
            }
            Fact::TrailExcludesKms(trail) => {
                self.silent_trails.insert(trail);
            }
        }
    }

    /// Draws the conclusions that need more than one record: a key that Forecast was given together with a role of Canvas is Canvas's, whoever
    /// uses it for Forecast.
    pub fn conclude(&mut self) {
        let handed: HashSet<Role> = self
            .rules
            .keys()
            .filter_map(|(rule, when)| match (rule, when) {
                (LearnedRule::CanvasForecastRole, LearnedCondition::Role(role)) => Role::from_arn(role),
                _ => None,
            })
            .collect();
        let of_canvas = |role: &Role| role.is_canvas_forecast() || handed.contains(role);
        let keys: Vec<_> = self
            .rules
            .iter()
            .filter_map(|((rule, when), basis)| match (rule, when) {
                (LearnedRule::ForecastRoleAndKey, LearnedCondition::RoleAndKey(role, key)) => {
                    Role::from_arn(role)
                        .filter(of_canvas)
                        .map(|_| (LearnedCondition::Key(key.clone()), basis.clone()))
                }
                _ => None,
            })
            .collect();
        for (key, basis) in keys {
            self.add_rule((LearnedRule::CanvasForecastKey, key), basis);
        }
        self.corrections.conclude();
    }

    fn add_rule(&mut self, what: (LearnedRule, LearnedCondition<'static>), basis: Basis) {
        match self.rules.entry(what) {
            Entry::Occupied(mut known) => *known.get_mut() += basis,
            Entry::Vacant(new) => {
                new.insert(basis);
            }
        }
    }
}

impl AddAssign for Facts {
    fn add_assign(&mut self, other: Self) {
        for (what, basis) in other.rules {
            self.add_rule(what, basis);
        }
        for (session, rules) in other.sessions {
            *self.sessions.entry(session).or_default() |= rules;
        }
        self.aliases += other.aliases;
        for (place, by) in other.corrections.by {
            self.corrections.add(place, by);
        }
        self.trails.extend(other.trails);
        self.silent_trails.extend(other.silent_trails);
    }
}

/// An event by account and `eventID`.
type Place = (Option<String>, String);

/// Which events have been corrected, and by which; of several corrections of one event the last counts, by `eventTime`, then `eventID`.
#[derive(Debug, Clone, Default)]
pub struct Corrections {
    by: BTreeMap<Place, (EventTime, String)>,
    /// Of events that correct one another in a circle, the last: it stands.
    standing: BTreeSet<Place>,
}

impl Corrections {
    fn add(&mut self, place: Place, by: (EventTime, String)) {
        let last = self.by.entry(place).or_insert_with(|| by.clone());
        if by > *last {
            *last = by;
        }
    }

    /// Finds the circles; each event is looked at once.
    fn conclude(&mut self) {
        let mut seen = BTreeSet::new();
        let mut standing = BTreeSet::new();
        for start in self.by.keys() {
            let mut walk = Vec::new();
            let mut next = Some(start.clone());
            while let Some(place) = next.take_if(|place| self.by.contains_key(place)) {
                if !seen.insert(place.clone()) {
                    // Where this walk has been before begins a circle; where another has been, that one has seen it.
                    let from = walk.iter().position(|known| *known == place);
                    let circle = from.and_then(|from| walk.get(from..)).unwrap_or_default();
                    let last = circle.iter().filter_map(|place| self.by.get(place)).max();
                    standing.extend(last.map(|(_, id)| (place.0.clone(), id.clone())));
                    break;
                }
                next = self.by.get(&place).map(|(_, by)| (place.0.clone(), by.clone()));
                walk.push(place);
            }
        }
        self.standing = standing;
    }

    /// Whether another event has taken the place of this one.
    pub fn supersede(&self, event: &KmsEvent<'_>) -> bool {
        if self.by.is_empty() {
            return false;
        }
        let Some(id) = event.event_id.as_deref() else { return false };
        let account = event.recipient_account_id.as_deref().map(str::to_owned);
        let place = |id: &str| (account.clone(), id.to_owned());
        let outdone = |original: &str| self.by.get(&place(original)).is_some_and(|(_, last)| last != id);
        event.corrects.as_deref().is_some_and(outdone)
            || self.by.contains_key(&place(id)) && !self.standing.contains(&place(id))
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
    fn a_key_given_with_a_role_of_canvas_is_canvas() {
        let archive: Arc<str> = "a".into();
        let taught = || Provenance {
            time: EventTime(0),
            event_name: "X".to_owned(),
            event_id: None,
            account_id: None,
        };
        let role = |name: &str| format!("arn:aws:iam::111122223333:role/{name}");
        let concluded = |roles: &[&str], handed: Option<&str>| {
            let mut facts = Facts::default();
            for name in roles {
                let when = LearnedCondition::RoleAndKey(role(name).into(), "k".into());
                facts.learn(Fact::Rule(LearnedRule::ForecastRoleAndKey, when, taught()), &archive, 0);
            }
            if let Some(name) = handed {
                let when = LearnedCondition::Role(role(name).into());
                facts.learn(Fact::Rule(LearnedRule::CanvasForecastRole, when, taught()), &archive, 1);
            }
            facts.conclude();
            facts.rules.contains_key(&(LearnedRule::CanvasForecastKey, LearnedCondition::Key("k".into())))
        };
        assert!(concluded(&["x/amazonsagemakerCanvasForecastRole-1"], None), "by its name");
        assert!(concluded(&["path/R"], Some("R")), "by what settings say");
        assert!(!concluded(&["R"], None) && !concluded(&["R"], Some("S")) && !concluded(&[], Some("R")));
    }

    #[test]
    fn of_a_circle_the_last_stands() {
        let mut corrections = Corrections::default();
        for (original, time, by) in
            [("a", 1, "b"), ("b", 3, "c"), ("c", 2, "a"), ("x", 0, "x"), ("o", 1, "a")]
        {
            corrections.add((None, original.to_owned()), (EventTime(time), by.to_owned()));
        }
        corrections.conclude();
        let superseded = |id, corrects| corrections.supersede(&event(id, Some(corrects)));
        assert!(superseded("a", "c") && superseded("b", "a") && !superseded("c", "b"));
        assert!(!superseded("x", "x"), "one that corrects itself");
        assert!(corrections.supersede(&event("o", None)), "one that a member of the circle corrects");
    }

    #[test]
    fn long_chains_take_no_time() {
        let mut corrections = Corrections::default();
        for n in 0..100_000 {
            corrections.add((None, n.to_string()), (EventTime(n), (n + 1).to_string()));
        }
        corrections.conclude();
        let superseded =
            (0..=100_000).filter(|n| corrections.supersede(&event(&n.to_string(), None))).count();
        assert_eq!(superseded, 100_000);
    }

    #[test]
    fn of_several_corrections_the_last_counts() {
        let mut corrections = Corrections::default();
        assert!(!corrections.supersede(&event("a", None)));
        for (time, by) in [(1, "b"), (3, "d"), (2, "c")] {
            corrections.add((None, "a".to_owned()), (EventTime(time), by.to_owned()));
        }
        let superseded = |id, corrects| corrections.supersede(&event(id, corrects));
        assert!(superseded("a", None) && superseded("b", Some("a")) && superseded("c", Some("a")));
        assert!(!superseded("d", Some("a")) && !superseded("e", None));
        let mut elsewhere = event("a", None);
        elsewhere.recipient_account_id = Some("111122223333".into());
        assert!(!corrections.supersede(&elsewhere), "ids are those of an account");
    }
}
