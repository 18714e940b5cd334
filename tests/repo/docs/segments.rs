//! What the documents say about the files of a checkpoint: their columns, and how others read them.

use std::fmt::Write;
use std::process::Command;

use arrow_schema::{DataType, Field, TimeUnit};
use keytrail::checkpoint;
use keytrail::report::EVENTS;
use regex::Regex;
use testkit::{keytrail, python, root, run, skip};

use super::{hold, read};

/// What each column means, but those of `events` that are the same in `events.parquet`.
#[rustfmt::skip]
const MEANINGS: &[(&str, &str)] = &[
    ("archive", "URI of the archive: the file or object that a listing names"),
    ("archive_size", "its stored bytes, where the listing tells"),
    ("archive_etag", "its ETag, in S3"),
    ("archive_modified", "when it was last written"),
    ("uri", "URI of the input: the archive, or a member of it (`archive!/member`)"),
    ("events", "KMS events, in the order of their records"),
    ("events.offset", "byte offset of the record in the decompressed input; for tables, the row"),
    ("events.outcome", "position in the field's metadata `values`"),
    ("events.key_origin", "position in the field's metadata `values`"),
    ("events.denied_by", "position in the field's metadata `values`"),
    ("events.log_delivery", "CloudTrail or another log delivery is the caller"),
    ("events.principal_id", "`userIdentity.principalId`, unchanged"),
    ("events.mfa", "`sessionContext.attributes.mfaAuthenticated`"),
    ("events.source_arn", "`inScopeOf.sourceArn`: the resource for which an AWS service acted"),
    ("events.request_details", "parameters that only conditions of policies ask for, as JSON text, without \
        defaults; `null`: the call failed, and the record shows no parameters"),
    ("events.policy", "`policy` of a `CreateKey`, `PutKeyPolicy` or `ReplicateKey`, unchanged"),
    ("events.corrects", "the event that this one replaces (`addendum.originalEventID`)"),
    ("events.corrects_request_id", "`requestID` of that event (`addendum.originalRequestID`)"),
    ("learned", "facts about calls of other records"),
    ("learned.offset", "as in `events`"),
    ("learned.kind", "what `first` and `second` are: `role`, `role_and_key`, `key`, `path`, \
        `canvas_folder`, `offline_store_folder` (bucket, path), `bucket`, `sessions_on` (a role): what the rule `rule` looks for; `session` (access key, principal \
        id); `alias` (alias, key); `correction` (original event, its correction); `trail` (a trail, \
        who changed it); `key_change` (key, who changed it); `canvas_key` (bucket, path: settings name \
        a key for Canvas's folder there); `share_call` (account of the caller, who called)"),
    ("learned.time", "`eventTime` of the record"),
    ("learned.rule", "id of the learned rule"),
    ("learned.first", "see `kind`"),
    ("learned.second", "see `kind`"),
    ("learned.event_name", "`eventName` of the record"),
    ("learned.event_id", "`eventID` of the record"),
    ("learned.account_id", "account of the record"),
    ("learned.region", "region of the record"),
    ("learned.effect", "of `trail`: what the call does to it, `stops_logging`, `starts_logging`, `deletes`, \
        `excludes_kms` or `includes_kms`; of `share_call`: how it ended, as `outcome` of events"),
    ("learned.error_code", "of `trail` and `share_call`: why the call failed; null: it succeeded"),
    ("learned.request_id", "of `correction`: its `requestID`; of `share_call`: `sharedEventID`"),
    ("learned.original_request_id", "of `correction`: `requestID` of the original event"),
    ("learned.service", "of `key_change`: the AWS service that called for the principal"),
    ("learned.detail", "of `key_change` and `share_call`: what changed, as JSON text; of `canvas_key`: the key"),
    ("rejects", "what could not be read"),
    ("rejects.offset", "`record_offset` of `rejects.parquet`"),
    ("rejects.index", "`record_index` of `rejects.parquet`"),
    ("rejects.reason", "as in `rejects.parquet`"),
    ("rejects.detail", "as in `rejects.parquet`"),
    ("summary", "the input as a whole; null but in its last row"),
    ("summary.reason_kind", "what `reason` is: `rejected` (reason of its first reject), `skipped`, `error` \
        (of the operating system or of S3), `several_gzip_members`"),
    ("summary.is_container", "it is a tar or zip file"),
    ("summary.modified_time", "as in `inputs.parquet`"),
    ("summary.coverage", "what its KMS records and its name cover, per account and region"),
    ("summary.coverage.account_id", "account, or `unknown`"),
    ("summary.coverage.region", "region, or `unknown`"),
    ("summary.coverage.kms_records", "KMS records"),
    ("summary.coverage.first_event_time", "the earliest `eventTime` of them"),
    ("summary.coverage.last_event_time", "the latest `eventTime` of them"),
    ("summary.coverage.archives", "1 if its name says that it belongs here"),
    ("summary.coverage.delivery_days", "days of the folders in its name"),
    ("summary.kms_excluded_by", "empty: resolved from `learned`"),
    ("summary.unattributed", "0: resolved from `events`"),
];

