//! What must not matter: the number of threads, the order and naming of inputs, how the content is
//! cut.

use std::fs;
use std::path::Path;

use testkit::corpus::archive::{Corpus, gzip};
use testkit::{analyze_in, corpus, sorted};

/// Small archives of everything the generator plants, and every damaged input.
fn corpus(root: &Path) {
    Corpus::sized(11, 2.0, 48, 0.5).write(root).unwrap();
    let damaged = root.join("damaged");
    fs::create_dir(&damaged).unwrap();
    for case in corpus::damaged::cases() {
        fs::write(damaged.join(case.file), case.bytes).unwrap();
    }
}

#[test]
fn threads_do_not_matter() {
    let dir = tempfile::tempdir().unwrap();
    corpus(dir.path());
    let with = |threads: &str| {
        let args = ["AWSLogs", "damaged", "--workload", "any", "--event", "any", "--threads", threads];
        analyze_in(dir.path(), &args)
    };
    let one = with("1");
    let expected = one.parquet_bytes();
    assert!(expected.len() > 6, "several days beside the other tables");
    for threads in ["2", "7"] {
        let report = with(threads);
        assert_eq!(report.parquet_bytes(), expected, "{threads} threads");
        assert_eq!(report.run_json()["totals"], one.run_json()["totals"]);
        assert_eq!(report.run_json()["coverage"], one.run_json()["coverage"]);
        assert_eq!(report.run_json()["caveats"], one.run_json()["caveats"]);
    }
}

/// With little memory, facts and rows go to temporary files: the report is the same.
#[test]
fn the_memory_to_use_does_not_matter() {
    let dir = tempfile::tempdir().unwrap();
    Corpus::sized(13, 40.0, 3072, 0.9).write(dir.path()).unwrap();
    let with = |memory: &str| {
        let args = ["AWSLogs", "--workload", "any", "--event", "any", "--memory", memory];
        let report = analyze_in(dir.path(), &args);
        (report.status, report.parquet_bytes())
    };
    let much = with("2GiB");
    assert_eq!(much.0, 0);
    assert!(with("64MiB") == much, "the reports differ");
}

/// A large archive of several members is decoded in a stream, and with a second thread ahead of
/// what follows. Nothing of that shows, however the archive ends.
#[test]
fn decoding_ahead_does_not_matter() {
    let dir = tempfile::tempdir().unwrap();
    let corpus = Corpus::sized(5, 6.0, 3072, 0.3);
    let members: Vec<Vec<u8>> =
        (0..2).map(|n| gzip(&corpus.archive(n).json, flate2::Compression::none())).collect();
    let whole = members.concat();
    assert!(whole.len() > 4 << 20, "large enough to be decoded ahead");
    let mut corrupt = whole.clone();
    corrupt[5 << 20] ^= 0xFF;
    let strange = gzip(&vec![b'?'; 5 << 20], flate2::Compression::none());
    for (name, bytes) in [
        ("whole.json.gz", &whole[..]),
        ("cut.json.gz", &whole[..whole.len() - 100_000]),
        ("corrupt.json.gz", &corrupt),
        ("plain.json", &corpus.archive(0).json.repeat(2)),
        ("no-archive.gz", &strange),
        ("no-archive.txt", &vec![b'?'; 5 << 20]),
    ] {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    let with = |threads: &str| analyze_in(dir.path(), &[".", "--workload", "any", "--threads", threads]);
    let one = with("1");
    let status = |name: &str| one.inputs().iter().find(|i| i["archive"] == name).unwrap()["status"].clone();
    assert_eq!(status("whole.json.gz"), "complete");
    assert_eq!(status("cut.json.gz"), "partial");
    assert_eq!(status("corrupt.json.gz"), "partial");
    assert_eq!(status("no-archive.txt"), "skipped");
    for _ in 0..3 {
        assert_eq!(with("2").parquet_bytes(), one.parquet_bytes());
    }
}

/// More different sessions than are counted one by one: the estimate is said to be one, is near,
/// and does not depend on the threads.
#[test]
fn many_sessions_are_estimated_the_same_way_every_time() {
    let dir = tempfile::tempdir().unwrap();
    let line = corpus::documented::TEXT.lines().nth(7).unwrap();
    assert!(line.contains("e0000008") && line.contains("5a000008"));
    for archive in 0..6 {
        let record = |n: u32| {
            let session = format!("session-{}", archive * 250 + n % 500);
            line.replace("e0000008", &format!("e{archive}{n:06}"))
                .replace("5a000008", &format!("5{archive}{n:06}"))
                .replace(
                    "assumed-role/OfflineStoreReader/",
                    &format!("assumed-role/OfflineStoreReader/{session}"),
                )
        };
        let text: Vec<String> = (0..500).map(record).collect();
        fs::write(dir.path().join(format!("{archive}.ndjson")), text.join("\n")).unwrap();
    }
    let with = |threads: &str| analyze_in(dir.path(), &[".", "--threads", threads]);
    let one = with("1");
    let usage = one.usage();
    assert_eq!(usage.len(), 1, "{usage:?}");
    assert_eq!((&usage[0]["event_count"], &usage[0]["distinct_exact"]), (&3000.into(), &false.into()));
    let sessions = usage[0]["session_count"].as_u64().unwrap();
    assert!((1665..=1835).contains(&sessions), "{sessions} of 1750");
    assert_eq!(with("2").parquet_bytes(), one.parquet_bytes());
}

#[test]
fn order_and_naming_of_inputs_do_not_matter() {
    let dir = tempfile::tempdir().unwrap();
    corpus(dir.path());
    let accounts: Vec<String> = sorted(&dir.path().join("AWSLogs"))
        .iter()
        .map(|path| path.strip_prefix(dir.path()).unwrap().to_str().unwrap().to_owned())
        .collect();
    assert!(accounts.len() > 1);
    let whole = analyze_in(dir.path(), &["AWSLogs", "damaged"]).parquet_bytes();
    let mut parts: Vec<&str> = accounts.iter().rev().map(String::as_str).collect();
    parts.insert(1, "damaged");
    parts.push("./AWSLogs/"); // contains the rest: nothing is read twice
    assert_eq!(analyze_in(dir.path(), &parts).parquet_bytes(), whole);
}

/// The copies of a call arrive in either order, in any combination of archives; the answer is the
/// same.
#[test]
fn the_order_of_copies_does_not_matter() {
    let documented = corpus::documented::events();
    let lines: Vec<&str> = corpus::documented::TEXT.lines().collect();
    assert_eq!(documented.len(), lines.len());
    let (caller, owner) = (lines[7], lines[8]); // one call, recorded in two accounts
    let mut answers = Vec::new();
    for names in [["a", "b"], ["b", "a"]] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(names[0]), caller).unwrap();
        fs::write(dir.path().join(names[1]), format!("{owner}\n{owner}")).unwrap();
        let report = analyze_in(dir.path(), &["."]);
        let totals = report.run_json()["totals"].clone();
        assert_eq!((totals["selected"].as_u64(), totals["other_copy"].as_u64()), (Some(1), Some(1)));
        assert_eq!(totals["duplicate"], 1);
        let events = report.events();
        assert_eq!(events[0]["principal"], "arn:aws:iam::444455556666:role/OfflineStoreReader");
        assert_eq!(events[0]["archive"], names[0], "the row is the caller's copy");
        let superseded = report.superseded();
        assert_eq!(superseded.len(), 1);
        assert_eq!(superseded[0]["class"], "other_copy");
        assert_eq!(superseded[0]["superseded_by"], events[0]["event_id"]);
        assert_eq!(superseded[0]["archive"], names[1]);
        for input in report.inputs() {
            let is_caller = input["archive"] == names[0];
            assert_eq!(input["selected"], u64::from(is_caller), "{input}");
            assert_eq!(input["other_copy"], u64::from(!is_caller), "{input}");
        }
        answers.push(report.usage());
    }
    assert_eq!(answers[0], answers[1]);
}

