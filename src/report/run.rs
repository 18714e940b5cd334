//! `run.json`: what was run on which inputs, the result, and how far it can be trusted.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::aggregate::{Counts, Coverage, GrantLedger, InputStatus, InputTotals, RegionCoverage};
use crate::audit::{
    Caveat, FindingStatus, Findings, MissingDays, TrailPeriod, failed_attempts, missing_days,
    names_of_trails_without_kms, trail_periods,
};
use crate::integrity::{FileKind, IntegritySummary};
use crate::knowledge::Facts;
use crate::model::{EventTime, IntegrityStatus, LearnedRule, LearnedRuleInfo, TrailChange, TrailEffect};

/// Version of the report's format. It is raised by a change that would break a reader.
pub const SCHEMA_VERSION: u32 = 1;

/// The options of a run. Relative times are resolved.
#[derive(Debug, Clone, Serialize)]
pub struct RunOptions {
    /// The inputs, as named by the user.
    pub inputs: Vec<String>,
    /// Labels, or `any`.
    pub workload: Vec<String>,
    /// KMS APIs, or `any`.
    pub event: Vec<String>,
    /// Events at or after this time.
    pub since: Option<String>,
    /// Events before this time.
    pub until: Option<String>,
    /// Accounts of the record.
    pub account: Vec<String>,
    /// Regions of the record.
    pub region: Vec<String>,
    /// Patterns on keys.
    pub key: Vec<String>,
    /// Patterns on principals.
    pub principal: Vec<String>,
    /// The file of the user's rules.
    pub rules: Option<String>,
    /// The file of the user's aliases.
    pub aliases: Option<String>,
    /// Facts in the input are used.
    pub learn: bool,
    /// Every delivered copy is counted.
    pub keep_duplicates: bool,
    /// The content of archives is hashed.
    pub hash: bool,
    /// Limit on decompressed bytes per archive.
    pub max_archive_bytes: u64,
    /// Limit on bytes per record.
    pub max_record_bytes: u64,
    /// Days after `until` whose folders in S3 are listed; null: all folders are.
    pub delivery_slack_days: Option<u16>,
    /// Patterns on users behind the principal.
    pub user: Vec<String>,
    /// Patterns on what calls were for.
    pub resource: Vec<String>,
    /// Files of public keys that digests were verified with.
    pub digest_keys: Vec<String>,
    /// Files of signatures of digests.
    pub digest_signatures: Vec<String>,
    /// Whose records may change what others count for: `all` or `verified`.
    pub trust: String,
}

impl RunOptions {
    /// The options that select events by a list of values, with their names.
    pub fn filters(&self) -> [(&'static str, &[String]); 6] {
        [
            ("account", &self.account),
            ("region", &self.region),
            ("key", &self.key),
            ("principal", &self.principal),
            ("user", &self.user),
            ("resource", &self.resource),
        ]
    }

    /// The options that leave out KMS events, as typed. `--workload` and `--event` are not among
    /// them.
    pub fn narrowing(&self) -> Vec<String> {
        let times = [("since", self.since.is_some()), ("until", self.until.is_some())];
        let lists = self.filters().map(|(name, values)| (name, !values.is_empty()));
        let given = times.into_iter().chain(lists).filter(|(_, is_given)| *is_given);
        given.map(|(name, _)| format!("--{name}")).collect()
    }
}

/// The content of `run.json`.
#[derive(Debug, Clone)]
pub struct RunJson<'a> {
    /// The options.
    pub options: &'a RunOptions,
    /// When the run started.
    pub started: EventTime,
    /// When the run ended.
    pub ended: EventTime,
    /// The accounting.
    pub counts: &'a Counts,
    /// The inputs.
    pub inputs: &'a InputTotals,
    /// Accounts, regions and days.
    pub coverage: &'a Coverage,
    /// The grants of the inputs.
    pub grants: &'a GrantLedger,
    /// The facts that the inputs state.
    pub facts: &'a Facts,
    /// For an incremental run: how much of its work earlier runs had done.
    pub incremental: Option<IncrementalSummary>,
    /// What digests say of the inputs.
    pub integrity: &'a IntegritySummary,
    /// What an auditor should look at.
    pub findings: &'a Findings,
    /// What the numbers cannot prove.
    pub caveats: &'a [Caveat],
}