fn type_of(kind: &DataType) -> String {
    match kind {
        DataType::Utf8 => "string".to_owned(),
        DataType::Boolean => "bool".to_owned(),
        DataType::UInt8 => "uint8".to_owned(),
        DataType::UInt64 => "uint64".to_owned(),
        DataType::Date32 => "date32".to_owned(),
        DataType::Timestamp(TimeUnit::Millisecond, Some(zone)) => format!("timestamp[ms, {zone}]"),
        DataType::Struct(_) => "struct".to_owned(),
        DataType::List(item) => format!("list of {}", type_of(item.data_type())),
        other => panic!("no name for {other}"),
    }
}

fn meaning(path: &str) -> String {
    if let Some((_, meaning)) = MEANINGS.iter().find(|(name, _)| *name == path) {
        return (*meaning).to_owned();
    }
    let is_event = |name: &str| EVENTS.iter().any(|column| column.name == name);
    let is_input = |name: &str| keytrail::report::INPUTS.iter().any(|column| column.name == name);
    match path.split_once('.') {
        Some(("events", name)) if is_event(name) => "as in `events.parquet`".to_owned(),
        Some(("summary", name)) if is_input(name) => "as in `inputs.parquet`".to_owned(),
        _ => panic!("{path} is not explained"),
    }
}

fn describe(field: &Field, prefix: &str, text: &mut String) {
    let path = format!("{prefix}{}", field.name());
    let nullable = if field.is_nullable() { "?" } else { "" };
    writeln!(text, "| `{path}` | {}{nullable} | {} |", type_of(field.data_type()), meaning(&path)).unwrap();
    let inner = match field.data_type() {
        DataType::List(item) => item.data_type(),
        other => other,
    };
    if let DataType::Struct(fields) = inner {
        fields.iter().for_each(|field| describe(field, &format!("{path}."), text));
    }
}

#[test]
fn the_columns_of_a_segment_are_documented() {
    let mut text = "| column | type | meaning |\n|---|---|---|\n".to_owned();
    checkpoint::schema().fields().iter().for_each(|field| describe(field, "", &mut text));
    hold("docs/report-schema.md", &[("columns: segment", text)]);
}

/// The example in the documents, run by pyarrow and DuckDB.
#[test]
fn others_read_a_checkpoint() {
    let there = Command::new(python()).args(["-c", "import duckdb, pyarrow.ipc"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        return skip("a checkpoint, by pyarrow and DuckDB", format!("{} has none", python().display()));
    }
    let dir = tempfile::tempdir().unwrap();
    let mut command = keytrail();
    let command = command.current_dir(root()).args(["analyze", "-q", "--incremental", "sample-logs", "-o"]);
    let ran = run(command.arg(dir.path().join("report")));
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let text = read("docs/batch.md");
    let example = Regex::new(r"(?s)<!-- checkpoint: python -->\n\n```python\n(.*?)```").unwrap();
    let example = &example.captures(&text).unwrap()[1];
    let checks = "
names = [row[0] for row in duckdb.sql('SELECT DISTINCT event.event_name FROM (SELECT unnest(events) AS event FROM rows)').fetchall()]
print('names', 'Decrypt' in names, 'archives', len(set(rows['archive'].to_pylist())))
print('records', sum(summary['records'] for summary in rows['summary'].to_pylist() if summary))
";
    let output =
        Command::new(python()).current_dir(dir.path()).args(["-c", &format!("{example}{checks}")]).output();
    let output = output.unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.contains("calls"), "{printed}");
    let json = std::fs::read_to_string(dir.path().join("report/run.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(printed.contains("names True archives 130"), "{printed}");
    assert!(printed.contains(&format!("records {}", json["totals"]["records"])), "{printed}");
}
