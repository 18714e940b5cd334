//! Values that wrap records.

use memchr::memmem;

use super::reader::InputReader;
use crate::engine::scanner::{Learn, Retain};
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
        let is_looked_for = matches!(self.scanner.retain, Retain::Find(_));
        if !may_count && !is_looked_for && !parse::lacks_source(value) {
            self.wrapped_other(value, offset, envelope);
            return true;
        }
        let mut buffer = std::mem::take(&mut self.text);
        let extracted = container::extract_record(value, envelope, &mut buffer);
        // What stands there may be wrapped again.
        let is_bridge =
            envelope == Envelope::EventBridge && matches!(extracted, Extracted::Unreadable { .. });
        let found = if extracted.is_record() && !is_bridge {
            SearchSummary::default()
        } else {
            self.search_extracted(&extracted, value, offset, reader)
        };
        let sound = match extracted {
            _ if found.records > 0 => true,
            Extracted::Record { json: text, offset: at, lossy } => {
                if lossy {
                    reader.mark_lossy();
                }
                // Damage inside a text does not make what is around it unsound.
                self.extracted(text, offset + at as u64, envelope);
                true
            }
            Extracted::NoRecord if container::is_other_event(value) => {
                self.foreign();
                true
            }
            Extracted::NoRecord => {
                self.not_found(value, offset, kind_of(value, &found));
                true
            }
            Extracted::Unreadable { .. }
                if !may_count && self.unknown_form(value, Watched::Prose).is_none() =>
            {
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

    /// Reads a text that stands in the place of a record.
    fn extracted(&mut self, text: &[u8], offset: u64, envelope: Envelope) {
        let error = parse::lacks_source(text).then(|| container::json_error(text)).flatten();
        match error {
            // The parser tells what is wrong with it.
            None if container::has_record_key(text) => {}
            None => {
                if let Some(detail) = self.unknown_form(text, Watched::Prose) {
                    return self.reject(Some(offset), RejectReason::UnreadableMember, detail);
                }
            }
            Some(_) if parse::may_match(text) => {}
            Some(error) => {
                // In these two, nothing but a record can be in that place.
                let is_record = matches!(envelope, Envelope::LookupEvent | Envelope::LakeRow);
                if is_record || container::begins_like_record(text) || names_record(text) {
                    let reason = match error.at_end {
                        true => RejectReason::JsonTruncated,
                        false => RejectReason::UnreadableMember,
                    };
                    let detail = format!("{} (byte {} of the record)", error.message, error.offset);
                    return self.reject(Some(offset), reason, detail);
                }
            }
        }
        self.record(text, offset, MayMatch::Unknown);
    }

    /// Reads a log message that is not JSON.
    pub(super) fn message(&mut self, text: &[u8], offset: u64, reader: &mut ContainerReader) {
        let found = self.search_by(offset, |search, emit| search.search_text(text, emit));
        reader.mark_searched(&found);
        if found.records > 0 {
            return;
        }
        match self.unknown_form(text, Watched::Prose) {
            Some(detail) => self.reject(Some(offset), RejectReason::UnreadableMember, detail),
            None => self.foreign(),
        }
    }

    /// Reads a value that is neither a record nor a known envelope; false when it is not valid
    /// JSON.
    pub(super) fn searched(&mut self, value: &[u8], offset: u64, reader: &mut ContainerReader) -> bool {
        if let Some(error) = container::json_error(value) {
            let may_count =
                parse::may_match_inside(value) || parse::lacks_source(value) && names_record(value);
            if !may_count {
                self.foreign();
                return true;
            }
            let detail = format!("{} (byte {} of what wraps the record)", error.message, error.offset);
            self.reject(Some(offset), RejectReason::JsonSyntax, detail);
            return false;
        }
        let found = self.search(value, offset);
        if value == b"\"kms.amazonaws.com\"" && reader.is_in_top_array() {
            let detail = "a row of values without the names of their columns".to_owned();
            self.reject(Some(offset), RejectReason::UnreadableMember, detail);
        } else if found.records == 0 && !found.is_header {
            self.not_found(value, offset, kind_of(value, &found));
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
        let watched = if found.is_notification { Watched::Notification } else { Watched::Beside };
        if let Some(form) = self.unknown_form(value, watched) {
            let detail = format!("beside the records: {form}");
            self.reject(Some(offset), RejectReason::UnreadableMember, detail);
        }
    }

    /// Counts a value in which no record was found: a reject, if it names what only records have.
    /// Whether it is one.
    pub(super) fn not_found(&mut self, value: &[u8], offset: u64, watched: Watched) -> bool {
        let form = self.unknown_form(value, watched);
        let is_told = form.is_some();
        match form {
            Some(detail) => self.reject(Some(offset), RejectReason::UnreadableMember, detail),
            None => self.foreign(),
        }
        is_told
    }

    /// Searches what an envelope holds, or the envelope if that is no JSON; reads the records.
    fn search_extracted(
        &mut self,
        extracted: &Extracted<'_>,
        value: &[u8],
        offset: u64,
        reader: &mut ContainerReader,
    ) -> SearchSummary {
        let (value, offset) = match extracted {
            Extracted::Record { json, offset: at, .. } if container::json_error(json).is_none() => {
                (*json, offset + *at as u64)
            }
            _ => (value, offset),
        };
        if container::json_error(value).is_some() {
            return SearchSummary::default();
        }
        let found = self.search(value, offset);
        reader.mark_searched(&found);
        found
    }

    /// Reads the records that a search finds in a value.
    pub(super) fn search(&mut self, value: &[u8], offset: u64) -> SearchSummary {
        self.search_by(offset, |search, emit| search.search(value, emit))
    }

    fn search_by(
        &mut self,
        offset: u64,
        run: impl FnOnce(&mut RecordSearch, &mut dyn FnMut(Extracted<'_>)) -> SearchSummary,
    ) -> SearchSummary {
        let none = RecordSearch::new(0, Budget::new(0));
        let mut search = std::mem::replace(&mut self.search, none);
        let found = run(&mut search, &mut |extracted| match extracted {
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

    /// What to say of a value in which no record was found; `None` unless it names what only
    /// records have, or has bytes that may hold some.
    fn unknown_form(&mut self, value: &[u8], watched: Watched) -> Option<String> {
        let mut watch = NameWatch::default();
        let form = container::unread_form(value);
        watch.feed(value);
        watch.add_unread(form);
        self.watch.add_unread(form);
        let is_told = watch.may_hold_records(watched);
        is_told.then(|| format!("it {watch}, in a form that keytrail does not read"))
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

/// What kind of value it is in which a search found no record.
fn kind_of(value: &[u8], found: &SearchSummary) -> Watched {
    match value.first() {
        _ if found.is_notification => Watched::Notification,
        Some(b'"') => Watched::Prose,
        _ => Watched::Json,
    }
}

/// Whether a text, of JSON or not, names what only records have.
fn names_record(text: &[u8]) -> bool {
    let mut watch = NameWatch::default();
    watch.feed(text);
    watch.may_hold_records(Watched::Prose)
}

/// Whether the record has one of the members that say which key it was, even without a value.
fn has_key_members(record: &[u8]) -> bool {
    ["\"requestParameters\"", "\"resources\""]
        .iter()
        .any(|name| memmem::find(record, name.as_bytes()).is_some())
}
