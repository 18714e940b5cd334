//! Values that wrap records.

use memchr::memmem;

use super::reader::InputReader;
use crate::engine::scanner::Learn;
use crate::format::container::{
    self, ContainerReader, Envelope, Extracted, MayMatch, NameWatch, RecordSearch, SearchSummary, Watched,
};
use crate::format::decode::Budget;
use crate::format::rebuild::{Fidelity, restored_record};
use crate::model::RejectReason;
use crate::parse;

impl InputReader<'_, '_> {
    /// Reads a value that wraps a record; false when the value is not valid JSON.
    pub(super) fn wrapped(
        &mut self,
        value: &[u8],
        offset: u64,
        envelope: Envelope,
        reader: &mut ContainerReader,
    ) -> bool {
        // A row may lack columns that the query did not ask for.
        let may_count = envelope == Envelope::LakeRow || parse::may_match_inside(value);
        if !may_count {
            self.wrapped_other(value, offset, envelope);
            return true;
        }
        let mut buffer = std::mem::take(&mut self.text);
        let sound = match container::extract_record(value, envelope, &mut buffer) {
            // What stands there may be wrapped again.
            extracted if !extracted.is_record() && self.is_nested(&extracted, value, offset, reader) => true,
            Extracted::Record { json: text, offset: at, lossy } => {
                if lossy {
                    reader.mark_lossy();
                }
                // Damage inside a text does not make what is around it unsound.
                self.record(text, offset + at as u64, MayMatch::Unknown);
                true
            }
            Extracted::NoRecord => {
                self.foreign();
                true
            }
            Extracted::Unreadable { reason, detail } => {
                self.reject(Some(offset), reason, detail.into_owned());
                reason != RejectReason::JsonSyntax
            }
        };
        self.text = buffer;
        sound
    }

    /// Reads a value that is neither a record nor a known envelope; false when it is not valid
    /// JSON.
    pub(super) fn searched(&mut self, value: &[u8], offset: u64, reader: &mut ContainerReader) -> bool {
        if let Some(error) = container::json_error(value) {
            if !parse::may_match_inside(value) {
                self.foreign();
                return true;
            }
            let detail = format!("{} (byte {} of what wraps the record)", error.message, error.offset);
            self.reject(Some(offset), RejectReason::JsonSyntax, detail);
            return false;
        }
        let found = self.search(value, offset);
        if found.records == 0 && !found.is_header {
            self.not_found(value, offset, found.is_notification);
        }
        reader.mark_searched(&found);
        true
    }

    /// Reads the records in a value beside an array of records. Without any, it counts as nothing,
    /// unless it has what only records have.
    pub(super) fn beside(&mut self, value: &[u8], offset: u64, reader: &mut ContainerReader) {
        if let Some(error) = container::json_error(value) {
            if parse::may_match_inside(value) {
                let detail =
                    format!("{} (byte {} of a value beside the records)", error.message, error.offset);
                self.reject(Some(offset), RejectReason::JsonSyntax, detail);
            }
            return;
        }
        let found = self.search(value, offset);
        if found.records > 0 {
            reader.mark_searched(&found);
            return;
        }
        let mut watch = NameWatch::default();
        watch.feed(value);
        let watched = if found.is_notification { Watched::Notification } else { Watched::Beside };
        if watch.may_hold_records(watched) {
            let detail =
                format!("beside the records: it names {watch}, in a form that keytrail does not read");
            self.reject(Some(offset), RejectReason::UnreadableMember, detail);
        }
    }

    /// Counts a value in which no record was found: a reject, if it names what only records have.
    pub(super) fn not_found(&mut self, value: &[u8], offset: u64, is_notification: bool) {
        let mut watch = NameWatch::default();
        watch.feed(value);
        let watched = match value.first() {
            _ if is_notification => Watched::Notification,
            Some(b'"') => Watched::Prose,
            _ => Watched::Json,
        };
        if watch.may_hold_records(watched) {
            let detail = format!("it names {watch}, in a form that keytrail does not read");
            self.reject(Some(offset), RejectReason::UnreadableMember, detail);
        } else {
            self.foreign();
        }
    }

    /// Whether a search finds records in what an envelope holds, or in the envelope if it holds
    /// nothing; reads them.
    fn is_nested(
        &mut self,
        extracted: &Extracted<'_>,
        value: &[u8],
        offset: u64,
        reader: &mut ContainerReader,
    ) -> bool {
        let (value, offset) = match extracted {
            Extracted::Record { json, offset: at, .. } => (*json, offset + *at as u64),
            _ => (value, offset),
        };
        if container::json_error(value).is_some() {
            return false;
        }
        let found = self.search(value, offset);
        reader.mark_searched(&found);
        found.records > 0
    }

    /// Reads the records that a search finds in a value.
    pub(super) fn search(&mut self, value: &[u8], offset: u64) -> SearchSummary {
        let none = RecordSearch::new(0, Budget::new(0));
        let mut search = std::mem::replace(&mut self.search, none);
        let found = search.search(value, &mut |extracted| match extracted {
            Extracted::Record { json, offset: at, .. } => {
                // A column may also hold the whole record.
                self.is_lossy |= self.lacks_key_columns && !has_key_members(json);
                self.record(json, offset + at as u64, MayMatch::Unknown);
            }
            Extracted::Unreadable { reason, detail } => {
                self.reject(Some(offset), reason, detail.into_owned());
            }
            Extracted::NoRecord => {}
        });
        self.search = search;
        found
    }

    /// The record with the text in it turned back into objects; `None` when it is not JSON.
    pub(super) fn restored(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let (json, fidelity) = restored_record(bytes)?;
        self.is_lossy |= fidelity == Fidelity::Lossy;
        Some(json)
    }

    /// Reads a value whose record is no KMS call; damage in it is not looked for.
    fn wrapped_other(&mut self, value: &[u8], offset: u64, envelope: Envelope) {
        if self.scanner.learn == Learn::No || !parse::may_contain_facts(value) {
            return self.foreign();
        }
        let mut buffer = std::mem::take(&mut self.text);
        match container::extract_record(value, envelope, &mut buffer) {
            Extracted::Record { json: text, offset: at, .. } => self.other(text, offset + at as u64),
            Extracted::NoRecord | Extracted::Unreadable { .. } => self.foreign(),
        }
        self.text = buffer;
    }
}

/// Whether the record has one of the members that say which key it was, even without a value.
fn has_key_members(record: &[u8]) -> bool {
    ["\"requestParameters\"", "\"resources\""]
        .iter()
        .any(|name| memmem::find(record, name.as_bytes()).is_some())
}
