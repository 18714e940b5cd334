//! OCSF's Parquet files, written by pyarrow, against the records that they were made from.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, DictionaryArray, FixedSizeListArray, Int32Array, Int64Array, RecordBatch, StringArray,
    StructArray,
};
use arrow_schema::Field;
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as Compressed, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use serde_json::Value;
use testkit::{LITTLE, Report, analyze_in, assert_rows, input, keytrail, root, rows, with_memory};

const ANY: [&str; 4] = ["--workload", "any", "--event", "any"];

fn data(file: &str) -> Vec<u8> {
    fs::read(root().join("tests/data/ocsf").join(file)).unwrap()
}

fn analyze(name: &str, bytes: &[u8], args: &[&str]) -> Report {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(name), bytes).unwrap();
    analyze_in(dir.path(), &[&[name], &ANY[..], args].concat())
}

/// Events by their ids, without their places.
fn events(report: &Report) -> Vec<Value> {
    let mut rows = report.events();
    for row in &mut rows {
        row.as_object_mut().unwrap().retain(|name, _| !["archive", "record_offset"].contains(&name.as_str()));
    }
    rows.sort_by_key(|row| (row["event_id"].to_string(), row["recipient_account_id"].to_string()));
    rows
}

fn offsets(report: &Report) -> Vec<u64> {
    let mut offsets: Vec<u64> =
        report.events().iter().map(|row| row["record_offset"].as_u64().unwrap()).collect();
    offsets.sort_unstable();
    offsets
}

#[test]
fn rows_of_ocsf_give_the_events_of_the_records_they_were_made_from() {
    let plain = analyze("records.json", &data("records.json"), &[]);
    let expected = events(&plain);
    assert!(expected.len() > 90);
    let report = analyze("a.parquet", &data("1.1.parquet"), &[]);
    assert_eq!(report.status, 0, "{}", report.stderr);
    assert_rows("events", &events(&report), &expected);
    assert_eq!(report.run_json()["totals"], plain.run_json()["totals"]);
    let inputs = report.inputs();
    let row = input(&inputs, "a.parquet");
    assert_eq!(
        (&row["shape"], &row["status"], &row["records"]),
        (&"ocsf_parquet".into(), &"complete".into(), &98.into())
    );
    assert_eq!(row["compressed_bytes"], data("1.1.parquet").len());
    // A record's place is its row: all but that of the one that is no use of a key.
    let places = offsets(&report);
    assert_eq!((places.len(), places[0], places[96]), (97, 0, 97));
}

/// The older source keeps neither parameters nor answers: what is missing is null, and the shape
/// says so.
#[test]
fn what_the_older_source_has_lost_is_null() {
    let full = events(&analyze("records.json", &data("records.json"), &[]));
    let report = analyze("older.gz.parquet", &data("older.gz.parquet"), &[]);
    assert_eq!(input(&report.inputs(), "older.gz.parquet")["shape"], "ocsf_parquet_lossy");
    let lossy = events(&report);
    assert_eq!(lossy.len(), full.len());
    let mut lost = BTreeSet::new();
    for (lossy, full) in lossy.iter().zip(&full) {
        for (column, value) in lossy.as_object().unwrap() {
            if *value != full[column] {
                lost.insert(column.clone());
                // Nothing is invented: what is not as it was is missing, or says less.
                let says_less = ["key_origin", "workload", "workload_strength", "workload_rules", "service"];
                assert!(value.is_null() || says_less.contains(&column.as_str()), "{column}: {value}");
            }
        }
    }
    assert!(lost.contains("encryption_context") && lost.contains("tls_version"));
    for kept in [
        "event_time",
        "event_id",
        "principal",
        "session_name",
        "source_ip",
        "outcome",
        "error_message",
        "read_only",
    ] {
        assert!(!lost.contains(kept), "{kept}");
    }
}

