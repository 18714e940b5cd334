//! Everything that needs to see all inputs: copies, aggregates, the accounting. Works on one part after the other, in input order.

use std::sync::Arc;

use tracing::{debug, info, warn};

use super::aside::{Aside, Kept};
use super::inputs::InputRows;
use super::known::Known;
use super::part::{Event, Part};
use super::{Plan, Progress, Run, RunError};
use crate::aggregate::{
    Counts, Coverage, Decision, Deduplicator, InputStatus, InputSummary, InputTotals, Observations, Selected,
    Usage, complete_from,
};
use crate::facts::{InputEnd, decode_event};
use crate::knowledge::Facts;
use crate::report::{EVENTS, EncodedRow, RowOrder, Sink, column_position};

pub(super) struct Merge<'m> {
    plan: &'m Plan,
    known: &'m Known,
    sink: &'m mut dyn Sink,
    progress: &'m Progress,
    copies: Deduplicator,
    aside: Aside,
    usage: Usage,
    observations: Observations,
    coverage: Coverage,
    counts: Counts,
    inputs: InputTotals,
    rows: InputRows,
    /// What the merge has decided about the input whose parts are coming in.
    decided: Counts,
    waiting_here: u64,
}

impl<'m> Merge<'m> {
    pub(super) fn new(
        plan: &'m Plan,
        known: &'m Known,
        sink: &'m mut dyn Sink,
        progress: &'m Progress,
    ) -> Self {
        Self {
            plan,
            known,
            sink,
            progress,
            copies: Deduplicator::default(),
            aside: Aside::new(),
            usage: Usage::default(),
            observations: Observations::default(),
            coverage: Coverage::default(),
            counts: Counts::default(),
            inputs: InputTotals::default(),
            rows: InputRows::new(),
            decided: Counts::default(),
            waiting_here: 0,
        }
    }

    /// Takes the next part.
    pub(super) fn part(&mut self, mut part: Part) -> Result<(), RunError> {
        let groups = self.usage.merge_groups(std::mem::take(&mut part.groups));
        self.decided += part.counts;
        self.coverage.unattributed += part.unattributed;
        if let Some(archive) = part.archive.clone() {
            for event in &part.events {
                let group = groups[event.measured.group];
                self.event(&archive, &part, event, group)?;
            }
            for rejection in &part.rejects {
                info!(%archive, %rejection, "rejected");
                self.inputs.add_reject(&archive, rejection);
                self.sink.rejection(&archive, rejection)?;
            }
        }
        if let Some(done) = part.done.take() {
            let InputEnd { summary, coverage } = *done;
            self.coverage += coverage;
            self.input_done(summary)?;
        }
        part.recycle();
        Ok(())
    }

    fn event(
        &mut self,
        archive: &Arc<str>,
        part: &Part,
        event: &Event,
        group: usize,
    ) -> Result<(), RunError> {
        let conflicts = self.copies.conflicts();
        let placement = event.fingerprint.as_ref().map_or(Decision::Count, |print| self.copies.decide(print));
        self.decided.conflicts += self.copies.conflicts() - conflicts;
        match placement {
            Decision::Count => {
                self.decided.selected += 1;
                self.count(part.row(event), event, group, RowOrder::InOrder)
            }
            Decision::Duplicate => {
                self.decided.duplicate += 1;
                Ok(())
            }
            Decision::OtherCopy => {
                self.decided.other_copy += 1;
                Ok(())
            }
            Decision::Hold(_) => {
                self.waiting_here += 1;
                let (input, day) = (self.rows.current(), event.measured.time.day());
                self.sink.expect_out_of_order(day)?;
                let kept = self.aside.push(input, day, (archive, event.offset), part.copy(event));
                kept.map_err(RunError::Temporary)
            }
            Decision::Attach(number) => {
                self.decided.other_copy += 1;
                self.aside.join(number, part.copy(event)).map_err(RunError::Temporary)
            }
            Decision::Discard(number) => {
                self.decided.other_copy += 1;
                self.aside.join(number, part.copy(event)).map_err(RunError::Temporary)?;
                let input = self.aside.settle(number);
                self.placed(input, true);
                Ok(())
            }
            Decision::Supersede(number) => {
                self.decided.selected += 1;
                let kept = self.aside.take(number).map_err(RunError::Temporary)?;
                self.placed(kept.input, false);
                self.sink.cancel_expected(kept.day);
                let mut others = vec![kept.record];
                others.extend(kept.others);
                self.count_completed(archive, event.offset, part.copy(event), &others, RowOrder::InOrder)
            }
        }
    }

