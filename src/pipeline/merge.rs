//! Everything that needs to see all inputs: copies, aggregates, the accounting. Works on one part after the other, in input order.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::archive::Part;
use super::{Plan, Progress, Run, RunError};
use crate::aggregate::{
    Copies, Counts, Coverage, InputSummary, InputTotals, Observations, Placement, Selected, Usage,
};
use crate::report::{Sink, SinkError};

pub(super) struct Merge<'m> {
    plan: &'m Plan,
    sink: &'m mut dyn Sink,
    progress: &'m Progress,
    copies: Copies,
    usage: Usage,
    observations: Observations,
    coverage: Coverage,
    counts: Counts,
    inputs: InputTotals,
    /// What the merge has decided about the input whose parts are coming in.
    decided: Counts,
    waiting_here: u64,
    /// Inputs with copies that wait: how many, and the row to be written when the last of them is placed.
    held: BTreeMap<Arc<str>, (u64, InputSummary)>,
}

impl<'m> Merge<'m> {
    pub(super) fn new(plan: &'m Plan, sink: &'m mut dyn Sink, progress: &'m Progress) -> Self {
        Self {
            plan,
            sink,
            progress,
            copies: Copies::default(),
            usage: Usage::default(),
            observations: Observations::default(),
            coverage: Coverage::default(),
            counts: Counts::default(),
            inputs: InputTotals::default(),
            decided: Counts::default(),
            waiting_here: 0,
            held: BTreeMap::new(),
        }
    }

    /// Takes the next part.
    pub(super) fn part(&mut self, part: Part) -> Result<(), RunError> {
        for event in part.events {
            self.event(event)?;
        }
        if let Some(archive) = &part.archive {
            for rejection in &part.rejects {
                self.inputs.add_reject(archive, rejection);
                self.sink.rejection(archive, rejection)?;
            }
        }
        if let Some(done) = part.done {
            let (input, coverage) = *done;
            self.coverage += coverage;
            self.input_done(input)?;
        }
        Ok(())
    }

    fn event(&mut self, event: Selected) -> Result<(), SinkError> {
        if self.plan.keep_duplicates {
            self.decided.selected += 1;
            return self.count(&event, false);
        }
        let conflicts = self.copies.conflicts();
        let placement = self.copies.place(event);
        self.decided.conflicts += self.copies.conflicts() - conflicts;
        match placement {
            Placement::Count(event) => {
                self.decided.selected += 1;
                self.count(&event, false)
            }
            Placement::Duplicate => {
                self.decided.duplicate += 1;
                Ok(())
            }
            Placement::OtherCopy => {
                self.decided.other_copy += 1;
                Ok(())
            }
            Placement::Waits => {
                self.waiting_here += 1;
                Ok(())
            }
            Placement::Pair { counted, other_archive, late } => {
                // One of the two came now, the other has waited in its own archive.
                class(&mut self.decided, !late);
                let waited_in = if late { counted.archive.clone() } else { other_archive };
                self.placed(&waited_in, late)?;
                self.count(&counted, late)
            }
        }
    }

    fn count(&mut self, event: &Selected, late: bool) -> Result<(), SinkError> {
        self.usage.add(event);
        self.observations.observe(event);
        self.progress.add_selected();
        self.sink.event(event, late)
    }

    /// A copy that waited in `archive` has been placed: it counts, or is the other copy.
    fn placed(&mut self, archive: &Arc<str>, selected: bool) -> Result<(), SinkError> {
        let Some((waiting, input)) = self.held.get_mut(archive) else {
            // Its input is the one whose parts are coming in.
            self.waiting_here -= 1;
            class(&mut self.decided, selected);
            return Ok(());
        };
        class(&mut input.counts, selected);
        *waiting -= 1;
        if *waiting == 0
            && let Some((_, input)) = self.held.remove(archive)
        {
            self.write_input(&input)?;
        }
        Ok(())
    }

    fn input_done(&mut self, mut input: InputSummary) -> Result<(), SinkError> {
        input.counts += std::mem::take(&mut self.decided);
        match std::mem::take(&mut self.waiting_here) {
            0 => self.write_input(&input),
            waiting => {
                self.held.insert(input.archive.clone(), (waiting, input));
                Ok(())
            }
        }
    }

    fn write_input(&mut self, input: &InputSummary) -> Result<(), SinkError> {
        self.progress.add_archive();
        self.counts += input.counts;
        self.inputs += input;
        self.sink.input(input)
    }

    /// Places the copies that still wait, checks the accounting and gives the result.
    pub(super) fn finish(mut self) -> Result<Run, RunError> {
        for event in std::mem::take(&mut self.copies).into_waiting() {
            self.observations.owner_copy_only += u64::from(!event.event.is_callers_copy());
            self.count(&event, true)?;
            self.placed(&event.archive, true)?;
        }
        self.counts.check()?;
        let (usage, daily) = self.usage.into_rows();
        // The same number, counted where the rows are made.
        self.counts.check_rows(usage.iter().map(|(_, stats)| stats.event_count).sum())?;
        self.counts.check_rows(daily.iter().map(|row| row.event_count).sum())?;
        Ok(Run {
            counts: self.counts,
            usage,
            daily,
            inputs: self.inputs,
            coverage: self.coverage,
            observations: self.observations,
        })
    }
}

/// A copy that has waited, or met one that has, is either the one that counts or the other.
fn class(counts: &mut Counts, selected: bool) {
    counts.selected += u64::from(selected);
    counts.other_copy += u64::from(!selected);
}
