//! What is advised: suggestions that keep nobody they should not, and findings about policies.

use serde_json::{Value, json};
use testkit::{analyze_in, document, folder, keytrail, run};

use super::{KEY, ROLES, ROOT, allow, record, set_policy};

/// The policy that `policy suggest` writes for these statements and one Decrypt by the first role,
/// and what it says that it left out.
fn suggestion(statements: &Value, caller: &Value) -> (Value, String) {
    let records = [set_policy(1, 1, statements), record(2, 30, "Decrypt", ROLES[0], caller)];
    let input = folder(&[("a.json", document(&records).as_bytes())]);
    let ran = run(keytrail().args(["policy", "suggest", "--key", KEY, input.path().to_str().unwrap()]));
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    (serde_json::from_slice(&ran.stdout).unwrap(), ran.stderr)
}

#[test]
fn a_suggestion_keeps_nobody_who_is_everybody_and_says_what_it_drops() {
    let none = json!({});
    let (policy, said) = suggestion(&json!([allow("All", &json!("*"), &json!("kms:*"))]), &none);
    assert!(policy["Statement"].as_array().unwrap().iter().all(|s| s["Principal"]["AWS"] != "*"), "{policy}");
    assert!(said.contains("is for everybody"), "{said}");
    let mut limited = allow("Use", &json!(ROLES[0]), &json!("kms:Decrypt"));
    limited["Condition"] = json!({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}});
    let own = allow("Root", &json!(ROOT), &json!("kms:*"));
    let (_, said) = suggestion(&json!([own, limited]), &none);
    assert!(said.contains("Its conditions (aws:SourceIp) are not repeated"), "{said}");
    // What no policy can name, and what would be a whole account.
    let internal = json!({"userIdentity": {"type": "AWSService", "invokedBy": "AWS Internal"}});
    let (policy, said) = suggestion(&json!([own]), &internal);
    assert!(!policy.to_string().contains("AWS Internal") && said.contains("no service"), "{policy} {said}");
    let foreign = "arn:aws:iam::444455556666:root";
    let root = json!({"userIdentity": {"type": "Root", "arn": foreign, "accountId": "444455556666"}});
    let (policy, said) = suggestion(&json!([own]), &root);
    assert!(!policy.to_string().contains(foreign) && said.contains("the root user"), "{policy} {said}");
}

/// The statements of the suggestion for these records, and what was left out.
fn suggested(records: &[Value]) -> (Vec<Value>, String) {
    let input = folder(&[("a.json", document(records).as_bytes())]);
    let ran = run(keytrail().args(["policy", "suggest", "--key", KEY, input.path().to_str().unwrap()]));
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let policy: Value = serde_json::from_slice(&ran.stdout).unwrap();
    (policy["Statement"].as_array().unwrap().clone(), ran.stderr)
}

/// Who has a permission by the statements.
fn who_has<'s>(statements: &'s [Value], action: &str) -> Vec<&'s Value> {
    let has = |statement: &&Value| match &statement["Action"] {
        Value::Array(list) => list.iter().any(|one| one == action),
        one => one == action,
    };
    statements.iter().filter(has).map(|statement| &statement["Principal"]["AWS"]).collect()
}

#[test]
fn sessions_stay_sessions_where_only_they_called() {
    let session = "arn:aws:sts::111122223333:assumed-role/Reader/s";
    let statements = json!([
        allow("root", &json!(ROOT), &json!("kms:*")),
        allow("one", &json!(session), &json!("kms:Decrypt")),
    ]);
    let mut other = record(3, 31, "Decrypt", ROLES[0], &json!({}));
    other["userIdentity"]["arn"] = json!("arn:aws:sts::111122223333:assumed-role/Reader/other");
    let records = [set_policy(1, 1, &statements), record(2, 30, "Decrypt", ROLES[0], &json!({})), other];
    let (statements, said) = suggested(&records[..2]);
    assert_eq!(who_has(&statements, "kms:Decrypt"), [&json!(session)], "{said}");
    let (statements, said) = suggested(&records);
    assert_eq!(who_has(&statements, "kms:Decrypt"), [&json!(ROLES[0])]);
    assert!(said.contains("names sessions of it") && said.contains(session), "{said}");
}

