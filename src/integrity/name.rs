//! What the names of digests and log files say.

use chrono::NaiveDateTime;

use crate::model::{EventTime, RecordedPlace};

/// Which chain a digest belongs to: one of each trail in each account and Region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ChainKey {
    pub(super) account_id: String,
    pub(super) region: String,
    /// The trail's name.
    pub(super) trail: String,
    /// The Region in which the trail was made.
    pub(super) home_region: String,
    /// Digests that CloudTrail made later than the hour they are of.
    pub(super) is_backfill: bool,
    /// The bucket and the folders before `AWSLogs`: trails of one name can deliver to two places.
    pub(super) before: String,
}

impl ChainKey {
    /// From a digest's place:
    /// `…/<account>_CloudTrail-Digest_<region>_<trail>_<home region>_<time>.json.gz`. A place of
    /// another form gives a chain of its folder.
    pub(super) fn of(place: &RecordedPlace, account_id: Option<&str>) -> Self {
        let name = stem(&place.object);
        let (name, is_backfill) = match name.strip_suffix("_backfill") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let before = place.object.split("AWSLogs/").next().unwrap_or_default();
        let before = format!("{}/{before}", place.bucket);
        if let Some((account, rest)) = name.split_once("_CloudTrail-Digest_")
            && let Some((rest, _time)) = rest.rsplit_once('_')
            && let Some((rest, home_region)) = rest.rsplit_once('_')
            && let Some((region, trail)) = rest.split_once('_')
        {
            let [account_id, region, trail, home_region] =
                [account, region, trail, home_region].map(str::to_owned);
            return Self { account_id, region, trail, home_region, is_backfill, before };
        }
        let folder = place.object.rsplit_once('/').map_or("", |(folder, _)| folder);
        Self {
            account_id: account_id.unwrap_or_default().to_owned(),
            region: String::new(),
            trail: folder.to_owned(),
            home_region: String::new(),
            is_backfill,
            before,
        }
    }
}

/// The name of a file without its folders and extensions, which copies keep.
pub(super) fn stem(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    match file.find(".json") {
        Some(end) if end > 0 => &file[..end],
        _ => file,
    }
}

/// Where a file of the input is, compared with where CloudTrail wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// There, or at the same place of a copy.
    AtItsPlace,
    /// Elsewhere; its folders do not say where it was.
    Elsewhere,
    /// In another folder below `AWSLogs`.
    InAnotherFolder,
}

impl Found {
    /// `uri`: where it is.
    pub(super) fn at(uri: &str, place: &RecordedPlace) -> Self {
        // Where a container is says nothing of its members.
        let uri = uri.rsplit("!/").next().unwrap_or(uri);
        match (below_logs(uri), below_logs(&place.object)) {
            (Some(here), Some(there)) if here != there => Self::InAnotherFolder,
            (None, Some(_)) => Self::Elsewhere,
            _ if uri.starts_with("s3://") && !uri.ends_with(&place.to_string()) => Self::Elsewhere,
            _ => Self::AtItsPlace,
        }
    }
}

/// The part from `AWSLogs` on, without extensions.
fn below_logs(path: &str) -> Option<&str> {
    const FOLDER: &str = "AWSLogs/";
    let at = path.rfind(FOLDER).filter(|at| *at == 0 || path.as_bytes()[at - 1] == b'/')?;
    let end = path.len() - path.rsplit('/').next().map_or(0, str::len) + stem(path).len();
    path.get(at..end)
}

/// The time in the name of a digest, `20150816T230550Z`, or of a log file, which has no seconds.
pub(super) fn time_in(name: &str) -> Option<EventTime> {
    stem(name).split('_').rev().find_map(|part| {
        let time = ["%Y%m%dT%H%M%SZ", "%Y%m%dT%H%MZ"]
            .iter()
            .find_map(|form| NaiveDateTime::parse_from_str(part, form).ok())?;
        Some(EventTime(time.and_utc().timestamp_millis()))
    })
}

