//! How a value wraps a record.
//!
//! Some envelopes hold the record as JSON, some as text in a string, and a row of a query as
//! columns. Only the members of the value itself identify an envelope, never anything nested
//! deeper.

use std::ops::Range;

use memchr::memmem;

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
    /// Something else: [`RecordSearch`](super::RecordSearch) finds the records in it, if there are
    /// any.
    Wrapped,
    /// A row of a CloudTrail Lake query: a list of maps with one column each. (AWS:
    /// "GetQueryResults", CloudTrail API reference.)
    LakeRow,
}

/// Whether a member of this name occurs in every record and in no envelope.
fn is_record_key(name: &[u8]) -> bool {
    matches!(name, b"eventVersion" | b"eventSource" | b"eventName")
}

/// Whether the object has a key of a record, and not the whole record inside.
pub fn has_record_key(object: &[u8]) -> bool {
    let mut found = false;
    for member in members(object) {
        let name = unquote(&object[member.name]);
        if holds_record(&name, &object[member.value]) {
            return false;
        }
        found |= is_record_key(&name);
    }
    found
}

/// Whether the member is that of an item of `LookupEvents` which holds the record. SDKs that begin
/// names with a small letter make the item look like a record.
fn holds_record(name: &[u8], value: &[u8]) -> bool {
    matches!(value.first(), Some(b'"' | b'{'))
        && (name == b"cloudTrailEvent" || name == b"CloudTrailEvent" || name == b"cloud_trail_event")
}

