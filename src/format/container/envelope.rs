//! What is wrapped around a record, and the record's text inside it.
//!
//! The walk over an input knows elements only: each is one record or wraps one. Some wrappings hold the record as JSON, some as text
//! in a string, and a row of a query as columns. Only members of the element itself are asked, never anything deeper.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr;
use serde_json::Value;

use super::lake::{self, Rebuilt};
use super::resync::json_error;
use crate::format::json::Splitter;
use crate::model::RejectReason;

/// What stands around a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Envelope {
    /// Nothing: the value is the record.
    None,
    /// An item of `LookupEvents`: the record is the text of `CloudTrailEvent`. (AWS: "LookupEvents", CloudTrail API reference.)
    LookupEvent,
    /// Nothing but a string, whose text is the record: what `lookup-events --query 'Events[].CloudTrailEvent'` leaves of its answer.
    Text,
    /// An event of CloudWatch Logs: the record, or the EventBridge event around it, is the text of `message`.
    LogEvent,
    /// An event of EventBridge: the record is `detail`, if `detail-type` says that it comes from CloudTrail. (AWS: "Events from AWS
    /// services", Amazon EventBridge user guide.)
    EventBridge,
    /// A whole document of records where one record should stand: several files or pages put into one array.
    Document,
    /// A row of a CloudTrail Lake query: a list of maps with one column each. (AWS: "GetQueryResults", CloudTrail API reference.)
    LakeRow,
}

/// The record that a value holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extracted<'a> {
    /// It does.
    Record {
        /// The record's JSON text.
        text: &'a [u8],
        /// Where it begins in the value: as JSON in place, the first character of the string it is the text of, or the row's bracket.
        at: usize,
        /// It has been put together from what a query printed.
        lossy: bool,
    },
    /// It holds no record of CloudTrail.
    Foreign,
    /// It should, but cannot be read.
    Unreadable {
        /// Why.
        reason: RejectReason,
        /// For people.
        detail: Cow<'static, str>,
    },
}

impl Extracted<'_> {
    fn missing(what: &'static str) -> Self {
        Self::Unreadable { reason: RejectReason::MissingField, detail: Cow::Borrowed(what) }
    }
}

/// What EventBridge ends `detail-type` with where CloudTrail is the source: `AWS API Call via CloudTrail` and its like.
const VIA_CLOUDTRAIL: &str = "via CloudTrail";

/// The record inside `value`, which is whole; `buffer` is for text that has to be freed of escapes.
pub fn record_in<'a>(value: &'a [u8], wrapping: Envelope, buffer: &'a mut Vec<u8>) -> Extracted<'a> {
    let broken = (wrapping != Envelope::None).then(|| json_error(value)).flatten();
    if let Some(error) = broken {
        let detail = format!("{} (byte {} of what wraps the record)", error.message, error.offset).into();
        return Extracted::Unreadable { reason: RejectReason::JsonSyntax, detail };
    }
    match wrapping {
        Envelope::None => Extracted::Record { text: value, at: 0, lossy: false },
        Envelope::LookupEvent => looked_up(value, buffer),
        Envelope::Text => text(value, 0..value.len(), buffer),
        Envelope::LogEvent => logged(value, buffer),
        Envelope::LakeRow => row(value, buffer),
        Envelope::EventBridge => enveloped(value, 0),
        Envelope::Document => Extracted::missing(
            "a whole document where a record should stand; give documents one after the other instead of in an array",
        ),
    }
}

fn looked_up<'a>(value: &'a [u8], buffer: &'a mut Vec<u8>) -> Extracted<'a> {
    let [event, source] = last_members(value, ["CloudTrailEvent", "EventSource"]);
    match event {
        Some(string) if value[string.start] == b'"' => text(value, string, buffer),
        None if shows_record(value) => Extracted::Record { text: value, at: 0, lossy: false },
        None if source.is_none() => Extracted::Foreign, // other services answer with `Events`, too
        _ => Extracted::missing("an event of LookupEvents without the text of CloudTrailEvent"),
    }
}

