//! The reader as a serde deserializer: for values of which a record has few, and those that are rarely what they should be.

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::{GiveUp, Read, Reader};

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = GiveUp;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.skip_space() {
            b'"' => self.deserialize_str(visitor),
            b'{' => {
                self.descend()?;
                let value = visitor.visit_map(Items { reader: self, first: true })?;
                self.ascend(b'}')?;
                Ok(value)
            }
            b'[' => {
                self.descend()?;
                let value = visitor.visit_seq(Items { reader: self, first: true })?;
                self.ascend(b']')?;
                Ok(value)
            }
            b'n' => {
                self.literal("null")?;
                visitor.visit_unit()
            }
            b't' => {
                self.literal("true")?;
                visitor.visit_bool(true)
            }
            b'f' => {
                self.literal("false")?;
                visitor.visit_bool(false)
            }
            _ => self.number(visitor),
        }
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.plain_string() {
            Some(text) => visitor.visit_borrowed_str(text),
            None => visitor.visit_string(self.escaped_string()?),
        }
    }

    /// Any value, but of a number its text: what `lenient` asks for.
    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Read<V::Value> {
        match self.skip_space() {
            b'-' | b'0'..=b'9' => visitor.visit_borrowed_str(self.number_text()?),
            _ => self.deserialize_any(visitor),
        }
    }

    #[inline]
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.skip_value()?;
        visitor.visit_unit()
    }

    // Types of records ask for nothing else.
    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map struct enum identifier
    }
}

/// What stands in an object or an array, after its opening bracket.
struct Items<'r, 'de> {
    reader: &'r mut Reader<'de>,
    first: bool,
}

impl Items<'_, '_> {
    /// Passes the comma before an item that is not the first; false before the closing bracket.
    #[inline]
    fn advance(&mut self, close: u8) -> Read<bool> {
        let byte = self.reader.skip_space();
        if byte == close {
            return Ok(false); // a closing bracket after a comma is met by who reads the item
        }
        if !std::mem::take(&mut self.first) {
            self.reader.take(b',')?;
        }
        Ok(true)
    }
}

impl<'de> MapAccess<'de> for Items<'_, 'de> {
    type Error = GiveUp;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Read<Option<K::Value>> {
        if !self.advance(b'}')? {
            return Ok(None);
        }
        if self.reader.skip_space() != b'"' {
            return Err(GiveUp);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Read<V::Value> {
        self.reader.take(b':')?;
        seed.deserialize(&mut *self.reader)
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = GiveUp;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Read<Option<T::Value>> {
        if !self.advance(b']')? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}
