//! `events` and `summary` as a look-up: filters, order, columns and files, of archives and reports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;
use testkit::{Ran, decrypt, document, folder, keytrail, root, run};

use crate::text;

const ALL: [&str; 4] = ["--workload", "any", "--event", "any"];

fn sample(command: &str, args: &[&str]) -> Ran {
    run(keytrail().current_dir(root()).args([command, "-q"]).args(args).arg("sample-logs"))
}

fn rows(ran: &Ran) -> Vec<Value> {
    text(&ran.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// All KMS events of the sample, as `events` prints them without filters.
fn all_events() -> Vec<Value> {
    let ran = sample("events", &ALL);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    rows(&ran)
}

/// A report of all KMS events of the sample.
fn report_of_all(folder: &Path) -> String {
    let report = folder.join("report").display().to_string();
    let args = ["--no-html", "-o", &report];
    let ran = sample("analyze", &[&ALL[..], &args[..]].concat());
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    report
}

fn is(row: &Value, column: &str, wanted: &str) -> bool {
    row[column].as_str() == Some(wanted)
}

fn ids<'r>(rows: impl IntoIterator<Item = &'r Value>) -> Vec<String> {
    let mut ids: Vec<String> =
        rows.into_iter().map(|row| format!("{}@{}", row["archive"], row["record_offset"])).collect();
    ids.sort();
    ids
}

/// Each filter gives what its sentence says, of archives and of the report of the same archives.
#[test]
fn filters_give_the_same_of_archives_and_of_a_report() {
    let dir = tempfile::tempdir().unwrap();
    let report = report_of_all(dir.path());
    let all = all_events();
    let first = |column: &str| {
        all.iter().find_map(|row| row[column].as_str()).unwrap_or_else(|| panic!("{column}")).to_owned()
    };
    let (access_key, session, key) = (first("access_key_id"), first("session_name"), first("key_arn"));
    let starts = |row: &Value, column: &str, start: &str| {
        row[column].as_str().is_some_and(|text| text.starts_with(start))
    };
    type Wanted<'w> = Box<dyn Fn(&Value) -> bool + 'w>;
    let cases: Vec<(Vec<&str>, Wanted<'_>)> = vec![
        (vec!["--access-key", &access_key], Box::new(|row| is(row, "access_key_id", &access_key))),
        (vec!["--session", &session], Box::new(|row| is(row, "session_name", &session))),
        (vec!["--source-ip", "203.0.113.0/24"], Box::new(|row| starts(row, "source_ip", "203.0.113."))),
        (vec!["--source-ip", "AWS Internal"], Box::new(|row| is(row, "source_ip", "AWS Internal"))),
        (vec!["--outcome", "denied"], Box::new(|row| is(row, "outcome", "denied"))),
        (vec!["--outcome", "failed"], Box::new(|row| !is(row, "outcome", "success"))),
        (
            vec!["--outcome", "not_found,throttled"],
            Box::new(|row| is(row, "outcome", "not_found") || is(row, "outcome", "throttled")),
        ),
        (vec!["--error", "AccessDenied*"], Box::new(|row| starts(row, "error_code", "AccessDenied"))),
        (
            vec!["--grep", "GEOspatial", "--outcome", "success"],
            Box::new(|row| {
                let values = row.as_object().unwrap().values().filter_map(Value::as_str);
                let has = values.into_iter().any(|text| text.to_lowercase().contains("geospatial"));
                has && is(row, "outcome", "success")
            }),
        ),
        (
            vec!["--grep", "true"],
            Box::new(|row| {
                let texts = row.as_object().unwrap().values().map(|value| match value {
                    Value::String(text) => text.to_lowercase(),
                    other => other.to_string(),
                });
                texts.into_iter().any(|text| text.contains("true"))
            }),
        ),
        (vec!["--event", "Decrypt"], Box::new(|row| is(row, "event_name", "Decrypt"))),
        (vec!["--workload", "geospatial"], Box::new(|row| is(row, "workload", "geospatial"))),
        (
            vec!["--key", &key],
            Box::new(|row| is(row, "key_arn", &key) || is(row, "destination_key_arn", &key)),
        ),
        (
            vec!["--principal", "SageMakerGeospatialCustomerRole"],
            Box::new(|row| {
                is(row, "principal", "arn:aws:iam::111122223333:role/SageMakerGeospatialCustomerRole")
            }),
        ),
        (vec!["--day", "2023-03-22"], Box::new(|row| starts(row, "event_time", "2023-03-22T"))),
        (
            vec!["--since", "2023-03-22 11:01", "--until", "2023-03-22T11:03"],
            Box::new(|row| {
                let time = row["event_time"].as_str().unwrap();
                ("2023-03-22T11:01:00.000Z".."2023-03-22T11:03:00.000Z").contains(&time)
            }),
        ),
        (vec!["--region", "eu-central-1"], Box::new(|row| is(row, "region", "eu-central-1"))),
    ];
    for (args, wanted) in cases {
        let expected = ids(all.iter().filter(|row| wanted(row)));
        assert!(!expected.is_empty() && expected.len() < all.len(), "{args:?}: a poor case");
        // What the case does not name is `any`.
        let others = ALL.chunks(2).filter(|pair| !args.contains(&pair[0])).flatten().copied();
        let all_args: Vec<&str> = others.chain(args.iter().copied()).collect();
        let of_archives = sample("events", &all_args);
        assert_eq!(of_archives.status, 0, "{args:?}: {}", of_archives.stderr);
        assert_eq!(ids(&rows(&of_archives)), expected, "{args:?}");
        let of_report = run(keytrail().args(["events", "-q"]).args(&args).arg(&report));
        assert_eq!(of_report.status, 0, "{args:?}: {}", of_report.stderr);
        assert_eq!(ids(&rows(&of_report)), expected, "{args:?} of a report");
    }
}

/// A report's events are all shown, with the same values, unless an option chooses.
#[test]
fn a_report_gives_back_its_events() {
    let dir = tempfile::tempdir().unwrap();
    let report = report_of_all(dir.path());
    let ran = run(keytrail().args(["events", "-q", "--sort", "none"]).arg(&report));
    let (mut found, mut all) = (rows(&ran), all_events());
    let place = |row: &Value| (row["archive"].to_string(), row["record_offset"].as_u64());
    found.sort_by_key(place);
    all.sort_by_key(place);
    assert_eq!(found, all);
}

/// Addresses of both kinds, and endpoints.
#[test]
fn addresses_and_endpoints_are_compared_as_such() {
    let mut records: Vec<Value> = (0..4).map(decrypt).collect();
    records[0]["sourceIPAddress"] = "2001:db8::1".into();
    records[1]["sourceIPAddress"] = "::ffff:10.1.2.3".into();
    records[2]["sourceIPAddress"] = "10.2.0.1".into();
    records[2]["vpcEndpointId"] = "vpce-0a1b".into();
    records[3]["sourceIPAddress"] = "athena.amazonaws.com".into();
    let dir = folder(&[("a.json", document(&records).as_bytes())]);
    for (args, expected) in [
        (["--source-ip", "2001:db8::/32"], &[0][..]),
        (["--source-ip", "2001:DB8:0::1"], &[0]),
        (["--source-ip", "10.1.0.0/16"], &[1]),
        (["--source-ip", "10.0.0.0/8,athena.*"], &[1, 2, 3]),
        (["--vpce", "vpce-*"], &[2]),
        (["--vpce", "vpce-0a1b"], &[2]),
    ] {
        let ran =
            run(keytrail().current_dir(dir.path()).args(["events", "-q"]).args(ALL).args(args).arg("."));
        let found: Vec<Value> = rows(&ran).iter().map(|row| row["event_id"].clone()).collect();
        let expected: Vec<Value> = expected.iter().map(|n: &usize| records[*n]["eventID"].clone()).collect();
        assert_eq!(found, expected, "{args:?} {}", ran.stderr);
    }
}

/// A number of events below zero, and a second that no clock of AWS shows.
#[test]
fn numbers_and_times_that_cannot_be_are_refused() {
    let refused = |args: &[&str]| {
        let ran = run(keytrail().args(["events", "-q"]).args(args).arg("."));
        assert_eq!(ran.status, 2, "{args:?}");
        ran.stderr
    };
    for wrong in [&["--limit", "-1"][..], &["--limit=-1"], &["--limit", "many"]] {
        let said = refused(wrong);
        assert!(said.contains("write how many events to print, from the first one on: 20"), "{said}");
    }
    for time in ["2026-01-01T00:00:60Z", "2026-01-01 00:00:60", "2026-01-01T02:00:60+02:00"] {
        let said = refused(&["--since", time]);
        assert!(said.contains("is not a time; write 2023-03-17T18:00:00Z"), "{said}");
    }
}

/// An alias selects the events of its key in a report, too.
#[test]
fn an_alias_selects_its_key_in_a_report() {
    let dir = tempfile::tempdir().unwrap();
    let report = report_of_all(dir.path());
    let all = all_events();
    let alias = all.iter().find(|row| row["key_alias"].is_string() && row["key_arn"].is_string()).unwrap();
    let name = alias["key_alias"].as_str().unwrap();
    let of_key = |row: &&Value| row["key_arn"] == alias["key_arn"] || row["key_alias"] == alias["key_alias"];
    let ran = run(keytrail().args(["events", "-q", "--key", name]).arg(&report));
    assert_eq!(ids(&rows(&ran)), ids(all.iter().filter(of_key)));
}

#[test]
fn events_are_sorted_cut_and_written_as_asked() {
    let all = all_events();
    let times = |rows: &[Value]| -> Vec<String> {
        rows.iter().map(|row| row["event_time"].as_str().unwrap().to_owned()).collect()
    };
    let mut expected = times(&all);
    expected.sort();
    let printed = |args: &[&str]| rows(&sample("events", &[&ALL[..], args].concat()));
    assert_eq!(times(&printed(&["--sort", "time"])), expected);
    let newest: Vec<String> = expected.iter().rev().take(3).cloned().collect();
    assert_eq!(times(&printed(&["--sort", "newest", "--limit", "3"])), newest);
    assert_eq!(printed(&["--limit", "2"]), all[..2], "in the order in which they are found");
    let some = printed(&["--columns", "outcome,event_time", "--limit", "1"]);
    assert_eq!(some[0].as_object().unwrap().keys().collect::<Vec<_>>(), ["event_time", "outcome"]);

    // A file is sorted by default, and its name says the format.
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name).display().to_string();
    for (name, head) in [
        ("e.csv", "event_time,outcome"),
        ("e.tsv", "event_time\toutcome"),
        ("e.md", "| event_time | outcome |"),
        ("e.ndjson", "{\"event_time\":"),
        ("e.txt", "event_time            outcome"),
    ] {
        let path = file(name);
        let args = ["--columns", "event_time,outcome", "-o", &path];
        let ran = sample("events", &[&ALL[..], &args].concat());
        assert_eq!((ran.status, text(&ran.stdout)), (0, ""), "{}", ran.stderr);
        let written = fs::read_to_string(&path).unwrap();
        assert!(written.starts_with(head), "{name}: {}", &written[..200]);
        let day = |line: &str| line.find("20").map(|at| line[at..at + 19].to_owned());
        let days: Vec<String> = written.lines().filter(|line| line.contains("Z")).filter_map(day).collect();
        assert!(days.len() == all.len() && days.is_sorted(), "{name}");
        let ran = sample("events", &args);
        assert_eq!(ran.status, 2, "{name}");
        assert!(ran.stderr.contains("exists; name another file, or use --force"), "{}", ran.stderr);
    }
    let parquet = file("e.parquet");
    let ran = sample("events", &["--columns", "event_time,outcome", "-o", &parquet]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(fs::read(parquet).unwrap().starts_with(b"PAR1"));
    let line = sample("events", &["--format", "line", "--columns", "outcome,error_code", "--limit", "2"]);
    assert!(text(&line.stdout).starts_with("   outcome = "), "{}", text(&line.stdout));
}

/// As grep: 1 when a filter leaves nothing. What selects nothing without a filter stays 0.
#[test]
fn nothing_that_fits_is_status_1() {
    let dir = tempfile::tempdir().unwrap();
    let report = report_of_all(dir.path());
    for input in ["sample-logs", &report] {
        let none = |args: &[&str]| run(keytrail().current_dir(root()).args(args).arg(input));
        let ran = none(&["events", "--outcome", "internal"]);
        assert_eq!((ran.status, text(&ran.stdout)), (1, ""));
        assert!(ran.stderr.contains("fits the filters"), "{}", ran.stderr);
        assert_eq!(none(&["events", "-q", "--since", "2030-01-01"]).status, 0);
        assert_eq!(none(&["summary", "-q", "--since", "2030-01-01"]).status, 1);
    }
    for (args, said) in [
        (&["--columns", "event_tim"][..], "did you mean event_time?"),
        (&["--source-ip", "10.0.0.0/99"], "10.0.0.0/8"),
        (&["--source-ip", "10.0.0"], "10.0.0.0/8"),
        (&["--outcome", "refused"], "denied"),
        (&["--grep", ""], "--grep has an empty item"),
        (&["--session", "a,,b"], "--session has an empty item"),
        (&["--day", "2023-03-17", "--since", "1d"], "cannot be used with"),
        (&["--day", "90m"], "today or yesterday"),
        (&["--ip", "1.2.3.4"], "'--source-ip'"),
        (&["--role", "x"], "'--principal'"),
        (&["--json"], "'--format'"),
    ] {
        let ran = sample("events", args);
        assert_eq!(ran.status, 2, "{args:?}");
        assert!(ran.stderr.contains(said), "{args:?}: {}", ran.stderr);
    }
}

/// `summary` adds up what `events` prints.
#[test]
fn summary_adds_up_the_events() {
    let dir = tempfile::tempdir().unwrap();
    let report = report_of_all(dir.path());
    let all = all_events();
    let users = ["source_identity", "on_behalf_of", "user_name", "web_identity"];
    let keys = ["key_arn", "key_id", "key_alias"];
    for (by, columns) in [
        ("principal", &["principal"][..]),
        ("access-key", &["access_key_id"]),
        ("source-ip", &["source_ip"]),
        ("key", &keys),
        ("resource", &["resource"]),
        ("user", &users),
    ] {
        let value = |row: &Value, columns: &[&str]| {
            columns.iter().find_map(|column| row[*column].as_str()).map(str::to_owned)
        };
        let mut groups: BTreeMap<Option<String>, Vec<&Value>> = BTreeMap::new();
        all.iter().for_each(|row| groups.entry(value(row, columns)).or_default().push(row));
        let of_archives = sample("summary", &[&ALL[..], &["--by", by]].concat());
        let of_report = run(keytrail().args(["summary", "-q", "--by", by]).arg(&report));
        assert_eq!(text(&of_archives.stdout), text(&of_report.stdout), "{by}");
        let totals = rows(&of_archives);
        assert_eq!(totals.len(), groups.len(), "{by}");
        assert!(totals.is_sorted_by_key(|row| -row["call_count"].as_i64().unwrap()), "{by}");
        for total in totals {
            let events = &groups[&total["value"].as_str().map(str::to_owned)];
            let count = |outcomes: &dyn Fn(&str) -> bool| {
                events.iter().filter(|row| outcomes(row["outcome"].as_str().unwrap())).count()
            };
            let different = |columns: &[&str]| {
                events.iter().filter_map(|row| value(row, columns)).collect::<BTreeSet<_>>().len()
            };
            let times = || events.iter().map(|row| row["event_time"].as_str().unwrap());
            for (column, expected) in [
                ("call_count", events.len()),
                ("denied_count", count(&|outcome| outcome == "denied")),
                ("failed_count", count(&|outcome| outcome != "denied" && outcome != "success")),
                ("key_count", different(&keys)),
                ("source_ip_count", different(&["source_ip"])),
                ("principal_count", different(&["principal"])),
            ] {
                assert_eq!(total[column], expected, "{by} {total}");
            }
            assert_eq!(total["first_time"].as_str(), times().min());
            assert_eq!(total["last_time"].as_str(), times().max());
        }
    }
}
