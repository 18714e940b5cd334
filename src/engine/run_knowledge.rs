//! The facts of all inputs as look-ups, which resolve uses.

use super::plan::Plan;
use crate::knowledge::{Aliases, Corrections, Facts, Knowledge};
use crate::model::KmsEvent;
use crate::parse;

/// What is known when events are resolved.
#[derive(Debug, Default)]
pub(super) struct RunKnowledge {
    pub(super) knowledge: Knowledge,
    aliases: Aliases,
    pub(super) corrections: Corrections,
}

impl RunKnowledge {
    /// Builds the look-ups from `facts` and from what the user stated. Facts that no report shows
    /// are moved out of `facts`.
    pub(super) fn new(plan: &Plan, facts: &mut Facts) -> Self {
        let mut aliases = plan.aliases.clone();
        aliases += std::mem::take(&mut facts.aliases);
        let sessions = std::mem::take(&mut facts.sessions);
        let rules = facts.rules.keys().map(|(rule, when)| (*rule, when));
        let knowledge = Knowledge::new(rules, sessions);
        Self { knowledge, aliases, corrections: std::mem::take(&mut facts.corrections) }
    }

    /// Adds the key that an alias pointed to when the event's call was made.
    pub(super) fn complete(&self, event: &mut KmsEvent<'_>) {
        if event.key.arn.is_none()
            && event.key.alias.is_some()
            && !self.aliases.is_empty()
            && let Some(alias) = parse::alias_arn(event)
        {
            self.aliases.resolve(event, &alias);
        }
    }
}
