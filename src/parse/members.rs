//! Structs of named JSON members: one table of fields, read in two ways to the same effect.
//!
//! [`members!`] makes of a table both a serde visitor, for any deserializer, and a reading by the fast reader, which knows the
//! order in which records have their members.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::json::{Read, Reader};
use super::lenient::{ContextValue, Field, Flag, List, Name, ObjectOfTexts, Texts};
use crate::model::Text;

/// A member's type: how it is read into its place in a struct, where the default value stands.
pub(super) trait Member<'de>: Sized {
    /// Whether it matters that it is given twice.
    const KEPT: bool = true;

    /// From any deserializer.
    fn read<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error>;

    /// From the fast reader, to the same effect.
    fn read_here(&mut self, reader: &mut Reader<'de>) -> Read<()>;
}

impl<'de> Member<'de> for Option<Text<'de>> {
    fn read<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        *self = map.next_value::<Field<'de>>()?.0;
        Ok(())
    }

    #[inline]
    fn read_here(&mut self, reader: &mut Reader<'de>) -> Read<()> {
        match reader.plain_string() {
            Some(text) => *self = (!text.is_empty()).then_some(Cow::Borrowed(text)),
            None => *self = other_text(reader)?,
        }
        Ok(())
    }
}

impl<'de> Member<'de> for Name<'de> {
    fn read<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        *self = map.next_value()?;
        Ok(())
    }

    #[inline]
    fn read_here(&mut self, reader: &mut Reader<'de>) -> Read<()> {
        self.0 = reader.string()?.filter(|text| !text.is_empty());
        Ok(())
    }
}

#[cold]
fn other_text<'de>(reader: &mut Reader<'de>) -> Read<Option<Text<'de>>> {
    Ok(Field::deserialize(reader)?.0)
}

#[cold]
fn other_value<'de>(reader: &mut Reader<'de>) -> Read<Option<Text<'de>>> {
    Ok(ContextValue::deserialize(reader)?.0)
}

impl<'de> Member<'de> for Field<'de> {
    fn read<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        self.0.read(map)
    }

    fn read_here(&mut self, reader: &mut Reader<'de>) -> Read<()> {
        self.0.read_here(reader)
    }
}

impl<'de> Member<'de> for Option<Texts<'de>> {
    fn read<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        *self = map.next_value::<ObjectOfTexts<'de>>()?.0;
        Ok(())
    }

    fn read_here(&mut self, reader: &mut Reader<'de>) -> Read<()> {
        if !reader.enters_object() {
            return reader.skip_value();
        }
        let start = reader.place();
        let (mut pairs, mut all_plain) = (Vec::new(), true);
        let mut more = reader.has_member();
        while more {
            let key = reader.key()?;
            let value = match reader.plain_string() {
                Some(text) => Some(Cow::Borrowed(text)),
                None => {
                    all_plain = false;
                    other_value(reader)?
                }
            };
            pairs.push((key, value));
            more = reader.has_another()?;
        }
        let spelling = reader.since(start).filter(|_| all_plain);
        *self = Some(Texts::new(pairs, spelling));
        Ok(())
    }
}

impl<'de, T: Member<'de> + Deserialize<'de> + Default> Member<'de> for List<T> {
    fn read<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        *self = map.next_value()?;
        Ok(())
    }

    fn read_here(&mut self, reader: &mut Reader<'de>) -> Read<()> {
        if !reader.enters_array() {
            return reader.skip_value();
        }
        let mut more = reader.has_item();
        while more {
            let mut item = T::default();
            item.read_here(reader)?;
            self.0.push(item);
            more = reader.has_another_item()?;
        }
        Ok(())
    }
}

/// Members whose two ways are one.
macro_rules! member {
    ($($ty:ty;)*) => {$(
        impl<'de> Member<'de> for $ty {
            fn read<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
                *self = map.next_value()?;
                Ok(())
            }

            fn read_here(&mut self, reader: &mut Reader<'de>) -> Read<()> {
                *self = Self::deserialize(reader)?;
                Ok(())
            }
        }
    )*};
}
pub(super) use member;

