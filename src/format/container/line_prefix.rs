//! What may stand before a value on its line: a time, a name, a header.

use memchr::memchr2;

/// Length of what may precede a value on its line, in bytes.
pub(super) const MAX_PREFIX: usize = 512;

/// Where an object begins on a line, after a time, a name or a header. None of them has a quote or
/// a brace, and something separates them from the object.
pub(super) fn value_in(line: &[u8]) -> Option<usize> {
    let brace = memchr2(b'{', b'"', line).filter(|at| line[*at] == b'{')?;
    let follows = line[brace + 1..].iter().find(|b| !b.is_ascii_whitespace());
    let is_object = matches!(follows, Some(b'"' | b'}') | None);
    let is_apart = brace == 0 || matches!(line[brace - 1], b' ' | b'\t' | b':' | b'|' | b']');
    (is_object && is_apart && !line[..brace].contains(&b'}')).then_some(brace)
}

/// Whether content that does not begin like JSON begins with a prefix on the line of its first
/// value, or with a line that begins with a date.
pub(super) fn has_prefix(first: &[u8]) -> bool {
    let mut lines = first.split(|b| *b == b'\n');
    let line = lines.next().unwrap_or_default();
    let is_value = |line: &[u8]| value_in(&line[..line.len().min(MAX_PREFIX)]).is_some();
    let is_dated = line.starts_with(b"20") && line.len() < MAX_PREFIX && !line.contains(&b'"');
    is_value(line) || is_dated && lines.next().is_some_and(|line| line.starts_with(b"{"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_follow_a_prefix() {
        for (line, at) in [
            (r#"{"a":1}"#, Some(0)),
            (r#"2025-10-07T08:20:00+00:00 stream {"a":1}"#, Some(33)),
            (r#"<134>Oct  7 08:20:00 host trail[12]: {"a":1}"#, Some(37)),
            (r#"<html>{"a":1}"#, None),
            (r#"x "quoted" {"a":1}"#, None),
            ("a {b}", None),
            ("text", None),
        ] {
            assert_eq!(value_in(line.as_bytes()), at, "{line}");
        }
        assert!(has_prefix(b"2025-10-07T08:20:00+00:00 stream\n{"));
        assert!(!has_prefix(b"# exported\n{\"Records\":[]}"));
    }
}
