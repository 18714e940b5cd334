//! Parses struct, list and map values in the text format of query results.
//!
//! CloudTrail Lake prints a struct as `{name=value, …}`, with names in lower case and nothing
//! quoted. A value with a comma or a brace is therefore ambiguous: only a known field name after
//! the comma shows that another field begins.

use serde_json::{Map, Value};

use super::names::is_same;

/// The field names of struct columns as records spell them.
const CLOUDTRAIL_FIELDS: [&str; 36] = [
    "type",
    "principalId",
    "arn",
    "accountId",
    "accessKeyId",
    "userName",
    "sessionContext",
    "attributes",
    "creationDate",
    "mfaAuthenticated",
    "sessionIssuer",
    "webIdFederationData",
    "federatedProvider",
    "sourceIdentity",
    "ec2RoleDelivery",
    "ec2IssuedInVpc",
    "onBehalfOf",
    "userId",
    "identityStoreArn",
    "inScopeOf",
    "sourceArn",
    "sourceAccount",
    "issuerType",
    "credentialsIssuedTo",
    "invokedBy",
    "identityProvider",
    "credentialId",
    "assumedRoot",
    "tlsVersion",
    "cipherSuite",
    "clientProvidedHostHeader",
    "keyExchange",
    "reason",
    "updatedFields",
    "originalRequestID",
    "originalEventID",
];

/// Maximum length of a name in bytes.
const MAX_NAME: usize = 256;
/// Maximum depth of nested values.
const MAX_DEPTH: u32 = 32;

/// Which names can precede a `=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldNames {
    /// The field names of CloudTrail records.
    CloudTrail,
    Any,
}

impl FieldNames {
    /// The name as records spell it; `None` when it is not a name.
    fn restore(self, name: &str) -> Option<&str> {
        match self {
            Self::CloudTrail => CLOUDTRAIL_FIELDS
                .into_iter()
                .find(|field| field.eq_ignore_ascii_case(name) || name.contains('_') && is_same(field, name)),
            Self::Any => {
                let is_delimiter = |c: char| c.is_whitespace() || "{}[]=,\"".contains(c);
                (!name.is_empty() && name.len() <= MAX_NAME && !name.contains(is_delimiter)).then_some(name)
            }
        }
    }

    /// Restores the names in a JSON value. Unknown names stay unchanged.
    pub(super) fn restore_all(self, value: Value) -> Value {
        match value {
            Value::Object(members) if self == Self::CloudTrail => {
                let restore = |(name, value): (String, Value)| {
                    let restored = self.restore(&name).map(str::to_owned);
                    (restored.unwrap_or(name), self.restore_all(value))
                };
                Value::Object(members.into_iter().map(restore).collect())
            }
            Value::Array(items) => items.into_iter().map(|item| self.restore_all(item)).collect(),
            value => value,
        }
    }
}

/// Parses a struct, list or map in this notation; `None` when the text is something else.
pub(super) fn parse_printed(text: &str, names: FieldNames) -> Option<Value> {
    let mut parser = Parser { text, at: 0, names };
    let value = parser.value(Parent::None, MAX_DEPTH)?;
    (parser.at == text.len() && !value.is_string()).then_some(value)
}

/// What contains a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parent {
    None,
    Struct,
    List,
}

