//! A fast JSON reader for records: a serde deserializer that accepts only what serde_json accepts.
//!
//! The one exception is numbers outside the range of an `f64` (`1e400`): serde_json rejects them,
//! this reader accepts them as text. For everything that is wrong, or merely rare (values nested
//! more than 64 deep), it stops with [`Fallback`]. The caller then reads the text with serde_json,
//! which decides and words the error. So this reader may accept less than serde_json, but never
//! more. Deliberately absent: error positions, error messages, configuration.

mod de;
mod scan;

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, Visitor};

use scan::plain_end;

/// What the reader knows about the surrogate escapes of a text that it has read to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Surrogates {
    /// There are none.
    Absent,
    /// There are some, and they may be unpaired: this reader does not check.
    Unchecked,
}

/// Whether `text` needs no escapes in JSON.
pub(super) fn is_plain(text: &str) -> bool {
    plain_end(text.as_bytes(), 0).is_none()
}

/// The text must be read with serde_json instead.
#[derive(Debug)]
pub(super) struct Fallback;

impl fmt::Display for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not read by the fast reader")
    }
}

impl std::error::Error for Fallback {}

impl Error for Fallback {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// A result of the fast reader.
pub(super) type FastResult<T> = Result<T, Fallback>;

/// How many containers may be open around a value. While a value is skipped, each of them is one
/// bit of a `u64`.
const MAX_DEPTH: u32 = u64::BITS;

/// Reads a JSON text from start to end.
pub(super) struct Reader<'de> {
    text: &'de str,
    /// Byte offset of the next byte to read.
    pos: usize,
    /// How many containers are open that are deserialized into general values. Only those need a
    /// limit: values are skipped without recursion, and structs nest a handful deep.
    depth: u32,
    surrogates: Surrogates,
}

impl<'de> Reader<'de> {
    pub(super) fn new(text: &'de str) -> Self {
        Self { text, pos: 0, depth: 0, surrogates: Surrogates::Absent }
    }

    /// Call after the one value of the text: only white space may follow.
    pub(super) fn finish(mut self) -> FastResult<Surrogates> {
        self.skip_whitespace();
        if self.pos == self.text.len() { Ok(self.surrogates) } else { Err(Fallback) }
    }

