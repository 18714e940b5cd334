//! Finding the next record after structural damage.
//!
//! A lost quote or bracket makes everything behind it look like the inside of one value. The search trusts only what cannot easily be an
//! accident: a whole, valid JSON object with `eventTime`, `eventSource` and `eventName`, standing after a comma, a closing bracket, a line
//! break or `"Records":[`, and followed by what may follow a record. It begins where the JSON parser stumbled, so that what lies inside the
//! damaged record before that point can never be taken for a record of its own.

use memchr::memchr;
use serde::de::IgnoredAny;

use super::shape::Keys;
use crate::event::JsonError;
use crate::split::Splitter;

/// How far to look behind a value for what follows it, bytes: beyond that many blanks nothing does.
pub(super) const LOOK_AHEAD: u64 = 1024;

/// The error of the JSON value at the start of `bytes`; what follows the value does not matter.
pub fn json_error(bytes: &[u8]) -> Option<JsonError> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<IgnoredAny>();
    match values.next()? {
        Ok(_) => None,
        Err(error) => Some(JsonError::new(&error, bytes)),
    }
}

/// Start of the last string that begins before `offset`: it may have swallowed the beginning of the next record.
/// `offset` itself when there is no string before it.
pub(super) fn last_token(bytes: &[u8], offset: usize) -> usize {
    let mut at = 0;
    let mut last = offset;
    while let Some(n) = memchr(b'"', &bytes[at..offset.min(bytes.len())]) {
        last = at + n;
        let mut splitter = Splitter::new(b'"');
        match splitter.advance(&bytes[last..]) {
            Some(n) if last + n < offset => at = last + n,
            _ => break,
        }
    }
    last.min(offset)
}

/// Result of [`next_record`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Search {
    /// A record begins here.
    Found(usize),
    /// Undecided from `from` on until more bytes come; those from `keep` on are needed to decide.
    More {
        /// First byte to keep.
        keep: usize,
        /// First byte to look at again.
        from: usize,
    },
    /// The content ends without one.
    None,
}

/// Looks for the next trustworthy record in `bytes`, from `from` on. What has been read as part of one candidate is not tried again as another:
/// the time taken grows with the bytes, whatever they are.
pub(super) fn next_record(bytes: &[u8], from: usize, last: bool, max_record: u64) -> Search {
    let longest = usize::try_from(max_record).unwrap_or(usize::MAX);
    let mut at = from;
    while let Some(n) = bytes.get(at..).and_then(|rest| memchr(b'{', rest)) {
        let start = at + n;
        at = start + 1;
        if !may_precede(&bytes[..start]) {
            continue;
        }
        let undecided = Search::More { keep: context(bytes, start), from: start };
        let candidate = &bytes[start..];
        let candidate = &candidate[..candidate.len().min(longest)];
        let mut values = serde_json::Deserializer::from_slice(candidate).into_iter::<Keys>();
        match values.next() {
            Some(Ok(keys)) => {
                let end = start + values.byte_offset();
                let behind = &bytes[end..bytes.len().min(end + LOOK_AHEAD as usize)];
                let follower = behind.iter().find(|b| !b.is_ascii_whitespace());
                if follower.is_none() && !last && behind.len() < LOOK_AHEAD as usize {
                    return undecided;
                }
                if keys.whole_record && matches!(follower, None | Some(b',' | b']' | b'{')) {
                    return Search::Found(start);
                }
                at = end;
            }
            Some(Err(error)) if error.is_eof() && candidate.len() < longest => {
                return if last { Search::None } else { undecided };
            }
            Some(Err(error)) if error.is_eof() => at = start + longest, // too large to be a record
            Some(Err(error)) => {
                let offset = JsonError::new(&error, candidate).offset;
                at = at.max(start + last_token(candidate, offset));
            }
            None => {}
        }
    }
    if last {
        return Search::None;
    }
    Search::More { keep: context(bytes, bytes.len()), from: at.max(bytes.len()) }
}

/// How far back blanks are looked through, bytes: they alone must not fill the memory.
const FARTHEST: usize = 4096;

/// What opens the array of a `Records` document, as CloudTrail writes it.
const OPENING: &[u8] = b"\"Records\":[";

/// The blanks at the end of `bytes`, as far back as they are looked through.
fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().rev().take(FARTHEST).take_while(|b| b.is_ascii_whitespace()).count()
}

/// Start of what [`may_precede`] looks at before `at`.
fn context(bytes: &[u8], at: usize) -> usize {
    at.saturating_sub(blanks(&bytes[..at]) + OPENING.len())
}

/// Whether a record may begin behind these bytes.
fn may_precede(bytes: &[u8]) -> bool {
    let blank = blanks(bytes);
    let (before, gap) = bytes.split_at(bytes.len() - blank);
    blank == FARTHEST
        || before.last().is_none_or(|b| matches!(b, b',' | b'}' | b']'))
        || gap.contains(&b'\n')
        || before.ends_with(OPENING)
}

/// Whether the record behind these bytes is the first one of a `Records` document.
pub(super) fn opens_records(before: &[u8]) -> bool {
    let blank = blanks(before);
    blank < FARTHEST && before[..before.len() - blank].ends_with(OPENING)
}

/// Whether what follows `before`, the beginning of a value, is inside a string.
pub(super) fn begins_in_string(before: &[u8]) -> bool {
    let Some(first) = before.first() else { return false };
    let mut splitter = Splitter::new(*first);
    splitter.advance(before).is_none() && splitter.is_in_string()
}

/// Whether a value that begins with a bracket ends with its partner: where one is missing, the container's stands in its place.
pub(super) fn closes_as_it_opens(value: &[u8]) -> bool {
    match value.first() {
        Some(b'{') => value.last() == Some(&b'}'),
        Some(b'[') => value.last() == Some(&b']'),
        _ => true,
    }
}
