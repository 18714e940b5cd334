//! Archives in S3, read from a real server on loopback: what the report says, what is asked of S3
//! for it, and what becomes of everything that can go wrong on the way.
//!
//! All of it runs against either server of `testkit::bed`.

mod damage;
mod digests;
mod pruning;
mod refusals;
mod whole;

use std::collections::BTreeMap;

use serde_json::Value;
use testkit::bed::{Asked, Bed, Operation};
use testkit::{Report, analyze_by, assert_rows, decrypt, document, keytrail, root};

/// `analyze` on this bed.
fn analyze(bed: &Bed, args: &[&str]) -> Report {
    analyze_by(&mut bed.around(keytrail()), args)
}

/// A log file with the `n`th event.
fn archive(n: u32) -> Vec<u8> {
    document(&[decrypt(n)]).into_bytes()
}

/// So many events from this address, some 1.7 KiB each, one a line.
fn padded(events: u32, ip: &str) -> String {
    let line = |n: u32| {
        let mut event = decrypt(n);
        event["sourceIPAddress"] = ip.into();
        event["additionalEventData"] = format!("{n:01024}").into();
        event.to_string()
    };
    (0..events).map(line).collect::<Vec<_>>().join("\n")
}

/// The sample's tree in the bucket, as `logs/AWSLogs/…`.
fn with_sample() -> Bed {
    let bed = Bed::start();
    bed.put_folder("logs/", &root().join("sample-logs"));
    bed
}

/// All that is asked for reading: objects and listings. Nothing else is permitted by the policy
/// that the documentation shows.
fn assert_only_reads(asked: &[Asked]) {
    for asked in asked {
        let reads = [Operation::GetObject, Operation::ListObjects].contains(&asked.operation);
        assert!(reads, "{} {}", asked.method, asked.target);
    }
}

/// How many bytes of each object were asked for, ranges checked to be apart.
fn fetched(asked: &[Asked], size: impl Fn(&str) -> u64) -> BTreeMap<String, u64> {
    let mut ranges: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
    for get in asked.iter().filter(|asked| asked.operation == Operation::GetObject) {
        let range = match &get.range {
            None => (0, size(&get.key)),
            Some(range) => {
                let (from, to) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
                let to = to.parse().map_or(u64::MAX, |last: u64| last + 1);
                (from.parse().unwrap(), to.min(size(&get.key)))
            }
        };
        ranges.entry(get.key.clone()).or_default().push(range);
    }
    ranges
        .into_iter()
        .map(|(key, mut ranges)| {
            ranges.sort();
            assert!(ranges.is_sorted_by(|a, b| a.1 <= b.0), "{key} is read twice: {ranges:?}");
            let bytes = ranges.iter().map(|(from, to)| to - from).sum();
            (key, bytes)
        })
        .collect()
}

/// The rows of a table, with the bucket taken from the names of archives, and without what only
/// objects in S3 have.
fn without_bucket(bed: &Bed, rows: Vec<Value>) -> Vec<Value> {
    let mut rows = rows;
    for row in &mut rows {
        let row = row.as_object_mut().unwrap();
        for name in ["etag", "modified_time"] {
            row.remove(name);
        }
        if let Some(archive) = row.get("archive").and_then(Value::as_str) {
            let key = archive.strip_prefix(&bed.uri("")).unwrap_or_else(|| panic!("{archive}")).to_owned();
            row.insert("archive".to_owned(), key.into());
        }
    }
    rows
}

/// Every row of every table is that of the same archives read from files.
fn assert_same(bed: &Bed, from_s3: &Report, from_files: &Report) {
    let same = |table: &str, rows: Vec<Value>, expected: Vec<Value>| {
        let mut expected = expected;
        for row in &mut expected {
            for name in ["etag", "modified_time"] {
                row.as_object_mut().unwrap().remove(name);
            }
        }
        assert_rows(table, &without_bucket(bed, rows), &expected);
    };
    same("usage", from_s3.usage(), from_files.usage());
    same("usage_daily", from_s3.daily(), from_files.daily());
    same("events", from_s3.events(), from_files.events());
    same("rejects", from_s3.rejects(), from_files.rejects());
    same("inputs", from_s3.inputs(), from_files.inputs());
    for part in ["totals", "coverage", "caveats"] {
        assert_eq!(from_s3.run_json()[part], from_files.run_json()[part], "{part}");
    }
}
