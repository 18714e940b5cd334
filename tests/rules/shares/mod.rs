//! What is shared between accounts, and who used it.

// Which shares explain which calls.
mod explained;
// Each finding, where it is and where it is not.
mod findings;
// What a stranger would try.
mod hostile;
// Which policy made what is promoted.
mod promotion;
// What failed, what ends a share, and what only seems to.
mod refused;
// Small worlds against a naive reading.
mod worlds;

use serde_json::{Value, json};
use testkit::{Report, analyze_in, document};

const OWNER: &str = "111122223333";
const CONSUMER: &str = "444455556666";
const OTHER: &str = "777788889999";
const REGION: &str = "eu-central-1";

/// A call of a role in an account, `second` seconds after midnight.
fn call(
    n: usize,
    second: i64,
    account: &str,
    source: &str,
    name: &str,
    request: Value,
    response: Value,
) -> Value {
    json!({
        "eventVersion": "1.09",
        "userIdentity": {
            "type": "AssumedRole", "principalId": format!("AROAEXAMPLE{account}:s"),
            "arn": format!("arn:aws:sts::{account}:assumed-role/Team/s"), "accountId": account,
            "sessionContext": {"sessionIssuer": {
                "type": "Role", "arn": format!("arn:aws:iam::{account}:role/Team"), "accountId": account,
            }},
        },
        "eventTime": format!("2025-06-04T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60),
        "eventSource": format!("{source}.amazonaws.com"), "eventName": name, "awsRegion": REGION,
        "sourceIPAddress": "192.0.2.1",
        "requestParameters": request, "responseElements": response,
        "requestID": format!("r{n}"), "eventID": format!("e{n}"), "eventType": "AwsApiCall",
        "recipientAccountId": account,
    })
}

fn with(mut record: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        record[name] = value.clone();
    }
    record
}

fn failed(record: Value, code: &str) -> Value {
    with(record, json!({"errorCode": code, "responseElements": null}))
}

fn share_arn(n: usize) -> String {
    format!("arn:aws:ram:{REGION}:{OWNER}:resource-share/0000000{n}")
}

fn pipeline(n: usize) -> String {
    format!("arn:aws:sagemaker:{REGION}:{OWNER}:pipeline/p{n}")
}

fn group(n: usize) -> String {
    format!("arn:aws:sagemaker:{REGION}:{OWNER}:model-package-group/g{n}")
}

fn analyze(records: &[Value]) -> Report {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("events.json"), document(records)).unwrap();
    analyze_in(dir.path(), &["events.json"])
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or("-")
}

fn create(n: usize, second: i64, request: Value, answer: Value) -> Value {
    let mut share = json!({"resourceShareArn": share_arn(n), "owningAccountId": OWNER});
    for (name, value) in answer.as_object().unwrap() {
        share[name] = value.clone();
    }
    call(n, second, OWNER, "ram", "CreateResourceShare", request, json!({"resourceShare": share}))
}

fn policy(principal: Value, actions: Value) -> String {
    json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "S", "Effect": "Allow", "Principal": principal, "Action": actions, "Resource": "*",
    }]})
    .to_string()
}

fn put_policy(n: usize, second: i64, group: usize, text: &str) -> Value {
    call(
        n,
        second,
        OWNER,
        "sagemaker",
        "PutModelPackageGroupPolicy",
        json!({"ModelPackageGroupName": format!("g{group}"), "resourcePolicy": text}),
        json!({"modelPackageGroupArn": self::group(group)}),
    )
}

#[test]
fn permissions_are_those_of_the_kind_or_the_default_ones() {
    let managed = |name: &str| format!("arn:aws:ram::aws:permission/{name}");
    let both = json!([pipeline(1), group(1)]);
    let execution = managed("AWSRAMPermissionSageMakerPipelineAllowExecution");
    let records = [
        create(
            1,
            1,
            json!({"resourceArns": both, "principals": [CONSUMER], "permissionArns": [execution]}),
            json!({}),
        ),
        create(2, 2, json!({"resourceArns": [group(2)], "principals": [CONSUMER]}), json!({})),
    ];
    let report = analyze(&records);
    let rows: Vec<_> = report
        .shares()
        .iter()
        .map(|row| (text(row, "resource_arn").to_owned(), text(row, "permission").to_owned()))
        .collect();
    let default = "AWSRAMDefaultPermissionSageMakerModelPackageGroup".to_owned();
    assert_eq!(rows, [(group(1), default.clone()), (group(2), default), (pipeline(1), execution)]);
    assert!(report.shares().iter().all(|row| row["allows_external"] == true));
}

