//! How a call ended (domain §4.3).

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
         InvalidClientTokenId UnrecognizedClient ExpiredToken SignatureDoesNotMatch InvalidSignature \
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
