//! Values of a batch as JSON: one row of a column, including nested structs, lists and maps.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, FieldRef, Fields, Schema, TimeUnit};
use chrono::{DateTime, SecondsFormat};
use serde_json::Value;

/// A column of a batch, possibly nested in structs.
pub(super) struct BatchColumn {
    /// The structs around it, outermost first.
    parents: Vec<ArrayRef>,
    array: ArrayRef,
}

impl BatchColumn {
    /// The column at a path of names separated by dots, if the batch has it.
    pub(super) fn find(batch: &RecordBatch, path: &str) -> Option<Self> {
        let mut names = path.split('.');
        let mut array = batch.column_by_name(names.next()?)?.clone();
        let mut parents = Vec::new();
        for name in names {
            let inner = array.as_struct_opt()?.column_by_name(name)?.clone();
            parents.push(std::mem::replace(&mut array, inner));
        }
        Some(Self { parents, array })
    }

    /// The value in a row; `None` when it is null or empty, or a struct around it is null.
    pub(super) fn get(&self, row: usize) -> Option<Value> {
        if self.parents.iter().any(|array| array.is_null(row)) {
            return None;
        }
        value(&self.array, row, Bytes::AreText).filter(|value| !is_empty_text(value))
    }

    /// The same, with bytes that are no text in base64: they may be a compressed record.
    fn get_with_bytes(&self, row: usize) -> Option<Value> {
        value(&self.array, row, Bytes::MayBeCompressed).filter(|value| !is_empty_text(value))
    }

    /// Subtracts a lower bound of the value's JSON length from `budget`; false when it does not
    /// fit.
    pub(super) fn fits(&self, row: usize, budget: &mut usize) -> bool {
        self.parents.iter().any(|array| array.is_null(row)) || fits(&self.array, row, budget)
    }
}

/// A batch of rows that become objects.
pub(super) struct ObjectBatch {
    rows: usize,
    columns: Vec<(String, BatchColumn)>,
}

impl ObjectBatch {
    pub(super) fn new(batch: &RecordBatch) -> Self {
        let schema = batch.schema();
        let columns = schema.fields().iter().zip(batch.columns()).map(|(field, array)| {
            (field.name().clone(), BatchColumn { parents: Vec::new(), array: array.clone() })
        });
        Self { rows: batch.num_rows(), columns: columns.collect() }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The JSON text of a row; `None` when it is longer than `max_len` bytes.
    pub(super) fn object(&self, row: usize, max_len: usize) -> Option<Vec<u8>> {
        let mut budget = max_len;
        // Measure before building: many rows can share one large value of a page.
        if !self.columns.iter().all(|(_, column)| column.fits(row, &mut budget)) {
            return None;
        }
        let members = self
            .columns
            .iter()
            .filter_map(|(name, column)| Some((name.clone(), column.get_with_bytes(row)?)));
        let text = Value::Object(members.collect()).to_string().into_bytes();
        (text.len() <= max_len).then_some(text)
    }
}

/// See [`BatchColumn::fits`]. The JSON text of a value is never shorter than this estimate. Stops
/// at the first item of a list that does not fit.
fn fits(array: &dyn Array, row: usize, budget: &mut usize) -> bool {
    if array.is_null(row) {
        return true;
    }
    let len = match array.data_type() {
        DataType::Utf8View => array.as_string_view().value(row).len(),
        DataType::BinaryView => array.as_binary_view().value(row).len(),
        _ => 0,
    };
    let Some(rest) = budget.checked_sub(len.max(1)) else { return false };
    *budget = rest;
    let items = |array: &ArrayRef, offsets: &[i32], budget: &mut usize| {
        // Offsets are not negative.
        let [from, to] = [row, row + 1].map(|n| usize::try_from(offsets[n]).unwrap_or_default());
        (from..to).all(|n| fits(array, n, budget))
    };
    match array.data_type() {
        DataType::Struct(_) => array.as_struct().columns().iter().all(|column| fits(column, row, budget)),
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            items(list.values(), list.value_offsets(), budget)
        }
        DataType::Map(_, _) => {
            let map = array.as_map();
            items(map.keys(), map.value_offsets(), budget) && items(map.values(), map.value_offsets(), budget)
        }
        _ => true,
    }
}

