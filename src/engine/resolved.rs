//! What a worker gives to the merge: resolved events and rejects of one input, in their order.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use super::owners_copies::BatchCopies;
use super::superseded::SupersededRows;
use crate::aggregate::{
    Access, Activity, Counts, Fingerprint, GrantUse, Groups, KeyCall, ObservationFlags, PolicyUses, Selected,
    UsageSample,
};
use crate::facts::{InputEnd, encode_event};
use crate::model::{IntegrityStatus, Rejection};
use crate::report::{EVENTS, EncodedRow, encode_row};

/// Resolved events and rejects of one input. Events are encoded as rows already; their texts lie in
/// one buffer, one behind the other.
#[derive(Default)]
pub(super) struct ResolvedBatch {
    pub(super) archive: Option<Arc<str>>,
    /// What digests say of the archive.
    pub(super) integrity: Option<IntegrityStatus>,
    pub(super) events: Vec<ResolvedEvent>,
    pub(super) groups: Groups,
    pub(super) rejects: Vec<Rejection>,
    /// Events that do not count, by reason.
    pub(super) counts: Counts,
    /// Those of them whose workload an S3 Bucket Key hides; see `Coverage::unattributed`.
    pub(super) unattributed: u64,
    /// Its events that corrections have replaced.
    pub(super) superseded: SupersededRows,
    /// How many of those corrections are only in archives of other accounts.
    pub(super) foreign_corrections: u64,
    /// How many of its events were not believed to be copies of others.
    pub(super) disbelieved_copies: u64,
    /// What its calls show, selected or not.
    pub(super) activity: Activity,
    /// Who called which API with which key, selected or not.
    pub(super) access: Access,
    /// Its calls that are consistent with grants.
    pub(super) grant_uses: Vec<GrantUse>,
    /// What its calls show about key policies.
    pub(super) policy_uses: PolicyUses,
    /// Its calls with keys of what is shared.
    pub(super) key_calls: Vec<KeyCall>,
    /// Calls with keys of other accounts of which it has the caller's record.
    pub(super) callers_copies: Vec<u128>,
    /// The key owners' records of such calls.
    pub(super) owners_copies: BatchCopies,
    /// In the input's last batch: its summary. Counts that resolve decides are still zero.
    pub(super) end: Option<Box<InputEnd>>,
    rows: Vec<u8>,
    /// Encoded facts of events that may be copies.
    copies: Vec<u8>,
}

/// An event as the merge needs it.
pub(super) struct ResolvedEvent {
    pub(super) measured: UsageSample,
    pub(super) flags: ObservationFlags,
    /// `None` when duplicates are counted.
    pub(super) fingerprint: Option<Fingerprint>,
    pub(super) offset: u64,
    row: Range<usize>,
    copy: Range<usize>,
}

/// Whether duplicates are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duplicates {
    /// They are counted once.
    Find,
    /// Only repeated deliveries are: the record is not believed to be a copy of another's.
    FindRepeated,
    /// Every copy counts.
    Count,
}

thread_local! {
    /// Buffers of merged batches, to be reused: to grow new ones would cost more than to fill them.
    static SPARE: RefCell<Vec<ResolvedBatch>> = const { RefCell::new(Vec::new()) };
}

/// About the bytes of a call with the key of what is shared, with its texts.
const KEY_CALL: usize = 500;

/// Batches whose buffers each thread retains.
const SPARE_BATCHES: usize = 4;

impl ResolvedBatch {
    /// An empty batch.
    pub(super) fn new() -> Self {
        SPARE.with_borrow_mut(Vec::pop).unwrap_or_default()
    }

    /// Gives the buffers of a merged batch back.
    pub(super) fn recycle(mut self) {
        self.events.clear();
        self.rows.clear();
        self.copies.clear();
        self.rejects.clear();
        let Self { events, rows, copies, rejects, .. } = self;
        SPARE.with_borrow_mut(|spare| {
            if spare.len() < SPARE_BATCHES {
                spare.push(Self { events, rows, copies, rejects, ..Self::default() });
            }
        });
    }

    /// Adds an event.
    pub(super) fn add(&mut self, selected: &Selected<'_>, duplicates: Duplicates) {
        let row = self.rows.len();
        encode_row(EVENTS, selected, &mut self.rows);
        let mut fingerprint = (duplicates != Duplicates::Count).then(|| Fingerprint::new(selected.event));
        if duplicates == Duplicates::FindRepeated
            && let Some(fingerprint) = &mut fingerprint
        {
            self.disbelieved_copies += u64::from(fingerprint.forget_copies());
        }
        let copy = self.copies.len();
        if fingerprint.as_ref().is_some_and(Fingerprint::may_have_copies) {
            encode_event(selected.event, &mut self.copies);
        }
        let group = self.groups.intern(selected);
        self.events.push(ResolvedEvent {
            measured: UsageSample::new(selected, group),
            flags: ObservationFlags::new(selected),
            fingerprint,
            offset: selected.offset,
            row: row..self.rows.len(),
            copy: copy..self.copies.len(),
        });
    }

    /// The row of an event of this batch.
    pub(super) fn row(&self, event: &ResolvedEvent) -> EncodedRow<'_> {
        EncodedRow::new(&self.rows[event.row.clone()])
    }

    /// The encoded facts of an event of this batch, if it may be a copy.
    pub(super) fn copy(&self, event: &ResolvedEvent) -> &[u8] {
        &self.copies[event.copy.clone()]
    }

    /// About the memory it takes, bytes.
    pub(super) fn bytes(&self) -> usize {
        // A container can have any number of members of which only their ends are known.
        let end = self.end.as_ref().map_or(0, |_| size_of::<InputEnd>());
        let rejects = self.rejects.len() * size_of::<Rejection>();
        let uses = self.grant_uses.len() * size_of::<GrantUse>();
        let uses = uses + self.key_calls.len() * KEY_CALL + self.owners_copies.bytes();
        let texts = self.rows.len() + self.copies.len() + self.superseded.bytes() + uses;
        texts + self.events.len() * size_of::<ResolvedEvent>() + rejects + end
    }
}
