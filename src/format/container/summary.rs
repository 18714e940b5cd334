//! What a search reports about a value.

/// What a search has found in a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SearchSummary {
    /// Records, and places where a record should be and cannot be read.
    pub records: u64,
    /// A record was rebuilt and may lack something.
    pub is_lossy: bool,
    /// There is a notification of S3, SNS or SQS that only names log files.
    pub is_notification: bool,
    /// The value has the names of a table's columns.
    pub is_header: bool,
}
