//! What is known of the keys themselves: properties, tags, and which of related multi-Region keys
//! is the primary one.
//!
//! Memory: some 200 bytes per change of a key.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::model::{EventTime, KeyChange, KeyEffect, KeyProperties, PropertyChange, Tags};

/// How long a change of a key's tags may take to count: five minutes.
///
/// Source: [ABAC for
/// KMS](https://docs.aws.amazon.com/kms/latest/developerguide/abac.html).
const PROPAGATION: i64 = 5 * 60 * 1000;

/// What calls show of keys, by ARN.
#[derive(Debug, Clone, Default)]
pub struct KeyBook {
    keys: HashMap<String, KnownProperties>,
}

/// What calls show of one key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownProperties {
    /// What never changes; `None`: the call that made the key is not in the input.
    pub(super) properties: Option<KeyProperties>,
    /// Whether it is the primary one of related keys, from when on.
    is_primary: Vec<(EventTime, bool)>,
    tags: TagHistory,
}

/// Tags from when on. Places count, not times only: changes may be of the same second.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct TagHistory {
    changes: usize,
    /// What became of all tags: whether there are none, or it is not known.
    all: Vec<(EventTime, usize, AllTags)>,
    /// By name in lower case: the names of conditions have no case.
    by_name: BTreeMap<String, Vec<TagChange>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AllTags {
    None,
    Unknown,
}

/// A tag's exact name, and its value from then on; `None`: it was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TagChange {
    time: EventTime,
    place: usize,
    name: String,
    value: Option<String>,
}

/// The first moment of a key: what it is made with counts at once.
const BEGINNING: EventTime = EventTime(i64::MIN);

/// When what a call at `time` makes of a key begins: replicas are deleted and made again.
fn beginning(known: &[(EventTime, bool)], time: EventTime) -> EventTime {
    if known.is_empty() { BEGINNING } else { time }
}

impl KeyBook {
    /// Builds the book from changes of keys.
    pub fn new(changes: &BTreeSet<KeyChange>) -> Self {
        let mut book = Self::default();
        // By time.
        for change in changes {
            if let (KeyEffect::ShowsProperties(shown), Some(arn)) = (&change.effect, &change.key) {
                book.add(arn, change.by.time, shown);
            }
        }
        book
    }

    fn add(&mut self, arn: &str, time: EventTime, shown: &PropertyChange) {
        match shown {
            PropertyChange::Created { properties, tags } => {
                let key = self.key(arn);
                if properties.is_multi_region {
                    key.is_primary.push((beginning(&key.is_primary, time), true));
                }
                key.properties = Some(properties.clone());
                key.tags.begin(time, tags);
            }
            PropertyChange::Replicated { primary, tags } => {
                let of_primary = self.key(primary);
                of_primary.is_primary.push((time, true));
                let properties = of_primary.properties.clone();
                let key = self.key(arn);
                key.is_primary.push((beginning(&key.is_primary, time), false));
                key.properties = properties;
                key.tags.begin(time, tags);
            }
            PropertyChange::MovedPrimary { to } => {
                self.key(arn).is_primary.push((time, false));
                self.key(to).is_primary.push((time, true));
            }
            PropertyChange::Tagged(tags) => self.key(arn).tags.set(time, tags),
            PropertyChange::Untagged(names) => self.key(arn).tags.remove(time, names.as_ref()),
        }
    }

    fn key(&mut self, arn: &str) -> &mut KnownProperties {
        self.keys.entry(arn.to_owned()).or_default()
    }

    /// What is known of a key.
    pub fn of_key(&self, arn: &str) -> Option<&KnownProperties> {
        self.keys.get(arn)
    }
}

impl KnownProperties {
    /// Whether the key was the primary one of related keys at `time`; `None`: it is not known, or
    /// was changed shortly before.
    pub(super) fn is_primary(&self, time: EventTime) -> Option<bool> {
        let at = |time: EventTime| self.is_primary.iter().rev().find(|(from, _)| *from <= time);
        let (now, before) = (at(time)?.1, at(EventTime(time.0.saturating_sub(PROPAGATION)))?.1);
        (now == before).then_some(now)
    }

    /// The value of a tag at `time`.
    ///
    /// # Errors
    /// Why it cannot be known.
    pub(super) fn tag(&self, name: &str, time: EventTime) -> Result<Option<&str>, &'static str> {
        let now = self.tags.at(name, time)?;
        let before = self.tags.at(name, EventTime(time.0.saturating_sub(PROPAGATION)))?;
        if now == before { Ok(now) } else { Err("the tag was changed shortly before") }
    }
}

impl TagHistory {
    fn begin(&mut self, time: EventTime, tags: &Tags) {
        let is_new = self.all.is_empty() && self.by_name.is_empty();
        let from = if is_new { BEGINNING } else { time };
        self.all.push((from, self.changes, AllTags::None));
        self.set(from, tags);
    }

    fn set(&mut self, time: EventTime, tags: &Tags) {
        let Some(tags) = tags else { return self.forget(time) };
        tags.iter().for_each(|(name, value)| self.push(time, name, Some(value.clone())));
    }

    fn remove(&mut self, time: EventTime, names: Option<&BTreeSet<String>>) {
        let Some(names) = names else { return self.forget(time) };
        names.iter().for_each(|name| self.push(time, name, None));
    }

