//! Condition keys of KMS.
//!
//! Source: [AWS KMS condition
//! keys](https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html), unless a key
//! has its own. A parameter that the request leaves out counts with its default.

use std::borrow::Cow;

use serde_json::Value;

use super::key;
use super::known_key::{KnownKey, decided, unknown};
use super::parameter::{given, or, text};
use crate::model::normalize_service;
use crate::policy::context::ContextValue;
use crate::policy::request::Request;

#[rustfmt::skip]
pub(super) const KEYS: &[KnownKey] = &[
    decided("kms:BypassPolicyLockoutSafetyCheck", "request", |r, _| or(r, "bypassPolicyLockoutSafetyCheck", "false")),
    decided("kms:CallerAccount", "userIdentity.accountId", caller_account),
    decided("kms:CustomerMasterKeySpec", "the key's CreateKey", |r, _| key::spec(r)),
    decided("kms:CustomerMasterKeyUsage", "the key's CreateKey", |r, _| key::usage(r)),
    decided("kms:DataKeyPairSpec", "request", |r, _| given(r, "keyPairSpec")),
    decided("kms:EncryptionAlgorithm", "request", |r, _| algorithm(r)),
    decided("kms:EncryptionContext:", "request; constraints of a grant", context_pair),
    decided("kms:EncryptionContextKeys", "request; constraints of a grant", |r, _| context_keys(r)),
    decided("kms:ExpirationModel", "request", |r, _| or(r, "expirationModel", "KEY_MATERIAL_EXPIRES")),
    decided("kms:GrantConstraintSourceArn", "request", |r, _| constraint(r, "sourceArn")),
    decided("kms:GrantConstraintType", "request", |r, _| constraint_type(r)),
    decided("kms:GrantIsForAWSResource", "userIdentity.invokedBy", |r, _| for_aws_resource(r)),
    decided("kms:GrantOperations", "request", |r, _| operations(r)),
    decided("kms:GranteePrincipal", "request", |r, _| named(r, "granteeServicePrincipal", r.event.grantee_principal.as_deref())),
    decided("kms:GranteeServicePrincipal", "request", |r, _| given(r, "granteeServicePrincipal")),
    decided("kms:KeyAgreementAlgorithm", "request", |r, _| given(r, "keyAgreementAlgorithm")),
    decided("kms:KeyOrigin", "the key's CreateKey", |r, _| key::origin(r)),
    decided("kms:KeySpec", "the key's CreateKey", |r, _| key::spec(r)),
    decided("kms:KeyUsage", "the key's CreateKey", |r, _| key::usage(r)),
    decided("kms:MacAlgorithm", "request", |r, _| given(r, "macAlgorithm")),
    decided("kms:MessageType", "request", |r, _| or(r, "messageType", "RAW")),
    decided("kms:MultiRegion", "the key's id; request of CreateKey", |r, _| key::multi_region(r)),
    decided("kms:MultiRegionKeyType", "the key's CreateKey, ReplicateKey, UpdatePrimaryRegion", |r, _| key::multi_region_type(r)),
    decided("kms:PolicyName", "request", |r, _| or(r, "policyName", "default")),
    decided("kms:PrimaryRegion", "request", |r, _| given(r, "primaryRegion")),
    decided("kms:ReEncryptOnSameKey", "both keys", |r, _| same_key(r)),
    decided("kms:ReplicaRegion", "request", |r, _| given(r, "replicaRegion")),
    decided("kms:RequestAlias", "request", |r, _| request_alias(r)),
    unknown("kms:ResourceAliases", "it works in IAM policies only", |_, _| {
        ContextValue::unknown("kms:ResourceAliases works in IAM policies only, not in a key policy")
    }),
    decided("kms:RetiringPrincipal", "request", |r, _| named(r, "retiringServicePrincipal", r.event.retiring_principal.as_deref())),
    decided("kms:RetiringServicePrincipal", "request", |r, _| given(r, "retiringServicePrincipal")),
    decided("kms:RotationPeriodInDays", "request", |r, _| or(r, "rotationPeriodInDays", "365")),
    decided("kms:ScheduleKeyDeletionPendingWindowInDays", "request", |r, _| or(r, "pendingWindowInDays", "30")),
    decided("kms:SigningAlgorithm", "request", |r, _| given(r, "signingAlgorithm")),
    unknown("kms:TrailingDaysWithoutKeyUsage", "AWS KMS counts the days, and no record shows them", |_, _| {
        ContextValue::unknown("no record shows for how many days the key was not used")
    }),
    decided("kms:ValidTo", "request", |r, _| given(r, "validTo")),
    decided("kms:ViaService", "userIdentity.invokedBy and awsRegion", |r, _| via_service(r)),
    decided("kms:WrappingAlgorithm", "request", |r, _| given(r, "wrappingAlgorithm")),
    decided("kms:WrappingKeySpec", "request", |r, _| given(r, "wrappingKeySpec")),
    decided("aws:RequestTag/", "request", request_tag),
    decided("aws:TagKeys", "request", |r, _| tag_keys(r)),
    decided("aws:ResourceTag/", "the key's CreateKey, ReplicateKey, TagResource, UntagResource", key::resource_tag),
];

