//! Searches a value that is no record for the records in it: one mechanism for every envelope.
//!
//! The search follows the names of [`places`](super::places) through objects, lists, texts of JSON,
//! base64 and compressed data, in any combination. Each byte is visited once per level, the levels
//! are limited, and what is decompressed counts against a budget. Below a record nothing is
//! searched: what looks like a record in its parameters is none.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use memchr::memmem;
use serde_json::{Map, Value};

use super::encoded;
use super::envelope::{Envelope, LeafKind, leaf_kind};
use super::extract::{Extracted, begins_like_record, unescape};
use super::members::{MemberRanges, find_members, members, unquote};
use super::needles::may_hold_records;
use super::places::rank;
use super::reader::ContainerReader;
use super::step::Step;
use super::summary::SearchSummary;
use super::tables;
use super::unread::unread_content;
use super::watch::{NameWatch, Watched};
use super::window::Window;
use crate::format::decode::{Budget, Certainty, TextLayer};
use crate::format::json::ValueScanner;
use crate::format::rebuild::{Fidelity, Rebuilt, is_mapped, record_from_mapped, record_from_members};
use crate::model::RejectReason;

/// How many objects, lists and texts may be around a record.
const MAX_DEPTH: u32 = 16;
/// Members of a record from which on an object is an event, although `eventSource` is missing.
const MIN_MEMBERS: usize = 4;
/// The name of KMS as a whole value of JSON.
const KMS_VALUE: &[u8] = b"\"kms.amazonaws.com\"";
/// Length of what may precede the JSON in a text, such as a time or the header of a log line.
const MAX_TEXT_PREFIX: usize = 512;

/// Finds the records in the values of one input.
#[derive(Debug)]
pub struct RecordSearch {
    max_record: u64,
    /// Bytes that may still be decompressed.
    budget: Budget,
    /// Names of the columns, when the rows of a table are values of their own.
    columns: Option<Vec<String>>,
}

impl RecordSearch {
    /// A search in an input: records longer than `max_record` bytes are damage, and what is
    /// decompressed out of texts comes out of `budget`.
    pub fn new(max_record: u64, budget: Budget) -> Self {
        Self { max_record, budget, columns: None }
    }

