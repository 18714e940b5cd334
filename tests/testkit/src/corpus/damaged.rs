//! Small damaged or unusual inputs, each with what the default selection must make of it.
//!
//! Around the damage stand the documented events, so that a reader which gives up too early, or
//! goes on where it must not, is caught by the counts.

use std::io::{self, Write as _};
use std::path::Path;

use flate2::{Compression, GzBuilder};

use super::archive::{gzip, write_file};
use super::documented::TEXT;
use super::readme;

/// The four events of AWS's geospatial page as published: one `eventID` for all, and a comma too
/// many in Decrypt.
const PAGE: &str = include_str!("geospatial-page.txt");

/// An input and what must come of it.
pub struct Case {
    pub file: &'static str,
    pub about: &'static str,
    pub bytes: Vec<u8>,
    /// `complete`, `partial` (something in it could not be read) or `skipped`.
    pub status: &'static str,
    /// Of the skip or of the first reject; empty when there is nothing to say.
    pub reason: &'static str,
    pub records: u64,
    pub selected: u64,
    pub rejected: u64,
}

/// A documented event, counted from 1; 1 to 5 are selected by default.
pub fn event(line: usize) -> &'static str {
    TEXT.lines().nth(line - 1).expect("there are twenty lines")
}

/// A record of another service.
pub const S3: &str = concat!(
    r#"{"eventVersion":"1.09","userIdentity":{"type":"AWSService","invokedBy":"config.amazonaws.com"},"#,
    r#""eventTime":"2023-03-28T22:00:00Z","eventSource":"s3.amazonaws.com","eventName":"GetBucketAcl","#,
    r#""awsRegion":"us-west-2","eventID":"53000001-00eb-00ce-0e00-ea000fb0fba0","readOnly":true,"#,
    r#""eventType":"AwsApiCall","recipientAccountId":"111122223333","eventCategory":"Management"}"#,
);

fn records(items: &[&str]) -> String {
    format!("{{\"Records\":[{}]}}", items.join(","))
}

/// Two good events, the given one, a record of S3, and two more good events.
fn among(record: &str) -> String {
    records(&[event(1), event(2), record, S3, event(3), event(4)])
}

/// The Decrypt event with another id and one piece of its text replaced.
fn mended(from: &str, to: &str) -> String {
    let event = event(3).replace("e0000003", "e0000033").replacen(from, to, 1);
    assert!(event.contains(to), "{from} is not in the event");
    event
}

/// The text with `MARK` replaced by bytes that no string could hold.
fn spliced(text: &str, bytes: &[u8]) -> Vec<u8> {
    let (before, after) = text.split_once("MARK").expect("the text has a mark");
    [before.as_bytes(), bytes, after.as_bytes()].concat()
}

/// A gzip file in two stored blocks, so that every reader sees the same bytes before the damage;
/// also the offset in the file of the marker between the blocks.
fn two_blocks(first: &[u8], second: &[u8]) -> (Vec<u8>, usize) {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::none());
    encoder.write_all(first).and_then(|()| encoder.flush()).expect("a vector takes every write");
    let marker = encoder.get_ref().len() - 4;
    let bytes =
        encoder.write_all(second).and_then(|()| encoder.finish()).expect("a vector takes every write");
    (bytes, marker)
}

fn packed(text: &str) -> Vec<u8> {
    gzip(text.as_bytes(), Compression::best())
}

/// Shorthand for the list below: file, what it is, content, status, reason, then records, selected,
/// rejected.
fn case(
    file: &'static str,
    about: &'static str,
    bytes: impl Into<Vec<u8>>,
    (status, reason): (&'static str, &'static str),
    [records, selected, rejected]: [u64; 3],
) -> Case {
    Case { file, about, bytes: bytes.into(), status, reason, records, selected, rejected }
}

const COMPLETE: (&str, &str) = ("complete", "");

pub fn cases() -> Vec<Case> {
    let mut cases = damaged_archives();
    cases.extend(damaged_records());
    cases.extend(not_archives());
    cases.extend(unusual_shapes());
    cases
}

