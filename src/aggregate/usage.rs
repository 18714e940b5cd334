//! Usage per key × principal × workload × …: the groups of `usage.parquet` and
//! `usage_daily.parquet`.

mod memory;
mod merge;

use std::hash::{Hash, Hasher};

use hashbrown::{HashMap, HashTable};
use serde::{Deserialize, Serialize};

use super::activity::{Activity, KeyUse};
use super::distinct::{DistinctCounter, EXACT_LIMIT};
use super::selected::Selected;
use crate::base::{stable_hash, table_hash};
use crate::model::{DeniedBy, EventTime, IntegrityStatus, Outcome};

/// Declares the group twice: borrowed, to look up and to sort, and owned, to keep.
macro_rules! group {
    ($( $(#[$meta:meta])* $field:ident : $kind:tt ),* $(,)?) => {
        /// What distinguishes one usage row from another. Field order is sort order.
        #[derive(Debug, Clone, Serialize, Deserialize)]
        #[non_exhaustive]
        pub struct Group { $( $(#[$meta])* pub $field: group!(@owned $kind), )* }

        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        struct GroupRef<'e> { $( $field: group!(@borrowed $kind), )* }

        impl Group {
            fn as_ref(&self) -> GroupRef<'_> {
                GroupRef { $( $field: group!(@borrow $kind, self.$field), )* }
            }
        }

        impl GroupRef<'_> {
            fn to_owned(self) -> Group {
                Group { $( $field: group!(@own $kind, self.$field), )* }
            }
        }
    };
    (@owned text) => { Box<str> };
    (@owned optional) => { Option<Box<str>> };
    (@owned outcome) => { Outcome };
    (@owned flag) => { Option<bool> };
    (@borrowed text) => { &'e str };
    (@borrowed optional) => { Option<&'e str> };
    (@borrowed outcome) => { Outcome };
    (@borrowed flag) => { Option<bool> };
    (@borrow text, $e:expr) => { &$e };
    (@borrow optional, $e:expr) => { $e.as_deref() };
    (@borrow $copy:tt, $e:expr) => { $e };
    (@own text, $e:expr) => { $e.into() };
    (@own optional, $e:expr) => { $e.map(Into::into) };
    (@own $copy:tt, $e:expr) => { $e };
}

group! {
    /// ARN of the key.
    key_arn: optional,
    /// Id of the key.
    key_id: optional,
    /// Account that owns the key.
    key_account_id: optional,
    /// Region of the key.
    key_region: optional,
    /// Who called.
    principal: text,
    /// `userIdentity.type`.
    principal_type: text,
    /// The caller's account.
    principal_account_id: optional,
    /// Workload label, or labels joined with `+`.
    workload: text,
    /// KMS API.
    event_name: text,
    /// How the calls ended.
    outcome: outcome,
    /// Normalised error code.
    error_code: optional,
    /// Region of the record.
    region: text,
    /// Account of the record.
    recipient_account_id: optional,
    /// Normalised `invokedBy`.
    invoked_by: optional,
    /// Key and caller belong to different accounts; `None`: not known.
    cross_account: flag,
    /// The permission that a refused call lacked.
    denied_action: optional,
    /// The kind of policy that refused the call.
    denied_by: optional,
}

impl GroupRef<'_> {
    fn hashed(&self) -> u64 {
        table_hash(self)
    }
}

/// Distinct groups, numbered from 0 in the order of their first event.
#[derive(Debug, Clone, Default)]
pub struct Groups {
    numbers: HashTable<usize>,
    groups: Vec<(u64, Group)>,
}

impl Groups {
    /// The number of the event's group, which is added if it is new.
    pub fn intern(&mut self, selected: &Selected<'_>) -> usize {
        let event = selected.event;
        let label = selected.evidence.workload.label();
        let group = GroupRef {
            key_arn: event.key.arn.as_deref(),
            key_id: event.key.id.as_deref(),
            key_account_id: event.key.account_id.as_deref(),
            key_region: event.key.region.as_deref(),
            principal: &event.principal.name,
            principal_type: &event.principal.kind,
            principal_account_id: event.principal.account_id.as_deref(),
            workload: &label,
            event_name: &event.name,
            outcome: event.outcome,
            error_code: event.error_code.as_deref(),
            region: &event.region,
            recipient_account_id: event.recipient_account_id.as_deref(),
            invoked_by: event.principal.invoked_by.as_deref(),
            cross_account: event.is_cross_account(),
            denied_action: event.denied_action.as_deref(),
            denied_by: event.denied_by.map(DeniedBy::as_str),
        };
        let hash = group.hashed();
        let same = |n: &usize| self.groups[*n].0 == hash && self.groups[*n].1.as_ref() == group;
        if let Some(number) = self.numbers.find(hash, same) {
            return *number;
        }
        self.add(hash, group.to_owned())
    }

    /// Adds the groups of `others`. Returns the number here of each, in their order.
    fn merge(&mut self, others: Groups) -> Vec<usize> {
        others.groups.into_iter().map(|(hash, group)| self.merge_one(hash, group)).collect()
    }

    fn merge_one(&mut self, hash: u64, group: Group) -> usize {
        let same = |n: &usize| self.groups[*n].0 == hash && self.groups[*n].1.as_ref() == group.as_ref();
        match self.numbers.find(hash, same) {
            Some(number) => *number,
            None => self.add(hash, group),
        }
    }

    fn add(&mut self, hash: u64, group: Group) -> usize {
        let number = self.groups.len();
        self.groups.push((hash, group));
        self.numbers.insert_unique(hash, number, |n| self.groups[*n].0);
        number
    }
}

/// What [`Usage`] needs to know of one event.
#[derive(Debug, Clone, Copy)]
pub struct UsageSample {
    /// The number of its group.
    pub group: usize,
    /// `eventTime`.
    pub time: EventTime,
    /// Hash of the session name.
    session: Option<u64>,
    /// Hash of the source address.
    source_ip: Option<u64>,
    /// Hash of the users behind the principal.
    users: Option<u64>,
    /// Hash of the service that the call was for, known or not.
    service: u64,
    /// Hash of the resource that the call was for.
    resource: Option<u64>,
    /// A digest proves the archive to be unchanged; `None`: there are no digests.
    is_verified: Option<bool>,
}

/// A text of an event that [`Usage`] may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SampleText {
    /// `eventID`.
    EventId,
    /// The service that the call was for.
    Service,
    /// The resource that the call was for.
    Resource,
}

impl UsageSample {
    /// The sample of an event of the group numbered `group`.
    pub fn new(selected: &Selected<'_>, group: usize) -> Self {
        let event = selected.event;
        let users = event.principal.users();
        Self {
            group,
            time: event.time,
            session: event.principal.session_name.as_deref().map(|name| stable_hash(0, &name)),
            source_ip: event.source_ip.as_deref().map(|address| stable_hash(0, &address)),
            users: users.iter().any(Option::is_some).then(|| stable_hash(0, &users)),
            service: stable_hash(0, &selected.served.service),
            resource: selected.served.resource.as_deref().map(|name| stable_hash(0, &name)),
            is_verified: selected.integrity.map(|status| status == IntegrityStatus::Valid),
        }
    }
}

/// The numbers of one group.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GroupStats {
    /// Events.
    pub event_count: u64,
    sessions: DistinctCounter,
    source_ips: DistinctCounter,
    users: DistinctCounter,
    resources: DistinctCounter,
    /// What all its events have in common.
    service: Common,
    resource: Common,
    /// Time of the earliest event.
    pub first_time: EventTime,
    /// Time of the latest event.
    pub last_time: EventTime,
    /// Smallest id among the earliest events.
    pub first_event_id: Option<Box<str>>,
    /// Smallest id among the latest events.
    pub last_event_id: Option<Box<str>>,
    /// Events whose archive a digest proves to be unchanged; `None`: there are no digests.
    pub verified_event_count: Option<u64>,
}

impl GroupStats {
    fn new(time: EventTime) -> Self {
        Self {
            event_count: 0,
            sessions: DistinctCounter::default(),
            source_ips: DistinctCounter::default(),
            users: DistinctCounter::default(),
            resources: DistinctCounter::default(),
            service: Common::default(),
            resource: Common::default(),
            first_time: time,
            last_time: time,
            first_event_id: None,
            last_event_id: None,
            verified_event_count: None,
        }
    }

    /// Distinct session names. An estimate is never more than the number of events.
    pub fn session_count(&self) -> u64 {
        self.sessions.count().min(self.event_count)
    }

    /// Distinct source addresses. An estimate is never more than the number of events.
    pub fn source_ip_count(&self) -> u64 {
        self.source_ips.count().min(self.event_count)
    }

    /// Distinct users behind the principal. An estimate is never more than the number of events.
    pub fn user_count(&self) -> u64 {
        self.users.count().min(self.event_count)
    }

    /// The service that all its calls were for; `None` if they differ, or one names none.
    pub fn service(&self) -> Option<&str> {
        self.service.text()
    }

    /// The same of the resource.
    pub fn resource(&self) -> Option<&str> {
        self.resource.text()
    }

    /// Distinct resources that the calls were for. An estimate is more than
    /// [`EXACT_LIMIT`](super::EXACT_LIMIT).
    pub fn resource_count(&self) -> u64 {
        match self.resources.is_exact() {
            true => self.resources.count(),
            false => self.resources.count().clamp(EXACT_LIMIT as u64 + 1, self.event_count),
        }
    }

    /// Whether the counts of sessions, addresses and users are exact: none is more than
    /// [`EXACT_LIMIT`](super::EXACT_LIMIT).
    pub fn counts_exact(&self) -> bool {
        self.sessions.is_exact() && self.source_ips.is_exact() && self.users.is_exact()
    }

    /// Includes an event in the time span. `id` is called only when the event may be the first or
    /// the last.
    fn extend_span<'e>(&mut self, time: EventTime, id: impl Fn() -> Option<&'e str>) {
        if time < self.first_time {
            (self.first_time, self.first_event_id) = (time, None);
        }
        if time > self.last_time {
            (self.last_time, self.last_event_id) = (time, None);
        }
        if time == self.first_time {
            keep_smaller(&mut self.first_event_id, id());
        }
        if time == self.last_time {
            keep_smaller(&mut self.last_event_id, id());
        }
    }
}

/// A text that all events of a group have, as far as they do.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
enum Common {
    #[default]
    Unset,
    /// All have this text, or none has one.
    Same {
        hash: u64,
        text: Option<Box<str>>,
    },
    Different,
}

impl Common {
    /// Adds the text of an event, given the hash of its presence and value.
    fn add<'e>(&mut self, hash: u64, text: impl FnOnce() -> Option<&'e str>) {
        match self {
            Self::Unset => *self = Self::Same { hash, text: text().map(Into::into) },
            Self::Same { hash: same, .. } if *same == hash => {}
            Self::Same { .. } => *self = Self::Different,
            Self::Different => {}
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Same { text, .. } => text.as_deref(),
            Self::Unset | Self::Different => None,
        }
    }
}

