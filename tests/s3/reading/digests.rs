//! Digests in S3: the signature of the newest one is in the metadata of its object. What verifies
//! there verifies in a copy, but for that one.

use std::fs;

use serde_json::Value;
use testkit::bed::Bed;
use testkit::trail::{Hour, Signer, Trail, key_list};
use testkit::{gzip, keytrail, run};

use super::assert_only_reads;

/// A bucket with some hours of a trail.
fn bucket_of(hours: &[Hour]) -> Bed {
    let bed = Bed::start();
    for hour in hours {
        hour.logs.iter().for_each(|log| bed.put(&log.object, &gzip(&log.content)));
        let headers = [
            ("x-amz-meta-signature", hour.signature.as_str()),
            ("x-amz-meta-signature-algorithm", "SHA256withRSA"),
        ];
        let answer = bed.request("PUT", &hour.digest.object, &[], &headers, &gzip(&hour.digest.content));
        assert_eq!(answer.status(), 200);
    }
    bed
}

fn rows(stdout: &[u8]) -> Vec<Value> {
    let lines = std::str::from_utf8(stdout).unwrap().lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_newest_signature_comes_with_the_object() {
    let signer = Signer::shared();
    let probe = bucket_of(&[]);
    // The recorded bucket is the one that the files are in.
    let bucket = probe.uri("").trim_start_matches("s3://").trim_end_matches('/').to_owned();
    let hours = Trail { bucket, logs_per_hour: 1, ..Trail::default() }.hours(3, signer);
    let bed = bucket_of(&hours);
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys.json");
    let list = key_list(&[signer.pkcs1()], "2023-03-01T00:00:00Z", "2023-05-01T00:00:00Z");
    fs::write(&keys, list.to_string()).unwrap();
    let verify = |input: &str, args: &[&str]| {
        run(bed
            .around(keytrail())
            .args(["verify", "-q", "--format", "ndjson", "--digest-keys", keys.to_str().unwrap(), input])
            .args(args))
    };
    bed.proxy.forget();
    let ran = verify(&bed.uri(""), &[]);
    assert_only_reads(&bed.proxy.asked());
    let found = rows(&ran.stdout);
    assert_eq!((ran.status, found.len()), (0, 6), "{}", ran.stderr);
    assert!(found.iter().all(|row| row["status"] == "valid"), "{found:#?}");
    // A selected hour: folders of other days are not listed, and what is in them is not missing.
    let ran = verify(&bed.uri(""), &["--start-time", "2023-04-01T00:00:00Z"]);
    let found = rows(&ran.stdout);
    assert_eq!((ran.status, found.len()), (0, 2), "{}{found:#?}", ran.stderr);
    assert!(found.iter().all(|row| row["status"] == "valid"), "{found:#?}");
    // The copy has no metadata.
    let copy = bed.fetch("", dir.path());
    let ran = verify(copy.to_str().unwrap(), &[]);
    let found = rows(&ran.stdout);
    let newest = found.iter().filter(|row| row["status"] == "unverifiable").count();
    assert_eq!((ran.status, found.len(), newest), (0, 6, 2), "{}{found:#?}", ran.stderr);
}
