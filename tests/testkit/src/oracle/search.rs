//! The records in a file in any envelope, by their ids: everything is tried everywhere, slowly.
//!
//! An object whose names end like those of a source, a name and an id of an event is one. Texts are
//! opened as JSON, base64 and CSV as long as anything comes of it.

use super::input::Walk;
use super::json::{self, Json};
use std::io::Read;

/// The ids of all records in the file.
pub fn event_ids(file: &[u8]) -> Vec<String> {
    let mut ids = Vec::new();
    content(file, &mut ids);
    ids
}

fn content(bytes: &[u8], ids: &mut Vec<String>) {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut inner = Vec::new();
        flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut inner).expect("whole gzip");
        return content(&inner, ids);
    }
    if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return content(&zstd::stream::decode_all(bytes).expect("whole zstd"), ids);
    }
    if let Some(inner) = base64(bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes)) {
        return content(&inner, ids);
    }
    let text = std::str::from_utf8(bytes).expect("text");
    let first = text.lines().next().unwrap_or_default();
    let is_csv = !first.starts_with(['{', '[', '<', '2']) && !first.starts_with("\"{\\");
    if is_csv && !first.starts_with("\"\\\"") { csv(text, ids) } else { values(bytes, ids) }
}

/// Every JSON value that stands anywhere at the top, whatever stands between them.
fn values(bytes: &[u8], ids: &mut Vec<String>) {
    let walk = Walk::of(bytes);
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'{' | b'"' => walk.value_end(at).ok(),
            b'[' if at == 0 => walk.value_end(at).ok(),
            _ => None,
        };
        at = match end.and_then(|end| Some((end, json::parse(&bytes[at..end]).ok()?))) {
            Some((end, value)) => {
                dig(&value, ids);
                end
            }
            None => at + 1,
        };
    }
}

fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// The member whose name ends like this.
fn member<'j>(object: &'j Json, ending: &str) -> Option<&'j Json> {
    let Json::Object(members) = object else { return None };
    members.iter().find(|(name, _)| letters(name).ends_with(ending)).map(|(_, value)| value)
}

fn dig(value: &Json, ids: &mut Vec<String>) {
    let of = |ending| member(value, ending);
    match (value, of("eventsource"), of("eventname"), of("eventid")) {
        (_, Some(Json::Text(source)), Some(Json::Text(_)), Some(Json::Text(id)))
            if !source.starts_with("aws:") =>
        {
            ids.push(id.clone());
        }
        // A column each, and cells by the number of their row.
        (_, Some(Json::Object(_)), _, Some(Json::Object(cells))) => {
            ids.extend(cells.iter().filter_map(|(_, id)| id.text()))
        }
        (Json::Object(members), ..) => match (value.get("columns"), value.get("data")) {
            (Some(names), Some(rows)) => {
                let at = names.elements().iter().position(|name| name.text().as_deref() == Some("eventID"));
                ids.extend(rows.elements().iter().filter_map(|row| row.elements()[at?].text()));
            }
            _ => members.iter().for_each(|(_, value)| dig(value, ids)),
        },
        (Json::Array(items), ..) => items.iter().for_each(|item| dig(item, ids)),
        (Json::Text(text), ..) => {
            let text = text.trim();
            if text.starts_with(['{', '[', '"']) {
                values(text.as_bytes(), ids);
            } else if let Some(inner) = base64(text.as_bytes()) {
                content(&inner, ids);
            }
        }
        _ => {}
    }
}

/// What base64 of a few dozen letters or more encodes.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text = text.trim_ascii();
    if text.len() < 64 || !text.len().is_multiple_of(4) {
        return None;
    }
    let mut bytes = Vec::new();
    for group in text.chunks(4) {
        let padding = group.iter().filter(|b| **b == b'=').count();
        let mut bits = 0;
        for letter in &group[..4 - padding] {
            bits = bits << 6 | LETTERS.iter().position(|known| known == letter)?;
        }
        bits <<= 6 * padding;
        bytes.extend((0..3 - padding).map(|n| u8::try_from(bits >> (16 - 8 * n) & 255).expect("eight bits")));
    }
    Some(bytes)
}

/// A table with or without names of columns, its fields quoted or not.
fn csv(text: &str, ids: &mut Vec<String>) {
    let first = text.lines().next().unwrap_or_default();
    let delimiter = [';', '\t', ','].into_iter().find(|c| first.contains(*c)).unwrap_or(',');
    let mut rows: Vec<Vec<String>> = vec![vec![String::new()]];
    let mut in_quotes = false;
    let mut letters_left = text.chars().peekable();
    while let Some(letter) = letters_left.next() {
        let row = rows.last_mut().expect("there is one");
        let field = row.last_mut().expect("there is one");
        match letter {
            '"' if in_quotes && letters_left.peek() == Some(&'"') => field.extend(letters_left.next()),
            '"' => in_quotes = !in_quotes,
            '\n' if !in_quotes => rows.push(vec![String::new()]),
            other if other == delimiter && !in_quotes => row.push(String::new()),
            other => field.push(other),
        }
    }
    let id = rows[0].iter().position(|name| letters(name) == "eventid");
    for row in &rows {
        match id {
            Some(id) if row.len() > id && letters(&row[id]) != "eventid" => ids.push(row[id].clone()),
            Some(_) => {}
            None => row.iter().for_each(|field| dig(&Json::Text(field.clone()), ids)),
        }
    }
}
