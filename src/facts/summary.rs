//! The summary of an input as columns.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, ListArray, StringArray, StructArray,
    TimestampMillisecondArray, UInt64Array,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, Fields, TimeUnit};

use super::FactsError;
use super::batch::InputEnd;
use super::columns::{child, list, list_of, span};
use crate::aggregate::{
    Counts, Coverage, InputStatus, InputSummary, RegionCoverage, StatusReason, UnreadReason,
};
use crate::model::{EventTime, RejectReason, SkipReason};

/// How many counts an input has.
const COUNTS: usize = 12;

/// The counts, as in `inputs.parquet`.
const COUNT_NAMES: [&str; COUNTS] = [
    "records",
    "selected",
    "duplicate",
    "other_copy",
    "other_source",
    "other_event",
    "other_workload",
    "filtered",
    "not_usage",
    "rejected",
    "conflicts",
    "corrected",
];

fn counts(counts: &Counts) -> [u64; COUNTS] {
    // Without `..`: a new count does not compile until it has a column.
    let Counts {
        records,
        selected,
        duplicate,
        other_copy,
        other_source,
        other_event,
        other_workload,
        filtered,
        not_usage,
        rejected,
        conflicts,
        corrected,
    } = *counts;
    [
        records,
        selected,
        duplicate,
        other_copy,
        other_source,
        other_event,
        other_workload,
        filtered,
        not_usage,
        rejected,
        conflicts,
        corrected,
    ]
}

fn from_counts(values: [u64; COUNTS]) -> Counts {
    let [
        records,
        selected,
        duplicate,
        other_copy,
        other_source,
        other_event,
        other_workload,
        filtered,
        not_usage,
        rejected,
        conflicts,
        corrected,
    ] = values;
    Counts {
        records,
        selected,
        duplicate,
        other_copy,
        other_source,
        other_event,
        other_workload,
        filtered,
        not_usage,
        rejected,
        conflicts,
        corrected,
    }
}

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

/// The columns. `reason` is one of the rejects' reasons, of the reasons for skipping or an error's
/// text, as `reason_kind` says: `rejected`, `skipped`, `error` or `several_gzip_members`. For
/// `unreadable_wrapping`, `lost_log` and `killed_a_run` it is what was found.
pub(super) fn fields() -> Fields {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    let number = |name: &str| Field::new(name, DataType::UInt64, false);
    let mut fields = vec![
        text("status", false),
        text("reason_kind", true),
        text("reason", true),
        text("shape", false),
        text("container", true),
        Field::new("is_container", DataType::Boolean, false),
        number("compressed_bytes"),
        number("content_bytes"),
        text("content_sha256", true),
        number("gzip_members"),
        text("account_id", true),
        text("region", true),
        Field::new("delivered_time", time(), true),
        text("etag", true),
        Field::new("modified_time", time(), true),
    ];
    fields.extend(COUNT_NAMES.map(number));
    fields.push(Field::new("coverage", list_of(DataType::Struct(coverage_fields())), false));
    fields.push(Field::new("kms_excluded_by", list_of(DataType::Utf8), false));
    fields.push(number("unattributed"));
    fields.into()
}

fn coverage_fields() -> Fields {
    vec![
        Field::new("account_id", DataType::Utf8, false),
        Field::new("region", DataType::Utf8, false),
        Field::new("kms_records", DataType::UInt64, false),
        Field::new("first_event_time", time(), true),
        Field::new("last_event_time", time(), true),
        Field::new("archives", DataType::UInt64, false),
        Field::new("delivery_days", list_of(DataType::Date32), false),
    ]
    .into()
}

fn reason(reason: &StatusReason) -> (&'static str, &str) {
    let kind = match reason {
        StatusReason::Rejected(_) => "rejected",
        StatusReason::Skipped(_) => "skipped",
        StatusReason::Error(_) => "error",
        StatusReason::SeveralMembers => "several_gzip_members",
        StatusReason::Unread { reason, detail } => return (reason.as_str(), detail),
    };
    (kind, reason.as_str())
}

fn times(values: impl Iterator<Item = Option<EventTime>>) -> ArrayRef {
    let times: TimestampMillisecondArray = values.map(|time| time.map(|time| time.0)).collect();
    Arc::new(times.with_timezone("UTC"))
}

