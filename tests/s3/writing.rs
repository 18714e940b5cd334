//! What goes wrong while a report is written to S3: it does not show in the report, and at no
//! moment is there half a report that looks whole.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use testkit::bed::{Asked, Bed, Fault, Objects, Operation, faults};
use testkit::{Ran, analyze_in, is_dated, keytrail, parquet_bytes, root, run, sorted};

/// Files of the sample in three parts, as if each had come on another night.
struct Nights {
    dir: tempfile::TempDir,
    files: Vec<PathBuf>,
}

const NIGHTS: usize = 3;

impl Nights {
    fn new() -> Self {
        let sample = root().join("sample-logs");
        let (mut folders, mut files) = (vec![sample.clone()], Vec::new());
        while let Some(folder) = folders.pop() {
            for path in sorted(&folder) {
                if path.is_dir() {
                    folders.push(path)
                } else {
                    files.push(path.strip_prefix(&sample).unwrap().to_owned())
                }
            }
        }
        files.sort();
        Self { dir: tempfile::tempdir().unwrap(), files }
    }

    /// Lets the files of a night arrive.
    fn fall(&self, night: usize) {
        for path in self.files.iter().skip(night).step_by(NIGHTS) {
            let to = self.dir.path().join("logs").join(path);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(root().join("sample-logs").join(path), to).unwrap();
        }
    }

    fn all() -> Self {
        let nights = Self::new();
        (0..NIGHTS).for_each(|night| nights.fall(night));
        nights
    }

    /// The report of what there is, as files.
    fn report(&self) -> Vec<(String, Vec<u8>)> {
        let report = analyze_in(self.dir.path(), &["logs"]);
        assert_eq!(report.status, 0, "{}", report.stderr);
        report.parquet_bytes()
    }

    fn command(&self, bed: &Bed, options: &[&str]) -> std::process::Command {
        let mut command = bed.around(keytrail());
        command
            .current_dir(self.dir.path())
            .args(["analyze", "logs", "-o", &bed.uri("report")])
            .args(options);
        command
    }

    fn analyze(&self, bed: &Bed, options: &[&str]) -> Ran {
        run(&mut self.command(bed, options))
    }
}

/// The report in the bucket: its Parquet files, and `run.json` if it is there.
fn written(bed: &Bed) -> (Vec<(String, Vec<u8>)>, Option<Value>) {
    let dir = tempfile::tempdir().unwrap();
    bed.fetch("report/", dir.path());
    let run = fs::read(dir.path().join("run.json")).ok().map(|bytes| serde_json::from_slice(&bytes).unwrap());
    (parquet_bytes(dir.path()), run)
}

fn assert_is(bed: &Bed, expected: &[(String, Vec<u8>)], what: &str) {
    let (files, run) = written(bed);
    assert!(run.is_some(), "{what}: there is a run.json");
    let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&files), names(expected), "{what}");
    for ((name, bytes), (_, expected)) in files.iter().zip(expected) {
        assert!(bytes == expected, "{what}: {name}");
    }
}

fn writes(asked: &Asked) -> bool {
    !matches!(asked.operation, Operation::GetObject | Operation::ListObjects | Operation::HeadObject)
}

/// Part of the report, and no part of what keytrail keeps for itself.
fn of_report(asked: &Asked) -> bool {
    let is_one = |key: &str| key.starts_with("report/") && !key.starts_with("report/_keytrail/");
    is_one(&asked.key) || asked.keys.iter().any(|key| is_one(key))
}

fn is_run_json(asked: &Asked) -> bool {
    asked.key == "report/run.json" || asked.keys == ["report/run.json"]
}

