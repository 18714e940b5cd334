//! The rules of `docs/what-counts.md`, one by one: for each a record that shows it, from its JSON to the columns of `events.parquet`.
//!
//! A case names its rule, changes members of an ordinary record, and says what must come out. Take the rule out of the program, and its
//! case fails. The oracle is asked of each record as well: it must see the same in every column.

mod family;
mod identity;
mod key;
#[path = "../oracle/mod.rs"]
mod oracle;
mod outcome;
mod workload;

use std::sync::LazyLock;

use keytrail::aggregate::Selected;
use keytrail::classify::{Classifier, Learned};
use keytrail::parse::{self, Parsed};
use keytrail::report::{EVENTS, Format, Row, Sink, Stream, encode};
use serde_json::{Value, json};

const KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const OTHER_KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/0987dcba-09fe-87dc-65ba-ab0987654321";
const BARE: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

static CLASSIFIER: LazyLock<Classifier> = LazyLock::new(|| Classifier::new(None).unwrap());

/// A Decrypt by Alice with a key of her account, some of whose members are replaced.
fn record(changes: &Value) -> Value {
    let mut record = json!({
        "eventVersion": "1.08",
        "userIdentity": alice(),
        "eventTime": "2024-03-05T10:00:00Z",
        "eventSource": "kms.amazonaws.com",
        "eventName": "Decrypt",
        "awsRegion": "us-west-2",
        "requestParameters": {"encryptionAlgorithm": "SYMMETRIC_DEFAULT"},
        "responseElements": null,
        "eventID": "00000000-0000-4000-8000-000000000001",
        "readOnly": true,
        "resources": [{"accountId": "111122223333", "type": "AWS::KMS::Key", "ARN": KEY}],
        "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
        "eventCategory": "Management",
    });
    for (name, value) in changes.as_object().unwrap() {
        record[name] = value.clone();
    }
    record
}

fn alice() -> Value {
    json!({"type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": "arn:aws:iam::111122223333:user/Alice",
        "accountId": "111122223333", "userName": "Alice"})
}

/// A role session with its issuer, some of whose members are replaced.
fn session(changes: &Value) -> Value {
    let mut identity = json!({
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLE:s-1",
        "arn": "arn:aws:sts::111122223333:assumed-role/R/s-1",
        "accountId": "111122223333",
        "accessKeyId": "ASIAEXAMPLE",
        "sessionContext": {
            "sessionIssuer": {"type": "Role", "principalId": "AROAEXAMPLE", "accountId": "111122223333",
                "arn": "arn:aws:iam::111122223333:role/service-role/R", "userName": "R"},
            "webIdFederationData": {},
            "attributes": {"creationDate": "2024-03-05T09:00:00Z", "mfaAuthenticated": "false"},
        },
    });
    for (name, value) in changes.as_object().unwrap() {
        identity[name] = value.clone();
    }
    identity
}

/// What becomes of a record: its class where it is none of a call, with a reason where it is rejected; else its row.
fn outcome_of(record: &Value) -> Value {
    let text = record.to_string();
    let event = match parse::parse(text.as_bytes()) {
        Err(error) => return json!({"class": "rejected", "reason": error.reason.as_str()}),
        Ok(outline) => match outline.parsed {
            Parsed::NotUsage => return json!({"class": "not_usage"}),
            Parsed::OtherSource { .. } => return json!({"class": "other_source"}),
            Parsed::Event(event) => *event,
        },
    };
    let evidence = CLASSIFIER.classify(&event, &Learned::default());
    let selected = Selected { event: &event, evidence: &evidence, archive: "", offset: 0 };
    let mut bytes = Vec::new();
    encode(EVENTS, &selected, &mut bytes);
    let mut out = Vec::new();
    let mut stream = Stream::new(Format::Ndjson, &mut out, None).unwrap();
    stream.event(0, Row::new(&bytes), false).unwrap();
    stream.finish().unwrap();
    let mut row: Value = serde_json::from_slice(&out).unwrap();
    row["class"] = json!("event");
    row["cross_account"] = json!(event.is_cross_account());
    row["account"] = json!(event.account());
    row
}

/// One rule, the record that shows it, and the columns it decides.
struct Case {
    rule: &'static str,
    changes: Value,
    expected: Value,
}

fn case(rule: &'static str, changes: Value, expected: Value) -> Case {
    Case { rule, changes, expected }
}

fn hold(cases: &[Case]) {
    for Case { rule, changes, expected } in cases {
        let record = record(changes);
        let found = outcome_of(&record);
        for (column, value) in expected.as_object().unwrap() {
            let found = found.get(column).unwrap_or_else(|| panic!("{rule}: no {column} in {found}"));
            assert_eq!(found, value, "{rule}: {column}\n{changes}");
        }
        the_oracle_agrees(rule, &record, &found);
    }
}

fn the_oracle_agrees(rule: &str, record: &Value, found: &Value) {
    let options = oracle::Options { workloads: None, events: None, ..oracle::Options::default() };
    let report = oracle::analyze(&[(String::new(), record.to_string().into_bytes())], &options);
    let class = found["class"].as_str().unwrap();
    assert_eq!(report.totals[if class == "event" { "selected" } else { class }], 1, "{rule}: {class}");
    for row in &report.events {
        for (column, theirs) in row.as_object().unwrap() {
            assert_eq!(&found[column], theirs, "{rule}: {column}, ours first, the oracle's second\n{record}");
        }
    }
}
