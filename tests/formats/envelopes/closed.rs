//! Files that do not show what they hold: mangled, encrypted, printed, or without what says of
//! which service their rows are.

use serde_json::{Value, json};
use testkit::{analyze_in, document, folder, gzip, state};

use super::forms::{canvas, lines, records, text};
use super::parquet_cells::{parquet, texts};
use super::{counts, placeless, read};

/// The file is told, and another one is read beside it.
fn assert_told(name: &str, bytes: &[u8]) {
    let dir = folder(&[(name, bytes), ("good.json", document(&records()).as_bytes())]);
    let report = analyze_in(dir.path(), &[name, "good.json"]);
    let told = (report.status, counts(&report)[1], state(&report.inputs(), name).1.to_owned());
    assert_eq!(told, (1, 2, "unreadable_wrapping".to_owned()), "{name}: {}", report.stderr);
}

fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 1).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn mangled_and_foreign_files_are_told() {
    let plain = document(&records());
    let (gz, zst) = (gzip(plain.as_bytes()), zstd(plain.as_bytes()));
    let latin = |bytes: &[u8]| bytes.iter().copied().map(char::from).collect::<String>().into_bytes();
    let utf8 = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned().into_bytes();
    let noise: Vec<u8> = gz.iter().map(|byte| byte ^ 0xA5).collect();
    let with = |magic: &[u8]| [magic, &noise].concat();
    for (name, bytes) in [
        ("be.json", plain.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ("be-list.json", format!("[{}]", canvas(1)).encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ("le-list.json", format!("[{}]", canvas(1)).encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("latin.json", latin(&gz)),
        ("utf8.json.gz", utf8(&gz)),
        ("latin.zst", latin(&zst)),
        ("utf8.zst", utf8(&zst)),
        ("cut.json", gz[1..].to_vec()),
        ("cut.json.gz", gz[3..].to_vec()),
        ("x.br", noise.clone()),
        ("x.BROTLI", noise.clone()),
        ("x.rar", with(b"Rar!\x1A\x07\x01\0")),
        ("x.lz", with(b"LZIP\x01\x0C")),
        ("x.lzo", with(b"\x89LZO\0\r\n\x1A\n")),
        ("x.lrz", with(b"LRZI\0\x06")),
        ("x.cab", with(b"MSCF\0\0\0\0")),
        ("x.age", with(b"age-encryption.org/v1\n-> X25519 ")),
        ("x.asc", b"-----BEGIN PGP MESSAGE-----\n\nwcBMA\n".to_vec()),
        ("x.gpg", with(b"\x85\x01\x0C\x03")),
        ("x.enc", with(b"Salted__")),
        ("x.arrows", with(b"\xFF\xFF\xFF\xFF\x70\0\0\0\x10\0\0\0\0\0\x0A\0")),
        ("uu.txt", b"begin 644 log.json.gz\nM'XL(`\n".to_vec()),
        ("xxd.txt", format!("00000000: {} {}\n", &hex(&gz)[..4], &hex(&gz)[4..8]).into_bytes()),
    ] {
        assert_told(name, &bytes);
    }
    for (name, bytes) in [
        ("x.png", with(b"\x89PNG\r\n\x1A\n")),
        ("x.jpg", with(b"\xFF\xD8\xFF\xE0")),
        ("app.log.gz", b"plain text\nof a program\n".to_vec()),
        ("x.txt", b"begin with this\n00000000: 8950\n".to_vec()),
    ] {
        let report = read(name, &bytes);
        assert_eq!((report.status, state(&report.inputs(), name).0), (0, "skipped"), "{name}");
    }
}

#[test]
fn bytes_as_an_object_are_told() {
    let record = text(&canvas(1));
    for bytes in [gzip(record.as_bytes()), record.clone().into_bytes(), zstd(record.as_bytes())] {
        let members = bytes.iter().enumerate().map(|(n, byte)| format!("\"{n}\": {byte}"));
        let object = format!("{{{}}}", members.collect::<Vec<_>>().join(", "));
        assert_told("in.json", format!("{{\"Body\": {object}}}").as_bytes());
        let report = read("in.json", format!("{{\"Records\":[{record},{{\"b\":{object}}}]}}").as_bytes());
        assert_eq!((report.status, counts(&report)), (1, [2, 1, 1]), "{}", report.stderr);
    }
}

/// Hexadecimal digits behind any prefix that databases print, of anything that is read.
#[test]
fn hexadecimal_digits_with_a_prefix_are_read() {
    let record = text(&canvas(1));
    let expected = placeless(read("in.json", record.as_bytes()).events());
    for bytes in [gzip(record.as_bytes()), zstd(record.as_bytes()), record.into_bytes()] {
        for prefix in ["", "0x", "\\x"] {
            let report =
                read("in.json", json!({"data": prefix.to_owned() + &hex(&bytes)}).to_string().as_bytes());
            assert_eq!((report.status, counts(&report)), (0, [1, 1, 0]), "{prefix}: {}", report.stderr);
            assert_eq!(placeless(report.events()), expected, "{prefix}");
        }
    }
}

/// A KMS call as OCSF has it, with `api` as given.
fn ocsf(api: Option<Value>, product: &str) -> Value {
    let mut row = json!({
        "class_uid": 6003, "class_name": "API Activity", "time": 1_762_161_007_000_u64,
        "metadata": {"uid": "e0", "product": {"name": product}, "event_code": "AwsApiCall"},
        "actor": {"user": {"uid": "arn:aws:sts::111122223333:assumed-role/r/s"}},
        "cloud": {"region": "us-east-1"},
    });
    if let Some(api) = api {
        row["api"] = api;
    }
    row
}

#[test]
fn ocsf_without_service_or_operation_is_told() {
    for api in [
        None,
        Some(json!({"operation": "Decrypt"})),
        Some(json!({"service": {"name": "***"}})),
        Some("@{operation=Decrypt; service=}".into()),
    ] {
        let row = ocsf(api.clone(), "CloudTrail");
        assert_told("in.ndjson", lines([row.to_string(), row.to_string()].into_iter()).as_bytes());
        assert_told("in.json", json!([row, row]).to_string().as_bytes());
        let report = read("in.json", json!({"Records": [canvas(1), row]}).to_string().as_bytes());
        assert_eq!((report.status, counts(&report)), (1, [2, 1, 1]), "{api:?}: {}", report.stderr);
        let row = ocsf(api, "Amazon EKS");
        let report = read("in.ndjson", lines([row.to_string(), row.to_string()].into_iter()).as_bytes());
        assert_eq!((report.status, counts(&report)[2]), (0, 0), "{}", report.stderr);
    }
    let columns =
        ["class_uid", "class_name", "metadata", "actor"].map(|name| match &ocsf(None, "CloudTrail")[name] {
            Value::Object(object) => (name, texts([Value::from(object.clone()).to_string()])),
            value => (name, texts([value.to_string()])),
        });
    assert_told("in.parquet", &parquet(columns.to_vec(), 10));
}
