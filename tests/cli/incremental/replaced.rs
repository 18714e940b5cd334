//! Archives that have changed since an earlier run: what has left the report is said.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use testkit::{Ran, keytrail, rows, run};

/// An archive with calls of these numbers, all of the same length.
fn archive(calls: &[u32]) -> String {
    let records: Vec<Value> = calls.iter().map(|n| call(*n)).collect();
    serde_json::json!({ "Records": records }).to_string()
}

fn call(n: u32) -> Value {
    serde_json::json!({
        "eventVersion": "1.09", "eventType": "AwsApiCall", "recipientAccountId": "111122223333",
        "eventSource": "kms.amazonaws.com", "eventName": "Decrypt", "awsRegion": "us-east-1",
        "eventTime": format!("2025-10-07T08:{n:02}:00Z"), "eventID": format!("e-{n:04}"),
        "userIdentity": {"type": "AWSAccount", "accountId": "111122223333"},
        "resources": [{"ARN": format!("arn:aws:kms:us-east-1:111122223333:key/k-{n:04}")}],
    })
}

fn go_on(dir: &Path) -> Ran {
    let mut command = keytrail();
    command.current_dir(dir).args(["analyze", "--incremental", "--no-progress", "--workload", "any"]);
    run(command.args(["-o", "report", "drop"]))
}

/// Archives that changed, and events that are gone, as `run.json` has them; and the caveat.
fn said(dir: &Path) -> (u64, u64, bool) {
    let run: Value = serde_json::from_slice(&fs::read(dir.join("report/run.json")).unwrap()).unwrap();
    let count = |name: &str| run["incremental"][name].as_u64().unwrap();
    let has_caveat = run["caveats"].as_array().unwrap().iter().any(|caveat| caveat["id"] == "events_gone");
    (count("archives_replaced"), count("events_gone"), has_caveat)
}

#[test]
fn what_has_left_the_report_is_said() {
    type Change = fn(&Path);
    let replace: Change = |dir| fs::write(dir.join("a.json"), archive(&[8, 9])).unwrap();
    let cut: Change = |dir| fs::write(dir.join("a.json"), archive(&[1])).unwrap();
    let empty: Change = |dir| fs::write(dir.join("a.json"), "").unwrap();
    let grow: Change = |dir| fs::write(dir.join("a.json"), archive(&[1, 2, 3])).unwrap();
    let add: Change = |dir| fs::write(dir.join("c.json"), archive(&[3])).unwrap();
    let move_on: Change = |dir| {
        fs::write(dir.join("c.json"), archive(&[1, 2])).unwrap();
        fs::write(dir.join("a.json"), archive(&[8])).unwrap();
    };
    let twice: Change = |dir| fs::write(dir.join("b.json"), archive(&[5])).unwrap();
    let created_again: Change = |dir| {
        fs::remove_dir_all(dir).unwrap();
        fs::create_dir(dir).unwrap();
        fs::write(dir.join("a.json"), archive(&[8, 9])).unwrap();
    };
    let remove: Change = |dir| fs::remove_file(dir.join("a.json")).unwrap();
    for (name, change, expected) in [
        ("replaced", replace, (1, 2, true)),
        ("shortened", cut, (1, 1, true)),
        ("emptied", empty, (1, 2, true)),
        ("grown", grow, (1, 0, false)),
        ("another archive", add, (0, 0, false)),
        ("moved to another archive", move_on, (1, 0, false)),
        ("also in another archive", twice, (1, 1, true)),
        ("a new folder of the same name", created_again, (1, 2, true)),
        ("removed: it stays in the report", remove, (0, 0, false)),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let drop = dir.path().join("drop");
        fs::create_dir(&drop).unwrap();
        fs::write(drop.join("a.json"), archive(&[1, 2])).unwrap();
        fs::write(drop.join("b.json"), archive(&[2, 4])).unwrap();
        assert_eq!(go_on(dir.path()).status, 0);
        if name != "also in another archive" {
            fs::write(drop.join("b.json"), archive(&[4, 5])).unwrap();
            let ran = go_on(dir.path());
            assert!(ran.status == 0, "{}", ran.stderr);
            assert_eq!(said(dir.path()), (1, 0, false), "one of its events is in a.json");
        }
        change(&drop);
        let ran = go_on(dir.path());
        assert_eq!(said(dir.path()), expected, "{name}: {}", ran.stderr);
        let (changed, gone, _) = expected;
        assert_eq!(ran.stderr.contains("\nchanged    1 archive since an earlier run"), changed > 0, "{name}");
        assert_eq!(ran.stderr.contains("left the report"), gone > 0, "{name}: {}", ran.stderr);
        // It is said once.
        go_on(dir.path());
        assert_eq!(said(dir.path()), (0, 0, false), "{name}");
    }
}

/// Other content of the same size, to which somebody gave the old time.
#[test]
fn the_same_size_and_time_do_not_hide_other_content() {
    type Write = fn(&Path, &str);
    let in_place: Write = |path, text| fs::write(path, text).unwrap();
    let beside: Write = |path, text| {
        fs::write(path.with_extension("new"), text).unwrap();
        fs::rename(path.with_extension("new"), path).unwrap();
    };
    let removed_first: Write = |path, text| {
        fs::remove_file(path).unwrap();
        fs::write(path, text).unwrap();
    };
    for write in [in_place, beside, removed_first] {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("drop")).unwrap();
        let path = dir.path().join("drop/a.json");
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let set = |calls: &[u32]| {
            write(&path, &archive(calls));
            File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
        };
        fs::write(&path, "").unwrap();
        set(&[1, 2]);
        go_on(dir.path());
        std::thread::sleep(Duration::from_millis(20)); // the clock of the file system is coarse
        set(&[1, 3]);
        go_on(dir.path());
        assert_eq!(said(dir.path()), (1, 1, true));
        go_on(dir.path());
        assert_eq!(said(dir.path()), (0, 0, false));
        // What differs in every copy of a file is in no report.
        let inputs = rows(&dir.path().join("report/inputs.parquet"));
        assert!(inputs.iter().all(|input| input["etag"].is_null()), "{inputs:?}");
    }
}
