//! `docs/views.sql` and `docs/athena.sql`: tables and views of a report for DuckDB and Athena, and
//! what the views answer.

use std::fs;
use std::process::Command;

use keytrail::aggregate::is_use;
use keytrail::model::KMS_APIS;
use keytrail::report::{ColumnType, EXPORTED_TABLES, exported_columns};
use regex::Regex;
use testkit::{analyze, python, skip};

use super::{read, root};

/// A view of a table: all columns of this version, so that a report of another one fails here.
fn view(table: &str) -> String {
    let mut names: Vec<&str> = exported_columns(table).iter().map(|(name, _)| *name).collect();
    let file = if table == "events" {
        names.insert(0, "day");
        "events/*/events.parquet', hive_partitioning = true, hive_types = {'day': DATE}".to_owned()
    } else {
        format!("{table}.parquet'")
    };
    let mut lines = vec![String::new()];
    for name in names {
        let name = if name == "constraints" { "\"constraints\"" } else { name };
        // The last line is never empty.
        let line = lines.last_mut().unwrap();
        if line.len() + name.len() > 94 {
            lines.push(format!("{name}, "));
        } else {
            line.push_str(&format!("{name}, "));
        }
    }
    let names: Vec<String> = lines.iter().map(|line| format!("  {}", line.trim_end())).collect();
    format!(
        "CREATE OR REPLACE VIEW {table} AS\nSELECT\n{}\nFROM read_parquet(getvariable('report') || '/{file});\n",
        names.join("\n").trim_end_matches(','),
    )
}

/// A table of Athena. The file formats are spelled out where a folder has a list of files.
fn external_table(table: &str) -> String {
    let columns: Vec<String> = exported_columns(table)
        .iter()
        .map(|(name, column_type)| format!("  `{name}` {}", athena_type(*column_type)))
        .collect();
    let rest = if table == "events" {
        [
            "PARTITIONED BY (`day` string)",
            "STORED AS PARQUET",
            "LOCATION 's3://example-reports/kms/events/'",
            "TBLPROPERTIES (",
            "  'projection.enabled' = 'true',",
            "  'projection.day.type' = 'date',",
            "  'projection.day.format' = 'yyyy-MM-dd',",
            "  'projection.day.range' = '2014-11-01,NOW',", // KMS is of that month
            "  'projection.day.interval' = '1',",
            "  'projection.day.interval.unit' = 'DAYS',",
            "  'storage.location.template' = 's3://example-reports/kms/events/day=${day}/');",
        ]
        .join("\n")
    } else {
        [
            "ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'",
            "STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'",
            "OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.IgnoreKeyTextOutputFormat'",
            &format!("LOCATION 's3://example-reports/athena/{table}/';"),
        ]
        .join("\n")
    };
    format!("CREATE EXTERNAL TABLE kms_{table} (\n{})\n{rest}\n", columns.join(",\n"))
}

fn athena_type(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Text => "string",
        ColumnType::Int => "bigint",
        ColumnType::Time => "timestamp",
        ColumnType::Bool => "boolean",
        ColumnType::Date => "date",
        other => panic!("which type of Athena is {other:?}?"),
    }
}

/// The part of `docs/views.sql` with views of the views.
fn questions(views: &str) -> &str {
    views.split_once(QUESTIONS).expect("a part with the questions").1
}

const QUESTIONS: &str = "\n-- First questions, in SQL that Athena has, too.\n";

#[test]
fn the_views_have_the_columns_of_the_program() {
    let text = read("docs/views.sql");
    let begin = "-- Tables (generated).\n\n";
    let (head, _) = text.split_once(begin).expect("a part with the tables");
    let expected = EXPORTED_TABLES.map(view).join("\n");
    let written = [head, begin, &expected, QUESTIONS, questions(&text)].concat();
    hold_whole("docs/views.sql", &text, &written);
    // That the files have these columns in these types, `tests/formats/second_reader.rs` holds.
    let report = analyze(&["sample-logs"]);
    for name in EXPORTED_TABLES.iter().filter(|name| **name != "events") {
        assert!(report.path().join(format!("{name}.parquet")).exists(), "{name}");
    }
}

/// Tables from the columns of the program, and the questions of `docs/views.sql`.
#[test]
fn athena_has_the_same_tables_and_views() {
    let name = Regex::new(r"\b(VIEW|FROM) ([a-z_]+)\b").unwrap();
    let views = read("docs/views.sql");
    let views = name.replace_all(questions(&views), "$1 kms_$2");
    let mark = "rewrites it.\n"; // once, in the line about the generated part
    let text = read("docs/athena.sql");
    let (head, _) = text.split_once(mark).expect("a line about what is generated");
    let tables = EXPORTED_TABLES.map(external_table).join("\n");
    let written = format!("{head}{mark}\n{tables}\n-- First questions.\n{views}");
    hold_whole("docs/athena.sql", &text, &written);
}

