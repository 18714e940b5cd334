//! How often, and from when until when, calls were consistent with each grant.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use hashbrown::HashMap;

use super::index::Span;
use super::ledger::GrantLedger;
use crate::aggregate::seen::{SeenSet, Sighting, identity};
use crate::base::keyed_hash;
use crate::model::{EventTime, KmsEvent};

/// A call that is consistent with grants, or may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GrantUse {
    tallied: Tallied,
    /// The place of the grants' kind.
    kind: usize,
    /// Other grants fit the call as well.
    is_ambiguous: bool,
    /// The ones that follow are of the same call and kind.
    is_first: bool,
    time: EventTime,
    /// A keyed hash of the call's id.
    call: u128,
}

/// What calls are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Tallied {
    span: Span,
    /// Hash of the unique id of the caller, if it tells callers of one ARN apart; else 0.
    caller: u64,
    operation: &'static str,
    is_certain: bool,
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
        let unique = unique.map_or(0, |id| keyed_hash(id) as u64);
        let mut certain: BTreeMap<&str, usize> = BTreeMap::new();
        for found in matches.iter().filter(|found| found.is_certain) {
            *certain.entry(found.operation).or_default() += found.count;
        }
        let mut last = None;
        matches
            .iter()
            .map(|found| {
                let caller = if found.is_by_arn { unique } else { 0 };
                let (operation, is_certain) = (found.operation, found.is_certain);
                Self {
                    tallied: Tallied { span: found.span, caller, operation, is_certain },
                    kind: found.kind,
                    is_ambiguous: certain.get(operation).is_some_and(|count| *count > 1),
                    is_first: last.replace((found.kind, operation)) != Some((found.kind, operation)),
                    time: event.time,
                    call,
                }
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
}

/// Calls in a span of time, of one caller and operation.
#[derive(Debug, Clone, Copy)]
struct Tally {
    calls: u64,
    ambiguous: u64,
    first: EventTime,
    last: EventTime,
}

/// Counts the uses of grants, each once.
#[derive(Debug, Default)]
pub struct GrantUseCounter {
    tallies: HashMap<Tallied, Tally>,
    counted: SeenSet,
}

impl AddAssign<&[GrantUse]> for GrantUseCounter {
    fn add_assign(&mut self, uses: &[GrantUse]) {
        let mut is_new = false;
        for found in uses {
            if found.is_first {
                let id = identity(&(found.kind, found.tallied.operation, found.call));
                is_new = self.counted.insert(id, 0) == Sighting::New;
            }
            if !is_new {
                continue;
            }
            let new = Tally { calls: 0, ambiguous: 0, first: found.time, last: found.time };
            let tally = self.tallies.entry(found.tallied).or_insert(new);
            tally.calls += 1;
            tally.ambiguous += u64::from(found.is_ambiguous);
            tally.first = tally.first.min(found.time);
            tally.last = tally.last.max(found.time);
        }
    }
}

impl GrantUseCounter {
    /// About the bytes it takes.
    pub fn bytes(&self) -> usize {
        self.counted.bytes() + self.tallies.capacity() * (size_of::<(Tallied, Tally)>() + 1)
    }

    /// What was counted.
    pub fn finish(self) -> GrantUses {
        let mut tallies: Vec<(Tallied, Tally)> = self.tallies.into_iter().collect();
        tallies.sort_unstable_by_key(|(tallied, _)| *tallied);
        let mut uses = GrantUses::default();
        for (tallied, tally) in tallies {
            let Tallied { span: Span { line, span }, caller, operation, is_certain } = tallied;
            if caller != 0 {
                let first = (tally.first, caller);
                let firsts = uses.first_callers.entry(line).or_default();
                match firsts.last_mut() {
                    Some((known, caller)) if *known == span => *caller = first.min(*caller),
                    _ => firsts.push((span, first)),
                }
            }
            let series = uses.series.entry((line, caller)).or_default();
            let series = series.entry((operation, is_certain)).or_default();
            let before = series.last().map_or((0, 0), |step| (step.calls, step.ambiguous));
            series.push(Step {
                span,
                calls: before.0 + tally.calls,
                ambiguous: before.1 + tally.ambiguous,
                times: (tally.first, tally.last),
            });
        }
        uses
    }
}

/// Calls until the end of a span.
#[derive(Debug, Clone, Copy)]
struct Step {
    span: u32,
    calls: u64,
    ambiguous: u64,
    /// Of the first and the last call in the span.
    times: (EventTime, EventTime),
}

/// The steps of one operation, decided or not, in the order of spans.
type Series = BTreeMap<(&'static str, bool), Vec<Step>>;

/// A span, and the time and hash of who called first in it.
type FirstCaller = (u32, (EventTime, u64));

/// The uses of all grants.
#[derive(Debug, Clone, Default)]
pub struct GrantUses {
    /// By time line and caller.
    series: HashMap<(u32, u64), Series>,
    /// Who called first in each span of a time line, of those with a unique id.
    first_callers: HashMap<u32, Vec<FirstCaller>>,
}

impl GrantUses {
    /// What is known of the grant at this place of the ledger.
    ///
    /// A role or user that is created again has another unique id, and not the grants of the one
    /// that was deleted: the grant is for the one that called first after it was created, if for
    /// any.
    pub fn of(&self, ledger: &GrantLedger, grant: usize) -> UseSummary {
        let first = ledger.spans_of(grant).filter_map(|(from, to)| {
            let callers = self.first_callers.get(&from.line)?;
            let (span, first) = callers.get(callers.partition_point(|(span, _)| *span < from.span))?;
            (*span < to.span).then_some(*first)
        });
        let caller = first.min().map(|(_, caller)| caller);
        let mut summary = UseSummary::default();
        for (from, to) in ledger.spans_of(grant) {
            for caller in [Some(0), caller].into_iter().flatten() {
                let series = self.series.get(&(from.line, caller));
                for ((operation, is_certain), steps) in series.into_iter().flatten() {
                    summary.add(operation, *is_certain, steps, (from.span, to.span));
                }
            }
        }
        summary
    }
}

impl UseSummary {
    /// Adds the calls in some spans.
    fn add(&mut self, operation: &'static str, is_certain: bool, steps: &[Step], spans: (u32, u32)) {
        let place = |span: u32| steps.partition_point(|step| step.span < span);
        let (from, to) = (place(spans.0), place(spans.1));
        let Some((first, last)) = steps.get(from..to).and_then(|inside| inside.first().zip(inside.last()))
        else {
            return;
        };
        let before = from.checked_sub(1).map_or((0, 0), |at| (steps[at].calls, steps[at].ambiguous));
        let calls = last.calls - before.0;
        if !is_certain {
            self.undecidable += calls;
            return;
        }
        self.calls += calls;
        self.ambiguous += last.ambiguous - before.1;
        let (begin, end) = self.times.unwrap_or((first.times.0, last.times.1));
        self.times = Some((begin.min(first.times.0), end.max(last.times.1)));
        self.operations.insert(operation);
    }
}
