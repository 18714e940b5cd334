//! Event selectors: which KMS calls a trail or an event data store records.
//!
//! Sources:
//! [PutEventSelectors](https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PutEventSelectors.html),
//! [AdvancedFieldSelector](https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html),
//! [EventSelector](https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_EventSelector.html),
//! [how several conditions of a field are evaluated](https://docs.aws.amazon.com/awscloudtrail/latest/userguide/filtering-data-events.html).

use simd_json::prelude::{ValueAsScalar, ValueIntoString};

use crate::parse::call::{Array, Value};
use crate::parse::prefilter::KMS;

/// A KMS call that a selector may record.
#[derive(Debug, Clone, Copy)]
struct KmsCall {
    name: &'static str,
    /// Its `readOnly`.
    reads: bool,
}

const fn reads(name: &'static str) -> KmsCall {
    KmsCall { name, reads: true }
}

/// The KMS calls by which keys are used. A selector that leaves out another call (`ListKeys`) does
/// not hide use.
const CALLS: [KmsCall; 13] = [
    KmsCall { name: "CreateGrant", reads: false },
    reads("Decrypt"),
    reads("DeriveSharedSecret"),
    reads("Encrypt"),
    reads("GenerateDataKey"),
    reads("GenerateDataKeyPair"),
    reads("GenerateDataKeyPairWithoutPlaintext"),
    reads("GenerateDataKeyWithoutPlaintext"),
    reads("GenerateMac"),
    reads("ReEncrypt"),
    reads("Sign"),
    reads("Verify"),
    reads("VerifyMac"),
];

const BASIC: &str = "eventSelectors";
const ADVANCED: &str = "advancedEventSelectors";

/// Whether these parameters have selectors, and these leave out calls by which keys are used. A
/// trail records what any of its selectors selects.
pub(super) fn leave_out_kms(request: Value<'_>) -> bool {
    let leave_out = |selectors: Array<'_>, selects: fn(Value<'_>, KmsCall) -> bool| {
        CALLS.iter().any(|call| !selectors.iter().any(|selector| selects(selector, *call)))
    };
    given(request, BASIC).is_some_and(|selectors| leave_out(selectors, basic_selects))
        || given(request, ADVANCED).is_some_and(|selectors| leave_out(selectors, advanced_selects))
}

/// Whether these parameters have any selectors.
pub(super) fn are_given(request: Value<'_>) -> bool {
    [BASIC, ADVANCED].into_iter().any(|name| given(request, name).is_some())
}

fn given<'r>(request: Value<'r>, name: &str) -> Option<Array<'r>> {
    request.get_array(name).filter(|selectors| !selectors.is_empty())
}

/// Whether a basic selector selects a call.
fn basic_selects(selector: Value<'_>, call: KmsCall) -> bool {
    let member = |name: &str| selector.get(name).and_then(text_of);
    let kind = member("readWriteType");
    member("includeManagementEvents") != Some("false")
        && !values(selector, "excludeManagementEventSources").any(|source| source == KMS)
        && match kind {
            Some("WriteOnly") => !call.reads,
            Some("ReadOnly") => call.reads,
            _ => true,
        }
}

/// Whether an advanced selector selects a call, whoever makes it: all conditions hold.
fn advanced_selects(selector: Value<'_>, call: KmsCall) -> bool {
    let fields = selector.get_array("fieldSelectors");
    fields.into_iter().flat_map(|fields| fields.iter()).all(|field| {
        let value = match field.get("field").and_then(text_of).unwrap_or_default() {
            "eventCategory" => "Management",
            "eventSource" => KMS,
            "eventName" => call.name,
            "eventType" => "AwsApiCall",
            "readOnly" if call.reads => "true",
            "readOnly" => "false",
            // A condition on anything else (the caller's ARN, the console) leaves out some calls.
            _ => return false,
        };
        holds(field, value)
    })
}

