//! What kind of file this is, told by its content as it goes by.

use memchr::{memchr, memmem};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::event::SkipReason;

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
    /// More than one of these.
    Mixed,
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
    /// The value of the `shape` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Record => "record",
            Self::Array => "array",
            Self::Ndjson => "ndjson",
            Self::Concatenated => "concatenated",
            Self::Mixed => "mixed",
            Self::Digest => "digest",
            Self::OtherJson => "other_json",
            Self::Empty => "empty",
            Self::Unknown => "unknown",
        }
    }
}

/// Counts of what stood at the top level.
#[derive(Debug, Default)]
pub(super) struct Census {
    pub(super) recognised: bool,
    pub(super) damaged: bool,
    pub(super) digest: bool,
    pub(super) arrays: u64,
    documents: u64,
    objects: u64,
    other_values: u64,
    /// A loose object spans lines, or two stand on one.
    not_by_line: bool,
    /// The gap since the last loose object had a line break.
    line_break: bool,
}

impl Census {
    pub(super) fn records_array(&mut self) {
        self.documents += 1;
        self.recognised = true;
    }

    /// White space between top-level values.
    pub(super) fn gap(&mut self, blank: &[u8]) {
        self.line_break |= memchr(b'\n', blank).is_some();
    }

    pub(super) fn loose_object(&mut self, bytes: &[u8], spans_lines: bool) {
        self.place_object(spans_lines);
        self.loose_element(bytes);
    }

    /// An object too large to be kept, of which the walk has seen the keys.
    pub(super) fn oversized_object(&mut self, has_record_keys: bool, spans_lines: bool) {
        self.place_object(spans_lines);
        self.other_values += 1;
        self.recognised |= has_record_keys;
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

    /// A value that is a record only if it looks like one; asked until one does.
    pub(super) fn loose_element(&mut self, bytes: &[u8]) {
        self.other_values += 1;
        if self.recognised {
            return;
        }
        match serde_json::from_slice::<Keys>(bytes) {
            Ok(keys) => self.recognised = keys.record,
            Err(_) => self.cut_off(bytes),
        }
    }

    /// A value that is not whole JSON is a damaged record if a record's keys can be seen in it.
    pub(super) fn cut_off(&mut self, bytes: &[u8]) {
        self.recognise(bytes);
        self.damaged = true;
    }

    fn recognise(&mut self, bytes: &[u8]) {
        let keys = [&b"\"eventVersion\""[..], b"\"eventSource\"", b"\"eventName\""];
        self.recognised = self.recognised || keys.iter().any(|key| memmem::find(bytes, key).is_some());
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
        } else if self.damaged {
            SkipReason::NotJson
        } else if self.other_values == 0 && self.arrays == 0 {
            SkipReason::Empty
        } else {
            SkipReason::OtherJson
        }
    }
}

/// Which keys of a record an object has at its top level.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keys {
    /// Any of `eventVersion`, `eventSource`, `eventName`.
    pub(super) record: bool,
    /// All of `eventTime`, `eventSource`, `eventName`.
    pub(super) whole_record: bool,
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
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            match &*key {
                "eventVersion" => version = true,
                "eventTime" => time = true,
                "eventSource" => source = true,
                "eventName" => name = true,
                _ => {}
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(Keys { record: version || source || name, whole_record: time && source && name })
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Keys, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Keys::default())
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
