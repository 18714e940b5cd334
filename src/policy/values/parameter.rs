//! Parameters of the request as values of condition keys.

use serde_json::Value;

use crate::policy::context::ContextValue;
use crate::policy::request::Request;

/// A parameter's text.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A parameter without default.
pub(super) fn given<'e>(request: &Request<'e>, name: &str) -> ContextValue<'e> {
    match request.parameter(name) {
        Ok(None) => ContextValue::Absent,
        Ok(Some(value)) => {
            text(value).map_or(ContextValue::unknown("the parameter is no text"), ContextValue::owned)
        }
        Err(why) => ContextValue::unknown(why),
    }
}

/// A parameter, or its default.
pub(super) fn or<'e>(request: &Request<'e>, name: &str, default: &'static str) -> ContextValue<'e> {
    match given(request, name) {
        ContextValue::Absent => ContextValue::of(Some(default)),
        value => value,
    }
}
