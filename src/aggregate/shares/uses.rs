//! Uses of resources by other accounts, and the shares by which they may be.

use std::collections::{BTreeMap, HashMap};

use super::resource::{UseKind, owner_of, resource_key, resource_kind};
use super::rows::OFFLINE_STORE;
use super::scope::{Span, common, gaps, is_destructive, merged};
use super::share::{Share, ShareState};
use crate::model::{EventTime, Outcome, SharedUse, UseRecord, UseRecords};

/// Most shares that are compared with the calls of one account on one resource.
const CROWD: usize = 1_000;

/// Calls of one principal to one API on one resource of another account, with one result.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ShareUse {
    /// The calls.
    pub calls: SharedUse,
    /// What they do.
    pub kind: UseKind,
    /// See [`resource_kind`].
    pub resource_kind: String,
    /// The account in the resource's ARN, or `*`.
    pub owner: String,
    /// How many calls; the copies that two accounts get of one call are one.
    pub count: u64,
    /// `eventTime` of the first and the last.
    pub times: (EventTime, EventTime),
    /// Ids of the first and the last.
    pub event_ids: (Option<String>, Option<String>),
    /// The only share by which they may be; `None`: there is none, several, or one without an ARN.
    pub share: Option<String>,
    /// How many shares and policies of the input they may be by; `None`: the resource is a share
    /// itself, or an invitation, or that of all accounts, or the caller's own.
    pub visible_shares: Option<u64>,
    /// How many of them no share explains, while one did until it ended.
    pub late: u64,
    /// They delete or rewrite the resource itself, or say who may use it.
    pub is_destructive: bool,
}

/// Joins uses with shares, which learn who uses them.
pub(super) fn join<'u>(
    shares: &mut [Share],
    uses: impl Iterator<Item = (&'u SharedUse, &'u UseRecords)>,
    key_calls: Vec<(SharedUse, Vec<UseRecord>)>,
    attempts: &BTreeMap<SharedUse, UseRecords>,
) -> Vec<ShareUse> {
    let mut groups: Vec<(&SharedUse, Vec<&UseRecord>)> = without_copies(uses.collect());
    groups.extend(key_calls.iter().map(|(calls, records)| (calls, records.iter().collect())));
    groups.sort_by_key(|(calls, _)| *calls);
    let mut index: HashMap<String, Vec<usize>> = HashMap::new();
    for (n, share) in shares.iter().enumerate() {
        let of_account = index.entry(place(&share.resource, share.consumer.account())).or_default();
        if of_account.len() < CROWD {
            of_account.push(n);
        }
    }
    let mut found = Vec::new();
    for (calls, records) in groups {
        let names = [Some(&calls.resource), calls.key.as_ref().filter(|key| **key != calls.resource)];
        let places = names
            .into_iter()
            .flatten()
            .flat_map(|name| [Some(&*calls.consumer), None].map(|account| index.get(&place(name, account))));
        let candidates = places.flatten().flatten();
        // A key is no way to the group whose artifacts it protects.
        let is_key = |share: &Share| ["key", OFFLINE_STORE].contains(&&*share.kind);
        let covers = |n: &&usize| {
            let share = &shares[**n];
            is_key(share) == calls.key.is_some() && share.consumer.covers(&calls.consumer, &calls.principal)
        };
        let candidates: Vec<usize> = candidates.filter(covers).copied().collect();
        let owner = owner_of(&calls.resource).unwrap_or("unknown").to_owned();
        let mut resource_kind = resource_kind(&calls.resource);
        if calls.key.is_some() && resource_kind == "feature_group" {
            OFFLINE_STORE.clone_into(&mut resource_kind);
        }
        let is_own_key = calls.key.as_deref().and_then(owner_of) == Some(&*calls.consumer);
        let is_shareable = owner != "*"
            && owner != calls.consumer
            && !is_own_key
            && !resource_kind.starts_with("resource_share");
        let explained = Explained::new(shares, &candidates, calls, &records);
        let mut push = |records: Vec<&UseRecord>, by: &[usize], late: u64| {
            let (Some(first), Some(last)) = (records.first(), records.last()) else { return };
            found.push(ShareUse {
                calls: calls.clone(),
                kind: UseKind::of(&calls.event_name),
                resource_kind: resource_kind.clone(),
                owner: owner.clone(),
                count: records.len() as u64,
                times: (first.time, last.time),
                event_ids: (first.event_id.clone(), last.event_id.clone()),
                share: if let [only] = by { shares[*only].share.clone() } else { None },
                visible_shares: is_shareable.then_some(by.len() as u64),
                late,
                is_destructive: calls.key.is_none() && is_destructive(&calls.event_name),
            });
        };
        if !is_shareable {
            push(records, &explained.by, 0);
            continue;
        }
        let (with, without): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| contains(&explained.spans, record.time));
        let late = Ends::of(&without, &explained.late).count;
        push(with, &explained.by, 0);
        push(without, &[], late);
    }
    for (calls, records) in without_copies(attempts.iter().collect()) {
        found.extend(attempt(calls, &records));
    }
    found.sort_by(|one, other| one.calls.cmp(&other.calls));
    for share in shares.iter_mut().filter(|share| share.uses > 0) {
        let is_over = matches!(share.state, ShareState::Ended | ShareState::Rejected | ShareState::Expired);
        if !is_over {
            share.state = ShareState::Effective;
        }
    }
    found
}

