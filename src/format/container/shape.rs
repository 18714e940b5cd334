//! What kind of file this is, told by its content as it goes by.

use std::collections::BTreeSet;

use memchr::{memchr, memmem};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::document::Container;
use super::envelope::{Envelope, Extracted, record_in};
use super::lake;
use crate::model::{RejectReason, SkipReason};

/// The container an input turned out to be; the `shape` column of `inputs.parquet`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// `{"Records":[…]}`, as CloudTrail delivers to S3 (several in a row included).
    Records,
    /// One record by itself.
    Record,
    /// A top-level array of records.
    Array,
    /// One record a line.
    Ndjson,
    /// Records back to back, not one a line.
    Concatenated,
    /// `{"Events":[…]}`, the answer of `LookupEvents`, or its items by themselves.
    LookupEvents,
    /// Events of EventBridge with records in them.
    EventBridge,
    /// What a subscription of CloudWatch Logs delivers: `{"messageType":"DATA_MESSAGE",…,"logEvents":[…]}`.
    LogSubscription,
    /// The answer of `FilterLogEvents` or `GetLogEvents`: `{"events":[…]}`.
    LogEvents,
    /// CloudWatch Logs exported to S3: lines of a time and a message.
    LogLines,
    /// The answer of `GetQueryResults`, every record in it whole.
    LakeRows,
    /// The same, with records put together from what the query printed.
    LakeRowsLossy,
    /// More than one of these.
    Mixed,
    /// More than one of these, with records put together from what a query printed.
    MixedLossy,
    /// A digest file.
    Digest,
    /// JSON that is no archive.
    OtherJson,
    /// No content.
    Empty,
    /// Not JSON, or never looked at.
    Unknown,
}

impl Shape {
    /// Every shape, in the order of the documentation.
    pub const ALL: [Self; 18] = [
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
            Self::Mixed => "mixed",
            Self::MixedLossy => "mixed_lossy",
            Self::Digest => "digest",
            Self::OtherJson => "other_json",
            Self::Empty => "empty",
            Self::Unknown => "unknown",
        }
    }
}

/// Counts of what stood at the top level.
#[derive(Debug, Default)]
pub(super) struct ShapeCounter {
    pub(super) recognised: bool,
    pub(super) damaged: bool,
    /// It is damaged from its beginning on, and looks like records behind that.
    broken_start: bool,
    pub(super) digest: bool,
    pub(super) arrays: u64,
    documents: u64,
    objects: u64,
    other_values: u64,
    /// Log messages that are not even JSON.
    messages: u64,
    /// What wraps records here, other than a log file.
    wrapped: BTreeSet<Shape>,
    /// A value by itself in a top-level array, with nothing around it.
    bare_elements: bool,
    /// Records have been put together from what a query printed.
    pub(super) lossy: bool,
    /// CloudWatch Logs has checked a subscription.
    pub(super) control: bool,
    /// A loose object spans lines, or two stand on one.
    not_by_line: bool,
    /// The gap since the last loose object had a line break.
    line_break: bool,
}

impl ShapeCounter {
    /// The array of a container begins.
    pub(super) fn container(&mut self, container: Container) {
        if container == Container::Records {
            self.documents += 1;
            self.recognised = true;
        } else {
            self.wrapped.insert(container.shape());
        }
    }

    /// The array of a container has turned out to be empty.
    pub(super) fn empty_container(&mut self, container: Container) {
        self.recognised |= container.shows_itself_empty();
    }

    /// A log message that is no JSON.
    pub(super) fn message(&mut self) {
        self.messages += 1;
        self.wrapped.insert(Shape::LogLines);
    }

    /// White space between top-level values.
    pub(super) fn gap(&mut self, blank: &[u8]) {
        self.line_break |= memchr(b'\n', blank).is_some();
    }

