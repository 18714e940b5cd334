//! What was done to trails: from when until when one recorded nothing, or nothing of KMS, and by
//! whom; and what somebody only tried.

use serde_json::{Value, json};
use testkit::{Report, analyze_in, document};

const ACCOUNT: &str = "111122223333";

/// A call of CloudTrail, `minute` minutes after eight, by a session of the role `Ops`.
fn call(minute: u32, name: &str, request: Value) -> Value {
    json!({
        "eventVersion": "1.09", "eventType": "AwsApiCall", "recipientAccountId": ACCOUNT,
        "eventSource": "cloudtrail.amazonaws.com", "eventName": name, "awsRegion": "us-east-1",
        "eventTime": format!("2025-10-07T08:{minute:02}:00Z"), "eventID": format!("e{minute}"),
        "userIdentity": {"type": "AssumedRole", "accountId": ACCOUNT,
            "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/Ops/eve")},
        "requestParameters": request, "responseElements": null,
    })
}

fn stop(minute: u32, trail: &str) -> Value {
    call(minute, "StopLogging", json!({"name": trail}))
}

fn start(minute: u32, trail: &str) -> Value {
    call(minute, "StartLogging", json!({"name": trail}))
}

/// Basic selectors that exclude these event sources.
fn selectors(minute: u32, trail: &str, excluded: &[&str]) -> Value {
    let selector = json!({"readWriteType": "All", "includeManagementEvents": true,
        "excludeManagementEventSources": excluded});
    call(minute, "PutEventSelectors", json!({"trailName": trail, "eventSelectors": [selector]}))
}

fn with(mut record: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        record[name] = value.clone();
    }
    record
}

fn refused(record: Value) -> Value {
    with(record, &json!({"errorCode": "AccessDenied", "errorMessage": "not authorized"}))
}

fn arn(account: &str) -> String {
    format!("arn:aws:cloudtrail:us-east-1:{account}:trail/main")
}

/// The report on these records, each in a file of its own.
fn analyze(records: &[Value], args: &[&str]) -> Report {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("logs")).unwrap();
    // The order of the files is not that of the calls.
    for (n, record) in records.iter().rev().enumerate() {
        std::fs::write(dir.path().join(format!("logs/{n}.json")), document(std::slice::from_ref(record)))
            .unwrap();
    }
    analyze_in(dir.path(), &[&["logs"], args].concat())
}

/// The periods: trail, what it lacks, minutes and event ids of beginning and end.
fn periods(report: &Report) -> Vec<String> {
    let run = report.run_json();
    let minute = |time: &Value| time.as_str().map_or("-".to_owned(), |time| time[14..16].to_owned());
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let periods = run["coverage"]["trail_periods"].as_array().unwrap().iter();
    periods
        .map(|p| {
            assert_eq!(p["by"], format!("arn:aws:sts::{ACCOUNT}:assumed-role/Ops/eve"));
            assert_eq!(p["until_by"].is_null(), p["until"].is_null());
            let (from, until) = (minute(&p["from"]), minute(&p["until"]));
            let [trail, state, first, last] =
                ["trail", "state", "event_id", "until_event_id"].map(|name| text(&p[name]));
            format!("{trail} {state} {from}-{until} {first} {last}")
        })
        .collect()
}

fn caveat(report: &Report, id: &str) -> Option<String> {
    let run = report.run_json();
    let caveats = run["caveats"].as_array().unwrap();
    caveats.iter().find(|caveat| caveat["id"] == id).map(|caveat| caveat["text"].as_str().unwrap().to_owned())
}