/// Damage to the file as a whole.
fn damaged_archives() -> Vec<Case> {
    let good = records(&[event(1), event(2), S3, event(3), event(4)]);
    let bytes = good.as_bytes();
    // Both cuts fall into the middle of the fourth record.
    let cut = good.find("e0000003").expect("the third event is there");
    let (mut corrupt, marker) = two_blocks(&bytes[..cut], &bytes[cut..]);
    corrupt[marker + 3] ^= 0x10;
    let mut truncated = gzip(bytes, Compression::none());
    truncated.truncate(truncated.len() - (good.len() - cut) - 8);
    let deflated = packed(&good);
    let mut wrong_crc = deflated.clone();
    let crc = wrong_crc.len() - 8;
    wrong_crc[crc] ^= 0xff;
    let partial = |reason| ("partial", reason);
    vec![
        case(
            "truncated.json.gz",
            "gzip cut off inside the fourth record (stored blocks)",
            truncated,
            partial("gzip_truncated"),
            [4, 2, 1],
        ),
        case(
            "truncated-trailer.json.gz",
            "gzip cut off inside its eight-byte trailer: the content is whole, but nothing proves it",
            &deflated[..deflated.len() - 3],
            partial("gzip_truncated"),
            [6, 4, 1],
        ),
        case(
            "corrupt-middle.json.gz",
            "a flipped bit in the marker between two deflate blocks, inside the fourth record",
            corrupt,
            partial("gzip_corrupt"),
            [4, 2, 1],
        ),
        case(
            "wrong-crc.json.gz",
            "the trailer's checksum does not match the content",
            wrong_crc,
            partial("gzip_corrupt"),
            [6, 4, 1],
        ),
        case(
            "trailing-garbage.json.gz",
            "bytes after the gzip member that are not another member",
            [&deflated[..], b"-- appended by a careless tool --\n"].concat(),
            partial("trailing_bytes"),
            [6, 4, 1],
        ),
        case(
            "second-member-text.json.gz",
            "a second gzip member, which holds plain text",
            [&deflated[..], &packed("this is not JSON\n")[..]].concat(),
            partial("trailing_bytes"),
            [6, 4, 1],
        ),
        case(
            "two-members.json.gz",
            "two gzip members, each a `Records` document",
            [&packed(&records(&[event(1), event(2), S3]))[..], &packed(&records(&[event(3), event(4)]))[..]]
                .concat(),
            ("complete", "several_gzip_members"),
            [5, 4, 0],
        ),
        case(
            "truncated.json",
            "plain JSON cut off inside the fourth record",
            &bytes[..cut],
            partial("json_truncated"),
            [4, 2, 1],
        ),
    ]
}

