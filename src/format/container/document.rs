//! A top-level object, read one level deep: is it a container of records, a record, or something
//! else?
//!
//! The reader is tolerant on purpose: it only finds keys and skips values. Whether an object that
//! turns out to be a record is valid JSON is decided by the parser.

use std::ops::Range;

use memchr::memchr;

use super::beside::can_hold_record;
use super::container_kind::ContainerKind;
use super::envelope::Envelope;
use super::members::unquote;
use super::places::is_object_name;
use super::resync::LOOK_AHEAD;
use super::watch::{NameWatch, Watched};
use super::window::Window;
use crate::format::json::{Backend, ValueScanner};

/// Why [`Document::advance`] stopped.
pub(super) enum DocumentEvent {
    /// The array of a container begins at the current position.
    ArrayStart(ContainerKind),
    /// The object ended.
    End,
    /// The window ended.
    NeedMore,
    /// The window ends before what follows the bracket at the current position.
    NeedLookAhead,
    /// A value without a key after the records: the array was closed too early.
    MisplacedValue,
    /// A value beside the records ended.
    Beside(Range<u64>),
    /// The same, but it is too large to keep, and names what only records have.
    LargeBeside(u64),
}

#[derive(Debug)]
pub(super) struct Document {
    start: u64,
    /// Whether the caller still keeps all bytes from `start` on, since the object may be a record.
    kept_whole: bool,
    container: Option<ContainerKind>,
    /// Offset of the first byte in the container's array that is not white space, as far as read.
    first_element: u64,
    /// Whether it is a message that CloudWatch Logs sends to check a subscription. What it holds
    /// are not events.
    is_control_message: bool,
    /// How many objects are open inside the document, in search of an array of records.
    depth: u32,
    keys: KeysSeen,
    /// Whether a line break was found before any container's array.
    spans_lines: bool,
    /// The last complete string. It is a key if a colon follows.
    string: Option<DocumentKey>,
    /// The key of the value that is expected next.
    key: Option<DocumentKey>,
    /// The value that is being skipped.
    value: Option<SkippedValue>,
    /// What the bytes name that are no longer kept: those before the array, or of the value that is
    /// being skipped.
    watch: Option<Box<NameWatch>>,
    /// Length of the longest value beside the array that is kept, in bytes.
    max_record: u64,
    backend: Backend,
}

/// Which kinds of keys were found.
#[derive(Debug, Default)]
struct KeysSeen {
    record: bool,
    envelope: bool,
    digest: bool,
}

/// A key, or a value that is being skipped.
#[derive(Debug)]
struct SkippedValue {
    start: u64,
    scanner: ValueScanner,
    /// Whether its text is needed; true only while it is short.
    keep_text: bool,
    /// Whether it is beside the array of records and may hold some, too.
    is_beside: bool,
}

/// How far a value was skipped.
enum Skipped {
    /// To its end.
    Whole,
    /// To the end of the window.
    Part,
    /// To its end, and it is beside the records.
    Beside(DocumentEvent),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DocumentKey {
    /// The key of an array of records.
    Array(ContainerKind),
    /// A key that only records have.
    Record,
    /// A key that only envelopes have.
    Envelope,
    /// The key of the type of a message from CloudWatch Logs.
    MessageType,
    /// A key that only digest files have.
    Digest,
    /// The key of an object that may hold an array of records.
    Object,
    Other,
}

impl DocumentKey {
    fn new(name: &[u8]) -> Self {
        match name {
            b"eventVersion" | b"eventSource" | b"eventName" => Self::Record,
            b"CloudTrailEvent" | b"detail-type" => Self::Envelope,
            b"messageType" => Self::MessageType,
            b"digestS3Object" | b"digestStartTime" => Self::Digest,
            _ => {
                let object = if is_object_name(name) { Self::Object } else { Self::Other };
                ContainerKind::of_key(name).map_or(object, Self::Array)
            }
        }
    }
}

/// How many objects are entered in search of an array of records.
const MAX_DEPTH: u32 = 4;

/// Whether the array at `open` holds values that may be or wrap records; `None` when the window
/// ends before that can be decided. Arrays of names and numbers do not, and lists of cells are
/// understood only together with the names of the columns.
fn holds_values(container: ContainerKind, open: u64, window: Window<'_>) -> Option<bool> {
    let ContainerKind::Other(_) = container else { return Some(true) };
    let ahead = window.slice(&(open + 1..open + 1 + LOOK_AHEAD));
    let is_all = window.last || ahead.len() as u64 == LOOK_AHEAD;
    let mut tokens = ahead.iter().filter(|b| !b.is_ascii_whitespace());
    match (tokens.next(), tokens.next()) {
        (Some(b'{'), _) | (Some(b'['), Some(b'{')) => Some(true),
        (None, _) | (Some(b'['), None) => is_all.then_some(false),
        _ => Some(false),
    }
}

/// Length of the longest string that is examined as a key, in bytes.
const MAX_KEY: u64 = 256;

impl Document {
    /// A document whose opening brace is at `start`.
    pub(super) fn new(start: u64, max_record: u64, backend: Backend) -> Self {
        Self {
            start,
            kept_whole: true,
            container: None,
            first_element: start,
            is_control_message: false,
            depth: 0,
            keys: KeysSeen::default(),
            spans_lines: false,
            string: None,
            key: None,
            value: None,
            watch: None,
            max_record,
            backend,
        }
    }

