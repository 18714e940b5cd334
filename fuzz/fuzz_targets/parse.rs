//! One record: the parser, the question before it, and the classifier, against the tests' oracle,
//! which shares no code with them.
#![no_main]

use std::sync::LazyLock;

use keytrail::aggregate::Selected;
use keytrail::classify::Classifier;
use keytrail::knowledge::Knowledge;
use keytrail::model::{KmsEvent, RejectReason};
use keytrail::parse::{self, KMS, RecordKind};
use keytrail::report::{
    EVENTS, EncodedRow, EventStep, OutputFormat, RowForm, RowOrder, RowStream, Sink, encode_row,
};
use keytrail_fuzz::oracle::json::{self, Json};
use keytrail_fuzz::oracle::knowledge::Knowledge as OracleKnowledge;
use keytrail_fuzz::oracle::record::{self, Record};
use libfuzzer_sys::{Corpus, fuzz_mutator, fuzz_target};
use serde_json::{Map, Value, json};

static CLASSIFIER: LazyLock<Classifier> =
    LazyLock::new(|| Classifier::new(None).expect("the rules are sound"));

/// Deeper nesting than this is a question of the stack, not of the parser.
const DEEPEST: usize = 100;

fn depth(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| b"{[".contains(byte)).count()
}

/// Any text in `value` for which `test` holds.
fn any_text(value: &Json, test: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Json::Text(text) => test(text),
        Json::Array(elements) => elements.iter().any(|element| any_text(element, test)),
        Json::Object(members) => members.iter().any(|(name, value)| test(name) || any_text(value, test)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

/// Any number that is not spelled the one way a small integer is.
fn any_odd_number(value: &Json) -> bool {
    match value {
        Json::Number(text) => text.parse::<i64>().map(|number| number.to_string()).as_ref() != Ok(text),
        Json::Array(elements) => elements.iter().any(any_odd_number),
        Json::Object(members) => members.iter().any(|(_, value)| any_odd_number(value)),
        Json::Null | Json::Bool(_) | Json::Text(_) => false,
    }
}

/// Names of members that the program also reads in another case, as other tools write them. The
/// oracle does so elsewhere.
const NAMES: [&str; 27] = [
    "eventVersion",
    "userIdentity",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "errorCode",
    "errorMessage",
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "requestID",
    "eventID",
    "readOnly",
    "resources",
    "eventType",
    "recipientAccountId",
    "serviceEventDetails",
    "sharedEventID",
    "vpcEndpointId",
    "eventCategory",
    "tlsDetails",
    "type",
    "accessKeyId",
    "tlsVersion",
];

fn is_odd_name(name: &str) -> bool {
    !NAMES.contains(&name) && NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a member has a name in another case.
fn has_odd_names(value: &Json) -> bool {
    match value {
        Json::Object(members) => {
            members.iter().any(|(name, value)| is_odd_name(name) || has_odd_names(value))
        }
        Json::Array(elements) => elements.iter().any(has_odd_names),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => false,
    }
}

/// The event as the NDJSON of `keytrail events` shows it.
fn row(event: KmsEvent<'_>) -> Map<String, Value> {
    let evidence = CLASSIFIER.classify(&event, &Knowledge::default());
    let served = event.served();
    let selected = Selected {
        event: &event,
        evidence: &evidence,
        archive: "",
        offset: 0,
        served: &served,
        integrity: None,
    };
    let mut bytes = Vec::new();
    encode_row(EVENTS, &selected, &mut bytes);
    let mut out = Vec::new();
    let mut stream =
        RowStream::new(EVENTS, RowForm::of_file(OutputFormat::Ndjson), &mut out).expect("a vector takes all");
    stream.event(0, EventStep::Row(EncodedRow::new(&bytes), RowOrder::InOrder)).expect("a vector takes all");
    stream.finish().expect("a vector takes all");
    let mut row: Map<String, Value> = serde_json::from_slice(&out).expect("the row is JSON");
    row.retain(|name, _| name != "archive" && name != "record_offset");
    row
}

fn expected_row(event: &record::Event) -> Map<String, Value> {
    let mut row = event.columns.clone();
    let key = &event.key;
    for (name, value) in [
        ("key_arn", json!(key.arn)),
        ("key_id", json!(key.id)),
        ("key_account_id", json!(key.account)),
        ("key_region", json!(key.region)),
        ("key_family", json!(key.family())),
        ("key_origin", json!(key.origin)),
        ("key_alias", json!(key.alias)),
        ("destination_key_arn", json!(key.destination)),
    ] {
        row.insert(name.to_owned(), value);
    }
    row
}

/// Columns that stand in the record as they are. The others are worked out from several fields, by
/// rules that the program and the oracle take from prose; on names and ARNs that no service would
/// write they may part ways. `tests/rules/agreement.rs` compares all columns on records as services
/// write them.
const VERBATIM: [&str; 18] = [
    "event_time",
    "event_id",
    "shared_event_id",
    "request_id",
    "event_name",
    "region",
    "recipient_account_id",
    "principal_type",
    "access_key_id",
    "source_ip",
    "user_agent",
    "error_code",
    "error_message",
    "grant_operations",
    "read_only",
    "vpc_endpoint_id",
    "tls_version",
    "source_account_id",
];

fn same_rows(ours: &Map<String, Value>, theirs: &Map<String, Value>) {
    // What the call was for is worked out later.
    assert!(theirs.keys().all(|name| ours.contains_key(name)), "columns of the oracle");
    for name in VERBATIM {
        assert_eq!(ours[name], theirs[name], "{name}, the program's first, the oracle's second");
    }
}

fuzz_target!(|data: &[u8]| -> Corpus {
    if depth(data) > DEEPEST {
        return Corpus::Reject;
    }
    let is_deep = depth(data) > 64;
    let parsed = parse::parse(data);
    let may_match = parse::may_match(data);

    // Is it JSON?
    let value = json::parse(data);
    let unreadable = |reason| {
        use RejectReason::{InvalidUtf8, JsonSyntax, LoneSurrogate};
        matches!(reason, InvalidUtf8 | JsonSyntax | LoneSurrogate)
    };
    match (&value, &parsed) {
        // JSON allows numbers of any size, and parsers to have a limit: where values are nested
        // deep, the program has one.
        (Ok(_), Err(error)) if is_deep && error.detail.starts_with("number out of range") => {
            return Corpus::Keep;
        }
        (Ok(_), Err(error)) => assert!(!unreadable(error.reason), "this is JSON: {error:?}"),
        (Err(reason), Err(error)) => assert!(unreadable(error.reason), "{reason}: {error:?}"),
        (Err(reason), Ok(record)) => panic!("this is no JSON ({reason}): {record:?}"),
        (Ok(_), Ok(_)) => {}
    }
    let Ok(value) = value else { return Corpus::Keep };

    if has_odd_names(&value) {
        return Corpus::Keep;
    }

    // Is it of KMS?
    let is_kms = !matches!(record::read(data, &OracleKnowledge::default()), Record::OtherSource);
    // The program parses only what may match.
    let other_source =
        !may_match || matches!(&parsed, Ok(record) if matches!(record.kind, RecordKind::OtherSource { .. }));
    assert_eq!(is_kms, !other_source, "{parsed:?}");
    assert!(may_match || !any_text(&value, &|text| text.contains(KMS)), "a false no");

    // If so, what does it say? Of numbers in what is nested deep, their value.
    if !is_kms || is_deep && any_odd_number(&value) {
        return Corpus::Keep;
    }
    match (parsed, record::read(data, &OracleKnowledge::default())) {
        // Of several reasons, each may name another.
        (Err(_), Record::Rejected(_)) => {}
        (Ok(record), Record::NotUsage) => assert_eq!(record.kind, RecordKind::NotUsage),
        (Ok(record), Record::Event(event)) => match record.kind {
            RecordKind::Event(ours) => same_rows(&row(*ours), &expected_row(&event)),
            other => panic!("the oracle sees an event: {other:?}"),
        },
        (ours, Record::Rejected(reason)) => panic!("the oracle rejects ({reason}): {ours:?}"),
        (ours, _) => panic!("the oracle does not reject: {ours:?}"),
    }
    Corpus::Keep
});

/// What a member may be instead: other types, empty values, and texts that mean something
/// somewhere.
const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1.50",
    "1e400",
    "\"\"",
    "[]",
    "{}",
    "[null]",
    "[{}]",
    "\"true\"",
    "\"1.08\"",
    "\"2.0\"",
    "\"kms.amazonaws.com\"",
    "\"\\u006bms.amazonaws.com\"",
    "\"CreateGrant\"",
    "\"Decrypt\"",
    "\"ReEncrypt\"",
    "\"GenerateDataKey\"",
    "\"RotateKey\"",
    "\"AWSService\"",
    "\"AssumedRole\"",
    "\"Root\"",
    "\"AwsServiceEvent\"",
    "\"AwsVpceEvent\"",
    "\"NetworkActivity\"",
    "\"AccessDenied\"",
    "\"KMS.DisabledException\"",
    "\"DryRunOperationException\"",
    "\"111122223333\"",
    "\"us-west-2\"",
    "\"alias/aws/s3\"",
    "\"mrk-1234abcd12ab34cd56ef1234567890ab\"",
    "\"1234abcd-12ab-34cd-56ef-1234567890ab\"",
    "\"arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab\"",
    "\"arn:aws-cn:kms:cn-north-1:111122223333:alias/a/b\"",
    "\"arn:aws:sts::111122223333:assumed-role/R/S\"",
    "\"arn:aws:iam::111122223333:role/service-role/R\"",
    "\"arn:aws:s3:::bucket/a/b\"",
    "\"arn:aws:s3:::bucket\"",
    "\"fas.s3.us-west-2.amazonaws.com\"",
    "\"sagemaker-geospatial.amazonaws.com\"",
    "\"2024-02-30T00:00:00Z\"",
    "\"2024-02-29T23:59:60Z\"",
    "\"2024-02-29T10:00:00.5+02:00\"",
    "{\"aws:s3:arn\":\"arn:aws:s3:::b/k\"}",
    "{\"sessionIssuer\":{\"arn\":\"arn:aws:iam::1:role/R\"}}",
    "\"{\\\"grantId\\\":\\\"g\\\"}\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83d\"",
];

/// Where members' values stand in the JSON text: behind each colon outside strings.
fn values(text: &[u8]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let (mut in_string, mut escaped) = (false, false);
    for (at, byte) in text.iter().enumerate() {
        match (in_string, *byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b':') => {
                let start =
                    at + 1 + text[at + 1..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
                let mut values =
                    serde_json::Deserializer::from_slice(&text[start..]).into_iter::<serde::de::IgnoredAny>();
                if let Some(Ok(_)) = values.next() {
                    found.push((start, start + values.byte_offset()));
                }
            }
            _ => {}
        }
    }
    found
}

// Half of the time a whole value is replaced, doubled or moved, so that the record stays one; else
// bytes change as they always do.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut random = seed;
    let mut choose = |n: usize| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) as usize % n.max(1)
    };
    let places = if choose(2) == 0 { values(&data[..size]) } else { Vec::new() };
    if places.is_empty() {
        return libfuzzer_sys::fuzzer_mutate(data, size, max_size);
    }
    let (start, end) = places[choose(places.len())];
    let (from, to) = places[choose(places.len())];
    let old = &data[start..end];
    let new: Vec<u8> = match choose(6) {
        0 => data[from..to].to_vec(),
        1 => [b"[", old, b"]"].concat(),
        // The name before it, in another spelling: the last one wins.
        2 => {
            [old, b",\"", VALUES[choose(VALUES.len())].trim_matches('"').as_bytes(), b"\":", &data[from..to]]
                .concat()
        }
        _ => VALUES[choose(VALUES.len())].as_bytes().to_vec(),
    };
    let changed = [&data[..start], new.as_slice(), &data[end..size]].concat();
    if changed.len() > max_size {
        return libfuzzer_sys::fuzzer_mutate(data, size, max_size);
    }
    data[..changed.len()].copy_from_slice(&changed);
    changed.len()
});