member! {
    Flag;
}

/// A member that nobody asks for, but that records have so often that it is worth to be known by its name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ignored;

impl<'de> Member<'de> for Ignored {
    const KEPT: bool = false;

    fn read<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        map.next_value::<IgnoredAny>().map(drop)
    }

    #[inline]
    fn read_here(&mut self, reader: &mut Reader<'de>) -> Read<()> {
        reader.skip_value()
    }
}

/// Which of a struct's members a key names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named {
    /// The member's place in the struct.
    pub(super) index: Option<usize>,
    /// It is spelled just as the struct has it.
    pub(super) is_exact: bool,
}

/// The names of a struct's members, to read a key as one of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    names: &'static [&'static str],
    /// A bit for each name, by its length and first letter: most keys that are none of them are told by those.
    marks: u64,
    any_case: bool,
}

/// One of 64 bits, the same in any case.
const fn mark(name: &[u8]) -> u64 {
    match name.first() {
        Some(first) => 1 << ((name.len() + 5 * (*first | 0x20) as usize) % 64),
        None => 0,
    }
}

impl Names {
    pub(super) const fn new(names: &'static [&'static str], any_case: bool) -> Self {
        let (mut marks, mut at) = (0, 0);
        while at < names.len() {
            marks |= mark(names[at].as_bytes()); // at compile time
            at += 1;
        }
        Self { names, marks, any_case }
    }

    /// The member that `key` names.
    pub(super) fn find(&self, key: &str) -> Named {
        if self.marks & mark(key.as_bytes()) == 0 {
            return Named { index: None, is_exact: true };
        }
        let index = self.names.iter().position(|name| *name == key);
        if index.is_none() && self.any_case {
            let index = self.names.iter().position(|name| name.eq_ignore_ascii_case(key));
            return Named { index, is_exact: false };
        }
        Named { index, is_exact: true }
    }
}

impl<'de> DeserializeSeed<'de> for Names {
    type Value = Named;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Named, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Names {
    type Value = Named;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }
    fn visit_str<E: Error>(self, key: &str) -> Result<Named, E> {
        Ok(self.find(key))
    }
}

/// Which members of a struct have been met, a bit for each.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Met {
    exact: u32,
    /// In another case.
    near: u32,
}

/// What to do with a member.
pub(super) enum Turn {
    First,
    /// It replaces what was read before.
    Again,
    /// An exact spelling has been met: this other one does not count.
    Passed,
}

impl Met {
    #[inline]
    pub(super) fn meet(&mut self, index: usize, is_exact: bool) -> Turn {
        let bit = 1u32 << index;
        let (again, passed) = ((self.exact | self.near) & bit != 0, !is_exact && self.exact & bit != 0);
        if is_exact {
            self.exact |= bit;
        } else if !passed {
            self.near |= bit;
        }
        match (again, passed) {
            (_, true) => Turn::Passed,
            (true, false) => Turn::Again,
            (false, false) => Turn::First,
        }
    }
}

/// Where a struct of members is read to: as it is large, it is not passed from hand to hand. It has the default value before.
pub(super) struct Place<'p, T>(pub(super) &'p mut T);

