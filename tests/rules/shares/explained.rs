//! Which shares explain which calls: those that the owner made, that were in force, and that allow
//! them.

use serde_json::{Value, json};

use super::{
    CONSUMER, KEY, OTHER, OWNER, REGION, analyze, call, create, group, kms, pipeline, policy, put_policy,
    share_arn, text, with,
};

/// Caller, API, calls and number of shares of each use.
fn uses(records: &[Value]) -> Vec<String> {
    let row = |row: &Value| {
        let (account, api) = (text(row, "consumer_account_id"), text(row, "event_name"));
        format!("{account} {api} {} {}", row["event_count"], row["visible_share_count"])
    };
    analyze(records).share_use().iter().map(row).collect()
}

/// Rule and detail of the findings about uses.
fn told(records: &[Value]) -> Vec<String> {
    let rules =
        ["pipeline-run-by-others", "used-without-share", "share-changed-by-others", "share-used-after-end"];
    let found = analyze(records).findings();
    let about = found.iter().filter(|row| rules.contains(&text(row, "rule_id")));
    about.map(|row| format!("{}: {}", text(row, "rule_id"), text(row, "detail"))).collect()
}

fn used(n: usize, second: i64, account: &str, name: &str) -> Value {
    call(n, second, account, "sagemaker", name, json!({"pipelineName": pipeline(1)}), Value::Null)
}

fn answer(n: usize, second: i64, name: &str) -> Value {
    let invitation = json!({
        "resourceShareArn": share_arn(1), "senderAccountId": OWNER, "receiverAccountId": CONSUMER,
    });
    let response = json!({"resourceShareInvitation": invitation});
    call(n, second, CONSUMER, "ram", name, json!({"resourceShareInvitationArn": "i"}), response)
}

fn shared(principals: Value) -> Value {
    create(1, 1, json!({"resourceArns": [pipeline(1)], "principals": principals}), json!({}))
}

/// As [`shared`], with a permission.
fn with_permission(permission: &str) -> Value {
    let request =
        json!({"resourceArns": [pipeline(1)], "principals": [CONSUMER], "permissionArns": [permission]});
    create(1, 1, request, json!({}))
}

const EXECUTION: &str = "arn:aws:ram::aws:permission/AWSRAMPermissionSageMakerPipelineAllowExecution";

#[test]
fn a_share_that_was_declined_explains_nothing() {
    let look = used(3, 100, CONSUMER, "DescribePipeline");
    let records = |name: &str| [shared(json!([CONSUMER])), answer(2, 50, name), look.clone()];
    assert_eq!(uses(&records("AcceptResourceShareInvitation")), [format!("{CONSUMER} DescribePipeline 1 1")]);
    let rejected = records("RejectResourceShareInvitation");
    assert_eq!(uses(&rejected), [format!("{CONSUMER} DescribePipeline 1 0")]);
    let share = &analyze(&rejected).shares()[0];
    assert_eq!((text(share, "state"), &share["use_count"]), ("rejected", &json!(0)));
    let expired = with(
        answer(2, 50, "AcceptResourceShareInvitation"),
        json!({"errorCode": "ResourceShareInvitationExpiredException", "responseElements": null}),
    );
    let expired = [shared(json!([CONSUMER])), expired, look];
    assert_eq!(uses(&expired), [format!("{CONSUMER} DescribePipeline 1 0")]);
}

#[test]
fn a_permission_explains_what_it_allows() {
    let calls = [
        used(2, 100, CONSUMER, "DescribePipeline"),
        used(3, 101, CONSUMER, "StartPipelineExecution"),
        used(4, 102, CONSUMER, "UpdatePipeline"),
    ];
    let counts = |share: Value| uses(&[&[share][..], &calls].concat()).join(", ").replace(CONSUMER, "");
    assert_eq!(
        counts(shared(json!([CONSUMER]))),
        " DescribePipeline 1 1,  StartPipelineExecution 1 0,  UpdatePipeline 1 0"
    );
    assert_eq!(
        counts(with_permission(EXECUTION)),
        " DescribePipeline 1 1,  StartPipelineExecution 1 1,  UpdatePipeline 1 0"
    );
    // A customer's permission allows what its template does, if that is in the input.
    let own = format!("arn:aws:ram:{REGION}:{OWNER}:permission/own");
    assert_eq!(
        counts(with_permission(&own)),
        " DescribePipeline 1 1,  StartPipelineExecution 1 1,  UpdatePipeline 1 1"
    );
    let template = json!({"Effect": "Allow", "Action": ["sagemaker:Describe*"]}).to_string();
    let request = json!({"name": "own", "resourceType": "sagemaker:Pipeline", "policyTemplate": template});
    let made = call(9, 0, OWNER, "ram", "CreatePermission", request, json!({"permission": {"arn": own}}));
    let records = [&[made, with_permission(&own)][..], &calls].concat();
    assert_eq!(
        uses(&records).join(", ").replace(CONSUMER, ""),
        " DescribePipeline 1 1,  StartPipelineExecution 1 0,  UpdatePipeline 1 0"
    );
    let share = &analyze(&records).shares()[0];
    assert_eq!((&share["use_count"], &share["late_use_count"]), (&json!(1), &json!(0)));
}

