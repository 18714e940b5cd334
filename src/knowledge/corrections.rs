//! Which events corrections have replaced.
//!
//! A record with `addendum.reason` `UPDATED_DATA` is a correction. Anyone who can write archives
//! can write one, so it must have what a true one has: account, API, time and request of its
//! original. A record without these counts beside it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use crate::model::{EventTime, KmsEvent};

/// What a correction says of its original: all of it must agree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EventKey {
    pub(super) account_id: Option<String>,
    pub(super) event_id: String,
    pub(super) request_id: Option<String>,
    pub(super) event_name: String,
    pub(super) time: EventTime,
}

/// The correction of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CorrectedBy {
    /// Its `eventID`.
    pub event_id: String,
    /// Its `requestID`.
    pub request_id: Option<String>,
    /// Every archive that holds it is, by its name, of another account than the record.
    pub is_foreign: bool,
}

impl CorrectedBy {
    fn rank(&self) -> (&str, Option<&str>) {
        (&self.event_id, self.request_id.as_deref())
    }
}

/// Which events have been corrected, and by which events. Of several corrections of one event,
/// which all have its time, the one with the last `eventID` counts.
#[derive(Debug, Clone, Default)]
pub struct Corrections {
    by: BTreeMap<EventKey, CorrectedBy>,
    /// Of each cycle of events that correct one another, the last event. It is not superseded.
    cycle_winners: BTreeSet<EventKey>,
}

impl Corrections {
    pub(super) fn add(&mut self, original: EventKey, by: CorrectedBy) {
        match self.by.entry(original) {
            Entry::Vacant(entry) => {
                entry.insert(by);
            }
            Entry::Occupied(mut entry) => {
                let last = entry.get_mut();
                if by.rank() == last.rank() {
                    last.is_foreign &= by.is_foreign;
                } else if by.rank() > last.rank() {
                    *last = by;
                }
            }
        }
    }

    /// How many events have been corrected.
    pub(super) fn len(&self) -> usize {
        self.by.len()
    }

    /// Finds the cycles. Each event is visited once.
    pub(super) fn find_cycles(&mut self) {
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
                    winners.extend(cycle.iter().max().cloned());
                    break;
                }
                next = self.by.get(&event).map(|by| EventKey {
                    event_id: by.event_id.clone(),
                    request_id: by.request_id.clone(),
                    ..event.clone()
                });
                path.push(event);
            }
        }
        self.cycle_winners = winners;
    }

    /// The correction that replaces this event, if one does: the event has been corrected, or it is
    /// a correction and not the last of the event that it corrects.
    pub fn replacement(&self, event: &KmsEvent<'_>) -> Option<&CorrectedBy> {
        if self.by.is_empty() {
            return None;
        }
        let id = event.event_id.as_deref()?;
        let key = |id: &str, request: Option<&str>| EventKey {
            account_id: event.recipient_account_id.as_deref().map(str::to_owned),
            event_id: id.to_owned(),
            request_id: request.map(str::to_owned),
            event_name: event.name.clone().into_owned(),
            time: event.time,
        };
        let rank = (id, event.request_id.as_deref());
        let last = event.corrects.as_deref().and_then(|original| {
            self.by.get(&key(original, event.corrects_request_id.as_deref())).filter(|by| by.rank() != rank)
        });
        last.or_else(|| {
            let own = key(id, event.request_id.as_deref());
            self.by.get(&own).filter(|_| !self.cycle_winners.contains(&own))
        })
    }
}

impl AddAssign for Corrections {
    fn add_assign(&mut self, other: Self) {
        for (original, by) in other.by {
            self.add(original, by);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, corrects: Option<&str>) -> KmsEvent<'static> {
        let corrects = corrects.map(|text| text.to_owned().into());
        KmsEvent { event_id: Some(id.to_owned().into()), corrects, ..KmsEvent::example() }
    }

    fn key(id: &str) -> EventKey {
        EventKey {
            account_id: None,
            event_id: id.to_owned(),
            request_id: None,
            event_name: "Decrypt".to_owned(),
            time: EventTime(0),
        }
    }

    fn by(id: &str) -> CorrectedBy {
        CorrectedBy { event_id: id.to_owned(), request_id: None, is_foreign: false }
    }

    fn corrections(pairs: &[(&str, &str)]) -> Corrections {
        let mut corrections = Corrections::default();
        pairs.iter().for_each(|(original, id)| corrections.add(key(original), by(id)));
        corrections.find_cycles();
        corrections
    }

    #[test]
    fn the_last_event_of_a_cycle_is_not_superseded() {
        let corrections = corrections(&[("a", "b"), ("b", "c"), ("c", "a"), ("x", "x"), ("o", "a")]);
        let replaced_by =
            |id, corrects| corrections.replacement(&event(id, corrects)).map(|by| by.event_id.as_str());
        assert_eq!(replaced_by("a", Some("c")), Some("b"));
        assert_eq!(replaced_by("b", Some("a")), Some("c"));
        assert_eq!(replaced_by("c", Some("b")), None);
        assert_eq!(replaced_by("x", Some("x")), None, "an event that corrects itself");
        assert_eq!(replaced_by("o", None), Some("a"), "an event that a member of the cycle corrects");
    }

    #[test]
    fn long_chains_take_linear_time() {
        let mut corrections = Corrections::default();
        for n in 0..100_000 {
            corrections.add(key(&n.to_string()), by(&(n + 1).to_string()));
        }
        corrections.find_cycles();
        let is_superseded = |n: &i32| corrections.replacement(&event(&n.to_string(), None)).is_some();
        assert_eq!((0..=100_000).filter(is_superseded).count(), 100_000);
    }

    #[test]
    fn the_last_of_several_corrections_counts() {
        assert_eq!(Corrections::default().replacement(&event("a", None)), None);
        let corrections = corrections(&[("a", "b"), ("a", "d"), ("a", "c")]);
        let replaced_by =
            |id, corrects| corrections.replacement(&event(id, corrects)).map(|by| by.event_id.as_str());
        assert_eq!(replaced_by("a", None), Some("d"));
        assert_eq!(replaced_by("b", Some("a")), Some("d"));
        assert_eq!((replaced_by("d", Some("a")), replaced_by("e", None)), (None, None));
    }

    #[test]
    fn a_correction_has_account_api_time_and_request_of_its_original() {
        let corrections = corrections(&[("a", "b")]);
        let is_superseded = |change: fn(&mut KmsEvent<'static>)| {
            let mut event = event("a", None);
            change(&mut event);
            corrections.replacement(&event).is_some()
        };
        assert!(is_superseded(|_| ()));
        assert!(!is_superseded(|event| event.recipient_account_id = Some("111122223333".into())));
        assert!(!is_superseded(|event| event.name = "Encrypt".into()));
        assert!(!is_superseded(|event| event.time = EventTime(1)));
        assert!(!is_superseded(|event| event.request_id = Some("r".into())));
    }

    #[test]
    fn a_correction_is_foreign_only_if_all_its_archives_are() {
        for deliveries in [[true, false], [false, true], [true, true]] {
            let mut all = Corrections::default();
            for is_foreign in deliveries {
                let mut one = Corrections::default();
                one.add(key("a"), CorrectedBy { is_foreign, ..by("b") });
                all += one;
            }
            let replacement = all.replacement(&event("a", None)).unwrap();
            assert_eq!(replacement.is_foreign, deliveries == [true, true]);
        }
    }
}