/// Damage to one record among good ones.
fn damaged_records() -> Vec<Case> {
    let syntax = ("partial", "json_syntax");
    let agent = "\"userAgent\":\"sagemaker-geospatial.amazonaws.com\"";
    let agent_with = |inside: &str| mended(agent, &format!("\"userAgent\":\"{inside}\""));
    let whole = mended("e0000033", "e0000033");
    let cut_off = &whole[..whole.find(",\"requestParameters\"").expect("the member is there")];
    let no_brace = whole.strip_suffix('}').expect("an object ends with a brace");
    let balanced = format!("{},\"eventName\":}}", no_brace.replacen("\"eventName\":\"Decrypt\",", "", 1));
    let good: [u64; 3] = [6, 5, 0];
    let one_bad: [u64; 3] = [6, 4, 1];
    let duplicate_keys = [
        // Decrypt of KMS in the end, and the other way round.
        mended(
            "\"eventSource\":\"kms",
            "\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"GetObject\",\"eventSource\":\"kms",
        ),
        event(4).replace("e0000004", "e0000044").replacen(
            "\"eventName\"",
            "\"eventSource\":\"s3.amazonaws.com\",\"eventName\"",
            1,
        ),
    ];
    vec![
        case(
            "geospatial-decrypt-as-published.json",
            "AWS's geospatial Decrypt sample as published, with its trailing comma: one record",
            PAGE.lines().nth(2).unwrap_or_default(),
            syntax,
            [1, 0, 1],
        ),
        case(
            "geospatial-page-as-published.json",
            "all four samples of that page, one a line; the three good ones share one `eventID`: 2 conflicts",
            PAGE,
            syntax,
            [4, 3, 1],
        ),
        case(
            "bad-record.json",
            "`\"eventName\":}`: brackets and quotes still balance",
            among(&balanced),
            syntax,
            one_bad,
        ),
        case(
            "cut-off-record.json",
            "a record that stops in the middle; the next one follows after a comma",
            among(cut_off),
            syntax,
            one_bad,
        ),
        case("missing-brace.json", "a record without its closing brace", among(no_brace), syntax, one_bad),
        case(
            "unclosed-string.json",
            "a string without its closing quote",
            among(&mended(agent, "\"userAgent\":\"sagemaker-geospatial.amazonaws.com")),
            syntax,
            one_bad,
        ),
        case(
            "invalid-utf8.json",
            "a byte that is not UTF-8 in a string of a KMS record",
            spliced(&among(&agent_with("MARK")), b"caf\xe9"),
            ("partial", "invalid_utf8"),
            one_bad,
        ),
        case(
            "invalid-utf8-elsewhere.json",
            "the same in a record of S3, which is not parsed",
            spliced(&records(&[event(1), &S3.replacen("config", "MARK", 1), event(2)]), b"\xff"),
            COMPLETE,
            [3, 2, 0],
        ),
        case(
            "lone-surrogate.json",
            "half a surrogate pair as an escape in a KMS record",
            among(&agent_with(r"half \ud83d pair")),
            ("partial", "lone_surrogate"),
            one_bad,
        ),
        case(
            "surrogate-pair.json",
            "a whole pair: legal",
            among(&agent_with(r"whole \ud83d\ude00 pair")),
            COMPLETE,
            good,
        ),
        case(
            "raw-nul.json",
            "a NUL byte in a string of a KMS record",
            spliced(&among(&agent_with("MARK")), b"a\0b"),
            syntax,
            one_bad,
        ),
        case("escaped-nul.json", "an escaped NUL: legal", among(&agent_with(r"a\u0000b")), COMPLETE, good),
        case(
            "missing-event-time.json",
            "a KMS record without `eventTime`",
            among(&mended("\"eventTime\":\"2023-03-28T22:04:24Z\",", "")),
            ("partial", "missing_field"),
            one_bad,
        ),
        case(
            "missing-event-name.json",
            "a KMS record without `eventName`",
            among(&mended("\"eventName\":\"Decrypt\",", "")),
            ("partial", "missing_field"),
            one_bad,
        ),
        case(
            "bad-event-time.json",
            "an `eventTime` that is not a time",
            among(&mended("2023-03-28T22:04:24Z", "2023-02-30T22:04:24Z")),
            ("partial", "bad_event_time"),
            one_bad,
        ),
        case(
            "unsupported-version.json",
            "an `eventVersion` that does not exist yet",
            among(&mended("\"1.08\"", "\"2.0\"")),
            ("partial", "unsupported_version"),
            one_bad,
        ),
        case(
            "duplicate-keys.json",
            "`eventSource` twice: the last one wins, so one is a KMS record and one is not",
            records(&[event(1), &duplicate_keys[0], &duplicate_keys[1]]),
            COMPLETE,
            [3, 2, 0],
        ),
        case(
            "bad-line.ndjson",
            "one record a line, the third broken",
            [event(1), event(2), cut_off, event(3)].join("\n"),
            syntax,
            [4, 3, 1],
        ),
    ]
}

/// Files that hold no records at all.
fn not_archives() -> Vec<Case> {
    let skipped = |reason| ("skipped", reason);
    let none: [u64; 3] = [0, 0, 0];
    vec![
        case(
            "digest.json.gz",
            "a CloudTrail digest file",
            packed(&readme::digest().1.to_string()),
            skipped("digest"),
            none,
        ),
        case(
            "other.json",
            "JSON that has nothing to do with CloudTrail",
            "{\"hello\":\"world\",\"list\":[1,2,3]}\n",
            skipped("other_json"),
            none,
        ),
        case(
            "records-is-an-object.json",
            "`Records` that is not an array",
            "{\"Records\":{\"eventSource\":\"kms.amazonaws.com\"}}\n",
            ("unreadable", "unreadable_wrapping"),
            none,
        ),
        case("empty.json", "no bytes", "", skipped("empty"), none),
        case("empty.json.gz", "gzip of no bytes", packed(""), skipped("empty"), none),
        case("plain.txt", "text", "Not every file in a bucket is a log.\n", skipped("not_json"), none),
    ]
}