#[test]
fn what_a_policy_allowed_at_the_time_counts() {
    let account = json!({"AWS": format!("arn:aws:iam::{CONSUMER}:root")});
    let put = |n, second, actions: Value| put_policy(n, second, 1, &policy(account.clone(), actions));
    let register = |n, second| {
        let request = json!({"modelPackageGroupName": group(1)});
        call(n, second, CONSUMER, "sagemaker", "CreateModelPackage", request, Value::Null)
    };
    let both = json!(["sagemaker:DescribeModelPackage", "sagemaker:create*"]);
    let records = [
        put(1, 10, both),
        register(2, 20),
        put(3, 1_000, json!("sagemaker:DescribeModelPackage")),
        register(4, 1_100),
        register(5, 5_000),
    ];
    let found = [format!("{CONSUMER} CreateModelPackage 2 1"), format!("{CONSUMER} CreateModelPackage 1 0")];
    assert_eq!(uses(&records), found);
}

#[test]
fn another_accounts_own_policy_explains_nothing() {
    let root = |account: &str| json!({"AWS": format!("arn:aws:iam::{account}:root")});
    let text_of = policy(root(OTHER), json!("sagemaker:*"));
    let request = json!({"modelPackageGroupName": group(1), "resourcePolicy": text_of});
    let taken = call(
        1,
        10,
        OTHER,
        "sagemaker",
        "PutModelPackageGroupPolicy",
        request,
        json!({"modelPackageGroupArn": group(1)}),
    );
    let request = json!({"modelPackageGroupName": group(1)});
    let look = call(2, 20, OTHER, "sagemaker", "DescribeModelPackageGroup", request, Value::Null);
    let found = uses(&[taken.clone(), look.clone()]);
    let expected =
        [format!("{OTHER} DescribeModelPackageGroup 1 0"), format!("{OTHER} PutModelPackageGroupPolicy 1 0")];
    assert_eq!(found, expected);
    let shares = analyze(std::slice::from_ref(&taken)).shares();
    assert!(text(&shares[0], "note").contains("does not own"), "{shares:#?}");
    let findings = told(&[taken, look]);
    assert!(findings[0].starts_with("share-changed-by-others: ") && findings.len() == 2, "{findings:#?}");
    // So does a share of RAM that another account made, or took itself into.
    let other_share = format!("arn:aws:ram:{REGION}:{OTHER}:resource-share/9");
    let made = json!({"resourceArns": [pipeline(1)], "principals": [OTHER]});
    let made = call(
        1,
        1,
        OTHER,
        "ram",
        "CreateResourceShare",
        made,
        json!({"resourceShare": {"resourceShareArn": other_share}}),
    );
    let joins = json!({"resourceShareArn": share_arn(1), "principals": [OTHER]});
    let joins = call(2, 2, OTHER, "ram", "AssociateResourceShare", joins, json!({}));
    let look = used(3, 20, OTHER, "DescribePipeline");
    for records in [vec![made, look.clone()], vec![shared(json!([CONSUMER])), joins, look]] {
        assert_eq!(uses(&records), [format!("{OTHER} DescribePipeline 1 0")]);
    }
}

#[test]
fn what_is_used_at_another_time_is_not_explained() {
    let gone = json!({"resourceShareArn": share_arn(1)});
    let gone = call(2, 100, OWNER, "ram", "DeleteResourceShare", gone, json!({"returnValue": true}));
    let records = [
        shared(json!([CONSUMER])),
        gone,
        used(3, 50, CONSUMER, "DescribePipeline"),
        used(4, 5_000, CONSUMER, "DescribePipeline"),
        used(5, 0, CONSUMER, "DescribePipeline"),
    ];
    let rows = analyze(&records).share_use();
    let row = |row: &Value| {
        format!("{} {} {}", row["event_count"], row["visible_share_count"], text(row, "share_arn"))
    };
    assert_eq!(
        rows.iter().map(row).collect::<Vec<_>>(),
        [format!("1 1 {}", share_arn(1)), "2 0 -".to_owned()]
    );
    // What came before it is without a share, what came after it is late.
    let rules: Vec<String> =
        told(&records).iter().map(|text| text.split(':').next().unwrap().to_owned()).collect();
    assert_eq!(rules, ["share-used-after-end", "used-without-share"]);
    // A share that comes again explains both times, and nothing between them.
    let principals = |n, second, name: &str| {
        let request = json!({"resourceShareArn": share_arn(1), "principals": [CONSUMER]});
        call(n, second, OWNER, "ram", name, request, json!({}))
    };
    let looks = [50, 5_000, 9_000].map(|second| used(second as usize, second, CONSUMER, "DescribePipeline"));
    let again = [
        shared(json!([CONSUMER])),
        principals(2, 100, "DisassociateResourceShare"),
        principals(3, 8_000, "AssociateResourceShare"),
    ];
    let records = [&again[..], &looks].concat();
    assert_eq!(
        uses(&records),
        [format!("{CONSUMER} DescribePipeline 2 1"), format!("{CONSUMER} DescribePipeline 1 0")]
    );
    let share = &analyze(&records).shares()[0];
    assert_eq!((&share["use_count"], &share["late_use_count"]), (&json!(2), &json!(1)));
    assert!(told(&records)[0].contains("ended, and was made again"), "{:?}", told(&records));
}

