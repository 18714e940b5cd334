//! Names of values without the member around them: the columns that `SELECT userIdentity.arn,
//! requestParameters.keyId` makes in DuckDB, and Spark's `userIdentity.*`.

use serde_json::Value;

use super::names::squashed;

/// The types of a caller.
const CALLER_TYPES: [&str; 10] = [
    "Root",
    "IAMUser",
    "AssumedRole",
    "FederatedUser",
    "AWSAccount",
    "AWSService",
    "SAMLUser",
    "WebIdentityUser",
    "Directory",
    "IdentityCenterUser",
];

/// The path in a record of a value whose name says only the last part of it; `None` where name and
/// value together leave a doubt. (`accountId` and `userName` may be of the caller, of its role or
/// of a resource.)
pub(super) fn bare_place(name: &str, value: &Value) -> Option<&'static [&'static str]> {
    let squashed = squashed(name);
    // DuckDB numbers the columns that would have the same name.
    let base = squashed.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_first = base == squashed;
    let text = value.as_str().unwrap_or_default().trim();
    match base {
        "arn" => match service(text)? {
            "sts" => Some(&["userIdentity", "arn"]),
            "iam" if is_first => Some(&["userIdentity", "arn"]),
            "iam" if text.contains(":role/") => {
                Some(&["userIdentity", "sessionContext", "sessionIssuer", "arn"])
            }
            "kms" if text.contains(":key/") => Some(&["resources", "ARN"]),
            _ => None,
        },
        _ if !is_first => None,
        "type" if CALLER_TYPES.contains(&text) => Some(&["userIdentity", "type"]),
        "principalid" if text.starts_with('A') => Some(&["userIdentity", "principalId"]),
        "accesskeyid" if text.starts_with('A') => Some(&["userIdentity", "accessKeyId"]),
        "invokedby" if !text.is_empty() => Some(&["userIdentity", "invokedBy"]),
        "keyid" if !text.is_empty() => Some(&["requestParameters", "keyId"]),
        "encryptioncontext" if value.is_object() => Some(&["requestParameters", "encryptionContext"]),
        _ => None,
    }
}

/// The service in an ARN.
fn service(text: &str) -> Option<&str> {
    let mut fields = text.split(':');
    (fields.next()? == "arn").then(|| fields.nth(1))?
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_names_that_leave_no_doubt_have_a_place() {
        let session = "arn:aws:sts::111122223333:assumed-role/Reader/s";
        let role = "arn:aws:iam::111122223333:role/Reader";
        let key = "arn:aws:kms:us-east-1:111122223333:key/1234";
        let issuer = "userIdentity.sessionContext.sessionIssuer.arn";
        for (name, value, expected) in [
            ("arn", json!(session), "userIdentity.arn"),
            ("ARN", json!(role), "userIdentity.arn"),
            ("arn_1", json!(role), issuer),
            ("arn", json!(key), "resources.ARN"),
            ("arn_2", json!(key), "resources.ARN"),
            ("type", json!("AssumedRole"), "userIdentity.type"),
            ("key_id", json!("1234"), "requestParameters.keyId"),
            ("invokedBy", json!("s3.amazonaws.com"), "userIdentity.invokedBy"),
            ("encryptionContext", json!({"a": "b"}), "requestParameters.encryptionContext"),
            ("arn_1", json!("arn:aws:iam::111122223333:user/Alice"), ""),
            ("arn", json!("arn:aws:s3:::bucket"), ""),
            ("arn", json!("Reader"), ""),
            ("arn", json!(5), ""),
            ("type", json!("AWS::KMS::Key"), ""),
            ("type_1", json!("AssumedRole"), ""),
            ("keyId", json!(["1234"]), ""),
            ("accountId", json!("111122223333"), ""),
            ("userName", json!("Alice"), ""),
            ("encryptionContext", json!("a"), ""),
        ] {
            let place = bare_place(name, &value).map(|path| path.join(".")).unwrap_or_default();
            assert_eq!(place, expected, "{name}: {value}");
        }
    }
}