#[test]
fn a_policy_shares_and_its_promotion_decides_what_can_be_found() {
    let arn = format!("arn:aws:iam::{CONSUMER}:role/Role-1");
    let permission = format!("arn:aws:ram:{REGION}:{OWNER}:permission/p");
    let promote =
        |n, second, name: &str, request: Value| call(n, second, OWNER, "ram", name, request, json!({}));
    let read = json!(["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"]);
    let account = json!({"AWS": format!("arn:aws:iam::{CONSUMER}:root")});
    let promoted = [
        put_policy(1, 1, 1, &policy(account.clone(), read.clone())),
        promote(
            2,
            2,
            "PromotePermissionCreatedFromPolicy",
            json!({"permissionArn": permission, "name": "p"}),
        ),
        promote(3, 3, "PromoteResourceShareCreatedFromPolicy", json!({"resourceShareArn": share_arn(1)})),
        call(
            4,
            4,
            CONSUMER,
            "ram",
            "AcceptResourceShareInvitation",
            json!({}),
            json!({"resourceShareInvitation": {
                "resourceShareArn": share_arn(1), "senderAccountId": OWNER, "receiverAccountId": CONSUMER,
            }}),
        ),
    ];
    let state = |records: &[Value]| -> Vec<String> {
        let columns = ["state", "consumer_kind", "promotion", "discoverable", "accessible", "share_arn"];
        let row = |row: &Value| columns.map(|name| row[name].to_string().replace('"', "")).join(" ");
        analyze(records).shares().iter().map(row).collect()
    };
    assert_eq!(state(&promoted[..1]), ["requested account null null null null"]);
    assert_eq!(state(&promoted[..2]), ["requested account permission_only false null null"]);
    assert_eq!(state(&promoted[..3]), [format!("requested account done null null {}", share_arn(1))]);
    assert_eq!(state(&promoted), [format!("accepted account done true null {}", share_arn(1))]);
    // A role, and every action: AWS RAM refuses to promote them, and says why only by the code.
    let of_role = put_policy(1, 1, 1, &policy(json!({"AWS": arn}), read));
    let refused = failed(promoted[1].clone(), "OperationNotPermittedException");
    assert_eq!(state(std::slice::from_ref(&of_role)), ["requested role null false null null"]);
    assert_eq!(state(&[of_role.clone(), refused]), ["requested role failed false true null"]);
    let everything = put_policy(9, 9, 1, &policy(json!("*"), json!("*")));
    assert_eq!(
        state(&[of_role, everything]),
        ["requested everyone null false null null", "ended role null false false null"]
    );
    let broken = put_policy(1, 1, 1, "{\"Version\": ");
    assert_eq!(state(&[broken]), ["requested unknown null null null null"]);
}

#[test]
fn invitations_are_answered_where_they_are_received() {
    let answer = |name: &str| {
        call(
            7,
            70,
            CONSUMER,
            "ram",
            name,
            json!({"resourceShareInvitationArn": "i"}),
            json!({"resourceShareInvitation": {
                "resourceShareArn": share_arn(1), "senderAccountId": OWNER, "receiverAccountId": CONSUMER,
            }}),
        )
    };
    let created = create(1, 1, json!({"resourceArns": [pipeline(1)], "principals": []}), json!({}));
    let invited = call(
        2,
        2,
        OWNER,
        "ram",
        "AssociateResourceShare",
        json!({"resourceShareArn": share_arn(1), "principals": [CONSUMER]}),
        json!({"resourceShareAssociations": [{
            "resourceShareArn": share_arn(1), "associatedEntity": CONSUMER, "associationType": "PRINCIPAL", "external": true,
        }]}),
    );
    let state = |records: &[Value]| {
        let shares = analyze(records).shares();
        assert_eq!(shares.len(), 1);
        text(&shares[0], "state").to_owned()
    };
    let expired = failed(answer("AcceptResourceShareInvitation"), "ResourceShareInvitationExpiredException");
    let both = [created, invited];
    let and = |record: Value| [&both[..], &[record]].concat();
    assert_eq!(state(&both), "invited");
    assert_eq!(state(&and(answer("AcceptResourceShareInvitation"))), "accepted");
    assert_eq!(state(&and(answer("RejectResourceShareInvitation"))), "rejected");
    assert_eq!(state(&and(expired.clone())), "expired");
    // The consumer's side alone.
    assert_eq!(state(&[answer("AcceptResourceShareInvitation")]), "accepted");
    assert_eq!(state(&[expired]), "expired");
}

