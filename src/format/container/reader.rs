//! The state machine that walks over the content. `element`, `log_lines` and `recovery` hold the
//! states that need more code.

use std::ops::Range;

use super::beside::values_before;
use super::container_kind::ContainerKind;
use super::document::{Document, DocumentEvent};
use super::envelope::{Envelope, detect_envelope};
use super::line_prefix::has_prefix;
use super::log_timestamp::{Timestamp, parse_timestamp};
use super::resync::LOOK_AHEAD;
use super::shape::JsonShape;
use super::shape_counter::{ObjectLayout, ShapeCounter};
use super::state::{Scope, State};
use super::step::Step;
use super::summary::SearchSummary;
use super::window::Window;
use crate::format::json::{Backend, MayMatch, ValueScanner};
use crate::model::SkipReason;

/// If the content does not begin like JSON, keys of records are searched in this many bytes, the
/// length of a few records.
const START_BYTES: u64 = 16 << 10;

/// Finds the values in the place of records in one input.
#[derive(Debug)]
pub struct ContainerReader {
    pub(super) state: State,
    /// Offset of the next byte to read.
    pub(super) at: u64,
    /// Whether the current object follows the timestamp of a log line.
    pub(super) in_log_line: bool,
    /// Whether the content is lines with something before each value: a time, a name, a header.
    pub(super) has_prefixes: bool,
    pub(super) max_record: u64,
    pub(super) counter: ShapeCounter,
    pub(super) backend: Backend,
    /// Values before the array of a document that are still to be reported, the last one first.
    before_array: Vec<Range<u64>>,
}

impl ContainerReader {
    /// A reader at the beginning of the content. Values longer than `max_record` bytes are damage.
    pub fn new(max_record: u64) -> Self {
        Self::with_backend(Backend::selected(), max_record)
    }

    /// Like [`Self::new`], with the given back end. The back end does not change the results.
    pub fn with_backend(backend: Backend, max_record: u64) -> Self {
        Self {
            state: State::Start,
            at: 0,
            in_log_line: false,
            has_prefixes: false,
            max_record,
            counter: ShapeCounter::default(),
            backend,
            before_array: Vec::new(),
        }
    }

    /// A reader of a text inside a value: whether the text is CloudTrail's is not asked.
    pub(super) fn inside(max_record: u64) -> Self {
        let mut reader = Self::new(max_record);
        reader.counter.is_inside = true;
        reader
    }

    /// Whether the content read so far is CloudTrail's: it has a `Records` array, an empty response
    /// of CloudTrail's API, or at least one record, which may be damaged.
    pub fn is_recognised(&self) -> bool {
        self.counter.recognised && !self.counter.only_notifications()
    }

    /// Records what a search has found in the value of the last step; this changes the shape.
    pub fn mark_searched(&mut self, found: &SearchSummary) {
        if found.records > 0 {
            self.counter.add_wrapped(found.is_lossy);
        } else if found.is_notification {
            self.counter.add_notification();
        }
    }

    /// Whether the last value was an element of `Records`.
    pub fn is_in_log_file(&self) -> bool {
        let parent = if let State::Array(parent) = &self.state { parent.as_ref() } else { None };
        parent.and_then(Document::container) == Some(ContainerKind::Records)
    }

    /// Whether the last value was an element of an array at the top level.
    pub fn is_in_top_array(&self) -> bool {
        matches!(self.state, State::Array(None))
    }

    /// Records that a record was rebuilt from the columns of a query
    /// ([`Extracted::Record::lossy`](super::Extracted::Record)); this changes the shape.
    pub fn mark_lossy(&mut self) {
        self.counter.lossy = true;
    }

    /// The shape of the content read so far.
    pub fn shape(&self) -> JsonShape {
        self.counter.shape()
    }

    /// The reason to skip the input if it is never [recognised](Self::is_recognised).
    pub fn skip_reason(&self) -> SkipReason {
        self.counter.skip_reason()
    }

    /// Reads up to the next step.
    ///
    /// `window` must contain everything from `keep_from` of the last [`Step::NeedMore`] on.
    pub fn step(&mut self, window: Window<'_>) -> Step {
        if let Some(range) = self.before_array.pop() {
            return Step::Beside { range };
        }
        if let Some(step) = self.ordinary_element(window) {
            return step;
        }
        loop {
            let state = std::mem::replace(&mut self.state, State::Done);
            let step = match state {
                State::Start => self.start(window),
                State::Between => self.between(window),
                State::Message { start } => self.message(start, window),
                State::OtherLine { start } => self.other_line(start, window),
                State::Text { start, scanner } => self.text(start, scanner, window),
                State::Document(document) => self.document(document, window),
                State::Array(parent) => self.array(parent, window),
                State::Element { parent, start, scanner } => self.element(parent, start, scanner, window),
                State::AfterElement { parent, range, may_match } => {
                    self.after_element(parent, range, may_match, window)
                }
                State::OversizedElement { parent, start, scanner } => {
                    self.oversized_element(parent, start, scanner, window)
                }
                State::Resync(resync) => self.resync(resync, window),
                State::Done => Some(Step::End),
            };
            if let Some(step) = step {
                return step;
            }
        }
    }

