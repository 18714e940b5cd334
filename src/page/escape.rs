//! How texts get into the page: the one place that all of them pass.

use std::fmt::{self, Write};

use askama::filters::{Escaper, Html};

use crate::report::printable;

/// Escapes HTML, and replaces what is not [`printable`], in whatever the templates write: a report
/// may be of anyone, and what stands in its columns need not be what keytrail writes there.
/// `askama.toml` names it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Printable;

impl Escaper for Printable {
    fn write_escaped_str<W: Write>(&self, out: W, text: &str) -> fmt::Result {
        match text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            true => Html.write_escaped_str(out, text),
            false => Html.write_escaped_str(out, &printable(text)),
        }
    }
}

/// Bytes that a text takes in the page.
pub(super) fn written_len(text: &str) -> usize {
    let mut length = Length(0);
    let _ = Printable.write_escaped_str(&mut length, text); // counting cannot fail
    length.0
}

struct Length(usize);

impl Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_what_is_not_seen_do_not_get_into_the_page() {
        for (text, expected) in [
            ("a<b>&\"'", "a&#60;b&#62;&#38;&#34;&#39;"),
            ("<\u{1b}[31m\n\u{202e}>", "&#60;\u{fffd}[31m\u{fffd}\u{fffd}&#62;"),
            ("キー", "キー"),
        ] {
            let mut written = String::new();
            Printable.write_escaped_str(&mut written, text).unwrap();
            assert_eq!(written, expected);
            assert_eq!(written_len(text), expected.len());
        }
    }
}
