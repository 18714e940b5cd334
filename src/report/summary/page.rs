//! The page that the summary is written on, and how it may look.

use std::fmt::Write;

use crate::report::text::wrap;

/// How the text may look.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Style {
    /// Use terminal escapes for emphasis.
    pub color: bool,
    /// Width of the terminal, in characters, if it is one.
    pub width: Option<u16>,
}

impl Style {
    pub(in crate::report) fn bold(self, text: &str) -> String {
        if self.color { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(in crate::report) fn warn(self, text: &str) -> String {
        if self.color { format!("\x1b[33m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Where the values of lines begin.
pub(super) const LINE_INDENT: usize = 11;

/// The text written so far.
pub(super) struct Page {
    pub(super) text: String,
    pub(super) style: Style,
}

// Writing to a String cannot fail.
impl Page {
    pub(super) fn line(&mut self, name: &str, value: &str) {
        self.copyable(name, &wrap(value, self.style.width, LINE_INDENT));
    }

    /// A line whose value is to be copied: it is not broken.
    pub(super) fn copyable(&mut self, name: &str, value: &str) {
        let name = self.style.bold(&format!("{name:<width$}", width = LINE_INDENT - 1));
        let _ = writeln!(self.text, "{name} {value}");
    }

    pub(super) fn heading(&mut self, text: &str) {
        let _ = writeln!(self.text, "\n{}", self.style.bold(text));
    }

    pub(super) fn items(&mut self, items: Vec<String>) {
        for item in items {
            for (number, line) in item.lines().enumerate() {
                let indent = 4 + line.chars().take_while(|c| *c == ' ').count();
                let mark = if number == 0 { "  - ".to_owned() } else { " ".repeat(indent) };
                let text = wrap(line.trim_start(), self.style.width, indent);
                let _ = writeln!(self.text, "{mark}{text}");
            }
        }
    }
}