    /// An object at the top level. `stamped`: behind the time of a log line.
    pub(super) fn loose_object(
        &mut self,
        bytes: &[u8],
        wrapping: Envelope,
        spans_lines: bool,
        stamped: bool,
    ) {
        match wrapping {
            _ if stamped => self.place_line(),
            Envelope::None => self.place_object(spans_lines),
            _ => self.place_wrapped(wrapping),
        }
        self.value(bytes, wrapping);
    }

    /// An object too large to be kept, of which the walk has seen the keys.
    pub(super) fn oversized_object(&mut self, may_hold_record: bool, spans_lines: bool, stamped: bool) {
        match stamped {
            true => self.place_line(),
            false => self.place_object(spans_lines),
        }
        self.other_values += 1;
        self.recognised |= may_hold_record;
    }

    fn place_line(&mut self) {
        self.wrapped.insert(Shape::LogLines);
    }

    fn place_wrapped(&mut self, wrapping: Envelope) {
        self.wrapped.insert(match wrapping {
            Envelope::EventBridge => Shape::EventBridge,
            Envelope::Document => Shape::Mixed,
            _ => Shape::LookupEvents,
        });
    }

    fn place_object(&mut self, spans_lines: bool) {
        self.not_by_line |= self.objects > 0 && !self.line_break || spans_lines;
        self.line_break = false;
        self.objects += 1;
    }

    /// An element too large to be kept, of which `bytes` is the beginning.
    pub(super) fn oversized_element(&mut self, bytes: &[u8]) {
        self.other_values += 1;
        self.recognise(bytes);
    }

    /// An element of a top-level array.
    pub(super) fn loose_element(&mut self, bytes: &[u8], wrapping: Envelope) {
        match wrapping {
            Envelope::None => self.bare_elements = true,
            _ => self.place_wrapped(wrapping),
        }
        self.value(bytes, wrapping);
    }

    /// A value that is or wraps a record only if it looks like that; asked until one does.
    pub(super) fn value(&mut self, bytes: &[u8], wrapping: Envelope) {
        self.other_values += 1;
        if self.recognised {
            return;
        }
        let mut buffer = Vec::new();
        match record_in(bytes, wrapping, &mut buffer) {
            Extracted::Record { text, .. } => match serde_json::from_slice::<Keys>(text) {
                Ok(keys) => self.recognised = keys.record,
                Err(_) => self.cut_off(text),
            },
            Extracted::Foreign => {}
            Extracted::Unreadable { reason: RejectReason::MissingField, .. } => self.recognised = true,
            Extracted::Unreadable { .. } => self.cut_off(bytes),
        }
    }

    /// A value that is not whole JSON is a damaged record if a record's keys can be seen in it.
    pub(super) fn cut_off(&mut self, bytes: &[u8]) {
        self.recognise(bytes);
        self.damaged = true;
    }

    fn recognise(&mut self, bytes: &[u8]) {
        self.recognised = self.recognised || names_members(bytes);
    }

    /// The content does not begin like JSON; these are its first bytes.
    pub(super) fn no_beginning(&mut self, bytes: &[u8]) {
        self.damaged = true;
        self.broken_start = names_members(bytes);
    }

    pub(super) fn shape(&self) -> Shape {
        if !self.recognised {
            return match self.skip_reason() {
                SkipReason::Empty => Shape::Empty,
                SkipReason::Digest => Shape::Digest,
                SkipReason::OtherJson => Shape::OtherJson,
                _ => Shape::Unknown,
            };
        }
        let bare = self.documents + self.objects > 0 || self.bare_elements;
        match (self.wrapped.first(), bare) {
            (None, _) => self.bare_shape(),
            (Some(Shape::LakeRows), false) if self.wrapped.len() == 1 && self.lossy => Shape::LakeRowsLossy,
            (Some(only), false) if self.wrapped.len() == 1 => *only,
            _ if self.lossy => Shape::MixedLossy,
            _ => Shape::Mixed,
        }
    }