/// Whether the object begins as nearly all records do: `{"eventVersion":"1.11","userIdentity":{`.
/// (Notifications of S3 have version 2, and tables with a column for each value have no such
/// object.)
fn is_ordinary(object: &[u8]) -> bool {
    let Some(version) = object.strip_prefix(br#"{"eventVersion":"1."#) else { return false };
    let digits = version.iter().take_while(|b| b.is_ascii_digit()).count();
    version[digits..].starts_with(br#"","userIdentity":{"#)
}

/// The envelope of an element of a log file's `Records`, which is nearly always a record.
pub(super) fn detect_element(value: &[u8]) -> Envelope {
    if is_ordinary(value) {
        return Envelope::None;
    }
    match detect_envelope(value) {
        Envelope::Wrapped | Envelope::Text => Envelope::Wrapped,
        // Anything else in this place is a record, or should be one.
        _ => Envelope::None,
    }
}

/// The envelope of a value in the place of a record. A key of a record rules out an envelope.
pub(super) fn detect_envelope(value: &[u8]) -> Envelope {
    if is_ordinary(value) {
        return Envelope::None;
    }
    match value.first() {
        Some(b'"') if value.get(1) == Some(&b'{') => return Envelope::Text,
        Some(b'"' | b'[') => return Envelope::Wrapped,
        Some(b'{') => {}
        _ => return Envelope::None,
    }
    match leaf_kind(value) {
        LeafKind::Record => return Envelope::None,
        LeafKind::EventBridge(_) => return Envelope::EventBridge,
        LeafKind::Columns | LeafKind::Notification => return Envelope::Wrapped,
        LeafKind::Other => {}
    }
    let (mut lookup_event, mut detail_type, mut detail) = (false, false, false);
    for member in members(value) {
        match &*unquote(&value[member.name]) {
            b"CloudTrailEvent" => lookup_event = value.get(member.value.start) == Some(&b'"'),
            b"detail-type" => detail_type = true,
            b"detail" => detail = true,
            _ => {}
        }
    }
    if lookup_event {
        Envelope::LookupEvent
    } else if detail_type && detail {
        Envelope::EventBridge
    } else {
        Envelope::Wrapped
    }
}

/// What an object is by the names and the first bytes of its own members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LeafKind {
    /// A record, or what should be one.
    Record,
    /// An EventBridge event from CloudTrail, and where its record is.
    EventBridge(Option<Range<usize>>),
    /// A notification or an event of Lambda, which may hold a record or only name a log file.
    Notification,
    /// The names of a record, but with a list of values each.
    Columns,
    Other,
}

/// EventBridge ends `detail-type` with this text for events from CloudTrail, such as
/// `AWS API Call via CloudTrail`.
const VIA_CLOUDTRAIL: &[u8] = b"via CloudTrail\"";

/// Whether a JSON text can be the `eventSource` of a record.
fn is_service(value: &[u8]) -> bool {
    unquote(value).windows(b".amazonaws.".len()).any(|part| part.eq_ignore_ascii_case(b".amazonaws."))
}

fn names_kms(object: &[u8]) -> bool {
    memmem::find(object, b"kms.amazonaws.com").is_some()
}

/// Whether an object whose source is no service, nor names KMS, names KMS elsewhere.
fn is_around_kms(object: &[u8], source: &[u8]) -> bool {
    let is_kms = unquote(source).windows(3).any(|part| part.eq_ignore_ascii_case(b"kms"));
    !is_kms && names_kms(object)
}

/// See [`LeafKind`].
pub(super) fn leaf_kind(object: &[u8]) -> LeafKind {
    if is_ordinary(object) {
        return LeafKind::Record;
    }
    let (mut has_version, mut has_name, mut source) = (false, false, None);
    let (mut names_identity, mut is_flat, mut has_raw) = (false, false, false);
    let (mut detail_type, mut detail) = (None, None);
    let (mut is_message, mut log_file) = (false, false);
    for member in members(object) {
        let value = &object[member.value.clone()];
        match &*unquote(&object[member.name]) {
            b"eventSource" => source = value.first().copied().map(|first| (first, value)),
            b"eventVersion" => has_version = true,
            b"eventName" => has_name = true,
            b"userIdentity" => names_identity = true,
            b"detail-type" => detail_type = Some(value),
            b"detail" => detail = Some(member.value),
            b"EventSource" => is_message |= value.starts_with(b"\"aws:"),
            b"TopicArn" | b"ReceiptHandle" | b"receiptHandle" => is_message = true,
            b"s3Bucket" | b"s3ObjectKey" => log_file = true,
            b"Event" => log_file |= value == b"\"s3:TestEvent\"",
            b"_raw" | b"event.original" => has_raw = value.first() == Some(&b'"'),
            name if holds_record(name, value) => has_raw = true,
            name => is_flat |= name.starts_with(b"userIdentity.") || name.starts_with(b"userIdentity_"),
        }
    }
    match source {
        // Lambda's events of S3, SQS, SNS, Kinesis and DynamoDB.
        Some((b'"', value)) if value.starts_with(b"\"aws:") => return LeafKind::Notification,
        Some((b'{' | b'[', _)) => return LeafKind::Columns,
        // Splunk and others keep the record as text beside its flat members.
        Some(_) if !names_identity && (is_flat || has_raw) => return LeafKind::Other,
        // Other events have such a name, too, and may carry records.
        Some((b'"', value))
            if !is_service(value) && (!has_name && !names_identity || is_around_kms(object, value)) =>
        {
            return LeafKind::Other;
        }
        Some(_) => return LeafKind::Record,
        // Without a source, what names KMS is more likely around a record than a record.
        None if !has_raw && (has_version && names_identity || has_name && !names_kms(object)) => {
            return LeafKind::Record;
        }
        None => {}
    }
    match (detail_type, detail) {
        // Its text is searched.
        (Some(_), Some(detail)) if object[detail.start] == b'"' => LeafKind::Other,
        (Some(detail_type), Some(detail)) if detail_type.ends_with(VIA_CLOUDTRAIL) => {
            LeafKind::EventBridge(Some(detail).filter(|detail| object[detail.start] == b'{'))
        }
        (Some(b"\"Object Created\""), _) => LeafKind::Notification,
        _ if is_message || log_file => LeafKind::Notification,
        _ => LeafKind::Other,
    }
}