#[test]
fn a_trail_that_was_stopped() {
    let kms = ["kms.amazonaws.com"];
    let other_account = with(stop(5, &arn("444455556666")), &json!({"recipientAccountId": "444455556666"}));
    for (records, expected) in [
        (vec![start(1, "main"), stop(2, "main"), start(3, "main")], vec!["main not_logging 02-03 e2 e3"]),
        (vec![stop(2, "main")], vec!["main not_logging 02-- e2 -"]),
        // Stopped again: it was stopped all the time.
        (vec![stop(2, "main"), stop(3, "main"), start(4, "main")], vec!["main not_logging 02-04 e2 e4"]),
        (
            vec![stop(2, "main"), start(3, "main"), stop(4, "main")],
            vec!["main not_logging 02-03 e2 e3", "main not_logging 04-- e4 -"],
        ),
        // By its name and by its ARN.
        (vec![stop(2, "main"), start(3, &arn(ACCOUNT))], vec!["main not_logging 02-03 e2 e3"]),
        (vec![start(1, "main"), refused(start(3, "main"))], vec![]),
        (vec![stop(2, "main"), refused(start(3, "main"))], vec!["main not_logging 02-- e2 -"]),
        (
            vec![stop(2, "main"), call(3, "DeleteTrail", json!({"name": "main"}))],
            vec!["main not_logging 02-- e2 -"],
        ),
        // Two trails; the same name in another region; another account's.
        (
            vec![stop(2, "main"), stop(3, "audit"), start(4, "audit")],
            vec!["main not_logging 02-- e2 -", "audit not_logging 03-04 e3 e4"],
        ),
        (
            vec![stop(2, "main"), with(start(3, "main"), &json!({"awsRegion": "eu-west-1"}))],
            vec!["main not_logging 02-- e2 -"],
        ),
        (
            vec![start(6, "main"), other_account],
            vec!["arn:aws:cloudtrail:us-east-1:444455556666:trail/main not_logging 05-- e5 -"],
        ),
        // KMS is left out, and taken in again; deleted meanwhile; without selectors in the record.
        (
            vec![selectors(1, "main", &[]), selectors(2, "main", &kms), selectors(3, "main", &[])],
            vec!["main excludes_kms 02-03 e2 e3"],
        ),
        (
            vec![selectors(2, "main", &kms), call(3, "PutEventSelectors", json!({"trailName": "main"}))],
            vec!["main excludes_kms 02-- e2 -"],
        ),
        (
            vec![selectors(2, "main", &kms), call(3, "DeleteTrail", json!({"name": "main"}))],
            vec!["main excludes_kms 02-03 e2 e3", "main not_logging 03-- e3 -"],
        ),
        (
            vec![selectors(2, "main", &kms), stop(3, "main"), start(4, "main")],
            vec!["main excludes_kms 02-- e2 -", "main not_logging 03-04 e3 e4"],
        ),
        (
            vec![selectors(2, "main", &kms), refused(selectors(3, "main", &[]))],
            vec!["main excludes_kms 02-- e2 -"],
        ),
    ] {
        for args in [&[][..], &["--incremental"], &["--threads", "1"]] {
            assert_eq!(periods(&analyze(&records, args)), expected, "{args:?} {records:#?}");
        }
    }
}

#[test]
fn statements_about_trails_have_time_and_actor() {
    let records = [stop(2, "main"), start(3, "main"), selectors(4, "audit", &["kms.amazonaws.com"])];
    let report = analyze(&records, &[]);
    let by = "by arn:aws:sts::111122223333:assumed-role/Ops/eve";
    assert!(caveat(&report, "logging_stopped").unwrap().contains(&format!(
        "main (StopLogging 2025-10-07T08:02:00.000Z {by}, until StartLogging 2025-10-07T08:03:00.000Z {by})"
    )));
    let audit = format!("audit (PutEventSelectors 2025-10-07T08:04:00.000Z {by}, no end in the input)");
    assert!(caveat(&report, "trail_excludes_kms").unwrap().contains(&audit));
    // Also among the reasons why nothing was selected.
    assert!(report.stderr.contains("these trails were set to leave KMS out: audit (PutEvent"));
    assert_eq!(caveat(&report, "trail_change_failed"), None);
    assert_eq!(report.run_json()["coverage"]["trails_excluding_kms"], json!(["audit"]));
    // Without facts, only the name is known.
    let text = caveat(&analyze(&records, &["--no-learn"]), "trail_excludes_kms").unwrap();
    assert!(text.contains(": audit. "), "{text}");
}

#[test]
fn what_was_only_tried() {
    let delete = |minute| call(minute, "DeleteTrail", json!({"name": arn(ACCOUNT)}));
    // The record of a refused call may lack its parameters.
    let without = with(selectors(6, "main", &[]), &json!({"requestParameters": null}));
    let failed =
        [refused(stop(2, "main")), refused(delete(3)), refused(selectors(4, "main", &["kms.amazonaws.com"]))];
    for args in [&[][..], &["--incremental"]] {
        let records = [&failed[..], &[stop(5, "other"), refused(without.clone())]].concat();
        let report = analyze(&records, args);
        assert_eq!(periods(&report), ["other not_logging 05-- e5 -"], "{args:?}");
        let run = report.run_json();
        let tried = run["coverage"]["failed_trail_changes"].as_array().unwrap();
        let tried: Vec<String> = tried
            .iter()
            .map(|change| {
                let [name, trail, id, code] = ["event_name", "trail", "event_id", "error_code"]
                    .map(|name| change[name].as_str().unwrap());
                format!("{name} {trail} {id} {code}")
            })
            .collect();
        let main = arn(ACCOUNT);
        assert_eq!(
            tried,
            [
                "StopLogging main e2 AccessDenied",
                &format!("DeleteTrail {main} e3 AccessDenied"),
                "PutEventSelectors main e4 AccessDenied",
                "PutEventSelectors unknown e6 AccessDenied",
            ]
        );
        let text = caveat(&report, "trail_change_failed").unwrap();
        let first = "StopLogging of main at 2025-10-07T08:02:00.000Z by arn:aws:sts::111122223333:assumed-role/Ops/eve \
            (AccessDenied)";
        assert!(text.contains(first) && text.contains("and 2 more"), "{text}");
    }
    let report = analyze(&failed, &[]);
    assert_eq!(report.run_json()["coverage"]["trails_excluding_kms"], json!([]));
    for id in ["logging_stopped", "trail_excludes_kms"] {
        assert_eq!(caveat(&report, id), None);
    }
}

