//! The documents that hold records in an array.

use super::envelope::Envelope;
use super::places::array_name;
use super::shape::JsonShape;

/// A kind of document whose array holds records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContainerKind {
    /// `Records`: a log file.
    Records,
    /// `Events`: the response of `LookupEvents`.
    LookupEvents,
    /// `logEvents`: what a CloudWatch Logs subscription delivers.
    LogSubscription,
    /// `events`: the response of `FilterLogEvents` and `GetLogEvents`.
    LogEvents,
    /// `QueryResultRows`: the response of `GetQueryResults` of CloudTrail Lake.
    LakeRows,
    /// Any other array that may hold records, with its name in [`places`](super::places).
    Other(&'static str),
}

impl ContainerKind {
    /// The arrays of documents that AWS writes.
    pub(super) const ALL: [Self; 5] =
        [Self::Records, Self::LookupEvents, Self::LogSubscription, Self::LogEvents, Self::LakeRows];

    /// The kind of the array with this key.
    pub(super) fn of_key(key: &[u8]) -> Option<Self> {
        let known = Self::ALL.into_iter().find(|kind| kind.key().as_bytes() == key);
        known.or_else(|| array_name(key).map(Self::Other))
    }

    /// The key of the array.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Records => "Records",
            Self::LookupEvents => "Events",
            Self::LogSubscription => "logEvents",
            Self::LogEvents => "events",
            Self::LakeRows => "QueryResultRows",
            Self::Other(name) => name,
        }
    }

    /// The envelope of the elements.
    pub(super) fn envelope(self) -> Envelope {
        match self {
            Self::Records => Envelope::None,
            Self::LookupEvents => Envelope::LookupEvent,
            Self::LogSubscription | Self::LogEvents => Envelope::LogEvent,
            Self::LakeRows => Envelope::LakeRow,
            Self::Other(_) => Envelope::Wrapped,
        }
    }

    pub(super) fn shape(self) -> JsonShape {
        match self {
            Self::Records => JsonShape::Records,
            Self::LookupEvents => JsonShape::LookupEvents,
            Self::LogSubscription => JsonShape::LogSubscription,
            Self::LogEvents => JsonShape::LogEvents,
            Self::LakeRows => JsonShape::LakeRows,
            Self::Other(_) => JsonShape::Wrapped,
        }
    }

    /// Whether an empty array identifies the document. The other keys also occur in documents of
    /// other kinds, and an empty array gives no further evidence.
    pub(super) fn is_recognised_empty(self) -> bool {
        matches!(self, Self::Records | Self::LookupEvents | Self::LakeRows)
    }
}
