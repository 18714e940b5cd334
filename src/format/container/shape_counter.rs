//! Counts what occurs at the top level of the content and derives the shape of the input.

use std::collections::BTreeSet;

use memchr::{memchr, memmem};

use super::container_kind::ContainerKind;
use super::envelope::Envelope;
use super::extract::{Extracted, extract_record};
use super::record_keys::RecordKeys;
use super::shape::JsonShape;
use crate::model::{RejectReason, SkipReason};

/// Where a top-level object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ObjectLayout {
    /// In a log line, after the timestamp.
    LogLine,
    /// On a single line.
    OneLine,
    /// It contains a line break.
    SeveralLines,
}

/// Counts of what occurs at the top level.
#[derive(Debug, Default)]
pub(super) struct ShapeCounter {
    /// The content is CloudTrail's.
    pub(super) recognised: bool,
    pub(super) damaged: bool,
    /// The content does not begin like JSON, but its first bytes contain keys of records.
    damaged_start: bool,
    /// A digest file of CloudTrail was found.
    pub(super) digest: bool,
    /// Top-level arrays.
    pub(super) arrays: u64,
    /// `Records` documents.
    documents: u64,
    /// Top-level objects that are not containers and wrap nothing.
    objects: u64,
    /// Values that are not elements of a `Records` array.
    other_values: u64,
    /// Log messages that are not JSON.
    messages: u64,
    /// The shapes of everything that wraps records, except `Records` documents.
    wrapped: BTreeSet<JsonShape>,
    /// A top-level array has an element without an envelope.
    bare_elements: bool,
    /// A record was rebuilt from the columns of a query.
    pub(super) lossy: bool,
    /// CloudWatch Logs sent a control message to check the subscription.
    pub(super) control_message: bool,
    /// An object spans several lines, or two objects are on the same line.
    not_one_per_line: bool,
    /// White space with a line break follows the last object.
    line_break: bool,
    /// Objects that are neither records nor known envelopes.
    undecided: u64,
    /// The same, as elements of a top-level array.
    undecided_elements: bool,
    /// Arrays that may hold records, of other documents.
    other_arrays: u64,
    /// Elements of `Records` arrays.
    record_elements: u64,
    /// Those of them that are no records themselves.
    undecided_records: u64,
    /// Those of them, and other values, that only name log files.
    notifications: u64,
    /// The content is a text inside a value: whether it is CloudTrail's is not asked.
    pub(super) is_inside: bool,
}

impl ShapeCounter {
    /// The array of a container begins.
    pub(super) fn add_container(&mut self, container: ContainerKind) {
        if container == ContainerKind::Records {
            self.documents += 1;
            self.recognised = true;
        } else if let ContainerKind::Other(_) = container {
            self.other_arrays += 1;
        } else {
            self.wrapped.insert(container.shape());
        }
    }

    /// A record without an envelope in an array of another document.
    pub(super) fn add_record_in_other_array(&mut self) {
        self.wrapped.insert(JsonShape::Wrapped);
    }

    /// The array of a container is empty.
    pub(super) fn add_empty_container(&mut self, container: ContainerKind) {
        self.recognised |= container.is_recognised_empty();
    }

    /// A log message that is not JSON.
    pub(super) fn add_message(&mut self) {
        self.messages += 1;
        self.wrapped.insert(JsonShape::LogLines);
    }

    /// White space between top-level values.
    pub(super) fn add_white_space(&mut self, white_space: &[u8]) {
        self.line_break |= memchr(b'\n', white_space).is_some();
    }

    /// A top-level object that is not a container.
    pub(super) fn add_object(&mut self, bytes: &[u8], envelope: Envelope, layout: ObjectLayout) {
        match (layout, envelope) {
            (ObjectLayout::LogLine, _) | (_, Envelope::None) => self.add_layout(layout),
            (_, Envelope::Wrapped) => self.undecided += 1,
            _ => self.add_envelope(envelope),
        }
        self.add_value(bytes, envelope);
    }

    /// A top-level object that is too large to keep.
    pub(super) fn add_oversized_object(&mut self, layout: ObjectLayout) {
        self.add_layout(layout);
        self.other_values += 1;
    }

    fn add_layout(&mut self, layout: ObjectLayout) {
        if layout == ObjectLayout::LogLine {
            self.wrapped.insert(JsonShape::LogLines);
            return;
        }
        self.not_one_per_line |= self.objects > 0 && !self.line_break || layout == ObjectLayout::SeveralLines;
        self.line_break = false;
        self.objects += 1;
    }

    fn add_envelope(&mut self, envelope: Envelope) {
        self.wrapped.insert(match envelope {
            Envelope::EventBridge => JsonShape::EventBridge,
            _ => JsonShape::LookupEvents,
        });
    }

    /// An element of a top-level array.
    pub(super) fn add_array_element(&mut self, bytes: &[u8], envelope: Envelope) {
        match envelope {
            Envelope::None => self.bare_elements = true,
            Envelope::Wrapped => self.undecided_elements = true,
            _ => self.add_envelope(envelope),
        }
        self.add_value(bytes, envelope);
    }

    /// An element that is too large to keep; `bytes` is its beginning.
    pub(super) fn add_oversized_element(&mut self, bytes: &[u8]) {
        self.other_values += 1;
        self.recognise_damaged(bytes);
    }

