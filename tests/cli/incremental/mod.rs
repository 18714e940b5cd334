//! `--incremental`: any sequence of runs over growing input, killed at any moment, comes to what
//! one run over all of it says.

mod places;
mod replaced;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::Instant;

use proptest::prelude::*;
use serde_json::Value;
use testkit::{Ran, is_dated, keytrail, rows, run, sorted};

use crate::SAMPLE;

/// Archives of every kind there is: the sample, damaged ones, other shapes, containers, tables.
fn archives() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("sample-logs"), PathBuf::from("tests/data")];
    while let Some(folder) = folders.pop() {
        for path in sorted(&folder) {
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    assert!(found.len() > 100, "{}", found.len());
    found
}

/// A folder of logs that grows, and a report of it.
struct World {
    dir: tempfile::TempDir,
    known: Vec<PathBuf>,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("logs")).unwrap();
        Self { dir, known: archives() }
    }

    fn logs(&self, name: &str) -> PathBuf {
        self.dir.path().join("logs").join(name)
    }

    fn report(&self) -> PathBuf {
        self.dir.path().join("report")
    }

    /// Puts an archive among the logs, under a name of its own or that of another.
    fn put(&self, archive: usize, name: usize) {
        let path = self.logs(&format!("{:02}/{name}", name % 7));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(&self.known[archive % self.known.len()], path).unwrap();
    }

    fn command(&self, into: &Path, options: &[&str]) -> std::process::Command {
        let mut command = keytrail();
        command.current_dir(self.dir.path()).args(["analyze", "-q", "--event", "any"]);
        command.env("KEYTRAIL_WORKLOAD", "any").args(options).arg("-o").arg(into).arg("logs");
        command
    }

    fn incremental(&self, options: &[&str]) -> std::process::Command {
        let mut command = self.command(&self.report(), options);
        command.arg("--incremental");
        command
    }

    fn go_on(&self, options: &[&str]) -> Ran {
        run(&mut self.incremental(options))
    }

    /// The report is that of one run over all there is now.
    fn check(&self, options: &[&str]) {
        let full = tempfile::tempdir().unwrap();
        let into = full.path().join("full");
        let ran = run(&mut self.command(&into, options));
        assert!(ran.status < 2, "{}", ran.stderr);
        let (ours, theirs) = (files(&self.report()), files(&into));
        assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
        for (name, bytes) in &ours {
            if !is_dated(name) {
                assert!(*bytes == theirs[name], "{name} differs");
            }
        }
        let facts = |bytes: &[u8]| {
            let mut facts: Value = serde_json::from_slice(bytes).unwrap();
            for name in ["started", "ended", "incremental"] {
                facts.as_object_mut().unwrap().remove(name);
            }
            // A folder may be named in another way.
            facts["options"].as_object_mut().unwrap().remove("inputs");
            // Only a run that has read something else before can say that events are gone.
            facts["caveats"].as_array_mut().unwrap().retain(|caveat| caveat["id"] != "events_gone");
            facts
        };
        assert_eq!(facts(&ours["run.json"]), facts(&theirs["run.json"]));
    }
}

