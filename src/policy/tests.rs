//! Whom and what statements mean: one test for each trap.

mod naive;

use std::borrow::Cow;

use serde_json::{Value, json};

use super::*;
use crate::model::{KmsEvent, Principal};

const KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const ROOT: &str = "arn:aws:iam::111122223333:root";
const ROLE: &str = "arn:aws:iam::111122223333:role/team/R";

fn policy(statements: Value) -> Policy {
    Policy::from_value(&json!({"Version": "2012-10-17", "Statement": statements})).unwrap()
}

fn allow(principal: Value, action: &str) -> Value {
    json!({"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"})
}

fn deny(principal: Value, action: &str) -> Value {
    json!({"Effect": "Deny", "Principal": principal, "Action": action, "Resource": "*"})
}

fn call(api: &'static str, caller: Principal<'static>) -> KmsEvent<'static> {
    let mut event = KmsEvent::example();
    (event.name, event.principal) = (api.into(), caller);
    event.key.arn = Some(KEY.into());
    event
}

fn caller(kind: &'static str, name: &'static str, account: Option<&'static str>) -> Principal<'static> {
    Principal {
        name: name.into(),
        kind: kind.into(),
        account_id: account.map(Cow::Borrowed),
        ..Principal::UNKNOWN
    }
}

fn role() -> Principal<'static> {
    let mut role = caller("AssumedRole", ROLE, Some("111122223333"));
    role.session_name = Some("S".into());
    role.principal_id = Some("AROAEXAMPLE:S".into());
    role
}

fn user() -> Principal<'static> {
    caller("IAMUser", "arn:aws:iam::111122223333:user/U", Some("111122223333"))
}

fn root() -> Principal<'static> {
    caller("Root", ROOT, Some("111122223333"))
}

fn foreign() -> Principal<'static> {
    caller("AssumedRole", "arn:aws:iam::444455556666:role/F", Some("444455556666"))
}

fn service() -> Principal<'static> {
    caller("AWSService", "sagemaker.amazonaws.com", None)
}

fn verdict(statements: Value, event: &KmsEvent<'_>) -> Verdict {
    let requests: Vec<Request<'_>> = Request::of(event).into_iter().collect();
    policy(statements).judge(&requests[0]).verdict
}

fn decrypt(statements: Value, caller: Principal<'static>) -> Verdict {
    verdict(statements, &call("Decrypt", caller))
}

fn is_unknown(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Undecidable(_))
}

/// The account's root lets IAM policies decide; by itself it allows only the root user.
#[test]
fn the_account_delegates() {
    for principal in [json!({"AWS": ROOT}), json!({"AWS": "111122223333"}), json!({"AWS": [ROOT]})] {
        let statements = json!([allow(principal, "kms:*")]);
        assert_eq!(decrypt(statements.clone(), role()), Verdict::ByAccount);
        assert_eq!(decrypt(statements.clone(), user()), Verdict::ByAccount);
        assert_eq!(decrypt(statements.clone(), root()), Verdict::Allows);
        assert_eq!(decrypt(statements.clone(), foreign()), Verdict::NotByThisPolicy);
        assert_eq!(decrypt(statements, service()), Verdict::NotByThisPolicy);
    }
    // Without it, IAM policies have no effect.
    assert_eq!(decrypt(json!([allow(json!({"AWS": ROLE}), "kms:*")]), user()), Verdict::NotByThisPolicy);
    // A Deny that names the account denies all of its identities.
    let statements = json!([allow(json!({"AWS": ROLE}), "kms:*"), deny(json!({"AWS": ROOT}), "kms:Decrypt")]);
    assert_eq!(decrypt(statements, role()), Verdict::Denies);
}

#[test]
fn everybody_is_everybody() {
    for principal in [json!("*"), json!({"AWS": "*"}), json!({"AWS": [ROLE, "*"]})] {
        for caller in [role(), user(), root(), foreign(), service()] {
            assert_eq!(decrypt(json!([allow(principal.clone(), "kms:Decrypt")]), caller), Verdict::Allows);
        }
    }
}

#[test]
fn a_deny_wins_everywhere() {
    let allows = allow(json!("*"), "kms:*");
    for denied in [json!({"AWS": ROLE}), json!("*"), json!({"AWS": ROOT})] {
        for order in [0, 1] {
            let mut statements = [deny(denied.clone(), "kms:Dec*"), allows.clone()];
            statements.swap(0, order);
            assert_eq!(decrypt(json!(statements), role()), Verdict::Denies);
        }
    }
}

