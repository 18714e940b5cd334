//! The report as others read it: pyarrow and DuckDB, which share no code with the writer, must find
//! the types of the contract and the same rows that we find.
//!
//! They come from PyPI. `KEYTRAIL_PYTHON` names a Python that has them (otherwise `python3`);
//! without them the test says so and passes, unless `KEYTRAIL_REQUIRE_ALL` is set.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use testkit::{ANY, Report, analyze, analyze_in, assert_rows, corpus, python, root, skip, sorted};

/// Name, type, `?` for nullable; in the contract's order. Columns may be added to the tables, none
/// may change.
const USAGE: &str = "key_arn string? key_id string? key_account_id string? key_region string? principal string principal_type string \
    principal_account_id string? workload string event_name string outcome string error_code string? region string \
    recipient_account_id string? invoked_by string? cross_account bool? event_count int64 session_count int64 source_ip_count int64 \
    first_event_time time last_event_time time first_event_id string? last_event_id string? distinct_exact bool";
const DAILY: &str = "day date key_arn string? principal string workload string event_name string outcome string event_count int64";
const EVENTS: &str = "event_time time event_id string? shared_event_id string? request_id string? event_name string region string \
    recipient_account_id string? principal string principal_type string principal_account_id string? session_name string? \
    access_key_id string? invoked_by string? source_ip string? user_agent string? key_arn string? key_id string? key_account_id string? \
    key_region string? key_origin string key_alias string? destination_key_arn string? workload string workload_strength string \
    workload_rules string outcome string error_code string? error_message string? encryption_context string? s3_bucket string? \
    s3_object_key string? grant_id string? grantee_principal string? retiring_principal string? grant_operations string? read_only bool? \
    vpc_endpoint_id string? tls_version string? archive string record_offset int64";
const REJECTS: &str = "archive string record_offset int64? record_index int64? reason string detail string";
const INPUTS: &str = "archive string status string reason string? shape string compressed_bytes int64 content_bytes int64 \
    content_sha256 string? account_id string? region string? delivered_time time? records int64 selected int64 duplicate int64 \
    other_copy int64 other_source int64 other_event int64 other_workload int64 filtered int64 not_usage int64 rejected int64";

const SUPERSEDED: &str = "class string superseded_by string? event_time time event_id string? shared_event_id string? request_id string? \
    event_name string region string recipient_account_id string? principal string key_arn string? archive string record_offset int64";

const GRANTS: &str = "grant_id string? key_arn string? key_account_id string? key_region string? state string \
    grantee_principal string? grantee string? retiring_principal string? retiring string? operations string? \
    constraints string? grant_name string? created_time time? created_by string? created_through string? \
    created_event_id string? repeated_calls int64 ended_time time? ended_by string? ended_through string? \
    ended_event_name string? ended_event_id string? unusable_since time? parent_grant_id string? \
    consistent_use_count int64? ambiguous_use_count int64? undecidable_use_count int64? first_consistent_use time? \
    last_consistent_use time? operations_seen string? operations_not_seen string?";

const ACCESS: &str = "key_arn string? key_account_id string? key_region string? principal string \
    principal_account_id string? event_name string outcome string error_code string? record_count int64 \
    first_event_time time last_event_time time first_event_id string? first_archive string \
    first_record_offset int64 last_event_id string? last_archive string last_record_offset int64";

const POLICY_STATEMENTS: &str = "key_arn string policy_source string policy_file string? policy_from time? \
    policy_until time? policy_set_by string? policy_event_id string? statement int64? sid string? effect string? \
    principal string? permission string? status string detail string? record_count int64 only_by_this_count int64? \
    first_time time? last_time time? event_id string?";
const FINDINGS: &str = "finding_id string rule_id string severity string status string key_arn string? principal string? \
    grant_id string? resource_arn string? title string detail string evidence_count int64 evidence string \
    first_time time? last_time time? remediation string controls string? coverage string?";

const INTEGRITY: &str = "kind string archive string recorded_location string? account_id string? region string? \
    trail string? status string reason string? digest string? start_time time? end_time time? sha256 string? \
    fingerprint string? key_source string?";

const SHARES: &str = "share_arn string? share_name string? made_by string resource_arn string resource_kind string \
    owner_account_id string consumer string consumer_kind string permission string? permission_version string? \
    actions string? allows_external bool? allows_external_by_default bool external bool? feature_set string? \
    state string promotion string? discoverable bool? accessible bool? requested_time time? requested_by string? \
    requested_event_name string? accepted_time time? answered_time time? answered_by string? ended_time time? \
    ended_by string? ended_event_name string? use_count int64 refused_count int64 late_use_count int64 \
    first_use_time time? last_use_time time? note string? evidence string";