/// A member of the event that a service principal may have filled instead.
fn named<'e>(request: &Request<'e>, service: &str, name: Option<&'e str>) -> ContextValue<'e> {
    match request.parameter(service) {
        Ok(None) => ContextValue::of(name),
        Ok(Some(_)) => ContextValue::Absent,
        Err(why) => ContextValue::unknown(why),
    }
}

fn caller_account<'e>(request: &Request<'e>, _: &str) -> ContextValue<'e> {
    match request.event.principal.account_id.as_deref() {
        Some(account) => ContextValue::of(Some(account)),
        None => ContextValue::unknown("the record does not show the caller's account"),
    }
}

fn algorithm<'e>(request: &Request<'e>) -> ContextValue<'e> {
    let name = match request.action {
        "ReEncryptFrom" => "sourceEncryptionAlgorithm",
        "ReEncryptTo" => "destinationEncryptionAlgorithm",
        _ => "encryptionAlgorithm",
    };
    or(request, name, "SYMMETRIC_DEFAULT")
}

/// The pairs of the encryption context, or of the constraint of a grant.
fn context(request: &Request<'_>) -> Result<Vec<(String, String)>, &'static str> {
    if request.action == "RetireGrant" {
        return Err("the record does not show the constraints of the grant");
    }
    let kept = |json: Option<&str>| {
        json.map_or(Ok(Value::Null), |json| {
            serde_json::from_str(json).map_err(|_| "the encryption context is damaged")
        })
    };
    // Says first whether the parameters are there.
    let destination = request.parameter("destinationEncryptionContext")?;
    let value = match request.action {
        "CreateGrant" => {
            let constraints = kept(request.event.grant_constraints.as_deref())?;
            let one = |name| constraints.get(name).filter(|pairs| pairs.is_object()).cloned();
            one("encryptionContextEquals").or_else(|| one("encryptionContextSubset")).unwrap_or_default()
        }
        "ReEncryptTo" => destination.cloned().unwrap_or_default(),
        "ReEncryptFrom" if request.parameter("sourceEncryptionContext")?.is_some() => Value::Null,
        _ => kept(request.event.encryption_context.as_deref())?,
    };
    let pairs = value.as_object().into_iter().flatten();
    Ok(pairs.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect())
}

fn context_pair<'e>(request: &Request<'e>, name: &str) -> ContextValue<'e> {
    let pairs = match context(request) {
        Ok(pairs) => pairs,
        Err(why) => return ContextValue::unknown(why),
    };
    // The case of the name does not matter in a policy.
    let mut values = pairs.into_iter().filter(|(key, _)| key.to_lowercase() == name.to_lowercase());
    match (values.next(), values.next()) {
        (None, _) => ContextValue::Absent,
        (Some((_, value)), None) => ContextValue::owned(value),
        _ => ContextValue::unknown("two names in the encryption context differ only in case"),
    }
}

fn context_keys<'e>(request: &Request<'e>) -> ContextValue<'e> {
    match context(request) {
        Ok(pairs) => ContextValue::many(pairs.into_iter().map(|(name, _)| Cow::Owned(name)).collect()),
        Err(why) => ContextValue::unknown(why),
    }
}

fn constraint<'e>(request: &Request<'e>, name: &str) -> ContextValue<'e> {
    if let Err(why) = request.parameter(name) {
        return ContextValue::unknown(why);
    }
    let Some(json) = request.event.grant_constraints.as_deref() else { return ContextValue::Absent };
    let constraints: Value = serde_json::from_str(json).unwrap_or_default();
    constraints.get(name).and_then(text).map_or(ContextValue::Absent, ContextValue::owned)
}

fn constraint_type<'e>(request: &Request<'e>) -> ContextValue<'e> {
    if request.action == "RetireGrant" {
        return ContextValue::unknown("the record does not show the constraints of the grant");
    }
    if let Err(why) = request.parameter("constraints") {
        return ContextValue::unknown(why);
    }
    let json = request.event.grant_constraints.as_deref().unwrap_or("{}");
    let constraints: Value = serde_json::from_str(json).unwrap_or_default();
    let has = |name| constraints.get(name).is_some();
    match (has("encryptionContextEquals"), has("encryptionContextSubset"), has("sourceArn")) {
        (true, false, _) => ContextValue::of(Some("EncryptionContextEquals")),
        (false, true, _) => ContextValue::of(Some("EncryptionContextSubset")),
        (false, false, false) => ContextValue::Absent,
        _ => ContextValue::unknown("AWS does not document the type of such constraints"),
    }
}

