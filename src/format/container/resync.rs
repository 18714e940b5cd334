//! Finds the next record after structural damage.
//!
//! After a lost quote or bracket, everything that follows looks like the inside of one value. So
//! the search accepts only what is unlikely to be an accident. It requires a complete, valid JSON
//! object with `eventTime`, `eventSource` and `eventName`, or with the keys of an envelope that
//! belongs there. The object must follow a comma, a closing bracket, a line break, the timestamp of
//! a log line or the opening of a container such as `"Records":[`, and something that may follow a
//! record must come after it. The search starts where the JSON parser found the error: what is
//! inside the damaged record before that point is never taken for a record.

use memchr::memchr2;

use super::container_kind::ContainerKind;
use super::json_error::last_string_before;
use super::log_timestamp::ends_with_timestamp;
use super::record_keys::RecordKeys;
use crate::format::json::ValueScanner;
use crate::model::JsonError;

/// How far to look after a value for what follows it, in bytes. If nothing but white space follows,
/// the value counts as followed by nothing.
pub(super) const LOOK_AHEAD: u64 = 1024;
/// [`LOOK_AHEAD`] as a length.
const LOOK_AHEAD_LEN: usize = LOOK_AHEAD as usize;

/// The result of [`find_record`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SearchResult {
    /// Offset of the record in the bytes.
    Found(usize),
    /// More input is needed to decide.
    NeedMore {
        /// First byte to keep.
        keep_from: usize,
        /// Where the search continues.
        search_from: usize,
    },
    /// The content ends without another record.
    NotFound,
}

/// What to search for.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordSearch {
    /// The container whose elements are searched, unless the bytes open another one.
    pub(super) container: Option<ContainerKind>,
    /// Maximum length of a record in bytes.
    pub(super) max_record: u64,
    /// Whether something precedes each record on its line.
    pub(super) has_prefixes: bool,
    /// Whether the content ends with the bytes.
    pub(super) last: bool,
}

impl RecordSearch {
    /// Searches `bytes` for the next trustworthy record, from `from` on.
    ///
    /// Bytes that were read as part of one candidate are not tried as another one, so the time is
    /// linear in the number of bytes, whatever they are.
    pub(super) fn find_record(self, bytes: &[u8], from: usize) -> SearchResult {
        let max_record = usize::try_from(self.max_record).unwrap_or(usize::MAX);
        // Only the rows of a query are lists.
        let opening = if self.container == Some(ContainerKind::LakeRows) { b'[' } else { b'{' };
        let mut at = from;
        while let Some(n) = bytes.get(at..).and_then(|rest| memchr2(b'{', opening, rest)) {
            let start = at + n;
            at = start + 1;
            let follows_prefix = self.has_prefixes && matches!(bytes[..start].last(), Some(b' ' | b'\t'));
            if !follows_prefix && !may_precede_record(&bytes[..start]) {
                continue;
            }
            let undecided =
                SearchResult::NeedMore { keep_from: context_start(bytes, start), search_from: start };
            let candidate = &bytes[start..];
            let candidate = &candidate[..candidate.len().min(max_record)];
            let mut values = serde_json::Deserializer::from_slice(candidate).into_iter::<RecordKeys>();
            match values.next() {
                Some(Ok(keys)) => {
                    let end = start + values.byte_offset();
                    let after = &bytes[end..bytes.len().min(end + LOOK_AHEAD_LEN)];
                    let next = after.iter().find(|b| !b.is_ascii_whitespace());
                    if next.is_none() && !self.last && after.len() < LOOK_AHEAD_LEN {
                        return undecided;
                    }
                    let container = opened_container(&bytes[..start]).or(self.container);
                    if keys.fit(container) && may_follow_record(next.copied()) {
                        return SearchResult::Found(start);
                    }
                    at = end;
                }
                Some(Err(error)) if error.is_eof() && candidate.len() < max_record => {
                    return if self.last { SearchResult::NotFound } else { undecided };
                }
                // Too large to be a record.
                Some(Err(error)) if error.is_eof() => at = start + max_record,
                Some(Err(error)) => {
                    let offset = JsonError::new(&error, candidate).offset;
                    at = at.max(start + last_string_before(candidate, offset));
                }
                None => {}
            }
        }
        if self.last {
            return SearchResult::NotFound;
        }
        SearchResult::NeedMore {
            keep_from: context_start(bytes, bytes.len()),
            search_from: at.max(bytes.len()),
        }
    }
}