/// How much of an incremental run's work earlier runs had done. Unit: archives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct IncrementalSummary {
    /// Archives that this run read.
    pub archives_read: u64,
    /// Archives that earlier runs read. Their facts come from the checkpoint.
    pub archives_known: u64,
    /// Archives among those read that an earlier run read, too, and that have changed since.
    pub archives_replaced: u64,
    /// KMS events that these had, and that no archive has now.
    pub events_gone: u64,
}

impl Serialize for RunJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema_version", &SCHEMA_VERSION)?;
        map.serialize_entry("keytrail_version", env!("CARGO_PKG_VERSION"))?;
        map.serialize_entry("started", &self.started.to_rfc3339())?;
        map.serialize_entry("ended", &self.ended.to_rfc3339())?;
        map.serialize_entry("options", self.options)?;
        map.serialize_entry("totals", &TotalsJson(self.counts))?;
        map.serialize_entry("inputs", &InputsJson(self.inputs))?;
        if let Some(incremental) = &self.incremental {
            map.serialize_entry("incremental", incremental)?;
        }
        map.serialize_entry("bytes", &BytesJson::from(self.inputs))?;
        map.serialize_entry("coverage", &CoverageJson::new(self.coverage, self.facts))?;
        map.serialize_entry("grants", &GrantsJson::from(self.grants))?;
        map.serialize_entry("learned", &learned_rules(self.facts))?;
        map.serialize_entry("integrity", &IntegrityJson::new(self.integrity))?;
        map.serialize_entry("findings", &FindingsJson::new(self.findings))?;
        let caveats: Vec<CaveatJson<'_>> = self.caveats.iter().map(CaveatJson::from).collect();
        map.serialize_entry("caveats", &caveats)?;
        map.end()
    }
}

/// The grants in numbers.
#[derive(Serialize)]
struct GrantsJson {
    count: usize,
    failed_create_calls: u64,
    dry_run_create_calls: u64,
}

impl From<&GrantLedger> for GrantsJson {
    fn from(ledger: &GrantLedger) -> Self {
        Self {
            count: ledger.grants().len(),
            failed_create_calls: ledger.failed(),
            dry_run_create_calls: ledger.dry_runs(),
        }
    }
}

/// What digests say of the inputs; `integrity.parquet` has the files.
#[derive(Serialize)]
struct IntegrityJson {
    /// To quote.
    summary: String,
    public_keys_given: bool,
    signed_digests: u64,
    from: Option<String>,
    until: Option<String>,
    digests: BTreeMap<&'static str, u64>,
    logs: BTreeMap<&'static str, u64>,
}

impl IntegrityJson {
    /// `None`: there are no digests.
    fn new(integrity: &IntegritySummary) -> Option<Self> {
        let counts = |kind| {
            let counts =
                IntegrityStatus::ALL.iter().map(|status| (status.as_str(), integrity.count(kind, *status)));
            counts.filter(|(_, n)| *n > 0).collect()
        };
        (!integrity.is_empty()).then(|| Self {
            summary: integrity.sentence(),
            public_keys_given: integrity.has_keys,
            signed_digests: integrity.signed_digests,
            from: integrity.signed_period.or(integrity.period).map(|(from, _)| from.to_rfc3339()),
            until: integrity.signed_period.or(integrity.period).map(|(_, until)| until.to_rfc3339()),
            digests: counts(FileKind::Digest),
            logs: counts(FileKind::Log),
        })
    }
}

/// How many findings there are, by status and severity. The findings are in `findings.parquet`.
#[derive(Serialize)]
struct FindingsJson {
    open: BTreeMap<&'static str, u64>,
    undecidable: BTreeMap<&'static str, u64>,
    muted: BTreeMap<&'static str, u64>,
    /// Beyond the number that is kept of one rule.
    left_out: BTreeMap<&'static str, u64>,
}

