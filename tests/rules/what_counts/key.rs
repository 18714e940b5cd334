//! Which key: the places where a record can name one, in their order.

use super::*;

const ALIAS: &str = "arn:aws:kms:us-west-2:111122223333:alias/ExampleAlias";
const MULTI_REGION: &str = "arn:aws:kms:us-west-2:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";

/// Something that differs from the ordinary key in every part.
const ELSEWHERE: &str = "arn:aws:kms:eu-west-1:444455556666:key/abc123SAMPLE";

fn resources(arns: &[&str]) -> Value {
    arns.iter().map(|arn| json!({"type": "AWS::KMS::Key", "ARN": arn})).collect()
}

fn from(origin: &str, arn: &str) -> Value {
    json!({"key_arn": arn, "key_origin": origin})
}

pub fn the_first_place_that_names_a_key_wins() -> Vec<Case> {
    let everywhere = |without: &[&str]| {
        let mut changes = json!({
            "resources": resources(&[KEY]),
            "responseElements": {"keyId": OTHER_KEY},
            "requestParameters": {"keyId": ELSEWHERE},
            "serviceEventDetails": {"keyId": MULTI_REGION},
            "errorCode": "DisabledException",
            "errorMessage": format!("{KEY}-in-message is disabled."),
        });
        without.iter().for_each(|name| changes[*name] = Value::Null);
        changes
    };
    let (none, resource) = ([], ["resources"]);
    let response = ["resources", "responseElements"];
    let request = ["resources", "responseElements", "requestParameters"];
    let service = ["resources", "responseElements", "requestParameters", "serviceEventDetails"];
    vec![
        case("resources before all", everywhere(&none), from("resources", KEY)),
        case("then the response", everywhere(&resource), from("response", OTHER_KEY)),
        case("then the request", everywhere(&response), from("request", ELSEWHERE)),
        case("then a service event's details", everywhere(&request), from("service_event", MULTI_REGION)),
        case("then the message", everywhere(&service), from("error_message", &format!("{KEY}-in-message"))),
        case(
            "then nothing",
            json!({"resources": null}),
            json!({"key_arn": null, "key_id": null, "key_origin": "none"}),
        ),
    ]
}

pub fn keys_among_resources() -> Vec<Case> {
    vec![
        case(
            "an ARN is taken apart, and its region is the key's",
            json!({"resources": resources(&[ELSEWHERE])}),
            json!({"key_arn": ELSEWHERE, "key_id": "abc123SAMPLE", "key_account_id": "444455556666",
                "key_region": "eu-west-1", "region": "us-west-2", "key_family": null}),
        ),
        case("old records have no type", json!({"resources": [{"ARN": KEY}]}), from("resources", KEY)),
        case("some exports spell arn", json!({"resources": [{"arn": KEY}]}), from("resources", KEY)),
        case(
            "an alias is typed as a key, and is none",
            json!({"resources": resources(&[ALIAS])}),
            json!({"key_arn": null, "key_origin": "none", "key_alias": ALIAS, "key_account_id": "111122223333",
                "key_region": "us-west-2"}),
        ),
        case(
            "alias before key",
            json!({"eventName": "DeleteAlias", "resources": resources(&[ALIAS, KEY])}),
            json!({"key_arn": KEY, "key_origin": "resources", "key_alias": ALIAS}),
        ),
        case(
            "key before alias",
            json!({"eventName": "UpdateAlias", "resources": resources(&[KEY, ALIAS])}),
            json!({"key_arn": KEY, "key_origin": "resources", "key_alias": ALIAS}),
        ),
        case(
            "a multi-Region key has a family",
            json!({"resources": resources(&[MULTI_REGION])}),
            json!({"key_arn": MULTI_REGION, "key_id": "mrk-1234abcd12ab34cd56ef1234567890ab",
                "key_family": "mrk-1234abcd12ab34cd56ef1234567890ab"}),
        ),
        case(
            "another id that begins like one has none",
            json!({"resources": resources(&["arn:aws:kms:us-west-2:111122223333:key/mrk1234"])}),
            json!({"key_id": "mrk1234", "key_family": null}),
        ),
        case(
            "a primary key that is brought in step with its replicas",
            json!({"eventName": "SynchronizeMultiRegionKey", "requestParameters": null, "resources": resources(&[MULTI_REGION]),
                "userIdentity": {"accountId": "111122223333", "invokedBy": "AWS Internal"}}),
            json!({"key_arn": MULTI_REGION, "principal": "AWS Internal", "class": "event"}),
        ),
        case(
            "other resources are no keys",
            json!({"resources": resources(&["arn:aws:s3:::key/x"])}),
            json!({"key_arn": null}),
        ),
    ]
}

