//! The details of a call: what conditions of policies may ask of its request, but little else does.

use std::borrow::Cow;

use serde_json::Value;

use super::details::{Details, JsonValue, POLICY};
use super::lenient::TextMap;
use super::record::Request;
use crate::model::{Outcome, Text};

/// The algorithm of symmetric keys, which counts when a request gives none.
const DEFAULT_ALGORITHM: &str = "SYMMETRIC_DEFAULT";

/// The details of a call as compact JSON text with sorted names: parameters that are given and have
/// not their default. `null` when the call failed and there are no parameters at all: CloudTrail
/// leaves them out of some refused calls.
///
/// `encryption_context` of the event is that of a `ReEncrypt`'s source, or else of its destination.
/// So that both are known, the destination's is a detail, too, and the source's if there is none.
pub(super) fn of_call(
    api: &str,
    outcome: Outcome,
    request: &Request<'_>,
    recipient: &JsonValue,
) -> Option<Text<'static>> {
    let is_common = request.details.is_empty()
        && request.destination_context.is_none()
        && request.grantee_service_principal.is_none()
        && request.retiring_service_principal.is_none()
        && recipient.0.is_null();
    let algorithm = request.encryption_algorithm.as_deref().filter(|name| *name != DEFAULT_ALGORITHM);
    let key_spec = request.key_spec.as_deref().filter(|_| api == "CreateKey");
    if is_common && algorithm.is_none() && key_spec.is_none() {
        return (outcome != Outcome::Success && request.is_empty()).then_some(Cow::Borrowed("null"));
    }
    let texts = [
        ("encryptionAlgorithm", algorithm),
        ("keySpec", key_spec),
        ("granteeServicePrincipal", request.grantee_service_principal.as_deref()),
        ("retiringServicePrincipal", request.retiring_service_principal.as_deref()),
    ];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name, Value::from(text?))));
    let others = request.details.values().into_iter().filter(|(index, _)| *index != POLICY);
    let others = others.filter_map(|(index, value)| Some((*Details::NAMES.get(index)?, value)));
    let context = |map: &TextMap<'_>| serde_json::from_str(&map.to_json()).unwrap_or_default();
    let destination = request.destination_context.as_ref();
    let has_no_source = destination.is_some() && request.source_context.is_none();
    let contexts = [
        ("destinationEncryptionContext", destination.map(context)),
        ("sourceEncryptionContext", has_no_source.then(|| serde_json::json!({}))),
    ];
    let contexts = contexts.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let all = texts.chain(others).chain(contexts).chain([("recipient", recipient.0.clone())]);
    let is_given = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => text != DEFAULT_ALGORITHM,
        _ => true,
    };
    let members: serde_json::Map<String, Value> =
        all.filter(|(_, value)| is_given(value)).map(|(name, value)| (name.to_owned(), value)).collect();
    (!members.is_empty()).then(|| Cow::Owned(Value::from(members).to_string()))
}

#[cfg(test)]
mod tests {
    use crate::model::Text;
    use crate::parse::read::{record, record_with_serde_json};
    use crate::parse::{RecordKind, parse};

    /// Details, policy, MFA and source ARN of a call with these members of the record.
    fn details(members: &str) -> [Option<String>; 4] {
        let json = format!(
            r#"{{"eventVersion":"1.08","eventTime":"2024-01-01T00:00:00Z","eventSource":"kms.amazonaws.com",{members}}}"#
        );
        let fast = parse(json.as_bytes()).unwrap();
        let slow = record_with_serde_json(&json).unwrap();
        assert_eq!(record(&json).unwrap(), slow, "{json}");
        let RecordKind::Event(event) = fast.kind else { panic!("no event: {json}") };
        let owned = |text: Option<Text<'_>>| text.map(|text| text.into_owned());
        let mfa = event.mfa.map(|mfa| mfa.to_string());
        [owned(event.request_details), owned(event.policy), mfa, owned(event.source_arn)]
    }

