//! Findings: what an auditor should look at, each with its evidence, and what it cannot prove.
//!
//! A rule is its text and a function, in the file of its subject; [`FINDING_RULES`] lists all of
//! them: a new finding touches these two places. `docs/findings.md` is made from that list.
//!
//! Memory: at most [`FINDINGS_PER_RULE`] findings of each rule, of some 3 KiB each.

mod calls;
mod canvas;
mod coverage;
mod draft;
mod finding;
mod grants;
mod keys;
mod markdown;
mod mute;
mod parameters;
mod policies;
mod rule;
mod rules;
mod shared_uses;
mod shares;
mod trails;
mod uses;

#[cfg(test)]
mod tests;

pub use calls::FindingContext;
pub use draft::FindingRecord;
pub use finding::{FINDINGS_PER_RULE, Finding, FindingStatus, Findings};
pub use markdown::findings_markdown;
pub use mute::{Mute, MuteError, MuteFileError, Mutes};
pub use rule::{FindingRule, FindingSeverity};
pub use rules::{FINDING_RULES, find, finding_rule};
