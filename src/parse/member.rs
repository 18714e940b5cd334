//! The value of a JSON member, read into a field of a struct in two ways with the same result:
//! through serde, and with the fast reader.

use std::borrow::Cow;

use serde::de::{Deserialize, IgnoredAny, MapAccess};

use super::as_text::AsText;
use super::json::{FastResult, Reader, Surrogates};
use super::lenient::{ContextField, ContextValue, Flag, List, NameText, StrictText, TextField, TextMap};
use crate::model::Text;

/// A type that a JSON member can be read into.
pub(super) trait Member<'de>: Sized {
    /// Whether the value is used, so that a repeated member is worth reporting.
    const IS_USED: bool = true;

    /// Reads the value with any deserializer. `self` has its default value before.
    fn read_serde<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error>;

    /// Reads the value with the fast reader. `self` has its default value before.
    fn read_fast(&mut self, reader: &mut Reader<'de>) -> FastResult<()>;
}

/// Reads a JSON text into `target`, which has its default value before. After an error, `target`
/// may have any value.
pub(super) fn read_fast<'de>(text: &'de str, target: &mut impl Member<'de>) -> FastResult<Surrogates> {
    let mut reader = Reader::new(text);
    target.read_fast(&mut reader)?;
    reader.finish()
}

impl<'de> Member<'de> for Option<Text<'de>> {
    fn read_serde<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        *self = map.next_value::<TextField<'de>>()?.0;
        Ok(())
    }

    #[inline]
    fn read_fast(&mut self, reader: &mut Reader<'de>) -> FastResult<()> {
        match reader.plain_string() {
            Some(text) => *self = (!text.is_empty()).then_some(Cow::Borrowed(text)),
            None => *self = uncommon_text(reader)?,
        }
        Ok(())
    }
}

/// A text field whose value is not a plain string.
#[cold]
fn uncommon_text<'de>(reader: &mut Reader<'de>) -> FastResult<Option<Text<'de>>> {
    Ok(TextField::deserialize(reader)?.0)
}

/// The same for a text that says which key or who it was.
#[cold]
fn uncommon_name<'de>(reader: &mut Reader<'de>) -> FastResult<NameText<'de>> {
    NameText::deserialize(reader)
}

/// A value of an encryption context that is not a plain string.
#[cold]
fn uncommon_context_value<'de>(reader: &mut Reader<'de>) -> FastResult<Option<Text<'de>>> {
    Ok(ContextValue::deserialize(reader)?.0)
}

impl<'de> Member<'de> for NameText<'de> {
    fn read_serde<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        *self = map.next_value()?;
        Ok(())
    }

    #[inline]
    fn read_fast(&mut self, reader: &mut Reader<'de>) -> FastResult<()> {
        match reader.plain_string() {
            Some(text) => self.0 = (!text.is_empty()).then_some(Cow::Borrowed(text)),
            None => *self = uncommon_name(reader)?,
        }
        Ok(())
    }
}

impl<'de> Member<'de> for StrictText<'de> {
    fn read_serde<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        *self = map.next_value()?;
        Ok(())
    }

    #[inline]
    fn read_fast(&mut self, reader: &mut Reader<'de>) -> FastResult<()> {
        self.0 = reader.string_or_skip()?.filter(|text| !text.is_empty());
        Ok(())
    }
}

impl<'de> Member<'de> for TextField<'de> {
    fn read_serde<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        self.0.read_serde(map)
    }

    fn read_fast(&mut self, reader: &mut Reader<'de>) -> FastResult<()> {
        self.0.read_fast(reader)
    }
}

impl<'de> Member<'de> for Option<TextMap<'de>> {
    fn read_serde<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        *self = map.next_value::<ContextField<'de>>()?.0;
        Ok(())
    }

    fn read_fast(&mut self, reader: &mut Reader<'de>) -> FastResult<()> {
        if !reader.begin_object() {
            *self = TextMap::in_place_of_object(AsText::read_fast(reader)?);
            return Ok(());
        }
        let start = reader.position();
        let (mut pairs, mut all_plain) = (Vec::new(), true);
        let mut more = reader.has_first_member();
        while more {
            let name = reader.member_name()?;
            let value = match reader.plain_string() {
                Some(text) => Some(Cow::Borrowed(text)),
                None => {
                    all_plain = false;
                    uncommon_context_value(reader)?
                }
            };
            pairs.push((name, value));
            more = reader.has_next_member()?;
        }
        let spelling = reader.text_since(start).filter(|_| all_plain);
        *self = Some(TextMap::new(pairs, spelling));
        Ok(())
    }
}

impl<'de, T: Member<'de> + Deserialize<'de> + Default> Member<'de> for List<T> {
    fn read_serde<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        *self = map.next_value()?;
        Ok(())
    }

    fn read_fast(&mut self, reader: &mut Reader<'de>) -> FastResult<()> {
        if !reader.begin_array() {
            self.1 = AsText::read_fast(reader)?;
            return Ok(());
        }
        let mut more = reader.has_first_item();
        while more {
            let mut item = T::default();
            item.read_fast(reader)?;
            self.0.push(item);
            more = reader.has_next_item()?;
        }
        Ok(())
    }
}

/// Implements [`Member`] for types that both ways read through serde.
macro_rules! impl_member_by_serde {
    ($($ty:ty),*) => {$(
        impl<'de> Member<'de> for $ty {
            fn read_serde<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
                *self = map.next_value()?;
                Ok(())
            }

            fn read_fast(&mut self, reader: &mut Reader<'de>) -> FastResult<()> {
                *self = Self::deserialize(reader)?;
                Ok(())
            }
        }
    )*};
}
pub(super) use impl_member_by_serde;

impl<'de> Member<'de> for Flag {
    fn read_serde<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        *self = map.next_value()?;
        Ok(())
    }

    #[inline]
    fn read_fast(&mut self, reader: &mut Reader<'de>) -> FastResult<()> {
        match reader.plain_string() {
            Some(text) => *self = Self::of(Some(text)),
            None => *self = Self::deserialize(reader)?,
        }
        Ok(())
    }
}

/// A member whose value is not used. It is listed because it is common in records: the fast reader
/// then recognizes its name with one comparison.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ignored;

impl<'de> Member<'de> for Ignored {
    const IS_USED: bool = false;

    fn read_serde<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        map.next_value::<IgnoredAny>().map(drop)
    }

    #[inline]
    fn read_fast(&mut self, reader: &mut Reader<'de>) -> FastResult<()> {
        reader.skip_value()
    }
}
