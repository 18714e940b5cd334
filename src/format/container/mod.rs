//! The container shapes: which stretches of the content stand where a record stands.
//!
//! An [`ContainerReader`] is fed a growing window of decompressed bytes and answers step by step: a value that stands where a record
//! stands, damage, or "give me more and forget what lies before". It holds no bytes of its own. Values are the elements of the array
//! that makes a document a container (`document::Container`), the elements of a top-level array, and top-level objects that are no
//! containers (a single record, NDJSON, objects back to back, the messages of log lines). Nothing nested deeper ever counts.
//!
//! A value is a record or [wraps](Wrapping) one; [`record_in`] finds it. The walk itself knows values only: damage costs the value.
//!
//! Deliberately absent: what a record says (`parse`), and reading (`engine`).

mod damage;
mod document;
mod element;
mod envelope;
mod lake;
mod lines;
mod resync;
mod shape;
mod window;

use std::ops::Range;

use crate::format::json::{Backend, Splitter};
use crate::model::{RejectReason, SkipReason};
use document::Document;
pub use envelope::{Envelope, Extracted, record_in};
pub use lake::{Rebuilt, record_of_row};
pub use resync::json_error;
pub use shape::Shape;
use shape::ShapeCounter;
pub use window::Window;

/// What [`ContainerReader::step`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A value that stands where a record stands; the window still holds it.
    Value {
        /// Where.
        range: Range<u64>,
        /// What is around the record in it.
        wrapping: Envelope,
        /// Whether it contains the name of KMS, or an escape that could spell it: as `parse` would answer. `None`: not known, as of
        /// everything that wraps a record.
        may_match: Option<bool>,
    },
    /// A log message that is no JSON, and so no record; it begins here.
    Message {
        /// Where.
        offset: u64,
    },
    /// A stretch that cannot be read as records.
    Damage {
        /// Where the unreadable record begins; `None` when the damage lies between records.
        offset: Option<u64>,
        /// Why.
        reason: RejectReason,
        /// For people.
        detail: String,
        /// The damage reaches to the end of the content.
        to_end: bool,
    },
    /// More bytes are needed; those before `keep` are not needed any more.
    More {
        /// Offset of the first byte to keep.
        keep: u64,
    },
    /// The content ends here.
    End,
    /// The content does not begin like JSON; reading on is of no use.
    NotJson,
}

/// So much of content that does not begin like JSON is looked at for what records are known by: some records' length.
const BEGINNING: u64 = 16 << 10;

/// Where the walk stands.
#[derive(Debug)]
enum State {
    /// Before the first byte.
    Start,
    /// Between top-level values.
    Between,
    /// Inside a log message that is no JSON.
    Message,
    /// Inside a top-level object, one level deep.
    Document(Document),
    /// Inside the array whose elements are records; the document it belongs to, unless it is a top-level array.
    Array(Option<Document>),
    /// Inside an element of that array.
    Element { parent: Option<Document>, start: u64, splitter: Splitter },
    /// The element is whole; what follows decides whether to believe it.
    AfterElement { parent: Option<Document>, range: Range<u64>, may_match: Option<bool> },
    /// Inside an element too large to keep.
    Oversized { parent: Option<Document>, start: u64, splitter: Splitter },
    /// After structural damage at `start`: looking for the next record from `from` on.
    Lost { parent: Option<Document>, in_array: bool, start: u64, from: u64, detail: String },
    /// Nothing more to say.
    Done,
}

/// Walks the containers of one input.
#[derive(Debug)]
pub struct ContainerReader {
    state: State,
    /// Everything before this offset has been looked at.
    at: u64,
    /// The value that is being walked stands behind the time of a log line.
    stamped: bool,
    max_record: u64,
    census: ShapeCounter,
    backend: Backend,
}

impl ContainerReader {
    /// A walk at the beginning of the content; values longer than `max_record` bytes are damage.
    pub fn new(max_record: u64) -> Self {
        Self::with(Backend::chosen(), max_record)
    }

    /// [`Self::new`] with a back end of the caller's choice; none changes what is found.
    pub fn with(backend: Backend, max_record: u64) -> Self {
        Self {
            state: State::Start,
            at: 0,
            stamped: false,
            max_record,
            census: ShapeCounter::default(),
            backend,
        }
    }