    /// A document whose array is open at `start` and whose beginning could not be read.
    pub(super) fn in_array(container: ContainerKind, start: u64, max_record: u64, backend: Backend) -> Self {
        Self { container: Some(container), kept_whole: false, ..Self::new(start, max_record, backend) }
    }

    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// Start of the object, as long as it may be a record and is kept whole.
    pub(super) fn kept_from(&self) -> Option<u64> {
        self.kept_whole.then_some(self.start)
    }

    /// Stops keeping the object, of which `bytes` were read: it is too large.
    pub(super) fn release(&mut self, bytes: &[u8]) {
        self.kept_whole = false;
        self.watch.get_or_insert_default().feed(bytes);
    }

    /// Whether what was before the array, and is no longer kept, names what only records have.
    pub(super) fn takes_names_before_array(&mut self) -> bool {
        self.watch.take().is_some_and(|watch| watch.may_hold_records(Watched::Json))
    }

    /// The container whose array was entered last.
    pub(super) fn container(&self) -> Option<ContainerKind> {
        self.container
    }

    /// Whether it is a container and not a value itself.
    pub(super) fn is_container(&self) -> bool {
        self.container.is_some() || self.is_control_message && !self.keys.record
    }

    pub(super) fn has_record_keys(&self) -> bool {
        self.keys.record
    }

    /// Whether it has keys of a record or of an envelope.
    pub(super) fn may_hold_record(&self) -> bool {
        self.keys.record || self.keys.envelope
    }

    /// The envelope of the elements in the open array.
    pub(super) fn envelope(&self) -> Envelope {
        self.container.map_or(Envelope::None, ContainerKind::envelope)
    }

    /// Records that the bytes from `from` to `to` in the open array are white space.
    pub(super) fn skip_white_space(&mut self, from: u64, to: u64) {
        if self.first_element == from {
            self.first_element = to;
        }
    }

    /// Whether the open array contains only white space before `at`.
    pub(super) fn is_empty_before(&self, at: u64) -> bool {
        self.first_element == at
    }

    pub(super) fn has_digest_keys(&self) -> bool {
        self.keys.digest
    }

    pub(super) fn spans_lines(&self) -> bool {
        self.spans_lines
    }

    /// The document after the end of its array.
    pub(super) fn after_array(self) -> Self {
        Self { key: None, string: None, ..self }
    }

    /// Offset of the first byte that is still needed at position `at`.
    pub(super) fn keep_from(&self, at: u64) -> u64 {
        if self.kept_whole {
            return self.start;
        }
        match &self.value {
            Some(value) if value.keep_text || value.is_beside && self.watch.is_none() => value.start,
            _ => at,
        }
    }

    /// Whether the array under this container's key holds records. A record may have members with
    /// such names, too: those are part of the record.
    fn holds_records(&self, container: ContainerKind) -> bool {
        let is_control_message = self.is_control_message && container == ContainerKind::LogSubscription;
        if self.depth > 0 || matches!(container, ContainerKind::Other(_)) {
            // The evidence is weak: a record, or an envelope, may have such members.
            return !self.keys.record && !self.keys.envelope && self.container.is_none();
        }
        container == ContainerKind::Records || !(self.keys.record || is_control_message)
    }

    /// Whether the object that begins here is entered in search of an array of records.
    fn enters_object(&self) -> bool {
        let may_hold_array = match self.key {
            Some(DocumentKey::Object) => true,
            Some(DocumentKey::Array(ContainerKind::Other(name))) => is_object_name(name.as_bytes()),
            _ => false,
        };
        may_hold_array && self.container.is_none() && !self.keys.record && self.depth < MAX_DEPTH
    }

