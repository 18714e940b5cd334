//! Archives cut off or corrupt at every byte, and bytes after the first gzip member.

use std::fs;
use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use testkit::{Report, accounts, analyze_in, corpus, decrypt, document, folder, good, input, places, state};

use super::{gzip, reject, rejects};

/// What must come of a document cut off after `length` bytes of content: the records before the
/// cut, and where the cut one begins.
fn before_the_cut(text: &str, records: &[Value], length: usize) -> (u64, Option<u64>) {
    let places = places(text, records);
    let whole = places.iter().filter(|place| place.end <= length).count() as u64;
    let cut = places.iter().find(|place| place.start < length && length < place.end);
    (whole, cut.map(|place| place.start as u64))
}

/// Files named by where they were cut; every one of them in one run.
fn cut_everywhere(bytes: &[u8]) -> (tempfile::TempDir, Report) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("cut")).unwrap();
    for at in 0..=bytes.len() {
        fs::write(dir.path().join(format!("cut/{at:05}")), &bytes[..at]).unwrap();
    }
    // The files hold the same events.
    let report = analyze_in(dir.path(), &["cut", "--keep-duplicates"]);
    assert_eq!(report.status, 1);
    (dir, report)
}

fn truncated_gzip(text: &str, records: &[Value], bytes: &[u8]) {
    let (_dir, report) = cut_everywhere(bytes);
    let inputs = report.inputs();
    let mut all = rejects(&report).into_iter().peekable();
    let mut length_before = 0;
    let opening = "{\"Records\":[".len();
    for at in 0..=bytes.len() {
        let uri = format!("cut/{at:05}");
        let row = &inputs[at];
        assert_eq!(row["archive"], uri);
        let ours: Vec<_> = std::iter::from_fn(|| all.next_if(|reject| reject.0 == uri)).collect();
        let length = usize::try_from(row["content_bytes"].as_u64().unwrap()).unwrap();
        if at < 2 || at == bytes.len() {
            // Without both magic bytes it is no gzip; whole it is as good as ever.
            let expected = [("skipped", "empty"), ("skipped", "not_json"), ("complete", "")][at.min(2)];
            assert_eq!(state(&inputs[at..=at], &uri), expected, "{uri}");
            assert_eq!(ours, []);
            continue;
        }
        assert_eq!(state(&inputs[at..=at], &uri), ("partial", "gzip_truncated"), "{uri}");
        let (whole, cut) = before_the_cut(text, records, length);
        assert_eq!(row["selected"], whole, "{uri}");
        assert_eq!(row["rejected"], 1, "{uri}");
        assert_eq!(row["records"], whole + 1, "{uri}");
        assert_eq!(ours.len(), 1, "{uri}");
        assert_eq!(ours[0].2, "gzip_truncated");
        if length > opening {
            assert_eq!(ours[0].1, cut, "{uri}");
        }
        assert!(length >= length_before, "{uri}: a longer file gives less");
        length_before = length;
        if at >= bytes.len() - 8 {
            assert_eq!(length, text.len(), "{uri}: only the trailer is missing");
        }
    }
    assert_eq!(all.next(), None);
}

#[test]
fn truncated_gzip_at_every_byte() {
    let records = [decrypt(1), decrypt(2), decrypt(3)];
    let text = document(&records);
    truncated_gzip(&text, &records, &gzip(text.as_bytes()));
}

/// In a stored block every byte of the file is one of the content, so it is known how much must be
/// read.
#[test]
fn truncated_gzip_at_every_byte_of_a_stored_block() {
    let records = [decrypt(1), decrypt(2), decrypt(3)];
    let text = document(&records);
    let bytes = corpus::archive::gzip(text.as_bytes(), Compression::none());
    let head = bytes.len() - 8 - text.len();
    assert_eq!(&bytes[head..head + text.len()], text.as_bytes());
    truncated_gzip(&text, &records, &bytes);
    let (_dir, report) = cut_everywhere(&bytes);
    for (row, at) in report.inputs().iter().zip(0..) {
        let expected = if at < 2 { at } else { usize::clamp(at, head, head + text.len()) - head };
        assert_eq!(row["content_bytes"], expected, "{row}");
    }
}

/// Whichever byte is damaged: the program goes on, says so, and never counts more than there was.
#[test]
fn corrupt_gzip_at_every_byte() {
    let text = document(&[decrypt(1), decrypt(2), decrypt(3)]);
    let bytes = gzip(text.as_bytes());
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("flipped")).unwrap();
    let flipped = |at: usize| {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        damaged
    };
    for at in 0..bytes.len() {
        fs::write(dir.path().join(format!("flipped/{at:05}")), flipped(at)).unwrap();
    }
    let report = analyze_in(dir.path(), &["flipped", "--keep-duplicates"]);
    assert_eq!(report.status, 1);
    for (row, at) in report.inputs().iter().zip(0..) {
        let status = row["status"].as_str().unwrap();
        match at {
            0 | 1 => assert_eq!(status, "skipped", "{row}: no magic number"),
            // Method and flags decide how to read on; time, level and system mean nothing.
            2 | 3 => {}
            4..=9 => assert_eq!(status, "complete", "{row}"),
            // Even where the content does not look like JSON any more: the checksum tells.
            _ => assert_eq!(status, "partial", "{row}"),
        }
        assert!(row["selected"].as_u64().unwrap() <= 3, "{row}");
        assert_eq!(status == "partial", row["rejected"].as_u64().unwrap() > 0, "{row}");
    }
}

