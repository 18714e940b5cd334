//! Containers through the real program: files that other programs wrote, whole, cut off and
//! damaged; the same events as from the files in them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use flate2::Compression;
use serde_json::Value;
use testkit::{
    Ran, Report, analyze_in, assert_rows, binary, corpus, decrypt, document, folder, input, keytrail, root,
    state,
};

const FILES: [&str; 10] = [
    "ustar.tar",
    "gnu.tar",
    "gnu.tar.zst",
    "pax.tar.gz",
    "stored.zip",
    "deflated.zip",
    "streamed.zip",
    "streamed-deflated.zip",
    "zip64.zip",
    "nested.zip",
];

fn data(file: &str) -> Vec<u8> {
    fs::read(root().join("tests/data/containers").join(file)).unwrap()
}

/// A run in which the bytes come through standard input.
fn piped(bytes: &[u8], args: &[&str]) -> (tempfile::TempDir, Vec<Value>, Vec<Value>, i32) {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("report");
    let mut child = keytrail()
        .arg("analyze")
        .arg("-o")
        .arg(&out)
        .arg("-")
        .args(args)
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let status = child.wait().unwrap().code().unwrap();
    let table = |name: &str| testkit::rows(&out.join(name));
    let (inputs, rejects) = (table("inputs.parquet"), table("rejects.parquet"));
    (dir, inputs, rejects, status)
}

fn text<'r>(row: &'r Value, name: &str) -> &'r str {
    row[name].as_str().unwrap_or_default()
}

/// The rows of each file in a folder, those of its members included.
fn by_file(rows: &[Value]) -> BTreeMap<&str, Vec<&Value>> {
    let mut files: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for row in rows {
        files.entry(text(row, "archive").split("!/").next().unwrap()).or_default().push(row);
    }
    files
}

/// Events without their places.
fn events(report: &Report) -> Vec<Value> {
    let mut rows = report.events();
    for row in &mut rows {
        let row = row.as_object_mut().unwrap();
        row.remove("archive");
        row.remove("record_offset");
    }
    rows.sort_by_key(|row| row["event_id"].to_string());
    rows
}

// ---- whole

#[test]
fn what_other_programs_wrote_is_read_whole() {
    let plain = document(&(1..=6).map(decrypt).collect::<Vec<_>>());
    let dir = folder(&[("plain.json", plain.as_bytes())]);
    let expected = events(&analyze_in(dir.path(), &["plain.json"]));
    assert_eq!(expected.len(), 6);
    for file in FILES {
        let bytes = data(file);
        let dir = folder(&[(file, &bytes)]);
        let report = analyze_in(dir.path(), &[file]);
        assert_eq!(report.status, 0, "{file}: {}", report.stderr);
        assert_rows(file, &events(&report), &expected);
        let inputs = report.inputs();
        let is_tar = file.contains(".tar") || file == "nested.zip";
        let containers = if file == "nested.zip" { 2 } else { 1 };
        assert_eq!(inputs.len(), 3 + 1 + usize::from(is_tar) + containers, "{file}");
        let own = input(&inputs, file);
        assert_eq!(own["shape"], if file.ends_with(".zip") { "zip" } else { "tar" });
        assert_eq!(
            (&own["status"], &own["records"], &own["container"]),
            (&"complete".into(), &0.into(), &Value::Null)
        );
        assert_eq!(own["compressed_bytes"], bytes.len(), "{file}");
        // The container's row is behind those of its members.
        assert_eq!(inputs.last().unwrap()["archive"], file);
        let inner =
            if file == "nested.zip" { "nested.zip!/inner/pax.tar.gz".to_owned() } else { file.to_owned() };
        for row in inputs.iter().filter(|row| !["tar", "zip"].contains(&text(row, "shape"))) {
            assert_eq!(row["container"], inner);
            let name =
                text(row, "archive").strip_prefix(&format!("{inner}!/")).expect("named below its container");
            match name {
                "README.txt" => {
                    assert_eq!((text(row, "status"), text(row, "reason")), ("skipped", "not_json"))
                }
                "latest" => assert_eq!((text(row, "status"), text(row, "reason")), ("skipped", "not_a_file")),
                _ => {
                    assert_eq!(
                        (&row["status"], &row["records"]),
                        (&"complete".into(), &2.into()),
                        "{file}: {name}"
                    );
                    assert_eq!((text(row, "account_id"), text(row, "region")), ("111122223333", "us-west-2"));
                    assert!(text(row, "delivered_time").starts_with("2024-03-05T10:"));
                }
            }
        }
        let run = report.run_json();
        assert_eq!(run["bytes"]["compressed"], bytes.len(), "{file}: members are not counted again");
        let content: u64 = inputs
            .iter()
            .filter(|row| row["records"] != 0 || row["status"] == "skipped")
            .map(|row| row["content_bytes"].as_u64().unwrap())
            .sum();
        assert_eq!(run["bytes"]["content"], content, "{file}");
        // Through a pipe, by the headers alone, the same comes out.
        let (_dir, piped, rejects, status) = piped(&bytes, &[]);
        assert_eq!((status, rejects.len()), (0, 0), "{file}");
        assert_eq!(piped.iter().map(|row| row["selected"].as_u64().unwrap()).sum::<u64>(), 6, "{file}");
        assert_eq!(piped.len(), inputs.len());
    }
}

