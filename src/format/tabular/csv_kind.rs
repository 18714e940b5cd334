//! Which CSV files hold events.

use memchr::memmem;

use super::csv::{CsvReader, CsvStep};
use crate::format::rebuild::event_columns;

/// The kind of CSV file, detected from its column names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CsvKind {
    /// Query results of CloudTrail Lake or Athena: the columns of the documented schema, in lower
    /// case.
    Lake,
    /// The event history as saved by the CloudTrail console.
    EventHistory,
    /// Any other table with columns of events, or with records as text in a column.
    Table {
        /// The byte between fields.
        delimiter: u8,
        /// The first row has the names of the columns.
        has_header: bool,
    },
}

/// Columns of CloudTrail events. One alone also occurs in other tables: event logs have an
/// `eventid`.
const EVENT_COLUMNS: [&str; 5] = ["eventname", "eventid", "eventversion", "useridentity", "requestid"];
/// Names of members that are searched in the text of a record.
const RECORD_NAMES: [&[u8]; 3] = [b"eventVersion", b"eventSource", b"eventName"];
/// Length of the longest column name, in bytes.
const MAX_NAME: usize = 256;

impl CsvKind {
    /// Number of bytes that [`Self::detect`] needs: more than all column names together.
    pub const DETECT_BYTES: usize = 16 << 10;

    /// Detects the kind from the first bytes of an input.
    pub fn detect(first: &[u8]) -> Option<Self> {
        // A letter, a quote or a byte order mark; an index without a name; `_raw`, `@message`. JSON
        // objects and arrays are rejected early.
        let may_be_name =
            |b: &u8| b.is_ascii_alphabetic() || matches!(b, b'"' | b',' | b'_' | b'@' | b';' | b'\t');
        let first = first.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(first);
        // A text of JSON escapes its quotes in another way than CSV.
        let is_json_text = matches!(
            first,
            [b'"', b'{' | b'[', b'\\', ..] | [b'"', b'[', b'{', b'\\', ..] | [b'"', b'\\', b'"', ..]
        );
        if is_json_text || !first.first().is_some_and(may_be_name) {
            return None;
        }
        [b',', b'\t', b';', b'|'].into_iter().find_map(|delimiter| Self::with_delimiter(first, delimiter))
    }

    fn with_delimiter(first: &[u8], delimiter: u8) -> Option<Self> {
        let mut csv = CsvReader::with_delimiter(Self::DETECT_BYTES, delimiter);
        let mut rest = first;
        let is_whole = first.len() < Self::DETECT_BYTES;
        let CsvStep::Row { .. } = csv.step(&mut rest, is_whole) else { return None };
        let names: Vec<&str> =
            csv.fields().map(|field| std::str::from_utf8(field).unwrap_or_default().trim()).collect();
        let has = |name: &str| names.contains(&name);
        let is_lower_case = names.iter().all(|name| !name.bytes().any(|b| b.is_ascii_uppercase()));
        let known = EVENT_COLUMNS.into_iter().filter(|name| has(name)).count();
        if delimiter == b',' && is_lower_case && (has("eventjson") || has("eventsource") || known > 1) {
            return Some(Self::Lake);
        }
        // The console's columns can be chosen, but none of them has a caller or parameters.
        let lower_names = names.join("\n").to_lowercase();
        let shows_call = lower_names.contains("identity") || lower_names.contains("parameters");
        let is_by_console = has("Event ID") || has("User name") || has("Resource name");
        let has_event = has("Event time") && (has("Event source") || has("Event name"));
        if is_by_console && has_event && !shows_call {
            return Some(Self::EventHistory);
        }
        let shows_record = |text: &[u8]| RECORD_NAMES.iter().any(|name| memmem::find(text, name).is_some());
        // Without names, the first row is a row as any other: one of its fields is a record.
        if names.iter().any(|name| name.starts_with('{') && shows_record(name.as_bytes())) {
            return Some(Self::Table { delimiter, has_header: false });
        }
        // One column is a table of commas, unless its name shows another delimiter.
        let is_other = names.len() == 1 && (delimiter != b',' || names[0].contains(['\t', ';', '|']));
        if is_other {
            return None;
        }
        if names.iter().any(|name| name.len() > MAX_NAME || name.contains(['{', '}', '<'])) {
            return None;
        }
        let columns = event_columns(names.iter().copied());
        let is_table = columns.members > 1 && (columns.has_source || columns.members > 3);
        // A column with whole records begins with a brace.
        let has_records = memmem::find(rest, b"{").is_some() && shows_record(rest);
        (is_table || has_records).then_some(Self::Table { delimiter, has_header: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_detected_from_column_names() {
        let detect = |text: &str| CsvKind::detect(text.as_bytes());
        assert_eq!(detect("eventversion,useridentity,eventtime\n1.08,{type=Root},x\n"), Some(CsvKind::Lake));
        assert_eq!(detect("\"eventid\",count,\"eventname\"\r\nx\r\n"), Some(CsvKind::Lake));
        assert_eq!(detect("eventsource\n"), Some(CsvKind::Lake));
        assert_eq!(detect("eventid,computer,message\n1,a,b\n"), None);
        assert_eq!(detect("eventjson"), Some(CsvKind::Lake));
        assert_eq!(detect("Event ID,Event time,User name,Event source\n"), Some(CsvKind::EventHistory));
        assert_eq!(detect("Event name,Event time,User name,Event source\n"), Some(CsvKind::EventHistory));
        let table = |delimiter, has_header| Some(CsvKind::Table { delimiter, has_header });
        assert_eq!(detect("eventTime,eventSource\n"), table(b',', true));
        assert_eq!(detect(",eventName,event_source\n0,a,b\n"), table(b',', true));
        assert_eq!(detect("Event_Name;EventSource\n"), table(b';', true));
        assert_eq!(detect("@timestamp\t@message\n1\t{\"eventVersion\":\"1.08\"}\n"), table(b'\t', true));
        assert_eq!(detect("\"{\"\"eventVersion\"\":1}\"\n"), table(b',', false));
        assert_eq!(detect("user,event name\n1,2\n"), None);
        assert_eq!(detect("a,b\n1,2\n"), None);
        assert_eq!(detect(""), None);
        assert_eq!(detect(&format!("eventjson{}", "x".repeat(50_000))), None);
    }
}
