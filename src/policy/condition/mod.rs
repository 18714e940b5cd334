//! A condition of a statement: an operator, a condition key and operands.

mod compare;
mod operator;
mod pattern;

use serde_json::Value;

use self::operator::{Comparison, Operator, Quantifier};
use self::pattern::{Resolved, Syntax};
use super::context::ContextValue;
use super::request::Request;
use super::truth::Truth;
use super::values::is_never_on;
use crate::model::Principal;

/// Why a condition was not compared.
const TOO_LONG: &str = "the conditions and the call are too long to be compared";

/// The version of the policy language that a policy names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Language {
    /// `2008-10-17`, also if there is none: `${…}` is literal text.
    #[default]
    V2008,
    /// `2012-10-17`: with policy variables.
    V2012,
}

/// Why a condition cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConditionError {
    /// The operand is an object or null.
    #[error("the value of {key} under {operator} is neither text, number nor boolean, nor a list of them")]
    Operand {
        /// The operator.
        operator: String,
        /// The condition key.
        key: String,
    },
}

/// One operator with one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    name: String,
    /// `None`: there is no such operator.
    operator: Option<Operator>,
    key: String,
    values: Vec<String>,
    /// The operands, resolved once; `None`: they may have policy variables.
    resolved: Option<Vec<Resolved>>,
    /// The key is about the encryption context.
    is_of_context: bool,
    /// The key is `aws:PrincipalArn`.
    is_of_caller: bool,
    /// The key is `kms:ResourceAliases`, and the operator asks for a value.
    is_of_aliases: bool,
}

impl Condition {
    /// Reads a condition. An operator that does not exist is no error: nothing can be known of it.
    ///
    /// # Errors
    /// When a value is an object, a nested list or null.
    pub fn read(operator: &str, key: &str, values: &Value) -> Result<Self, ConditionError> {
        let error = || ConditionError::Operand { operator: operator.to_owned(), key: key.to_owned() };
        let text = |value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(flag) => Ok(flag.to_string()),
            _ => Err(error()),
        };
        let values = match values.as_array() {
            Some(list) => list.iter().map(text).collect::<Result<_, _>>()?,
            None => vec![text(values)?],
        };
        let known = Operator::parse(operator);
        let resolved = known.and_then(|operator| resolved(operator, &values));
        let is_of_context = key.to_ascii_lowercase().starts_with("kms:encryptioncontext");
        let is_of_caller = key.eq_ignore_ascii_case("aws:PrincipalArn");
        let asks = |operator: Operator| operator.comparison != Comparison::Null;
        let is_of_aliases = key.eq_ignore_ascii_case("kms:ResourceAliases") && known.is_some_and(asks);
        let (name, key) = (operator.to_owned(), key.to_owned());
        Ok(Self { name, operator: known, key, values, resolved, is_of_context, is_of_caller, is_of_aliases })
    }

    /// The operator's name, as the policy spells it.
    pub fn operator(&self) -> &str {
        &self.name
    }

    /// The condition key, as the policy spells it.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The operands; numbers and booleans as text.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// Whether the condition is met by a request.
    pub fn holds(&self, request: &Request<'_>, language: Language) -> Truth {
        // Neither an Allow nor a Deny is about calls that cannot have an encryption context.
        if self.is_of_context && !request.can_have_context() {
            return Truth::No;
        }
        let context = request.event.encryption_context.as_deref().map_or(0, str::len);
        let operands: usize = self.values.iter().map(String::len).sum();
        let value_of = |key: &str| match request.spend(context + key.len()) {
            true => request.value(key),
            false => ContextValue::unknown(TOO_LONG),
        };
        let value = value_of(&self.key);
        let length = match &value {
            ContextValue::One(value) => value.len(),
            ContextValue::Many(values) => values.iter().map(|value| value.len()).sum(),
            _ => 0,
        };
        if !request.spend(operands.saturating_mul(1 + length)) {
            return Truth::Unknown(TOO_LONG.into());
        }
        let found = self.holds_for(value, language, &value_of);
        let holds_with = |arn: String| self.holds_for(ContextValue::owned(arn), language, &value_of);
        if self.is_of_caller && self.paths_of(&request.event.principal).any(|arn| holds_with(arn) != found) {
            return Truth::Unknown("the record may lack the path of the caller's role".into());
        }
        found
    }

    /// Other ARNs of the caller's role, with the paths that the operands name: records without the
    /// session's issuer lose the path.
    fn paths_of(&self, caller: &Principal<'_>) -> impl Iterator<Item = String> {
        let role = caller.role_name().filter(|_| caller.kind == "AssumedRole");
        let name = role.filter(|name| caller.name.ends_with(&format!(":role/{name}")));
        let account = caller.name.strip_suffix(name.unwrap_or_default()).unwrap_or_default();
        let paths = self.values.iter().filter_map(|value| {
            let path = value.split_once(":role/")?.1;
            let end = path.find(['*', '?']).or_else(|| path.rfind('/'))?;
            path.get(..end).map(|path| path.trim_end_matches('/')).filter(|path| !path.is_empty())
        });
        paths.filter_map(move |path| Some(format!("{account}{path}/{}", name?)))
    }

    /// Whether no request for this action can meet the condition: requests for it never have the
    /// key.
    pub fn is_never_met_on(&self, action: &str) -> bool {
        let needs_value =
            |operator: Operator| operator.comparison != Comparison::Null && !holds_without_value(operator);
        // Only IAM policies can ask for the aliases of a key.
        if self.is_of_aliases {
            return self.operator.is_some_and(needs_value);
        }
        let needs_key = self.is_of_context || self.operator.is_some_and(needs_value);
        needs_key && is_never_on(&self.key, action)
    }

    /// The same for a value of the key; `lookup` gives those of policy variables.
    fn holds_for<'e>(
        &self,
        value: ContextValue<'e>,
        language: Language,
        lookup: &dyn Fn(&str) -> ContextValue<'e>,
    ) -> Truth {
        let Some(operator) = self.operator else {
            return Truth::Unknown(format!("there is no condition operator {}", self.name).into());
        };
        let values = match value {
            ContextValue::Unknown(_) if self.is_of_aliases && !holds_without_value(operator) => {
                return Truth::No;
            }
            ContextValue::Unknown(why) => return Truth::Unknown(why),
            value if operator.comparison == Comparison::Null => return self.is_null(&value),
            ContextValue::Absent => return Truth::from(holds_without_value(operator)),
            // Never, even if negated or `IfExists`.
            ContextValue::Many(_) if operator.quantifier == Quantifier::Single => return Truth::No,
            ContextValue::Many(values) => values,
            ContextValue::One(value) => vec![value],
        };
        let of_request;
        let operands = match &self.resolved {
            Some(resolved) => resolved,
            None => {
                of_request = self.operands(operator, language, lookup);
                &of_request
            }
        };
        let each = values.iter().map(|value| matches_value(operator, value, operands));
        match operator.quantifier {
            Quantifier::All => each.fold(Truth::Yes, Truth::and),
            Quantifier::Any | Quantifier::Single => each.fold(Truth::No, Truth::or),
        }
    }

    /// `Null`: `true` asks that the key is absent, `false` that it is present.
    fn is_null(&self, value: &ContextValue<'_>) -> Truth {
        let is_absent = if *value == ContextValue::Absent { "true" } else { "false" };
        Truth::from(self.values.iter().any(|operand| operand.eq_ignore_ascii_case(is_absent)))
    }

    fn operands<'e>(
        &self,
        operator: Operator,
        language: Language,
        lookup: &dyn Fn(&str) -> ContextValue<'e>,
    ) -> Vec<Resolved> {
        let variables = language == Language::V2012 && operator.takes_variables();
        let syntax = Syntax { wildcards: operator.takes_wildcards(), variables };
        self.values.iter().map(|text| pattern::resolve(text, syntax, lookup)).collect()
    }
}

