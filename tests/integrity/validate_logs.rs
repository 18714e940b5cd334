//! Agreement with AWS's own validator on chains with every kind of damage.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use testkit::trail::{Hour, Signer, Trail, head_object, key_list};
use testkit::{everything, gzip, python, root, skip};

use crate::{Copy, remove, rows_of};

/// The files of a bucket in a folder, and the hours that it had before it was damaged.
struct Case {
    what: &'static str,
    copy: Copy,
    hours: Vec<Hour>,
    /// Ends of objects on which AWS's validator looks less far: `docs/integrity.md` says why.
    differs: BTreeSet<String>,
}

impl Case {
    fn new(what: &'static str, hours: &[Hour], damage: impl FnOnce(&Copy) -> Vec<String>) -> Self {
        let copy = Copy::of(hours);
        let differs = damage(&copy).into_iter().collect();
        Self { what, copy, hours: hours.to_vec(), differs }
    }

    /// The verdict of `keytrail verify` on each recorded place: whether it is valid. The newest
    /// signature is given, as the bucket has it.
    fn ours(&self) -> BTreeMap<String, bool> {
        let heads = self.copy.dir.path().join("heads");
        fs::create_dir_all(&heads).unwrap();
        for hour in &self.hours {
            let name = hour.digest.object.rsplit('/').next().unwrap();
            fs::write(heads.join(name), head_object(hour).to_string()).unwrap();
        }
        let ran = self.copy.verify(&["-q", "--format", "ndjson", "--digest-signatures", "heads"]);
        rows_of(&ran)
            .iter()
            .filter(|row| row["recorded_location"].is_string() && row["reason"] != "before_input")
            .map(|row| (row["recorded_location"].as_str().unwrap().to_owned(), row["status"] == "valid"))
            .collect()
    }

    fn files(&self) -> Value {
        let signatures: BTreeMap<&str, &str> =
            self.hours.iter().map(|hour| (hour.digest.object.as_str(), hour.signature.as_str())).collect();
        let file = |(name, content): (String, Vec<u8>)| {
            let metadata = match signatures.get(name.as_str()) {
                Some(signature) => json!({"signature": signature, "signature-algorithm": "SHA256withRSA"}),
                None => json!({}),
            };
            (name, json!({"content": BASE64_STANDARD.encode(content), "metadata": metadata}))
        };
        everything(&self.copy.bucket()).into_iter().map(file).collect::<serde_json::Map<_, _>>().into()
    }
}

/// What AWS's validator says of each place.
fn theirs(printed: &str) -> BTreeMap<String, bool> {
    let lines = printed.lines().filter_map(|line| line.split_once("file\t"));
    lines
        .map(|(_, rest)| {
            let (place, verdict) = rest.split_once('\t').unwrap();
            (place.to_owned(), verdict.starts_with("valid"))
        })
        .collect()
}

