//! Findings of a finished report, read back.

use super::cell::{Cell, EncodedRow};
use super::read::{FinishedReport, ReadError};
use super::table::column_position;
use super::tables::{FINDINGS, FindingsTable};
use crate::audit::{Finding, FindingStatus, finding_rule};
use crate::model::EventTime;

/// The findings of a report.
///
/// # Errors
/// When its table of findings cannot be read, or has what this version does not know.
pub fn stored_findings(report: &FinishedReport) -> Result<Vec<Finding>, ReadError> {
    let mut findings = Vec::new();
    let mut problem = None;
    let kept = report.kept();
    report.read_kept::<FindingsTable>(&Vec::from_iter(0..FINDINGS.len()), &kept, |row| {
        match finding(row) {
            Ok(finding) => {
                kept.add(row.bytes().len());
                findings.push(finding);
            }
            Err(column) => problem = Some(column),
        }
    })?;
    match problem {
        None => Ok(findings),
        Some(column) => Err(ReadError::Column {
            path: report.table_path::<FindingsTable>(),
            column,
            problem: "has a value that this version does not know".to_owned(),
        }),
    }
}

/// The finding of a row.
///
/// # Errors
/// The column whose value is not known.
fn finding(row: EncodedRow<'_>) -> Result<Finding, &'static str> {
    let cell = |place: usize| row.cells().nth(place).unwrap_or(Cell::Null);
    let optional = |place: usize| row.text_at(place).map(str::to_owned);
    let time = |place: usize| match cell(place) {
        Cell::Time(time) => Some(EventTime(time.0)),
        _ => None,
    };
    const RULE: usize = column_position(FINDINGS, "rule_id");
    const STATUS: usize = column_position(FINDINGS, "status");
    const EVIDENCE: usize = column_position(FINDINGS, "evidence");
    const COUNT: usize = column_position(FINDINGS, "evidence_count");
    let statuses = [FindingStatus::Open, FindingStatus::Undecidable, FindingStatus::Muted];
    let status = row.text_at(STATUS).unwrap_or_default();
    let evidence = row.text_at(EVIDENCE).unwrap_or_default();
    Ok(Finding {
        id: optional(column_position(FINDINGS, "finding_id")).unwrap_or_default(),
        rule: finding_rule(row.text_at(RULE).unwrap_or_default()).ok_or("rule_id")?,
        status: statuses.into_iter().find(|known| known.as_str() == status).ok_or("status")?,
        key: optional(column_position(FINDINGS, "key_arn")),
        principal: optional(column_position(FINDINGS, "principal")),
        grant: optional(column_position(FINDINGS, "grant_id")),
        resource: optional(column_position(FINDINGS, "resource_arn")),
        detail: optional(column_position(FINDINGS, "detail")).unwrap_or_default(),
        evidence_count: match cell(COUNT) {
            Cell::Int(count) => count.unsigned_abs(),
            _ => 0,
        },
        evidence: serde_json::from_str(evidence).map_err(|_| "evidence")?,
        times: time(column_position(FINDINGS, "first_time"))
            .zip(time(column_position(FINDINGS, "last_time"))),
        coverage: optional(column_position(FINDINGS, "coverage")),
        mute: optional(column_position(FINDINGS, "mute")),
    })
}