/// A parser for text like `{type=AssumedRole, sessioncontext={…}, username=null}`.
struct Parser<'t> {
    text: &'t str,
    at: usize,
    names: FieldNames,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Consumes `token` if it comes next.
    fn accept(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn value(&mut self, parent: Parent, depth: u32) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        if self.rest().starts_with(['{', '[']) {
            // The value of a map may be JSON, which is not ambiguous.
            let mut values = serde_json::Deserializer::from_str(self.rest()).into_iter::<Value>();
            if let Some(Ok(value)) = values.next()
                && self.may_end_at(self.at + values.byte_offset(), parent)
            {
                self.at += values.byte_offset();
                return Some(self.names.restore_all(value));
            }
        }
        match self.rest().as_bytes().first() {
            Some(b'{') => self.structure(depth),
            Some(b'[') => self.list(depth),
            _ => Some(self.scalar(parent)),
        }
    }

    fn structure(&mut self, depth: u32) -> Option<Value> {
        self.at += 1;
        let mut members = Map::new();
        while !self.accept("}") {
            if !members.is_empty() && !self.accept(", ") {
                return None;
            }
            let name = self.name_at(self.at)?;
            self.at += self.rest().find('=')? + 1;
            let value = self.value(Parent::Struct, depth)?;
            // If a name occurs twice, one of them is part of a value.
            if members.insert(name.to_owned(), value).is_some() {
                return None;
            }
        }
        Some(Value::Object(members))
    }

    fn list(&mut self, depth: u32) -> Option<Value> {
        self.at += 1;
        let mut items = Vec::new();
        while !self.accept("]") {
            if !items.is_empty() && !self.accept(", ") {
                return None;
            }
            items.push(self.value(Parent::List, depth)?);
        }
        Some(Value::Array(items))
    }

    /// Extends to the first place where the parent may continue or end.
    fn scalar(&mut self, parent: Parent) -> Value {
        let rest = self.rest();
        let mut delimiters = rest.match_indices([',', '}', ']']).map(|(at, _)| at);
        let end = delimiters.find(|at| self.may_end_at(self.at + at, parent)).unwrap_or(rest.len());
        self.at += end;
        match &rest[..end] {
            "null" => Value::Null,
            text => text.into(),
        }
    }

    /// Whether a value may end at `at`.
    fn may_end_at(&self, at: usize, parent: Parent) -> bool {
        let rest = &self.text[at..];
        let closed_by = |bracket: char| {
            rest.strip_prefix(bracket).is_some_and(|after| {
                after.is_empty() || after.starts_with([']', '}']) || after.starts_with(", ")
            })
        };
        match parent {
            Parent::None => rest.is_empty(),
            Parent::Struct => closed_by('}') || rest.starts_with(", ") && self.name_at(at + 2).is_some(),
            Parent::List => closed_by(']') || rest.starts_with(", "),
        }
    }

    /// The name before the `=` after `at`, as records spell it.
    fn name_at(&self, at: usize) -> Option<&'t str> {
        let rest = &self.text[at..];
        let equals = rest.bytes().take(MAX_NAME + 1).position(|byte| byte == b'=')?;
        self.names.restore(&rest[..equals])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structs_are_parsed_where_unambiguous() {
        for (text, expected) in [
            ("{}", "{}"),
            ("[]", "[]"),
            ("{a=b}", r#"{"a":"b"}"#),
            ("{a=b, c=d}", r#"{"a":"b","c":"d"}"#),
            ("{a={b=c, d={e=f}}, g=h}", r#"{"a":{"b":"c","d":{"e":"f"}},"g":"h"}"#),
            ("{a=[x, y], b=[{c=d}, {c=e}]}", r#"{"a":["x","y"],"b":[{"c":"d"},{"c":"e"}]}"#),
            ("{a=, b=null}", r#"{"a":"","b":null}"#),
            ("{a=one, two, b=c}", r#"{"a":"one, two","b":"c"}"#),
            ("{a=x=y, b={z}w}", r#"{"a":"x=y"}"#), // `{z}w` is not a struct
            ("{a=é}b, c=d}", r#"{"a":"é}b","c":"d"}"#),
            (r#"{a=["x","y"], b={"c":1}}"#, r#"{"a":["x","y"],"b":{"c":1}}"#),
        ] {
            let expected: Value = serde_json::from_str(expected).unwrap();
            let found = parse_printed(text, FieldNames::Any);
            if text.contains("{z}w") {
                assert_eq!(found, None, "{text}");
            } else {
                assert_eq!(found, Some(expected), "{text}");
            }
        }
        for broken in ["text", "{a=b", "{a=b}, ", "{=b}", "{a=b, a=c}", "{a}", "{a=b,c=d"] {
            assert_eq!(parse_printed(broken, FieldNames::Any), None, "{broken}");
        }
        assert_eq!(parse_printed(&"{a=".repeat(100_000), FieldNames::Any), None);
        // In a struct, only the name of a field ends a value.
        let odd = parse_printed("{principalid=A:x, y=z, arn=b}", FieldNames::CloudTrail).unwrap();
        assert_eq!((&odd["principalId"], &odd["arn"]), (&"A:x, y=z".into(), &"b".into()));
    }
}
