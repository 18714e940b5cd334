//! Which policy made what is promoted: told where the calls leave one only.

use serde_json::{Value, json};

use super::{
    CONSUMER, OTHER, OWNER, REGION, analyze, call, failed, group, policy, put_policy, share_arn, text,
};

fn ram(n: usize, second: i64, name: &str, request: Value) -> Value {
    call(n, second, OWNER, "ram", name, request, json!({}))
}

fn promote_permission(n: usize, second: i64) -> Value {
    let permission = format!("arn:aws:ram:{REGION}:{OWNER}:permission/p");
    ram(n, second, "PromotePermissionCreatedFromPolicy", json!({"permissionArn": permission, "name": "p"}))
}

fn promote_share(n: usize, second: i64) -> Value {
    ram(n, second, "PromoteResourceShareCreatedFromPolicy", json!({"resourceShareArn": share_arn(1)}))
}

fn put(n: usize, second: i64, group: usize, account: &str) -> Value {
    let account = json!({"AWS": format!("arn:aws:iam::{account}:root")});
    put_policy(n, second, group, &policy(account, json!("sagemaker:DescribeModelPackage")))
}

/// Group, promotion, share and note of each row that a policy made.
fn promotions(records: &[Value]) -> Vec<String> {
    let shares = analyze(records).shares();
    let of_policy = shares.iter().filter(|row| row["resource_kind"] == "model_package_group");
    of_policy
        .map(|row| {
            let group = text(row, "resource_arn").rsplit('/').next().unwrap().to_owned();
            let share = if row["share_arn"].is_null() { "-" } else { "share" };
            let note = text(row, "note").split(' ').take(2).collect::<Vec<_>>().join(" ");
            format!("{group} {} {share} {note}", text(row, "promotion"))
        })
        .collect()
}

#[test]
fn a_promotion_is_of_the_policy_that_was_in_force() {
    let (first, second) = (put(1, 1, 1, CONSUMER), put(2, 20, 2, CONSUMER));
    // Before the second policy was set, it can only be of the first.
    let early = [first.clone(), promote_permission(3, 5), promote_share(4, 6), second.clone()];
    assert_eq!(promotions(&early), ["g1 done share the only", "g2 - - -"]);
    // Later, it can be of both.
    let late = [first.clone(), second.clone(), promote_permission(3, 25), promote_share(4, 26)];
    assert_eq!(promotions(&late), ["g1 - - several policies", "g2 - - several policies"]);
    let deleted = call(
        5,
        22,
        OWNER,
        "sagemaker",
        "DeleteModelPackageGroupPolicy",
        json!({"modelPackageGroupName": "g1"}),
        json!({}),
    );
    let after_end = [&late[..], &[deleted]].concat();
    assert_eq!(promotions(&after_end), ["g1 - - -", "g2 done share the only"]);
}

#[test]
fn a_policy_that_cannot_be_promoted_was_not() {
    let role = json!({"AWS": format!("arn:aws:iam::{CONSUMER}:role/R")});
    let of_role = put_policy(1, 1, 1, &policy(role, json!("sagemaker:DescribeModelPackage")));
    let records = [of_role, put(2, 2, 2, CONSUMER), promote_permission(3, 5), promote_share(4, 6)];
    assert_eq!(promotions(&records), ["g1 - - -", "g2 done share the only"]);
    // Why a promotion failed does not say which one it was.
    let refused = failed(promote_share(4, 6), "OperationNotPermittedException");
    let records = [&records[..3], &[refused]].concat();
    assert_eq!(promotions(&records), ["g1 - - several policies", "g2 permission_only - several policies"]);
}

#[test]
fn the_resource_and_the_consumer_of_a_share_say_which_policy_made_it() {
    let policies = [put(1, 1, 1, CONSUMER), put(2, 2, 2, OTHER)];
    let named = ram(
        3,
        3,
        "AssociateResourceShare",
        json!({"resourceShareArn": share_arn(1), "resourceArns": [group(2)]}),
    );
    let records = [&policies[..], &[named, promote_share(4, 6)]].concat();
    assert_eq!(promotions(&records), ["g1 - - -", "g2 done share -"]);
    let accepted = call(
        5,
        9,
        CONSUMER,
        "ram",
        "AcceptResourceShareInvitation",
        json!({"resourceShareInvitationArn": "i"}),
        json!({"resourceShareInvitation": {
            "resourceShareArn": share_arn(1), "senderAccountId": OWNER, "receiverAccountId": CONSUMER,
        }}),
    );
    let records = [&policies[..], &[promote_share(4, 6), accepted]].concat();
    assert_eq!(promotions(&records), ["g1 done share the only", "g2 - - -"]);
}

#[test]
fn the_permission_of_a_share_goes_with_it_and_a_later_policy_is_noted() {
    let permission = format!("arn:aws:ram:{REGION}:{OWNER}:permission/p");
    let has = ram(
        5,
        4,
        "AssociateResourceSharePermission",
        json!({"resourceShareArn": share_arn(1), "permissionArn": permission}),
    );
    let named = ram(
        3,
        3,
        "AssociateResourceShare",
        json!({"resourceShareArn": share_arn(1), "resourceArns": [group(2)]}),
    );
    let refused = failed(promote_share(4, 6), "OperationNotPermittedException");
    let policies = [put(1, 1, 1, CONSUMER), put(2, 2, 2, CONSUMER)];
    let records = [&policies[..], &[named, has, promote_permission(6, 5), refused]].concat();
    assert_eq!(promotions(&records), ["g1 - - -", "g2 failed share -"]);
    let changed = [put(1, 1, 1, CONSUMER), promote_share(4, 6), put(2, 9, 1, CONSUMER)];
    assert_eq!(promotions(&changed), ["g1 done share the only"]);
    let note = analyze(&changed).shares()[0]["note"].to_string();
    assert!(note.contains("changed after the promotion"), "{note}");
}
