//! Decides which folders in S3 can hold the selected events, by the grammar of CloudTrail's keys.

use chrono::{Datelike, Days, NaiveDate};

use super::name::{is_account_id, is_organization_id, parse_digits, parse_family};
use crate::model::{EventTime, is_region};
use crate::s3::Address;

/// Selects folders in S3 to list. The default keeps every folder.
///
/// Only folders that follow the grammar are left out: those of other accounts, regions and days.
/// Anything else may hold any events. The account is compared only below the names of CloudTrail's
/// own families, since other folders of an account (results of CloudTrail Lake) hold records of
/// other accounts. Days are days of delivery. A delivery never precedes its events, and usually
/// follows them within minutes (AWS CloudTrail User Guide: "How CloudTrail works"). So folders are
/// listed from the first selected day to some days after the last one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruneFilter {
    accounts: Vec<String>,
    regions: Vec<String>,
    first: Option<NaiveDate>,
    last: Option<NaiveDate>,
    report: Option<Address>,
}

/// What the name of a folder says about the keys in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PruneDecision {
    /// No key in it is selected.
    Exclude,
    /// Some of the folders in it may be selected: their names decide.
    Descend,
    /// It belongs to an account that is not selected: only folders that are not CloudTrail's own
    /// may be selected.
    DescendOtherAccount,
    /// Every key in it may be selected.
    Include,
    /// It is not part of the grammar, but may contain a folder that is.
    Unknown,
}

/// Levels of the grammar below `AWSLogs/[org/]`, counted from 1.
const FAMILY_LEVEL: usize = 2;
const REGION_LEVEL: usize = 3;
const DAY_LEVEL: usize = 6;

impl PruneFilter {
    /// Selects folders that can hold events of these accounts and regions (none: all), from `since`
    /// to before `until`, if events are delivered at most `slack_days` after they happened.
    pub fn new(
        accounts: &[String],
        regions: &[String],
        since: Option<EventTime>,
        until: Option<EventTime>,
        slack_days: u16,
    ) -> Self {
        let day = |time: EventTime| NaiveDate::from_epoch_days(time.day());
        let last = until.and_then(|until| day(EventTime(until.0.saturating_sub(1))));
        Self {
            accounts: accounts.to_vec(),
            regions: regions.to_vec(),
            first: since.and_then(day),
            last: last.and_then(|last| last.checked_add_days(Days::new(slack_days.into()))),
            report: None,
        }
    }

    /// Also leaves out the report that is being written.
    pub fn excluding_report(self, report: Option<Address>) -> Self {
        Self { report, ..self }
    }

    /// Whether every folder is selected, except for the report.
    pub fn keeps_everything(&self) -> bool {
        Self { report: None, ..self.clone() } == Self::default()
    }

    /// Whether a folder or object in a bucket belongs to the report that is being written.
    pub(super) fn is_report(&self, bucket: &str, key: &str) -> bool {
        self.report.as_ref().is_some_and(|report| {
            let folder = report.key.trim_end_matches('/');
            report.bucket == bucket
                && !folder.is_empty()
                && key.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        })
    }

    /// Decides by the name of a folder, which ends in `/`.
    pub(super) fn decide(&self, folder: &str) -> PruneDecision {
        if self.keeps_everything() {
            return PruneDecision::Include;
        }
        let folder = folder.strip_suffix('/').unwrap_or(folder);
        let mut decision = PruneDecision::Unknown;
        // Archives may have been copied, with all their folders, into a folder of the grammar. Then
        // there are several `AWSLogs`: each can exclude the folder, and the last decides otherwise.
        let mut levels: Option<Vec<&str>> = None;
        for segment in folder.split('/').chain(["AWSLogs"]) {
            if segment == "AWSLogs" {
                if let Some(levels) = levels.replace(Vec::new()) {
                    decision = self.decide_levels(&levels);
                    if decision == PruneDecision::Exclude {
                        return decision;
                    }
                }
            } else if let Some(levels) = &mut levels {
                levels.push(segment);
            }
        }
        decision
    }

    /// Whether an object, by its key, is in a folder that is listed.
    pub fn includes(&self, key: &str) -> bool {
        !self.excludes_object(key)
    }

    /// Whether an object is in a folder that is left out.
    pub(super) fn excludes_object(&self, key: &str) -> bool {
        key.rfind('/').is_some_and(|end| self.decide(&key[..=end]) == PruneDecision::Exclude)
    }