    /// Whether the content has shown to be CloudTrail's: it has a `Records` array, an empty answer of CloudTrail's, or at least one record,
    /// which need not be sound.
    pub fn recognised(&self) -> bool {
        self.census.recognised
    }

    /// Takes note that the record of a value was put together from what a query printed.
    pub fn note_lossy(&mut self) {
        self.census.lossy = true;
    }

    /// The shape seen so far.
    pub fn shape(&self) -> Shape {
        self.census.shape()
    }

    /// Why the content, if never [recognised](Self::recognised), is not an archive.
    pub fn skip_reason(&self) -> SkipReason {
        self.census.skip_reason()
    }

    /// Goes on until there is something to say. `window` must hold everything from the last [`Step::More`]'s `keep` on.
    pub fn step(&mut self, window: Window<'_>) -> Step {
        if let Some(step) = self.ordinary(window) {
            return step;
        }
        loop {
            let state = std::mem::replace(&mut self.state, State::Done);
            let step = match state {
                State::Start => self.start(window),
                State::Between => self.between(window),
                State::Message => self.message(window),
                State::Document(document) => self.document(document, window),
                State::Array(parent) => self.array(parent, window),
                State::Element { parent, start, splitter } => self.element(parent, start, splitter, window),
                State::AfterElement { parent, range, may_match } => {
                    self.after_element(parent, range, may_match, window)
                }
                State::Oversized { parent, start, splitter } => {
                    self.oversized(parent, start, splitter, window)
                }
                State::Lost { parent, in_array, start, from, detail } => {
                    self.lost(parent, in_array, (start, from), detail, window)
                }
                State::Done => Some(Step::End),
            };
            if let Some(step) = step {
                return step;
            }
        }
    }

    /// The value of the last step, at `range` in the same window, is not valid JSON. Two records that have each lost a quote make one such value
    /// of all that stands between them: a whole record that begins inside one of its strings, where none can, proves it. The walk
    /// then goes on there.
    pub fn reconsider(&mut self, range: &Range<u64>, window: Window<'_>) {
        let bytes = window.slice(range);
        let Some(error) = json_error(bytes) else { return };
        let from = resync::last_token(bytes, error.offset);
        let container = match &self.state {
            State::Array(parent) => parent.as_ref().and_then(Document::container),
            _ => None,
        };
        if let resync::Search::Found(n) = resync::next_record(bytes, from, true, (container, self.max_record))
            && resync::begins_in_string(&bytes[..n])
        {
            self.at = range.start + n as u64;
        }
    }

    fn more(&mut self, state: State, keep: u64) -> Option<Step> {
        self.state = state;
        Some(Step::More { keep })
    }

    fn go(&mut self, state: State, at: u64) -> Option<Step> {
        self.state = state;
        self.at = at;
        None
    }

