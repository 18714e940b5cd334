//! A top-level object, walked one level deep: is it a container of records, a record, or something else?
//!
//! The walk is tolerant on purpose: it only has to find keys and skip values. Whether an object that turns out to be a record is
//! valid JSON is the parser's question.

use memchr::memchr;

use super::Window;
use super::envelope::{self, Envelope};
use super::shape::Shape;
use crate::format::json::{Backend, Splitter};

/// An array whose elements hold records, and the document around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    /// `Records`: a log file.
    Records,
    /// `Events`: what `LookupEvents` answers.
    LookupEvents,
    /// `logEvents`: what a subscription of CloudWatch Logs delivers.
    LogSubscription,
    /// `events`: what `FilterLogEvents` and `GetLogEvents` answer.
    LogEvents,
    /// `QueryResultRows`: what `GetQueryResults` of CloudTrail Lake answers.
    LakeRows,
}

impl Container {
    pub(super) const ALL: [Self; 5] =
        [Self::Records, Self::LookupEvents, Self::LogSubscription, Self::LogEvents, Self::LakeRows];

    /// The key of the array.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Records => "Records",
            Self::LookupEvents => "Events",
            Self::LogSubscription => "logEvents",
            Self::LogEvents => "events",
            Self::LakeRows => "QueryResultRows",
        }
    }

    /// What its elements are.
    pub(super) fn wrapping(self) -> Envelope {
        match self {
            Self::Records => Envelope::None,
            Self::LookupEvents => Envelope::LookupEvent,
            Self::LogSubscription | Self::LogEvents => Envelope::LogEvent,
            Self::LakeRows => Envelope::LakeRow,
        }
    }

    pub(super) fn shape(self) -> Shape {
        match self {
            Self::Records => Shape::Records,
            Self::LookupEvents => Shape::LookupEvents,
            Self::LogSubscription => Shape::LogSubscription,
            Self::LogEvents => Shape::LogEvents,
            Self::LakeRows => Shape::LakeRows,
        }
    }

    /// Whether an empty array shows what it would have held: no other answer has a key of this name and nothing else to tell it by.
    pub(super) fn shows_itself_empty(self) -> bool {
        matches!(self, Self::Records | Self::LookupEvents | Self::LakeRows)
    }
}

/// What the walk met.
pub(super) enum Found {
    /// The container's array begins at the walk's position.
    Array(Container),
    /// The object is closed.
    End,
    /// The window ends.
    More,
    /// A value without a key in a document whose records have been read: the array was closed too early.
    Stray,
}

#[derive(Debug)]
pub(super) struct Document {
    start: u64,
    /// All bytes from `start` on are still kept: the object may be a record.
    whole: bool,
    container: Option<Container>,
    /// Where the first element of the container's array would begin, as far as blanks have been passed.
    opened_at: u64,
    /// A message by which CloudWatch Logs checks a subscription: what it holds are no events.
    control: bool,
    record_keys: bool,
    wrapping_keys: bool,
    digest_keys: bool,
    /// It spans lines, as far as it has been walked.
    line_break: bool,
    /// The last complete string: a key, if a colon follows.
    string: Option<Key>,
    /// The value now expected belongs to this key.
    key: Option<Key>,
    inside: Option<Inside>,
    backend: Backend,
}

/// A value being passed over.
#[derive(Debug)]
struct Inside {
    start: u64,
    splitter: Splitter,
    /// A key, or a value that is looked at: kept as long as it is short.
    kept: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    /// The one whose array holds records.
    Array(Container),
    /// One that only records have.
    OfRecord,
    /// One that only what wraps a single record has.
    OfWrapping,
    /// The one that says what a subscription of CloudWatch Logs sends.
    MessageType,
    /// One that only digests have.
    OfDigest,
    Other,
}

/// Longer strings are not looked at as keys.
const LONGEST_KEY: u64 = 256;

impl Document {
    /// A document whose opening brace stands at `start`.
    pub(super) fn new(start: u64, backend: Backend) -> Self {
        Self {
            start,
            whole: true,
            container: None,
            opened_at: start,
            control: false,
            record_keys: false,
            wrapping_keys: false,
            digest_keys: false,
            line_break: false,
            string: None,
            key: None,
            inside: None,
            backend,
        }
    }

    /// A document whose array is open, where its beginning could not be read.
    pub(super) fn opened(container: Container, start: u64, backend: Backend) -> Self {
        Self { container: Some(container), whole: false, ..Self::new(start, backend) }
    }

    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// Where the object begins, as long as it may still be a record kept whole.
    pub(super) fn whole_from(&self) -> Option<u64> {
        self.whole.then_some(self.start)
    }

    /// The object is too large to be kept.
    pub(super) fn give_up_whole(&mut self) {
        self.whole = false;
    }

    /// The container whose array the walk has entered last.
    pub(super) fn container(&self) -> Option<Container> {
        self.container
    }

