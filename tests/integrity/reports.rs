use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use testkit::trail::{Hour, Signer, Trail};
use testkit::{Ran, Report, analyze_in, gzip, input, keytrail, parquet_bytes, rows, run};

use crate::{Copy, remove, state};

fn hours(n: usize) -> Vec<Hour> {
    Trail::default().hours(n, Signer::shared())
}

fn analyze(copy: &Copy, args: &[&str]) -> Report {
    analyze_in(copy.dir.path(), &[&["copy", "--digest-keys", "keys.json"], args].concat())
}

#[test]
fn tables_say_what_is_verified() {
    let hours = hours(4);
    let copy = Copy::of(&hours);
    let bucket = copy.bucket();
    let changed = &hours[0].logs[0];
    let mut record: Value = serde_json::from_slice(&changed.content).unwrap();
    record["Records"][0]["sourceIPAddress"] = "192.0.2.1".into();
    fs::write(changed.path(&bucket), gzip(record.to_string().as_bytes())).unwrap();
    let added = Trail::default().log(Trail::default().start, 7);
    added.write(&bucket);
    remove(&hours[1].logs[1].path(&bucket));
    let report = analyze(&copy, &[]);
    assert_eq!(report.status, 0);
    let integrity = report.integrity();
    assert_eq!(state(&integrity, &changed.object), ("invalid", Some("hash_mismatch")));
    assert_eq!(state(&integrity, &added.object), ("unlisted", None));
    let (inputs, events) = (report.inputs(), report.events());
    let mut verified = 0;
    for event in &events {
        let archive = event["archive"].as_str().unwrap();
        assert_eq!(event["integrity"], input(&inputs, archive)["integrity"], "{archive}");
        assert_eq!(event["integrity"], state(&integrity, archive).0);
        verified += u64::from(event["integrity"] == "valid");
    }
    assert_eq!((events.len(), verified), (8, 4));
    let usage = report.usage();
    let sum = |name: &str| usage.iter().map(|row| row[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("event_count"), sum("verified_event_count")), (8, verified));
    let run = report.run_json();
    assert_eq!(
        run["integrity"]["logs"],
        json!({"valid": 4, "invalid": 1, "unverifiable": 2, "missing": 1, "unlisted": 1})
    );
    let sentence = "4 of 9 log files between 2023-03-31T22:00:00Z and 2023-04-01T02:00:00Z verified by 3 signed \
                    digests; 1 invalid, 1 missing, 1 unlisted, 2 unverifiable, 1 digest unverifiable";
    assert_eq!(run["integrity"]["summary"], sentence);
    let caveats = run["caveats"].as_array().unwrap();
    let caveat =
        |id: &str| caveats.iter().find(|caveat| caveat["id"] == id).map(|c| c["text"].as_str().unwrap());
    assert!(caveat("integrity_broken").unwrap().contains(sentence));
    assert!(caveat("unverified_events").unwrap().contains(": 4."));
    assert_eq!(caveat("integrity_without_keys"), None);
    // Nobody asked for the hashes of all inputs.
    assert!(inputs.iter().all(|input| input["content_sha256"].is_null()));
    let alarmed = run_with(&copy, &["--fail-on", "integrity", "--metrics", "m.prom"]);
    assert_eq!(alarmed, 3);
    let metrics = fs::read_to_string(copy.dir.path().join("m.prom")).unwrap();
    for line in [
        "keytrail_log_files{output=\"report\",integrity=\"missing\"} 1\n",
        "keytrail_digests{output=\"report\",integrity=\"valid\"} 3\n",
        "keytrail_alarm{output=\"report\",condition=\"integrity\"} 1\n",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    // `verify` of the report says what `verify` of the files says, and ends alike.
    let of_report = testkit::run(keytrail().current_dir(copy.dir.path()).args(["verify", "-q", "report"]));
    let of_files = copy.verify(&["-q"]);
    let files = |ran: &Ran| {
        let text = String::from_utf8(ran.stdout.clone()).unwrap();
        let mut lines: Vec<String> =
            text.lines().filter(|line| line.contains(" file\t")).map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!((of_report.status, files(&of_report)), (1, files(&of_files)));
    assert!(std::str::from_utf8(&of_report.stdout).unwrap().ends_with(&format!("{sentence}\n")));
}

fn run_with(copy: &Copy, args: &[&str]) -> i32 {
    run(keytrail()
        .current_dir(copy.dir.path())
        .args(["analyze", "-q", "--force", "-o", "report", "copy", "--digest-keys", "keys.json"])
        .args(args))
    .status
}

#[test]
fn without_keys_or_digests_the_report_says_so() {
    let hours = hours(2);
    let copy = Copy::of(&hours);
    let report = analyze_in(copy.dir.path(), &["copy"]);
    let run = report.run_json();
    assert_eq!(run["integrity"]["public_keys_given"], false);
    assert!(run["caveats"].as_array().unwrap().iter().any(|c| c["id"] == "integrity_without_keys"));
    assert!(report.events().iter().all(|event| event["integrity"] == "unverifiable"));
    hours.iter().for_each(|hour| remove(&hour.digest.path(&copy.bucket())));
    let report = analyze_in(copy.dir.path(), &["copy"]);
    assert!(report.integrity().is_empty() && report.run_json()["integrity"].is_null());
    assert!(report.events().iter().all(|event| event["integrity"].is_null()));
    assert!(report.usage().iter().all(|row| row["verified_event_count"].is_null()));
}

/// A digest that comes a night later verifies the log files of the night before, as in one run over
/// all of them.
#[test]
fn nights_are_verified_as_in_one_run() {
    let hours = hours(5);
    let all = Copy::of(&hours);
    assert_eq!(run_with(&all, &["--digest-keys", "keys.json"]), 0);
    let nights = Copy::of(&[]);
    fs::create_dir_all(nights.bucket()).unwrap();
    let night = |files: &dyn Fn()| {
        files();
        let ran = run(keytrail().current_dir(nights.dir.path()).args([
            "analyze",
            "-q",
            "--incremental",
            "-o",
            "report",
            "copy",
            "--digest-keys",
            "keys.json",
        ]));
        assert_eq!(ran.status, 0, "{}", ran.stderr);
    };
    let bucket = nights.bucket();
    night(&|| hours[0].logs.iter().chain(&hours[1].logs).for_each(|log| log.write(&bucket)));
    let first = rows(&nights.dir.path().join("report/integrity.parquet"));
    assert!(first.is_empty());
    night(&|| {
        hours[0].digest.write(&bucket);
        hours[2].logs.iter().chain(&hours[3].logs).for_each(|log| log.write(&bucket));
    });
    night(&|| {
        hours[1..].iter().for_each(|hour| hour.digest.write(&bucket));
        hours[4].logs.iter().for_each(|log| log.write(&bucket));
    });
    let report = |copy: &Copy| parquet_bytes(&copy.dir.path().join("report"));
    let integrity = rows(&nights.dir.path().join("report/integrity.parquet"));
    assert_eq!(state(&integrity, &hours[0].logs[0].object), ("valid", None));
    let (one, many) = (report(&all), report(&nights));
    assert_eq!(one.len(), many.len());
    for ((name, bytes), (other, others)) in one.iter().zip(&many) {
        // Times of files differ between the two copies.
        assert!(name == other && (bytes == others || name == "inputs.parquet"), "{name}");
    }
}

/// An archive whose facts stand in several batches, and one that is damaged.
#[test]
fn large_and_damaged_archives_are_judged_alike_everywhere() {
    let signer = Signer::shared();
    let trail = Trail { logs_per_hour: 1, ..Trail::default() };
    let records: Vec<Value> = (0..9000).map(testkit::decrypt).collect();
    let mut log = trail.log(trail.start, 0);
    log.content = testkit::document(&records).into_bytes();
    let first = trail.digest(trail.start, std::slice::from_ref(&log), None, signer);
    let first = trail.signed(&first, vec![log.clone()], signer);
    let next = trail.start + chrono::Duration::hours(1);
    let second = trail.signed(&trail.digest(next, &[], Some(&first), signer), Vec::new(), signer);
    let copy = Copy::of(&[first, second]);
    for (args, damage, expected) in [
        (&["--threads", "1"][..], None, "valid"),
        (&["--threads", "2", "--memory", "64MiB"], None, "valid"),
        (&["--incremental"], None, "valid"),
        (&[], Some(()), "invalid"),
    ] {
        if damage.is_some() {
            let bytes = gzip(&log.content);
            fs::write(log.path(&copy.bucket()), &bytes[..bytes.len() - 4]).unwrap();
        }
        let report = analyze(&copy, args);
        let events = report.events();
        assert_eq!(events.len(), 9000, "{args:?}: {}", report.stderr);
        assert!(events.iter().all(|event| event["integrity"] == expected), "{args:?}: {}", events[0]);
        let usage = report.usage();
        let verified = if expected == "valid" { 9000 } else { 0 };
        assert_eq!(usage[0]["verified_event_count"], verified);
    }
}

/// Digests and log files inside tar and zip files.
#[test]
fn members_of_containers_are_verified() {
    let hours = hours(3);
    let copy = Copy::of(&hours);
    let tar = run(std::process::Command::new("tar")
        .args(["-C", copy.bucket().to_str().unwrap(), "-cf"])
        .arg(copy.dir.path().join("copy.tar"))
        .arg("AWSLogs"));
    assert_eq!(tar.status, 0, "{}", tar.stderr);
    fs::remove_dir_all(copy.bucket()).unwrap();
    fs::create_dir(copy.bucket()).unwrap();
    fs::rename(copy.dir.path().join("copy.tar"), copy.bucket().join("copy.tar")).unwrap();
    let rows = copy.rows();
    assert_eq!(rows.len(), 9);
    assert_eq!(state(&rows, &hours[0].logs[1].object), ("valid", None));
    assert_eq!(state(&rows, &hours[1].digest.object), ("valid", None));
    assert!(Path::new(rows[0]["archive"].as_str().unwrap()).starts_with("copy/copy.tar!"));
}

/// Log files that come before the first digest are hashed, too, once a digest lists them.
#[test]
fn inputs_before_the_first_digest_are_verified() {
    let hours = hours(3);
    let copy = Copy::of(&hours[..0]);
    let logs = copy.dir.path().join("a-logs");
    for log in hours.iter().flat_map(|hour| &hour.logs) {
        log.write(&logs);
    }
    let renamed = logs.join("0.json");
    fs::rename(hours[0].logs[0].path(&logs), &renamed).unwrap();
    hours.iter().for_each(|hour| hour.digest.write(&copy.bucket()));
    let report = |args: &[&str]| {
        let report = analyze_in(copy.dir.path(), &[&["a-logs", "copy"], args].concat());
        assert_eq!(report.events().len(), 6, "{}", report.stderr);
        (report.integrity(), report.events())
    };
    // The order of the inputs is that of their names.
    let late = report(&[]);
    let early = report(&["--digest-keys", "keys.json"]);
    let unverifiable = ("unverifiable", Some("digest_unverifiable"));
    assert_eq!(state(&late.0, &hours[0].logs[1].object), unverifiable);
    assert_eq!(state(&late.0, &hours[0].logs[0].object), unverifiable);
    assert_eq!(state(&early.0, &hours[0].logs[1].object), ("valid", None));
    assert_eq!(state(&early.0, &hours[0].logs[0].object), ("valid", Some("location_differs")));
    let incremental = report(&["--incremental"]);
    assert_eq!(incremental, late);
}

/// A pack can be checked with what is in it, and has the same bytes each time.
#[test]
fn a_pack_of_evidence_can_be_checked() {
    let hours = hours(3);
    let copy = Copy::of(&hours);
    remove(&hours[0].logs[0].path(&copy.bucket()));
    fs::write(copy.bucket().join("=cmd.json"), "{\"Records\":[{\"eventSource\":\"kms").unwrap();
    assert_eq!(run_with(&copy, &[]), 1);
    let dir = copy.dir.path();
    let pack = |name: &str, args: &[&str]| {
        let ran = run(keytrail().current_dir(dir).args(["evidence", "report", "-o", name]).args(args));
        (ran.status, ran.stderr)
    };
    assert_eq!(pack("one.zip", &[]).0, 0);
    assert_eq!(pack("two.zip", &[]).0, 0);
    assert_eq!(fs::read(dir.join("one.zip")).unwrap(), fs::read(dir.join("two.zip")).unwrap());
    let (status, stderr) = pack("one.zip", &[]);
    assert!(status == 2 && stderr.contains("--force"), "{stderr}");
    assert_eq!(pack("one.zip", &["--force"]).0, 0);
    // Python's own reader of zip files; sha256sum of the system.
    let python = std::process::Command::new("python3")
        .current_dir(dir)
        .args(["-m", "zipfile", "-e", "one.zip", "pack"])
        .output()
        .unwrap();
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
    let check = |folder: &str, sums: &str| {
        let sums = dir.join("pack").join(sums);
        let ran =
            run(std::process::Command::new("sha256sum").current_dir(dir.join(folder)).arg("-c").arg(sums));
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        String::from_utf8(ran.stdout).unwrap()
    };
    let members = check("pack", "SHA256SUMS");
    let names = [
        "findings.csv",
        "inputs.csv",
        "integrity.csv",
        "population.txt",
        "rejects.csv",
        "report.sha256",
        "run.json",
    ];
    assert!(names.iter().all(|name| members.contains(&format!("{name}: OK"))), "{members}");
    let files = check("report", "report.sha256");
    assert!(files.contains("events/day=2023-03-31/events.parquet: OK\n") && files.contains("run.json: OK\n"));
    let statement = fs::read_to_string(dir.join("pack/population.txt")).unwrap();
    for line in [
        "  Integrity: 3 of 6 log files between 2023-03-31T22:00:00Z and 2023-04-01T01:00:00Z verified by 2 \
         signed digests; 1 missing, 2 unverifiable, 1 digest unverifiable, 1 more that no digest \
         covers\n",
        "  1 input partial (json_truncated)\n",
        "    partial: copy/=cmd.json\n",
        "    selected: 5\n",
    ] {
        assert!(statement.contains(line), "{line}{statement}");
    }
    let integrity = fs::read_to_string(dir.join("pack/integrity.csv")).unwrap();
    assert!(integrity.starts_with("kind,archive,recorded_location,") && integrity.contains(",missing,"));
    assert_eq!(fs::read(dir.join("pack/run.json")).unwrap(), fs::read(dir.join("report/run.json")).unwrap());
    // What is no report is no evidence.
    let ran = run(keytrail().current_dir(dir).args(["evidence", "copy", "-o", "three.zip"]));
    assert!(ran.status == 2 && ran.stderr.contains("is not a report"), "{}", ran.stderr);
    assert!(!dir.join("three.zip").exists());
}

/// A grant has the status of the archive in which it was created.
#[test]
fn grants_say_whether_their_record_is_verified() {
    let signer = Signer::shared();
    let trail = Trail { logs_per_hour: 1, ..Trail::default() };
    let mut hours: Vec<Hour> = Vec::new();
    for n in 0..3 {
        let start = trail.start + chrono::Duration::hours(n);
        let mut log = trail.log(start, 0);
        let mut record: Value = serde_json::from_slice(&log.content).unwrap();
        let record = &mut record["Records"][0];
        record["eventName"] = "CreateGrant".into();
        record["requestParameters"] = json!({"keyId": record["resources"][0]["ARN"], "operations": ["Decrypt"],
            "granteePrincipal": "arn:aws:iam::111122223333:role/R"});
        record["responseElements"] = json!({"grantId": format!("grant-{n}")});
        log.content = testkit::document(std::slice::from_ref(record)).into_bytes();
        let digest = trail.digest(start, std::slice::from_ref(&log), hours.last(), signer);
        hours.push(trail.signed(&digest, vec![log], signer));
    }
    let copy = Copy::of(&hours);
    let changed = &hours[1].logs[0];
    let text = String::from_utf8(changed.content.clone()).unwrap().replace("role/R", "role/S");
    fs::write(changed.path(&copy.bucket()), gzip(text.as_bytes())).unwrap();
    let report = analyze(&copy, &[]);
    let of = |id: &str| {
        let grants = report.grants();
        let grant = grants.iter().find(|grant| grant["grant_id"] == id).unwrap();
        grant["integrity"].as_str().unwrap().to_owned()
    };
    assert_eq!(["grant-0", "grant-1", "grant-2"].map(of), ["valid", "invalid", "unverifiable"]);
}