/// Whether a condition holds for a value: none of those that deselect match, and one of those that
/// select, if there are any.
fn holds(field: Value<'_>, value: &str) -> bool {
    let matches = |operator: &str, test: fn(&str, &str) -> bool| {
        let mut given = values(field, operator).peekable();
        given.peek().is_some().then(|| given.any(|text| test(value, text)))
    };
    let equals: fn(&str, &str) -> bool = |value, text| value == text;
    let starts: fn(&str, &str) -> bool = |value, text| value.starts_with(text);
    let ends: fn(&str, &str) -> bool = |value, text| value.ends_with(text);
    let deselect = [("notEquals", equals), ("notStartsWith", starts), ("notEndsWith", ends)];
    let select = [("equals", equals), ("startsWith", starts), ("endsWith", ends)];
    let mut selecting = select.into_iter().filter_map(|(name, test)| matches(name, test)).peekable();
    !deselect.into_iter().any(|(name, test)| matches(name, test) == Some(true))
        && (selecting.peek().is_none() || selecting.any(|selects| selects))
}

/// The texts of a member that is a list, or one text.
fn values<'v>(object: Value<'v>, name: &str) -> impl Iterator<Item = &'v str> {
    let member = object.get(name);
    let list = member.and_then(|member| member.as_array());
    let single = member.and_then(text_of);
    list.into_iter().flat_map(|list| list.iter()).filter_map(text_of).chain(single)
}

