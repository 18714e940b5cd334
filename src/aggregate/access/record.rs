//! Which records show something.

use std::sync::Arc;

use crate::model::EventTime;

/// One record of the input.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct RecordRef {
    /// `eventTime`.
    pub time: EventTime,
    /// `eventID`.
    pub event_id: Option<Box<str>>,
    /// URI of the archive.
    pub archive: Arc<str>,
    /// Offset of the record in the decompressed archive.
    pub offset: u64,
}

/// A record that has not been copied.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewRecord<'r> {
    pub(super) time: EventTime,
    pub(super) event_id: Option<&'r str>,
    pub(super) archive: &'r Arc<str>,
    pub(super) offset: u64,
}

impl NewRecord<'_> {
    pub(super) fn to_owned(self) -> RecordRef {
        let event_id = self.event_id.map(Into::into);
        RecordRef { time: self.time, event_id, archive: self.archive.clone(), offset: self.offset }
    }

    /// By time, then by what decides between records of one time.
    fn order(&self) -> (EventTime, Option<&str>, &str, u64) {
        (self.time, self.event_id, self.archive, self.offset)
    }

    /// What decides between records of one time.
    fn rank(&self) -> (Option<&str>, &str, u64) {
        (self.event_id, self.archive, self.offset)
    }
}

impl RecordRef {
    fn as_new(&self) -> NewRecord<'_> {
        let event_id = self.event_id.as_deref();
        NewRecord { time: self.time, event_id, archive: &self.archive, offset: self.offset }
    }
}

/// Records of one group that are kept, beside the first and the last: those of the beginning and
/// those of the end.
const SOME: usize = 20;

/// Some records: how many, the first and the last, and some more.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Span {
    /// How many. Every delivered copy counts.
    pub records: u64,
    /// The first one; of several at that time, the one with the smallest event id.
    pub first: RecordRef,
    /// The last one; of several at that time, the one with the smallest event id.
    pub last: RecordRef,
    /// The first and the last ones, in their order; empty: there is one, or they were too many
    /// groups.
    some: Vec<RecordRef>,
}

impl Span {
    pub(super) fn new(record: NewRecord<'_>) -> Self {
        Self { records: 1, first: record.to_owned(), last: record.to_owned(), some: Vec::new() }
    }

    /// Some of the records, the first and the last among them.
    pub fn some(&self) -> impl Iterator<Item = &RecordRef> {
        [&self.first, &self.last].into_iter().chain(&self.some)
    }

    /// Keeps only the first and the last.
    pub(super) fn forget_some(&mut self) {
        self.some = Vec::new();
    }

    /// Keeps a record, if it is among the first or the last ones. It does not depend on the order
    /// of the calls which are kept.
    fn keep(&mut self, record: NewRecord<'_>) {
        if self.some.len() == SOME {
            let is_between = |lower: &RecordRef, upper: &RecordRef| {
                record.order() >= lower.as_new().order() && record.order() <= upper.as_new().order()
            };
            if let [.., lower, upper] = &self.some[..=SOME / 2]
                && is_between(lower, upper)
            {
                return;
            }
        }
        let at = self.some.partition_point(|known| known.as_new().order() < record.order());
        self.some.insert(at, record.to_owned());
        if self.some.len() > SOME {
            self.some.remove(SOME / 2);
        }
    }

    /// Adds a record.
    pub(super) fn add(&mut self, record: NewRecord<'_>) {
        if self.records == 1 {
            self.some.push(self.first.clone());
        }
        self.keep(record);
        self.records += 1;
        if comes_first(&record, &self.first.as_new()) {
            self.first = record.to_owned();
        }
        if comes_last(&record, &self.last.as_new()) {
            self.last = record.to_owned();
        }
    }

    /// Adds other records.
    pub(super) fn merge(&mut self, other: Self) {
        if self.records == 1 {
            self.some.push(self.first.clone());
        }
        if other.records == 1 {
            self.keep(other.first.as_new());
        }
        other.some.iter().for_each(|record| self.keep(record.as_new()));
        self.records += other.records;
        if comes_first(&other.first.as_new(), &self.first.as_new()) {
            self.first = other.first;
        }
        if comes_last(&other.last.as_new(), &self.last.as_new()) {
            self.last = other.last;
        }
    }
}

fn comes_first(new: &NewRecord<'_>, known: &NewRecord<'_>) -> bool {
    new.time < known.time || new.time == known.time && new.rank() < known.rank()
}

fn comes_last(new: &NewRecord<'_>, known: &NewRecord<'_>) -> bool {
    new.time > known.time || new.time == known.time && new.rank() < known.rank()
}
