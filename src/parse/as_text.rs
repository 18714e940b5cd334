//! Another value in the place of an object or a list.
//!
//! Many tools write the nested members of a record as JSON text; `format::rebuild` turns them back
//! into objects. What other tools print there (`@{type=AssumedRole}`), and a number or a list in
//! the place of an object, cannot be read, and such a record must not pass for one without these
//! members.

use super::json::{Fallback, FastResult, Reader};

/// Whether a member that is an object or a list in CloudTrail's records is something else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum AsText {
    /// It is not, or what is there says that there is no value.
    #[default]
    No,
    /// It is text with which CloudTrail hides a value, such as `HIDDEN_DUE_TO_SECURITY_REASONS`.
    Hidden,
    /// It is text, a number, or one of object and list in the place of the other. What the member
    /// said is lost.
    Lost,
}

impl AsText {
    pub(super) fn of(text: &str) -> Self {
        let text = text.trim();
        let is_hidden = |b: u8| b.is_ascii_uppercase() || b"_*- ".contains(&b);
        if matches!(text, "" | "null" | "NULL" | "None" | "NaN" | "nan" | "-" | "[]" | "{}") {
            Self::No
        } else if text.bytes().all(is_hidden) {
            Self::Hidden
        } else {
            Self::Lost
        }
    }

    /// Reads any value in the place of an object or a list with the fast reader.
    #[cold]
    pub(super) fn read_fast(reader: &mut Reader<'_>) -> FastResult<Self> {
        let json = reader.value_text()?;
        if json.starts_with('"') {
            return serde_json::from_str::<String>(json).map(|text| Self::of(&text)).map_err(|_| Fallback);
        }
        let inner = json.get(1..json.len() - 1).unwrap_or_default();
        let is_empty = json.starts_with(['{', '[']) && inner.trim().is_empty();
        Ok(if is_empty { Self::No } else { Self::of(json) })
    }

    pub(super) fn is_lost(self) -> bool {
        self == Self::Lost
    }
}

/// Implements the methods of a `Visitor` for values of other types. `$lost` makes the visitor's
/// value from an [`AsText`].
macro_rules! lost_for {
    (seq, $lost:expr) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut kind = AsText::No;
            while seq.next_element::<IgnoredAny>()?.is_some() {
                kind = AsText::Lost;
            }
            Ok($lost(self, kind))
        }
    };
    (map, $lost:expr) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut kind = AsText::No;
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                kind = AsText::Lost;
            }
            Ok($lost(self, kind))
        }
    };
    (scalars, $lost:expr) => {
        fn visit_newtype_struct<D: Deserializer<'de>>(self, any: D) -> Result<Self::Value, D::Error> {
            any.deserialize_any(self)
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok($lost(self, AsText::of(text)))
        }
        fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok($lost(self, AsText::Lost))
        }
        fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
            Ok($lost(self, AsText::Lost))
        }
        fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
            Ok($lost(self, AsText::Lost))
        }
        fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
            Ok($lost(self, AsText::Lost))
        }
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok($lost(self, AsText::No))
        }
    };
}
pub(super) use lost_for;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_told_from_nothing() {
        for (json, expected) in [
            ("null", AsText::No),
            ("[]", AsText::No),
            ("{ }", AsText::No),
            (r#""""#, AsText::No),
            (r#"" null ""#, AsText::No),
            (r#""HIDDEN_DUE_TO_SECURITY_REASONS""#, AsText::Hidden),
            (r#""***""#, AsText::Hidden),
            ("5", AsText::Lost),
            ("false", AsText::Lost),
            ("[1]", AsText::Lost),
            (r#"{"a":1}"#, AsText::Lost),
            (r#""5""#, AsText::Lost),
            (r#""[object Object]""#, AsText::Lost),
            (r#""arn:aws:iam::111122223333:role/R""#, AsText::Lost),
        ] {
            assert_eq!(AsText::read_fast(&mut Reader::new(json)).unwrap(), expected, "{json}");
        }
        assert!(AsText::read_fast(&mut Reader::new(r#""\ud800""#)).is_err());
    }
}
