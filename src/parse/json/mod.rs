//! A fast reader for the JSON of records: a serde deserializer that accepts nothing serde_json would not, but for numbers that no
//! machine can hold.
//!
//! Whatever is wrong, or merely rare (values nested more than 64 deep), it gives up without saying why; the caller then asks
//! serde_json, which decides and words the error. So this reader may be as narrow as it likes, but never wider. Deliberately absent: positions, messages, configuration.

mod de;
mod scan;

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, Visitor};

use super::members::Member;
use scan::plain_end;

/// What a reader met in a text that it read to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Report {
    /// Escapes of surrogates, which may lack their partners: this reader does not look.
    pub(super) surrogates: bool,
}

/// Reads the one value that `text` is into its place, where the default stands, or gives up: then anything may stand there.
pub(super) fn read<'de>(text: &'de str, place: &mut impl Member<'de>) -> Read<Report> {
    let mut reader = Reader::new(text);
    place.read_here(&mut reader)?;
    reader.skip_space();
    if reader.at == text.len() { Ok(Report { surrogates: reader.surrogates }) } else { Err(GiveUp) }
}

/// Whether `text` stands in JSON as it is.
pub(super) fn is_plain(text: &str) -> bool {
    plain_end(text.as_bytes(), 0).is_none()
}

/// This text is for serde_json.
#[derive(Debug)]
pub(super) struct GiveUp;

impl fmt::Display for GiveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not read by the fast reader")
    }
}

impl std::error::Error for GiveUp {}

impl Error for GiveUp {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// What was read, unless the reader gave up.
pub(super) type Read<T> = Result<T, GiveUp>;

/// Containers that may be open around a value: while it is skipped, a bit for each.
const DEEPEST: u32 = u64::BITS;

/// A place in a text.
pub(super) struct Reader<'de> {
    text: &'de str,
    at: usize,
    /// Containers around it that are kept as general values: these alone can nest as they like. What is skipped is skipped
    /// without recursion, and structs nest a handful deep.
    depth: u32,
    surrogates: bool,
}

impl<'de> Reader<'de> {
    fn new(text: &'de str) -> Self {
        Self { text, at: 0, depth: 0, surrogates: false }
    }