pub fn keys_in_the_answer() -> Vec<Case> {
    let answer = |name: &str, response: Value| json!({"eventName": name, "resources": null, "responseElements": response});
    vec![
        case("an ARN", answer("DisableKey", json!({"keyId": KEY})), from("response", KEY)),
        case(
            "CreateKey's answer",
            answer("CreateKey", json!({"keyMetadata": {"arn": KEY, "keyId": BARE}})),
            from("response", KEY),
        ),
        case(
            "ReplicateKey's answer",
            answer("ReplicateKey", json!({"replicaKeyMetadata": {"arn": ELSEWHERE}})),
            from("response", ELSEWHERE),
        ),
        case("in any case", answer("CreateKey", json!({"KeyMetadata": {"Arn": KEY}})), from("response", KEY)),
    ]
}

pub fn keys_in_the_request() -> Vec<Case> {
    let request = |request: Value| json!({"resources": null, "requestParameters": request});
    let assumed = json!({"key_arn": KEY, "key_id": BARE, "key_account_id": "111122223333", "key_region": "us-west-2",
        "key_origin": "assumed"});
    let mut account_of_resource = request(json!({"keyId": BARE}));
    account_of_resource["resources"] = json!([{"accountId": "444455556666", "ARN": "arn:aws:s3:::b"}]);
    let mut callers_account = request(json!({"keyId": BARE}));
    callers_account["recipientAccountId"] = Value::Null;
    let mut recipients_account = request(json!({"keyId": BARE}));
    recipients_account["recipientAccountId"] = json!("444455556666");
    let mut nowhere = request(json!({"keyId": BARE}));
    nowhere["awsRegion"] = Value::Null;
    let mut in_china = request(json!({"keyId": BARE}));
    in_china["awsRegion"] = json!("cn-north-1");
    vec![
        case("keyId", request(json!({"keyId": KEY})), from("request", KEY)),
        case(
            "targetKeyId",
            request(json!({"targetKeyId": KEY, "aliasName": "alias/x"})),
            from("request", KEY),
        ),
        case("sourceKeyId", request(json!({"sourceKeyId": KEY})), from("request", KEY)),
        case("destinationKeyId", request(json!({"destinationKeyId": KEY})), from("request", KEY)),
        case("in any case", request(json!({"KeyId": KEY})), from("request", KEY)),
        case("a bare id is completed, and said to be", request(json!({"keyId": BARE})), assumed),
        case(
            "with the account of a resource first",
            account_of_resource,
            json!({"key_account_id": "444455556666", "key_origin": "assumed"}),
        ),
        case("then the recipient's", recipients_account, json!({"key_account_id": "444455556666"})),
        case("then the caller's", callers_account, json!({"key_account_id": "111122223333"})),
        case(
            "of nothing to complete it with, the id stays",
            nowhere,
            json!({"key_arn": null, "key_id": BARE, "key_account_id": null, "key_origin": "request"}),
        ),
        case(
            "in the partition of the region",
            in_china,
            json!({"key_arn": format!("arn:aws-cn:kms:cn-north-1:111122223333:key/{BARE}")}),
        ),
        case(
            "an alias is shown, not resolved",
            request(json!({"keyId": "alias/x"})),
            json!({"key_arn": null, "key_id": null, "key_origin": "none", "key_alias": "alias/x"}),
        ),
        case(
            "an alias's ARN tells account and region",
            request(json!({"keyId": ALIAS})),
            json!({"key_arn": null, "key_origin": "none", "key_alias": ALIAS, "key_account_id": "111122223333"}),
        ),
        case(
            "the alias that is named is shown beside the key",
            json!({"requestParameters": {"keyId": "alias/x"}}),
            json!({"key_arn": KEY, "key_origin": "resources", "key_alias": "alias/x"}),
        ),
        case(
            "DeleteAlias without resources, as before December 2022",
            request(json!({"aliasName": "alias/x"})),
            json!({"key_origin": "none", "key_alias": "alias/x"}),
        ),
    ]
}

