//! Maps OCSF's class API Activity back to the CloudTrail record.
//!
//! This is the inverse of the published mapping of CloudTrail to OCSF 1.1 (ocsf/examples,
//! `mappings/markdown/AWS/CloudTrail/v1.1.0`), plus the names of the older source version of
//! Security Lake (OCSF 1.0.0-rc.2).

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema};
use serde_json::{Map, Value};

use super::columns::{BatchColumn, rfc3339_of_millis};

/// The top-level columns that are read.
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

/// Record fields and the columns they come from. The first column with a value is used. A dot
/// separates nested names.
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

/// Fields that are objects in a record and JSON text in Security Lake.
const OBJECTS: [&str; 5] =
    ["requestParameters", "responseElements", "additionalEventData", "serviceEventDetails", "addendum"];

/// Columns that a KMS record cannot be rebuilt completely without. Each group lists alternatives.
const ESSENTIAL: [&[&str]; 6] = [
    &["api.request.data"],
    &["api.response.data"],
    &["actor.user.uid", "identity.user.uid"],
    &["actor.session.issuer", "identity.session.issuer"],
    &["resources"],
    &["unmapped"],
];

/// Whether the columns are those of the class API Activity. Other OCSF classes have no `api`, and
/// other formats have no `metadata`.
pub(super) fn is_api_activity(schema: &Schema) -> bool {
    let has = |path| field(schema, path).is_some();
    has("api.operation")
        && has("api.service.name")
        && has("metadata.product")
        && (has("time") || has("time_dt"))
}

/// Whether essential columns are missing.
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

/// A batch of rows.
pub(super) struct OcsfBatch {
    rows: usize,
    fields: Vec<(&'static str, BatchColumn)>,
    resources: Option<BatchColumn>,
    unmapped: Option<BatchColumn>,
}

impl OcsfBatch {
    pub(super) fn new(batch: &RecordBatch) -> Self {
        let columns_of = |(field, paths): &(&'static str, &'static [&'static str])| {
            let columns = paths.iter().filter_map(|path| BatchColumn::find(batch, path));
            columns.map(|column| (*field, column)).collect::<Vec<_>>()
        };
        Self {
            rows: batch.num_rows(),
            fields: FIELDS.iter().flat_map(columns_of).collect(),
            resources: BatchColumn::find(batch, "resources"),
            unmapped: BatchColumn::find(batch, "unmapped"),
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The JSON text of the record in a row; `None` when it is longer than `max_len` bytes.
    pub(super) fn record(&self, row: usize, max_len: usize) -> Option<Vec<u8>> {
        let columns = self.fields.iter().map(|(_, column)| column);
        let mut columns = columns.chain(&self.resources).chain(&self.unmapped);
        let mut budget = max_len;
        // Measure before building: many rows can share one large value of a page.
        if !columns.all(|column| column.fits(row, &mut budget)) {
            return None;
        }
        let mut record = Map::new();
        // Unmapped fields keep their names from the record, so they take precedence.
        if let Some(Value::Object(members)) =
            self.unmapped.as_ref().and_then(|column| column.get(row)).map(parsed)
        {
            for (name, value) in members {
                insert_at(&mut record, &name, value);
            }
        }
        for (field, column) in &self.fields {
            if let Some(value) = column.get(row).and_then(|value| converted(field, value)) {
                insert_at(&mut record, field, value);
            }
        }
        if let Some(Value::Array(resources)) = self.resources.as_ref().and_then(|column| column.get(row)) {
            let resources: Vec<Value> = resources.iter().map(resource).collect();
            record.entry("resources").or_insert(Value::Array(resources));
        }
        fix_caller_arn(&mut record);
        let text = Value::Object(record).to_string().into_bytes();
        (text.len() <= max_len).then_some(text)
    }
}

/// The value in the form that records use.
fn converted(field: &str, value: Value) -> Option<Value> {
    match (field, value) {
        ("eventTime" | "userIdentity.sessionContext.attributes.creationDate", Value::Number(n)) => {
            rfc3339_of_millis(n.as_i64()?)
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
