//! What every part of a scan shares: the plan, what is kept, and the batch being built.

use std::sync::Arc;

use super::{Plan, Progress, Selection};
use crate::aggregate::{Coverage, InputStatus, InputSummary};
use crate::facts::{Batch, BatchBuilder};
use crate::model::{RejectReason, Rejection};

/// About the bytes of a batch.
const BATCH: usize = 1 << 20;
/// Rejects of one input in a batch.
const REJECTS: usize = 256;

/// Which events a scan keeps.
#[derive(Debug, Clone, Copy)]
pub(super) enum Keep<'p> {
    /// All: for runs to come, with whatever options.
    All,
    /// Those that this selection may select, whatever is learned. The others are counted.
    Selectable(&'p Selection),
    /// None: what records say about other calls is all that is asked for.
    Nothing,
}

/// Takes a batch; false when the run is over.
pub(super) type Emit<'s> = &'s mut dyn FnMut(Batch) -> bool;

/// A scan of some inputs on one thread.
pub(super) struct Scanner<'s> {
    pub(super) plan: &'s Plan,
    pub(super) progress: &'s Progress,
    pub(super) keep: Keep<'s>,
    /// Whether records are asked what they say about other calls.
    pub(super) learn: bool,
    pub(super) builder: &'s mut BatchBuilder,
    pub(super) emit: Emit<'s>,
    /// The run is over.
    pub(super) over: bool,
    /// Reading the listed input again would give the same.
    pub(super) reusable: bool,
}

/// Whether an input that cannot be read may be readable later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    Maybe,
    Never,
}

impl<'s> Scanner<'s> {
    pub(super) fn new(
        plan: &'s Plan,
        progress: &'s Progress,
        keep: Keep<'s>,
        learn: bool,
        builder: &'s mut BatchBuilder,
        emit: Emit<'s>,
    ) -> Self {
        Self { plan, progress, keep, learn, builder, emit, over: false, reusable: true }
    }

    pub(super) fn is_over(&self) -> bool {
        self.over || self.plan.is_cancelled()
    }

    /// Whether the batch should be emitted.
    pub(super) fn is_full(&self) -> bool {
        self.builder.bytes() >= BATCH || self.builder.rejects() >= REJECTS
    }

    /// Emits the batch, if there is anything in it; false when the run is over.
    pub(super) fn flush(&mut self) -> bool {
        if !self.builder.is_empty() {
            self.over |= !(self.emit)(self.builder.finish());
        }
        !self.over
    }

    /// Emits the batch in the middle of an input.
    pub(super) fn flush_within(&mut self, uri: &Arc<str>) -> bool {
        let go_on = self.flush();
        self.builder.begin(uri);
        go_on
    }

    pub(super) fn reject(&mut self, rejection: Rejection) {
        self.reusable &= rejection.reason != RejectReason::ReadError;
        self.builder.reject(rejection);
    }

    /// Ends the input that was begun.
    pub(super) fn end(&mut self, summary: InputSummary, coverage: Coverage, again: Again) {
        self.reusable &= summary.status != InputStatus::Unreadable || again == Again::Never;
        self.builder.end(summary, coverage);
        if self.is_full() {
            self.flush();
        }
    }

    /// An input without records.
    pub(super) fn input(&mut self, summary: InputSummary, rejects: Vec<Rejection>, again: Again) {
        self.builder.begin(&summary.archive);
        rejects.into_iter().for_each(|rejection| self.reject(rejection));
        self.end(summary, Coverage::default(), again);
    }
}