fn keep_smaller(smallest: &mut Option<Box<str>>, id: Option<&str>) {
    let Some(id) = id else { return };
    if smallest.as_deref().is_none_or(|smallest| id < smallest) {
        *smallest = Some(id.into());
    }
}

/// A row of `usage.parquet`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UsageRow {
    /// What all its events have in common.
    pub group: Group,
    /// The numbers.
    pub stats: GroupStats,
    /// The latest use of its key by anybody, selected or not.
    pub key_last_use: Option<KeyUse>,
}

/// A row of `usage_daily.parquet`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DailyRow {
    /// Days since the epoch, UTC.
    pub day: i32,
    /// ARN of the key.
    pub key_arn: Option<Box<str>>,
    /// Who called.
    pub principal: Box<str>,
    /// Workload label.
    pub workload: Box<str>,
    /// KMS API.
    pub event_name: Box<str>,
    /// How the calls ended.
    pub outcome: Outcome,
    /// Events.
    pub event_count: u64,
    /// Id of the key.
    pub key_id: Option<Box<str>>,
    /// Account that owns the key.
    pub key_account_id: Option<Box<str>>,
    /// Region of the key.
    pub key_region: Option<Box<str>>,
    /// Region of the record.
    pub region: Box<str>,
    /// Account of the record.
    pub recipient_account_id: Option<Box<str>>,
}

