//! Events in another schema → the record: the class API Activity of OCSF, and the Elastic Common
//! Schema (ECS) that Filebeat's module for CloudTrail writes.

use serde_json::{Map, Value};

use super::record::{Fidelity, Rebuilt, record_from_members};
use super::time::rfc3339;

/// A member of the record and the paths where another schema keeps it. The first path with a value
/// counts.
type MappedField = (&'static str, &'static [&'static str]);

/// Where OCSF's class API Activity keeps the members of a record: the inverse of the published
/// mapping of CloudTrail to OCSF 1.1 (ocsf/examples, `mappings/markdown/AWS/CloudTrail/v1.1.0`),
/// and the names of the older source version of Security Lake (OCSF 1.0.0-rc.2). A dot separates
/// nested names.
pub const OCSF_FIELDS: [MappedField; 32] = [
    ("eventID", &["metadata.uid", "metadata.correlation_uid"]),
    ("eventType", &["metadata.event_code"]),
    ("eventVersion", &["metadata.product.version"]),
    ("eventCategory", &["metadata.product.feature.name"]),
    ("eventTime", &["time_dt", "time"]),
    ("awsRegion", &["cloud.region", "region"]),
    ("recipientAccountId", &["cloud.account.uid", "cloud.account_uid"]),
    ("eventName", &["api.operation"]),
    ("eventSource", &["api.service.name"]),
    ("apiVersion", &["api.version"]),
    ("requestID", &["api.request.uid"]),
    ("requestParameters", &["api.request.data"]),
    ("responseElements", &["api.response.data"]),
    ("errorCode", &["api.response.error"]),
    ("errorMessage", &["api.response.message", "api.response.error_message"]),
    ("userIdentity.type", &["actor.user.type", "identity.user.type"]),
    ("userIdentity.userName", &["actor.user.name", "identity.user.name"]),
    ("userIdentity.arn", &["actor.user.uid", "identity.user.uid"]),
    ("userIdentity.principalId", &["actor.user.uid_alt", "actor.user.uuid", "identity.user.uuid"]),
    (
        "userIdentity.accountId",
        &["actor.user.account.uid", "actor.user.account_uid", "identity.user.account_uid"],
    ),
    ("userIdentity.accessKeyId", &["actor.user.credential_uid", "identity.user.credential_uid"]),
    ("userIdentity.invokedBy", &["actor.invoked_by", "identity.invoked_by"]),
    ("userIdentity.identityProvider", &["actor.idp.name", "identity.idp.name"]),
    (
        "userIdentity.sessionContext.attributes.creationDate",
        &["actor.session.created_time_dt", "actor.session.created_time", "identity.session.created_time"],
    ),
    (
        "userIdentity.sessionContext.attributes.mfaAuthenticated",
        &["actor.session.is_mfa", "actor.session.mfa", "identity.session.mfa"],
    ),
    ("userIdentity.sessionContext.sessionIssuer.arn", &["actor.session.issuer", "identity.session.issuer"]),
    ("sourceIPAddress", &["src_endpoint.ip", "src_endpoint.domain"]),
    ("vpcEndpointId", &["src_endpoint.uid"]),
    ("userAgent", &["http_request.user_agent"]),
    ("tlsDetails.tlsVersion", &["tls.version"]),
    ("tlsDetails.cipherSuite", &["tls.cipher"]),
    ("tlsDetails.clientProvidedHostHeader", &["tls.sni"]),
];

/// Fields that are objects in a record and JSON text in Security Lake.
const OBJECTS: [&str; 5] =
    ["requestParameters", "responseElements", "additionalEventData", "serviceEventDetails", "addendum"];

/// Where Filebeat's module for CloudTrail keeps the members of a record (Elastic: "AWS CloudTrail
/// fields", "ECS field reference").
const ECS_FIELDS: [MappedField; 24] = [
    ("eventTime", &["@timestamp"]),
    ("eventSource", &["event.provider"]),
    ("eventName", &["event.action"]),
    ("eventID", &["event.id", "aws.cloudtrail.event_id"]),
    ("eventVersion", &["aws.cloudtrail.event_version"]),
    ("eventType", &["aws.cloudtrail.event_type"]),
    ("eventCategory", &["aws.cloudtrail.event_category"]),
    ("awsRegion", &["cloud.region"]),
    ("recipientAccountId", &["aws.cloudtrail.recipient_account_id", "cloud.account.id"]),
    ("sourceIPAddress", &["source.address", "source.ip"]),
    ("userAgent", &["user_agent.original"]),
    ("errorCode", &["aws.cloudtrail.error_code"]),
    ("errorMessage", &["aws.cloudtrail.error_message"]),
    (
        "requestParameters",
        &["aws.cloudtrail.flattened.request_parameters", "aws.cloudtrail.request_parameters"],
    ),
    ("responseElements", &["aws.cloudtrail.flattened.response_elements", "aws.cloudtrail.response_elements"]),
    (
        "additionalEventData",
        &["aws.cloudtrail.flattened.additional_eventdata", "aws.cloudtrail.additional_eventdata"],
    ),
    ("serviceEventDetails", &["aws.cloudtrail.service_event_details"]),
    ("requestID", &["aws.cloudtrail.request_id"]),
    ("readOnly", &["aws.cloudtrail.read_only"]),
    ("managementEvent", &["aws.cloudtrail.management_event"]),
    ("userIdentity", &["aws.cloudtrail.user_identity"]),
    ("resources", &["aws.cloudtrail.resources"]),
    ("sharedEventID", &["aws.cloudtrail.shared_event_id"]),
    ("vpcEndpointId", &["aws.cloudtrail.vpc_endpoint_id"]),
];

/// The value at a path: nested objects, or one member with the dots in its name.
fn at<'v>(object: &'v Map<String, Value>, path: &str) -> Option<&'v Value> {
    if let Some(value) = object.get(path) {
        return Some(value).filter(|value| !value.is_null());
    }
    path.match_indices('.').find_map(|(dot, _)| {
        let inner = object.get(&path[..dot])?.as_object()?;
        at(inner, &path[dot + 1..])
    })
}

