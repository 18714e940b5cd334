//! Who called what, whatever is asked for: against the rows of all events.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use testkit::{ANY, analyze};

/// Records, first and last time and workloads by key, principal, API, outcome and error code.
type Groups = BTreeMap<String, (u64, String, String, BTreeSet<String>)>;

fn text<'r>(row: &'r Value, name: &str) -> &'r str {
    row[name].as_str().unwrap_or_default()
}

fn of_events(events: &[Value]) -> Groups {
    let mut groups = Groups::new();
    for event in events {
        let names = ["key_arn", "key_id", "key_alias"].map(|name| text(event, name));
        let key = names.into_iter().find(|name| !name.is_empty()).unwrap_or_default();
        let destination = text(event, "destination_key_arn");
        let keys = [Some(key), Some(destination).filter(|other| !other.is_empty() && *other != key)];
        for key in keys.into_iter().flatten() {
            let group =
                ["principal", "event_name", "outcome", "error_code"].map(|name| text(event, name)).join(" ");
            let time = text(event, "event_time").to_owned();
            let new = (0, time.clone(), time.clone(), BTreeSet::new());
            let (count, first, last, workloads) = groups.entry(format!("{key} {group}")).or_insert(new);
            workloads.extend(text(event, "workload").split('+').map(str::to_owned));
            *count += 1;
            *first = first.clone().min(time.clone());
            *last = last.clone().max(time);
        }
    }
    groups
}

fn of_access(rows: &[Value]) -> Groups {
    let group = |row: &Value| {
        let names = ["key_arn", "principal", "event_name", "outcome", "error_code"];
        let times = ["first_event_time", "last_event_time"].map(|name| text(row, name).to_owned());
        let [first, last] = times;
        let workloads = text(row, "workloads").split(',').map(str::to_owned).collect();
        let count = row["record_count"].as_u64().unwrap();
        (names.map(|name| text(row, name)).join(" "), (count, first, last, workloads))
    };
    rows.iter().map(group).collect()
}

#[test]
fn rows_count_what_the_events_show() {
    let all = analyze(&[&["sample-logs", "--keep-duplicates"], &ANY[..]].concat());
    let groups = of_access(&all.access());
    assert!(groups.len() > 20);
    assert_eq!(groups, of_events(&all.events()));
    // The evidence is where it is said to be.
    let places: Vec<Value> =
        all.events().iter().map(|e| json!([e["event_id"], e["archive"], e["record_offset"]])).collect();
    for row in all.access() {
        for end in ["first", "last"] {
            let names = ["event_id", "archive", "record_offset"].map(|name| format!("{end}_{name}"));
            let place = json!(names.map(|name| row[&*name].clone()));
            assert!(places.contains(&place), "{row}");
        }
    }
}

/// The table does not depend on threads, on how archives are read, or on what is selected, but on
/// the time, the account and the Region.
#[test]
fn the_table_is_the_same_in_every_run() {
    let whole = analyze(&["sample-logs"]).access();
    for options in [
        &["--threads", "1"][..],
        &["--workload", "any", "--event", "any"],
        &["--event", "Decrypt"],
        &["--key", "no-such-key", "--principal", "nobody"],
        &["--incremental"],
        &["--memory", "64MiB"],
    ] {
        assert_eq!(analyze(&[&["sample-logs"], options].concat()).access(), whole, "{options:?}");
    }
    assert_eq!(analyze(&["sample-logs", "--no-learn"]).access(), [] as [Value; 0]);
    let last = whole.iter().map(|row| text(row, "last_event_time")).max().unwrap();
    let before = analyze(&["sample-logs", "--until", last]).access();
    assert!(before.iter().all(|row| text(row, "last_event_time") < last));
    assert!(!before.is_empty());
}
