//! The answer a reader must find: kept while records are planted, never read back from them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use serde_json::{Map, Value, json};

/// The event names `analyze` selects unless told otherwise (contract, section 1).
pub const DEFAULT_EVENTS: [&str; 4] =
    ["CreateGrant", "GenerateDataKey", "Decrypt", "GenerateDataKeyWithoutPlaintext"];

/// The workloads `analyze` selects unless told otherwise (contract, section 1).
pub const DEFAULT_WORKLOADS: [&str; 6] =
    ["geospatial", "canvas", "canvas-forecast", "forecast", "feature-store-offline", "feature-store-online"];

/// The group columns of usage.parquet, in the contract's order, so that the derived order is the
/// table's.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub key_arn: Option<String>,
    pub key_id: Option<String>,
    pub key_account_id: Option<String>,
    pub key_region: Option<String>,
    pub principal: String,
    pub principal_type: String,
    pub principal_account_id: Option<String>,
    pub workload: String,
    pub event_name: String,
    pub outcome: String,
    pub error_code: Option<String>,
    pub region: String,
    pub recipient_account_id: Option<String>,
    pub invoked_by: Option<String>,
    pub cross_account: Option<bool>,
    pub denied_action: Option<String>,
    pub denied_by: Option<String>,
}

/// What becomes of a KMS record that passes every filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    First,
    /// The same record again.
    Duplicate,
    /// Another record has taken its place; classed with the duplicates.
    Corrected,
    /// The second account's copy of one call.
    OtherCopy,
    /// An event id used before, for something else: kept, and counted as a conflict.
    Conflict,
}

/// What one planted record means.
#[derive(Clone, Debug)]
pub enum Expected {
    OtherSource,
    /// Network activity, dry runs.
    NotUsage,
    Usage(Box<Usage>),
}

#[derive(Clone, Debug)]
pub struct Usage {
    pub row: Row,
    /// Seconds since 1970.
    pub time: i64,
    pub event_id: Option<String>,
    pub session: Option<String>,
    pub source_ip: Option<String>,
    pub delivery: Delivery,
}

/// Measures of one group.
#[derive(Clone, Debug, Default)]
pub struct Measures {
    events: u64,
    sessions: BTreeSet<String>,
    source_ips: BTreeSet<String>,
    first: Option<(i64, Option<String>)>,
    last: Option<(i64, Option<String>)>,
}

impl AddAssign for Measures {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.sessions.extend(other.sessions);
        self.source_ips.extend(other.source_ips);
        self.first = edge(self.first.take(), other.first, |a, b| a < b);
        self.last = edge(self.last.take(), other.last, |a, b| a > b);
    }
}

type Edge = Option<(i64, Option<String>)>;

/// The outer of two moments; at the same moment the smaller event id.
fn edge(a: Edge, b: Edge, outer: fn(i64, i64) -> bool) -> Edge {
    match (a, b) {
        (Some(a), Some(b)) if a.0 == b.0 => Some((a.0, a.1.into_iter().chain(b.1).min())),
        (Some(a), Some(b)) => Some(if outer(a.0, b.0) { a } else { b }),
        (a, b) => a.or(b),
    }
}

/// Counts and groups under one selection.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub selected: u64,
    pub other_event: u64,
    pub other_workload: u64,
    /// The corrected among them.
    pub duplicates: u64,
    pub corrected: u64,
    pub other_copies: u64,
    pub conflicts: u64,
    pub groups: BTreeMap<Row, Measures>,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.selected += other.selected;
        self.other_event += other.other_event;
        self.other_workload += other.other_workload;
        self.duplicates += other.duplicates;
        self.corrected += other.corrected;
        self.other_copies += other.other_copies;
        self.conflicts += other.conflicts;
        for (row, measures) in other.groups {
            *self.groups.entry(row).or_default() += measures;
        }
    }
}

impl Tally {
    fn count(&mut self, usage: &Usage) {
        match usage.delivery {
            Delivery::Duplicate => self.duplicates += 1,
            Delivery::Corrected => {
                self.duplicates += 1;
                self.corrected += 1;
            }
            Delivery::OtherCopy => self.other_copies += 1,
            Delivery::First | Delivery::Conflict => {
                self.selected += 1;
                self.conflicts += u64::from(usage.delivery == Delivery::Conflict);
                let moment = Some((usage.time, usage.event_id.clone()));
                *self.groups.entry(usage.row.clone()).or_default() += Measures {
                    events: 1,
                    sessions: usage.session.iter().cloned().collect(),
                    source_ips: usage.source_ip.iter().cloned().collect(),
                    first: moment.clone(),
                    last: moment,
                };
            }
        }
    }

