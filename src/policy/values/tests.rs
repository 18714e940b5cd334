//! The whole catalogue: each key is decided in an example, or unknown with a reason.

use std::collections::BTreeSet;

use super::*;
use crate::model::{EventTime, KeyChange, KeyEffect, KeyProperties, KmsEvent, PropertyChange, Provenance};
use crate::policy::KeyBook;

/// Names in the data, without placeholders.
fn names() -> BTreeSet<String> {
    PRESENT_ON.keys().cloned().collect()
}

/// Calls of every API that have everything a condition may ask for, by a user, by a role through a
/// service, and by a service.
fn examples() -> Vec<KmsEvent<'static>> {
    let details = r#"{"bypassPolicyLockoutSafetyCheck":true,"keyPairSpec":"RSA_2048","keySpec":"RSA_2048","keyUsage":"SIGN_VERIFY",
        "origin":"EXTERNAL","multiRegion":true,"expirationModel":"KEY_MATERIAL_EXPIRES","granteeServicePrincipal":"s.amazonaws.com",
        "retiringServicePrincipal":"s.amazonaws.com","keyAgreementAlgorithm":"ECDH","macAlgorithm":"HMAC_SHA_256","primaryRegion":"us-east-1",
        "replicaRegion":"us-east-1","signingAlgorithm":"RSASSA_PSS_SHA_256","validTo":"2026-01-01T00:00:00Z","wrappingAlgorithm":"A",
        "wrappingKeySpec":"RSA_2048","tags":[{"tagKey":"Team","tagValue":"red"}],"tagKeys":["Team"],
        "destinationEncryptionContext":{"Team":"blue"},
        "recipient":{"attestationDocumentEnclaveImageDigest":"00","attestationDocumentEnclavePCR8":"08","attestationDocumentNitroTPMPCR4":"04"}}"#;
    let mut events = Vec::new();
    for name in crate::model::KMS_APIS {
        let mut event = KmsEvent { name: name.into(), ..KmsEvent::example() };
        event.key.arn = Some("arn:aws:kms:us-west-2:111122223333:key/k".into());
        event.destination_key_arn = event.key.arn.clone();
        event.key.alias = (name != "ReEncrypt").then(|| "alias/x".into());
        event.encryption_context = Some(r#"{"Team":"red"}"#.into());
        event.grant_constraints =
            Some(r#"{"encryptionContextSubset":{"Team":"red"},"sourceArn":"arn:aws:s3:::b"}"#.into());
        event.grant_operations = Some("Decrypt,Encrypt".into());
        event.grantee_principal = Some("arn:aws:iam::111122223333:role/R".into());
        event.retiring_principal = event.grantee_principal.clone();
        event.source_ip = Some("203.0.113.1".into());
        event.user_agent = Some("agent".into());
        event.tls_version = Some("TLSv1.3".into());
        event.mfa = Some(true);
        event.principal.source_identity = Some("Alice".into());
        event.principal.principal_id = Some("AROA:s".into());
        event.principal.web_identity = Some("idp".into());
        events.push(event.clone());
        event.request_details = Some(details.into());
        event.vpc_endpoint_id = Some("vpce-1".into());
        event.principal.invoked_by = Some("s3.amazonaws.com".into());
        events.push(event.clone());
        event.principal.kind = "IAMUser".into();
        event.principal.user_name = Some("Alice".into());
        events.push(event.clone());
        event.principal.kind = "AWSService".into();
        event.principal.account_id = None;
        event.source_account_id = Some("111122223333".into());
        event.source_arn = Some("arn:aws:s3:::b".into());
        events.push(event);
    }
    events
}

#[test]
fn the_keys_in_the_code_are_those_in_the_data() {
    let ours = |name: &str| condition_keys().any(|known| name.starts_with(&known.name.to_ascii_lowercase()));
    for name in names() {
        assert!(ours(&name), "{name} is in the data only");
    }
    for known in condition_keys().filter(|known| known.name.starts_with("kms:")) {
        let lower = known.name.to_ascii_lowercase();
        assert!(names().iter().any(|name| name.starts_with(&lower)), "{} is in the code only", known.name);
    }
    let all: Vec<_> = condition_keys().map(|known| known.name.to_ascii_lowercase()).collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "a key is given twice");
    assert!(names().len() > 95);
}

