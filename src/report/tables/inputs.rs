//! `inputs.parquet`: what became of each input.

use crate::aggregate::InputSummary;
use crate::report::cell::Cell;
use crate::report::table::table;

table! {
    /// `inputs.parquet`: what became of each input.
    INPUTS: InputsTable("inputs") of InputSummary;

    "archive": Text,
        "URI of the input. For a member of a container: the container's URI, `!/` and the member's \
        name.",
        |i| Cell::text(&i.archive);
    "container": Text or null,
        "URI of the tar or zip file that it is a member of. The stored bytes of members are also \
        in their container's row: add them up where this is null.",
        |i| Cell::optional_text(i.container.as_deref());
    "status": Text,
        "`complete`; `partial`: some of its bytes or records could not be read; `unreadable`: none \
        could, or an internal error ended reading it (the `reason` says so; what was found before may \
        count); `skipped`: not a CloudTrail archive.",
        |i| Cell::text(i.status.as_str());
    "reason": Text or null,
        "Partial: the reason of the first reject. Skipped: one of the list below. Unreadable: the \
        operating system's message. `several_gzip_members` on a complete input: it was read whole, \
        but it is several gzip files in one.",
        |i| Cell::optional_text(i.reason.as_ref().map(|r| r.as_str()));
    "shape": Text,
        "The shape of its content: one of the shapes below.",
        |i| Cell::text(&i.shape);
    "compressed_bytes": Int,
        "Stored bytes read.",
        |i| Cell::count(i.compressed_bytes);
    "content_bytes": Int,
        "Decompressed bytes read.",
        |i| Cell::count(i.content_bytes);
    "gzip_members": Int,
        "gzip members in the input; 0: not compressed with gzip.",
        |i| Cell::count(i.gzip_members);
    "content_sha256": Text or null,
        "SHA-256 of the decompressed content, in lower-case hexadecimal. Null without `--hash`, or \
        when it was not read whole.",
        |i| Cell::optional_text(i.content_sha256.as_deref());
    "account_id": Text or null,
        "Account in the input's name. Null: the name is not one of CloudTrail's.",
        |i| Cell::optional_text(i.account_id.as_deref());
    "region": Text or null,
        "Region in the input's name.",
        |i| Cell::optional_text(i.region.as_deref());
    "etag": Text or null,
        "ETag of the object, as S3 returns it. Null: not in S3.",
        |i| Cell::optional_text(i.etag.as_deref());
    "modified_time": Time or null,
        "When the file or object was last written. Null: unknown, as for standard input and \
        members of containers.",
        |i| i.modified.map_or(Cell::Null, Cell::Time);
    "delivered_time": Time or null,
        "Delivery time in the input's name, to the minute.",
        |i| i.delivered.map_or(Cell::Null, Cell::Time);
    "records": Int,
        "Records seen, including unreadable ones.",
        |i| Cell::count(i.counts.records);
    "selected": Int,
        "Events that are in the report.",
        |i| Cell::count(i.counts.selected);
    "duplicate": Int,
        "Repeated deliveries of a selected event, and events that a correction has superseded.",
        |i| Cell::count(i.counts.duplicate);
    "other_copy": Int,
        "Other accounts' copies of selected events.",
        |i| Cell::count(i.counts.other_copy);
    "other_source": Int,
        "Records of other services.",
        |i| Cell::count(i.counts.other_source);
    "other_event": Int,
        "KMS events not in `--event`.",
        |i| Cell::count(i.counts.other_event);
    "other_workload": Int,
        "KMS events not in `--workload`.",
        |i| Cell::count(i.counts.other_workload);
    "filtered": Int,
        "KMS events outside `--since`, `--until`, `--account`, `--region`, `--key`, \
        `--principal`, `--user` or `--resource`.",
        |i| Cell::count(i.counts.filtered);
    "not_usage": Int,
        "Network-activity, insight, aggregated and dry-run records.",
        |i| Cell::count(i.counts.not_usage);
    "rejected": Int,
        "Rows of `rejects.parquet`.",
        |i| Cell::count(i.counts.rejected);
    "conflicts": Int,
        "Selected events that share `eventID` and account with another event but differ from it. \
        Not a class of its own.",
        |i| Cell::count(i.counts.conflicts);
    "corrected": Int,
        "Those of `duplicate` that a correction has superseded (`addendum.reason` is \
        `UPDATED_DATA`). Not a class of its own.",
        |i| Cell::count(i.counts.corrected);
    "integrity": Text or null,
        "What digests say of it: its `status` in `integrity.parquet`. Null: the input has no digests, \
        or it is neither a digest nor a log file.",
        |i| Cell::optional_text(i.integrity.map(|status| status.as_str()));
}
