//! What could not be read, and why: closed lists that scripts may match on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a record, or a stretch of an input, could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum RejectReason {
    /// The gzip stream ends before its end marker.
    GzipTruncated,
    /// The gzip stream is damaged (bad block, checksum or length).
    GzipCorrupt,
    /// As for gzip.
    ZstdTruncated,
    /// As for gzip.
    ZstdCorrupt,
    /// A tar or zip file ends before its end; also of the member that it ends in.
    ContainerTruncated,
    /// A tar or zip file, or a member of one, is damaged (a header, the directory, a checksum).
    ContainerCorrupt,
    /// A Parquet file, or some of its rows, cannot be read.
    ParquetCorrupt,
    /// A row of a CSV file has not as many fields as there are columns.
    CsvSyntax,
    /// Bytes after the last gzip member, zstd frame, JSON value or end of a container that are none of these.
    TrailingBytes,
    /// The decompressed content passes `--max-archive-bytes`.
    ArchiveTooLarge,
    /// One record passes `--max-record-bytes`.
    RecordTooLarge,
    /// The operating system failed in the middle of the input.
    ReadError,
    /// The JSON ends inside a record or before its container is closed.
    JsonTruncated,
    /// The record is not valid JSON.
    JsonSyntax,
    /// The record is not valid UTF-8.
    InvalidUtf8,
    /// The record has a `\ud800`-like escape without its partner.
    LoneSurrogate,
    /// A field no event can do without is missing.
    MissingField,
    /// `eventTime` is not a time.
    BadEventTime,
    /// `eventVersion` has a major version other than 1.
    UnsupportedVersion,
}

impl RejectReason {
    /// Every reason, in the order of the documentation.
    pub const ALL: [Self; 19] = [
        Self::GzipTruncated,
        Self::GzipCorrupt,
        Self::ZstdTruncated,
        Self::ZstdCorrupt,
        Self::ContainerTruncated,
        Self::ContainerCorrupt,
        Self::ParquetCorrupt,
        Self::CsvSyntax,
        Self::TrailingBytes,
        Self::ArchiveTooLarge,
        Self::RecordTooLarge,
        Self::ReadError,
        Self::JsonTruncated,
        Self::JsonSyntax,
        Self::InvalidUtf8,
        Self::LoneSurrogate,
        Self::MissingField,
        Self::BadEventTime,
        Self::UnsupportedVersion,
    ];

    /// The value of the `reason` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GzipTruncated => "gzip_truncated",
            Self::GzipCorrupt => "gzip_corrupt",
            Self::ZstdTruncated => "zstd_truncated",
            Self::ZstdCorrupt => "zstd_corrupt",
            Self::ContainerTruncated => "container_truncated",
            Self::ContainerCorrupt => "container_corrupt",
            Self::ParquetCorrupt => "parquet_corrupt",
            Self::CsvSyntax => "csv_syntax",
            Self::TrailingBytes => "trailing_bytes",
            Self::ArchiveTooLarge => "archive_too_large",
            Self::RecordTooLarge => "record_too_large",
            Self::ReadError => "read_error",
            Self::JsonTruncated => "json_truncated",
            Self::JsonSyntax => "json_syntax",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::LoneSurrogate => "lone_surrogate",
            Self::MissingField => "missing_field",
            Self::BadEventTime => "bad_event_time",
            Self::UnsupportedVersion => "unsupported_version",
        }
    }
}

/// One record, or one stretch of an input, that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Rejection {
    /// Byte offset of the record in the decompressed archive, of a row in Parquet its number; `None` when the damage is not inside a record.
    pub offset: Option<u64>,
    /// Zero-based position among the input's records; `None` as above.
    pub index: Option<u64>,
    /// Why.
    pub reason: RejectReason,
    /// For people: what exactly was found.
    pub detail: String,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offset {
            // Of a table, the place is a row.
            Some(row) if self.reason == RejectReason::ParquetCorrupt => {
                write!(f, "{} at row {row}: {}", self.reason.as_str(), self.detail)
            }
            Some(offset) => write!(f, "{} at byte {offset}: {}", self.reason.as_str(), self.detail),
            None => write!(f, "{}: {}", self.reason.as_str(), self.detail),
        }
    }
}

/// Why an input was passed over as a whole: it is not a CloudTrail archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SkipReason {
    /// No bytes, or only white space.
    Empty,
    /// A CloudTrail digest file: hashes of log files, no events.
    Digest,
    /// JSON, but no CloudTrail record in it.
    OtherJson,
    /// Not JSON.
    NotJson,
    /// Not JSON at its beginning, but near it are names of a record's members: its beginning may be lost.
    BrokenStart,
    /// UTF-16 or UTF-32 text, as some shells write when output is redirected.
    Utf16,
    /// bzip2, xz or 7z.
    UnsupportedCompression,
    /// The event history as CloudTrail's console saves it in CSV: without accounts, parameters and who called.
    EventHistoryCsv,
    /// A container in too many others.
    NestedTooDeep,
    /// A Parquet file of which the columns are not those of OCSF.
    Parquet,
    /// A pipe, socket or device met while walking a directory; in a container, a link, too.
    NotAFile,
}

impl SkipReason {
    /// Every reason, in the order of the documentation.
    pub const ALL: [Self; 11] = [
        Self::Empty,
        Self::Digest,
        Self::OtherJson,
        Self::NotJson,
        Self::BrokenStart,
        Self::Utf16,
        Self::UnsupportedCompression,
        Self::EventHistoryCsv,
        Self::NestedTooDeep,
        Self::Parquet,
        Self::NotAFile,
    ];

    /// Whether there may be records in it that were not read.
    pub fn may_hide_records(self) -> bool {
        matches!(
            self,
            Self::BrokenStart
                | Self::Utf16
                | Self::UnsupportedCompression
                | Self::EventHistoryCsv
                | Self::NestedTooDeep
        )
    }

    /// The value of the `reason` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Digest => "digest",
            Self::OtherJson => "other_json",
            Self::NotJson => "not_json",
            Self::BrokenStart => "broken_start",
            Self::Utf16 => "utf16",
            Self::UnsupportedCompression => "unsupported_compression",
            Self::EventHistoryCsv => "event_history_csv",
            Self::NestedTooDeep => "nested_too_deep",
            Self::Parquet => "parquet",
            Self::NotAFile => "not_a_file",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new reason does not compile here until it has a position; add it to `ALL` as well.
    fn position(reason: SkipReason) -> usize {
        match reason {
            SkipReason::Empty => 0,
            SkipReason::Digest => 1,
            SkipReason::OtherJson => 2,
            SkipReason::NotJson => 3,
            SkipReason::BrokenStart => 4,
            SkipReason::Utf16 => 5,
            SkipReason::UnsupportedCompression => 6,
            SkipReason::EventHistoryCsv => 7,
            SkipReason::NestedTooDeep => 8,
            SkipReason::Parquet => 9,
            SkipReason::NotAFile => 10,
        }
    }

    #[test]
    fn every_skip_reason_is_listed() {
        assert!(SkipReason::ALL.into_iter().map(position).eq(0..SkipReason::ALL.len()));
    }
}