/// All files of a report but those that readers ignore.
fn files(report: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![report.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in sorted(&folder) {
            let name = path.strip_prefix(report).unwrap().to_str().unwrap().to_owned();
            if name.starts_with('_') {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

/// Options may change from run to run: every run counts everything again.
const OPTIONS: [&[&str]; 5] = [
    &[],
    &["--no-learn"],
    &["--keep-duplicates", "--threads", "1"],
    &["--since", "2000-01-01", "--region", "us-west-2"],
    &["--threads", "7"],
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_runs_is_one_run(
        steps in prop::collection::vec(
            // Archives, each with the name it gets: of the same names, the later one takes the
            // place of the other.
            (prop::collection::vec((0usize..1000, 0usize..300), 0..60), 0usize..OPTIONS.len()),
            1..5,
        ),
    ) {
        let world = World::new();
        for (archives, options) in &steps {
            archives.iter().for_each(|(archive, name)| world.put(*archive, *name));
            let ran = world.go_on(OPTIONS[*options]);
            prop_assert!(ran.status < 2, "{}", ran.stderr);
        }
        world.check(OPTIONS[steps.last().unwrap().1]);
    }
}

/// Numbers that look random, the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Whoever finds a `run.json` finds a whole report beside it.
fn assert_whole_or_none(report: &Path) {
    let Ok(text) = fs::read(report.join("run.json")) else { return };
    let facts: Value = serde_json::from_slice(&text).unwrap();
    let events = |name: &str| -> i64 {
        rows(&report.join(name)).iter().map(|row| row["event_count"].as_i64().unwrap()).sum()
    };
    let selected = facts["totals"]["selected"].as_i64().unwrap();
    assert_eq!((events("usage.parquet"), events("usage_daily.parquet")), (selected, selected));
    let inputs = rows(&report.join("inputs.parquet"));
    let records: i64 = inputs.iter().map(|row| row["records"].as_i64().unwrap()).sum();
    assert_eq!(records, facts["totals"]["records"].as_i64().unwrap());
    let days: i64 =
        sorted(&report.join("events")).iter().map(|d| rows(&d.join("events.parquet")).len() as i64).sum();
    assert_eq!(days, selected);
}

#[test]
fn killed_at_any_moment_it_goes_on() {
    let world = World::new();
    let mut dice = Dice(22);
    (0..40).for_each(|n| world.put(n, n));
    let begin = Instant::now();
    let ran = world.go_on(&[]);
    assert!(ran.status < 2, "{}", ran.stderr);
    let mut whole = begin.elapsed();
    let (mut killed, mut ended, mut added) = (0, 0, 40);
    while killed < 50 {
        for _ in 0..dice.below(9) {
            // New archives, and some that take the place of others.
            world.put(added, if dice.below(4) == 0 { added / 2 } else { added });
            added += 1;
        }
        let mut command = world.command(&world.report(), &[]);
        let mut child =
            command.arg("--incremental").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begin = Instant::now();
        sleep(whole.mul_f64(dice.below(1000) as f64 / 950.0));
        child.kill().unwrap();
        if child.wait().unwrap().signal() == Some(9) {
            killed += 1;
        } else {
            (ended, whole) = (ended + 1, begin.elapsed().max(whole / 2));
        }
        assert_whole_or_none(&world.report());
        assert!(ended < 500, "runs end before they can be killed");
    }
    // An archive that two kills have found in work was set aside.
    let ran = world.go_on(&["--force"]);
    assert!(ran.status < 2, "{}", ran.stderr);
    world.check(&[]);
    let left: Vec<PathBuf> = sorted(&world.report())
        .into_iter()
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("_keytrail-"))
        .collect();
    assert_eq!(left, Vec::<PathBuf>::new(), "what killed runs leave behind is removed");
}

/// A run can be killed right after it made its staging folder.
#[test]
fn an_empty_staging_folder_is_removed() {
    let world = World::new();
    world.put(0, 0);
    let staging = world.report().join("_keytrail-AbCdEf");
    std::fs::create_dir_all(&staging).unwrap();
    let ran = world.go_on(&[]);
    assert!(ran.status < 2, "{}", ran.stderr);
    assert!(!staging.exists());
}

/// However many runs there were, a run keeps few files, and needs few file handles.
#[test]
fn many_runs_keep_few_files() {
    let world = World::new();
    let mut most = 0;
    for n in 0..110 {
        // Some archives take the place of others.
        world.put(n, if n % 9 == 8 { n / 2 } else { n });
        let command = world.incremental(&["--threads", "1"]);
        // A shell, for its limit of file handles.
        let mut limited = std::process::Command::new("sh");
        limited.current_dir(world.dir.path()).args(["-c", "ulimit -n 64; exec \"$@\"", "sh"]);
        limited.arg(command.get_program()).args(command.get_args());
        limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ran = run(&mut limited);
        assert!(ran.status < 2, "night {n}: {}", ran.stderr);
        most = most.max(sorted(&world.report().join("_keytrail")).len());
    }
    world.check(&[]);
    assert!((30..40).contains(&most), "{most} files");
}

/// What is kept is that of the archives, whatever becomes of the files in which it is kept.
#[test]
fn what_is_kept_is_verified() {
    let world = World::new();
    for night in 0..3 {
        (0..8).for_each(|n| world.put(night * 8 + n, night * 8 + n));
        assert!(world.go_on(&["--threads", "1"]).status < 2);
    }
    let before = files(&world.report());
    let folder = world.report().join("_keytrail");
    let kept: Vec<PathBuf> = sorted(&folder).into_iter().filter(|p| !p.ends_with("lock")).collect();
    let all: Vec<Vec<u8>> = kept.iter().map(|path| fs::read(path).unwrap()).collect();
    let refused = |path: &Path, what: &str| {
        let ran = world.go_on(&[]);
        assert_eq!(ran.status, 2, "{what}: {}", ran.stderr);
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(ran.stderr.contains(name), "{what}: {}", ran.stderr);
        assert!(ran.stderr.contains("use --force to read all archives again: "), "{what}: {}", ran.stderr);
        assert_eq!(ran.stderr.trim_end().lines().count(), 1, "{}", ran.stderr);
        assert_eq!(files(&world.report()), before, "{what}: the report stays");
    };
    for (path, bytes) in kept.iter().zip(&all) {
        for part in 0..5 {
            let mut damaged = bytes.clone();
            let at = (bytes.len() - 1) * part / 4;
            damaged[at] ^= 4;
            // The last byte of the manifest is a line break.
            if path.ends_with("manifest.json") && part == 4 {
                continue;
            }
            fs::write(path, damaged).unwrap();
            refused(path, &format!("{} at byte {at}", path.display()));
        }
        fs::write(path, bytes).unwrap();
    }
    // A segment in the place of another, and none at all.
    let segment = &kept[1];
    fs::write(segment, &all[2]).unwrap();
    refused(segment, "exchanged");
    fs::remove_file(segment).unwrap();
    refused(segment, "missing");
    fs::write(segment, &all[1]).unwrap();
    // The manifest of another night names segments that are there: what is missing is read again.
    let manifest = &kept[0];
    assert!(manifest.ends_with("manifest.json"));
    fs::remove_file(manifest).unwrap();
    refused(manifest, "no manifest");
    fs::write(manifest, &all[0]).unwrap();
    // Files of others are left alone.
    let foreign = ["18446744073709551615.extracts", "segment-.arrows", "notes", "\u{e9}.arrows"];
    foreign.iter().for_each(|name| fs::write(folder.join(name), b"mine").unwrap());
    assert!(world.go_on(&[]).status < 2);
    world.check(&[]);
    foreign.iter().for_each(|name| assert_eq!(fs::read(folder.join(name)).unwrap(), b"mine"));
    // What versions before the manifest kept is told apart.
    kept.iter().for_each(|path| fs::remove_file(path).unwrap());
    fs::write(folder.join("00000000.extracts"), b"keytrail").unwrap();
    let ran = world.go_on(&[]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("made by another version of keytrail"), "{}", ran.stderr);
    assert!(ran.stderr.contains("use --force"), "{}", ran.stderr);
    assert!(world.go_on(&["--force"]).status < 2);
    world.check(&[]);
    assert!(!folder.join("00000000.extracts").exists());
}

#[test]
fn of_two_runs_at_once_one_wins_and_the_other_says_so() {
    let world = World::new();
    (0..60).for_each(|n| world.put(n, n));
    let ran = world.go_on(&[]);
    assert!(ran.status < 2, "{}", ran.stderr);
    let before = files(&world.report());
    let lock = File::open(world.report().join("_keytrail/lock")).unwrap();
    lock.lock().unwrap(); // as a run would
    let ran = world.go_on(&[]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("another run is writing to"), "{}", ran.stderr);
    assert_eq!(files(&world.report()), before);
    drop(lock);

    (60..100).for_each(|n| world.put(n, n));
    let start = || {
        let mut command = world.command(&world.report(), &[]);
        command.arg("--incremental").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let ends: Vec<_> =
        [start(), start(), start()].into_iter().map(|c| c.wait_with_output().unwrap()).collect();
    assert!(ends.iter().any(|end| end.status.code().is_some_and(|code| code < 2)));
    for end in ends.iter().filter(|end| end.status.code() == Some(2)) {
        let said = String::from_utf8_lossy(&end.stderr);
        assert!(said.contains("another run is writing to"), "{said}");
    }
    world.check(&[]);
}

/// What has been read is not read again, unless it has changed; and what is gone stays counted.
#[test]
fn only_what_is_new_is_read() {
    let world = World::new();
    (0..20).for_each(|n| world.put(n, n));
    assert!(world.go_on(&[]).status < 2);
    let first = files(&world.report());
    // Archives that are gone.
    fs::remove_dir_all(world.logs("02")).unwrap();
    assert!(world.go_on(&[]).status < 2);
    let again = files(&world.report());
    assert!(first.iter().all(|(name, bytes)| is_dated(name) || again[name] == *bytes));
    world.put(30, 30);
    assert!(world.go_on(&[]).status < 2);
    let text = fs::read(world.report().join("run.json")).unwrap();
    let facts: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(
        facts["incremental"],
        serde_json::json!({
            "archives_read": 1, "archives_known": 20, "archives_replaced": 0, "events_gone": 0
        })
    );
    // Other content of the same size and time is read.
    for path in sorted(&world.logs("01")) {
        let meta = path.metadata().unwrap();
        fs::write(&path, vec![b'x'; meta.len() as usize]).unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(meta.modified().unwrap()).unwrap();
    }
    assert!(world.go_on(&[]).status < 2);
    let now = rows(&world.report().join("inputs.parquet"));
    let changed: Vec<&Value> =
        now.iter().filter(|row| row["archive"].as_str().unwrap().starts_with("logs/01/")).collect();
    assert!(!changed.is_empty() && changed.iter().all(|row| row["reason"] == "not_json"), "{changed:?}");
}

/// Two damaged records that make one value of what is between them hide what could be learned
/// there, in every way of reading.
#[test]
fn damage_hides_the_same_whichever_way_archives_are_read() {
    let world = World::new();
    let fact = r#"{"eventVersion":"1.08","eventTime":"2024-01-01T00:00:00Z","eventSource":"sagemaker.amazonaws.com","eventName":"CreateDomain","awsRegion":"us-east-1","recipientAccountId":"111122223333","requestParameters":{"defaultUserSettings":{"canvasAppSettings":{"workspaceSettings":{"s3ArtifactPath":"s3://team/canvas/work"}}}},"responseElements":null,"eventID":"l"}"#;
    let call = r#"{"eventVersion":"1.08","eventTime":"2024-01-02T00:00:00Z","eventSource":"kms.amazonaws.com","eventName":"Decrypt","awsRegion":"us-east-1","recipientAccountId":"111122223333","userIdentity":{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/R/s","accountId":"111122223333"},"requestParameters":{"encryptionContext":{"aws:s3:arn":"arn:aws:s3:::team/canvas/work/Canvas/x"}},"resources":[{"ARN":"arn:aws:kms:us-east-1:111122223333:key/k"}],"eventID":"c"}"#;
    for source in ["sagemaker.amazonaws.com", "kms.amazonaws.com"] {
        let broken =
            format!(r#"{{"eventTime":"2024-01-01T00:00:00Z","eventSource":"{source}","eventName":"List}}"#);
        let text = format!(r#"{{"Records":[{broken},{fact},{broken},{call}]}}"#);
        fs::write(world.logs("pairs.json"), text).unwrap();
        assert!(world.go_on(&["--workload", "canvas"]).status < 2);
        world.check(&["--workload", "canvas"]);
    }
}

/// What could not be read is tried again.
#[test]
fn what_could_not_be_read_is_tried_again() {
    let world = World::new();
    (0..5).for_each(|n| world.put(n, n));
    symlink("nowhere", world.logs("broken.json.gz")).unwrap();
    assert_eq!(world.go_on(&[]).status, 1);
    world.check(&[]);
    fs::remove_file(world.logs("broken.json.gz")).unwrap();
    fs::copy(&world.known[9], world.logs("broken.json.gz")).unwrap();
    assert!(world.go_on(&[]).status < 2);
    world.check(&[]);
    symlink("nowhere", world.logs("gone.json.gz")).unwrap();
    assert_eq!(world.go_on(&[]).status, 1);
    fs::remove_file(world.logs("gone.json.gz")).unwrap();
    assert!(world.go_on(&[]).status < 2);
    world.check(&[]);
}

#[test]
fn what_cannot_be_gone_on_from_is_refused() {
    let world = World::new();
    (0..5).for_each(|n| world.put(n, n));
    let refused = |ran: Ran, words: &str| {
        assert_eq!(ran.status, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    };
    // A report that was made in one go.
    assert!(run(&mut world.command(&world.report(), &[])).status < 2);
    refused(world.go_on(&[]), "not from a run with --incremental");
    assert!(world.go_on(&["--force"]).status < 2);
    assert!(world.go_on(&[]).status < 2);
    // And without --incremental, it is a report as any other.
    refused(run(&mut world.command(&world.report(), &[])), "is not empty");
    // Other limits give other facts.
    refused(world.go_on(&["--max-record-bytes", "1000"]), "--max-record-bytes");
    refused(world.go_on(&["--hash"]), "--hash");
    assert!(world.go_on(&["--hash", "--force"]).status < 2);
    world.check(&["--hash"]);
    // What can be read once only.
    refused(run(world.command(&world.report(), &["--incremental"]).arg("-")), "cannot tell whether");
}

/// Calls outside of the selected time and Regions are in a checkpoint, and in no table.
#[test]
fn what_is_narrowed_later_is_narrowed_in_all_tables() {
    let options = ["--region", "us-west-2", "--since", "2000-01-01"];
    let dir = tempfile::tempdir().unwrap();
    let analyze = |name: &str, options: &[&str]| {
        let mut command = keytrail();
        command.args(["analyze", "-q", "-o"]).arg(dir.path().join(name)).arg(SAMPLE).args(options);
        let ran = run(&mut command);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        files(&dir.path().join(name))
    };
    analyze("nights", &["--incremental"]);
    let nights = analyze("nights", &[&["--incremental"], &options[..]].concat());
    for (name, bytes) in analyze("full", &options) {
        assert!(is_dated(&name) || bytes == nights[&name], "{name} differs");
    }
}
