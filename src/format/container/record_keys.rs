//! The top-level keys of a value that distinguish records and envelopes from other JSON.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::container_kind::ContainerKind;
use crate::format::rebuild::names_event;

/// Which groups of keys a value has at its top level.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordKeys {
    /// Any of `eventVersion`, `eventSource`, `eventName`.
    pub(super) any_record_key: bool,
    /// All of `eventTime`, `eventSource`, `eventName`.
    all_record_keys: bool,
    /// The keys of an item of `LookupEvents`: `EventId` and `CloudTrailEvent`.
    lookup_event: bool,
    /// The keys of a log event: `timestamp` and `message`.
    log_event: bool,
    /// The keys of an EventBridge event: `detail-type` and `detail`.
    eventbridge: bool,
    /// A column that only rows with events have; also set for a list of maps with such a column.
    lake_row: bool,
}

impl RecordKeys {
    /// Whether a value with these keys, found after damage, can be trusted to be an element of this
    /// container, or a top-level value if there is no container.
    pub(super) fn fit(&self, container: Option<ContainerKind>) -> bool {
        self.all_record_keys
            || match container {
                None => self.lookup_event || self.eventbridge,
                Some(ContainerKind::Records) => false,
                Some(ContainerKind::LookupEvents) => self.lookup_event,
                Some(ContainerKind::LogSubscription | ContainerKind::LogEvents) => self.log_event,
                Some(ContainerKind::LakeRows) => self.lake_row,
                // What the elements of other arrays are is not known.
                Some(ContainerKind::Other(_)) => false,
            }
    }
}

/// Reads the top-level keys of a JSON value. A value that is not an object has none.
impl<'de> Deserialize<'de> for RecordKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = RecordKeys;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RecordKeys, A::Error> {
        let (mut version, mut time, mut source, mut name) = (false, false, false, false);
        let (mut id, mut text, mut timestamp, mut message) = (false, false, false, false);
        let (mut detail_type, mut detail, mut lake_row) = (false, false, false);
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            match &*key {
                "eventVersion" => version = true,
                "eventTime" => time = true,
                "eventSource" => source = true,
                "eventName" => name = true,
                "EventId" => id = true,
                "CloudTrailEvent" => text = true,
                "timestamp" => timestamp = true,
                "message" => message = true,
                "detail-type" => detail_type = true,
                "detail" => detail = true,
                _ => {}
            }
            lake_row |= key.eq_ignore_ascii_case("eventJson") || names_event(std::iter::once(&*key));
            map.next_value::<IgnoredAny>()?;
        }
        Ok(RecordKeys {
            any_record_key: version || source || name,
            all_record_keys: time && source && name,
            lookup_event: id && text,
            log_event: timestamp && message,
            eventbridge: detail_type && detail,
            lake_row,
        })
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<RecordKeys, A::Error> {
        let mut lake_row = false;
        while let Some(keys) = seq.next_element::<RecordKeys>()? {
            lake_row |= keys.lake_row;
        }
        Ok(RecordKeys { lake_row, ..RecordKeys::default() })
    }

    fn visit_bool<E>(self, _: bool) -> Result<RecordKeys, E> {
        Ok(RecordKeys::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<RecordKeys, E> {
        Ok(RecordKeys::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<RecordKeys, E> {
        Ok(RecordKeys::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<RecordKeys, E> {
        Ok(RecordKeys::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<RecordKeys, E> {
        Ok(RecordKeys::default())
    }

    fn visit_unit<E>(self) -> Result<RecordKeys, E> {
        Ok(RecordKeys::default())
    }
}
