//! A call of another service, with its parameters and its response as general JSON values.

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::Value;

use super::as_text::AsText;
use super::json::{FastResult, Reader};
use super::lenient::{any_value, default_for};
use super::member::{Member, impl_member_by_serde, read_fast};
use super::members::{MemberNames, NameCase, NameMatch, Occurrence, ReadInto, SeenMembers, json_struct};

json_struct! {
    /// The parameters and the response of a call.
    struct ServiceCall(exact) {
        request: Value = "requestParameters",
        response: Value = "responseElements",
    }
}

impl_member_by_serde! { Value }

impl<'a> ServiceCall<'a> {
    /// Reads them from a record; `None` when the record is not JSON.
    pub(super) fn read(record: &'a str) -> Option<Self> {
        let mut call = Self::default();
        if read_fast(record, &mut call).is_err() {
            call = serde_json::from_str(record).ok()?;
        }
        Some(call)
    }
}
