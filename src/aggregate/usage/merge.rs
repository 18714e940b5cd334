//! Parts of usage: how they add up, and how they are kept outside of memory.

use std::ops::AddAssign;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};

use super::{Common, Group, GroupStats, Usage};

impl AddAssign for Common {
    fn add_assign(&mut self, other: Self) {
        match (&*self, &other) {
            (Self::Unset, _) => *self = other,
            (_, Self::Unset) => {}
            (Self::Same { hash, .. }, Self::Same { hash: other, .. }) if hash == other => {}
            _ => *self = Self::Different,
        }
    }
}

impl AddAssign for GroupStats {
    fn add_assign(&mut self, other: Self) {
        self.event_count += other.event_count;
        self.sessions += other.sessions;
        self.source_ips += other.source_ips;
        self.users += other.users;
        self.resources += other.resources;
        self.service += other.service;
        self.resource += other.resource;
        self.verified_event_count = match (self.verified_event_count, other.verified_event_count) {
            (Some(n), Some(m)) => Some(n + m),
            (one, other) => one.or(other),
        };
        self.extend_span(other.first_time, || other.first_event_id.as_deref());
        self.extend_span(other.last_time, || other.last_event_id.as_deref());
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        let numbers = self.merge_groups(other.groups);
        for (number, stats) in numbers.iter().zip(other.stats) {
            match (&mut self.stats[*number], stats) {
                (_, None) => {}
                (Some(mine), Some(stats)) => *mine += stats,
                (none, stats) => *none = stats,
            }
        }
        for ((day, number), count) in other.daily {
            *self.daily.entry((day, numbers[number])).or_default() += count;
        }
    }
}

/// A group of [`Usage`] outside of memory.
#[derive(Serialize, Deserialize)]
struct StoredGroup {
    group: Group,
    stats: GroupStats,
    /// Events by day: days since the epoch, UTC.
    days: Vec<(i32, u64)>,
}

/// [`Usage`] outside of memory: its groups, sorted.
#[derive(Serialize, Deserialize)]
struct StoredUsage(Vec<StoredGroup>);

impl StoredUsage {
    fn new(usage: Usage) -> Self {
        let mut days = vec![Vec::new(); usage.stats.len()];
        usage.daily.into_iter().for_each(|((day, number), count)| days[number].push((day, count)));
        let groups = usage.groups.groups.into_iter().zip(usage.stats).zip(days);
        let mut stored: Vec<StoredGroup> = groups
            .filter_map(|(((_, group), stats), mut days)| {
                days.sort_unstable();
                Some(StoredGroup { group, stats: stats?, days })
            })
            .collect();
        stored.sort_by(|a, b| a.group.as_ref().cmp(&b.group.as_ref()));
        Self(stored)
    }

    fn usage(self) -> Result<Usage, &'static str> {
        let mut usage = Usage::default();
        for StoredGroup { group, stats, days } in self.0 {
            let counted = days.iter().try_fold(0u64, |sum, (_, count)| sum.checked_add(*count));
            if counted != Some(stats.event_count) {
                return Err("events of a group that are not those of its days");
            }
            let hash = group.as_ref().hashed();
            let number = usage.groups.merge_one(hash, group);
            if number < usage.stats.len() {
                return Err("a group that is given twice");
            }
            usage.stats.push(Some(stats));
            days.into_iter().for_each(|(day, count)| *usage.daily.entry((day, number)).or_default() += count);
        }
        Ok(usage)
    }
}

impl Serialize for Usage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        StoredUsage::new(self.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Usage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        StoredUsage::deserialize(deserializer)?.usage().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::aggregate::{Activity, Groups, SampleText, Selected, UsageSample};
    use crate::model::{EventTime, Evidence, KmsEvent, Outcome, Strength, WorkloadSet};

    /// Usage of some of the events from 0 on.
    fn usage(events: impl Iterator<Item = i64>) -> Usage {
        let mut usage = Usage::default();
        for n in events {
            let mut event = KmsEvent::example();
            event.time = EventTime(86_400_000 * (n % 3) + n % 7);
            event.event_id = Some(Cow::Owned(format!("id-{}", n * 7919 % 1000)));
            event.source_ip = Some(Cow::Owned(format!("10.0.{}.{}", n / 250, n % 250)));
            event.principal.name = Cow::Owned(format!("role-{}", n % 2));
            event.outcome = if n % 5 == 0 { Outcome::Denied } else { Outcome::Success };
            let evidence =
                Evidence { workload: WorkloadSet::ANY, strength: Strength::None, rules: String::new() };
            let served = event.served();
            let selected = Selected {
                event: &event,
                evidence: &evidence,
                archive: "",
                offset: 0,
                served: &served,
                integrity: None,
            };
            let mut groups = Groups::default();
            let group = groups.intern(&selected);
            let group = usage.merge_groups(groups)[group];
            let sample = UsageSample::new(&selected, group);
            usage.add(group, &sample, |text| match text {
                SampleText::EventId => event.event_id.as_deref(),
                SampleText::Service => served.service.as_deref(),
                SampleText::Resource => served.resource.as_deref(),
            });
        }
        usage
    }

    fn rows(usage: Usage) -> String {
        format!("{:?}", usage.into_rows(&Activity::default()))
    }

    #[test]
    fn parts_add_up_in_any_order_in_memory_and_outside() {
        // More addresses than are counted exactly, in one part and in all together.
        let whole = rows(usage(0..5000));
        for parts in [1, 2, 3, 50] {
            let part = |n: i64| usage((0..5000).filter(move |event| event * 31 % parts == n));
            let stored = |part: Usage| -> Usage {
                serde_json::from_str(&serde_json::to_string(&part).unwrap()).unwrap()
            };
            let mut forwards = Usage::default();
            (0..parts).for_each(|n| forwards += part(n));
            let mut backwards = Usage::default();
            (0..parts).rev().for_each(|n| backwards += stored(part(n)));
            let mut both = stored(part(0));
            both += {
                let mut rest = Usage::default();
                (1..parts).for_each(|n| rest += part(n));
                stored(rest)
            };
            for sum in [forwards, backwards, both] {
                assert_eq!(
                    serde_json::to_string(&sum).unwrap(),
                    serde_json::to_string(&usage(0..5000)).unwrap()
                );
                assert_eq!(rows(sum), whole, "{parts} parts");
            }
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let stored = serde_json::to_value(usage(0..3)).unwrap();
        let mut twice = stored.clone();
        let group = twice[0].clone();
        twice.as_array_mut().unwrap().push(group);
        let mut more = stored.clone();
        more[0]["stats"]["event_count"] = 17.into();
        let mut days = stored.clone();
        days[0]["days"] = serde_json::json!([[1, u64::MAX], [1, u64::MAX]]);
        for wrong in [twice, more, days] {
            assert!(serde_json::from_value::<Usage>(wrong).is_err());
        }
        assert!(serde_json::from_value::<Usage>(stored).is_ok());
    }
}
