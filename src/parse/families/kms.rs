//! Facts in records of KMS: where an alias points, which record corrects which, what changes a key,
//! its grants and its policy, and what it is.

use super::family::{Call, Family, Interest, owned};
use super::key_properties::{in_region, shown, shows_properties};
use serde_json::Value;

use crate::model::{
    Fact, GrantTerms, KeyChange, KeyEffect, KmsEvent, PolicyText, Provenance, Text, region_partition,
};
use crate::parse::error::NoFacts;
use crate::parse::kms::{self, KmsRecord};
use crate::parse::prefilter::KMS;

pub(super) const FAMILY: Family = Family {
    sources: &[KMS],
    needles: &[
        "CreateAlias",
        "UpdateAlias",
        "DeleteAlias",
        "UPDATED_DATA",
        "CreateGrant",
        "RetireGrant",
        "RevokeGrant",
        "DisableKey",
        "EnableKey",
        "KeyDeletion",
        "DeleteKey",
        "CreateKey",
        "PutKeyPolicy",
        "ReplicateKey",
        "UpdatePrimaryRegion",
        "agResource",
    ],
    words: &[],
    texts: &[],
    interest: |_| Interest::Always,
    facts,
};

fn facts(call: Call<'_>) -> Result<Vec<Fact<'static>>, NoFacts> {
    let may_say = call.name.ends_with("Alias") || changes_key(&call.name) || shows_properties(&call.name);
    if !may_say && call.head.addendum.original_event_id.is_none() {
        return Ok(Vec::new());
    }
    // A record that cannot be counted has no facts either.
    Ok(match kms::read(call.head) {
        Ok(KmsRecord::Call(event)) => facts_of_event(&event).collect(),
        Ok(KmsRecord::DryRun(event)) if event.name == "CreateGrant" => {
            vec![fact(&event, KeyEffect::TriesToCreateGrant)]
        }
        _ => Vec::new(),
    })
}

/// Returns the facts of a KMS call that has been parsed: the same as
/// [`facts`](crate::parse::facts()) of its record.
pub fn facts_of_event(event: &KmsEvent<'_>) -> impl Iterator<Item = Fact<'static>> + use<> {
    let succeeded = event.error_code.is_none() && event.error_message.is_none();
    let alias = if succeeded { alias_change(event) } else { None };
    let shown = if succeeded { shown(event) } else { None };
    let shown = shown.map(|properties| fact(event, KeyEffect::ShowsProperties(properties)));
    correction(event).into_iter().chain(alias).chain(key_change(event, succeeded)).chain(shown)
}

/// Whether a call of this name changes a key, or its grants, so that who may use it changes.
fn changes_key(name: &str) -> bool {
    matches!(
        name,
        "CreateGrant"
            | "RetireGrant"
            | "RevokeGrant"
            | "DisableKey"
            | "EnableKey"
            | "ScheduleKeyDeletion"
            | "CancelKeyDeletion"
            | "DeleteKey"
            | "CreateKey"
            | "PutKeyPolicy"
            | "ReplicateKey"
    )
}

fn key_change(event: &KmsEvent<'_>, succeeded: bool) -> Option<Fact<'static>> {
    if !changes_key(&event.name) {
        return None;
    }
    let own = |text: &Option<Text<'_>>| text.as_deref().map(str::to_owned);
    let grant_id = own(&event.grant_id);
    let effect = match &*event.name {
        "CreateGrant" if !succeeded => KeyEffect::FailsToCreateGrant,
        _ if !succeeded => return None,
        "CreateGrant" => KeyEffect::CreatesGrant(GrantTerms {
            grant_id,
            grantee: own(&event.grantee_principal),
            retiring: own(&event.retiring_principal),
            operations: own(&event.grant_operations),
            constraints: own(&event.grant_constraints),
            name: own(&event.grant_name),
        }),
        "RetireGrant" => KeyEffect::RetiresGrant { grant_id },
        "RevokeGrant" => KeyEffect::RevokesGrant { grant_id },
        "CreateKey" | "PutKeyPolicy" | "ReplicateKey" => sets_policy(event)?,
        "DisableKey" => KeyEffect::Disables,
        "EnableKey" => KeyEffect::Enables,
        "ScheduleKeyDeletion" => KeyEffect::SchedulesDeletion,
        "CancelKeyDeletion" => KeyEffect::CancelsDeletion,
        _ => KeyEffect::Deletes,
    };
    Some(fact(event, effect))
}

fn fact(event: &KmsEvent<'_>, effect: KeyEffect) -> Fact<'static> {
    let own = |text: &Option<Text<'_>>| text.as_deref().map(str::to_owned);
    let by = Provenance {
        time: event.time,
        event_name: event.name.clone().into_owned(),
        event_id: own(&event.event_id),
        account_id: event.account().map(str::to_owned),
    };
    let key = match &*event.name {
        "ReplicateKey" => replica_arn(event),
        _ => own(&event.key.arn).or_else(|| own(&event.key.id)),
    };
    let (principal, service) = (event.principal.name.clone().into_owned(), own(&event.principal.invoked_by));
    Fact::Key(Box::new(KeyChange { by, key, principal, service, effect }))
}

/// The policy that a call gives to its key; `None`: the call is about another policy than the key's
/// own, which AWS RAM manages.
fn sets_policy(event: &KmsEvent<'_>) -> Option<KeyEffect> {
    let details = event.request_details.as_deref();
    let details: Value = details.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    if details["policyName"].as_str().is_some_and(|name| name != "default") {
        return None;
    }
    let is_omitted = event.omitted_fields.as_deref().is_some_and(|list| list.contains("requestParameters"));
    let text = match event.policy.as_deref() {
        Some(text) => PolicyText::Given(text.to_owned()),
        None if is_omitted || event.name == "PutKeyPolicy" => PolicyText::Unknown,
        None => PolicyText::Default,
    };
    let bypass = &details["bypassPolicyLockoutSafetyCheck"];
    let bypasses_lockout_check = bypass == &Value::Bool(true) || bypass == "true";
    Some(KeyEffect::SetsPolicy { text, bypasses_lockout_check })
}

/// The ARN of the replica that a ReplicateKey makes: that of its primary key in another Region.
fn replica_arn(event: &KmsEvent<'_>) -> Option<String> {
    let details: Value = serde_json::from_str(event.request_details.as_deref()?).ok()?;
    in_region(event, details["replicaRegion"].as_str()?)
}

fn correction(event: &KmsEvent<'_>) -> Option<Fact<'static>> {
    Some(Fact::Correction {
        original: owned(event.corrects.as_deref()?),
        by: owned(event.event_id.as_deref()?),
        account_id: event.recipient_account_id.as_deref().map(owned),
        time: event.time,
        event_name: owned(&event.name),
        original_request_id: event.corrects_request_id.as_deref().map(owned),
        request_id: event.request_id.as_deref().map(owned),
    })
}

fn alias_change(event: &KmsEvent<'_>) -> Option<Fact<'static>> {
    let key = match &*event.name {
        // When the record does not name the key, the alias no longer points to the previous one.
        "CreateAlias" | "UpdateAlias" => event.key.arn.as_deref().map(owned),
        "DeleteAlias" => None,
        _ => return None,
    };
    Some(Fact::Alias { alias: alias_arn(event)?.into(), key, time: event.time })
}

/// The ARN of the alias that a call names. An alias given without an ARN is in the account and the
/// region of the caller.
pub fn alias_arn(event: &KmsEvent<'_>) -> Option<String> {
    let alias = event.key.alias.as_deref()?;
    if !alias.starts_with("alias/") {
        return Some(alias.to_owned());
    }
    let caller = event.principal.account_id.as_deref();
    let account = caller.or(event.recipient_account_id.as_deref())?;
    let (partition, region) = (region_partition(&event.region), &event.region);
    Some(format!("arn:{partition}:kms:{region}:{account}:{alias}"))
}
