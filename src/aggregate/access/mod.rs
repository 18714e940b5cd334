//! What all KMS calls of the input show, whatever workload, API or key is asked for: who used,
//! managed or was refused which key, since when, and from where.
//!
//! Calls outside `--since`, `--until`, `--account` and `--region` do not count.
//!
//! Memory: some 600 bytes per row, of at most [`LIMIT`] rows of each kind, and some 2 KB more for
//! rows with many records, of [`WITH_SOME`] of each kind at the end.

mod bounded;
mod record;

#[cfg(test)]
mod tests;

use std::ops::AddAssign;
use std::sync::Arc;

use bounded::Bounded;
use record::NewRecord;
pub use record::{RecordRef, Span};

use crate::base::table_hash;
use crate::model::{Arn, EventTime, KmsEvent, Outcome, WorkloadSet};

/// How many rows of each kind are kept: those whose names have the smallest hashes.
pub const LIMIT: usize = 100_000;

/// How many rows of each kind keep some records beside their first and last one: those whose names
/// have the smallest hashes.
const WITH_SOME: usize = 20_000;

/// Calls that change a key, its policy or its grants.
///
/// Source: [key states](https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html) and
/// [rotation](https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html).
const KEY_CHANGES: [&str; 15] = [
    "CancelKeyDeletion",
    "CreateGrant",
    "CreateKey",
    "DeleteKey",
    "DisableKey",
    "DisableKeyRotation",
    "EnableKey",
    "EnableKeyRotation",
    "PutKeyPolicy",
    "ReplicateKey",
    "RetireGrant",
    "RevokeGrant",
    "RotateKey",
    "RotateKeyOnDemand",
    "ScheduleKeyDeletion",
];

/// Calls of one principal to one API with one key and one result. Field order is sort order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct CallGroup {
    /// ARN of the key, or its id or alias where the records give no more.
    pub key: Option<Box<str>>,
    /// Who called.
    pub principal: Box<str>,
    /// KMS API.
    pub event_name: Box<str>,
    /// How the calls ended.
    pub outcome: Outcome,
    /// Normalized error code.
    pub error_code: Option<Box<str>>,
}

/// Where a principal called from. Field order is sort order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct CallOrigin {
    /// Who called.
    pub principal: Box<str>,
    /// Region of the call.
    pub region: Box<str>,
    /// Source address; `None`: an AWS service called for the principal, or it is not known.
    pub address: Option<Box<str>>,
}

/// Calls of one principal to one API with a key that is not the one that settings name for the
/// folder of their objects. Field order is sort order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct OtherKey {
    /// ARN of the key.
    pub key: Box<str>,
    /// The bucket.
    pub bucket: Box<str>,
    /// The path below which Canvas's folder is; empty: the bucket.
    pub path: Box<str>,
    /// Who called.
    pub principal: Box<str>,
    /// KMS API.
    pub event_name: Box<str>,
}

/// A call that changed a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct KeyChangeCall {
    /// Its record.
    pub record: RecordRef,
    /// ARN of the key, or its id or alias where the record gives no more.
    pub key: Option<Box<str>>,
    /// Who called.
    pub principal: Box<str>,
    /// KMS API.
    pub event_name: Box<str>,
    /// Parameters of the request, as `request_details` of the event.
    pub details: Option<Box<str>>,
}

/// The calls of a group.
#[derive(Debug, Clone)]
struct GroupCalls {
    span: Span,
    workloads: WorkloadSet,
}

impl GroupCalls {
    fn merge(&mut self, other: Self) {
        self.span.merge(other.span);
        self.workloads |= other.workloads;
    }
}

/// What all KMS calls show.
#[derive(Debug, Clone, Default)]
pub struct Access {
    calls: Bounded<CallGroup, GroupCalls>,
    origins: Bounded<CallOrigin, Span>,
    /// By the id of the call; copies of one call are one.
    changes: Bounded<Box<str>, KeyChangeCall>,
    other_keys: Bounded<OtherKey, Span>,
    /// How often others were added.
    merged: u64,
}

/// Merges after which records of rows beyond [`WITH_SOME`] are forgotten.
const THIN_AFTER: u64 = 256;

