//! A strict JSON parser of the oracle's own: recursive descent, one function per production of RFC
//! 8259.
//!
//! It exists so that the product's JSON library is not its own judge. Numbers keep their text,
//! objects keep their members in record order, and looking a member up takes the last one of that
//! name.

#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// The reasons of `rejects.reason` that a parser can give.
pub type Reason = &'static str;
const SYNTAX: Reason = "json_syntax";
const UTF8: Reason = "invalid_utf8";
const SURROGATE: Reason = "lone_surrogate";

impl Json {
    /// A member of an object; the last one of that name wins. Anything that is not an object has no
    /// members.
    pub fn get(&self, name: &str) -> Option<&Json> {
        let Json::Object(members) = self else { return None };
        members.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// As `get`, but another spelling (ASCII case) will do when the exact one is not there.
    pub fn get_any_case(&self, name: &str) -> Option<&Json> {
        let Json::Object(members) = self else { return None };
        let other = || members.iter().rev().find(|(key, _)| key.eq_ignore_ascii_case(name));
        self.get(name).or_else(|| other().map(|(_, value)| value))
    }

    /// Follows member names inwards.
    pub fn at(&self, path: &[&str]) -> Option<&Json> {
        path.iter().try_fold(self, |value, name| value.get(name))
    }

    /// A text field: numbers and booleans are their text; null, arrays, objects and "" count as
    /// absent.
    pub fn text(&self) -> Option<String> {
        match self {
            Json::Text(text) if !text.is_empty() => Some(text.clone()),
            Json::Number(text) => Some(text.clone()),
            Json::Bool(value) => Some(value.to_string()),
            _ => None,
        }
    }

    pub fn text_at(&self, path: &[&str]) -> Option<String> {
        self.at(path)?.text()
    }

    /// As `text_at`, whatever the case of the names.
    pub fn text_at_any_case(&self, path: &[&str]) -> Option<String> {
        path.iter().try_fold(self, |value, name| value.get_any_case(name))?.text()
    }

    pub fn elements(&self) -> &[Json] {
        match self {
            Json::Array(elements) => elements,
            _ => &[],
        }
    }
}

/// Parses exactly one value with nothing but white space around it.
pub fn parse(bytes: &[u8]) -> Result<Json, Reason> {
    std::str::from_utf8(bytes).map_err(|_| UTF8)?;
    let mut parser = Parser { bytes, at: 0 };
    parser.space();
    let value = parser.value()?;
    parser.space();
    if parser.at == bytes.len() { Ok(value) } else { Err(SYNTAX) }
}

pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn need(&mut self, byte: u8) -> Result<(), Reason> {
        if self.take(byte) { Ok(()) } else { Err(SYNTAX) }
    }

    fn value(&mut self) -> Result<Json, Reason> {
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => Ok(Json::Text(self.string()?)),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(SYNTAX),
        }
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, Reason> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(SYNTAX);
        }
        self.at += word.len();
        Ok(value)
    }

    fn object(&mut self) -> Result<Json, Reason> {
        self.need(b'{')?;
        let mut members = Vec::new();
        self.space();
        if self.take(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.space();
            let name = self.string()?;
            self.space();
            self.need(b':')?;
            self.space();
            members.push((name, self.value()?));
            self.space();
            if self.take(b'}') {
                return Ok(Json::Object(members));
            }
            self.need(b',')?;
        }
    }

    fn array(&mut self) -> Result<Json, Reason> {
        self.need(b'[')?;
        let mut elements = Vec::new();
        self.space();
        if self.take(b']') {
            return Ok(Json::Array(elements));
        }
        loop {
            self.space();
            elements.push(self.value()?);
            self.space();
            if self.take(b']') {
                return Ok(Json::Array(elements));
            }
            self.need(b',')?;
        }
    }

    fn digits(&mut self) -> Result<(), Reason> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(SYNTAX) }
    }

    fn number(&mut self) -> Result<Json, Reason> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(Json::Number(String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned()))
    }

    fn string(&mut self) -> Result<String, Reason> {
        self.need(b'"')?;
        let mut out = Vec::new();
        loop {
            let byte = self.peek().ok_or(SYNTAX)?;
            self.at += 1;
            match byte {
                b'"' => return String::from_utf8(out).map_err(|_| UTF8),
                b'\\' => {
                    let letter = self.escape()?;
                    out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..=0x1f => return Err(SYNTAX),
                _ => out.push(byte),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Reason> {
        let byte = self.peek().ok_or(SYNTAX)?;
        self.at += 1;
        match byte {
            b'"' | b'\\' | b'/' => Ok(char::from(byte)),
            b'b' => Ok('\u{8}'),
            b'f' => Ok('\u{c}'),
            b'n' => Ok('\n'),
            b'r' => Ok('\r'),
            b't' => Ok('\t'),
            b'u' => self.unicode(),
            _ => Err(SYNTAX),
        }
    }

    /// After `\u`: one code unit, or two that make a surrogate pair.
    fn unicode(&mut self) -> Result<char, Reason> {
        let first = self.hex4()?;
        if !(0xd800..=0xdbff).contains(&first) {
            return char::from_u32(first).ok_or(SURROGATE); // a low surrogate alone has no character
        }
        if !self.bytes[self.at..].starts_with(b"\\u") {
            return Err(SURROGATE);
        }
        self.at += 2;
        let second = self.hex4()?;
        if !(0xdc00..=0xdfff).contains(&second) {
            return Err(SURROGATE);
        }
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)).ok_or(SURROGATE)
    }

    fn hex4(&mut self) -> Result<u32, Reason> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16)).ok_or(SYNTAX)?;
            unit = unit * 16 + digit;
            self.at += 1;
        }
        Ok(unit)
    }
}
