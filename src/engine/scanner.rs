//! A scan of some inputs on one thread: the plan, which events are retained, the batch being built.

use std::sync::Arc;

use super::plan::Plan;
use super::progress::Progress;
use super::select::Selection;
use crate::aggregate::{Coverage, InputStatus, InputSummary};
use crate::facts::{Batch, BatchBuilder};
use crate::model::{RejectReason, Rejection};

/// About the bytes of a batch.
const BATCH: usize = 1 << 20;
/// Rejects of one input in a batch.
const REJECTS: usize = 256;

/// Which events a scan retains.
#[derive(Debug, Clone, Copy)]
pub(super) enum Retain<'p> {
    /// All: for later runs, with any options.
    All,
    /// Those that this selection may select, whatever other records say. The others are counted.
    Selectable(&'p Selection),
    /// None: only what records say about other calls.
    Nothing,
}

/// Whether the facts in records about other calls are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Learn {
    Yes,
    No,
}

/// Takes a batch; false when the run is over.
pub(super) type Emit<'s> = &'s mut dyn FnMut(Batch) -> bool;

/// A scan of some inputs on one thread.
pub(super) struct Scanner<'s> {
    pub(super) plan: &'s Plan,
    pub(super) progress: &'s Progress,
    pub(super) retain: Retain<'s>,
    pub(super) learn: Learn,
    pub(super) builder: &'s mut BatchBuilder,
    emit: Emit<'s>,
    is_over: bool,
    /// Scanning the listed input again would give the same.
    is_reusable: bool,
}

/// Whether a later scan of an input that yielded nothing may yield something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    MayChange,
    Permanent,
}

impl<'s> Scanner<'s> {
    pub(super) fn new(
        plan: &'s Plan,
        progress: &'s Progress,
        retain: Retain<'s>,
        learn: Learn,
        builder: &'s mut BatchBuilder,
        emit: Emit<'s>,
    ) -> Self {
        Self { plan, progress, retain, learn, builder, emit, is_over: false, is_reusable: true }
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over || self.plan.is_cancelled()
    }

    /// Whether a scan of the same bytes, on any later day, would give the same facts.
    pub(super) fn is_reusable(&self) -> bool {
        self.is_reusable
    }

    /// Whether the batch should be emitted.
    pub(super) fn is_full(&self) -> bool {
        self.builder.bytes() >= BATCH || self.builder.rejects() >= REJECTS
    }

    /// Emits the batch, if it holds anything; false when the run is over.
    pub(super) fn flush(&mut self) -> bool {
        if !self.builder.is_empty() {
            self.is_over |= !(self.emit)(self.builder.finish());
        }
        !self.is_over
    }

    /// Emits the batch in the middle of an input; false when the run is over.
    pub(super) fn flush_within(&mut self, uri: &Arc<str>) -> bool {
        let goes_on = self.flush();
        self.builder.begin(uri);
        goes_on
    }

    pub(super) fn reject(&mut self, rejection: Rejection) {
        self.is_reusable &= rejection.reason != RejectReason::ReadError;
        self.builder.reject(rejection);
    }

    /// Ends the input that was begun.
    pub(super) fn end(&mut self, summary: InputSummary, coverage: Coverage, outcome: Outcome) {
        self.is_reusable &= summary.status != InputStatus::Unreadable || outcome == Outcome::Permanent;
        self.builder.end(summary, coverage);
        if self.is_full() {
            self.flush();
        }
    }

    /// An input without records.
    pub(super) fn input(&mut self, summary: InputSummary, rejects: Vec<Rejection>, outcome: Outcome) {
        self.builder.begin(&summary.archive);
        rejects.into_iter().for_each(|rejection| self.reject(rejection));
        self.end(summary, Coverage::default(), outcome);
    }
}
