//! TextField types that accept what CloudTrail writes.
//!
//! Any field may be missing, null, empty or of another type, and a field of an unexpected type must
//! not make the event unreadable. JSON syntax itself is checked strictly. When a name is given
//! twice, the last value wins, as in the AWS SDKs' parsers; `repeated` says that it happened.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::as_text::{AsText, lost_for};
use super::json;
use crate::model::Text;

/// Implements `Visitor` methods that consume a value and return the default.
macro_rules! default_for {
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
pub(super) use default_for;

/// Reads any value. A number is given as its text if the deserializer supports that.
///
/// The fast reader does. serde_json gives the number's value: in a record that the fast reader
/// leaves to it, nested more than 64 deep, `1.50` may be shown as `1.5`.
pub(super) fn any_value<'de, D: Deserializer<'de>, V: Visitor<'de>>(
    deserializer: D,
    visitor: V,
) -> Result<V::Value, D::Error> {
    deserializer.deserialize_newtype_struct("numbers as text", visitor)
}

/// A name in an object: borrowed unless it has escapes.
#[derive(Debug)]
pub(super) struct MemberName<'a>(pub(super) Text<'a>);

impl<'de> Deserialize<'de> for MemberName<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MemberNameVisitor;
        impl<'de> Visitor<'de> for MemberNameVisitor {
            type Value = MemberName<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E: Error>(self, s: &'de str) -> Result<Self::Value, E> {
                Ok(MemberName(Cow::Borrowed(s)))
            }
            fn visit_str<E: Error>(self, s: &str) -> Result<Self::Value, E> {
                Ok(MemberName(Cow::Owned(s.to_owned())))
            }
        }
        deserializer.deserialize_str(MemberNameVisitor)
    }
}

/// A text field. Numbers and booleans are read as their text; null, an empty text, arrays and
/// objects count as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TextField<'a>(pub(super) Option<Text<'a>>);

impl<'de> Deserialize<'de> for TextField<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any_value(deserializer, TextVisitor { empty: EmptyText::Absent }).map(Self)
    }
}

/// A value of an encryption context: as [`TextField`], but an empty text is a value.
pub(super) struct ContextValue<'a>(pub(super) Option<Text<'a>>);

impl<'de> Deserialize<'de> for ContextValue<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any_value(deserializer, TextVisitor { empty: EmptyText::Kept }).map(Self)
    }
}

/// What an empty text means.
#[derive(PartialEq, Eq)]
enum EmptyText {
    Absent,
    Kept,
}

struct TextVisitor {
    empty: EmptyText,
}

impl TextVisitor {
    fn is_present(&self, text: &str) -> bool {
        self.empty == EmptyText::Kept || !text.is_empty()
    }
}

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Option<Text<'de>>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }
    fn visit_borrowed_str<E: Error>(self, s: &'de str) -> Result<Self::Value, E> {
        Ok(self.is_present(s).then_some(Cow::Borrowed(s)))
    }
    fn visit_str<E: Error>(self, s: &str) -> Result<Self::Value, E> {
        Ok(self.is_present(s).then(|| Cow::Owned(s.to_owned())))
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
    default_for!(seq);
    default_for!(map);
}

/// A text that says which key or who it was: as [`TextField`], but an array or an object there is
/// no absent value. The second member says what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct NameText<'a>(pub(super) Option<Text<'a>>, pub(super) AsText);

impl<'de> Deserialize<'de> for NameText<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameTextVisitor;
        impl<'de> Visitor<'de> for NameTextVisitor {
            type Value = NameText<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any JSON value")
            }
            fn visit_borrowed_str<E: Error>(self, s: &'de str) -> Result<Self::Value, E> {
                Ok(NameText((!s.is_empty()).then_some(Cow::Borrowed(s)), AsText::No))
            }
            fn visit_str<E: Error>(self, s: &str) -> Result<Self::Value, E> {
                Ok(NameText((!s.is_empty()).then(|| Cow::Owned(s.to_owned())), AsText::No))
            }
            fn visit_bool<E: Error>(self, b: bool) -> Result<Self::Value, E> {
                self.visit_str(if b { "true" } else { "false" })
            }
            fn visit_i64<E: Error>(self, n: i64) -> Result<Self::Value, E> {
                self.visit_str(&n.to_string())
            }
            fn visit_u64<E: Error>(self, n: u64) -> Result<Self::Value, E> {
                self.visit_str(&n.to_string())
            }
            fn visit_f64<E: Error>(self, n: f64) -> Result<Self::Value, E> {
                self.visit_str(&n.to_string())
            }
            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(NameText::default())
            }
            fn visit_newtype_struct<D: Deserializer<'de>>(self, any: D) -> Result<Self::Value, D::Error> {
                any.deserialize_any(self)
            }
            lost_for!(seq, |_, kind| NameText(None, kind));
            lost_for!(map, |_, kind| NameText(None, kind));
        }
        any_value(deserializer, NameTextVisitor)
    }
}

/// A field that must be a string: numbers and booleans count as absent, too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct StrictText<'a>(pub(super) Option<Text<'a>>);

