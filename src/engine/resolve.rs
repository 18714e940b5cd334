//! From facts to events that count: knowledge completes them; the selection and the rules decide.

use std::sync::Arc;

use super::plan::Plan;
use super::replaced::ReplacedEvents;
use super::resolved::{Duplicates, ResolvedBatch};
use super::run_knowledge::RunKnowledge;
use super::shown::Shown;
use crate::aggregate::{Selected, is_use};
use crate::facts::Batch;
use crate::model::KmsEvent;
use crate::report::{SupersededAs, SupersededRow};

/// Memory of events that are emitted together, bytes.
const BATCH: usize = 1 << 20;

/// Takes a resolved batch; false when the run is over.
pub(super) type EmitResolved<'e> = &'e mut dyn FnMut(ResolvedBatch) -> bool;

/// Decides about events one by one. Decisions that depend on other events are left to the merge.
#[derive(Clone, Copy)]
pub(super) struct Resolver<'r> {
    pub(super) plan: &'r Plan,
    pub(super) knowledge: &'r RunKnowledge,
    pub(super) replaced: &'r ReplacedEvents,
}

impl Resolver<'_> {
    /// Resolves a batch; false when the run is over.
    pub(super) fn batch(&self, batch: Batch, emit: EmitResolved<'_>) -> bool {
        let Batch { stretches, events } = batch;
        // Filters are matched with every event, so that one that matches none can be named. Where
        // facts are learned, what all calls show is counted.
        let needs_all = self.plan.learn || self.plan.filter_log().has_filters();
        for stretch in stretches {
            let integrity = self.knowledge.judge.integrity_of(&stretch);
            let begin = || {
                let mut resolved = ResolvedBatch::new();
                resolved.archive = Some(stretch.uri.clone());
                resolved.integrity = integrity;
                resolved
            };
            let mut resolved = begin();
            self.replaced.found(&events, stretch.events.clone());
            for row in stretch.events.clone() {
                let name = events.name(row);
                if !needs_all && !is_use(name) && !self.plan.selection.wants_name(name) {
                    resolved.counts.other_event += 1;
                    continue;
                }
                self.event(events.event(row), events.offset(row), &stretch.uri, &mut resolved);
                if resolved.bytes() >= BATCH && !emit(std::mem::replace(&mut resolved, begin())) {
                    return false;
                }
            }
            resolved.activity += stretch.activity;
            resolved.rejects = stretch.rejects;
            resolved.end = stretch.end;
            if self.plan.is_cancelled() || !emit(resolved) {
                return false;
            }
        }
        true
    }

    /// Adds what a call uses that is shared, whatever is asked for.
    fn use_of_shares(&self, event: &KmsEvent<'_>, resolved: &mut ResolvedBatch) {
        let (knowledge, keys) = (self.knowledge, self.knowledge.shares.keys());
        if !keys.is_empty()
            && self.plan.selection.wants_scope(event)
            && knowledge.corrections.replacement(event).is_none()
        {
            resolved.key_calls.extend(keys.uses(event));
        }
    }

    fn event(&self, mut event: KmsEvent<'_>, offset: u64, archive: &Arc<str>, resolved: &mut ResolvedBatch) {
        let Self { plan, knowledge, .. } = *self;
        let selection = &plan.selection;
        // Whatever is selected, and before an alias is resolved, as in a scan.
        resolved.activity.add(&event);
        knowledge.complete(&mut event);
        let is_key_of_alias = event.key.arn.as_deref().is_some_and(|arn| knowledge.alias_keys.contains(arn));
        plan.filter_log().add(selection, &event, is_key_of_alias);
        let shown = Shown { plan, knowledge };
        let evidence = shown.add(&event, archive, offset, resolved);
        self.use_of_shares(&event, resolved);
        if !selection.wants_name(&event.name) {
            resolved.counts.other_event += 1;
            return;
        }
        if !selection.wants_record(&event) || !selection.wants_key(&event, &knowledge.alias_keys) {
            resolved.counts.filtered += 1;
            return;
        }
        let evidence = evidence.unwrap_or_else(|| shown.classify(&event));
        if !selection.workloads.intersects(evidence.workload) {
            resolved.counts.other_workload += 1;
            let is_hidden =
                event.s3_bucket.is_some() && event.s3_object_key.is_none() && !event.is_on_log_file();
            resolved.unattributed += u64::from(is_hidden && !evidence.workload.is_specific());
            return;
        }
        if !plan.keep_duplicates
            && let Some(correction) = knowledge.corrections.replacement(&event)
        {
            resolved.counts.duplicate += 1;
            resolved.counts.corrected += 1;
            resolved.foreign_corrections += u64::from(correction.is_foreign);
            let (class, by) = (SupersededAs::Corrected, Some(correction.event_id.as_str()));
            resolved.superseded.push(&SupersededRow { event: &event, archive, offset, class, by });
            return;
        }
        let integrity = resolved.integrity;
        let duplicates = match plan.digests.believes(integrity) {
            _ if plan.keep_duplicates => Duplicates::Count,
            true => Duplicates::Find,
            false => Duplicates::FindRepeated,
        };
        let served = event.served();
        let selected =
            Selected { event: &event, evidence: &evidence, archive, offset, served: &served, integrity };
        resolved.activity.add_selected(&event);
        resolved.add(&selected, duplicates);
    }
}