#[test]
fn every_key_is_decided_in_an_example_or_unknown_with_a_reason() {
    let events = examples();
    for known in condition_keys() {
        let name = match known.name {
            "kms:RecipientAttestation:" => "kms:RecipientAttestation:PCR8".to_owned(),
            name if name.ends_with([':', '/']) => format!("{name}team"),
            name => name.to_owned(),
        };
        let values = || events.iter().flat_map(Request::of).map(|request| request.value(&name));
        let is_decided = values().any(|value| matches!(value, ContextValue::One(_) | ContextValue::Many(_)));
        let is_absent = values().any(|value| value == ContextValue::Absent);
        let reasons: BTreeSet<_> = values()
            .filter_map(|value| if let ContextValue::Unknown(why) = value { Some(why) } else { None })
            .collect();
        match known.how {
            How::Decided(from) => assert!((is_decided || is_absent) && !from.is_empty(), "{name}"),
            How::Unknown(why) => assert!(!is_decided && !reasons.is_empty() && !why.is_empty(), "{name}"),
        }
        assert!(reasons.iter().all(|why| !why.is_empty()), "{name}");
    }
    for name in names().iter().filter(|name| name.contains("pcr") || name.contains("sha384")) {
        let has_value = |event: &&KmsEvent<'_>| event.request_details.is_some() && event.name == "Decrypt";
        let event = events.iter().find(has_value).unwrap();
        let value = Request::of(event)[0].value(name);
        assert!(!matches!(value, ContextValue::Absent), "{name}");
    }
}

#[test]
fn keys_are_present_on_their_actions_only() {
    let events = examples();
    for line in ACTIONS.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split('\t').collect();
        let name = cells[0].replace("${TagKey}", "Team").replace("${EncryptionContextKey}", "Team");
        let actions: Vec<&str> = cells[2].split(' ').collect();
        for request in events.iter().flat_map(Request::of) {
            let is_listed = actions.contains(&request.action) || actions.contains(&"key");
            let value = request.value(&name);
            assert!(is_listed || value == ContextValue::Absent, "{name} on {}: {value:?}", request.action);
        }
    }
}

/// The value of a key in the first request of an event.
fn value(event: &KmsEvent<'_>, key: &str) -> Option<String> {
    match Request::of(event)[0].value(key) {
        ContextValue::One(text) => Some(text.into_owned()),
        ContextValue::Absent => None,
        other => Some(format!("{other:?}")),
    }
}