/// A record with the `sharedEventID` of a call is a copy of it only if its account is the caller's
/// or the key owner's.
#[test]
fn a_copy_of_a_strange_account_counts_by_itself() {
    let lines: Vec<&str> = corpus::documented::TEXT.lines().collect();
    let (caller, owner) = (lines[7], lines[8]);
    let strange =
        owner.replace(r#""recipientAccountId":"111122223333""#, r#""recipientAccountId":"777788889999""#);
    let other_caller = caller.replace("444455556666", "777788889999");
    assert!(strange != owner && other_caller != caller);
    for (real, forged) in [(caller, strange.as_str()), (owner, other_caller.as_str())] {
        for names in [["a", "b"], ["b", "a"]] {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join(names[0]), real).unwrap();
            fs::write(dir.path().join(names[1]), forged).unwrap();
            let report = analyze_in(dir.path(), &["."]);
            assert_eq!(report.run_json()["totals"]["other_copy"], 0);
            assert_eq!(report.events().len(), 2);
        }
    }
}

/// An owner's copy whose partner never comes is found only at the end, and its row is still in
/// its place.
#[test]
fn a_copy_without_a_partner_is_counted_in_its_place() {
    let lines: Vec<&str> = corpus::documented::TEXT.lines().collect();
    let owner = |n: u32| {
        lines[8]
            .replace("e0000009", &format!("e{n:07}"))
            .replace("5a000008", &format!("5a{n:06}"))
            .replace("2024-02-01T08:00:00Z", &format!("2024-02-0{}T08:00:00Z", 1 + n % 2))
    };
    let reader =
        |n: u32| lines[7].replace("e0000008", &format!("f{n:07}")).replace("5a000008", &format!("5b{n:06}"));
    let dir = tempfile::tempdir().unwrap();
    for archive in 0..3 {
        let text: Vec<String> =
            (0..4).flat_map(|n| [reader(archive * 10 + n), owner(archive * 10 + n)]).collect();
        fs::write(dir.path().join(format!("{archive}.ndjson")), text.join("\n")).unwrap();
    }
    let report = analyze_in(dir.path(), &["."]);
    assert_eq!(report.run_json()["totals"]["selected"], 24);
    let events = report.events(); // checks the order within each day
    assert_eq!(events.len(), 24);
    let owners = events.iter().filter(|e| e["principal"] == "444455556666:AROAEXAMPLEREADERB01").count();
    assert_eq!(owners, 12);
    let caveats = report.run_json()["caveats"].clone();
    assert!(caveats.as_array().unwrap().iter().any(|c| c["id"] == "owner_copy_only"), "{caveats}");
    assert_eq!(report.inputs().iter().map(|i| i["selected"].as_u64().unwrap()).sum::<u64>(), 24);
}
