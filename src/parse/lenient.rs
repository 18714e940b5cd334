//! Reading fields the way CloudTrail writes them: any of them may be missing, null, empty or of another type, and a field of an
//! unexpected type must not cost the event. JSON syntax itself stays strict.
//!
//! Names given twice: the last one wins, as in the AWS SDKs' parsers; the fact is kept in `repeated`.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::json;
use crate::model::Text;

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
        fn visit_newtype_struct<D: Deserializer<'de>>(self, any: D) -> Result<Self::Value, D::Error> {
            any.deserialize_any(self)
        }
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

/// Reads any value; a number comes as its text, if the deserializer keeps that: the fast reader does. (serde_json gives its value: a
/// record which the fast reader leaves to it, nested more than 64 deep, may have its `1.50` shown as `1.5`.)
pub(super) fn any_value<'de, D: Deserializer<'de>, V: Visitor<'de>>(
    deserializer: D,
    visitor: V,
) -> Result<V::Value, D::Error> {
    deserializer.deserialize_newtype_struct("numbers as text", visitor)
}

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
        any_value(deserializer, FieldVisitor { keeps_empty: false }).map(Self)
    }
}

/// A value of an encryption context: as a [`Field`], but there an empty text is a value.
pub(super) struct ContextValue<'a>(pub(super) Option<Text<'a>>);

impl<'de> Deserialize<'de> for ContextValue<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any_value(deserializer, FieldVisitor { keeps_empty: true }).map(Self)
    }
}

struct FieldVisitor {
    keeps_empty: bool,
}

impl FieldVisitor {
    fn keeps(&self, text: &str) -> bool {
        self.keeps_empty || !text.is_empty()
    }
}

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Option<Text<'de>>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }
    fn visit_borrowed_str<E: Error>(self, s: &'de str) -> Result<Self::Value, E> {
        Ok(self.keeps(s).then_some(Cow::Borrowed(s)))
    }
    fn visit_str<E: Error>(self, s: &str) -> Result<Self::Value, E> {
        Ok(self.keeps(s).then(|| Cow::Owned(s.to_owned())))
    }
    fn visit_bool<E: Error>(self, b: bool) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(if b { "true" } else { "false" })))
    }
    fn visit_i64<E: Error>(self, n: i64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(n.to_string())))
    }
    fn visit_u64<E: Error>(self, n: u64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(n.to_string())))
    }
    fn visit_f64<E: Error>(self, n: f64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(n.to_string())))
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, any: D) -> Result<Self::Value, D::Error> {
        any.deserialize_any(self)
    }
    drain!(seq);
    drain!(map);
}

/// A text that nothing else can stand for: numbers and booleans are absent, too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Name<'a>(pub(super) Option<Text<'a>>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor<'a>(PhantomData<&'a ()>);
        impl<'de> Visitor<'de> for NameVisitor<'de> {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any JSON value")
            }
            fn visit_borrowed_str<E: Error>(self, s: &'de str) -> Result<Self::Value, E> {
                Ok(Name((!s.is_empty()).then_some(Cow::Borrowed(s))))
            }
            fn visit_str<E: Error>(self, s: &str) -> Result<Self::Value, E> {
                Ok(Name((!s.is_empty()).then(|| Cow::Owned(s.to_owned()))))
            }
            drain!(seq);
            drain!(map);
            drain!(scalars);
        }
        // Not as text: a number is none.
        deserializer.deserialize_any(NameVisitor(PhantomData))
    }
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
#[derive(Debug, Clone)]
pub(super) struct Texts<'a> {
    pairs: Vec<(Text<'a>, Text<'a>)>,
    /// How the record spells the object, if that is its compact JSON text.
    spelling: Option<&'a str>,
}

impl PartialEq for Texts<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.pairs == other.pairs
    }
}

impl Eq for Texts<'_> {}

impl<'a> Texts<'a> {
    /// From members in the order of the record, those without a text among them, and its spelling if their values are texts without escapes.
    pub(super) fn new(mut pairs: Vec<(Text<'a>, Option<Text<'a>>)>, spelling: Option<&'a str>) -> Self {
        let mut spelling = spelling;
        if !pairs.is_sorted_by(|(a, _), (b, _)| a < b) {
            // Of a repeated key the last: reversed, it is the first of its run, which is the one kept.
            pairs.reverse();
            pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
            pairs.dedup_by(|(later, _), (first, _)| later == first);
            spelling = None;
        }
        let pairs = pairs.into_iter().filter_map(|(key, value)| Some((key, value?)));
        let mut texts = Self { pairs: pairs.collect(), spelling: None };
        // All else that can differ, white space and escapes in names, only makes it longer.
        texts.spelling = spelling.filter(|spelling| spelling.len() == texts.plain_length());
        texts
    }

    pub(super) fn get(&self, name: &str) -> Option<&Text<'a>> {
        let found = self.pairs.binary_search_by(|(key, _)| (**key).cmp(name));
        found.ok().and_then(|at| self.pairs.get(at)).map(|(_, value)| value)
    }

    /// Length of the compact JSON text if nothing needs an escape.
    fn plain_length(&self) -> usize {
        let members: usize = self.pairs.iter().map(|(key, value)| key.len() + value.len() + 6).sum();
        members.max(1) + 1 // the last has no comma
    }

    /// Compact JSON text, keys sorted by their bytes.
    pub(super) fn to_json(&self) -> Text<'a> {
        if let Some(spelling) = self.spelling {
            return Cow::Borrowed(spelling);
        }
        let mut json = String::with_capacity(self.plain_length());
        json.push('{');
        for (i, (key, value)) in self.pairs.iter().enumerate() {
            if i > 0 {
                json.push(',');
            }
            push_json_text(&mut json, key);
            json.push(':');
            push_json_text(&mut json, value);
        }
        json.push('}');
        Cow::Owned(json)
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
                let mut pairs: Vec<(Text<'de>, Option<Text<'de>>)> = Vec::new();
                while let Some((Key(key), ContextValue(value))) = map.next_entry()? {
                    pairs.push((key, value));
                }
                Ok(ObjectOfTexts(Some(Texts::new(pairs, None))))
            }
            drain!(seq);
            drain!(str);
            drain!(scalars);
        }
        any_value(deserializer, TextsVisitor(PhantomData))
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
        any_value(deserializer, ListVisitor(PhantomData))
    }
}
