//! Who called: every type of `userIdentity`.

use super::*;

fn who(rule: &'static str, identity: Value, expected: Value) -> Case {
    case(rule, json!({"userIdentity": identity}), expected)
}

pub fn every_type_of_identity() -> Vec<Case> {
    let role = "arn:aws:iam::111122223333:role/R";
    let with_path = "arn:aws:iam::111122223333:role/service-role/R";
    let issuer =
        |arn: &str| json!({"sessionIssuer": {"type": "Role", "arn": arn, "accountId": "111122223333"}});
    vec![
        who(
            "Root",
            json!({"type": "Root", "principalId": "111122223333", "arn": "arn:aws:iam::111122223333:root",
                "accountId": "111122223333", "accessKeyId": "AKIAEXAMPLE", "userName": "an-alias"}),
            json!({"principal": "arn:aws:iam::111122223333:root", "principal_type": "Root",
                "principal_account_id": "111122223333", "session_name": null, "access_key_id": "AKIAEXAMPLE"}),
        ),
        who(
            "IAMUser with MFA: a session without an issuer",
            json!({"type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": "arn:aws:iam::111122223333:user/team/Alice",
                "accountId": "111122223333", "userName": "Alice",
                "sessionContext": {"sessionIssuer": {}, "attributes": {"mfaAuthenticated": "true"}}}),
            json!({"principal": "arn:aws:iam::111122223333:user/team/Alice", "principal_type": "IAMUser",
                "session_name": null}),
        ),
        who(
            "AssumedRole: the issuer keeps the role's path",
            session(&json!({})),
            json!({"principal": with_path, "principal_type": "AssumedRole", "principal_account_id": "111122223333",
                "session_name": "s-1", "access_key_id": "ASIAEXAMPLE", "invoked_by": null}),
        ),
        who(
            "AssumedRole: an empty key is none",
            session(&json!({"accessKeyId": ""})),
            json!({"access_key_id": null}),
        ),
        who(
            "AssumedRole without issuer",
            session(&json!({"sessionContext": null})),
            json!({"principal": role}),
        ),
        who(
            "AssumedRole: an issuer that is a session's ARN, as a page of AWS's has it",
            session(&json!({"sessionContext": issuer("arn:aws:sts::111122223333:assumed-role/R")})),
            json!({"principal": role, "session_name": "s-1"}),
        ),
        who(
            "AssumedRole: such an issuer alone",
            session(
                &json!({"arn": "", "sessionContext": issuer("arn:aws:sts::111122223333:assumed-role/R")}),
            ),
            json!({"principal": role, "session_name": "s-1"}),
        ),
        who(
            "AssumedRole: an issuer that is no ARN",
            session(&json!({"sessionContext": issuer("AROAEXAMPLE")})),
            json!({"principal": role}),
        ),
        who(
            "AssumedRole in another partition",
            session(
                &json!({"arn": "arn:aws-cn:sts::111122223333:assumed-role/R/s-1", "sessionContext": null}),
            ),
            json!({"principal": "arn:aws-cn:iam::111122223333:role/R"}),
        ),
        who(
            "AssumedRole: the session in the principal's id",
            session(&json!({"arn": null, "principalId": "AROAEXAMPLE:from-id"})),
            json!({"principal": with_path, "session_name": "from-id"}),
        ),
        who(
            "AssumedRole: no session in the ARN",
            session(
                &json!({"arn": "arn:aws:sts::111122223333:assumed-role/R/", "principalId": "AROAEXAMPLE:from-id"}),
            ),
            json!({"session_name": "from-id"}),
        ),
        who(
            "the account of the issuer",
            session(&json!({"accountId": null, "sessionContext": {"sessionIssuer": {"arn": with_path,
                "accountId": "444455556666"}}})),
            json!({"principal": with_path, "principal_account_id": "444455556666"}),
        ),
        who(
            "the account of the ARN",
            session(&json!({"accountId": null, "sessionContext": null,
                "arn": "arn:aws:sts::444455556666:assumed-role/R/s-1"})),
            json!({"principal_account_id": "444455556666"}),
        ),
        who(
            "Role",
            json!({"type": "Role", "principalId": "AROAEXAMPLE", "arn": with_path, "accountId": "111122223333"}),
            json!({"principal": with_path, "principal_type": "Role"}),
        ),
        who(
            "FederatedUser, federated by a user",
            json!({"type": "FederatedUser", "principalId": "111122223333:Bob", "accountId": "111122223333",
                "arn": "arn:aws:sts::111122223333:federated-user/Bob",
                "sessionContext": {"sessionIssuer": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/Alice",
                    "accountId": "111122223333"}}}),
            json!({"principal": "arn:aws:sts::111122223333:federated-user/Bob", "principal_type": "FederatedUser",
                "session_name": "Bob"}),
        ),
        who(
            "AWSAccount with a session",
            json!({"type": "AWSAccount", "principalId": "AROAEXAMPLE:reader", "accountId": "444455556666"}),
            json!({"principal": "444455556666:AROAEXAMPLE", "principal_type": "AWSAccount",
                "principal_account_id": "444455556666", "session_name": "reader", "cross_account": true}),
        ),
        who(
            "AWSAccount that names no more than an account",
            json!({"type": "AWSAccount", "accountId": "444455556666"}),
            json!({"principal": "unknown", "principal_account_id": "444455556666"}),
        ),
        who(
            "AWSService: the service is the caller, and has no account",
            json!({"type": "AWSService", "invokedBy": "sagemaker-geospatial.us-west-2.amazonaws.com"}),
            json!({"principal": "sagemaker-geospatial.amazonaws.com", "principal_type": "AWSService",
                "principal_account_id": null, "invoked_by": "sagemaker-geospatial.amazonaws.com"}),
        ),
        who(
            "AWSService with a placeholder for its id",
            json!({"type": "AWSService", "principalId": "x", "accountId": "", "invokedBy": "dynamodb.amazonaws.com"}),
            json!({"principal": "dynamodb.amazonaws.com"}),
        ),
        who(
            "IdentityCenterUser",
            json!({"type": "IdentityCenterUser", "accountId": "111122223333", "credentialId": "c",
                "onBehalfOf": {"userId": "u", "identityStoreArn": "arn:aws:identitystore::111122223333:identitystore/d-1"}}),
            json!({"principal": "unknown", "principal_type": "IdentityCenterUser", "principal_account_id": "111122223333"}),
        ),
        who(
            "SAMLUser",
            json!({"type": "SAMLUser", "principalId": "hash:alice", "userName": "alice",
                "identityProvider": "arn:aws:iam::111122223333:saml-provider/P"}),
            json!({"principal": "unknown", "principal_type": "SAMLUser", "session_name": "alice"}),
        ),
        who(
            "WebIdentityUser",
            json!({"type": "WebIdentityUser", "principalId": "accounts.google.com:app:alice", "userName": "alice"}),
            json!({"principal": "unknown", "principal_type": "WebIdentityUser"}),
        ),
        who(
            "Directory",
            json!({"type": "Directory", "principalId": "d-1", "accountId": "111122223333"}),
            json!({"principal": "111122223333:d-1", "principal_type": "Directory"}),
        ),
        who(
            "Unknown",
            json!({"type": "Unknown"}),
            json!({"principal": "unknown", "principal_type": "Unknown"}),
        ),
        who(
            "no type: KMS itself",
            json!({"accountId": "111122223333", "invokedBy": "AWS Internal"}),
            json!({"principal": "AWS Internal", "principal_type": "unknown", "principal_account_id": "111122223333",
                "invoked_by": "AWS Internal"}),
        ),
        who(
            "an empty type is none",
            json!({"type": "", "accountId": "111122223333", "invokedBy": "AWS Internal", "principalId": "p"}),
            json!({"principal": "AWS Internal", "principal_type": "unknown"}),
        ),
        who(
            "an id goes before whoever called on behalf of it",
            json!({"type": "AWSAccount", "principalId": "AIDAEXAMPLE", "accountId": "444455556666",
                "invokedBy": "fas.s3.amazonaws.com"}),
            json!({"principal": "444455556666:AIDAEXAMPLE", "invoked_by": "s3.amazonaws.com"}),
        ),
        who(
            "the last resort but one",
            json!({"type": "Unknown", "invokedBy": "fas.s3.amazonaws.com"}),
            json!({"principal": "s3.amazonaws.com"}),
        ),
        who("no identity", json!(null), json!({"principal": "unknown", "principal_type": "unknown"})),
        who("an empty one", json!({}), json!({"principal": "unknown", "principal_type": "unknown"})),
        who(
            "whoever is named as invoking is no caller",
            session(&json!({"invokedBy": "arn:aws:iam::111122223333:root"})),
            json!({"principal": with_path, "invoked_by": "arn:aws:iam::111122223333:root"}),
        ),
        who(
            "a service with the caller's session",
            session(&json!({"invokedBy": "FAS.S3.us-west-2.amazonaws.com"})),
            json!({"principal": with_path, "invoked_by": "s3.amazonaws.com"}),
        ),
    ]
}

