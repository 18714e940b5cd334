//! Records in bytes that are compressed or written as text, in ways that are read and in ways that
//! are told.

use std::io::Write;

use serde_json::json;
use testkit::{document, gzip, state};

use super::forms::{base64, canvas, records, text};
use super::{counts, placeless, read};

fn zlib(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn hex(content: &[u8]) -> String {
    content.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// bzip2, xz and others begin like this.
fn unreadable_magics() -> Vec<Vec<u8>> {
    let noise: Vec<u8> =
        (0..400u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect();
    let magics: [&[u8]; 6] = [
        b"BZh91AY&SY",
        b"\xFD7zXZ\0\0\x04",
        b"\x04\x22\x4D\x18\x64\x40",
        b"\x1F\x9D\x90",
        b"7z\xBC\xAF\x27\x1C",
        b"\xFF\x06\0\0sNaPpY",
    ];
    magics.iter().map(|magic| [magic, &noise[..]].concat()).collect()
}

#[test]
fn bytes_in_other_forms_are_read() {
    let log = document(&records());
    let bytes = log.as_bytes();
    let thrice = base64(base64(base64(bytes).as_bytes()).as_bytes());
    let in_json = |text: String| json!({"data": text}).to_string().into_bytes();
    let expected = placeless(read("in", bytes).events());
    for (name, stored) in [
        ("zlib", zlib(bytes)),
        ("two zlib streams", [zlib(bytes), zlib(b"\n")].concat()),
        ("zlib in gzip", gzip(&zlib(bytes))),
        ("gzip in zlib", zlib(&gzip(bytes))),
        ("hex", hex(bytes).into_bytes()),
        ("hex of gzip", format!("0x{}\n", hex(&gzip(bytes)).to_uppercase()).into_bytes()),
        ("base64 of zlib", base64(&zlib(bytes)).into_bytes()),
        ("base64 three times", thrice.clone().into_bytes()),
        ("hex in JSON", in_json(hex(bytes))),
        ("bytea in JSON", in_json(format!("\\x{}", hex(&gzip(bytes))))),
        ("zlib in JSON", in_json(base64(&zlib(bytes)))),
        ("base64 three times in JSON", in_json(thrice)),
        ("a data URL", in_json(format!("data:application/json;base64,{}", base64(bytes)))),
        ("a data URL of gzip", in_json(format!("data:;base64,{}", base64(&gzip(bytes))))),
        ("a buffer", json!({"type": "Buffer", "data": bytes}).to_string().into_bytes()),
        ("a buffer of gzip", json!({"MESSAGE": gzip(bytes)}).to_string().into_bytes()),
        (
            "Kinesis",
            json!({"Records": [{"kinesis": {"data": base64(&zlib(bytes))}}]}).to_string().into_bytes(),
        ),
    ] {
        let report = read("in", &stored);
        assert_eq!((counts(&report), report.status), ([3, 2, 0], 0), "{name}: {}", report.stderr);
        assert_eq!(placeless(report.events()), expected, "{name}");
        // The damaged twin: cut in the middle.
        let report = read("in", &stored[..stored.len() / 2]);
        assert_eq!(report.status, 1, "{name}: {}", report.stderr);
        assert!(counts(&report)[1] < 2 || counts(&report)[2] > 0, "{name}");
    }
}

#[test]
fn bytes_that_cannot_be_read_are_told() {
    let log = document(&records());
    let utf16: Vec<u8> =
        std::iter::once(0xFEFF).chain(log.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let mut stored = unreadable_magics();
    stored.extend(unreadable_magics().iter().map(|bytes| gzip(bytes)));
    stored.extend(unreadable_magics()[..3].iter().map(|bytes| base64(bytes).into_bytes()));
    stored.push(gzip(&utf16));
    stored.push(utf16);
    stored.push(deflate(log.repeat(3).as_bytes()));
    stored.push([b"\0\0\x01 a header of its own ", &gzip(log.as_bytes())[..]].concat());
    stored.push(
        format!("From: a@b\nContent-Transfer-Encoding: base64\n\n{}\n", base64(log.as_bytes())).into_bytes(),
    );
    for stored in stored {
        let report = read("in", &stored);
        let shown = stored[..stored.len().min(60)].escape_ascii();
        assert_eq!((counts(&report), report.status), ([0, 0, 0], 1), "{shown}: {}", report.stderr);
        assert_eq!(state(&report.inputs(), "in"), ("unreadable", "unreadable_wrapping"), "{shown}");
    }
}

/// A text among records that can be recognised and not be read is a reject.
#[test]
fn texts_that_cannot_be_read_are_rejects() {
    for bytes in &unreadable_magics()[..3] {
        for document in [
            format!("{}\n{}\n", text(&canvas(1)), json!({"data": base64(bytes)})),
            json!({"Records": [canvas(1), {"data": base64(bytes)}]}).to_string(),
            json!({"Records": [canvas(1)], "next": [base64(bytes)]}).to_string(),
        ] {
            let report = read("in", document.as_bytes());
            assert_eq!((counts(&report), report.status), ([2, 1, 1], 1), "{document}: {}", report.stderr);
        }
    }
    // Cut off after its beginning, zlib is still recognised.
    let cut = base64(&zlib(document(&records()).as_bytes())[..600]);
    let report = read("in", json!({"Records": [canvas(1), {"data": cut}]}).to_string().as_bytes());
    assert_eq!((counts(&report), report.status), ([2, 1, 1], 1), "{}", report.stderr);
    // Other texts of bytes are none of ours: an image, a hash, noise with two bytes of zlib.
    for other in [
        base64(b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\x06\0\0\0\x1F\xF3\xFFa"),
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
        base64(&[b"\x78\x9C", &[7; 60][..]].concat()),
    ] {
        let document = json!({"Records": [canvas(1), {"data": other}]}).to_string();
        let report = read("in", document.as_bytes());
        assert_eq!((counts(&report), report.status), ([2, 1, 0], 0), "{document}: {}", report.stderr);
    }
}

/// A table without the columns that name the key loses something in every row.
#[test]
fn tables_without_the_key_are_lossy() {
    let row = |columns: &[&str]| {
        let record = canvas(1);
        let cell = |name: &&str| match &record[*name] {
            serde_json::Value::String(text) => text.clone(),
            other => format!("\"{}\"", other.to_string().replace('"', "\"\"")),
        };
        format!("{}\n{}\n", columns.join(","), columns.iter().map(cell).collect::<Vec<_>>().join(","))
    };
    let all = [
        "eventTime",
        "eventSource",
        "eventName",
        "eventID",
        "awsRegion",
        "userIdentity",
        "requestParameters",
        "resources",
    ];
    for (columns, shape) in [(&all[..], "csv"), (&all[..7], "csv"), (&all[..6], "csv_lossy")] {
        let report = read("in.csv", row(columns).as_bytes());
        assert_eq!(counts(&report)[0], 1, "{columns:?}: {}", report.stderr);
        assert_eq!(super::shape(&report), shape, "{columns:?}");
        let caveats = report.run_json()["caveats"].to_string();
        assert_eq!(caveats.contains("lossy_inputs"), shape == "csv_lossy", "{columns:?}");
    }
}
