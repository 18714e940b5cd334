//! Adds up the access review from rows of `access.parquet`, `grants.parquet` and
//! `policy_statements.parquet`: those of a run, or of a report that is read back.

use std::collections::{BTreeMap, BTreeSet};

use super::cell::{Cell, EncodedRow};
use super::read::{FinishedReport, ReadError};
use super::table::column_position;
use super::tables::{
    ACCESS, AccessTable, GRANTS, GrantsTable, POLICY_STATEMENTS, PolicyStatementsTable, ReviewRow,
};
use crate::model::{Arn, EventTime};

/// Positions of columns of `access.parquet`.
mod access {
    use super::{ACCESS, column_position};
    pub(super) const KEY: usize = column_position(ACCESS, "key_arn");
    pub(super) const PRINCIPAL: usize = column_position(ACCESS, "principal");
    pub(super) const API: usize = column_position(ACCESS, "event_name");
    pub(super) const WORKLOADS: usize = column_position(ACCESS, "workloads");
    pub(super) const OUTCOME: usize = column_position(ACCESS, "outcome");
    pub(super) const RECORDS: usize = column_position(ACCESS, "record_count");
    pub(super) const FIRST: usize = column_position(ACCESS, "first_event_time");
    pub(super) const LAST: usize = column_position(ACCESS, "last_event_time");
}

/// Positions of columns of `grants.parquet`.
mod grants {
    use super::{GRANTS, column_position};
    pub(super) const KEY: usize = column_position(GRANTS, "key_arn");
    pub(super) const GRANTEE: usize = column_position(GRANTS, "grantee");
    pub(super) const STATE: usize = column_position(GRANTS, "state");
    pub(super) const OPERATIONS: usize = column_position(GRANTS, "operations");
}

/// Positions of columns of `policy_statements.parquet`.
mod policies {
    use super::{POLICY_STATEMENTS, column_position};
    pub(super) const KEY: usize = column_position(POLICY_STATEMENTS, "key_arn");
    pub(super) const FROM: usize = column_position(POLICY_STATEMENTS, "policy_from");
    pub(super) const UNTIL: usize = column_position(POLICY_STATEMENTS, "policy_until");
    pub(super) const PRINCIPAL: usize = column_position(POLICY_STATEMENTS, "principal");
    pub(super) const PERMISSION: usize = column_position(POLICY_STATEMENTS, "permission");
    pub(super) const STATUS: usize = column_position(POLICY_STATEMENTS, "status");
}

/// An access review that is being added up. The order of rows does not matter.
#[derive(Debug, Default)]
pub struct Review {
    /// By key and principal.
    sheets: BTreeMap<(String, Option<String>), Sheet>,
    /// By key: the times of changes, and the states that they leave.
    states: BTreeMap<String, BTreeMap<EventTime, BTreeSet<&'static str>>>,
    /// By key: when the policy in force at the end was set.
    policies: BTreeMap<String, EventTime>,
    /// Bytes of all names above.
    bytes: usize,
}

#[derive(Debug, Default)]
struct Sheet {
    used: u64,
    refused: u64,
    failed: u64,
    times: Option<(EventTime, EventTime)>,
    apis: BTreeSet<String>,
    workloads: BTreeSet<String>,
    refused_apis: BTreeSet<String>,
    open_grants: u64,
    granted: BTreeSet<String>,
    allowed_unused: BTreeSet<String>,
}

impl Sheet {
    /// Adds a name to one of its sets. Returns the bytes that it takes.
    fn add(set: &mut BTreeSet<String>, name: &str) -> usize {
        if !name.is_empty() && set.insert(name.to_owned()) { name.len() } else { 0 }
    }

    fn add_all(set: &mut BTreeSet<String>, names: &str) -> usize {
        names.split(',').map(|name| Self::add(set, name)).sum()
    }
}

