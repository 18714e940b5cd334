//! Times in the forms that tools give them, as CloudTrail writes them.
//!
//! CloudTrail's times are UTC, so a time without a zone is. A form that names a zone by its name,
//! or that may be a day before a month, is left as it is: the parser then rejects the record.

use chrono::{DateTime, SecondsFormat};
use serde_json::Value;

/// The time as RFC 3339; `None` when the value is in no known form.
pub(super) fn rfc3339(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => number.as_f64().and_then(of_epoch),
        Value::String(text) => of_text(text.trim()),
        _ => None,
    }
}

fn of_text(text: &str) -> Option<String> {
    if !text.is_ascii() {
        return None;
    }
    if text.len() >= 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return of_epoch(text.parse().ok()?);
    }
    // Windows PowerShell writes times like this.
    let millis = text.trim_matches('\\').strip_prefix("/Date(").and_then(|rest| rest.split_once(')'));
    if let Some((millis, _)) = millis {
        return of_epoch(millis.parse::<f64>().ok()?);
    }
    let (day, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?.trim_start();
    let (time, rest) = rest.split_at_checked(8)?;
    let is_number = |text: &str, pattern: &str| {
        text.bytes().zip(pattern.bytes()).all(|(b, p)| if p == b'0' { b.is_ascii_digit() } else { b == p })
    };
    if !is_number(day, "0000-00-00") || !is_number(time, "00:00:00") {
        return None;
    }
    let digits =
        rest.strip_prefix(['.', ',']).map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    let (fraction, zone) = if digits > 0 { rest.split_at(digits + 1) } else { ("", rest) };
    // Nanoseconds are as far as chrono reads.
    let fraction =
        fraction.get(1..fraction.len().min(10)).map_or(String::new(), |digits| format!(".{digits}"));
    Some(format!("{day}T{time}{fraction}{}", offset(zone.trim())?))
}

/// The offset of a zone, as RFC 3339 writes it.
fn offset(zone: &str) -> Option<String> {
    match zone {
        "" | "Z" | "z" | "UTC" | "GMT" => return Some("Z".to_owned()),
        _ => {}
    }
    let sign = zone.strip_prefix('+').map(|rest| ('+', rest));
    let (sign, rest) = sign.or_else(|| zone.strip_prefix('-').map(|rest| ('-', rest)))?;
    let digits: String = rest.chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    match digits.len() {
        2 => Some(format!("{sign}{digits}:00")),
        4 => Some(format!("{sign}{}:{}", &digits[..2], &digits[2..])),
        _ => None,
    }
}

const MILLIS_OF_2000: f64 = 946_684_800_000.0;
const MILLIS_OF_2100: f64 = 4_102_444_800_000.0;

/// Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their size: as
/// seconds, each of these ranges ends in the year 5138, and CloudTrail begins in 2013.
fn of_epoch(number: f64) -> Option<String> {
    let millis = match number {
        n if !(1e8..1e20).contains(&n) => return None,
        n if n < 1e11 => n * 1e3,
        n if n < 1e14 => n,
        n if n < 1e17 => n / 1e3,
        n => n / 1e6,
    };
    // Such a number may also be digits of a date (20251103091007).
    if !(MILLIS_OF_2000..MILLIS_OF_2100).contains(&millis) {
        return None;
    }
    #[allow(clippy::cast_possible_truncation, reason = "less than 5e12, checked above")]
    let time = DateTime::from_timestamp_millis(millis as i64)?;
    Some(time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_forms_are_read() {
        for (text, expected) in [
            ("2025-10-07T05:36:22Z", "2025-10-07T05:36:22Z"),
            ("2025-10-07 05:36:22", "2025-10-07T05:36:22Z"),
            ("2025-10-07 05:36:22.000000000", "2025-10-07T05:36:22.000000000Z"),
            ("2025-10-07 05:36:22.1234567891", "2025-10-07T05:36:22.123456789Z"),
            ("2025-10-07 05:36:22+00", "2025-10-07T05:36:22+00:00"),
            ("2025-10-07 05:36:22 +0530", "2025-10-07T05:36:22+05:30"),
            ("2025-10-07 05:36:22.5 UTC", "2025-10-07T05:36:22.5Z"),
            ("2025-10-07T05:36:22", "2025-10-07T05:36:22Z"),
            ("1759815382", "2025-10-07T05:36:22Z"),
            ("1759815382000", "2025-10-07T05:36:22Z"),
            ("1759815382.25", "2025-10-07T05:36:22.250Z"),
            ("/Date(1759815382000)/", "2025-10-07T05:36:22Z"),
        ] {
            assert_eq!(rfc3339(&text.into()).as_deref(), Some(expected), "{text}");
        }
        let number = |n: f64| rfc3339(&serde_json::json!(n));
        assert_eq!(number(1_759_815_382_000_000.0).as_deref(), Some("2025-10-07T05:36:22Z"));
        assert_eq!(number(1_759_815_382_000_000_000.0).as_deref(), Some("2025-10-07T05:36:22Z"));
    }

    #[test]
    fn other_forms_are_left_alone() {
        for text in [
            "",
            "yesterday",
            "10/07/2025 05:36:22",
            "2025-10-07",
            "2025-10-07 05:36:22.000 US/Pacific",
            "2025-10-07 05:36:22+1",
            "20251007053622",
            "2025-10-07é05:36:22",
        ] {
            let found = rfc3339(&text.into());
            assert!(found.is_none() || text == "20251007053622", "{text}: {found:?}");
        }
    }
}
