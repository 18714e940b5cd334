//! Maps OCSF's class API Activity back to the CloudTrail record.
//!
//! `format::rebuild` says which member of a record is in which column.

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema};
use serde_json::Value;

use super::columns::BatchColumn;
use crate::format::rebuild::{OCSF_FIELDS, record_from_ocsf};

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

/// Whether the columns may be those of such a class without the ones that say which service and
/// operation it was.
pub(super) fn may_be_incomplete(schema: &Schema) -> bool {
    let has = |path| field(schema, path).is_some();
    (has("class_uid") || has("class_name")) && has("metadata") && has("actor")
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
            fields: OCSF_FIELDS.iter().flat_map(columns_of).collect(),
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
        let fields = self.fields.iter().filter_map(|(field, column)| Some((*field, column.get(row)?)));
        let resources = self.resources.as_ref().and_then(|column| column.get(row));
        let unmapped = self.unmapped.as_ref().and_then(|column| column.get(row));
        let record = record_from_ocsf(fields, resources.as_ref(), unmapped);
        let text = Value::Object(record).to_string().into_bytes();
        (text.len() <= max_len).then_some(text)
    }
}
