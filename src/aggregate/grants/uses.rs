//! How often, and from when until when, calls were consistent with each grant.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use hashbrown::HashSet;

use super::ledger::GrantLedger;
use crate::base::keyed_hash;
use crate::model::{EventTime, KmsEvent};

/// A call that is consistent with a grant, or may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GrantUse {
    grant: usize,
    operation: &'static str,
    is_certain: bool,
    /// Other grants fit the call as well.
    is_ambiguous: bool,
    time: EventTime,
    /// A keyed hash of the call's id.
    call: u128,
    /// Of the unique id of the caller, if it tells callers of one ARN apart; else 0.
    caller: u64,
}

impl GrantUse {
    /// The grants with which a call is consistent, or may be. Copies of one call in several
    /// archives and accounts are one call; calls without an id are not counted.
    pub fn of(ledger: &GrantLedger, event: &KmsEvent<'_>) -> Vec<Self> {
        let Some(id) = event.shared_event_id.as_deref().or(event.event_id.as_deref()) else {
            return Vec::new();
        };
        let matches = ledger.matches(event);
        if matches.is_empty() {
            return Vec::new();
        }
        let call = keyed_hash(id);
        let unique = event.principal.principal_id.as_deref().and_then(|id| id.split(':').next());
        let caller = unique.map_or(0, |id| keyed_hash(id) as u64);
        let same_operation = |operation| {
            matches.iter().filter(|found| found.operation == operation && found.is_certain).count() > 1
        };
        matches
            .iter()
            .map(|found| Self {
                grant: found.grant,
                operation: found.operation,
                is_certain: found.is_certain,
                is_ambiguous: same_operation(found.operation),
                time: event.time,
                call,
                caller: if found.is_by_arn { caller } else { 0 },
            })
            .collect()
    }
}

/// What is known of the calls that are consistent with a grant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UseSummary {
    /// Calls.
    pub calls: u64,
    /// Those of them with which other grants are consistent, too.
    pub ambiguous: u64,
    /// Calls of which the records do not decide whether they are consistent. They are not in
    /// `calls`.
    pub undecidable: u64,
    /// `eventTime` of the first and the last call.
    pub times: Option<(EventTime, EventTime)>,
    /// The operations that occurred.
    pub operations: BTreeSet<&'static str>,
    /// `eventTime` of the first call, decided or not.
    first_call: Option<EventTime>,
}

impl AddAssign<&Self> for UseSummary {
    fn add_assign(&mut self, other: &Self) {
        self.calls += other.calls;
        self.ambiguous += other.ambiguous;
        self.undecidable += other.undecidable;
        self.operations.extend(&other.operations);
        self.times = match (self.times, other.times) {
            (Some(one), Some(two)) => Some((one.0.min(two.0), one.1.max(two.1))),
            (one, two) => one.or(two),
        };
        self.first_call = [self.first_call, other.first_call].into_iter().flatten().min();
    }
}

/// The uses of all grants.
#[derive(Debug, Clone, Default)]
pub struct GrantUses {
    /// By grant and caller.
    by_grant: BTreeMap<usize, BTreeMap<u64, UseSummary>>,
    counted: HashSet<(usize, &'static str, u128)>,
}

impl GrantUses {
    /// What is known of the grant at this place of the ledger.
    ///
    /// A role or user that is created again has another unique id, and not the grants of the one
    /// that was deleted: the grant is for the one that called first after it was created, if for
    /// any.
    pub fn of(&self, grant: usize) -> UseSummary {
        let Some(callers) = self.by_grant.get(&grant) else { return UseSummary::default() };
        let with_id = callers.iter().filter(|(caller, _)| **caller != 0);
        let first = with_id.min_by_key(|(caller, uses)| (uses.first_call, **caller));
        let mut all = callers.get(&0).cloned().unwrap_or_default();
        if let Some((_, uses)) = first {
            all += uses;
        }
        all
    }
}

/// Adds uses, each once.
impl AddAssign<&[GrantUse]> for GrantUses {
    fn add_assign(&mut self, uses: &[GrantUse]) {
        for found in uses {
            if !self.counted.insert((found.grant, found.operation, found.call)) {
                continue;
            }
            let summary = self.by_grant.entry(found.grant).or_default().entry(found.caller).or_default();
            summary.first_call = Some(summary.first_call.map_or(found.time, |first| first.min(found.time)));
            if !found.is_certain {
                summary.undecidable += 1;
                continue;
            }
            summary.calls += 1;
            summary.ambiguous += u64::from(found.is_ambiguous);
            let (first, last) = summary.times.unwrap_or((found.time, found.time));
            summary.times = Some((first.min(found.time), last.max(found.time)));
            summary.operations.insert(found.operation);
        }
    }
}
