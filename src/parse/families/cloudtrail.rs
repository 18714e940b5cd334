//! Changes to what trails and event data stores record: without this knowledge, "no KMS events"
//! would look like "no use of keys".

use super::family::{Call, Family, Interest};
use super::selectors;
use super::settings::text_at;
use crate::model::{Fact, Provenance, Text, TrailChange, TrailEffect};
use crate::parse::call::{ServiceCall, Value};
use crate::parse::error::NoFacts;
use crate::parse::identity;
use crate::parse::record::Record;

pub(super) const FAMILY: Family = Family {
    sources: &["cloudtrail.amazonaws.com"],
    needles: &TRAIL_CHANGES,
    words: &[],
    texts: &[],
    interest: |name| if TRAIL_CHANGES.contains(&name) { Interest::Always } else { Interest::Never },
    facts: |call| Ok(change(call)?.map(Fact::Trail).into_iter().collect()),
};

/// Calls of CloudTrail that change what a trail or an event data store records.
///
/// Source: [Actions](https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_Operations.html).
const TRAIL_CHANGES: [&str; 9] = [
    "StopLogging",
    "StartLogging",
    "DeleteTrail",
    "PutEventSelectors",
    "StopEventDataStoreIngestion",
    "StartEventDataStoreIngestion",
    "DeleteEventDataStore",
    "RestoreEventDataStore",
    "UpdateEventDataStore",
];

/// Where these calls name the trail or the event data store.
const NAMES: [&str; 3] = ["name", "trailName", "eventDataStore"];

/// The change to a trail that a call of CloudTrail made, or tried to make.
///
/// # Errors
/// When the record is not JSON.
fn change(call: Call<'_>) -> Result<Option<TrailChange>, NoFacts> {
    let own = |text: Option<Text<'_>>| text.map(Text::into_owned);
    let is_failed = call.is_failed();
    let Call { name, time, head, text, .. } = call;
    let set = ServiceCall::read(text, |ServiceCall { request, .. }| {
        effect(&name, is_failed, request).map(|effect| (name_of(&name, request), effect))
    });
    let Some((trail, effect)) = set.ok_or(NoFacts::InvalidJson)? else { return Ok(None) };
    let error_code = is_failed.then(|| own(head.error_code.0).unwrap_or_else(|| "unknown".to_owned()));
    let event_name = name.into_owned();
    let arn = head.identity.arn.0.as_deref().map(str::to_owned);
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

/// The trail or event data store that a call changes.
fn name_of(call: &str, request: Value<'_>) -> String {
    // `UpdateEventDataStore` gives the new name as `name`.
    let names = if call.contains("EventDataStore") { &NAMES[2..] } else { &NAMES[..2] };
    let mut given = names.iter().filter_map(|name| text_at(request, &[name]));
    given.next().unwrap_or("unknown").to_owned()
}

/// What a call of this name does to a trail or an event data store, or would have done.
fn effect(name: &str, is_failed: bool, request: Value<'_>) -> Option<TrailEffect> {
    Some(match name {
        "StopLogging" | "StopEventDataStoreIngestion" => TrailEffect::StopsLogging,
        // A failed attempt to start logging hides nothing.
        "StartLogging" | "StartEventDataStoreIngestion" | "RestoreEventDataStore" if is_failed => {
            return None;
        }
        "StartLogging" | "StartEventDataStoreIngestion" | "RestoreEventDataStore" => {
            TrailEffect::StartsLogging
        }
        "DeleteTrail" | "DeleteEventDataStore" => TrailEffect::Deletes,
        _ if selectors::leave_out_kms(request) => TrailEffect::ExcludesKms,
        // Without selectors, which a large record may lack, it is not known what was set. And an
        // update of an event data store may set something else.
        "UpdateEventDataStore" if !selectors::are_given(request) => return None,
        _ if !is_failed && !selectors::are_given(request) => return None,
        _ => TrailEffect::IncludesKms,
    })
}

/// The trail that a record configures to leave out KMS calls, if it does.
pub(crate) fn excludes_kms(record: &Record<'_>, text: &str) -> Option<String> {
    let name = record.event_name.0.as_deref()?;
    let puts_selectors = record.event_source.as_deref() == Some("cloudtrail.amazonaws.com")
        && matches!(name, "PutEventSelectors" | "UpdateEventDataStore")
        && record.error_code.0.is_none();
    if !puts_selectors {
        return None;
    }
    ServiceCall::read(text, |ServiceCall { request, .. }| {
        selectors::leave_out_kms(request).then(|| name_of(name, request))
    })?
}
