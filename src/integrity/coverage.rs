//! Which hours digests cover, for each account and Region.

use std::collections::BTreeMap;

use super::chain::JudgedDigest;
use super::missing::MissingDigest;
use super::name::ChainKey;
use crate::model::{EventTime, IntegrityReason, IntegrityStatus};

/// How long after the time in its name a log file may be delivered. The name has that time to the
/// minute.
const DELIVERY: i64 = 5 * 60_000;
/// How long log files come without a digest: each digest is of an hour, and comes up to an hour
/// after it.
const NEXT_DIGEST: i64 = 3 * 3_600_000;

/// The hours of one chain, milliseconds since 1970: stretches that do not touch, in their order.
#[derive(Debug, Default)]
struct Hours {
    /// Of digests that are not invalid.
    sound: Vec<(i64, i64)>,
    invalid: Vec<(i64, i64)>,
    missing: Vec<(i64, i64)>,
    has_valid: bool,
}

/// Which hours digests cover.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    /// The chains of each account and Region.
    scopes: BTreeMap<(String, String), Vec<Hours>>,
}

impl Coverage {
    pub(super) fn new(digests: &[JudgedDigest], missing: &[MissingDigest]) -> Self {
        let mut chains: BTreeMap<&ChainKey, Hours> = BTreeMap::new();
        for judged in digests.iter().filter(|judged| !judged.chain.is_backfill) {
            let hours = chains.entry(&judged.chain).or_default();
            let span = (judged.digest.start.0, judged.digest.end.0);
            match judged.status {
                IntegrityStatus::Invalid => hours.invalid.push(span),
                _ => hours.sound.push(span),
            }
            hours.has_valid |= judged.status == IntegrityStatus::Valid;
        }
        for missing in missing {
            if let (Some(hours), Some((start, end))) = (chains.get_mut(&missing.chain), missing.hour()) {
                hours.missing.push((start.0, end.0));
            }
        }
        let mut scopes: BTreeMap<(String, String), Vec<Hours>> = BTreeMap::new();
        for (chain, mut hours) in chains {
            [&mut hours.sound, &mut hours.invalid, &mut hours.missing].into_iter().for_each(unite);
            scopes.entry((chain.account_id.clone(), chain.region.clone())).or_default().push(hours);
        }
        for chains in scopes.values_mut() {
            // Who adds a digest without a signature cannot explain a log file that was added.
            if chains.iter().any(|hours| hours.has_valid) {
                chains.retain(|hours| hours.has_valid);
            }
        }
        Self { scopes }
    }

    /// What to say of a log file that no digest lists. Its name does not say which trail it is of:
    /// it was added only if the digests of each trail should list it.
    pub(super) fn of(
        &self,
        account_id: Option<&str>,
        region: Option<&str>,
        delivered: Option<EventTime>,
    ) -> (IntegrityStatus, Option<IntegrityReason>) {
        use {IntegrityReason as Why, IntegrityStatus as Is};
        let scope = account_id.zip(region).map(|(account, region)| (account.to_owned(), region.to_owned()));
        let Some(chains) = scope.and_then(|scope| self.scopes.get(&scope)) else {
            return (Is::NoDigest, Some(Why::OtherScope));
        };
        let Some(EventTime(start)) = delivered else { return (Is::NoDigest, Some(Why::OtherName)) };
        let verdicts = chains.iter().map(|hours| hours.of(start));
        let likely = verdicts.min_by_key(|verdict| match verdict {
            (Is::NotYetCovered, _) => 0,
            (_, Some(Why::DigestMissing)) => 1,
            (_, Some(Why::DigestInvalid)) => 2,
            (Is::Unlisted, _) => 4,
            _ => 3,
        });
        likely.unwrap_or((Is::NoDigest, Some(Why::OtherScope)))
    }
}

impl Hours {
    fn of(&self, start: i64) -> (IntegrityStatus, Option<IntegrityReason>) {
        use {IntegrityReason as Why, IntegrityStatus as Is};
        let end = start + DELIVERY;
        if touching(&self.sound, start, end).is_some_and(|(from, to)| from <= start && end <= to) {
            return (Is::Unlisted, None);
        }
        if touching(&self.invalid, start, end).is_some() {
            return (Is::Unverifiable, Some(Why::DigestInvalid));
        }
        if touching(&self.missing, start, end).is_some() {
            return (Is::NoDigest, Some(Why::DigestMissing));
        }
        let first = self.sound.first().map_or(i64::MAX, |(start, _)| *start);
        let last = self.sound.last().map_or(i64::MIN, |(_, end)| *end);
        if start < first {
            return (Is::NoDigest, Some(Why::BeforeFirstDigest));
        }
        match end.saturating_sub(last) {
            ..=0 => (Is::NoDigest, Some(Why::BetweenChains)),
            1..=NEXT_DIGEST => (Is::NotYetCovered, None),
            _ => (Is::NoDigest, Some(Why::AfterLastDigest)),
        }
    }
}

/// The first of the stretches that touches a time.
fn touching(stretches: &[(i64, i64)], start: i64, end: i64) -> Option<(i64, i64)> {
    let at = stretches.partition_point(|(_, to)| *to <= start);
    stretches.get(at).copied().filter(|(from, _)| *from < end)
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