const SHARE_USE: &str = "resource_arn string resource_kind string owner_account_id string \
    consumer_account_id string principal string event_name string use_kind string outcome string \
    error_code string? event_count int64 first_event_time time last_event_time time first_event_id string? \
    last_event_id string? key_arn string? share_arn string? visible_share_count int64?";

const TABLES: [(&str, &str); 13] = [
    ("usage", USAGE),
    ("usage_daily", DAILY),
    ("events", EVENTS),
    ("rejects", REJECTS),
    ("inputs", INPUTS),
    ("integrity", INTEGRITY),
    ("superseded", SUPERSEDED),
    ("grants", GRANTS),
    ("access", ACCESS),
    ("policy_statements", POLICY_STATEMENTS),
    ("shares", SHARES),
    ("share_use", SHARE_USE),
    ("findings", FINDINGS),
];

/// A type of the contract as pyarrow, the Parquet footer (physical and logical) and DuckDB call it.
fn names(kind: &str) -> [&'static str; 4] {
    match kind {
        "string" => ["string", "BYTE_ARRAY", "String", "VARCHAR"],
        "int64" => ["int64", "INT64", "None", "BIGINT"],
        "bool" => ["bool", "BOOLEAN", "None", "BOOLEAN"],
        "date" => ["date32[day]", "INT32", "Date", "DATE"],
        "time" => ["timestamp[ms, tz=UTC]", "INT64", "Timestamp", "TIMESTAMP WITH TIME ZONE"],
        other => panic!("no type {other}"),
    }
}

/// The contract's columns: name, type, nullable.
fn contract(table: &str) -> Vec<(&str, &str, bool)> {
    let words: Vec<&str> = table.split_whitespace().collect();
    words.chunks(2).map(|pair| (pair[0], pair[1].trim_end_matches('?'), pair[1].ends_with('?'))).collect()
}

