//! Reports on S3: written whole or not at all, and gone on with by incremental runs.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
use testkit::bed::{Asked, Bed, Operation};
use testkit::{Ran, keytrail, run, sorted};

fn command(bed: &Bed, into: &str, options: &[&str]) -> Command {
    let mut command = bed.around(keytrail());
    command.args(["analyze", "-q", "--workload", "any", "--event", "any"]).args(options);
    command.args(["-o", into, &bed.uri("logs/")]);
    command
}

fn analyze(bed: &Bed, into: &str, options: &[&str]) -> Ran {
    run(&mut command(bed, into, options))
}

/// The files of a report on S3, without those that readers ignore, and without the times in
/// `run.json`.
fn report(bed: &Bed, prefix: &str) -> BTreeMap<String, Vec<u8>> {
    let keys = bed.keys(prefix).into_iter().filter(|key| !key[prefix.len()..].starts_with('_'));
    keys.map(|key| (key[prefix.len()..].to_owned(), bed.get(&key).unwrap())).map(timeless).collect()
}

fn timeless((name, bytes): (String, Vec<u8>)) -> (String, Vec<u8>) {
    if name == "report.html" {
        let text = String::from_utf8(bytes).unwrap();
        // When it was made, and the hash of `run.json`.
        let lines = text.lines().filter(|line| !line.contains("keytrail 0.") && !line.contains(">run.json<"));
        return (name, lines.collect::<Vec<_>>().join("\n").into_bytes());
    }
    if name != "run.json" {
        return (name, bytes);
    }
    let mut facts: Value = serde_json::from_slice(&bytes).unwrap();
    ["started", "ended", "incremental"]
        .iter()
        .for_each(|time| drop(facts.as_object_mut().unwrap().remove(*time)));
    (name, facts.to_string().into_bytes())
}

/// The same of a report on disk.
fn report_in(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for path in sorted(&next) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.extend([timeless((name, std::fs::read(path).unwrap()))]);
            }
        }
    }
    found
}

/// One run over all that is there, into a directory.
fn in_one_go(bed: &Bed) -> BTreeMap<String, Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let into = dir.path().join("full");
    let ran = analyze(bed, into.to_str().unwrap(), &[]);
    assert!(ran.status < 2, "{}", ran.stderr);
    report_in(&into)
}

fn puts(asked: &[Asked], prefix: &str) -> Vec<String> {
    let put = |asked: &&Asked| matches!(asked.operation, Operation::PutObject | Operation::UploadPart);
    let keys = asked.iter().filter(put).filter_map(|asked| asked.key.strip_prefix(prefix));
    keys.filter(|name| !name.starts_with('_')).map(str::to_owned).collect()
}

/// Commands that take a report take one in S3, too, and answer the same.
#[test]
fn a_report_on_s3_answers_as_one_on_disk() {
    let bed = Bed::start();
    let dir = tempfile::tempdir().unwrap();
    let local = dir.path().join("report").display().to_string();
    assert_eq!(run(keytrail().args(["analyze", "-q", "sample-logs", "-o", &local])).status, 0);
    bed.put_folder("out/report/", Path::new(&local));
    let on_s3 = |slash: &str| format!("{}{slash}", bed.uri("out/report"));
    let commands: [&[&str]; 6] = [
        &["grants"],
        &["review", "--format", "csv"],
        &["findings"],
        &["findings", "--format", "sarif", "--baseline"],
        &["policy", "check"],
        &["policy", "check", "--status", "allowed_not_used"],
    ];
    for words in commands {
        let of = |report: &str| {
            let mut command = bed.around(keytrail());
            command.args(words).arg(report);
            if words.last() == Some(&"--baseline") {
                command.arg(report);
            }
            run(&mut command)
        };
        let expected = of(&local);
        for slash in ["", "/"] {
            let found = of(&on_s3(slash));
            assert_eq!((found.status, &found.stderr), (expected.status, &expected.stderr), "{words:?}");
            assert_eq!(found.stdout, expected.stdout, "{words:?}");
        }
    }
    let asked = bed.proxy.asked();
    assert!(asked.iter().all(|a| matches!(a.operation, Operation::GetObject | Operation::ListObjects)));
    // Without run.json it is no report, but a folder in which no archive is.
    bed.delete("out/report/run.json");
    let ran = run(bed.around(keytrail()).arg("grants").arg(on_s3("")));
    assert!(!ran.stderr.contains("the report's KMS records"), "{}", ran.stderr);
}