/// Declares a struct of named JSON members, read leniently.
///
/// `exact`: names are compared as they stand. `any_case`: ASCII case does not matter, but an exact spelling wins over another
/// (CloudTrail lowers first letters in more than one way). A value that is not an object gives the default.
macro_rules! members {
    (
        $(#[$meta:meta])*
        struct $name:ident ($case:ident) { $( $field:ident : $ty:ty = $json:literal ),* $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub(super) struct $name<'a> {
            $( pub(super) $field: $ty, )*
            /// A member that is kept was given twice.
            pub(super) repeated: bool,
            borrow: std::marker::PhantomData<&'a ()>,
        }

        impl<'a> $name<'a> {
            const KEPT: &'static [bool] = &[$( <$ty as Member<'a>>::KEPT ),*];
            const NAMES: Names = Names::new(&[$($json),*], members!(@any_case $case));

            /// Takes notice of a member that follows; true if its value counts.
            #[inline]
            fn begin(&mut self, met: &mut Met, index: usize, is_exact: bool) -> bool {
                let turn = met.meet(index, is_exact);
                if matches!(turn, Turn::First) {
                    return true;
                }
                self.repeated |= Self::KEPT.get(index) == Some(&true);
                if matches!(turn, Turn::Again) {
                    members!(@each self, index, 0usize, (|field| *field = Default::default()); $( $field ),*);
                    return true;
                }
                false
            }
        }

        impl<'de> Member<'de> for $name<'de> {
            fn read<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
                map.next_value_seed(Place(self))
            }

            fn read_here(&mut self, reader: &mut Reader<'de>) -> Read<()> {
                if !reader.enters_object() {
                    return reader.skip_value();
                }
                let mut met = Met::default();
                let mut more = reader.has_member();
                while more {
                    // In the order in which records have them: none of these costs more than a comparison.
                    members!(@in_order self, reader, met, more, 0usize; $( $field = $json ),*);
                    // Another order, another spelling, or another member.
                    let Named { index, is_exact } = Self::NAMES.find(&reader.key()?);
                    match index.filter(|index| self.begin(&mut met, *index, is_exact)) {
                        Some(index) => {
                            members!(@each self, index, 0usize, (|field| field.read_here(reader)?); $( $field ),*)
                        }
                        None => reader.skip_value()?,
                    }
                    more = reader.has_another()?;
                }
                Ok(())
            }
        }

        impl<'de> Deserialize<'de> for $name<'de> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let mut found = Self::default();
                Place(&mut found).deserialize(deserializer)?;
                Ok(found)
            }
        }

        impl<'de> DeserializeSeed<'de> for Place<'_, $name<'de>> {
            type Value = ();
            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
                any_value(deserializer, self)
            }
        }

        impl<'de> Visitor<'de> for Place<'_, $name<'de>> {
            type Value = ();
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("any JSON value")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
                let found = self.0;
                let mut met = Met::default();
                while let Some(Named { index, is_exact }) = map.next_key_seed($name::NAMES)? {
                    match index.filter(|index| found.begin(&mut met, *index, is_exact)) {
                        Some(index) => {
                            members!(@each found, index, 0usize, (|field| field.read(&mut map)?); $( $field ),*)
                        }
                        None => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(())
            }
            drain!(seq);
            drain!(str);
            drain!(scalars);
        }
    };
    (@any_case exact) => { false };
    (@any_case any_case) => { true };
    // Does something with the member at an index.
    (@each $struct:ident, $index:ident, $this:expr, (|$it:ident| $do:expr); $field:ident $(, $rest:ident )*) => {
        if $index == $this {
            let $it = &mut $struct.$field;
            $do
        } else {
            members!(@each $struct, $index, $this + 1, (|$it| $do); $( $rest ),*)
        }
    };
    (@each $struct:ident, $index:ident, $this:expr, (|$it:ident| $do:expr);) => {{}};
    // Reads the members that follow one another in the struct's order.
    (@in_order $struct:ident, $reader:ident, $met:ident, $more:ident, $this:expr;
        $field:ident = $json:literal $(, $rest:ident = $rest_json:literal )*
    ) => {
        if $reader.passes(concat!("\"", $json, "\":")) {
            $struct.begin(&mut $met, $this, true);
            $struct.$field.read_here($reader)?;
            $more = $reader.has_another()?;
            if !$more {
                break;
            }
        }
        members!(@in_order $struct, $reader, $met, $more, $this + 1; $( $rest = $rest_json ),*);
    };
    (@in_order $struct:ident, $reader:ident, $met:ident, $more:ident, $this:expr;) => {};
}
pub(super) use members;