/// A role's ARN means all of its sessions; a session's ARN means that one.
#[test]
fn roles_and_sessions_differ() {
    let by = |principal: &str| decrypt(json!([allow(json!({"AWS": principal}), "kms:Decrypt")]), role());
    assert_eq!(by(ROLE), Verdict::Allows);
    assert_eq!(by("arn:aws:sts::111122223333:assumed-role/R/S"), Verdict::Allows);
    for other in [
        "arn:aws:sts::111122223333:assumed-role/R/T",
        "arn:aws:sts::444455556666:assumed-role/R/S",
        "arn:aws:sts::111122223333:assumed-role/team/R/S",
        "arn:aws:iam::111122223333:role/R",
        "arn:aws:iam::111122223333:role/team/r",
        "arn:aws:iam::111122223333:role/team/*",
        "arn:aws:iam::111122223333:group/team",
        "R",
        "AROAOTHER",
    ] {
        assert_eq!(by(other), Verdict::NotByThisPolicy, "{other}");
    }
    assert_eq!(by("AROAEXAMPLE"), Verdict::Allows);
    // Without the session's issuer, the role's path is lost.
    let lost = caller("AssumedRole", "arn:aws:iam::111122223333:role/R", Some("111122223333"));
    let statements = json!([allow(json!({"AWS": ROLE}), "kms:Decrypt")]);
    assert!(is_unknown(&decrypt(statements, lost)));
    // What is not shown is not known.
    let statements = json!([allow(json!({"AWS": ROLE}), "kms:Decrypt")]);
    assert!(is_unknown(&decrypt(
        statements.clone(),
        caller("AWSAccount", "444455556666:x", Some("444455556666"))
    )));
    assert!(is_unknown(&decrypt(statements, Principal::UNKNOWN)));
}

/// A service under its own identity is not a role that it assumes, nor a call that it makes for
/// somebody.
#[test]
fn services_are_only_themselves() {
    let by = |name: &str, caller| decrypt(json!([allow(json!({"Service": name}), "kms:Decrypt")]), caller);
    assert_eq!(by("sagemaker.amazonaws.com", service()), Verdict::Allows);
    assert_eq!(by("sagemaker.us-west-2.amazonaws.com", service()), Verdict::Allows);
    assert_eq!(by("sagemaker.eu-west-1.amazonaws.com", service()), Verdict::NotByThisPolicy);
    assert_eq!(by("s3.amazonaws.com", service()), Verdict::NotByThisPolicy);
    let mut forwarded = role();
    forwarded.invoked_by = Some("sagemaker.amazonaws.com".into());
    assert_eq!(by("sagemaker.amazonaws.com", forwarded), Verdict::NotByThisPolicy);
}

/// Only what the list leaves out by account, role and session is left out, and not even that if
/// it has a permissions boundary, which no record shows.
#[test]
fn not_principal_means_nearly_everybody() {
    let session = "arn:aws:sts::111122223333:assumed-role/R/S";
    let without = |listed: Value| {
        json!([
            allow(json!("*"), "kms:*"),
            {"Effect": "Deny", "NotPrincipal": {"AWS": listed}, "Action": "kms:*", "Resource": "*"}
        ])
    };
    assert_eq!(decrypt(without(json!([ROLE])), role()), Verdict::Denies);
    assert_eq!(decrypt(without(json!([ROOT, ROLE])), role()), Verdict::Denies);
    assert!(is_unknown(&decrypt(without(json!([ROOT, ROLE, session])), role())));
    assert_eq!(decrypt(without(json!([ROOT])), root()), Verdict::Allows);
    assert_eq!(decrypt(without(json!([ROOT])), foreign()), Verdict::Denies);
    // No longer supported with Allow.
    let allows =
        json!([{"Effect": "Allow", "NotPrincipal": {"AWS": ROLE}, "Action": "kms:*", "Resource": "*"}]);
    assert!(is_unknown(&decrypt(allows, foreign())));
}

#[test]
fn not_action_is_all_the_rest() {
    let statements =
        json!([{"Effect": "Allow", "Principal": "*", "NotAction": "kms:Encrypt", "Resource": "*"}]);
    assert_eq!(decrypt(statements.clone(), role()), Verdict::Allows);
    assert_eq!(verdict(statements, &call("Encrypt", role())), Verdict::NotByThisPolicy);
}

