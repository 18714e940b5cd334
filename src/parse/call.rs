//! A call of another service, with its parameters and its response as general JSON values.
//!
//! simd-json reads them: a tape of values costs a fifth of a tree of serde_json's. What simd-json
//! refuses or reads in another way than serde_json (members given twice) is read with serde_json
//! and written again first.

use std::borrow::Cow;
use std::cell::Cell;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use simd_json::tape;

use super::as_text::{AsText, lost_for};
use super::json::{FastResult, Reader};
use super::lenient::any_value;
use super::member::{Member, read_fast};
use super::members::{MemberNames, NameCase, NameMatch, Occurrence, ReadInto, SeenMembers, json_struct};

/// A JSON value of any type.
pub(super) type Value<'v> = tape::Value<'v, 'v>;
/// The items of a JSON array.
pub(super) type Array<'v> = tape::Array<'v, 'v>;
/// The members of a JSON object, in its order. No name occurs twice.
pub(super) type Object<'v> = tape::Object<'v, 'v>;

/// Objects with more members are checked for repeated names by another, slower way.
const FEW_MEMBERS: usize = 32;

/// The parameters and the response of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct ServiceCall<'v> {
    pub(super) request: Value<'v>,
    pub(super) response: Value<'v>,
}

json_struct! {
    /// The texts of both.
    struct CallMembers(exact) {
        request: ValueText<'a> = "requestParameters",
        response: ValueText<'a> = "responseElements",
    }
}

/// The JSON text of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ValueText<'a>(Cow<'a, str>);

impl Default for ValueText<'_> {
    fn default() -> Self {
        Self(Cow::Borrowed("null"))
    }
}

impl<'de> Member<'de> for ValueText<'de> {
    fn read_serde<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
        let value: serde_json::Value = map.next_value()?;
        self.0 = Cow::Owned(value.to_string());
        Ok(())
    }

    fn read_fast(&mut self, reader: &mut Reader<'de>) -> FastResult<()> {
        self.0 = Cow::Borrowed(reader.value_text()?);
        Ok(())
    }
}

/// Memory that every call uses again.
#[derive(Default)]
struct Buffers {
    text: Vec<u8>,
    parser: simd_json::Buffers,
}

thread_local! {
    static BUFFERS: Cell<Buffers> = Cell::default();
}

/// Bytes of a text whose memory is not given back.
const RETAINED: usize = 1 << 20;

impl ServiceCall<'_> {
    /// Reads the call of a record for `decide`; `None` when the record is not JSON.
    pub(super) fn read<R>(record: &str, decide: impl FnOnce(ServiceCall<'_>) -> R) -> Option<R> {
        let mut members = CallMembers::default();
        if read_fast(record, &mut members).is_err() {
            members = serde_json::from_str(record).ok()?;
        }
        let mut buffers = BUFFERS.take();
        let Buffers { text, parser } = &mut buffers;
        let decided = with_both(&members, text, parser, decide);
        if text.capacity() <= RETAINED {
            BUFFERS.set(buffers);
        }
        decided
    }
}

/// Reads both values in one go: as the items of an array.
fn with_both<R>(
    members: &CallMembers<'_>,
    text: &mut Vec<u8>,
    parser: &mut simd_json::Buffers,
    decide: impl FnOnce(ServiceCall<'_>) -> R,
) -> Option<R> {
    text.clear();
    for part in ["[", &members.request.0, ",", &members.response.0, "]"] {
        text.extend_from_slice(part.as_bytes());
    }
    match simd_json::to_tape_with_buffers(text, parser) {
        Ok(tape) if !repeats_names(tape.as_value()) => return call(&tape).map(decide),
        Ok(_) | Err(_) => {}
    }
    let again = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    let both = vec![again(&members.request.0)?, again(&members.response.0)?];
    let mut text = serde_json::Value::from(both).to_string().into_bytes();
    call(&simd_json::to_tape_with_buffers(&mut text, parser).ok()?).map(decide)
}

fn call<'t>(tape: &'t simd_json::Tape<'t>) -> Option<ServiceCall<'t>> {
    let both = tape.as_value().as_array()?;
    Some(ServiceCall { request: both.get(0)?, response: both.get(1)? })
}

/// Whether an object in the value has two members with one name, or so many members that it takes
/// too long to find out. The depth of the recursion is limited by the reader of records.
fn repeats_names(value: Value<'_>) -> bool {
    if let Some(items) = value.as_array() {
        return items.iter().any(repeats_names);
    }
    let Some(object) = value.as_object() else { return false };
    let mut names = [""; FEW_MEMBERS];
    if object.len() > FEW_MEMBERS {
        return true;
    }
    object.iter().enumerate().any(|(known, (name, value))| {
        let is_repeated = names.iter().take(known).any(|other| *other == name);
        if let Some(place) = names.get_mut(known) {
            *place = name;
        }
        is_repeated || repeats_names(value)
    })
}

#[cfg(test)]
mod tests {
    use simd_json::prelude::*;

    use super::*;

    /// The value as serde_json has it.
    fn general(value: Value<'_>) -> serde_json::Value {
        if let Some(items) = value.as_array() {
            return items.iter().map(general).collect();
        }
        if let Some(object) = value.as_object() {
            let mut members = serde_json::Map::new();
            for (name, value) in object.iter() {
                assert!(members.insert(name.to_owned(), general(value)).is_none(), "{name} is given twice");
            }
            return members.into();
        }
        let number = || value.as_u64().map(Into::into).or_else(|| value.as_f64().map(Into::into));
        match value.as_str() {
            Some(text) => text.into(),
            None => value.as_bool().map(Into::into).or_else(number).unwrap_or_default(),
        }
    }

    #[test]
    fn values_are_those_of_serde_json() {
        let many: String = (0..100).map(|n| format!("\"n{}\":{n},", n % 50)).collect();
        for request in [
            "null",
            r#"{"a":"b"}"#,
            r#"{"a":1,"b":{"c":[true,null,{"d":"\u00e9\n"}]},"a":2}"#,
            r#"[{"x":{"a":"1","b":"2","a":"3"}}]"#,
            r#"{"big":123456789012345678901234567890,"small":1.5e3}"#,
            &format!("{{{many}\"last\":\"x\"}}"),
            &format!("{}1{}", "[".repeat(70), "]".repeat(70)),
            &format!("{}1{}", "[".repeat(110), "]".repeat(110)),
        ] {
            for record in [
                format!(r#"{{"requestParameters":{request},"responseElements":{{"r":{request}}}}}"#),
                format!(
                    r#"{{ "responseElements" : {{"r":{request}}}, "x":[1], "requestParameters":1,"requestParameters": {request} }}"#
                ),
            ] {
                let expected: serde_json::Value = serde_json::from_str(&record).unwrap();
                let read = ServiceCall::read(&record, |call| [general(call.request), general(call.response)]);
                let members = ["requestParameters", "responseElements"].map(|name| expected[name].clone());
                assert_eq!(read.unwrap(), members, "{record}");
            }
        }
    }

    #[test]
    fn what_is_not_json_is_no_call() {
        for record in ["", "{", r#"{"requestParameters":{"a":}}"#, r#"{"requestParameters":{"a":"\ud800"}}"#]
        {
            assert!(ServiceCall::read(record, |_| ()).is_none(), "{record}");
        }
    }
}