    /// The groups as a list of objects that have the columns of usage.parquet as members.
    pub fn groups_json(&self) -> Value {
        self.groups.iter().map(|(row, measures)| group_json(row, measures)).collect()
    }
}

/// The whole truth about a set of archives.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    pub archives: u64,
    pub json_bytes: u64,
    pub records: u64,
    pub kms_records: u64,
    pub other_source: u64,
    pub not_usage: u64,
    /// Under `--workload any --event any`.
    pub any: Tally,
    /// Under the default selection.
    pub default: Tally,
}

impl AddAssign for Truth {
    fn add_assign(&mut self, other: Self) {
        self.archives += other.archives;
        self.json_bytes += other.json_bytes;
        self.records += other.records;
        self.kms_records += other.kms_records;
        self.other_source += other.other_source;
        self.not_usage += other.not_usage;
        self.any += other.any;
        self.default += other.default;
    }
}

impl Truth {
    pub fn count(&mut self, expected: &Expected) {
        self.records += 1;
        match expected {
            Expected::OtherSource => self.other_source += 1,
            Expected::NotUsage => {
                self.kms_records += 1;
                self.not_usage += 1;
            }
            Expected::Usage(usage) => {
                self.kms_records += 1;
                self.any.count(usage);
                if !DEFAULT_EVENTS.contains(&usage.row.event_name.as_str()) {
                    self.default.other_event += 1;
                } else if !usage.row.workload.split('+').any(|label| DEFAULT_WORKLOADS.contains(&label)) {
                    self.default.other_workload += 1;
                } else {
                    self.default.count(usage);
                }
            }
        }
    }

    /// The accounting classes and groups of one selection, as truth.json has them.
    pub fn selection_json(&self, tally: &Tally) -> Map<String, Value> {
        let Value::Object(map) = json!({
            "records": self.records,
            "kms_records": self.kms_records,
            "selected": tally.selected,
            "duplicates": tally.duplicates,
            "corrected": tally.corrected,
            "other_copies": tally.other_copies,
            "other_source": self.other_source,
            "other_event": tally.other_event,
            "other_workload": tally.other_workload,
            "not_usage": self.not_usage,
            "conflicts": tally.conflicts,
            "groups": tally.groups_json(),
        }) else {
            unreachable!("the literal is an object")
        };
        map
    }

    /// truth.json: the `any`/`any` selection at the top, the default selection under
    /// `default_selection`.
    pub fn to_json(&self) -> Value {
        let mut map = self.selection_json(&self.any);
        map.insert("archives".into(), self.archives.into());
        map.insert("json_bytes".into(), self.json_bytes.into());
        map.insert("default_selection".into(), Value::Object(self.selection_json(&self.default)));
        Value::Object(map)
    }
}

fn group_json(row: &Row, measures: &Measures) -> Value {
    let (first, last) =
        (measures.first.clone().unwrap_or_default(), measures.last.clone().unwrap_or_default());
    json!({
        "key_arn": row.key_arn,
        "key_id": row.key_id,
        "key_account_id": row.key_account_id,
        "key_region": row.key_region,
        "key_family": row.key_id.as_deref().filter(|id| id.starts_with("mrk-")),
        "principal": row.principal,
        "principal_type": row.principal_type,
        "principal_account_id": row.principal_account_id,
        "workload": row.workload,
        "event_name": row.event_name,
        "outcome": row.outcome,
        "error_code": row.error_code,
        "region": row.region,
        "recipient_account_id": row.recipient_account_id,
        "invoked_by": row.invoked_by,
        "cross_account": row.cross_account,
        "denied_action": row.denied_action,
        "denied_by": row.denied_by,
        "event_count": measures.events,
        "session_count": measures.sessions.len(),
        "source_ip_count": measures.source_ips.len(),
        "first_event_time": time_text(first.0),
        "last_event_time": time_text(last.0),
        "first_event_id": first.1,
        "last_event_id": last.1,
        "distinct_exact": measures.sessions.len() <= 1024 && measures.source_ips.len() <= 1024,
    })
}

/// `2023-03-17T18:02:06Z`
pub fn time_text(seconds: i64) -> String {
    chrono::DateTime::from_timestamp(seconds, 0)
        .expect("generated times lie within chrono's range")
        .format("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}