/// KMS accepts statements without Resource or Action, and they have no effect.
#[test]
fn statements_without_resource_or_action_have_no_effect() {
    for effect in ["Allow", "Deny"] {
        let without_resource = json!({"Effect": effect, "Principal": "*", "Action": "kms:*"});
        let without_action = json!({"Effect": effect, "Principal": "*", "Resource": "*"});
        let statements = json!([without_resource, without_action]);
        assert_eq!(decrypt(statements, role()), Verdict::NotByThisPolicy);
    }
    // A Resource is this key, or has no effect.
    let by = |resource: &str| {
        decrypt(
            json!([{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": resource}]),
            role(),
        )
    };
    assert_eq!(by(KEY), Verdict::Allows);
    assert_eq!(by("arn:aws:kms:*:111122223333:key/*"), Verdict::Allows);
    assert_eq!(by("arn:aws:kms:us-west-2:111122223333:key/other"), Verdict::NotByThisPolicy);
}

#[test]
fn key_policies_cannot_give_everything() {
    // Nothing that names no key, and not RetireGrant.
    for api in ["ListAliases", "ListKeys", "CreateKey", "RetireGrant"] {
        let event = call(api, role());
        let requests: Vec<Request<'_>> = Request::of(&event).into_iter().collect();
        for request in requests {
            let judged = policy(json!([allow(json!("*"), "kms:*")])).judge(&request);
            assert_eq!(judged.verdict, Verdict::NotByThisPolicy, "{api}");
        }
    }
    // Other accounts only what works across accounts.
    let statements = json!([allow(json!({"AWS": "arn:aws:iam::444455556666:role/F"}), "kms:*")]);
    assert_eq!(verdict(statements.clone(), &call("Decrypt", foreign())), Verdict::Allows);
    assert_eq!(verdict(statements.clone(), &call("DescribeKey", foreign())), Verdict::Allows);
    assert_eq!(verdict(statements, &call("PutKeyPolicy", foreign())), Verdict::NotByThisPolicy);
    let statements = json!([allow(json!({"AWS": "444455556666"}), "kms:*")]);
    assert_eq!(verdict(statements, &call("Decrypt", foreign())), Verdict::ByAccount);
}

/// ReEncrypt needs two permissions, on two keys.
#[test]
fn re_encrypt_needs_two_permissions() {
    let mut event = call("ReEncrypt", role());
    let other = KEY.replace("1234abcd-", "0000abcd-");
    event.destination_key_arn = Some(other.clone().into());
    let requests: Vec<(String, Option<String>)> = Request::of(&event)
        .into_iter()
        .map(|one| (one.action.to_owned(), one.key_arn.map(str::to_owned)))
        .collect();
    assert_eq!(
        requests,
        [("ReEncryptFrom".to_owned(), Some(KEY.to_owned())), ("ReEncryptTo".to_owned(), Some(other))]
    );
}

#[test]
fn policies_are_read_strictly() {
    for (bad, why) in [
        (json!([]), "it is not a JSON object"),
        (json!({"Version": "2012-10-17"}), "it has no Statement"),
        (json!({"Version": "2013", "Statement": []}), "its Version is \"2013\""),
        (json!({"Statement": [{"Effect": "allow"}]}), "statement 1: Effect is \"allow\""),
        (json!({"Statement": {"Effect": "Allow", "Action": "kms:*"}}), "statement 1: Principal is nothing"),
        (json!({"Statement": [1]}), "statement 1: Statement is 1"),
        (json!({"Statement": {"Effect": "Allow", "Principal": {"User": "x"}}}), "\"User\""),
        (json!({"Statement": {"Effect": "Allow", "Principal": "x"}}), "statement 1: Principal is \"x\""),
    ] {
        let error = Policy::from_value(&bad).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    assert!(Policy::parse("{").is_err());
    // One value and a list of it are the same; members without a meaning are noted.
    let one = json!({"Statement": {"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "kms:Decrypt",
        "Resource": "*", "Comment": 1}});
    let read = Policy::from_value(&one).unwrap();
    assert_eq!(read.notes, ["statement 1 has a member \"Comment\", which means nothing"]);
}

/// A condition on the encryption context is about calls that can have one, whatever its operator.
#[test]
fn conditions_on_the_encryption_context_are_about_calls_that_can_have_one() {
    let with = |effect: &str, operator: &str, key: &str| {
        let mut statement = allow(json!("*"), "kms:*");
        statement["Effect"] = json!(effect);
        statement["Condition"] = json!({operator: {key: "red"}});
        statement
    };
    let everything = || allow(json!({"AWS": ROLE}), "kms:*");
    let pair = "kms:EncryptionContext:Team";
    for (operator, key) in [
        ("StringNotEquals", pair),
        ("StringNotEqualsIfExists", pair),
        ("ForAllValues:StringEquals", "kms:EncryptionContextKeys"),
    ] {
        let statements = json!([everything(), with("Deny", operator, key)]);
        for name in ["DescribeKey", "Sign", "GenerateMac", "PutKeyPolicy"] {
            let found = verdict(statements.clone(), &call(name, role()));
            assert_eq!(found, Verdict::Allows, "{name} {operator}");
        }
        // A call that could have had one, and has none.
        let found = verdict(statements.clone(), &call("Decrypt", role()));
        assert_eq!(found, Verdict::Denies, "{operator}");
        let mut asymmetric = call("Decrypt", role());
        asymmetric.request_details = Some(r#"{"encryptionAlgorithm":"RSAES_OAEP_SHA_256"}"#.into());
        assert_eq!(verdict(statements, &asymmetric), Verdict::Allows, "{operator}");
        let allowing = json!([with("Allow", operator, key)]);
        assert_eq!(verdict(allowing, &call("DescribeKey", role())), Verdict::NotByThisPolicy, "{operator}");
    }
    let mut red = call("Decrypt", role());
    red.encryption_context = Some(r#"{"Team":"red"}"#.into());
    assert_eq!(verdict(json!([everything(), with("Deny", "StringNotEquals", pair)]), &red), Verdict::Allows);
}

/// Records without the session's issuer lose the path of a role: whether a name with a path is the
/// caller's is not known, in `Principal` and in conditions.
#[test]
fn lost_paths_of_roles_are_not_certain() {
    let lost = || caller("AssumedRole", "arn:aws:iam::111122223333:role/R", Some("111122223333"));
    assert!(is_unknown(&decrypt(json!([allow(json!({"AWS": ROLE}), "kms:*")]), lost())));
    let with = |effect: &str, operator: &str, arn: &str| {
        let mut statement = allow(json!("*"), "kms:*");
        statement["Effect"] = json!(effect);
        statement["Condition"] = json!({operator: {"aws:PrincipalArn": arn}});
        statement
    };
    for (operator, arn) in [
        ("ArnEquals", ROLE),
        ("StringEquals", ROLE),
        ("ArnLike", "arn:aws:iam::111122223333:role/team/*"),
        ("StringLike", "arn:aws:iam::*:role/te*"),
        ("ArnNotEquals", ROLE),
    ] {
        assert!(is_unknown(&decrypt(json!([with("Allow", operator, arn)]), lost())), "{operator} {arn}");
        let denied = json!([allow(json!("*"), "kms:*"), with("Deny", operator, arn)]);
        assert!(is_unknown(&decrypt(denied, lost())), "{operator} {arn}");
        // With its path, the name is known.
        assert!(!is_unknown(&decrypt(json!([with("Allow", operator, arn)]), role())), "{operator} {arn}");
    }
    for (arn, expected) in [
        ("arn:aws:iam::111122223333:role/team/Other", Verdict::NotByThisPolicy),
        ("arn:aws:iam::444455556666:role/team/R", Verdict::NotByThisPolicy),
        ("arn:aws:iam::111122223333:role/*", Verdict::Allows),
    ] {
        assert_eq!(decrypt(json!([with("Allow", "ArnLike", arn)]), lost()), expected, "{arn}");
    }
}

/// What asks for a key's aliases never holds in a key policy, so no call is open because of it.
#[test]
fn aliases_are_for_iam_policies() {
    let with = |effect: &str, operator: &str| {
        let mut statement = allow(json!("*"), "kms:*");
        statement["Effect"] = json!(effect);
        statement["Condition"] = json!({operator: {"kms:ResourceAliases": "alias/a"}});
        statement
    };
    let allowing = |operator: &str| decrypt(json!([with("Allow", operator)]), role());
    assert_eq!(allowing("ForAnyValue:StringLike"), Verdict::NotByThisPolicy);
    assert_eq!(allowing("StringEquals"), Verdict::NotByThisPolicy);
    assert!(is_unknown(&allowing("StringNotEquals")));
    assert!(is_unknown(&allowing("ForAllValues:StringLike")));
}