#[test]
fn calls_of_other_services_and_own_resources_are_no_use() {
    let own = call(
        1,
        1,
        OWNER,
        "sagemaker",
        "StartPipelineExecution",
        json!({"pipelineName": pipeline(1)}),
        json!({}),
    );
    let execution = format!("{}/execution/abc", pipeline(1));
    let bare = json!({"pipelineName": "p1"});
    let records = [
        own,
        // CodePipeline has the same names.
        call(
            2,
            2,
            CONSUMER,
            "codepipeline",
            "StartPipelineExecution",
            json!({"name": pipeline(1)}),
            json!({}),
        ),
        call(3, 3, CONSUMER, "sagemaker", "StartPipelineExecution", bare, json!({})),
        call(
            4,
            4,
            CONSUMER,
            "sagemaker",
            "StopPipelineExecution",
            json!({"PipelineExecutionArn": execution}),
            json!({}),
        ),
        // AWS's own pipelines, and another partition.
        call(
            5,
            5,
            CONSUMER,
            "sagemaker",
            "DescribePipeline",
            json!({"pipelineName": "arn:aws:sagemaker:eu-central-1:aws:pipeline/x"}),
            Value::Null,
        ),
        call(
            6,
            6,
            CONSUMER,
            "sagemaker",
            "DescribePipeline",
            json!({"pipelineName": "arn:aws-cn:sagemaker:cn-north-1:3333333333:pipeline/x"}),
            Value::Null,
        ),
        with(
            call(7, 7, CONSUMER, "sagemaker", "DescribePipeline", Value::Null, Value::Null),
            json!({
                "errorCode": "AccessDeniedException",
                "errorMessage": format!("User: u is not authorized to perform: sagemaker:DescribePipeline on resource: {} because no", pipeline(2)),
            }),
        ),
        call(
            8,
            8,
            CONSUMER,
            "sagemaker",
            "ListModelPackageGroups",
            json!({"crossAccountFilterOption": "CrossAccount"}),
            Value::Null,
        ),
    ];
    let uses: Vec<String> = analyze(&records)
        .share_use()
        .iter()
        .map(|row| {
            ["resource_arn", "owner_account_id", "event_name", "use_kind", "outcome"]
                .map(|n| text(row, n))
                .join(" ")
        })
        .collect();
    assert_eq!(
        uses,
        [
            "arn:aws-cn:sagemaker:cn-north-1:3333333333:pipeline/x 3333333333 DescribePipeline look success"
                .to_owned(),
            format!(
                "arn:aws:sagemaker:{REGION}:*:model-package-group/* * ListModelPackageGroups look success"
            ),
            format!("{} {OWNER} StopPipelineExecution run success", pipeline(1)),
            format!("{} {OWNER} DescribePipeline look denied", pipeline(2)),
        ]
    );
}

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// A KMS call of an account with [`KEY`] for an object.
fn kms(n: usize, second: i64, account: &str, name: &str, object: &str) -> Value {
    let request = json!({"encryptionContext": {"aws:s3:arn": format!("arn:aws:s3:::{object}")}});
    let resources = json!([{"ARN": KEY, "accountId": OWNER, "type": "AWS::KMS::Key"}]);
    with(call(n, second, account, "kms", name, request, Value::Null), json!({"resources": resources}))
}

fn uses(records: &[Value]) -> Vec<String> {
    let columns = ["resource_kind", "consumer_account_id", "event_name", "use_kind", "outcome"];
    let row = |row: &Value| {
        let texts = columns.map(|name| text(row, name)).join(" ");
        format!("{texts} {} {}", row["event_count"], row["key_arn"] == KEY)
    };
    analyze(records).share_use().iter().map(row).collect()
}

