//! The text of an error with its causes.

use std::error::Error;

/// Returns an error and its causes as one text, separated by colons.
///
/// The errors of this crate do not repeat their causes, but those of other crates do: a cause whose
/// text is already there is left out. Line breaks in causes become spaces.
///
/// ```
/// use std::io;
/// let error = io::Error::other("no such bucket");
/// assert_eq!(keytrail::model::error_chain(&error), "no such bucket");
/// ```
pub fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let raw = cause.to_string();
        let line = raw.split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.contains(&raw) && !text.contains(&line) {
            text = format!("{text}: {line}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Link>>,
    }

    fn link(text: &'static str, source: Option<Link>) -> Link {
        Link { text, source: source.map(Box::new) }
    }

    #[test]
    fn each_cause_is_named_once() {
        let error = link("cannot open", Some(link("no\nroute", Some(link("route", None)))));
        assert_eq!(error_chain(&error), "cannot open: no route");
        assert_eq!(error_chain(&link("alone", None)), "alone");
    }
}
