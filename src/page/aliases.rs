//! Which alias stands for which key, as events name them.

use std::collections::HashMap;

use crate::base::keyed_hash;

/// Aliases that are looked at. With more, none is shown.
const MOST: usize = 100_000;
/// Bytes of an alias: AWS allows 256 characters. What is longer is no name for a key.
const LONGEST: usize = 1_024;

/// The one value of several, if they are all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
enum One<T> {
    Value(T),
    Several,
}

impl<T: PartialEq> One<T> {
    fn join(&mut self, value: &Self) {
        if self != value {
            *self = Self::Several;
        }
    }
}

/// Aliases of events. Memory: some 150 bytes for each of at most 100,000, and its name.
#[derive(Debug, Default)]
pub(super) struct Aliases {
    /// Which key an alias means, by hashes; `None`: the events do not say.
    keys: HashMap<u128, One<Option<u128>>>,
    /// The alias of a key.
    names: HashMap<u128, One<String>>,
    is_full: bool,
}

impl Aliases {
    /// Adds an event that names an alias. `key` is the key that it stood for, if that is known to
    /// last: an alias that is deleted may stand for any key later.
    pub(super) fn add(&mut self, alias: &str, key: Option<&str>) {
        let name = alias.find("alias/").and_then(|at| alias.get(at..)).unwrap_or(alias);
        let key = key.map(keyed_hash);
        let meant = One::Value(key);
        if self.is_full {
            return;
        }
        self.keys.entry(keyed_hash(name)).and_modify(|known| known.join(&meant)).or_insert(meant);
        if let Some(key) = key {
            let is_first = !self.names.contains_key(&key);
            let own = if name.len() > LONGEST { One::Several } else { One::Value(name.to_owned()) };
            let known = self.names.entry(key).or_insert_with(|| own.clone());
            if !is_first {
                known.join(&own);
            }
        }
        if self.keys.len() > MOST {
            *self = Self { is_full: true, ..Self::default() };
        }
    }

    /// The alias of a key: the only one that events name it by, and that means no other key in any
    /// account and Region.
    pub(super) fn of(&self, key: &str) -> Option<&str> {
        match self.names.get(&keyed_hash(key))? {
            One::Value(name) => {
                let meant = self.keys.get(&keyed_hash(name.as_str()));
                meant.is_some_and(|meant| *meant != One::Several).then_some(name.as_str())
            }
            One::Several => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_that_could_mean_two_keys_is_not_shown() {
        let mut aliases = Aliases::default();
        let mut add = |alias: &str, key: Option<&str>| aliases.add(alias, key);
        add("alias/own", Some("1"));
        add("arn:aws:kms:us-west-2:111122223333:alias/own", Some("1"));
        add("alias/moved", Some("2"));
        add("alias/moved", Some("3"));
        add("alias/gone", Some("4"));
        add("alias/gone", None);
        add("alias/first", Some("5"));
        add("alias/second", Some("5"));
        add("alias/unknown", None);
        add("alias/unknown", Some("6"));
        let long = format!("alias/{}", "x".repeat(LONGEST));
        add(&long, Some("7"));
        let found = ["1", "2", "3", "4", "5", "6", "7", "8"].map(|key| aliases.of(key));
        assert_eq!(found, [Some("alias/own"), None, None, None, None, None, None, None]);
        (0..=MOST).for_each(|n| aliases.add(&format!("alias/{n}"), Some("9")));
        assert_eq!(aliases.of("1"), None, "too many to tell");
        assert!(aliases.keys.is_empty() && aliases.names.is_empty());
    }
}