#[test]
fn members_that_cannot_be_read_are_said() {
    let bytes = data("bzip2.zip");
    let dir = folder(&[("bzip2.zip", &bytes)]);
    let report = analyze_in(dir.path(), &["bzip2.zip"]);
    assert_eq!(report.status, 1);
    let inputs = report.inputs();
    assert_eq!(inputs.iter().filter(|row| text(row, "reason").contains("not supported")).count(), 4);
    assert_eq!(state(&inputs, "bzip2.zip"), ("complete", ""));
    // Encrypted: one bit in each header says so.
    let mut bytes = data("stored.zip");
    let headers: Vec<usize> = (0..bytes.len() - 4)
        .filter(|at| [&b"PK\x03\x04"[..], b"PK\x01\x02"].contains(&&bytes[*at..at + 4]))
        .collect();
    for at in headers {
        let flags = at + if bytes[at + 2] == 3 { 6 } else { 8 };
        bytes[flags] |= 1;
    }
    let dir = folder(&[("stored.zip", &bytes)]);
    let report = analyze_in(dir.path(), &["stored.zip"]);
    assert_eq!(report.status, 1);
    let inputs = report.inputs();
    assert_eq!(inputs.iter().filter(|row| text(row, "reason").contains("encrypted")).count(), 4);
    assert_eq!(report.run_json()["totals"]["records"], 0);
}

/// In any number of threads, and whatever else there is, the same bytes come out.
#[test]
fn threads_change_nothing() {
    let files: Vec<(String, Vec<u8>)> = FILES.iter().map(|file| (format!("in/{file}"), data(file))).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
    let dir = folder(&files);
    let report = |threads| {
        analyze_in(dir.path(), &["in", "--keep-duplicates", "--hash", "--threads", threads]).parquet_bytes()
    };
    let one = report("1");
    assert_eq!(report("2"), one);
    assert_eq!(report("7"), one);
}

#[test]
fn a_container_in_too_many_others_is_skipped() {
    let mut bytes = corpus::archive::gzip(document(&[decrypt(1)]).as_bytes(), Compression::fast());
    let mut name = "a.json.gz".to_owned();
    for depth in 0..5 {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, &name, &bytes[..]).unwrap();
        (bytes, name) = (builder.into_inner().unwrap(), format!("{depth}.tar"));
        let dir = folder(&[("in.tar", &bytes)]);
        let report = analyze_in(dir.path(), &["in.tar"]);
        let (status, selected, told) = if depth < 4 { (0, 1, 0) } else { (1, 0, 1) };
        assert_eq!(report.status, status, "{depth}");
        assert_eq!(report.run_json()["totals"]["selected"], selected, "{depth}");
        let deep = |row: &&Value| row["reason"] == "unreadable_wrapping";
        assert_eq!(report.inputs().iter().filter(deep).count(), told, "{depth}");
    }
}