/// Usage per group and per day, so far.
///
/// Parts of it, made anywhere from any events, add up to the same rows in any order.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    groups: Groups,
    stats: Vec<Option<GroupStats>>,
    daily: HashMap<(i32, usize), u64>,
}

impl Usage {
    /// Adds groups that were numbered elsewhere. Returns the number here of each, in their order.
    pub fn merge_groups(&mut self, others: Groups) -> Vec<usize> {
        let numbers = self.groups.merge(others);
        self.stats.resize(self.groups.groups.len(), None);
        numbers
    }

    /// Counts one event of the group that has the number `group` here. `text` gives its texts.
    pub fn add<'e>(
        &mut self,
        group: usize,
        event: &UsageSample,
        text: impl Fn(SampleText) -> Option<&'e str>,
    ) {
        let stats = self.stats[group].get_or_insert_with(|| GroupStats::new(event.time));
        stats.event_count += 1;
        if let Some(is_verified) = event.is_verified {
            *stats.verified_event_count.get_or_insert(0) += u64::from(is_verified);
        }
        if let Some(session) = event.session {
            stats.sessions.insert(session);
        }
        if let Some(address) = event.source_ip {
            stats.source_ips.insert(address);
        }
        if let Some(users) = event.users {
            stats.users.insert(users);
        }
        if let Some(resource) = event.resource {
            stats.resources.insert(resource);
        }
        stats.service.add(event.service, || text(SampleText::Service));
        // No hash of a resource is likely to be zero, and nothing would be lost by it.
        stats.resource.add(event.resource.unwrap_or(0), || text(SampleText::Resource));
        stats.extend_span(event.time, || text(SampleText::EventId));
        *self.daily.entry((event.time.day(), group)).or_default() += 1;
    }

    /// The rows of both tables, sorted by their group columns. `activity`: of all calls.
    pub fn into_rows(self, activity: &Activity) -> (Vec<UsageRow>, Vec<DailyRow>) {
        let mut days: HashMap<DailyRow, u64> = HashMap::default();
        for ((day, number), count) in &self.daily {
            let group = &self.groups.groups[*number].1;
            let row = DailyRow {
                day: *day,
                key_arn: group.key_arn.clone(),
                principal: group.principal.clone(),
                workload: group.workload.clone(),
                event_name: group.event_name.clone(),
                outcome: group.outcome,
                event_count: 0,
                key_id: group.key_id.clone(),
                key_account_id: group.key_account_id.clone(),
                key_region: group.key_region.clone(),
                region: group.region.clone(),
                recipient_account_id: group.recipient_account_id.clone(),
            };
            *days.entry(row).or_default() += count;
        }
        let mut daily: Vec<DailyRow> =
            days.into_iter().map(|(row, event_count)| DailyRow { event_count, ..row }).collect();
        daily.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));

        let groups = self.groups.groups.into_iter().map(|(_, group)| group);
        // A group without numbers had only duplicates of events that count elsewhere.
        let mut rows: Vec<UsageRow> = groups
            .zip(self.stats)
            .filter_map(|(group, stats)| {
                let key_last_use = group.key_arn.as_deref().and_then(|arn| activity.last_use(arn)).cloned();
                Some(UsageRow { group, stats: stats?, key_last_use })
            })
            .collect();
        rows.sort_by(|a, b| a.group.as_ref().cmp(&b.group.as_ref()));
        (rows, daily)
    }
}

impl Hash for DailyRow {
    fn hash<H: Hasher>(&self, state: &mut H) {
        sort_key(self).hash(state);
    }
}

/// What a daily row is sorted by: its group columns, in their order.
fn sort_key(row: &DailyRow) -> impl Ord + Hash + '_ {
    let key = (&row.key_id, &row.key_account_id, &row.key_region);
    let record = (&row.region, &row.recipient_account_id);
    (row.day, &row.key_arn, &row.principal, &row.workload, &row.event_name, row.outcome, key, record)
}
