//! What the rules of findings look at, by key.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::aggregate::{
    Access, AccessRow, CallOrigin, Coverage, Grant, GrantLedger, GrantUses, KeyChangeCall, RecordRef, Share,
    ShareLedger, ShareUse, Span, UseSummary, is_use,
};
use crate::audit::gaps::{MissingDays, missing_days};
use crate::audit::policies::PolicyLine;
use crate::audit::trails::{TrailPeriod, TrailState, trail_periods};
use crate::audit::trust::Trust;
use crate::knowledge::Facts;
use crate::model::{Arn, EventTime, Outcome};

/// What findings are made from.
#[derive(Debug, Clone, Copy)]
pub struct FindingContext<'a> {
    /// Who called what.
    pub access: &'a Access,
    /// The grants of the input.
    pub grants: &'a GrantLedger,
    /// The calls that are consistent with them.
    pub grant_uses: &'a GrantUses,
    /// Accounts, Regions and days.
    pub coverage: &'a Coverage,
    /// What records say about other calls.
    pub facts: &'a Facts,
    /// What calls show about key policies.
    pub policies: &'a [PolicyLine<'a>],
    /// What is shared between accounts.
    pub shares: &'a ShareLedger,
    /// Who is trusted.
    pub trust: &'a Trust,
    /// Keys that offline feature stores use.
    pub offline_store_keys: &'a BTreeSet<&'a str>,
    /// `--since`: calls before do not count.
    pub since: Option<EventTime>,
    /// The options that leave out calls of grants, as typed: `--key`, `--principal` …
    pub narrowing: &'a [String],
}

/// The same, by key.
pub(super) struct Calls<'a> {
    pub(super) context: FindingContext<'a>,
    /// All calls, sorted by key.
    pub(super) rows: Vec<AccessRow<'a>>,
    /// The calls with each key. Calls that name no key are not here.
    pub(super) keys: BTreeMap<&'a str, KeyCalls<'a>>,
    /// From where each principal called, sorted.
    pub(super) origins: Vec<(&'a CallOrigin, &'a Span)>,
    /// Days without delivery.
    pub(super) missing: Vec<MissingDays>,
    records: HashMap<&'a str, &'a RecordRef>,
    /// By account, as far as it is known: of what trails lack, the period that ends last.
    last_periods: BTreeMap<Option<&'a str>, TrailPeriod<'a>>,
    end: EventTime,
}

/// The calls with one key.
#[derive(Default)]
pub(super) struct KeyCalls<'a> {
    pub(super) rows: Vec<AccessRow<'a>>,
    /// What changed it, by time.
    pub(super) changes: Vec<&'a KeyChangeCall>,
}

/// One day in milliseconds.
pub(super) const DAY: i64 = 86_400_000;

impl<'a> Calls<'a> {
    pub(super) fn new(context: FindingContext<'a>) -> Self {
        let rows = context.access.calls();
        let mut keys: BTreeMap<&str, KeyCalls<'a>> = BTreeMap::new();
        for row in &rows {
            if let Some(key) = row.group.key.as_deref() {
                keys.entry(key).or_default().rows.push(*row);
            }
        }
        let mut records = HashMap::new();
        for change in context.access.key_changes() {
            if let Some(id) = change.record.event_id.as_deref() {
                records.insert(id, &change.record);
            }
            if let Some(key) = change.key.as_deref() {
                keys.entry(key).or_default().changes.push(change);
            }
        }
        let end = context.access.times().map_or(EventTime(0), |(_, last)| last);
        let missing = missing_days(context.coverage);
        let origins = context.access.origins();
        let last_periods = last_periods(context.facts, end);
        Self { context, rows, keys, origins, missing, records, last_periods, end }
    }

