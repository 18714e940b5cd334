//! `run.json`: what was run over what, what came of it, and how far it can be trusted.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::aggregate::{Counts, Coverage, InputTotals, Status};
use crate::audit::{Caveat, MissingDays, missing_days};
use crate::knowledge::Facts;
use crate::model::{EventTime, LearnedRule, LearnedRuleInfo, TrailChange};

/// Version of the report's form; raised when a change would break a reader.
pub const SCHEMA_VERSION: u32 = 1;

/// The options in force, resolved: relative times have become moments.
#[derive(Debug, Clone, Serialize)]
pub struct Options {
    /// What was named as input.
    pub inputs: Vec<String>,
    /// Labels, or `any`.
    pub workload: Vec<String>,
    /// KMS APIs, or `any`.
    pub event: Vec<String>,
    /// Events at or after.
    pub since: Option<String>,
    /// Events before.
    pub until: Option<String>,
    /// Accounts of the record.
    pub account: Vec<String>,
    /// Regions of the record.
    pub region: Vec<String>,
    /// Patterns on keys.
    pub key: Vec<String>,
    /// Patterns on principals.
    pub principal: Vec<String>,
    /// The user's own rules.
    pub rules: Option<String>,
    /// The user's list of aliases.
    pub aliases: Option<String>,
    /// The input was read for what it teaches first.
    pub learn: bool,
    /// Every copy counted.
    pub keep_duplicates: bool,
    /// Content hashed.
    pub hash: bool,
    /// Limit on decompressed bytes per archive.
    pub max_archive_bytes: u64,
    /// Limit on bytes per record.
    pub max_record_bytes: u64,
    /// Days past `until` whose folders of S3 are listed; null: all folders are.
    pub delivery_slack_days: Option<u16>,
}

/// Everything `run.json` says.
#[derive(Debug, Clone)]
pub struct RunFacts<'a> {
    /// The options in force.
    pub options: &'a Options,
    /// When the run began.
    pub started: EventTime,
    /// When it ended.
    pub ended: EventTime,
    /// The accounting.
    pub counts: &'a Counts,
    /// The inputs.
    pub inputs: &'a InputTotals,
    /// Accounts, regions, days.
    pub coverage: &'a Coverage,
    /// What the inputs have taught.
    pub lessons: &'a Facts,
    /// Of an incremental run, how much earlier ones had done.
    pub shares: Option<Shares>,
    /// What the numbers cannot prove.
    pub caveats: &'a [Caveat],
}

/// How much of an incremental run's work earlier ones had done. Unit: archives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Shares {
    /// Read in this run.
    pub archives_read: u64,
    /// Read by earlier runs, and counted from what they kept.
    pub archives_known: u64,
}

impl Serialize for RunFacts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema_version", &SCHEMA_VERSION)?;
        map.serialize_entry("keytrail_version", env!("CARGO_PKG_VERSION"))?;
        map.serialize_entry("started", &self.started.to_rfc3339())?;
        map.serialize_entry("ended", &self.ended.to_rfc3339())?;
        map.serialize_entry("options", self.options)?;
        map.serialize_entry("totals", &Totals(self.counts))?;
        map.serialize_entry("inputs", &Inputs(self.inputs))?;
        if let Some(shares) = &self.shares {
            map.serialize_entry("incremental", shares)?;
        }
        map.serialize_entry("bytes", &Bytes(self.inputs))?;
        map.serialize_entry("coverage", &CoverageFacts(self.coverage, self.lessons))?;
        map.serialize_entry("learned", &learned(self.lessons))?;
        map.serialize_entry("caveats", &self.caveats.iter().map(CaveatFacts::from).collect::<Vec<_>>())?;
        map.end()
    }
}

struct Totals<'a>(&'a Counts);

impl Serialize for Totals<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("records", &self.0.records)?;
        for (class, n) in self.0.classes() {
            map.serialize_entry(class, &n)?;
        }
        map.serialize_entry("conflicts", &self.0.conflicts)?;
        map.serialize_entry("corrected", &self.0.corrected)?;
        map.end()
    }
}

struct Inputs<'a>(&'a InputTotals);

impl Serialize for Inputs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for status in Status::ALL {
            map.serialize_entry(status.as_str(), &self.0.with(status))?;
        }
        map.end()
    }
}