    fn bytes(&self) -> &'de [u8] {
        self.text.as_bytes()
    }

    /// The byte at the reader's place; NUL, which is no JSON, at the end.
    #[inline]
    fn peek(&self) -> u8 {
        self.bytes().get(self.at).copied().unwrap_or(0)
    }

    /// The first byte that is no white space, from here on.
    #[inline]
    fn skip_space(&mut self) -> u8 {
        let byte = self.peek();
        // CloudTrail writes no white space: one comparison tells.
        if byte > b' ' { byte } else { self.skip_some_space() }
    }

    #[cold]
    fn skip_some_space(&mut self) -> u8 {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
        self.peek()
    }

    #[inline]
    fn take(&mut self, wanted: u8) -> Read<()> {
        if self.skip_space() != wanted {
            return Err(GiveUp);
        }
        self.at += 1;
        Ok(())
    }

    /// Passes an opening bracket.
    fn descend(&mut self) -> Read<()> {
        if self.depth == DEEPEST {
            return Err(GiveUp);
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    fn ascend(&mut self, close: u8) -> Read<()> {
        self.depth -= 1;
        self.take(close)
    }

    fn literal(&mut self, word: &str) -> Read<()> {
        if !self.bytes().get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            return Err(GiveUp);
        }
        self.at += word.len();
        Ok(())
    }

    /// The string whose opening quote is here, unless it has escapes or is none.
    #[inline]
    pub(super) fn plain_string(&mut self) -> Option<&'de str> {
        if self.skip_space() != b'"' {
            return None;
        }
        let start = self.at + 1;
        let end = plain_end(self.bytes(), start)?;
        if self.bytes().get(end) != Some(&b'"') {
            return None;
        }
        self.at = end + 1;
        self.text.get(start..end)
    }

    /// A string, if that is what follows; anything else is passed.
    pub(super) fn string(&mut self) -> Read<Option<Cow<'de, str>>> {
        if let Some(text) = self.plain_string() {
            return Ok(Some(Cow::Borrowed(text)));
        }
        match self.skip_space() {
            b'"' => Ok(Some(Cow::Owned(self.escaped_string()?))),
            _ => self.skip_value().map(|()| None),
        }
    }

    /// A string with escapes, in serde_json's reading.
    #[cold]
    fn escaped_string(&mut self) -> Read<String> {
        self.take(b'"')?;
        let start = self.at - 1;
        self.at = start;
        self.skip_string()?;
        let quoted = self.text.get(start..self.at).ok_or(GiveUp)?;
        serde_json::from_str(quoted).map_err(|_| GiveUp)
    }

    /// Passes the string whose opening quote is here.
    #[inline]
    fn skip_string(&mut self) -> Read<()> {
        self.at += 1;
        loop {
            self.at = plain_end(self.bytes(), self.at).ok_or(GiveUp)?;
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => self.skip_escape()?,
                _ => return Err(GiveUp),
            }
        }
    }

    fn skip_escape(&mut self) -> Read<()> {
        match self.bytes().get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = self.bytes().get(self.at + 2..self.at + 6).ok_or(GiveUp)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(GiveUp);
                }
                if matches!(digits.first(), Some(b'd' | b'D')) {
                    self.surrogates = true;
                }
                self.at += 6;
            }
            _ => return Err(GiveUp),
        }
        Ok(())
    }

    fn skip_digits(&mut self) -> Read<()> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(GiveUp) }
    }

    fn skip_number(&mut self) -> Read<()> {
        if self.peek() == b'-' {
            self.at += 1;
        }
        if self.peek() == b'0' {
            self.at += 1;
        } else {
            self.skip_digits()?;
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.skip_digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.skip_digits()?;
        }
        Ok(())
    }

    /// The number that begins here, as it is spelled.
    fn number_text(&mut self) -> Read<&'de str> {
        let start = self.at;
        self.skip_number()?;
        self.text.get(start..self.at).ok_or(GiveUp)
    }

    /// The whole number that begins here. Others are rare where numbers are wanted as such, and delicate: serde_json reads them.
    fn number<V: Visitor<'de>>(&mut self, visitor: V) -> Read<V::Value> {
        let digits = self.number_text()?;
        match (digits.parse::<u64>(), digits.parse::<i64>()) {
            (Ok(number), _) => visitor.visit_u64(number),
            (_, Ok(number)) if number < 0 => visitor.visit_i64(number),
            _ => Err(GiveUp),
        }
    }

    /// Passes `token` if it stands here.
    #[inline]
    pub(super) fn passes(&mut self, token: &str) -> bool {
        let here = self.bytes().get(self.at..).is_some_and(|rest| rest.starts_with(token.as_bytes()));
        if here {
            self.at += token.len();
        }
        here
    }

    /// Where the reader is, for [`Self::since`].
    pub(super) fn place(&self) -> usize {
        self.at
    }

    /// The text from the bracket just before `place` to here.
    pub(super) fn since(&self, place: usize) -> Option<&'de str> {
        self.text.get(place.checked_sub(1)?..self.at)
    }

    #[inline]
    fn enters(&mut self, open: u8) -> bool {
        let here = self.skip_space() == open;
        self.at += usize::from(here);
        here
    }

    /// Passes the opening brace of an object, if that is what follows.
    #[inline]
    pub(super) fn enters_object(&mut self) -> bool {
        self.enters(b'{')
    }

    /// Whether the object just entered has a member; passes its closing brace otherwise.
    #[inline]
    pub(super) fn has_member(&mut self) -> bool {
        !self.enters(b'}')
    }

    /// Behind a member: whether another follows; passes the comma or the closing brace.
    #[inline]
    pub(super) fn has_another(&mut self) -> Read<bool> {
        self.continues(b'}')
    }

    /// As [`Self::enters_object`], for an array.
    #[inline]
    pub(super) fn enters_array(&mut self) -> bool {
        self.enters(b'[')
    }

    #[inline]
    pub(super) fn has_item(&mut self) -> bool {
        !self.enters(b']')
    }

    #[inline]
    pub(super) fn has_another_item(&mut self) -> Read<bool> {
        self.continues(b']')
    }

    #[inline]
    fn continues(&mut self, close: u8) -> Read<bool> {
        let byte = self.skip_space();
        self.at += 1;
        if byte == b',' {
            self.skip_space();
            return Ok(true);
        }
        if byte == close { Ok(false) } else { Err(GiveUp) }
    }

    /// Passes a member's name and its colon.
    pub(super) fn key(&mut self) -> Read<Cow<'de, str>> {
        let key = match self.plain_string() {
            Some(key) => Cow::Borrowed(key),
            None => Cow::Owned(self.escaped_string()?),
        };
        self.take(b':')?;
        Ok(key)
    }

    /// Passes a member's name and its colon, not looking at it.
    #[inline]
    fn skip_name(&mut self) -> Read<()> {
        if self.skip_space() != b'"' {
            return Err(GiveUp);
        }
        self.skip_string()?;
        self.take(b':')
    }

    /// Passes one value, as strictly as if it were kept.
    pub(super) fn skip_value(&mut self) -> Read<()> {
        if self.skip_space() == b'"' {
            return self.skip_string(); // most are
        }
        // What is open around the value: how many, and a bit for each that is an object, the innermost lowest.
        let (mut depth, mut objects) = (0u32, 0u64);
        loop {
            let byte = self.skip_space();
            match byte {
                b'"' => self.skip_string()?,
                b'{' | b'[' => {
                    self.at += 1;
                    if self.skip_space() == byte + 2 {
                        self.at += 1; // `}` and `]` stand two behind their partners in ASCII
                    } else if depth == DEEPEST {
                        return Err(GiveUp);
                    } else {
                        depth += 1;
                        objects = objects << 1 | u64::from(byte == b'{');
                        if byte == b'{' {
                            self.skip_name()?;
                        }
                        continue;
                    }
                }
                b't' => self.literal("true")?,
                b'f' => self.literal("false")?,
                b'n' => self.literal("null")?,
                _ => self.skip_number()?,
            }
            loop {
                if depth == 0 {
                    return Ok(());
                }
                let in_object = objects & 1 == 1;
                match self.skip_space() {
                    b',' => {
                        self.at += 1;
                        if in_object {
                            self.skip_name()?;
                        }
                        break;
                    }
                    b'}' if in_object => {}
                    b']' if !in_object => {}
                    _ => return Err(GiveUp),
                }
                self.at += 1;
                depth -= 1;
                objects >>= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests;
