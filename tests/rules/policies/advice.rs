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