/// Without a statement for the account, administrators are kept, and once.
#[test]
fn what_administrators_have_is_not_given_again() {
    let admin = "arn:aws:iam::111122223333:role/Admin";
    let both = json!(["kms:PutKeyPolicy", "kms:DescribeKey", "kms:Decrypt"]);
    let records = [
        set_policy(1, 1, &json!([allow("admins", &json!(admin), &both)])),
        record(2, 30, "DescribeKey", admin, &json!({})),
        set_policy(3, 40, &json!([allow("admins", &json!(admin), &both)])),
    ];
    let (statements, said) = suggested(&records);
    assert_eq!(who_has(&statements, "kms:PutKeyPolicy"), [&json!(admin)], "{said}");
    assert_eq!(who_has(&statements, "kms:DescribeKey"), [&json!(admin)], "{said}");
}

/// KMS takes no policy that names an id.
#[test]
fn who_was_deleted_is_left_out_of_kept_statements() {
    let admin = "arn:aws:iam::111122223333:role/Admin";
    let mut deny =
        allow("no", &json!(["AIDAEXAMPLEGONE", "arn:aws:iam::111122223333:role/X"]), &json!("kms:Decrypt"));
    deny["Effect"] = json!("Deny");
    let statements = json!([
        allow("root", &json!([ROOT, "AROAEXAMPLEGONE"]), &json!("kms:*")),
        allow("admins", &json!([admin, "AROAEXAMPLEOLD"]), &json!("kms:Put*")),
        allow("old", &json!("AROAEXAMPLENOBODY"), &json!("kms:Put*")),
        deny,
    ]);
    let (statements, said) = suggested(&[set_policy(1, 1, &statements)]);
    let all = json!(statements).to_string();
    for id in ["AIDAEXAMPLEGONE", "AROAEXAMPLEGONE", "AROAEXAMPLEOLD", "AROAEXAMPLENOBODY"] {
        assert!(!all.contains(id) && said.contains(id), "{id}: {all} {said}");
    }
    assert_eq!(statements.len(), 3, "{all}");
    assert_eq!(statements[0]["Principal"]["AWS"], json!([ROOT]));
}

