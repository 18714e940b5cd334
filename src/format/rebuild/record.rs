//! Rebuilds a record from members with other names and values.

use memchr::memmem;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::bare::bare_place;
use super::names::{MEMBERS, MemberType, Place, place, prefix, squashed};
use super::printed::{FieldNames, parse_printed};
use super::quoted::parse_quoted;
use super::time::rfc3339;

/// Whether a rebuilt record is certain to have all members of the record that it was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fidelity {
    /// Only names and notations differ.
    Whole,
    /// Something may be missing.
    Lossy,
}

/// What came of the members of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rebuilt {
    /// A record.
    Record {
        /// Its JSON text.
        json: String,
        /// Whether it has all members.
        fidelity: Fidelity,
        /// It is beyond doubt an event of CloudTrail: `eventSource` is the name of a service of
        /// AWS, and there are other members. Other programs have events with a source, too.
        is_event: bool,
    },
    /// No record: the row is an event, but `eventSource`, which names the service, is missing.
    MissingSource {
        /// Number of members of the record.
        members: usize,
    },
    /// No record: the row is not an event, but for example a count.
    NotAnEvent,
}

/// What happens to a text in the place of an object that is in no known notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unknown {
    /// It is left out, and the record is lossy.
    LeftOut,
    /// It stays, and the parser rejects the record.
    Kept,
}

/// Rebuilds the record from named texts: the columns of a query result.
pub fn record_from_columns(columns: &[(&str, &str)]) -> Rebuilt {
    let members = columns.iter().map(|(name, text)| ((*name).to_owned(), Value::from(*text)));
    record_from_members(members.collect())
}

/// Rebuilds the record from named values: a row of a table.
pub fn record_from_members(members: Map<String, Value>) -> Rebuilt {
    let mut rebuilding = Rebuilding::new(Unknown::LeftOut);
    rebuilding.add_all(members);
    rebuilding.finish()
}

/// Rewrites a record whose nested members are text, or whose time is in another form; `None` when
/// it is not a JSON object.
pub fn restored_record(record: &[u8]) -> Option<(Vec<u8>, Fidelity)> {
    let Ok(Value::Object(members)) = serde_json::from_slice(record) else { return None };
    let mut rebuilding = Rebuilding::new(Unknown::Kept);
    rebuilding.add_all(members);
    // All of the members are there: only those that cannot be read make it lossy.
    let fidelity = if rebuilding.is_lossy { Fidelity::Lossy } else { Fidelity::Whole };
    Some((Value::Object(rebuilding.record).to_string().into_bytes(), fidelity))
}

/// Members without which nobody can say that the row is the whole record.
const ESSENTIAL: [&str; 4] = ["userIdentity", "eventTime", "eventID", "awsRegion"];

/// Members of parameters, responses and identities that are objects or lists.
const NESTED: [&str; 16] = [
    "sessionContext",
    "sessionIssuer",
    "attributes",
    "webIdFederationData",
    "onBehalfOf",
    "inScopeOf",
    "encryptionContext",
    "sourceEncryptionContext",
    "destinationEncryptionContext",
    "encryptionContextSubset",
    "encryptionContextEquals",
    "constraints",
    "operations",
    "keyMetadata",
    "replicaKeyMetadata",
    "resources",
];

/// A record being rebuilt.
struct Rebuilding {
    record: Map<String, Value>,
    unknown: Unknown,
    is_lossy: bool,
    /// A column of the row is one of an event.
    names_event: bool,
}

impl Rebuilding {
    fn new(unknown: Unknown) -> Self {
        Self { record: Map::new(), unknown, is_lossy: false, names_event: false }
    }