    /// Stays in `state` until there is more input.
    pub(super) fn need_more(&mut self, state: State, keep_from: u64) -> Option<Step> {
        self.state = state;
        Some(Step::NeedMore { keep_from })
    }

    /// Moves to `state` at the offset `at`, with nothing to report.
    pub(super) fn enter(&mut self, state: State, at: u64) -> Option<Step> {
        self.state = state;
        self.at = at;
        None
    }

    fn start(&mut self, window: Window<'_>) -> Option<Step> {
        const BOM: &[u8] = b"\xEF\xBB\xBF";
        if self.at == 0 && window.bytes.len() < BOM.len() && !window.last {
            return self.need_more(State::Start, 0);
        }
        if self.at == 0 && window.bytes.starts_with(BOM) {
            self.at = BOM.len() as u64;
        }
        let (first, byte) = window.next_token(self.at);
        self.at = first;
        let Some(byte) = byte else {
            return if window.last { Some(Step::End) } else { self.need_more(State::Start, first) };
        };
        let after = window.slice(&(first + 1..first + 1 + LOOK_AHEAD));
        let second = after.iter().copied().find(|b| !b.is_ascii_whitespace());
        if second.is_none() && !window.last && (after.len() as u64) < LOOK_AHEAD {
            return self.need_more(State::Start, first);
        }
        let begins_like_json = match byte {
            b'{' => matches!(second, Some(b'"' | b'}') | None),
            b'[' => matches!(
                second,
                Some(b'{' | b'[' | b']' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') | None
            ),
            b'"' => matches!(second, Some(b'{' | b'[' | b'\\')),
            b'0'..=b'9' => match parse_timestamp(window.from(first)) {
                Timestamp::Incomplete if !window.last => {
                    return self.need_more(State::Start, first);
                }
                timestamp => matches!(timestamp, Timestamp::Complete(_)),
            },
            _ => false,
        };
        if !begins_like_json {
            let bytes = window.slice(&(first..first + START_BYTES));
            if !window.last && (bytes.len() as u64) < START_BYTES {
                return self.need_more(State::Start, first);
            }
            if !has_prefix(bytes) {
                self.counter.add_damaged_start(bytes);
                return Some(Step::NotJson);
            }
            self.has_prefixes = true;
        }
        self.enter(State::Between, first)
    }

    fn between(&mut self, window: Window<'_>) -> Option<Step> {
        const RECORD_SEPARATOR: u8 = 0x1E; // RFC 7464 text sequences
        loop {
            let (at, byte) = window.next_token(self.at);
            self.counter.add_white_space(window.slice(&(self.at..at)));
            self.at = at;
            match byte {
                None if window.last => return Some(Step::End),
                None => return self.need_more(State::Between, at),
                Some(b',' | RECORD_SEPARATOR) => self.at = at + 1,
                Some(byte) if self.has_prefixes && byte != b'{' => return self.prefixed_line(window),
                Some(b'0'..=b'9') => return self.log_line(window),
                Some(b'"') if matches!(window.from(at + 1).first(), Some(b'{' | b'[' | b'\\')) => {
                    let scanner = ValueScanner::with_backend(self.backend, b'"');
                    return self.enter(State::Text { start: at, scanner }, at);
                }
                Some(b'"') if !window.last && window.from(at + 1).is_empty() => {
                    return self.need_more(State::Between, at);
                }
                Some(b'{') => {
                    let document = Document::new(at, self.max_record, self.backend);
                    return self.enter(State::Document(document), at + 1);
                }
                Some(b'[') => {
                    self.counter.arrays += 1;
                    return self.enter(State::Array(None), at + 1);
                }
                Some(_) => return self.resync_at_misplaced(Scope::TopLevel, at),
            }
        }
    }

    /// A top-level string: the text of a record, or of several.
    fn text(&mut self, start: u64, mut scanner: ValueScanner, window: Window<'_>) -> Option<Step> {
        // The limit is at a fixed place, however the content is cut.
        let part = window.until(start.saturating_add(self.max_record).saturating_add(1));
        match scanner.advance(part.from(self.at)) {
            Some(n) => self.at += n as u64,
            None if part.end() - start > self.max_record => {
                // Where a string ends that never ends is not worth the memory.
                return self.resync_at_misplaced(Scope::TopLevel, part.end());
            }
            None if window.last => return self.end_in_value(Scope::TopLevel, Some(start), window),
            None => {
                self.at = window.end();
                return self.need_more(State::Text { start, scanner }, start);
            }
        }
        self.state = State::Between;
        let range = start..self.at;
        if range.end - range.start > self.max_record {
            return Some(self.too_large(start));
        }
        self.counter.add_object(window.slice(&range), Envelope::Wrapped, ObjectLayout::OneLine);
        Some(Step::Value { range, envelope: Envelope::Wrapped, may_match: MayMatch::Unknown })
    }

    fn document(&mut self, mut document: Document, window: Window<'_>) -> Option<Step> {
        loop {
            let part = match document.kept_from() {
                Some(start) => window.until(self.next_check(start)),
                None => window,
            };
            let kept_from = document.kept_from();
            match document.advance(&mut self.at, part, window) {
                DocumentEvent::ArrayStart(container) => {
                    self.counter.add_container(container);
                    return self.enter_array(document, kept_from, window);
                }
                DocumentEvent::Beside(range) => {
                    self.state = State::Document(document);
                    return Some(Step::Beside { range });
                }
                DocumentEvent::LargeBeside(start) => {
                    self.state = State::Document(document);
                    return Some(self.large_beside(start));
                }
                DocumentEvent::End => return self.end_document(&document, window),
                DocumentEvent::NeedMore => {}
                DocumentEvent::NeedLookAhead => {
                    let keep_from = document.keep_from(self.at);
                    return self.need_more(State::Document(document), keep_from);
                }
                DocumentEvent::MisplacedValue => {
                    return self.resync_at_misplaced(Scope::Array(Some(document)), self.at);
                }
            }
            if let Some(start) = document.kept_from() {
                if let Some(damaged) = self.find_damage(start, window) {
                    return self.resync_after_error(Scope::TopLevel, damaged, window);
                }
                if self.at - start > self.max_record {
                    document.release(window.slice(&(start..self.at)));
                }
            }
            if self.at < window.end() {
                continue;
            }
            if !window.last {
                let keep_from = document.keep_from(self.at);
                return self.need_more(State::Document(document), keep_from);
            }
            let kept_from = document.kept_from();
            if kept_from.is_none() && !document.is_container() {
                self.counter.recognised |= document.may_hold_record();
                return self.truncated(Some(document.start()));
            }
            return self.end_in_value(Scope::TopLevel, kept_from, window);
        }
    }

    /// Enters the array of a container. What was before it comes first: what is still kept from
    /// `kept_from` on is reported, and what is not is damage if it names members of records.
    fn enter_array(
        &mut self,
        mut document: Document,
        kept_from: Option<u64>,
        window: Window<'_>,
    ) -> Option<Step> {
        // Whatever the window holds, what is longer than a record is only watched.
        if let Some(start) = kept_from.filter(|start| self.at - start > self.max_record) {
            document.release(window.slice(&(start..self.at)));
        }
        let kept_from = kept_from.filter(|start| self.at - start <= self.max_record);
        let (start, names) = (document.start(), document.takes_names_before_array());
        self.state = State::Array(Some(document));
        if names {
            return Some(self.large_beside(start));
        }
        let start = kept_from?;
        let values = values_before(window.slice(&(start..self.at)));
        let range = |value: Range<usize>| start + value.start as u64..start + value.end as u64;
        self.before_array = values.into_iter().rev().map(range).collect();
        self.before_array.pop().map(|range| Step::Beside { range })
    }

    fn end_document(&mut self, document: &Document, window: Window<'_>) -> Option<Step> {
        self.state = State::Between;
        let layout = match (std::mem::take(&mut self.in_log_line), document.spans_lines()) {
            (true, _) => ObjectLayout::LogLine,
            (false, true) => ObjectLayout::SeveralLines,
            (false, false) => ObjectLayout::OneLine,
        };
        if document.is_container() {
            self.counter.control_message |= document.container().is_none();
            return self.record_in_container(document);
        }
        let range = document.start()..self.at;
        if let Some(damaged) = self.find_damage(range.start, window) {
            return self.resync_after_error(Scope::TopLevel, damaged, window);
        }
        self.counter.digest |= document.has_digest_keys();
        if range.end - range.start > self.max_record {
            self.counter.add_oversized_object(layout);
            self.counter.recognised |= document.may_hold_record();
            return Some(self.too_large(range.start));
        }
        let value = window.slice(&range);
        let envelope = detect_envelope(value);
        self.counter.add_object(value, envelope, layout);
        Some(Step::Value { range, envelope, may_match: MayMatch::Unknown })
    }

    fn array(&mut self, mut parent: Option<Document>, window: Window<'_>) -> Option<Step> {
        loop {
            let (at, byte) = window.next_token(self.at);
            if let Some(document) = &mut parent {
                document.skip_white_space(self.at, at);
            }
            self.at = at;
            match byte {
                None if window.last => {
                    return self.end_in_value(Scope::Array(parent), None, window);
                }
                None => return self.need_more(State::Array(parent), at),
                Some(b',') => self.at = at + 1,
                Some(b']') => {
                    if let Some(document) = &parent
                        && let Some(container) = document.container()
                        && document.is_empty_before(at)
                    {
                        self.counter.add_empty_container(container);
                    }
                    let state = match parent {
                        Some(document) => State::Document(document.after_array()),
                        None => State::Between,
                    };
                    return self.enter(state, at + 1);
                }
                Some(b'}' | b':') => return self.resync_at_misplaced(Scope::Array(parent), at),
                Some(first) => {
                    let scanner = ValueScanner::with_backend(self.backend, first);
                    return self.enter(State::Element { parent, start: at, scanner }, at);
                }
            }
        }
    }
}
