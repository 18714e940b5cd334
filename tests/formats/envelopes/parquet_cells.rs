//! Parquet files whose columns are not those of records: what their cells hold.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, FixedSizeBinaryArray, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
};
use arrow_schema::{DataType, Field};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};
use testkit::{ANY, analyze_in, assert_rows, document, folder, gzip, state};

use super::forms::{base64, canvas, records, text};
use super::{counts, placeless, read, shape};

pub(super) type Cells = Vec<(&'static str, ArrayRef)>;

/// A file with these columns, and row groups of so many rows.
pub(super) fn parquet(columns: Cells, group: usize) -> Vec<u8> {
    let columns = columns.into_iter().map(|(name, column)| (name, column, true));
    written(&RecordBatch::try_from_iter_with_nullable(columns).unwrap(), group)
}

fn written(batch: &RecordBatch, group: usize) -> Vec<u8> {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

pub(super) fn texts(cells: impl IntoIterator<Item = impl Into<String>>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(cells.into_iter().map(Into::into)))
}

fn bytes(cells: impl IntoIterator<Item = impl AsRef<[u8]>>) -> ArrayRef {
    Arc::new(BinaryArray::from_iter_values(cells))
}

fn numbers(count: usize) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(0..count as i64))
}

fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 1).unwrap()
}

/// The columns of Spark's source `binaryFile`.
fn spark(files: &[Vec<u8>]) -> Cells {
    let paths = (0..files.len()).map(|n| format!("s3://bucket/file{n}"));
    vec![("path", texts(paths)), ("length", numbers(files.len())), ("content", bytes(files))]
}

/// One column with many rows before these cells.
fn far(name: &'static str, cells: &[String]) -> Cells {
    let before = (0..500).map(|n| format!("another line {n}"));
    vec![(name, texts(before.chain(cells.iter().cloned())))]
}

fn nested(cells: &[Vec<u8>]) -> Cells {
    let field = Field::new("blob", DataType::Binary, true);
    let inner = StructArray::from(vec![(Arc::new(field), bytes(cells))]);
    vec![("n", numbers(cells.len())), ("part", Arc::new(inner))]
}

fn list(cells: &[String]) -> Cells {
    let mut builder = arrow_array::builder::ListBuilder::new(arrow_array::builder::StringBuilder::new());
    cells.iter().for_each(|cell| builder.values().append_value(cell));
    builder.append(true);
    let list: ListArray = builder.finish();
    vec![("n", numbers(1)), ("parts", Arc::new(list))]
}

/// Whatever a cell holds a record in, it is read, and each record once.
#[test]
fn records_in_cells_are_read() {
    let plain = read("plain.json", document(&records()).as_bytes());
    let expected = placeless(plain.events());
    let all: Vec<String> = records().iter().map(text).collect();
    let gz: Vec<Vec<u8>> = all.iter().map(|record| gzip(record.as_bytes())).collect();
    let base64_gz: Vec<String> = gz.iter().map(|gz| base64(gz)).collect();
    let files: Vec<Vec<u8>> =
        [&records()[..1], &records()[1..]].map(|part| gzip(document(part).as_bytes())).to_vec();
    let raw_files = [document(&records()[..2]).into_bytes(), zstd(document(&records()[2..]).as_bytes())];
    for (name, columns) in [
        ("base64 of gzip", vec![("zeile", texts(base64_gz.clone()))]),
        ("gzip", vec![("blob", bytes(&gz))]),
        ("gzip in a column that often has records", vec![("data", bytes(&gz))]),
        ("zstd", vec![("blob", bytes(all.iter().map(|record| zstd(record.as_bytes()))))]),
        ("gzip in gzip", vec![("blob", bytes(gz.iter().map(|gz| gzip(gz))))]),
        ("whole files", spark(&files)),
        ("whole files, one of them as it is", spark(&raw_files)),
        ("all in one cell", vec![("x", bytes([gzip(format!("[{}]", all.join(",")).as_bytes())]))]),
        ("text and gzip of it", vec![("_raw", texts(all.clone())), ("body", bytes(&gz))]),
        ("gzip in a structure", nested(&gz)),
        ("base64 of gzip in a list", list(&base64_gz)),
        ("after a time", vec![("x", texts(base64_gz.iter().map(|b| format!("2025-10-07T08:20:00Z {b}"))))]),
    ] {
        for group in [1, 100] {
            let report = read("in.parquet", &parquet(columns.clone(), group));
            assert_eq!(counts(&report), [3, 2, 0], "{name}: {}", report.stderr);
            assert_eq!((report.status, shape(&report).as_str()), (0, "parquet"), "{name}");
            assert_rows(name, &placeless(report.events()), &expected);
        }
    }
    for cells in [&all, &base64_gz] {
        for group in [100, 1000] {
            let report = read("in.parquet", &parquet(far("zeile", cells), group));
            assert_eq!((report.status, counts(&report)), (0, [503, 2, 0]), "{}", report.stderr);
            assert_rows("far", &placeless(report.events()), &expected);
        }
    }
}

