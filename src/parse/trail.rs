//! Changes to what trails record: without this knowledge, "no KMS events" would look like "no use
//! of keys".

use serde_json::Value;

use super::error::InvalidJson;
use super::identity;
use super::prefilter::KMS;
use super::record::Record;
use crate::model::{EventTime, Provenance, Text, TrailChange, TrailEffect};

/// Calls of CloudTrail that change what a trail records.
pub(super) const TRAIL_CHANGES: [&str; 4] =
    ["StopLogging", "StartLogging", "DeleteTrail", "PutEventSelectors"];

/// The change to a trail that a call of CloudTrail made, or tried to make.
///
/// # Errors
/// When the record is not JSON.
pub(super) fn change(
    head: Record<'_>,
    time: EventTime,
    text: &str,
) -> Result<Option<TrailChange>, InvalidJson> {
    let own = |text: Option<Text<'_>>| text.map(Text::into_owned);
    let Some(name) = head.event_name.0.as_deref().filter(|name| TRAIL_CHANGES.contains(name)) else {
        return Ok(None);
    };
    let request = parameters(text).ok_or(InvalidJson)?;
    let is_failed = head.error_code.is_some() || head.error_message.is_some();
    let effect = match name {
        "StopLogging" => TrailEffect::StopsLogging,
        // A failed attempt to start logging hides nothing.
        "StartLogging" if is_failed => return Ok(None),
        "StartLogging" => TrailEffect::StartsLogging,
        "DeleteTrail" => TrailEffect::Deletes,
        _ if selectors_exclude_kms(&request) => TrailEffect::ExcludesKms,
        // Without selectors, which a large record may lack, it is not known what was set.
        _ if !is_failed && !has_selectors(&request) => return Ok(None),
        _ => TrailEffect::IncludesKms,
    };
    let error_code = is_failed.then(|| own(head.error_code).unwrap_or_else(|| "unknown".to_owned()));
    let trail = trail_name(&request).to_owned();
    let event_name = name.to_owned();
    let arn = head.identity.arn.as_deref().map(str::to_owned);
    let caller = identity::resolve(head.identity);
    let account_id = own(head.recipient_account_id).or_else(|| own(caller.account_id));
    Ok(Some(TrailChange {
        by: Provenance { time, event_name, event_id: own(head.event_id), account_id },
        trail,
        region: own(head.region),
        principal: arn.or_else(|| Some(caller.name.into_owned())),
        effect,
        error_code,
    }))
}

/// The trail that a record configures to exclude KMS events or KMS read events, if it does.
pub(super) fn excludes_kms(record: &Record<'_>, text: &str) -> Option<String> {
    let puts_selectors = record.event_source.as_deref() == Some("cloudtrail.amazonaws.com")
        && record.event_name.0.as_deref() == Some("PutEventSelectors")
        && record.error_code.is_none();
    if puts_selectors { configured_without_kms(text) } else { None }
}

/// The trail that a `PutEventSelectors` record configures to exclude `kms.amazonaws.com`, or all
/// its read events, with basic or advanced selectors; `None` if it does not.
///
/// Source:
/// [PutEventSelectors](https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PutEventSelectors.html).
fn configured_without_kms(text: &str) -> Option<String> {
    let request = parameters(text)?;
    selectors_exclude_kms(&request).then(|| trail_name(&request).to_owned())
}

/// The parameters of a call; null when there are none. `None` when the record is not JSON.
fn parameters(record: &str) -> Option<Value> {
    let mut record: Value = serde_json::from_str(record).ok()?;
    Some(record.get_mut("requestParameters").map(Value::take).unwrap_or_default())
}

/// The trail that the parameters of a call name: its name or its ARN.
fn trail_name(request: &Value) -> &str {
    let names = ["name", "trailName"].into_iter();
    names.filter_map(|name| request.get(name)?.as_str()).next().unwrap_or("unknown")
}

/// Whether these parameters of a `PutEventSelectors` exclude KMS or its read events.
fn selectors_exclude_kms(request: &Value) -> bool {
    let by_basic = selectors(request, BASIC).is_some_and(|selectors| {
        selectors.iter().any(excludes_kms_by_name) || selectors.iter().all(has_no_read_events)
    });
    // A trail records what any of its advanced selectors selects.
    let by_advanced =
        selectors(request, ADVANCED).is_some_and(|selectors| selectors.iter().all(selects_no_kms_reads));
    by_basic || by_advanced
}

/// Whether these parameters of a `PutEventSelectors` have any selectors.
fn has_selectors(request: &Value) -> bool {
    [BASIC, ADVANCED].into_iter().any(|name| selectors(request, name).is_some())
}

const BASIC: &str = "eventSelectors";
const ADVANCED: &str = "advancedEventSelectors";

fn selectors<'r>(request: &'r Value, name: &str) -> Option<&'r Vec<Value>> {
    request.get(name).and_then(Value::as_array).filter(|selectors| !selectors.is_empty())
}

fn contains_kms(sources: &Value) -> bool {
    sources.as_array().is_some_and(|sources| sources.iter().any(|source| source == KMS))
}

/// Whether a basic selector lists KMS among the excluded event sources.
fn excludes_kms_by_name(selector: &Value) -> bool {
    selector.get("excludeManagementEventSources").is_some_and(contains_kms)
}

/// Whether a basic selector selects no management events, or only write events. Decrypt and
/// GenerateDataKey are read events.
fn has_no_read_events(selector: &Value) -> bool {
    let has_no_management_events = selector
        .get("includeManagementEvents")
        .is_some_and(|included| included == false || included == "false");
    has_no_management_events || selector.get("readWriteType").is_some_and(|kind| kind == "WriteOnly")
}

/// Whether an advanced selector selects no read events of KMS.
fn selects_no_kms_reads(selector: &Value) -> bool {
    let fields = selector.get("fieldSelectors").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let conditions_on = |name: &'static str| {
        fields.iter().filter(move |field| field.get("field").is_some_and(|field| field == name))
    };
    let allows = |field: &Value, value: &str| {
        field
            .get("equals")
            .and_then(Value::as_array)
            .is_none_or(|values| values.iter().any(|allowed| allowed == value))
    };
    !conditions_on("eventCategory").all(|field| allows(field, "Management"))
        || !conditions_on("readOnly").all(|field| allows(field, "true"))
        || !conditions_on("eventSource").all(|field| allows(field, KMS))
        || conditions_on("eventSource").any(|field| field.get("notEquals").is_some_and(contains_kms))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn is_excluded(parameters: &Value) -> bool {
        let mut parameters = parameters.clone();
        parameters["trailName"] = "t".into();
        let text = json!({"eventSource": "cloudtrail.amazonaws.com", "eventName": "PutEventSelectors", "requestParameters": parameters}).to_string();
        let record = super::super::read::record(&text).unwrap();
        let trail = excludes_kms(&record, &text);
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
            assert_eq!(is_excluded(&parameters), expected, "{parameters}");
        }
    }
}
