//! Digests that are named, or must have been, and are not in the input.

use std::collections::{BTreeMap, BTreeSet};

use super::chain::JudgedDigest;
use super::name::{ChainKey, place_at, time_in};
use crate::model::{EventTime, IntegrityReason, RecordedPlace, Sha256};

const HOUR: i64 = 3_600_000;
/// Names that are derived for one gap: four hundred days of digests.
const DERIVED: i64 = 400 * 24;
/// Names that are derived in all.
const ALL_DERIVED: usize = 100_000;

/// A digest that is not in the input.
#[derive(Debug)]
pub(super) struct MissingDigest {
    pub(super) place: RecordedPlace,
    pub(super) chain: ChainKey,
    pub(super) reason: Option<IntegrityReason>,
    /// The digest that names it, or that is the next one of the input.
    pub(super) named_by: usize,
    /// The hash that the digest which names it has for it.
    pub(super) sha256: Option<Sha256>,
    /// The time in its name: the end of its hour.
    pub(super) end: Option<EventTime>,
}

impl MissingDigest {
    /// The hour that it must be of.
    pub(super) fn hour(&self) -> Option<(EventTime, EventTime)> {
        self.end.map(|end| (EventTime(end.0 - HOUR), end))
    }
}

/// The digests that those of the input name, and those between them.
pub(super) fn missing(digests: &[JudgedDigest]) -> Vec<MissingDigest> {
    let found: BTreeSet<&RecordedPlace> = digests.iter().map(|judged| &judged.digest.place).collect();
    let mut by_place = BTreeMap::new();
    let (mut start, mut derived_names) = (0, 0);
    for chain in digests.chunk_by(|a, b| a.chain == b.chain) {
        for (at, judged) in chain.iter().enumerate() {
            let Some(previous) = &judged.digest.previous else { continue };
            let Some(place) = previous.place.as_ref().filter(|place| !found.contains(place)) else {
                continue;
            };
            let end = time_in(&place.object);
            // They are in the order of their ends.
            let older = chain.partition_point(|older| older.digest.end <= judged.digest.start).min(at);
            let older = older.checked_sub(1).map(|older| &chain[older]);
            let reason = older.is_none().then_some(IntegrityReason::BeforeInput);
            let named_by = start + at;
            let chain = judged.chain.clone();
            let named =
                MissingDigest { place: place.clone(), chain, reason, named_by, sha256: previous.sha256, end };
            if let Some((end, older)) = end.zip(older).filter(|_| derived_names < ALL_DERIVED) {
                let places = between(place, end, older.digest.end);
                derived_names += places.len();
                for place in places {
                    let derived = MissingDigest {
                        end: time_in(&place.object),
                        chain: judged.chain.clone(),
                        reason: Some(IntegrityReason::NameDerived),
                        named_by,
                        sha256: None,
                        place: place.clone(),
                    };
                    if !found.contains(&place) {
                        by_place.entry(place).or_insert(derived);
                    }
                }
            }
            // A name that is recorded counts more than a derived one.
            by_place.insert(place.clone(), named);
        }
        start += chain.len();
    }
    by_place.into_values().collect()
}

/// The places of the digests between a missing one, of the hour that ends at `end`, and the newest
/// older one of the input, of which the hour ends at `from`: those of the hours between.
fn between(place: &RecordedPlace, end: EventTime, from: EventTime) -> Vec<RecordedPlace> {
    let hours = (end.0 - HOUR - from.0) / HOUR;
    let is_whole = (end.0 - from.0) % HOUR == 0;
    if !is_whole || !(1..=DERIVED).contains(&hours) {
        return Vec::new();
    }
    (1..=hours).filter_map(|n| place_at(place, end, EventTime(end.0 - n * HOUR))).collect()
}
