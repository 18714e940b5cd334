//! Raw bytes of an input → decompressed content → the byte range of every record in it.
//!
//! The walk knows strings, escapes and brackets, nothing else of JSON: what is inside a record is
//! judged when the record is parsed, so that one bad record does not take its neighbours with it.

use super::json;
use super::wrapped::{self, ARRAYS, Inside, Kind};
use std::collections::BTreeSet;
use std::io::Read;

/// What stands in one input.
pub struct Contents {
    pub records: Vec<Found>,
    /// Values that stand where a record stands and hold none.
    pub foreign: u64,
    /// What could not be read as a record: where (None = between records), and why.
    pub rejects: Vec<(Option<usize>, &'static str)>,
    pub recognised: bool,
    /// It is not recognised, but names KMS as a value, or at least two members of records.
    pub names_records: bool,
    pub shape: &'static str,
}

/// A record.
pub struct Found {
    /// Where it begins in the content.
    pub offset: usize,
    /// Length of the value that it is or is held by.
    pub value_len: usize,
    pub text: Vec<u8>,
}

/// Reads one input as it lies on disk.
pub fn open(raw: &[u8]) -> Contents {
    let (bytes, damage) = decompress(raw);
    let mut walk = Walk::of(&bytes);
    let mut rejects: Vec<(Option<usize>, &'static str)> = Vec::new();
    let ended = walk.top_level();
    let gzip_broke = damage.filter(|reason| *reason != "trailing_bytes");
    // A record whose end is missing may be told by the keys that are there, even inside a text.
    if let Err(Damage::Truncated(Some(offset))) = &ended {
        let rest = String::from_utf8_lossy(&bytes[*offset..]);
        let telling = [
            "\"CloudTrailEvent\"",
            "\"eventVersion\"",
            "\\\"eventVersion\\\"",
            "\"detail-type\"",
            "\"eventsource\"",
            "\"eventJson\"",
        ];
        walk.recognised |= telling.iter().any(|key| rest.contains(key));
    }
    match (ended, gzip_broke) {
        // The JSON stops short because the gzip did: one reject, for the cause.
        (Err(Damage::Truncated(offset)), Some(reason)) => rejects.push((offset, reason)),
        (Err(Damage::Truncated(offset)), None) => rejects.push((offset, "json_truncated")),
        (Err(Damage::Syntax(offset)), _) => rejects.push((Some(offset), "json_syntax")),
        (Err(Damage::Trailing(offset)), _) => rejects.push((Some(offset), "trailing_bytes")),
        (Ok(()), Some(reason)) => rejects.push((None, reason)),
        (Ok(()), None) => {}
    }
    if damage == Some("trailing_bytes") {
        rejects.push((None, "trailing_bytes"));
    }
    let (mut records, mut foreign) = (Vec::new(), walk.messages);
    for (start, end, kind) in &walk.records {
        let found = wrapped::inside(&walk, *start, *end, *kind);
        if matches!(kind, Kind::LookedUp | Kind::Logged | Kind::Row | Kind::Loose) {
            walk.recognised |= wrapped::is_telling(&found);
        }
        match found {
            Inside::Record(offset, text) => records.push(Found { offset, value_len: end - start, text }),
            Inside::Foreign => foreign += 1,
            Inside::Rejected(offset, reason) => rejects.push((Some(offset), reason)),
        }
    }
    let recognised = walk.recognised;
    if !recognised {
        // Skipped: counts nothing. But nobody knows what a broken gzip would have held, so that is
        // told.
        let rejects = gzip_broke.map(|reason| (None, reason)).into_iter().collect();
        let names_records = names_records(&bytes);
        return Contents {
            records: Vec::new(),
            foreign: 0,
            rejects,
            recognised,
            names_records,
            shape: "none",
        };
    }
    let mut shapes = walk.shapes.iter();
    let shape = match (shapes.next(), shapes.next()) {
        (Some(only), None) => *only,
        _ => "mixed",
    };
    Contents { records, foreign, rejects, recognised, names_records: false, shape }
}

/// Whether content without records names KMS as a value, or at least two members of records.
fn names_records(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_lowercase().replace('_', "");
    let members = [
        "eventsource",
        "eventname",
        "eventversion",
        "useridentity",
        "requestparameters",
        "recipientaccountid",
    ]
    .into_iter()
    .chain(["sourceipaddress", "cloudtrailevent"])
    .filter(|name| text.contains(name))
    .count();
    members > 1 || text.contains("\"kms.amazonaws.com\"")
}

/// All gzip members one after the other, and the damage that ended them early. Plain bytes are
/// themselves.
fn decompress(raw: &[u8]) -> (Vec<u8>, Option<&'static str>) {
    if !raw.starts_with(&[0x1f, 0x8b]) {
        return (raw.to_vec(), None);
    }
    let (mut rest, mut content) = (raw, Vec::new());
    while rest.starts_with(&[0x1f, 0x8b]) {
        let damage = member(&mut rest, &mut content);
        if damage.is_some() {
            return (content, damage);
        }
    }
    (content, (!rest.is_empty()).then_some("trailing_bytes"))
}

/// Decodes one member and moves `rest` behind it. Byte by byte: all that came before an error is
/// kept.
fn member(rest: &mut &[u8], content: &mut Vec<u8>) -> Option<&'static str> {
    let mut decoder = flate2::bufread::GzDecoder::new(&mut *rest);
    let mut byte = [0];
    loop {
        match decoder.read(&mut byte) {
            Ok(0) => return None,
            Ok(_) => content.push(byte[0]),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Some("gzip_truncated"),
            Err(_) => return Some("gzip_corrupt"),
        }
    }
}

/// Why a walk cannot go on.
pub enum Damage {
    /// The content ends inside the record that starts there, or (None) between records.
    Truncated(Option<usize>),
    /// Brackets that do not match, in the record that starts there: nothing behind it can be told
    /// apart.
    Syntax(usize),
    /// What stands there, at the top level, is no JSON value.
    Trailing(usize),
}

#[derive(Default)]
pub struct Walk<'a> {
    pub bytes: &'a [u8],
    /// Start and end of every value that stands where a record stands, in order.
    pub records: Vec<(usize, usize, Kind)>,
    /// Log messages that are no JSON objects.
    messages: u64,
    recognised: bool,
    shapes: BTreeSet<&'static str>,
}

