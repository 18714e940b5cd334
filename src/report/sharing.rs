//! Answers questions about what is shared, from rows of `shares.parquet`, `share_use.parquet` and
//! `policy_statements.parquet`: those of a run, or of a report that is read back.

use std::collections::{BTreeMap, BTreeSet};

use super::cell::{Cell, EncodedRow};
use super::read::{FinishedReport, ReadError};
use super::store_access::{StoreAccess, StoreCall};
use super::table::column_position;
use super::tables::{
    POLICY_STATEMENTS, PolicyStatementsTable, SHARE_USE, SHARES, ShareUseTable, SharesTable, SharingRow,
};
use crate::audit::Trust;
use crate::model::{Arn, EventTime, counted};

/// Positions of columns of `shares.parquet`.
mod shares {
    use super::{SHARES, column_position};
    pub(super) const SHARE: usize = column_position(SHARES, "share_arn");
    pub(super) const RESOURCE: usize = column_position(SHARES, "resource_arn");
    pub(super) const KIND: usize = column_position(SHARES, "resource_kind");
    pub(super) const OWNER: usize = column_position(SHARES, "owner_account_id");
    pub(super) const CONSUMER: usize = column_position(SHARES, "consumer");
    pub(super) const CONSUMER_KIND: usize = column_position(SHARES, "consumer_kind");
    pub(super) const PERMISSION: usize = column_position(SHARES, "permission");
    pub(super) const ACTIONS: usize = column_position(SHARES, "actions");
    pub(super) const EXTERNAL: usize = column_position(SHARES, "external");
    pub(super) const STATE: usize = column_position(SHARES, "state");
    pub(super) const REQUESTED: usize = column_position(SHARES, "requested_time");
    pub(super) const BY: usize = column_position(SHARES, "requested_by");
    pub(super) const USES: usize = column_position(SHARES, "use_count");
    pub(super) const LATE_USES: usize = column_position(SHARES, "late_use_count");
    pub(super) const LAST_USE: usize = column_position(SHARES, "last_use_time");
    pub(super) const NOTE: usize = column_position(SHARES, "note");
    pub(super) const MADE_BY: usize = column_position(SHARES, "made_by");
}

/// Positions of columns of `share_use.parquet`.
mod uses {
    use super::{SHARE_USE, column_position};
    pub(super) const RESOURCE: usize = column_position(SHARE_USE, "resource_arn");
    pub(super) const KIND: usize = column_position(SHARE_USE, "resource_kind");
    pub(super) const OWNER: usize = column_position(SHARE_USE, "owner_account_id");
    pub(super) const CONSUMER: usize = column_position(SHARE_USE, "consumer_account_id");
    pub(super) const PRINCIPAL: usize = column_position(SHARE_USE, "principal");
    pub(super) const API: usize = column_position(SHARE_USE, "event_name");
    pub(super) const OUTCOME: usize = column_position(SHARE_USE, "outcome");
    pub(super) const CODE: usize = column_position(SHARE_USE, "error_code");
    pub(super) const COUNT: usize = column_position(SHARE_USE, "event_count");
    pub(super) const FIRST: usize = column_position(SHARE_USE, "first_event_time");
    pub(super) const LAST: usize = column_position(SHARE_USE, "last_event_time");
    pub(super) const KEY: usize = column_position(SHARE_USE, "key_arn");
    pub(super) const SHARE: usize = column_position(SHARE_USE, "share_arn");
    pub(super) const VISIBLE: usize = column_position(SHARE_USE, "visible_share_count");
}

/// Positions of columns of `policy_statements.parquet`.
mod policies {
    use super::{POLICY_STATEMENTS, column_position};
    pub(super) const KEY: usize = column_position(POLICY_STATEMENTS, "key_arn");
    pub(super) const UNTIL: usize = column_position(POLICY_STATEMENTS, "policy_until");
    pub(super) const EFFECT: usize = column_position(POLICY_STATEMENTS, "effect");
    pub(super) const PRINCIPAL: usize = column_position(POLICY_STATEMENTS, "principal");
    pub(super) const PERMISSION: usize = column_position(POLICY_STATEMENTS, "permission");
}

/// The questions, in the order in which they are answered, with their headings.
pub const SHARING_QUESTIONS: [(&str, &str); 6] = [
    ("shared", "What is shared with whom"),
    ("used", "Who uses it"),
    ("refused", "What was refused or failed"),
    ("never_used", "What was never used"),
    ("unexplained", "What is used without a visible share"),
    ("stores", "What writers and readers of offline stores need, and what is seen of it"),
];