/// What a cell lost is told, and costs only its records.
#[test]
fn damaged_cells_are_told() {
    let gz: Vec<Vec<u8>> = records().iter().map(|record| gzip(text(record).as_bytes())).collect();
    let cut = |gz: &[u8]| gz[..gz.len() / 2].to_vec();
    let mut flipped = gz[1].clone();
    flipped[60] ^= 0xFF;
    for (name, columns, expected) in [
        ("cut", vec![("blob", bytes([gz[0].clone(), cut(&gz[1]), gz[2].clone()]))], [3, 1, 1]),
        ("all cut", vec![("blob", bytes(gz.iter().map(|gz| cut(gz))))], [3, 0, 3]),
        ("base64, cut", vec![("x", texts([base64(&gz[0]), base64(&cut(&gz[1]))]))], [2, 1, 1]),
        ("flipped", vec![("blob", bytes([gz[0].clone(), flipped]))], [2, 1, 1]),
        ("whole file, cut", spark(&[cut(&gzip(document(&records()).as_bytes()))]), [1, 0, 1]),
    ] {
        let report = read("in.parquet", &parquet(columns, 100));
        assert_eq!((report.status, counts(&report)), (1, expected), "{name}: {}", report.stderr);
    }
    // The pages themselves.
    let mut damaged = parquet(vec![("blob", bytes(&gz))], 100);
    damaged[4..20].fill(0xFF);
    let report = read("in.parquet", &damaged);
    assert_eq!((report.status, counts(&report)[1]), (1, 0), "{}", report.stderr);
}

/// Cells that name what only records have, in columns with any names, are not passed over.
#[test]
fn cells_in_unknown_forms_are_told() {
    let of = |name: &'static str, member: &'static str| {
        let cell = |record: &Value| record[member].as_str().unwrap().to_owned();
        (name, texts(records().iter().map(cell)))
    };
    let who = ("who", texts(["a", "b", "c"]));
    let pair = |record: &Value| json!({"a": record["eventSource"], "b": record["eventName"]}).to_string();
    let line = |record: &Value| {
        format!("{} kms.amazonaws.com Decrypt by {}", record["eventTime"], record["userIdentity"]["arn"])
    };
    let key_value = |_: &Value| "eventSource=kms.amazonaws.com eventName=Decrypt".to_owned();
    let zip = || [&b"PK\x03\x04\x14\0\x08\0\x08\0"[..], &[0xFF; 90]].concat();
    let utf16 = |record: &Value| text(record).encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let all = records();
    for (name, columns) in [
        ("renamed", vec![of("ts", "eventTime"), of("svc", "eventSource"), of("api", "eventName"), who]),
        ("renamed as bytes", vec![("svc", bytes(["kms.amazonaws.com"])), ("api", bytes(["Decrypt"]))]),
        ("renamed in a text", vec![("x", texts(all.iter().map(pair)))]),
        ("lines", vec![("x", texts(all.iter().map(line)))]),
        ("names and values", vec![("x", texts(all.iter().map(key_value)))]),
        ("far", far("x", &[key_value(&all[0])])),
        ("a zip file", spark(&[zip()])),
        ("UTF-16", vec![("x", bytes(all.iter().map(utf16)))]),
    ] {
        for group in [1, 100] {
            let file = parquet(columns.clone(), group);
            let good = document(&records());
            let dir = folder(&[("x.parquet", &file[..]), ("good.json", good.as_bytes())]);
            let report = analyze_in(dir.path(), &["x.parquet", "good.json"]);
            assert_eq!(state(&report.inputs(), "x.parquet"), ("unreadable", "unreadable_wrapping"), "{name}");
            assert_eq!((report.status, counts(&report)), (1, [3, 2, 0]), "{name}");
            assert!(report.stderr.contains("unreadable_wrapping"), "{name}: {}", report.stderr);
            assert!(report.run_json()["caveats"].to_string().contains("unreadable_wrappings"), "{name}");
        }
    }
}