/// Maximum length of white space that is examined before a record, in bytes. It bounds the memory
/// for content with much white space.
const MAX_WHITE_SPACE: usize = 4096;

/// Length of the white space at the end of `bytes`, at most [`MAX_WHITE_SPACE`].
fn trailing_white_space(bytes: &[u8]) -> usize {
    bytes.iter().rev().take(MAX_WHITE_SPACE).take_while(|b| b.is_ascii_whitespace()).count()
}

/// Number of bytes before the white space that [`may_precede_record`] examines: enough for the
/// longest opening of a container and for the timestamp of a log line.
const CONTEXT: usize = 64;

/// Start of the bytes that [`may_precede_record`] examines before `at`.
fn context_start(bytes: &[u8], at: usize) -> usize {
    at.saturating_sub(trailing_white_space(&bytes[..at]) + CONTEXT)
}

/// Whether a record may begin after these bytes.
fn may_precede_record(bytes: &[u8]) -> bool {
    let len = trailing_white_space(bytes);
    let (before, white_space) = bytes.split_at(bytes.len() - len);
    len == MAX_WHITE_SPACE
        || before.last().is_none_or(|b| matches!(b, b',' | b'}' | b']'))
        || white_space.contains(&b'\n')
        || container_opening(before).is_some()
        || ends_with_timestamp(bytes)
}

/// Whether this byte may follow a record. A digit begins the next log line.
fn may_follow_record(byte: Option<u8>) -> bool {
    matches!(byte, None | Some(b',' | b']' | b'{' | b'0'..=b'9'))
}

/// The container whose first element follows these bytes, if they open one.
pub(super) fn opened_container(before: &[u8]) -> Option<ContainerKind> {
    let len = trailing_white_space(before);
    (len < MAX_WHITE_SPACE).then(|| container_opening(&before[..before.len() - len])).flatten()
}

/// The container whose array these bytes open, as CloudTrail and the AWS CLI write it:
/// `"Records":[` or `"Events": [`.
fn container_opening(before: &[u8]) -> Option<ContainerKind> {
    let before = before.strip_suffix(b"[")?;
    let before = before.strip_suffix(b" ").unwrap_or(before).strip_suffix(b"\":")?;
    let is_key = |container: &ContainerKind| {
        before.strip_suffix(container.key().as_bytes()).is_some_and(|before| before.ends_with(b"\""))
    };
    ContainerKind::ALL.into_iter().find(is_key)
}

/// Whether the byte after `before`, which is the beginning of a value, is inside a string.
pub(super) fn ends_in_string(before: &[u8]) -> bool {
    let Some(first) = before.first() else { return false };
    let mut scanner = ValueScanner::new(*first);
    scanner.advance(before).is_none() && scanner.is_in_string()
}

/// Whether a value that begins with a bracket ends with the matching one. If a bracket is missing,
/// the value ends with a bracket of the container instead.
pub(super) fn brackets_match(value: &[u8]) -> bool {
    match value.first() {
        Some(b'{') => value.last() == Some(&b'}'),
        Some(b'[') => value.last() == Some(&b']'),
        _ => true,
    }
}

/// Offset of a list inside the list at the start of `bytes`. Rows of a query contain no lists, so
/// the closing bracket of a row is missing before it.
pub(super) fn nested_list(bytes: &[u8]) -> Option<usize> {
    let mut at = usize::from(bytes.first() == Some(&b'['));
    loop {
        let separators = bytes.get(at..)?.iter().take_while(|b| **b == b',' || b.is_ascii_whitespace());
        at += separators.count();
        match bytes.get(at)? {
            b'[' => return Some(at).filter(|at| *at > 0),
            b']' => return None,
            first => {
                at += ValueScanner::new(*first).advance(&bytes[at..]).filter(|len| *len > 0)?;
            }
        }
    }
}
