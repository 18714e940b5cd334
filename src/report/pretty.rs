//! JSON with a line for each member.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::text::printable_json;

/// Levels from which lines are no longer indented further: a text of brackets alone would otherwise
/// grow with its square.
const MAX_INDENT: usize = 64;

/// JSON with a line for each member and element. Nothing else changes: members stay in their order,
/// repeated ones are all there, and numbers have all their digits. What could control a terminal or
/// deceive a reader is escaped. `None` if the text is not JSON.
pub fn pretty_json(json: &[u8]) -> Option<String> {
    let text = str::from_utf8(json).ok()?;
    let mut values = serde_json::Deserializer::from_str(text);
    IgnoredAny::deserialize(&mut values).and_then(|_| values.end()).ok()?;
    let mut pretty = String::with_capacity(text.len() * 3 / 2);
    let mut depth = 0usize;
    let mut is_in_text = false;
    let mut is_escaped = false;
    let mut chars = text.chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).peekable();
    while let Some(c) = chars.next() {
        if is_in_text {
            pretty.push(c);
            is_in_text = is_escaped || c != '"';
            is_escaped = c == '\\' && !is_escaped;
            continue;
        }
        match c {
            ' ' => {}
            '{' | '[' => {
                pretty.push(c);
                while chars.next_if_eq(&' ').is_some() {}
                if let Some(end) = chars.next_if(|next| matches!(next, '}' | ']')) {
                    pretty.push(end);
                } else {
                    depth += 1;
                    new_line(&mut pretty, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut pretty, depth);
                pretty.push(c);
            }
            ',' => {
                pretty.push(c);
                new_line(&mut pretty, depth);
            }
            ':' => pretty.push_str(": "),
            _ => {
                is_in_text = c == '"';
                pretty.push(c);
            }
        }
    }
    Some(printable_json(&pretty).into_owned())
}

fn new_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth.min(MAX_INDENT)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn it_looks_as_usual() {
        let values = [
            json!({"a": {"b": [1, "x, y: {z}", []], "c": {}}, "d": "\\\"", "e": [[1], {}], "f": null}),
            json!([]),
            json!("text"),
            json!({"\\": "\"{", "k": -1.5e300}),
        ];
        for value in values {
            let expected = serde_json::to_string_pretty(&value).unwrap();
            assert_eq!(pretty_json(value.to_string().as_bytes()).unwrap(), expected);
            assert_eq!(pretty_json(expected.as_bytes()).unwrap(), expected);
        }
    }

    #[test]
    fn nothing_is_lost_and_nothing_deceives() {
        let json = "{\"a\": 1.00000000000000000000001, \"a\": \"\u{202e}x\u{9b}\", \"b\":\t[ ] }";
        let pretty = pretty_json(json.as_bytes()).unwrap();
        assert_eq!(
            pretty,
            "{\n  \"a\": 1.00000000000000000000001,\n  \"a\": \"\\u202ex\\u009b\",\n  \"b\": []\n}"
        );
        for bad in [&b"{"[..], b"{} x", b"\xff", b"\"\x1b\"", b""] {
            assert_eq!(pretty_json(bad), None);
        }
        let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
        if let Some(pretty) = pretty_json(deep.as_bytes()) {
            assert!(pretty.len() < 50_000 * 2 * (2 * MAX_INDENT + 2));
        }
        let _: Value = serde_json::from_str(&pretty_json(b"[1,[2,[3]]]").unwrap()).unwrap();
    }
}
