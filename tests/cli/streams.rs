//! `events`: every format on standard output, and readers who stop reading.

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use testkit::{
    ANY, analyze, assert_rows, batch_rows, decrypt, document, ended, keytrail, names, root, rows, run,
};

use crate::{PARTS, SAMPLE, events, text};

/// The columns of the contract, written down a second time.
const COLUMNS: &str = "event_time event_id shared_event_id request_id event_name region recipient_account_id principal \
    principal_type principal_account_id source_account_id session_name access_key_id invoked_by source_ip user_agent key_arn \
    key_id key_account_id key_region key_family key_origin key_alias destination_key_arn workload workload_strength \
    workload_rules outcome error_code error_message denied_action denied_by encryption_context s3_bucket s3_object_key grant_id \
    grantee_principal retiring_principal grant_operations read_only vpc_endpoint_id tls_version omitted_fields archive \
    record_offset cross_account source_identity on_behalf_of user_name web_identity \
    service resource grant_constraints grant_name integrity";

/// Text that callers choose, as a hostile one would.
const HOSTILE: [&str; 8] = [
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "plain, with \"quotes\"\r\nand a line break",
    "\u{1b}[31mred\u{1b}]0;title\u{7}\u{9b}2J",
    "",
];

pub fn hostile_archive() -> tempfile::TempDir {
    let records: Vec<Value> = (1..)
        .zip(HOSTILE)
        .map(|(n, text)| {
            let mut record = decrypt(n);
            record["userIdentity"] = json!({
                "type": "AssumedRole",
                "principalId": format!("AROAEXAMPLE:{text}"),
                "arn": format!("arn:aws:sts::111122223333:assumed-role/GeoRole/{text}"),
                "accountId": "111122223333",
            });
            record["userAgent"] = text.into();
            record["sourceIPAddress"] = text.into();
            record["eventName"] = if text.is_empty() { "Decrypt".into() } else { text.into() };
            record
        })
        .collect();
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("hostile.json"), document(&records)).unwrap();
    dir
}

