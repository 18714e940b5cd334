//! What a rule of findings is: its text, for reports and for `docs/findings.md`, and its logic.

use super::calls::Calls;
use super::draft::Draft;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FindingSeverity {
    /// Data may be lost for good.
    Critical,
    /// Look at it today.
    High,
    /// Look at it this week.
    Medium,
    /// Look at it in the next review.
    Low,
    /// A fact that a review needs.
    Info,
}

impl FindingSeverity {
    /// All of them, the worst first.
    pub const ALL: [Self; 5] = [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Info];

    /// The value of the column `severity`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Info => "info",
        }
    }

    /// The severity with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == name)
    }

    /// `security-severity` in SARIF, of 10.
    pub fn score(self) -> &'static str {
        match self {
            Self::Critical => "9.5",
            Self::High => "8.0",
            Self::Medium => "5.5",
            Self::Low => "3.0",
            Self::Info => "0.0",
        }
    }
}

/// A rule of findings.
#[derive(Debug)]
#[non_exhaustive]
pub struct FindingRule {
    /// A short, stable name.
    pub id: &'static str,
    /// How bad its findings are.
    pub severity: FindingSeverity,
    /// What its findings are called.
    pub title: &'static str,
    /// When it makes a finding, and why that matters.
    pub about: &'static str,
    /// The AWS page that it is based on.
    pub source: &'static str,
    /// Controls that its findings are evidence for, joined with commas.
    pub controls: &'static str,
    /// What the records do not show.
    pub cannot_know: &'static str,
    /// When a finding is no problem.
    pub false_positives: &'static str,
    /// What to do about a finding.
    pub remediation: &'static str,
    /// Whether a finding says that something did not happen: then it rests on the coverage.
    pub is_negative: bool,
    pub(super) find: fn(&Calls<'_>) -> Vec<Draft>,
}
