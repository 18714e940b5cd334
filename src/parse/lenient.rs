//! Reading fields the way CloudTrail writes them: any of them may be missing, null, empty or of another type, and a field of an
//! unexpected type must not cost the event. JSON syntax itself stays strict.
//!
//! Names given twice: the last one wins, as in the AWS SDKs' parsers; the fact is kept in `repeated`.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::json::{self, Read, Reader};
use crate::event::Text;

/// Implements `Visitor` methods that drain a value nobody asked for.
macro_rules! drain {
    (seq) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    (map) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    (str) => {
        fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (scalars) => {
        fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
}
pub(super) use drain;

/// A key of an object: borrowed unless it has escapes.
#[derive(Debug)]
pub(super) struct Key<'a>(pub(super) Text<'a>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E: Error>(self, s: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(s)))
            }
            fn visit_str<E: Error>(self, s: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(s.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// A text field. Numbers and booleans are kept as their text; null, empty text, arrays and objects are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Field<'a>(pub(super) Option<Text<'a>>);

impl<'de> Deserialize<'de> for Field<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }
    fn visit_borrowed_str<E: Error>(self, s: &'de str) -> Result<Self::Value, E> {
        Ok(Field((!s.is_empty()).then_some(Cow::Borrowed(s))))
    }
    fn visit_str<E: Error>(self, s: &str) -> Result<Self::Value, E> {
        Ok(Field((!s.is_empty()).then(|| Cow::Owned(s.to_owned()))))
    }
    fn visit_bool<E: Error>(self, b: bool) -> Result<Self::Value, E> {
        Ok(Field(Some(Cow::Borrowed(if b { "true" } else { "false" }))))
    }
    fn visit_i64<E: Error>(self, n: i64) -> Result<Self::Value, E> {
        Ok(Field(Some(Cow::Owned(n.to_string()))))
    }
    fn visit_u64<E: Error>(self, n: u64) -> Result<Self::Value, E> {
        Ok(Field(Some(Cow::Owned(n.to_string()))))
    }
    fn visit_f64<E: Error>(self, n: f64) -> Result<Self::Value, E> {
        Ok(Field(Some(Cow::Owned(n.to_string()))))
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Field(None))
    }
    drain!(seq);
    drain!(map);
}

/// A boolean, also as its text: LookupEvents and Athena write `"true"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flag(pub(super) Option<bool>);

impl Flag {
    pub(super) fn is_true(self) -> bool {
        self.0 == Some(true)
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Field(text) = Field::deserialize(deserializer)?;
        Ok(Self(match text.as_deref() {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => None,
        }))
    }
}

/// An object's members that are texts, sorted by the bytes of their names, last of a repeated name only; anything else is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Texts<'a>(Vec<(Text<'a>, Text<'a>)>);

impl<'a> Texts<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&Text<'a>> {
        self.0.binary_search_by(|(key, _)| (**key).cmp(name)).ok().map(|at| &self.0[at].1)
    }

    /// Compact JSON text, keys sorted by their bytes.
    pub(super) fn to_json(&self) -> String {
        let length: usize = self.0.iter().map(|(key, value)| key.len() + value.len() + 6).sum();
        let mut json = String::with_capacity(length + 2);
        json.push('{');
        for (i, (key, value)) in self.0.iter().enumerate() {
            if i > 0 {
                json.push(',');
            }
            push_json_text(&mut json, key);
            json.push(':');
            push_json_text(&mut json, value);
        }
        json.push('}');
        json
    }
}

fn push_json_text(json: &mut String, text: &str) {
    if json::is_plain(text) {
        json.push('"');
        json.push_str(text);
        json.push('"');
    } else {
        json.push_str(&serde_json::Value::from(text).to_string());
    }
}

impl<'de> Deserialize<'de> for ObjectOfTexts<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextsVisitor<'a>(PhantomData<&'a ()>);
        impl<'de> Visitor<'de> for TextsVisitor<'de> {
            type Value = ObjectOfTexts<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any JSON value")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs: Vec<(Text<'de>, Text<'de>)> = Vec::new();
                while let Some((Key(key), Field(value))) = map.next_entry()? {
                    pairs.push((key, value.unwrap_or_default()));
                }
                // Of a repeated key the last: reversed, it is the first of its run, which is the one kept.
                pairs.reverse();
                pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
                pairs.dedup_by(|(later, _), (first, _)| later == first);
                Ok(ObjectOfTexts(Some(Texts(pairs))))
            }
            drain!(seq);
            drain!(str);
            drain!(scalars);
        }
        deserializer.deserialize_any(TextsVisitor(PhantomData))
    }
}

/// An object of texts, or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ObjectOfTexts<'a>(pub(super) Option<Texts<'a>>);

/// A list whose items are read one by one; anything but an array is an empty list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'a> List<Field<'a>> {
    /// The texts, comma-joined; `None` for an empty list.
    pub(super) fn joined(&self) -> Option<Text<'a>> {
        let mut texts = self.0.iter().filter_map(|f| f.0.as_ref());
        let mut joined = texts.next()?.clone();
        for text in texts {
            let joined = joined.to_mut();
            joined.push(',');
            joined.push_str(text);
        }
        Some(joined)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
            type Value = List<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any JSON value")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(List(items))
            }
            drain!(map);
            drain!(str);
            drain!(scalars);
        }
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

/// A member's type: how it is read into its place in a struct, where the default value stands.
pub(super) trait Member<'de>: Sized {
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
        *self = match reader.plain_string() {
            Some(text) => (!text.is_empty()).then_some(Cow::Borrowed(text)),
            None => Field::deserialize(reader)?.0,
        };
        Ok(())
    }
}

impl<'de> Member<'de> for Option<Texts<'de>> {
    fn read<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        *self = map.next_value::<ObjectOfTexts<'de>>()?.0;
        Ok(())
    }

    fn read_here(&mut self, reader: &mut Reader<'de>) -> Read<()> {
        *self = ObjectOfTexts::deserialize(reader)?.0;
        Ok(())
    }
}

/// Members whose two ways are one.
macro_rules! member {
    ($($ty:ty $(, $t:ident)?;)*) => {$(
        impl<'de $(, $t: Deserialize<'de>)?> Member<'de> for $ty {
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
    List<T>, T;
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
    /// A bit for each length that a name has: most keys that are none of them are told by their length.
    lengths: u64,
    any_case: bool,
}

impl Names {
    pub(super) const fn new(names: &'static [&'static str], any_case: bool) -> Self {
        let (mut lengths, mut at) = (0, 0);
        while at < names.len() {
            lengths |= 1 << names[at].len(); // fails to compile for a name of 64 bytes
            at += 1;
        }
        Self { names, lengths, any_case }
    }

    /// The member that `key` names.
    pub(super) fn find(&self, key: &str) -> Named {
        if key.len() >= 64 || self.lengths & (1 << key.len()) == 0 {
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
            /// A member was given twice.
            pub(super) repeated: bool,
            borrow: std::marker::PhantomData<&'a ()>,
        }

        impl<'de> $name<'de> {
            const NAMES: Names = Names::new(&[$($json),*], members!(@any_case $case));

            /// Takes notice of a member that follows; true if its value counts.
            #[inline]
            fn begin(&mut self, met: &mut Met, index: usize, is_exact: bool) -> bool {
                let turn = met.meet(index, is_exact);
                if matches!(turn, Turn::First) {
                    return true;
                }
                self.repeated = true;
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
                    return Place(self).deserialize(reader);
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
                deserializer.deserialize_any(self)
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
