//! The rules of `docs/what-counts.md`, one by one: for each a record that shows it, from its JSON
//! to the columns of `events.parquet`.
//!
//! A case names its rule, changes members of an ordinary record, and says what must come out. Take
//! the rule out of the program, and its case fails. The oracle is asked of each record as well: it
//! must see the same in every column. Records to which several cases apply at once have no
//! expectation but that.

mod family;
mod identity;
mod key;
mod outcome;
mod workload;

use std::sync::LazyLock;
use testkit::oracle;

use keytrail::aggregate::Selected;
use keytrail::classify::Classifier;
use keytrail::knowledge::Knowledge;
use keytrail::parse::{self, RecordKind};
use keytrail::report::{
    EVENTS, EncodedRow, EventStep, OutputFormat, RowForm, RowOrder, RowStream, Sink, encode_row,
};
use proptest::prelude::*;
use proptest::sample::Index;
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
    change(&mut record, changes);
    record
}

fn change(record: &mut Value, changes: &Value) {
    for (name, value) in changes.as_object().unwrap() {
        record[name] = value.clone();
    }
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
    change(&mut identity, changes);
    identity
}

/// What becomes of a record: its class where it is none of a call, with a reason where it is
/// rejected; else its row.
fn outcome_of(record: &Value) -> Value {
    let text = record.to_string();
    let event = match parse::parse(text.as_bytes()) {
        Err(error) => return json!({"class": "rejected", "reason": error.reason.as_str()}),
        Ok(record) => match record.kind {
            RecordKind::NotUsage => return json!({"class": "not_usage"}),
            RecordKind::OtherSource { .. } => return json!({"class": "other_source"}),
            RecordKind::Event(event) => *event,
            other => panic!("{other:?}"),
        },
    };
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
    let mut stream = RowStream::new(EVENTS, RowForm::of_file(OutputFormat::Ndjson), &mut out).unwrap();
    stream.event(0, EventStep::Row(EncodedRow::new(&bytes), RowOrder::InOrder)).unwrap();
    stream.finish().unwrap();
    let mut row: Value = serde_json::from_slice(&out).unwrap();
    row["class"] = json!("event");
    row["account"] = json!(event.account());
    row
}

/// All rules, by what they are about.
fn all() -> Vec<Case> {
    let groups: [fn() -> Vec<Case>; 20] = [
        family::records_that_are_no_calls,
        family::what_cloudtrail_left_out,
        identity::every_type_of_identity,
        identity::the_account_of_a_record,
        identity::calls_across_accounts,
        key::the_first_place_that_names_a_key_wins,
        key::keys_among_resources,
        key::keys_in_the_answer,
        key::keys_in_the_request,
        key::keys_of_service_events,
        key::keys_in_messages,
        key::the_two_keys_of_re_encrypt,
        key::grants,
        key::objects,
        outcome::classes_of_errors,
        outcome::refusals,
        workload::geospatial,
        workload::canvas_and_forecast,
        workload::feature_store_and_the_rest,
        workload::the_strongest_evidence_decides_and_ties_are_shown,
    ];
    groups.iter().flat_map(|cases| cases()).collect()
}

#[test]
fn every_rule_has_its_effect() {
    hold(&all());
}

static CHANGES: LazyLock<Vec<Value>> = LazyLock::new(|| all().into_iter().map(|case| case.changes).collect());

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// The rules do not get in one another's way, or get there in the same way.
    #[test]
    fn rules_together_are_what_the_oracle_makes_of_them(picks in prop::collection::vec(any::<Index>(), 2..6)) {
        let mut mixed = record(&json!({}));
        for pick in picks {
            for (name, value) in pick.get(&CHANGES).as_object().unwrap() {
                // What is in both objects comes of the last one; what is in one of them stays.
                match (mixed.get_mut(name), value) {
                    (Some(here @ Value::Object(_)), Value::Object(_)) => change(here, value),
                    _ => mixed[name] = value.clone(),
                }
            }
        }
        the_oracle_agrees("mixed", &mixed, &outcome_of(&mixed));
    }
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
    assert_eq!(
        report.totals[if class == "event" { "selected" } else { class }],
        1,
        "{rule}: {class}\n{record}"
    );
    for row in &report.events {
        for (column, theirs) in row.as_object().unwrap() {
            assert_eq!(&found[column], theirs, "{rule}: {column}, ours first, the oracle's second\n{record}");
        }
    }
}