/// A trail records what any of its selectors selects.
#[test]
fn one_of_several_selectors_that_records_is_enough() {
    let excluding = json!({"readWriteType": "All", "excludeManagementEventSources": ["kms.amazonaws.com"]});
    for (other, expected) in [
        (json!({"readWriteType": "All", "includeManagementEvents": true}), vec![]),
        (json!({"includeManagementEvents": false}), vec!["main excludes_kms 02-- e2 -"]),
        (json!({"readWriteType": "WriteOnly"}), vec!["main excludes_kms 02-- e2 -"]),
    ] {
        let request = json!({"trailName": "main", "eventSelectors": [excluding, other]});
        assert_eq!(periods(&analyze(&[call(2, "PutEventSelectors", request)], &[])), expected, "{other}");
    }
}

/// Parameters that another tool printed as text do not hide who stopped a trail.
#[test]
fn a_stop_with_printed_parameters_counts() {
    for printed in ["@{name=main}", "{'name': 'main'}", "map[name:main]"] {
        let report = analyze(&[call(2, "StopLogging", json!(printed))], &[]);
        let periods = periods(&report);
        assert_eq!(periods.len(), 1, "{printed}: {}", report.stderr);
        assert!(periods[0].ends_with("not_logging 02-- e2 -"), "{printed}: {periods:?}");
    }
}

/// An export from CloudTrail Lake lacks what its event data store did not take in.
#[test]
fn event_data_stores_count_like_trails() {
    let store = format!("arn:aws:cloudtrail:us-east-1:{ACCOUNT}:eventdatastore/4d0a");
    let request = |more: Value| with(json!({"eventDataStore": store}), &more);
    let plain = |minute, name| call(minute, name, request(json!({})));
    let selects = |source: &str| {
        let selector = json!({"fieldSelectors": [
            {"field": "eventCategory", "equals": ["Management"]},
            {"field": "eventSource", "notStartsWith": [source]},
        ]});
        request(json!({"name": "renamed", "advancedEventSelectors": [selector]}))
    };
    let update = |minute, source| call(minute, "UpdateEventDataStore", selects(source));
    for (records, expected) in [
        (
            vec![plain(2, "StopEventDataStoreIngestion"), plain(3, "StartEventDataStoreIngestion")],
            vec![format!("{store} not_logging 02-03 e2 e3")],
        ),
        (
            vec![plain(2, "DeleteEventDataStore"), plain(3, "RestoreEventDataStore")],
            vec![format!("{store} not_logging 02-03 e2 e3")],
        ),
        (
            vec![update(2, "kms"), plain(3, "UpdateEventDataStore"), update(4, "rds")],
            vec![format!("{store} excludes_kms 02-04 e2 e4")],
        ),
        (vec![update(2, "rds"), plain(3, "UpdateEventDataStore")], vec![]),
    ] {
        let report = analyze(&records, &[]);
        assert_eq!(periods(&report), expected, "{records:#?}");
        let excluded = expected.iter().any(|period| period.contains("excludes_kms"));
        let listed = report.run_json()["coverage"]["trails_excluding_kms"].clone();
        assert_eq!(listed, if excluded { json!([store]) } else { json!([]) });
    }
}

/// On the screen, each trail has a line of its own; `run.json` has one sentence.
#[test]
fn trails_are_listed_one_a_line() {
    let records = [stop(2, "main"), stop(3, "audit"), stop(4, "other")];
    let report = analyze(&records, &[]);
    for line in [
        "      main (StopLogging 2025-",
        "      audit (StopLogging 2025-",
        "      and 1 more\n    Calls made",
    ] {
        assert!(report.stderr.contains(line), "{}", report.stderr);
    }
    let text = caveat(&report, "logging_stopped").unwrap();
    assert!(
        !text.contains('\n') && text.contains("; audit (") && text.contains("; and 1 more. Calls"),
        "{text}"
    );
}