#[test]
fn corrupt_gzip_keeps_the_records_before_the_damage() {
    let records: Vec<Value> = (0..400).map(decrypt).collect();
    let text = document(&records);
    let cut = text.len() / 2;
    // Two stored blocks with a marker between them, which is damaged: what comes before must be
    // given out, wherever it is buffered.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(&text.as_bytes()[..cut]).unwrap();
    encoder.flush().unwrap();
    let marker = encoder.get_ref().len() - 4;
    encoder.write_all(&text.as_bytes()[cut..]).unwrap();
    let mut bytes = encoder.finish().unwrap();
    assert_eq!(bytes[marker..marker + 4], [0, 0, 0xff, 0xff]);
    bytes[marker] ^= 0x10;
    let dir = folder(&[("in/a.json.gz", &bytes), ("in/b.json", &good(1000))]);
    let report = analyze_in(dir.path(), &["in"]);
    let (whole, offset) = before_the_cut(&text, &records, cut);
    assert_eq!(report.status, 1);
    accounts(&report, &[("selected", whole + 2), ("rejected", 1)]);
    assert_eq!(
        rejects(&report),
        [reject("in/a.json.gz", offset.map(|n| usize::try_from(n).unwrap()), "gzip_corrupt")]
    );
    assert_eq!(input(&report.inputs(), "in/a.json.gz")["content_bytes"], cut);
}

#[test]
fn truncated_json_at_every_byte() {
    let records = [decrypt(1), decrypt(2), decrypt(3)];
    let text = document(&records);
    let (_dir, report) = cut_everywhere(text.as_bytes());
    let inputs = report.inputs();
    let mut all = rejects(&report).into_iter().peekable();
    let opening = "{\"Records\":[".len();
    for at in 0..=text.len() {
        let uri = format!("cut/{at:05}");
        let row = &inputs[at];
        assert_eq!(row["archive"], uri);
        let ours: Vec<_> = std::iter::from_fn(|| all.next_if(|reject| reject.0 == uri)).collect();
        if at < opening {
            // Nothing in it says CloudTrail yet.
            assert_eq!(row["status"], "skipped", "{uri}");
            assert_eq!(ours, []);
        } else if at == text.len() {
            assert_eq!(state(&inputs[at..=at], &uri), ("complete", ""));
            assert_eq!(ours, []);
        } else {
            let (whole, cut) = before_the_cut(&text, &records, at);
            assert_eq!(state(&inputs[at..=at], &uri), ("partial", "json_truncated"), "{uri}");
            assert_eq!(row["selected"], whole, "{uri}");
            assert_eq!(row["records"], whole + 1, "{uri}");
            assert_eq!(ours, [(uri, cut, "json_truncated".to_owned())]);
        }
    }
}

#[test]
fn further_gzip_members_are_read_and_marked() {
    let text = document(&[decrypt(1), decrypt(2)]);
    let whole = [gzip(text.as_bytes()), gzip(&good(3)), gzip(&good(5))].concat();
    // One stream in two members, cut in the middle of a record: that is one stream still.
    let split = [gzip(&good(7)[..500]), gzip(&good(7)[500..])].concat();
    let dir = folder(&[("in/one", &gzip(&good(9))), ("in/split", &split), ("in/three", &whole)]);
    let report = analyze_in(dir.path(), &["in"]);
    assert_eq!(report.status, 0, "{}", report.stderr);
    accounts(&report, &[("selected", 10)]);
    let inputs = report.inputs();
    assert_eq!(state(&inputs, "in/one"), ("complete", ""));
    assert_eq!(state(&inputs, "in/split"), ("complete", "several_gzip_members"));
    assert_eq!(state(&inputs, "in/three"), ("complete", "several_gzip_members"));
}

#[test]
fn other_bytes_after_the_last_gzip_member_are_a_reject() {
    let compressed = gzip(&good(1));
    for tail in [&b"\0"[..], b"\0\0\0\0\0\0\0\0", b"{\"Records\":[]}", b"\x1f", b"trailing text\n"] {
        let dir = folder(&[("in/a", &[&compressed[..], tail].concat()), ("in/b", &good(3))]);
        let report = analyze_in(dir.path(), &["in"]);
        assert_eq!(report.status, 1);
        accounts(&report, &[("selected", 4), ("rejected", 1)]);
        assert_eq!(rejects(&report), [reject("in/a", None, "trailing_bytes")], "{tail:?}");
    }
}

#[test]
fn a_further_gzip_member_that_is_no_json_is_a_reject() {
    let dir = folder(&[("in/a", &[gzip(&good(1)), gzip(b"no JSON at all\n")].concat()), ("in/b", &good(3))]);
    let report = analyze_in(dir.path(), &["in"]);
    assert_eq!(report.status, 1);
    accounts(&report, &[("selected", 4), ("rejected", 1)]);
    assert_eq!(state(&report.inputs(), "in/a").0, "partial");
}

#[test]
fn a_further_gzip_member_cut_off_is_a_reject() {
    let second = gzip(&good(3));
    let dir = folder(&[("in/a", &[&gzip(&good(1))[..], &second[..second.len() / 2]].concat())]);
    let report = analyze_in(dir.path(), &["in"]);
    assert_eq!(report.status, 1);
    assert_eq!(state(&report.inputs(), "in/a"), ("partial", "gzip_truncated"));
    assert!(report.events().len() >= 2, "the first member was whole");
    assert_eq!(report.rejects().len(), 1);
}
