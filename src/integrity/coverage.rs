//! Which hours digests cover, for each account and Region.

use std::collections::BTreeMap;

use super::chain::JudgedDigest;
use super::missing::MissingDigest;
use crate::model::{EventTime, IntegrityReason, IntegrityStatus};

/// How long after the time in its name a log file may be delivered. The name has that time to the
/// minute.
const DELIVERY: i64 = 5 * 60_000;
/// How long log files come without a digest: each digest is of an hour, and comes up to an hour
/// after it.
const NEXT_DIGEST: i64 = 3 * 3_600_000;

/// The hours of one account and Region, milliseconds since 1970: stretches that do not touch, in
/// their order.
#[derive(Debug, Default)]
struct Hours {
    found: Vec<(i64, i64)>,
    invalid: Vec<(i64, i64)>,
    missing: Vec<(i64, i64)>,
}

/// Which hours digests cover.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    scopes: BTreeMap<(String, String), Hours>,
}

impl Coverage {
    pub(super) fn new(digests: &[JudgedDigest], missing: &[MissingDigest]) -> Self {
        let mut scopes: BTreeMap<(String, String), Hours> = BTreeMap::new();
        for judged in digests.iter().filter(|judged| !judged.chain.is_backfill) {
            let scope = (judged.chain.account_id.clone(), judged.chain.region.clone());
            let hours = scopes.entry(scope).or_default();
            let span = (judged.digest.start.0, judged.digest.end.0);
            hours.found.push(span);
            if judged.status == IntegrityStatus::Invalid {
                hours.invalid.push(span);
            }
        }
        for missing in missing {
            let scope = (missing.chain.account_id.clone(), missing.chain.region.clone());
            if let (Some(hours), Some((start, end))) = (scopes.get_mut(&scope), missing.hour()) {
                hours.missing.push((start.0, end.0));
            }
        }
        for hours in scopes.values_mut() {
            [&mut hours.found, &mut hours.invalid, &mut hours.missing].into_iter().for_each(unite);
        }
        Self { scopes }
    }

    /// What to say of a log file that no digest lists.
    pub(super) fn of(
        &self,
        account_id: Option<&str>,
        region: Option<&str>,
        delivered: Option<EventTime>,
    ) -> (IntegrityStatus, Option<IntegrityReason>) {
        use {IntegrityReason as Why, IntegrityStatus as Is};
        let scope = account_id.zip(region).map(|(account, region)| (account.to_owned(), region.to_owned()));
        let Some(hours) = scope.and_then(|scope| self.scopes.get(&scope)) else {
            return (Is::NoDigest, Some(Why::OtherScope));
        };
        let Some(EventTime(start)) = delivered else { return (Is::NoDigest, Some(Why::OtherName)) };
        let end = start + DELIVERY;
        let last = hours.found.last().map_or(i64::MIN, |(_, end)| *end);
        let first = hours.found.first().map_or(i64::MAX, |(start, _)| *start);
        if hours.found.iter().any(|(from, to)| *from <= start && end <= *to) {
            let touches_invalid = hours.invalid.iter().any(|(from, to)| *from < end && start < *to);
            return match touches_invalid {
                true => (Is::Unverifiable, Some(Why::DigestInvalid)),
                false => (Is::Unlisted, None),
            };
        }
        if hours.missing.iter().any(|(from, to)| *from < end && start < *to) {
            return (Is::NoDigest, Some(Why::DigestMissing));
        }
        if start < first {
            return (Is::NoDigest, Some(Why::BeforeFirstDigest));
        }
        match end - last {
            ..=0 => (Is::NoDigest, Some(Why::BetweenChains)),
            1..=NEXT_DIGEST => (Is::NotYetCovered, None),
            _ => (Is::NoDigest, Some(Why::AfterLastDigest)),
        }
    }
}

/// Sorts stretches, and unites those that touch or overlap.
fn unite(stretches: &mut Vec<(i64, i64)>) {
    stretches.sort_unstable();
    stretches.dedup_by(|next, last| {
        let touches = next.0 <= last.1;
        if touches {
            last.1 = last.1.max(next.1);
        }
        touches
    });
}
