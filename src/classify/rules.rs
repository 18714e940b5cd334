//! Rule files: reading them, and testing an event against their rules.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::Deserialize;

use super::error::{RuleError, RulesError};
use super::fields::{EventFields, RuleField};
use super::index::{MANY, PatternIndex};
use super::pattern::TextPattern;
use crate::model::{LearnedRule, Strength, Workload};

/// The text of the built-in rule file.
pub(super) const BUILTIN: &str = include_str!("rules/builtin.toml");

/// A rule file that has been read into memory.
#[derive(Debug, Clone, Copy)]
pub struct RuleFile<'t> {
    /// Its name in error messages.
    pub name: &'t str,
    /// Its content: TOML, in the form of the built-in rules.
    pub text: &'t str,
}

/// Where a rule was defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleOrigin {
    /// In keytrail's built-in rules.
    BuiltIn,
    /// In the user's own rule file.
    Own,
}

impl RuleOrigin {
    /// The value of the `origin` column of `keytrail rules`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BuiltIn => "built-in",
            Self::Own => "own",
        }
    }
}

/// A rule of a rule file.
#[derive(Debug)]
#[non_exhaustive]
pub struct Rule {
    /// Short unique name, reported with every event on which the rule fires.
    pub id: String,
    /// The label that the rule is evidence for.
    pub workload: Workload,
    /// How strong that evidence is.
    pub strength: Strength,
    /// What the rule looks at, for people.
    pub about: String,
    /// The page that the rule is based on, or how it is known.
    pub source: String,
    /// Where the rule was defined.
    pub origin: RuleOrigin,
    conditions: Vec<Condition>,
}

impl Rule {
    /// Whether at least one of the rule's conditions holds.
    #[inline]
    pub(super) fn fires(&self, event: &EventFields<'_>) -> bool {
        self.conditions.iter().any(|condition| condition.holds(event))
    }

    /// The fields of each condition that must match.
    pub(super) fn conditions(&self) -> impl Iterator<Item = impl Iterator<Item = &FieldPatterns>> {
        self.conditions.iter().map(|condition| condition.all_of.iter())
    }

    /// All of these fields.
    pub(super) fn parts(&self) -> impl Iterator<Item = &FieldPatterns> {
        self.conditions().flatten()
    }

    /// Whether it compares this field.
    pub(super) fn compares(&self, field: RuleField) -> bool {
        self.conditions.iter().any(|condition| {
            let Condition { all_of, none_of, absent, .. } = condition;
            absent & field.bit() != 0 || all_of.iter().chain(none_of).any(|part| part.field == field)
        })
    }
}

/// One `[[rule.when]]` table.
#[derive(Debug)]
struct Condition {
    /// Each of these fields must match; cheap comparisons come first.
    all_of: Vec<FieldPatterns>,
    /// None of these fields may match.
    none_of: Vec<FieldPatterns>,
    /// The bits of the fields in `all_of`.
    required: u32,
    /// The bits of the fields that the event must not have.
    absent: u32,
}

/// A field, and patterns of which at least one must match it.
#[derive(Debug)]
pub(super) struct FieldPatterns {
    field: RuleField,
    patterns: Vec<TextPattern>,
    /// For many patterns: which of them to try.
    index: Option<PatternIndex>,
}

impl Condition {
    fn holds(&self, event: &EventFields<'_>) -> bool {
        event.has(self.required, self.absent)
            && self.all_of.iter().all(|part| part.matches(event))
            && !self.none_of.iter().any(|part| part.matches(event))
    }
}

impl FieldPatterns {
    fn new(field: RuleField, patterns: Vec<TextPattern>) -> Self {
        let numbered = patterns.iter().zip(0..);
        let index = if patterns.len() < MANY { None } else { PatternIndex::new(numbered) };
        Self { field, patterns, index }
    }

    pub(super) fn field(&self) -> RuleField {
        self.field
    }

    pub(super) fn patterns(&self) -> &[TextPattern] {
        &self.patterns
    }

    fn matches(&self, event: &EventFields<'_>) -> bool {
        event.any(self.field, |text| match &self.index {
            None => self.patterns.iter().any(|pattern| pattern.matches(text)),
            Some(index) => {
                let mut candidates = BTreeSet::new();
                index.add_candidates(text, &mut candidates);
                let mut patterns =
                    candidates.into_iter().filter_map(|number| self.patterns.get(number as usize));
                patterns.any(|pattern| pattern.matches(text))
            }
        })
    }