#[test]
fn a_report_on_s3_is_the_same_as_on_disk() {
    let bed = Bed::start();
    bed.put_folder("logs/", Path::new("sample-logs"));
    let ran = analyze(&bed, &bed.uri("out/report"), &[]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let asked = bed.proxy.asked();
    let written = report(&bed, "out/report/");
    assert_eq!(written, in_one_go(&bed));
    assert_eq!(puts(&asked, "out/report/").last().map(String::as_str), Some("run.json"));
    let last = asked.iter().rfind(|asked| asked.key == "out/report/run.json").unwrap();
    assert_eq!(last.header("if-none-match"), Some("*"), "nobody else may have written it");
    assert_eq!(bed.get("out/report/_keytrail/lock"), None, "the lock is given back");

    // It is not gone on from, nor written over, unless it may be.
    let ran = analyze(&bed, &bed.uri("out/report"), &["--incremental"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("not from a run with --incremental"), "{}", ran.stderr);
    let ran = analyze(&bed, &bed.uri("out/report"), &[]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("is not empty"), "{}", ran.stderr);
    bed.put("out/report/events/day=2023-03-17/notes.txt", b"mine");
    let ran = analyze(&bed, &bed.uri("out/report"), &["--force"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("is not part of a report"), "{}", ran.stderr);
    assert_eq!(bed.get("out/report/events/day=2023-03-17/notes.txt").as_deref(), Some(&b"mine"[..]));
    bed.delete("out/report/events/day=2023-03-17/notes.txt");
    let stale = "out/report/events/day=1999-01-01/events.parquet";
    bed.put(stale, b"of an earlier report");
    assert_eq!(analyze(&bed, &bed.uri("out/report/"), &["--force"]).status, 0);
    assert_eq!(bed.get(stale), None);
    assert_eq!(report(&bed, "out/report/"), written);
}

#[test]
fn nightly_runs_read_what_is_new_and_write_what_changes() {
    let bed = Bed::start();
    let archives = {
        let mut folders = vec![Path::new("sample-logs").to_owned(), Path::new("tests/data").to_owned()];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            sorted(&folder)
                .into_iter()
                .for_each(|p| if p.is_dir() { folders.push(p) } else { found.push(p) });
        }
        found.sort();
        found
    };
    // The report lies among the logs: it must never be read.
    let into = bed.uri("logs/report");
    let nights = archives.len().div_ceil(5);
    let mut sent = Vec::new();
    for (night, new) in archives.chunks(nights).enumerate() {
        for (n, archive) in new.iter().enumerate() {
            bed.put(&format!("logs/{n:03}-{night}"), &std::fs::read(archive).unwrap());
        }
        bed.proxy.forget();
        let ran = analyze(&bed, &into, &["--incremental"]);
        assert!(ran.status < 2, "{}", ran.stderr);
        let asked = bed.proxy.asked();
        let mut read: Vec<&str> = asked
            .iter()
            .filter(|asked| asked.operation == Operation::GetObject && !asked.key.starts_with("logs/report/"))
            .map(|asked| asked.key.as_str())
            .collect();
        read.sort();
        let mut expected: Vec<String> = (0..new.len()).map(|n| format!("logs/{n:03}-{night}")).collect();
        expected.sort();
        assert_eq!(read, expected, "what is new is read, once");
        sent.push(puts(&asked, "logs/report/"));
    }
    let days = |puts: &[String]| puts.iter().filter(|name| name.starts_with("events/")).count();
    let all = report(&bed, "logs/report/").keys().filter(|name| name.starts_with("events/")).count();
    assert!(days(&sent[4]) < all, "{sent:?}: days that do not change are not written again");
    bed.proxy.forget();
    assert!(analyze(&bed, &into, &["--incremental"]).status < 2);
    assert_eq!(
        puts(&bed.proxy.asked(), "logs/report/"),
        ["report.html", "run.json"],
        "nothing has changed but the times"
    );

    let written = report(&bed, "logs/report/");
    let inputs: Vec<String> = bed.keys("logs/report/");
    let saved: Vec<(String, Vec<u8>)> =
        inputs.into_iter().map(|k| (k.clone(), bed.get(&k).unwrap())).collect();
    saved.iter().for_each(|(key, _)| bed.delete(key));
    assert_eq!(written, in_one_go(&bed));

    // Facts that were made with other limits, damage, and no checkpoint at all.
    saved.iter().for_each(|(key, bytes)| bed.put(key, bytes));
    let ran = analyze(&bed, &into, &["--incremental", "--hash"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("--hash"), "{}", ran.stderr);
    let kept = bed.keys("logs/report/_keytrail/segment-");
    let (segment, other) = (bed.get(&kept[0]).unwrap(), bed.get(&kept[1]).unwrap());
    let mut damaged = segment.clone();
    damaged[segment.len() / 2] ^= 1;
    for bytes in [&damaged, &other, &segment[1..].to_vec()] {
        bed.put(&kept[0], bytes);
        let ran = analyze(&bed, &into, &["--incremental"]);
        assert_eq!(ran.status, 2);
        assert!(ran.stderr.contains(&kept[0]), "{}", ran.stderr);
        assert!(ran.stderr.contains("use --force to read all archives again: "), "{}", ran.stderr);
    }
    bed.delete(&kept[0]);
    assert!(analyze(&bed, &into, &["--incremental"]).stderr.contains("but it does not exist"));
    bed.put(&kept[0], &segment);
    bed.put("logs/report/_keytrail/18446744073709551615.extracts", b"mine");
    assert!(analyze(&bed, &into, &["--incremental"]).status < 2);
    assert_eq!(report(&bed, "logs/report/"), written);
    bed.keys("logs/report/_keytrail/").iter().for_each(|key| bed.delete(key));
    let ran = analyze(&bed, &into, &["--incremental"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("not from a run with --incremental"), "{}", ran.stderr);
    assert!(analyze(&bed, &into, &["--incremental", "--force"]).status < 2);
    assert_eq!(report(&bed, "logs/report/"), written);

    // A window that would lose events; a report that is not made from the checkpoint.
    let ran = analyze(&bed, &into, &["--incremental", "--since", "1d"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("would lose the events from 20"), "{}", ran.stderr);
    assert_eq!(report(&bed, "logs/report/"), written);
    assert!(analyze(&bed, &into, &["--force"]).status < 2);
    let left = bed.keys("logs/report/_keytrail/");
    assert!(!left.iter().any(|key| key.contains("segment-") || key.contains("manifest")), "{left:?}");
    let ran = analyze(&bed, &into, &["--incremental"]);
    assert!(ran.stderr.contains("not from a run with --incremental"), "{}", ran.stderr);
}

/// Of runs that begin together, those that find the lock held give up; one that finds it released
/// begins then. Either way, the report is that of one run.
#[test]
fn of_runs_that_begin_together_at_least_one_writes_the_report() {
    let bed = Bed::start();
    bed.put_folder("logs/", Path::new("sample-logs"));
    let into = bed.uri("together");
    let start = || {
        let mut command = command(&bed, &into, &["--incremental"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let runs: Vec<_> = (0..3).map(|_| start()).collect();
    let mut statuses = Vec::new();
    for run in runs {
        let ended = run.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
        let status = ended.status.code().unwrap();
        assert!(status == 0 || status == 2 && stderr.contains("another run is writing to s3://"), "{stderr}");
        statuses.push(status);
    }
    assert!(statuses.contains(&0), "{statuses:?}");
    assert_eq!(bed.get("together/_keytrail/lock"), None);
    let written = report(&bed, "together/");
    assert_eq!(written, in_one_go(&bed));
}

/// A lock that is renewed keeps others out; one that is not is taken over. Whoever has lost it puts
/// nothing in place.
#[test]
fn of_two_runs_at_once_one_wins_and_the_other_says_so() {
    let bed = Bed::start();
    bed.put_folder("logs/", Path::new("sample-logs"));
    let into = bed.uri("report");
    // The first one takes long: each object waits.
    bed.proxy.meddle(|asked| {
        if asked.operation == Operation::GetObject && asked.key.starts_with("logs/") {
            sleep(Duration::from_secs(2));
        }
        None
    });
    let start = || {
        let mut command = command(&bed, &into, &["--incremental", "--threads", "1"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let first = start();
    while bed.get("report/_keytrail/lock").is_none() {
        sleep(Duration::from_millis(50));
    }
    let second = analyze(&bed, &into, &["--incremental"]);
    assert_eq!(second.status, 2);
    assert!(second.stderr.contains("another run is writing to s3://"), "{}", second.stderr);
    let first = first.wait_with_output().unwrap();
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));

    // One that is killed leaves its lock, which the next takes over after a while.
    let mut killed = start();
    while bed.get("report/_keytrail/lock").is_none() {
        sleep(Duration::from_millis(10));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    bed.proxy.leave_alone();
    assert!(bed.get("report/_keytrail/lock").is_some());
    assert_eq!(analyze(&bed, &into, &["--incremental"]).status, 0);

    // One whose lock is taken away ends without a report in place.
    let before = report(&bed, "report/");
    let objects = bed.objects.clone();
    bed.proxy.meddle(move |asked| {
        if asked.operation == Operation::GetObject && asked.key == "logs/new" {
            objects.put("report/_keytrail/lock", b"{\"holder\":\"another\",\"beat\":0}");
            sleep(Duration::from_secs(8));
        }
        None
    });
    let archive = sorted(Path::new("tests/data/damaged")).into_iter().find(|p| p.is_file()).unwrap();
    bed.put("logs/new", &std::fs::read(archive).unwrap());
    let robbed = analyze(&bed, &into, &["--incremental"]);
    assert_eq!(robbed.status, 2);
    assert!(robbed.stderr.contains("lost the lease"), "{}", robbed.stderr);
    assert_eq!(report(&bed, "report/"), before);
    bed.proxy.leave_alone();
    assert!(analyze(&bed, &into, &["--incremental"]).status < 2, "after the other one has been silent");
    assert_eq!(report(&bed, "report/"), in_one_go(&bed));
}
