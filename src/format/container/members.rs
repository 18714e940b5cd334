//! The members of a JSON object, without parsing their values.

use std::borrow::Cow;
use std::ops::Range;

use crate::format::json::ValueScanner;

/// The ranges of a member's name (quotes included) and value.
pub(super) struct MemberRanges {
    pub(super) name: Range<usize>,
    pub(super) value: Range<usize>,
}

/// The members of the object at the start of `object`. Ends early where the syntax is broken.
pub(super) fn members(object: &[u8]) -> impl Iterator<Item = MemberRanges> {
    let next_token = move |at: usize| {
        let white_space = object.get(at..)?.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        Some((at + white_space, *object.get(at + white_space)?))
    };
    let value_end = move |at: usize, first: u8| {
        ValueScanner::new(first).advance(&object[at..]).filter(|len| *len > 0).map(|len| at + len)
    };
    let mut next = next_token(0).filter(|(_, first)| *first == b'{').map(|(at, _)| at + 1);
    std::iter::from_fn(move || {
        let (mut name, mut first) = next_token(next.take()?)?;
        if first == b',' {
            (name, first) = next_token(name + 1)?;
        }
        if first != b'"' {
            return None;
        }
        let name_end = value_end(name, first)?;
        let (colon, _) = next_token(name_end).filter(|(_, byte)| *byte == b':')?;
        let (value, first) = next_token(colon + 1)?;
        let end = value_end(value, first)?;
        next = Some(end);
        Some(MemberRanges { name: name..name_end, value: value..end })
    })
}

/// The ranges of the values with these names. If a name occurs more than once, the last one counts.
pub(super) fn find_members<const N: usize>(object: &[u8], names: [&str; N]) -> [Option<Range<usize>>; N] {
    let mut found = [const { None }; N];
    for member in members(object) {
        let name = unquote(&object[member.name]);
        if let Some(n) = names.iter().position(|candidate| candidate.as_bytes() == &*name) {
            found[n] = Some(member.value);
        }
    }
    found
}

/// The text of a JSON string: no quotes, escapes replaced. Empty when an escape is invalid.
pub(super) fn unquote(quoted: &[u8]) -> Cow<'_, [u8]> {
    if quoted.contains(&b'\\') {
        Cow::Owned(serde_json::from_slice::<String>(quoted).unwrap_or_default().into_bytes())
    } else {
        Cow::Borrowed(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default())
    }
}
