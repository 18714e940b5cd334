//! Points in time as people write them.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta};

use super::error::CliError;
use super::values::{as_millis, parse_duration};
use keytrail::base::now_millis;
use keytrail::model::EventTime;

const DAY_MS: i64 = 86_400_000;

/// The times that two options give, each with its name and its text.
pub(super) fn time_window(
    (from, since): (&str, Option<&str>),
    (to, until): (&str, Option<&str>),
) -> Result<(Option<EventTime>, Option<EventTime>), CliError> {
    let now = now_millis();
    let (since, until) = (time(from, since, now)?, time(to, until, now)?);
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        let (since, until) = (since.to_rfc3339(), until.to_rfc3339());
        let text = format!("{from} {since} is not before {to} {until}");
        return Err(CliError::Usage(text));
    }
    Ok((since, until))
}

/// The day that an option names: midnight UTC to midnight UTC.
pub(super) fn day_window(
    (option, text): (&str, &str),
) -> Result<(Option<EventTime>, Option<EventTime>), CliError> {
    match parse_day(text.trim(), now_millis()) {
        Some(start) => Ok((Some(start), Some(EventTime(start.0 + DAY_MS)))),
        None => Err(CliError::Usage(format!(
            "{option} {text:?} is not a day; write 2023-03-17, today or yesterday"
        ))),
    }
}

fn time(option: &str, text: Option<&str>, now: i64) -> Result<Option<EventTime>, CliError> {
    let Some(text) = text else { return Ok(None) };
    match parse_time(text, now) {
        Some(time) => Ok(Some(time)),
        None => Err(CliError::Usage(format!(
            "{option} {text:?} is not a time; write 2023-03-17T18:00:00Z, 2023-03-17 18:00, 2023-03-17, \
             yesterday, or a time span before now such as 30d, 90m or 1h30m"
        ))),
    }
}

/// Reads a time, a date, `today`, `yesterday`, `now`, or a time span before `now` (milliseconds
/// since the Unix epoch). What names no time zone is UTC, as CloudTrail's times are.
fn parse_time(text: &str, now: i64) -> Option<EventTime> {
    let text = text.trim();
    if let Some(time) = EventTime::parse(text) {
        return Some(time);
    }
    if let Some(day) = parse_day(text, now) {
        return Some(day);
    }
    if text.eq_ignore_ascii_case("now") {
        return Some(EventTime(now));
    }
    let span = parse_duration(text).ok().and_then(|span| now.checked_sub(as_millis(span)));
    span.map(EventTime).or_else(|| parse_clock_time(text))
}

/// A date and a time of day, with `T` or blanks between them, with or without seconds and zone.
fn parse_clock_time(text: &str) -> Option<EventTime> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let text = format!("{date}T{}", time.trim_start());
    let utc = text.strip_suffix(['Z', 'z']).or_else(|| text.strip_suffix(" UTC")).unwrap_or(&text);
    for form in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(utc, form) {
            return EventTime::of(time.and_utc());
        }
    }
    for form in ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z"] {
        if let Ok(time) = DateTime::parse_from_str(&text.replace(' ', ""), form) {
            return EventTime::of(time.to_utc());
        }
    }
    None
}

/// The beginning of a day: its date, `today` or `yesterday`, in UTC.
fn parse_day(text: &str, now: i64) -> Option<EventTime> {
    let today = DateTime::from_timestamp_millis(now)?.date_naive();
    let date = match text.to_ascii_lowercase().as_str() {
        "today" => today,
        "yesterday" => today.checked_sub_signed(TimeDelta::days(1))?,
        date => date.parse::<NaiveDate>().ok()?,
    };
    Some(EventTime::midnight(date))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let now = EventTime::parse("2021-07-31T01:02:03Z").unwrap().0;
        let parsed = |text: &str| parse_time(text, now).map(EventTime::to_rfc3339);
        for (text, time) in [
            ("30d", "2021-07-01T01:02:03.000Z"),
            ("12h", "2021-07-30T13:02:03.000Z"),
            ("90m", "2021-07-30T23:32:03.000Z"),
            ("1h30m", "2021-07-30T23:32:03.000Z"),
            ("1d 12h", "2021-07-29T13:02:03.000Z"),
            ("now", "2021-07-31T01:02:03.000Z"),
            ("today", "2021-07-31T00:00:00.000Z"),
            ("Yesterday", "2021-07-30T00:00:00.000Z"),
            ("2021-07-30", "2021-07-30T00:00:00.000Z"),
            ("2021-07-30T16:00", "2021-07-30T16:00:00.000Z"),
            ("2021-07-30 16:00", "2021-07-30T16:00:00.000Z"),
            ("2021-07-30 16:00:05", "2021-07-30T16:00:05.000Z"),
            ("2021-07-30 16:00Z", "2021-07-30T16:00:00.000Z"),
            ("2021-07-30 16:00 UTC", "2021-07-30T16:00:00.000Z"),
            ("2021-07-30T16:00+02:00", "2021-07-30T14:00:00.000Z"),
            ("2021-07-30 16:00:05 +02:00", "2021-07-30T14:00:05.000Z"),
            ("2021-07-30T16:00:00+0200", "2021-07-30T14:00:00.000Z"),
        ] {
            assert_eq!(parsed(text).as_deref(), Some(time), "{text}");
        }
        for bad in [
            "",
            "d",
            "-1d",
            "1y",
            "tomorrow",
            "2023-13-01",
            "+3h",
            "é",
            "2021-07-30 25:00",
            "30m1h",
            "2026-01-01T00:00:60Z",
            "2016-12-31 23:59:60",
            "2017-01-01 01:59:60 +02:00",
        ] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_day_ends_where_the_next_begins() {
        let (from, to) = day_window(("--day", "2024-02-29")).unwrap();
        assert_eq!(from, EventTime::parse("2024-02-29T00:00:00Z"));
        assert_eq!(to, EventTime::parse("2024-03-01T00:00:00Z"));
        assert!(day_window(("--day", "90m")).is_err());
    }
}