    /// Sorts before other comparisons of a condition when it is cheaper.
    fn cost(&self) -> (bool, bool) {
        (self.field.is_derived(), !self.patterns.iter().all(TextPattern::is_cheap))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    rule: Vec<RawRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    id: String,
    workload: String,
    strength: String,
    #[serde(default)]
    about: String,
    #[serde(default)]
    source: String,
    when: Vec<RawCondition>,
}

#[derive(Deserialize)]
struct RawCondition {
    /// Fields that must be absent.
    #[serde(default)]
    absent: Vec<String>,
    /// Patterns that these fields, where present, must not match.
    #[serde(default)]
    not: BTreeMap<String, Vec<String>>,
    #[serde(flatten)]
    fields: BTreeMap<String, Vec<String>>,
}

/// Reads a rule file.
pub(super) fn read(file: RuleFile<'_>, origin: RuleOrigin) -> Result<Vec<Rule>, RulesError> {
    let raw: RawFile = toml::from_str(file.text)
        .map_err(|error| RulesError::Syntax { file: file.name.to_owned(), source: Box::new(error) })?;
    let rules = raw.rule.into_iter().map(|raw| {
        let id = raw.id.clone();
        rule(raw, origin).map_err(|source| RulesError::Rule { file: file.name.to_owned(), id, source })
    });
    let rules = rules.collect::<Result<Vec<_>, _>>()?;
    check_unique_ids(file.name, &rules)?;
    Ok(rules)
}

/// Checks that no two rules, learned rules included, have the same id.
pub(super) fn check_unique_ids(file: &str, rules: &[Rule]) -> Result<(), RulesError> {
    let mut seen: HashSet<&str> = LearnedRule::ALL.iter().map(|rule| rule.info().id).collect();
    match rules.iter().find(|rule| !seen.insert(rule.id.as_str())) {
        Some(rule) => Err(RulesError::Rule {
            file: file.to_owned(),
            id: rule.id.clone(),
            source: RuleError::DuplicateId,
        }),
        None => Ok(()),
    }
}

fn rule(raw: RawRule, origin: RuleOrigin) -> Result<Rule, RuleError> {
    let RawRule { id, workload, strength, about, source, when } = raw;
    if id.is_empty() || id.contains(|c: char| c == ',' || c.is_whitespace()) {
        return Err(RuleError::InvalidId);
    }
    let workload = Workload::parse(&workload)
        .filter(|label| !matches!(label, Workload::Other | Workload::Unknown))
        .ok_or(RuleError::UnknownWorkload(workload))?;
    let strength = Strength::parse(&strength)
        .filter(|strength| *strength != Strength::None)
        .ok_or(RuleError::UnknownStrength(strength))?;
    if when.is_empty() {
        return Err(RuleError::NoCondition);
    }
    let conditions = when.iter().map(condition).collect::<Result<_, _>>()?;
    Ok(Rule { id, workload, strength, about, source, origin, conditions })
}

fn condition(raw: &RawCondition) -> Result<Condition, RuleError> {
    let mut absent = 0;
    for name in &raw.absent {
        absent |= field(name)?.bit();
    }
    let mut all_of = raw.fields.iter().map(field_patterns).collect::<Result<Vec<_>, _>>()?;
    let none_of = raw.not.iter().map(field_patterns).collect::<Result<Vec<_>, _>>()?;
    if all_of.is_empty() {
        return Err(RuleError::EmptyCondition);
    }
    all_of.sort_by_key(FieldPatterns::cost);
    let required = all_of.iter().fold(0, |bits, part| bits | part.field.bit());
    Ok(Condition { all_of, none_of, required, absent })
}

fn field_patterns((name, values): (&String, &Vec<String>)) -> Result<FieldPatterns, RuleError> {
    let patterns = values.iter().map(|value| TextPattern::new(value)).collect::<Result<_, _>>()?;
    Ok(FieldPatterns::new(field(name)?, patterns))
}

fn field(name: &str) -> Result<RuleField, RuleError> {
    RuleField::from_name(name).ok_or_else(|| RuleError::UnknownField(name.to_owned()))
}