/// The place of the digest of another hour, by the place of one of them and the times in both
/// names.
pub(super) fn place_at(place: &RecordedPlace, from: EventTime, to: EventTime) -> Option<RecordedPlace> {
    let text = |time: EventTime, form: &str| {
        chrono::DateTime::from_timestamp_millis(time.0).map(|time| time.format(form).to_string())
    };
    let (old, new) = (text(from, "%Y%m%dT%H%M%SZ")?, text(to, "%Y%m%dT%H%M%SZ")?);
    let (old_folder, new_folder) = (text(from, "/%Y/%m/%d/")?, text(to, "/%Y/%m/%d/")?);
    let object = place.object.contains(&old).then(|| place.object.replace(&old, &new))?;
    Some(RecordedPlace { bucket: place.bucket.clone(), object: object.replace(&old_folder, &new_folder) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(object: &str) -> RecordedPlace {
        RecordedPlace { bucket: "b".to_owned(), object: object.to_owned() }
    }

    const DIGEST: &str = "p/AWSLogs/o-1/111122223333/CloudTrail-Digest/us-west-2/2015/08/16/\
        111122223333_CloudTrail-Digest_us-west-2_my_trail.x_eu-west-1_20150816T230550Z.json.gz";

    #[test]
    fn a_chain_is_read_from_the_name() {
        let key = ChainKey::of(&place(DIGEST), None);
        assert_eq!((key.account_id.as_str(), key.region.as_str()), ("111122223333", "us-west-2"));
        assert_eq!((key.trail.as_str(), key.home_region.as_str()), ("my_trail.x", "eu-west-1"));
        assert_eq!((key.before.as_str(), key.is_backfill), ("b/p/", false));
        let backfill = ChainKey::of(&place(&DIGEST.replace(".json", "_backfill.json")), None);
        assert!(backfill.is_backfill && backfill.trail == "my_trail.x" && backfill != key);
        let other = ChainKey::of(&place("x/y"), Some("444455556666"));
        assert_eq!((other.account_id.as_str(), other.trail.as_str()), ("444455556666", "x"));
    }

    #[test]
    fn times_are_read_from_names() {
        let time = EventTime::parse("2015-08-16T23:05:50Z");
        assert_eq!(time_in(DIGEST), time);
        assert_eq!(time_in(&DIGEST.replace(".json", "_backfill.json")), time);
        let log = "111122223333_CloudTrail_us-west-2_20150816T2305Z_AbCdEfGhIjKlMnOp.json.gz";
        assert_eq!(time_in(log), EventTime::parse("2015-08-16T23:05:00Z"));
        assert_eq!(time_in("a_b.json"), None);
    }

    #[test]
    fn copies_are_at_their_place() {
        let place = place(DIGEST);
        let here = |uri: &str| Found::at(uri, &place);
        let object = &DIGEST["p/".len()..];
        assert_eq!(here(&format!("s3://b/{DIGEST}")), Found::AtItsPlace);
        assert_eq!(here(&format!("s3://c/{DIGEST}")), Found::Elsewhere);
        assert_eq!(here(&format!("copy/{object}")), Found::AtItsPlace);
        assert_eq!(here(&format!("a.zip!/{}", object.trim_end_matches(".gz"))), Found::AtItsPlace);
        assert_eq!(here(DIGEST.rsplit('/').next().unwrap()), Found::Elsewhere);
        assert_eq!(here(&format!("copy/{}", object.replace("08/16/", "08/17/"))), Found::InAnotherFolder);
        assert_eq!(stem("x/a_b.json.gz"), "a_b");
        assert_eq!(stem(".json"), ".json");
    }

    #[test]
    fn names_of_other_hours_are_derived() {
        let (from, to) = (EventTime::parse("2015-08-16T23:05:50Z"), EventTime::parse("2015-08-17T00:05:50Z"));
        let next = place_at(&place(DIGEST), from.unwrap(), to.unwrap()).unwrap();
        assert!(next.object.ends_with("_20150817T000550Z.json.gz") && next.object.contains("/2015/08/17/"));
    }
}
