//! Objects and lists as DuckDB and Python print them: `{'type': AssumedRole, 'arn': 'arn:…'}`.
//!
//! Names are quoted. DuckDB quotes a text only where it must; Python quotes every text, with double
//! quotes if it contains a single one.

use serde_json::{Map, Value};

/// Maximum depth of nested values.
const MAX_DEPTH: u32 = 64;

/// Parses an object or a list in this notation; `None` when the text is something else.
pub fn parse_quoted(text: &str) -> Option<Value> {
    let text = text.trim();
    let mut parser = Parser { text, at: 0 };
    let value = parser.container(MAX_DEPTH)?;
    (parser.at == text.len()).then_some(value)
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_white_space(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Consumes `byte` after white space, if it comes next.
    fn accept(&mut self, byte: u8) -> bool {
        self.skip_white_space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn container(&mut self, depth: u32) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        if self.accept(b'[') {
            let mut items = Vec::new();
            while !self.accept(b']') {
                if !items.is_empty() && !self.accept(b',') {
                    return None;
                }
                items.push(self.value(depth)?);
            }
            return Some(Value::Array(items));
        }
        if !self.accept(b'{') {
            return None;
        }
        let mut members = Map::new();
        while !self.accept(b'}') {
            if !members.is_empty() && !self.accept(b',') {
                return None;
            }
            self.skip_white_space();
            let name = self.quoted()?;
            if !self.accept(b':') || members.insert(name, self.value(depth)?).is_some() {
                return None;
            }
        }
        Some(Value::Object(members))
    }

    fn value(&mut self, depth: u32) -> Option<Value> {
        self.skip_white_space();
        match self.peek()? {
            b'{' | b'[' => self.container(depth),
            b'\'' | b'"' => self.quoted().map(Value::String),
            _ => {
                let rest = &self.text[self.at..];
                let len = rest.find([',', '}', ']', '{', '['])?;
                self.at += len;
                Some(match rest[..len].trim() {
                    "NULL" | "None" | "null" => Value::Null,
                    "True" => Value::Bool(true),
                    "False" => Value::Bool(false),
                    text => text.into(),
                })
            }
        }
    }

    /// A text in single or double quotes, with backslash escapes.
    fn quoted(&mut self) -> Option<String> {
        let quote = self.peek().filter(|b| matches!(b, b'\'' | b'"'))?;
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = &self.text[self.at..];
            let stop = rest.find([char::from(quote), '\\'])?;
            text.push_str(&rest[..stop]);
            self.at += stop + 1;
            if rest.as_bytes()[stop] == quote {
                return Some(text);
            }
            let escaped = self.text[self.at..].chars().next()?;
            self.at += escaped.len_utf8();
            match escaped {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'r' => text.push('\r'),
                'x' => text.push(self.code(2)?),
                'u' => text.push(self.code(4)?),
                'U' => text.push(self.code(8)?),
                other => text.push(other),
            }
        }
    }

    /// The character that the next hexadecimal digits stand for.
    fn code(&mut self, digits: usize) -> Option<char> {
        let code = self.text.get(self.at..self.at + digits)?;
        self.at += digits;
        char::from_u32(u32::from_str_radix(code, 16).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_printers_are_read() {
        for (text, expected) in [
            ("{}", "{}"),
            ("[]", "[]"),
            ("{'a': b}", r#"{"a":"b"}"#),
            ("{'a': 'b, c}', 'd': NULL, 'e': 5}", r#"{"a":"b, c}","d":null,"e":"5"}"#),
            ("[{'a': b}, {'a': c}]", r#"[{"a":"b"},{"a":"c"}]"#),
            (r#"{'a': "it's", 'b': True, 'c': None}"#, r#"{"a":"it's","b":true,"c":null}"#),
            (r"{'a': 'it\'s \\ \xe9\u00e9'}", r#"{"a":"it's \\ éé"}"#),
            ("{'a': {'b': [x, y]}}", r#"{"a":{"b":["x","y"]}}"#),
        ] {
            let expected: Value = serde_json::from_str(expected).unwrap();
            assert_eq!(parse_quoted(text), Some(expected), "{text}");
        }
        for broken in ["", "text", "{a=b}", "@{a=b; c=d}", "{'a': b", "{'a': b} x", "{'a' b}", "{'a': 'b}"] {
            assert_eq!(parse_quoted(broken), None, "{broken}");
        }
        assert_eq!(parse_quoted(&"{'a': ".repeat(100_000)), None);
        assert_eq!(parse_quoted(&"[".repeat(100_000)), None);
    }
}