    /// It is not a value itself.
    pub(super) fn is_container(&self) -> bool {
        self.container.is_some() || self.control && !self.record_keys
    }

    pub(super) fn has_record_keys(&self) -> bool {
        self.record_keys
    }

    /// Whether it has keys of a record, or of what wraps one.
    pub(super) fn may_hold_record(&self) -> bool {
        self.record_keys || self.wrapping_keys
    }

    /// What the elements of the open array are.
    pub(super) fn wrapping(&self) -> Envelope {
        self.container.map_or(Envelope::None, Container::wrapping)
    }

    /// The walk passes the blanks from `from` to `to` in the open array.
    pub(super) fn pass_blanks(&mut self, from: u64, to: u64) {
        if self.opened_at == from {
            self.opened_at = to;
        }
    }

    /// Whether nothing stands between the beginning of the open array and `at`.
    pub(super) fn is_empty_at(&self, at: u64) -> bool {
        self.opened_at == at
    }

    pub(super) fn has_digest_keys(&self) -> bool {
        self.digest_keys
    }

    pub(super) fn spans_lines(&self) -> bool {
        self.line_break
    }

    /// The document behind the end of its array.
    pub(super) fn after_records(self) -> Self {
        Self { key: None, string: None, ..self }
    }

    /// First byte still needed when the walk has come to `at`.
    pub(super) fn keep(&self, at: u64) -> u64 {
        if self.whole {
            return self.start;
        }
        match &self.inside {
            Some(inside) if inside.kept => inside.start,
            _ => at,
        }
    }

    /// Whether an array under the container's key holds records. A record may have members of such names, which are not its containers.
    fn opens(&self, container: Container) -> bool {
        container == Container::Records
            || !(self.record_keys || self.control && container == Container::LogSubscription)
    }

    pub(super) fn walk(&mut self, at: &mut u64, window: Window<'_>) -> Found {
        let from = *at;
        let found = self.pass(at, window);
        // How a container is laid out tells nothing.
        if self.container.is_none() && !self.line_break {
            self.line_break = memchr(b'\n', window.slice(&(from..*at))).is_some();
        }
        found
    }

    fn pass(&mut self, at: &mut u64, window: Window<'_>) -> Found {
        loop {
            if let Some(mut inside) = self.inside.take() {
                let end = inside.splitter.advance(window.from(*at)).map(|n| *at + n as u64);
                *at = end.unwrap_or_else(|| window.end());
                inside.kept &= *at - inside.start <= LONGEST_KEY;
                if end.is_none() {
                    self.inside = Some(inside);
                    return Found::More;
                }
                let text = inside.kept.then(|| envelope::key(window.slice(&(inside.start..*at))));
                if self.key == Some(Key::MessageType) {
                    self.control = text.is_some_and(|text| *text == *b"CONTROL_MESSAGE");
                } else {
                    self.string = text.map(|text| Key::of(&text));
                }
                continue;
            }
            let (next, byte) = window.next_token(*at);
            *at = next;
            let Some(byte) = byte else { return Found::More };
            match byte {
                b'}' => {
                    *at += 1;
                    return Found::End;
                }
                b':' => {
                    let key = self.string.take().unwrap_or(Key::Other);
                    self.record_keys |= key == Key::OfRecord;
                    self.wrapping_keys |= key == Key::OfWrapping;
                    self.digest_keys |= key == Key::OfDigest;
                    self.key = Some(key);
                    *at += 1;
                }
                b',' => {
                    (self.key, self.string) = (None, None);
                    *at += 1;
                }
                b'[' if let Some(Key::Array(container)) = self.key
                    && self.opens(container) =>
                {
                    (self.container, self.whole) = (Some(container), false);
                    *at += 1;
                    self.opened_at = *at;
                    return Found::Array(container);
                }
                b'{' | b'[' | b']' if self.container.is_some() && self.key.is_none() => return Found::Stray,
                b']' => *at += 1, // balanced or not, the strict parser will see it
                first => {
                    let kept = first == b'"' && matches!(self.key, None | Some(Key::MessageType));
                    let splitter = Splitter::with(self.backend, first);
                    self.inside = Some(Inside { start: next, splitter, kept });
                    self.string = None;
                }
            }
        }
    }
}

impl Key {
    fn of(name: &[u8]) -> Self {
        match name {
            b"eventVersion" | b"eventSource" | b"eventName" => Self::OfRecord,
            b"CloudTrailEvent" | b"detail-type" => Self::OfWrapping,
            b"messageType" => Self::MessageType,
            b"digestS3Object" | b"digestStartTime" => Self::OfDigest,
            _ => {
                let container = Container::ALL.into_iter().find(|c| c.key().as_bytes() == name);
                container.map_or(Self::Other, Self::Array)
            }
        }
    }
}
