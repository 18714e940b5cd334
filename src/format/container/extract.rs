//! Takes the record out of its envelope.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr;
use serde_json::Value;

use super::envelope::{Envelope, detect_envelope, has_record_key};
use super::json_error::json_error;
use super::members::find_members;
use crate::format::rebuild::{Rebuilt, record_from_columns};
use crate::model::RejectReason;

/// The result of [`extract_record`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Extracted<'a> {
    /// The value contains a record.
    Record {
        /// The JSON text of the record.
        json: &'a [u8],
        /// Offset of the record in the value. For a record in a string, this is the first character
        /// of the string; for a row, the opening bracket of the row.
        offset: usize,
        /// Whether the record was rebuilt from the columns of a query and may be incomplete.
        lossy: bool,
    },
    /// The value contains no CloudTrail record.
    NoRecord,
    /// The value should contain a record that cannot be read.
    Unreadable {
        /// The reason for the reject.
        reason: RejectReason,
        /// A description, for messages.
        detail: Cow<'static, str>,
    },
}

impl<'a> Extracted<'a> {
    /// Whether it is a record by the names of its members, or should be one and cannot be read.
    pub fn is_record(&self) -> bool {
        match self {
            // Broken JSON is the record's own damage; what Python prints is another form.
            Self::Record { json, .. } => {
                begins_like_object(json) && (has_record_key(json) || json_error(json).is_some())
            }
            // What is missing may be in another place.
            Self::NoRecord | Self::Unreadable { reason: RejectReason::MissingField, .. } => false,
            Self::Unreadable { .. } => true,
        }
    }

    fn verbatim(json: &'a [u8], offset: usize) -> Self {
        Self::Record { json, offset, lossy: false }
    }

    fn missing(detail: &'static str) -> Self {
        Self::Unreadable { reason: RejectReason::MissingField, detail: Cow::Borrowed(detail) }
    }
}

/// Whether a text begins like a JSON object with members.
fn begins_like_object(text: &[u8]) -> bool {
    let rest = text.trim_ascii_start().strip_prefix(b"{");
    rest.is_some_and(|rest| rest.trim_ascii_start().starts_with(b"\""))
}

/// Whether a text, which may be cut off, begins as nearly all records do: with `eventVersion`.
pub fn begins_like_record(text: &[u8]) -> bool {
    let rest = text.trim_ascii_start().strip_prefix(b"{");
    rest.is_some_and(|rest| rest.trim_ascii_start().starts_with(b"\"eventVersion\""))
}

/// EventBridge ends `detail-type` with this text for events from CloudTrail, such as
/// `AWS API Call via CloudTrail`.
const VIA_CLOUDTRAIL: &str = "via CloudTrail";

/// Extracts the record from a complete value. `buffer` receives text whose escapes had to be
/// replaced.
pub fn extract_record<'a>(value: &'a [u8], envelope: Envelope, buffer: &'a mut Vec<u8>) -> Extracted<'a> {
    let error = (envelope != Envelope::None).then(|| json_error(value)).flatten();
    if let Some(error) = error {
        let detail = format!("{} (byte {} of what wraps the record)", error.message, error.offset).into();
        return Extracted::Unreadable { reason: RejectReason::JsonSyntax, detail };
    }
    match envelope {
        Envelope::None => Extracted::verbatim(value, 0),
        Envelope::LookupEvent => from_lookup_event(value, buffer),
        Envelope::Text => from_string(value, 0..value.len(), buffer),
        Envelope::LogEvent => from_log_event(value, buffer),
        Envelope::LakeRow => from_lake_row(value, buffer),
        Envelope::EventBridge => from_eventbridge(value, 0),
        // The search finds what is in it.
        Envelope::Wrapped => Extracted::NoRecord,
    }
}

fn from_lookup_event<'a>(value: &'a [u8], buffer: &'a mut Vec<u8>) -> Extracted<'a> {
    let [event, source] = find_members(value, ["CloudTrailEvent", "EventSource"]);
    match event {
        Some(string) if value[string.start] == b'"' => from_string(value, string, buffer),
        Some(object) if value[object.start] == b'{' => {
            Extracted::verbatim(&value[object.clone()], object.start)
        }
        None if has_record_key(value) => Extracted::verbatim(value, 0),
        // Other services also respond with `Events`.
        None if source.is_none() => Extracted::NoRecord,
        _ => Extracted::missing("an event of LookupEvents without the text of CloudTrailEvent"),
    }
}

/// The record that is the text of a string.
fn from_string<'a>(value: &[u8], string: Range<usize>, buffer: &'a mut Vec<u8>) -> Extracted<'a> {
    let offset = string.start + 1;
    match unescape(&value[string], buffer) {
        Ok(()) => Extracted::verbatim(buffer, offset),
        Err(LoneSurrogate) => LoneSurrogate::unreadable(),
    }
}

fn from_log_event<'a>(value: &'a [u8], buffer: &'a mut Vec<u8>) -> Extracted<'a> {
    let [message] = find_members(value, ["message"]);
    match message {
        Some(string) if value[string.start] == b'"' => {
            let offset = string.start + 1;
            match unescape(&value[string], buffer) {
                Ok(()) => from_log_message(buffer, offset),
                Err(LoneSurrogate) => LoneSurrogate::unreadable(),
            }
        }
        None if has_record_key(value) => Extracted::verbatim(value, 0),
        _ => Extracted::NoRecord,
    }
}