pub fn keys_of_service_events() -> Vec<Case> {
    let service_event = |name: &str, id: &str| {
        json!({"eventName": name, "eventType": "AwsServiceEvent", "resources": null, "requestParameters": null,
            "userIdentity": {"accountId": "111122223333", "invokedBy": "AWS Internal"}, "serviceEventDetails": {"keyId": id}})
    };
    vec![
        case("RotateKey", service_event("RotateKey", BARE), from("service_event", KEY)),
        case(
            "DeleteExpiredKeyMaterial",
            service_event("DeleteExpiredKeyMaterial", KEY),
            from("service_event", KEY),
        ),
    ]
}

pub fn keys_in_messages() -> Vec<Case> {
    let message = |text: String| json!({"resources": null, "requestParameters": null, "errorCode": "X", "errorMessage": text});
    vec![
        case("disabled", message(format!("{KEY} is disabled.")), from("error_message", KEY)),
        case("pending deletion", message(format!("{KEY} is pending deletion.")), from("error_message", KEY)),
        case("no such key", message(format!("Key '{KEY}' does not exist")), from("error_message", KEY)),
        case(
            "no such alias",
            message(format!("Alias {ALIAS} is not found.")),
            json!({"key_origin": "none", "key_alias": ALIAS, "key_region": "us-west-2"}),
        ),
        case(
            "a cut message gives no half key",
            message(format!("{} {}", "x".repeat(1000), &KEY[..60])),
            json!({"key_origin": "none", "key_arn": null}),
        ),
        case(
            "nor half an alias",
            message(format!("{} {}", "x".repeat(1000), &ALIAS[..ALIAS.len() - 3])),
            json!({"key_alias": null}),
        ),
    ]
}

pub fn the_two_keys_of_re_encrypt() -> Vec<Case> {
    let call = |arns: &[&str], request: Value| json!({"eventName": "ReEncrypt", "resources": resources(arns), "requestParameters": request});
    let refused = |action: &str, request: Value| {
        let message = format!(
            "User: {} is not authorized to perform: kms:{action} on resource: {OTHER_KEY} because no resource-based policy allows the kms:{action} action",
            "arn:aws:iam::111122223333:user/Alice"
        );
        json!({"eventName": "ReEncrypt", "resources": null, "requestParameters": request, "errorCode": "AccessDenied",
            "errorMessage": message})
    };
    let both = json!({"key_arn": KEY, "key_origin": "resources", "destination_key_arn": OTHER_KEY});
    let named = json!({"destinationKeyId": OTHER_KEY});
    vec![
        case(
            "the destination is the one the request names",
            call(&[KEY, OTHER_KEY], named.clone()),
            both.clone(),
        ),
        case("in whatever order", call(&[OTHER_KEY, KEY], named.clone()), both.clone()),
        case(
            "named by its id",
            call(&[OTHER_KEY, KEY], json!({"destinationKeyId": "0987dcba-09fe-87dc-65ba-ab0987654321"})),
            both.clone(),
        ),
        case("or it comes second", call(&[KEY, OTHER_KEY], json!({})), both),
        case(
            "the destination alone does not tell the source",
            call(&[OTHER_KEY], named.clone()),
            json!({"key_arn": null, "key_origin": "none", "destination_key_arn": OTHER_KEY}),
        ),
        case(
            "a source is no destination",
            call(&[KEY], json!({})),
            json!({"key_arn": KEY, "destination_key_arn": null}),
        ),
        case(
            "both may be told by the request alone",
            call(
                &[],
                json!({"sourceKeyId": KEY, "destinationKeyId": "0987dcba-09fe-87dc-65ba-ab0987654321"}),
            ),
            json!({"key_arn": KEY, "key_origin": "request", "destination_key_arn": OTHER_KEY}),
        ),
        case(
            "the source by its alias",
            call(&[], json!({"sourceKeyId": "alias/x"})),
            json!({"key_alias": "alias/x", "key_arn": null}),
        ),
        case(
            "refused for the source",
            refused("ReEncryptFrom", json!(null)),
            json!({"key_arn": OTHER_KEY, "key_origin": "error_message", "destination_key_arn": null,
                "denied_action": "kms:ReEncryptFrom"}),
        ),
        case(
            "refused for the destination",
            refused("ReEncryptTo", json!(null)),
            json!({"key_arn": null, "key_origin": "none", "destination_key_arn": OTHER_KEY,
                "denied_action": "kms:ReEncryptTo"}),
        ),
        case(
            "the source's context goes before the destination's",
            call(
                &[KEY, OTHER_KEY],
                json!({"sourceEncryptionContext": {"Project": "Alpha"}, "destinationEncryptionContext": {"Level": "3A"}}),
            ),
            json!({"encryption_context": "{\"Project\":\"Alpha\"}"}),
        ),
    ]
}

