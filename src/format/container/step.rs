//! What the reader reports to its caller.

use std::ops::Range;

use super::envelope::Envelope;
use crate::format::json::MayMatch;
use crate::model::RejectReason;

/// The result of [`ContainerReader::step`](super::ContainerReader::step).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A value in the place of a record. The window still contains it.
    Value {
        /// Its range in the content.
        range: Range<u64>,
        /// How it wraps the record.
        envelope: Envelope,
        /// Whether it may be a KMS call by its bytes: the same answer as `parse::may_match`. Not
        /// known for any value that wraps a record.
        may_match: MayMatch,
    },
    /// A value in a document beside its array of records. It is not in the place of a record, but
    /// may hold some. The window still contains it.
    Beside {
        /// Its range in the content.
        range: Range<u64>,
    },
    /// A log message that is not JSON, or a part of one that is too long to keep. The window still
    /// contains it.
    Message {
        /// Its range in the content.
        range: Range<u64>,
    },
    /// Bytes that cannot be read as records.
    Damage {
        /// Offset of the unreadable record; `None` when the damage is between records.
        offset: Option<u64>,
        /// The reason for the reject.
        reason: RejectReason,
        /// A description, for messages.
        detail: String,
        /// Whether the damage reaches to the end of the content.
        to_end: bool,
    },
    /// More input is needed. Bytes before `keep_from` are no longer needed.
    NeedMore {
        /// Offset of the first byte that the next window must contain.
        keep_from: u64,
    },
    /// The content ended.
    End,
    /// The content does not begin like JSON; there is no use in reading on.
    NotJson,
}
