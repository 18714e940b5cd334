//! Uses of resources by other accounts, and the shares by which they may be.

use std::collections::{BTreeMap, HashMap};

use super::resource::{UseKind, owner_of, resource_key, resource_kind};
use super::rows::OFFLINE_STORE;
use super::share::{Share, ShareState};
use crate::model::{EventTime, Outcome, SharedUse, UseRecord, UseRecords};

/// How long after its end a share may still be used, in milliseconds. AWS RAM says that changes
/// take a few minutes.
///
/// Source: [pipelines](https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-cross-account.html);
/// the number is a choice.
const GRACE: i64 = 15 * 60 * 1000;

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
}

/// Joins uses with shares, which learn who uses them.
pub(super) fn join<'u>(
    shares: &mut [Share],
    uses: impl Iterator<Item = (&'u SharedUse, &'u UseRecords)>,
    key_calls: Vec<(SharedUse, Vec<UseRecord>)>,
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
        let (Some(first), Some(last)) = (records.first(), records.last()) else { continue };
        let names = [Some(&calls.resource), calls.key.as_ref().filter(|key| **key != calls.resource)];
        let places = names
            .into_iter()
            .flatten()
            .flat_map(|name| [Some(&*calls.consumer), None].map(|account| index.get(&place(name, account))));
        let candidates = places.flatten().flatten();
        let mut by: Vec<&Share> = Vec::new();
        // A key is no way to the group whose artifacts it protects.
        let is_key = |share: &Share| ["key", OFFLINE_STORE].contains(&&*share.kind);
        let covers = |n: &&usize| {
            let share = &shares[**n];
            is_key(share) == calls.key.is_some() && share.consumer.covers(&calls.consumer, &calls.principal)
        };
        let candidates: Vec<usize> = candidates.filter(covers).copied().collect();
        for n in candidates.iter().copied() {
            add(&mut shares[n], calls, &records);
        }
        by.extend(candidates.iter().map(|n| &shares[*n]));
        let owner = owner_of(&calls.resource).unwrap_or("unknown").to_owned();
        let mut resource_kind = resource_kind(&calls.resource);
        if calls.key.is_some() && resource_kind == "feature_group" {
            OFFLINE_STORE.clone_into(&mut resource_kind);
        }
        let is_shareable =
            owner != "*" && owner != calls.consumer && !resource_kind.starts_with("resource_share");
        found.push(ShareUse {
            calls: calls.clone(),
            kind: UseKind::of(&calls.event_name),
            resource_kind,
            owner,
            count: records.len() as u64,
            times: (first.time, last.time),
            event_ids: (first.event_id.clone(), last.event_id.clone()),
            share: if let [only] = &*by { only.share.clone() } else { None },
            visible_shares: is_shareable.then_some(by.len() as u64),
        });
    }
    for share in shares.iter_mut().filter(|share| share.uses > 0) {
        let is_over = matches!(share.state, ShareState::Ended | ShareState::Rejected | ShareState::Expired);
        if !is_over {
            share.state = ShareState::Effective;
        }
    }
    found
}

/// Where a share of a resource with the identities of one account, or of no certain one, stands.
fn place(resource: &str, account: Option<&str>) -> String {
    format!("{} {}", account.unwrap_or("*"), resource_key(resource))
}

/// The groups with their records by time, each call once: of the copies of two accounts, the
/// caller's.
fn without_copies<'u>(
    groups: Vec<(&'u SharedUse, &'u UseRecords)>,
) -> Vec<(&'u SharedUse, Vec<&'u UseRecord>)> {
    let mut best: BTreeMap<(&str, &str, &str), (&UseRecord, usize)> = BTreeMap::new();
    let name = |group: &'u SharedUse, id: &'u str| (id, &*group.resource, &*group.event_name);
    for (n, (group, records)) in groups.iter().enumerate() {
        for (id, record) in *records {
            let known = best.entry(name(group, id)).or_insert((record, n));
            if (record, n) < *known {
                *known = (record, n);
            }
        }
    }
    let each = groups.into_iter().enumerate().map(|(n, (group, records))| {
        let is_best = |id: &'u str| best.get(&name(group, id)).is_some_and(|(_, place)| *place == n);
        let found = records.iter().filter(|(id, _)| is_best(id));
        let mut records: Vec<&UseRecord> = found.map(|(_, record)| record).collect();
        records.sort_by_key(|record| (record.time, &record.event_id));
        (group, records)
    });
    each.collect()
}

/// Adds calls to a share, as far as they lie in its time.
fn add(share: &mut Share, calls: &SharedUse, records: &[&UseRecord]) {
    let start = share.requested.as_ref().map_or(EventTime(i64::MIN), |change| change.time);
    let end = share.ended.as_ref().map_or(i64::MAX, |change| change.time.0.saturating_add(GRACE));
    let begin = records.partition_point(|record| record.time < start);
    let until = records.partition_point(|record| record.time.0 <= end).max(begin);
    let (within, late) = (&records[begin..until], &records[until..]);
    if calls.outcome == Outcome::Denied {
        share.refused += within.len() as u64;
    }
    if calls.outcome != Outcome::Success {
        return;
    }
    if let (Some(first), Some(last)) = (within.first(), within.last()) {
        share.uses += within.len() as u64;
        let (from, to) = share.use_times.unwrap_or((first.time, last.time));
        share.use_times = Some((from.min(first.time), to.max(last.time)));
    }
    if let Some(last) = late.last() {
        share.late_uses += late.len() as u64;
        share.last_late_use = share.last_late_use.max(Some(last.time));
    }
}
