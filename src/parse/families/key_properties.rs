//! What calls show of the properties and tags of keys.
//!
//! Source: [CreateKey](https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html),
//! whose parameters have defaults: what a request leaves out has them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::{Arn, KeyProperties, KmsEvent, PropertyChange, Tags};

/// Whether a call of this name shows properties of a key.
pub(super) fn shows_properties(name: &str) -> bool {
    matches!(name, "CreateKey" | "ReplicateKey" | "UpdatePrimaryRegion" | "TagResource" | "UntagResource")
}

/// What a call that succeeded shows. A record without its parameters shows nothing of what a key
/// is, and that its tags may have changed.
pub(super) fn shown(event: &KmsEvent<'_>) -> Option<PropertyChange> {
    if !shows_properties(&event.name) {
        return None;
    }
    let is_omitted = event.omitted_fields.as_deref().is_some_and(|list| list.contains("requestParameters"));
    let details = event.request_details.as_deref();
    let details: Value = details.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    let text = |name: &str| details.get(name)?.as_str().map(str::to_owned);
    Some(match &*event.name {
        "TagResource" if is_omitted => PropertyChange::Tagged(None),
        "UntagResource" if is_omitted => PropertyChange::Untagged(None),
        _ if is_omitted => return None,
        "TagResource" => PropertyChange::Tagged(tags(&details).filter(|tags| !tags.is_empty())),
        "UntagResource" => {
            let names = details.get("tagKeys").and_then(Value::as_array);
            let name = |item: &Value| item.as_str().map(str::to_owned);
            PropertyChange::Untagged(names.and_then(|names| names.iter().map(name).collect()))
        }
        "UpdatePrimaryRegion" => {
            PropertyChange::MovedPrimary { to: in_region(event, &text("primaryRegion")?)? }
        }
        "ReplicateKey" => {
            PropertyChange::Replicated { primary: event.key.arn.as_deref()?.to_owned(), tags: tags(&details) }
        }
        _ => {
            let or = |name: &str, default: &str| text(name).unwrap_or_else(|| default.to_owned());
            let spec = or("customerMasterKeySpec", "SYMMETRIC_DEFAULT");
            let is_multi_region = details.get("multiRegion");
            PropertyChange::Created {
                properties: KeyProperties {
                    spec: or("keySpec", &spec),
                    usage: or("keyUsage", "ENCRYPT_DECRYPT"),
                    origin: or("origin", "AWS_KMS"),
                    is_multi_region: is_multi_region.is_some_and(|flag| *flag == true || *flag == "true"),
                },
                tags: tags(&details),
            }
        }
    })
}

/// The ARN of the event's key in another Region.
pub(super) fn in_region(event: &KmsEvent<'_>, region: &str) -> Option<String> {
    let Arn { partition, account, resource, .. } = Arn::parse(event.key.arn.as_deref()?)?;
    Some(format!("arn:{partition}:kms:{region}:{account}:{resource}"))
}

/// The tags of a request; `None`: they are in another form, for example masked.
fn tags(details: &Value) -> Tags {
    let Some(list) = details.get("tags") else { return Some(BTreeMap::new()) };
    let tag = |tag: &Value| {
        let text = |name: &str| tag.get(name)?.as_str().map(str::to_owned);
        Some((text("tagKey")?, text("tagValue")?))
    };
    list.as_array()?.iter().map(tag).collect()
}
