//! Finding the next record after structural damage.
//!
//! A lost quote or bracket makes everything behind it look like the inside of one value. The search trusts only what cannot easily be an
//! accident: a whole, valid JSON object with `eventTime`, `eventSource` and `eventName`, or with the keys of what wraps a record there,
//! standing after a comma, a closing bracket, a line break, the time of a log line or what opens a container, such as `"Records":[`, and
//! followed by what may follow a record. It begins where the JSON parser stumbled, so that what lies inside the
//! damaged record before that point can never be taken for a record of its own.

use memchr::{memchr, memchr2};
use serde::de::IgnoredAny;

use super::document::Container;
use super::lines;
use super::shape::Keys;
use crate::format::json::Splitter;
use crate::model::JsonError;

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
/// the time taken grows with the bytes, whatever they are. `container`: the one whose elements are looked for, unless another is opened.
pub(super) fn next_record(
    bytes: &[u8],
    from: usize,
    last: bool,
    (container, max_record): (Option<Container>, u64),
) -> Search {
    let longest = usize::try_from(max_record).unwrap_or(usize::MAX);
    // Of all elements only the rows of a query are lists.
    let opening = if container == Some(Container::LakeRows) { b'[' } else { b'{' };
    let mut at = from;
    while let Some(n) = bytes.get(at..).and_then(|rest| memchr2(b'{', opening, rest)) {
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
                let container = opens(&bytes[..start]).or(container);
                if keys.fit(container) && may_follow(follower.copied()) {
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

/// The blanks at the end of `bytes`, as far back as they are looked through.
fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().rev().take(FARTHEST).take_while(|b| b.is_ascii_whitespace()).count()
}

/// As far back as [`may_precede`] looks before the blanks: the longest opening of a container, or the time of a log line.
const BEFORE: usize = 64;

/// Start of what [`may_precede`] looks at before `at`.
fn context(bytes: &[u8], at: usize) -> usize {
    at.saturating_sub(blanks(&bytes[..at]) + BEFORE)
}

/// Whether a record may begin behind these bytes.
fn may_precede(bytes: &[u8]) -> bool {
    let blank = blanks(bytes);
    let (before, gap) = bytes.split_at(bytes.len() - blank);
    blank == FARTHEST
        || before.last().is_none_or(|b| matches!(b, b',' | b'}' | b']'))
        || gap.contains(&b'\n')
        || opened_by(before).is_some()
        || lines::ends_with_stamp(bytes)
}

/// Whether this may stand behind a record: the digit begins the next log line.
fn may_follow(byte: Option<u8>) -> bool {
    matches!(byte, None | Some(b',' | b']' | b'{' | b'0'..=b'9'))
}

/// The container whose first element stands behind these bytes, if one does.
pub(super) fn opens(before: &[u8]) -> Option<Container> {
    let blank = blanks(before);
    (blank < FARTHEST).then(|| opened_by(&before[..before.len() - blank])).flatten()
}

/// The container whose array these bytes open, as CloudTrail and the AWS command line write it: `"Records":[` or `"Events": [`.
fn opened_by(before: &[u8]) -> Option<Container> {
    let before = before.strip_suffix(b"[")?;
    let before = before.strip_suffix(b" ").unwrap_or(before).strip_suffix(b"\":")?;
    let is_key = |container: &Container| {
        before.strip_suffix(container.key().as_bytes()).is_some_and(|before| before.ends_with(b"\""))
    };
    Container::ALL.into_iter().find(is_key)
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

/// Where a list begins inside the list at the start of `bytes`: rows of a query are flat, so that a row has lost its bracket there.
pub(super) fn row_inside(bytes: &[u8]) -> Option<usize> {
    let mut at = usize::from(bytes.first() == Some(&b'['));
    loop {
        at += bytes.get(at..)?.iter().take_while(|b| **b == b',' || b.is_ascii_whitespace()).count();
        match bytes.get(at)? {
            b'[' => return Some(at).filter(|at| *at > 0),
            b']' => return None,
            first => at += Splitter::new(*first).advance(&bytes[at..]).filter(|len| *len > 0)?,
        }
    }
}