#[test]
fn through_a_pipe_and_in_containers_the_same_comes_out() {
    let bytes = data("1.1.parquet");
    let expected = events(&analyze("a.parquet", &bytes, &[]));
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("report");
    let mut child = keytrail()
        .arg("analyze")
        .args(ANY)
        .arg("-o")
        .arg(&out)
        .arg("-")
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(rows(&out.join("inputs.parquet"))[0]["selected"], 97);
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    builder.append_data(&mut header, "in/a.parquet", &bytes[..]).unwrap();
    let packed = zstd::bulk::compress(&builder.into_inner().unwrap(), 1).unwrap();
    let report = analyze("a.tar.zst", &packed, &["--hash"]);
    assert_rows("events", &events(&report), &expected);
    let inputs = report.inputs();
    let row = input(&inputs, "a.tar.zst!/in/a.parquet");
    assert_eq!((&row["shape"], &row["status"]), (&"ocsf_parquet".into(), &"complete".into()));
    assert_eq!(row["content_sha256"].as_str().unwrap().len(), 64);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 1).unwrap()
}

/// `(name in the file, bytes)` as a zip file whose member is stored.
fn zip(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut packed);
    let (mut entry, config) = archive.new_file(name).start().unwrap();
    let mut data = config.wrap(&mut entry);
    data.write_all(bytes).unwrap();
    let (_, descriptor) = data.finish().unwrap();
    entry.finish(descriptor).unwrap();
    archive.finish().unwrap();
    packed
}

/// However it is compressed, and what is told of it are the bytes that are stored and those that
/// they come to.
#[test]
fn compressed_files_are_read_and_measured_as_they_are_stored() {
    let bytes = data("1.1.parquet");
    let plain = analyze("a.parquet", &bytes, &["--hash"]);
    let expected = events(&plain);
    let (front, back) = bytes.split_at(1000);
    for (name, stored, members) in [
        ("a.parquet.gz", gzip(&bytes), 1),
        ("two.parquet.gz", [gzip(front), gzip(back)].concat(), 2),
        ("a.parquet.zst", zstd(&bytes), 0),
    ] {
        let report = analyze(name, &stored, &["--hash"]);
        assert_eq!(report.status, 0, "{name}: {}", report.stderr);
        assert_rows(name, &events(&report), &expected);
        let inputs = report.inputs();
        let row = input(&inputs, name);
        assert_eq!(row["compressed_bytes"], stored.len(), "{name}");
        assert_eq!(row["content_bytes"], bytes.len(), "{name}");
        assert_eq!(row["gzip_members"], members, "{name}");
        assert_eq!(row["content_sha256"], plain.inputs()[0]["content_sha256"], "{name}");
        assert_eq!(report.run_json()["bytes"]["compressed"], stored.len(), "{name}");
    }
    let report = analyze("a.zip", &zip("a.parquet.gz", &gzip(&bytes)), &[]);
    assert_rows("zip", &events(&report), &expected);
    // What is skipped has been read, too, and so has what breaks off.
    let stored = gzip(&data("other.parquet"));
    let report = analyze("other.parquet.gz", &stored, &[]);
    let row = &report.inputs()[0];
    assert_eq!(
        (&row["reason"], &row["compressed_bytes"], &row["gzip_members"]),
        (&"parquet".into(), &stored.len().into(), &1.into())
    );
    let cut = &gzip(&bytes)[..2000];
    let report = analyze("cut.parquet.gz", cut, &[]);
    let row = &report.inputs()[0];
    assert_eq!(
        (&row["reason"], &row["compressed_bytes"], &row["gzip_members"]),
        (&"gzip_truncated".into(), &cut.len().into(), &1.into())
    );
}

#[test]
fn other_parquet_files_are_skipped() {
    let report = analyze("other.parquet", &data("other.parquet"), &[]);
    assert_eq!(report.status, 0);
    let inputs = report.inputs();
    assert_eq!((&inputs[0]["status"], &inputs[0]["reason"]), (&"skipped".into(), &"parquet".into()));
}