impl Access {
    /// Adds a call for some workloads whose record is at `offset` of `archive`.
    pub fn add(&mut self, event: &KmsEvent<'_>, workloads: WorkloadSet, archive: &Arc<str>, offset: u64) {
        let record = NewRecord { time: event.time, event_id: event.event_id.as_deref(), archive, offset };
        let key = event.key.arn.as_deref().or(event.key.id.as_deref()).or(event.key.alias.as_deref());
        self.add_call(event, workloads, key, record);
        // A ReEncrypt has two keys.
        if let Some(destination) = event.destination_key_arn.as_deref().filter(|arn| Some(*arn) != key) {
            self.add_call(event, workloads, Some(destination), record);
        }
        self.add_origin(event, record);
        if event.outcome == Outcome::Success && KEY_CHANGES.contains(&&*event.name) {
            self.add_change(event, key, record);
        }
    }

    fn add_call(
        &mut self,
        event: &KmsEvent<'_>,
        workloads: WorkloadSet,
        key: Option<&str>,
        record: NewRecord<'_>,
    ) {
        let (principal, name) = (&*event.principal.name, &*event.name);
        let (outcome, code) = (event.outcome, event.error_code.as_deref());
        let hash = table_hash(&(key, principal, name, outcome, code));
        let is_same = |group: &CallGroup| {
            group.key.as_deref() == key
                && *group.principal == *principal
                && *group.event_name == *name
                && group.outcome == outcome
                && group.error_code.as_deref() == code
        };
        if let Some(calls) = self.calls.find(hash, is_same) {
            calls.workloads |= workloads;
            return calls.span.add(record);
        }
        let group = CallGroup {
            key: key.map(Into::into),
            principal: principal.into(),
            event_name: name.into(),
            outcome,
            error_code: code.map(Into::into),
        };
        self.calls.insert(hash, group, GroupCalls { span: Span::new(record), workloads }, LIMIT);
    }

    fn add_origin(&mut self, event: &KmsEvent<'_>, record: NewRecord<'_>) {
        let (principal, region) = (&*event.principal.name, &*event.region);
        let address = event.source_ip.as_deref().filter(|text| is_address(text));
        let hash = table_hash(&(principal, region, address));
        let is_same = |origin: &CallOrigin| {
            *origin.principal == *principal
                && *origin.region == *region
                && origin.address.as_deref() == address
        };
        if let Some(span) = self.origins.find(hash, is_same) {
            return span.add(record);
        }
        let origin = CallOrigin {
            principal: principal.into(),
            region: region.into(),
            address: address.map(Into::into),
        };
        self.origins.insert(hash, origin, Span::new(record), LIMIT);
    }

    fn add_change(&mut self, event: &KmsEvent<'_>, key: Option<&str>, record: NewRecord<'_>) {
        let id: Box<str> = match event.shared_event_id.as_deref().or(record.event_id) {
            Some(id) => id.into(),
            None => format!("{}@{}", record.archive, record.offset).into(),
        };
        let call = KeyChangeCall {
            record: record.to_owned(),
            key: key.map(Into::into),
            principal: (&*event.principal.name).into(),
            event_name: (&*event.name).into(),
            details: event.request_details.as_deref().map(Into::into),
        };
        let hash = table_hash(&id);
        match self.changes.find(hash, |known| *known == id) {
            Some(known) => keep_smaller(known, call),
            None => self.changes.insert(hash, id, call, LIMIT),
        }
    }

    /// Adds a call with a key that is not the one that settings name for Canvas's folder below
    /// `path` in `bucket`.
    pub fn add_other_key(
        &mut self,
        event: &KmsEvent<'_>,
        (bucket, path): (&str, &str),
        archive: &Arc<str>,
        offset: u64,
    ) {
        let record = NewRecord { time: event.time, event_id: event.event_id.as_deref(), archive, offset };
        let name = OtherKey {
            key: event.key.arn.as_deref().unwrap_or_default().into(),
            bucket: bucket.into(),
            path: path.into(),
            principal: (&*event.principal.name).into(),
            event_name: (&*event.name).into(),
        };
        let hash = table_hash(&name);
        match self.other_keys.find(hash, |known| *known == name) {
            Some(span) => span.add(record),
            None => self.other_keys.insert(hash, name, Span::new(record), LIMIT),
        }
    }