    fn add_all(&mut self, members: Map<String, Value>) {
        let prefix = prefix(members.keys().map(String::as_str)).unwrap_or_default().to_owned();
        let (mut region, mut bare) = (None, Vec::new());
        // Exact names come last, so that they win over other spellings.
        let is_quoted = members.iter().any(|(name, value)| is_quoted_member(name, value));
        let (exact, others): (Vec<_>, Vec<_>) =
            members.into_iter().partition(|(name, _)| MEMBERS.iter().any(|member| member.name == name));
        for (name, value) in others.into_iter().chain(exact) {
            if is_nothing(&value) {
                continue;
            }
            let value = if is_quoted { unquoted(value) } else { value };
            let own = name.strip_prefix(prefix.as_str()).unwrap_or(&name);
            match place(own).or_else(|| place(&name)) {
                Some(Place::Member(index)) => {
                    // A tool that renames members of the record also renames those inside them.
                    let is_renamed = MEMBERS[index].member_type == MemberType::Map && own.contains('_');
                    let value = if is_renamed { self.camel_case(value) } else { value };
                    self.add(index, value);
                }
                Some(Place::Inside(path)) => self.add_inside(&path, value),
                None if squashed(own) == "region" => region = Some(value),
                None => bare.extend(bare_place(own, &value).map(|path| (path, value))),
            }
        }
        if let Some(Value::String(region)) = region {
            self.record.entry("awsRegion").or_insert(region.into());
        }
        // Without them, nobody knows whether it is an event at all.
        if ["eventSource", "eventName"].iter().all(|name| self.record.contains_key(*name)) {
            // Beside the member itself, the name stands for something else.
            bare.retain(|(path, _)| path.first().is_some_and(|name| !self.record.contains_key(*name)));
            bare.into_iter().for_each(|(path, value)| self.add_inside(path, value));
        }
    }

    /// The value with names in snake case as the API spells them. The names in an encryption
    /// context are data.
    fn camel_case(&mut self, value: Value) -> Value {
        match value {
            Value::Object(members) => {
                let rename = |(name, value): (String, Value)| {
                    let renamed = camel_case(&name);
                    self.is_lossy |= renamed != name;
                    let is_data = renamed.to_ascii_lowercase().contains("context");
                    let value = if is_data { value } else { self.camel_case(value) };
                    (renamed, value)
                };
                Value::Object(members.into_iter().map(rename).collect())
            }
            Value::Array(items) => items.into_iter().map(|item| self.camel_case(item)).collect(),
            value => value,
        }
    }

    fn add(&mut self, index: usize, value: Value) {
        let member = MEMBERS[index];
        self.names_event |= matches!(member.name, "eventVersion" | "eventName" | "eventID" | "eventSource");
        let value = match member.member_type {
            MemberType::Text => text(value),
            MemberType::Account => text(value).map(account),
            MemberType::Boolean => boolean(&value),
            MemberType::Time => rfc3339(&value).map(Value::from).or_else(|| text(value)),
            MemberType::Struct => self.nested(value, FieldNames::CloudTrail, member.name),
            MemberType::Map => self.nested(value, FieldNames::Any, member.name),
        };
        if let Some(value) = value {
            let value = if member.name == "resources" { self.list_of_resources(value) } else { value };
            self.record.insert(member.name.to_owned(), value);
        }
    }

    /// The resources as a list of objects: some tools write a list of one item as the item, and an
    /// object with one name as that name.
    fn list_of_resources(&mut self, resources: Value) -> Value {
        match resources {
            Value::Object(resource) if !resource.is_empty() => Value::Array(vec![resource.into()]),
            Value::String(arn) if is_arn(&arn) => {
                self.is_lossy = true;
                Value::Array(vec![json!({"ARN": arn.trim()})])
            }
            Value::Array(items) => {
                let object = |item| match item {
                    Value::String(arn) if is_arn(&arn) => {
                        self.is_lossy = true;
                        json!({"ARN": arn.trim()})
                    }
                    item => item,
                };
                Value::Array(items.into_iter().map(object).collect())
            }
            other => other,
        }
    }

    /// An object or a list, which may be text.
    fn nested(&mut self, value: Value, names: FieldNames, member: &str) -> Option<Value> {
        let value = match value {
            Value::String(printed) => match self.structure(&printed, names) {
                Some(value) => value,
                // Without the caller, the event would be of nobody.
                None if self.unknown == Unknown::Kept || member == "userIdentity" => printed.into(),
                None => return None,
            },
            value @ (Value::Object(_) | Value::Array(_)) => value,
            // The parser rejects a record with a number here.
            other if self.unknown == Unknown::Kept || member == "userIdentity" => other,
            _ => {
                self.is_lossy = true;
                return None;
            }
        };
        Some(self.expanded(names.restore_all(unquoted_members(value)), names))
    }