#[test]
fn content_that_is_hashed_is_the_members_and_the_containers() {
    use sha2::{Digest, Sha256};
    let hex =
        |bytes: &[u8]| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (tar, zip) = (data("gnu.tar"), data("deflated.zip"));
    let dir = folder(&[("in/a.tar.zst", &data("gnu.tar.zst")), ("in/b.tar", &tar), ("in/c.zip", &zip)]);
    let report = analyze_in(dir.path(), &["in", "--hash"]);
    let inputs = report.inputs();
    assert_eq!(text(input(&inputs, "in/a.tar.zst"), "content_sha256"), hex(&tar));
    assert_eq!(text(input(&inputs, "in/b.tar"), "content_sha256"), hex(&tar));
    assert_eq!(text(input(&inputs, "in/c.zip"), "content_sha256"), hex(&zip));
    let first = document(&[decrypt(1), decrypt(2)]);
    let sums: Vec<&str> =
        inputs.iter().filter(|row| row["selected"] == 2).map(|row| text(row, "content_sha256")).collect();
    assert_eq!(sums[0].len(), 64, "{first}");
}

// ---- cut off and damaged

/// Every cut of a container in one run: what lies before the cut counts, and the container says
/// that it is cut off.
#[test]
fn containers_cut_off_anywhere() {
    for file in FILES {
        let bytes = data(file);
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("cut")).unwrap();
        // What is compressed shows no less in fewer cuts.
        let step = 1 + bytes.len() / 250;
        let cuts: Vec<usize> = (0..bytes.len()).step_by(step).chain(bytes.len() - 40..bytes.len()).collect();
        for at in &cuts {
            fs::write(dir.path().join(format!("cut/{at:05}")), &bytes[..*at]).unwrap();
        }
        let report = analyze_in(dir.path(), &["cut", "--keep-duplicates"]);
        assert_eq!(report.status, 1);
        let (inputs, rejects) = (report.inputs(), report.rejects());
        let (inputs, rejects) = (by_file(&inputs), by_file(&rejects));
        let mut most = 0;
        let mut ordered = cuts.clone();
        ordered.sort_unstable();
        ordered.dedup();
        for at in ordered {
            let uri = format!("cut/{at:05}");
            let rows = &inputs[&*uri];
            let own = rows.iter().find(|row| text(row, "archive") == uri).unwrap();
            let lost = rejects.get(&*uri).map_or(&[][..], Vec::as_slice);
            let selected: u64 = rows.iter().map(|row| row["selected"].as_u64().unwrap()).sum();
            assert!(selected >= most, "{file}: the longer file {at} gives less");
            most = selected;
            let shape = text(own, "shape");
            if !["tar", "zip"].contains(&shape) {
                // Not even its first header is whole.
                assert_eq!(selected, 0);
                continue;
            }
            // Only blanks behind the first of the two blocks that end a tar file can be missing
            // without a word.
            if text(own, "status") == "complete" {
                assert!(
                    file.ends_with(".tar") && bytes[at..].iter().all(|b| *b == 0) && selected == 6,
                    "{file}: {at}"
                );
                continue;
            }
            assert_eq!(text(own, "status"), "partial", "{file}: {at}");
            assert_eq!(own["rejected"], 1, "{file}: {at}");
            assert!(text(own, "reason").ends_with("_truncated"), "{file}: {at}: {own}");
            // The member that it ends in, and the container in the container.
            let others = lost.iter().filter(|row| text(row, "archive") != uri).count();
            assert!(others <= if file == "nested.zip" { 2 } else { 1 }, "{file}: {at}: {lost:?}");
            let partial = rows.iter().filter(|row| row["status"] == "partial").count();
            assert_eq!(partial, others + 1, "{file}: {at}");
        }
        assert_eq!(most, 6, "{file}");
    }
}