/// Calls that were meant to share something.
fn attempt(calls: &SharedUse, records: &[&UseRecord]) -> Option<ShareUse> {
    let (first, last) = (records.first()?, records.last()?);
    Some(ShareUse {
        calls: calls.clone(),
        kind: UseKind::of(&calls.event_name),
        resource_kind: resource_kind(&calls.resource),
        owner: owner_of(&calls.resource).unwrap_or("unknown").to_owned(),
        count: records.len() as u64,
        times: (first.time, last.time),
        event_ids: (first.event_id.clone(), last.event_id.clone()),
        share: None,
        visible_shares: None,
        late: 0,
        is_destructive: false,
    })
}

/// Where a share of a resource with the identities of one account, or of no certain one, stands.
fn place(resource: &str, account: Option<&str>) -> String {
    format!("{} {}", account.unwrap_or("*"), resource_key(resource))
}

/// A call as the records of two accounts both show it: when, on what, which API, whose, and with
/// which result.
type CallSeen<'u> = (EventTime, &'u str, &'u str, &'u str, Outcome, Option<&'u str>);

/// The groups with their records by time, each call once: of the copies of two accounts, the
/// caller's. Copies have the same `sharedEventID`. Where records have none, one of the caller's
/// account and one of another account that say the same of one second are one call.
fn without_copies<'u>(
    groups: Vec<(&'u SharedUse, &'u UseRecords)>,
) -> Vec<(&'u SharedUse, Vec<&'u UseRecord>)> {
    let mut best: BTreeMap<(&str, &str, &str), (&UseRecord, usize)> = BTreeMap::new();
    let name = |group: &'u SharedUse, id: &'u str| (id, &*group.resource, &*group.event_name);
    let seen = |group: &'u SharedUse, record: &UseRecord| -> CallSeen<'u> {
        let SharedUse { resource, consumer, event_name, outcome, error_code, .. } = group;
        (record.time, resource, event_name, consumer, *outcome, error_code.as_deref())
    };
    // Records of callers' accounts that have no copy by their id.
    let mut own: HashMap<CallSeen<'u>, usize> = HashMap::new();
    for (n, (group, records)) in groups.iter().enumerate() {
        for (id, record) in *records {
            let known = best.entry(name(group, id)).or_insert((record, n));
            if (record, n) < *known {
                *known = (record, n);
            }
            if !record.is_foreign && !record.has_shared_id {
                *own.entry(seen(group, record)).or_default() += 1;
            }
        }
    }
    let each = groups.into_iter().enumerate().map(|(n, (group, records))| {
        let is_best = |id: &'u str| best.get(&name(group, id)).is_some_and(|(_, place)| *place == n);
        let mut found: Vec<&UseRecord> = Vec::new();
        for (_, record) in records.iter().filter(|(id, _)| is_best(id)) {
            let is_alone = record.is_foreign && !record.has_shared_id;
            match own.get_mut(&seen(group, record)).filter(|left| is_alone && **left > 0) {
                Some(left) => *left -= 1,
                None => found.push(record),
            }
        }
        found.sort_by_key(|record| (record.time, &record.event_id));
        (group, found)
    });
    each.collect()
}