    /// An object or a list in any of the notations; `None` when there is no value, or none that can
    /// be read.
    fn structure(&mut self, printed: &str, names: FieldNames) -> Option<Value> {
        let printed = printed.trim();
        match serde_json::from_str(printed) {
            Ok(value @ (Value::Object(_) | Value::Array(_))) => return Some(value),
            // JSON text of JSON text.
            Ok(Value::String(inner)) if inner.starts_with(['{', '[']) => {
                if let Ok(value @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(&inner) {
                    return Some(value);
                }
            }
            _ => {}
        }
        self.is_lossy = true;
        parse_quoted(printed).or_else(|| parse_printed(printed, names))
    }

    /// The value with the texts inside it that show an object or a list.
    fn expanded(&mut self, value: Value, names: FieldNames) -> Value {
        match value {
            Value::Object(members) => {
                let expand = |(name, value): (String, Value)| {
                    let value = match value {
                        Value::String(printed)
                            if NESTED.iter().any(|nested| nested.eq_ignore_ascii_case(&name)) =>
                        {
                            self.text_inside(printed, names)
                        }
                        value @ (Value::Object(_) | Value::Array(_)) => self.expanded(value, names),
                        value => value,
                    };
                    (name, value)
                };
                Value::Object(members.into_iter().map(expand).collect())
            }
            Value::Array(items) => {
                let expand = |item| match item {
                    Value::String(printed) if printed.trim_start().starts_with('{') => {
                        self.text_inside(printed, names)
                    }
                    value @ Value::Object(_) => self.expanded(value, names),
                    value => value,
                };
                Value::Array(items.into_iter().map(expand).collect())
            }
            value => value,
        }
    }

    fn text_inside(&mut self, printed: String, names: FieldNames) -> Value {
        if !printed.trim_start().starts_with(['{', '[']) {
            return printed.into();
        }
        // Text in text doubles its escapes, so the depth is limited by the length.
        match self.structure(&printed, names) {
            Some(value) => self.expanded(names.restore_all(value), names),
            None => printed.into(),
        }
    }

    /// A value with a column of its own, inside a member of the record.
    fn add_inside(&mut self, path: &[impl AsRef<str>], value: Value) {
        // A list that became a column shows one of its items.
        self.is_lossy = true;
        self.names_event = true;
        let value = if value.is_number() { text(value).unwrap_or_default() } else { value };
        let [first, inner @ ..] = path else { return };
        if first.as_ref() == "resources" {
            let items =
                self.record.entry("resources").or_insert_with(|| Value::Array(vec![Map::new().into()]));
            let (Some(items), [name]) = (items.as_array_mut(), inner) else { return };
            let values = if let Value::Array(values) = value { values } else { vec![value] };
            for (n, value) in values.into_iter().enumerate() {
                if n >= items.len() {
                    items.push(Map::new().into());
                }
                if let Some(item) = items[n].as_object_mut() {
                    item.entry(name.as_ref()).or_insert(value);
                }
            }
            return;
        }
        let mut object = &mut self.record;
        let [parents @ .., last] = path else { return };
        for name in parents {
            let entry = object.entry(name.as_ref()).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(inner) = entry else { return };
            object = inner;
        }
        object.entry(last.as_ref()).or_insert(value);
    }

    fn finish(self) -> Rebuilt {
        let Some(source) = self.record.get("eventSource") else {
            let members = self.record.len();
            return if self.names_event { Rebuilt::MissingSource { members } } else { Rebuilt::NotAnEvent };
        };
        let names_service = source.as_str().is_some_and(|source| {
            let source = source.to_ascii_lowercase();
            source.contains(".amazon")
                || source.split(|c: char| !c.is_alphanumeric()).any(|word| word == "kms")
        });
        let is_event = names_service && (self.record.contains_key("eventName") || self.record.len() > 3);
        let has_all = ESSENTIAL.iter().all(|name| self.record.contains_key(*name));
        let fidelity = if has_all && !self.is_lossy { Fidelity::Whole } else { Fidelity::Lossy };
        Rebuilt::Record { json: Value::Object(self.record).to_string(), fidelity, is_event }
    }
}

/// Names of texts that begin with no quote of their own.
const NEVER_QUOTED: [&str; 10] = [
    "eventVersion",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "eventID",
    "type",
    "arn",
    "principalId",
    "keyId",
];

/// Whether the record may have texts that are JSON text of a string, with its quotes: what DuckDB
/// and Snowflake make of a value whose type they do not infer.
pub fn may_have_quoted_texts(record: &[u8]) -> bool {
    memmem::find_iter(record, br#""\""#).any(|at| {
        let before = record[..at].trim_ascii_end().strip_suffix(b":").unwrap_or_default().trim_ascii_end();
        let before = before.strip_suffix(b"\"").unwrap_or_default();
        NEVER_QUOTED
            .iter()
            .any(|name| before.strip_suffix(name.as_bytes()).is_some_and(|before| before.ends_with(b"\"")))
    })
}