/// The record in a log message at `offset`.
fn from_log_message(message: &[u8], offset: usize) -> Extracted<'_> {
    if message.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Extracted::NoRecord;
    }
    match detect_envelope(message) {
        Envelope::EventBridge if json_error(message).is_none() => {
            match from_eventbridge(message, offset) {
                // Offsets inside the unescaped message are not offsets in the value.
                Extracted::Record { json, lossy, .. } => Extracted::Record { json, offset, lossy },
                other => other,
            }
        }
        _ => Extracted::verbatim(message, offset),
    }
}

/// The record in an EventBridge event at `offset`.
fn from_eventbridge(value: &[u8], offset: usize) -> Extracted<'_> {
    let [detail_type, detail] = find_members(value, ["detail-type", "detail"]);
    let detail_type = detail_type.and_then(|text| serde_json::from_slice::<String>(&value[text]).ok());
    if !detail_type.is_some_and(|text| text.ends_with(VIA_CLOUDTRAIL)) {
        return Extracted::NoRecord;
    }
    match detail {
        Some(detail) if value[detail.start] == b'{' => {
            Extracted::verbatim(&value[detail.clone()], offset + detail.start)
        }
        // Its text is searched.
        Some(detail) if value[detail.clone()].starts_with(b"\"{") => Extracted::NoRecord,
        _ => Extracted::missing("an event of EventBridge from CloudTrail without a record in detail"),
    }
}

/// Whether the value is an event of EventBridge that does not come from CloudTrail.
pub fn is_other_event(value: &[u8]) -> bool {
    let [detail_type, detail] = find_members(value, ["detail-type", "detail"]);
    let is_object = |range: Range<usize>| value[range.start] == b'{';
    detail_type.is_some()
        && detail.is_some_and(is_object)
        && matches!(from_eventbridge(value, 0), Extracted::NoRecord)
}

fn from_lake_row<'a>(value: &'a [u8], buffer: &'a mut Vec<u8>) -> Extracted<'a> {
    let row: Value = match serde_json::from_slice(value) {
        Ok(row) => row,
        Err(error) => {
            // The syntax is valid, so the text of a string must be wrong.
            let reason = match std::str::from_utf8(value) {
                Ok(_) => RejectReason::LoneSurrogate,
                Err(_) => RejectReason::InvalidUtf8,
            };
            return Extracted::Unreadable { reason, detail: error.to_string().into() };
        }
    };
    let maps = match &row {
        Value::Array(maps) => maps.as_slice(),
        map => std::slice::from_ref(map),
    };
    let columns: Vec<(&str, &str)> = maps
        .iter()
        .filter_map(Value::as_object)
        .flatten()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
        .collect();
    let is_whole = |(name, text): &&(&str, &str)| {
        name.eq_ignore_ascii_case("eventJson") && !matches!(text.trim(), "" | "null")
    };
    if let Some((_, json)) = columns.iter().rev().find(is_whole) {
        *buffer = json.trim().as_bytes().to_vec();
        return Extracted::verbatim(buffer, 0);
    }
    match record_from_columns(&columns) {
        Rebuilt::NotAnEvent => Extracted::NoRecord,
        Rebuilt::MissingSource { .. } => {
            Extracted::missing("a row without eventSource does not say of which service it is")
        }
        Rebuilt::Record { json, .. } => {
            *buffer = json.into_bytes();
            // What the query did not select is missing.
            Extracted::Record { json: buffer, offset: 0, lossy: true }
        }
    }
}

/// A string contains half of a surrogate pair.
pub(super) struct LoneSurrogate;

impl LoneSurrogate {
    fn unreadable() -> Extracted<'static> {
        Extracted::Unreadable {
            reason: RejectReason::LoneSurrogate,
            detail: Cow::Borrowed("half a surrogate pair in the text that holds the record"),
        }
    }
}

/// Writes the text of a JSON string to `buffer`. The syntax of the string is valid, except that it
/// may contain lone surrogates. Bytes that are not UTF-8 are copied; the parser rejects them.
pub(super) fn unescape(quoted: &[u8], buffer: &mut Vec<u8>) -> Result<(), LoneSurrogate> {
    buffer.clear();
    let mut rest = &quoted[1..quoted.len() - 1];
    while let Some(n) = memchr(b'\\', rest) {
        buffer.extend_from_slice(&rest[..n]);
        let (character, len) = match rest[n..] {
            [_, b'u', ..] => unicode_escape(&rest[n..]).ok_or(LoneSurrogate)?,
            [_, b'b', ..] => ('\u{8}', 2),
            [_, b'f', ..] => ('\u{c}', 2),
            [_, b'n', ..] => ('\n', 2),
            [_, b'r', ..] => ('\r', 2),
            [_, b't', ..] => ('\t', 2),
            [_, literal, ..] => (char::from(literal), 2),
            _ => break,
        };
        buffer.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        rest = &rest[n + len..];
    }
    buffer.extend_from_slice(rest);
    Ok(())
}

/// The character of a `\uXXXX` escape, or of a surrogate pair of them, and the length of the
/// escape.
fn unicode_escape(escape: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = escape.get(at..at + 6)?.strip_prefix(br"\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let first = unit(0)?;
    match char::from_u32(u32::from(first)) {
        Some(character) => Some((character, 6)),
        None => Some((char::decode_utf16([first, unit(6)?]).next()?.ok()?, 12)),
    }
}