/// Only a condition that leaves others out makes a statement for everybody less than public.
#[test]
fn a_statement_for_everybody_is_public_unless_a_condition_leaves_others_out() {
    let is_public = |action: &str, condition: Value| {
        let mut statement = allow("All", &json!("*"), &json!(action));
        if !condition.is_null() {
            statement["Condition"] = condition;
        }
        let input = folder(&[("a.json", document(&[set_policy(1, 1, &json!([statement]))]).as_bytes())]);
        let findings = analyze_in(input.path(), &["a.json"]).findings();
        findings.iter().any(|finding| finding["rule_id"] == "policy-public")
    };
    for (condition, public) in [
        (json!(null), true),
        (json!({"StringEquals": {"kms:CallerAccount": "444455556666"}}), false),
        (json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-1/r-1/*"}}), false),
        (json!({"StringNotEquals": {"kms:CallerAccount": "111122223333"}}), true),
        (json!({"StringLike": {"kms:CallerAccount": "*"}}), true),
        (json!({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}), true),
        (json!({"ForAllValues:StringEquals": {"aws:PrincipalOrgPaths": "o-1/r-1/"}}), true),
        (json!({"Null": {"aws:PrincipalOrgID": "true"}}), true),
        (json!({"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "0.0.0.0/0"]}}), true),
        (json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}}), true),
    ] {
        assert_eq!(is_public("kms:Decrypt", condition.clone()), public, "{condition}");
    }
    assert!(!is_public("kms:RetireGrant", json!(null)));
}

/// What another statement denies to all but some is for some.
#[test]
fn a_deny_that_shuts_all_others_out_makes_a_statement_less_than_public() {
    let status = |deny: Value| {
        let statements = json!([allow("All", &json!("*"), &json!("kms:Decrypt")), deny]);
        let input = folder(&[("a.json", document(&[set_policy(1, 1, &statements)]).as_bytes())]);
        let findings = analyze_in(input.path(), &["a.json"]).findings();
        let found = findings.into_iter().find(|finding| finding["rule_id"] == "policy-public");
        found.map(|finding| finding["status"].as_str().unwrap().to_owned())
    };
    let deny = |condition: Value| json!({"Sid": "Others", "Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": condition});
    let not_ours = json!({"aws:PrincipalOrgID": "o-1"});
    let mut no_principal = deny(json!({}));
    no_principal.as_object_mut().unwrap().remove("Principal");
    no_principal["NotPrincipal"] = json!({"AWS": [ROOT, ROLES[0]]});
    let mut other_action = deny(json!({"StringNotEquals": not_ours}));
    other_action["Action"] = json!("kms:Encrypt");
    let mut of_one = deny(json!({"StringNotEquals": not_ours}));
    of_one["Principal"] = json!({"AWS": ROLES[0]});
    for (deny, expected) in [
        (deny(json!({"StringNotEquals": not_ours})), None),
        (deny(json!({"StringNotEqualsIfExists": {"kms:CallerAccount": "111122223333"}})), None),
        (deny(json!({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/*"}})), None),
        (no_principal, None),
        // Services, or calls without MFA, are left: that is not nobody.
        (
            deny(json!({"StringNotEquals": not_ours, "Bool": {"aws:PrincipalIsAWSService": "false"}})),
            Some("undecidable"),
        ),
        (deny(json!({"Bool": {"aws:SecureTransport": "false"}})), Some("open")),
        (deny(json!({"StringNotLike": {"aws:PrincipalOrgID": "*"}})), Some("open")),
        (deny(json!({"StringEquals": not_ours})), Some("open")),
        (other_action, Some("open")),
        (of_one, Some("open")),
    ] {
        assert_eq!(status(deny.clone()).as_deref(), expected, "{deny}");
    }
}

/// What a statement denies is not given, whatever another one allows.
#[test]
fn a_permission_that_is_denied_is_missing() {
    let role =
        "arn:aws:iam::111122223333:role/service-role/AmazonSagemakerCanvasForecastRole-20231125T142640";
    let status = |deny: Value| {
        let statements = json!([allow("use", &json!(role), &json!("kms:*")), deny]);
        let records = [set_policy(1, 0, &statements), record(2, 10, "Decrypt", role, &json!({}))];
        let input = folder(&[("in/a.json", document(&records).as_bytes())]);
        let rows = analyze_in(input.path(), &["in"]).policy_statements();
        let needs = |row: &&Value| {
            row["detail"].as_str().is_some_and(|detail| detail.contains("Forecast needs it"))
                && row["permission"] == "CreateGrant"
        };
        rows.iter().find(needs).map(|row| row["status"].as_str().unwrap().to_owned())
    };
    let deny = |principal: &str, condition: Option<Value>| {
        let mut deny = allow("no", &json!(principal), &json!("kms:CreateGrant"));
        deny["Effect"] = json!("Deny");
        if let Some(condition) = condition {
            deny["Condition"] = condition;
        }
        deny
    };
    assert_eq!(status(deny(role, None)).as_deref(), Some("missing"));
    assert_eq!(status(deny(ROOT, None)).as_deref(), Some("missing"));
    assert_eq!(status(deny(ROLES[0], None)), None);
    let by_tag = json!({"StringEquals": {"aws:PrincipalTag/team": "x"}});
    assert_eq!(status(deny(role, Some(by_tag))).as_deref(), Some("cannot_be_known"));
}

/// What a caller writes into names deceives nobody who looks at JSON, in a file as well. CSV in a
/// file has the values as they are.
#[test]
fn outputs_do_not_deceive_the_eye() {
    let odd = "arn:aws:iam::111122223333:role/te\u{202e}am\u{9b}31m/Reader";
    let statements = json!([
        allow("root", &json!(ROOT), &json!("kms:*")),
        allow("u\u{202e}se", &json!(odd), &json!("kms:*"))
    ]);
    let records = [set_policy(1, 1, &statements), record(2, 30, "Decrypt", odd, &json!({}))];
    let input = folder(&[("in/a.json", document(&records).as_bytes())]);
    for command in [
        &["policy", "suggest", "--key", KEY, "in"][..],
        &["policy", "check", "--format", "ndjson", "in"],
        &["review", "--format", "ndjson", "in"],
        &["findings", "--format", "sarif", "in"],
        &["findings", "--format", "json", "in"],
    ] {
        let ran = run(keytrail().current_dir(input.path()).args(command));
        assert_eq!(ran.status, 0, "{command:?}: {}", ran.stderr);
        let text = String::from_utf8(ran.stdout).unwrap();
        let is_odd = |c: &char| ['\u{202e}', '\u{9b}'].contains(c);
        assert_eq!(text.chars().find(is_odd), None, "{command:?}: {text}");
        assert!(text.contains("Reader"), "{command:?}: {text}");
        if command.contains(&"suggest") || command.contains(&"sarif") || command.contains(&"json") {
            let value: Value = serde_json::from_str(&text).unwrap();
            assert!(value.to_string().contains('\u{202e}'), "programs read the same");
        }
    }
}