/// Whether a member of the record is JSON text of a string. Other programs choose these two texts.
fn is_quoted_member(name: &str, value: &Value) -> bool {
    let is_free = |name: &str| matches!(squashed(name).as_str(), "useragent" | "errormessage");
    value.as_str().is_some_and(|text| unquoted_text(text).is_some()) && !is_free(name)
}

/// The string of which the whole text is the JSON text.
fn unquoted_text(text: &str) -> Option<String> {
    let text = text.trim();
    (text.len() > 1 && text.starts_with('"')).then(|| serde_json::from_str(text).ok())?
}

/// The value without the quotes of JSON text, if it has them. Text of an object or a list keeps
/// them: it is turned back later.
fn unquoted(value: Value) -> Value {
    let text = value.as_str().and_then(unquoted_text).filter(|text| !text.starts_with(['{', '[']));
    text.map_or(value, Value::String)
}

/// The members of an object without the quotes of JSON text, if all of its texts are JSON.
fn unquoted_members(object: Value) -> Value {
    let is_json = |value: &Value| match value {
        Value::String(text) => serde_json::from_str::<IgnoredAny>(text).is_ok(),
        _ => true,
    };
    match object {
        Value::Object(members) if members.values().all(is_json) => {
            Value::Object(members.into_iter().map(|(name, value)| (name, unquoted(value))).collect())
        }
        other => other,
    }
}

/// `key_id` as `keyId`; any other name unchanged.
fn camel_case(name: &str) -> String {
    let is_snake_case = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if !name.bytes().all(is_snake_case) {
        return name.to_owned();
    }
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut camel, word| {
        let (initial, rest) = word.split_at(word.len().min(1));
        camel.push_str(&initial.to_ascii_uppercase());
        camel.push_str(rest);
        camel
    })
}

/// Whether the text is one ARN.
fn is_arn(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("arn:") && !text.contains([',', ' ', '"', '{', ';'])
}

/// Whether the value says that there is none.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => {
            matches!(text.trim(), "" | "null" | "NULL" | "None" | "NaN" | "nan" | "<null>" | "\\N")
        }
        _ => false,
    }
}

fn text(value: Value) -> Option<Value> {
    match value {
        Value::String(text) => Some(text.trim().into()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string().into()),
        Value::Array(items) if items.is_empty() => None,
        Value::Object(members) if members.is_empty() => None,
        Value::Null => None,
        // What reads the record decides whether something is lost.
        Value::Array(_) | Value::Object(_) => Some(value),
    }
}

/// An account id that became a number has lost its leading zeros, and may have gained a fraction.
fn account(value: Value) -> Value {
    let Some(text) = value.as_str() else { return value };
    let whole = text.strip_suffix(".0").unwrap_or(text);
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if (6..=12).contains(&whole.len()) && is_digits(whole) {
        return format!("{whole:0>12}").into();
    }
    match text.parse::<f64>() {
        Ok(number) if text.contains(['e', 'E']) && (1e5..1e12).contains(&number) && number.fract() == 0.0 => {
            format!("{number:012.0}").into()
        }
        _ => value,
    }
}

fn boolean(value: &Value) -> Option<Value> {
    match value {
        Value::Bool(_) => Some(value.clone()),
        Value::String(text) if text.trim().eq_ignore_ascii_case("true") => Some(true.into()),
        Value::String(text) if text.trim().eq_ignore_ascii_case("false") => Some(false.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