/// A text, or a truth value as text.
fn text_of<'v>(value: Value<'v>) -> Option<&'v str> {
    let truth = value.as_bool().map(|value| if value { "true" } else { "false" });
    truth.or_else(|| value.into_string())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    fn is_excluded(parameters: &Value) -> bool {
        let mut parameters = parameters.clone();
        parameters["trailName"] = "t".into();
        let text = json!({"eventSource": "cloudtrail.amazonaws.com", "eventName": "PutEventSelectors", "requestParameters": parameters}).to_string();
        let record = crate::parse::read::record(&text).unwrap();
        let trail = super::super::cloudtrail::excludes_kms(&record, &text);
        assert!(trail.is_none() || trail.as_deref() == Some("t"));
        trail.is_some()
    }

    #[test]
    fn every_way_to_exclude_kms_is_recognized() {
        let advanced = |fields: Value| json!({"advancedEventSelectors": [{"fieldSelectors": fields}]});
        let management = json!({"field": "eventCategory", "equals": ["Management"]});
        for (parameters, expected) in [
            (json!({"eventSelectors": [{"excludeManagementEventSources": ["kms.amazonaws.com"]}]}), true),
            (
                json!({"eventSelectors": [{"excludeManagementEventSources": ["rdsdata.amazonaws.com"]}]}),
                false,
            ),
            (json!({"eventSelectors": [{"includeManagementEvents": false}]}), true),
            (
                json!({"eventSelectors": [{"includeManagementEvents": false}, {"readWriteType": "All"}]}),
                false,
            ),
            (
                json!({"eventSelectors": [{"readWriteType": "WriteOnly", "includeManagementEvents": true}]}),
                true,
            ),
            (json!({"eventSelectors": [{"readWriteType": "All", "includeManagementEvents": true}]}), false),
            (
                json!({"eventSelectors": [
                    {"excludeManagementEventSources": ["kms.amazonaws.com"]},
                    {"readWriteType": "All", "includeManagementEvents": true}
                ]}),
                false,
            ),
            (
                json!({"eventSelectors": [
                    {"excludeManagementEventSources": ["kms.amazonaws.com"]},
                    {"includeManagementEvents": false}
                ]}),
                true,
            ),
            (json!({"eventSelectors": []}), false),
            (advanced(json!([management.clone()])), false),
            (advanced(json!([{"field": "eventCategory", "equals": ["Data"]}])), true),
            (advanced(json!([management.clone(), {"field": "readOnly", "equals": ["false"]}])), true),
            // CreateGrant does not only read.
            (advanced(json!([management.clone(), {"field": "readOnly", "equals": ["true"]}])), true),
            (json!({"eventSelectors": [{"readWriteType": "ReadOnly"}]}), true),
            (
                json!({"eventSelectors": [{"readWriteType": "ReadOnly"}, {"readWriteType": "WriteOnly"}]}),
                false,
            ),
            (
                advanced(
                    json!([management.clone(), {"field": "eventSource", "notEquals": ["kms.amazonaws.com"]}]),
                ),
                true,
            ),
            (
                advanced(
                    json!([management.clone(), {"field": "eventSource", "notEquals": ["rdsdata.amazonaws.com"]}]),
                ),
                false,
            ),
            (advanced(json!([management, {"field": "eventSource", "equals": ["s3.amazonaws.com"]}])), true),
        ] {
            assert_eq!(is_excluded(&parameters), expected, "{parameters}");
        }
    }
    /// Every operator, on every field that tells KMS calls apart.
    #[test]
    fn every_condition_that_leaves_calls_out_is_recognized() {
        let selector = |field: &str, operator: &str, values: &[&str]| {
            let condition = json!({"field": field, operator: values});
            let management = json!({"field": "eventCategory", "equals": ["Management"]});
            json!({"fieldSelectors": [management, condition]})
        };
        for (field, operator, values, expected) in [
            ("eventName", "equals", &["Decrypt"][..], true),
            ("eventName", "equals", &["RunInstances"], true),
            ("eventName", "notEquals", &["Decrypt", "GenerateDataKey"], true),
            ("eventName", "notEquals", &["GenerateDataKeyWithoutPlaintext"], true),
            ("eventName", "notEquals", &["ListKeys", "DescribeKey"], false),
            ("eventName", "notStartsWith", &["Generate"], true),
            ("eventName", "notStartsWith", &["List", "Describe"], false),
            ("eventName", "startsWith", &["Create"], true),
            ("eventName", "notEndsWith", &["Grant"], true),
            ("eventSource", "notStartsWith", &["kms"], true),
            ("eventSource", "notStartsWith", &["rdsdata"], false),
            ("eventSource", "notEndsWith", &["s.amazonaws.com"], true),
            ("eventSource", "notEndsWith", &["data.amazonaws.com"], false),
            ("eventSource", "startsWith", &["s3", "ec2"], true),
            ("eventSource", "startsWith", &["s3", "km"], false),
            ("eventSource", "endsWith", &["rds.amazonaws.com"], true),
            ("eventSource", "endsWith", &[".amazonaws.com"], false),
            ("readOnly", "equals", &["true"], true),
            ("readOnly", "equals", &["false"], true),
            ("readOnly", "notEquals", &["true"], true),
            ("eventCategory", "startsWith", &["Data"], true),
            ("eventType", "notEquals", &["AwsApiCall"], true),
            ("eventType", "notEquals", &["AwsServiceEvent"], false),
            ("userIdentity.arn", "notEndsWith", &["/Etl"], true),
        ] {
            let parameters = json!({"advancedEventSelectors": [selector(field, operator, values)]});
            assert_eq!(is_excluded(&parameters), expected, "{parameters}");
            // A trail records what any of its selectors selects.
            let whole = selector("eventSource", "endsWith", &["amazonaws.com"]);
            let parameters = json!({"advancedEventSelectors": [selector(field, operator, values), whole]});
            assert!(!is_excluded(&parameters), "{parameters}");
        }
        // Two that leave out different calls record everything together.
        let halves = [selector("readOnly", "equals", &["true"]), selector("readOnly", "equals", &["false"])];
        assert!(!is_excluded(&json!({"advancedEventSelectors": halves})));
        // Those that deselect come first; of those that select, one is enough.
        let both = json!({"field": "eventSource", "startsWith": ["kms"], "notEquals": ["kms.amazonaws.com"]});
        assert!(is_excluded(&json!({"advancedEventSelectors": [{"fieldSelectors": [both]}]})));
        let either = json!({"field": "eventSource", "equals": ["s3.amazonaws.com"], "startsWith": ["kms"]});
        assert!(!is_excluded(&json!({"advancedEventSelectors": [{"fieldSelectors": [either]}]})));
    }
}
