//! JSON bytes → where a value ends; sans-I/O.
//!
//! A [`Splitter`] starts at the first byte of a JSON value and is fed the bytes as they come, cut anywhere. It knows only
//! quotes, escapes and depth: look-alike records inside strings or nested values cannot mislead it, and nothing is
//! validated here (the parser is strict on the records that matter). Deliberately absent: containers and their keys, which are
//! [`crate::unwrap`]'s business.

use memchr::memchr2;

/// Finds the end of one JSON value, resumable at every byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splitter {
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Inside an object or array: how many brackets are open, and whether inside a string.
    Nested { depth: u64, string: Option<Quoted> },
    /// Inside a top-level string.
    Quoted(Quoted),
    /// A number, `true`, `false`, `null`, or whatever stands in their place.
    Bare,
}

/// Inside a string: whether the previous byte was an unescaped backslash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Quoted {
    escaped: bool,
}

impl Quoted {
    /// Runs to the closing quote; returns the number of bytes up to and including it.
    fn close(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        if self.escaped && !bytes.is_empty() {
            self.escaped = false;
            at = 1;
        }
        loop {
            at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
            if bytes[at] == b'"' {
                return Some(at + 1);
            }
            if at + 1 == bytes.len() {
                self.escaped = true;
                return None;
            }
            at += 2;
        }
    }
}

impl Splitter {
    /// A splitter for the value that begins with `first`; feed it `first` and what follows.
    pub fn new(first: u8) -> Self {
        let kind = match first {
            b'{' | b'[' => Kind::Nested { depth: 0, string: None },
            b'"' => Kind::Quoted(Quoted { escaped: true }), // the opening quote itself closes nothing
            _ => Kind::Bare,
        };
        Self { kind }
    }

    /// Takes the next bytes of the value. `Some(n)`: the value ends after `n` of them. `None`: they all belong to it.
    ///
    /// A bare value ends before the first white space, comma, colon, quote or bracket; at the end of the input it ends there,
    /// which only the caller can know.
    pub fn advance(&mut self, bytes: &[u8]) -> Option<usize> {
        match &mut self.kind {
            Kind::Nested { depth, string } => advance_nested(depth, string, bytes),
            Kind::Quoted(quoted) => quoted.close(bytes),
            Kind::Bare => bytes.iter().position(|b| ends_bare(*b)),
        }
    }

    /// Whether the next byte belongs to a string.
    pub fn is_in_string(&self) -> bool {
        matches!(self.kind, Kind::Quoted(_) | Kind::Nested { string: Some(_), .. })
    }

    /// Whether the value may end where the input ends.
    pub fn may_end_here(&self) -> bool {
        self.kind == Kind::Bare
    }
}

fn advance_nested(depth: &mut u64, string: &mut Option<Quoted>, bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    if let Some(quoted) = string {
        at = quoted.close(bytes)?;
        *string = None;
    }
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => {
                let mut quoted = Quoted::default();
                match quoted.close(&bytes[at..]) {
                    Some(n) => at += n,
                    None => {
                        *string = Some(quoted);
                        return None;
                    }
                }
            }
            b'{' | b'[' => *depth += 1,
            b'}' | b']' => {
                *depth -= 1; // at least 1: the value began with a bracket and ends when they are even
                if *depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

fn ends_bare(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' | b'"' | b'{' | b'}' | b'[' | b']')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The end of the value at the start of `bytes`, in one piece.
    fn whole(bytes: &[u8]) -> Option<usize> {
        Splitter::new(bytes[0]).advance(bytes)
    }

    #[test]
    fn ends_where_the_value_ends() {
        for (text, end) in [
            (r#"{} "#, 2),
            (r#"{"a":"}"},"#, 9),
            (r#"{"a":"\"}"}]"#, 11),
            (r#"{"a":"\\"}]"#, 10),
            (r#"[[],[{}]],"#, 9),
            (r#""a\"b","#, 6),
            (r#""","#, 2),
            ("true,", 4),
            ("12.5e3]", 6),
        ] {
            assert_eq!(whole(text.as_bytes()), Some(end), "{text}");
        }
        for open in [r#"{"a":"#, r#"{"a":"}"#, r#""abc\""#, "[", "17"] {
            assert_eq!(whole(open.as_bytes()), None, "{open}");
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let text = prop::collection::vec(
            prop::sample::select(vec![
                "\"",
                "\\",
                "{",
                "}",
                "[",
                "]",
                ",",
                ":",
                "é",
                "\n",
                "a",
                "\u{1F511}",
                "\\u0022",
            ]),
            0..12,
        )
        .prop_map(|parts| parts.concat());
        let leaf = prop_oneof![
            text.clone().prop_map(serde_json::Value::from),
            any::<i64>().prop_map(serde_json::Value::from),
            any::<bool>().prop_map(serde_json::Value::from),
            Just(serde_json::Value::Null),
        ];
        leaf.prop_recursive(4, 24, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
                prop::collection::vec((text.clone(), inner), 0..5)
                    .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json_at_every_cut(value in json(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            let bytes = format!("{text},{{\"next\":1}}").into_bytes();
            prop_assert_eq!(whole(&bytes), Some(text.len()));
            for cut in 0..bytes.len() {
                let mut splitter = Splitter::new(bytes[0]);
                let end = splitter.advance(&bytes[..cut]).or_else(|| splitter.advance(&bytes[cut..]).map(|n| n + cut));
                prop_assert_eq!(end, Some(text.len()), "cut at {}", cut);
            }
        }
    }
}
