//! How a call ended: CloudTrail's error codes grouped into a few classes.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::denial::NOT_AUTHORIZED;
use super::text::{Text, slice_text};

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Outcome {
    /// No error.
    Success,
    /// The caller was not authorized or not authenticated.
    Denied,
    /// The key's state did not allow the call (disabled, pending deletion, unavailable).
    KeyState,
    /// No such key or alias.
    NotFound,
    /// The request was invalid (wrong key, bad ciphertext, invalid argument).
    Misuse,
    /// A rate or quota was exceeded.
    Throttled,
    /// The service failed.
    Internal,
    /// The call failed with an error that this version of keytrail does not know; see `error_code`.
    Unknown,
}

impl Ord for Outcome {
    /// The order of the column's text.
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl PartialOrd for Outcome {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Outcome {
    /// Every outcome, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Success,
        Self::Denied,
        Self::KeyState,
        Self::NotFound,
        Self::Misuse,
        Self::Throttled,
        Self::Internal,
        Self::Unknown,
    ];

    /// The value of the `outcome` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Denied => "denied",
            Self::KeyState => "key_state",
            Self::NotFound => "not_found",
            Self::Misuse => "misuse",
            Self::Throttled => "throttled",
            Self::Internal => "internal",
            Self::Unknown => "unknown",
        }
    }

    /// Plain words, for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Success => "succeeded",
            Self::Denied => "denied",
            Self::KeyState => "state of the key",
            Self::NotFound => "no such key",
            Self::Misuse => "wrong request",
            Self::Throttled => "throttled",
            Self::Internal => "error inside AWS",
            Self::Unknown => "unknown",
        }
    }

    /// The outcome of a call with this normalized error code and error message.
    pub fn from_error(code: Option<&str>, message: Option<&str>) -> Self {
        match (code, message) {
            (None, None) => Self::Success,
            // A failed call has an error code; a message without one still means a failure.
            (None, Some(m)) if m.contains(NOT_AUTHORIZED) => Self::Denied,
            (None, Some(_)) => Self::Unknown,
            (Some(code), _) => Self::from_code(code),
        }
    }

    fn from_code(code: &str) -> Self {
        match code {
            "AccessDenied"
            | "UnauthorizedOperation"
            | "Client.UnauthorizedOperation"
            | "NotAuthorized"
            | "VpceAccessDenied"
            | "InvalidClientTokenId"
            | "UnrecognizedClient"
            | "ExpiredToken"
            | "RequestExpired"
            | "SignatureDoesNotMatch"
            | "InvalidSignature"
            | "IncompleteSignature"
            | "MissingAuthenticationToken"
            | "OptInRequired"
            | "AuthFailure" => Self::Denied,
            "Disabled" | "KMSInvalidState" | "KeyUnavailable" => Self::KeyState,
            "NotFound" => Self::NotFound,
            "Throttling"
            | "Throttled"
            | "LimitExceeded"
            | "RequestLimitExceeded"
            | "TooManyRequests"
            | "ServiceQuotaExceeded" => Self::Throttled,
            "DependencyTimeout"
            | "KMSInternal"
            | "InternalFailure"
            | "InternalServer"
            | "InternalServerError"
            | "InternalError"
            | "Internal"
            | "ServiceUnavailable"
            | "RequestTimeout"
            | "Unavailable" => Self::Internal,
            "IncorrectKey"
            | "IncorrectKeyMaterial"
            | "IncorrectTrustAnchor"
            | "InvalidCiphertext"
            | "InvalidKeyUsage"
            | "InvalidGrantToken"
            | "InvalidGrantId"
            | "InvalidArn"
            | "InvalidAliasName"
            | "InvalidMarker"
            | "InvalidImportToken"
            | "ExpiredImportToken"
            | "UnsupportedOperation"
            | "MalformedPolicyDocument"
            | "AlreadyExists"
            | "Tag"
            | "Validation"
            | "ValidationError"
            | "InvalidParameterValue"
            | "InvalidParameterCombination"
            | "MissingParameter"
            | "InvalidAction"
            | "InvalidRequest"
            | "MalformedQueryString"
            | "Serialization"
            | "Conflict"
            | "KMSInvalidMac"
            | "KMSInvalidSignature" => Self::Misuse,
            _ if ["CloudHsm", "CustomKeyStore", "Xks"].iter().any(|p| code.starts_with(p)) => Self::Misuse,
            _ => Self::Unknown,
        }
    }
}

/// Removes the prefix `KMS.`, which S3 adds, and the suffix `Exception`, which SDKs add, from an
/// error code.
pub fn normalize_error_code(code: Text<'_>) -> Text<'_> {
    let bare = slice_text(&code, |code| {
        let bare = code.strip_prefix("KMS.").unwrap_or(code);
        Some(bare.strip_suffix("Exception").filter(|b| !b.is_empty()).unwrap_or(bare))
    });
    bare.unwrap_or(code)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[test]
    fn prefix_and_suffix_are_removed_from_codes() {
        for (raw, normal) in [
            ("AccessDenied", "AccessDenied"),
            ("AccessDeniedException", "AccessDenied"),
            ("KMS.DisabledException", "Disabled"),
            ("Exception", "Exception"),
        ] {
            assert_eq!(normalize_error_code(Cow::Borrowed(raw)), normal);
        }
    }

    /// A new outcome does not compile here until it has a position; add it to `ALL` as well.
    fn position(outcome: Outcome) -> usize {
        match outcome {
            Outcome::Success => 0,
            Outcome::Denied => 1,
            Outcome::KeyState => 2,
            Outcome::NotFound => 3,
            Outcome::Misuse => 4,
            Outcome::Throttled => 5,
            Outcome::Internal => 6,
            Outcome::Unknown => 7,
        }
    }

    #[test]
    fn every_outcome_is_listed() {
        assert!(Outcome::ALL.into_iter().map(position).eq(0..Outcome::ALL.len()));
    }

    #[test]
    fn an_error_is_never_a_success() {
        assert_eq!(Outcome::from_error(None, None), Outcome::Success);
        assert_eq!(Outcome::from_error(Some("AccessDenied"), None), Outcome::Denied);
        assert_eq!(Outcome::from_error(Some("BrandNewThing"), None), Outcome::Unknown);
        assert_eq!(
            Outcome::from_error(None, Some("User: x is not authorized to perform: kms:Decrypt")),
            Outcome::Denied
        );
        assert_eq!(Outcome::from_error(None, Some("something odd")), Outcome::Unknown);
        assert_eq!(Outcome::from_error(Some("XksProxyUriUnreachable"), None), Outcome::Misuse);
    }
}
