//! From facts to events that count: what is known completes them, the selection and the rules decide about them.

use super::Plan;
use super::known::Known;
use super::part::Part;
use crate::aggregate::Selected;
use crate::facts::Batch;
use crate::model::KmsEvent;

/// Memory of events that are handed on together, bytes.
const PART: usize = 1 << 20;

/// Takes a part; false when the run is over.
pub(super) type Give<'g> = &'g mut dyn FnMut(Part) -> bool;

/// Decides about events one by one; what needs to see others is left to the merge.
#[derive(Clone, Copy)]
pub(super) struct Resolver<'r> {
    pub(super) plan: &'r Plan,
    pub(super) known: &'r Known,
}

impl Resolver<'_> {
    /// Resolves a batch; false when the run is over.
    pub(super) fn batch(&self, batch: Batch, give: Give<'_>) -> bool {
        let Batch { stretches, events } = batch;
        for stretch in stretches {
            let begin = || {
                let mut part = Part::new();
                part.archive = Some(stretch.uri.clone());
                part
            };
            let mut part = begin();
            for row in stretch.events.clone() {
                self.event(events.event(row), events.offset(row), &stretch.uri, &mut part);
                if part.bytes() >= PART && !give(std::mem::replace(&mut part, begin())) {
                    return false;
                }
            }
            part.rejects = stretch.rejects;
            part.done = stretch.end;
            if self.plan.is_cancelled() || !give(part) {
                return false;
            }
        }
        true
    }

    fn event(&self, mut event: KmsEvent<'_>, offset: u64, archive: &str, part: &mut Part) {
        let Self { plan, known } = *self;
        let selection = &plan.selection;
        if !selection.wants_name(&event.name) {
            part.counts.other_event += 1;
            return;
        }
        known.complete(&mut event);
        if !selection.wants_record(&event) || !selection.wants_key(&event) {
            part.counts.filtered += 1;
            return;
        }
        let evidence = plan.classifier.classify(&event, &known.knowledge);
        if !selection.workloads.intersects(evidence.workload) {
            part.counts.other_workload += 1;
            let hidden = event.s3_bucket.is_some() && event.s3_object_key.is_none() && !event.log_delivery;
            part.unattributed += u64::from(hidden && !evidence.workload.is_specific());
            return;
        }
        if !plan.keep_duplicates && known.corrections.is_superseded(&event) {
            part.counts.duplicate += 1;
            part.counts.corrected += 1;
            return;
        }
        let selected = Selected { event: &event, evidence: &evidence, archive, offset };
        part.add(&selected, !plan.keep_duplicates);
    }
}
