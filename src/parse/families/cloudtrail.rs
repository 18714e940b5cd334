//! Changes to what trails record: without this knowledge, "no KMS events" would look like "no use
//! of keys".

use simd_json::prelude::{ValueAsScalar, ValueIntoString};

use super::family::{Call, Family, Interest};
use super::settings::text_at;
use crate::model::{Fact, Provenance, Text, TrailChange, TrailEffect};
use crate::parse::call::{Array, ServiceCall, Value};
use crate::parse::error::NoFacts;
use crate::parse::identity;
use crate::parse::prefilter::KMS;
use crate::parse::record::Record;

pub(super) const FAMILY: Family = Family {
    sources: &["cloudtrail.amazonaws.com"],
    needles: &TRAIL_CHANGES,
    words: &[],
    interest: |name| if TRAIL_CHANGES.contains(&name) { Interest::Always } else { Interest::Never },
    facts: |call| Ok(change(call)?.map(Fact::Trail).into_iter().collect()),
};

/// Calls of CloudTrail that change what a trail records.
const TRAIL_CHANGES: [&str; 4] = ["StopLogging", "StartLogging", "DeleteTrail", "PutEventSelectors"];

/// The change to a trail that a call of CloudTrail made, or tried to make.
///
/// # Errors
/// When the record is not JSON.
fn change(call: Call<'_>) -> Result<Option<TrailChange>, NoFacts> {
    let own = |text: Option<Text<'_>>| text.map(Text::into_owned);
    let is_failed = call.is_failed();
    let Call { name, time, head, text, .. } = call;
    let set = ServiceCall::read(text, |ServiceCall { request, .. }| {
        let trail = text_at(request, &["name"]).or_else(|| text_at(request, &["trailName"]));
        let trail = trail.unwrap_or("unknown").to_owned();
        effect(&name, is_failed, request).map(|effect| (trail, effect))
    });
    let Some((trail, effect)) = set.ok_or(NoFacts::InvalidJson)? else { return Ok(None) };
    let error_code = is_failed.then(|| own(head.error_code).unwrap_or_else(|| "unknown".to_owned()));
    let event_name = name.into_owned();
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

/// What a call of this name does to a trail, or would have done.
fn effect(name: &str, is_failed: bool, request: Value<'_>) -> Option<TrailEffect> {
    Some(match name {
        "StopLogging" => TrailEffect::StopsLogging,
        // A failed attempt to start logging hides nothing.
        "StartLogging" if is_failed => return None,
        "StartLogging" => TrailEffect::StartsLogging,
        "DeleteTrail" => TrailEffect::Deletes,
        _ if selectors_exclude_kms(request) => TrailEffect::ExcludesKms,
        // Without selectors, which a large record may lack, it is not known what was set.
        _ if !is_failed && !has_selectors(request) => return None,
        _ => TrailEffect::IncludesKms,
    })
}

/// The trail that a record configures to exclude KMS events or KMS read events, if it does.
pub(crate) fn excludes_kms(record: &Record<'_>, text: &str) -> Option<String> {
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
    ServiceCall::read(text, |ServiceCall { request, .. }| {
        let trail = request.get("trailName").and_then(Value::into_string).unwrap_or("unknown");
        selectors_exclude_kms(request).then(|| trail.to_owned())
    })?
}

/// Whether these parameters of a `PutEventSelectors` exclude KMS or its read events.
fn selectors_exclude_kms(request: Value<'_>) -> bool {
    // A trail records what any of its selectors selects.
    let by_basic = selectors(request, BASIC).is_some_and(|selectors| {
        selectors.iter().all(|selector| excludes_kms_by_name(selector) || has_no_read_events(selector))
    });
    let by_advanced =
        selectors(request, ADVANCED).is_some_and(|selectors| selectors.iter().all(selects_no_kms_reads));
    by_basic || by_advanced
}

/// Whether these parameters of a `PutEventSelectors` have any selectors.
fn has_selectors(request: Value<'_>) -> bool {
    [BASIC, ADVANCED].into_iter().any(|name| selectors(request, name).is_some())
}

const BASIC: &str = "eventSelectors";
const ADVANCED: &str = "advancedEventSelectors";

fn selectors<'r>(request: Value<'r>, name: &str) -> Option<Array<'r>> {
    request.get_array(name).filter(|selectors| !selectors.is_empty())
}

/// Whether the list under a name contains a text.
fn lists(object: Value<'_>, name: &str, text: &str) -> bool {
    object.get_array(name).is_some_and(|texts| texts.iter().any(|item| item.as_str() == Some(text)))
}

/// Whether the member with a name is a text.
fn is(object: Value<'_>, name: &str, text: &str) -> bool {
    object.get(name).is_some_and(|member| member.as_str() == Some(text))
}

/// Whether a basic selector lists KMS among the excluded event sources.
fn excludes_kms_by_name(selector: Value<'_>) -> bool {
    lists(selector, "excludeManagementEventSources", KMS)
}

/// Whether a basic selector selects no management events, or only write events. Decrypt and
/// GenerateDataKey are read events.
fn has_no_read_events(selector: Value<'_>) -> bool {
    let included = selector.get("includeManagementEvents").and_then(|included| included.as_bool());
    included == Some(false)
        || is(selector, "includeManagementEvents", "false")
        || is(selector, "readWriteType", "WriteOnly")
}

/// Whether an advanced selector selects no read events of KMS.
fn selects_no_kms_reads(selector: Value<'_>) -> bool {
    let on = |name: &'static str| {
        let fields = selector.get_array("fieldSelectors");
        let fields = fields.into_iter().flat_map(|fields| fields.iter());
        fields.filter(move |field| is(*field, "field", name))
    };
    let allows =
        |field: Value<'_>, value: &str| field.get_array("equals").is_none() || lists(field, "equals", value);
    !on("eventCategory").all(|field| allows(field, "Management"))
        || !on("readOnly").all(|field| allows(field, "true"))
        || !on("eventSource").all(|field| allows(field, KMS))
        || on("eventSource").any(|field| lists(field, "notEquals", KMS))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn is_excluded(parameters: &Value) -> bool {
        let mut parameters = parameters.clone();
        parameters["trailName"] = "t".into();
        let text = json!({"eventSource": "cloudtrail.amazonaws.com", "eventName": "PutEventSelectors", "requestParameters": parameters}).to_string();
        let record = crate::parse::read::record(&text).unwrap();
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
