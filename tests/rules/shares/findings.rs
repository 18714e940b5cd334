//! Each finding about shares needs what it says.

use serde_json::{Value, json};
use testkit::{analyze_in, document};

use super::{
    CONSUMER, KEY, OTHER, OWNER, call, create, failed, kms, pipeline, policy, put_policy, share_arn, text,
};

/// The open findings about shares of some records, with these options: rule and status.
fn findings(records: &[Value], args: &[&str]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("events.json"), document(records)).unwrap();
    std::fs::write(dir.path().join("trusted"), format!("{CONSUMER} # a partner\n\n")).unwrap();
    let report = analyze_in(dir.path(), &[&["events.json"], args].concat());
    let rows = report.findings();
    let about = |row: &&Value| {
        let rule = text(row, "rule_id");
        let names = ["share-", "pipeline-", "used-without", "offline-store-misfit", "permission-"];
        names.iter().any(|name| rule.starts_with(name))
    };
    rows.iter().filter(about).map(|row| format!("{} {}", text(row, "rule_id"), text(row, "status"))).collect()
}

#[test]
fn each_finding_about_shares_needs_what_it_says() {
    let day = 86_400;
    // Days later: times of `call` are those of one day.
    let later = |mut record: Value, days: i64| {
        record["eventTime"] = json!(format!("2025-07-{days:02}T00:00:00Z"));
        record
    };
    let inside = |n, request: Value| {
        let mut request = request;
        request["allowExternalPrincipals"] = json!(false);
        create(n, n as i64, request, json!({}))
    };
    let shared = inside(1, json!({"resourceArns": [pipeline(1)], "principals": [CONSUMER]}));
    let look = |n, second, account: &str| {
        let request = json!({"pipelineName": pipeline(1)});
        call(n, second, account, "sagemaker", "DescribePipeline", request, Value::Null)
    };
    let clean = [shared.clone(), look(2, 60, CONSUMER)];
    assert_eq!(findings(&clean, &[]), [""; 0]);
    assert_eq!(findings(&clean, &["--trusted-accounts", "trusted"]), [""; 0]);
    let other = inside(1, json!({"resourceArns": [pipeline(1)], "principals": [OTHER]}));
    assert_eq!(
        findings(&[other, look(2, 60, OTHER)], &["--trusted-accounts", "trusted"]),
        ["share-untrusted open"]
    );
    let organization = "arn:aws:organizations::111122223333:organization/o-abc";
    let of_organization = inside(1, json!({"resourceArns": [pipeline(1)], "principals": [organization]}));
    let of_organization = [of_organization, look(2, 60, OTHER)];
    assert_eq!(findings(&of_organization, &["--organization", "o-abc"]), [""; 0]);
    assert_eq!(findings(&of_organization, &["--organization", "o-xyz"]), ["share-untrusted open"]);

    let by_default =
        create(1, 1, json!({"resourceArns": [pipeline(1)], "principals": [CONSUMER]}), json!({}));
    assert_eq!(findings(&[by_default, look(2, 60, CONSUMER)], &[]), ["share-external-by-default open"]);

    let runs = |n, second| {
        let request = json!({"pipelineName": pipeline(1)});
        call(n, second, CONSUMER, "sagemaker", "StartPipelineExecution", request, json!({}))
    };
    let allowing = "arn:aws:ram::aws:permission/AWSRAMPermissionSageMakerPipelineAllowExecution";
    let allowing = inside(
        1,
        json!({"resourceArns": [pipeline(1)], "principals": [CONSUMER], "permissionArns": [allowing]}),
    );
    assert_eq!(findings(&[allowing, runs(3, 70)], &[]), ["pipeline-run-by-others open"]);
    // The default permission only reads.
    assert_eq!(
        findings(&[shared.clone(), runs(3, 70)], &[]),
        ["pipeline-run-by-others open", "used-without-share open"]
    );

    assert_eq!(findings(&[look(2, 60, CONSUMER)], &[]), ["used-without-share open"]);

    let ended = call(
        4,
        100,
        OWNER,
        "ram",
        "DeleteResourceShare",
        json!({"resourceShareArn": share_arn(1)}),
        json!({}),
    );
    assert_eq!(findings(&[shared.clone(), ended.clone(), look(2, 700, CONSUMER)], &[]), [""; 0]);
    assert_eq!(
        findings(&[shared.clone(), ended, look(2, 1_100, CONSUMER)], &[]),
        ["share-used-after-end open"]
    );

    // A record of KMS of the owner a month later: until then, nobody used it.
    let month = later(kms(9, day - 1, OWNER, "Decrypt", "b/o"), 10);
    assert_eq!(findings(&[shared.clone(), month.clone()], &[]), ["share-never-used undecidable"]);
    assert_eq!(findings(&[shared, look(2, 60, CONSUMER), month], &[]), [""; 0]);

    let account = json!({"AWS": format!("arn:aws:iam::{CONSUMER}:root")});
    let read = json!("sagemaker:DescribeModelPackage");
    let narrow = put_policy(1, 1, 1, &policy(account.clone(), read.clone()));
    assert_eq!(findings(std::slice::from_ref(&narrow), &[]), ["share-never-promoted open"]);
    let wide = put_policy(1, 1, 1, &policy(account, json!("*")));
    assert_eq!(findings(&[wide], &[]), ["share-policy-wide open", "share-never-promoted open"]);
    let promotion = call(
        2,
        2,
        OWNER,
        "ram",
        "PromoteResourceShareCreatedFromPolicy",
        json!({"resourceShareArn": share_arn(1)}),
        Value::Null,
    );
    assert_eq!(findings(&[narrow.clone(), promotion.clone()], &[]), [""; 0]);
    assert_eq!(
        findings(&[narrow, failed(promotion, "OperationNotPermittedException")], &[]),
        ["share-promotion-failed open", "share-not-discoverable open"]
    );

    let version = call(
        1,
        1,
        OWNER,
        "ram",
        "SetDefaultPermissionVersion",
        json!({"permissionArn": "arn:aws:ram:eu-central-1:111122223333:permission/p", "permissionVersion": 2}),
        json!({}),
    );
    assert_eq!(findings(&[version], &[]), ["permission-changed-for-all open"]);

    let store = |role: &str, key: &str| {
        let storage = json!({"s3Uri": "s3://sagemaker-b/p", "kmsKeyId": key});
        let role = format!("arn:aws:iam::{role}:role/R");
        call(
            1,
            1,
            OWNER,
            "sagemaker",
            "CreateFeatureGroup",
            json!({
                "featureGroupName": "f", "roleArn": role, "offlineStoreConfig": {"s3StorageConfig": storage},
            }),
            json!({}),
        )
    };
    assert_eq!(findings(&[store(OWNER, KEY)], &[]), [""; 0]);
    assert_eq!(findings(&[store(CONSUMER, KEY)], &[]), ["offline-store-misfit open"]);
    let refused = failed(kms(2, 2, CONSUMER, "Decrypt", "sagemaker-b"), "AccessDeniedException");
    assert_eq!(findings(&[store(OWNER, KEY), refused], &[]), ["share-refused-by-kms open"]);

    let invited = call(
        2,
        2,
        OWNER,
        "ram",
        "AssociateResourceShare",
        json!({"resourceShareArn": share_arn(1), "resourceArns": ["arn:aws:ec2:eu-central-1:1:subnet/s"], "principals": [CONSUMER]}),
        json!({"resourceShareAssociations": [{"associatedEntity": CONSUMER, "associationType": "PRINCIPAL", "external": true}]}),
    );
    let week = later(kms(9, 9, OWNER, "Decrypt", "b/o"), 10);
    assert_eq!(
        findings(&[invited, week], &["--trusted-accounts", "trusted"]),
        ["share-invitation-open open"]
    );
}
