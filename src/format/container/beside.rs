//! What is in a document beside its array of records.

use std::ops::Range;

use super::members::members;
use crate::format::json::ValueScanner;

/// Length of the shortest value that can hold a record or name enough of one, in bytes.
const SHORTEST: u64 = 32;

/// Whether a value of this length that begins with `first` can hold a record.
pub(super) fn can_hold_record(first: u8, len: u64) -> bool {
    matches!(first, b'{' | b'[' | b'"') && len >= SHORTEST
}

/// The values before the array in a document of which `bytes` are the beginning, up to that array.
/// The array may be in objects inside the document.
pub(super) fn values_before(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut next = Some(0);
    while let Some(object) = next {
        let mut end = object + 1;
        for member in members(&bytes[object..]) {
            let value = object + member.value.start..object + member.value.end;
            end = value.end;
            if can_hold_record(bytes[value.start], value.len() as u64) {
                found.push(value);
            }
        }
        next = open_object(bytes, end);
    }
    found
}

/// Where the object begins that is the value of the member at `at`.
fn open_object(bytes: &[u8], at: usize) -> Option<usize> {
    let token = |at: usize, skipped: &[u8]| {
        let rest = bytes.get(at..)?;
        let n = rest.iter().take_while(|b| b.is_ascii_whitespace() || skipped.contains(b)).count();
        rest.get(n).map(|byte| (at + n, *byte))
    };
    let (name, _) = token(at, b",").filter(|(_, byte)| *byte == b'"')?;
    let len = ValueScanner::new(b'"').advance(&bytes[name..])?;
    token(name + len, b":").filter(|(_, byte)| *byte == b'{').map(|(object, _)| object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_before_an_array_are_found_at_every_level() {
        let long = "x".repeat(40);
        for (bytes, expected) in [
            (r#"{"Records":["#.to_owned(), 0),
            (r#"{"a":"short","b":[1],"Records":["#.to_owned(), 0),
            (format!(r#"{{"a":"{long}","Records":["#), 1),
            (format!(r#"{{ "a" : ["{long}"] , "b":"{long}", "Records" : ["#), 2),
            (format!(r#"{{"a":{{"b":"{long}"}},"hits":{{"c":"{long}","hits":["#), 2),
            (format!(r#"{{"hits":{{"c":"{long}","in":{{"d":["{long}"],"hits":["#), 2),
        ] {
            let found = values_before(bytes.as_bytes());
            assert_eq!(found.len(), expected, "{bytes}");
            for value in found {
                assert!(serde_json::from_str::<serde_json::Value>(&bytes[value]).is_ok(), "{bytes}");
            }
        }
    }
}
