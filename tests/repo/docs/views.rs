//! `docs/views.sql`: views of a report for DuckDB, and what they answer.

use std::fs;
use std::process::Command;

use keytrail::aggregate::is_use;
use keytrail::model::KMS_APIS;
use keytrail::report::{
    ACCESS, Column, DAILY, EVENTS, FINDINGS, GRANTS, INPUTS, INTEGRITY, POLICY_STATEMENTS, REJECTS,
    SHARE_USE, SHARES, SUPERSEDED, Table, USAGE,
};
use testkit::{analyze, python, skip};

use super::{read, root};

/// A view of a table: all columns of this version, so that a report of another one fails here.
fn view<T: Table>(columns: &[Column<T>]) -> String {
    let mut names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    let file = if T::NAME == "events" {
        names.insert(0, "day");
        "events/*/events.parquet', hive_partitioning = true, hive_types = {'day': DATE}".to_owned()
    } else {
        format!("{}.parquet'", T::NAME)
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
        "CREATE OR REPLACE VIEW {} AS\nSELECT\n{}\nFROM read_parquet(getvariable('report') || '/{file});\n",
        T::NAME,
        names.join("\n").trim_end_matches(','),
    )
}

#[test]
fn the_views_have_the_columns_of_the_program() {
    let views = [
        view(USAGE),
        view(DAILY),
        view(EVENTS),
        view(GRANTS),
        view(ACCESS),
        view(POLICY_STATEMENTS),
        view(SHARES),
        view(SHARE_USE),
        view(FINDINGS),
        view(INPUTS),
        view(INTEGRITY),
        view(REJECTS),
        view(SUPERSEDED),
    ];
    let text = read("docs/views.sql");
    let (begin, end) = ("-- Tables (generated).\n\n", "\n-- First questions.\n");
    let (head, rest) = text.split_once(begin).expect("a part with the tables");
    let (tables, questions) = rest.split_once(end).expect("a part with the questions");
    let expected = views.join("\n");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(root().join("docs/views.sql"), [head, begin, &expected, end, questions].concat()).unwrap();
    } else {
        assert_eq!(tables, expected, "UPDATE_DOCS=1 cargo test --test repo docs rewrites it");
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
import sys, duckdb
report, views = sys.argv[1:]
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
"#;
    let output = Command::new(python())
        .args(["-c", script])
        .env("TZ", "UTC")
        .arg(report.path())
        .arg(root().join("docs/views.sql"))
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
