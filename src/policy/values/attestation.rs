//! What the attestation document of a request says.
//!
//! Sources: [condition keys](https://docs.aws.amazon.com/kms/latest/developerguide/conditions-attestation.html),
//! [records](https://docs.aws.amazon.com/kms/latest/developerguide/ct-attestation.html). In real
//! records the registers are in base64, in policies in hexadecimal digits.

use std::fmt::Write;

use super::known_key::{KnownKey, decided};
use crate::policy::context::ContextValue;
use crate::policy::request::Request;

pub(super) const KEYS: &[KnownKey] =
    &[decided("kms:RecipientAttestation:", "additionalEventData.recipient", register)];

/// The member of `recipient` that holds a register.
fn member(register: &str) -> Option<String> {
    let lower = register.to_ascii_lowercase();
    let number = |prefix: &str| {
        let digits = lower.strip_prefix(prefix)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(digits.to_owned())
    };
    match &*lower {
        // Register 0 of an enclave is the hash of its image.
        "imagesha384" | "pcr0" => Some("attestationDocumentEnclaveImageDigest".to_owned()),
        _ => number("nitrotpmpcr")
            .map(|n| format!("attestationDocumentNitroTPMPCR{n}"))
            .or_else(|| number("pcr").map(|n| format!("attestationDocumentEnclavePCR{n}"))),
    }
}

fn register<'e>(request: &Request<'e>, register: &str) -> ContextValue<'e> {
    if request.is_omitted("additionalEventData") {
        return ContextValue::unknown("the record leaves out additionalEventData");
    }
    let Some(member) = member(register) else {
        return ContextValue::unknown("keytrail does not know this part of an attestation document");
    };
    match request.parameter("recipient") {
        Err(_) => ContextValue::unknown("the record of a failed call need not show the attestation"),
        Ok(None) if !request.succeeded() => {
            ContextValue::unknown("the record of a failed call need not show the attestation")
        }
        Ok(None) => ContextValue::Absent,
        Ok(Some(recipient)) => match recipient.get(&member).and_then(|value| value.as_str()) {
            Some(text) => ContextValue::owned(hexadecimal(text).unwrap_or_else(|| text.to_owned())),
            None => ContextValue::unknown("the record does not show this part of the attestation document"),
        },
    }
}

/// A SHA-384 hash in base64 as hexadecimal digits.
fn hexadecimal(text: &str) -> Option<String> {
    // 48 bytes are 64 characters without padding.
    if text.len() != 64 {
        return None;
    }
    let mut bits: u32 = 0;
    let mut hex = String::with_capacity(96);
    for (at, byte) in text.bytes().enumerate() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        if at % 4 == 3 {
            write!(hex, "{:06x}", bits & 0xff_ffff).ok()?;
            bits = 0;
        }
    }
    Some(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_compared_as_hexadecimal_digits() {
        assert_eq!(hexadecimal(&"A".repeat(64)).unwrap(), "0".repeat(96));
        assert_eq!(hexadecimal(&"/".repeat(64)).unwrap(), "f".repeat(96));
        assert!(hexadecimal(&"T37s".repeat(16)).unwrap().starts_with("4f7eec4f"));
        assert_eq!(hexadecimal(&"0".repeat(96)), None);
    }
}
