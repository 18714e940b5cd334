//! What a stranger would try.

use serde_json::{Value, json};
use testkit::{analyze_in, document};

use super::{
    CONSUMER, KEY, OTHER, OWNER, REGION, analyze, call, create, group, kms, pipeline, policy, put_policy,
    share_arn, text, uses, with,
};

fn associate(n: usize, second: i64, name: &str, principal: &str) -> Value {
    let request = json!({"resourceShareArn": share_arn(1), "principals": [principal]});
    call(n, second, OWNER, "ram", name, request, json!({}))
}

fn columns(records: &[Value], names: &[&str]) -> Vec<String> {
    let shares = analyze(records).shares();
    let row =
        |row: &Value| names.iter().map(|name| row[*name].to_string().replace('"', "")).collect::<Vec<_>>();
    shares.iter().map(|share| row(share).join(" ")).collect()
}

#[test]
fn the_order_within_a_second_ends_nothing_for_certain() {
    let made = create(1, 1, json!({"resourceArns": [pipeline(1)], "principals": [CONSUMER]}), json!({}));
    for ids in [(2, 3), (3, 2)] {
        let records = [
            made.clone(),
            associate(ids.0, 5, "AssociateResourceShare", CONSUMER),
            associate(ids.1, 5, "DisassociateResourceShare", CONSUMER),
        ];
        let found = columns(&records, &["state", "requested_time", "note"]);
        let expected = "requested 2025-06-04T00:00:01.000Z it was added and removed within one second: which came last is not \
                        known";
        assert_eq!(found, [expected], "{ids:?}");
    }
    let lets_in = |n, account: &str| {
        let account = json!({"AWS": format!("arn:aws:iam::{account}:root")});
        put_policy(n, 5, 1, &policy(account, json!("sagemaker:DescribeModelPackage")))
    };
    for ids in [(1, 2), (2, 1)] {
        let records = [lets_in(ids.0, CONSUMER), lets_in(ids.1, OTHER)];
        let found = columns(&records, &["consumer", "state", "note"]);
        let note = "policies were set within one second: which came last is not known";
        assert_eq!(found, [format!("{CONSUMER} requested {note}"), format!("{OTHER} requested {note}")]);
    }
}

#[test]
fn a_new_permission_takes_the_place_of_the_old() {
    let managed = |name: &str| format!("arn:aws:ram::aws:permission/{name}");
    let (old, new) = (
        managed("AWSRAMDefaultPermissionSageMakerPipeline"),
        managed("AWSRAMPermissionSageMakerPipelineAllowExecution"),
    );
    let own = format!("arn:aws:ram:{REGION}:{OWNER}:permission/own");
    let made = create(
        1,
        1,
        json!({"resourceArns": [pipeline(1)], "principals": [CONSUMER], "permissionArns": [old]}),
        json!({}),
    );
    let set = |n, name: &str| {
        let request = json!({"resourceShareArn": share_arn(1), "permissionArn": name, "replace": true});
        call(n, n as i64, OWNER, "ram", "AssociateResourceSharePermission", request, json!({}))
    };
    assert_eq!(columns(&[made.clone(), set(2, &new)], &["permission"]), std::slice::from_ref(&new));
    assert_eq!(
        columns(&[made.clone(), set(2, &new), set(3, &own)], &["permission"]),
        std::slice::from_ref(&own)
    );
    assert_eq!(columns(&[made, set(2, &own), set(3, &old)], &["permission"]), [old]);
    // With two kinds of resources, nothing says for which of them it is.
    let two = json!({"resourceArns": [pipeline(1), group(1)], "principals": [CONSUMER]});
    let records = [create(1, 1, two, json!({})), set(2, &new), set(3, &own)];
    assert_eq!(columns(&records, &["permission"]), ["null".to_owned(), new]);
}

#[test]
fn ten_thousand_principals_are_all_there_and_more_are_noted() {
    let share = |count: u64| {
        let names: Vec<String> = (0..count).map(|n| format!("{:012}", 500_000_000_000 + n)).collect();
        let records = [create(1, 1, json!({"resourceArns": [pipeline(1)], "principals": names}), json!({}))];
        let shares = analyze(&records).shares();
        (shares.len(), text(&shares[0], "note").to_owned())
    };
    assert_eq!(share(10_000), (10_000, "-".to_owned()));
    assert_eq!(share(10_001), (10_000, "not all parameters of a call are known".to_owned()));
}

#[test]
fn a_share_that_was_deleted_and_made_again_is_two_of_one_name() {
    let made = |n, second, share| {
        let request = json!({"name": "team", "resourceArns": [pipeline(1)], "principals": [CONSUMER]});
        let answer = json!({"resourceShareArn": share_arn(share), "name": "team"});
        call(n, second, OWNER, "ram", "CreateResourceShare", request, json!({"resourceShare": answer}))
    };
    let gone = json!({"resourceShareArn": share_arn(1)});
    let records = [
        made(1, 1, 1),
        call(2, 10, OWNER, "ram", "DeleteResourceShare", gone, json!({"returnValue": true})),
        made(3, 2_000, 2),
        call(
            4,
            3_000,
            CONSUMER,
            "sagemaker",
            "DescribePipeline",
            json!({"pipelineName": pipeline(1)}),
            json!({}),
        ),
    ];
    let found = columns(&records, &["share_name", "state", "use_count", "late_use_count"]);
    assert_eq!(found, ["team ended 0 1", "team effective 1 0"]);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("events.json"), document(&records)).unwrap();
    let findings = analyze_in(dir.path(), &["events.json"]).findings();
    assert!(findings.iter().all(|row| row["rule_id"] != "share-used-after-end"), "{findings:#?}");
}

