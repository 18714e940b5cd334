//! What a finding that says "nothing happened" rests on.

use super::calls::{Calls, date};
use crate::audit::trails::names_of_trails_without_kms;
use crate::model::{Arn, counted};

/// Which records there are of a key's account and Region: from when until when, which days are
/// missing, which trails left KMS out. `None` for the key: of the whole input.
pub(super) fn coverage_of(seen: &Calls<'_>, key: Option<&str>) -> String {
    let coverage = seen.context.coverage;
    let scope = key.and_then(Arn::parse).filter(|arn| !arn.account.is_empty() && !arn.region.is_empty());
    let scopes = || {
        coverage.iter().filter(move |(account, region, _)| {
            scope.is_none_or(|arn| arn.account == *account && arn.region == *region)
        })
    };
    let first = scopes().filter_map(|(_, _, region)| Some(region.event_times?.0)).min();
    let last = scopes().filter_map(|(_, _, region)| Some(region.event_times?.1)).max();
    let place = scope.map_or("the input".to_owned(), |arn| format!("{} {}", arn.account, arn.region));
    let mut text = match (first, last) {
        (Some(first), Some(last)) => {
            format!("KMS records of {place} from {} to {}", date(first), date(last))
        }
        _ => format!("No KMS records of {place}"),
    };
    let missing = seen
        .missing
        .iter()
        .filter(|days| scope.is_none_or(|arn| arn.account == days.account_id && arn.region == days.region));
    let days: u64 = missing.map(|days| days.count()).sum();
    text.push_str(&match days {
        0 => "; no day without delivery between others".to_owned(),
        n => format!("; {} without delivery", counted(n, "day")),
    });
    let without: Vec<&str> =
        names_of_trails_without_kms(seen.context.facts, coverage).into_iter().take(3).collect();
    if !without.is_empty() {
        text.push_str(&format!("; trails that left KMS out: {}", without.join(", ")));
    }
    text.push_str(". S3 Bucket Keys and cached data keys hide uses.");
    text
}
