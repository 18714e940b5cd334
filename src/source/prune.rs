//! Which folders can hold what is asked for, going by the grammar of CloudTrail's keys.

use chrono::{Datelike, Days, NaiveDate};

use super::key::{family_of, is_account, is_organisation, number};
use crate::model::EventTime;
use crate::s3::Address;

/// What folders are chosen by; everything unless told.
///
/// Only folders that follow the grammar are left out, those of other accounts, regions and days: whatever else is there may hold anything.
/// The account is looked at below the names of CloudTrail's own families alone, since other folders of an account (CloudTrail Lake's
/// results) hold records of others. Days are those of delivery. A delivery is never before its events, and follows them within minutes as a
/// rule (AWS CloudTrail User Guide: "How CloudTrail works"); so folders are read from the first day asked for to some days past the last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruneFilter {
    accounts: Vec<String>,
    regions: Vec<String>,
    first: Option<NaiveDate>,
    last: Option<NaiveDate>,
    report: Option<Address>,
}

/// What a folder's name says of what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PruneDecision {
    /// Nothing that is asked for.
    Outside,
    /// Folders in it are chosen by their names.
    Mixed,
    /// It is an account's that is not asked for: only what no trail has filed there may be.
    Others,
    /// All that is in it may be.
    Inside,
    /// It is not part of the grammar; what follows it may be below.
    Unknown,
}

/// Levels of the grammar below `AWSLogs/[org/]`.
const FAMILY: usize = 2;
const REGION: usize = 3;
const DAY: usize = 6;

impl PruneFilter {
    /// Folders for events of these accounts and regions (none: all), from `since` to before `until`, delivered at most `slack` days after
    /// the last of them.
    pub fn of(
        accounts: &[String],
        regions: &[String],
        since: Option<EventTime>,
        until: Option<EventTime>,
        slack: u16,
    ) -> Self {
        let day = |time: EventTime| NaiveDate::from_epoch_days(time.day());
        let last = until.and_then(|until| day(EventTime(until.0.saturating_sub(1))));
        Self {
            accounts: accounts.to_vec(),
            regions: regions.to_vec(),
            first: since.and_then(day),
            last: last.and_then(|last| last.checked_add_days(Days::new(slack.into()))),
            report: None,
        }
    }

    /// Without the report that is being written.
    pub fn without(self, report: Option<Address>) -> Self {
        Self { report, ..self }
    }

    /// First and last delivery day, account and region have nothing to say.
    pub fn is_everything(&self) -> bool {
        Self { report: None, ..self.clone() } == Self::default()
    }

    /// Whether a folder or object of a bucket belongs to the report that is being written.
    pub(super) fn is_report(&self, bucket: &str, key: &str) -> bool {
        self.report.as_ref().is_some_and(|report| {
            let folder = report.key.trim_end_matches('/');
            report.bucket == bucket
                && !folder.is_empty()
                && key.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        })
    }

    /// What the name of a folder says, which ends in `/`.
    pub(super) fn standing(&self, folder: &str) -> PruneDecision {
        if self.is_everything() {
            return PruneDecision::Inside;
        }
        let folder = folder.strip_suffix('/').unwrap_or(folder);
        let mut standing = PruneDecision::Unknown;
        // Archives may have been copied into a folder with all of their own: each AWSLogs has its say, the last decides how to go on.
        let mut below: Option<Vec<&str>> = None;
        for segment in folder.split('/').chain(["AWSLogs"]) {
            if segment == "AWSLogs" {
                if let Some(levels) = below.replace(Vec::new()) {
                    standing = self.standing_of(&levels);
                    if standing == PruneDecision::Outside {
                        return standing;
                    }
                }
            } else if let Some(levels) = &mut below {
                levels.push(segment);
            }
        }
        standing
    }

    /// Whether an object lies in a folder that is left out.
    pub(super) fn leaves_out(&self, key: &str) -> bool {
        key.rfind('/').is_some_and(|end| self.standing(&key[..=end]) == PruneDecision::Outside)
    }

