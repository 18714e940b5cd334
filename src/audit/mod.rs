//! What the aggregates mean: what was covered, and what the numbers can and cannot prove.
//!
//! ```
//! use keytrail::aggregate::Coverage;
//! use keytrail::audit::missing_days;
//!
//! let mut coverage = Coverage::default();
//! let region = coverage.region_mut(Some("111122223333"), Some("us-west-2"));
//! region.delivery_days.extend([20_000, 20_002]);
//! assert_eq!(missing_days(&coverage)[0].count(), 1);
//! ```

mod caveats;
mod details;
mod findings;
mod gaps;
mod japanese;
mod policies;
mod trails;
mod trust;

pub use caveats::{CAVEATS, Caveat, CaveatRule, ITEM_SEPARATOR, Severity, caveats, caveats_markdown};
pub use details::CaveatContext;
pub use findings::{
    FINDING_RULES, FINDINGS_PER_RULE, Finding, FindingContext, FindingRecord, FindingRule, FindingSeverity,
    FindingStatus, Findings, Mute, MuteError, MuteFileError, Mutes, find, finding_rule, findings_markdown,
};
pub use gaps::{MissingDays, missing_days};
pub use japanese::{JapaneseFinding, japanese_caveat, japanese_finding};
pub use policies::{PolicyLine, PolicyStatus, Suggestion, policy_lines, suggest_policy};
pub use trails::{
    TrailPeriod, TrailState, failed_attempts, names_of_trails_without_kms, trail_periods, trails_without_kms,
};
pub use trust::Trust;
