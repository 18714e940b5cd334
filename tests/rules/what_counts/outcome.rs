//! How a call ended, and who refused it.

use super::*;

pub fn classes_of_errors() -> Vec<Case> {
    let error = |code: &str, expected: Value| {
        case("error code", json!({"errorCode": code, "errorMessage": "m"}), expected)
    };
    let ends = |outcome: &str, code: &str| json!({"outcome": outcome, "error_code": code, "class": "event"});
    vec![
        case("no error", json!({}), json!({"outcome": "success", "error_code": null, "error_message": null})),
        error("AccessDenied", ends("denied", "AccessDenied")),
        error("AccessDeniedException", ends("denied", "AccessDenied")),
        error("KMS.AccessDeniedException", ends("denied", "AccessDenied")),
        error("VpceAccessDenied", ends("denied", "VpceAccessDenied")),
        error("DisabledException", ends("key_state", "Disabled")),
        error("KMS.DisabledException", ends("key_state", "Disabled")),
        error("KMSInvalidStateException", ends("key_state", "KMSInvalidState")),
        error("KeyUnavailableException", ends("key_state", "KeyUnavailable")),
        error("NotFoundException", ends("not_found", "NotFound")),
        error("IncorrectKeyException", ends("misuse", "IncorrectKey")),
        error("InvalidCiphertextException", ends("misuse", "InvalidCiphertext")),
        error("InvalidKeyUsageException", ends("misuse", "InvalidKeyUsage")),
        error("InvalidGrantTokenException", ends("misuse", "InvalidGrantToken")),
        error("InvalidGrantIdException", ends("misuse", "InvalidGrantId")),
        error("InvalidArnException", ends("misuse", "InvalidArn")),
        error("UnsupportedOperationException", ends("misuse", "UnsupportedOperation")),
        error("MalformedPolicyDocumentException", ends("misuse", "MalformedPolicyDocument")),
        error("LimitExceededException", ends("throttled", "LimitExceeded")),
        error("ThrottlingException", ends("throttled", "Throttling")),
        error("DependencyTimeoutException", ends("internal", "DependencyTimeout")),
        error("KMSInternalException", ends("internal", "KMSInternal")),
        error("SomethingNewException", ends("unknown", "SomethingNew")),
        case(
            "a message without a code",
            json!({"errorMessage": "m"}),
            json!({"outcome": "unknown", "error_message": "m"}),
        ),
        case(
            "a refusal without a code",
            json!({"errorMessage": "User: u is not authorized to perform: kms:Decrypt on this resource"}),
            json!({"outcome": "denied", "error_code": null, "denied_action": "kms:Decrypt", "denied_by": null}),
        ),
    ]
}

/// The grammar has its own tests beside it; this is what comes of it in a record.
pub fn refusals() -> Vec<Case> {
    let user = "User: arn:aws:sts::111122223333:assumed-role/R/s-1 is not authorized to perform:";
    let refused = |rest: &str| json!({"errorCode": "AccessDenied", "errorMessage": format!("{user} {rest}"), "requestParameters": null, "resources": null});
    let says = |action: &str, by: Option<&str>| json!({"outcome": "denied", "denied_action": action, "denied_by": by});
    let decrypt = |by: &str| says("kms:Decrypt", Some(by));
    let on_key = format!("kms:Decrypt on resource: {KEY}");
    let mut cases = Vec::new();
    for (words, kind) in [
        ("an identity-based policy", "identity_policy"),
        ("a resource-based policy", "resource_policy"),
        ("a session policy", "session_policy"),
        ("a permissions boundary", "permissions_boundary"),
        ("a VPC endpoint policy", "vpc_endpoint_policy"),
        ("a service control policy", "service_control_policy"),
        ("a resource control policy", "resource_control_policy"),
    ] {
        let bare = words.split_once(' ').unwrap().1;
        let none = format!("{on_key} because no {bare} allows the kms:Decrypt action");
        cases.push(case("nothing allows it", refused(&none), decrypt(&format!("implicit_{kind}"))));
        let denies = format!("{on_key} with an explicit deny in {words}: arn:aws:iam::aws:policy/P");
        cases.push(case("something denies it", refused(&denies), decrypt(&format!("explicit_{kind}"))));
    }
    let not_here = "because the resource does not exist in this Region, no resource-based policies allow access, or a \
                    resource-based policy explicitly denies access";
    let long = format!("kms:Decrypt on resource: {}", "x".repeat(1000));
    let whole = refused(&on_key);
    cases.extend([
        case(
            "the other spelling of a session policy",
            refused("kms:Decrypt with an explicit deny in a sessions policy"),
            decrypt("explicit_session_policy"),
        ),
        case(
            "which of three it was, KMS does not tell",
            refused(&format!("kms:Decrypt on the resource associated with this ciphertext {not_here}")),
            decrypt("missing_or_not_allowed"),
        ),
        case(
            "what KMS said before",
            json!({"errorCode": "AccessDeniedException", "errorMessage": "The ciphertext refers to a customer master key that does \
                not exist, does not exist in this region, or you are not allowed to access."}),
            json!({"outcome": "denied", "denied_action": null, "denied_by": "missing_or_not_allowed"}),
        ),
        case(
            "a key that is not disclosed",
            refused(
                "kms:Decrypt on this resource because no VPC endpoint policy allows the kms:Decrypt action",
            ),
            json!({"denied_by": "implicit_vpc_endpoint_policy", "key_origin": "none"}),
        ),
        case(
            "no target, and another permission than the API's",
            refused("kms:TagResource because no identity-based policy allows the kms:TagResource action"),
            says("kms:TagResource", Some("implicit_identity_policy")),
        ),
        case("no reason", whole, json!({"denied_action": "kms:Decrypt", "denied_by": null, "key_arn": KEY})),
        case(
            "a reason in other words",
            refused("kms:Decrypt on this resource because no session policy was given"),
            says("kms:Decrypt", None),
        ),
        case(
            "a message cut in its reason",
            refused(&format!("{long} because no identity-based pol")),
            says("kms:Decrypt", None),
        ),
        case(
            "a message cut in its action",
            json!({"errorCode": "AccessDenied",
                "errorMessage": format!("{} is not authorized to perform: kms:Decr", "x".repeat(1000))}),
            json!({"denied_action": null, "denied_by": null}),
        ),
        case(
            "only a refusal is read as one",
            json!({"errorCode": "DisabledException",
                "errorMessage": format!("{user} kms:Decrypt because no session policy allows the kms:Decrypt action")}),
            json!({"outcome": "key_state", "denied_action": null, "denied_by": null}),
        ),
    ]);
    cases
}
