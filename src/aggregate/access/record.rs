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

/// Some records: how many, the first and the last.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Span {
    /// How many. Every delivered copy counts.
    pub records: u64,
    /// The first one; of several at that time, the one with the smallest event id.
    pub first: RecordRef,
    /// The last one; of several at that time, the one with the smallest event id.
    pub last: RecordRef,
}

impl Span {
    pub(super) fn new(record: NewRecord<'_>) -> Self {
        Self { records: 1, first: record.to_owned(), last: record.to_owned() }
    }

    /// Adds a record.
    pub(super) fn add(&mut self, record: NewRecord<'_>) {
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