/// The record that is the text of a string.
fn text<'a>(value: &[u8], string: Range<usize>, buffer: &'a mut Vec<u8>) -> Extracted<'a> {
    let at = string.start + 1;
    match unescape(&value[string], buffer) {
        Ok(()) => Extracted::Record { text: buffer, at, lossy: false },
        Err(broken) => broken,
    }
}

fn logged<'a>(value: &'a [u8], buffer: &'a mut Vec<u8>) -> Extracted<'a> {
    let [message] = last_members(value, ["message"]);
    match message {
        Some(text) if value[text.start] == b'"' => {
            if let Err(broken) = unescape(&value[text.clone()], buffer) {
                return broken;
            }
            in_message(buffer, text.start + 1)
        }
        None if shows_record(value) => Extracted::Record { text: value, at: 0, lossy: false },
        _ => Extracted::Foreign,
    }
}

/// The record of a log message that begins at `at`.
fn in_message(message: &[u8], at: usize) -> Extracted<'_> {
    if message.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Extracted::Foreign;
    }
    match wrapping_of(message) {
        Envelope::EventBridge if json_error(message).is_none() => match enveloped(message, at) {
            Extracted::Record { text, lossy, .. } => Extracted::Record { text, at, lossy },
            other => other,
        },
        _ => Extracted::Record { text: message, at, lossy: false },
    }
}

fn enveloped(value: &[u8], at: usize) -> Extracted<'_> {
    let [kind, detail] = last_members(value, ["detail-type", "detail"]);
    let kind = kind.and_then(|kind| serde_json::from_slice::<String>(&value[kind]).ok());
    if !kind.is_some_and(|kind| kind.ends_with(VIA_CLOUDTRAIL)) {
        return Extracted::Foreign;
    }
    match detail {
        Some(detail) if value[detail.start] == b'{' => {
            Extracted::Record { text: &value[detail.clone()], at: at + detail.start, lossy: false }
        }
        _ => Extracted::missing("an event of EventBridge from CloudTrail without a record in detail"),
    }
}