#[test]
fn verdicts_are_those_of_validate_logs() {
    let found = Command::new(python()).args(["-c", "import awscli, moto.server"]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        return skip("validate-logs", "awscli and moto are not installed");
    }
    let signer = Signer::shared();
    let trail =
        Trail { region: "us-west-2".to_owned(), home_region: "us-west-2".to_owned(), ..Trail::default() };
    let sound = trail.hours(6, signer);
    let log = |hour: usize, n: usize| sound[hour].logs[n].clone();
    let digest = |hour: usize| sound[hour].digest.clone();
    let rewritten = |change: &dyn Fn(&mut Value)| {
        let mut json: Value = serde_json::from_slice(&digest(2).content).unwrap();
        change(&mut json);
        gzip(json.to_string().as_bytes())
    };
    let nothing = Vec::new;
    let restarted = {
        let later = Trail { start: trail.start + chrono::Duration::hours(8), ..trail.clone() };
        [sound.clone(), later.hours(3, signer)].concat()
    };
    let cases = [
        Case::new("sound", &sound, |_| nothing()),
        Case::new("stopped and started", &restarted, |_| nothing()),
        Case::new("logs changed, cut off, appended to, missing", &sound, |copy| {
            fs::write(log(1, 0).path(&copy.bucket()), gzip(b"{\"Records\":[]}")).unwrap();
            let whole = gzip(&log(1, 1).content);
            fs::write(log(1, 1).path(&copy.bucket()), &whole[..whole.len() / 2]).unwrap();
            let appended = [gzip(&log(2, 0).content), gzip(b"{\"Records\":[]}")].concat();
            fs::write(log(2, 0).path(&copy.bucket()), appended).unwrap();
            remove(&log(2, 1).path(&copy.bucket()));
            fs::write(log(3, 0).path(&copy.bucket()), b"").unwrap();
            nothing()
        }),
        Case::new("a missing digest", &sound, |copy| {
            remove(&digest(2).path(&copy.bucket()));
            nothing()
        }),
        // Only the newest of them is missed.
        Case::new("missing digests in a row", &sound, |copy| {
            remove(&digest(2).path(&copy.bucket()));
            remove(&digest(3).path(&copy.bucket()));
            vec![digest(2).object]
        }),
        Case::new("a digest that is changed", &sound, |copy| {
            fs::write(digest(2).path(&copy.bucket()), rewritten(&|json| json["logFiles"] = json!([])))
                .unwrap();
            nothing()
        }),
        Case::new("a digest of another end", &sound, |copy| {
            let change = |json: &mut Value| json["digestEndTime"] = "2023-04-01T01:00:01Z".into();
            fs::write(digest(2).path(&copy.bucket()), rewritten(&change)).unwrap();
            nothing()
        }),
        Case::new("a digest without a member", &sound, |copy| {
            let change =
                |json: &mut Value| drop(json.as_object_mut().unwrap().remove("previousDigestSignature"));
            fs::write(digest(2).path(&copy.bucket()), rewritten(&change)).unwrap();
            nothing()
        }),
        Case::new("a digest that is none", &sound, |copy| {
            fs::write(digest(2).path(&copy.bucket()), b"hello").unwrap();
            nothing()
        }),
        Case::new("a digest at another's place", &sound, |copy| {
            fs::write(digest(2).path(&copy.bucket()), gzip(&digest(4).content)).unwrap();
            nothing()
        }),
        // It is read, and what was appended is not looked at.
        Case::new("a digest that is appended to", &sound, |copy| {
            let appended = [gzip(&digest(2).content), gzip(b"{}")].concat();
            fs::write(digest(2).path(&copy.bucket()), appended).unwrap();
            vec![digest(2).object, log(2, 0).object, log(2, 1).object]
        }),
        Case::new("a log in no digest", &sound, |copy| {
            trail.log(trail.start, 6).write(&copy.bucket());
            nothing()
        }),
    ];
    let keys = key_list(&[signer.pkcs1()], "2023-03-01T00:00:00Z", "2023-05-01T00:00:00Z");
    let asked = json!({"bucket": trail.bucket, "region": trail.region, "keys": keys,
        "trail": format!("arn:aws:cloudtrail:{}:{}:trail/{}", trail.home_region, trail.account, trail.name),
        "start": "2023-03-31T00:00:00Z", "end": "2023-04-02T00:00:00Z",
        "cases": cases.iter().map(Case::files).collect::<Vec<_>>()});
    let script = root().join("tests/integrity/validate_logs.py");
    let mut child =
        Command::new(python()).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let said: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said.len(), cases.len());
    for (case, said) in cases.iter().zip(&said) {
        let what = case.what;
        let printed = said["printed"].as_str().unwrap();
        let theirs = theirs(printed);
        let ours = case.ours();
        let differs = |place: &str| case.differs.iter().any(|object| place.ends_with(object.as_str()));
        // All that it judges, we judge alike. Of the logs of an invalid digest it says nothing.
        assert!(theirs.len() >= 8, "{what}: {printed}");
        for (place, valid) in theirs.iter().filter(|(place, _)| !differs(place)) {
            assert_eq!(ours.get(place), Some(valid), "{what}: {place}\n{printed}\n{ours:#?}");
        }
        for place in case.differs.iter().map(|object| format!("s3://{}/{object}", trail.bucket)) {
            assert_ne!(ours.get(&place), theirs.get(&place), "{what}: {place} does not differ any more");
        }
        // What is valid for us, it has looked at, too.
        for (place, valid) in &ours {
            assert!(!valid || theirs.get(place) == Some(&true), "{what}: {place}\n{printed}");
        }
        let is_invalid = theirs.values().any(|valid| !valid);
        assert_eq!(said["status"], i32::from(is_invalid), "{what}");
    }
}
