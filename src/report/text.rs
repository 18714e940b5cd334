//! Values as text for people.

use std::borrow::Cow;

use super::cell::Cell;
use crate::model::EventTime;
pub(super) use crate::model::number;

/// The text with control characters replaced, and with characters that change the direction of
/// text or are not seen: a caller chooses the names in its records, and they must not be able to
/// control the terminal, or to look like other names.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_invisible(c) { '\u{FFFD}' } else { c }).collect()
}

/// JSON text, with the same characters escaped: as `\\u202e`. Programs read the same as before, and
/// a person who looks at it is not deceived.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    // What is no ASCII stands in texts only, and JSON has no control characters in texts but DEL.
    let is_odd = |c: char| c == '\u{7f}' || !c.is_ascii() && (c.is_control() || is_invisible(c));
    if !json.contains(is_odd) {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_odd(c) {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04x}")));
        } else {
            text.push(c);
        }
    }
    Cow::Owned(text)
}

/// The same for a text of several lines, which stay lines.
pub fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// Characters that show nothing, or change the direction of text: with them, a name looks like
/// another. They are Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt: joiners,
/// marks of direction, variation selectors, fillers of Hangul, tags), and three kinds that are
/// not in it: separators of lines and paragraphs, interlinear annotations, and the blank of
/// Braille.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// A space at which [`wrap`] does not break a line.
pub(super) const NO_BREAK: char = '\u{a0}';

/// `text` in lines of at most `width` characters, broken between words. Lines after the first
/// begin with `indent` spaces, and the first has `indent` characters before it already. A word that
/// is longer than a line is left whole.
pub(super) fn wrap(text: &str, width: Option<u16>, indent: usize) -> String {
    let Some(width) = width.map(usize::from) else { return text.replace(NO_BREAK, " ") };
    let mut wrapped = String::with_capacity(text.len());
    let mut column = indent;
    for word in text.split(' ') {
        let len = word.chars().count();
        if column > indent && column + 1 + len > width {
            wrapped.push('\n');
            wrapped.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if column > indent {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(&word.replace(NO_BREAK, " "));
        column += len;
    }
    wrapped
}

/// A cell as text; empty for null.
pub(super) fn cell_text(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Text(text) => text.to_string(),
        Cell::Int(n) => n.to_string(),
        Cell::Time(time) => time.to_rfc3339(),
        Cell::Bool(value) => value.to_string(),
        Cell::Date(day) => date_text(*day),
    }
}

/// `2026-01-31`, of a day since the epoch.
pub(super) fn date_text(day: i32) -> String {
    let date = chrono::NaiveDate::from_epoch_days(day);
    date.map_or_else(|| day.to_string(), |date| date.to_string())
}

/// To the second: CloudTrail's times are no more precise.
pub(super) fn time_to_seconds(time: EventTime) -> String {
    time.to_rfc3339().replace(".000Z", "Z")
}

/// `14.3 MiB`
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_deceives_the_eye_is_replaced() {
        let odd = "\u{1b}\u{9b}\u{7f}\u{ad}\u{34f}\u{61c}\u{115f}\u{1160}\u{17b4}\u{17b5}\u{180b}\u{180f}\
                   \u{200b}\u{2028}\u{202e}\u{2066}\u{2800}\u{3164}\u{fe00}\u{fe0f}\u{feff}\u{ffa0}\u{fff0}\
                   \u{fff9}\u{fffa}\u{fffb}\u{1bca0}\u{1d173}\u{e0041}\u{e0100}";
        for odd in odd.chars() {
            assert_eq!(printable(&format!("a{odd}b")), "a\u{fffd}b", "{odd:?}");
        }
        assert_eq!(
            printable("müller-用户\u{3000}\u{ac00}\u{ffa1}\u{2801}"),
            "müller-用户\u{3000}\u{ac00}\u{ffa1}\u{2801}"
        );
    }

    #[test]
    fn json_means_the_same_and_does_not_deceive() {
        let value = serde_json::json!({"müller\u{202e}": ["\u{1b}[31m", "\u{9b}\u{7f}\u{e0041}\n用户"]});
        for json in [value.to_string(), format!("{value:#}")] {
            let shown = printable_json(&json);
            assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
            assert!(shown.contains("\\u202e") && shown.contains("\\udb40\\udc41"), "{shown}");
            assert_eq!(printable_lines(&shown), shown);
        }
        assert!(matches!(printable_json("{\"用户\": 1}"), Cow::Borrowed(_)));
    }

    #[test]
    fn numbers_and_sizes_are_readable() {
        assert_eq!(
            [number(0), number(999), number(1000), number(1_234_567)],
            ["0", "999", "1,000", "1,234,567"]
        );
        let sizes = [size(1023), size(1536), size(15 << 20)];
        assert_eq!(sizes, ["1023 bytes", "1.5 KiB", "15.0 MiB"]);
    }

    #[test]
    fn text_is_broken_between_words() {
        let text = "one two three aVeryLongWord x";
        assert_eq!(wrap(text, None, 2), text);
        assert_eq!(wrap(text, Some(10), 2), "one two\n  three\n  aVeryLongWord\n  x");
        assert_eq!(wrap("one\u{a0}two three\u{a0}x", Some(14), 0), "one two\nthree x");
    }

    #[test]
    fn names_in_records_cannot_control_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\u{9b}c\nd"), "a\u{FFFD}[31mb\u{FFFD}c\u{FFFD}d");
    }
}
