//! Who is behind a role: source identity, Identity Center user, user name, web identity.

use serde_json::{Value, json};
use testkit::{ANY, analyze_in, decrypt, document, folder, rows};

fn by(n: u32, identity: Value) -> Value {
    let mut record = decrypt(n);
    let mut all = json!({"type": "AssumedRole", "accountId": "111122223333",
        "arn": "arn:aws:sts::111122223333:assumed-role/Execution/SageMaker",
        "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::111122223333:role/Execution"}}});
    for (name, value) in identity.as_object().unwrap() {
        match (name.as_str(), value) {
            ("sessionContext", Value::Object(more)) => {
                all["sessionContext"].as_object_mut().unwrap().extend(more.clone());
            }
            _ => all[name] = value.clone(),
        }
    }
    record["userIdentity"] = all;
    record
}

/// Several user profiles share one execution role, and one session name.
#[test]
fn users_of_one_role_are_told_apart() {
    let provider = "arn:aws:iam::111122223333:oidc-provider/token.example.com";
    let center = "90a7b8c9-0000-4000-8000-000000000001";
    let records = [
        by(1, json!({"sessionContext": {"sourceIdentity": "jane-doe"}})),
        by(2, json!({"sessionContext": {"sourceIdentity": "john-roe"}})),
        by(
            3,
            json!({"onBehalfOf": {"userId": center, "identityStoreArn": "arn:aws:identitystore::1:identitystore/d-1"}}),
        ),
        by(
            4,
            json!({"sessionContext": {"webIdFederationData": {"federatedProvider": provider, "attributes": {}}}}),
        ),
        by(5, json!({"sessionContext": {"sourceIdentity": "jane-doe"}})),
        by(6, json!({"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/alice", "userName": "alice"})),
        by(7, json!({"sessionContext": {"sourceIdentity": ""}, "onBehalfOf": null})),
        by(8, json!({"sessionContext": {"sourceIdentity": "jane-doe"}, "onBehalfOf": {"userId": center}})),
    ];
    let dir = folder(&[("in.json", document(&records).as_bytes())]);
    let report = analyze_in(dir.path(), &[&["in.json"], &ANY[..]].concat());
    assert_eq!(report.status, 0, "{}", report.stderr);
    let events = report.events();
    let column = |name: &str| -> Vec<&str> {
        events.iter().map(|row| row[name].as_str().unwrap_or_default()).collect()
    };
    assert_eq!(column("source_identity"), ["jane-doe", "john-roe", "", "", "jane-doe", "", "", "jane-doe"]);
    assert_eq!(column("on_behalf_of"), ["", "", center, "", "", "", "", center]);
    assert_eq!(column("user_name"), ["", "", "", "", "", "alice", "", ""]);
    assert_eq!(column("web_identity"), ["", "", "", provider, "", "", "", ""]);
    let users: Vec<(i64, i64)> = report
        .usage()
        .iter()
        .map(|row| (row["event_count"].as_i64().unwrap(), row["user_count"].as_i64().unwrap()))
        .collect();
    assert_eq!(users, [(7, 5), (1, 1)]);

    for (user, expected) in
        [("jane-doe", 3), ("*-doe,john-roe", 4), (center, 2), ("*token.example.com", 1), ("alice", 1)]
    {
        let report = analyze_in(dir.path(), &[&["in.json", "--user", user], &ANY[..]].concat());
        assert_eq!(report.events().len(), expected, "{user}");
        assert_eq!(report.run_json()["options"]["user"], json!(user.split(',').collect::<Vec<_>>()));
    }
}

#[test]
fn rules_may_name_the_user() {
    let rules = "[[rule]]\nid = \"x-jane\"\nworkload = \"canvas\"\nstrength = \"definitive\"\n\
        about = \"Jane works with Canvas\"\n[[rule.when]]\nsource_identity = [\"/^jane-/\"]\n";
    let records = [
        by(1, json!({"sessionContext": {"sourceIdentity": "jane-doe"}})),
        by(2, json!({"sessionContext": {"sourceIdentity": "john-roe"}})),
    ];
    let dir = folder(&[("in.json", document(&records).as_bytes()), ("rules.toml", rules.as_bytes())]);
    let report = analyze_in(dir.path(), &["in.json", "--rules", "rules.toml"]);
    assert_eq!(report.status, 0, "{}", report.stderr);
    let events = report.events();
    assert_eq!(events.len(), 1);
    assert_eq!(
        (&events[0]["workload"], &events[0]["source_identity"]),
        (&json!("canvas"), &json!("jane-doe"))
    );
}

/// A report in which nothing is selected has the columns all the same.
#[test]
fn a_report_without_events_has_their_columns() {
    let dir = folder(&[("in.json", document(&[decrypt(1)]).as_bytes())]);
    let full = analyze_in(dir.path(), &["in.json"]);
    let none = analyze_in(dir.path(), &["in.json", "--since", "2030-01-01"]);
    let schema = |report: &testkit::Report, day: &str| {
        let path = report.path().join(format!("events/day={day}/events.parquet"));
        let file = std::fs::File::open(path).unwrap();
        let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        (reader.schema().clone(), reader.metadata().file_metadata().num_rows())
    };
    let (columns, n) = schema(&none, "1970-01-01");
    assert_eq!((columns, n), (schema(&full, "2024-03-05").0, 0));
    assert_eq!(rows(&none.path().join("usage_daily.parquet")), [] as [Value; 0]);

    let daily = full.daily();
    let usage = full.usage();
    for column in ["key_id", "key_account_id", "key_region", "region", "recipient_account_id"] {
        assert_eq!(daily[0][column], usage[0][column], "{column}");
    }
}

/// The name of an archive says another account or Region than the records in it.
#[test]
fn names_that_contradict_records_are_a_caveat() {
    let name = |account: &str, region: &str| {
        format!("{account}_CloudTrail_{region}_20240305T1005Z_AbCdEfGhIjKlMnOp.json")
    };
    let content = document(&[decrypt(1)]);
    for (account, region, disagrees) in [
        ("111122223333", "us-west-2", false),
        ("111122223333", "eu-west-1", true),
        ("444455556666", "us-west-2", true),
    ] {
        let dir = folder(&[(&name(account, region), content.as_bytes()), ("plain.json", content.as_bytes())]);
        let report = analyze_in(dir.path(), &["."]);
        let run_json = report.run_json();
        let caveats = run_json["caveats"].as_array().unwrap().clone();
        let found = caveats.iter().find(|caveat| caveat["id"] == "names_disagree");
        assert_eq!(found.is_some(), disagrees, "{account} {region}");
        assert!(found.is_none_or(|caveat| caveat["text"].as_str().unwrap().contains(&name(account, region))));
    }
}
