//! What facts of all inputs come to, as resolve asks for it.

use super::Plan;
use crate::knowledge::{Aliases, Corrections, Facts, Knowledge};
use crate::model::KmsEvent;
use crate::parse;

/// What is known when events are resolved.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) knowledge: Knowledge,
    aliases: Aliases,
    pub(super) corrections: Corrections,
}

impl Known {
    /// What `facts` come to, beside what the user knows. What no report asks for is taken out of them.
    pub(super) fn new(plan: &Plan, facts: &mut Facts) -> Self {
        let mut aliases = plan.aliases.clone();
        aliases += std::mem::take(&mut facts.aliases);
        let sessions = std::mem::take(&mut facts.sessions);
        let rules = facts.rules.keys().map(|(rule, when)| (*rule, when));
        let knowledge = Knowledge::new(rules, sessions);
        Self { knowledge, aliases, corrections: std::mem::take(&mut facts.corrections) }
    }

    /// Completes an event by what is known of aliases.
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
