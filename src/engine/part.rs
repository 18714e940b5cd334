//! What a worker hands to the merge: some events and rejects of one input, in their order.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use crate::aggregate::{Coverage, Fingerprint, Groups, InputSummary, Measured, Remarks, Selected};
use crate::knowledge::Facts;
use crate::model::Rejection;
use crate::report::{EVENTS, Row, encode};

/// Some events and rejects of one input. Events are rows already: their texts lie in one buffer, one behind the other.
#[derive(Default)]
pub(super) struct Part {
    pub(super) archive: Option<Arc<str>>,
    pub(super) events: Vec<Event>,
    pub(super) groups: Groups,
    pub(super) rejects: Vec<Rejection>,
    /// What its records teach, where that is what they are read for.
    pub(super) lessons: Facts,
    /// With the last part: all about the input, and what it covers. The classes that the merge decides are still zero.
    pub(super) done: Option<Box<(InputSummary, Coverage)>>,
    /// What is kept of the input to be read again, where that is what it is read for.
    pub(super) kept: Vec<u8>,
    /// Among it is that the system failed: reading it again may give more.
    pub(super) read_error: bool,
    /// Its input cannot be read, and never will be.
    pub(super) closed: bool,
    rows: Vec<u8>,
    /// The records of events that may be copies of calls that others are copies of.
    records: Vec<u8>,
}

/// What the merge asks of an event.
pub(super) struct Event {
    pub(super) measured: Measured,
    pub(super) remarks: Remarks,
    /// `None` when copies are not looked for.
    pub(super) fingerprint: Option<Fingerprint>,
    pub(super) offset: u64,
    row: Range<usize>,
    record: Range<usize>,
}

thread_local! {
    /// Buffers of parts that have been merged, to be used again: growing new ones would cost more than filling them.
    static SPARE: RefCell<Vec<Part>> = const { RefCell::new(Vec::new()) };
}

/// So many are kept.
const SPARE_PARTS: usize = 4;

impl Part {
    /// An empty part.
    pub(super) fn new() -> Self {
        SPARE.with_borrow_mut(Vec::pop).unwrap_or_default()
    }

    /// Done with: what it took in memory is used again.
    pub(super) fn recycle(mut self) {
        self.events.clear();
        self.rows.clear();
        self.records.clear();
        self.rejects.clear();
        self.kept.clear();
        let Self { events, rows, records, rejects, kept, .. } = self;
        SPARE.with_borrow_mut(|spare| {
            if spare.len() < SPARE_PARTS {
                spare.push(Self { events, rows, records, rejects, kept, ..Self::default() });
            }
        });
    }

    /// Adds an event read from `record`; with `copies`, prepared to be told from its copies.
    pub(super) fn add(&mut self, selected: &Selected<'_>, record: &[u8], copies: bool) {
        let row = self.rows.len();
        encode(EVENTS, selected, &mut self.rows);
        let fingerprint = copies.then(|| Fingerprint::of(selected.event));
        let kept = self.records.len();
        if fingerprint.as_ref().is_some_and(Fingerprint::may_pair) {
            self.records.extend_from_slice(record);
        }
        let group = self.groups.number(selected);
        self.events.push(Event {
            measured: Measured::of(selected, group),
            remarks: Remarks::of(selected),
            fingerprint,
            offset: selected.offset,
            row: row..self.rows.len(),
            record: kept..self.records.len(),
        });
    }

    /// The row of an event of this part.
    pub(super) fn row(&self, event: &Event) -> Row<'_> {
        Row::new(&self.rows[event.row.clone()])
    }

    /// The bytes of the record of an event of this part, if it may be a copy.
    pub(super) fn record(&self, event: &Event) -> &[u8] {
        &self.records[event.record.clone()]
    }

    /// About the memory it takes.
    pub(super) fn bytes(&self) -> usize {
        // A container can have any number of members of which there is nothing to say but how they ended.
        let ending = self.done.as_ref().map_or(0, |_| size_of::<(InputSummary, Coverage)>());
        let rejects = self.rejects.len() * size_of::<Rejection>();
        let texts = self.rows.len() + self.records.len() + self.kept.len();
        texts + self.events.len() * size_of::<Event>() + rejects + ending
    }
}
