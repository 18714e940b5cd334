//! Whether a call's encryption context satisfies the constraints of a grant.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::base::keyed_hash;
use crate::model::KmsEvent;

/// Whether constraints hold for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Yes,
    No,
    /// The record does not decide it.
    Undecidable,
}

/// Names and values of an encryption context.
pub(super) type Context = BTreeMap<String, String>;

/// The constraints of a grant.
///
/// Source: [GrantConstraints](https://docs.aws.amazon.com/kms/latest/APIReference/API_GrantConstraints.html).
/// They limit calls that take an encryption context; a source ARN also limits other calls, if an
/// AWS service makes them, and no record shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Constraints {
    equals: Option<Context>,
    subset: Option<Context>,
    pub(super) has_source: bool,
    /// The text is not that of constraints.
    pub(super) is_unknown: bool,
}

/// Operations to which an encryption context belongs.
const WITH_CONTEXT: [&str; 8] = [
    "Decrypt",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "ReEncryptFrom",
    "ReEncryptTo",
];

impl Constraints {
    /// Reads the column `grant_constraints`.
    pub(super) fn new(json: Option<&str>) -> Self {
        let Some(json) = json else { return Self::default() };
        let Ok(mut members) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(json) else {
            return Self { is_unknown: true, ..Self::default() };
        };
        let mut context = |name: &str| {
            let texts = serde_json::from_value::<Context>(members.remove(name)?).ok()?;
            // An empty one limits nothing.
            (!texts.is_empty()).then_some(texts)
        };
        let (equals, subset) = (context("encryptionContextEquals"), context("encryptionContextSubset"));
        Self { equals, subset, has_source: members.contains_key("sourceArn"), is_unknown: false }
    }

    /// Whether they limit a grant to some encryption contexts.
    pub(super) fn have_context(&self) -> bool {
        self.equals.is_some() || self.subset.is_some()
    }

    /// The pairs of their encryption contexts.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&String, &String)> {
        [&self.equals, &self.subset].into_iter().flatten().flatten()
    }

    /// A hash of each pair that an encryption context needs, so that they may hold for it, in the
    /// order of the pairs.
    pub(super) fn pair_hashes(&self) -> Vec<u64> {
        let contexts = [&self.equals, &self.subset].into_iter().flatten().map(folded);
        contexts.flatten().map(|(name, value)| pair_hash(&name, &value)).collect()
    }

    /// Whether they hold for a call with this encryption context.
    pub(super) fn hold(&self, context: &Context) -> Holds {
        let equals = self.equals.as_ref().map(|expected| {
            if context == expected { Holds::Yes } else { differs(folded(context) == folded(expected)) }
        });
        let subset = self.subset.as_ref().map(|expected| {
            let contains = |given: &Context, wanted: &Context| {
                wanted.iter().all(|(name, value)| given.get(name) == Some(value))
            };
            match contains(context, expected) {
                true => Holds::Yes,
                false => differs(contains(&folded(context), &folded(expected))),
            }
        });
        match [equals, subset] {
            [Some(Holds::No), _] | [_, Some(Holds::No)] => Holds::No,
            [Some(Holds::Undecidable), _] | [_, Some(Holds::Undecidable)] => Holds::Undecidable,
            _ => Holds::Yes,
        }
    }

    /// Whether they limit an operation to some encryption contexts.
    pub(super) fn limit(&self, operation: &str) -> bool {
        (self.is_unknown || self.have_context()) && has_context(operation)
    }

    /// Whether everything that these allow is allowed by `other`.
    pub(super) fn are_as_strict_as(&self, other: &Self) -> bool {
        let has = |inner: &Option<Context>, outer: &Context| {
            inner
                .as_ref()
                .is_some_and(|inner| outer.iter().all(|(name, value)| inner.get(name) == Some(value)))
        };
        let equals = other.equals.as_ref().is_none_or(|_| self.equals == other.equals);
        let subset =
            other.subset.as_ref().is_none_or(|outer| has(&self.equals, outer) || has(&self.subset, outer));
        equals && subset && (self.has_source || !other.has_source) && !self.is_unknown && !other.is_unknown
    }
}

/// Whether an encryption context belongs to an operation.
pub(super) fn has_context(operation: &str) -> bool {
    WITH_CONTEXT.contains(&operation)
}

/// The encryption context that belongs to an operation of a call; `None`: the record does not show
/// it. Of a ReEncrypt, events keep that of the destination among the details, and note there that
/// the source has none.
pub(super) fn context_of(event: &KmsEvent<'_>, operation: &str) -> Option<Context> {
    if event.omitted_fields.as_deref().is_some_and(|list| list.contains("requestParameters")) {
        return None;
    }
    let details: Value = match event.request_details.as_deref() {
        Some(json) if operation.starts_with("ReEncrypt") => serde_json::from_str(json).ok()?,
        _ => Value::default(),
    };
    let is_source = operation != "ReEncryptTo" && details.get("sourceEncryptionContext").is_none();
    match (operation, &event.encryption_context) {
        ("ReEncryptTo", _) => match details.get("destinationEncryptionContext") {
            None => Some(Context::new()),
            Some(context) => serde_json::from_value(context.clone()).ok(),
        },
        (_, Some(json)) if is_source => serde_json::from_str(json).ok(),
        _ => Some(Context::new()),
    }
}

/// The API says that names in constraints have no case, the guide that they match exactly: where
/// only the case of a name differs, nothing can be said.
fn differs(only_in_case: bool) -> Holds {
    if only_in_case { Holds::Undecidable } else { Holds::No }
}

/// A hash of a pair of an encryption context, whose name may have no case.
pub(super) fn pair_hash(name: &str, value: &str) -> u64 {
    keyed_hash(&(name.to_lowercase(), value)) as u64
}

fn folded(context: &Context) -> Context {
    context.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strictness_is_compared_pair_by_pair() {
        let parse = |json| Constraints::new(Some(json));
        let none = Constraints::default();
        let subset = parse(r#"{"encryptionContextSubset":{"a":"1"}}"#);
        let more = parse(r#"{"encryptionContextSubset":{"a":"1","b":"2"}}"#);
        let equals = parse(r#"{"encryptionContextEquals":{"a":"1"}}"#);
        for (inner, outer, expected) in [
            (&none, &none, true),
            (&subset, &none, true),
            (&none, &subset, false),
            (&more, &subset, true),
            (&subset, &more, false),
            (&equals, &subset, true),
            (&subset, &equals, false),
            (&equals, &equals, true),
        ] {
            assert_eq!(inner.are_as_strict_as(outer), expected, "{inner:?} {outer:?}");
        }
    }
}