/// What the other readers say of a report; `None` when they are not there and need not be.
fn read(report: &Path) -> Option<Value> {
    let there = Command::new(python()).args(["-c", "import duckdb, pyarrow.parquet"]).output();
    if !there.as_ref().is_ok_and(|output| output.status.success()) {
        let why = match there {
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        skip("the report, by pyarrow and DuckDB", format!("{} has none: {why}", python().display()));
        return None;
    }
    let script = root().join("tests/formats/second_reader.py");
    let output = Command::new(python()).arg(script).arg(report).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn rows(report: &Report, table: &str) -> Vec<Value> {
    match table {
        "usage" => report.usage(),
        "usage_daily" => report.daily(),
        "rejects" => report.rejects(),
        "inputs" => report.inputs(),
        "integrity" => report.integrity(),
        "superseded" => report.superseded(),
        "grants" => report.grants(),
        "access" => report.access(),
        "policy_statements" => report.policy_statements(),
        "shares" => report.shares(),
        "share_use" => report.share_use(),
        "findings" => report.findings(),
        // As the other readers list them: by day.
        _ => sorted(&report.path().join("events"))
            .iter()
            .flat_map(|day| testkit::rows(&day.join("events.parquet")))
            .collect(),
    }
}

fn agrees(report: &Report) -> bool {
    let Some(found) = read(&report.path()) else { return false };
    for (table, columns) in TABLES {
        let ours = rows(report, table);
        let (arrow, duck) = (&found["pyarrow"][table], &found["duckdb"][table]);
        assert_rows(table, arrow["rows"].as_array().unwrap(), &ours);
        types(table, &contract(columns), arrow, duck);
        sums(table, &ours, duck);
    }
    let days: Vec<Value> = sorted(&report.path().join("events"))
        .iter()
        .map(|day| {
            let date = day.file_name().unwrap().to_str().unwrap().strip_prefix("day=").unwrap();
            json!([date, testkit::rows(&day.join("events.parquet")).len()])
        })
        .filter(|day| day[1] != 0) // the file of a report without events
        .collect();
    if let Some(first) = days.first() {
        let events = &found["duckdb"]["events"];
        assert_eq!(events["days"], json!(days));
        assert_eq!(events["in_wrong_day"], 0);
        assert_eq!(events["first_day"], first[1]);
    }
    true
}

fn types(table: &str, columns: &[(&str, &str, bool)], arrow: &Value, duck: &Value) {
    let arrow_columns = arrow["columns"].as_array().unwrap();
    let mut position = 0;
    for (name, kind, nullable) in columns {
        let [in_arrow, physical, logical, in_duck] = names(kind);
        position += arrow_columns[position..]
            .iter()
            .position(|column| column[0] == *name)
            .unwrap_or_else(|| panic!("{table}: no {name} in its place"));
        assert_eq!(arrow_columns[position], json!([name, in_arrow, nullable]), "{table}");
        assert_eq!(duck["columns"][position], json!([name, in_duck]), "{table}");
        for file in arrow["storage"].as_array().unwrap() {
            assert_eq!(file["physical"][position], physical, "{table}.{name}");
            let said = file["logical"][position].as_str().unwrap();
            assert!(said.starts_with(logical), "{table}.{name} is {said}");
            if *kind == "time" {
                assert!(
                    said.contains("isAdjustedToUTC=true") && said.contains("timeUnit=milliseconds"),
                    "{said}"
                );
            }
        }
        position += 1;
    }
    for column in arrow_columns {
        let name = column[0].as_str().unwrap();
        let snake = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        assert!(snake, "{table}.{name}");
    }
    let mut seen = duck["columns"].as_array().unwrap().clone();
    if table == "events" {
        // The path is the only place of the day.
        assert_eq!(seen.pop().unwrap(), json!(["day", "DATE"]));
        assert!(arrow_columns.iter().all(|column| column[0] != "day"));
    }
    assert_eq!(seen.len(), arrow_columns.len(), "{table}");
    for file in arrow["storage"].as_array().unwrap() {
        let creator = file["created_by"].as_str().unwrap();
        assert!(creator.starts_with("parquet-rs version"), "{table}: created by {creator}");
        assert_eq!(file["nested"], false, "{table}");
        if file["rows"] != 0 {
            assert_eq!(file["codecs"], json!(["ZSTD"]), "{table}");
            assert_eq!(file["all_statistics"], true, "{table}");
        }
    }
}

fn sums(table: &str, ours: &[Value], duck: &Value) {
    assert_eq!(duck["count"], ours.len(), "{table}");
    let ms = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis();
    for column in duck["columns"].as_array().unwrap() {
        let (name, kind) = (column[0].as_str().unwrap(), column[1].as_str().unwrap());
        if table == "events" && name == "day" {
            continue;
        }
        let cells: Vec<&Value> = ours.iter().map(|row| &row[name]).filter(|cell| !cell.is_null()).collect();
        let distinct: BTreeSet<String> = cells.iter().map(ToString::to_string).collect();
        assert_eq!(duck["nulls"][name], ours.len() - cells.len(), "{table}.{name}");
        assert_eq!(duck["distinct"][name], distinct.len(), "{table}.{name}");
        let sum: Option<i64> = match kind {
            "BIGINT" => Some(cells.iter().map(|cell| cell.as_i64().unwrap()).sum()),
            "BOOLEAN" => Some(cells.iter().map(|cell| i64::from(cell.as_bool().unwrap())).sum()),
            "TIMESTAMP WITH TIME ZONE" => Some(cells.iter().map(|cell| ms(cell.as_str().unwrap())).sum()),
            _ => None,
        };
        assert_eq!(duck["sums"][name].as_i64(), sum, "{table}.{name}");
    }
}

#[test]
fn the_sample_logs_read_the_same_elsewhere() {
    let report = analyze(&[&["sample-logs", "--hash"][..], &ANY].concat());
    if agrees(&report) {
        assert_eq!(report.events().len(), 366);
    }
}

#[test]
fn generated_archives_read_the_same_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let truth = corpus::archive::Corpus::sized(11, 4.0, 256, 0.5).write(dir.path()).unwrap().to_json();
    let report = analyze_in(dir.path(), &[&["AWSLogs"][..], &ANY].concat());
    if agrees(&report) {
        let total: i64 = report.usage().iter().map(|row| row["event_count"].as_i64().unwrap()).sum();
        assert_eq!(truth["selected"], total);
    }
}

/// Rejects, skips and offsets that are null.
#[test]
fn damaged_inputs_read_the_same_elsewhere() {
    let report = analyze(&[&["tests/data/damaged"][..], &ANY].concat());
    if agrees(&report) {
        assert!(report.rejects().len() > 10);
    }
}

/// Files without rows still have their columns.
#[test]
fn an_empty_report_reads_the_same_elsewhere() {
    let report = analyze(&["sample-logs", "--since", "2030-01-01"]);
    if agrees(&report) {
        assert!(report.usage().is_empty());
    }
}
