//! Look-ups for many patterns: which of them may match a text, without trying each.
//!
//! Exact texts are in a hash table. Of regular expressions, the literals that every match contains
//! are searched for together, in one pass over the text.

use std::collections::{BTreeSet, HashMap};

use aho_corasick::{AhoCorasick, MatchKind};

use super::pattern::TextPattern;

/// From so many patterns on, a look-up is faster than a walk.
pub(super) const MANY: usize = 32;

/// Patterns, each with the number of what it belongs to. Numbers may be given several times.
#[derive(Debug, Default)]
pub(super) struct PatternIndex {
    exact: HashMap<Box<str>, Vec<u32>>,
    /// All literals, and what each belongs to.
    literals: Option<AhoCorasick>,
    of_literal: Vec<u32>,
    /// What has a literal whose non-ASCII case variants the search does not find.
    ignoring_case: Vec<u32>,
    /// What has an expression without a literal.
    always: Vec<u32>,
}

impl PatternIndex {
    /// `None` when the literals are too many for one search.
    pub(super) fn new<'p>(patterns: impl Iterator<Item = (&'p TextPattern, u32)>) -> Option<Self> {
        let mut index = Self::default();
        let mut literals: Vec<&[u8]> = Vec::new();
        for (pattern, number) in patterns {
            match pattern {
                TextPattern::Exact(text) => {
                    index.exact.entry(text.as_str().into()).or_default().push(number);
                }
                TextPattern::Regex(regex) => match regex.literal() {
                    Some(literal) => {
                        literals.push(literal.bytes());
                        index.of_literal.push(number);
                        index.ignoring_case.extend(literal.ignores_case().then_some(number));
                    }
                    None => index.always.push(number),
                },
            }
        }
        if !literals.is_empty() {
            // In any case: the expression decides.
            let mut builder = AhoCorasick::builder();
            let builder = builder.match_kind(MatchKind::Standard).ascii_case_insensitive(true);
            index.literals = Some(builder.build(literals).ok()?);
        }
        Some(index)
    }

    /// Adds the numbers of all patterns that may match `text`.
    pub(super) fn add_candidates(&self, text: &str, found: &mut BTreeSet<u32>) {
        found.extend(self.exact.get(text).into_iter().flatten());
        found.extend(&self.always);
        if let Some(literals) = &self.literals {
            let matches = literals.find_overlapping_iter(text);
            found.extend(matches.filter_map(|found| self.of_literal.get(found.pattern().as_usize())));
        }
        if !text.is_ascii() {
            found.extend(&self.ignoring_case);
        }
    }
}
