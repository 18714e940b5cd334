//! What is there is read: all of it, once, and as from files.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{analyze, archive, assert_only_reads, assert_same, fetched, padded, with_sample};
use testkit::bed::{Bed, Operation};
use testkit::{analyze_by, analyze_in, keytrail};

/// The sample says the same from S3 as from files; nothing is asked but to list and to read, and
/// every object is read once, although a run looks at its records twice.
#[test]
fn the_sample_is_read_as_from_files() {
    let bed = with_sample();
    let dir = tempfile::tempdir().unwrap();
    bed.fetch("logs/", &dir.path().join("logs"));
    let from_files = analyze_in(dir.path(), &["logs"]);
    let from_s3 = analyze(&bed, &[&bed.uri("logs")]);
    assert_eq!(from_s3.status, from_files.status, "{}", from_s3.stderr);
    assert_same(&bed, &from_s3, &from_files);

    let asked = bed.proxy.asked();
    assert_only_reads(&asked);
    let size = |key: &str| bed.get(key).unwrap().len() as u64;
    let fetched = fetched(&asked, size);
    assert_eq!(fetched.keys().cloned().collect::<Vec<_>>(), bed.keys("logs/"));
    for (key, bytes) in fetched {
        assert_eq!(bytes, size(&key), "{key} is read whole");
    }
    for list in asked.iter().filter(|asked| asked.operation == Operation::ListObjects) {
        assert!(list.parameter("prefix").unwrap().starts_with("logs"), "{}", list.target);
    }
}

/// The same Parquet bytes, however many threads read, and however slow the answers come.
#[test]
fn neither_threads_nor_latency_matter() {
    let bed = with_sample();
    let with = |threads: &str| {
        analyze(&bed, &[&bed.uri("logs"), "--workload", "any", "--event", "any", "--threads", threads])
    };
    let one = with("1").parquet_bytes();
    bed.proxy.meddle(|asked| {
        // As good as at random, and never the same order twice.
        std::thread::sleep(std::time::Duration::from_millis(asked.target.len() as u64 * 7 % 40));
        None
    });
    for threads in ["2", "7"] {
        assert_eq!(with(threads).parquet_bytes(), one, "{threads} threads");
    }
}

/// More objects than fit a page of the listing, and more than one request under way at once.
#[test]
fn more_than_a_thousand_objects_are_read() {
    const OBJECTS: u32 = 2100;
    let bed = Bed::start();
    for n in 0..OBJECTS {
        bed.put(&format!("many/{n:05}.json"), &archive(n));
    }
    bed.put("many-others/0.json", &archive(9999));
    let report = analyze(&bed, &[&bed.uri("many/")]);
    assert_eq!(report.status, 0, "{}", report.stderr);
    assert_eq!(report.run_json()["totals"]["selected"], OBJECTS);
    let archives: Vec<Value> = report.inputs().iter().map(|row| row["archive"].clone()).collect();
    let expected: Vec<Value> = (0..OBJECTS).map(|n| bed.uri(&format!("many/{n:05}.json")).into()).collect();
    assert_eq!(archives, expected);

    let asked = bed.proxy.asked();
    assert_only_reads(&asked);
    let continued = asked.iter().filter(|asked| asked.parameter("continuation-token").is_some()).count();
    assert_eq!(continued, 2, "three pages");
    assert_eq!(fetched(&asked, |_| 1).len(), OBJECTS as usize);
    assert!(bed.proxy.most_under_way() > 1, "requests overlap");
}

/// An object too large to be fetched whole ahead of its turn comes as a row of ranges, each asked
/// for once, and is what it is as a file.
#[test]
fn a_large_object_is_read_in_ranges() {
    let (bed, dir) = (Bed::start(), tempfile::tempdir().unwrap());
    let text = padded(16_000, "192.0.2.1");
    assert!(text.len() > 20 << 20);
    fs::create_dir(dir.path().join("logs")).unwrap();
    fs::write(dir.path().join("logs/large.ndjson"), &text).unwrap();
    fs::write(dir.path().join("logs/small.json"), archive(99_999)).unwrap();
    bed.put_folder("", dir.path());
    let from_files = analyze_in(dir.path(), &["logs"]);
    assert_eq!(from_files.run_json()["totals"]["records"], 16_001);
    let from_s3 = analyze(&bed, &[&bed.uri("logs/")]);
    assert_same(&bed, &from_s3, &from_files);

    let asked = bed.proxy.asked();
    assert_only_reads(&asked);
    assert_eq!(fetched(&asked, |_| text.len() as u64)["logs/large.ndjson"], text.len() as u64);
    let ranges = asked.iter().filter(|asked| asked.key.ends_with("large.ndjson")).count();
    assert!(ranges > 1, "it came in {ranges}");
}

