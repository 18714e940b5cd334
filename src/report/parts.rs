//! The parts of a report: the names of its files.

/// The folder of the events.
pub(super) const EVENTS_FOLDER: &str = "events";
/// The file in the folder of a day.
pub(super) const DAY_FILE: &str = "events.parquet";
/// The page of the report. A report need not have one.
pub(super) const PAGE: &str = "report.html";
/// What the head of every page has.
pub const PAGE_MARK: &str = "<meta name=\"generator\" content=\"keytrail\">";

/// The parts of a report, in the order in which they appear.
pub(super) const PARTS: [&str; 15] = [
    "findings.parquet",
    "usage.parquet",
    "usage_daily.parquet",
    "grants.parquet",
    "access.parquet",
    "policy_statements.parquet",
    "shares.parquet",
    "share_use.parquet",
    EVENTS_FOLDER,
    "superseded.parquet",
    "rejects.parquet",
    "integrity.parquet",
    "inputs.parquet",
    PAGE,
    "run.json",
];
