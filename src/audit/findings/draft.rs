//! A finding in the making.

use serde::{Deserialize, Serialize};

use super::calls::Calls;
use crate::aggregate::{Change, RecordRef, Span};
use crate::knowledge::RecordPlace;
use crate::model::{EventTime, Provenance};

/// A record that shows what a finding says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FindingRecord {
    #[serde(skip, default = "unknown_time")]
    time: EventTime,
    /// `eventID`.
    pub event_id: Option<String>,
    /// URI of the archive.
    pub archive: Option<String>,
    /// Offset of the record in the decompressed archive.
    pub offset: Option<u64>,
}

/// The table of a report has no times of single records: there, they are sorted already.
fn unknown_time() -> EventTime {
    EventTime(0)
}

/// What a rule found.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    pub(super) key: Option<String>,
    pub(super) principal: Option<String>,
    pub(super) grant: Option<String>,
    pub(super) resource: Option<String>,
    /// What tells it from other findings of the rule, where the members above do not.
    pub(super) subject: Option<String>,
    pub(super) detail: String,
    pub(super) records: Vec<FindingRecord>,
    /// How many records show it.
    pub(super) count: u64,
    pub(super) times: Option<(EventTime, EventTime)>,
    /// Why it cannot be decided.
    pub(super) undecidable: Option<String>,
}

impl Draft {
    pub(super) fn new(key: Option<&str>, principal: Option<&str>) -> Self {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Self { key: own(key), principal: own(principal), ..Self::default() }
    }

    fn extend(&mut self, time: EventTime) {
        let (first, last) = self.times.unwrap_or((time, time));
        self.times = Some((first.min(time), last.max(time)));
    }

    fn push(&mut self, record: &RecordRef) {
        self.extend(record.time);
        let found = FindingRecord {
            time: record.time,
            event_id: record.event_id.as_deref().map(str::to_owned),
            archive: Some((*record.archive).to_owned()),
            offset: Some(record.offset),
        };
        if !self.records.contains(&found) {
            self.records.push(found);
        }
    }

    /// Adds a record.
    pub(super) fn record(mut self, record: &RecordRef) -> Self {
        self.count += 1;
        self.push(record);
        self
    }

    /// Adds records of which some are known, the first and the last among them.
    pub(super) fn span(mut self, span: &Span) -> Self {
        self.count += span.records;
        span.some().for_each(|record| self.push(record));
        self
    }

    /// Adds those of the known records of a span that are later than `time`.
    pub(super) fn later(mut self, span: &Span, time: i64) -> Self {
        if span.first.time.0 > time {
            return self.span(span);
        }
        let known = self.records.len();
        span.some().filter(|record| record.time.0 > time).for_each(|record| self.push(record));
        self.count += (self.records.len() - known) as u64;
        self
    }

    pub(super) fn spans<'s>(self, spans: impl IntoIterator<Item = &'s Span>) -> Self {
        spans.into_iter().fold(self, Self::span)
    }

    /// Adds a record that is known by its time and id.
    pub(super) fn named(mut self, seen: &Calls<'_>, time: EventTime, event_id: Option<&str>) -> Self {
        if let Some(record) = event_id.and_then(|id| seen.record(id)) {
            return self.record(record);
        }
        self.count += 1;
        self.extend(time);
        let event_id = event_id.map(str::to_owned);
        self.records.push(FindingRecord { time, event_id, archive: None, offset: None });
        self
    }

    /// Adds the call that created or ended a grant.
    pub(super) fn change(self, seen: &Calls<'_>, change: &Change) -> Self {
        self.named(seen, change.time, change.event_id.as_deref())
    }

    /// Adds the record that states a fact.
    pub(super) fn fact(mut self, by: &Provenance, place: &RecordPlace) -> Self {
        self.count += 1;
        self.extend(by.time);
        self.records.push(FindingRecord {
            time: by.time,
            event_id: by.event_id.clone(),
            archive: Some((*place.archive).to_owned()),
            offset: Some(place.offset),
        });
        self
    }
}

/// Records that a finding names at most.
pub(super) const EVIDENCE: usize = 20;

/// The first and the last records, by time.
pub(super) fn some_of(mut records: Vec<FindingRecord>) -> Vec<FindingRecord> {
    records.sort_unstable();
    records.dedup();
    if records.len() > EVIDENCE {
        records.drain(EVIDENCE / 2..records.len() - EVIDENCE / 2);
    }
    records
}
