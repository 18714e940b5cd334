//! What `keytrail summary` prints: how much each caller, key or address did.

use crate::model::EventTime;
use crate::report::cell::Cell;
use crate::report::table::table;

/// The events with one value of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TotalRow {
    /// The value; `None`: the events have none.
    pub value: Option<String>,
    /// Of the oldest event.
    pub first_time: EventTime,
    /// Of the newest event.
    pub last_time: EventTime,
    /// Events.
    pub calls: u64,
    /// Events that were refused.
    pub denied: u64,
    /// Events that failed for another reason.
    pub failed: u64,
    /// Different keys; `None`: too many to count.
    pub keys: Option<u64>,
    /// Different callers.
    pub principals: Option<u64>,
    /// Different addresses.
    pub source_ips: Option<u64>,
    /// APIs, sorted, joined with commas.
    pub apis: String,
}

fn count(n: Option<u64>) -> Cell<'static> {
    n.map_or(Cell::Null, Cell::count)
}

table! {
    /// What `keytrail summary` prints: one row per value of what `--by` names, those with the most
    /// calls first.
    TOTALS: TotalsTable("summary") of TotalRow;

    "value": Text or null,
        "The caller, access key, address, key, resource or user, as in the column of \
        `events.parquet` that `--by` names. Null: the events have none.",
        |r| Cell::optional_text(r.value.as_deref());
    "call_count": Int,
        "Events.",
        |r| Cell::count(r.calls);
    "denied_count": Int,
        "Events whose `outcome` is `denied`.",
        |r| Cell::count(r.denied);
    "failed_count": Int,
        "Events that failed for another reason.",
        |r| Cell::count(r.failed);
    "first_time": Time,
        "`event_time` of the oldest event.",
        |r| Cell::Time(r.first_time);
    "last_time": Time,
        "`event_time` of the newest event.",
        |r| Cell::Time(r.last_time);
    "key_count": Int or null,
        "Different keys. Null: more than can be counted in bounded memory.",
        |r| count(r.keys);
    "source_ip_count": Int or null,
        "Different values of `source_ip`. Null as for `key_count`.",
        |r| count(r.source_ips);
    "principal_count": Int or null,
        "Different callers. Null as for `key_count`.",
        |r| count(r.principals);
    "event_names": Text,
        "KMS APIs that were called, sorted, joined with commas.",
        |r| Cell::text(&r.apis);
}