    fn bytes(&self) -> &'de [u8] {
        self.text.as_bytes()
    }

    /// The next byte. At the end it is NUL, which no JSON token contains.
    #[inline]
    fn peek(&self) -> u8 {
        self.bytes().get(self.pos).copied().unwrap_or(0)
    }

    /// Skips white space and returns the byte after it, which is not consumed.
    #[inline]
    fn skip_whitespace(&mut self) -> u8 {
        let byte = self.peek();
        // CloudTrail writes no white space, so one comparison is nearly always enough.
        if byte > b' ' { byte } else { self.skip_some_whitespace() }
    }

    #[cold]
    fn skip_some_whitespace(&mut self) -> u8 {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.pos += 1;
        }
        self.peek()
    }

    /// Consumes `byte` after white space; it must be there.
    #[inline]
    fn require(&mut self, byte: u8) -> FastResult<()> {
        if self.skip_whitespace() != byte {
            return Err(Fallback);
        }
        self.pos += 1;
        Ok(())
    }

    /// Consumes the opening bracket at the current position.
    fn open_container(&mut self) -> FastResult<()> {
        if self.depth == MAX_DEPTH {
            return Err(Fallback);
        }
        self.depth += 1;
        self.pos += 1;
        Ok(())
    }

    fn close_container(&mut self, bracket: u8) -> FastResult<()> {
        self.depth -= 1;
        self.require(bracket)
    }

    /// Consumes `true`, `false` or `null`, of which the first byte is known to be there.
    fn keyword(&mut self, word: &str) -> FastResult<()> {
        if !self.bytes().get(self.pos..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            return Err(Fallback);
        }
        self.pos += word.len();
        Ok(())
    }

    /// Reads a string without escapes. Consumes nothing when the value is another one.
    #[inline]
    pub(super) fn plain_string(&mut self) -> Option<&'de str> {
        if self.skip_whitespace() != b'"' {
            return None;
        }
        let start = self.pos + 1;
        let end = plain_end(self.bytes(), start)?;
        if self.bytes().get(end) != Some(&b'"') {
            return None;
        }
        self.pos = end + 1;
        self.text.get(start..end)
    }

    /// Reads a string; any other value is skipped and gives `None`.
    pub(super) fn string_or_skip(&mut self) -> FastResult<Option<Cow<'de, str>>> {
        if let Some(text) = self.plain_string() {
            return Ok(Some(Cow::Borrowed(text)));
        }
        match self.skip_whitespace() {
            b'"' => Ok(Some(Cow::Owned(self.escaped_string()?))),
            _ => self.skip_value().map(|()| None),
        }
    }

    /// Reads a string with escapes, which serde_json decodes.
    #[cold]
    fn escaped_string(&mut self) -> FastResult<String> {
        self.require(b'"')?;
        let start = self.pos - 1;
        self.pos = start;
        self.skip_string()?;
        let quoted = self.text.get(start..self.pos).ok_or(Fallback)?;
        serde_json::from_str(quoted).map_err(|_| Fallback)
    }

    /// Skips the string whose opening quote is at the current position.
    #[inline]
    fn skip_string(&mut self) -> FastResult<()> {
        self.pos += 1;
        loop {
            self.pos = plain_end(self.bytes(), self.pos).ok_or(Fallback)?;
            match self.peek() {
                b'"' => {
                    self.pos += 1;
                    return Ok(());
                }
                b'\\' => self.skip_escape()?,
                _ => return Err(Fallback),
            }
        }
    }

    fn skip_escape(&mut self) -> FastResult<()> {
        match self.bytes().get(self.pos + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.pos += 2,
            Some(b'u') => {
                let digits = self.bytes().get(self.pos + 2..self.pos + 6).ok_or(Fallback)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(Fallback);
                }
                if matches!(digits.first(), Some(b'd' | b'D')) {
                    self.surrogates = Surrogates::Unchecked;
                }
                self.pos += 6;
            }
            _ => return Err(Fallback),
        }
        Ok(())
    }

    fn skip_digits(&mut self) -> FastResult<()> {
        let start = self.pos;
        while self.peek().is_ascii_digit() {
            self.pos += 1;
        }
        if self.pos > start { Ok(()) } else { Err(Fallback) }
    }

    fn skip_number(&mut self) -> FastResult<()> {
        if self.peek() == b'-' {
            self.pos += 1;
        }
        if self.peek() == b'0' {
            self.pos += 1;
        } else {
            self.skip_digits()?;
        }
        if self.peek() == b'.' {
            self.pos += 1;
            self.skip_digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.pos += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.pos += 1;
            }
            self.skip_digits()?;
        }
        Ok(())
    }

    /// Reads the number at the current position, as it is spelled.
    fn number_text(&mut self) -> FastResult<&'de str> {
        let start = self.pos;
        self.skip_number()?;
        self.text.get(start..self.pos).ok_or(Fallback)
    }

    /// Reads the whole number at the current position. Other numbers are rare where a numeric value
    /// is needed, and hard to convert exactly: serde_json reads them.
    fn number<V: Visitor<'de>>(&mut self, visitor: V) -> FastResult<V::Value> {
        let digits = self.number_text()?;
        match (digits.parse::<u64>(), digits.parse::<i64>()) {
            (Ok(number), _) => visitor.visit_u64(number),
            (_, Ok(number)) if number < 0 => visitor.visit_i64(number),
            _ => Err(Fallback),
        }
    }

    /// Consumes `token` if it is next, exactly as given and without white space before it.
    #[inline]
    pub(super) fn eat(&mut self, token: &str) -> bool {
        let is_next = self.bytes().get(self.pos..).is_some_and(|rest| rest.starts_with(token.as_bytes()));
        if is_next {
            self.pos += token.len();
        }
        is_next
    }

    /// Skips one value and returns its text.
    pub(super) fn value_text(&mut self) -> FastResult<&'de str> {
        self.skip_whitespace();
        let start = self.pos;
        self.skip_value()?;
        self.text.get(start..self.pos).ok_or(Fallback)
    }

    /// The current position, for [`Self::text_since`].
    pub(super) fn position(&self) -> usize {
        self.pos
    }

    /// The text from the opening bracket just before `position` to the current position.
    pub(super) fn text_since(&self, position: usize) -> Option<&'de str> {
        self.text.get(position.checked_sub(1)?..self.pos)
    }

    /// Consumes `byte` after white space, if it is next.
    #[inline]
    fn eat_byte(&mut self, byte: u8) -> bool {
        let is_next = self.skip_whitespace() == byte;
        self.pos += usize::from(is_next);
        is_next
    }

    /// Consumes the opening brace of an object, if that is next.
    #[inline]
    pub(super) fn begin_object(&mut self) -> bool {
        self.eat_byte(b'{')
    }

    /// After an opening brace: whether the object has a member. If not, its closing brace is
    /// consumed.
    #[inline]
    pub(super) fn has_first_member(&mut self) -> bool {
        !self.eat_byte(b'}')
    }

    /// After a member: whether another follows. The comma or the closing brace is consumed.
    #[inline]
    pub(super) fn has_next_member(&mut self) -> FastResult<bool> {
        self.comma_or_close(b'}')
    }

    /// Consumes the opening bracket of an array, if that is next.
    #[inline]
    pub(super) fn begin_array(&mut self) -> bool {
        self.eat_byte(b'[')
    }

    /// As [`Self::has_first_member`], for an array.
    #[inline]
    pub(super) fn has_first_item(&mut self) -> bool {
        !self.eat_byte(b']')
    }

    /// As [`Self::has_next_member`], for an array.
    #[inline]
    pub(super) fn has_next_item(&mut self) -> FastResult<bool> {
        self.comma_or_close(b']')
    }

    #[inline]
    fn comma_or_close(&mut self, close: u8) -> FastResult<bool> {
        let byte = self.skip_whitespace();
        self.pos += 1;
        if byte == b',' {
            self.skip_whitespace();
            return Ok(true);
        }
        if byte == close { Ok(false) } else { Err(Fallback) }
    }

    /// Reads a member's name and consumes its colon.
    pub(super) fn member_name(&mut self) -> FastResult<Cow<'de, str>> {
        let name = match self.plain_string() {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(self.escaped_string()?),
        };
        self.require(b':')?;
        Ok(name)
    }

    /// Skips a member's name and its colon.
    #[inline]
    fn skip_member_name(&mut self) -> FastResult<()> {
        if self.skip_whitespace() != b'"' {
            return Err(Fallback);
        }
        self.skip_string()?;
        self.require(b':')
    }

    /// Skips one value, checking its syntax as strictly as if it were read.
    pub(super) fn skip_value(&mut self) -> FastResult<()> {
        if self.skip_whitespace() == b'"' {
            return self.skip_string(); // most values are strings
        }
        // The containers that are open: their number, and one bit for each, set for objects. The
        // lowest bit is the innermost container.
        let (mut depth, mut objects) = (0u32, 0u64);
        loop {
            let byte = self.skip_whitespace();
            match byte {
                b'"' => self.skip_string()?,
                b'{' | b'[' => {
                    self.pos += 1;
                    if self.skip_whitespace() == byte + 2 {
                        self.pos += 1; // in ASCII, `}` and `]` are two after `{` and `[`
                    } else if depth == MAX_DEPTH {
                        return Err(Fallback);
                    } else {
                        depth += 1;
                        objects = objects << 1 | u64::from(byte == b'{');
                        if byte == b'{' {
                            self.skip_member_name()?;
                        }
                        continue;
                    }
                }
                b't' => self.keyword("true")?,
                b'f' => self.keyword("false")?,
                b'n' => self.keyword("null")?,
                _ => self.skip_number()?,
            }
            loop {
                if depth == 0 {
                    return Ok(());
                }
                let in_object = objects & 1 == 1;
                match self.skip_whitespace() {
                    b',' => {
                        self.pos += 1;
                        if in_object {
                            self.skip_member_name()?;
                        }
                        break;
                    }
                    b'}' if in_object => {}
                    b']' if !in_object => {}
                    _ => return Err(Fallback),
                }
                self.pos += 1;
                depth -= 1;
                objects >>= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests;
