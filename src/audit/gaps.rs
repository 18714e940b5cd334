//! Delivery days without an archive, between days that have one.

use std::ops::Range;

use chrono::NaiveDate;

use crate::aggregate::Coverage;

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
}