/// A Parquet file says at its end where everything is: without its end, nothing of it can be read.
#[test]
fn a_parquet_file_cut_off_is_a_reject() {
    let bytes = data("1.1.parquet");
    for at in [4, 5, 1000, bytes.len() / 2, bytes.len() - 1] {
        let report = analyze("a.parquet", &bytes[..at], &[]);
        assert_eq!(report.status, 1, "{at}");
        let inputs = report.inputs();
        assert_eq!(
            (&inputs[0]["status"], &inputs[0]["reason"]),
            (&"partial".into(), &"parquet_corrupt".into())
        );
        assert_eq!((&inputs[0]["records"], &inputs[0]["rejected"]), (&1.into(), &1.into()));
    }
}

/// Damage in a row group costs its rows, from the damaged ones on, and says which.
#[test]
fn damage_in_a_row_group_costs_that_group() {
    let bytes = data("1.1.parquet");
    let mut damaged = 0;
    for at in (4..bytes.len() - 8).step_by(bytes.len() / 120) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x55;
        let report = analyze("a.parquet", &bytes, &[]);
        assert!(report.status <= 1, "{at}: {}", report.stderr);
        let inputs = report.inputs();
        let (selected, rejected) =
            (inputs[0]["selected"].as_u64().unwrap(), inputs[0]["rejected"].as_u64().unwrap());
        // Without the column of ids, the one duplicate counts.
        assert!(selected <= 98, "{at}");
        if inputs[0]["reason"] == "parquet_corrupt" {
            damaged += 1;
            assert!(
                rejected >= 1 && report.rejects()[0]["detail"].as_str().unwrap().contains("cannot be read")
            );
        }
    }
    assert!(damaged > 60, "{damaged}");
}

/// Damage at which the reader of Parquet panics costs rows, and not the run.
#[test]
fn damage_that_the_reader_does_not_expect_is_a_reject() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.parquet"), data("negative-length.parquet")).unwrap();
    fs::write(dir.path().join("b.parquet"), data("1.1.parquet")).unwrap();
    let report = analyze_in(dir.path(), &[&["."], &ANY[..], &["--keep-duplicates"]].concat());
    assert_eq!(report.status, 1);
    let inputs = report.inputs();
    assert_eq!(input(&inputs, "a.parquet")["reason"], "parquet_corrupt");
    assert_eq!(input(&inputs, "b.parquet")["selected"], 97);
    // It is told as damage, and not as a fault of the program.
    assert!(!report.stderr.contains("panicked"), "{}", report.stderr);
    let report = analyze_in(dir.path(), &[&["a.parquet", "-vv"], &ANY[..]].concat());
    assert!(report.stderr.contains("parquet_corrupt at row 0: rows 0 to 97"), "{}", report.stderr);
    let report = analyze_in(dir.path(), &[&["a.parquet", "-q"], &ANY[..]].concat());
    let line = "keytrail: 1 place could not be read: damaged, or in a form that is not known\n";
    assert_eq!((report.status, report.stderr.as_str()), (1, line));
}

#[test]
fn limits_hold_for_rows_and_for_files() {
    let bytes = data("1.1.parquet");
    let report = analyze("a.parquet", &bytes, &["--max-archive-bytes", "1000"]);
    assert_eq!(report.inputs()[0]["reason"], "archive_too_large");
    let report = analyze("a.parquet", &bytes, &["--max-record-bytes", "1200"]);
    let inputs = report.inputs();
    assert_eq!((&inputs[0]["reason"], &inputs[0]["records"]), (&"record_too_large".into(), &98.into()));
    assert!(inputs[0]["rejected"].as_u64().unwrap() > 1 && inputs[0]["selected"].as_u64().unwrap() > 1);
}