    /// `[org/]account/family/region/year/month/day/…`.
    fn standing_of(&self, levels: &[&str]) -> PruneDecision {
        let levels = match levels {
            [org, rest @ ..] if is_organisation(org) => rest,
            all => all,
        };
        let level = |n: usize| levels.get(n).copied();
        let asked = |list: &[String], name: &str| list.is_empty() || list.iter().any(|item| item == name);
        let Some(account) = level(0) else { return PruneDecision::Mixed };
        if !is_account(account) {
            return PruneDecision::Inside;
        }
        let is_asked = asked(&self.accounts, account);
        let Some(family) = level(1) else {
            return if is_asked { PruneDecision::Mixed } else { PruneDecision::Others };
        };
        if family_of(family).is_none() {
            return PruneDecision::Inside;
        }
        if !is_asked {
            return PruneDecision::Outside;
        }
        if let Some(region) = level(2) {
            if !is_region(region) {
                return PruneDecision::Inside;
            }
            if !asked(&self.regions, region) {
                return PruneDecision::Outside;
            }
        }
        let digits =
            |n: usize, width: usize| level(n).map(|text| number(text).filter(|_| text.len() == width));
        let mut date = Vec::new();
        // What is in a folder that is left out is left out itself, whatever it is called.
        for part in [digits(3, 4), digits(4, 2), digits(5, 2)].into_iter().flatten() {
            let Some(part) = part else { return PruneDecision::Inside };
            date.push(part);
            if self.is_outside(&date) {
                return PruneDecision::Outside;
            }
        }
        if levels.len() < self.deepest() { PruneDecision::Mixed } else { PruneDecision::Inside }
    }

    /// Whether a year, month or day is outside of the days asked for, going by as much of the date as there is.
    fn is_outside(&self, date: &[u32]) -> bool {
        let parts = |day: NaiveDate| [u32::try_from(day.year()).unwrap_or_default(), day.month(), day.day()];
        let n = date.len();
        self.first.is_some_and(|first| date < &parts(first)[..n])
            || self.last.is_some_and(|last| date > &parts(last)[..n])
    }

    /// The level below which nothing is left out.
    fn deepest(&self) -> usize {
        if self.first.is_some() || self.last.is_some() {
            DAY
        } else if !self.regions.is_empty() {
            REGION
        } else {
            FAMILY
        }
    }
}