pub fn grants() -> Vec<Case> {
    let grant = |name: &str, changes: Value| {
        let mut changes = changes;
        changes["eventName"] = json!(name);
        changes
    };
    vec![
        case(
            "CreateGrant",
            grant(
                "CreateGrant",
                json!({
                "requestParameters": {"keyId": KEY, "granteePrincipal": "s3.us-west-2.amazonaws.com", "retiringPrincipal": "r",
                    "operations": ["Decrypt", "GenerateDataKey"], "constraints": {"encryptionContextSubset": {"a": "b"}}},
                "responseElements": {"grantId": "g", "keyId": KEY}}),
            ),
            json!({"grant_id": "g", "grantee_principal": "s3.us-west-2.amazonaws.com", "retiring_principal": "r",
                "grant_operations": "Decrypt,GenerateDataKey", "encryption_context": null}),
        ),
        case(
            "CreateGrant for a service principal",
            grant(
                "CreateGrant",
                json!({"requestParameters": {"granteeServicePrincipal": "a.amazonaws.com",
                "retiringServicePrincipal": "b.amazonaws.com"}}),
            ),
            json!({"grantee_principal": "a.amazonaws.com", "retiring_principal": "b.amazonaws.com"}),
        ),
        case(
            "RetireGrant without parameters",
            grant("RetireGrant", json!({"requestParameters": null, "additionalEventData": {"grantId": "g"}})),
            json!({"grant_id": "g", "key_arn": KEY}),
        ),
        case(
            "RetireGrant, its data in a text",
            grant(
                "RetireGrant",
                json!({"requestParameters": null, "additionalEventData": "{\"grantId\":\"g\"}"}),
            ),
            json!({"grant_id": "g"}),
        ),
        case(
            "RevokeGrant",
            grant("RevokeGrant", json!({"requestParameters": {"keyId": BARE, "grantId": "g"}})),
            json!({"grant_id": "g"}),
        ),
    ]
}

/// What a call on S3's behalf says of the object.
pub fn objects() -> Vec<Case> {
    let context = |context: Value| json!({"requestParameters": {"encryptionContext": context}});
    vec![
        case(
            "bucket and key, split at the first slash",
            context(json!({"aws:s3:arn": "arn:aws:s3:::b/k/with:colons=and é"})),
            json!({"s3_bucket": "b", "s3_object_key": "k/with:colons=and é"}),
        ),
        case(
            "a bucket key hides the object",
            context(json!({"aws:s3:arn": "arn:aws:s3:::b"})),
            json!({"s3_bucket": "b", "s3_object_key": null}),
        ),
        case(
            "pairs of one's own beside it, sorted",
            context(json!({"z": "1", "aws:s3:arn": "arn:aws-cn:s3:::b/k", "A": "2"})),
            json!({"s3_bucket": "b", "s3_object_key": "k",
                "encryption_context": "{\"A\":\"2\",\"aws:s3:arn\":\"arn:aws-cn:s3:::b/k\",\"z\":\"1\"}"}),
        ),
        case("no context", json!({}), json!({"encryption_context": null, "s3_bucket": null})),
    ]
}