/// Files about something else are skipped, whatever bytes they have.
#[test]
fn other_parquet_files_are_skipped() {
    let words = (0..3000).map(|n| format!("a trip of {n} km, paid by card and not by cash"));
    let hashes = (0..3000u32).map(|n| {
        (0..32).map(|k| (n.wrapping_mul(2_654_435_761).wrapping_add(k * 97) >> 7) as u8).collect::<Vec<_>>()
    });
    let page =
        gzip(b"<html>a page of the web, compressed, that says nothing about what is looked for</html>");
    let log =
        |source: &str, name: &str| vec![("svc", texts([source])), ("api", texts([name])), ("n", numbers(1))];
    for (name, columns) in [
        ("trips", vec![("n", numbers(3000)), ("flag", texts(words))]),
        ("hashes", vec![("sha", bytes(hashes))]),
        ("numbers", vec![("n", numbers(3000))]),
        ("pages", vec![("body", bytes([page]))]),
        (
            "a picture",
            vec![("body", bytes([&b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR\0\0\x02\0\0\0\x02\0\x08\x06"[..]]))],
        ),
        ("renamed events of another service", log("ec2.amazonaws.com", "RunInstances")),
        ("a mention in prose", log("calls go to kms.amazonaws.com or elsewhere", "see there")),
        ("a trail", vec![("event", texts(["click"])), ("source", texts(["web"]))]),
    ] {
        let report = read("in.parquet", &parquet(columns, 100));
        assert_eq!(
            state(&report.inputs(), "in.parquet"),
            ("skipped", "parquet"),
            "{name}: {}",
            report.stderr
        );
        assert_eq!(report.status, 0, "{name}: {}", report.stderr);
    }
    // The rejects of a report quote what they are about.
    let bad = document(&[canvas(1)]).replace("\"eventTime\"", "\"eventTim\"");
    let cells = json!({"svc": "kms.amazonaws.com", "api": "Decrypt", "eventName": 1});
    let dir = folder(&[("in.json", bad.as_bytes()), ("cells.csv", format!("a,b\n1,{cells}\n").as_bytes())]);
    let first = analyze_in(dir.path(), &["in.json", "cells.csv"]);
    assert_eq!(first.status, 1);
    let rejects = std::fs::read(first.path().join("rejects.parquet")).unwrap();
    let second = read("rejects.parquet", &rejects);
    assert_eq!(second.status, 0, "{}", second.stderr);
}

/// Ids that are stored as UUIDs, and not as text, are the same ids.
#[test]
fn uuids_are_ids() {
    let rows = records();
    let of = |member: &'static str| {
        let cell = |record: &Value| {
            record[member].as_str().map(str::to_owned).unwrap_or_else(|| text(&record[member]))
        };
        (member, texts(rows.iter().map(cell)))
    };
    let uuids = |member: &str| -> ArrayRef {
        let bytes = rows.iter().map(|record| {
            let digits = record[member].as_str().unwrap().replace('-', "");
            u128::from_str_radix(&digits, 16).unwrap().to_be_bytes()
        });
        Arc::new(FixedSizeBinaryArray::try_from_iter(bytes).unwrap())
    };
    let members = [
        "eventTime",
        "eventSource",
        "eventName",
        "awsRegion",
        "recipientAccountId",
        "userIdentity",
        "requestParameters",
        "resources",
        "sourceIPAddress",
        "userAgent",
        "readOnly",
    ];
    let columns = |id: ArrayRef, request_id: ArrayRef| -> Cells {
        members.map(of).into_iter().chain([("eventID", id), ("requestID", request_id)]).collect()
    };
    let plain = read("plain.parquet", &parquet(columns(of("eventID").1, of("requestID").1), 100));
    assert_eq!((plain.status, counts(&plain)), (0, [3, 2, 0]), "{}", plain.stderr);
    assert!(plain.events().iter().all(|event| event["event_id"].is_string()));
    let report = read("in.parquet", &parquet(columns(uuids("eventID"), uuids("requestID")), 100));
    assert_rows("uuids", &placeless(report.events()), &placeless(plain.events()));
    // Two copies of a file are one.
    let file = parquet(columns(uuids("eventID"), uuids("requestID")), 100);
    let dir = folder(&[("a.parquet", &file[..]), ("b.parquet", &file[..])]);
    assert_eq!(counts(&analyze_in(dir.path(), &["a.parquet", "b.parquet"])), [6, 2, 0]);
    // Fifteen bytes are no id, and the report says that there is none.
    let cut: ArrayRef =
        Arc::new(FixedSizeBinaryArray::try_from_iter(rows.iter().map(|_| [0xC0; 15])).unwrap());
    let report = read("in.parquet", &parquet(columns(cut, uuids("requestID")), 100));
    assert!(report.events().iter().all(|event| event["event_id"].is_null()));
    assert!(report.run_json()["caveats"].to_string().contains("\"no_event_id\""));
    // Sixteen letters are a text.
    let letters: ArrayRef =
        Arc::new(FixedSizeBinaryArray::try_from_iter(rows.iter().map(|_| b"ids-of-my-own-16")).unwrap());
    let report = read("in.parquet", &parquet(columns(letters, uuids("requestID")), 100));
    assert!(report.events().iter().all(|event| event["event_id"] == "ids-of-my-own-16"));
}

/// Columns that a query named by the last part of a path only are read where that leaves no doubt.
#[test]
fn last_parts_of_paths_are_names() {
    let session = canvas(1)["userIdentity"]["arn"].clone();
    let key = canvas(1)["resources"][0]["ARN"].clone();
    let base = || {
        let record = canvas(1);
        json!({"eventTime": record["eventTime"], "eventSource": record["eventSource"],
            "eventName": record["eventName"], "awsRegion": "us-east-1"})
    };
    let role = "arn:aws:iam::111122223333:role/AmazonSageMaker-ExecutionRole-20250101T101010";
    for (columns, principal, expected) in [
        (json!({"arn": session, "keyId": key}), json!(role), key.clone()),
        (json!({"arn": session, "arn_1": key}), json!(role), key.clone()),
        (
            json!({"type": "AWSService", "invokedBy": "s3.amazonaws.com", "key_id": key}),
            json!("s3.amazonaws.com"),
            key.clone(),
        ),
        (json!({"arn": "arn:aws:s3:::bucket", "keyId": key}), json!("unknown"), key.clone()),
        (json!({"arn": "Reader", "id": key}), json!("unknown"), json!(null)),
        // Beside the members themselves, the names stand for something else.
        (
            json!({"arn": key, "keyId": "x", "userIdentity": {"type": "AWSService", "invokedBy": "s3.amazonaws.com"},
            "requestParameters": {"keyId": key}}),
            json!("s3.amazonaws.com"),
            key.clone(),
        ),
    ] {
        let mut row = base();
        row.as_object_mut().unwrap().extend(columns.as_object().unwrap().clone());
        let cells = row.as_object().unwrap().iter();
        let cells: Vec<(String, String)> = cells
            .map(|(name, cell)| (name.clone(), cell.as_str().map_or_else(|| text(cell), str::to_owned)))
            .collect();
        let names = cells.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>().join(",");
        let fields =
            cells.iter().map(|(_, cell)| format!("\"{}\"", cell.replace('"', "\"\""))).collect::<Vec<_>>();
        let arrays = cells.iter().map(|(name, cell)| (name.as_str(), texts([cell.clone()]), true));
        let batch = RecordBatch::try_from_iter_with_nullable(arrays).unwrap();
        for (name, bytes) in [
            ("in.json", text(&row).into_bytes()),
            ("in.csv", format!("{names}\n{}\n", fields.join(",")).into_bytes()),
            ("in.parquet", written(&batch, 100)),
        ] {
            let dir = folder(&[(name, &bytes)]);
            let report = analyze_in(dir.path(), &[&[name], &ANY[..]].concat());
            assert_eq!((report.status, counts(&report)), (0, [1, 1, 0]), "{name} {row}: {}", report.stderr);
            let event = &report.events()[0];
            assert_eq!((&event["principal"], &event["key_arn"]), (&principal, &expected), "{name} {row}");
            let is_whole = row["requestParameters"].is_object();
            assert!(is_whole || shape(&report).ends_with("_lossy"), "{name} {row}");
        }
    }
}
