//! Digests: what `keytrail verify` and reports say of trails whose every file is known, with every
//! kind of damage.

#![cfg(unix)]

// A chain of digests, and what can be wrong with it.
mod chains;
// Signatures of the newest digest, as files.
mod signatures;
// Agreement with `aws cloudtrail validate-logs`.
mod validate_logs;
// Whose records are believed.
mod trust;
// Reports: the columns that say what was verified.
mod reports;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::trail::{Hour, Signer, Trail, key_list, write_hours};
use testkit::{Ran, keytrail, run};

/// So many hours of a trail.
fn hours(n: usize) -> Vec<Hour> {
    Trail::default().hours(n, Signer::shared())
}

/// A copy of a bucket, and the keys that its digests are signed with.
struct Copy {
    dir: tempfile::TempDir,
}

impl Copy {
    /// With all files of some hours.
    fn of(hours: &[Hour]) -> Self {
        let copy = Self { dir: tempfile::tempdir().unwrap() };
        write_hours(&copy.bucket(), hours);
        copy.write_keys(&key_list(
            &[Signer::shared().pkcs1()],
            "2023-03-01T00:00:00Z",
            "2023-05-01T00:00:00Z",
        ));
        copy
    }

    fn bucket(&self) -> PathBuf {
        self.dir.path().join("copy")
    }

    fn keys(&self) -> PathBuf {
        self.dir.path().join("keys.json")
    }

    fn write_keys(&self, keys: &Value) {
        fs::write(self.keys(), keys.to_string()).unwrap();
    }

    /// `keytrail verify` with its keys.
    fn verify(&self, args: &[&str]) -> Ran {
        run(keytrail()
            .current_dir(self.dir.path())
            .args(["verify", "--digest-keys", "keys.json", "copy"])
            .args(args))
    }

    /// The rows of `keytrail verify`.
    fn rows(&self) -> Vec<Value> {
        rows_of(&self.verify(&["-q", "--format", "ndjson"]))
    }
}

fn rows_of(ran: &Ran) -> Vec<Value> {
    let lines = std::str::from_utf8(&ran.stdout).unwrap().lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The status and the reason of the file that CloudTrail wrote as `object`.
fn state<'r>(rows: &'r [Value], object: &str) -> (&'r str, Option<&'r str>) {
    let is_it = |row: &&Value| {
        row["recorded_location"].as_str().is_some_and(|place| place.ends_with(object))
            || row["archive"].as_str().is_some_and(|archive| archive.ends_with(object))
    };
    let found: Vec<&Value> = rows.iter().filter(is_it).collect();
    let [row] = found[..] else { panic!("{object}: {found:#?}") };
    (row["status"].as_str().unwrap(), row["reason"].as_str())
}

fn remove(file: &Path) {
    fs::remove_file(file).unwrap();
}