struct Bytes<'a>(&'a InputTotals);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("compressed", &self.0.compressed_bytes)?;
        map.serialize_entry("content", &self.0.content_bytes)?;
        map.end()
    }
}

#[derive(Serialize)]
struct LearnedFacts {
    rule: &'static str,
    workload: &'static str,
    strength: &'static str,
    /// Distinct roles, paths, buckets, or roles with keys.
    particulars: u64,
    /// Records that taught them.
    records: u64,
}

/// The learned rules in force, each in one line; `keytrail rules` has them one by one.
fn learned(lessons: &Facts) -> Vec<LearnedFacts> {
    let of_rule = |rule: LearnedRule| {
        let (particulars, records) = lessons
            .rules
            .iter()
            .filter(|((r, _), _)| *r == rule)
            .fold((0, 0), |(n, records), (_, basis)| (n + 1, records + basis.records));
        let LearnedRuleInfo { id, workload, strength, .. } = rule.info();
        let (workload, strength) = (workload.as_str(), strength.as_str());
        (particulars > 0).then_some(LearnedFacts { rule: id, workload, strength, particulars, records })
    };
    LearnedRule::ALL.into_iter().filter_map(of_rule).collect()
}

#[derive(Serialize)]
struct TrailFacts<'a> {
    trail: &'a str,
    event_time: String,
    event_name: &'a str,
    event_id: Option<&'a str>,
    account_id: Option<&'a str>,
    region: Option<&'a str>,
}

impl<'a> From<&'a TrailChange> for TrailFacts<'a> {
    fn from(change: &'a TrailChange) -> Self {
        Self {
            trail: &change.trail,
            event_time: change.by.time.to_rfc3339(),
            event_name: &change.by.event_name,
            event_id: change.by.event_id.as_deref(),
            account_id: change.by.account_id.as_deref(),
            region: change.region.as_deref(),
        }
    }
}

struct CoverageFacts<'a>(&'a Coverage, &'a Facts);

#[derive(Serialize)]
struct ScopeFacts<'a> {
    account_id: &'a str,
    region: &'a str,
    archives: u64,
    kms_records: u64,
    first_event_time: Option<String>,
    last_event_time: Option<String>,
    first_delivery_day: Option<String>,
    last_delivery_day: Option<String>,
}

#[derive(Serialize)]
struct Missing {
    account_id: String,
    region: String,
    /// How many.
    count: usize,
    /// The first of them.
    days: Vec<String>,
}

/// Missing days listed per account and region.
const LISTED_DAYS: usize = 366;

impl From<MissingDays> for Missing {
    fn from(missing: MissingDays) -> Self {
        let count = missing.days.len();
        let days = missing.days.iter().take(LISTED_DAYS).map(ToString::to_string).collect();
        Self { account_id: missing.account_id, region: missing.region, count, days }
    }
}

impl Serialize for CoverageFacts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let day = |day: Option<&i32>| {
            day.and_then(|d| chrono::NaiveDate::from_epoch_days(*d)).map(|date| date.to_string())
        };
        let scopes: Vec<ScopeFacts<'_>> = self
            .0
            .iter()
            .map(|(account, region, scope)| ScopeFacts {
                account_id: account,
                region,
                archives: scope.archives,
                kms_records: scope.kms_records,
                first_event_time: scope.event_times.map(|(first, _)| first.to_rfc3339()),
                last_event_time: scope.event_times.map(|(_, last)| last.to_rfc3339()),
                first_delivery_day: day(scope.delivery_days.first()),
                last_delivery_day: day(scope.delivery_days.last()),
            })
            .collect();
        let missing: Vec<Missing> = missing_days(self.0).into_iter().map(Missing::from).collect();
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("scopes", &scopes)?;
        map.serialize_entry("missing_days", &missing)?;
        map.serialize_entry("trails_excluding_kms", &self.0.kms_excluded_by)?;
        let trails: Vec<TrailFacts<'_>> = self.1.trails.iter().map(TrailFacts::from).collect();
        map.serialize_entry("trails_stopped_or_started", &trails)?;
        map.end()
    }
}

#[derive(Serialize)]
struct CaveatFacts<'a> {
    id: &'a str,
    text: &'a str,
}

impl<'a> From<&'a Caveat> for CaveatFacts<'a> {
    fn from(caveat: &'a Caveat) -> Self {
        Self { id: caveat.id, text: &caveat.text }
    }
}
