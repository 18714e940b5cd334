//! The tables: one file each, with every column's type, meaning and source.
//!
//! Parquet, Arrow, CSV, NDJSON, terminal tables and `docs/report-schema.md` all come from these
//! lists. A new column is one entry here. A new table is a file here, and the code that fills it.

mod access;
mod events;
mod findings;
mod grants;
mod inputs;
mod integrity;
mod policy_statements;
mod rejects;
mod review;
mod rules;
mod shares;
mod sharing;
mod superseded;
mod totals;
mod usage;

pub use access::{ACCESS, AccessTable};
pub use events::{EVENTS, EventsTable};
pub use findings::{FINDINGS, FindingsTable};
pub use grants::{GRANTS, GrantRow, GrantsTable};
pub use inputs::{INPUTS, InputsTable};
pub use integrity::{INTEGRITY, IntegrityTable};
pub use policy_statements::{POLICY_STATEMENTS, PolicyStatementsTable};
pub use rejects::{REJECTS, RejectRow, RejectsTable};
pub use review::{REVIEW, ReviewRow, ReviewTable};
pub use rules::{RULES, RuleRow, RulesTable};
pub use shares::{SHARE_USE, SHARES, ShareUseTable, SharesTable};
pub use sharing::{SHARING, SharingRow, SharingTable};
pub use superseded::{SUPERSEDED, SupersededAs, SupersededRow, SupersededTable};
pub use totals::{TOTALS, TotalRow, TotalsTable};
pub use usage::{DAILY, DailyTable, USAGE, UsageTable};
