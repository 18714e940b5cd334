//! An error and its causes on one line.

use std::error::Error;

/// The error's text followed by that of each of its causes, separated by colons. A cause whose
/// text is already there is left out.
pub(super) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        let cause_text = cause_text.trim_end();
        if !text.contains(cause_text) {
            text.push_str(": ");
            text.push_str(cause_text);
        }
        next = cause.source();
    }
    text
}