/// Keys are any text. What stands where a name is no path is read like everything else, or said to
/// be unreadable; nothing is left out in silence.
#[test]
fn odd_keys_are_read() {
    let bed = Bed::start();
    let names = [
        "x y.json",
        "x+y.json",
        "x%41.json",
        "%.json",
        "ü/ö.json",
        "a//b.json",
        "a/./c.json",
        "a/../d.json",
        ".hidden",
        "<&\"'>.json",
        "=?#@:,;$!*().json",
        "~",
        "day=2024-03-05/part 0",
        "\u{1F5DD}.json",
    ];
    for (n, name) in names.iter().enumerate() {
        bed.put(&format!("odd/{name}"), &archive(n as u32));
    }
    // What consoles make for a folder is no archive; what only looks so is one.
    bed.put("odd/folder/", b"");
    bed.put("odd/folder/sub/", &archive(1000));
    let report = analyze(&bed, &[&bed.uri("odd")]);
    let inputs = report.inputs();
    let mut expected: Vec<String> = names.iter().map(|name| bed.uri(&format!("odd/{name}"))).collect();
    expected.push(bed.uri("odd/folder/sub/"));
    expected.sort();
    let archives: Vec<&str> = inputs.iter().map(|row| row["archive"].as_str().unwrap()).collect();
    assert_eq!(archives, expected);
    let unreadable: BTreeSet<&str> = inputs
        .iter()
        .filter(|row| row["status"] == "unreadable")
        .map(|row| row["archive"].as_str().unwrap())
        .collect();
    // HTTP clients take dots between slashes out of a path, so these can be asked for by nobody.
    assert_eq!(unreadable, [&*bed.uri("odd/a/../d.json"), &bed.uri("odd/a/./c.json")].into());
    assert_eq!(report.run_json()["totals"]["selected"], names.len() - 2 + 1);
    assert_eq!(report.status, 1, "{}", report.stderr);
}

/// `s3://bucket/name` is the object of that key or what lies in the folder of that name, not what
/// merely begins so.
#[test]
fn an_address_is_an_object_or_a_folder() {
    let bed = Bed::start();
    for (n, key) in ["logs/a.json", "logs/b/c.json", "logs-old/d.json", "logsheet.json"].iter().enumerate() {
        bed.put(key, &archive(n as u32));
    }
    let archives = |addresses: &[&str]| -> Vec<String> {
        let addresses: Vec<String> = addresses.iter().map(|address| bed.uri(address)).collect();
        let report = analyze(&bed, &addresses.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(report.status, 0, "{addresses:?}: {}", report.stderr);
        let name =
            |row: &Value| row["archive"].as_str().unwrap().strip_prefix(&bed.uri("")).unwrap().to_owned();
        report.inputs().iter().map(name).collect()
    };
    for folder in ["logs", "logs/"] {
        assert_eq!(archives(&[folder]), ["logs/a.json", "logs/b/c.json"], "{folder}");
    }
    assert_eq!(archives(&["logs/b/c.json"]), ["logs/b/c.json"]);
    let all = ["logs-old/d.json", "logs/a.json", "logs/b/c.json", "logsheet.json"];
    assert_eq!(archives(&[""]), all);
    assert_eq!(archives(&["logs", "", "logs/a.json", "logs-old"]), all, "nothing is read twice");
    assert_eq!(archives(&["logsheet.json", "logs/b/"]), ["logs/b/c.json", "logsheet.json"]);
}

/// Files and objects in one run, in the order of their names.
#[test]
fn files_and_objects_mix() {
    let bed = Bed::start();
    bed.put("b.json", &archive(1));
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.json"), archive(2)).unwrap();
    fs::write(dir.path().join("z.json"), archive(3)).unwrap();
    let mut command = bed.around(keytrail());
    let report = analyze_by(command.current_dir(dir.path()), &["z.json", &bed.uri(""), "a.json"]);
    assert_eq!(report.status, 0, "{}", report.stderr);
    let archives: Vec<Value> = report.inputs().iter().map(|row| row["archive"].clone()).collect();
    assert_eq!(archives, ["a.json".to_owned(), bed.uri("b.json"), "z.json".to_owned()]);
    assert!(!Path::new(&dir.path().join("s3:")).exists());
}