impl Review {
    /// The review of a report: of the keys that are wanted.
    ///
    /// # Errors
    /// When a table cannot be read, or has more than can be kept.
    pub fn of_report(report: &FinishedReport, is_wanted: impl Fn(&str) -> bool) -> Result<Self, ReadError> {
        let (mut review, kept) = (Self::default(), report.kept());
        let mut add = |row: EncodedRow<'_>, key: usize, add: fn(&mut Self, EncodedRow<'_>)| {
            let before = review.bytes;
            if row.text_at(key).is_some_and(&is_wanted) {
                add(&mut review, row);
            }
            if review.bytes > before {
                kept.add(review.bytes - before);
            }
        };
        let columns = {
            use access::{API, FIRST, KEY, LAST, OUTCOME, PRINCIPAL, RECORDS, WORKLOADS};
            [KEY, PRINCIPAL, API, WORKLOADS, OUTCOME, RECORDS, FIRST, LAST]
        };
        report.read_kept::<AccessTable>(&columns, &kept, |row| add(row, access::KEY, Self::access))?;
        let columns = [grants::KEY, grants::GRANTEE, grants::STATE, grants::OPERATIONS];
        report.read_kept::<GrantsTable>(&columns, &kept, |row| add(row, grants::KEY, Self::grant))?;
        let columns = {
            use policies::{FROM, KEY, PERMISSION, PRINCIPAL, STATUS, UNTIL};
            [KEY, FROM, UNTIL, PRINCIPAL, PERMISSION, STATUS]
        };
        report.read_kept::<PolicyStatementsTable>(&columns, &kept, |row| {
            add(row, policies::KEY, Self::policy);
        })?;
        Ok(review)
    }

    /// The sheet of a key and a principal.
    fn sheet(&mut self, key: &str, principal: &str) -> (&mut Sheet, &mut usize) {
        let sheet = self.sheets.entry((key.to_owned(), Some(principal.to_owned()))).or_insert_with(|| {
            self.bytes += key.len() + principal.len();
            Sheet::default()
        });
        (sheet, &mut self.bytes)
    }

    /// Adds a row of `access.parquet`. Rows without a key are left out.
    pub fn access(&mut self, row: EncodedRow<'_>) {
        let (Some(key), Some(principal)) = (row.text_at(access::KEY), row.text_at(access::PRINCIPAL)) else {
            return;
        };
        let cells: Vec<Cell<'_>> = row.cells().collect();
        let time = |position: usize| match cells.get(position) {
            Some(Cell::Time(time)) => *time,
            _ => EventTime(0),
        };
        let records = match cells.get(access::RECORDS) {
            Some(Cell::Int(records)) => u64::try_from(*records).unwrap_or_default(),
            _ => 0,
        };
        let api = row.text_at(access::API).unwrap_or_default();
        let (first, last) = (time(access::FIRST), time(access::LAST));
        let (sheet, bytes) = self.sheet(key, principal);
        // Reports of earlier versions have none.
        let workloads = row.text_at(access::WORKLOADS).unwrap_or_default();
        *bytes += Sheet::add_all(&mut sheet.workloads, workloads);
        match row.text_at(access::OUTCOME) {
            Some("success") => {
                sheet.used += records;
                *bytes += Sheet::add(&mut sheet.apis, api);
                let (from, to) = sheet.times.unwrap_or((first, last));
                sheet.times = Some((from.min(first), to.max(last)));
                if let Some(state) = state_after(api) {
                    self.bytes += key.len();
                    self.states.entry(key.to_owned()).or_default().entry(last).or_default().insert(state);
                }
            }
            Some("denied") => {
                sheet.refused += records;
                *bytes += Sheet::add(&mut sheet.refused_apis, api);
            }
            _ => sheet.failed += records,
        }
    }

    /// Adds a row of `grants.parquet`. Only open grants with a grantee matter.
    pub fn grant(&mut self, row: EncodedRow<'_>) {
        let (Some(key), Some(grantee)) = (row.text_at(grants::KEY), row.text_at(grants::GRANTEE)) else {
            return;
        };
        if row.text_at(grants::STATE) != Some("open") {
            return;
        }
        let (sheet, bytes) = self.sheet(key, grantee);
        sheet.open_grants += 1;
        *bytes += Sheet::add_all(&mut sheet.granted, row.text_at(grants::OPERATIONS).unwrap_or_default());
    }

    /// Adds a row of `policy_statements.parquet`. Only those of the policy in force at the end
    /// matter.
    pub fn policy(&mut self, row: EncodedRow<'_>) {
        let cells: Vec<Cell<'_>> = row.cells().collect();
        let Some(key) =
            row.text_at(policies::KEY).filter(|_| cells.get(policies::UNTIL) == Some(&Cell::Null))
        else {
            return;
        };
        if let Some(Cell::Time(from)) = cells.get(policies::FROM)
            && self.policies.insert(key.to_owned(), *from).is_none()
        {
            self.bytes += key.len();
        }
        let principal = row.text_at(policies::PRINCIPAL);
        if let Some((principal, permission)) = principal.zip(row.text_at(policies::PERMISSION))
            && row.text_at(policies::STATUS) == Some("allowed_not_used")
        {
            let (sheet, bytes) = self.sheet(key, principal);
            *bytes += Sheet::add(&mut sheet.allowed_unused, permission);
        }
    }

    /// Adds a key that exists, whether anybody used it or not.
    pub fn key(&mut self, arn: &str) {
        let of_key = (arn.to_owned(), None)..;
        if self.sheets.range(of_key).next().is_none_or(|((key, _), _)| key != arn) {
            self.sheets.insert((arn.to_owned(), None), Sheet::default());
        }
    }

    /// The rows, sorted by key and principal. Add all else before.
    pub fn rows(&self) -> impl Iterator<Item = ReviewRow> {
        self.sheets.iter().map(|((key, principal), sheet)| {
            let joined =
                |names: &BTreeSet<String>| names.iter().map(String::as_str).collect::<Vec<_>>().join(",");
            let is_used = |operation: &&String| match operation.as_str() {
                "ReEncryptFrom" | "ReEncryptTo" => sheet.apis.contains("ReEncrypt"),
                operation => sheet.apis.contains(operation),
            };
            let unused = sheet.granted.iter().filter(|operation| !is_used(operation)).cloned().collect();
            let account =
                |name: &String| Some(Arn::parse(name)?.account.to_owned()).filter(|a| !a.is_empty());
            ReviewRow {
                key: key.clone(),
                state: self.state(key),
                account: principal.as_ref().and_then(account),
                principal: principal.clone(),
                used: sheet.used,
                refused: sheet.refused,
                failed: sheet.failed,
                times: sheet.times,
                apis: joined(&sheet.apis),
                workloads: joined(&sheet.workloads),
                refused_apis: joined(&sheet.refused_apis),
                open_grants: sheet.open_grants,
                granted_unused: joined(&unused),
                policy_set: self.policies.get(key).copied(),
                allowed_unused: joined(&sheet.allowed_unused),
            }
        })
    }

    /// What the last change of a key leaves, if there is one only.
    fn state(&self, key: &str) -> Option<&'static str> {
        let (_, states) = self.states.get(key)?.last_key_value()?;
        states.first().copied().filter(|_| states.len() == 1)
    }
}

