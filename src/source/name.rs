//! What the name of an archive says: account, region, delivery time.
//!
//! ```text
//! [prefix/]AWSLogs/[o-org/]<account>/<family>/<region>/<YYYY>/<MM>/<DD>/
//!     <account>_<family>_<region>_<YYYYMMDDTHHmm>Z_<16>.json.gz
//! ```
//!
//! (AWS: "Finding your CloudTrail log files"). Dates are delivery dates, which may be later than
//! the events. Names are hints for coverage and pruning; they never decide what an input is.

use std::fmt::Write;
use std::ops::RangeInclusive;

use chrono::NaiveDate;

use crate::base::stable_hash;
use crate::model::EventTime;

/// What kind of files CloudTrail delivers to a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Family {
    /// Management and data events.
    CloudTrail,
    /// Digests.
    Digest,
    /// Insights, network activity, aggregated events: neither management nor data events.
    Other,
}

/// What an object's key says. All fields are `None` if the key does not follow the grammar.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NameFields {
    /// The account in whose folder it is.
    pub account_id: Option<String>,
    /// The region in whose folder it is.
    pub region: Option<String>,
    /// The kind of file.
    pub family: Option<Family>,
    /// The day of the folder.
    pub delivery_day: Option<NaiveDate>,
    /// The time in the file name, to the minute.
    pub delivered: Option<EventTime>,
}

impl NameFields {
    /// Reads a key, whose separators are `/`. The last segment `AWSLogs` counts: the prefix of a
    /// trail cannot contain one, but a folder that archives were copied to can.
    pub fn from_key(key: &str) -> Self {
        let segments: Vec<&str> = key.split('/').collect();
        let file = segments.last().copied().unwrap_or_default();
        let folders =
            segments.iter().rposition(|s| *s == "AWSLogs").map_or(&[][..], |at| &segments[at + 1..]);
        let folders = match folders {
            [org, rest @ ..] if is_organization_id(org) => rest,
            all => all,
        };
        let mut fields = Self::from_file_name(file);
        if let [account, family, region, year, month, day, _file] = folders
            && is_account_id(account)
            && let Some(family) = parse_family(family)
        {
            fields.account_id = Some((*account).to_owned());
            fields.region = Some((*region).to_owned());
            fields.family = Some(family);
            fields.delivery_day = parse_date(year, month, day).or(fields.delivery_day);
        }
        fields
    }

    fn from_file_name(file: &str) -> Self {
        let mut parts = file.split('_');
        let (Some(account), Some(family), Some(region)) = (parts.next(), parts.next(), parts.next()) else {
            return Self::default();
        };
        let Some(family) = parse_family(family).filter(|_| is_account_id(account)) else {
            return Self::default();
        };
        // The time is searched for: in the names of digests it follows a trail name, which may
        // contain underscores, and one old sample lacks the underscore behind it.
        let delivered = file.split(['_', '.']).find_map(|part| {
            let stamp = part.get(..14).filter(|s| s.ends_with('Z') && s.as_bytes()[8] == b'T')?;
            let day = parse_date(stamp.get(..4)?, stamp.get(4..6)?, stamp.get(6..8)?)?;
            Some(
                day.and_hms_opt(parse_digits(stamp.get(9..11)?)?, parse_digits(stamp.get(11..13)?)?, 0)?
                    .and_utc(),
            )
        });
        Self {
            account_id: Some(account.to_owned()),
            region: Some(region.to_owned()),
            family: Some(family),
            delivery_day: delivered.map(|t| t.date_naive()),
            delivered: delivered.map(|t| EventTime(t.timestamp_millis())),
        }
    }
}

/// The years in which CloudTrail delivers: it began in 2013. Another year in a name is no delivery,
/// and would make every day since then a missing one.
const YEARS: RangeInclusive<i32> = 2013..=2100;

fn parse_date(year: &str, month: &str, day: &str) -> Option<NaiveDate> {
    let year = i32::try_from(parse_digits(year)?).ok().filter(|year| YEARS.contains(year))?;
    NaiveDate::from_ymd_opt(year, parse_digits(month)?, parse_digits(day)?)
}