/// Nothing wrong with these.
fn unusual_shapes() -> Vec<Case> {
    let document = records(&[event(1), S3, event(2)]);
    let value: serde_json::Value = serde_json::from_str(event(1)).expect("the documented events are valid");
    let pretty = serde_json::to_string_pretty(&value).expect("a value can always be written");
    let nested = format!(
        r#"{{"eventVersion":"1.08","eventSource":"sqs.amazonaws.com","eventName":"SendMessage",{}}}"#,
        format_args!(r#""requestParameters":{{"Records":[{}],"list":[{}]}}"#, event(3), event(4))
    );
    let spelled = event(1).replacen(
        "\"eventSource\":\"kms.amazonaws.com\"",
        "\"event\\u0053ource\" : \"kms.amazonaws\\u002ecom\"",
        1,
    );
    vec![
        case("empty-records.json", "an empty `Records` array", "{\"Records\":[]}", COMPLETE, [0, 0, 0]),
        case(
            "back-to-back.json",
            "objects without anything between them",
            [event(1), event(2), S3, event(3)].concat(),
            COMPLETE,
            [4, 3, 0],
        ),
        case(
            "documents-back-to-back.json",
            "two `Records` documents in one file",
            [records(&[event(1), S3]), records(&[event(2)])].join("\n"),
            COMPLETE,
            [3, 2, 0],
        ),
        case(
            "bare-array.json",
            "records in an array without a document around it",
            format!("[{},{},{S3}]", event(1), event(2)),
            COMPLETE,
            [3, 2, 0],
        ),
        case("single-record.json", "one record, printed over many lines", pretty, COMPLETE, [1, 1, 0]),
        case(
            "lines.ndjson",
            "one record a line, with an empty line and Windows line ends",
            [event(1), "", event(2), S3, ""].join("\r\n"),
            COMPLETE,
            [3, 2, 0],
        ),
        case(
            "byte-order-mark.json",
            "a UTF-8 byte order mark before the document",
            format!("\u{feff}{document}"),
            COMPLETE,
            [3, 2, 0],
        ),
        case(
            "already-decompressed.json.gz",
            "plain JSON under a .json.gz name, as many download tools leave it",
            document.as_str(),
            COMPLETE,
            [3, 2, 0],
        ),
        case("compressed.json", "gzip under a .json name", packed(&document), COMPLETE, [3, 2, 0]),
        case(
            "look-alike.json",
            "whole KMS records nested in a record of SQS",
            records(&[event(1), &nested, event(2)]),
            COMPLETE,
            [3, 2, 0],
        ),
        case(
            "escaped-source.json",
            "`eventSource` and its value spelled with escapes and spaces",
            records(&[&spelled, event(2)]),
            COMPLETE,
            [2, 2, 0],
        ),
        case(
            "not-objects.json",
            "values that are not objects in the place of records: counted as `other_source`",
            records(&[event(1), "null", "7", "\"kms.amazonaws.com\"", "[]", event(2)]),
            COMPLETE,
            [6, 2, 0],
        ),
        case(
            "duplicate.json",
            "the same event twice, and once more with another content: 1 duplicate, 1 conflict",
            records(&[event(1), event(1), &event(1).replacen("172.12.34.56", "172.12.34.57", 1)]),
            COMPLETE,
            [3, 2, 0],
        ),
        case(
            "crossing.json",
            "both copies of one cross-account call: 1 `other_copy`",
            records(&[event(8), event(9), event(1)]),
            COMPLETE,
            [3, 2, 0],
        ),
    ]
}

/// Writes the files and a table of what they are.
pub fn write(out: &Path) -> io::Result<()> {
    let mut text = String::from(
        "# Damaged and unusual inputs

`cargo run --release --example generate -- --damaged tests/data/damaged` makes these files. The
events around the damage are those of AWS's documentation. The numbers are for the default
selection. `records` and `rejected` count each row of `rejects.parquet` as one, also a stretch that
cannot be read. `reason` is that of the skip or of the first reject. A file with a reject is
`partial`.

| file | status | reason | records | selected | rejected | what it is |
|---|---|---|--:|--:|--:|---|
",
    );
    for case in cases() {
        write_file(&out.join(case.file), &case.bytes)?;
        let Case { file, about, status, reason, records, selected, rejected, .. } = case;
        let reason = if reason.is_empty() { "-" } else { reason };
        text +=
            &format!("| {file} | {status} | {reason} | {records} | {selected} | {rejected} | {about} |\n");
    }
    write_file(&out.join("README.md"), text.as_bytes())
}
