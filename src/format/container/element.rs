//! Elements of an array of records. A fast path reads ordinary elements in one go; all others pass
//! through the states one by one.

use std::ops::Range;

use super::container_kind::ContainerKind;
use super::document::Document;
use super::envelope::{Envelope, detect_element, detect_envelope};
use super::json_error::json_error;
use super::reader::ContainerReader;
use super::resync::{self, LOOK_AHEAD};
use super::state::{Scope, State};
use super::step::Step;
use super::window::Window;
use crate::format::json::{MayMatch, ValueScanner};

/// Length from which on a value is checked for damage before it ends. CloudTrail's limit for one
/// event is 256 KB. (AWS: "CloudTrail record contents".)
const CHECKED_LENGTH: u64 = 256 << 10;

impl ContainerReader {
    /// The next element, if it is ordinary: an object that is in the window together with what
    /// follows it, ends with a brace, is not longer than any record, and is followed by a comma or
    /// the end of the array. Nearly all elements are.
    ///
    /// The result is the same as by way of the states, at lower cost. If the element is not
    /// ordinary, nothing is consumed.
    pub(super) fn ordinary_element(&mut self, window: Window<'_>) -> Option<Step> {
        let State::Array(parent) = &self.state else { return None };
        let bytes = window.from(self.at);
        let separators = bytes.iter().take_while(|b| **b == b',' || b.is_ascii_whitespace()).count();
        let bytes = &bytes[separators..];
        if bytes.first() != Some(&b'{') {
            return None;
        }
        let mut scanner = ValueScanner::with_backend(self.backend, b'{');
        let max_len = usize::try_from(self.checked_length()).unwrap_or(usize::MAX).min(bytes.len());
        let (value, after) = bytes.split_at(scanner.advance(&bytes[..max_len])?);
        let next = after.iter().take(LOOK_AHEAD as usize).find(|b| !b.is_ascii_whitespace());
        if !matches!(next, Some(b',' | b']')) || value.last() != Some(&b'}') {
            return None;
        }
        let container_envelope = parent.as_ref().map(Document::envelope);
        let start = self.at + separators as u64;
        self.at = start + value.len() as u64;
        let envelope = self.count_element(value, container_envelope);
        Some(value_step(start..self.at, envelope, scanner.may_match()))
    }

    /// Counts an element and returns its envelope. `container_envelope` is `None` in a top-level
    /// array.
    fn count_element(&mut self, value: &[u8], container_envelope: Option<Envelope>) -> Envelope {
        match container_envelope {
            None => {
                let envelope = detect_envelope(value);
                self.counter.add_array_element(value, envelope);
                envelope
            }
            Some(Envelope::None) => {
                let envelope = detect_element(value);
                self.counter.add_record_element(envelope);
                envelope
            }
            Some(Envelope::Wrapped) => {
                let envelope = detect_envelope(value);
                self.counter.add_value(value, envelope);
                if envelope == Envelope::None {
                    self.counter.add_record_in_other_array();
                }
                envelope
            }
            Some(envelope) => {
                self.counter.add_value(value, envelope);
                envelope
            }
        }
    }

    /// See [`CHECKED_LENGTH`].
    fn checked_length(&self) -> u64 {
        self.max_record.min(CHECKED_LENGTH)
    }

    pub(super) fn element(
        &mut self,
        parent: Option<Document>,
        start: u64,
        mut scanner: ValueScanner,
        window: Window<'_>,
    ) -> Option<Step> {
        loop {
            let part = window.until(self.next_check(start));
            let end = scanner.advance(part.from(self.at)).map(|n| self.at + n as u64);
            self.at = end.unwrap_or_else(|| part.end());
            if let Some(damaged) = self.find_damage(start, window) {
                return self.resync_after_error(Scope::Array(parent), damaged, window);
            }
            if self.at - start > self.max_record {
                if parent.is_none() {
                    self.counter.add_oversized_element(window.slice(&(start..self.at)));
                }
                if end.is_none() {
                    return self.enter(State::OversizedElement { parent, start, scanner }, self.at);
                }
                self.state = State::Array(parent);
                return Some(self.too_large(start));
            }
            let at_window_end = end.is_none() && self.at == window.end();
            if end.is_some() || (window.last && at_window_end && scanner.may_end_here()) {
                let range = start..self.at;
                let may_match = scanner.may_match();
                return self.enter(State::AfterElement { parent, range, may_match }, self.at);
            }
            if at_window_end {
                if window.last {
                    return self.end_in_value(Scope::Array(parent), Some(start), window);
                }
                return self.need_more(State::Element { parent, start, scanner }, start);
            }
        }
    }

