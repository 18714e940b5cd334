//! OCSF's API Activity back to CloudTrail's record: the published mapping of CloudTrail to OCSF 1.1 (ocsf/examples,
//! `mappings/markdown/AWS/CloudTrail/v1.1.0`) read backwards, with the names of Security Lake's older source (OCSF 1.0.0-rc.2) beside it.

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field};
use serde_json::{Map, Value};

use super::Schema;
use super::cells::{Column, time_of_millis};

/// Top-level columns that are read.
pub(super) const ROOTS: [&str; 13] = [
    "metadata",
    "time",
    "time_dt",
    "cloud",
    "region",
    "api",
    "actor",
    "identity",
    "src_endpoint",
    "http_request",
    "tls",
    "resources",
    "unmapped",
];

/// Where members of a record come from: member, columns of which the first that has a value counts. A dot leads into an object.
const FIELDS: [(&str, &[&str]); 32] = [
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

/// Members that are objects in a record, and text in Security Lake.
const OBJECTS: [&str; 5] =
    ["requestParameters", "responseElements", "additionalEventData", "serviceEventDetails", "addendum"];

/// Columns without which some of what a KMS record says is lost.
const ESSENTIAL: [&[&str]; 6] = [
    &["api.request.data"],
    &["api.response.data"],
    &["actor.user.uid", "identity.user.uid"],
    &["actor.session.issuer", "identity.session.issuer"],
    &["resources"],
    &["unmapped"],
];

/// Whether these are the columns of calls of APIs: other classes have no `api`, other formats no `metadata`.
pub(super) fn is_of_calls(schema: &Schema) -> bool {
    let has = |path| field(schema, path).is_some();
    has("api.operation")
        && has("api.service.name")
        && has("metadata.product")
        && (has("time") || has("time_dt"))
}

/// Whether columns are missing that a record is rebuilt from.
pub(super) fn lacks_columns(schema: &Schema) -> bool {
    ESSENTIAL.iter().any(|columns| columns.iter().all(|path| field(schema, path).is_none()))
}

fn field<'s>(schema: &'s Schema, path: &str) -> Option<&'s Field> {
    let mut names = path.split('.');
    let mut field = schema.field_with_name(names.next()?).ok()?;
    for name in names {
        let DataType::Struct(fields) = field.data_type() else { return None };
        field = fields.find(name)?.1;
    }
    Some(field)
}

/// The columns of a batch of rows.
pub(super) struct Columns {
    rows: usize,
    fields: Vec<(&'static str, Column)>,
    resources: Option<Column>,
    unmapped: Option<Column>,
}

impl Columns {
    pub(super) fn of(batch: &RecordBatch) -> Self {
        let found = |(member, paths): &(&'static str, &'static [&'static str])| {
            let columns = paths.iter().filter_map(|path| Column::find(batch, path));
            columns.map(|column| (*member, column)).collect::<Vec<_>>()
        };
        Self {
            rows: batch.num_rows(),
            fields: FIELDS.iter().flat_map(found).collect(),
            resources: Column::find(batch, "resources"),
            unmapped: Column::find(batch, "unmapped"),
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The record of a row, as JSON text; `None` when it is longer than `longest` bytes.
    pub(super) fn record(&self, row: usize, longest: usize) -> Option<Vec<u8>> {
        let columns = self.fields.iter().map(|(_, column)| column);
        let mut left = longest;
        // Asked before anything is made of it: a row can repeat what a page says once.
        if !columns.chain(&self.resources).chain(&self.unmapped).all(|column| column.fits(row, &mut left)) {
            return None;
        }
        let mut record = Map::new();
        // What could not be mapped has kept the record's own name, so it goes before what may stand for it.
        if let Some(Value::Object(members)) =
            self.unmapped.as_ref().and_then(|column| column.get(row)).map(parsed)
        {
            for (name, value) in members {
                put(&mut record, &name, value);
            }
        }
        for (member, column) in &self.fields {
            if let Some(value) = column.get(row).and_then(|value| converted(member, value)) {
                put(&mut record, member, value);
            }
        }
        if let Some(Value::Array(resources)) = self.resources.as_ref().and_then(|column| column.get(row)) {
            let resources: Vec<Value> = resources.iter().map(resource).collect();
            record.entry("resources").or_insert(Value::Array(resources));
        }
        identify(&mut record);
        let text = Value::Object(record).to_string().into_bytes();
        (text.len() <= longest).then_some(text)
    }
}

/// The value in the form that records have it in.
fn converted(member: &str, value: Value) -> Option<Value> {
    match (member, value) {
        ("eventTime" | "userIdentity.sessionContext.attributes.creationDate", Value::Number(n)) => {
            time_of_millis(n.as_i64()?)
        }
        ("userIdentity.sessionContext.attributes.mfaAuthenticated", Value::Bool(mfa)) => {
            Some(mfa.to_string().into())
        }
        (member, value) if OBJECTS.contains(&member) => Some(parsed(value)),
        (_, value) => Some(value),
    }
}

/// Text that is an object in JSON is that object.
fn parsed(value: Value) -> Value {
    let object = value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    object.filter(|value| value.is_object() || value.is_array() || value.is_null()).unwrap_or(value)
}

/// Puts a value where a path of names leads, unless there is one already.
fn put(record: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((name, inner)) = path.split_once('.') else {
        let value = if OBJECTS.contains(&path) { parsed(value) } else { value };
        if record.get(path).is_none_or(Value::is_null) {
            record.insert(path.to_owned(), value);
        }
        return;
    };
    // Names inside parameters may have dots of their own: only what a record nests is taken apart.
    let object = record.entry(name).or_insert_with(|| Value::Object(Map::new()));
    if object.is_null() {
        *object = Value::Object(Map::new());
    }
    if let Value::Object(object) = object {
        put(object, inner, value);
    }
}

/// A resource as records have it.
fn resource(resource: &Value) -> Value {
    let owner = &resource["owner"]["account"]["uid"];
    let account = if owner.is_null() { &resource["account_uid"] } else { owner };
    let members = [("ARN", &resource["uid"]), ("type", &resource["type"]), ("accountId", account)];
    let known = members.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(known.map(|(name, value)| (name.to_owned(), value.clone())).collect())
}

/// A user's `uid` is the caller's ARN, or for callers without one whatever else tells them.
fn identify(record: &mut Map<String, Value>) {
    let Some(Value::Object(identity)) = record.get_mut("userIdentity") else { return };
    if identity.get("arn").and_then(Value::as_str).is_some_and(|arn| !arn.starts_with("arn:"))
        && let Some(uid) = identity.remove("arn")
    {
        identity.entry("principalId").or_insert(uid);
    }
}
