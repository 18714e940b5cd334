//! Reports damage and continues after it.

use std::ops::Range;

use super::container_kind::ContainerKind;
use super::document::Document;
use super::json_error::{json_error, last_string_before};
use super::log_timestamp::ends_with_timestamp;
use super::reader::ContainerReader;
use super::resync::{self, RecordSearch, SearchResult};
use super::state::{Resync, Scope, State};
use super::step::Step;
use super::window::Window;
use crate::model::RejectReason;

/// The detail for a byte that is valid JSON in a place where it may not be.
const MISPLACED: &str = "unexpected character";

impl ContainerReader {
    pub(super) fn too_large(&self, start: u64) -> Step {
        Step::Damage {
            offset: Some(start),
            reason: RejectReason::RecordTooLarge,
            detail: format!(
                "{} bytes, more than --max-record-bytes allows ({})",
                self.at.saturating_sub(start),
                self.max_record
            ),
            to_end: false,
        }
    }

    /// What is beside an array of records is too large to be searched, and names what only records
    /// have.
    pub(super) fn large_beside(&self, start: u64) -> Step {
        let detail = format!(
            "{} bytes beside an array of records that name members of records: more than \
             --max-record-bytes allows ({})",
            self.at.saturating_sub(start),
            self.max_record
        );
        Step::Damage { offset: Some(start), reason: RejectReason::RecordTooLarge, detail, to_end: false }
    }

    /// Damage, if the document is a container and has keys of a record as well: it could be either.
    pub(super) fn record_in_container(&self, document: &Document) -> Option<Step> {
        let other = document.container().is_some_and(|container| container != ContainerKind::Records);
        (other && document.has_record_keys()).then(|| Step::Damage {
            offset: Some(document.start()),
            reason: RejectReason::JsonSyntax,
            detail: "the keys of a record beside an array of records".to_owned(),
            to_end: false,
        })
    }

    /// The content ends inside a value or between values. Reports it as truncated, unless the value
    /// at `start` is invalid before its end.
    pub(super) fn end_in_value(
        &mut self,
        scope: Scope,
        start: Option<u64>,
        window: Window<'_>,
    ) -> Option<Step> {
        if let Some(start) = start {
            if json_error(window.from(start)).is_some_and(|e| !e.at_end) {
                return self.resync_after_error(scope, start..window.end(), window);
            }
            self.counter.add_damaged(window.from(start));
        }
        self.truncated(start)
    }

    /// The content ends inside the record at `start`, or between records.
    pub(super) fn truncated(&mut self, start: Option<u64>) -> Option<Step> {
        self.state = State::Done;
        self.counter.damaged = true;
        let detail = match start {
            Some(_) => "the content ends inside this record",
            None => "the content ends before its container is closed",
        };
        Some(Step::Damage {
            offset: start,
            reason: RejectReason::JsonTruncated,
            detail: detail.to_owned(),
            to_end: true,
        })
    }

    /// The value at the start of `range` is broken. Takes the description from the JSON parser and
    /// searches for the next record.
    ///
    /// Bytes after the range may not be in the window, so they must not influence the result.
    pub(super) fn resync_after_error(
        &mut self,
        scope: Scope,
        range: Range<u64>,
        window: Window<'_>,
    ) -> Option<Step> {
        let earliest = range.start;
        self.resync_from(scope, range, earliest, window)
    }

    /// A row of a query that lacks its closing bracket: a list begins inside it, where `range`
    /// ends. The row itself is no candidate, or it would be found for ever.
    pub(super) fn resync_in_row(
        &mut self,
        scope: Scope,
        range: Range<u64>,
        window: Window<'_>,
    ) -> Option<Step> {
        let earliest = range.start + 1;
        self.resync_from(scope, range, earliest, window)
    }

    fn resync_from(
        &mut self,
        scope: Scope,
        range: Range<u64>,
        earliest: u64,
        window: Window<'_>,
    ) -> Option<Step> {
        let (start, bytes) = (range.start, window.slice(&range));
        self.counter.damaged = true;
        let (search_from, detail) = match json_error(bytes) {
            Some(error) => {
                self.counter.add_damaged(bytes.get(..error.offset).unwrap_or(bytes));
                (start + last_string_before(bytes, error.offset) as u64, error.message)
            }
            None => (start, MISPLACED.to_owned()),
        };
        let search_from = search_from.max(earliest);
        let resync = Resync { scope, start, search_from, detail };
        self.enter(State::Resync(resync), search_from)
    }

    /// The byte at `at` may not be there.
    pub(super) fn resync_at_misplaced(&mut self, scope: Scope, at: u64) -> Option<Step> {
        self.counter.damaged = true;
        let detail = MISPLACED.to_owned();
        self.enter(State::Resync(Resync { scope, start: at, search_from: at, detail }), at)
    }

    /// Searches for the next record and reports the damage before it.
    pub(super) fn resync(&mut self, resync: Resync, window: Window<'_>) -> Option<Step> {
        let Resync { scope, start, search_from, detail } = resync;
        // Bytes before `search_from` only serve as context of a candidate.
        let kept_from = self.at;
        let skip = usize::try_from(search_from - kept_from).unwrap_or(usize::MAX);
        let bytes = window.from(kept_from);
        let search = RecordSearch {
            container: scope.container(),
            max_record: self.max_record,
            has_prefixes: self.has_prefixes,
            last: window.last,
        };
        let in_array = matches!(scope, Scope::Array(_));
        let to_end = match search.find_record(bytes, skip) {
            SearchResult::Found(n) => {
                let before = &bytes[..n];
                self.at = kept_from + n as u64;
                self.in_log_line = ends_with_timestamp(before);
                self.state = match resync::opened_container(before) {
                    Some(container) => {
                        self.counter.add_container(container);
                        let document = Document::in_array(container, self.at, self.max_record, self.backend);
                        State::Array(Some(document))
                    }
                    None => scope.into_state(),
                };
                false
            }
            SearchResult::NeedMore { keep_from, search_from } => {
                let search_from = kept_from + search_from as u64;
                let keep_from = kept_from + keep_from as u64;
                self.at = keep_from;
                let resync = Resync { scope, start, search_from, detail };
                return self.need_more(State::Resync(resync), keep_from);
            }
            SearchResult::NotFound => {
                (self.at, self.state) = (window.end(), State::Done);
                true
            }
        };
        let reason = match to_end && !in_array && detail == MISPLACED {
            true => RejectReason::TrailingBytes,
            false => RejectReason::JsonSyntax,
        };
        Some(Step::Damage {
            offset: Some(start),
            reason,
            detail: format!("{detail}; {} bytes passed over", self.at - start),
            to_end,
        })
    }

    /// Looks for a record inside an invalid value and continues there if it finds one.
    ///
    /// Call this when the value of the last step, at `range` in the same window, is not valid JSON.
    /// Two records that have each lost a quote form one value with everything between them. A
    /// complete record that begins inside one of the value's strings, where no record can be,
    /// proves this.
    pub fn resync_within(&mut self, range: &Range<u64>, window: Window<'_>) {
        let bytes = window.slice(range);
        let Some(error) = json_error(bytes) else { return };
        let from = last_string_before(bytes, error.offset);
        let container = match &self.state {
            State::Array(parent) => parent.as_ref().and_then(Document::container),
            _ => None,
        };
        let has_prefixes = self.has_prefixes;
        let search = RecordSearch { container, max_record: self.max_record, has_prefixes, last: true };
        if let SearchResult::Found(n) = search.find_record(bytes, from)
            && resync::ends_in_string(&bytes[..n])
        {
            self.at = range.start + n as u64;
        }
    }
}
