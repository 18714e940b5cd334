//! One value of a batch, by the path of its column: structures in structures, lists, maps.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, FieldRef, Fields, Schema, TimeUnit};
use chrono::{DateTime, SecondsFormat};
use serde_json::Value;

/// A column, with the structures around it.
pub(super) struct Column {
    around: Vec<ArrayRef>,
    array: ArrayRef,
}

impl Column {
    /// The column at a path of names joined by dots, if the batch has one.
    pub(super) fn find(batch: &RecordBatch, path: &str) -> Option<Self> {
        let mut names = path.split('.');
        let mut array = batch.column_by_name(names.next()?)?.clone();
        let mut around = Vec::new();
        for name in names {
            let inner = array.as_struct_opt()?.column_by_name(name)?.clone();
            around.push(std::mem::replace(&mut array, inner));
        }
        Some(Self { around, array })
    }

    /// The value in a row; `None` when it, or a structure around it, is null.
    pub(super) fn get(&self, row: usize) -> Option<Value> {
        if self.around.iter().any(|array| array.is_null(row)) {
            return None;
        }
        value(&self.array, row).filter(|value| !is_blank(value))
    }

    /// Takes the bytes of the value in a row from those that are left; false when it needs more.
    pub(super) fn fits(&self, row: usize, left: &mut usize) -> bool {
        self.around.iter().any(|array| array.is_null(row)) || fits(&self.array, row, left)
    }
}

/// See [`Column::fits`]. In JSON, no value is shorter than this takes it for; no more of a list is looked at than fits.
fn fits(array: &dyn Array, row: usize, left: &mut usize) -> bool {
    if array.is_null(row) {
        return true;
    }
    let own = match array.data_type() {
        DataType::Utf8View => array.as_string_view().value(row).len(),
        DataType::BinaryView => array.as_binary_view().value(row).len(),
        _ => 0,
    };
    let Some(rest) = left.checked_sub(own.max(1)) else { return false };
    *left = rest;
    let items = |array: &ArrayRef, offsets: &[i32], left: &mut usize| {
        // Offsets are not negative.
        let [from, to] = [row, row + 1].map(|n| usize::try_from(offsets[n]).unwrap_or_default());
        (from..to).all(|n| fits(array, n, left))
    };
    match array.data_type() {
        DataType::Struct(_) => array.as_struct().columns().iter().all(|column| fits(column, row, left)),
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            items(list.values(), list.value_offsets(), left)
        }
        DataType::Map(_, _) => {
            let map = array.as_map();
            items(map.keys(), map.value_offsets(), left) && items(map.values(), map.value_offsets(), left)
        }
        _ => true,
    }
}

/// The schema with texts that are read as views of the pages that they are in: a value that a page says once and rows repeat
/// takes the memory of one.
pub(super) fn viewed(schema: &Schema) -> Schema {
    let fields: Fields = schema.fields().iter().map(viewed_field).collect();
    Schema::new_with_metadata(fields, schema.metadata().clone())
}

fn viewed_field(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Utf8 => DataType::Utf8View,
        DataType::Binary => DataType::BinaryView,
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(viewed_field).collect()),
        DataType::List(item) => DataType::List(viewed_field(item)),
        DataType::Map(entry, sorted) => DataType::Map(viewed_field(entry), *sorted),
        _ => return field.clone(),
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

/// An empty text says nothing, as in records.
fn is_blank(value: &Value) -> bool {
    value.as_str().is_some_and(str::is_empty)
}

/// Any value as JSON; times as records have them, RFC 3339.
fn value(array: &dyn Array, row: usize) -> Option<Value> {
    if array.is_null(row) {
        return None;
    }
    Some(match array.data_type() {
        DataType::Utf8View => array.as_string_view().value(row).into(),
        // Some writers do not say that their bytes are text.
        DataType::BinaryView => std::str::from_utf8(array.as_binary_view().value(row)).ok()?.into(),
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).into(),
        DataType::Timestamp(unit, _) => time(array, row, *unit)?,
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns().iter().zip(fields);
            let members = columns.filter_map(|(c, field)| Some((field.name().clone(), value(c, row)?)));
            Value::Object(members.collect())
        }
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            Value::Array((0..items.len()).filter_map(|n| value(&items, n)).collect())
        }
        DataType::Map(_, _) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let pair = |n| Some((value(keys, n)?.as_str()?.to_owned(), value(values, n)?));
            Value::Object((0..entries.len()).filter_map(pair).collect())
        }
        // Of no column that is asked for.
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

/// Milliseconds since 1970 as RFC 3339.
pub(super) fn time_of_millis(millis: i64) -> Option<Value> {
    Some(DateTime::from_timestamp_millis(millis)?.to_rfc3339_opts(SecondsFormat::AutoSi, true).into())
}
