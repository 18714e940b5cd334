//! Event times: milliseconds since the Unix epoch, UTC.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// A moment in UTC, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventTime(pub i64);

const DAY_MS: i64 = 86_400_000;

impl EventTime {
    /// Parses RFC 3339. The form that CloudTrail writes (`2023-03-17T18:02:06Z`) takes a fast path.
    ///
    /// A leap second (`:60`) gives `None`: it has no millisecond of its own, and AWS's clocks do
    /// not show it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_fast(text.as_bytes()).or_else(|| Self::parse_general(text))
    }

    fn parse_general(text: &str) -> Option<Self> {
        // chrono also accepts a space instead of the T, and U+2212 as a minus sign.
        let is_strict = text.is_ascii() && matches!(text.as_bytes().get(10), Some(b'T' | b't'));
        let time = DateTime::parse_from_rfc3339(text).ok().filter(|_| is_strict)?;
        Self::of(time.to_utc())
    }

    /// A moment as chrono has it; `None` for a leap second.
    pub fn of(time: DateTime<Utc>) -> Option<Self> {
        let is_leap = time.timestamp_subsec_nanos() >= 1_000_000_000;
        (!is_leap).then(|| Self(time.timestamp_millis()))
    }

    fn parse_fast(b: &[u8]) -> Option<Self> {
        let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', i0, i1, b':', s0, s1, b'Z'] = b
        else {
            return None;
        };
        let number = |digits: &[u8]| {
            digits.iter().try_fold(0u32, |n, d| d.is_ascii_digit().then(|| n * 10 + u32::from(d - b'0')))
        };
        let (year, month, day) = (number(&[y0, y1, y2, y3])?, number(&[m0, m1])?, number(&[d0, d1])?);
        let (hour, minute, second) = (number(&[h0, h1])?, number(&[i0, i1])?, number(&[s0, s1])?);
        let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
        Some(Self(date.and_hms_opt(hour, minute, second)?.and_utc().timestamp_millis()))
    }

    /// Midnight UTC at the start of `date`.
    pub fn midnight(date: NaiveDate) -> Self {
        Self(i64::from(date.to_epoch_days()) * DAY_MS)
    }

    /// Days since 1970-01-01, as in Parquet's DATE.
    pub fn day(self) -> i32 {
        // RFC 3339 years end at 9999, which is far within the range of an `i32` in days.
        i32::try_from(self.0.div_euclid(DAY_MS)).unwrap_or(i32::MAX)
    }

    /// `2023-03-17T18:02:06.000Z`.
    pub fn to_rfc3339(self) -> String {
        DateTime::from_timestamp_millis(self.0)
            .map_or_else(|| self.0.to_string(), |t| t.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_cloudtrail_times_and_other_rfc_3339_times() {
        let t = EventTime(1_679_076_126_000);
        assert_eq!(EventTime::parse("2023-03-17T18:02:06Z"), Some(t));
        assert_eq!(EventTime::parse("2023-03-17T20:02:06+02:00"), Some(t));
        assert_eq!(EventTime::parse("2023-03-17T18:02:06.250Z"), Some(EventTime(t.0 + 250)));
        assert_eq!(EventTime::parse("2023-03-17t18:02:06.0009z"), Some(t));
        for leap in ["2016-12-31T23:59:60Z", "2016-12-31T23:59:60.5Z", "2017-01-01T01:59:60+02:00"] {
            assert_eq!(EventTime::parse(leap), None, "{leap}");
        }
        for bad in ["2023-03-17 18:02:06Z", "2023-03-17T18:02:06\u{2212}02:00"] {
            assert_eq!(EventTime::parse(bad), None, "{bad}");
        }
        for bad in ["2023-02-30T00:00:00Z", "2023-03-17", "yesterday", "", "2023-03-17T25:00:00Z"] {
            assert_eq!(EventTime::parse(bad), None, "{bad}");
        }
        assert_eq!(t.to_rfc3339(), "2023-03-17T18:02:06.000Z");
    }

    #[test]
    fn days_before_the_epoch_round_down() {
        assert_eq!(EventTime(-1).day(), -1);
        assert_eq!(EventTime(DAY_MS).day(), 1);
    }
}