/// The state of a key after a successful call, if the call changes it.
///
/// Source: [key states](https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html).
fn state_after(api: &str) -> Option<&'static str> {
    Some(match api {
        "EnableKey" => "enabled",
        // The key is disabled after its deletion was cancelled.
        "DisableKey" | "CancelKeyDeletion" => "disabled",
        "ScheduleKeyDeletion" => "pending_deletion",
        "DeleteKey" => "deleted",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_nobody_used_are_added_once() {
        let mut review = Review::default();
        review.sheets.insert(("b".to_owned(), Some("p".to_owned())), Sheet::default());
        ["a", "b", "a", "c"].into_iter().for_each(|key| review.key(key));
        let rows: Vec<_> = review.rows().map(|row| (row.key, row.principal.is_some())).collect();
        assert_eq!(rows, [("a".to_owned(), false), ("b".to_owned(), true), ("c".to_owned(), false)]);
    }

    #[test]
    fn the_last_change_decides_about_the_state() {
        let mut review = Review::default();
        let mut change = |time, state| {
            review
                .states
                .entry("k".to_owned())
                .or_default()
                .entry(EventTime(time))
                .or_default()
                .insert(state);
            review.state("k")
        };
        assert_eq!(change(2, "disabled"), Some("disabled"));
        assert_eq!(change(1, "enabled"), Some("disabled"));
        assert_eq!(change(3, "pending_deletion"), Some("pending_deletion"));
        assert_eq!(change(3, "enabled"), None, "two at one time");
    }
}
