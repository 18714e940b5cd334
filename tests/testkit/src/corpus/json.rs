//! JSON as the generator writes it: members keep their order, numbers keep their text, and one
//! value can be written in several legal spellings. `serde_json::Value` does none of the three.

use std::borrow::Cow;

/// The name of a member: nearly always a literal.
pub type Name = Cow<'static, str>;

#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    /// Written as it stands: integers beyond 2^53, decimals longer than a double, whole records
    /// kept as text.
    Raw(String),
    Str(Cow<'static, str>),
    Arr(Vec<Json>),
    Obj(Vec<(Name, Json)>),
}

/// An object with the members in the order given.
macro_rules! obj {
    ($($name:expr => $value:expr),* $(,)?) => {
        Json::Obj(vec![$((std::borrow::Cow::from($name), Json::from($value))),*])
    };
}

/// An array.
macro_rules! arr {
    ($($value:expr),* $(,)?) => {
        Json::Arr(vec![$(Json::from($value)),*])
    };
}

pub(crate) use {arr, obj};

impl From<&'static str> for Json {
    fn from(text: &'static str) -> Self {
        Json::Str(Cow::Borrowed(text))
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Json::Str(Cow::Owned(text))
    }
}

impl From<&String> for Json {
    fn from(text: &String) -> Self {
        Json::Str(Cow::Owned(text.clone()))
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Json::Bool(value)
    }
}

impl From<i64> for Json {
    fn from(value: i64) -> Self {
        Json::Raw(value.to_string())
    }
}

impl From<Vec<Json>> for Json {
    fn from(items: Vec<Json>) -> Self {
        Json::Arr(items)
    }
}

impl Json {
    /// Adds a member to an object; anything else becomes an object first, as `null` request
    /// parameters do.
    pub fn with(self, name: impl Into<Name>, value: impl Into<Json>) -> Self {
        let mut members = match self {
            Json::Obj(members) => members,
            _ => Vec::new(),
        };
        members.push((name.into(), value.into()));
        Json::Obj(members)
    }

    /// Compact text, nothing escaped that need not be: how CloudTrail writes.
    pub fn to_text(&self) -> String {
        let mut out = Vec::new();
        self.write(&mut out, Spelling::PLAIN);
        String::from_utf8(out).expect("only whole strings were written")
    }

    pub fn write(&self, out: &mut Vec<u8>, spelling: Spelling) {
        match self {
            Json::Null => out.extend_from_slice(b"null"),
            Json::Bool(true) => out.extend_from_slice(b"true"),
            Json::Bool(false) => out.extend_from_slice(b"false"),
            Json::Raw(text) => out.extend_from_slice(text.as_bytes()),
            Json::Str(text) => write_text(out, text, spelling.escapes),
            Json::Arr(items) => {
                write_list(out, spelling, *b"[]", items.iter(), |out, item| item.write(out, spelling))
            }
            Json::Obj(members) => write_list(out, spelling, *b"{}", members.iter(), |out, (name, value)| {
                // Names are left readable unless everything is escaped: an escaped name is the
                // rarer trap.
                let escapes = if spelling.escapes == Escapes::All { Escapes::All } else { Escapes::Needed };
                write_text(out, name, escapes);
                out.extend_from_slice(if spelling.spaced { b" : " } else { b":" });
                value.write(out, spelling);
            }),
        }
    }
}

fn write_list<T>(
    out: &mut Vec<u8>,
    spelling: Spelling,
    ends: [u8; 2],
    items: impl Iterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(ends[0]);
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        if spelling.spaced {
            out.extend_from_slice(b"\n\t ");
        }
        write(out, item);
    }
    if spelling.spaced {
        out.extend_from_slice(b" \r\n");
    }
    out.push(ends[1]);
}

/// How one value is written. Every spelling means the same to a JSON parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spelling {
    /// White space of all four kinds wherever JSON allows it.
    pub spaced: bool,
    pub escapes: Escapes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escapes {
    /// Quotes, backslashes and control characters only.
    Needed,
    /// Also `\/` and everything that is not ASCII (surrogate pairs beyond the basic plane).
    Ascii,
    /// Also the full stops: `kms.amazonaws\u002ecom`.
    Stops,
    /// Every character of every string, names too: `\u006b\u006d\u0073`.
    All,
}

impl Spelling {
    pub const PLAIN: Spelling = Spelling { spaced: false, escapes: Escapes::Needed };
    pub const SPACED: Spelling = Spelling { spaced: true, escapes: Escapes::Needed };
    pub const ASCII: Spelling = Spelling { spaced: false, escapes: Escapes::Ascii };
    pub const STOPS: Spelling = Spelling { spaced: true, escapes: Escapes::Stops };
    pub const ALL: Spelling = Spelling { spaced: false, escapes: Escapes::All };
}

fn write_text(out: &mut Vec<u8>, text: &str, escapes: Escapes) {
    out.push(b'"');
    if escapes == Escapes::Needed && text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        out.extend_from_slice(text.as_bytes());
    } else {
        for c in text.chars() {
            write_char(out, c, escapes);
        }
    }
    out.push(b'"');
}

fn write_char(out: &mut Vec<u8>, c: char, escapes: Escapes) {
    let whole = match escapes {
        Escapes::Needed => false,
        Escapes::Ascii => !c.is_ascii(),
        Escapes::Stops => !c.is_ascii() || c == '.',
        Escapes::All => true,
    };
    match c {
        _ if whole => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
            }
        }
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '/' if escapes == Escapes::Ascii => out.extend_from_slice(b"\\/"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\u{8}' => out.extend_from_slice(b"\\b"),
        '\u{c}' => out.extend_from_slice(b"\\f"),
        c if (c as u32) < 0x20 => out.extend_from_slice(format!("\\u{:04X}", c as u32).as_bytes()),
        c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}