/// Replaces string and binary types by view types. Views refer to the decoded page, so a value that
/// a page stores once and many rows repeat is in memory once.
pub(super) fn with_views(schema: &Schema) -> Schema {
    let fields: Fields = schema.fields().iter().map(field_with_views).collect();
    Schema::new_with_metadata(fields, schema.metadata().clone())
}

fn field_with_views(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Utf8 => DataType::Utf8View,
        DataType::Binary => DataType::BinaryView,
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field_with_views).collect()),
        DataType::List(item) => DataType::List(field_with_views(item)),
        DataType::Map(entry, sorted) => DataType::Map(field_with_views(entry), *sorted),
        _ => return field.clone(),
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

/// Empty text counts as no value, as in records.
fn is_empty_text(value: &Value) -> bool {
    value.as_str().is_some_and(str::is_empty)
}

/// What becomes of a value of bytes that is no text.
#[derive(Debug, Clone, Copy)]
enum Bytes {
    /// It is damaged text, and no value.
    AreText,
    /// It becomes base64, in which records are looked for.
    MayBeCompressed,
}

impl Bytes {
    fn value(self, bytes: &[u8]) -> Option<Value> {
        match (std::str::from_utf8(bytes), self) {
            // Some writers do not mark text as UTF-8.
            (Ok(text), _) => Some(text.into()),
            (Err(_), Self::AreText) => None,
            (Err(_), Self::MayBeCompressed) => (bytes.len() >= MIN_BYTES).then(|| base64(bytes).into()),
        }
    }
}

/// A value whose length is fixed: a UUID, or text. No byte of a text is that of a UUID that says
/// which kind it is.
fn fixed(value: &[u8], bytes: Bytes) -> Option<Value> {
    match <[u8; 16]>::try_from(value) {
        Ok(uuid) if !value.is_ascii() => {
            let digits = format!("{:032x}", u128::from_be_bytes(uuid));
            let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
            Some(parts.join("-").into())
        }
        _ => bytes.value(value),
    }
}

/// Length of the shortest value that may be a compressed record.
const MIN_BYTES: usize = 32;

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - group.len()));
        for n in 0..4 {
            let digit = char::from(DIGITS[bits >> (18 - 6 * n) & 63]);
            text.push(if n > group.len() { '=' } else { digit });
        }
    }
    text
}

/// Any value as JSON. Timestamps become RFC 3339, the format in records.
fn value(array: &dyn Array, row: usize, bytes: Bytes) -> Option<Value> {
    if array.is_null(row) {
        return None;
    }
    Some(match array.data_type() {
        DataType::Utf8View => array.as_string_view().value(row).into(),
        DataType::BinaryView => bytes.value(array.as_binary_view().value(row))?,
        DataType::FixedSizeBinary(_) => fixed(array.as_fixed_size_binary().value(row), bytes)?,
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).into(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(row).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).into(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).into(),
        DataType::Float32 => f64::from(array.as_primitive::<Float32Type>().value(row)).into(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).into(),
        DataType::Timestamp(unit, _) => time(array, row, *unit)?,
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns().iter().zip(fields);
            let members =
                columns.filter_map(|(c, field)| Some((field.name().clone(), value(c, row, bytes)?)));
            Value::Object(members.collect())
        }
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            Value::Array((0..items.len()).filter_map(|n| value(&items, n, bytes)).collect())
        }
        DataType::Map(_, _) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let pair = |n| Some((value(keys, n, bytes)?.as_str()?.to_owned(), value(values, n, bytes)?));
            Value::Object((0..entries.len()).filter_map(pair).collect())
        }
        // No column that is read has another type.
        _ => return None,
    })
}

fn time(array: &dyn Array, row: usize, unit: TimeUnit) -> Option<Value> {
    let time = match unit {
        TimeUnit::Second => {
            DateTime::from_timestamp(array.as_primitive::<TimestampSecondType>().value(row), 0)
        }
        TimeUnit::Millisecond => {
            DateTime::from_timestamp_millis(array.as_primitive::<TimestampMillisecondType>().value(row))
        }
        TimeUnit::Microsecond => {
            DateTime::from_timestamp_micros(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        TimeUnit::Nanosecond => {
            Some(DateTime::from_timestamp_nanos(array.as_primitive::<TimestampNanosecondType>().value(row)))
        }
    };
    Some(time?.to_rfc3339_opts(SecondsFormat::AutoSi, true).into())
}