impl FindingsJson {
    fn new(findings: &Findings) -> Self {
        let count =
            |status| findings.count(status).into_iter().map(|(severity, n)| (severity.as_str(), n)).collect();
        Self {
            open: count(FindingStatus::Open),
            undecidable: count(FindingStatus::Undecidable),
            muted: count(FindingStatus::Muted),
            left_out: findings.left_out.clone(),
        }
    }
}

struct TotalsJson<'a>(&'a Counts);

impl Serialize for TotalsJson<'_> {
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

struct InputsJson<'a>(&'a InputTotals);

impl Serialize for InputsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let count = |status: InputStatus| (status.as_str(), self.0.count(status));
        serializer.collect_map(InputStatus::ALL.map(count))
    }
}

#[derive(Serialize)]
struct BytesJson {
    compressed: u64,
    content: u64,
}

impl From<&InputTotals> for BytesJson {
    fn from(inputs: &InputTotals) -> Self {
        Self { compressed: inputs.compressed_bytes, content: inputs.content_bytes }
    }
}

#[derive(Serialize)]
struct LearnedRuleJson {
    rule: &'static str,
    workload: &'static str,
    strength: &'static str,
    /// Distinct roles, paths, buckets, or roles with keys.
    particulars: u64,
    /// Records that state them.
    records: u64,
}

/// The learned rules in force, one entry per rule. `keytrail rules` lists their particulars.
fn learned_rules(facts: &Facts) -> Vec<LearnedRuleJson> {
    let entry = |rule: LearnedRule| {
        let (particulars, records) = facts
            .rules
            .iter()
            .filter(|((other, _), _)| *other == rule)
            .fold((0, 0), |(n, records), (_, support)| (n + 1, records + support.records));
        let LearnedRuleInfo { id, workload, strength, .. } = rule.info();
        let (workload, strength) = (workload.as_str(), strength.as_str());
        let json = LearnedRuleJson { rule: id, workload, strength, particulars, records };
        (particulars > 0).then_some(json)
    };
    LearnedRule::ALL.into_iter().filter_map(entry).collect()
}

#[derive(Serialize)]
struct CoverageJson<'a> {
    scopes: Vec<RegionJson<'a>>,
    missing_days: Vec<MissingDaysJson>,
    trails_excluding_kms: Vec<&'a str>,
    trails_stopped_or_started: Vec<TrailChangeJson<'a>>,
    trail_periods: Vec<TrailPeriodJson<'a>>,
    failed_trail_changes: Vec<TrailChangeJson<'a>>,
}

impl<'a> CoverageJson<'a> {
    fn new(coverage: &'a Coverage, facts: &'a Facts) -> Self {
        let region = |(account, region, coverage)| RegionJson::new(account, region, coverage);
        Self {
            scopes: coverage.iter().map(region).collect(),
            missing_days: missing_days(coverage).into_iter().map(MissingDaysJson::from).collect(),
            trails_excluding_kms: names_of_trails_without_kms(facts, coverage).into_iter().collect(),
            trails_stopped_or_started: stopped_or_started(facts).map(TrailChangeJson::from).collect(),
            trail_periods: trail_periods(&facts.trails).into_iter().map(TrailPeriodJson::from).collect(),
            failed_trail_changes: failed_attempts(&facts.trails)
                .into_iter()
                .map(TrailChangeJson::from)
                .collect(),
        }
    }
}

#[derive(Serialize)]
struct RegionJson<'a> {
    account_id: &'a str,
    region: &'a str,
    archives: u64,
    kms_records: u64,
    first_event_time: Option<String>,
    last_event_time: Option<String>,
    first_delivery_day: Option<String>,
    last_delivery_day: Option<String>,
}