    /// The record of a call that changed a key or a grant.
    pub(super) fn record(&self, event_id: &str) -> Option<&'a RecordRef> {
        self.records.get(event_id).copied()
    }

    /// The grants, and the calls consistent with each.
    pub(super) fn grants(&self) -> impl Iterator<Item = (&'a Grant, UseSummary)> {
        let (ledger, uses) = (self.context.grants, self.context.grant_uses);
        ledger.grants().iter().enumerate().map(move |(n, grant)| (grant, uses.of(ledger, n)))
    }

    /// What is shared.
    pub(super) fn shares(&self) -> impl Iterator<Item = &'a Share> {
        self.context.shares.shares().iter()
    }

    /// Uses by other accounts.
    pub(super) fn share_uses(&self) -> impl Iterator<Item = &'a ShareUse> {
        self.context.shares.uses().iter()
    }

    /// When the records of a key's account and Region end. Other accounts may go on longer.
    pub(super) fn end_of(&self, key: Option<&str>) -> EventTime {
        let scope = key
            .and_then(Arn::parse)
            .and_then(|arn| self.context.coverage.regions.get(arn.account)?.get(arn.region)?.event_times);
        scope.map_or(self.end, |(_, last)| last.min(self.end))
    }

    /// When the records of an account end.
    pub(super) fn end_of_account(&self, account: Option<&str>) -> EventTime {
        let regions = account.and_then(|account| self.context.coverage.regions.get(account));
        let ends = regions.into_iter().flatten().filter_map(|(_, region)| Some(region.event_times?.1));
        ends.max().map_or(self.end, |last| last.min(self.end))
    }

    /// The time from which on calls count: that time, or the beginning of `--since`.
    pub(super) fn counted_from(&self, time: EventTime) -> EventTime {
        self.context.since.map_or(time, |since| since.max(time))
    }

    /// Why records cannot show that a key was not used since a time, or ever; `None`: they can, as
    /// far as is known.
    pub(super) fn not_recorded(&self, key: &str, since: Option<EventTime>) -> Option<String> {
        let Arn { account, region, .. } = Arn::parse(key)?;
        let regions = self.context.coverage.regions.get(account);
        if regions.is_none_or(|regions| !regions.contains_key(region)) {
            return Some(format!("The input has no records of {account} {region}, where the key is."));
        }
        let is_later = |period: &&TrailPeriod<'_>| {
            period.until.is_none_or(|end| since.is_none_or(|since| end.by.time >= since))
        };
        let periods = [None, Some(account)].map(|account| self.last_periods.get(&account));
        let period = periods.into_iter().flatten().find(is_later)?;
        let what = match period.state {
            TrailState::NotLogging => "recorded nothing",
            _ => "left KMS out",
        };
        Some(format!(
            "The trail {} {what} in that time, and no record says what others have.",
            period.from.trail
        ))
    }

    /// Why it is not known which calls fit the grants; `None`: it is.
    pub(super) fn narrowed(&self) -> Option<String> {
        let options = self.context.narrowing;
        (!options.is_empty())
            .then(|| format!("{} leaves out calls that may have used it.", options.join(" and ")))
    }
}

impl<'a> KeyCalls<'a> {
    /// The calls that used it.
    pub(super) fn uses(&self) -> impl Iterator<Item = &AccessRow<'a>> {
        self.rows.iter().filter(|row| is_success(row) && is_use(&row.group.event_name))
    }

    /// The calls of one principal.
    pub(super) fn of(&self, principal: &str) -> &[AccessRow<'a>] {
        let start = self.rows.partition_point(|row| &*row.group.principal < principal);
        let end = self.rows.partition_point(|row| &*row.group.principal <= principal);
        self.rows.get(start..end).unwrap_or_default()
    }

    /// The last of these changes.
    pub(super) fn last_of(&self, names: &[&str]) -> Option<&'a KeyChangeCall> {
        self.changes.iter().rev().copied().find(|change| names.contains(&&*change.event_name))
    }
}

pub(super) fn is_success(row: &AccessRow<'_>) -> bool {
    row.group.outcome == Outcome::Success
}

/// Whether a principal is an AWS service under its own identity, or not known.
pub(super) fn is_service(principal: &str) -> bool {
    principal.ends_with(".amazonaws.com")
        || principal.ends_with(".amazonaws.com.cn")
        || ["unknown", "AWS Internal"].contains(&principal)
}

/// The end of a name that people use: what follows the last `/` or `:`.
pub(super) fn short(name: &str) -> &str {
    name.rsplit(['/', ':']).next().unwrap_or(name)
}

/// Whole days between two times.
pub(super) fn days(from: EventTime, until: EventTime) -> i64 {
    until.0.saturating_sub(from.0) / DAY
}

/// `2025-06-01`
pub(super) fn date(time: EventTime) -> String {
    time.to_rfc3339().chars().take(10).collect()
}

/// By account, the period that ends last, of those that begin before a time.
fn last_periods(facts: &Facts, end: EventTime) -> BTreeMap<Option<&str>, TrailPeriod<'_>> {
    let mut last: BTreeMap<Option<&str>, TrailPeriod<'_>> = BTreeMap::new();
    let end_of = |period: &TrailPeriod<'_>| period.until.map_or(EventTime(i64::MAX), |until| until.by.time);
    for period in trail_periods(&facts.trails).into_iter().filter(|period| period.from.by.time <= end) {
        let known = last.entry(period.from.by.account_id.as_deref()).or_insert(period);
        if end_of(&period) > end_of(known) {
            *known = period;
        }
    }
    last
}
