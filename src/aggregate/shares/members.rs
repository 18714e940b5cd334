//! What is in a share, and since when.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::scope::{SCOPES, Span, merged, span};
use crate::aggregate::grants::Change;
use crate::model::EventTime;

/// When something was put into a share, and taken out again.
#[derive(Debug, Clone, Default)]
pub(super) struct Member {
    /// The call since which it is, or was, in it; `None`: since before the input begins.
    pub(super) added: Option<Change>,
    place: Place,
    /// The times of the last calls that put it in, and took it out.
    last: (Option<EventTime>, Option<EventTime>),
    /// Earlier times in which it was in it.
    past: Vec<Span>,
    /// The last call that put it in was not one of the owner.
    is_by_other: bool,
}

/// Where a member is after the last call about it.
#[derive(Debug, Clone, Default)]
enum Place {
    #[default]
    In,
    Out(Change),
    /// It was put in and taken out within one second: times are whole seconds.
    Unclear,
}

impl Member {
    /// It was put in, by the owner or by another account. Changes come in the order of time.
    pub(super) fn add(&mut self, change: &Change, is_by_other: bool) {
        // Out within this second: it may have been put in before that.
        if let Place::Out(removed) = &self.place
            && removed.time != change.time
        {
            let ended = span(self.added.as_ref().map(|added| added.time), Some(removed.time));
            let is_full = self.past.len() >= SCOPES;
            match self.past.last_mut() {
                // Of too many, the last ones count as one.
                Some(last) if is_full => last.1 = ended.1,
                _ => self.past.push(ended),
            }
            self.added = None;
        }
        self.is_by_other = is_by_other;
        self.added.get_or_insert_with(|| change.clone());
        self.place = if self.last.1 == Some(change.time) { Place::Unclear } else { Place::In };
        self.last.0 = Some(change.time);
    }

    /// It was taken out.
    pub(super) fn remove(&mut self, change: &Change) {
        if self.last.0 == Some(change.time) {
            self.place = Place::Unclear;
        } else if !matches!(self.place, Place::Out(_)) {
            self.place = Place::Out(change.clone());
        }
        self.last.1 = Some(change.time);
    }

    /// The end, if it is certain.
    pub(super) fn end(&self) -> Option<&Change> {
        match &self.place {
            Place::Out(change) => Some(change),
            Place::In | Place::Unclear => None,
        }
    }

    /// All times in which it was in it.
    pub(super) fn spans(&self) -> Arc<[Span]> {
        let time = |change: &Change| change.time;
        let last = span(self.added.as_ref().map(time), self.end().map(time));
        merged(self.past.iter().copied().chain([last]).collect()).into()
    }

    /// Whether the last call that put it in was one of an account that is not the owner's.
    pub(super) fn is_by_other(&self) -> bool {
        self.is_by_other
    }

    /// Whether the order within a second decides if it is still in.
    pub(super) fn is_unclear(&self) -> bool {
        matches!(self.place, Place::Unclear)
    }
}

/// Members by name.
pub(super) type Members = BTreeMap<String, Member>;

/// The later of two changes.
pub(super) fn later<'c>(one: Option<&'c Change>, other: Option<&'c Change>) -> Option<&'c Change> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.time > one.time { other } else { one }),
        (one, other) => one.or(other),
    }
}

/// The earliest of some changes.
pub(super) fn earliest<'c>(changes: impl IntoIterator<Item = Option<&'c Change>>) -> Option<&'c Change> {
    changes.into_iter().flatten().min_by_key(|change| change.time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(time: i64) -> Change {
        Change {
            time: EventTime(time),
            event_name: "C".to_owned(),
            event_id: None,
            principal: "p".to_owned(),
            service: None,
            account_id: None,
        }
    }

    /// Since when it is in, when it ended, and whether that is unclear, after calls that put it in
    /// (`+`) or take it out at these times.
    fn after(calls: &[(char, i64)]) -> (Option<i64>, Option<i64>, bool) {
        let mut member = Member::default();
        for (kind, time) in calls {
            if *kind == '+' { member.add(&change(*time), false) } else { member.remove(&change(*time)) }
        }
        let time = |change: Option<&Change>| change.map(|change| change.time.0);
        (time(member.added.as_ref()), time(member.end()), member.is_unclear())
    }

    #[test]
    fn the_order_within_a_second_does_not_decide() {
        for (before, added) in [(vec![], 5), (vec![('+', 1)], 1), (vec![('+', 1), ('-', 2)], 5)] {
            let both = [('+', 5), ('-', 5)];
            let [one, other] = [both.to_vec(), both.into_iter().rev().collect()]
                .map(|both: Vec<_>| [before.clone(), both].concat());
            assert_eq!(after(&one), (Some(added), None, true), "{one:?}");
            assert_eq!(after(&other), (Some(added), None, true), "{other:?}");
            // A later call makes it clear again.
            let then = |call| after(&[one.clone(), vec![call]].concat());
            assert_eq!(then(('-', 7)), (Some(added), Some(7), false));
            assert_eq!(then(('+', 7)), (Some(added), None, false));
        }
        assert_eq!(after(&[('-', 1), ('-', 2)]), (None, Some(1), false), "the first end");
        assert_eq!(after(&[('+', 1), ('-', 2), ('+', 3)]), (Some(3), None, false));
    }

    #[test]
    fn earlier_times_are_kept() {
        let hour = 3_600_000;
        let mut member = Member::default();
        member.remove(&change(hour));
        member.add(&change(3 * hour), false);
        let grace = hour / 4;
        assert_eq!(*member.spans(), [(i64::MIN, hour + grace), (3 * hour, i64::MAX)]);
        for n in 2..200 {
            member.remove(&change(2 * n * hour));
            member.add(&change((2 * n + 1) * hour), false);
        }
        assert_eq!(member.spans().len(), SCOPES + 1);
        assert_eq!(member.spans().last().unwrap().0, 399 * hour);
    }
}
