//! A scan of some inputs on one thread: the plan, which events are retained, the batch being built.

use std::panic::resume_unwind;
use std::sync::Arc;

use super::plan::Plan;
use super::progress::Progress;
use super::record_lookup::RecordLookup;
use super::select::Selection;
use crate::aggregate::{Counts, Coverage, InputStatus, InputSummary, StatusReason};
use crate::base::catch_panic;
use crate::facts::{Batch, BatchBuilder};
use crate::model::{RejectReason, Rejection};

/// About the bytes of a batch.
const BATCH: usize = 1 << 20;
/// Rejects of one input in a batch.
const REJECTS: usize = 256;

/// Which events a scan retains.
#[derive(Clone, Copy)]
pub(super) enum Retain<'p> {
    /// All: for later runs, with any options.
    All,
    /// Those that this selection may select, whatever other records say. The others are counted.
    Selectable(&'p Selection),
    /// None: only what records say about other calls.
    Nothing,
    /// None: a record is looked for.
    Find(&'p RecordLookup<'p>),
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
    /// What was counted of the current input when part of it was emitted.
    emitted: Counts,
    is_emitting: bool,
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
        Self {
            plan,
            progress,
            retain,
            learn,
            builder,
            emit,
            is_over: false,
            is_reusable: true,
            emitted: Counts::default(),
            is_emitting: false,
        }
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
            self.is_emitting = true;
            self.is_over |= !(self.emit)(self.builder.finish());
            self.is_emitting = false;
        }
        !self.is_over
    }

    /// Emits the batch in the middle of an input of which so much was counted; false when the run
    /// is over.
    pub(super) fn flush_within(&mut self, uri: &Arc<str>, counts: Counts) -> bool {
        let goes_on = self.flush();
        self.emitted = counts;
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
        self.emitted = Counts::default();
        if self.is_full() {
            self.flush();
        }
    }

    /// Runs `scan` on one entry of the listing. A panic costs this entry, not the run: what was
    /// found in it and not emitted yet is lost, and it becomes unreadable. `listed` is its summary.
    pub(super) fn catch(&mut self, listed: InputSummary, scan: impl FnOnce(&mut Self)) {
        let Err(message) = catch_panic(|| scan(self)) else { return };
        if self.is_emitting {
            resume_unwind(Box::new(message)); // it was not the input
        }
        let reason = format!("an internal error happened while it was read: {message}");
        let unreadable = |input: InputSummary| {
            let reason = Some(StatusReason::Error(reason.clone()));
            InputSummary { status: InputStatus::Unreadable, reason, ..input }
        };
        let current = self.builder.unfinished().cloned();
        if let Some(uri) = &current {
            self.builder.discard();
            let counts = std::mem::take(&mut self.emitted);
            let container = (*uri != listed.archive).then(|| listed.archive.clone());
            let input = InputSummary { archive: uri.clone(), container, counts, ..listed.clone() };
            self.end(unreadable(input), Coverage::default(), Outcome::MayChange);
        }
        if current.is_none_or(|uri| uri != listed.archive) {
            self.input(unreadable(listed), Vec::new(), Outcome::MayChange);
        }
    }

    /// An input without records.
    pub(super) fn input(&mut self, summary: InputSummary, rejects: Vec<Rejection>, outcome: Outcome) {
        self.builder.begin(&summary.archive);
        rejects.into_iter().for_each(|rejection| self.reject(rejection));
        self.end(summary, Coverage::default(), outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::input::summary_of;

    /// Scans two inputs, the second one with `panics`; what is emitted.
    fn scan(panics: impl FnOnce(&mut Scanner<'_>)) -> Vec<Batch> {
        let (plan, progress) = (Plan::new(Vec::new()).unwrap(), Progress::default());
        let mut batches = Vec::new();
        let mut emit = |batch| {
            batches.push(batch);
            true
        };
        let mut builder = BatchBuilder::default();
        let mut scanner = Scanner::new(&plan, &progress, Retain::All, Learn::Yes, &mut builder, &mut emit);
        scanner
            .catch(summary("sound"), |scanner| scanner.input(summary("sound"), vec![], Outcome::MayChange));
        scanner.catch(summary("bad"), panics);
        assert!(!scanner.is_reusable());
        scanner.flush();
        batches
    }

    fn summary(uri: &str) -> InputSummary {
        summary_of(&uri.into())
    }

    fn rejection() -> Rejection {
        Rejection { offset: None, index: None, reason: RejectReason::JsonSyntax, detail: String::new() }
    }

    /// Each input that was ended, with the number of its records.
    fn ended(batches: &[Batch]) -> Vec<(String, InputStatus, u64)> {
        let stretches = batches.iter().flat_map(|batch| &batch.stretches);
        stretches
            .filter_map(|stretch| {
                let summary = &stretch.end.as_ref()?.summary;
                Some((summary.archive.to_string(), summary.status, summary.counts.records))
            })
            .collect()
    }

    #[test]
    fn a_panic_costs_its_input() {
        let batches = scan(|scanner| {
            scanner.builder.begin(&"bad".into());
            scanner.reject(rejection());
            panic!("at the input");
        });
        let sound = ("sound".to_owned(), InputStatus::Complete, 0);
        assert_eq!(ended(&batches), [sound.clone(), ("bad".to_owned(), InputStatus::Unreadable, 0)]);
        assert!(batches.iter().all(|batch| batch.stretches.iter().all(|stretch| stretch.rejects.is_empty())));
        // What was emitted counts.
        let batches = scan(|scanner| {
            scanner.builder.begin(&"bad".into());
            scanner.reject(rejection());
            scanner.flush_within(&"bad".into(), Counts { records: 1, rejected: 1, ..Counts::default() });
            scanner.reject(rejection());
            panic!("at the input");
        });
        assert_eq!(ended(&batches), [sound.clone(), ("bad".to_owned(), InputStatus::Unreadable, 1)]);
        let rejects = batches.iter().flat_map(|batch| &batch.stretches).map(|stretch| stretch.rejects.len());
        assert_eq!(rejects.sum::<usize>(), 1);
        // In a member of a container.
        let batches = scan(|scanner| {
            scanner.builder.begin(&"bad!/member".into());
            panic!("at the input");
        });
        let unreadable = |uri: &str| (uri.to_owned(), InputStatus::Unreadable, 0);
        assert_eq!(ended(&batches), [sound, unreadable("bad!/member"), unreadable("bad")]);
    }

    #[test]
    #[should_panic(expected = "not the input")]
    fn a_panic_of_what_takes_batches_ends_the_run() {
        let (plan, progress) = (Plan::new(Vec::new()).unwrap(), Progress::default());
        let mut emit = |_| std::panic::panic_any("not the input".to_owned());
        let mut builder = BatchBuilder::default();
        let mut scanner = Scanner::new(&plan, &progress, Retain::All, Learn::Yes, &mut builder, &mut emit);
        scanner.catch(summary("sound"), |scanner| {
            scanner.builder.begin(&"sound".into());
            scanner.flush();
        });
    }
}