    /// A value that may be something else than a record. The first one that is or wraps a record
    /// makes the content recognised.
    pub(super) fn add_value(&mut self, bytes: &[u8], envelope: Envelope) {
        self.other_values += 1;
        if self.recognised || self.is_inside {
            return;
        }
        let mut buffer = Vec::new();
        match extract_record(bytes, envelope, &mut buffer) {
            Extracted::Record { json, .. } => match serde_json::from_slice::<RecordKeys>(json) {
                Ok(keys) => self.recognised = keys.any_record_key,
                Err(_) => self.add_damaged(json),
            },
            Extracted::NoRecord => {}
            Extracted::Unreadable { reason: RejectReason::MissingField, .. } => {
                self.recognised = true;
            }
            Extracted::Unreadable { .. } => self.add_damaged(bytes),
        }
    }

    /// An element of a `Records` array.
    pub(super) fn add_record_element(&mut self, envelope: Envelope) {
        self.record_elements += 1;
        self.undecided_records += u64::from(envelope == Envelope::Wrapped);
    }

    /// A search has found records in the last value.
    pub(super) fn add_wrapped(&mut self, is_lossy: bool) {
        self.recognised = true;
        self.lossy |= is_lossy;
        self.wrapped.insert(JsonShape::Wrapped);
    }

    /// The last value only names log files.
    pub(super) fn add_notification(&mut self) {
        self.notifications += 1;
    }

    /// Whether there is nothing but notifications, which are no log files.
    pub(super) fn only_notifications(&self) -> bool {
        let others = self.objects > 0 || self.bare_elements || self.damaged || !self.wrapped.is_empty();
        self.notifications > 0 && self.record_elements <= self.notifications && !others
    }

    /// A value that is not valid JSON. It counts as a damaged record if it contains keys of
    /// records.
    pub(super) fn add_damaged(&mut self, bytes: &[u8]) {
        self.recognise_damaged(bytes);
        self.damaged = true;
    }

    fn recognise_damaged(&mut self, bytes: &[u8]) {
        self.recognised = self.recognised || contains_record_key(bytes);
    }

    /// The content does not begin like JSON; `bytes` is its beginning.
    pub(super) fn add_damaged_start(&mut self, bytes: &[u8]) {
        self.damaged = true;
        self.damaged_start = contains_record_key(bytes);
    }

    pub(super) fn shape(&self) -> JsonShape {
        if !self.recognised {
            return match self.skip_reason() {
                SkipReason::Empty => JsonShape::Empty,
                SkipReason::Digest => JsonShape::Digest,
                SkipReason::OtherJson => JsonShape::OtherJson,
                _ => JsonShape::Unknown,
            };
        }
        let is_searched = self.wrapped.contains(&JsonShape::Wrapped);
        // What no record was found in is like any other value.
        let undecided = if is_searched { 0 } else { self.undecided };
        let objects = self.objects + undecided;
        let has_bare_records = self.documents + objects > 0 || self.bare_elements;
        match (self.wrapped.first(), has_bare_records && !self.only_wrapped_elements()) {
            (None, _) => self.bare_shape(objects),
            (Some(JsonShape::LakeRows), false) if self.wrapped.len() == 1 && self.lossy => {
                JsonShape::LakeRowsLossy
            }
            (Some(JsonShape::Wrapped), false) if self.wrapped.len() == 1 && self.lossy => {
                JsonShape::WrappedLossy
            }
            (Some(only), false) if self.wrapped.len() == 1 => *only,
            _ if self.lossy => JsonShape::MixedLossy,
            _ => JsonShape::Mixed,
        }
    }

    /// Whether the `Records` arrays hold records only inside other objects.
    fn only_wrapped_elements(&self) -> bool {
        self.record_elements == self.undecided_records && self.objects == 0 && !self.bare_elements
    }

    /// The shape if no record has an envelope.
    fn bare_shape(&self, objects: u64) -> JsonShape {
        if self.lossy {
            return JsonShape::MixedLossy;
        }
        match (self.documents, self.arrays, objects) {
            (_, 0, 0) => JsonShape::Records,
            (0, _, 0) => JsonShape::Array,
            (0, 0, 1) => JsonShape::Record,
            (0, 0, _) if self.not_one_per_line => JsonShape::Concatenated,
            (0, 0, _) => JsonShape::Ndjson,
            _ => JsonShape::Mixed,
        }
    }

    pub(super) fn skip_reason(&self) -> SkipReason {
        let has_values =
            self.other_values > 0 || self.arrays + self.other_arrays > 0 || !self.wrapped.is_empty();
        // The log files in a digest look like those that a notification names.
        if self.digest {
            SkipReason::Digest
        } else if self.only_notifications() {
            SkipReason::Notification
        } else if self.damaged_start {
            SkipReason::BrokenStart
        } else if self.damaged || self.messages > 0 {
            SkipReason::NotJson
        } else if !has_values && !self.control_message {
            SkipReason::Empty
        } else {
            SkipReason::OtherJson
        }
    }
}

/// Whether the bytes contain a key of a record or of an envelope.
fn contains_record_key(bytes: &[u8]) -> bool {
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
