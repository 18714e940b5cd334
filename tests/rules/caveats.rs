//! The sentences under `caveats`: each is said when it applies, with the right number, and is not
//! said when it does not.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testkit::{analyze_in, decrypt, document};

/// What a run on these records says: id and text.
fn caveats(records: &[Value], args: &[&str]) -> BTreeMap<String, String> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("events.json"), document(records)).unwrap();
    let report = analyze_in(dir.path(), &[&["events.json"], args].concat());
    let text = |caveat: &Value, name: &str| caveat[name].as_str().unwrap().to_owned();
    let run = report.run_json();
    run["caveats"].as_array().unwrap().iter().map(|c| (text(c, "id"), text(c, "text"))).collect()
}

/// The `n`th record, with some members replaced.
fn with(n: u32, changes: Value) -> Value {
    let mut record = decrypt(n);
    for (name, value) in changes.as_object().unwrap() {
        record[name] = value.clone();
    }
    record
}

fn role(name: &str, invoked_by: Value) -> Value {
    json!({"type": "AssumedRole", "accountId": "111122223333", "invokedBy": invoked_by,
        "arn": format!("arn:aws:sts::111122223333:assumed-role/{name}/s")})
}

fn context(place: &str) -> Value {
    json!({"encryptionContext": {"aws:s3:arn": format!("arn:aws:s3:::{place}")}})
}

fn canvas(n: u32, identity: Value) -> Value {
    let place = "sagemaker-us-west-2-111122223333/Canvas/x";
    with(n, json!({"userIdentity": identity, "requestParameters": context(place)}))
}

fn key(arn: &str) -> Value {
    json!({"resources": [{"ARN": arn}]})
}

/// What always holds, and that the one event is a service's call.
const PLAIN: [&str; 3] = ["aws_owned_keys", "refusals_at_caller", "service_calls"];

