//! The facts of all inputs as look-ups, which resolve uses.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::digest_options::Disbelieved;
use super::integrity::Judge;
use super::plan::Plan;
use crate::aggregate::{GrantLedger, ShareBook};
use crate::knowledge::{Aliases, CanvasKeys, Corrections, Facts, Knowledge};
use crate::model::KmsEvent;
use crate::parse;
use crate::policy::{KeyBook, PolicyBook};

/// What is known when events are resolved.
#[derive(Debug, Default)]
pub(super) struct RunKnowledge {
    pub(super) knowledge: Knowledge,
    aliases: Aliases,
    /// The keys of the aliases that `--key` asks for.
    pub(super) alias_keys: HashSet<String>,
    pub(super) corrections: Corrections,
    pub(super) grants: GrantLedger,
    pub(super) policies: PolicyBook,
    pub(super) keys: KeyBook,
    pub(super) canvas_keys: CanvasKeys,
    /// What digests say of the inputs.
    pub(super) judge: Judge,
    /// About the bytes of all that was found about others.
    pub(super) facts_bytes: u64,
    /// What was not believed.
    pub(super) disbelieved: Disbelieved,
    /// The archives of the records that created grants, by their `eventID`.
    pub(super) grant_archives: HashMap<String, Arc<str>>,
    pub(super) shares: ShareBook,
}

impl RunKnowledge {
    /// Builds the look-ups from `facts` and from what the user stated. Facts that no report shows
    /// are moved out of `facts`.
    pub(super) fn new(plan: &Plan, facts: &mut Facts, judge: Judge, disbelieved: Disbelieved) -> Self {
        let facts_bytes = facts.bytes();
        let mut aliases = plan.aliases.clone();
        aliases += std::mem::take(&mut facts.aliases);
        let sessions = std::mem::take(&mut facts.sessions);
        let rules = facts.rules.keys().map(|(rule, when)| (*rule, when));
        let knowledge = Knowledge::new(rules, sessions);
        let patterns = &plan.selection.keys;
        let is_wanted = |alias: &str| patterns.iter().any(|pattern| pattern.matches_alias(alias));
        let alias_keys: HashSet<String> = aliases.keys_of(is_wanted).map(str::to_owned).collect();
        let changes = std::mem::take(&mut facts.keys);
        let grants = GrantLedger::new(&changes);
        let key_of = |alias: &str, time| aliases.key_at(alias, time).map(str::to_owned);
        let shares = ShareBook::new(&std::mem::take(&mut facts.shares), &changes, key_of);
        let mut policies = PolicyBook::new(&changes, plan.policies.clone());
        policies.share(shares.ram_keys());
        if !patterns.is_empty() {
            let is_wanted = |key: &str| {
                // The policy of a file may name its key by the id.
                let is_id_of = |arn: &str| arn.rsplit_once("key/").is_some_and(|(_, id)| id == key);
                alias_keys.iter().any(|arn| arn == key || is_id_of(arn))
                    || patterns.iter().any(|pattern| pattern.matches_key(key) || is_id_of(pattern.as_str()))
            };
            policies.retain(is_wanted);
        }
        let corrections = std::mem::take(&mut facts.corrections);
        let grant_archives = std::mem::take(&mut facts.grant_archives);
        let (keys_of_input, canvas_keys) = (KeyBook::new(&changes), CanvasKeys::new(&facts.canvas_keys));
        Self {
            knowledge,
            aliases,
            alias_keys,
            corrections,
            grants,
            policies,
            shares,
            keys: keys_of_input,
            canvas_keys,
            judge,
            facts_bytes,
            disbelieved,
            grant_archives,
        }
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
