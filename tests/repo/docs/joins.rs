//! The SQL of the documents, run by DuckDB on a report.

use std::process::Command;

use regex::Regex;
use testkit::{Report, analyze, python, skip};

use super::{read, root};

/// What DuckDB prints for a Python script, run in the directory of the report.
fn duckdb(report: &Report, script: &str) -> Option<String> {
    let there = Command::new(python()).args(["-c", "import duckdb"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        skip("the SQL of the documents, by DuckDB", format!("{} has none", python().display()));
        return None;
    }
    let path = report.path();
    let mut command = Command::new(python());
    command.current_dir(path.parent().unwrap()).args([
        "-c",
        script,
        path.file_name().unwrap().to_str().unwrap(),
    ]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Each row of a day meets the total of its group once, and days add up to totals.
#[test]
fn the_safe_join_counts_nothing_twice() {
    let logs = root().join("sample-logs");
    let report = analyze(&["--workload", "any", "--event", "any", logs.to_str().unwrap()]);
    let schema = read("docs/report-schema.md");
    let example = Regex::new(r"(?s)```sql\n(WITH totals.*?);\n```").unwrap();
    let sql = &example.captures(&schema).expect("the join stands in report-schema.md")[1];
    let sql = sql.replace("'report/", "'REPORT/");
    // The join with all its columns, to see which groups its rows belong to.
    let columns = sql.replacen(
        "SELECT d.day, d.key_arn, d.principal, d.event_count, t.calls",
        "SELECT d.*, t.calls",
        1,
    );
    assert_ne!(columns, sql);
    let script = format!(
        r#"
import sys, duckdb
report = sys.argv[1]
sql, columns = [text.replace("REPORT", report) for text in ("""{sql}""", """{columns}""")]
one = lambda query: duckdb.sql(query).fetchall()[0]
print("rows", one(f"SELECT count(*) FROM ({{sql}})")[0], one(f"SELECT count(*) FROM '{{report}}/usage_daily.parquet'")[0])
print("events", one(f"SELECT sum(event_count) FROM ({{sql}})")[0], one(f"SELECT sum(event_count) FROM '{{report}}/usage.parquet'")[0])
names = "key_arn, key_id, key_account_id, key_region, principal, workload, event_name, outcome, region, recipient_account_id"
groups = f"SELECT {{names}}, sum(event_count) AS days, calls FROM ({{columns}}) GROUP BY ALL"
print("groups", one(f"SELECT count(*) FROM ({{groups}}) WHERE days <> calls")[0])
print("calls", one(f"SELECT sum(calls) FROM ({{groups}})")[0])
"#
    );
    let Some(printed) = duckdb(&report, &script) else { return };
    let found: Vec<Vec<&str>> = printed.lines().map(|line| line.split(' ').collect()).collect();
    assert_eq!((found[0][1], found[1][1]), (found[0][2], found[1][2]), "{printed}");
    assert_eq!(found[2], ["groups", "0"], "{printed}");
    assert_eq!(found[3][1], found[1][1], "{printed}");
    assert_ne!(found[0][1], "0");
}