/// Answers that are being collected.
#[derive(Debug, Default)]
pub struct Sharing {
    trust: Trust,
    rows: Vec<SharingRow>,
    stores: StoreAccess,
    /// Accounts with their Regions: owners of what is shared, and consumers.
    places: BTreeMap<String, BTreeSet<String>>,
    /// Owners of shares, with the Regions of what they share.
    owners: BTreeSet<(String, String)>,
}

fn number(cell: Option<&Cell<'_>>) -> u64 {
    match cell {
        Some(Cell::Int(number)) => number.unsigned_abs(),
        _ => 0,
    }
}

fn time(cell: Option<&Cell<'_>>) -> Option<EventTime> {
    match cell {
        Some(Cell::Time(time)) => Some(*time),
        _ => None,
    }
}

fn flag(cell: Option<&Cell<'_>>) -> Option<bool> {
    match cell {
        Some(Cell::Bool(flag)) => Some(*flag),
        _ => None,
    }
}

/// Kinds of resources whose uses can be seen.
const SEEN: [&str; 10] = [
    "pipeline",
    "model_package_group",
    "feature_group",
    "offline_store",
    "key",
    "model_card",
    "hub",
    "endpoint",
    "lineage_group",
    "sagemaker_catalog",
];

/// Why a use may be without a visible share.
const NO_ARCHIVE: &str =
    "no record of KMS and no archive of the owner's account in this Region: its shares are not seen";

impl Sharing {
    /// No answers yet.
    pub fn new(trust: Trust) -> Self {
        Self { trust, ..Self::default() }
    }

    /// The answers of a report, which [`finish`](Self::finish) completes.
    ///
    /// # Errors
    /// When a table cannot be read, or has more than can be kept.
    pub fn of_report(report: &FinishedReport, trust: Trust) -> Result<Self, ReadError> {
        let (mut sharing, kept) = (Self::new(trust), report.kept());
        report.read_kept::<SharesTable>(&Vec::from_iter(0..SHARES.len()), &kept, |row| {
            // An answer that it was never used may stand beside it.
            kept.add(2 * row.bytes().len());
            sharing.share(row);
        })?;
        report.read_kept::<ShareUseTable>(&Vec::from_iter(0..SHARE_USE.len()), &kept, |row| {
            kept.add(row.bytes().len());
            sharing.used(row);
        })?;
        use policies::{EFFECT, KEY, PERMISSION, PRINCIPAL, UNTIL};
        let columns = [KEY, UNTIL, EFFECT, PRINCIPAL, PERMISSION];
        report.read_kept::<PolicyStatementsTable>(&columns, &kept, |row| {
            kept.add(row.bytes().len());
            sharing.policy(row);
        })?;
        Ok(sharing)
    }

