//! A JSON syntax error, described in the same way wherever keytrail reads JSON.

use memchr::memchr_iter;
use thiserror::Error;

/// Where and why bytes are not valid JSON.
#[derive(Debug, Error)]
#[error("{message} at byte {offset}")]
#[non_exhaustive]
pub struct JsonError {
    /// Byte offset of the error.
    pub offset: usize,
    /// The bytes end before the JSON value does.
    pub at_end: bool,
    /// The parser's message, without the position.
    pub message: String,
}

impl JsonError {
    /// Converts the error of a parser that read `bytes`.
    pub fn new(error: &serde_json::Error, bytes: &[u8]) -> Self {
        let text = error.to_string();
        let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message).to_owned();
        // The parser gives a line and a column. Most content is one long line, so lines are counted
        // only as far as needed.
        let breaks = memchr_iter(b'\n', bytes);
        let line_start = match error.line().checked_sub(2) {
            Some(earlier) => breaks.map(|at| at + 1).nth(earlier).unwrap_or(0),
            None => 0,
        };
        let offset = (line_start + error.column().saturating_sub(1)).min(bytes.len());
        Self { offset, at_end: error.is_eof(), message }
    }
}
