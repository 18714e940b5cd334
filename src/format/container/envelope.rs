//! How a value wraps a record.
//!
//! Some envelopes hold the record as JSON, some as text in a string, and a row of a query as
//! columns. Only the members of the value itself identify an envelope, never anything nested
//! deeper.

use super::members::{members, unquote};

/// How a value wraps a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Envelope {
    /// Not at all: the value is the record.
    None,
    /// An item of `LookupEvents`: the record is the text of `CloudTrailEvent`. (AWS:
    /// "LookupEvents", CloudTrail API reference.)
    LookupEvent,
    /// A string whose text is the record: the output of
    /// `lookup-events --query 'Events[].CloudTrailEvent'`.
    Text,
    /// An event of CloudWatch Logs: the record, or the EventBridge event around it, is the text of
    /// `message`.
    LogEvent,
    /// An EventBridge event: the record is `detail`, if `detail-type` says that it comes from
    /// CloudTrail. (AWS: "Events from AWS services", Amazon EventBridge user guide.)
    EventBridge,
    /// A whole document of records in the place of one record: several files or pages in one array.
    Document,
    /// A row of a CloudTrail Lake query: a list of maps with one column each. (AWS:
    /// "GetQueryResults", CloudTrail API reference.)
    LakeRow,
}

/// Whether a member of this name occurs in every record and in no envelope.
fn is_record_key(name: &[u8]) -> bool {
    matches!(name, b"eventVersion" | b"eventSource" | b"eventName")
}

/// Whether the object has a key of a record.
pub(super) fn has_record_key(object: &[u8]) -> bool {
    members(object).any(|member| is_record_key(&unquote(&object[member.name])))
}

/// The envelope of a value in the place of a record. A key of a record rules out an envelope.
pub(super) fn detect_envelope(value: &[u8]) -> Envelope {
    // Nearly all records begin with this key.
    if value.starts_with(br#"{"eventVersion""#) {
        return Envelope::None;
    }
    if let Some(text) = value.strip_prefix(b"\"") {
        return if text.starts_with(b"{") { Envelope::Text } else { Envelope::None };
    }
    let (mut lookup_event, mut detail_type, mut detail) = (false, false, false);
    let mut document = false;
    for member in members(value) {
        match &*unquote(&value[member.name]) {
            name if is_record_key(name) => return Envelope::None,
            b"CloudTrailEvent" => lookup_event = true,
            b"detail-type" => detail_type = true,
            b"detail" => detail = true,
            b"Records" | b"Events" | b"logEvents" | b"QueryResultRows" => {
                document |= value.get(member.value.start) == Some(&b'[');
            }
            _ => {}
        }
    }
    if lookup_event {
        Envelope::LookupEvent
    } else if detail_type && detail {
        Envelope::EventBridge
    } else if document {
        Envelope::Document
    } else {
        Envelope::None
    }
}