/// Where each member of a plain tar file lies is known, so is what must come of it.
#[test]
fn a_tar_file_cut_off_gives_exactly_what_lies_before_the_cut() {
    let members: Vec<String> = (0..3).map(|n| document(&[decrypt(2 * n), decrypt(2 * n + 1)])).collect();
    let mut builder = tar::Builder::new(Vec::new());
    let mut places = Vec::new();
    for (n, member) in members.iter().enumerate() {
        let mut header = tar::Header::new_ustar();
        header.set_size(member.len() as u64);
        builder.append_data(&mut header, format!("{n}.json"), member.as_bytes()).unwrap();
        let end = builder.get_ref().len().div_ceil(512) * 512;
        places.push((end - member.len().next_multiple_of(512), member));
    }
    let bytes = builder.into_inner().unwrap();
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("cut")).unwrap();
    let cuts: Vec<usize> = (512..bytes.len()).step_by(3).collect();
    for at in &cuts {
        fs::write(dir.path().join(format!("cut/{at:05}")), &bytes[..*at]).unwrap();
    }
    let report = analyze_in(dir.path(), &["cut", "--keep-duplicates"]);
    let inputs = report.inputs();
    let mut rows = inputs.iter().peekable();
    for at in cuts {
        let uri = format!("cut/{at:05}");
        for (n, (start, member)) in places.iter().enumerate() {
            if at < *start {
                break; // its header is not whole
            }
            let row = rows.next().unwrap();
            assert_eq!(text(row, "archive"), format!("{uri}!/{n}.json"));
            let there = at - start;
            let whole = there >= member.len();
            let ends: Vec<usize> = [decrypt(2 * n as u32), decrypt(2 * n as u32 + 1)]
                .iter()
                .map(|record| member.find(&record.to_string()).unwrap() + record.to_string().len())
                .collect();
            // A record at the very end of what is there is believed when something follows it.
            let selected = ends.iter().filter(|end| **end <= there).count();
            assert_eq!(row["selected"], selected, "{uri}");
            let expected = if whole { ("complete", "") } else { ("partial", "container_truncated") };
            assert_eq!((text(row, "status"), text(row, "reason")), expected, "{uri}");
            assert_eq!(row["rejected"], u64::from(!whole), "{uri}");
        }
        let own = rows.next().unwrap();
        assert_eq!(text(own, "archive"), uri);
    }
    assert!(rows.next().is_none());
}

/// One flipped byte anywhere: the run ends, its accounting holds, and members that are not hit are
/// whole.
#[test]
fn containers_damaged_anywhere() {
    for file in ["gnu.tar", "stored.zip", "streamed-deflated.zip", "gnu.tar.zst"] {
        let bytes = data(file);
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("hit")).unwrap();
        let step = 1 + bytes.len() / 250;
        let hits: Vec<usize> = (0..bytes.len()).step_by(step).collect();
        for at in &hits {
            let mut bytes = bytes.clone();
            bytes[*at] ^= 0x55;
            fs::write(dir.path().join(format!("hit/{at:05}")), &bytes).unwrap();
        }
        let report = analyze_in(dir.path(), &["hit", "--keep-duplicates"]);
        assert!(report.status <= 1, "{file}: {}", report.stderr);
        let inputs = report.inputs();
        let inputs = by_file(&inputs);
        for at in hits {
            let uri = format!("hit/{at:05}");
            let rows = &inputs[&*uri];
            let selected: u64 = rows.iter().map(|row| row["selected"].as_u64().unwrap()).sum();
            // Compressed as a whole, all behind the damage is lost; without its beginning nothing
            // is recognised at all.
            let least = if file.ends_with("zst") || at < 512 { 0 } else { 4 };
            assert!((least..=6).contains(&selected), "{file}: {at}: {selected}");
            // Zip files have checksums: nothing is lost without a word, except that a damaged name
            // is another name.
            let lost = rows.iter().any(|row| row["status"] == "partial" || row["status"] == "unreadable");
            assert!(
                selected == 6 || lost || file.contains(".tar") || rows.len() == 1,
                "{file}: {at}: {rows:#?}"
            );
        }
    }
}

// ---- large ones

/// `keytrail` with so little memory, in KiB, for its data.
fn with_memory(kib: u32, cwd: &Path, args: &[&str]) -> Ran {
    let mut command = Command::new("sh");
    let limited = format!("ulimit -d {kib}; exec \"$@\"");
    command.current_dir(cwd).args(["-c", &limited, "sh", binary().to_str().unwrap()]).args(args);
    testkit::run(command.env("MALLOC_ARENA_MAX", "1"))
}

