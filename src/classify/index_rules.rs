//! A look-up for many rules: which of them may fire on an event, without trying each.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::{EventFields, RuleField};
use super::index::{MANY, PatternIndex};
use super::pattern::TextPattern;
use super::rules::Rule;

/// Which rules may fire on an event.
#[derive(Debug)]
pub(super) struct RuleIndex {
    fields: Vec<(RuleField, PatternIndex)>,
    /// Rules that cannot be looked up.
    always: Vec<u32>,
}

impl RuleIndex {
    /// `None` for a few rules, which are as fast without.
    pub(super) fn new(rules: &[Rule]) -> Option<Self> {
        if rules.len() < 2 * MANY {
            return None;
        }
        // A field that has one of few texts in all rules, such as the API, tells little.
        let mut texts: BTreeMap<RuleField, BTreeSet<&str>> = BTreeMap::new();
        for part in rules.iter().flat_map(Rule::parts) {
            let spellings = part.patterns().iter().map(TextPattern::spelling);
            texts.entry(part.field()).or_default().extend(spellings);
        }
        let variety = |field: RuleField| texts.get(&field).map_or(0, BTreeSet::len);
        let mut patterns: BTreeMap<RuleField, Vec<(&TextPattern, u32)>> = BTreeMap::new();
        let mut always = Vec::new();
        for (rule, number) in rules.iter().zip(0..) {
            // Whichever of its conditions holds, this part of it does.
            let parts: Option<Vec<_>> = rule
                .conditions()
                .map(|condition| {
                    let parts = condition.filter(|part| part.patterns().iter().all(TextPattern::has_literal));
                    parts.max_by_key(|part| variety(part.field()))
                })
                .collect();
            match parts {
                Some(parts) => parts.into_iter().for_each(|part| {
                    let all = part.patterns().iter().map(|pattern| (pattern, number));
                    patterns.entry(part.field()).or_default().extend(all);
                }),
                None => always.push(number),
            }
        }
        let indexes = patterns
            .into_iter()
            .map(|(field, patterns)| Some((field, PatternIndex::new(patterns.into_iter())?)));
        Some(Self { fields: indexes.collect::<Option<_>>()?, always })
    }

    /// The numbers of the rules that may fire, in order.
    pub(super) fn candidates(&self, event: &EventFields<'_>) -> BTreeSet<u32> {
        let mut found: BTreeSet<u32> = self.always.iter().copied().collect();
        for (field, index) in &self.fields {
            event.any(*field, |text| {
                index.add_candidates(text, &mut found);
                false // all texts of the field
            });
        }
        found
    }
}
