//! Elements of an array of records: the ordinary one at a stroke, every other state by state.

use std::ops::Range;

use super::document::{Container, Document};
use super::envelope::wrapping_of;
use super::resync::json_error;
use super::{ContainerReader, Envelope, State, Step, Window, resync};
use crate::format::json::Splitter;

/// CloudTrail's limit for one event is 256 KB: what is longer is looked at closely. (AWS: "CloudTrail record contents".)
const SUSPECT: u64 = 256 << 10;

impl ContainerReader {
    /// The next element, if it is an ordinary one: an object that lies in the window with what follows it, closed by a brace, not longer
    /// than any record, before a comma or the array's end. Nearly all are. It is what the states would find, without moving through
    /// three of them; of anything else nothing is taken.
    pub(super) fn ordinary(&mut self, window: Window<'_>) -> Option<Step> {
        let State::Array(parent) = &self.state else { return None };
        let bytes = window.from(self.at);
        let before = bytes.iter().take_while(|b| **b == b',' || b.is_ascii_whitespace()).count();
        let bytes = &bytes[before..];
        if bytes.first() != Some(&b'{') {
            return None;
        }
        let mut splitter = Splitter::with(self.backend, b'{');
        let longest = usize::try_from(self.suspect()).unwrap_or(usize::MAX).min(bytes.len());
        let (value, followed) = bytes.split_at(splitter.advance(&bytes[..longest])?);
        let followed = followed.iter().take(resync::LOOK_AHEAD as usize).find(|b| !b.is_ascii_whitespace());
        if !matches!(followed, Some(b',' | b']')) || value.last() != Some(&b'}') {
            return None;
        }
        let wrapping = match parent {
            Some(document) => document.wrapping(),
            None => wrapping_of(value),
        };
        let in_container = parent.is_some();
        let start = self.at + before as u64;
        self.at = start + value.len() as u64;
        Some(self.value(start..self.at, value, (wrapping, in_container), splitter.may_match()))
    }

    /// The step for an element of an array.
    fn value(
        &mut self,
        range: Range<u64>,
        bytes: &[u8],
        (wrapping, in_container): (Envelope, bool),
        may_match: Option<bool>,
    ) -> Step {
        match (wrapping, in_container) {
            (_, false) => self.census.loose_element(bytes, wrapping),
            (Envelope::None, true) => {}
            (_, true) => self.census.value(bytes, wrapping),
        }
        let may_match = may_match.filter(|_| wrapping == Envelope::None);
        Step::Value { range, wrapping, may_match }
    }

    /// Length from which on a value is looked at closely.
    fn suspect(&self) -> u64 {
        self.max_record.min(SUSPECT)
    }

    pub(super) fn element(
        &mut self,
        parent: Option<Document>,
        start: u64,
        mut splitter: Splitter,
        window: Window<'_>,
    ) -> Option<Step> {
        loop {
            let part = window.until(self.next_question(start));
            let end = splitter.advance(part.from(self.at)).map(|n| self.at + n as u64);
            self.at = end.unwrap_or_else(|| part.end());
            if let Some(broken) = self.breaks(start, window) {
                return self.lose(parent, true, broken, window);
            }
            if self.at - start > self.max_record {
                if parent.is_none() {
                    self.census.oversized_element(window.slice(&(start..self.at)));
                }
                if end.is_none() {
                    return self.go(State::Oversized { parent, start, splitter }, self.at);
                }
                self.state = State::Array(parent);
                return Some(self.too_large(start));
            }
            let at_window_end = end.is_none() && self.at == window.end();
            if end.is_some() || (window.last && at_window_end && splitter.may_end_here()) {
                let range = start..self.at;
                let may_match = splitter.may_match();
                return self.go(State::AfterElement { parent, range, may_match }, self.at);
            }
            if at_window_end {
                if window.last {
                    return self.unfinished(parent, true, Some(start), window);
                }
                return self.more(State::Element { parent, start, splitter }, start);
            }
        }
    }

    /// An element is believed when it is followed by what may follow one, or is whole JSON: a lost bracket shows here.
    pub(super) fn after_element(
        &mut self,
        parent: Option<Document>,
        range: Range<u64>,
        may_match: Option<bool>,
        window: Window<'_>,
    ) -> Option<Step> {
        if parent.as_ref().and_then(Document::container) == Some(Container::LakeRows)
            && let Some(inside) = resync::row_inside(window.slice(&range))
        {
            return self.lose(parent, true, range.start..range.start + inside as u64, window);
        }
        let followed = window.slice(&(range.end..range.end + resync::LOOK_AHEAD));
        match followed.iter().find(|b| !b.is_ascii_whitespace()) {
            None if !window.last && (followed.len() as u64) < resync::LOOK_AHEAD => {
                let keep = range.start;
                self.more(State::AfterElement { parent, range, may_match }, keep)
            }
            Some(b',' | b']') if resync::closes_as_it_opens(window.slice(&range)) => {
                self.believe(parent, range, may_match, window)
            }
            _ if json_error(window.slice(&range)).is_some() => self.lose(parent, true, range, window),
            _ => self.believe(parent, range, may_match, window),
        }
    }

    fn believe(
        &mut self,
        parent: Option<Document>,
        range: Range<u64>,
        may_match: Option<bool>,
        window: Window<'_>,
    ) -> Option<Step> {
        let bytes = window.slice(&range);
        let place = match &parent {
            Some(document) => (document.wrapping(), true),
            None => (wrapping_of(bytes), false),
        };
        self.state = State::Array(parent);
        Some(self.value(range, bytes, place, may_match))
    }

    /// Where the walk stops next inside the value at `start`, to ask whether it [breaks](Self::breaks) or is too large: these questions are
    /// asked at places of the content, not where a window happens to end, so that the answers do not depend on how it is cut.
    pub(super) fn next_question(&self, start: u64) -> u64 {
        let suspect = start.saturating_add(self.suspect() + 1);
        if self.at < suspect { suspect } else { start.saturating_add(self.max_record).saturating_add(1) }
    }

    /// Whether the value at `start`, of which just more has been walked than any record of CloudTrail's has, is broken: a quote or bracket
    /// lost in a record swallows those after it. The bytes that show it.
    pub(super) fn breaks(&self, start: u64, window: Window<'_>) -> Option<Range<u64>> {
        let walked = start..self.at;
        let is_broken = || json_error(window.slice(&walked)).is_some_and(|error| !error.at_end);
        (self.at - start == self.suspect() + 1 && is_broken()).then_some(walked)
    }

    pub(super) fn oversized(
        &mut self,
        parent: Option<Document>,
        start: u64,
        mut splitter: Splitter,
        window: Window<'_>,
    ) -> Option<Step> {
        match splitter.advance(window.from(self.at)) {
            Some(n) => {
                self.at += n as u64;
                self.state = State::Array(parent);
                Some(self.too_large(start))
            }
            None if window.last => {
                self.at = window.end();
                self.cut_off(Some(start))
            }
            None => {
                self.at = window.end();
                let keep = self.at;
                self.more(State::Oversized { parent, start, splitter }, keep)
            }
        }
    }
}
