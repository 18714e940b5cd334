//! Which of some grants were in force at a time.

use std::collections::BTreeMap;
use std::ops::Range;

/// Grants that no call tells apart, but by the time at which they were in force. Between two
/// changes, which is a span here, a call fits the same of them: it is counted once for the span.
#[derive(Debug, Clone, Default)]
pub(super) struct TimeLine {
    /// The times at which a grant begins or ends: each begins a span.
    begins: Vec<i64>,
    spans: Vec<InForce>,
}

/// The grants in force during a span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct InForce {
    pub(super) count: usize,
    /// The sum of their places in the ledger: of a single one, its place.
    pub(super) sum: usize,
}

impl TimeLine {
    /// Of grants by their places in the ledger, and the times from when until before when they are
    /// in force, in milliseconds.
    pub(super) fn new(grants: impl Iterator<Item = (usize, Range<i64>)>) -> Self {
        let mut changes: BTreeMap<i64, Vec<(usize, bool)>> = BTreeMap::new();
        for (grant, times) in grants.filter(|(_, times)| !times.is_empty()) {
            changes.entry(times.start).or_default().push((grant, true));
            changes.entry(times.end).or_default().push((grant, false));
        }
        let mut now = InForce::default();
        let mut line = Self::default();
        for (time, changes) in changes {
            for (grant, begins) in changes {
                // Sums wrap around, and come back when grants end.
                now = match begins {
                    true => InForce { count: now.count + 1, sum: now.sum.wrapping_add(grant) },
                    false => InForce { count: now.count - 1, sum: now.sum.wrapping_sub(grant) },
                };
            }
            line.begins.push(time);
            line.spans.push(now);
        }
        line
    }

    /// The span of a time, and what is in force then, if anything is.
    pub(super) fn at(&self, time: i64) -> Option<(u32, InForce)> {
        let span = self.begins.partition_point(|begin| *begin <= time).checked_sub(1)?;
        let in_force = *self.spans.get(span)?;
        (in_force.count > 0).then_some((u32::try_from(span).ok()?, in_force))
    }

    /// The spans in which a grant with these times is in force.
    pub(super) fn spans(&self, times: &Range<i64>) -> Range<u32> {
        let place = |time: i64| self.begins.partition_point(|begin| *begin < time);
        let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        number(place(times.start))..number(place(times.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_has_the_spans_of_its_times() {
        let times = [1..5, 3..9, 3..9, 7..7, 9..i64::MAX];
        let line = TimeLine::new(times.iter().cloned().enumerate());
        for time in 0..12 {
            let open = times.iter().enumerate().filter(|(_, times)| times.contains(&time));
            let (count, sum) = open.fold((0, 0), |(count, sum), (n, _)| (count + 1, sum + n));
            let found = line.at(time);
            assert_eq!(found.map(|(_, in_force)| in_force), (count > 0).then_some(InForce { count, sum }));
            for times in &times {
                let is_inside = found.is_some_and(|(span, _)| line.spans(times).contains(&span));
                assert_eq!(is_inside, times.contains(&time), "{times:?} at {time}");
            }
        }
    }
}
