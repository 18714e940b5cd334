//! The reader as a serde deserializer, for values that are rare in a record or rarely of the
//! expected type.

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::{Fallback, FastResult, Reader};

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Fallback;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> FastResult<V::Value> {
        match self.skip_whitespace() {
            b'"' => self.deserialize_str(visitor),
            b'{' => {
                self.open_container()?;
                let value = visitor.visit_map(Items { reader: self, is_first: true })?;
                self.close_container(b'}')?;
                Ok(value)
            }
            b'[' => {
                self.open_container()?;
                let value = visitor.visit_seq(Items { reader: self, is_first: true })?;
                self.close_container(b']')?;
                Ok(value)
            }
            b'n' => {
                self.keyword("null")?;
                visitor.visit_unit()
            }
            b't' => {
                self.keyword("true")?;
                visitor.visit_bool(true)
            }
            b'f' => {
                self.keyword("false")?;
                visitor.visit_bool(false)
            }
            _ => self.number(visitor),
        }
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> FastResult<V::Value> {
        match self.plain_string() {
            Some(text) => visitor.visit_borrowed_str(text),
            None => visitor.visit_string(self.escaped_string()?),
        }
    }

    /// As `deserialize_any`, but a number is given as its text: `lenient::any_value` relies on it.
    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> FastResult<V::Value> {
        match self.skip_whitespace() {
            b'-' | b'0'..=b'9' => visitor.visit_borrowed_str(self.number_text()?),
            _ => self.deserialize_any(visitor),
        }
    }

    #[inline]
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> FastResult<V::Value> {
        self.skip_value()?;
        visitor.visit_unit()
    }

    // The types of records need no other methods.
    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map struct enum identifier
    }
}

/// The members of an object or the items of an array, after the opening bracket.
struct Items<'r, 'de> {
    reader: &'r mut Reader<'de>,
    /// No item has been read yet, so no comma is expected.
    is_first: bool,
}

impl Items<'_, '_> {
    /// Consumes the comma before an item that is not the first. Returns false at the closing
    /// bracket, which is not consumed.
    #[inline]
    fn has_next(&mut self, close: u8) -> FastResult<bool> {
        let byte = self.reader.skip_whitespace();
        if byte == close {
            return Ok(false); // after a comma, reading the next item fails on the bracket
        }
        if !std::mem::take(&mut self.is_first) {
            self.reader.require(b',')?;
        }
        Ok(true)
    }
}

impl<'de> MapAccess<'de> for Items<'_, 'de> {
    type Error = Fallback;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> FastResult<Option<K::Value>> {
        if !self.has_next(b'}')? {
            return Ok(None);
        }
        if self.reader.skip_whitespace() != b'"' {
            return Err(Fallback);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> FastResult<V::Value> {
        self.reader.require(b':')?;
        seed.deserialize(&mut *self.reader)
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Fallback;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> FastResult<Option<T::Value>> {
        if !self.has_next(b']')? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}
