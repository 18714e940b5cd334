//! How a call ended, and who refused it (domain §4.3).

use super::json::Json;
use super::names::{captures, matches};

/// `KMS.` prefix and `Exception` suffix removed.
pub fn normalise_error(code: &str) -> String {
    let code = code.strip_prefix("KMS.").unwrap_or(code);
    let code = code.strip_suffix("Exception").filter(|rest| !rest.is_empty()).unwrap_or(code);
    code.to_owned()
}

const CLASSES: &[(&str, &str)] = &[
    (
        "denied",
        "AccessDenied UnauthorizedOperation Client.UnauthorizedOperation NotAuthorized VpceAccessDenied \
         InvalidClientTokenId UnrecognizedClient ExpiredToken RequestExpired SignatureDoesNotMatch InvalidSignature \
         IncompleteSignature MissingAuthenticationToken OptInRequired AuthFailure",
    ),
    ("key_state", "Disabled KMSInvalidState KeyUnavailable"),
    ("not_found", "NotFound"),
    (
        "throttled",
        "Throttling Throttled LimitExceeded RequestLimitExceeded TooManyRequests ServiceQuotaExceeded",
    ),
    (
        "internal",
        "DependencyTimeout KMSInternal InternalFailure InternalServer InternalServerError InternalError \
         Internal ServiceUnavailable RequestTimeout Unavailable",
    ),
    (
        "misuse",
        "IncorrectKey IncorrectKeyMaterial IncorrectTrustAnchor InvalidCiphertext InvalidKeyUsage \
         InvalidGrantToken InvalidGrantId InvalidArn InvalidAliasName InvalidMarker InvalidImportToken \
         ExpiredImportToken UnsupportedOperation MalformedPolicyDocument AlreadyExists Tag Validation \
         ValidationError InvalidParameterValue InvalidParameterCombination MissingParameter InvalidAction \
         InvalidRequest MalformedQueryString Serialization Conflict KMSInvalidMac KMSInvalidSignature",
    ),
];

/// `code` is normalised.
pub fn outcome(code: Option<&str>, message: Option<&str>) -> &'static str {
    let Some(code) = code else {
        return match message {
            None => "success",
            Some(message) if message.contains("is not authorized to perform") => "denied",
            Some(_) => "unknown",
        };
    };
    if ["CloudHsm", "CustomKeyStore", "Xks"].iter().any(|prefix| code.starts_with(prefix)) {
        return "misuse";
    }
    let listed = |codes: &str| codes.split_whitespace().any(|listed| listed == code);
    CLASSES.iter().find(|(_, codes)| listed(codes)).map_or("unknown", |(class, _)| class)
}

/// What the message of a refusal tells.
#[derive(Default)]
pub struct Denial {
    pub action: Option<String>,
    pub by: Option<String>,
}

/// Of a record whose outcome is `denied`; nothing of any other.
pub fn denial(record: &Json) -> Denial {
    let code = record.text_at(&["errorCode"]).map(|code| normalise_error(&code));
    match record.text_at(&["errorMessage"]) {
        Some(message) if outcome(code.as_deref(), Some(&message)) == "denied" => of_message(&message),
        _ => Denial::default(),
    }
}

/// The same, of a message alone.
pub fn of_message(message: &str) -> Denial {
    let missing = Some("missing_or_not_allowed".to_owned());
    let form = r"(?s)^.*?is not authorized to perform: (\S*?)[.,]*(\s.*)?$";
    let Some(parts) = captures(form, message) else {
        let old = "does not exist, does not exist in this region, or you are not allowed to access";
        let is_old = message.contains(old) && !message.contains("is not authorized to perform");
        return Denial { action: None, by: missing.filter(|_| is_old) };
    };
    let (action, rest) = (parts[1].clone(), parts[2].clone());
    let may_be_cut = rest.is_empty() && message.len() >= 1000;
    let is_action = matches("^[A-Za-z0-9-]+:[A-Za-z0-9-]+$", &action);
    let target =
        r"^(?: on resource: \S*| on this resource| on the resource associated with this ciphertext)?";
    let kinds = [
        ("identity_policy", "identity-based policy"),
        ("resource_policy", "resource-based policy"),
        ("session_policy", "sessions? policy"),
        ("permissions_boundary", "permissions boundary"),
        ("vpc_endpoint_policy", "VPC endpoint policy"),
        ("service_control_policy", "service control policy"),
        ("resource_control_policy", "resource control policy"),
    ];
    let of_kind = |(name, words): &(&str, &str)| {
        if matches(&format!("{target} because no {words} allows "), &rest) {
            Some(format!("implicit_{name}"))
        } else if matches(&format!(r"{target} with an explicit deny in an? {words}(?:[^\pL\pN-]|$)"), &rest) {
            Some(format!("explicit_{name}"))
        } else {
            None
        }
    };
    let not_here = "because the resource does not exist in this Region, no resource-based policies allow access, or a \
                    resource-based policy explicitly denies access";
    let by = kinds
        .iter()
        .find_map(of_kind)
        .or(missing.filter(|_| matches(&format!("{target} {not_here}"), &rest)));
    Denial { action: Some(action).filter(|_| is_action && !may_be_cut), by }
}
