//! Archives that an earlier run has read and that have changed since: which of their events are in
//! the input no more.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::base::{keyed_hash, lock};
use crate::facts::{Batch, Events};
use crate::model::KmsEvent;

/// How many events of replaced archives are remembered, at some 20 bytes each. Of more, keytrail
/// does not know whether they are still there.
const LIMIT: usize = 1_000_000;

/// What became of archives that earlier runs have read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplacedArchives {
    /// Archives that have changed, and were read again.
    pub archives: u64,
    /// KMS events, whether selected or not, that their earlier content had, and that no archive of
    /// the report has now. A lower bound when there are more than a million.
    pub events_gone: u64,
}

/// The events of replaced archives that have not been found elsewhere yet.
#[derive(Debug, Clone, Default)]
pub(super) struct ReplacedEvents(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    archives: AtomicU64,
    has_any: AtomicBool,
    missing: Mutex<HashSet<u128>>,
}

impl ReplacedEvents {
    /// Notes one more archive that has changed.
    pub(super) fn add_archive(&self) {
        self.0.archives.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes facts of such an archive, as an earlier run found them.
    pub(super) fn add(&self, earlier: &Batch) {
        let rows = earlier.stretches.iter().flat_map(|stretch| stretch.events.clone());
        let mut missing = lock(&self.0.missing);
        for row in rows {
            if missing.len() >= LIMIT {
                break;
            }
            missing.insert(identity(&earlier.events.event(row)));
        }
        self.0.has_any.store(!missing.is_empty(), Ordering::Relaxed);
    }

    /// Notes events that the input has now.
    pub(super) fn found(&self, events: &Events, rows: Range<usize>) {
        if self.0.has_any.load(Ordering::Relaxed) {
            let mut missing = lock(&self.0.missing);
            for row in rows {
                missing.remove(&identity(&events.event(row)));
            }
        }
    }

    pub(super) fn summary(&self) -> ReplacedArchives {
        let events_gone = lock(&self.0.missing).len() as u64;
        ReplacedArchives { archives: self.0.archives.load(Ordering::Relaxed), events_gone }
    }
}

/// What is the same in all copies of an event.
fn identity(event: &KmsEvent<'_>) -> u128 {
    match &event.event_id {
        Some(id) => keyed_hash(&(id, &event.recipient_account_id)),
        None => keyed_hash(&(
            (event.time, &event.name, &event.region, &event.request_id),
            (&event.principal.name, &event.key.arn, &event.encryption_context),
        )),
    }
}
