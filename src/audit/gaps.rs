//! Delivery days without an archive, between days that have one.

use std::ops::Range;

use chrono::NaiveDate;

use crate::aggregate::Coverage;
use crate::model::counted;

/// Days on which nothing was delivered for an account and region.
///
/// CloudTrail writes no file when there are no events, so a missing day does not prove a loss.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingDays {
    /// Account, as the archives are filed.
    pub account_id: String,
    /// Region, as the archives are filed.
    pub region: String,
    /// The days, in days since the epoch: one range between two days with archives, since names of
    /// archives can imply decades.
    pub ranges: Vec<Range<i32>>,
}

impl MissingDays {
    /// The days, in order.
    pub fn days(&self) -> impl Iterator<Item = NaiveDate> {
        self.ranges.iter().cloned().flatten().filter_map(NaiveDate::from_epoch_days)
    }

    /// How many days.
    pub fn count(&self) -> u64 {
        self.ranges.iter().map(|range| u64::from(range.end.abs_diff(range.start))).sum()
    }
}

/// Accounts and Regions that a sentence names, and ranges of days of each.
const NAMED: usize = 5;

impl MissingDays {
    /// `111122223333 us-west-2: 2024-02-03, 2024-02-05 to 2024-02-09, and 3 more times`
    pub(super) fn in_words(&self) -> String {
        let date = |day: i32| NaiveDate::from_epoch_days(day).unwrap_or_default().to_string();
        let range = |range: &Range<i32>| match range.end - range.start {
            1 => date(range.start),
            _ => format!("{} to {}", date(range.start), date(range.end - 1)),
        };
        let mut parts: Vec<String> = self.ranges.iter().take(NAMED).map(range).collect();
        if let more @ 1.. = self.ranges.len().saturating_sub(NAMED) {
            parts.push(format!("and {}", counted(more as u64, "more time")));
        }
        format!("{} {}: {}", self.account_id, self.region, parts.join(", "))
    }
}

/// Which days are missing for whom: those with the most missing days first.
pub(super) fn missing_days_in_words(coverage: &Coverage) -> Vec<String> {
    let mut missing = missing_days(coverage);
    missing.sort_by_key(|scope| std::cmp::Reverse(scope.count()));
    let more = missing.len().saturating_sub(NAMED);
    missing.truncate(NAMED);
    let mut words: Vec<String> = missing.iter().map(MissingDays::in_words).collect();
    if more > 0 {
        words.push(format!("{}: coverage in run.json", counted(more as u64, "more account and Region")));
    }
    words
}

/// The missing days between the first and the last delivery day of each account and region.
pub fn missing_days(coverage: &Coverage) -> Vec<MissingDays> {
    let mut found = Vec::new();
    for (account, region, covered) in coverage.iter() {
        let days: Vec<i32> = covered.delivery_days.iter().copied().collect();
        let between = days.windows(2).map(|pair| pair[0] + 1..pair[1]);
        let ranges: Vec<Range<i32>> = between.filter(|range| !range.is_empty()).collect();
        if !ranges.is_empty() {
            found.push(MissingDays { account_id: account.to_owned(), region: region.to_owned(), ranges });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_between_the_first_and_the_last_can_be_missing() {
        let mut coverage = Coverage::default();
        coverage.region_mut(Some("1"), Some("us-west-2")).delivery_days.extend([10, 11, 14]);
        coverage.region_mut(Some("2"), Some("us-west-2")).delivery_days.extend([10, 11]);
        let found = missing_days(&coverage);
        assert_eq!(found.len(), 1);
        let expected: Vec<NaiveDate> = [12, 13].into_iter().filter_map(NaiveDate::from_epoch_days).collect();
        assert_eq!((found[0].account_id.as_str(), found[0].count()), ("1", 2));
        assert_eq!(found[0].days().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn words_say_which_days_are_missing_for_whom() {
        let mut coverage = Coverage::default();
        coverage.region_mut(Some("1"), Some("us-west-2")).delivery_days.extend([10, 12]);
        coverage.region_mut(Some("2"), Some("us-west-2")).delivery_days.extend((0..30).step_by(3));
        assert_eq!(
            missing_days_in_words(&coverage),
            [
                "2 us-west-2: 1970-01-02 to 1970-01-03, 1970-01-05 to 1970-01-06, 1970-01-08 to 1970-01-09, \
                 1970-01-11 to 1970-01-12, 1970-01-14 to 1970-01-15, and 4 more times",
                "1 us-west-2: 1970-01-12"
            ]
        );
    }
}
