//! The shapes of JSON content.

/// The shape of an input; the `shape` column of `inputs.parquet`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum JsonShape {
    /// `{"Records":[…]}`, as CloudTrail delivers to S3, or several of them in a row.
    Records,
    /// A single record.
    Record,
    /// A top-level array of records.
    Array,
    /// One record per line.
    Ndjson,
    /// Records one after the other, but not one per line.
    Concatenated,
    /// `{"Events":[…]}`, the response of `LookupEvents`, or its items alone.
    LookupEvents,
    /// EventBridge events that contain records.
    EventBridge,
    /// What a CloudWatch Logs subscription delivers:
    /// `{"messageType":"DATA_MESSAGE",…,"logEvents":[…]}`.
    LogSubscription,
    /// The response of `FilterLogEvents` or `GetLogEvents`: `{"events":[…]}`.
    LogEvents,
    /// CloudWatch Logs exported to S3: lines of a timestamp and a message.
    LogLines,
    /// The response of `GetQueryResults` in which every row contains the whole record.
    LakeRows,
    /// The same, with records rebuilt from other columns.
    LakeRowsLossy,
    /// Records in anything else: in members of objects, in texts, in rows with other names.
    Wrapped,
    /// The same, with records that may lack something.
    WrappedLossy,
    /// More than one of these.
    Mixed,
    /// More than one of these, with records rebuilt from the columns of a query.
    MixedLossy,
    /// A CloudTrail digest file.
    Digest,
    /// JSON without CloudTrail records.
    OtherJson,
    /// No content.
    Empty,
    /// Not JSON, or not examined.
    Unknown,
}

impl JsonShape {
    /// All shapes, in the order of the documentation.
    pub const ALL: [Self; 20] = [
        Self::Records,
        Self::Record,
        Self::Array,
        Self::Ndjson,
        Self::Concatenated,
        Self::LookupEvents,
        Self::EventBridge,
        Self::LogSubscription,
        Self::LogEvents,
        Self::LogLines,
        Self::LakeRows,
        Self::LakeRowsLossy,
        Self::Wrapped,
        Self::WrappedLossy,
        Self::Mixed,
        Self::MixedLossy,
        Self::Digest,
        Self::OtherJson,
        Self::Empty,
        Self::Unknown,
    ];

    /// The value of the `shape` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Record => "record",
            Self::Array => "array",
            Self::Ndjson => "ndjson",
            Self::Concatenated => "concatenated",
            Self::LookupEvents => "lookup_events",
            Self::EventBridge => "eventbridge",
            Self::LogSubscription => "log_subscription",
            Self::LogEvents => "log_events",
            Self::LogLines => "log_lines",
            Self::LakeRows => "lake_rows",
            Self::LakeRowsLossy => "lake_rows_lossy",
            Self::Wrapped => "wrapped",
            Self::WrappedLossy => "wrapped_lossy",
            Self::Mixed => "mixed",
            Self::MixedLossy => "mixed_lossy",
            Self::Digest => "digest",
            Self::OtherJson => "other_json",
            Self::Empty => "empty",
            Self::Unknown => "unknown",
        }
    }
}
