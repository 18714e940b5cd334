//! What a worker hands to the merge: some events and rejects of one input, in their order.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use crate::aggregate::{Counts, Fingerprint, Groups, ObservationFlags, Selected, UsageSample};
use crate::facts::{InputEnd, encode_event};
use crate::model::Rejection;
use crate::report::{EVENTS, EncodedRow, encode_row};

/// Some events and rejects of one input. Events are rows already: their texts lie in one buffer, one behind the other.
#[derive(Default)]
pub(super) struct Part {
    pub(super) archive: Option<Arc<str>>,
    pub(super) events: Vec<Event>,
    pub(super) groups: Groups,
    pub(super) rejects: Vec<Rejection>,
    /// Events that do not count, by why.
    pub(super) counts: Counts,
    /// Those of them whose workload an S3 Bucket Key hides; see `Coverage::unattributed`.
    pub(super) unattributed: u64,
    /// With the last part: all about the input. The classes that resolve decides are still zero.
    pub(super) done: Option<Box<InputEnd>>,
    rows: Vec<u8>,
    /// Events that may be copies of calls that others are copies of, as facts.
    copies: Vec<u8>,
}

/// What the merge asks of an event.
pub(super) struct Event {
    pub(super) measured: UsageSample,
    pub(super) flags: ObservationFlags,
    /// `None` when copies are not looked for.
    pub(super) fingerprint: Option<Fingerprint>,
    pub(super) offset: u64,
    row: Range<usize>,
    copy: Range<usize>,
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
        self.copies.clear();
        self.rejects.clear();
        let Self { events, rows, copies, rejects, .. } = self;
        SPARE.with_borrow_mut(|spare| {
            if spare.len() < SPARE_PARTS {
                spare.push(Self { events, rows, copies, rejects, ..Self::default() });
            }
        });
    }

    /// Adds an event; with `copies`, prepared to be told from its copies.
    pub(super) fn add(&mut self, selected: &Selected<'_>, copies: bool) {
        let row = self.rows.len();
        encode_row(EVENTS, selected, &mut self.rows);
        let fingerprint = copies.then(|| Fingerprint::new(selected.event));
        let copy = self.copies.len();
        if fingerprint.as_ref().is_some_and(Fingerprint::may_have_copies) {
            encode_event(selected.event, &mut self.copies);
        }
        let group = self.groups.intern(selected);
        self.events.push(Event {
            measured: UsageSample::new(selected, group),
            flags: ObservationFlags::new(selected),
            fingerprint,
            offset: selected.offset,
            row: row..self.rows.len(),
            copy: copy..self.copies.len(),
        });
    }

    /// The row of an event of this part.
    pub(super) fn row(&self, event: &Event) -> EncodedRow<'_> {
        EncodedRow::new(&self.rows[event.row.clone()])
    }

    /// The facts of an event of this part, if it may be a copy.
    pub(super) fn copy(&self, event: &Event) -> &[u8] {
        &self.copies[event.copy.clone()]
    }

    /// About the memory it takes.
    pub(super) fn bytes(&self) -> usize {
        // A container can have any number of members of which there is nothing to say but how they ended.
        let ending = self.done.as_ref().map_or(0, |_| size_of::<InputEnd>());
        let rejects = self.rejects.len() * size_of::<Rejection>();
        let texts = self.rows.len() + self.copies.len();
        texts + self.events.len() * size_of::<Event>() + rejects + ending
    }
}