pub(super) fn parse_digits(digits: &str) -> Option<u32> {
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

pub(super) fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

pub(super) fn is_organization_id(text: &str) -> bool {
    text.starts_with("o-")
}

pub(super) fn parse_family(text: &str) -> Option<Family> {
    match text {
        "CloudTrail" => Some(Family::CloudTrail),
        "CloudTrail-Digest" => Some(Family::Digest),
        "CloudTrail-Insight" | "CloudTrail-NetworkActivity" | "CloudTrail-Aggregated" => Some(Family::Other),
        _ => None,
    }
}

/// A name as text. No two names become the same text: bytes that are not UTF-8 become `%HH`, from
/// `%80` on, and a `%` before such digits, or before `25`, becomes `%25`.
pub fn name_to_text(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(at) = rest.find('%') {
            let (before, after) = (&rest[..=at], &rest[at + 1..]);
            text.push_str(before);
            if is_escape(after) {
                text.push_str("25");
            }
            rest = after;
        }
        text.push_str(rest);
        for byte in chunk.invalid() {
            let _ = write!(text, "%{byte:02X}"); // writing to a String cannot fail
        }
    }
    text
}

/// Whether a `%` before this text would be read as an escape.
fn is_escape(text: &str) -> bool {
    let digits = text.as_bytes();
    let is_upper_hex = |b: &u8| b.is_ascii_digit() || (b'A'..=b'F').contains(b);
    digits.starts_with(b"25")
        || matches!(digits, [b'8' | b'9' | b'A'..=b'F', second, ..] if is_upper_hex(second))
}

/// Bytes of the name of a container's member in reports. Zip files allow 64 KiB, and the name is in
/// each row of the member's events.
const MEMBER_NAME: usize = 1024;

/// The name of a container's member as text. A long name is cut; a hash of the whole name follows.
pub fn member_name_to_text(name: &[u8]) -> String {
    let text = name_to_text(name);
    if text.len() <= MEMBER_NAME {
        return text;
    }
    let end = text.floor_char_boundary(MEMBER_NAME);
    format!("{}…{:016x}", &text[..end], stable_hash(0, &text))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_become_different_texts() {
        let names: [&[u8]; 9] =
            [b"a\xff", b"a%FF", b"a%25FF", b"a%2525FF", b"a%", b"a%2", b"a%20b", b"a%ff", b"\xe3\x81"];
        let texts: BTreeSet<String> = names.iter().map(|name| name_to_text(name)).collect();
        assert_eq!(texts.len(), names.len(), "{texts:?}");
        assert_eq!(name_to_text(b"a\xff%20%e3"), "a%FF%20%e3");
        let long = [b'n'; 65_000];
        let (one, other) = (member_name_to_text(&long), member_name_to_text(&long[1..]));
        assert!(one.len() < 1100 && other.len() < 1100 && one != other);
    }

    fn day(text: &str) -> Option<NaiveDate> {
        text.parse().ok()
    }

    #[test]
    fn keys_are_read_with_and_without_an_organization() {
        let file = "111122223333_CloudTrail_us-west-2_20230317T1805Z_AbCdEfGhIjKlMnOp.json.gz";
        for prefix in ["", "prefix/", "o-abc/"] {
            for org in ["", "o-abc123/"] {
                let key = format!("{prefix}AWSLogs/{org}111122223333/CloudTrail/us-west-2/2023/03/17/{file}");
                let fields = NameFields::from_key(&key);
                assert_eq!(fields.account_id.as_deref(), Some("111122223333"), "{key}");
                assert_eq!(fields.region.as_deref(), Some("us-west-2"));
                assert_eq!(fields.family, Some(Family::CloudTrail));
                assert_eq!(fields.delivery_day, day("2023-03-17"));
                assert_eq!(
                    fields.delivered.map(EventTime::to_rfc3339).as_deref(),
                    Some("2023-03-17T18:05:00.000Z")
                );
            }
        }
    }

    #[test]
    fn a_file_name_alone_is_enough() {
        let fields =
            NameFields::from_key("111122223333_CloudTrail_eu-west-1_20230401T0000ZAbCdEfGhIjKlMnOp.json.gz");
        assert_eq!(fields.region.as_deref(), Some("eu-west-1"));
        assert_eq!(fields.delivery_day, day("2023-04-01"));
    }

    #[test]
    fn names_outside_the_grammar_say_nothing() {
        for key in ["events.json", "AWSLogs/notes.txt", "AWSLogs/1/CloudTrail/r/2023/01/01/x", "", "a_b_c"] {
            assert_eq!(NameFields::from_key(key), NameFields::default(), "{key}");
        }
    }
}