#[test]
fn defaults_count_and_names_have_any_case() {
    let event = KmsEvent { encryption_context: Some(r#"{"Team":"red"}"#.into()), ..KmsEvent::example() };
    assert_eq!(value(&event, "kms:encryptionalgorithm").as_deref(), Some("SYMMETRIC_DEFAULT"));
    assert_eq!(value(&event, "KMS:EncryptionContext:TEAM").as_deref(), Some("red"));
    assert_eq!(value(&event, "kms:EncryptionContext:other"), None);
    let event = KmsEvent { name: "DescribeKey".into(), ..event };
    assert_eq!(value(&event, "kms:EncryptionContext:Team"), None);
    assert_eq!(value(&event, "kms:GrantIsForAWSResource"), None);
    assert!(value(&event, "example:Key").unwrap().contains("does not know"));
    let event = KmsEvent { name: "ScheduleKeyDeletion".into(), ..event };
    assert_eq!(value(&event, "kms:ScheduleKeyDeletionPendingWindowInDays").as_deref(), Some("30"));
    let event = KmsEvent { request_details: Some("null".into()), ..event };
    assert!(value(&event, "kms:ScheduleKeyDeletionPendingWindowInDays").unwrap().contains("Unknown"));
}

#[test]
fn services_and_those_they_call_for_are_told_apart() {
    let mut event = KmsEvent::example();
    event.principal.invoked_by = Some("s3.amazonaws.com".into());
    event.source_arn = Some("arn:aws:s3:::b".into());
    // A forward access session keeps its principal.
    for (key, expected) in [
        ("kms:ViaService", Some("s3.us-west-2.amazonaws.com")),
        ("aws:PrincipalIsAWSService", Some("false")),
        ("aws:ViaAWSService", Some("true")),
        ("aws:SourceArn", None),
        ("kms:CallerAccount", Some("111122223333")),
    ] {
        assert_eq!(value(&event, key).as_deref(), expected, "{key}");
    }
    event.principal.kind = "AWSService".into();
    event.principal.name = "s3.amazonaws.com".into();
    for (key, expected) in [
        ("kms:ViaService", None),
        ("aws:PrincipalIsAWSService", Some("true")),
        ("aws:PrincipalServiceName", Some("s3.amazonaws.com")),
        ("aws:SourceArn", Some("arn:aws:s3:::b")),
        ("aws:PrincipalOrgID", None),
        ("aws:PrincipalArn", None),
    ] {
        assert_eq!(value(&event, key).as_deref(), expected, "{key}");
    }
}

/// Properties of a key are known from the call that made it.
#[test]
fn what_made_and_tagged_a_key_shows_what_it_is() {
    const KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/mrk-1";
    let change = |time, shown| KeyChange {
        by: Provenance {
            time: EventTime(time),
            event_name: "X".to_owned(),
            event_id: None,
            account_id: None,
        },
        key: Some(KEY.to_owned()),
        principal: "p".to_owned(),
        service: None,
        effect: KeyEffect::ShowsProperties(shown),
    };
    let properties = KeyProperties {
        spec: "RSA_2048".to_owned(),
        usage: "SIGN_VERIFY".to_owned(),
        origin: "EXTERNAL".to_owned(),
        is_multi_region: true,
    };
    let tags = Some([("Team".to_owned(), "red".to_owned())].into());
    let keys = KeyBook::new(&[change(0, PropertyChange::Created { properties, tags })].into());
    let mut event = KmsEvent { name: "DescribeKey".into(), ..KmsEvent::example() };
    event.key.arn = Some(KEY.into());
    for (key, expected) in [
        ("kms:KeySpec", Some("RSA_2048")),
        ("kms:KeyUsage", Some("SIGN_VERIFY")),
        ("kms:KeyOrigin", Some("EXTERNAL")),
        ("kms:MultiRegion", Some("true")),
        ("kms:MultiRegionKeyType", Some("PRIMARY")),
        ("aws:ResourceTag/TEAM", Some("red")),
        ("aws:ResourceTag/Other", None),
    ] {
        let request = |event| Request::of(event).remove(0);
        let with_keys = request(&event).with_keys(&keys).value(key);
        let expected = expected.map_or(ContextValue::Absent, |text| ContextValue::One(text.into()));
        assert_eq!(with_keys, expected, "{key}");
        let is_by_id = key == "kms:MultiRegion";
        let without = request(&event).value(key);
        assert!(is_by_id || matches!(without, ContextValue::Unknown(_)), "{key}: {without:?}");
    }
    event.key.arn = Some("arn:aws:kms:us-west-2:111122223333:key/other".into());
    let value = Request::of(&event).remove(0).with_keys(&keys).value("kms:KeySpec");
    assert!(matches!(value, ContextValue::Unknown(_)));
}

#[test]
fn a_re_encrypt_has_two_contexts() {
    let mut event = KmsEvent { name: "ReEncrypt".into(), ..KmsEvent::example() };
    event.encryption_context = Some(r#"{"a":"1"}"#.into());
    event.request_details = Some(r#"{"destinationEncryptionContext":{"b":"2"}}"#.into());
    let keys = |event: &KmsEvent<'_>| {
        let requests = Request::of(event);
        let of = |request: &Request<'_>, key: &str| match request.value(key) {
            ContextValue::One(text) => Some(text.into_owned()),
            _ => None,
        };
        ["kms:EncryptionContext:a", "kms:EncryptionContext:b"]
            .map(|key| [of(&requests[0], key), of(&requests[1], key)])
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(keys(&event), [[some("1"), None], [None, some("2")]]);
    event.encryption_context = Some(r#"{"b":"2"}"#.into());
    event.request_details =
        Some(r#"{"destinationEncryptionContext":{"b":"2"},"sourceEncryptionContext":{}}"#.into());
    assert_eq!(keys(&event), [[None, None], [None, some("2")]]);
}
