//! Why inputs and records were not read. Scripts may rely on the values of these lists.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a record, or a part of an input, could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum RejectReason {
    /// The gzip stream ends before its end marker.
    GzipTruncated,
    /// The gzip stream is damaged (bad block, checksum or length).
    GzipCorrupt,
    /// The zstd stream ends before the end of a frame.
    ZstdTruncated,
    /// The zstd stream is damaged (bad block or checksum).
    ZstdCorrupt,
    /// A tar or zip file is truncated. Also reported for the member in which it ends.
    ContainerTruncated,
    /// A tar or zip file, or a member of one, is damaged (header, directory or checksum).
    ContainerCorrupt,
    /// A Parquet file, or some of its rows, cannot be read.
    ParquetCorrupt,
    /// A row of a CSV file does not have one field per column.
    CsvSyntax,
    /// Bytes after the last gzip member, zstd frame or JSON value, or after the end of a container,
    /// that are not another one.
    TrailingBytes,
    /// The decompressed content is larger than `--max-archive-bytes`.
    ArchiveTooLarge,
    /// A record is larger than `--max-record-bytes`.
    RecordTooLarge,
    /// The operating system reported an error while the input was read.
    ReadError,
    /// The JSON ends inside a record or before its container is closed.
    JsonTruncated,
    /// The record is not valid JSON.
    JsonSyntax,
    /// The record is not valid UTF-8.
    InvalidUtf8,
    /// The record has a surrogate escape such as `\ud800` without its partner.
    LoneSurrogate,
    /// A field that every event must have is missing.
    MissingField,
    /// `eventTime` is not a time.
    BadEventTime,
    /// `eventVersion` has a major version other than 1.
    UnsupportedVersion,
    /// A member that is an object or a list in CloudTrail's records is another value, and not the
    /// JSON text of one; or a value among records is none, but names KMS or members of records.
    UnreadableMember,
    /// A name in the record is longer than any that AWS writes.
    FieldTooLong,
}

impl RejectReason {
    /// Every reason, in the order of the documentation.
    pub const ALL: [Self; 21] = [
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
        Self::UnreadableMember,
        Self::FieldTooLong,
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
            Self::UnreadableMember => "unreadable_member",
            Self::FieldTooLong => "field_too_long",
        }
    }
}

/// One record, or one part of an input, that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Rejection {
    /// Byte offset of the record in the decompressed archive; for Parquet, the number of the row.
    /// `None` when the damage is not inside a record.
    pub offset: Option<u64>,
    /// Position among the input's records, from 0; `None` as above.
    pub index: Option<u64>,
    /// Why.
    pub reason: RejectReason,
    /// For people: what exactly was found.
    pub detail: String,
}

impl Rejection {
    /// A rejection without a place.
    pub fn new(reason: RejectReason, detail: impl Into<String>) -> Self {
        Self { offset: None, index: None, reason, detail: detail.into() }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offset {
            // For Parquet, the offset is a row number.
            Some(row) if self.reason == RejectReason::ParquetCorrupt => {
                write!(f, "{} at row {row}: {}", self.reason.as_str(), self.detail)
            }
            Some(offset) => write!(f, "{} at byte {offset}: {}", self.reason.as_str(), self.detail),
            None => write!(f, "{}: {}", self.reason.as_str(), self.detail),
        }
    }
}

/// Why an input was skipped as a whole: it is not a CloudTrail archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SkipReason {
    /// No bytes, or only white space.
    Empty,
    /// A CloudTrail digest file: hashes of log files, no events.
    Digest,
    /// JSON without CloudTrail records.
    OtherJson,
    /// Not JSON.
    NotJson,
    /// It does not begin with JSON, but names of record members follow soon after the start: the
    /// beginning may be missing.
    BrokenStart,
    /// UTF-16 or UTF-32 text, which some shells write when output is redirected.
    Utf16,
    /// bzip2, xz or 7z.
    UnsupportedCompression,
    /// Event history saved as CSV in CloudTrail's console: it has no accounts, parameters or
    /// callers.
    EventHistoryCsv,
    /// A container inside too many other containers.
    NestedTooDeep,
    /// A Parquet file without the columns of OCSF.
    Parquet,
    /// A pipe, socket or device in a directory; in a container, also a link.
    NotAFile,
    /// A directory or a folder in S3 in which there is no archive.
    NoArchive,
    /// A notification of S3, SNS, SQS or CloudTrail that names log files, and holds no records.
    Notification,
    /// A directory that has been listed under another name, to which symbolic links lead.
    AlreadyListed,
    /// An ORC, Arrow, Avro or SQLite file.
    UnsupportedFile,
}

impl SkipReason {
    /// Every reason, in the order of the documentation.
    pub const ALL: [Self; 15] = [
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
        Self::NoArchive,
        Self::Notification,
        Self::AlreadyListed,
        Self::UnsupportedFile,
    ];

    /// Whether the input may contain records, which then were not read.
    pub fn may_hide_records(self) -> bool {
        matches!(
            self,
            Self::BrokenStart
                | Self::Utf16
                | Self::UnsupportedCompression
                | Self::UnsupportedFile
                | Self::EventHistoryCsv
                | Self::NestedTooDeep
        )
    }

    /// Whether people may wonder why such an input was skipped. The others are to be expected
    /// beside archives, or have a line of their own.
    pub fn is_worth_a_name(self) -> bool {
        !matches!(
            self,
            Self::Empty | Self::Digest | Self::Notification | Self::NoArchive | Self::AlreadyListed
        )
    }

    /// Plain words, for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Digest => "CloudTrail digest",
            Self::OtherJson => "JSON without records",
            Self::NotJson => "not JSON",
            Self::BrokenStart => "beginning missing",
            Self::Utf16 => "UTF-16 or UTF-32",
            Self::UnsupportedCompression => "unsupported compression",
            Self::EventHistoryCsv => "event history as CSV",
            Self::NestedTooDeep => "nested too deep",
            Self::Parquet => "other Parquet",
            Self::NotAFile => "not a file",
            Self::NoArchive => "without archives",
            Self::Notification => "notification",
            Self::AlreadyListed => "listed before",
            Self::UnsupportedFile => "ORC, Arrow, Avro or SQLite",
        }
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
            Self::NoArchive => "no_archive",
            Self::Notification => "notification",
            Self::AlreadyListed => "already_listed",
            Self::UnsupportedFile => "unsupported_file",
        }
    }

    /// The reason of a value of the `reason` column.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
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
            SkipReason::NoArchive => 11,
            SkipReason::Notification => 12,
            SkipReason::AlreadyListed => 13,
            SkipReason::UnsupportedFile => 14,
        }
    }

    #[test]
    fn every_skip_reason_is_listed() {
        assert!(SkipReason::ALL.into_iter().map(position).eq(0..SkipReason::ALL.len()));
    }
}