    /// Forgets what is beyond the limits. Call it when everything has been added.
    pub fn trim(&mut self) {
        self.calls.trim(LIMIT);
        self.origins.trim(LIMIT);
        self.changes.trim(LIMIT);
        self.other_keys.trim(LIMIT);
        self.thin();
    }

    /// Forgets records of rows beyond the limit.
    fn thin(&mut self) {
        self.calls.thin(WITH_SOME, |calls| calls.span.forget_some());
        self.origins.thin(WITH_SOME, Span::forget_some);
        self.other_keys.thin(WITH_SOME, Span::forget_some);
    }

    /// Who called which API with which key, sorted.
    pub fn calls(&self) -> Vec<AccessRow<'_>> {
        let rows = self.calls.iter();
        let mut rows: Vec<AccessRow<'_>> = rows
            .map(|(group, GroupCalls { span, workloads })| AccessRow { group, span, workloads: *workloads })
            .collect();
        rows.sort_unstable_by(|a, b| a.group.cmp(b.group));
        rows
    }

    /// From where each principal called, sorted.
    pub fn origins(&self) -> Vec<(&CallOrigin, &Span)> {
        let mut origins: Vec<_> = self.origins.iter().collect();
        origins.sort_unstable_by(|a, b| a.0.cmp(b.0));
        origins
    }

    /// Calls in Canvas's folders with other keys than settings name, sorted.
    pub fn other_keys(&self) -> Vec<(&OtherKey, &Span)> {
        let mut calls: Vec<_> = self.other_keys.iter().collect();
        calls.sort_unstable_by(|a, b| a.0.cmp(b.0));
        calls
    }

    /// The calls that changed keys, by time. Of several copies of a call, the one with the smallest
    /// event id.
    pub fn key_changes(&self) -> Vec<&KeyChangeCall> {
        let mut changes: Vec<&KeyChangeCall> = self.changes.iter().map(|(_, change)| change).collect();
        changes.sort_unstable();
        changes
    }

    /// `eventTime` of the first and the last call.
    pub fn times(&self) -> Option<(EventTime, EventTime)> {
        let spans = || self.calls.iter().map(|(_, calls)| &calls.span);
        let first = spans().map(|span| span.first.time).min()?;
        let last = spans().map(|span| span.last.time).max()?;
        Some((first, last))
    }

    /// How many rows there are of calls.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether there is no call.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there was more of something than is kept, so that some of it is not known.
    pub fn has_forgotten(&self) -> bool {
        self.calls.has_forgotten()
            || self.origins.has_forgotten()
            || self.changes.has_forgotten()
            || self.other_keys.has_forgotten()
    }
}

/// A row of `access.parquet`.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct AccessRow<'a> {
    /// What its calls have in common.
    pub group: &'a CallGroup,
    /// Their records.
    pub span: &'a Span,
    /// What they are for.
    pub workloads: WorkloadSet,
}

impl<'a> AccessRow<'a> {
    /// The account in the principal's name; `None`: an AWS service, or not known.
    pub fn principal_account(&self) -> Option<&'a str> {
        account_of(&self.group.principal)
    }
}

/// The account in the name of a principal.
pub fn account_of(principal: &str) -> Option<&str> {
    if let Some(arn) = Arn::parse(principal) {
        return Some(arn.account).filter(|account| !account.is_empty());
    }
    // `account:principalId`
    let (account, _) = principal.split_once(':')?;
    (account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())).then_some(account)
}

impl AddAssign for Access {
    fn add_assign(&mut self, other: Self) {
        self.calls.merge(other.calls, LIMIT, GroupCalls::merge);
        self.origins.merge(other.origins, LIMIT, Span::merge);
        self.changes.merge(other.changes, LIMIT, keep_smaller);
        self.other_keys.merge(other.other_keys, LIMIT, Span::merge);
        self.merged += 1;
        if self.merged.is_multiple_of(THIN_AFTER) {
            self.thin();
        }
    }
}

fn keep_smaller(known: &mut KeyChangeCall, other: KeyChangeCall) {
    if other < *known {
        *known = other;
    }
}

/// Whether `sourceIPAddress` is an address, and not the name of a service.
fn is_address(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_hexdigit()) && text.parse::<std::net::IpAddr>().is_ok()
}