    fn place(&mut self, account: &str, resource: &str) {
        let is_account = !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit());
        if let (true, Some(arn)) = (is_account, Arn::parse(resource)) {
            self.places.entry(account.to_owned()).or_default().insert(arn.region.to_owned());
        }
    }

    /// Adds a row of `shares.parquet`.
    pub fn share(&mut self, row: EncodedRow<'_>) {
        let cells: Vec<Cell<'_>> = row.cells().collect();
        let text = |position| row.text_at(position).unwrap_or_default().to_owned();
        let own = |position| row.text_at(position).map(str::to_owned);
        let (consumer, owner) = (text(shares::CONSUMER), text(shares::OWNER));
        let kind = text(shares::CONSUMER_KIND);
        let outside = self.trust.is_outside(&consumer, &kind, &owner);
        let permission =
            own(shares::PERMISSION).map(|arn| arn.rsplit('/').next().unwrap_or_default().to_owned());
        let made = SharingRow {
            question: "shared",
            resource: text(shares::RESOURCE),
            kind: text(shares::KIND),
            principal: own(shares::BY),
            outside: outside.or_else(|| flag(cells.get(shares::EXTERNAL))),
            what: permission.or_else(|| own(shares::ACTIONS)),
            state: text(shares::STATE),
            count: number(cells.get(shares::USES)),
            first: time(cells.get(shares::REQUESTED)),
            last: time(cells.get(shares::LAST_USE)),
            share: own(shares::SHARE),
            key: None,
            note: own(shares::NOTE),
            owner,
            consumer,
        };
        let is_open = ["requested", "invited", "accepted", "effective"].contains(&&*made.state);
        match (&*made.kind, row.text_at(shares::MADE_BY)) {
            ("offline_store", _) if is_open => {
                self.stores.lets_in(&made.resource, &made.owner, &made.consumer)
            }
            ("key", Some("ram")) if is_open => self.stores.key_of_ram(&made.resource),
            _ => {}
        }
        self.place(&made.owner, &made.resource);
        if let Some(arn) = Arn::parse(&made.resource) {
            self.owners.insert((made.owner.clone(), arn.region.to_owned()));
        }
        if kind == "account" {
            self.place(&made.consumer, &made.resource);
        }
        // Whoever declined had nothing to use.
        if (is_open || made.state == "ended") && made.count == 0 && SEEN.contains(&&*made.kind) {
            let late = number(cells.get(shares::LATE_USES));
            let late = (late > 0).then(|| format!("only after its end: {}", counted(late, "call")));
            let notes: Vec<String> = late.into_iter().chain(made.note.clone()).collect();
            let note = (!notes.is_empty()).then(|| notes.join("; "));
            self.rows.push(SharingRow { question: "never_used", note, ..made.clone() });
        }
        self.rows.push(made);
    }

    /// Adds a row of `share_use.parquet`.
    pub fn used(&mut self, row: EncodedRow<'_>) {
        let cells: Vec<Cell<'_>> = row.cells().collect();
        let text = |position| row.text_at(position).unwrap_or_default().to_owned();
        let own = |position| row.text_at(position).map(str::to_owned);
        let (consumer, owner) = (text(uses::CONSUMER), text(uses::OWNER));
        let is_success = row.text_at(uses::OUTCOME) == Some("success");
        let made = SharingRow {
            question: if is_success { "used" } else { "refused" },
            resource: text(uses::RESOURCE),
            kind: text(uses::KIND),
            principal: own(uses::PRINCIPAL),
            outside: self.trust.is_outside(&consumer, "account", &owner),
            what: own(uses::API),
            state: own(uses::CODE).unwrap_or_else(|| text(uses::OUTCOME)),
            count: number(cells.get(uses::COUNT)),
            first: time(cells.get(uses::FIRST)),
            last: time(cells.get(uses::LAST)),
            share: own(uses::SHARE),
            key: own(uses::KEY),
            note: None,
            owner,
            consumer,
        };
        if let ("offline_store", Some(key), Some((first, last))) =
            (&*made.kind, &made.key, made.first.zip(made.last))
        {
            self.stores.called(&StoreCall {
                store: &made.resource,
                owner: &made.owner,
                account: &made.consumer,
                principal: made.principal.as_deref().unwrap_or_default(),
                api: made.what.as_deref().unwrap_or_default(),
                outcome: row.text_at(uses::OUTCOME).unwrap_or_default(),
                count: made.count,
                times: (first, last),
                key,
            });
        }
        self.place(&made.owner, &made.resource);
        self.place(&made.consumer, &made.resource);
        if is_success && matches!(cells.get(uses::VISIBLE), Some(Cell::Int(0))) {
            self.rows.push(SharingRow { question: "unexplained", ..made.clone() });
        }
        self.rows.push(made);
    }

    /// Adds a row of `policy_statements.parquet`. Only those of the policy in force at the end
    /// matter.
    pub fn policy(&mut self, row: EncodedRow<'_>) {
        let is_last = row.cells().nth(policies::UNTIL) == Some(Cell::Null);
        if let (Some(key), Some(effect), true) =
            (row.text_at(policies::KEY), row.text_at(policies::EFFECT), is_last)
        {
            let (principal, permission) =
                (row.text_at(policies::PRINCIPAL), row.text_at(policies::PERMISSION));
            self.stores.statement(key, effect, principal, permission);
        }
    }

    /// Answers what needs all rows, and says where records are missing, as `has_records(account,
    /// Region)` says. Call it once all rows have been added.
    pub fn finish(&mut self, has_records: impl Fn(&str, &str) -> bool) {
        for row in self.rows.iter_mut().filter(|row| row.question == "unexplained") {
            let region = Arn::parse(&row.resource).map_or("", |arn| arn.region);
            let is_seen = self.owners.contains(&(row.owner.clone(), region.to_owned()));
            if !is_seen && !has_records(&row.owner, region) {
                row.note = Some(NO_ARCHIVE.to_owned());
            }
        }
        let trust = &self.trust;
        let with_trust = |row: SharingRow| SharingRow {
            outside: trust.is_outside(&row.consumer, "account", &row.owner),
            ..row
        };
        self.rows.extend(self.stores.rows("stores").into_iter().map(with_trust));
    }

    /// The answers to a question, in the order in which they were added.
    pub fn answers(&self, question: &str) -> impl Iterator<Item = &SharingRow> {
        self.rows.iter().filter(move |row| row.question == question)
    }

    /// Accounts and Regions of owners and consumers that are not in the input, as
    /// `has_records(account, Region)` says.
    pub fn missing(&self, has_records: impl Fn(&str, &str) -> bool) -> Vec<String> {
        let places = self.places.iter().flat_map(|(account, regions)| {
            regions.iter().map(move |region| (account.as_str(), region.as_str()))
        });
        let missing = places.filter(|(account, region)| !has_records(account, region));
        missing.map(|(account, region)| format!("{account} {region}")).collect()
    }
}