fn kinds() -> [(&'static str, Vec<Fault>); 6] {
    [
        ("errors", vec![faults::internal_error()]),
        ("slow", vec![faults::slow_down()]),
        ("resets", vec![Fault::Reset]),
        ("lost answers", vec![Fault::Lost]),
        ("broken answers", vec![Fault::ResetInBody, Fault::Truncated]),
        (
            "all",
            vec![faults::internal_error(), faults::slow_down(), Fault::Reset, Fault::Lost, Fault::Truncated],
        ),
    ]
}

/// One request in five fails, in each way; the report in the bucket is the one that files give.
#[test]
fn faults_do_not_show() {
    let nights = Nights::all();
    let expected = nights.report();
    assert!(expected.len() > 6, "several days");
    for (seed, (what, kinds)) in kinds().into_iter().enumerate() {
        let bed = Bed::start();
        bed.proxy.meddle(faults::some(seed as u64, 0.2, kinds));
        let ran = nights.analyze(&bed, &[]);
        assert_eq!(ran.status, 0, "{what}: {}", ran.stderr);
        assert!(bed.proxy.asked().iter().filter(|asked| asked.failed).count() > 1, "{what}");
        bed.proxy.leave_alone();
        assert_is(&bed, &expected, what);
        let left: Vec<String> = bed.keys("").into_iter().filter(|key| key.ends_with("lock")).collect();
        assert_eq!(left, Vec::<String>::new(), "{what}: the lock is given back");
    }
}

/// The same over three nights, each of which goes on from what the nights before have kept in the
/// bucket.
#[test]
fn faults_do_not_show_over_many_runs() {
    for (seed, (what, kinds)) in kinds().into_iter().enumerate() {
        let (nights, bed) = (Nights::new(), Bed::start());
        for night in 0..NIGHTS {
            nights.fall(night);
            bed.proxy.meddle(faults::some((10 * night + seed) as u64, 0.2, kinds.clone()));
            let ran = nights.analyze(&bed, &["--incremental"]);
            assert_eq!(ran.status, 0, "{what}, night {night}: {}", ran.stderr);
            bed.proxy.leave_alone();
            assert_is(&bed, &nights.report(), &format!("{what}, night {night}"));
        }
    }
}

/// Watches that parts of the report change only while there is no `run.json`, and that it is
/// written under the condition that there is none, when all parts are there. Gives the complaints.
fn watch(
    bed: &Bed,
    faults: impl Fn(&Asked) -> Option<Fault> + Send + Sync + 'static,
) -> Arc<Mutex<Vec<String>>> {
    let complaints = Arc::new(Mutex::new(Vec::new()));
    let (told, objects) = (complaints.clone(), bed.objects.clone());
    bed.proxy.meddle(move |asked| {
        if writes(asked) && of_report(asked) {
            let complain =
                |what: &str| told.lock().unwrap().push(format!("{what}: {} {}", asked.method, asked.target));
            if !is_run_json(asked) && objects.get("report/run.json").is_some() {
                complain("a part changes under a run.json");
            }
            let creates = asked.operation == Operation::PutObject && is_run_json(asked);
            if creates && asked.header("if-none-match") != Some("*") {
                complain("run.json is written without a condition");
            }
        }
        faults(asked)
    });
    complaints
}

/// State of the report's parts, by name, without those that say when they were made.
fn parts(objects: &Objects) -> Vec<(String, Vec<u8>)> {
    let keys = objects.keys("report/");
    let is_part = |key: &String| !key.starts_with("report/_keytrail/") && !is_dated(&key["report/".len()..]);
    let parts = keys.into_iter().filter(is_part);
    parts.map(|key| (key.clone(), objects.get(&key).unwrap())).collect()
}

/// A report that replaces another, in one run or night by night, with faults and without: whoever
/// looks sees the old one, the new one, or that there is none.
#[test]
fn no_half_report_looks_whole() {
    for (options, share) in
        [(&["--force"][..], 0.0), (&["--force"], 0.2), (&["--incremental"], 0.0), (&["--incremental"], 0.2)]
    {
        let (nights, bed) = (Nights::new(), Bed::start());
        for night in 0..NIGHTS {
            nights.fall(night);
            // Without an effect on what was done: a lost answer to a deletion looks like one that
            // did not happen.
            let kinds = vec![faults::internal_error(), faults::slow_down(), Fault::Reset, Fault::Lost];
            bed.proxy.forget();
            let complaints = watch(&bed, faults::some(night as u64 + 7, share, kinds));
            let ran = nights.analyze(&bed, options);
            assert_eq!(ran.status, 0, "{}", ran.stderr);
            assert_eq!(*complaints.lock().unwrap(), Vec::<String>::new());
            let asked = bed.proxy.asked();
            let last = asked.iter().rev().find(|asked| writes(asked) && of_report(asked)).unwrap();
            assert!(is_run_json(last) && last.operation == Operation::PutObject, "{last:?}");
            bed.proxy.leave_alone();
            assert_is(&bed, &nights.report(), &format!("{options:?} {share} night {night}"));
        }
    }
}

/// Killed before the server has heard of a request.
#[test]
fn a_kill_before_a_request_leaves_no_half_report() {
    kill_at_each_request(|| Fault::Stall);
}

/// Killed after the server has done what a request asks for.
#[test]
fn a_kill_after_a_request_leaves_no_half_report() {
    kill_at_each_request(|| Fault::StallInBody);
}

/// Killed at every request that writes, one after the other: if there is a `run.json`, what is
/// there is the report before or the one after, and the next run makes the one after.
fn kill_at_each_request(stall: fn() -> Fault) {
    let nights = Nights::new();
    nights.fall(0);
    let before = nights.report();
    let mut seeds: Vec<(String, Vec<u8>)> = Vec::new();
    let mut after = Vec::new();
    for at in 0.. {
        let bed = Bed::start();
        if at == 0 {
            let ran = nights.analyze(&bed, &["--incremental"]);
            assert_eq!(ran.status, 0, "{}", ran.stderr);
            seeds = bed.keys("").into_iter().map(|key| (key.clone(), bed.get(&key).unwrap())).collect();
            (1..NIGHTS).for_each(|night| nights.fall(night));
            after = nights.report();
        } else {
            seeds.iter().for_each(|(key, bytes)| bed.put(key, bytes));
        }
        let (count, (tell, told)) = (AtomicUsize::new(0), mpsc::channel());
        bed.proxy.meddle(move |asked| {
            let now = writes(asked) && count.fetch_add(1, Ordering::SeqCst) == at;
            now.then(|| {
                tell.send(()).unwrap();
                stall()
            })
        });
        let mut child = nights.command(&bed, &["--incremental", "-q"]).spawn().unwrap();
        let killed = loop {
            if told.recv_timeout(Duration::from_millis(20)).is_ok() {
                std::thread::sleep(Duration::from_millis(50)); // the server is at it
                child.kill().unwrap();
                child.wait().unwrap();
                break true;
            }
            if child.try_wait().unwrap().is_some() {
                break false;
            }
        };
        bed.proxy.leave_alone();
        if !killed {
            assert!(at > 10, "killed {at} times");
            assert_is(&bed, &after, "not killed");
            return;
        }
        if written(&bed).1.is_some() {
            let now = parts(&bed);
            let is = |report: &[(String, Vec<u8>)]| {
                report
                    .iter()
                    .map(|(name, bytes)| (format!("report/{name}"), bytes))
                    .eq(now.iter().map(|(name, bytes)| (name.clone(), bytes)))
            };
            assert!(is(&before) || is(&after), "killed at {at}: neither the report before nor the one after");
        }
        // As if it had been long ago: the lock of a run that was killed is waited for.
        if bed.get("report/_keytrail/lock").is_some() {
            bed.delete("report/_keytrail/lock");
        }
        let ran = nights.analyze(&bed, &["--incremental"]);
        assert_eq!(ran.status, 0, "killed at {at}: {}", ran.stderr);
        assert_is(&bed, &after, &format!("killed at {at}"));
    }
}

/// Writing is denied: one sentence that names the permission, exit status 2, and nothing that looks
/// like a report.
#[test]
fn denied_writing_names_the_permission() {
    let (nights, bed) = (Nights::all(), Bed::start());
    bed.proxy.meddle(|asked| (writes(asked) && of_report(asked)).then(faults::access_denied));
    let ran = nights.analyze(&bed, &["-q"]);
    assert_eq!(ran.status, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("s3:PutObject"), "{}", ran.stderr);
    assert_eq!(ran.stderr.trim_end().lines().count(), 1, "{}", ran.stderr);
    assert_eq!(bed.get("report/run.json"), None);
}