#[test]
fn each_is_said_when_it_applies() {
    let plain: Vec<String> = caveats(&[decrypt(1)], &[]).into_keys().collect();
    assert_eq!(plain, PLAIN);

    let note = json!({"reason": "responseElements too large", "omitted": true});
    let delivery =
        json!({"encryptionContext": {"aws:s3:arn": "arn:aws:s3:::b/k", "aws:cloudtrail:arn": "t"}});
    let cloudtrail = json!({"type": "AWSService", "invokedBy": "cloudtrail.amazonaws.com"});
    let alice = || role("Alice", Value::Null);
    let hidden = || with(2, json!({"userIdentity": alice(), "requestParameters": context("a-bucket")}));
    let geospatial = || {
        json!({"arn": "arn:aws:sts::111122223333:assumed-role/Alice/SageMaker-Geospatial-StartEOJ-KMSAccess",
        "type": "AssumedRole", "accountId": "111122223333"})
    };
    // Some workload of SageMaker's, and the object would say which.
    let sagemaker = || {
        let identity =
            json!({"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/R/SageMaker"});
        with(
            3,
            json!({"userIdentity": identity, "requestParameters": context("sagemaker-us-west-2-111122223333")}),
        )
    };
    let any: &[&str] = &["--workload", "any"];
    let cases: Vec<(&str, Vec<Value>, &[&str], &str)> = vec![
        ("zero_events", vec![with(1, json!({"eventName": "ListKeys"}))], &[], "No event was selected"),
        ("bucket_keys", vec![with(1, json!({"requestParameters": context("b")}))], &[], "no object: 1."),
        (
            "unattributed_bucket_keys",
            vec![decrypt(1), hidden(), sagemaker()],
            &[],
            "2 calls for S3 buckets could not be given",
        ),
        ("named_by_anyone", vec![canvas(1, alice())], &[], "paths: 1."),
        (
            "ambiguous_workload",
            vec![canvas(1, role("AmazonSagemakerCanvasForecastRole", Value::Null))],
            &[],
            "joined with +: 1.",
        ),
        ("shared_by_workloads", vec![decrypt(1), canvas(2, alice())], &[], "keys 1, principals 0."),
        (
            "shared_by_workloads",
            vec![canvas(1, alice()), with(2, json!({"userIdentity": geospatial()}))],
            &[],
            "keys 1, principals 1.",
        ),
        ("service_calls", vec![decrypt(1), canvas(2, alice())], &[], "identity: 1."),
        ("through_s3", vec![canvas(1, role("Alice", json!("fas.s3.amazonaws.com")))], &[], "session: 1."),
        (
            "log_delivery",
            vec![with(1, json!({"requestParameters": delivery, "userIdentity": cloudtrail}))],
            any,
            "context): 1.",
        ),
        ("omitted_fields", vec![with(1, json!({"responseElements": note}))], &[], "(omitted_fields): 1."),
        (
            "accounts_not_covered",
            vec![with(1, key("arn:aws:kms:us-west-2:444455556666:key/k"))],
            &[],
            "no archive: 444455556666.",
        ),
        (
            "accounts_not_covered",
            vec![canvas(
                1,
                json!({"type": "AWSAccount", "accountId": "444455556666", "principalId": "AROAEXAMPLE:s"}),
            )],
            &[],
            "no archive: 444455556666.",
        ),
        (
            "multi_region_keys",
            vec![with(1, key("arn:aws:kms:us-west-2:111122223333:key/mrk-1"))],
            &[],
            "keys used: 1.",
        ),
        (
            "assumed_key",
            vec![with(1, json!({"resources": null, "requestParameters": {"keyId": "k"}}))],
            &[],
            "assumed): 1.",
        ),
        ("no_key", vec![with(1, json!({"resources": null}))], &[], "(key_arn is null): 1."),
        ("conflicts", vec![decrypt(1), with(1, json!({"userAgent": "x"}))], &[], "all of them counted: 1."),
        ("no_event_id", vec![with(1, json!({"eventID": null}))], &[], "cannot be recognised: 1."),
        ("duplicates_kept", vec![decrypt(1)], &["--keep-duplicates"], "deliveries, not calls"),
    ];
    for (id, records, args, said) in cases {
        let found = caveats(&records, args);
        let text = found.get(id).unwrap_or_else(|| panic!("{id} is not among {found:#?}"));
        assert!(text.contains(said), "{id}: {text}");
    }

    // Not unattributed: logs, what was selected all the same, what names an object, what a rule
    // knows more of.
    let known =
        with(2, json!({"userIdentity": role("R", Value::Null), "requestParameters": context("a-bucket/k")}));
    let another = with(2, json!({"userIdentity": geospatial(), "requestParameters": context("a-bucket")}));
    let logs =
        json!({"encryptionContext": {"aws:s3:arn": "arn:aws:s3:::a-bucket", "aws:cloudtrail:arn": "t"}});
    let logs = with(2, json!({"userIdentity": alice(), "requestParameters": logs}));
    for (records, args) in [
        (vec![decrypt(1), logs], &[][..]),
        (vec![decrypt(1), hidden()], any),
        (vec![decrypt(1), known], &[]),
        (vec![decrypt(1), another], &["--workload", "canvas"]),
    ] {
        assert!(!caveats(&records, args).contains_key("unattributed_bucket_keys"));
    }
    // Not the delivery of logs: who reads them, whoever that is.
    let delivery =
        json!({"encryptionContext": {"aws:s3:arn": "arn:aws:s3:::b/k", "aws:cloudtrail:arn": "t"}});
    for reader in [
        alice(),
        json!({"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/Auditor"}),
        json!({"type": "AWSService", "invokedBy": "athena.amazonaws.com"}),
        role("Alice", json!("fas.s3.amazonaws.com")),
    ] {
        let reads = with(1, json!({"userIdentity": reader, "requestParameters": delivery}));
        assert!(!caveats(&[reads], any).contains_key("log_delivery"), "{reader}");
    }
    // Not shared: labels that say nothing.
    let other = with(2, json!({"userIdentity": alice()}));
    assert!(!caveats(&[decrypt(1), other], any).contains_key("shared_by_workloads"));
    // Not of S3: a call by S3 under its own identity.
    let s3 = with(1, json!({"userIdentity": {"type": "AWSService", "invokedBy": "s3.amazonaws.com"}}));
    assert!(!caveats(&[s3], any).contains_key("through_s3"));
}

/// A call that does not say who called is counted for `unknown`, and the report says so.
#[test]
fn unknown_callers_are_said() {
    for identity in [json!({}), Value::Null, json!({"type": null})] {
        let said = caveats(&[with(1, json!({"userIdentity": identity}))], &["--workload", "any"]);
        assert!(said["unknown_callers"].contains(": 1."), "{said:?}");
    }
    assert!(!caveats(&[decrypt(1)], &[]).contains_key("unknown_callers"));
}
