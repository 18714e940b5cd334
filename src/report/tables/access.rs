//! `access.parquet`: who called which API with which key, whatever was asked for.

use crate::aggregate::{AccessRow, RecordRef};
use crate::model::{Arn, Workload, WorkloadSet};
use crate::report::cell::Cell;
use crate::report::table::table;

/// The part of the key's ARN.
fn of_key<'a>(row: &AccessRow<'a>, part: fn(Arn<'a>) -> &'a str) -> Cell<'a> {
    let key: Option<&'a str> = row.group.key.as_deref();
    Cell::optional_text(key.and_then(Arn::parse).map(part))
}

/// Labels joined with commas. Where one call has several, it is not known which of them is right.
fn labels(workloads: WorkloadSet) -> String {
    workloads.iter().map(Workload::as_str).collect::<Vec<_>>().join(",")
}

fn id(record: &RecordRef) -> Cell<'_> {
    Cell::optional_text(record.event_id.as_deref())
}

fn archive(record: &RecordRef) -> Cell<'_> {
    Cell::text(&record.archive)
}

table! {
    /// `access.parquet`: one row per key, principal, API and result, sorted by them.
    ACCESS: AccessTable("access") of AccessRow<'a>;

    "key_arn": Text or null,
        "ARN of the key, or its id or alias where the records give no more. Null: they name no key.",
        |r| Cell::optional_text(r.group.key.as_deref());
    "key_account_id": Text or null,
        "Account that owns the key.",
        |r| of_key(r, |arn| arn.account);
    "key_region": Text or null,
        "Region of the key.",
        |r| of_key(r, |arn| arn.region);
    "principal": Text,
        "Who called, as `principal` of events.",
        |r| Cell::text(&r.group.principal);
    "principal_account_id": Text or null,
        "Account in the principal's name. Null: an AWS service, or not known.",
        |r| Cell::optional_text(r.principal_account());
    "event_name": Text,
        "KMS API.",
        |r| Cell::text(&r.group.event_name);
    "outcome": Text,
        "How the calls ended, as `outcome` of events.",
        |r| Cell::text(r.group.outcome.as_str());
    "error_code": Text or null,
        "Error code, without `KMS.` and `Exception`. Null: none.",
        |r| Cell::optional_text(r.group.error_code.as_deref());
    "record_count": Int,
        "Records, not calls: a call that was delivered twice, or to two accounts, counts twice. A \
        ReEncrypt is in two rows, one for each of its keys.",
        |r| Cell::count(r.span.records);
    "first_event_time": Time,
        "`eventTime` of the first record.",
        |r| Cell::Time(r.span.first.time);
    "last_event_time": Time,
        "`eventTime` of the last record.",
        |r| Cell::Time(r.span.last.time);
    "first_event_id": Text or null,
        "`eventID` of the first record. Of several at that time, the smallest.",
        |r| id(&r.span.first);
    "first_archive": Text,
        "URI of the archive that has it.",
        |r| archive(&r.span.first);
    "first_record_offset": Int,
        "Byte offset of that record in the decompressed archive, or its row in a table.",
        |r| Cell::count(r.span.first.offset);
    "last_event_id": Text or null,
        "`eventID` of the last record. Of several at that time, the smallest.",
        |r| id(&r.span.last);
    "last_archive": Text,
        "URI of the archive that has it.",
        |r| archive(&r.span.last);
    "last_record_offset": Int,
        "Byte offset of that record in the decompressed archive, or its row in a table.",
        |r| Cell::count(r.span.last.offset);
    "workloads": Text or null,
        "What the calls are for: labels as in `workload` of events, of all calls, selected or not; \
        joined with commas, sorted.",
        |r| Cell::Text(labels(r.workloads).into());
}