    /// Accepts an element if something that may follow an element does, or if it is valid JSON.
    /// This detects lost brackets.
    pub(super) fn after_element(
        &mut self,
        parent: Option<Document>,
        range: Range<u64>,
        may_match: MayMatch,
        window: Window<'_>,
    ) -> Option<Step> {
        if parent.as_ref().and_then(Document::container) == Some(ContainerKind::LakeRows)
            && let Some(nested) = resync::nested_list(window.slice(&range))
        {
            let damaged = range.start..range.start + nested as u64;
            return self.resync_in_row(Scope::Array(parent), damaged, window);
        }
        let after = window.slice(&(range.end..range.end + LOOK_AHEAD));
        let next = after.iter().find(|b| !b.is_ascii_whitespace());
        match next {
            None if !window.last && (after.len() as u64) < LOOK_AHEAD => {
                let keep_from = range.start;
                return self.need_more(State::AfterElement { parent, range, may_match }, keep_from);
            }
            Some(b',' | b']') if resync::brackets_match(window.slice(&range)) => {}
            _ if json_error(window.slice(&range)).is_some() => {
                return self.resync_after_error(Scope::Array(parent), range, window);
            }
            _ => {}
        }
        let container_envelope = parent.as_ref().map(Document::envelope);
        let envelope = self.count_element(window.slice(&range), container_envelope);
        self.state = State::Array(parent);
        Some(value_step(range, envelope, may_match))
    }

    /// Where to stop next inside the value at `start`, to check it for damage and for its length.
    ///
    /// The checks happen at fixed offsets of the content and not where a window ends, so their
    /// results do not depend on the windows.
    pub(super) fn next_check(&self, start: u64) -> u64 {
        let first = start.saturating_add(self.checked_length() + 1);
        if self.at < first { first } else { start.saturating_add(self.max_record).saturating_add(1) }
    }

    /// The beginning of the value at `start`, if it has just become longer than any CloudTrail
    /// record and is invalid: after a lost quote or bracket, a record swallows those after it.
    pub(super) fn find_damage(&self, start: u64, window: Window<'_>) -> Option<Range<u64>> {
        let read = start..self.at;
        let is_invalid = || json_error(window.slice(&read)).is_some_and(|error| !error.at_end);
        (self.at - start == self.checked_length() + 1 && is_invalid()).then_some(read)
    }

    pub(super) fn oversized_element(
        &mut self,
        parent: Option<Document>,
        start: u64,
        mut scanner: ValueScanner,
        window: Window<'_>,
    ) -> Option<Step> {
        match scanner.advance(window.from(self.at)) {
            Some(n) => {
                self.at += n as u64;
                self.state = State::Array(parent);
                Some(self.too_large(start))
            }
            None if window.last => {
                self.at = window.end();
                self.truncated(Some(start))
            }
            None => {
                self.at = window.end();
                let keep_from = self.at;
                self.need_more(State::OversizedElement { parent, start, scanner }, keep_from)
            }
        }
    }
}

/// The step for an element. What `may_match` says about the envelope does not hold for the record
/// in it.
fn value_step(range: Range<u64>, envelope: Envelope, may_match: MayMatch) -> Step {
    let may_match = if envelope == Envelope::None { may_match } else { MayMatch::Unknown };
    Step::Value { range, envelope, may_match }
}