/// Operands that are the same in every request; `None`: they may have policy variables.
fn resolved(operator: Operator, values: &[String]) -> Option<Vec<Resolved>> {
    if values.iter().any(|text| text.contains('$')) {
        return None;
    }
    let syntax = Syntax { wildcards: true, variables: false };
    let resolve = |text: &String| match operator.takes_wildcards() {
        true => pattern::resolve(text, syntax, |_| ContextValue::Absent),
        false => Resolved::Text(text.clone()),
    };
    Some(values.iter().map(resolve).collect())
}

/// Whether an operator is met when the key is not in the context.
fn holds_without_value(operator: Operator) -> bool {
    match operator.quantifier {
        Quantifier::All => true,
        // No value matches, even if negated.
        Quantifier::Any => operator.if_exists,
        Quantifier::Single => operator.if_exists || operator.is_negated,
    }
}

/// Whether one value matches any operand; for a negated operator, none.
fn matches_value(operator: Operator, value: &str, operands: &[Resolved]) -> Truth {
    if !compare::is_well_formed(operator.comparison, value) {
        return Truth::No;
    }
    let each = operands.iter().map(|operand| match operand {
        Resolved::Pattern(units) => Truth::from(compare::is_match(operator.comparison, value, units)),
        Resolved::Text(text) => Truth::from(compare::is_text_match(operator.comparison, value, text)),
        Resolved::NoValue if operator.is_negated => {
            Truth::Unknown("a policy variable has no value in this request".into())
        }
        Resolved::NoValue => Truth::No,
        Resolved::Unknown(why) => Truth::Unknown(why.clone()),
    });
    let found = each.fold(Truth::No, Truth::or);
    if operator.is_negated { !found } else { found }
}

#[cfg(test)]
mod tests;