/// An OCSF file in which each row has a text of so many bytes twice, and a list of it: the file
/// says it once a column with a dictionary, and without one as often, compressed.
fn repeated(rows: usize, bytes: usize, in_list: usize, dictionary: bool) -> Vec<u8> {
    let times = |value: &str, n: usize| -> ArrayRef {
        let (keys, values) = (Int32Array::from(vec![0; n]), StringArray::from(vec![value]));
        Arc::new(DictionaryArray::new(keys, Arc::new(values)))
    };
    let text = |value: &str| times(value, rows);
    let of = |fields: Vec<(&str, ArrayRef)>| -> ArrayRef {
        let fields = fields
            .into_iter()
            .map(|(name, array)| (Arc::new(Field::new(name, array.data_type().clone(), true)), array));
        Arc::new(StructArray::from(fields.collect::<Vec<_>>()))
    };
    let long = "x".repeat(bytes);
    let resource = of(vec![("uid", times(&long, rows * in_list))]);
    let item = Arc::new(Field::new("item", resource.data_type().clone(), true));
    let length = i32::try_from(in_list).unwrap();
    let resources: ArrayRef = Arc::new(FixedSizeListArray::new(item, length, resource, None));
    let batch = RecordBatch::try_from_iter(vec![
        ("metadata", of(vec![("product", of(vec![("name", text("CloudTrail"))]))])),
        ("time", Arc::new(Int64Array::from(vec![1_700_000_000_000; rows])) as ArrayRef),
        (
            "api",
            of(vec![
                ("operation", text("RunInstances")),
                ("service", of(vec![("name", text("ec2.amazonaws.com"))])),
                ("request", of(vec![("data", text(&long))])),
                ("response", of(vec![("data", text(&long))])),
            ]),
        ),
        ("resources", resources),
    ]);
    let batch = batch.unwrap();
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(dictionary)
        .set_write_batch_size(1) // so that pages are as short as is asked for
        .set_data_page_row_count_limit(if dictionary { 20_000 } else { 2 })
        .set_dictionary_page_size_limit(64 << 20)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_compression(Compressed::ZSTD(ZstdLevel::default()))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// What is said once and repeated takes the memory of one, and rows count as what they come to.
#[test]
fn rows_that_repeat_a_long_text_are_cut_off_in_little_memory() {
    let dir = tempfile::tempdir().unwrap();
    for (rows_in_it, dictionary) in [(1024, true), (128, false)] {
        let bomb = repeated(rows_in_it, 512 << 10, 1, dictionary);
        assert!(bomb.len() < 256 << 10, "{}", bomb.len());
        fs::write(dir.path().join("bomb.parquet"), bomb).unwrap();
        let limit = if dictionary { 32 << 20 } else { 1 << 30 };
        let args = ["bomb.parquet", "--force", "--max-archive-bytes", &limit.to_string()];
        let ran = with_memory(LITTLE, dir.path(), &args);
        assert_eq!(ran.status, i32::from(dictionary), "{}", ran.stderr);
        let inputs = rows(&dir.path().join("report/inputs.parquet"));
        let [reason, counted, rejected] = ["reason", "other_source", "rejected"].map(|name| &inputs[0][name]);
        if dictionary {
            assert_eq!((reason, counted, rejected), (&"archive_too_large".into(), &21.into(), &1.into()));
        } else {
            assert_eq!((reason, counted, rejected), (&Value::Null, &128.into(), &0.into()));
        }
    }
}

/// A row that repeats a text more often than a record may be long is told so before it is put
/// together.
#[test]
fn a_row_with_a_long_list_is_rejected_in_little_memory() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = repeated(3, 64 << 10, 4000, true);
    fs::write(dir.path().join("list.parquet"), bytes).unwrap();
    let ran = with_memory(LITTLE, dir.path(), &["list.parquet"]);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    let inputs = rows(&dir.path().join("report/inputs.parquet"));
    assert_eq!(
        (&inputs[0]["reason"], &inputs[0]["records"], &inputs[0]["rejected"]),
        (&"record_too_large".into(), &3.into(), &3.into())
    );
}
