//! Calls that name nothing but an alias.

use super::*;
use testkit::oracle;

pub const ALIAS: &str = "alias/orders";

/// An alias comes to point to a key: as a record of today, which lists both.
pub fn points(name: &str, key: &str) -> Value {
    let request = json!({"aliasName": ALIAS, "targetKeyId": key.rsplit('/').next()});
    let alias = format!("arn:aws:kms:us-west-2:{MAIN}:{ALIAS}");
    with(
        record("kms", name, admin(), request),
        "resources",
        json!([{"accountId": MAIN, "ARN": alias}, {"accountId": MAIN, "ARN": key}]),
    )
}

/// Jane asks for a key by its alias, and is refused: the record says no more of the key.
pub fn refused(alias: &str) -> Value {
    let call = record("kms", "GenerateDataKey", session("Jane", "work"), json!({"keyId": alias}));
    with(call, "errorCode", "AccessDenied")
}

/// ARN and origin of the key of the event in `call.json`, with these records in a later file.
fn resolved(call: &Value, history: &[Value], learn: bool) -> (Value, String) {
    let files = [("call.json", vec![call.clone()]), ("later.json", history.to_vec())];
    let args: &[&str] = if learn { &[] } else { &["--no-learn"] };
    let events = analyze(&files, args, &oracle::Options { learn, ..any() }).events();
    let event = events.iter().find(|event| event["archive"] == "in/call.json").unwrap();
    let origin = event["key_origin"].as_str().unwrap().to_owned();
    if origin == "alias" {
        let arn = event["key_arn"].as_str().unwrap();
        assert_eq!(event["key_id"], *arn.rsplit('/').next().unwrap());
        assert_eq!((&event["key_account_id"], &event["key_region"]), (&MAIN.into(), &"us-west-2".into()));
        assert!(event["key_alias"].as_str().unwrap().ends_with(ALIAS));
    }
    (event["key_arn"].clone(), origin)
}

#[test]
fn an_alias_is_the_key_it_pointed_to_at_the_time() {
    let (known, unknown) = ((KEY.into(), "alias".to_owned()), (Value::Null, "none".to_owned()));
    let history = [
        at(30, points("UpdateAlias", OTHER_KEY)),
        at(10, points("CreateAlias", KEY)),
        at(40, points("DeleteAlias", OTHER_KEY)),
        at(50, points("CreateAlias", KEY)),
    ];
    for (minute, key) in [
        (9, &unknown),
        (10, &unknown), // at the very time: before or after, who knows
        (11, &known),
        (29, &known),
        (31, &(OTHER_KEY.into(), "alias".to_owned())),
        (41, &unknown),
        (51, &known),
    ] {
        assert_eq!(resolved(&at(minute, refused(ALIAS)), &history, true), *key, "{minute}");
        assert_eq!(resolved(&at(minute, refused(ALIAS)), &history, false), unknown);
    }
}

#[test]
fn an_alias_belongs_to_an_account_and_a_region() {
    let (known, unknown) = ((KEY.into(), "alias".to_owned()), (Value::Null, "none".to_owned()));
    let history = [at(10, points("CreateAlias", KEY))];
    let arn = format!("arn:aws:kms:us-west-2:{MAIN}:{ALIAS}");
    assert_eq!(resolved(&at(20, refused(&arn)), &history, true), known);
    let message = format!("User: x is not authorized to perform: kms:GenerateDataKey on resource: {arn}");
    let in_message = with(with(refused(""), "requestParameters", Value::Null), "errorMessage", message);
    assert_eq!(resolved(&at(20, in_message), &history, true), known);
    for other in [
        refused("alias/order"),
        refused(&format!("arn:aws:kms:eu-west-1:{MAIN}:{ALIAS}")),
        refused(&format!("arn:aws:kms:us-west-2:444455556666:{ALIAS}")),
        with(refused(ALIAS), "awsRegion", "eu-west-1"),
        with(refused(ALIAS), "userIdentity", json!({"type": "AWSAccount", "accountId": "444455556666"})),
    ] {
        assert_eq!(resolved(&at(20, other), &history, true), unknown);
    }
    // A record from before December 2022 lists no resources: the key is that of the request.
    let mut old = history.clone();
    old[0]["resources"] = Value::Null;
    assert_eq!(resolved(&at(20, refused(ALIAS)), &old, true), known);
    let failed = [with(history[0].clone(), "errorCode", "AlreadyExistsException")];
    assert_eq!(resolved(&at(20, refused(ALIAS)), &failed, true), unknown);
    // Two records of one moment that disagree.
    let torn = [history[0].clone(), at(10, points("UpdateAlias", OTHER_KEY))];
    assert_eq!(resolved(&at(20, refused(ALIAS)), &torn, true), unknown);
    let twice = [history[0].clone(), history[0].clone()];
    assert_eq!(resolved(&at(20, refused(ALIAS)), &twice, true), known);
}

/// Filters and rules see the key that the alias stands for.
#[test]
fn aliases_are_resolved_before_keys_are_asked_for() {
    let call = at(20, refused(ALIAS));
    let history = at(10, points("CreateAlias", KEY));
    let files = [("call.json", vec![call.clone()]), ("later.json", vec![history.clone()])];
    let options = oracle::Options { keys: vec![KEY.to_owned()], ..any() };
    assert_eq!(analyze(&files, &["--key", KEY], &options).events().len(), 2);
    let unlearned = oracle::Options { learn: false, ..options };
    assert_eq!(analyze(&files, &["--key", KEY, "--no-learn"], &unlearned).events().len(), 1);
    assert_learned(&[history, dataset(&role("Jane"), KEY)], &call, ["forecast", "medium", "F5"], OTHER);
}