impl<'de> Deserialize<'de> for StrictText<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StrictTextVisitor<'a>(PhantomData<&'a ()>);
        impl<'de> Visitor<'de> for StrictTextVisitor<'de> {
            type Value = StrictText<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any JSON value")
            }
            fn visit_borrowed_str<E: Error>(self, s: &'de str) -> Result<Self::Value, E> {
                Ok(StrictText((!s.is_empty()).then_some(Cow::Borrowed(s))))
            }
            fn visit_str<E: Error>(self, s: &str) -> Result<Self::Value, E> {
                Ok(StrictText((!s.is_empty()).then(|| Cow::Owned(s.to_owned()))))
            }
            default_for!(seq);
            default_for!(map);
            default_for!(scalars);
        }
        // Not `any_value`, which would turn numbers into texts.
        deserializer.deserialize_any(StrictTextVisitor(PhantomData))
    }
}

/// A boolean, or its text: LookupEvents and Athena write `"true"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flag(pub(super) Option<bool>);

impl Flag {
    pub(super) fn is_true(self) -> bool {
        self.0 == Some(true)
    }

    pub(super) fn of(text: Option<&str>) -> Self {
        Self(match text {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => None,
        })
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let TextField(text) = TextField::deserialize(deserializer)?;
        Ok(Self::of(text.as_deref()))
    }
}

/// The members of an object that are texts, sorted by the bytes of their names. Of a repeated name,
/// only the last value counts; members of other types count as absent.
#[derive(Debug, Clone)]
pub(super) struct TextMap<'a> {
    pairs: Vec<(Text<'a>, Text<'a>)>,
    /// The object as the record spells it, if that is its compact JSON text.
    spelling: Option<&'a str>,
    /// Something else is in the place of the object.
    is_lost: bool,
}

impl PartialEq for TextMap<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.pairs == other.pairs && self.is_lost == other.is_lost
    }
}

impl Eq for TextMap<'_> {}

impl<'a> TextMap<'a> {
    /// Takes the members in the order of the record, including those that are not texts (`None`),
    /// and the object's spelling if all values are texts without escapes.
    pub(super) fn new(mut pairs: Vec<(Text<'a>, Option<Text<'a>>)>, mut spelling: Option<&'a str>) -> Self {
        if !pairs.is_sorted_by(|(a, _), (b, _)| a < b) {
            // Keep the last member of each name: in reverse order it comes first, the sort is
            // stable, and `dedup_by` keeps the first of each run.
            pairs.reverse();
            pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
            pairs.dedup_by(|(later, _), (first, _)| later == first);
            spelling = None;
        }
        let pairs = pairs.into_iter().filter_map(|(key, value)| Some((key, value?)));
        let mut texts = Self { pairs: pairs.collect(), spelling: None, is_lost: false };
        // White space and escapes in names make a spelling longer than the compact text; nothing
        // else can differ here.
        texts.spelling = spelling.filter(|spelling| spelling.len() == texts.plain_length());
        texts
    }

    /// Something else is in the place of the object. `None` when nothing is lost by that:
    /// CloudTrail hides some values.
    pub(super) fn in_place_of_object(kind: AsText) -> Option<Self> {
        kind.is_lost().then(|| Self { pairs: Vec::new(), spelling: None, is_lost: true })
    }

    /// Whether something else is in the place of the object.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }

    pub(super) fn get(&self, name: &str) -> Option<&Text<'a>> {
        let found = self.pairs.binary_search_by(|(key, _)| (**key).cmp(name));
        found.ok().and_then(|at| self.pairs.get(at)).map(|(_, value)| value)
    }

    /// Length in bytes of the compact JSON text when nothing needs an escape.
    fn plain_length(&self) -> usize {
        let members: usize = self.pairs.iter().map(|(key, value)| key.len() + value.len() + 6).sum();
        members.max(1) + 1 // the last member has no comma
    }

    /// The compact JSON text, names sorted by their bytes.
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

impl<'de> Deserialize<'de> for ContextField<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextMapVisitor<'a>(PhantomData<&'a ()>);
        impl<'de> Visitor<'de> for TextMapVisitor<'de> {
            type Value = ContextField<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any JSON value")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs: Vec<(Text<'de>, Option<Text<'de>>)> = Vec::new();
                while let Some((MemberName(key), ContextValue(value))) = map.next_entry()? {
                    pairs.push((key, value));
                }
                Ok(ContextField(Some(TextMap::new(pairs, None))))
            }
            lost_for!(seq, |_, kind| ContextField(TextMap::in_place_of_object(kind)));
            lost_for!(scalars, |_, kind| ContextField(TextMap::in_place_of_object(kind)));
        }
        any_value(deserializer, TextMapVisitor(PhantomData))
    }
}

/// A field that is an object of texts; anything else counts as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ContextField<'a>(pub(super) Option<TextMap<'a>>);

/// An array; anything else counts as an empty one. The second member says what it is then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct List<T>(pub(super) Vec<T>, pub(super) AsText);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new(), AsText::No)
    }
}

impl<'a> List<TextField<'a>> {
    /// The texts joined by commas; `None` when there is no text.
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
                Ok(List(items, AsText::No))
            }
            lost_for!(map, |_, kind| List(Vec::new(), kind));
            lost_for!(scalars, |_, kind| List(Vec::new(), kind));
        }
        any_value(deserializer, ListVisitor(PhantomData))
    }
}