    /// Passes the records in `value`, which is valid JSON, to `emit`, in their order. Offsets are
    /// those in `value`; see [`Extracted::Record`].
    pub fn search(&mut self, value: &[u8], emit: &mut dyn FnMut(Extracted<'_>)) -> SearchSummary {
        let mut run = Run::new(self, emit);
        run.value(value, Place { offset: 0, is_exact: true }, MAX_DEPTH);
        run.summary
    }

    /// The same in a text that is no JSON string: a log message.
    pub fn search_text(&mut self, text: &[u8], emit: &mut dyn FnMut(Extracted<'_>)) -> SearchSummary {
        let mut run = Run::new(self, emit);
        run.text(text, Place { offset: 0, is_exact: false }, MAX_DEPTH);
        run.summary
    }
}

/// Where the bytes of a value are in the value that is searched.
#[derive(Debug, Clone, Copy)]
struct Place {
    offset: usize,
    /// Offsets inside the bytes are offsets in the value that is searched.
    is_exact: bool,
}

impl Place {
    fn inner(self, start: usize) -> Self {
        if self.is_exact { Self { offset: self.offset + start, ..self } } else { self }
    }

    fn in_text(self) -> Self {
        Self { is_exact: false, ..self }
    }
}

/// A member of an object.
struct Member {
    value: Range<usize>,
    /// See [`rank`]; `None` for any other name.
    rank: Option<usize>,
}

struct Run<'s, 'e> {
    search: &'s mut RecordSearch,
    emit: &'e mut dyn FnMut(Extracted<'_>),
    summary: SearchSummary,
    /// The ids of the records so far, as they are spelled.
    ids: HashSet<Box<[u8]>>,
    /// Records were found in a better place. What is beside it may repeat them.
    only_new: bool,
}

impl<'s, 'e> Run<'s, 'e> {
    fn new(search: &'s mut RecordSearch, emit: &'e mut dyn FnMut(Extracted<'_>)) -> Self {
        Self { search, emit, summary: SearchSummary::default(), ids: HashSet::new(), only_new: false }
    }

    /// Searches a JSON value; whether it holds a record, or a place for one.
    fn value(&mut self, bytes: &[u8], place: Place, depth: u32) -> bool {
        if !may_hold_records(bytes) {
            return false;
        }
        let Some(depth) = depth.checked_sub(1) else { return self.too_deep(bytes) };
        match bytes.first() {
            Some(b'{') => self.object(bytes, place, depth),
            Some(b'[') => self.list(bytes, place, depth),
            Some(b'"') => {
                let mut text = Vec::new();
                let place = place.inner(1).in_text();
                unescape(bytes, &mut text).is_ok() && self.text(&text, place, depth)
            }
            _ => false,
        }
    }

    /// A value inside too many others. If it names an event, a record is lost in it.
    fn too_deep(&mut self, bytes: &[u8]) -> bool {
        let is_lost = names_record(bytes);
        if is_lost {
            self.lost(RejectReason::MissingField, "a record inside too many objects, lists and texts");
        }
        is_lost
    }

    fn lost(&mut self, reason: RejectReason, detail: impl Into<Cow<'static, str>>) {
        if self.only_new {
            return;
        }
        self.summary.records += 1;
        (self.emit)(Extracted::Unreadable { reason, detail: detail.into() });
    }

    fn record(&mut self, json: &[u8], place: Place, fidelity: Fidelity) -> bool {
        let lossy = fidelity == Fidelity::Lossy;
        let [id] = find_members(json, ["eventID"]);
        let is_new = id.is_some_and(|id| self.ids.insert(json[id].into()));
        if self.only_new && !is_new {
            return true;
        }
        self.summary.records += 1;
        self.summary.is_lossy |= lossy;
        (self.emit)(Extracted::Record { json, offset: place.offset, lossy });
        true
    }

    fn list(&mut self, bytes: &[u8], place: Place, depth: u32) -> bool {
        if let Some(row) = tables::row_of_pairs(bytes) {
            return self.row(row, place, depth);
        }
        if let Some(content) = encoded::bytes_of_list(bytes) {
            let content = encoded::decode(&content, &self.search.budget);
            return content.is_some_and(|content| self.content(&content, place.in_text(), depth));
        }
        let mut without_record = Vec::new();
        let mut found = false;
        for item in items(bytes) {
            let value = &bytes[item.clone()];
            if self.value(value, place.inner(item.start), depth) {
                found = true;
            } else {
                without_record.push(value);
            }
        }
        if found {
            without_record.into_iter().for_each(|item| self.unread_item(item));
        }
        found
    }

    /// Looks at an item of a list in which others hold records.
    fn unread_item(&mut self, item: &[u8]) {
        let mut watch = NameWatch::default();
        watch.feed(item);
        let watched = if item.starts_with(b"\"") { Watched::Prose } else { Watched::Json };
        if watch.may_hold_records(watched) {
            let detail = format!("among records: it {watch}, in a form that keytrail does not read");
            self.lost(RejectReason::UnreadableMember, detail);
        }
    }

    fn object(&mut self, bytes: &[u8], place: Place, depth: u32) -> bool {
        let mut is_notification = false;
        match leaf_kind(bytes) {
            LeafKind::Record if has_names_of_record(bytes) => {
                return self.record(bytes, place, Fidelity::Whole);
            }
            LeafKind::EventBridge(Some(detail)) => {
                let place = place.inner(detail.start);
                return self.record(&bytes[detail], place, Fidelity::Whole);
            }
            LeafKind::EventBridge(None) => {
                let detail = "an event of EventBridge from CloudTrail without a record in detail";
                self.lost(RejectReason::MissingField, detail);
                return true;
            }
            LeafKind::Notification => {
                self.summary.is_notification = true;
                is_notification = true;
            }
            LeafKind::Record | LeafKind::Columns | LeafKind::Other => {}
        }
        if lacks_text(bytes) {
            self.lost(
                RejectReason::MissingField,
                "an event of LookupEvents without the text of CloudTrailEvent",
            );
            return true;
        }
        if let Some(cells) = tables::cells(bytes) {
            return self.table_row(cells, place, depth);
        }
        if let Some(rows) = tables::rows(bytes) {
            let mut found = false;
            for row in rows {
                found |= self.row(row, place.in_text(), depth);
            }
            return found;
        }
        // Places come in the order of their rank; then everything else.
        let member =
            |member: MemberRanges| Member { rank: rank(&unquote(&bytes[member.name])), value: member.value };
        let mut list: Vec<Member> = members(bytes).map(member).collect();
        list.sort_by_key(|member| member.rank.unwrap_or(usize::MAX));
        let is_placed = |member: &&Member| member.rank.is_some();
        if let Some(found) = list.iter().filter(is_placed).position(|m| self.member(bytes, m, place, depth)) {
            // Many tools keep one record in several members; some keep several records.
            let before = std::mem::replace(&mut self.only_new, true);
            for member in &list[found + 1..] {
                self.member(bytes, member, place, depth);
            }
            self.only_new = before;
            return true;
        }
        // What names no event, and no operation as OCSF does, is no event in another form.
        let may_be_event =
            || [&b"vent"[..], b"VENT", b"operation"].iter().any(|part| memmem::find(bytes, part).is_some());
        if !is_notification && may_be_event() && self.is_rebuilt(bytes, place) {
            return true;
        }
        let others = list.iter().filter(|member| member.rank.is_none());
        others.fold(false, |found, member| found | self.member(bytes, member, place, depth))
    }

    fn member(&mut self, bytes: &[u8], member: &Member, place: Place, depth: u32) -> bool {
        let value = &bytes[member.value.clone()];
        matches!(value.first(), Some(b'{' | b'[' | b'"'))
            && self.value(value, place.inner(member.value.start), depth)
    }

    /// Rebuilds the record if the members of the object are those of an event in another form.
    fn is_rebuilt(&mut self, bytes: &[u8], place: Place) -> bool {
        let Ok(Value::Object(members)) = serde_json::from_slice::<Value>(bytes) else { return false };
        let rebuilt =
            if is_mapped(&members) { record_from_mapped(&members) } else { record_from_members(members) };
        // The members of two events in one object, such as the row of a join.
        if let Rebuilt::Record { json, is_event: true, .. } = &rebuilt
            && memmem::find(bytes, KMS_VALUE).is_some()
            && memmem::find(json.as_bytes(), KMS_VALUE).is_none()
        {
            let detail = "members of several events in one: one of them is of KMS";
            self.lost(RejectReason::UnreadableMember, detail);
            return true;
        }
        self.rebuilt(rebuilt, place)
    }

    fn rebuilt(&mut self, rebuilt: Rebuilt, place: Place) -> bool {
        match rebuilt {
            Rebuilt::Record { json, fidelity, is_event: true } => {
                self.record(json.as_bytes(), place, fidelity)
            }
            Rebuilt::MissingSource { members } if members >= MIN_MEMBERS => {
                let detail = "a row without eventSource does not say of which service it is";
                self.lost(RejectReason::MissingField, detail);
                true
            }
            _ => false,
        }
    }

    /// A row of a table, given as an object.
    fn row(&mut self, row: Map<String, Value>, place: Place, depth: u32) -> bool {
        let Some(depth) = depth.checked_sub(1) else { return false };
        let json = Value::Object(row).to_string();
        self.object(json.as_bytes(), place.in_text(), depth)
    }

    /// A row of a table whose first row has the names of the columns.
    fn table_row(&mut self, cells: Vec<Option<String>>, place: Place, depth: u32) -> bool {
        if tables::is_header(&cells) {
            self.search.columns = Some(cells.into_iter().map(Option::unwrap_or_default).collect());
            self.summary.is_header = true;
            return false;
        }
        let Some(columns) = self.search.columns.clone() else { return false };
        let row = columns.into_iter().zip(cells).filter_map(|(name, cell)| Some((name, cell?.into())));
        self.row(row.collect(), place, depth)
    }

    fn text(&mut self, text: &[u8], place: Place, depth: u32) -> bool {
        let trimmed = text.trim_ascii_start();
        // What Python prints for bytes.
        let trimmed =
            trimmed.strip_prefix(b"b'").map_or(trimmed, |rest| rest.strip_suffix(b"'").unwrap_or(rest));
        match trimmed.first() {
            Some(b'[') if encoded::bytes_of_list(trimmed).is_some() => self.list(trimmed, place, depth),
            Some(b'{' | b'[') => self.json_text(trimmed, place, depth),
            Some(b'"') if matches!(trimmed.get(1), Some(b'{' | b'[' | b'\\')) => {
                self.json_text(trimmed, place, depth)
            }
            Some(_) => {
                let encoded = data_of_url(trimmed).unwrap_or(trimmed);
                self.encoded(encoded, place, depth).unwrap_or_else(|| self.log_line(trimmed, place, depth))
            }
            None => false,
        }
    }

    /// Searches what a text of bytes encodes; `None` when it is another text.
    fn encoded(&mut self, text: &[u8], place: Place, depth: u32) -> Option<bool> {
        let (_, certainty) = TextLayer::detect(text)?;
        let found = match encoded::decode(text, &self.search.budget) {
            Some(content) => self.content(&content, place, depth),
            // A JSON Web Token begins like base64 of JSON, and has dots.
            None if text.contains(&b'.') => false,
            None if certainty == Certainty::Weak && !encoded::begins_like_json(text) => false,
            None => {
                let detail =
                    "base64 or hexadecimal text that cannot be decoded or decompressed, or is too large";
                self.lost(RejectReason::GzipCorrupt, detail);
                true
            }
        };
        Some(found)
    }

    /// Searches what was decoded and decompressed.
    fn content(&mut self, content: &[u8], place: Place, depth: u32) -> bool {
        if self.json_text(content, place, depth) {
            return true;
        }
        let Some(form) = unread_content(content) else { return false };
        self.lost(RejectReason::UnreadableMember, format!("it holds {form}, which keytrail does not read"));
        true
    }

    /// A log line: a time or a header, then the record, as JSON, as Python prints it, or encoded.
    fn log_line(&mut self, line: &[u8], place: Place, depth: u32) -> bool {
        let head = &line[..line.len().min(MAX_TEXT_PREFIX)];
        if let Some(at) = head.windows(2).position(|pair| matches!(pair, b"{\"" | b"{'")) {
            let is_free = !head[..at].iter().any(|b| matches!(b, b'"' | b'{' | b'}'));
            return is_free && self.json_text(&line[at..], place, depth);
        }
        let line = line.trim_ascii_end();
        let blank = memchr::memrchr2(b' ', b'\t', line).filter(|at| *at < MAX_TEXT_PREFIX);
        blank.is_some_and(|at| self.encoded(&line[at + 1..], place, depth).unwrap_or(false))
    }

    /// A text of JSON values: a record, a document of records, or several of either.
    fn json_text(&mut self, text: &[u8], place: Place, depth: u32) -> bool {
        let Some(depth) = depth.checked_sub(1) else { return self.too_deep(text) };
        // What DuckDB and Python print is not JSON.
        if matches!(text, [b'{', b'\'', ..])
            && let Some(members) = std::str::from_utf8(text).ok().and_then(tables::quoted_object)
        {
            let rebuilt = match record_from_members(members) {
                Rebuilt::Record { json, is_event, .. } => {
                    Rebuilt::Record { json, fidelity: Fidelity::Lossy, is_event }
                }
                other => other,
            };
            return self.rebuilt(rebuilt, place);
        }
        let mut reader = ContainerReader::inside(self.search.max_record);
        let window = Window { bytes: text, start: 0, last: true };
        let (mut found, before) = (false, self.summary.records);
        // Damage is told once in a text.
        let mut tells_damage = names_record(text) || begins_like_record(text);
        loop {
            match reader.step(window) {
                Step::Value { range, envelope, .. } => {
                    let value = window.slice(&range);
                    let inner = usize::try_from(range.start).unwrap_or_default();
                    // The first record keeps the offset of the text, those after it are behind it.
                    let place = Place { offset: place.offset + inner, ..place };
                    found |= match envelope {
                        Envelope::None => self.bare(value, place, depth),
                        _ => self.value(value, place, depth),
                    };
                }
                Step::Beside { range } => {
                    let value = window.slice(&range);
                    let inner = usize::try_from(range.start).unwrap_or_default();
                    let before = std::mem::replace(&mut self.only_new, true);
                    found |= self.value(value, Place { offset: place.offset + inner, ..place }, depth);
                    self.only_new = before;
                }
                Step::Damage { reason, detail, .. } if tells_damage => {
                    self.lost(reason, detail);
                    (found, tells_damage) = (true, false);
                }
                Step::Message { range } => found |= self.text(window.slice(&range), place, depth),
                Step::Damage { .. } => {}
                Step::NeedMore { .. } | Step::End | Step::NotJson => break,
            }
        }
        found || self.summary.records > before
    }

    /// A value that has the names of a record, in a text.
    fn bare(&mut self, value: &[u8], place: Place, depth: u32) -> bool {
        match leaf_kind(value) {
            LeafKind::Record if has_names_of_record(value) => self.record(value, place, Fidelity::Whole),
            _ => self.value(value, place, depth),
        }
    }
}

/// The base64 text of a `data:` URL.
fn data_of_url(text: &[u8]) -> Option<&[u8]> {
    const MARK: &[u8] = b";base64,";
    let rest = text.strip_prefix(b"data:")?;
    let at = memmem::find(&rest[..rest.len().min(MAX_TEXT_PREFIX)], MARK)?;
    rest.get(at + MARK.len()..)
}

/// Whether the object has at least two of the names that only records have. In a place where
/// anything may stand, one is not enough.
fn has_names_of_record(object: &[u8]) -> bool {
    let names = find_members(object, ["eventSource", "eventName", "eventVersion"]);
    names.into_iter().flatten().count() > 1
}

/// Whether the object is an event of LookupEvents that shows a KMS call, but not its record.
fn lacks_text(object: &[u8]) -> bool {
    let [id, source, text] = find_members(object, ["EventId", "EventSource", "CloudTrailEvent"]);
    let is_kms = |value: Range<usize>| memmem::find(&object[value], b"kms.amazonaws.com").is_some();
    id.is_some() && text.is_none() && source.is_some_and(is_kms)
}

/// Whether the bytes have at least two of the names that only records have, or the name of the text
/// of one.
fn names_record(bytes: &[u8]) -> bool {
    let has = |name: &str| memmem::find(bytes, name.as_bytes()).is_some();
    ["eventSource", "eventName", "eventVersion"].into_iter().filter(|name| has(name)).count() > 1
        || has("CloudTrailEvent")
}

/// The items of the list at the start of `bytes`.
fn items(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 1;
    std::iter::from_fn(move || {
        let separators =
            bytes.get(at..)?.iter().take_while(|b| **b == b',' || b.is_ascii_whitespace()).count();
        let start = at + separators;
        let first = *bytes.get(start)?;
        if first == b']' {
            return None;
        }
        let len = ValueScanner::new(first).advance(&bytes[start..]).filter(|len| *len > 0)?;
        at = start + len;
        Some(start..at)
    })
}