/// Which calls of a group shares explain.
struct Explained {
    /// The shares by which at least one may be.
    by: Vec<usize>,
    /// When a call may be by one of them.
    spans: Vec<Span>,
    /// When it may not, and could have been before one of them ended.
    late: Vec<Span>,
}

impl Explained {
    /// Looks at candidates, which learn of the calls.
    fn new(shares: &mut [Share], candidates: &[usize], calls: &SharedUse, records: &[&UseRecord]) -> Self {
        let is_success = calls.outcome == Outcome::Success;
        let mut found = Self { by: Vec::new(), spans: Vec::new(), late: Vec::new() };
        let mut late: Vec<(usize, Vec<Span>)> = Vec::new();
        for n in candidates.iter().copied() {
            let share = &mut shares[n];
            let spans = share.in_force.spans();
            if calls.outcome == Outcome::Denied {
                share.refused += Ends::of(records, &spans).count;
            }
            if share.is_declined() {
                continue;
            }
            let permitted = share.in_force.permits(calls);
            let ends = Ends::of(records, &permitted);
            if ends.count > 0 {
                found.by.push(n);
            }
            // Of what it never allowed, no end made a difference.
            let first_end = spans.first().filter(|_| !permitted.is_empty()).map_or(i64::MAX, |(_, end)| *end);
            let after = if first_end < i64::MAX { gaps(&spans, first_end) } else { Vec::new() };
            if is_success {
                share.uses += ends.count;
                if let Some((first, last)) = ends.times {
                    let (from, to) = share.use_times.unwrap_or((first, last));
                    share.use_times = Some((from.min(first), to.max(last)));
                }
                let late = Ends::of(records, &after);
                share.late_uses += late.count;
                share.last_late_use = share.last_late_use.max(late.times.map(|(_, last)| last));
            }
            found.spans.extend(permitted);
            late.push((n, after));
        }
        found.spans = merged(found.spans);
        let unexplained = gaps(&found.spans, i64::MIN);
        for (n, after) in late {
            let after = common(&after, &unexplained);
            let ends = Ends::of(records, &after);
            if let Some((_, last)) = ends.times.filter(|_| is_success) {
                let known = &mut shares[n].unexplained_late;
                let (count, time) = known.unwrap_or((0, last));
                *known = Some((count + ends.count, time.max(last)));
            }
            found.late.extend(after);
        }
        found.late = merged(found.late);
        found
    }
}

/// Whether a time lies in one of merged spans.
fn contains(spans: &[Span], time: EventTime) -> bool {
    let next = spans.partition_point(|(_, until)| *until < time.0);
    spans.get(next).is_some_and(|(from, _)| *from <= time.0)
}

/// How many calls there are in some spans, and the times of the first and the last.
#[derive(Default)]
struct Ends {
    count: u64,
    times: Option<(EventTime, EventTime)>,
}

impl Ends {
    /// Of calls that are sorted by time.
    fn of(records: &[&UseRecord], spans: &[Span]) -> Self {
        let mut found = Self::default();
        for (from, until) in spans {
            let begin = records.partition_point(|record| record.time.0 < *from);
            let end = records.partition_point(|record| record.time.0 <= *until).max(begin);
            let part = &records[begin..end];
            if let (Some(first), Some(last)) = (part.first(), part.last()) {
                found.count += (end - begin) as u64;
                let (start, _) = found.times.unwrap_or((first.time, last.time));
                found.times = Some((start, last.time));
            }
        }
        found
    }
}
