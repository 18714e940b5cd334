//! Where and how a JSON parser stumbled: said the same way wherever JSON is read.

use memchr::memchr_iter;

/// Where and how the JSON parser stumbled.
#[derive(Debug)]
#[non_exhaustive]
pub struct JsonError {
    /// Byte offset in the bytes given.
    pub offset: usize,
    /// The bytes simply end too early.
    pub at_end: bool,
    /// The parser's words, without its position.
    pub message: String,
}

impl JsonError {
    /// From a parser's error over `bytes`.
    pub fn new(error: &serde_json::Error, bytes: &[u8]) -> Self {
        let text = error.to_string();
        let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message).to_owned();
        // Lines only as far as needed: most content is one long line.
        let breaks = memchr_iter(b'\n', bytes);
        let line_start = match error.line().checked_sub(2) {
            Some(earlier) => breaks.map(|at| at + 1).nth(earlier).unwrap_or(0),
            None => 0,
        };
        let offset = (line_start + error.column().saturating_sub(1)).min(bytes.len());
        Self { offset, at_end: error.is_eof(), message }
    }
}