    /// Reads on from `at` and moves `at` to where it stops.
    ///
    /// `part` is what to read, the beginning of `window`.
    pub(super) fn advance(&mut self, at: &mut u64, part: Window<'_>, window: Window<'_>) -> DocumentEvent {
        let from = *at;
        let is_before_array = self.container.is_none();
        let event = self.read(at, part, window);
        if is_before_array && let Some(watch) = &mut self.watch {
            watch.feed(window.slice(&(from..*at)));
        }
        // Line breaks do not matter in a container.
        if self.container.is_none() && !self.spans_lines {
            self.spans_lines = memchr(b'\n', window.slice(&(from..*at))).is_some();
        }
        event
    }

    fn read(&mut self, at: &mut u64, window: Window<'_>, ahead: Window<'_>) -> DocumentEvent {
        loop {
            if let Some(value) = self.value.take() {
                match self.skip_value(value, at, window) {
                    Skipped::Whole => continue,
                    Skipped::Part => return DocumentEvent::NeedMore,
                    Skipped::Beside(event) => return event,
                }
            }
            let (next, byte) = window.next_token(*at);
            *at = next;
            let Some(byte) = byte else { return DocumentEvent::NeedMore };
            match byte {
                b'}' if self.depth > 0 => {
                    *at += 1;
                    self.depth -= 1;
                    (self.key, self.string) = (None, None);
                }
                b'}' => {
                    *at += 1;
                    return DocumentEvent::End;
                }
                b':' => {
                    let key = self.string.take().unwrap_or(DocumentKey::Other);
                    if self.depth == 0 {
                        self.keys.record |= key == DocumentKey::Record;
                        self.keys.envelope |= key == DocumentKey::Envelope;
                        self.keys.digest |= key == DocumentKey::Digest;
                    }
                    self.key = Some(key);
                    *at += 1;
                }
                b',' => {
                    (self.key, self.string) = (None, None);
                    *at += 1;
                }
                b'{' if self.enters_object() => {
                    self.depth += 1;
                    (self.key, self.string) = (None, None);
                    *at += 1;
                }
                b'[' if let Some(DocumentKey::Array(container)) = self.key
                    && self.holds_records(container)
                    && let holds_values = holds_values(container, next, ahead)
                    && holds_values != Some(false) =>
                {
                    if holds_values.is_none() {
                        return DocumentEvent::NeedLookAhead;
                    }
                    (self.container, self.kept_whole) = (Some(container), false);
                    *at += 1;
                    self.first_element = *at;
                    return DocumentEvent::ArrayStart(container);
                }
                b'{' | b'[' | b']' if self.container.is_some() && self.key.is_none() && self.depth == 0 => {
                    return DocumentEvent::MisplacedValue;
                }
                b']' => *at += 1, // the parser rejects the object if this bracket is misplaced
                first => {
                    let is_key_or_type = matches!(self.key, None | Some(DocumentKey::MessageType));
                    self.value = Some(SkippedValue {
                        start: next,
                        scanner: ValueScanner::with_backend(self.backend, first),
                        keep_text: first == b'"' && is_key_or_type,
                        is_beside: self.container.is_some() && self.key.is_some(),
                    });
                    self.string = None;
                }
            }
        }
    }

    /// Skips the rest of a value.
    fn skip_value(&mut self, mut value: SkippedValue, at: &mut u64, window: Window<'_>) -> Skipped {
        let from = *at;
        let end = value.scanner.advance(window.from(*at)).map(|n| *at + n as u64);
        *at = end.unwrap_or_else(|| window.end());
        let len = *at - value.start;
        value.keep_text &= len <= MAX_KEY;
        if value.is_beside && len > self.max_record {
            // Until now, the window kept all of it.
            let unseen = if self.watch.is_some() { from } else { value.start };
            self.watch.get_or_insert_default().feed(window.slice(&(unseen..*at)));
        }
        if end.is_none() {
            self.value = Some(value);
            return Skipped::Part;
        }
        if value.is_beside {
            return self.end_beside(value.start..*at, window);
        }
        let text = value.keep_text.then(|| unquote(window.slice(&(value.start..*at))));
        if self.key == Some(DocumentKey::MessageType) {
            self.is_control_message = text.is_some_and(|text| *text == *b"CONTROL_MESSAGE");
        } else {
            self.string = text.map(|text| DocumentKey::new(&text));
        }
        Skipped::Whole
    }

    /// A value beside the records ended.
    fn end_beside(&mut self, range: Range<u64>, window: Window<'_>) -> Skipped {
        if let Some(watch) = self.watch.take() {
            let is_told = watch.may_hold_records(Watched::Json);
            return if is_told {
                Skipped::Beside(DocumentEvent::LargeBeside(range.start))
            } else {
                Skipped::Whole
            };
        }
        let first = window.from(range.start).first().copied().unwrap_or_default();
        match can_hold_record(first, range.end - range.start) {
            true => Skipped::Beside(DocumentEvent::Beside(range)),
            false => Skipped::Whole,
        }
    }
}