/// `us-west-2`, `us-gov-east-1`, `eusc-de-east-1`.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is = |part: &str, what: fn(u8) -> bool| !part.is_empty() && part.bytes().all(what);
    match &*parts {
        [area, places @ .., number] => {
            !places.is_empty()
                && is(area, |b| b.is_ascii_lowercase())
                && places.iter().all(|place| is(place, |b| b.is_ascii_lowercase()))
                && is(number, |b| b.is_ascii_digit())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prune(accounts: &[&str], regions: &[&str], since: &str, until: &str, slack: u16) -> PruneFilter {
        let list = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        PruneFilter::of(
            &list(accounts),
            &list(regions),
            EventTime::parse(since),
            EventTime::parse(until),
            slack,
        )
    }

    /// Days of January to March 2023 that are read.
    fn days(prune: &PruneFilter) -> Vec<String> {
        (1..=3)
            .flat_map(|month| (1..=31).map(move |day| format!("{month:02}/{day:02}")))
            .filter(|day| {
                let key = format!("p/AWSLogs/111122223333/CloudTrail/us-west-2/2023/{day}/x.json.gz");
                !prune.leaves_out(&key)
            })
            .collect()
    }

    #[test]
    fn days_are_read_from_the_first_to_some_past_the_last() {
        let all = prune(&[], &[], "2023-02-27T23:59:59Z", "2023-03-01T00:00:00Z", 1);
        // February has no 29th that year, but a folder of that name is not for us to judge.
        assert_eq!(days(&all), ["02/27", "02/28", "02/29", "02/30", "02/31", "03/01"]);
        let until_noon = prune(&[], &[], "2023-03-01T00:00:00Z", "2023-03-01T12:00:00Z", 0);
        assert_eq!(days(&until_noon), ["03/01"]);
        assert_eq!(days(&prune(&[], &[], "2023-03-30T10:00:00Z", "", 1)), ["03/30", "03/31"]);
        assert_eq!(days(&prune(&[], &[], "", "2023-01-02T00:00:00Z", 1)), ["01/01", "01/02"]);
    }

    #[test]
    fn folders_are_chosen_level_by_level() {
        let some =
            prune(&["111122223333"], &["us-west-2"], "2023-03-17T00:00:00Z", "2023-03-18T00:00:00Z", 0);
        use PruneDecision::{Inside, Mixed, Others, Outside, Unknown};
        for prefix in ["", "a/b/", "o-abc123/"] {
            for org in ["", "o-abc123/"] {
                for (below, expected) in [
                    ("", Mixed),
                    ("111122223333/", Mixed),
                    // Lake's results are filed under the account that asked.
                    ("444455556666/", Others),
                    ("444455556666/CloudTrail-Lake/", Inside),
                    ("444455556666/CloudTrail/", Outside),
                    ("444455556666/CloudTrail-Digest/us-west-2/", Outside),
                    ("111122223333/CloudTrail/", Mixed),
                    ("111122223333/CloudTrail-Insight/", Mixed),
                    ("111122223333/Config/", Inside),
                    ("111122223333/CloudTrail/eu-west-1/", Outside),
                    ("111122223333/CloudTrail/us-west-2/", Mixed),
                    ("111122223333/CloudTrail/old/", Inside),
                    ("111122223333/CloudTrail/us-west-2/2022/", Outside),
                    ("111122223333/CloudTrail/us-west-2/2022/notes/", Outside),
                    ("111122223333/CloudTrail/us-west-2/2023/", Mixed),
                    ("111122223333/CloudTrail/us-west-2/2023/02/", Outside),
                    ("111122223333/CloudTrail/us-west-2/2023/3/", Inside),
                    ("111122223333/CloudTrail/us-west-2/2023/03/", Mixed),
                    ("111122223333/CloudTrail/us-west-2/2023/03/16/", Outside),
                    ("111122223333/CloudTrail/us-west-2/2023/03/17/", Inside),
                    ("111122223333/CloudTrail/us-west-2/2023/03/17/more/", Inside),
                    ("111122223333/CloudTrail/us-west-2/2023/03/18/", Outside),
                    ("elsewhere/", Inside),
                ] {
                    let folder = format!("{prefix}AWSLogs/{org}{below}");
                    assert_eq!(some.standing(&folder), expected, "{folder}");
                }
            }
        }
        for folder in ["", "logs/", "111122223333/CloudTrail/us-west-2/2022/"] {
            assert_eq!(some.standing(folder), Unknown, "{folder}");
        }
        assert_eq!(PruneFilter::default().standing("AWSLogs/111122223333/CloudTrail/"), Inside);
    }

    #[test]
    fn what_is_not_asked_for_is_not_looked_into() {
        let account = prune(&["111122223333"], &[], "", "", 1);
        assert_eq!(account.standing("AWSLogs/111122223333/CloudTrail/"), PruneDecision::Inside);
        let region = prune(&[], &["us-west-2"], "", "", 1);
        assert_eq!(region.standing("AWSLogs/111122223333/CloudTrail/"), PruneDecision::Mixed);
        assert_eq!(region.standing("AWSLogs/111122223333/CloudTrail/us-west-2/"), PruneDecision::Inside);
    }

    #[test]
    fn objects_beside_the_folders_are_not_left_out() {
        let some =
            prune(&["111122223333"], &["us-west-2"], "2023-03-17T00:00:00Z", "2023-03-18T00:00:00Z", 0);
        for key in [
            "x",
            "AWSLogs/x",
            "AWSLogs/111122223333/CloudTrail/x",
            "AWSLogs/111122223333/CloudTrail/us-west-2/2022",
        ] {
            assert!(!some.leaves_out(key), "{key}");
        }
    }

    #[test]
    fn the_report_is_known_by_its_folder() {
        let address = Address { bucket: "b".to_owned(), key: "report".to_owned() };
        let prune = PruneFilter::default().without(Some(address));
        assert!(prune.is_report("b", "report/run.json") && prune.is_report("b", "report/"));
        assert!(!prune.is_report("b", "reports/run.json") && !prune.is_report("c", "report/run.json"));
        assert!(prune.is_everything());
    }
}
