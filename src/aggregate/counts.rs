//! The accounting: every record is in exactly one class.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How many records are in each class. Unit: records; each reject counts as one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counts {
    /// Records seen, including unreadable ones.
    pub records: u64,
    /// Events that are in the report.
    pub selected: u64,
    /// Repeated deliveries of a selected event, and events that a correction has superseded.
    pub duplicate: u64,
    /// Other accounts' copies of a selected event.
    pub other_copy: u64,
    /// Not `kms.amazonaws.com`.
    pub other_source: u64,
    /// KMS events of APIs that were not asked for.
    pub other_event: u64,
    /// KMS events of workloads that were not asked for.
    pub other_workload: u64,
    /// KMS events outside the times, accounts, regions, keys or principals asked for.
    pub filtered: u64,
    /// Network-activity, insight, aggregated and dry-run records.
    pub not_usage: u64,
    /// Records that could not be read.
    pub rejected: u64,
    /// Selected events that share `eventID` and account with another event but differ from it. Not
    /// a class of its own.
    pub conflicts: u64,
    /// Those of `duplicate` that a correction has superseded. Not a class of its own.
    pub corrected: u64,
}

/// The classes do not add up. This is a bug in keytrail, never a fault of the input.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "internal error: {records} records were read but the classes add up to {classes}; \
     please report this"
)]
pub struct Imbalance {
    records: u64,
    classes: u64,
}

impl Counts {
    /// The classes with their names, in the order of `run.json`.
    pub fn classes(&self) -> [(&'static str, u64); 9] {
        [
            ("selected", self.selected),
            ("duplicate", self.duplicate),
            ("other_copy", self.other_copy),
            ("other_source", self.other_source),
            ("other_event", self.other_event),
            ("other_workload", self.other_workload),
            ("filtered", self.filtered),
            ("not_usage", self.not_usage),
            ("rejected", self.rejected),
        ]
    }

    /// Checks that every record is in exactly one class.
    ///
    /// # Errors
    /// When the classes do not add up to the records.
    pub fn check(&self) -> Result<(), Imbalance> {
        let classes = self.classes().iter().map(|(_, n)| n).sum();
        if classes == self.records { Ok(()) } else { Err(Imbalance { records: self.records, classes }) }
    }

    /// Checks that a table counts as many events as were selected.
    ///
    /// # Errors
    /// When it does not.
    pub fn check_rows(&self, events: u64) -> Result<(), Imbalance> {
        if events == self.selected {
            Ok(())
        } else {
            Err(Imbalance { records: self.selected, classes: events })
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.records += other.records;
        self.selected += other.selected;
        self.duplicate += other.duplicate;
        self.other_copy += other.other_copy;
        self.other_source += other.other_source;
        self.other_event += other.other_event;
        self.other_workload += other.other_workload;
        self.filtered += other.filtered;
        self.not_usage += other.not_usage;
        self.rejected += other.rejected;
        self.conflicts += other.conflicts;
        self.corrected += other.corrected;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_without_a_class_is_an_imbalance() {
        let mut counts =
            Counts { records: 3, selected: 1, rejected: 1, other_source: 1, ..Counts::default() };
        assert_eq!(counts.check(), Ok(()));
        counts += Counts { records: 1, ..Counts::default() };
        assert_eq!(counts.check(), Err(Imbalance { records: 4, classes: 3 }));
    }
}
