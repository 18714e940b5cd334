//! Which key an alias pointed to, and when.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::AddAssign;

use crate::model::{Arn, EventTime, KeyOrigin, KeyRef, KmsEvent};

/// What became of an alias at some time: it points to a key (an ARN), or to none. `None`: two sources say different things.
type Change = Option<Option<String>>;

/// The history of aliases as far as it is known: nothing is said of the time before the first change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aliases(BTreeMap<String, BTreeMap<EventTime, Change>>);

impl Aliases {
    /// From `time` on `alias` (an ARN) points to `key` (an ARN), or to none.
    pub fn change(&mut self, alias: String, time: EventTime, key: Option<String>) {
        self.add(alias, time, Some(key));
    }

    fn add(&mut self, alias: String, time: EventTime, change: Change) {
        let known = self.0.entry(alias).or_default().entry(time).or_insert_with(|| change.clone());
        if *known != change {
            *known = None;
        }
    }

    /// The key that `alias` pointed to at `time`. Times have no fractions, so in the very second of a change nothing is known.
    pub fn key(&self, alias: &str, time: EventTime) -> Option<&str> {
        let history = self.0.get(alias)?;
        if history.contains_key(&time) {
            return None;
        }
        history.range(..time).next_back()?.1.as_ref()?.as_deref()
    }

    /// Whether nothing is known at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives an event that names nothing but an alias the key that the alias pointed to. `alias` is its ARN.
    pub fn resolve(&self, event: &mut KmsEvent<'_>, alias: &str) {
        let Some(key) = self.key(alias, event.time) else { return };
        let Some(arn) = Arn::parse(key) else { return };
        let own = |text: &str| Some(Cow::Owned(text.to_owned()));
        event.key = KeyRef {
            arn: own(key),
            id: arn.resource.strip_prefix("key/").and_then(own),
            account_id: own(arn.account),
            region: own(arn.region),
            origin: KeyOrigin::Alias,
            alias: event.key.alias.take(),
        };
    }
}

impl AddAssign for Aliases {
    fn add_assign(&mut self, other: Self) {
        for (alias, history) in other.0 {
            for (time, change) in history {
                self.add(alias.clone(), time, change);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_points_to_what_it_was_last_given_before() {
        let mut aliases = Aliases::default();
        let mut later = Aliases::default();
        aliases.change("a".to_owned(), EventTime(1000), Some("k1".to_owned()));
        later.change("a".to_owned(), EventTime(3000), None);
        later.change("a".to_owned(), EventTime(2000), Some("k2".to_owned()));
        later.change("a".to_owned(), EventTime(1000), Some("k1".to_owned()));
        aliases += later;
        let key = |time| aliases.key("a", EventTime(time));
        assert_eq!(
            [key(0), key(1000), key(1001), key(2001), key(3001)],
            [None, None, Some("k1"), Some("k2"), None]
        );
        aliases.change("a".to_owned(), EventTime(2000), Some("k3".to_owned()));
        assert_eq!(aliases.key("a", EventTime(2500)), None, "sources that contradict each other say nothing");
        assert_eq!(aliases.key("b", EventTime(2500)), None);
    }
}