    fn start(&mut self, window: Window<'_>) -> Option<Step> {
        const BOM: &[u8] = b"\xEF\xBB\xBF";
        if self.at == 0 && window.bytes.len() < BOM.len() && !window.last {
            return self.more(State::Start, 0);
        }
        if self.at == 0 && window.bytes.starts_with(BOM) {
            self.at = BOM.len() as u64;
        }
        let (first, byte) = window.next_token(self.at);
        let Some(byte) = byte else {
            self.at = first;
            return if window.last { Some(Step::End) } else { self.more(State::Start, first) };
        };
        self.at = first;
        let behind = window.slice(&(first + 1..first + 1 + resync::LOOK_AHEAD));
        let second = behind.iter().copied().find(|b| !b.is_ascii_whitespace());
        if second.is_none() && !window.last && (behind.len() as u64) < resync::LOOK_AHEAD {
            return self.more(State::Start, first);
        }
        let begins = match byte {
            b'{' => matches!(second, Some(b'"' | b'}') | None),
            b'[' => matches!(
                second,
                Some(b'{' | b'[' | b']' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') | None
            ),
            b'0'..=b'9' => match lines::stamp(window.from(first)) {
                lines::Stamp::Cut if !window.last => return self.more(State::Start, first),
                stamp => matches!(stamp, lines::Stamp::Whole(_)),
            },
            _ => false,
        };
        if !begins {
            let beginning = window.slice(&(first..first + BEGINNING));
            if !window.last && (beginning.len() as u64) < BEGINNING {
                return self.more(State::Start, first);
            }
            self.census.no_beginning(beginning);
            return Some(Step::NotJson);
        }
        self.go(State::Between, first)
    }

    fn between(&mut self, window: Window<'_>) -> Option<Step> {
        const RECORD_SEPARATOR: u8 = 0x1E; // RFC 7464 text sequences
        loop {
            let (at, byte) = window.next_token(self.at);
            self.census.gap(window.slice(&(self.at..at)));
            self.at = at;
            match byte {
                None if window.last => return Some(Step::End),
                None => return self.more(State::Between, at),
                Some(b',' | RECORD_SEPARATOR) => self.at = at + 1,
                Some(b'0'..=b'9') => return self.line(window),
                Some(b'{') => return self.go(State::Document(Document::new(at, self.backend)), at + 1),
                Some(b'[') => {
                    self.census.arrays += 1;
                    return self.go(State::Array(None), at + 1);
                }
                Some(_) => return self.stray(None, false, at),
            }
        }
    }

    fn document(&mut self, mut document: Document, window: Window<'_>) -> Option<Step> {
        use document::Found;
        loop {
            let part = match document.whole_from() {
                Some(start) => window.until(self.next_question(start)),
                None => window,
            };
            match document.walk(&mut self.at, part) {
                Found::Array(container) => {
                    self.census.container(container);
                    return self.go(State::Array(Some(document)), self.at);
                }
                Found::End => return self.document_end(&document, window),
                Found::More => {}
                Found::Stray => return self.stray(Some(document), true, self.at),
            }
            if let Some(start) = document.whole_from() {
                if let Some(broken) = self.breaks(start, window) {
                    return self.lose(None, false, broken, window);
                }
                if self.at - start > self.max_record {
                    document.give_up_whole();
                }
            }
            if self.at < window.end() {
                continue;
            }
            if !window.last {
                let keep = document.keep(self.at);
                return self.more(State::Document(document), keep);
            }
            if document.whole_from().is_none() && !document.is_container() {
                self.census.recognised |= document.may_hold_record();
                return self.cut_off(Some(document.start()));
            }
            return self.unfinished(None, false, document.whole_from(), window);
        }
    }

    fn document_end(&mut self, document: &Document, window: Window<'_>) -> Option<Step> {
        self.state = State::Between;
        let stamped = std::mem::take(&mut self.stamped);
        if document.is_container() {
            self.census.control |= document.container().is_none();
            return self.hidden_record(document);
        }
        let range = document.start()..self.at;
        if let Some(broken) = self.breaks(range.start, window) {
            return self.lose(None, false, broken, window);
        }
        self.census.digest |= document.has_digest_keys();
        if range.end - range.start > self.max_record {
            self.census.oversized_object(document.may_hold_record(), document.spans_lines(), stamped);
            return Some(self.too_large(range.start));
        }
        let value = window.slice(&range);
        let wrapping = envelope::wrapping_of(value);
        self.census.loose_object(value, wrapping, document.spans_lines(), stamped);
        Some(Step::Value { range, wrapping, may_match: None })
    }

    fn array(&mut self, mut parent: Option<Document>, window: Window<'_>) -> Option<Step> {
        loop {
            let (at, byte) = window.next_token(self.at);
            if let Some(document) = &mut parent {
                document.pass_blanks(self.at, at);
            }
            self.at = at;
            match byte {
                None if window.last => return self.unfinished(parent, true, None, window),
                None => return self.more(State::Array(parent), at),
                Some(b',') => self.at = at + 1,
                Some(b']') => {
                    if let Some(document) = &parent
                        && let Some(container) = document.container()
                        && document.is_empty_at(at)
                    {
                        self.census.empty_container(container);
                    }
                    let next =
                        parent.map_or(State::Between, |document| State::Document(document.after_records()));
                    return self.go(next, at + 1);
                }
                Some(b'}' | b':') => return self.stray(parent, true, at),
                Some(first) => {
                    let splitter = Splitter::with(self.backend, first);
                    return self.go(State::Element { parent, start: at, splitter }, at);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
