//! A value that stands where a record stands → the record in it.
//!
//! Everything is read as JSON first, and the record's text second: what other tools wrap around a
//! record is ordinary JSON, and the record is one member of it, or the text of one.

use super::input::Walk;
use super::json::{self, Json};
use super::record;

/// What the elements of an array are, by the array's key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// `Records`
    Record,
    /// `Events`
    LookedUp,
    /// `logEvents`, `events`
    Logged,
    /// `QueryResultRows`
    Row,
    /// A top-level value, or an element of a top-level array.
    Loose,
    /// An event of EventBridge.
    Bus,
}

/// Arrays of records, by name, with the shape they make a file.
pub const ARRAYS: [(&str, Kind, &str); 5] = [
    ("Records", Kind::Record, "records"),
    ("Events", Kind::LookedUp, "lookup_events"),
    ("logEvents", Kind::Logged, "log_subscription"),
    ("events", Kind::Logged, "log_events"),
    ("QueryResultRows", Kind::Row, "lake_rows"),
];

/// What one value is.
pub enum Inside {
    /// A record, or what should be one: where it begins, and its text.
    Record(usize, Vec<u8>),
    /// Something else.
    Foreign,
    /// The value at this place cannot be read.
    Rejected(usize, &'static str),
}

fn names_an_event(value: &Json) -> bool {
    ["eventVersion", "eventSource", "eventName"].iter().any(|name| value.get(name).is_some())
}

/// Whether this shows that the file is CloudTrail's.
pub fn is_telling(inside: &Inside) -> bool {
    match inside {
        Inside::Record(_, text) => json::parse(text).is_ok_and(|record| names_an_event(&record)),
        Inside::Foreign => false,
        Inside::Rejected(..) => true,
    }
}

/// The record in the value from `start` to `end`.
pub fn inside(walk: &Walk, start: usize, end: usize, kind: Kind) -> Inside {
    let bytes = &walk.bytes[start..end];
    let plain = || Inside::Record(start, bytes.to_vec());
    let value = match (json::parse(bytes), kind) {
        (_, Kind::Record) | (Err(_), Kind::Loose) => return plain(),
        (Err(reason), _) if record::may_be_kms(bytes) => return Inside::Rejected(start, reason),
        (Err(_), _) => return Inside::Foreign,
        (Ok(value), _) => value,
    };
    if kind == Kind::Loose {
        let has = |name| value.get(name).is_some();
        return match (names_an_event(&value), has("CloudTrailEvent"), has("detail-type") && has("detail")) {
            (false, true, _) => inside(walk, start, end, Kind::LookedUp),
            (false, false, true) => inside(walk, start, end, Kind::Bus),
            _ => plain(),
        };
    }
    let missing = || match record::may_be_kms(bytes) {
        true => Inside::Rejected(start, "missing_field"),
        false => Inside::Foreign,
    };
    match kind {
        Kind::LookedUp => match value.get("CloudTrailEvent") {
            Some(Json::Text(text)) => {
                Inside::Record(walk.member(start, "CloudTrailEvent") + 1, text.clone().into_bytes())
            }
            None if names_an_event(&value) => plain(),
            None if value.get("EventSource").is_none() => Inside::Foreign,
            _ => missing(),
        },
        Kind::Logged => match value.get("message") {
            Some(Json::Text(text)) if text.trim_start().starts_with('{') => {
                let at = walk.member(start, "message") + 1;
                in_message(at, text)
            }
            None if names_an_event(&value) => plain(),
            _ => Inside::Foreign,
        },
        Kind::Bus => match (value.text_at(&["detail-type"]), value.get("detail")) {
            (Some(kind), detail) if kind.ends_with("via CloudTrail") => match detail {
                Some(Json::Object(_)) => {
                    let at = walk.member(start, "detail");
                    let detail_end = walk.value_end(at).unwrap_or(end);
                    Inside::Record(at, walk.bytes[at..detail_end].to_vec())
                }
                _ => missing(),
            },
            _ => Inside::Foreign,
        },
        _ => whole_row(&value).map_or(Inside::Foreign, |text| Inside::Record(start, text.into_bytes())),
    }
}

/// The message may be what EventBridge sent to the log group.
fn in_message(at: usize, text: &str) -> Inside {
    match inside(&Walk::of(text.as_bytes()), 0, text.len(), Kind::Loose) {
        Inside::Record(_, record) => Inside::Record(at, record),
        Inside::Rejected(_, reason) => Inside::Rejected(at, reason),
        Inside::Foreign => Inside::Foreign,
    }
}

/// The text of the column `eventJson`. Rows without it are rebuilt by the product, which the oracle
/// does not try.
fn whole_row(row: &Json) -> Option<String> {
    row.elements().iter().find_map(|column| column.get_any_case("eventJson")?.text())
}

/// Whether a log line begins here: a time, and a space.
pub fn is_line(bytes: &[u8]) -> Option<usize> {
    let line: Vec<u8> = bytes.iter().copied().take(40).take_while(u8::is_ascii).collect();
    let line = String::from_utf8(line).ok()?;
    let time = line.split(' ').next()?;
    let form = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?Z$";
    (super::names::matches(form, time) && line.len() > time.len()).then_some(time.len() + 1)
}
