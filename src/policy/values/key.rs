//! Condition keys about the key itself: known from the call that made it, and from those that
//! tagged it.
//!
//! Spec, usage, origin and whether it is a multi-Region key never change. Its tags do, and so does
//! which of related keys is the primary one.

use super::parameter::{given, or};
use crate::model::KeyProperties;
use crate::policy::context::ContextValue;
use crate::policy::request::Request;

const NOT_CREATED_HERE: &str = "the input does not show how the key was created";

/// A property of the key: the request's parameter when it creates the key.
fn property<'e>(
    request: &Request<'e>,
    parameter: (&str, &'static str),
    of: fn(&'e KeyProperties) -> &'e str,
) -> ContextValue<'e> {
    if request.action == "CreateKey" {
        return or(request, parameter.0, parameter.1);
    }
    let known = request.known_key.and_then(|known| known.properties.as_ref());
    known.map_or(ContextValue::unknown(NOT_CREATED_HERE), |known| ContextValue::of(Some(of(known))))
}

pub(super) fn spec<'e>(request: &Request<'e>) -> ContextValue<'e> {
    match given(request, "keySpec") {
        ContextValue::Absent if request.action == "CreateKey" => {
            or(request, "customerMasterKeySpec", "SYMMETRIC_DEFAULT")
        }
        _ => property(request, ("keySpec", "SYMMETRIC_DEFAULT"), |key| &key.spec),
    }
}

pub(super) fn usage<'e>(request: &Request<'e>) -> ContextValue<'e> {
    property(request, ("keyUsage", "ENCRYPT_DECRYPT"), |key| &key.usage)
}

pub(super) fn origin<'e>(request: &Request<'e>) -> ContextValue<'e> {
    property(request, ("origin", "AWS_KMS"), |key| &key.origin)
}

/// Ids of multi-Region keys begin with `mrk-`.
fn is_multi_region(request: &Request<'_>) -> Option<bool> {
    request.key_arn.map(|arn| arn.contains(":key/mrk-"))
}

pub(super) fn multi_region<'e>(request: &Request<'e>) -> ContextValue<'e> {
    match (request.action, is_multi_region(request)) {
        ("CreateKey", _) => or(request, "multiRegion", "false"),
        (_, Some(is_multi_region)) => ContextValue::flag(is_multi_region),
        _ => ContextValue::unknown("the record does not name the key"),
    }
}

pub(super) fn multi_region_type<'e>(request: &Request<'e>) -> ContextValue<'e> {
    let kind = |is_primary: bool| ContextValue::of(Some(if is_primary { "PRIMARY" } else { "REPLICA" }));
    match (request.action, is_multi_region(request)) {
        ("CreateKey", _) => match or(request, "multiRegion", "false") {
            ContextValue::One(flag) if flag == "true" => kind(true),
            ContextValue::One(_) => ContextValue::Absent,
            unknown => unknown,
        },
        (_, Some(false)) => ContextValue::Absent,
        (_, Some(true)) => {
            let known = request.known_key.and_then(|known| known.is_primary(request.event.time));
            known.map_or(ContextValue::unknown("the input does not show whether the key is a replica"), kind)
        }
        _ => ContextValue::unknown("the record does not name the key"),
    }
}

pub(super) fn resource_tag<'e>(request: &Request<'e>, name: &str) -> ContextValue<'e> {
    let Some(known) = request.known_key else {
        return ContextValue::unknown("the input does not show the key's tags");
    };
    match known.tag(name, request.event.time) {
        Ok(value) => ContextValue::of(value),
        Err(why) => ContextValue::unknown(why),
    }
}