    /// The outermost folder around an object that is left out, among those whose names are at least
    /// `from` bytes long.
    pub(super) fn excluded_folder<'k>(&self, key: &'k str, from: usize) -> Option<&'k str> {
        if !self.excludes_object(key) {
            return None;
        }
        let ends = key.match_indices('/').map(|(end, _)| &key[..=end]);
        ends.filter(|folder| folder.len() >= from)
            .find(|folder| self.decide(folder) == PruneDecision::Exclude)
    }

    /// Decides by the names below an `AWSLogs`: `[org/]account/family/region/year/month/day/…`.
    fn decide_levels(&self, levels: &[&str]) -> PruneDecision {
        let levels = match levels {
            [org, rest @ ..] if is_organization_id(org) => rest,
            all => all,
        };
        let level = |n: usize| levels.get(n).copied();
        let is_selected =
            |list: &[String], name: &str| list.is_empty() || list.iter().any(|item| item == name);
        let Some(account) = level(0) else { return PruneDecision::Descend };
        if !is_account_id(account) {
            return PruneDecision::Include;
        }
        let is_account_selected = is_selected(&self.accounts, account);
        let Some(family) = level(1) else {
            return match is_account_selected {
                true => PruneDecision::Descend,
                false => PruneDecision::DescendOtherAccount,
            };
        };
        if parse_family(family).is_none() {
            return PruneDecision::Include;
        }
        if !is_account_selected {
            return PruneDecision::Exclude;
        }
        if let Some(region) = level(2) {
            if !is_region(region) {
                return PruneDecision::Include;
            }
            if !is_selected(&self.regions, region) {
                return PruneDecision::Exclude;
            }
        }
        let digits =
            |n: usize, width: usize| level(n).map(|text| parse_digits(text).filter(|_| text.len() == width));
        let mut date = Vec::new();
        // The year is compared before the month is read, and so on: everything in a folder that is
        // left out is left out, whatever its name.
        for part in [digits(3, 4), digits(4, 2), digits(5, 2)].into_iter().flatten() {
            let Some(part) = part else { return PruneDecision::Include };
            date.push(part);
            if self.is_outside(&date) {
                return PruneDecision::Exclude;
            }
        }
        if levels.len() < self.deciding_level() { PruneDecision::Descend } else { PruneDecision::Include }
    }

    /// Whether a year, month or day is outside the selected days. `date` may lack the day, or the
    /// month and the day.
    fn is_outside(&self, date: &[u32]) -> bool {
        let parts = |day: NaiveDate| [u32::try_from(day.year()).unwrap_or_default(), day.month(), day.day()];
        let n = date.len();
        self.first.is_some_and(|first| date < &parts(first)[..n])
            || self.last.is_some_and(|last| date > &parts(last)[..n])
    }

    /// The last level that decides; below it, nothing is left out.
    fn deciding_level(&self) -> usize {
        if self.first.is_some() || self.last.is_some() {
            DAY_LEVEL
        } else if !self.regions.is_empty() {
            REGION_LEVEL
        } else {
            FAMILY_LEVEL
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prune(accounts: &[&str], regions: &[&str], since: &str, until: &str, slack: u16) -> PruneFilter {
        let list = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        PruneFilter::new(
            &list(accounts),
            &list(regions),
            EventTime::parse(since),
            EventTime::parse(until),
            slack,
        )
    }

    /// The days of January to March 2023 that are listed.
    fn days(prune: &PruneFilter) -> Vec<String> {
        (1..=3)
            .flat_map(|month| (1..=31).map(move |day| format!("{month:02}/{day:02}")))
            .filter(|day| {
                let key = format!("p/AWSLogs/111122223333/CloudTrail/us-west-2/2023/{day}/x.json.gz");
                !prune.excludes_object(&key)
            })
            .collect()
    }

    #[test]
    fn days_are_listed_from_the_first_to_some_past_the_last() {
        let all = prune(&[], &[], "2023-02-27T23:59:59Z", "2023-03-01T00:00:00Z", 1);
        // That February has 28 days, but folders with later dates are compared like any other.
        assert_eq!(days(&all), ["02/27", "02/28", "02/29", "02/30", "02/31", "03/01"]);
        let until_noon = prune(&[], &[], "2023-03-01T00:00:00Z", "2023-03-01T12:00:00Z", 0);
        assert_eq!(days(&until_noon), ["03/01"]);
        assert_eq!(days(&prune(&[], &[], "2023-03-30T10:00:00Z", "", 1)), ["03/30", "03/31"]);
        assert_eq!(days(&prune(&[], &[], "", "2023-01-02T00:00:00Z", 1)), ["01/01", "01/02"]);
    }

    #[test]
    fn folders_are_decided_level_by_level() {
        let some =
            prune(&["111122223333"], &["us-west-2"], "2023-03-17T00:00:00Z", "2023-03-18T00:00:00Z", 0);
        use PruneDecision::{Descend, DescendOtherAccount, Exclude, Include, Unknown};
        for prefix in ["", "a/b/", "o-abc123/"] {
            for org in ["", "o-abc123/"] {
                for (below, expected) in [
                    ("", Descend),
                    ("111122223333/", Descend),
                    // Results of CloudTrail Lake are in the folder of the account that ran the
                    // query.
                    ("444455556666/", DescendOtherAccount),
                    ("444455556666/CloudTrail-Lake/", Include),
                    ("444455556666/CloudTrail/", Exclude),
                    ("444455556666/CloudTrail-Digest/us-west-2/", Exclude),
                    ("111122223333/CloudTrail/", Descend),
                    ("111122223333/CloudTrail-Insight/", Descend),
                    ("111122223333/Config/", Include),
                    ("111122223333/CloudTrail/eu-west-1/", Exclude),
                    ("111122223333/CloudTrail/us-west-2/", Descend),
                    ("111122223333/CloudTrail/old/", Include),
                    ("111122223333/CloudTrail/us-west-2/2022/", Exclude),
                    ("111122223333/CloudTrail/us-west-2/2022/notes/", Exclude),
                    ("111122223333/CloudTrail/us-west-2/2023/", Descend),
                    ("111122223333/CloudTrail/us-west-2/2023/02/", Exclude),
                    ("111122223333/CloudTrail/us-west-2/2023/3/", Include),
                    ("111122223333/CloudTrail/us-west-2/2023/03/", Descend),
                    ("111122223333/CloudTrail/us-west-2/2023/03/16/", Exclude),
                    ("111122223333/CloudTrail/us-west-2/2023/03/17/", Include),
                    ("111122223333/CloudTrail/us-west-2/2023/03/17/more/", Include),
                    ("111122223333/CloudTrail/us-west-2/2023/03/18/", Exclude),
                    ("elsewhere/", Include),
                ] {
                    let folder = format!("{prefix}AWSLogs/{org}{below}");
                    assert_eq!(some.decide(&folder), expected, "{folder}");
                }
            }
        }
        for folder in ["", "logs/", "111122223333/CloudTrail/us-west-2/2022/"] {
            assert_eq!(some.decide(folder), Unknown, "{folder}");
        }
        assert_eq!(PruneFilter::default().decide("AWSLogs/111122223333/CloudTrail/"), Include);
    }

    #[test]
    fn folders_below_the_deciding_level_are_included() {
        let account = prune(&["111122223333"], &[], "", "", 1);
        assert_eq!(account.decide("AWSLogs/111122223333/CloudTrail/"), PruneDecision::Include);
        let region = prune(&[], &["us-west-2"], "", "", 1);
        assert_eq!(region.decide("AWSLogs/111122223333/CloudTrail/"), PruneDecision::Descend);
        assert_eq!(region.decide("AWSLogs/111122223333/CloudTrail/us-west-2/"), PruneDecision::Include);
    }

    #[test]
    fn objects_beside_the_folders_are_kept() {
        let some =
            prune(&["111122223333"], &["us-west-2"], "2023-03-17T00:00:00Z", "2023-03-18T00:00:00Z", 0);
        for key in [
            "x",
            "AWSLogs/x",
            "AWSLogs/111122223333/CloudTrail/x",
            "AWSLogs/111122223333/CloudTrail/us-west-2/2022",
        ] {
            assert!(!some.excludes_object(key), "{key}");
        }
    }

    #[test]
    fn the_report_is_recognized_by_its_folder() {
        let address = Address { bucket: "b".to_owned(), key: "report".to_owned() };
        let prune = PruneFilter::default().excluding_report(Some(address));
        assert!(prune.is_report("b", "report/run.json") && prune.is_report("b", "report/"));
        assert!(!prune.is_report("b", "reports/run.json") && !prune.is_report("c", "report/run.json"));
        assert!(prune.keeps_everything());
    }
}