/// The account of a record, by which `--account` selects and coverage counts.
pub fn the_account_of_a_record() -> Vec<Case> {
    vec![
        case(
            "the recipient's",
            json!({"recipientAccountId": "444455556666"}),
            json!({"account": "444455556666"}),
        ),
        case("else the caller's", json!({"recipientAccountId": null}), json!({"account": "111122223333"})),
        case(
            "else nobody's",
            json!({"recipientAccountId": null, "userIdentity": {"type": "AWSService", "invokedBy": "s3.amazonaws.com"}}),
            json!({"account": null}),
        ),
    ]
}

pub fn calls_across_accounts() -> Vec<Case> {
    let service = |account: Value| {
        json!({"userIdentity": {"type": "AWSService", "invokedBy": "dynamodb.amazonaws.com",
            "inScopeOf": {"sourceArn": "arn:aws:dynamodb:us-west-2:1:table/T", "sourceAccount": account}}})
    };
    vec![
        case("key and caller of one account", json!({}), json!({"cross_account": false})),
        case(
            "key and caller of two accounts",
            json!({"userIdentity": session(&json!({"accountId": "444455556666"}))}),
            json!({"cross_account": true}),
        ),
        case("no key", json!({"resources": null}), json!({"cross_account": null})),
        case(
            "a caller whose account is not known",
            json!({"userIdentity": {"type": "WebIdentityUser", "principalId": "x:y", "userName": "y"}}),
            json!({"cross_account": null}),
        ),
        case(
            "a service for a resource of another account",
            service(json!("444455556666")),
            json!({"cross_account": true, "source_account_id": "444455556666", "principal_account_id": null}),
        ),
        case(
            "a service for a resource of the key's account",
            service(json!("111122223333")),
            json!({"cross_account": false, "source_account_id": "111122223333"}),
        ),
        case("a service that does not tell", service(json!(null)), json!({"cross_account": null})),
        case(
            "a service's own account says nothing",
            json!({"userIdentity": {"type": "AWSService", "accountId": "999999999999", "invokedBy": "s3.amazonaws.com"}}),
            json!({"cross_account": null}),
        ),
        case(
            "a role's own account counts, whatever it is in scope of",
            json!({"userIdentity": session(&json!({"inScopeOf": {"sourceAccount": "444455556666"}}))}),
            json!({"cross_account": false, "source_account_id": "444455556666"}),
        ),
    ]
}