/// The Arrow form: null for a stretch without an end.
pub(super) fn to_struct(ends: &[Option<&InputEnd>]) -> Result<StructArray, FactsError> {
    let summaries = || ends.iter().map(|end| end.map(|end| &end.summary));
    let optional = |of: fn(&InputSummary) -> Option<&str>| -> ArrayRef {
        Arc::new(summaries().map(|summary| summary.and_then(of)).collect::<StringArray>())
    };
    let text = |of: fn(&InputSummary) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(summaries().map(|summary| summary.map_or("", of))))
    };
    let number = |of: fn(&InputSummary) -> u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(summaries().map(|summary| summary.map_or(0, of))))
    };
    let is_container = summaries().map(|summary| Some(summary.is_some_and(|summary| summary.is_container)));
    let mut columns = vec![
        text(|summary| summary.status.as_str()),
        optional(|summary| summary.reason.as_ref().map(|r| reason(r).0)),
        optional(|summary| summary.reason.as_ref().map(|r| reason(r).1)),
        text(|summary| &summary.shape),
        optional(|summary| summary.container.as_deref()),
        Arc::new(is_container.collect::<BooleanArray>()),
        number(|summary| summary.compressed_bytes),
        number(|summary| summary.content_bytes),
        optional(|summary| summary.content_sha256.as_deref()),
        number(|summary| summary.gzip_members),
        optional(|summary| summary.account_id.as_deref()),
        optional(|summary| summary.region.as_deref()),
        times(summaries().map(|summary| summary.and_then(|summary| summary.delivered))),
        optional(|summary| summary.etag.as_deref()),
        times(summaries().map(|summary| summary.and_then(|summary| summary.modified))),
    ];
    let all: Vec<[u64; COUNTS]> =
        summaries().map(|summary| summary.map_or([0; COUNTS], |summary| counts(&summary.counts))).collect();
    for at in 0..COUNTS {
        columns.push(Arc::new(UInt64Array::from_iter_values(all.iter().map(|counts| counts[at]))));
    }
    columns.extend(coverage_columns(ends)?);
    let present = NullBuffer::from_iter(ends.iter().map(Option::is_some));
    Ok(StructArray::try_new_with_length(fields(), columns, Some(present), ends.len())?)
}

/// The last three columns.
fn coverage_columns(ends: &[Option<&InputEnd>]) -> Result<[ArrayRef; 3], FactsError> {
    let coverages = || ends.iter().map(|end| end.map(|end| &end.coverage));
    let regions: Vec<(&str, &str, &RegionCoverage)> =
        coverages().flatten().flat_map(|coverage| coverage.iter()).collect();
    let regions = || regions.iter();
    let number = |of: fn(&RegionCoverage) -> u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(regions().map(|(_, _, region)| of(region))))
    };
    let days = regions().flat_map(|(_, _, region)| region.delivery_days.iter().copied());
    let day_lists = regions().map(|(_, _, region)| region.delivery_days.len());
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(regions().map(|(account, _, _)| account))),
        Arc::new(StringArray::from_iter_values(regions().map(|(_, region, _)| region))),
        number(|region| region.kms_records),
        times(regions().map(|(_, _, region)| region.event_times.map(|(first, _)| first))),
        times(regions().map(|(_, _, region)| region.event_times.map(|(_, last)| last))),
        number(|region| region.archives),
        list(day_lists, Arc::new(Date32Array::from_iter_values(days)))?,
    ];
    let rows = StructArray::try_new_with_length(coverage_fields(), columns, None, regions().len())?;
    let lens = coverages().map(|coverage| coverage.map_or(0, |coverage| coverage.iter().count()));
    let trails = coverages().flatten().flat_map(|coverage| &coverage.kms_excluded_by);
    let trail_lists =
        coverages().map(|coverage| coverage.map_or(0, |coverage| coverage.kms_excluded_by.len()));
    let unattributed = coverages().map(|coverage| coverage.map_or(0, |coverage| coverage.unattributed));
    Ok([
        list(lens, Arc::new(rows))?,
        list(trail_lists, Arc::new(StringArray::from_iter_values(trails)))?,
        Arc::new(UInt64Array::from_iter_values(unattributed)),
    ])
}

/// Summaries in an Arrow record batch.
#[derive(Debug)]
pub(super) struct StoredSummaries {
    present: StructArray,
    texts: [StringArray; 9],
    is_container: BooleanArray,
    numbers: [UInt64Array; 4],
    times: [TimestampMillisecondArray; 2],
    counts: [UInt64Array; COUNTS],
    coverage: StoredCoverage,
    trails: (ListArray, StringArray),
}

#[derive(Debug)]
struct StoredCoverage {
    lists: ListArray,
    accounts: StringArray,
    regions: StringArray,
    numbers: [UInt64Array; 2],
    times: [TimestampMillisecondArray; 2],
    days: (ListArray, Date32Array),
}

const TEXTS: [&str; 9] = [
    "status",
    "reason_kind",
    "reason",
    "shape",
    "container",
    "content_sha256",
    "account_id",
    "region",
    "etag",
];

fn children<T: Array + Clone + 'static, const N: usize>(
    of: &StructArray,
    names: [&'static str; N],
) -> Result<[T; N], FactsError> {
    let found = names.iter().map(|name| child::<T>(of, name).cloned()).collect::<Result<Vec<T>, _>>()?;
    found.try_into().map_err(|_| FactsError::Column("summary"))
}

