//! Tar and zip files that are made here, against the oracle.

use std::fs;
use std::io::Write;

use flate2::Compression;
use testkit::{analyze_in, assert_rows, corpus, folder, oracle, sorted};

/// A tree packed in each way gives every row that the oracle expects of it, which reads tar and zip
/// with its own code.
#[test]
fn packed_trees_agree_with_the_oracle() {
    let dir = tempfile::tempdir().unwrap();
    corpus::archive::Corpus::sized(7, 0.5, 64, 0.6).write(dir.path()).unwrap();
    let mut members = Vec::new();
    let mut folders = vec![dir.path().join("AWSLogs")];
    while let Some(folder) = folders.pop() {
        for path in sorted(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir.path()).unwrap().to_str().unwrap().to_owned();
                members.push((name, fs::read(path).unwrap()));
            }
        }
    }
    members.sort(); // as the oracle sorts its rows
    let mut builder = tar::Builder::new(Vec::new());
    let mut zip = rawzip::ZipArchiveWriter::new(Vec::new());
    for (name, content) in &members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, name, &content[..]).unwrap();
        let (mut entry, config) = zip.new_file(name.as_str()).start().unwrap();
        let mut data = config.wrap(&mut entry);
        data.write_all(content).unwrap();
        let (_, descriptor) = data.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    let tar = builder.into_inner().unwrap();
    let packed = [
        ("a.tar", tar.clone()),
        ("a.tar.gz", corpus::archive::gzip(&tar, Compression::fast())),
        ("a.tar.zst", zstd::bulk::compress(&tar, 1).unwrap()),
        ("a.zip", zip.finish().unwrap()),
    ];
    let options = oracle::Options { workloads: None, events: None, ..oracle::Options::default() };
    for (name, bytes) in packed {
        let dir = folder(&[(name, &bytes)]);
        let report = analyze_in(dir.path(), &[name, "--workload", "any", "--event", "any"]);
        let expected = oracle::analyze(&oracle::archive::members(name, &bytes), &options);
        assert!(expected.totals["selected"] > 100);
        let run = report.run_json();
        for (class, count) in &expected.totals {
            assert_eq!(run["totals"][class], *count, "{name}: {class}");
        }
        assert_rows(name, &report.events(), &expected.events);
        assert_rows(name, &report.usage(), &expected.usage);
        assert_rows(name, &report.daily(), &expected.daily);
    }
}
