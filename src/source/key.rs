//! What the name of an object tells: account, region, delivery time.
//!
//! `[prefix/]AWSLogs/[o-org/]<account>/<family>/<region>/<YYYY>/<MM>/<DD>/<account>_<family>_<region>_<YYYYMMDDTHHmm>Z_<16>.json.gz`
//! (AWS: "Finding your CloudTrail log files"). Dates are delivery dates, which may be later than the events. Names are hints for
//! coverage and pruning; they never decide what an input is.

use chrono::NaiveDate;

use crate::model::EventTime;

/// What CloudTrail files under a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Management and data events.
    CloudTrail,
    /// Insights, network activity, aggregated events, digests: beside the events, not among them.
    Other,
}

/// Facts read from an object's key; all `None` where the key does not follow the grammar.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameFields {
    /// The account whose folder it is in.
    pub account_id: Option<String>,
    /// The region whose folder it is in.
    pub region: Option<String>,
    /// Which kind of file.
    pub family: Option<Family>,
    /// Day of the folder.
    pub delivery_day: Option<NaiveDate>,
    /// Time in the file name, to the minute.
    pub delivered: Option<EventTime>,
}

impl NameFields {
    /// Reads a key; separators are `/`. The last `AWSLogs` segment counts: prefixes cannot contain one, but folders that archives were
    /// copied into can.
    pub fn read(key: &str) -> Self {
        let segments: Vec<&str> = key.split('/').collect();
        let file = segments.last().copied().unwrap_or_default();
        let folders =
            segments.iter().rposition(|s| *s == "AWSLogs").map_or(&[][..], |at| &segments[at + 1..]);
        let folders = match folders {
            [org, rest @ ..] if is_organisation(org) => rest,
            all => all,
        };
        let mut facts = Self::of_file(file);
        if let [account, family, region, year, month, day, _file] = folders
            && is_account(account)
            && let Some(family) = family_of(family)
        {
            facts.account_id = Some((*account).to_owned());
            facts.region = Some((*region).to_owned());
            facts.family = Some(family);
            facts.delivery_day = date(year, month, day).or(facts.delivery_day);
        }
        facts
    }

    fn of_file(file: &str) -> Self {
        let mut parts = file.split('_');
        let (Some(account), Some(family), Some(region)) = (parts.next(), parts.next(), parts.next()) else {
            return Self::default();
        };
        let Some(family) = family_of(family).filter(|_| is_account(account)) else { return Self::default() };
        // From the right for digests, whose trail names may contain underscores; an old sample lacks the last underscore.
        let delivered = file.split(['_', '.']).find_map(|part| {
            let stamp = part.get(..14).filter(|s| s.ends_with('Z') && s.as_bytes()[8] == b'T')?;
            let day = date(stamp.get(..4)?, stamp.get(4..6)?, stamp.get(6..8)?)?;
            Some(day.and_hms_opt(number(stamp.get(9..11)?)?, number(stamp.get(11..13)?)?, 0)?.and_utc())
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

fn date(year: &str, month: &str, day: &str) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(i32::try_from(number(year)?).ok()?, number(month)?, number(day)?)
}

pub(super) fn number(digits: &str) -> Option<u32> {
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

pub(super) fn is_organisation(text: &str) -> bool {
    text.starts_with("o-")
}

pub(super) fn family_of(text: &str) -> Option<Family> {
    match text {
        "CloudTrail" => Some(Family::CloudTrail),
        "CloudTrail-Insight"
        | "CloudTrail-NetworkActivity"
        | "CloudTrail-Aggregated"
        | "CloudTrail-Digest" => Some(Family::Other),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Option<NaiveDate> {
        text.parse().ok()
    }

    #[test]
    fn reads_the_grammar_with_and_without_organisation() {
        let file = "111122223333_CloudTrail_us-west-2_20230317T1805Z_AbCdEfGhIjKlMnOp.json.gz";
        for prefix in ["", "prefix/", "o-abc/"] {
            for org in ["", "o-abc123/"] {
                let key = format!("{prefix}AWSLogs/{org}111122223333/CloudTrail/us-west-2/2023/03/17/{file}");
                let facts = NameFields::read(&key);
                assert_eq!(facts.account_id.as_deref(), Some("111122223333"), "{key}");
                assert_eq!(facts.region.as_deref(), Some("us-west-2"));
                assert_eq!(facts.family, Some(Family::CloudTrail));
                assert_eq!(facts.delivery_day, day("2023-03-17"));
                assert_eq!(
                    facts.delivered.map(EventTime::to_rfc3339).as_deref(),
                    Some("2023-03-17T18:05:00.000Z")
                );
            }
        }
    }

    #[test]
    fn a_file_name_alone_tells_as_much() {
        let facts =
            NameFields::read("111122223333_CloudTrail_eu-west-1_20230401T0000ZAbCdEfGhIjKlMnOp.json.gz");
        assert_eq!(facts.region.as_deref(), Some("eu-west-1"));
        assert_eq!(facts.delivery_day, day("2023-04-01"));
    }

    #[test]
    fn other_names_tell_nothing() {
        for key in ["events.json", "AWSLogs/notes.txt", "AWSLogs/1/CloudTrail/r/2023/01/01/x", "", "a_b_c"] {
            assert_eq!(NameFields::read(key), NameFields::default(), "{key}");
        }
    }
}
