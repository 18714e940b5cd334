//! What was done to trails and event data stores: from when until when one recorded nothing, or not
//! all of KMS, and who did it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::aggregate::Coverage;
use crate::knowledge::{Facts, TrailChanges};
use crate::model::{Arn, TrailChange, TrailEffect};

/// What a trail lacks during a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TrailState {
    /// Everything: it was stopped or deleted.
    NotLogging,
    /// The events of KMS, or some of them.
    ExcludesKms,
}

impl TrailState {
    /// The value of `state` in `run.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotLogging => "not_logging",
            Self::ExcludesKms => "excludes_kms",
        }
    }
}

/// A period in which a trail lacks something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrailPeriod<'a> {
    /// What it lacks.
    pub state: TrailState,
    /// The call that began it.
    pub from: &'a TrailChange,
    /// The call that ended it; `None`: the input has none.
    pub until: Option<&'a TrailChange>,
}

/// Account, region and name of a trail.
type TrailId<'a> = (&'a str, &'a str, &'a str);

/// The periods, by time. Several calls that begin the same are one period.
pub fn trail_periods(changes: &TrailChanges) -> Vec<TrailPeriod<'_>> {
    let mut periods = Vec::new();
    for mut changes in by_trail(changes).into_values() {
        changes.sort_by_key(|change| (change.by.time, &change.by.event_id));
        let mut open: BTreeMap<TrailState, &TrailChange> = BTreeMap::new();
        for change in changes {
            // A deleted trail has no selectors.
            let (begins, ends) = match change.effect {
                TrailEffect::StopsLogging => (Some(TrailState::NotLogging), None),
                TrailEffect::Deletes => (Some(TrailState::NotLogging), Some(TrailState::ExcludesKms)),
                TrailEffect::StartsLogging => (None, Some(TrailState::NotLogging)),
                TrailEffect::ExcludesKms => (Some(TrailState::ExcludesKms), None),
                TrailEffect::IncludesKms => (None, Some(TrailState::ExcludesKms)),
            };
            if let Some(state) = begins {
                open.entry(state).or_insert(change);
            }
            if let Some((state, from)) = ends.and_then(|state| open.remove_entry(&state)) {
                periods.push(TrailPeriod { state, from, until: Some(change) });
            }
        }
        periods.extend(open.into_iter().map(|(state, from)| TrailPeriod { state, from, until: None }));
    }
    periods.sort_by_key(|period| (period.from, period.state));
    periods
}

/// The periods of one kind, as text.
pub(super) fn periods(facts: &Facts, state: TrailState) -> Vec<String> {
    let periods = trail_periods(&facts.trails).into_iter();
    periods.filter(|period| period.state == state).map(|period| period.to_string()).collect()
}

/// The trails that were set to leave out KMS, or some of its events: from when until when, and by
/// whom. With `--no-learn`, only their names are known.
pub fn trails_without_kms(facts: &Facts, coverage: &Coverage) -> Vec<String> {
    let mut trails = periods(facts, TrailState::ExcludesKms);
    let known: BTreeSet<&str> = facts.trails.keys().map(|change| &*change.trail).collect();
    let is_known = |trail: &&String| known.contains(trail.as_str());
    trails.extend(coverage.kms_excluded_by.iter().filter(|trail| !is_known(trail)).cloned());
    trails
}

/// The names of these trails: each once, by its ARN if any record gives it.
pub fn names_of_trails_without_kms<'a>(facts: &'a Facts, coverage: &'a Coverage) -> BTreeSet<&'a str> {
    let mut names: BTreeSet<&str> = coverage.kms_excluded_by.iter().map(|name| &**name).collect();
    for changes in by_trail(&facts.trails).into_values() {
        let excludes = changes.iter().any(|change| change.effect == TrailEffect::ExcludesKms);
        let spelled: BTreeSet<&str> = changes.iter().map(|change| &*change.trail).collect();
        let arn = spelled.iter().copied().find(|name| name.starts_with("arn:"));
        for name in &spelled {
            names.remove(name);
        }
        names.extend(arn.or_else(|| spelled.first().copied()).filter(|_| excludes));
    }
    names
}

/// Calls that would have changed a trail, but failed, by time.
pub fn failed_attempts(changes: &TrailChanges) -> Vec<&TrailChange> {
    let mut failed: Vec<&TrailChange> = changes.keys().filter(|change| change.error_code.is_some()).collect();
    failed.sort_by_key(|change| (change.by.time, &change.by.event_id));
    failed
}

/// The changes that were made, by trail. Records name a trail by its name or by its ARN, and may
/// lack account or region.
fn by_trail(changes: &TrailChanges) -> BTreeMap<TrailId<'_>, Vec<&TrailChange>> {
    let mut by_trail: BTreeMap<TrailId<'_>, Vec<&TrailChange>> = BTreeMap::new();
    for change in changes.keys().filter(|change| change.error_code.is_none()) {
        by_trail.entry(trail_id(change)).or_default().push(change);
    }
    let is_whole = |(account, region, _): &TrailId<'_>| !account.is_empty() && !region.is_empty();
    let (whole, partial): (Vec<TrailId<'_>>, Vec<TrailId<'_>>) = by_trail.keys().copied().partition(is_whole);
    // What each whole id is called where parts are missing; `None`: two trails may have that name,
    // and it is not known which of them is meant.
    let mut meant: BTreeMap<TrailId<'_>, Option<TrailId<'_>>> = BTreeMap::new();
    for id in whole {
        for name in [("", "", id.2), (id.0, "", id.2), ("", id.1, id.2)] {
            meant.entry(name).and_modify(|other| *other = None).or_insert(Some(id));
        }
    }
    for id in partial {
        if let Some(Some(other)) = meant.get(&id) {
            let changes = by_trail.remove(&id).unwrap_or_default();
            by_trail.entry(*other).or_default().extend(changes);
        }
    }
    by_trail
}

