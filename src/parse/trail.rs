//! Trails that leave KMS out: without this knowledge, "no KMS events" would read as "no use".

use serde_json::Value;

use super::call::Call;
use super::record::Record;

/// The trail that a `PutEventSelectors` record sets to leave out `kms.amazonaws.com`, or all reading events of it, with basic or advanced
/// selectors. (AWS: "PutEventSelectors", CloudTrail API reference.)
pub(super) fn excludes_kms(record: &Record<'_>, text: &str) -> Option<String> {
    let puts_selectors = record.event_source.as_deref() == Some("cloudtrail.amazonaws.com")
        && record.event_name.0.as_deref() == Some("PutEventSelectors")
        && record.error_code.is_none();
    silent_trail(puts_selectors, text)
}

/// The same of the text of such a record, if it is one.
pub(super) fn silent_trail(puts_selectors: bool, text: &str) -> Option<String> {
    if !puts_selectors {
        return None;
    }
    let request = Call::read(text)?.request;
    let list = |name: &str| request.get(name).and_then(Value::as_array).filter(|list| !list.is_empty());
    let basic =
        list("eventSelectors").is_some_and(|list| list.iter().any(excludes) || list.iter().all(is_closed));
    let advanced = list("advancedEventSelectors").is_some_and(|list| {
        // A trail records what any of its selectors takes.
        list.iter().all(advanced_leaves_out)
    });
    let trail = request.get("trailName").and_then(Value::as_str).unwrap_or("unknown");
    (basic || advanced).then(|| trail.to_owned())
}

fn names_kms(list: &Value) -> bool {
    list.as_array().is_some_and(|sources| sources.iter().any(|source| source == super::KMS))
}

/// A basic selector that says so.
fn excludes(selector: &Value) -> bool {
    selector.get("excludeManagementEventSources").is_some_and(names_kms)
}

/// A basic selector that takes no management events, or only those that write: Decrypt and GenerateDataKey read.
fn is_closed(selector: &Value) -> bool {
    let takes_none =
        selector.get("includeManagementEvents").is_some_and(|takes| takes == false || takes == "false");
    takes_none || selector.get("readWriteType").is_some_and(|kind| kind == "WriteOnly")
}

/// Whether an advanced selector takes none of the reading events of KMS.
fn advanced_leaves_out(selector: &Value) -> bool {
    let fields = selector.get("fieldSelectors").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let of = |name: &'static str| {
        fields.iter().filter(move |field| field.get("field").is_some_and(|field| field == name))
    };
    let equals = |field: &Value, wanted: &str| {
        field
            .get("equals")
            .and_then(Value::as_array)
            .is_none_or(|list| list.iter().any(|value| value == wanted))
    };
    !of("eventCategory").all(|field| equals(field, "Management"))
        || !of("readOnly").all(|field| equals(field, "true"))
        || !of("eventSource").all(|field| equals(field, super::KMS))
        || of("eventSource").any(|field| field.get("notEquals").is_some_and(names_kms))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn left_out(parameters: &Value) -> bool {
        let mut parameters = parameters.clone();
        parameters["trailName"] = "t".into();
        let text = json!({"eventSource": "cloudtrail.amazonaws.com", "eventName": "PutEventSelectors", "requestParameters": parameters}).to_string();
        let record = super::super::read_record(&text).unwrap();
        let trail = excludes_kms(&record, &text);
        assert!(trail.is_none() || trail.as_deref() == Some("t"));
        trail.is_some()
    }

    #[test]
    fn every_way_to_leave_kms_out_is_known() {
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
            (json!({"eventSelectors": []}), false),
            (advanced(json!([management.clone()])), false),
            (advanced(json!([{"field": "eventCategory", "equals": ["Data"]}])), true),
            (advanced(json!([management.clone(), {"field": "readOnly", "equals": ["false"]}])), true),
            (advanced(json!([management.clone(), {"field": "readOnly", "equals": ["true"]}])), false),
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
            assert_eq!(left_out(&parameters), expected, "{parameters}");
        }
    }
}