impl<'a> RegionJson<'a> {
    fn new(account_id: &'a str, region: &'a str, coverage: &RegionCoverage) -> Self {
        let day = |day: Option<&i32>| {
            day.and_then(|d| chrono::NaiveDate::from_epoch_days(*d)).map(|date| date.to_string())
        };
        Self {
            account_id,
            region,
            archives: coverage.archives,
            kms_records: coverage.kms_records,
            first_event_time: coverage.event_times.map(|(first, _)| first.to_rfc3339()),
            last_event_time: coverage.event_times.map(|(_, last)| last.to_rfc3339()),
            first_delivery_day: day(coverage.delivery_days.first()),
            last_delivery_day: day(coverage.delivery_days.last()),
        }
    }
}

#[derive(Serialize)]
struct MissingDaysJson {
    account_id: String,
    region: String,
    /// How many.
    count: u64,
    /// The first of them.
    days: Vec<String>,
}

/// Missing days listed per account and region.
const LISTED_DAYS: usize = 366;

impl From<MissingDays> for MissingDaysJson {
    fn from(missing: MissingDays) -> Self {
        let count = missing.count();
        let days = missing.days().take(LISTED_DAYS).map(|day| day.to_string()).collect();
        Self { account_id: missing.account_id, region: missing.region, count, days }
    }
}

fn stopped_or_started(facts: &Facts) -> impl Iterator<Item = &TrailChange> {
    use TrailEffect::{Deletes, StartsLogging, StopsLogging};
    let done = facts.trails.keys().filter(|change| change.error_code.is_none());
    done.filter(|change| matches!(change.effect, Deletes | StartsLogging | StopsLogging))
}

/// A period in which a trail recorded nothing, or nothing of KMS.
#[derive(Serialize)]
struct TrailPeriodJson<'a> {
    trail: &'a str,
    account_id: Option<&'a str>,
    region: Option<&'a str>,
    state: &'static str,
    from: String,
    by: Option<&'a str>,
    event_name: &'a str,
    event_id: Option<&'a str>,
    until: Option<String>,
    until_by: Option<&'a str>,
    until_event_name: Option<&'a str>,
    until_event_id: Option<&'a str>,
}

impl<'a> From<TrailPeriod<'a>> for TrailPeriodJson<'a> {
    fn from(period: TrailPeriod<'a>) -> Self {
        let (from, until) = (period.from, period.until);
        Self {
            trail: &from.trail,
            account_id: from.by.account_id.as_deref(),
            region: from.region.as_deref(),
            state: period.state.as_str(),
            from: from.by.time.to_rfc3339(),
            by: from.principal.as_deref(),
            event_name: &from.by.event_name,
            event_id: from.by.event_id.as_deref(),
            until: until.map(|end| end.by.time.to_rfc3339()),
            until_by: until.and_then(|end| end.principal.as_deref()),
            until_event_name: until.map(|end| &*end.by.event_name),
            until_event_id: until.and_then(|end| end.by.event_id.as_deref()),
        }
    }
}

#[derive(Serialize)]
struct TrailChangeJson<'a> {
    trail: &'a str,
    event_time: String,
    event_name: &'a str,
    event_id: Option<&'a str>,
    account_id: Option<&'a str>,
    region: Option<&'a str>,
    by: Option<&'a str>,
    error_code: Option<&'a str>,
}

impl<'a> From<&'a TrailChange> for TrailChangeJson<'a> {
    fn from(change: &'a TrailChange) -> Self {
        Self {
            trail: &change.trail,
            event_time: change.by.time.to_rfc3339(),
            event_name: &change.by.event_name,
            event_id: change.by.event_id.as_deref(),
            account_id: change.by.account_id.as_deref(),
            region: change.region.as_deref(),
            by: change.principal.as_deref(),
            error_code: change.error_code.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct CaveatJson<'a> {
    id: &'a str,
    text: &'a str,
}

impl<'a> From<&'a Caveat> for CaveatJson<'a> {
    fn from(caveat: &'a Caveat) -> Self {
        Self { id: caveat.id, text: &caveat.text }
    }
}
