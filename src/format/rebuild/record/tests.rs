use serde_json::Value;

use super::*;

/// The record and its fidelity; nothing when the columns are not those of an event.
fn rebuilt(columns: &[(&str, &str)]) -> (Option<Fidelity>, Value) {
    match record_from_columns(columns) {
        Rebuilt::Record { json, fidelity, .. } => (Some(fidelity), serde_json::from_str(&json).unwrap()),
        Rebuilt::MissingSource { .. } | Rebuilt::NotAnEvent => (None, Value::Null),
    }
}

/// `useridentity` in the format of published query results.
#[test]
fn columns_become_fields_of_a_record() {
    let identity = "{type=AssumedRole, principalid=AROAEXAMPLE:SageMaker, \
        arn=arn:aws:sts::111122223333:assumed-role/R/SageMaker, accountid=111122223333, accesskeyid=, username=null, \
        sessioncontext={attributes={creationdate=2023-06-07 23:59:12.000, mfaauthenticated=false}, \
        sessionissuer={type=Role, principalid=AROAEXAMPLE, arn=arn:aws:iam::111122223333:role/service-role/R, \
        accountid=111122223333, username=R}, webidfederationdata=null}, invokedby=fas.s3.amazonaws.com, \
        identityprovider=null}";
    let key = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let resources = format!("[{{arn={key}, accountid=111122223333, type=AWS::KMS::Key}}]");
    let (found, record) = rebuilt(&[
        ("eventversion", "1.08"),
        ("useridentity", identity),
        ("eventtime", "2023-06-11 16:26:39.000"),
        ("eventsource", "kms.amazonaws.com"),
        ("eventname", "GenerateDataKey"),
        ("errorcode", ""),
        (
            "requestparameters",
            r#"{keySpec=AES_256, encryptionContext={"aws:s3:arn":"arn:aws:s3:::b/x, y=z"}, keyId=alias/a}"#,
        ),
        ("responseelements", "null"),
        ("readonly", "true"),
        ("resources", &resources),
        ("tlsdetails", "{tlsversion=TLSv1.3, ciphersuite=null}"),
        ("_col7", "x"),
    ]);
    assert_eq!(found, Some(Fidelity::Lossy));
    assert_eq!(record["userIdentity"]["principalId"], "AROAEXAMPLE:SageMaker");
    assert_eq!(record["userIdentity"]["userName"], Value::Null);
    assert_eq!(record["userIdentity"]["accessKeyId"], "");
    let issuer = &record["userIdentity"]["sessionContext"]["sessionIssuer"];
    assert_eq!(issuer["arn"], "arn:aws:iam::111122223333:role/service-role/R");
    assert_eq!(record["userIdentity"]["invokedBy"], "fas.s3.amazonaws.com");
    assert_eq!(record["eventTime"], "2023-06-11T16:26:39.000Z");
    let context = &record["requestParameters"]["encryptionContext"];
    assert_eq!(context["aws:s3:arn"], "arn:aws:s3:::b/x, y=z");
    assert_eq!(record["requestParameters"]["keyId"], "alias/a");
    assert_eq!(record["resources"][0]["arn"], key);
    assert_eq!(record["tlsDetails"]["tlsVersion"], "TLSv1.3");
    assert_eq!(record["readOnly"], true);
    for absent in ["errorCode", "responseElements", "_col7"] {
        assert_eq!(record.get(absent), None, "{absent}");
    }
}

#[test]
fn rows_without_a_record_are_distinguished() {
    assert_eq!(record_from_columns(&[("_col0", "5")]), Rebuilt::NotAnEvent);
    let missing = record_from_columns(&[("eventName", "Decrypt"), ("eventTime", "x")]);
    assert_eq!(missing, Rebuilt::MissingSource { members: 2 });
    assert_eq!(rebuilt(&[("EVENTSOURCE", "kms.amazonaws.com")]).0, Some(Fidelity::Lossy));
}

/// A row that may be no event does not become one by names that other tables have, too.
#[test]
fn last_parts_of_paths_make_no_event() {
    let row = [
        ("eventName", "Decrypt"),
        ("recipientAccountId", "111122223333"),
        ("keyId", "1234"),
        ("arn", "arn:aws:iam::111122223333:role/Reader"),
        ("type", "AssumedRole"),
    ];
    assert_eq!(record_from_columns(&row), Rebuilt::MissingSource { members: 2 });
}

/// The same event in the notations of several tools.
#[test]
fn names_and_notations_do_not_matter() {
    let arn = "arn:aws:iam::111122223333:role/R";
    let whole = [("event_time", "2025-10-07 05:36:22+00"), ("event_id", "e"), ("aws_region", "us-east-1")];
    for (identity, fidelity) in [
        (format!(r#"{{"type": "AssumedRole", "arn": "{arn}"}}"#), Fidelity::Whole),
        (format!(r#"{{"Type": "AssumedRole", "ARN": "{arn}"}}"#), Fidelity::Whole),
        (format!("{{'type': AssumedRole, 'arn': '{arn}'}}"), Fidelity::Lossy),
        (format!("{{type=AssumedRole, arn={arn}}}"), Fidelity::Lossy),
    ] {
        let columns = [
            ("user_identity", identity.as_str()),
            ("Event_Source", "kms.amazonaws.com"),
            ("recipient_account_id", "1122223333"),
        ];
        let columns: Vec<(&str, &str)> = columns.into_iter().chain(whole).collect();
        let (found, record) = rebuilt(&columns);
        assert_eq!(found, Some(fidelity), "{identity}");
        assert_eq!(
            record["userIdentity"],
            serde_json::json!({"type": "AssumedRole", "arn": arn}),
            "{identity}"
        );
        assert_eq!(record["eventTime"], "2025-10-07T05:36:22+00:00");
        assert_eq!(record["recipientAccountId"], "001122223333");
    }
}

#[test]
fn flat_columns_become_objects() {
    let (found, record) = rebuilt(&[
        ("eventSource", "kms.amazonaws.com"),
        ("eventName", "Decrypt"),
        ("userIdentity.sessionContext.sessionIssuer.arn", "arn"),
        ("userIdentity_type", "AssumedRole"),
        ("requestParameters.encryptionContext.aws:s3:arn", "a.b"),
        ("resources{}.ARN", "key"),
    ]);
    assert_eq!(found, Some(Fidelity::Lossy));
    assert_eq!(record["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"], "arn");
    assert_eq!(record["userIdentity"]["type"], "AssumedRole");
    assert_eq!(record["requestParameters"]["encryptionContext"]["aws:s3:arn"], "a.b");
    assert_eq!(record["resources"][0]["ARN"], "key");
}

#[test]
fn texts_in_a_record_are_restored() {
    let record = br#"{"eventSource":"kms.amazonaws.com","userIdentity":"{\"type\": \"Root\", \"sessionContext\": \"{\\\"a\\\":1}\"}",
        "resources":["{\"ARN\":\"k\"}"],"requestParameters":"@{keyId=k}","responseElements":"null","x":"{}"}"#;
    let (json, fidelity) = restored_record(record).unwrap();
    let record: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(record["userIdentity"], serde_json::json!({"type": "Root", "sessionContext": {"a": 1}}));
    assert_eq!(record["resources"][0]["arn"], "k");
    assert_eq!((&record["requestParameters"], fidelity), (&"@{keyId=k}".into(), Fidelity::Lossy));
    assert_eq!(record.get("responseElements"), None);
}
