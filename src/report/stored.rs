//! Findings of a finished report, read back.

use std::fs::File;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMillisecondType};
use arrow_array::{Array, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use thiserror::Error;

use crate::audit::{Finding, FindingStatus, finding_rule};
use crate::model::EventTime;

/// Why a report's findings cannot be read back.
#[derive(Debug, Error)]
#[error("{file}")]
pub struct StoredError {
    file: String,
    #[source]
    source: StoredProblem,
}

#[derive(Debug, Error)]
enum StoredProblem {
    #[error("cannot be opened")]
    Open(#[source] std::io::Error),
    #[error("not a Parquet file of keytrail")]
    Parquet(#[source] parquet::errors::ParquetError),
    #[error("damaged")]
    Arrow(#[source] arrow_schema::ArrowError),
    #[error("column {0} is missing or of another type")]
    Column(&'static str),
    #[error("rule {0:?} is not known to this version")]
    Rule(String),
}

/// Whether a directory is a report of keytrail: it has `run.json` and `findings.parquet`.
pub fn is_report(path: &Path) -> bool {
    path.join("run.json").is_file() && path.join("findings.parquet").is_file()
}

/// The findings of the report in a directory.
///
/// # Errors
/// When `findings.parquet` is not there, or not as keytrail writes it.
pub fn stored_findings(report: &Path) -> Result<Vec<Finding>, StoredError> {
    let path = report.join("findings.parquet");
    read(&path).map_err(|source| StoredError { file: path.display().to_string(), source })
}

fn read(path: &Path) -> Result<Vec<Finding>, StoredProblem> {
    let file = File::open(path).map_err(StoredProblem::Open)?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(StoredProblem::Parquet)?;
    let mut findings = Vec::new();
    for batch in reader.build().map_err(StoredProblem::Parquet)? {
        let batch = batch.map_err(StoredProblem::Arrow)?;
        for row in 0..batch.num_rows() {
            findings.push(finding(&batch, row)?);
        }
    }
    Ok(findings)
}

fn finding(batch: &RecordBatch, row: usize) -> Result<Finding, StoredProblem> {
    let optional = |name: &'static str| -> Result<Option<String>, StoredProblem> {
        let column = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        let column = column.ok_or(StoredProblem::Column(name))?;
        Ok(column.is_valid(row).then(|| column.value(row).to_owned()))
    };
    let text = |name| optional(name)?.ok_or(StoredProblem::Column(name));
    let time = |name: &'static str| -> Result<Option<EventTime>, StoredProblem> {
        let column = batch.column_by_name(name);
        let column = column.and_then(|column| column.as_primitive_opt::<TimestampMillisecondType>());
        let column = column.ok_or(StoredProblem::Column(name))?;
        Ok(column.is_valid(row).then(|| EventTime(column.value(row))))
    };
    let count = batch.column_by_name("evidence_count").and_then(|c| c.as_primitive_opt::<Int64Type>());
    let count = count.ok_or(StoredProblem::Column("evidence_count"))?.value(row);
    let status = text("status")?;
    let rule = text("rule_id")?;
    let evidence = text("evidence")?;
    let statuses = [FindingStatus::Open, FindingStatus::Undecidable, FindingStatus::Muted];
    Ok(Finding {
        id: text("finding_id")?,
        rule: finding_rule(&rule).ok_or(StoredProblem::Rule(rule))?,
        status: statuses
            .into_iter()
            .find(|known| known.as_str() == status)
            .ok_or(StoredProblem::Column("status"))?,
        key: optional("key_arn")?,
        principal: optional("principal")?,
        grant: optional("grant_id")?,
        resource: optional("resource_arn")?,
        detail: text("detail")?,
        evidence_count: count.unsigned_abs(),
        evidence: serde_json::from_str(&evidence).map_err(|_| StoredProblem::Column("evidence"))?,
        times: time("first_time")?.zip(time("last_time")?),
        coverage: optional("coverage")?,
        mute: optional("mute")?,
    })
}
