use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

use super::*;
use crate::model::{KeyOrigin, Outcome, RejectReason, Rejection, Text};

fn record(members: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.08","eventTime":"2023-03-17T18:02:06Z","eventSource":"kms.amazonaws.com","eventName":"Decrypt","awsRegion":"us-west-2"{members}}}"#
    )
}

fn event(text: &str) -> KmsEvent<'_> {
    match parse(text.as_bytes()).unwrap().kind {
        RecordKind::Event(event) => *event,
        other => panic!("{other:?}"),
    }
}

fn reason(text: &[u8]) -> RejectReason {
    parse(text).unwrap_err().reason
}

const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

#[test]
fn texts_without_escapes_are_borrowed() {
    let text = record(r#","userAgent":"plain","sourceIPAddress":"a\tb""#);
    let event = event(&text);
    assert!(matches!(event.user_agent, Some(Text::Borrowed("plain"))));
    assert!(matches!(event.source_ip, Some(Text::Owned(ref s)) if s == "a\tb"));
}

#[test]
fn fields_of_other_types_count_as_absent() {
    let text = record(
        r#","errorCode":5,"userAgent":{"a":[1]},"eventID":"","readOnly":"true","requestParameters":"text","responseElements":[1],
        "resources":{"ARN":"x"},"userIdentity":"root","additionalEventData":"{\"grantId\":\"g\"}","tlsDetails":null,
        "serviceEventDetails":123456789012345678901234567890.5e-3"#,
    );
    let event = event(&text);
    assert_eq!(event.error_code.as_deref(), Some("5"), "the call stays a failed one");
    assert_eq!(event.outcome, Outcome::Unknown);
    assert_eq!((event.user_agent, event.event_id), (None, None));
    assert_eq!(event.read_only, Some(true));
    assert_eq!(event.grant_id.as_deref(), Some("g"));
    assert_eq!(event.principal.name, "unknown");
    assert_eq!(event.key.origin, KeyOrigin::None);
}

#[test]
fn numbers_keep_their_spelling() {
    for number in ["1.50", "1e400", "-0", "1E+2", "123456789012345678901234567890", "18446744073709551616"] {
        let text = record(&format!(
            r#","userAgent":{number},"other":{number},"tlsDetails":{number},"resources":[{number}],"additionalEventData":"{{\"grantId\":{number}}}",
            "requestParameters":{{"operations":[{number}],"encryptionContext":{{"a":{number}}},"x":{number}}},"responseElements":{number}"#
        ));
        let event = event(&text);
        assert_eq!(event.user_agent.as_deref(), Some(number));
        assert_eq!(event.grant_id.as_deref(), Some(number));
        assert_eq!(event.grant_operations.as_deref(), Some(number));
        assert_eq!(event.encryption_context.as_deref(), Some(&*format!(r#"{{"a":"{number}"}}"#)));
    }
    for not_a_number in ["1.", "01", "-", "1e", ".5", "+1", "1.5.2", "1e4e"] {
        assert_eq!(
            reason(record(&format!(r#","userAgent":{not_a_number}"#)).as_bytes()),
            RejectReason::JsonSyntax
        );
    }
}

#[test]
fn an_event_name_must_be_a_string() {
    for name in ["0", "1.50", "1e400", "true", "false", "null", "[]", "{\"a\":1e400}", "\"\""] {
        let text = record(&format!(r#","eventName":{name}"#));
        assert_eq!(reason(text.as_bytes()), RejectReason::MissingField, "{name}");
    }
    assert_eq!(event(&record(r#","eventName":"a\u0062""#)).name, "ab");
}

#[test]
fn an_encryption_context_has_only_texts() {
    let text = record(
        r#","requestParameters":{"encryptionContext":{"e":"","n":null,"a":["x"],"o":{"x":"y"},"b":false,"i":7,"t":"x","t":null,"u":null,"u":"v"}}"#,
    );
    assert_eq!(event(&text).encryption_context.as_deref(), Some(r#"{"b":"false","e":"","i":"7","u":"v"}"#));
}

#[test]
fn the_major_version_is_a_number() {
    for version in ["\"1\"", "\"01.08\"", "\"001\"", "1.08", "null", "\"\"", "[2]"] {
        assert!(parse(record(&format!(r#","eventVersion":{version}"#)).as_bytes()).is_ok(), "{version}");
    }
    for version in ["\"0\"", "\"10.1\"", "\"11\"", "\"010\"", "2", "\".1\"", "\" 1\"", "true"] {
        let text = record(&format!(r#","eventVersion":{version}"#));
        assert_eq!(reason(text.as_bytes()), RejectReason::UnsupportedVersion, "{version}");
    }
}

#[test]
fn the_last_of_a_repeated_field_wins_and_is_reported() {
    let text = record(r#","eventName":"Encrypt","requestParameters":{"keyId":"a","keyId":"b"}"#);
    let parsed = parse(text.as_bytes()).unwrap();
    assert!(parsed.repeated_field);
    let RecordKind::Event(event) = parsed.kind else { panic!() };
    assert_eq!((&*event.name, event.key.id.as_deref()), ("Encrypt", Some("b")));
    assert!(!parse(record("").as_bytes()).unwrap().repeated_field);
}

#[test]
fn parameters_match_in_any_case_and_exact_names_take_precedence() {
    for (parameters, id) in [
        (r#"{"KeyId":"a"}"#, "a"),
        (r#"{"keyId":"a","KEYID":"b"}"#, "a"),
        (r#"{"KEYID":"b","keyId":"a"}"#, "a"),
    ] {
        assert_eq!(
            event(&record(&format!(r#","requestParameters":{parameters}"#))).key.id.as_deref(),
            Some(id)
        );
    }
}

#[test]
fn a_bare_key_id_is_completed_as_assumed() {
    let text = record(r#","recipientAccountId":"111122223333","requestParameters":{"keyId":"mrk-1"}"#);
    let key = event(&text).key;
    assert_eq!(key.arn.as_deref(), Some("arn:aws:kms:us-west-2:111122223333:key/mrk-1"));
    assert_eq!(key.origin, KeyOrigin::Assumed);
    let text = record(r#","requestParameters":{"keyId":"mrk-1"}"#);
    let key = event(&text).key;
    assert_eq!((key.arn, key.id.as_deref(), key.origin), (None, Some("mrk-1"), KeyOrigin::Request));
}

#[test]
fn a_key_in_a_message_counts_unless_it_may_be_truncated() {
    let denied = |message: &str| {
        event(&record(&format!(r#","errorCode":"AccessDenied","errorMessage":"{message}""#))).into_owned()
    };
    let short = denied(&format!("not authorized on resource: {KEY} because"));
    assert_eq!((short.key.arn.as_deref(), short.key.origin), (Some(KEY), KeyOrigin::ErrorMessage));
    assert_eq!(denied(&format!("Key '{KEY}' does not exist")).key.arn.as_deref(), Some(KEY));
    let truncated = denied(&format!("{}{}", "x".repeat(960), &KEY[..64]));
    assert_eq!((truncated.key.arn, truncated.key.origin), (None, KeyOrigin::None));
    let alias = denied("on resource: arn:aws:kms:us-east-1:2:alias/x");
    assert_eq!((alias.key.arn, alias.key.account_id.as_deref()), (None, Some("2")));
    assert_eq!(alias.key.alias.as_deref(), Some("arn:aws:kms:us-east-1:2:alias/x"));
}

#[test]
fn every_defect_has_its_reason() {
    assert_eq!(reason(b"{\"eventSource\":\"kms.amazonaws.com\xFF\"}"), RejectReason::InvalidUtf8);
    assert_eq!(reason(record(r#","userAgent":"\ud800""#).as_bytes()), RejectReason::LoneSurrogate);
    assert_eq!(reason(record(r#","other":{"deep":["\udc00"]}"#).as_bytes()), RejectReason::LoneSurrogate);
    assert_eq!(reason(record(r#","userAgent":"a"b""#).as_bytes()), RejectReason::JsonSyntax);
    assert_eq!(reason(record(",\"other\":\"\0\"").as_bytes()), RejectReason::JsonSyntax);
    assert_eq!(reason(record(r#","eventName":null"#).as_bytes()), RejectReason::MissingField);
    assert_eq!(reason(record(r#","eventTime":"soon""#).as_bytes()), RejectReason::BadEventTime);
    assert_eq!(reason(record(r#","eventVersion":"2.0""#).as_bytes()), RejectReason::UnsupportedVersion);
    assert!(parse(record(r#","userAgent":"\u0000\ud83d\ude00","eventVersion":"1.11""#).as_bytes()).is_ok());
}

#[test]
fn errors_give_the_offset() {
    let text = record(r#","userAgent":tru"#);
    let error = parse(text.as_bytes()).unwrap_err();
    let at = text.find("tru").unwrap();
    let rejection = Rejection { offset: Some(7), index: Some(0), reason: error.reason, detail: error.detail };
    assert!(rejection.to_string().starts_with("json_syntax at byte 7: "), "{rejection}");
    assert!(
        (at..=at + 4).any(|n| rejection.detail.contains(&format!("(byte {n} of the record)"))),
        "{rejection}"
    );
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(event(&record(&format!(r#","other":{deep}"#))).name, "Decrypt");
    assert_eq!(event(&record(&format!(r#","requestParameters":{{"keyId":{deep}}}"#))).key.id, None);
}

#[test]
fn records_that_are_not_usage_are_recognized() {
    for members in [
        r#","eventType":"AwsVpceEvent""#,
        r#","eventType":"AwsVpceEvents""#,
        r#","eventCategory":"Insight""#,
        r#","requestParameters":{"dryRun":true}"#,
        r#","requestParameters":{"dryRun":"true"},"errorCode":"AccessDenied""#,
        r#","errorCode":"DryRunOperationException""#,
    ] {
        assert_eq!(parse(record(members).as_bytes()).unwrap().kind, RecordKind::NotUsage, "{members}");
    }
}

#[test]
fn trails_that_exclude_kms_are_reported() {
    let put = |selectors: &str| {
        let text = format!(
            r#"{{"eventSource":"cloudtrail.amazonaws.com","eventName":"PutEventSelectors","requestParameters":{{"trailName":"t",{selectors}}}}}"#
        );
        match parse(text.as_bytes()).unwrap().kind {
            RecordKind::OtherSource { excludes_kms } => excludes_kms,
            other => panic!("{other:?}"),
        }
    };
    let basic = r#""eventSelectors":[{"excludeManagementEventSources":["kms.amazonaws.com"]}]"#;
    let advanced = r#""advancedEventSelectors":[{"fieldSelectors":[{"field":"eventSource","notEquals":["kms.amazonaws.com"]}]}]"#;
    assert_eq!(put(basic).as_deref(), Some("t"));
    assert_eq!(put(advanced).as_deref(), Some("t"));
    assert_eq!(
        put(r#""eventSelectors":[{"excludeManagementEventSources":[]}],"x":"kms.amazonaws.com""#),
        None
    );
}

#[test]
fn re_encrypt_keeps_source_and_destination_apart() {
    let other = KEY.replace("1234abcd-", "0987dcba-");
    let re_encrypt = |resources: &str, parameters: &str| {
        let text = record(&format!(
            r#","eventName":"ReEncrypt","recipientAccountId":"1","resources":[{resources}],"requestParameters":{{{parameters}}}"#
        ));
        let event = event(&text).into_owned();
        (event.key.arn.map(String::from), event.destination_key_arn.map(String::from))
    };
    let (source, destination) = (format!(r#"{{"ARN":"{KEY}"}}"#), format!(r#"{{"ARN":"{other}"}}"#));
    let named = format!(r#""destinationKeyId":"{other}""#);
    let both = (Some(KEY.to_owned()), Some(other.clone()));
    assert_eq!(re_encrypt(&format!("{source},{destination}"), &named), both);
    assert_eq!(re_encrypt(&format!("{destination},{source}"), &named), both, "the order varies");
    assert_eq!(
        re_encrypt(&format!("{source},{destination}"), ""),
        both,
        "the second key when the request names none"
    );
    // When only the destination is listed, the source is what the request says, or unknown.
    assert_eq!(re_encrypt(&destination, &format!(r#"{named},"sourceKeyId":"{KEY}""#)), both);
    assert_eq!(re_encrypt(&destination, &named), (None, Some(other)));
}

#[test]
fn a_large_context_is_read_in_linear_time() {
    let members: Vec<String> = (0..200_000).map(|n| format!(r#""k{}":"v{n}""#, n % 150_000)).collect();
    let text = record(&format!(r#","requestParameters":{{"encryptionContext":{{{}}}}}"#, members.join(",")));
    let context = event(&text).encryption_context.unwrap().into_owned();
    let context: Value = serde_json::from_str(&context).unwrap();
    assert_eq!(context["k0"], "v150000", "the last of a repeated name");
    assert_eq!(context.as_object().unwrap().len(), 150_000);
}

/// As [`parse`], without the fast reader.
fn parse_with_serde_json(record: &[u8]) -> Result<ParsedRecord<'_>, ParseError> {
    let text = read::utf8(record)?;
    parsed_record(read::record_with_serde_json(text)?, text)
}

/// Whether there is a number other than a small whole one: serde_json gives its value, if it can,
/// and the fast reader its text.
pub(super) fn has_odd_number(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_odd_number),
        Value::Object(members) => members.values().any(has_odd_number),
        _ => false,
    }
}

/// Whether such a number is in a member that is read, or is out of range.
fn has_odd_number_in_use(record: &[u8]) -> bool {
    match serde_json::from_slice::<Value>(record) {
        Ok(mut record) => {
            record.as_object_mut().map(|members| members.remove("other"));
            has_odd_number(&record)
        }
        Err(error) => error.to_string().starts_with("number out of range"),
    }
}

/// Members of records, valid and invalid.
const PIECES: &[&str] = &[
    r#""eventSource":"kms.amazonaws.com""#,
    r#""eventName":"ReEncrypt""#,
    r#""eventName":"PutEventSelectors","eventSource":"cloudtrail.amazonaws.com""#,
    r#""eventTime":"2023-03-17T18:02:06Z""#,
    r#""EVENTTIME":"2023-03-17T18:02:06+02:00""#,
    r#""eventVersion":"2.1""#,
    r#""userIdentity":{"type":"AssumedRole","principalId":"A:s","arn":"arn:aws:sts::1:assumed-role/R/s","sessionContext":{"sessionIssuer":{"arn":"arn:aws:iam::1:role/p/R","type":"Role"},"attributes":{"a":[1,{}]}}}"#,
    r#""userIdentity":{"invokedBy":"FAS.s3.us-west-2.amazonaws.com"}"#,
    r#""requestParameters":{"encryptionContext":{"b":"1","aws:s3:arn":"arn:aws:s3:::b/o"},"keyId":"mrk-1"}"#,
    r#""requestParameters":{"encryptionContext":{"a":null,"b":true,"c":"\n","c":"x"},"KeyId":"k","operations":["a",null,"b"]}"#,
    r#""requestParameters":{"encryptionContext":{"x":true , "y" : "z"},"destinationKeyId":"k","eventSelectors":[{"excludeManagementEventSources":["kms.amazonaws.com"]}]}"#,
    r#""resources":[{"accountId":"1","type":"AWS::KMS::Key","ARN":"arn:aws:kms:r:1:key/k"},{"arn":"arn:aws:kms:r:1:alias/x"},null,7]"#,
    r#""responseElements":{"keyMetadata":{"arn":"arn:aws:kms:r:2:key/j"},"grantId":"g"}"#,
    r#""additionalEventData":"{\"grantId\":\"h\"}""#,
    r#""additionalEventData":{"GrantId":12}"#,
    r#""errorCode":"KMS.AccessDeniedException","errorMessage":"no: arn:aws:kms:r:3:key/l because""#,
    r#""readOnly":"true","recipientAccountId":1234567890123,"awsRegion":"us-west-2""#,
    r#""tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"x"},"managementEvent":true"#,
    r#""other":[1.5e3,-0,"\ud83d\ude00",{"a":{"b":[]}}]"#,
    r#""other":"\udc00""#,
    "\"userAgent\":\"\u{e9}\\u00e9\\t\"",
];

proptest! {
    /// With and without the fast reader, the events, the errors and their texts are the same,
    /// except for the spelling of numbers.
    #[test]
    fn the_fast_reader_changes_nothing(
        pieces in prop::collection::vec(select(PIECES), 0..14),
        damage in prop::collection::vec((any::<Index>(), 0..4, any::<u8>(), select(br#"{}[]",:\/0 ud-e."#.to_vec())), 0..3),
    ) {
        let mut bytes = format!("{{{}}}", pieces.join(",")).into_bytes();
        for (index, kind, any, syntax) in damage {
            let at = index.index(bytes.len() + 1);
            match kind {
                0 if at < bytes.len() => bytes[at] = any,
                1 if at < bytes.len() => bytes[at] = syntax,
                2 if at < bytes.len() => { bytes.remove(at); }
                _ => bytes.insert(at, syntax),
            }
        }
        if !has_odd_number_in_use(&bytes) {
            prop_assert_eq!(parse(&bytes), parse_with_serde_json(&bytes));
        }
    }
}
