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
        let mut json = String::with_capacity(64);
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
    json.push_str(&serde_json::Value::from(text).to_string());
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

impl List<Field<'_>> {
    /// The texts, comma-joined; `None` for an empty list.
    pub(super) fn joined(&self) -> Option<Text<'static>> {
        let texts: Vec<&str> = self.0.iter().filter_map(|f| f.0.as_deref()).collect();
        (!texts.is_empty()).then(|| Cow::Owned(texts.join(",")))
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

/// A member's type: how it is read from the object that holds it.
pub(super) trait Member<'de>: Sized {
    fn read<A: MapAccess<'de>>(map: &mut A) -> Result<Self, A::Error>;
}

impl<'de> Member<'de> for Option<Text<'de>> {
    fn read<A: MapAccess<'de>>(map: &mut A) -> Result<Self, A::Error> {
        map.next_value::<Field<'de>>().map(|field| field.0)
    }
}

impl<'de> Member<'de> for Option<Texts<'de>> {
    fn read<A: MapAccess<'de>>(map: &mut A) -> Result<Self, A::Error> {
        map.next_value::<ObjectOfTexts<'de>>().map(|object| object.0)
    }
}

impl<'de> Member<'de> for Flag {
    fn read<A: MapAccess<'de>>(map: &mut A) -> Result<Self, A::Error> {
        map.next_value()
    }
}

impl<'de, T: Deserialize<'de>> Member<'de> for List<T> {
    fn read<A: MapAccess<'de>>(map: &mut A) -> Result<Self, A::Error> {
        map.next_value()
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

/// Reads a key as one of `names`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    pub(super) names: &'static [&'static str],
    /// Where to look first: records have their members in much the same order.
    pub(super) likely: usize,
    pub(super) any_case: bool,
}

impl Names {
    #[inline]
    fn find(&self, key: &str) -> Named {
        let (before, from) = self.names.split_at_checked(self.likely).unwrap_or((self.names, &[]));
        let place = |names: &[&str]| names.iter().position(|name| *name == key);
        let index = place(from).map(|at| at + before.len()).or_else(|| place(before));
        if index.is_none() && self.any_case {
            let index = self.names.iter().position(|name| name.eq_ignore_ascii_case(key));
            return Named { index, is_exact: false };
        }
        Named { index, is_exact: true }
    }
}

impl<'de> DeserializeSeed<'de> for Names {
    type Value = Named;
    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Named, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Names {
    type Value = Named;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }
    #[inline]
    fn visit_str<E: Error>(self, key: &str) -> Result<Named, E> {
        Ok(self.find(key))
    }
}

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

        impl<'de> Member<'de> for $name<'de> {
            fn read<A: MapAccess<'de>>(map: &mut A) -> Result<Self, A::Error> {
                map.next_value()
            }
        }

        impl<'de> Deserialize<'de> for $name<'de> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Members<'a>(std::marker::PhantomData<&'a ()>);
                impl<'de> Visitor<'de> for Members<'de> {
                    type Value = $name<'de>;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("any JSON value")
                    }
                    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        const NAMES: &[&str] = &[$($json),*];
                        let mut found = $name::default();
                        let (mut seen, mut near) = (0u32, 0u32); // members met in exact and in another spelling
                        let mut names = Names { names: NAMES, likely: 0, any_case: members!(@any_case $case) };
                        while let Some(Named { index, is_exact }) = map.next_key_seed(names)? {
                            let bit = index.map_or(0, |i| 1u32 << i);
                            found.repeated |= (seen | near) & bit != 0;
                            if bit == 0 || (!is_exact && seen & bit != 0) {
                                map.next_value::<IgnoredAny>()?;
                                continue;
                            }
                            if is_exact { seen |= bit } else { near |= bit }
                            let index = index.unwrap_or(NAMES.len()); // its bit is set: there is one
                            names.likely = index + 1;
                            members!(@read map, found, index, 0usize; $( $field ),*);
                        }
                        Ok(found)
                    }
                    drain!(seq);
                    drain!(str);
                    drain!(scalars);
                }
                deserializer.deserialize_any(Members(std::marker::PhantomData))
            }
        }
    };
    (@any_case exact) => { false };
    (@any_case any_case) => { true };
    (@read $map:ident, $found:ident, $index:ident, $this:expr; $field:ident $(, $rest:ident )*) => {
        if $index == $this {
            $found.$field = Member::read(&mut $map)?;
        } else {
            members!(@read $map, $found, $index, $this + 1; $( $rest ),*);
        }
    };
    (@read $map:ident, $found:ident, $index:ident, $this:expr;) => {};
}
pub(super) use members;
