//! What failed, what ends a share, and what only seems to.

use serde_json::{Value, json};

use super::{
    CONSUMER, OTHER, OWNER, analyze, call, create, failed, group, pipeline, policy, put_policy, share_arn,
    text, with,
};

fn column(records: &[Value], name: &str) -> Vec<String> {
    analyze(records).shares().iter().map(|row| row[name].to_string().replace('"', "")).collect()
}

fn shared() -> Value {
    create(1, 1, json!({"resourceArns": [pipeline(1)], "principals": [CONSUMER]}), json!({}))
}

fn root(account: &str) -> Value {
    json!({"AWS": format!("arn:aws:iam::{account}:root")})
}

fn deletes(name: &str, request: Value) -> Value {
    call(5, 50, OWNER, "sagemaker", name, request, Value::Null)
}

#[test]
fn a_resource_that_is_deleted_is_shared_no_more() {
    let gone = deletes("DeletePipeline", json!({"pipelineName": "P1"}));
    assert_eq!(column(&[shared(), gone], "ended_event_name"), ["DeletePipeline"]);
    let read = policy(root(CONSUMER), json!("sagemaker:DescribeModelPackage"));
    let gone = deletes("DeleteModelPackageGroup", json!({"modelPackageGroupName": "g1"}));
    let both =
        create(2, 2, json!({"resourceArns": [group(1), group(2)], "principals": [CONSUMER]}), json!({}));
    let records = [put_policy(1, 1, 1, &read), both, gone.clone()];
    assert_eq!(column(&records, "state"), ["ended", "ended", "requested"]);
    let refused = failed(gone, "AccessDeniedException");
    assert_eq!(column(&[put_policy(1, 1, 1, &read), refused], "state"), ["requested"]);
    let version =
        deletes("DeleteModelPackage", json!({"modelPackageName": group(1).replace("-group", "") + "/1"}));
    assert_eq!(column(&[put_policy(1, 1, 1, &read), version], "state"), ["requested"]);
}

#[test]
fn a_call_that_says_it_did_nothing_ends_nothing() {
    let request = json!({"resourceShareArn": share_arn(1)});
    let answered = |did: bool| {
        call(2, 20, OWNER, "ram", "DeleteResourceShare", request.clone(), json!({"returnValue": did}))
    };
    assert_eq!(column(&[shared(), answered(true)], "state"), ["ended"]);
    assert_eq!(column(&[shared(), answered(false)], "state"), ["requested"]);
}

#[test]
fn refused_attempts_to_share_are_shown() {
    let read = policy(root(CONSUMER), json!("sagemaker:*"));
    let associate = json!({"resourceShareArn": share_arn(1), "principals": [OTHER]});
    let records = [
        failed(shared(), "AccessDeniedException"),
        with(failed(shared(), "AccessDenied"), json!({"requestParameters": null, "eventID": "e2"})),
        failed(call(3, 3, OWNER, "ram", "AssociateResourceShare", associate, Value::Null), "AccessDenied"),
        failed(put_policy(4, 4, 1, &read), "AccessDeniedException"),
        with(
            failed(put_policy(5, 5, 1, &read), "AccessDeniedException"),
            json!({
                "requestParameters": null,
                "errorMessage": format!("User: u is not authorized to perform: sagemaker:PutModelPackageGroupPolicy on resource: {} because", group(2)),
            }),
        ),
    ];
    let found: Vec<String> = analyze(&records)
        .share_use()
        .iter()
        .map(|row| {
            let resource = text(row, "resource_arn").rsplit(':').next().unwrap();
            format!(
                "{resource} {} {} {}",
                text(row, "event_name"),
                text(row, "use_kind"),
                text(row, "outcome")
            )
        })
        .collect();
    let expected = [
        "resource-share/00000001 AssociateResourceShare share denied",
        "model-package-group/g1 PutModelPackageGroupPolicy share denied",
        "model-package-group/g2 PutModelPackageGroupPolicy share denied",
        "pipeline/p1 CreateResourceShare share denied",
        "unknown CreateResourceShare share denied",
    ];
    assert_eq!(found, expected);
    assert_eq!(analyze(&records).shares().len(), 0);
}

