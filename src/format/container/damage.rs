//! What cannot be read: saying so, and going on behind it.

use std::ops::Range;

use super::document::{Container, Document};
use super::resync::{self, json_error};
use super::{ContainerReader, State, Step, Window, lines};
use crate::model::RejectReason;

const STRAY: &str = "something stands where nothing of its kind may";

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

    /// A document that is a container and, by its keys, a record, too: which of the two it is nobody can tell.
    pub(super) fn hidden_record(&self, document: &Document) -> Option<Step> {
        let other = document.container().is_some_and(|container| container != Container::Records);
        (other && document.has_record_keys()).then(|| Step::Damage {
            offset: Some(document.start()),
            reason: RejectReason::JsonSyntax,
            detail: "the keys of a record beside an array of records".to_owned(),
            to_end: false,
        })
    }

    /// The content ended inside something: cut off, unless the JSON broke before.
    pub(super) fn unfinished(
        &mut self,
        parent: Option<Document>,
        in_array: bool,
        start: Option<u64>,
        window: Window<'_>,
    ) -> Option<Step> {
        if let Some(start) = start {
            if json_error(window.from(start)).is_some_and(|e| !e.at_end) {
                return self.lose(parent, in_array, start..window.end(), window);
            }
            self.census.cut_off(window.from(start));
        }
        self.cut_off(start)
    }

    /// The content ended inside the record at `start`, or between records.
    pub(super) fn cut_off(&mut self, start: Option<u64>) -> Option<Step> {
        self.state = State::Done;
        self.census.damaged = true;
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

    /// The structure broke in `range`, at whose start a value begins: say what the JSON parser says, then look for the next record.
    /// What follows the range, which may not be at hand, has no part in that.
    pub(super) fn lose(
        &mut self,
        parent: Option<Document>,
        in_array: bool,
        range: Range<u64>,
        window: Window<'_>,
    ) -> Option<Step> {
        let (start, bytes) = (range.start, window.slice(&range));
        self.census.damaged = true;
        let (from, detail) = match json_error(bytes) {
            Some(error) => {
                self.census.cut_off(bytes.get(..error.offset).unwrap_or(bytes));
                (start + resync::last_token(bytes, error.offset) as u64, error.message)
            }
            None => (start, STRAY.to_owned()),
        };
        self.go(State::Lost { parent, in_array, start, from, detail }, from)
    }

    /// Something stands at `at` where nothing of its kind may.
    pub(super) fn stray(&mut self, parent: Option<Document>, in_array: bool, at: u64) -> Option<Step> {
        self.census.damaged = true;
        self.go(State::Lost { parent, in_array, start: at, from: at, detail: STRAY.to_owned() }, at)
    }

    pub(super) fn lost(
        &mut self,
        parent: Option<Document>,
        in_array: bool,
        (start, from): (u64, u64),
        detail: String,
        window: Window<'_>,
    ) -> Option<Step> {
        use resync::Search;
        // Bytes before `from` are only looked at to see what a record would follow.
        let kept = self.at;
        let skip = usize::try_from(from - kept).unwrap_or(usize::MAX);
        let bytes = window.from(kept);
        let mut opens = None;
        let container = parent.as_ref().and_then(Document::container);
        let (at, to_end) = match resync::next_record(bytes, skip, window.last, (container, self.max_record)) {
            Search::Found(n) => {
                opens = resync::opens(&bytes[..n]);
                self.stamped = lines::ends_with_stamp(&bytes[..n]);
                (kept + n as u64, false)
            }
            Search::More { keep, from } => {
                let from = kept + from as u64;
                self.at = kept + keep as u64;
                let keep = self.at;
                return self.more(State::Lost { parent, in_array, start, from, detail }, keep);
            }
            Search::None => (window.end(), true),
        };
        self.at = at;
        self.state = match (to_end, in_array) {
            (true, _) => State::Done,
            (false, in_array) => match opens {
                Some(container) => {
                    self.census.container(container);
                    State::Array(Some(Document::opened(container, at, self.backend)))
                }
                None if in_array => State::Array(parent),
                None => State::Between,
            },
        };
        let reason = match to_end && !in_array && detail == STRAY {
            true => RejectReason::TrailingBytes,
            false => RejectReason::JsonSyntax,
        };
        Some(Step::Damage {
            offset: Some(start),
            reason,
            detail: format!("{detail}; {} bytes passed over", at - start),
            to_end,
        })
    }
}