fn row<'a>(value: &'a [u8], buffer: &'a mut Vec<u8>) -> Extracted<'a> {
    let row: Value = match serde_json::from_slice(value) {
        Ok(row) => row,
        Err(error) => {
            // As JSON it is well formed; what is left to be wrong is the text of strings.
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
        .filter_map(|(name, printed)| Some((name.as_str(), printed.as_str()?)))
        .collect();
    let mut record = String::new();
    match lake::record_of_row(&columns, &mut record) {
        Rebuilt::NoEvent => Extracted::Foreign,
        Rebuilt::NoSource => {
            Extracted::missing("a row without eventSource does not say of which service it is")
        }
        rebuilt => {
            *buffer = record.into_bytes();
            Extracted::Record { text: buffer, at: 0, lossy: rebuilt == Rebuilt::FromColumns }
        }
    }
}

/// What is wrapped in a value that stands where a record stands, told by its keys. Those of a record win.
pub(super) fn wrapping_of(value: &[u8]) -> Envelope {
    // Records nearly always begin like this.
    if value.starts_with(br#"{"eventVersion""#) {
        return Envelope::None;
    }
    if let Some(text) = value.strip_prefix(b"\"") {
        return if text.starts_with(b"{") { Envelope::Text } else { Envelope::None };
    }
    let (mut text, mut kind, mut detail, mut document) = (false, false, false, false);
    for (name, member) in members(value) {
        match &*key(&value[name]) {
            b"eventVersion" | b"eventSource" | b"eventName" => return Envelope::None,
            b"CloudTrailEvent" => text = true,
            b"detail-type" => kind = true,
            b"detail" => detail = true,
            b"Records" | b"Events" | b"logEvents" | b"QueryResultRows" => {
                document |= value.get(member.start) == Some(&b'[');
            }
            _ => {}
        }
    }
    match (text, kind && detail) {
        (true, _) => Envelope::LookupEvent,
        (_, true) => Envelope::EventBridge,
        _ if document => Envelope::Document,
        _ => Envelope::None,
    }
}

/// Whether the object has a record's keys.
fn shows_record(value: &[u8]) -> bool {
    let is_telling = |name| matches!(&*key(&value[name]), b"eventVersion" | b"eventSource" | b"eventName");
    members(value).any(|(name, _)| is_telling(name))
}

/// The values of the members of these names; of several the last, as everywhere.
fn last_members<const N: usize>(value: &[u8], names: [&str; N]) -> [Option<Range<usize>>; N] {
    let mut found = [const { None }; N];
    for (name, member) in members(value) {
        let name = key(&value[name]);
        if let Some(n) = names.iter().position(|wanted| wanted.as_bytes() == &*name) {
            found[n] = Some(member);
        }
    }
    found
}

/// Where the names (with their quotes) and the values of an object's members stand. The walk ends where the object stops being one.
fn members(value: &[u8]) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let next_from = move |at: usize| {
        let blank = value.get(at..)?.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        Some((at + blank, *value.get(at + blank)?))
    };
    let end_from = move |at: usize, first: u8| {
        Splitter::new(first).advance(&value[at..]).filter(|len| *len > 0).map(|len| at + len)
    };
    let mut at = next_from(0).filter(|(_, first)| *first == b'{').map(|(at, _)| at + 1);
    std::iter::from_fn(move || {
        let (mut name, mut first) = next_from(at.take()?)?;
        if first == b',' {
            (name, first) = next_from(name + 1)?;
        }
        if first != b'"' {
            return None;
        }
        let name_end = end_from(name, first)?;
        let (colon, _) = next_from(name_end).filter(|(_, byte)| *byte == b':')?;
        let (start, first) = next_from(colon + 1)?;
        let end = end_from(start, first)?;
        at = Some(end);
        Some((name..name_end, start..end))
    })
}

/// A key freed of its quotes and escapes.
pub(super) fn key(quoted: &[u8]) -> Cow<'_, [u8]> {
    if quoted.contains(&b'\\') {
        Cow::Owned(serde_json::from_slice::<String>(quoted).unwrap_or_default().into_bytes())
    } else {
        Cow::Borrowed(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default())
    }
}

/// Puts the text of a JSON string into `buffer`. The string is well formed, but for surrogates without a partner; bytes that are no
/// UTF-8 stay, for the parser to find.
fn unescape(quoted: &[u8], buffer: &mut Vec<u8>) -> Result<(), Extracted<'static>> {
    buffer.clear();
    let mut rest = &quoted[1..quoted.len() - 1];
    while let Some(n) = memchr(b'\\', rest) {
        buffer.extend_from_slice(&rest[..n]);
        let (letter, len) = match rest[n..] {
            [_, b'u', ..] => unicode(&rest[n..]).ok_or(Extracted::Unreadable {
                reason: RejectReason::LoneSurrogate,
                detail: Cow::Borrowed("half a surrogate pair in the text that holds the record"),
            })?,
            [_, b'b', ..] => ('\u{8}', 2),
            [_, b'f', ..] => ('\u{c}', 2),
            [_, b'n', ..] => ('\n', 2),
            [_, b'r', ..] => ('\r', 2),
            [_, b't', ..] => ('\t', 2),
            [_, plain, ..] => (char::from(plain), 2),
            _ => break,
        };
        buffer.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        rest = &rest[n + len..];
    }
    buffer.extend_from_slice(rest);
    Ok(())
}

/// The character that an escape of four digits, or a pair of them, at the start of `escape` stands for, and the length of its spelling.
fn unicode(escape: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = escape.get(at..at + 6)?.strip_prefix(br"\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let first = unit(0)?;
    match char::from_u32(u32::from(first)) {
        Some(letter) => Some((letter, 6)),
        None => Some((char::decode_utf16([first, unit(6)?]).next()?.ok()?, 12)),
    }
}