/// Whether an event in another schema is in the object.
pub fn is_mapped(object: &Map<String, Value>) -> bool {
    is_ocsf(object) || is_ecs(object)
}

fn is_ocsf(object: &Map<String, Value>) -> bool {
    let has = |path| at(object, path).is_some();
    has("api.operation") && has("api.service.name") && (has("metadata") || has("class_uid"))
}

fn is_ecs(object: &Map<String, Value>) -> bool {
    let has = |path| at(object, path).is_some();
    let is_service = |value: &Value| value.as_str().is_some_and(|text| text.ends_with(".amazonaws.com"));
    has("event.action") && at(object, "event.provider").is_some_and(is_service)
}

/// The record of an event in another schema; the object [is one](is_mapped).
pub fn record_from_mapped(object: &Map<String, Value>) -> Rebuilt {
    let find = |(field, paths): &MappedField| {
        let value = paths.iter().find_map(|path| at(object, path))?;
        Some((*field, value.clone()))
    };
    if is_ocsf(object) {
        let fields = OCSF_FIELDS.iter().filter_map(find);
        let record = record_from_ocsf(fields, at(object, "resources"), at(object, "unmapped").cloned());
        let has_all = ["userIdentity", "eventID", "eventTime", "awsRegion"];
        let has_all =
            has_all.iter().all(|name| record.contains_key(*name)) && object.contains_key("unmapped");
        let fidelity = if has_all { Fidelity::Whole } else { Fidelity::Lossy };
        return Rebuilt::Record { json: Value::Object(record).to_string(), fidelity, is_event: true };
    }
    let members = ECS_FIELDS.iter().filter_map(find).map(|(name, value)| (name.to_owned(), value));
    match record_from_members(members.collect()) {
        // The schema leaves members out.
        Rebuilt::Record { json, is_event, .. } => {
            Rebuilt::Record { json, fidelity: Fidelity::Lossy, is_event }
        }
        other => other,
    }
}

/// The record of an event in OCSF, from the values of [`OCSF_FIELDS`], of `resources` and of
/// `unmapped`.
pub fn record_from_ocsf(
    fields: impl Iterator<Item = (&'static str, Value)>,
    resources: Option<&Value>,
    unmapped: Option<Value>,
) -> Map<String, Value> {
    let mut record = Map::new();
    // Unmapped fields keep their names from the record, so they take precedence.
    if let Some(Value::Object(members)) = unmapped.map(parsed) {
        for (name, value) in members {
            insert_at(&mut record, &name, value);
        }
    }
    for (field, value) in fields {
        if let Some(value) = converted(field, value) {
            insert_at(&mut record, field, value);
        }
    }
    if let Some(Value::Array(resources)) = resources {
        let resources: Vec<Value> = resources.iter().map(resource).collect();
        record.entry("resources").or_insert(Value::Array(resources));
    }
    fix_caller_arn(&mut record);
    record
}

/// The value in the form that records use.
fn converted(field: &str, value: Value) -> Option<Value> {
    match (field, value) {
        ("eventTime" | "userIdentity.sessionContext.attributes.creationDate", Value::Number(n)) => {
            rfc3339(&n.into()).map(Value::from)
        }
        ("userIdentity.sessionContext.attributes.mfaAuthenticated", Value::Bool(mfa)) => {
            Some(mfa.to_string().into())
        }
        (field, value) if OBJECTS.contains(&field) => Some(parsed(value)),
        (_, value) => Some(value),
    }
}

/// Parses text that is a JSON object, list or null. Any other value is returned unchanged.
fn parsed(value: Value) -> Value {
    let object = value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    object.filter(|value| value.is_object() || value.is_array() || value.is_null()).unwrap_or(value)
}

/// Inserts a value at a path of names, unless the path has a value already.
fn insert_at(record: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((name, inner)) = path.split_once('.') else {
        let value = if OBJECTS.contains(&path) { parsed(value) } else { value };
        if record.get(path).is_none_or(Value::is_null) {
            record.insert(path.to_owned(), value);
        }
        return;
    };
    // Names inside parameters may contain dots. Only `FIELDS` has nested paths.
    let object = record.entry(name).or_insert_with(|| Value::Object(Map::new()));
    if object.is_null() {
        *object = Value::Object(Map::new());
    }
    if let Value::Object(object) = object {
        insert_at(object, inner, value);
    }
}

/// A resource in the form that records use.
fn resource(resource: &Value) -> Value {
    let owner = &resource["owner"]["account"]["uid"];
    let account = if owner.is_null() { &resource["account_uid"] } else { owner };
    let fields = [("ARN", &resource["uid"]), ("type", &resource["type"]), ("accountId", account)];
    let present = fields.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(present.map(|(name, value)| (name.to_owned(), value.clone())).collect())
}

/// OCSF's `uid` of a user is the caller's ARN, or another identifier for callers without an ARN.
/// The latter moves to `principalId`.
fn fix_caller_arn(record: &mut Map<String, Value>) {
    let Some(Value::Object(identity)) = record.get_mut("userIdentity") else { return };
    if identity.get("arn").and_then(Value::as_str).is_some_and(|arn| !arn.starts_with("arn:"))
        && let Some(uid) = identity.remove("arn")
    {
        identity.entry("principalId").or_insert(uid);
    }
}
