//! Texts in Markdown.

use super::text::printable;

/// Characters of a text that are shown.
const TEXT_LEN: usize = 300;

/// A text as code.
pub(super) fn code(text: &str) -> String {
    let shown = shorten(text);
    if shown.trim().is_empty() {
        return "-".to_owned();
    }
    let is_plain = |c: char| c.is_alphanumeric() || " :/-_.=,+@*()#%;'\"…\u{fffd}".contains(c);
    if shown.chars().all(is_plain) {
        return format!("`{shown}`");
    }
    let mut escaped = String::new();
    for c in shown.chars() {
        escape(c, &mut escaped);
    }
    format!("<code>{escaped}</code>")
}

/// A character as a reference, unless no Markdown takes it for more than a character. A colon may
/// make a link; within words, it, dots and hyphens do not.
pub(super) fn escape(c: char, out: &mut String) {
    match c {
        _ if c.is_alphanumeric() || !c.is_ascii() || " -.,;()'\"".contains(c) => out.push(c),
        c => out.push_str(&format!("&#{};", u32::from(c))),
    }
}

/// A text in one line, cut if it is long.
pub(super) fn shorten(text: &str) -> String {
    let shown = printable(text);
    match shown.char_indices().nth(TEXT_LEN) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_records_are_no_markup() {
        assert_eq!(code("arn:aws:iam::1:role/a_b"), "`arn:aws:iam::1:role/a_b`");
        assert_eq!(code("a`b|c"), "<code>a&#96;b&#124;c</code>");
        assert_eq!(code("</code><b>\\"), "<code>&#60;&#47;code&#62;&#60;b&#62;&#92;</code>");
        assert_eq!(code("a\n# b\u{202e}"), "`a\u{fffd}# b\u{fffd}`");
        assert_eq!([code(""), code("  ")], ["-", "-"]);
        assert_eq!(code(&"x".repeat(400)).chars().count(), TEXT_LEN + 3);
    }
}