impl<'a> Walk<'a> {
    pub fn of(bytes: &'a [u8]) -> Walk<'a> {
        Walk { bytes, ..Walk::default() }
    }

    /// Every top-level value, from the byte order mark to the end.
    fn top_level(&mut self) -> Result<(), Damage> {
        let mut at = if self.bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let mut values = 0;
        loop {
            at = self.skip_space(at);
            if at == self.bytes.len() {
                return Ok(());
            }
            values += 1;
            at = match self.bytes[at] {
                b'{' => self.object(at, values)?,
                b'[' => self.bare_array(at)?,
                _ => match wrapped::is_line(&self.bytes[at..]) {
                    Some(length) => self.line(at + length)?,
                    None => self.scalar(at)?,
                },
            };
        }
    }

    /// The message of a log line: an object, or text up to the next line that begins with a time.
    fn line(&mut self, start: usize) -> Result<usize, Damage> {
        if self.bytes.get(start) == Some(&b'{') {
            let end = self.object(start, 1);
            self.shapes = BTreeSet::from(["log_lines"]);
            return end;
        }
        self.shapes.insert("log_lines");
        self.messages += 1;
        let breaks = (start..self.bytes.len()).filter(|at| self.bytes[*at] == b'\n');
        let mut lines = breaks.map(|at| at + 1);
        Ok(lines.find(|at| wrapped::is_line(&self.bytes[*at..]).is_some()).unwrap_or(self.bytes.len()))
    }

    /// A top-level object is a document of records or else a value itself.
    fn object(&mut self, open: usize, values: usize) -> Result<usize, Damage> {
        let found = self.members(open, true);
        if !found.is_container {
            self.recognised |= found.names_an_event;
            self.shapes.extend(found.shape.or(Some(if values == 1 { "object" } else { "ndjson" })));
            if found.shape.is_none() && values > 1 {
                self.shapes.remove("object");
            }
            self.records.extend(found.end.as_ref().ok().map(|end| (open, *end, Kind::Loose)));
        }
        found.end
    }

    /// The elements of a top-level array are values.
    fn bare_array(&mut self, open: usize) -> Result<usize, Damage> {
        let first = self.records.len();
        let end = self.elements(open, Kind::Loose);
        let mut starts: Vec<usize> = self.records[first..].iter().map(|(start, ..)| *start).collect();
        if let Err(Damage::Truncated(Some(start)) | Damage::Syntax(start)) = end {
            starts.push(start);
        }
        for start in starts {
            let found = (self.bytes[start] == b'{').then(|| self.members(start, false));
            self.recognised |= found.as_ref().is_some_and(|found| found.names_an_event);
            self.shapes.insert(found.and_then(|found| found.shape).unwrap_or("array"));
        }
        end
    }

    /// A top-level number, string or literal stands where a record stands. Anything else is damage.
    fn scalar(&mut self, start: usize) -> Result<usize, Damage> {
        let end = self.value_end(start)?;
        json::parse(&self.bytes[start..end]).map_err(|_| Damage::Trailing(start))?;
        self.records.push((start, end, Kind::Loose));
        Ok(end)
    }

    /// Goes through the members of the object at `open`, and into its arrays of records if asked
    /// to.
    fn members(&mut self, open: usize, enter: bool) -> Members {
        let mut found = Members::default();
        found.end = self.walk_members(open, enter, &mut found);
        // What is cut off behind the array is not a record.
        if let (true, Err(Damage::Truncated(Some(offset)))) = (found.is_container, &found.end)
            && *offset == open
        {
            found.end = Err(Damage::Truncated(None));
        }
        let has = |name: &str| found.names.contains(name);
        found.shape = match (has("CloudTrailEvent"), has("detail-type") && has("detail")) {
            _ if found.names_an_event => None,
            (true, _) => Some("lookup_events"),
            (_, true) => Some("eventbridge"),
            _ => None,
        };
        found
    }

    fn walk_members(&mut self, open: usize, enter: bool, found: &mut Members) -> Result<usize, Damage> {
        let mut at = open + 1;
        let mut is_control = false;
        loop {
            at = self.skip_space(at);
            match self.bytes.get(at) {
                None => return Err(Damage::Truncated(Some(open))),
                Some(b'}') => return Ok(at + 1),
                Some(b']') => return Err(Damage::Syntax(open)),
                // Separators are the parser's business, not the walk's.
                Some(b',' | b':') => at += 1,
                Some(b'"') => {
                    let end = self.inside(open, at)?;
                    let colon = self.skip_space(end);
                    if self.bytes.get(colon) != Some(&b':') {
                        at = end;
                        continue;
                    }
                    let name = json::parse(&self.bytes[at..end]).ok().and_then(|name| name.text());
                    let name = name.unwrap_or_default();
                    found.names_an_event |=
                        ["eventVersion", "eventSource", "eventName"].contains(&name.as_str());
                    at = self.skip_space(colon + 1);
                    let array = ARRAYS.iter().find(|(array, ..)| *array == name);
                    if name == "messageType" {
                        is_control = self.bytes[at..].starts_with(b"\"CONTROL_MESSAGE\"");
                        found.is_container |= is_control;
                    } else if let (true, Some((_, kind, shape)), Some(b'['), false) =
                        (enter, array, self.bytes.get(at), is_control)
                    {
                        found.is_container = true;
                        self.shapes.insert(shape);
                        self.recognised |= *kind == Kind::Record;
                        let first = self.records.len();
                        at = self.elements(at, *kind)?;
                        let is_empty = self.records.len() == first;
                        self.recognised |= is_empty && matches!(kind, Kind::LookedUp | Kind::Row);
                    }
                    found.names.insert(name);
                }
                Some(_) => at = self.inside(open, at)?,
            }
        }
    }

    /// Where the value of a member of the object at `open` begins; the last one of that name.
    pub fn member(&self, open: usize, wanted: &str) -> usize {
        let (mut at, mut found) = (open + 1, open);
        loop {
            at = self.skip_space(at);
            match self.bytes.get(at) {
                Some(b',') => at += 1,
                Some(b'"') => {
                    let Some(end) = self.string_end(at) else { return found };
                    let name = json::parse(&self.bytes[at..end]).ok().and_then(|name| name.text());
                    let value = self.skip_space(self.skip_space(end) + 1);
                    if name.as_deref() == Some(wanted) {
                        found = value;
                    }
                    let Ok(end) = self.value_end(value) else { return found };
                    at = end;
                }
                _ => return found,
            }
        }
    }

    /// The elements of the array at `open`, each a value that is or holds a record.
    fn elements(&mut self, open: usize, kind: Kind) -> Result<usize, Damage> {
        let mut at = open + 1;
        loop {
            at = self.skip_space(at);
            match self.bytes.get(at) {
                None => return Err(Damage::Truncated(None)),
                Some(b']') => return Ok(at + 1),
                Some(b',' | b':') => at += 1,
                Some(_) => {
                    let end = self.value_end(at)?;
                    let bracketed = matches!(self.bytes[at], b'{' | b'[' | b'"');
                    if end == self.bytes.len() && !bracketed {
                        return Err(Damage::Truncated(Some(at))); // who knows whether this number goes on
                    }
                    self.records.push((at, end, kind));
                    at = end;
                }
            }
        }
    }

    /// The end of a value inside the object at `open`: its damage is the object's damage.
    fn inside(&self, open: usize, start: usize) -> Result<usize, Damage> {
        self.value_end(start).map_err(|damage| match damage {
            Damage::Truncated(_) => Damage::Truncated(Some(open)),
            Damage::Syntax(_) | Damage::Trailing(_) => Damage::Syntax(open),
        })
    }

    /// The end of whatever starts at `start`: a string, a bracketed stretch, or a run of other
    /// bytes.
    pub fn value_end(&self, start: usize) -> Result<usize, Damage> {
        let mut open = Vec::new();
        let mut at = start;
        loop {
            let byte = *self.bytes.get(at).ok_or(Damage::Truncated(Some(start)))?;
            match byte {
                b'"' => at = self.string_end(at).ok_or(Damage::Truncated(Some(start)))?,
                b'{' | b'[' => {
                    open.push(if byte == b'{' { b'}' } else { b']' });
                    at += 1;
                }
                b'}' | b']' => {
                    if open.pop() != Some(byte) {
                        return Err(Damage::Syntax(start));
                    }
                    at += 1;
                }
                _ if open.is_empty() => at = self.word_end(at),
                _ => at += 1,
            }
            if open.is_empty() {
                return Ok(at);
            }
        }
    }

    fn word_end(&self, start: usize) -> usize {
        let stops = |byte: &u8| json::is_space(*byte) || b"{}[],:\"".contains(byte);
        let length = self.bytes[start..].iter().position(stops);
        start + length.unwrap_or(self.bytes.len() - start).max(1)
    }

    /// Behind the closing quote of the string that opens at `start`.
    fn string_end(&self, start: usize) -> Option<usize> {
        let mut at = start + 1;
        loop {
            match self.bytes.get(at)? {
                b'"' => return Some(at + 1),
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
    }

    fn skip_space(&self, mut at: usize) -> usize {
        while self.bytes.get(at).is_some_and(|byte| json::is_space(*byte)) {
            at += 1;
        }
        at
    }
}

struct Members {
    /// Behind the closing brace.
    end: Result<usize, Damage>,
    /// It has an array of records, or is a message without any.
    is_container: bool,
    names_an_event: bool,
    names: BTreeSet<String>,
    /// What it wraps a record in.
    shape: Option<&'static str>,
}

impl Default for Members {
    fn default() -> Members {
        Members {
            end: Ok(0),
            is_container: false,
            names_an_event: false,
            names: BTreeSet::new(),
            shape: None,
        }
    }
}
