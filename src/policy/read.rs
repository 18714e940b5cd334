//! JSON → [`Policy`].
//!
//! A value and a list of one are the same thing everywhere in a policy. What a policy cannot have
//! is an error, since KMS would refuse it; members without a meaning are noted.

use serde_json::{Map, Value};

use super::action::PermissionSet;
use super::condition::{Condition, Language};
use super::document::{Actions, Effect, Policy, Principals, Resources, Statement};
use super::error::PolicyError;
use super::principal::{PrincipalElement, PrincipalKind};

/// Most bytes of a text that is read: twice what KMS takes
/// ([quotas](https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html)).
const MAX_BYTES: usize = 64 << 10;

/// Most statements that are read. A policy has at most 32 KB, so no real one has more.
const MAX_STATEMENTS: usize = 1_000;

impl Policy {
    /// Reads the text of a policy, as records have it: it must be valid JSON.
    ///
    /// # Errors
    /// When it is not a key policy, or is far longer than one can be.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        if text.len() > MAX_BYTES {
            return Err(PolicyError::TooLong(text.len()));
        }
        let value: Value = serde_json::from_str(text).map_err(PolicyError::Json)?;
        Self::from_value(&value)
    }

    /// Reads a policy that has been parsed as JSON.
    ///
    /// # Errors
    /// When it is not a key policy.
    pub fn from_value(value: &Value) -> Result<Self, PolicyError> {
        let Value::Object(members) = value else { return Err(PolicyError::NotAnObject) };
        let mut notes = Vec::new();
        let language = match members.get("Version") {
            None => Language::V2008,
            Some(Value::String(version)) if version == "2012-10-17" => Language::V2012,
            Some(Value::String(version)) if version == "2008-10-17" => Language::V2008,
            Some(other) => return Err(PolicyError::Version(short(other))),
        };
        let id = optional_text(members, "Id", 0)?;
        let statements = match members.get("Statement") {
            None => return Err(PolicyError::NoStatement),
            Some(Value::Array(list)) => list.iter().collect(),
            Some(one) => vec![one],
        };
        if statements.len() > MAX_STATEMENTS {
            return Err(PolicyError::TooManyStatements(statements.len()));
        }
        for name in members.keys().filter(|name| !["Version", "Id", "Statement"].contains(&&***name)) {
            notes.push(format!("the policy has a member {name:?}, which means nothing"));
        }
        let statements = statements
            .into_iter()
            .enumerate()
            .map(|(n, value)| statement(value, n + 1, &mut notes))
            .collect::<Result<_, _>>()?;
        Ok(Self { language, id, statements, notes })
    }
}

const MEMBERS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

fn statement(value: &Value, number: usize, notes: &mut Vec<String>) -> Result<Statement, PolicyError> {
    let Value::Object(members) = value else {
        return Err(PolicyError::Member { statement: number, member: "Statement", found: short(value) });
    };
    for name in members.keys().filter(|name| !MEMBERS.contains(&&***name)) {
        notes.push(format!("statement {number} has a member {name:?}, which means nothing"));
    }
    let effect = match members.get("Effect") {
        Some(Value::String(effect)) if effect == "Allow" => Effect::Allow,
        Some(Value::String(effect)) if effect == "Deny" => Effect::Deny,
        other => return Err(wrong(number, "Effect", other)),
    };
    let principals = match (members.get("Principal"), members.get("NotPrincipal")) {
        (Some(listed), None) => Principals::Listed(principals(listed, number, "Principal")?),
        (None, Some(listed)) => Principals::AllBut(principals(listed, number, "NotPrincipal")?),
        (found, _) => return Err(wrong(number, "Principal", found)),
    };
    let actions = pair(members, ["Action", "NotAction"], number)?.map(|(patterns, is_negated)| {
        let matching = |pattern: &String| PermissionSet::matching(pattern);
        let set = patterns.iter().map(matching).fold(PermissionSet::default(), PermissionSet::union);
        Actions { set: if is_negated { set.complement() } else { set }, patterns, is_negated }
    });
    let resources = pair(members, ["Resource", "NotResource"], number)?;
    let resources = resources.map(|(patterns, is_negated)| Resources { patterns, is_negated });
    let conditions = conditions(members.get("Condition"), number)?;
    let sid = optional_text(members, "Sid", number)?;
    Ok(Statement { sid, effect, principals, actions, resources, conditions, json: value.clone() })
}

/// The patterns of a member, or of its negation; `None`: the statement has neither.
fn pair(
    members: &Map<String, Value>,
    names: [&'static str; 2],
    number: usize,
) -> Result<Option<(Vec<String>, bool)>, PolicyError> {
    match names.map(|name| members.get(name)) {
        [None, None] => Ok(None),
        [Some(value), None] => Ok(Some((texts(value, number, names[0])?, false))),
        [None, Some(value)] => Ok(Some((texts(value, number, names[1])?, true))),
        [Some(_), Some(value)] => Err(wrong(number, names[1], Some(value))),
    }
}

fn principals(
    value: &Value,
    number: usize,
    member: &'static str,
) -> Result<Vec<PrincipalElement>, PolicyError> {
    let members = match value {
        Value::String(text) if text == "*" => {
            return Ok(vec![PrincipalElement::new(PrincipalKind::Aws, text)]);
        }
        Value::Object(members) if !members.is_empty() => members,
        other => return Err(wrong(number, member, Some(other))),
    };
    let mut found = Vec::new();
    for (name, value) in members {
        let kind = match name.as_str() {
            "AWS" => PrincipalKind::Aws,
            "Service" => PrincipalKind::Service,
            "Federated" => PrincipalKind::Federated,
            "CanonicalUser" => PrincipalKind::CanonicalUser,
            _ => return Err(PolicyError::PrincipalKind { statement: number, found: name.clone() }),
        };
        let texts = texts(value, number, member)?;
        found.extend(texts.iter().map(|text| PrincipalElement::new(kind, text)));
    }
    Ok(found)
}

fn conditions(value: Option<&Value>, number: usize) -> Result<Vec<Condition>, PolicyError> {
    let operators = match value {
        None => return Ok(Vec::new()),
        Some(Value::Object(operators)) => operators,
        other => return Err(wrong(number, "Condition", other)),
    };
    let mut found = Vec::new();
    for (operator, keys) in operators {
        let Value::Object(keys) = keys else { return Err(wrong(number, "Condition", Some(keys))) };
        for (key, values) in keys {
            let condition = Condition::read(operator, key, values)
                .map_err(|source| PolicyError::Condition { statement: number, source })?;
            found.push(condition);
        }
    }
    Ok(found)
}

fn texts(value: &Value, number: usize, member: &'static str) -> Result<Vec<String>, PolicyError> {
    let text = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        other => Err(wrong(number, member, Some(other))),
    };
    match value {
        Value::Array(list) => list.iter().map(text).collect(),
        one => Ok(vec![text(one)?]),
    }
}

fn optional_text(
    members: &Map<String, Value>,
    member: &'static str,
    number: usize,
) -> Result<Option<String>, PolicyError> {
    match members.get(member) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        other => Err(wrong(number, member, other)),
    }
}

fn wrong(statement: usize, member: &'static str, found: Option<&Value>) -> PolicyError {
    PolicyError::Member { statement, member, found: found.map_or_else(|| "nothing".to_owned(), short) }
}

/// A value as an error shows it.
fn short(value: &Value) -> String {
    const MAX: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
