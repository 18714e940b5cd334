//! Text of a record, borrowed from the record's bytes if possible.

use std::borrow::Cow;

/// Text of a record: borrowed from its bytes, or owned when it has JSON escapes.
pub type Text<'a> = Cow<'a, str>;

/// The part of `text` that `select` returns, borrowed if `text` is borrowed.
pub fn slice_text<'a>(
    text: &Text<'a>,
    select: impl for<'t> FnOnce(&'t str) -> Option<&'t str>,
) -> Option<Text<'a>> {
    match text {
        Cow::Borrowed(text) => select(text).map(Cow::Borrowed),
        Cow::Owned(text) => select(text).map(|part| Cow::Owned(part.to_owned())),
    }
}

/// Copies an optional text, so that it no longer borrows from the record.
pub(super) fn into_owned(text: Option<Text<'_>>) -> Option<Text<'static>> {
    text.map(|text| Cow::Owned(text.into_owned()))
}