    /// The shape of records with nothing around them but arrays.
    fn bare_shape(&self) -> Shape {
        match (self.documents, self.arrays, self.objects) {
            (_, 0, 0) => Shape::Records,
            (0, _, 0) => Shape::Array,
            (0, 0, 1) => Shape::Record,
            (0, 0, _) if self.not_by_line => Shape::Concatenated,
            (0, 0, _) => Shape::Ndjson,
            _ => Shape::Mixed,
        }
    }

    pub(super) fn skip_reason(&self) -> SkipReason {
        if self.digest {
            SkipReason::Digest
        } else if self.broken_start {
            SkipReason::BrokenStart
        } else if self.damaged || self.messages > 0 {
            SkipReason::NotJson
        } else if self.other_values == 0 && self.arrays == 0 && self.wrapped.is_empty() && !self.control {
            SkipReason::Empty
        } else {
            SkipReason::OtherJson
        }
    }
}

/// Whether names of a record's members, or of what wraps one, can be seen.
fn names_members(bytes: &[u8]) -> bool {
    let keys = [
        &b"\"eventVersion\""[..],
        b"\"eventSource\"",
        b"\"eventName\"",
        b"\"CloudTrailEvent\"",
        b"\"detail-type\"",
        b"\"eventsource\"",
        b"\"eventJson\"",
        // In the text of a string.
        br#"\"eventVersion\""#,
    ];
    keys.iter().any(|key| memmem::find(bytes, key).is_some())
}

/// Which keys of a record an object has at its top level.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keys {
    /// Any of `eventVersion`, `eventSource`, `eventName`.
    pub(super) record: bool,
    /// All of `eventTime`, `eventSource`, `eventName`.
    whole_record: bool,
    /// All that an item of `LookupEvents` is known by: `EventId` and `CloudTrailEvent`.
    looked_up: bool,
    /// All that a log event is known by: `timestamp` and `message`.
    logged: bool,
    /// All that an event of EventBridge is known by: `detail-type` and `detail`.
    enveloped: bool,
    /// A column by which the row of a query shows an event; of a list of maps, too.
    row: bool,
}

impl Keys {
    /// Whether a value with these keys, found after damage, can be trusted to be an element of such a container, or a value of the top level.
    pub(super) fn fit(&self, container: Option<Container>) -> bool {
        self.whole_record
            || match container {
                None => self.looked_up || self.enveloped,
                Some(Container::Records) => false,
                Some(Container::LookupEvents) => self.looked_up,
                Some(Container::LogSubscription | Container::LogEvents) => self.logged,
                Some(Container::LakeRows) => self.row,
            }
    }
}

/// The top-level keys of a value that is valid JSON. A value that is no object has none.
impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Keys;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let (mut version, mut time, mut source, mut name) = (false, false, false, false);
        let (mut id, mut text, mut stamp, mut message) = (false, false, false, false);
        let (mut kind, mut detail, mut row) = (false, false, false);
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            match &*key {
                "eventVersion" => version = true,
                "eventTime" => time = true,
                "eventSource" => source = true,
                "eventName" => name = true,
                "EventId" => id = true,
                "CloudTrailEvent" => text = true,
                "timestamp" => stamp = true,
                "message" => message = true,
                "detail-type" => kind = true,
                "detail" => detail = true,
                _ => {}
            }
            row |= lake::names_event(&key);
            map.next_value::<IgnoredAny>()?;
        }
        Ok(Keys {
            record: version || source || name,
            whole_record: time && source && name,
            looked_up: id && text,
            logged: stamp && message,
            enveloped: kind && detail,
            row,
        })
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Keys, A::Error> {
        let mut row = false;
        while let Some(keys) = seq.next_element::<Keys>()? {
            row |= keys.row;
        }
        Ok(Keys { row, ..Keys::default() })
    }

    fn visit_bool<E>(self, _: bool) -> Result<Keys, E> {
        Ok(Keys::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Keys, E> {
        Ok(Keys::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Keys, E> {
        Ok(Keys::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Keys, E> {
        Ok(Keys::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Keys, E> {
        Ok(Keys::default())
    }

    fn visit_unit<E>(self) -> Result<Keys, E> {
        Ok(Keys::default())
    }
}
