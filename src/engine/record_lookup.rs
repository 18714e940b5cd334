//! Looks for one record of CloudTrail, and keeps its bytes as the archive has them.

use std::io;
use std::sync::{Arc, Mutex};

use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;

use crate::base::{SpillFile, into_inner, lock};

/// What names a record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordName {
    /// The event id in it. Several records may have the same.
    EventId(String),
    /// Where it stands: `archive` and `record_offset` of the tables of a report.
    Place {
        /// The name of the archive, `CONTAINER!/MEMBER` in a container.
        archive: String,
        /// Where it begins: a byte of the content, or a row of a table.
        offset: u64,
    },
}

impl RecordName {
    /// Reads `ARCHIVE@OFFSET` or an event id.
    pub fn parse(text: &str) -> Self {
        let place = text.rsplit_once('@').filter(|(archive, _)| !archive.is_empty());
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match place.and_then(|(archive, at)| Some((archive, at.parse().ok().filter(|_| is_number(at))?))) {
            Some((archive, offset)) => Self::Place { archive: archive.to_owned(), offset },
            None => Self::EventId(text.to_owned()),
        }
    }
}

/// A search for the records of one name.
pub(super) struct RecordLookup<'n> {
    name: &'n RecordName,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    places: Vec<FoundRecord>,
    bytes: SpillFile,
    error: Option<io::Error>,
}

struct FoundRecord {
    archive: Arc<str>,
    offset: u64,
    /// Where its bytes are in the spill file.
    at: u64,
}

impl<'n> RecordLookup<'n> {
    pub(super) fn new(name: &'n RecordName) -> Self {
        Self { name, found: Mutex::default() }
    }

    /// Whether the record may be in an entry of the listing, or in a member of it.
    pub(super) fn may_be_in(&self, uri: &str) -> bool {
        match self.name {
            RecordName::EventId(_) => true,
            RecordName::Place { archive, .. } => {
                archive.strip_prefix(uri).is_some_and(|rest| rest.is_empty() || rest.starts_with("!/"))
            }
        }
    }

    /// Keeps the record if it is the one that is looked for.
    pub(super) fn look(&self, uri: &Arc<str>, offset: u64, record: &[u8]) {
        let is_it = match self.name {
            RecordName::EventId(id) => has_event_id(record, id),
            RecordName::Place { archive, offset: wanted } => *wanted == offset && **archive == **uri,
        };
        if !is_it {
            return;
        }
        let mut found = lock(&self.found);
        match found.bytes.push(record) {
            Ok(at) => found.places.push(FoundRecord { archive: Arc::clone(uri), offset, at }),
            Err(error) => drop(found.error.get_or_insert(error)),
        }
    }

    /// All that was found, in the order of the archives.
    pub(super) fn finish(self) -> io::Result<FoundRecords> {
        let Found { mut places, bytes, error } = into_inner(self.found);
        places.sort_by(|a, b| (&a.archive, a.offset, a.at).cmp(&(&b.archive, b.offset, b.at)));
        error.map_or(Ok(FoundRecords { places, bytes }), Err)
    }
}

/// The records that a search found, sorted by archive and offset.
pub struct FoundRecords {
    places: Vec<FoundRecord>,
    bytes: SpillFile,
}

impl FoundRecords {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Archive, offset and bytes of the `nth` record; `None` behind the last.
    ///
    /// # Errors
    /// When a temporary file cannot be read.
    pub fn get(&mut self, nth: usize) -> io::Result<Option<(&str, u64, Vec<u8>)>> {
        let Some(FoundRecord { archive, offset, at }) = self.places.get(nth) else { return Ok(None) };
        Ok(Some((archive, *offset, self.bytes.read(*at)?)))
    }
}

/// Whether a record has this event id. Tools that rewrite records also rewrite the member's name.
fn has_event_id(record: &[u8], id: &str) -> bool {
    // An id that is written with escapes has none of its characters there.
    if memmem::find(record, id.as_bytes()).is_none() && memmem::find(record, b"\\u").is_none() {
        return false;
    }
    let mut values = serde_json::Deserializer::from_slice(record);
    let Ok(Value::Object(members)) = Value::deserialize(&mut values) else { return false };
    let is_name = |name: &str| name.eq_ignore_ascii_case("eventID") || name.eq_ignore_ascii_case("event_id");
    members.iter().any(|(name, value)| is_name(name) && value.as_str() == Some(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_an_id_or_a_place() {
        let place = |archive: &str, offset| RecordName::Place { archive: archive.to_owned(), offset };
        let id = |id: &str| RecordName::EventId(id.to_owned());
        for (text, name) in [
            ("a.json.gz@12", place("a.json.gz", 12)),
            ("s3://b/k@v.zip!/m@1.json@0", place("s3://b/k@v.zip!/m@1.json", 0)),
            ("7f1c-2", id("7f1c-2")),
            ("@12", id("@12")),
            ("a@", id("a@")),
            ("a@+1", id("a@+1")),
            ("a@99999999999999999999", id("a@99999999999999999999")),
        ] {
            assert_eq!(RecordName::parse(text), name);
        }
    }

    #[test]
    fn an_archive_is_read_if_the_record_may_be_in_it() {
        let name = RecordName::parse("logs/a.zip!/b.json@3");
        let lookup = RecordLookup::new(&name);
        for (uri, expected) in [
            ("logs/a.zip", true),
            ("logs/a.zip!/b.json", true),
            ("logs/a", false),
            ("logs/a.zip!/b", false),
            ("logs/b.zip", false),
        ] {
            assert_eq!(lookup.may_be_in(uri), expected, "{uri}");
        }
    }

    #[test]
    fn an_id_is_compared_whole_and_in_its_member_only() {
        for (record, expected) in [
            (r#"{"eventID":"ab"}"#, true),
            (r#"{"eventid":"ab"}"#, true),
            (r#"{"eventID":"\u0061b"}"#, true),
            (r#"{"eventID":"abc"}"#, false),
            (r#"{"requestID":"ab"}"#, false),
            (r#"{"a":{"eventID":"ab"}}"#, false),
            (r#"{"eventID":"ab""#, false),
        ] {
            assert_eq!(has_event_id(record.as_bytes(), "ab"), expected, "{record}");
        }
    }
}