    fn count(
        &mut self,
        row: EncodedRow<'_>,
        event: &Event,
        group: usize,
        order: RowOrder,
    ) -> Result<(), RunError> {
        self.usage.add(group, &event.measured, || row.text_at(EVENT_ID));
        self.observations += event.flags;
        self.progress.add_selected();
        self.sink.event(event.measured.time.day(), row, order)?;
        Ok(())
    }

    /// Counts the event of `record`, completed from other copies of the same call. Whose workload it is, it says by itself.
    fn count_completed(
        &mut self,
        archive: &str,
        offset: u64,
        record: &[u8],
        others: &[Vec<u8>],
        order: RowOrder,
    ) -> Result<(), RunError> {
        let Some(mut event) = decode_event(record) else { return Err(RunError::Temporary(changed())) };
        self.known.complete(&mut event);
        let evidence = self.plan.classifier.classify(&event, &self.known.knowledge);
        for mut other in others.iter().filter_map(|other| decode_event(other)) {
            self.known.complete(&mut other);
            complete_from(&mut event, other);
        }
        let mut part = Part::default();
        part.add(&Selected { event: &event, evidence: &evidence, archive, offset }, false);
        let groups = self.usage.merge_groups(std::mem::take(&mut part.groups));
        part.events
            .iter()
            .try_for_each(|event| self.count(part.row(event), event, groups[event.measured.group], order))
    }

    /// A copy that waited in `input` has been placed: it counts, or is the other copy.
    fn placed(&mut self, input: u64, selected: bool) {
        if input == self.rows.current() {
            self.waiting_here -= 1;
            class(&mut self.decided, selected);
        } else {
            class(&mut self.counts, selected);
            self.rows.place(input, selected);
        }
    }

    fn input_done(&mut self, mut input: InputSummary) -> Result<(), RunError> {
        input.counts += std::mem::take(&mut self.decided);
        let archive = &input.archive;
        if input.status != InputStatus::Unreadable {
            debug!(%archive, status = input.status.as_str(), records = input.counts.records, "read");
        }
        match (input.status, &input.reason) {
            (InputStatus::Partial, Some(reason)) => {
                let (reason, rejected) = (reason.as_str(), input.counts.rejected);
                warn!(%archive, reason, rejected, "read in part");
            }
            (InputStatus::Unreadable, Some(reason)) => {
                warn!(%archive, error = %reason.message(), "cannot be read");
            }
            _ => {}
        }
        self.progress.add_archive();
        self.counts += input.counts;
        self.inputs += &input;
        let waiting = std::mem::take(&mut self.waiting_here) > 0;
        self.rows.push(&input, waiting, self.sink)
    }

    /// Places the copies that still wait; after this, nothing more is given to the sink.
    pub(super) fn place_waiting(&mut self) -> Result<(), RunError> {
        let mut from = 0;
        while let Some((number, kept)) = self.aside.next_from(from).map_err(RunError::Temporary)? {
            if self.plan.is_cancelled() {
                return Err(RunError::Cancelled);
            }
            from = number + 1;
            let Kept { input, archive, offset, record, others, settled, .. } = kept;
            if !settled {
                let own = decode_event(&record).is_some_and(|event| event.is_callers_copy());
                self.observations.owner_copy_only += u64::from(!own);
                self.placed(input, true);
            }
            self.count_completed(&archive, offset, &record, &others, RowOrder::OutOfOrder)?;
        }
        std::mem::replace(&mut self.rows, InputRows::new()).finish(self.sink)?;
        let plan = self.plan;
        self.sink.end_of_rows(&|| !plan.is_cancelled())?;
        Ok(())
    }

    /// Checks the accounting and gives the result.
    pub(super) fn finish(mut self, mut facts: Facts) -> Result<Run, RunError> {
        self.coverage.kms_excluded_by.append(&mut facts.silent_trails);
        self.counts.check()?;
        let (usage, daily) = self.usage.into_rows();
        // The same number, counted where the rows are made.
        self.counts.check_rows(usage.iter().map(|row| row.stats.event_count).sum())?;
        self.counts.check_rows(daily.iter().map(|row| row.event_count).sum())?;
        Ok(Run {
            counts: self.counts,
            usage,
            daily,
            inputs: self.inputs,
            coverage: self.coverage,
            observations: self.observations,
            facts,
        })
    }
}

/// A copy that has waited, or met one that has, is either the one that counts or the other.
fn class(counts: &mut Counts, selected: bool) {
    counts.selected += u64::from(selected);
    counts.other_copy += u64::from(!selected);
}

fn changed() -> std::io::Error {
    std::io::Error::other("what was put aside has changed")
}

const EVENT_ID: usize = column_position(EVENTS, "event_id");