#[test]
fn findings_about_runs_say_who_is_covered() {
    let runs =
        [used(2, 100, CONSUMER, "StartPipelineExecution"), used(3, 101, OTHER, "StartPipelineExecution")];
    let detail = |share: Value| -> Vec<String> {
        let found = told(&[&[share][..], &runs].concat());
        let runs = found.iter().filter_map(|text| text.strip_prefix("pipeline-run-by-others: "));
        runs.map(|text| text.split("; ").nth(1).unwrap().to_owned()).collect()
    };
    let none = "no share of the input allows it.".to_owned();
    let with_consumer = format!("a share with {CONSUMER} may allow it.");
    assert_eq!(detail(with_permission(EXECUTION)), [with_consumer.clone(), none.clone()]);
    assert_eq!(detail(shared(json!([CONSUMER]))), [none.clone(), none.clone()]);
    // Names in ARNs differ in case.
    let arn = pipeline(1).replace("/p1", "/P1");
    let spelled = json!({"resourceArns": [arn], "principals": [CONSUMER], "permissionArns": [EXECUTION]});
    assert_eq!(detail(create(1, 1, spelled, json!({}))), [with_consumer.clone(), none.clone()]);
    // The id of an account may be a number.
    let number: u64 = CONSUMER.parse().unwrap();
    let numbered =
        json!({"resourceArns": [pipeline(1)], "principals": [number], "permissionArns": [EXECUTION]});
    let numbered = create(1, 1, numbered, json!({}));
    assert_eq!(text(&analyze(std::slice::from_ref(&numbered)).shares()[0], "consumer"), CONSUMER);
    assert_eq!(detail(numbered), [with_consumer, none]);
    let odd = json!({"resourceArns": [pipeline(1)], "principals": [{"id": 1}]});
    let note = analyze(&[create(1, 1, odd, json!({}))]).shares()[0]["note"].to_string();
    assert!(note.contains("not all parameters"), "{note}");
}

#[test]
fn whoever_deletes_what_is_anothers_is_told() {
    let deleted = used(2, 100, CONSUMER, "DeletePipeline");
    let found = told(&[shared(json!([CONSUMER])), deleted.clone()]);
    let expected = format!(
        "share-changed-by-others: Team of {CONSUMER} called DeletePipeline on pipeline/p1; no share of the input allows it."
    );
    assert_eq!(found, [expected]);
    // The owner may.
    let own = call(3, 100, OWNER, "sagemaker", "DeletePipeline", json!({"pipelineName": "p1"}), Value::Null);
    assert_eq!(told(&[shared(json!([CONSUMER])), own]), [""; 0]);
}

#[test]
fn all_actions_of_sagemaker_are_wide_and_can_be_promoted() {
    let account = json!({"AWS": format!("arn:aws:iam::{CONSUMER}:root")});
    let is_wide = |actions: &str| {
        let report = analyze(&[put_policy(1, 1, 1, &policy(account.clone(), json!(actions)))]);
        let wide = report.findings().iter().any(|row| row["rule_id"] == "share-policy-wide");
        (wide, report.shares()[0]["discoverable"].clone())
    };
    assert_eq!(is_wide("*"), (true, json!(false)));
    for actions in ["sagemaker:*", "SageMaker:**", "s*:*"] {
        assert_eq!(is_wide(actions), (true, Value::Null), "{actions}");
    }
    for actions in ["sagemaker:Describe*", "s3:*", "sagemaker:"] {
        assert_eq!(is_wide(actions), (false, Value::Null), "{actions}");
    }
}

/// A feature group of one account may have the key of another: that account is no stranger to it.
#[test]
fn the_owner_of_a_key_is_no_foreign_user_of_what_it_protects() {
    let storage = json!({"s3Uri": "s3://sagemaker-b/p", "kmsKeyId": KEY});
    let request = json!({"featureGroupName": "f", "offlineStoreConfig": {"s3StorageConfig": storage}});
    let made = call(1, 1, CONSUMER, "sagemaker", "CreateFeatureGroup", request, Value::Null);
    let store = format!("sagemaker-b/p/{CONSUMER}/sagemaker/{REGION}/offline-store/f-1749000000/data/a");
    let with_key =
        |n, name: &str| with(kms(n, 10, OWNER, name, "b"), json!({"requestParameters": {"keyId": KEY}}));
    let own = [with_key(2, "PutKeyPolicy"), with_key(3, "Decrypt"), with_key(4, "DescribeKey")];
    assert_eq!(uses(&[&[made.clone()][..], &own].concat()), [""; 0]);
    // That it reads the store is a use, which needs no share of the key.
    let read = kms(5, 10, OWNER, "Decrypt", &store);
    assert_eq!(uses(&[made, read]), [format!("{OWNER} Decrypt 1 null")]);
}
