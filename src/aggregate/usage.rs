//! Usage per key × principal × workload × … : the groups of `usage.parquet` and `usage_daily.parquet`.

use std::hash::{Hash, Hasher};

use hashbrown::{Equivalent, HashMap, HashSet};
use rustc_hash::FxBuildHasher;

use super::Selected;
use crate::event::{EventTime, Outcome, WorkloadSet};

/// Declares the group twice, borrowed (to look up and to sort) and owned (to keep).
macro_rules! group {
    ($( $(#[$meta:meta])* $field:ident : $kind:tt ),* $(,)?) => {
        /// What distinguishes one usage row from another. Field order is sort order.
        #[derive(Debug, Clone)]
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
    (@owned flag) => { bool };
    (@borrowed text) => { &'e str };
    (@borrowed optional) => { Option<&'e str> };
    (@borrowed outcome) => { Outcome };
    (@borrowed flag) => { bool };
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
    /// Key and caller are known to belong to different accounts.
    cross_account: flag,
}

impl Hash for Group {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_ref().hash(state);
    }
}

impl PartialEq for Group {
    fn eq(&self, other: &Self) -> bool {
        self.as_ref() == other.as_ref()
    }
}

impl Eq for Group {}

impl Equivalent<Group> for GroupRef<'_> {
    fn equivalent(&self, key: &Group) -> bool {
        *self == key.as_ref()
    }
}

/// Measures of a group.
#[derive(Debug, Clone)]
pub struct Stats {
    /// Events.
    pub event_count: u64,
    sessions: HashSet<u32, FxBuildHasher>,
    source_ips: HashSet<u32, FxBuildHasher>,
    /// Time of the earliest event.
    pub first_time: EventTime,
    /// Time of the latest event.
    pub last_time: EventTime,
    /// Smallest id among the earliest events.
    pub first_event_id: Option<Box<str>>,
    /// Smallest id among the latest events.
    pub last_event_id: Option<Box<str>>,
}

impl Stats {
    fn new(time: EventTime) -> Self {
        Self {
            event_count: 0,
            sessions: HashSet::default(),
            source_ips: HashSet::default(),
            first_time: time,
            last_time: time,
            first_event_id: None,
            last_event_id: None,
        }
    }

    /// Distinct session names.
    pub fn session_count(&self) -> u64 {
        self.sessions.len() as u64
    }

    /// Distinct source addresses.
    pub fn source_ip_count(&self) -> u64 {
        self.source_ips.len() as u64
    }

    fn span(&mut self, time: EventTime, id: Option<&str>) {
        keep_id(&mut self.first_time, &mut self.first_event_id, time, id, |new, old| new < old);
        keep_id(&mut self.last_time, &mut self.last_event_id, time, id, |new, old| new > old);
    }
}

/// Keeps the better time, and the smallest id among the events at that time: the same whatever the order of events.
fn keep_id(
    kept: &mut EventTime,
    kept_id: &mut Option<Box<str>>,
    time: EventTime,
    id: Option<&str>,
    better: impl Fn(EventTime, EventTime) -> bool,
) {
    if better(time, *kept) {
        (*kept, *kept_id) = (time, id.map(Into::into));
    } else if time == *kept
        && let Some(id) = id
        && kept_id.as_deref().is_none_or(|old| id < old)
    {
        *kept_id = Some(id.into());
    }
}

/// Small numbers for repeated texts.
#[derive(Debug, Default)]
struct Interner(HashMap<Box<str>, u32, FxBuildHasher>);

impl Interner {
    fn id(&mut self, text: &str) -> u32 {
        if let Some(id) = self.0.get(text) {
            return *id;
        }
        let id = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0.insert(text.into(), id);
        id
    }
}

/// A row of `usage.parquet`.
pub type UsageRow = (Group, Stats);

/// A row of `usage_daily.parquet`.
#[derive(Debug, Clone, PartialEq, Eq)]
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
}

/// All groups so far.
#[derive(Debug, Default)]
pub struct Usage {
    groups: HashMap<Group, usize, FxBuildHasher>,
    stats: Vec<Stats>,
    daily: HashMap<(i32, usize), u64, FxBuildHasher>,
    texts: Interner,
    labels: HashMap<WorkloadSet, Box<str>, FxBuildHasher>,
}

impl Usage {
    /// Counts one event.
    pub fn add(&mut self, selected: &Selected) {
        let event = &selected.event;
        let workload = selected.evidence.workload;
        let label = self.labels.entry(workload).or_insert_with(|| workload.to_string().into());
        let group = GroupRef {
            key_arn: event.key.arn.as_deref(),
            key_id: event.key.id.as_deref(),
            key_account_id: event.key.account_id.as_deref(),
            key_region: event.key.region.as_deref(),
            principal: &event.principal.name,
            principal_type: &event.principal.kind,
            principal_account_id: event.principal.account_id.as_deref(),
            workload: label,
            event_name: &event.name,
            outcome: event.outcome,
            error_code: event.error_code.as_deref(),
            region: &event.region,
            recipient_account_id: event.recipient_account_id.as_deref(),
            invoked_by: event.principal.invoked_by.as_deref(),
            cross_account: event.is_cross_account(),
        };
        let index = match self.groups.get(&group) {
            Some(index) => *index,
            None => {
                let index = self.stats.len();
                self.groups.insert(group.to_owned(), index);
                self.stats.push(Stats::new(event.time));
                index
            }
        };
        let stats = &mut self.stats[index];
        stats.event_count += 1;
        if let Some(session) = event.principal.session_name.as_deref() {
            stats.sessions.insert(self.texts.id(session));
        }
        if let Some(ip) = event.source_ip.as_deref() {
            stats.source_ips.insert(self.texts.id(ip));
        }
        stats.span(event.time, event.event_id.as_deref());
        *self.daily.entry((event.time.day(), index)).or_default() += 1;
    }

    /// The rows of both tables, sorted by their group columns.
    pub fn into_rows(self) -> (Vec<UsageRow>, Vec<DailyRow>) {
        let mut by_index: Vec<Option<&Group>> = vec![None; self.stats.len()];
        for (group, index) in &self.groups {
            by_index[*index] = Some(group);
        }
        let mut days: HashMap<DailyRow, u64, FxBuildHasher> = HashMap::default();
        for ((day, index), count) in &self.daily {
            let Some(group) = by_index[*index] else { continue }; // every index has its group
            let row = DailyRow {
                day: *day,
                key_arn: group.key_arn.clone(),
                principal: group.principal.clone(),
                workload: group.workload.clone(),
                event_name: group.event_name.clone(),
                outcome: group.outcome,
                event_count: 0,
            };
            *days.entry(row).or_default() += count;
        }
        let mut daily: Vec<DailyRow> =
            days.into_iter().map(|(row, event_count)| DailyRow { event_count, ..row }).collect();
        daily.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));

        let mut stats: Vec<Option<Stats>> = self.stats.into_iter().map(Some).collect();
        let mut rows: Vec<UsageRow> = self
            .groups
            .into_iter()
            .filter_map(|(group, index)| Some((group, stats[index].take()?)))
            .collect();
        rows.sort_by(|(a, _), (b, _)| a.as_ref().cmp(&b.as_ref()));
        (rows, daily)
    }
}

impl Hash for DailyRow {
    fn hash<H: Hasher>(&self, state: &mut H) {
        sort_key(self).hash(state);
    }
}

fn sort_key(row: &DailyRow) -> (i32, Option<&str>, &str, &str, &str, Outcome) {
    (row.day, row.key_arn.as_deref(), &row.principal, &row.workload, &row.event_name, row.outcome)
}
