//! Whether a call's encryption context satisfies the constraints of a grant.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::KmsEvent;

/// Whether constraints hold for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Yes,
    No,
    /// The record does not decide it.
    Undecidable,
}

type Context = BTreeMap<String, String>;

/// The constraints of a grant.
///
/// Source: [GrantConstraints](https://docs.aws.amazon.com/kms/latest/APIReference/API_GrantConstraints.html).
/// They limit calls that take an encryption context; a source ARN also limits other calls, if an
/// AWS service makes them, and no record shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Constraints {
    equals: Option<Context>,
    subset: Option<Context>,
    has_source: bool,
    /// The text is not that of constraints.
    is_unknown: bool,
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

    /// Whether they hold for an operation of a call.
    pub(super) fn hold_for(&self, event: &KmsEvent<'_>, operation: &str) -> Holds {
        if self.is_unknown {
            return Holds::Undecidable;
        }
        if self.has_source && operation != "RetireGrant" && event.principal.kind == "AWSService" {
            return Holds::Undecidable;
        }
        if !WITH_CONTEXT.contains(&operation) || self.equals.is_none() && self.subset.is_none() {
            return Holds::Yes;
        }
        let Some(context) = context_of(event, operation) else { return Holds::Undecidable };
        let equals = self.equals.as_ref().map(|expected| {
            if context == *expected { Holds::Yes } else { differs(folded(&context) == folded(expected)) }
        });
        let subset = self.subset.as_ref().map(|expected| {
            let contains = |given: &Context, wanted: &Context| {
                wanted.iter().all(|(name, value)| given.get(name) == Some(value))
            };
            match contains(&context, expected) {
                true => Holds::Yes,
                false => differs(contains(&folded(&context), &folded(expected))),
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
        let has_context = self.is_unknown || self.equals.is_some() || self.subset.is_some();
        has_context && WITH_CONTEXT.contains(&operation)
    }

    /// Whether the grant that a CreateGrant call created allows no more than these do.
    pub(super) fn hold_for_child(&self, event: &KmsEvent<'_>) -> Holds {
        let child = Self::new(event.grant_constraints.as_deref());
        match self.is_unknown || child.is_unknown {
            true => Holds::Undecidable,
            false if child.are_as_strict_as(self) => Holds::Yes,
            false => Holds::No,
        }
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

/// The encryption context that belongs to an operation of a call; `None`: the record does not show
/// it. Of a ReEncrypt, events keep that of the destination among the details, and note there that
/// the source has none.
fn context_of(event: &KmsEvent<'_>, operation: &str) -> Option<Context> {
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

fn folded(context: &Context) -> Context {
    context.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(constraints: &str, context: Option<&str>, operation: &str) -> Holds {
        let mut event = KmsEvent::example();
        event.encryption_context = context.map(|text| text.to_owned().into());
        Constraints::new(Some(constraints)).hold_for(&event, operation)
    }

    #[test]
    fn contexts_are_compared_as_kms_does() {
        use Holds::{No, Undecidable, Yes};
        let equals = r#"{"encryptionContextEquals":{"a":"1","b":"2"}}"#;
        let subset = r#"{"encryptionContextSubset":{"a":"1"}}"#;
        for (constraints, context, operation, expected) in [
            (equals, Some(r#"{"a":"1","b":"2"}"#), "Decrypt", Yes),
            (equals, Some(r#"{"a":"1"}"#), "Decrypt", No),
            (equals, Some(r#"{"a":"1","b":"2","c":"3"}"#), "Decrypt", No),
            (equals, Some(r#"{"A":"1","b":"2"}"#), "Decrypt", Undecidable),
            (equals, Some(r#"{"A":"9","b":"2"}"#), "Decrypt", No),
            (equals, None, "Decrypt", No),
            (subset, Some(r#"{"a":"1","b":"2"}"#), "GenerateDataKey", Yes),
            (subset, Some(r#"{"a":"x","b":"2"}"#), "GenerateDataKey", No),
            (subset, Some(r#"{"A":"1"}"#), "GenerateDataKey", Undecidable),
            (subset, None, "Encrypt", No),
            // They do not limit calls without a context.
            (subset, None, "DescribeKey", Yes),
            (subset, None, "RetireGrant", Yes),
            (subset, None, "Sign", Yes),
            // The context is the source's, and the destination has none.
            (subset, Some(r#"{"a":"1"}"#), "ReEncryptFrom", Yes),
            (subset, Some(r#"{"a":"1"}"#), "ReEncryptTo", No),
            ("{}", None, "Decrypt", Yes),
            (r#"{"encryptionContextSubset":{}}"#, None, "Decrypt", Yes),
            (r#"{"sourceArn":"arn:aws:s3:::b"}"#, None, "Decrypt", Yes),
            ("?", None, "Decrypt", Undecidable),
        ] {
            assert_eq!(
                holds(constraints, context, operation),
                expected,
                "{constraints} {context:?} {operation}"
            );
        }
        let mut event = KmsEvent::example();
        event.encryption_context = Some(r#"{"a":"9"}"#.into());
        event.request_details = Some(r#"{"destinationEncryptionContext":{"a":"1"}}"#.into());
        assert_eq!(Constraints::new(Some(subset)).hold_for(&event, "ReEncryptTo"), Yes);
        assert_eq!(Constraints::new(Some(subset)).hold_for(&event, "ReEncryptFrom"), No);
        let mut event = KmsEvent::example();
        event.principal.kind = "AWSService".into();
        let source = Constraints::new(Some(r#"{"sourceArn":"arn:aws:s3:::b"}"#));
        assert_eq!(source.hold_for(&event, "Decrypt"), Undecidable);
        assert_eq!(source.hold_for(&event, "RetireGrant"), Yes);
        event.principal.kind = "AssumedRole".into();
        event.omitted_fields = Some("requestParameters".into());
        assert_eq!(Constraints::new(Some(subset)).hold_for(&event, "Decrypt"), Undecidable);
    }

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
