//! Trails that leave KMS out: without this knowledge, "no KMS events" would read as "no use".

use serde_json::Value;

use super::general::Call;
use super::record::Record;

/// The trail that a `PutEventSelectors` record sets to exclude `kms.amazonaws.com`, with basic or advanced selectors.
pub(super) fn excludes_kms(record: &Record<'_>, text: &str) -> Option<String> {
    let puts_selectors = record.event_source.as_deref() == Some("cloudtrail.amazonaws.com")
        && record.event_name.0.as_deref() == Some("PutEventSelectors")
        && record.error_code.is_none();
    if !puts_selectors {
        return None;
    }
    let request = Call::read(text)?.request;
    let names_kms = |list: &Value| {
        list.as_array().is_some_and(|sources| sources.iter().any(|source| source == super::KMS))
    };
    let selectors = |name: &str| request.get(name).and_then(|s| s.as_array()).map_or(&[][..], |s| s);
    let basic = selectors("eventSelectors")
        .iter()
        .any(|s| s.get("excludeManagementEventSources").is_some_and(names_kms));
    let advanced = selectors("advancedEventSelectors")
        .iter()
        .filter_map(|s| s.get("fieldSelectors")?.as_array())
        .flatten()
        .any(|f| {
            f.get("field").is_some_and(|f| f == "eventSource") && f.get("notEquals").is_some_and(names_kms)
        });
    if !basic && !advanced {
        return None;
    }
    Some(request.get("trailName").and_then(|name| name.as_str()).unwrap_or("unknown").to_owned())
}