fn lines(ndjson: &[u8]) -> Vec<Value> {
    text(ndjson).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn ndjson_has_the_columns_in_their_order_and_the_values_of_the_report() {
    let columns: Vec<&str> = COLUMNS.split_whitespace().collect();
    assert_eq!(columns, keytrail::report::EVENTS.iter().map(|c| c.name).collect::<Vec<_>>());
    let out = events(&[&["--format", "ndjson", "sample-logs"][..], &ANY].concat());
    for line in text(&out).lines() {
        let mut rest = line.strip_prefix('{').unwrap();
        for column in &columns {
            let key = format!("\"{column}\":");
            let at = rest.find(&key).unwrap_or_else(|| panic!("no {column} in its place: {line}"));
            assert!(at == 0 || rest[..at].ends_with(','), "{line}");
            rest = &rest[at + key.len()..];
        }
        assert_eq!(serde_json::from_str::<Value>(line).unwrap().as_object().unwrap().len(), columns.len());
    }
    let report = analyze(&[&["sample-logs"][..], &ANY].concat());
    // A copy that waited for a better one comes late in a stream.
    let mut ours = lines(&out);
    ours.sort_by_key(|row| (row["archive"].as_str().unwrap().to_owned(), row["record_offset"].as_i64()));
    assert_rows("ndjson", &ours, &report.events());
    assert!(ours.len() > 200);
}

#[test]
fn a_pipe_gets_ndjson_unless_told_otherwise() {
    assert_eq!(text(&events(&["sample-logs"])), text(&events(&["sample-logs", "--format", "ndjson"])));
    assert_eq!(lines(&events(&["sample-logs"])).len(), 74);
}

#[test]
fn csv_has_the_columns_and_no_formulas() {
    let dir = hostile_archive();
    let any = ["--workload", "any", "--event", "any", "hostile.json"];
    let of = |format: &str| {
        let ran = run(keytrail().current_dir(dir.path()).args(["events", "--format", format]).args(any));
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        ran.stdout
    };
    let table = of("csv");
    let mut reader = csv::Reader::from_reader(&table[..]);
    assert_eq!(reader.headers().unwrap(), COLUMNS.split_whitespace().collect::<Vec<_>>());
    let columns: Vec<&str> = COLUMNS.split_whitespace().collect();
    let expected = lines(&of("ndjson"));
    let mut guarded = 0;
    let cells: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(cells.len(), HOSTILE.len());
    for (cells, row) in cells.iter().zip(&expected) {
        for (cell, column) in cells.iter().zip(&columns) {
            let value = match &row[column] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            if row[column].is_string() && value.starts_with(['=', '+', '-', '@', '\t', '\r']) {
                // A tab or a line break begins a new cell for some.
                let value = value.replace("\t=", "\t'=").replace("\r=", "\r'=");
                assert_eq!(cell, format!("'{value}"));
                guarded += 1;
            } else {
                assert_eq!(cell, value);
            }
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{column}: {cell}");
        }
    }
    // Session name, user agent, source address and event name of five events.
    assert_eq!(guarded, 4 * 5);
    let session = columns.iter().position(|c| *c == "session_name").unwrap();
    assert_eq!(&cells[0][session], "'=cmd|' /C calc'!A0");
}

#[test]
fn parquet_and_arrow_hold_what_ndjson_does() {
    let hostile = hostile_archive();
    let hostile = hostile.path().join("hostile.json");
    for source in ["sample-logs", hostile.to_str().unwrap()] {
        let expected = lines(&events(&[&["--format", "ndjson", source][..], &ANY].concat()));
        assert!(!expected.is_empty());

        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("events.parquet");
        fs::write(&file, events(&[&["--format", "parquet", source][..], &ANY].concat())).unwrap();
        assert_rows("parquet", &rows(&file), &expected);

        let stream = events(&[&["--format", "arrow", source][..], &ANY].concat());
        let reader = arrow_ipc::reader::StreamReader::try_new(&stream[..], None).unwrap();
        let fields: Vec<String> = reader.schema().fields().iter().map(|f| f.name().clone()).collect();
        assert_eq!(fields, COLUMNS.split_whitespace().collect::<Vec<_>>());
        let arrow: Vec<Value> = reader.flat_map(|batch| batch_rows(&batch.unwrap())).collect();
        assert_rows("arrow", &arrow, &expected);
    }
}

/// Also when there is nothing to write: a reader needs the columns.
#[test]
fn formats_without_events_still_have_their_columns() {
    let none = ["sample-logs", "--since", "2030-01-01"];
    assert_eq!(events(&none), b"");
    let header = events(&[&none[..], &["--format", "csv"]].concat());
    assert_eq!(text(&header).trim_end(), COLUMNS.split_whitespace().collect::<Vec<_>>().join(","));
    let stream = events(&[&none[..], &["--format", "arrow"]].concat());
    let mut reader = arrow_ipc::reader::StreamReader::try_new(&stream[..], None).unwrap();
    assert_eq!(reader.schema().fields().len(), COLUMNS.split_whitespace().count());
    assert!(reader.next().is_none());
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("none.parquet");
    fs::write(&file, events(&[&none[..], &["--format", "parquet"]].concat())).unwrap();
    assert_eq!(rows(&file), Vec::<Value>::new());
}

#[test]
fn the_table_passes_on_no_control_characters() {
    let dir = hostile_archive();
    for args in [["events", "--format", "table"], ["analyze", "-o", "report"]] {
        let ran = run(keytrail().current_dir(dir.path()).args(args).args(ANY).arg("hostile.json"));
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        let shown = text(&ran.stdout).to_owned() + &ran.stderr;
        let steering: Vec<char> = shown.chars().filter(|c| c.is_control() && *c != '\n').collect();
        assert!(steering.is_empty(), "{shown:?}");
        assert!(args[0] == "analyze" || shown.contains("[31mred"), "{shown}");
    }
}

/// The reader of a pipe may stop when it has seen enough: that is no failure, and nothing to talk
/// about.
#[test]
fn a_broken_pipe_is_no_failure() {
    for format in ["ndjson", "csv", "table", "arrow", "parquet"] {
        let mut command = keytrail();
        // Quiet: what fits into the pipe is written before it breaks, and then the notes follow.
        command.current_dir(root()).args(["events", "-q", "--format", format, "sample-logs"]).args(ANY);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        out.read_exact(&mut [0]).unwrap();
        drop(out);
        assert_eq!(ended(&mut child), 0, "{format}");
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(stderr, "", "{format}");
    }
    for args in [&["--help"][..], &["man"], &["completions", "bash"]] {
        let script = "\"$0\" \"$@\" | true; echo ${PIPESTATUS[0]}";
        let program = keytrail();
        let ran = run(Command::new("bash").args(["-c", script]).arg(program.get_program()).args(args));
        assert_eq!((text(&ran.stdout), &*ran.stderr), ("0\n", ""), "{args:?}");
    }
}

/// Nobody reads the summary, but the report is there.
#[test]
fn a_broken_pipe_on_standard_error_does_not_lose_the_report() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = keytrail();
    command.current_dir(dir.path()).args(["analyze", "-o", "report", SAMPLE]).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(ended(&mut child), 0);
    assert_eq!(names(&dir.path().join("report")), PARTS);
}
