//! The parts of a record that need a general reading: parameters and answers of other services' calls.

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::Value;

use super::json::{self, Read, Reader};
use super::lenient::{any_value, drain};
use super::members::{Member, Met, Named, Names, Place, Turn, member, members};

members! {
    /// A call of another service.
    struct Call(exact) {
        request: Value = "requestParameters",
        response: Value = "responseElements",
    }
}

member! { Value; }

impl<'a> Call<'a> {
    /// Reads the record; `None` when it is no JSON object.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let mut call = Self::default();
        if json::read(text, &mut call).is_err() {
            call = serde_json::from_str(text).ok()?;
        }
        Some(call)
    }
}