#[test]
fn large_members_and_bombs_take_little_memory() {
    let dir = tempfile::tempdir().unwrap();
    // 200 MiB of blanks before the records, as a member of a tar file that is itself compressed,
    // and of a zip file.
    let blanks = vec![b' '; 1 << 20];
    let tail = document(&[decrypt(1), decrypt(2)]);
    let size = (200 << 20) + tail.len();
    let mut header = tar::Header::new_ustar();
    header.set_path("large.json").unwrap();
    header.set_size(size as u64);
    header.set_cksum();
    let mut tar =
        zstd::stream::Encoder::new(File::create(dir.path().join("large.tar.zst")).unwrap(), 1).unwrap();
    tar.write_all(header.as_bytes()).unwrap();
    (0..200).for_each(|_| tar.write_all(&blanks).unwrap());
    tar.write_all(tail.as_bytes()).unwrap();
    tar.write_all(&vec![0; size.next_multiple_of(512) - size + 1024]).unwrap();
    tar.finish().unwrap();
    let run = |args: &[&str]| {
        let ran = with_memory(150_000, dir.path(), &[&["analyze", "-o", "out", "--force"], args].concat());
        let totals: Value =
            serde_json::from_slice(&fs::read(dir.path().join("out/run.json")).unwrap()).unwrap();
        (
            ran.status,
            totals["totals"]["selected"].as_u64().unwrap(),
            testkit::rows(&dir.path().join("out/inputs.parquet")),
        )
    };
    let (status, selected, _) = run(&["large.tar.zst"]);
    assert_eq!((status, selected), (0, 2));
    // The limit holds for the container as for what is in it: one cause, and the member that it
    // hits.
    let (status, selected, inputs) = run(&["large.tar.zst", "--max-archive-bytes", "1000000"]);
    assert_eq!((status, selected), (1, 0));
    assert_eq!(state(&inputs, "large.tar.zst"), ("partial", "archive_too_large"));
    assert_eq!(state(&inputs, "large.tar.zst!/large.json"), ("partial", "archive_too_large"));
    // A tar file that is not compressed has no limit, its members have.
    let plain = fs::read(dir.path().join("large.tar.zst")).unwrap();
    fs::write(dir.path().join("large.tar"), zstd::stream::decode_all(&plain[..]).unwrap()).unwrap();
    let (status, selected, inputs) = run(&["large.tar", "--max-archive-bytes", "1000000"]);
    assert_eq!((status, selected), (1, 0));
    assert_eq!(state(&inputs, "large.tar"), ("complete", ""));
    assert_eq!(state(&inputs, "large.tar!/large.json"), ("partial", "archive_too_large"));
}

#[test]
fn a_bomb_in_a_zip_file_stops_at_the_limit() {
    // 1 GiB of blanks in a deflated member.
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::fast());
    let blanks = vec![b' '; 1 << 20];
    (0..1024).for_each(|_| encoder.write_all(&blanks).unwrap());
    let bomb = encoder.finish().unwrap();
    let le = |parts: &[(usize, usize)]| -> Vec<u8> {
        parts.iter().flat_map(|(value, len)| value.to_le_bytes()[..*len].to_vec()).collect()
    };
    let mut bytes = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0".to_vec();
    bytes.extend(le(&[(bomb.len(), 4), (1 << 30, 4), (4, 2), (0, 2)]));
    bytes.extend_from_slice(b"bomb");
    bytes.extend(bomb);
    let dir = folder(&[("bomb.zip", &bytes)]);
    let args = ["analyze", "-o", "out", "bomb.zip", "--max-archive-bytes", "100000000"];
    let ran = with_memory(150_000, dir.path(), &args);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    let inputs = testkit::rows(&dir.path().join("out/inputs.parquet"));
    assert_eq!(state(&inputs, "bomb.zip!/bomb"), ("partial", "archive_too_large"));
    assert_eq!(input(&inputs, "bomb.zip!/bomb")["content_bytes"], 100_000_000);
    assert_eq!(state(&inputs, "bomb.zip"), ("partial", "container_truncated"));
}