fn values<T: Clone + 'static>(lists: &ListArray, name: &'static str) -> Result<T, FactsError> {
    lists.values().as_any().downcast_ref().cloned().ok_or(FactsError::Column(name))
}

fn text(column: &StringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}

fn event_time(column: &TimestampMillisecondArray, row: usize) -> Option<EventTime> {
    column.is_valid(row).then(|| EventTime(column.value(row)))
}

impl StoredSummaries {
    pub(super) fn new(summaries: &StructArray) -> Result<Self, FactsError> {
        let lists: &ListArray = child(summaries, "coverage")?;
        let rows: StructArray = values(lists, "coverage")?;
        let days: &ListArray = child(&rows, "delivery_days")?;
        let trails: &ListArray = child(summaries, "kms_excluded_by")?;
        Ok(Self {
            texts: children(summaries, TEXTS)?,
            is_container: child::<BooleanArray>(summaries, "is_container")?.clone(),
            numbers: children(
                summaries,
                ["compressed_bytes", "content_bytes", "gzip_members", "unattributed"],
            )?,
            times: children(summaries, ["delivered_time", "modified_time"])?,
            counts: children(summaries, COUNT_NAMES)?,
            coverage: StoredCoverage {
                lists: lists.clone(),
                accounts: child::<StringArray>(&rows, "account_id")?.clone(),
                regions: child::<StringArray>(&rows, "region")?.clone(),
                numbers: children(&rows, ["kms_records", "archives"])?,
                times: children(&rows, ["first_event_time", "last_event_time"])?,
                days: (days.clone(), values(days, "delivery_days")?),
            },
            trails: (trails.clone(), values(trails, "kms_excluded_by")?),
            present: summaries.clone(),
        })
    }

    /// The end of the input `uri`; `None` if this row does not end it.
    pub(super) fn get(&self, row: usize, uri: &Arc<str>) -> Result<Option<Box<InputEnd>>, FactsError> {
        if self.present.is_null(row) {
            return Ok(None);
        }
        let [status, kind, reason, shape, container, sha256, account_id, region, etag] =
            self.texts.each_ref().map(|column| text(column, row));
        let [compressed_bytes, content_bytes, gzip_members, unattributed] =
            self.numbers.each_ref().map(|column| column.value(row));
        let [delivered, modified] = self.times.each_ref().map(|column| event_time(column, row));
        let status = InputStatus::ALL.into_iter().find(|known| Some(known.as_str()) == status);
        let summary = InputSummary {
            archive: uri.clone(),
            container: container.map(Into::into),
            status: status.ok_or(FactsError::Column("status"))?,
            reason: kind.map(|kind| status_reason(kind, reason.unwrap_or_default())).transpose()?,
            shape: shape.unwrap_or_default().to_owned().into(),
            is_container: self.is_container.value(row),
            compressed_bytes,
            content_bytes,
            content_sha256: sha256.map(Into::into),
            gzip_members,
            account_id: account_id.map(Into::into),
            region: region.map(Into::into),
            delivered,
            etag: etag.map(Into::into),
            modified,
            counts: from_counts(self.counts.each_ref().map(|column| column.value(row))),
            integrity: None,
        };
        let mut coverage = Coverage { unattributed, ..self.coverage.get(row) };
        let (lists, trails) = &self.trails;
        coverage.kms_excluded_by.extend(span(lists, row..row + 1).map(|at| trails.value(at).to_owned()));
        Ok(Some(Box::new(InputEnd { summary, coverage })))
    }
}

impl StoredCoverage {
    fn get(&self, row: usize) -> Coverage {
        let mut coverage = Coverage::default();
        for at in span(&self.lists, row..row + 1) {
            let region = coverage.region_mut(Some(self.accounts.value(at)), Some(self.regions.value(at)));
            [region.kms_records, region.archives] = self.numbers.each_ref().map(|column| column.value(at));
            let [first, last] = self.times.each_ref().map(|column| event_time(column, at));
            region.event_times = first.zip(last);
            let (lists, days) = &self.days;
            region.delivery_days.extend(span(lists, at..at + 1).map(|day| days.value(day)));
        }
        coverage
    }
}

fn status_reason(kind: &str, reason: &str) -> Result<StatusReason, FactsError> {
    if let Some(unread) = UnreadReason::ALL.into_iter().find(|unread| unread.as_str() == kind) {
        return Ok(StatusReason::Unread { reason: unread, detail: reason.to_owned() });
    }
    let unknown = FactsError::Column("reason");
    match kind {
        "rejected" => {
            let known = RejectReason::ALL.into_iter().find(|known| known.as_str() == reason);
            known.map(StatusReason::Rejected).ok_or(unknown)
        }
        "skipped" => SkipReason::parse(reason).map(StatusReason::Skipped).ok_or(unknown),
        "error" => Ok(StatusReason::Error(reason.to_owned())),
        "several_gzip_members" => Ok(StatusReason::SeveralMembers),
        _ => Err(unknown),
    }
}