/// The trail that a change is of. Account and region are empty where they are not known.
fn trail_id(change: &TrailChange) -> TrailId<'_> {
    let arn = Arn::parse(&change.trail).and_then(|arn| {
        let (_, name) = arn.resource.split_once('/')?;
        Some((arn.account, arn.region, name))
    });
    let own = || {
        let account = change.by.account_id.as_deref().unwrap_or_default();
        (account, change.region.as_deref().unwrap_or_default(), &*change.trail)
    };
    arn.unwrap_or_else(own)
}

impl fmt::Display for TrailPeriod<'_> {
    /// `main (StopLogging 2025-10-07T08:00:00.000Z by arn:…, until …)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = |change: &TrailChange| {
            let by = change.principal.as_deref().unwrap_or("unknown");
            format!("{} {} by {by}", change.by.event_name, change.by.time.to_rfc3339())
        };
        let no_end = || "no end in the input".to_owned();
        let until = self.until.map_or_else(no_end, |end| format!("until {}", call(end)));
        write!(f, "{} ({}, {until})", self.from.trail, call(self.from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knowledge::RecordPlace;
    use crate::model::{EventTime, Provenance};

    /// The changes, each in some archive.
    fn placed(changes: impl IntoIterator<Item = TrailChange>) -> TrailChanges {
        changes.into_iter().map(|change| (change, RecordPlace::new("a".into(), 0))).collect()
    }

    fn change(time: i64, trail: &str, effect: TrailEffect) -> TrailChange {
        TrailChange {
            trail: trail.to_owned(),
            by: Provenance {
                time: EventTime(time),
                event_name: "X".to_owned(),
                event_id: Some(time.to_string()),
                account_id: Some("111122223333".to_owned()),
            },
            region: Some("us-east-1".to_owned()),
            principal: None,
            effect,
            error_code: None,
        }
    }

    #[test]
    fn periods_begin_and_end() {
        use TrailEffect::{Deletes, ExcludesKms, IncludesKms, StartsLogging, StopsLogging};
        const ARN: &str = "arn:aws:cloudtrail:us-east-1:111122223333:trail/t";
        let mut failed = change(1, "t", StopsLogging);
        failed.error_code = Some("AccessDenied".to_owned());
        let changes = placed([
            change(0, "t", StartsLogging),
            failed,
            change(2, "t", StopsLogging),
            change(3, ARN, StopsLogging),
            change(4, ARN, StartsLogging),
            change(5, "t", ExcludesKms),
            change(6, "other", IncludesKms),
            change(7, "t", IncludesKms),
            change(8, ARN, ExcludesKms),
            change(9, "t", Deletes),
        ]);
        let found: Vec<_> = trail_periods(&changes)
            .into_iter()
            .map(|p| (p.state.as_str(), p.from.by.time.0, p.until.map(|end| end.by.time.0)))
            .collect();
        let expected = [
            ("not_logging", 2, Some(4)),
            ("excludes_kms", 5, Some(7)),
            ("excludes_kms", 8, Some(9)),
            ("not_logging", 9, None),
        ];
        assert_eq!(found, expected);
        assert_eq!(failed_attempts(&changes).len(), 1);
    }

    #[test]
    fn a_trail_is_named_once_however_records_spell_it() {
        use TrailEffect::{ExcludesKms, IncludesKms, StartsLogging};
        const ARN: &str = "arn:aws:cloudtrail:us-east-1:111122223333:trail/t";
        const OTHER: &str = "arn:aws:cloudtrail:us-east-1:444455556666:trail/t";
        let without = |mut change: TrailChange| {
            (change.region, change.by.account_id) = (None, None);
            change
        };
        let in_region = |region: &str, mut change: TrailChange| {
            change.region = Some(region.to_owned());
            change
        };
        for (changes, expected) in [
            (vec![change(1, "t", ExcludesKms), change(2, ARN, ExcludesKms)], vec![ARN]),
            (vec![change(1, "t", ExcludesKms), change(2, ARN, IncludesKms)], vec![ARN]),
            (vec![change(1, "t", ExcludesKms), change(2, "t", StartsLogging)], vec!["t"]),
            (vec![change(1, "t", ExcludesKms), change(2, OTHER, ExcludesKms)], vec![OTHER, "t"]),
            // Another trail of that name, in another region.
            (
                vec![change(1, ARN, ExcludesKms), in_region("eu-west-1", change(2, "t", ExcludesKms))],
                vec![ARN, "t"],
            ),
            (vec![without(change(1, "t", ExcludesKms)), change(2, ARN, StartsLogging)], vec![ARN]),
            // Which of two it is, is not known.
            (
                vec![
                    without(change(1, "t", ExcludesKms)),
                    change(2, ARN, StartsLogging),
                    change(3, OTHER, StartsLogging),
                ],
                vec!["t"],
            ),
        ] {
            let mut facts = Facts::default();
            let mut coverage = Coverage::default();
            let excluding = changes.iter().filter(|change| change.effect == ExcludesKms);
            coverage.kms_excluded_by.extend(excluding.map(|change| change.trail.clone()));
            facts.trails = placed(changes.iter().cloned());
            let names = Vec::from_iter(names_of_trails_without_kms(&facts, &coverage));
            assert_eq!(names, expected, "{changes:#?}");
        }
    }
}