#[test]
fn one_call_in_the_records_of_two_accounts_is_one_without_a_common_id() {
    let own = |n| {
        call(
            n,
            10,
            CONSUMER,
            "sagemaker",
            "DescribePipeline",
            json!({"pipelineName": pipeline(1)}),
            Value::Null,
        )
    };
    let identity = json!({"type": "AWSAccount", "principalId": "AROAX:s", "accountId": CONSUMER});
    let copy = |n: usize| {
        let of_owner =
            json!({"recipientAccountId": OWNER, "userIdentity": identity, "eventID": format!("c{n}")});
        with(own(n), of_owner)
    };
    let count = |records: &[Value]| -> i64 {
        analyze(records).share_use().iter().map(|row| row["event_count"].as_i64().unwrap()).sum()
    };
    assert_eq!(count(&[own(1), copy(1)]), 1);
    assert_eq!(count(&[own(1), copy(1), own(2), copy(2)]), 2);
    assert_eq!(count(&[copy(1), copy(2)]), 2);
    assert_eq!(count(&[own(1), copy(1), copy(2)]), 2);
    assert_eq!(count(&[own(1), with(copy(1), json!({"eventTime": "2025-06-04T00:00:11Z"}))]), 2);
    // Their ids say that they are two.
    let id = |record: Value, id: &str| with(record, json!({"sharedEventID": id}));
    assert_eq!(count(&[id(own(1), "a"), id(copy(1), "b")]), 2);
}

#[test]
fn who_may_not_promote_says_nothing_of_the_share() {
    let read = policy(root(CONSUMER), json!("sagemaker:DescribeModelPackage"));
    let request = json!({"resourceShareArn": share_arn(1)});
    let promote = call(2, 2, OWNER, "ram", "PromoteResourceShareCreatedFromPolicy", request, Value::Null);
    let found =
        |code: &str| column(&[put_policy(1, 1, 1, &read), failed(promote.clone(), code)], "discoverable");
    assert_eq!(found("AccessDeniedException"), ["null"]);
    assert_eq!(found("OperationNotPermittedException"), ["false"]);
    let everything = policy(root(CONSUMER), json!("*"));
    let refused = failed(promote.clone(), "AccessDeniedException");
    assert_eq!(column(&[put_policy(1, 1, 1, &everything), refused], "discoverable"), ["false"]);
}

#[test]
fn what_is_promoted_was_made_by_a_policy() {
    let read = policy(root(CONSUMER), json!("sagemaker:DescribeModelPackage"));
    let request = json!({"resourceShareArn": share_arn(1)});
    let promote = call(3, 3, OWNER, "ram", "PromoteResourceShareCreatedFromPolicy", request, json!({}));
    let records = [put_policy(1, 1, 1, &read), put_policy(2, 2, 2, &read), promote];
    assert_eq!(column(&records, "made_by"), ["resource_policy"; 3]);
    let notes = column(&records, "note");
    assert!(notes[2].contains("a policy made it"), "{notes:?}");
    let report = analyze(&records);
    let of_rule = |row: &&Value| row["rule_id"] == "share-never-promoted";
    let statuses: Vec<String> =
        report.findings().iter().filter(of_rule).map(|row| text(row, "status").to_owned()).collect();
    assert_eq!(statuses, ["undecidable", "undecidable"]);
}

#[test]
fn odd_consumers_and_deny_statements_are_noted() {
    let principals = json!(["4444-5555-6666", "AROAEXAMPLEEXAMPLE123"]);
    let notes = column(
        &[create(1, 1, json!({"resourceArns": [pipeline(1)], "principals": principals}), json!({}))],
        "note",
    );
    assert!(notes[0].contains("neither an account") && notes[1].contains("unique id"), "{notes:?}");
    let of = |principal: &str| {
        let statement = |effect: &str, principal: Value, action: &str| json!({"Effect": effect, "Principal": principal, "Action": action, "Resource": "*"});
        let statements = [
            statement("Allow", json!({"AWS": principal}), "sagemaker:DescribeModelPackage"),
            statement("Deny", json!("*"), "sagemaker:DeleteModelPackageGroup"),
        ];
        put_policy(1, 1, 1, &json!({"Version": "2012-10-17", "Statement": statements}).to_string())
    };
    assert!(column(&[of(CONSUMER)], "note")[0].contains("Deny statements"));
    // Whoever is not somebody of another account looks for nothing.
    let never = |principal: &str| {
        let findings = analyze(&[of(principal)]).findings();
        findings.iter().any(|row| row["rule_id"] == "share-never-promoted")
    };
    assert!(never(CONSUMER));
    for principal in ["AROAEXAMPLEEXAMPLE123", "4444-5555-6666", OWNER] {
        assert!(!never(principal), "{principal}");
    }
}