/// The file must be `expected`. With UPDATE_DOCS it is replaced by it, at once, as others read it.
fn hold_whole(name: &str, text: &str, expected: &str) {
    if std::env::var_os("UPDATE_DOCS").is_none() {
        assert_eq!(text, expected, "UPDATE_DOCS=1 cargo test --test repo docs rewrites {name}");
    } else if text != expected {
        let path = root().join(name);
        fs::write(path.with_extension("new"), expected).unwrap();
        fs::rename(path.with_extension("new"), path).unwrap();
    }
}

/// The names of APIs in `keys_by_last_use` are those that count as use of a key.
#[test]
fn the_views_know_what_a_use_is() {
    let text = read("docs/views.sql");
    let listed = text.split("event_name IN (").nth(1).expect("a list of APIs").split(')').next().unwrap();
    let listed: Vec<&str> = listed.split(',').map(|name| name.trim().trim_matches('\'')).collect();
    let used: Vec<&str> = KMS_APIS.iter().copied().filter(|name| is_use(name)).collect();
    assert_eq!(listed, used);
}

/// DuckDB's answers on the sample, against the tables themselves.
#[test]
fn duckdb_answers_the_first_questions() {
    let there = Command::new(python()).args(["-c", "import duckdb"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        return skip("docs/views.sql, by DuckDB", format!("{} has none", python().display()));
    }
    let report = analyze(&["sample-logs"]);
    let script = r#"
import re, sys, duckdb
asked = 0
report, views, athena = sys.argv[1:]
duckdb.sql(f"SET VARIABLE report = '{report}'")
duckdb.sql(open(views).read())
one = lambda query: duckdb.sql(query).fetchall()[0][0]
tables = [name for name, in duckdb.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY ALL").fetchall()]
for name in tables:
    print(name, one(f"SELECT count(*) FROM {name}"))
file = lambda name: f"'{report}/{name}.parquet'"
print("=", one("SELECT sum(denied_count) FROM refusals_by_cause"), one(f"SELECT sum(event_count) FROM {file('usage')} WHERE outcome = 'denied'"))
print("=", one("SELECT count(*) FROM unused_grants"), one(f"SELECT count(*) FROM {file('grants')} WHERE state = 'open' AND consistent_use_count = 0"))
print("=", one("SELECT sum(event_count) FROM foreign_use"), one(f"SELECT sum(event_count) FROM {file('usage')} WHERE cross_account"))
print("=", one("SELECT sum(event_count) FROM unverified_events"), one("SELECT count(*) FROM events"))
print("=", one("SELECT count(*) FROM keys_by_last_use"), one(f"SELECT count(DISTINCT key_arn) FROM {file('access')}"))
print("=", one("SELECT count(*) FROM usage u JOIN keys_by_last_use USING (key_arn) WHERE last_use IS DISTINCT FROM key_last_used_time"), 0)
print("=", one("SELECT count(*) FROM events WHERE day <> event_time::DATE"), 0)
print("=", one("SELECT count(*) FROM events WHERE length(recipient_account_id) <> 12"), 0)
statements = open(athena).read().split(";\n")
for name in [name for name in tables if any(f"TABLE kms_{name} (" in text for text in statements)]:
    duckdb.sql(f"CREATE VIEW kms_{name} AS FROM {name}")
for text in [text for text in statements if "CREATE OR REPLACE VIEW" in text]:
    duckdb.sql(text)
    name = re.search("VIEW kms_([a-z_]+) AS", text)[1]
    for these, those in ((name, f"kms_{name}"), (f"kms_{name}", name)):
        print("=", one(f"SELECT count(*) FROM (FROM {these} EXCEPT ALL FROM {those})"), 0)
    asked += 1
print("=", asked, 5)
"#;
    let output = Command::new(python())
        .args(["-c", script])
        .env("TZ", "UTC")
        .arg(report.path())
        .args([root().join("docs/views.sql"), root().join("docs/athena.sql")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let mut rows = std::collections::BTreeMap::new();
    for line in printed.lines() {
        let cells: Vec<&str> = line.split(' ').collect();
        match cells[..] {
            ["=", found, expected] => assert_eq!(found, expected, "{printed}"),
            [name, count] => _ = rows.insert(name, count.parse::<u64>().unwrap()),
            _ => panic!("{line}"),
        }
    }
    assert_eq!(rows.len(), 13 + 5, "{printed}");
    for name in ["unused_grants", "refusals_by_cause", "keys_by_last_use", "foreign_use", "unverified_events"]
    {
        assert!(rows[name] > 0, "{name}: {printed}");
    }
}