    fn forget(&mut self, time: EventTime) {
        self.changes += 1;
        self.all.push((time, self.changes, AllTags::Unknown));
    }

    fn push(&mut self, time: EventTime, name: &str, value: Option<String>) {
        self.changes += 1;
        let change = TagChange { time, place: self.changes, name: name.to_owned(), value };
        self.by_name.entry(name.to_lowercase()).or_default().push(change);
    }

    fn at(&self, name: &str, time: EventTime) -> Result<Option<&str>, &'static str> {
        let all = self.all.iter().rev().find(|(from, ..)| *from <= time);
        let own = self.by_name.get(&name.to_lowercase()).map(Vec::as_slice).unwrap_or_default();
        let last = own.iter().rev().find(|change| change.time <= time);
        // Names that differ in case only are different tags, of which a condition names either.
        if let Some(last) = last
            && own.iter().any(|change| change.name != last.name)
        {
            return Err("two tags of the key differ only in case");
        }
        match (last, all) {
            (Some(last), Some((_, place, _))) if last.place > *place => Ok(last.value.as_deref()),
            (Some(last), None) => Ok(last.value.as_deref()),
            (_, Some((.., AllTags::None))) => Ok(None),
            _ => Err("the input does not show the key's tags"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Provenance;

    const MINUTE: i64 = 60_000;

    fn book(changes: impl IntoIterator<Item = (i64, &'static str, PropertyChange)>) -> KeyBook {
        let change = |(minute, key, shown): (i64, &str, PropertyChange)| KeyChange {
            by: Provenance {
                time: EventTime(minute * MINUTE),
                event_name: "X".to_owned(),
                event_id: None,
                account_id: None,
            },
            key: Some(key.to_owned()),
            principal: "p".to_owned(),
            service: None,
            effect: KeyEffect::ShowsProperties(shown),
        };
        KeyBook::new(&changes.into_iter().map(change).collect())
    }

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        Some(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    fn created(is_multi_region: bool, pairs: &[(&str, &str)]) -> PropertyChange {
        let spec = "RSA_2048".to_owned();
        let properties = KeyProperties { spec, is_multi_region, ..KeyProperties::default() };
        PropertyChange::Created { properties, tags: tags(pairs) }
    }

    #[test]
    fn tags_change_and_changes_take_five_minutes() {
        let removed = |name: &str| PropertyChange::Untagged(Some([name.to_owned()].into()));
        let book = book([
            (10, "k", created(false, &[("Team", "red")])),
            (20, "k", PropertyChange::Tagged(tags(&[("Team", "blue"), ("Stage", "prod")]))),
            (30, "k", removed("Stage")),
            (40, "k", PropertyChange::Tagged(None)),
            (50, "k", PropertyChange::Tagged(tags(&[("Team", "green")]))),
            (60, "unborn", PropertyChange::Tagged(tags(&[("Team", "red")]))),
        ]);
        let tag = |key: &str, name: &str, minute: i64| {
            book.of_key(key).unwrap().tag(name, EventTime(minute * MINUTE)).map_err(drop)
        };
        for (name, minute, expected) in [
            ("team", 10, Ok(Some("red"))),
            ("Team", 19, Ok(Some("red"))),
            ("Team", 22, Err(())),
            ("Team", 25, Ok(Some("blue"))),
            ("Stage", 15, Ok(None)),
            ("Stage", 29, Ok(Some("prod"))),
            ("Stage", 31, Err(())),
            ("Stage", 36, Ok(None)),
            ("Other", 36, Ok(None)),
            ("Team", 46, Err(())),
            ("Other", 46, Err(())),
            ("Team", 55, Ok(Some("green"))),
            ("Other", 55, Err(())),
        ] {
            assert_eq!(tag("k", name, minute), expected, "{name} {minute}");
        }
        assert_eq!(tag("unborn", "Team", 70), Ok(Some("red")));
        assert_eq!((tag("unborn", "Team", 59), tag("unborn", "Other", 70)), (Err(()), Err(())));
    }

    #[test]
    fn tags_that_differ_only_in_case_are_not_decided() {
        let book = book([(0, "k", created(false, &[("Team", "red"), ("team", "blue")]))]);
        assert!(book.of_key("k").unwrap().tag("Team", EventTime(0)).is_err());
    }

    #[test]
    fn replicas_have_the_properties_of_the_primary_key_and_may_take_its_place() {
        let replica = PropertyChange::Replicated { primary: "p".to_owned(), tags: tags(&[]) };
        let moved = PropertyChange::MovedPrimary { to: "r".to_owned() };
        let book = book([(0, "p", created(true, &[])), (10, "r", replica), (60, "p", moved)]);
        let is_primary =
            |key: &str, minute: i64| book.of_key(key).unwrap().is_primary(EventTime(minute * MINUTE));
        assert_eq!(book.of_key("r").unwrap().properties, book.of_key("p").unwrap().properties);
        assert_eq!((is_primary("p", 5), is_primary("r", 15)), (Some(true), Some(false)));
        assert_eq!((is_primary("p", 62), is_primary("r", 62)), (None, None));
        assert_eq!((is_primary("p", 65), is_primary("r", 65)), (Some(false), Some(true)));
    }
}