    #[test]
    fn details_are_what_differs_from_the_default() {
        for (api, parameters, expected) in [
            ("Decrypt", r#"{"encryptionAlgorithm":"SYMMETRIC_DEFAULT","keyId":"k"}"#, None),
            ("GenerateDataKey", r#"{"keySpec":"AES_256","keyId":"k"}"#, None),
            (
                "Decrypt",
                r#"{"encryptionAlgorithm":"RSAES_OAEP_SHA_1"}"#,
                Some(r#"{"encryptionAlgorithm":"RSAES_OAEP_SHA_1"}"#),
            ),
            (
                "CreateKey",
                r#"{"multiRegion":false,"keySpec":"RSA_2048","origin":"AWS_KMS","tags":[{"tagKey":"a","tagValue":"b"}]}"#,
                Some(r#"{"keySpec":"RSA_2048","origin":"AWS_KMS","tags":[{"tagKey":"a","tagValue":"b"}]}"#),
            ),
            (
                "ScheduleKeyDeletion",
                r#"{"PendingWindowInDays":7,"pendingWindowInDays":30}"#,
                Some(r#"{"pendingWindowInDays":30}"#),
            ),
            (
                "ScheduleKeyDeletion",
                r#"{"pendingWindowInDays":7,"PendingWindowInDays":30}"#,
                Some(r#"{"pendingWindowInDays":7}"#),
            ),
            (
                "Sign",
                r#"{"signingAlgorithm":"\u0041","messageType": "RAW" }"#,
                Some(r#"{"messageType":"RAW","signingAlgorithm":"A"}"#),
            ),
            (
                "ReEncrypt",
                r#"{"sourceEncryptionContext":{"a":"1"},"destinationEncryptionContext":{"b":"2"},"sourceEncryptionAlgorithm":"SYMMETRIC_DEFAULT"}"#,
                Some(r#"{"destinationEncryptionContext":{"b":"2"}}"#),
            ),
            (
                "ReEncrypt",
                r#"{"destinationEncryptionContext":{"b":"2"}}"#,
                Some(r#"{"destinationEncryptionContext":{"b":"2"},"sourceEncryptionContext":{}}"#),
            ),
            (
                "CreateGrant",
                r#"{"granteeServicePrincipal":"s.amazonaws.com"}"#,
                Some(r#"{"granteeServicePrincipal":"s.amazonaws.com"}"#),
            ),
            ("ListKeys", "null", None),
        ] {
            let [found, ..] = details(&format!(r#""eventName":"{api}","requestParameters":{parameters}"#));
            assert_eq!(found.as_deref(), expected, "{api} {parameters}");
        }
    }

    #[test]
    fn a_failed_call_without_parameters_is_told() {
        let denied = r#""eventName":"Decrypt","errorCode":"AccessDenied","requestParameters":"#;
        assert_eq!(details(&format!("{denied}null"))[0].as_deref(), Some("null"));
        assert_eq!(details(&format!(r#"{denied}{{"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}}"#))[0], None);
    }

    #[test]
    fn policy_session_and_resource_are_read() {
        let [found, policy, mfa, source] = details(
            r#""eventName":"PutKeyPolicy","userIdentity":{"sessionContext":{"attributes":{"creationDate":"x","mfaAuthenticated":"true"}},
            "inScopeOf":{"sourceArn":"arn:aws:s3:::b","sourceAccount":"111122223333"}},
            "requestParameters":{"policyName":"default","policy":"{\n \"Statement\":[]}","bypassPolicyLockoutSafetyCheck":true},
            "additionalEventData":{"recipient":{"attestationDocumentModuleId":"i-1"}}"#,
        );
        assert_eq!(
            found.as_deref(),
            Some(
                r#"{"bypassPolicyLockoutSafetyCheck":true,"policyName":"default","recipient":{"attestationDocumentModuleId":"i-1"}}"#
            )
        );
        assert_eq!(policy.as_deref(), Some("{\n \"Statement\":[]}"));
        assert_eq!((mfa.as_deref(), source.as_deref()), (Some("true"), Some("arn:aws:s3:::b")));
        let document = r#""eventName":"CreateKey","requestParameters":{"policy":{"Statement":[]}}"#;
        assert_eq!(details(document)[1].as_deref(), Some(r#"{"Statement":[]}"#));
    }
}