#[test]
fn who_shares_with_himself_is_no_stranger() {
    let made = create(
        1,
        1,
        json!({"resourceArns": [pipeline(1)], "principals": [OWNER], "allowExternalPrincipals": false}),
        json!({}),
    );
    let mut month = kms(2, 2, OWNER, "Decrypt", "b/o");
    month["eventTime"] = json!("2025-07-20T00:00:00Z");
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("events.json"), document(&[made, month])).unwrap();
    let report = analyze_in(dir.path(), &["events.json"]);
    assert_eq!(report.shares()[0]["external"], false);
    let of_shares = |row: &&Value| text(row, "rule_id").starts_with("share-");
    assert_eq!(report.findings().iter().filter(of_shares).count(), 0);
}

#[test]
fn other_partitions_and_short_accounts_are_as_they_are() {
    let arn = "arn:aws-cn:sagemaker:cn-north-1:3333333333:pipeline/x";
    let made = with(
        create(1, 1, json!({"resourceArns": [arn], "principals": ["4444444444"]}), json!({})),
        json!({
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws-cn:iam::3333333333:user/U", "accountId": "3333333333"},
            "responseElements": {"resourceShare": {
                "resourceShareArn": "arn:aws-cn:ram:cn-north-1:3333333333:resource-share/1",
            }},
        }),
    );
    let found = columns(&[made], &["owner_account_id", "consumer", "resource_kind", "permission", "note"]);
    let permission = "AWSRAMDefaultPermissionSageMakerPipeline";
    let note = "the id of an account has not twelve digits";
    assert_eq!(found, [format!("3333333333 4444444444 pipeline {permission} {note}")]);
}

fn feature_group(n: usize, name: &str, key: &str) -> Value {
    let storage = json!({"s3Uri": "s3://sagemaker-b/p", "kmsKeyId": key});
    let request = json!({
        "featureGroupName": name, "roleArn": format!("arn:aws:iam::{OWNER}:role/Store"),
        "offlineStoreConfig": {"s3StorageConfig": storage},
    });
    // ARNs may be in lower case.
    let arn = format!("arn:aws:sagemaker:{REGION}:{OWNER}:feature-group/{}", name.to_lowercase());
    call(n, 10 + n as i64, OWNER, "sagemaker", "CreateFeatureGroup", request, json!({"featureGroupArn": arn}))
}

#[test]
fn stores_whose_names_begin_alike_are_two() {
    let object = |name: &str| {
        format!("sagemaker-b/p/{OWNER}/sagemaker/{REGION}/offline-store/{name}-1749000000/data/a.parquet")
    };
    let records = [
        feature_group(1, "Clicks", KEY),
        feature_group(2, "Clicks-daily", KEY),
        kms(3, 30, CONSUMER, "Decrypt", &object("Clicks-daily")),
        kms(4, 31, OTHER, "Decrypt", &object("Clicks")),
    ];
    let found: Vec<String> = analyze(&records)
        .share_use()
        .iter()
        .map(|row| {
            format!(
                "{} {}",
                text(row, "resource_arn").rsplit('/').next().unwrap(),
                text(row, "consumer_account_id")
            )
        })
        .collect();
    assert_eq!(found, [format!("clicks {OTHER}"), format!("clicks-daily {CONSUMER}")]);
}

#[test]
fn a_key_that_is_named_by_an_alias_is_the_one_that_it_pointed_to() {
    let alias = |n, second, key: &str| {
        let request = json!({"aliasName": "alias/store", "targetKeyId": key});
        call(
            n,
            second,
            OWNER,
            "kms",
            if n == 1 { "CreateAlias" } else { "UpdateAlias" },
            request,
            Value::Null,
        )
    };
    let other_key = KEY.replace("1234abcd", "9999abcd");
    let read = with(kms(4, 40, CONSUMER, "Decrypt", "sagemaker-b"), json!({"requestParameters": null}));
    let of_store = ["offline_store 444455556666 Decrypt read success 1 true"];
    let store = feature_group(2, "f", "alias/store");
    assert_eq!(uses(&[alias(1, 1, KEY), store.clone(), alias(3, 30, &other_key), read.clone()]), of_store);
    assert_eq!(uses(&[alias(1, 1, &other_key), store.clone(), alias(3, 30, KEY), read.clone()]), [""; 0]);
    assert_eq!(uses(&[store, read.clone()]), [""; 0], "nothing says which key it is");
    let arn = format!("arn:aws:kms:{REGION}:{OWNER}:alias/store");
    let register = |key: &str| {
        let request = json!({"modelPackageGroupName": "g1", "securityConfig": {"kmsKeyId": key}});
        call(2, 10, OWNER, "sagemaker", "CreateModelPackage", request, Value::Null)
    };
    for name in [&*arn, "alias/store"] {
        let records = [alias(1, 1, KEY), register(name), read.clone()];
        assert_eq!(uses(&records), ["model_package_group 444455556666 Decrypt read success 1 true"]);
    }
}
