//! Tables in JSON: rows as lists of pairs or of cells, and columns as objects or lists.

use serde_json::{Map, Value};

use super::members::find_members;
use crate::format::rebuild::{names_event, parse_quoted};

/// Rows of a table that is read as a whole.
const MAX_ROWS: usize = 1 << 20;

/// A row of CloudWatch Logs Insights, a list of `{"field":…,"value":…}`; or of CloudTrail Lake, a
/// list of objects with one member each.
pub(super) fn row_of_pairs(list: &[u8]) -> Option<Map<String, Value>> {
    let first = list.get(1..)?.iter().position(|b| !b.is_ascii_whitespace())?;
    if list.get(first + 1) != Some(&b'{') {
        return None;
    }
    let first = &list[first + 1..];
    let [field, value, name] = find_members(first, ["field", "value", "name"]);
    if (field.is_none() && name.is_none()) || value.is_none() {
        return None;
    }
    let pairs: Vec<Map<String, Value>> = serde_json::from_slice(list).ok()?;
    let pair = |mut pair: Map<String, Value>| {
        let name = pair.remove("field").or_else(|| pair.remove("name"))?;
        let Value::String(name) = name else { return None };
        Some((name, pair.remove("value").unwrap_or_default()))
    };
    pairs.into_iter().map(pair).collect()
}

/// The cells of a row of Athena's `get-query-results`: `{"Data":[{"VarCharValue":…}]}`.
pub(super) fn cells(row: &[u8]) -> Option<Vec<Option<String>>> {
    let [data] = find_members(row, ["Data"]);
    let data = &row[data?];
    let mut cells: Vec<Map<String, Value>> = serde_json::from_slice(data).ok()?;
    if cells.iter().any(|cell| cell.keys().any(|name| name != "VarCharValue")) {
        return None;
    }
    let text = |cell: &mut Map<String, Value>| match cell.remove("VarCharValue") {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    Some(cells.iter_mut().map(text).collect())
}

/// Whether the cells are the names of columns.
pub(super) fn is_header(cells: &[Option<String>]) -> bool {
    let is_name = |cell: &str| {
        cell.len() <= 128
            && !cell.is_empty()
            && !cell.contains(['{', '"', ':'])
            && !cell.starts_with(|c: char| c.is_ascii_digit())
    };
    let names = || cells.iter().map(|cell| cell.as_deref().unwrap_or_default());
    names().all(is_name) && (names_event(names()) || cells.len() == 1)
}

/// The rows of a table that is one object: names in `columns` and cells in `data` or `rows`, as
/// pandas and many query interfaces write them; or one object or list for each column.
pub(super) fn rows(object: &[u8]) -> Option<Vec<Map<String, Value>>> {
    split_rows(object).or_else(|| column_rows(object))
}

fn split_rows(object: &[u8]) -> Option<Vec<Map<String, Value>>> {
    let [columns, cols, data, rows] = find_members(object, ["columns", "cols", "data", "rows"]);
    let names: Vec<Value> = serde_json::from_slice(&object[columns.or(cols)?]).ok()?;
    let name = |column: &Value| match column {
        Value::String(name) => Some(name.clone()),
        Value::Object(column) => Some(column.get("name")?.as_str()?.to_owned()),
        _ => None,
    };
    let names: Vec<String> = names.iter().map(name).collect::<Option<_>>()?;
    // Rows that are objects have names of their own.
    let rows: Vec<Vec<Value>> = serde_json::from_slice(&object[data.or(rows)?]).ok()?;
    let row = |cells: Vec<Value>| names.iter().cloned().zip(cells).collect();
    Some(rows.into_iter().take(MAX_ROWS).map(row).collect())
}

/// `{"eventName":{"0":…,"1":…},…}` or `{"eventName":[…],…}`.
fn column_rows(object: &[u8]) -> Option<Vec<Map<String, Value>>> {
    let [source, name] = find_members(object, ["eventSource", "eventName"]);
    let begins =
        |value: Option<std::ops::Range<usize>>| value.and_then(|value| object.get(value.start).copied());
    let (source, name) = (begins(source)?, begins(name)?);
    if source != name || !matches!(source, b'{' | b'[') {
        return None;
    }
    let columns: Map<String, Value> = serde_json::from_slice(object).ok()?;
    let mut rows: Vec<(String, Map<String, Value>)> = Vec::new();
    for (name, column) in columns {
        let cells: Vec<(String, Value)> = match column {
            Value::Object(cells) => cells.into_iter().collect(),
            Value::Array(cells) => {
                cells.into_iter().enumerate().map(|(n, cell)| (n.to_string(), cell)).collect()
            }
            _ => continue,
        };
        for (n, (index, cell)) in cells.into_iter().enumerate() {
            match rows.get_mut(n) {
                // Objects are sorted by the index, so the same position is the same row.
                Some((own, row)) if *own == index => drop(row.insert(name.clone(), cell)),
                Some(_) => return None,
                None => rows.push((index, Map::from_iter([(name.clone(), cell)]))),
            }
        }
    }
    rows.sort_by_key(|(index, _)| index.parse::<u64>().unwrap_or(u64::MAX));
    Some(rows.into_iter().map(|(_, row)| row).collect())
}

/// An object that DuckDB or Python printed.
pub(super) fn quoted_object(text: &str) -> Option<Map<String, Value>> {
    match parse_quoted(text)? {
        Value::Object(members) => Some(members),
        _ => None,
    }
}
