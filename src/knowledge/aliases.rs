//! Which key each alias pointed to, and when.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::AddAssign;

use crate::model::{Arn, EventTime, KeyOrigin, KeyRef, KmsEvent};

/// What an alias points to from some time on.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    /// A key, given by its ARN.
    Key(String),
    /// No key: the alias was deleted.
    None,
    /// Two sources contradict each other.
    Conflict,
}

/// The history of all aliases, as far as it is known. Nothing is known of the time before the first
/// change of an alias.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aliases {
    by_alias: BTreeMap<String, BTreeMap<Option<EventTime>, Target>>,
    /// Changes of all aliases.
    changes: usize,
}

impl Aliases {
    /// How many changes are known.
    pub(super) fn changes(&self) -> usize {
        self.changes
    }

    /// From `since` on, or from the beginning, `alias` points to `key`, or to no key. Both are
    /// ARNs.
    pub fn insert(&mut self, alias: String, since: Option<EventTime>, key: Option<String>) {
        self.add(alias, since, key.map_or(Target::None, Target::Key));
    }

    fn add(&mut self, alias: String, since: Option<EventTime>, target: Target) {
        let history = self.by_alias.entry(alias).or_default();
        let before = history.len();
        let known = history.entry(since).or_insert_with(|| target.clone());
        if *known != target {
            *known = Target::Conflict;
        }
        self.changes += history.len() - before;
    }

    /// The key that `alias` pointed to at `time`. Event times are whole seconds, so nothing is
    /// known of the second of a change.
    pub fn key_at(&self, alias: &str, time: EventTime) -> Option<&str> {
        let history = self.by_alias.get(alias)?;
        if history.contains_key(&Some(time)) {
            return None;
        }
        match history.range(..Some(time)).next_back()?.1 {
            Target::Key(key) => Some(key),
            Target::None | Target::Conflict => None,
        }
    }

    /// The keys that some aliases pointed to at any time. `is_wanted` decides by the alias's ARN.
    pub fn keys_of<'a>(&'a self, is_wanted: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = &'a str> {
        let wanted = self.by_alias.iter().filter(move |(alias, _)| is_wanted(alias));
        wanted.flat_map(|(_, history)| history.values()).filter_map(|target| match target {
            Target::Key(key) => Some(key.as_str()),
            Target::None | Target::Conflict => None,
        })
    }

    /// The names of keys that a person may read instead of their ARNs: `alias/…` of keys that have
    /// one alias, which never pointed to another key, and whose name no other account or Region
    /// has.
    pub fn names_of_keys(&self) -> HashMap<String, String> {
        let mut keys: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (alias, history) in &self.by_alias {
            let name = alias.find("alias/").map_or(alias.as_str(), |at| &alias[at..]);
            for target in history.values() {
                // What points to no key at some time is no name either.
                let key = if let Target::Key(key) = target { key.as_str() } else { "" };
                keys.entry(key).or_default().insert(name);
                names.entry(name).or_default().insert(key);
            }
        }
        let only_name = |(key, of_key): (&str, BTreeSet<&str>)| {
            let name = of_key.first().filter(|_| of_key.len() == 1 && !key.is_empty())?;
            let is_its_own = names.get(name).is_some_and(|keys| keys.len() == 1);
            is_its_own.then(|| (key.to_owned(), (*name).to_owned()))
        };
        keys.into_iter().filter_map(only_name).collect()
    }

    /// Whether no alias is known.
    pub fn is_empty(&self) -> bool {
        self.by_alias.is_empty()
    }

    /// Sets the key of an event that names only an alias to the key that the alias pointed to.
    /// `alias` is the alias's ARN.
    pub fn resolve(&self, event: &mut KmsEvent<'_>, alias: &str) {
        let Some(key) = self.key_at(alias, event.time) else { return };
        let Some(arn) = Arn::parse(key) else { return };
        let owned = |text: &str| Some(Cow::Owned(text.to_owned()));
        event.key = KeyRef {
            arn: owned(key),
            id: arn.resource.strip_prefix("key/").and_then(owned),
            account_id: owned(arn.account),
            region: owned(arn.region),
            origin: KeyOrigin::Alias,
            alias: event.key.alias.take(),
        };
    }
}

impl AddAssign for Aliases {
    fn add_assign(&mut self, other: Self) {
        for (alias, history) in other.by_alias {
            for (since, target) in history {
                self.add(alias.clone(), since, target);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_mean_two_keys_is_none() {
        let mut aliases = Aliases::default();
        let key = |id: &str| Some(format!("arn:aws:kms:us-west-2:111122223333:key/{id}"));
        let alias = |region: &str, name: &str| format!("arn:aws:kms:{region}:111122223333:alias/{name}");
        let mut add = |region, name, time, id: Option<&str>| {
            aliases.insert(alias(region, name), time, id.and_then(key));
        };
        add("us-west-2", "own", None, Some("1"));
        add("us-west-2", "moved", None, Some("2"));
        add("us-west-2", "moved", Some(EventTime(1)), Some("3"));
        add("us-west-2", "gone", None, Some("4"));
        add("us-west-2", "gone", Some(EventTime(1)), None);
        add("us-west-2", "first", None, Some("5"));
        add("us-west-2", "second", None, Some("5"));
        add("us-west-2", "twice", None, Some("6"));
        add("us-east-1", "twice", None, Some("7"));
        let names = aliases.names_of_keys();
        let expected = key("1").map(|key| (key, "alias/own".to_owned()));
        assert_eq!(names, expected.into_iter().collect::<HashMap<_, _>>());
    }

    #[test]
    fn the_last_change_before_a_time_decides() {
        let mut aliases = Aliases::default();
        let mut later = Aliases::default();
        aliases.insert("a".to_owned(), Some(EventTime(1000)), Some("k1".to_owned()));
        later.insert("a".to_owned(), Some(EventTime(3000)), None);
        later.insert("a".to_owned(), Some(EventTime(2000)), Some("k2".to_owned()));
        later.insert("a".to_owned(), Some(EventTime(1000)), Some("k1".to_owned()));
        aliases += later;
        let key = |time| aliases.key_at("a", EventTime(time));
        assert_eq!(
            [key(0), key(1000), key(1001), key(2001), key(3001)],
            [None, None, Some("k1"), Some("k2"), None]
        );
        aliases.insert("a".to_owned(), Some(EventTime(2000)), Some("k3".to_owned()));
        assert_eq!(aliases.key_at("a", EventTime(2500)), None, "contradicting sources");
        assert_eq!(aliases.key_at("b", EventTime(2500)), None);
        aliases.insert("a".to_owned(), None, Some("k0".to_owned()));
        assert_eq!(aliases.key_at("a", EventTime(i64::MIN)), Some("k0"), "from the beginning");
    }
}