fn operations<'e>(request: &Request<'e>) -> ContextValue<'e> {
    if let Err(why) = request.parameter("operations") {
        return ContextValue::unknown(why);
    }
    let names = request.event.grant_operations.as_deref().unwrap_or_default().split(',');
    ContextValue::many(names.filter(|name| !name.is_empty()).map(Cow::Borrowed).collect())
}

/// The service that made the call for its principal.
pub(super) enum Via {
    Nobody,
    Service(String),
    Unknown(&'static str),
}

pub(super) fn via(request: &Request<'_>) -> Via {
    let principal = &request.event.principal;
    // A service with its own identity calls for nobody.
    if principal.kind == "AWSService" {
        return Via::Nobody;
    }
    let is_service = |text: &str| text.ends_with(".amazonaws.com") || text.ends_with(".amazonaws.com.cn");
    // Old records name the service only as the source address.
    let address = request.event.source_ip.as_deref().filter(|ip| is_service(ip) || *ip == "AWS Internal");
    match principal.invoked_by.as_deref().or(address) {
        None => Via::Nobody,
        Some(text) if is_service(text) => Via::Service(normalize_service(text.into()).into_owned()),
        Some("AWS Internal") => Via::Unknown("the record names the service only as AWS Internal"),
        Some(_) => Via::Unknown("the record names no service in invokedBy"),
    }
}

fn via_service<'e>(request: &Request<'e>) -> ContextValue<'e> {
    let region = &request.event.region;
    match via(request) {
        Via::Nobody => ContextValue::Absent,
        Via::Unknown(why) => ContextValue::unknown(why),
        Via::Service(_) if region == "unknown" => ContextValue::unknown("the record names no Region"),
        // The suffix is the same in all partitions.
        Via::Service(name) => {
            let label = name.split(".amazonaws.com").next().unwrap_or(&name);
            ContextValue::owned(format!("{label}.{region}.amazonaws.com"))
        }
    }
}

fn for_aws_resource<'e>(request: &Request<'e>) -> ContextValue<'e> {
    match via(request) {
        Via::Nobody if request.event.principal.kind == "AWSService" => {
            ContextValue::unknown("AWS does not document it for calls that a service makes for itself")
        }
        Via::Nobody => ContextValue::flag(false),
        Via::Service(_) => ContextValue::flag(true),
        Via::Unknown(why) => ContextValue::unknown(why),
    }
}

fn same_key<'e>(request: &Request<'e>) -> ContextValue<'e> {
    match (&request.event.key.arn, &request.event.destination_key_arn) {
        (Some(source), Some(destination)) => ContextValue::flag(source == destination),
        _ => ContextValue::unknown("the record does not name both keys"),
    }
}

/// The alias's name, also when the request gives its ARN.
fn request_alias<'e>(request: &Request<'e>) -> ContextValue<'e> {
    if let Err(why) = request.parameter("keyId") {
        return ContextValue::unknown(why);
    }
    match request.event.key.alias.as_deref() {
        Some(_) if request.event.name == "ReEncrypt" => {
            ContextValue::unknown("the record's alias may be that of either key")
        }
        None if request.action == "ReEncryptTo" => {
            ContextValue::unknown("keytrail does not keep the alias of a destination key")
        }
        alias => ContextValue::of(alias.and_then(|alias| alias.get(alias.find("alias/")?..))),
    }
}

/// The tags of the request: name and value.
fn tags(request: &Request<'_>) -> Result<Vec<(String, Option<String>)>, &'static str> {
    let names = request.parameter("tagKeys")?.and_then(Value::as_array).into_iter().flatten();
    let names = names.filter_map(|name| Some((name.as_str()?.to_owned(), None)));
    let tags = request.parameter("tags")?.and_then(Value::as_array).into_iter().flatten();
    let tags = tags.filter_map(|tag| {
        let value = tag.get("tagValue").and_then(Value::as_str).unwrap_or_default();
        Some((tag.get("tagKey")?.as_str()?.to_owned(), Some(value.to_owned())))
    });
    Ok(names.chain(tags).collect())
}

fn request_tag<'e>(request: &Request<'e>, name: &str) -> ContextValue<'e> {
    match tags(request) {
        Err(why) => ContextValue::unknown(why),
        Ok(tags) => {
            let found = tags.into_iter().find(|(key, _)| key.to_lowercase() == name.to_lowercase());
            found.and_then(|(_, value)| value).map_or(ContextValue::Absent, ContextValue::owned)
        }
    }
}

fn tag_keys<'e>(request: &Request<'e>) -> ContextValue<'e> {
    match tags(request) {
        Err(why) => ContextValue::unknown(why),
        Ok(tags) => ContextValue::many(tags.into_iter().map(|(name, _)| Cow::Owned(name)).collect()),
    }
}
