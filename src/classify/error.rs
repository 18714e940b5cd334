//! Why a rule file cannot be used.

use thiserror::Error;

use super::fields::FIELD_NAMES;

/// A rule file that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RulesError {
    /// The file is not TOML, or its tables and keys are not those of a rule file.
    #[error("{file}: not a rule file")]
    Syntax {
        /// The rule file.
        file: String,
        /// The TOML parser's error, with line and column.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A rule that cannot be applied.
    #[error("{file}: rule {id}")]
    Rule {
        /// The rule file.
        file: String,
        /// The rule's id.
        id: String,
        /// What is wrong with it.
        #[source]
        source: RuleError,
    },
}

/// What is wrong with one rule.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The id is empty, or contains a comma or white space.
    #[error("an id is a word without commas")]
    InvalidId,
    /// Another rule, built in or learned, has the same id.
    #[error("this id is taken by another rule; choose a new one")]
    DuplicateId,
    /// The workload is not a label that a rule can give.
    #[error("unknown workload {0:?}; use one of those `--workload` takes")]
    UnknownWorkload(String),
    /// The strength is not one that a rule can have.
    #[error("strength {0:?} is not definitive, strong, medium or weak")]
    UnknownStrength(String),
    /// The rule has no condition.
    #[error("a rule needs at least one [[rule.when]]")]
    NoCondition,
    /// A condition that would hold for events without any of the fields.
    #[error("a [[rule.when]] needs at least one field that is present")]
    EmptyCondition,
    /// A condition on a field that events do not have.
    #[error("unknown field {0:?}; the fields are {names}", names = FIELD_NAMES.join(", "))]
    UnknownField(String),
    /// A pattern between slashes that is not a regular expression.
    #[error("{pattern}")]
    Pattern {
        /// The pattern as the rule file spells it.
        pattern: String,
        /// The error of the regular expression parser.
        #[source]
        source: Box<regex::Error>,
    },
}
