//! Where a JSON value is broken.

use memchr::memchr;
use serde::de::IgnoredAny;

use crate::format::json::ValueScanner;
use crate::model::JsonError;

/// The syntax error in the JSON value at the start of `bytes`, if there is one. Bytes after the
/// value do not matter.
pub fn json_error(bytes: &[u8]) -> Option<JsonError> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<IgnoredAny>();
    match values.next()? {
        Ok(_) => None,
        Err(error) => Some(JsonError::new(&error, bytes)),
    }
}

/// Start of the last string that begins before `offset`, or `offset` when no string does. If a
/// quote was lost, this string may contain the beginning of the next record.
pub(super) fn last_string_before(bytes: &[u8], offset: usize) -> usize {
    let mut at = 0;
    let mut last = offset;
    while let Some(n) = memchr(b'"', &bytes[at..offset.min(bytes.len())]) {
        last = at + n;
        let mut scanner = ValueScanner::new(b'"');
        match scanner.advance(&bytes[last..]) {
            Some(n) if last + n < offset => at = last + n,
            _ => break,
        }
    }
    last.min(offset)
}
