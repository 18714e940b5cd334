//! What calls show whatever is selected: who used which key, which grants and policies fit.

use std::sync::Arc;

use super::plan::Plan;
use super::resolved::ResolvedBatch;
use super::run_knowledge::RunKnowledge;
use crate::aggregate::{CallContext, GrantUse, SharedCall, is_use};
use crate::model::{Evidence, KmsEvent};
use crate::policy::Request;

/// Adds what calls show.
#[derive(Clone, Copy)]
pub(super) struct Shown<'r> {
    pub(super) plan: &'r Plan,
    pub(super) knowledge: &'r RunKnowledge,
}

impl Shown<'_> {
    /// Adds what a call shows. The key owner's record of a call is held back, since the caller's
    /// may be in the input. Returns what the call is for, if that had to be found out.
    pub(super) fn add(
        &self,
        event: &KmsEvent<'_>,
        archive: &Arc<str>,
        offset: u64,
        resolved: &mut ResolvedBatch,
    ) -> Option<Evidence> {
        let plan = self.plan;
        if plan.learn && !plan.keep_duplicates && plan.selection.wants_scope(event) {
            match SharedCall::of(event) {
                Some(SharedCall::Owners(call)) => {
                    resolved.owners_copies.push(call, event, offset);
                    return None;
                }
                Some(SharedCall::Callers(call))
                    if plan.digests.believes(resolved.integrity)
                        && self.knowledge.corrections.replacement(event).is_none() =>
                {
                    resolved.callers_copies.push(call);
                }
                _ => {}
            }
        }
        self.add_counted(event, archive, offset, resolved)
    }

    /// The same for a record that counts in any case.
    pub(super) fn add_counted(
        &self,
        event: &KmsEvent<'_>,
        archive: &Arc<str>,
        offset: u64,
        resolved: &mut ResolvedBatch,
    ) -> Option<Evidence> {
        let mut evidence = self.access(event, archive, offset, resolved);
        self.use_of_grants(event, resolved);
        self.use_of_policies(event, &mut evidence, resolved);
        evidence
    }

    /// What a call is for.
    pub(super) fn classify(&self, event: &KmsEvent<'_>) -> Evidence {
        self.plan.classifier.classify(event, &self.knowledge.knowledge)
    }

    /// Adds what a call shows, whatever is selected. Returns what it is for, if that had to be
    /// found out.
    fn access(
        &self,
        event: &KmsEvent<'_>,
        archive: &Arc<str>,
        offset: u64,
        resolved: &mut ResolvedBatch,
    ) -> Option<Evidence> {
        let Self { plan, knowledge } = self;
        if !plan.learn
            || !plan.selection.wants_scope(event)
            || !plan.keep_duplicates && knowledge.corrections.replacement(event).is_some()
        {
            return None;
        }
        let evidence = self.classify(event);
        resolved.access.add(event, evidence.workload, archive, offset);
        if is_use(&event.name)
            && let Some(folder) = knowledge.canvas_keys.mismatch(event)
        {
            resolved.access.add_other_key(event, folder, archive, offset);
        }
        Some(evidence)
    }

    /// Adds the grants with which a call is consistent, whatever API or workload is asked for.
    fn use_of_grants(&self, event: &KmsEvent<'_>, resolved: &mut ResolvedBatch) {
        let (knowledge, selection) = (self.knowledge, &self.plan.selection);
        if !knowledge.grants.is_empty()
            && selection.wants_record(event)
            && selection.wants_key(event, &knowledge.alias_keys)
            && knowledge.corrections.replacement(event).is_none()
        {
            resolved.grant_uses.extend(GrantUse::of(&knowledge.grants, event));
        }
    }

    /// Adds what a call shows about the policies of its keys, whatever is asked for. Finds out what
    /// it is for, if that is not known yet.
    fn use_of_policies(
        &self,
        event: &KmsEvent<'_>,
        evidence: &mut Option<Evidence>,
        resolved: &mut ResolvedBatch,
    ) {
        let (knowledge, plan) = (self.knowledge, self.plan);
        if knowledge.policies.is_empty() {
            return;
        }
        let has_policy =
            |key: Option<&str>| key.is_some_and(|key| !knowledge.policies.versions(key).is_empty());
        let keys = [&event.key.arn, &event.destination_key_arn].map(Option::as_deref);
        if !keys.into_iter().any(has_policy)
            || !plan.selection.wants_scope(event)
            || !plan.selection.wants_key(event, &knowledge.alias_keys)
            || knowledge.corrections.replacement(event).is_some()
        {
            return;
        }
        let workloads = evidence.get_or_insert_with(|| self.classify(event)).workload;
        let context = CallContext { has_grant: knowledge.grants.fits(event), workloads };
        for request in Request::of(event) {
            let request = request.with_keys(&knowledge.keys);
            if let Some(key) = request.key_arn.filter(|key| has_policy(Some(key))) {
                resolved.policy_uses.add(knowledge.policies.of(key), &request, context);
            }
        }
    }
}