#[test]
fn readers_and_writers_of_an_offline_store_are_told_apart() {
    let created = call(
        1,
        1,
        OWNER,
        "sagemaker",
        "CreateFeatureGroup",
        json!({"featureGroupName": "Fg", "roleArn": format!("arn:aws:iam::{OWNER}:role/Store"), "offlineStoreConfig": {
            "s3StorageConfig": {"s3Uri": "s3://sagemaker-b/project", "kmsKeyId": KEY},
        }}),
        json!({"featureGroupArn": format!("arn:aws:sagemaker:{REGION}:{OWNER}:feature-group/Fg")}),
    );
    let store = format!("sagemaker-b/project/{OWNER}/sagemaker/{REGION}/offline-store/Fg-1749000000");
    let object = format!("{store}/data/a.parquet");
    let copy = json!({"sharedEventID": "s4"});
    let read = with(kms(4, 4, CONSUMER, "Decrypt", &object), copy.clone());
    let of_owner = json!({
        "recipientAccountId": OWNER, "eventID": "copy", "sharedEventID": "s4",
        "userIdentity": {"type": "AWSAccount", "principalId": "AROAX:s", "accountId": CONSUMER},
    });
    let records = [
        created,
        kms(2, 2, OWNER, "GenerateDataKey", &object),
        kms(3, 3, OWNER, "GenerateDataKey", &object),
        with(read.clone(), of_owner),
        read,
        kms(5, 5, CONSUMER, "Decrypt", "sagemaker-b"),
        failed(kms(6, 6, OTHER, "Decrypt", &object), "AccessDenied"),
        // The key protects other things, too.
        kms(7, 7, OWNER, "GenerateDataKey", "sagemaker-b/project/else.csv"),
        kms(8, 8, CONSUMER, "Decrypt", "other-bucket/a"),
    ];
    assert_eq!(
        uses(&records),
        [
            "offline_store 111122223333 GenerateDataKey write success 2 true",
            "offline_store 444455556666 Decrypt read success 2 true",
            "offline_store 777788889999 Decrypt read denied 1 true",
        ]
    );
}

#[test]
fn artifact_keys_and_keys_that_let_others_in_are_followed() {
    let register = call(
        1,
        1,
        OWNER,
        "sagemaker",
        "CreateModelPackage",
        json!({"modelPackageGroupName": "g1", "securityConfig": {"kmsKeyId": KEY}}),
        Value::Null,
    );
    let read = kms(2, 2, CONSUMER, "Decrypt", "artifacts/model.tar.gz");
    let own = kms(3, 3, OWNER, "Decrypt", "artifacts/model.tar.gz");
    assert_eq!(
        uses(&[register, read.clone(), own.clone()]),
        ["model_package_group 444455556666 Decrypt read success 1 true"]
    );
    let lets_in = policy(json!({"AWS": format!("arn:aws:iam::{CONSUMER}:root")}), json!("kms:Decrypt"));
    let request = json!({"keyId": KEY, "policyName": "default", "policy": lets_in});
    let resources = json!([{"ARN": KEY, "accountId": OWNER}]);
    let put =
        with(call(4, 1, OWNER, "kms", "PutKeyPolicy", request, Value::Null), json!({"resources": resources}));
    let records = [put, read, own];
    assert_eq!(uses(&records), ["key 444455556666 Decrypt read success 1 true"]);
    let shares = analyze(&records).shares();
    let columns =
        ["resource_arn", "made_by", "consumer", "actions", "state"].map(|name| text(&shares[0], name));
    assert_eq!((shares.len(), columns), (1, [KEY, "key_policy", CONSUMER, "kms:Decrypt", "effective"]));
}

#[test]
fn rows_are_bounded_whatever_a_call_lists() {
    let many = |start: u64| -> Vec<String> { (start..start + 1_000).map(|n| format!("{n:012}")).collect() };
    let arns: Vec<String> = (0..1_000).map(pipeline).collect();
    let records = [create(1, 1, json!({"resourceArns": arns, "principals": many(100)}), json!({}))];
    let report = analyze(&records);
    let file = std::fs::File::open(report.path().join("shares.parquet")).unwrap();
    let rows = parquet::file::metadata::ParquetMetaDataReader::new().parse_and_finish(&file).unwrap();
    assert_eq!(rows.file_metadata().num_rows(), 100_000);
}
