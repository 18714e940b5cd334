//! CloudTrail's public keys, as `aws cloudtrail list-public-keys` gives them.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest as _, Md5};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::model::EventTime;

/// Why a file of public keys cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// It is not JSON, or has another form.
    #[error("it is not the output of `aws cloudtrail list-public-keys`")]
    Form(#[source] serde_json::Error),
    /// A key is not base64.
    #[error("the value of public key {number} is not base64")]
    NotBase64 {
        /// The key's number, from 1.
        number: usize,
        /// What is wrong.
        #[source]
        source: base64::DecodeError,
    },
    /// A key's fingerprint is not that of its bytes.
    #[error("public key {number} has the fingerprint {computed}, and the file says {stated}")]
    Fingerprint {
        /// The key's number, from 1.
        number: usize,
        /// The fingerprint in the file.
        stated: String,
        /// The fingerprint of the bytes.
        computed: String,
    },
    /// A time of validity is none.
    #[error("the validity of public key {number} is not two times")]
    Validity {
        /// The key's number, from 1.
        number: usize,
    },
}

#[derive(Deserialize)]
struct KeyFile {
    // AWS's API and its documentation write it in two ways.
    #[serde(rename = "PublicKeyList", alias = "publicKeyList")]
    keys: Vec<KeyMembers>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyMembers {
    #[serde(alias = "value")]
    value: String,
    #[serde(alias = "fingerprint")]
    fingerprint: Option<String>,
    #[serde(alias = "validityStartTime")]
    validity_start_time: Option<Value>,
    #[serde(alias = "validityEndTime")]
    validity_end_time: Option<Value>,
}

/// A public key.
#[derive(Debug)]
pub(super) struct PublicKey {
    /// `None`: it is no RSA key of 2,048 to 8,192 bits.
    key: Option<ParsedPublicKey>,
    /// The first and the last moment at which CloudTrail signed with it, as each file says it.
    validities: Vec<(Option<EventTime>, Option<EventTime>)>,
    /// The file it comes from.
    pub(super) source: Arc<str>,
}

impl PublicKey {
    pub(super) fn is_usable(&self) -> bool {
        self.key.is_some()
    }

    pub(super) fn is_valid_at(&self, time: EventTime) -> bool {
        self.validities
            .iter()
            .any(|(start, end)| start.is_none_or(|start| start <= time) && end.is_none_or(|end| time <= end))
    }

    /// Whether it is the key of this signature (RSASSA-PKCS1-v1_5 with SHA-256).
    pub(super) fn confirms(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.as_ref().is_some_and(|key| key.verify_sig(message, signature).is_ok())
    }
}

/// Bytes of the modulus alone of a key of 2,048 bits, the least that is trusted.
const MODULUS_BYTES: usize = 256;

/// Public keys by their fingerprints.
#[derive(Debug, Default)]
pub struct PublicKeys {
    by_fingerprint: HashMap<String, PublicKey>,
}

impl PublicKeys {
    /// Adds the keys of a file: the output of `aws cloudtrail list-public-keys`. Each is RSA, as
    /// PKCS#1 or as SubjectPublicKeyInfo. `source`: the name of the file, which reports give.
    ///
    /// # Errors
    /// When the file has another form, or a key's fingerprint is not the MD5 of its bytes.
    pub fn add(&mut self, json: &[u8], source: &str) -> Result<(), KeyFileError> {
        // PowerShell writes a byte order mark.
        let json = json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(json);
        let file: KeyFile = serde_json::from_slice(json).map_err(KeyFileError::Form)?;
        let source: Arc<str> = source.into();
        for (number, members) in (1..).zip(file.keys) {
            let der = BASE64_STANDARD
                .decode(members.value.trim())
                .map_err(|source| KeyFileError::NotBase64 { number, source })?;
            let computed = fingerprint(&der);
            if let Some(stated) = members.fingerprint.filter(|stated| !stated.eq_ignore_ascii_case(&computed))
            {
                return Err(KeyFileError::Fingerprint { number, stated, computed });
            }
            let time = |value: Option<Value>| {
                value.filter(|value| !value.is_null()).map(|value| time(&value).ok_or(())).transpose()
            };
            let validity = (time(members.validity_start_time), time(members.validity_end_time));
            let (Ok(start), Ok(end)) = validity else { return Err(KeyFileError::Validity { number }) };
            let is_large = der.len() >= MODULUS_BYTES;
            let key =
                is_large.then(|| ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &der).ok()).flatten();
            let new = PublicKey { key, validities: Vec::new(), source: source.clone() };
            self.by_fingerprint.entry(computed).or_insert(new).validities.push((start, end));
        }
        Ok(())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_fingerprint.is_empty()
    }

    pub(super) fn get(&self, fingerprint: &str) -> Option<&PublicKey> {
        self.by_fingerprint.get(&fingerprint.to_ascii_lowercase())
    }
}

/// AWS's fingerprint of a key: the MD5 of its DER form, in lower-case hexadecimal.
fn fingerprint(der: &[u8]) -> String {
    Md5::digest(der).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}"); // writing to a String cannot fail
        hex
    })
}

/// A time as the command line interface or the API writes it: text, or seconds since 1970 as a
/// number or as text.
fn time(value: &Value) -> Option<EventTime> {
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match EventTime::parse(text) {
            Some(time) => return Some(time),
            None => text.parse().ok(),
        },
        _ => None,
    }?;
    // Far outside of this, it is no time in seconds.
    #[expect(clippy::cast_possible_truncation, reason = "checked")]
    (0.0..1e11).contains(&seconds).then_some(EventTime((seconds * 1000.0) as i64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A throw-away key of 2,048 bits, which domain notes of this project give with a signature.
    const VALUE: &str = "MIIBCgKCAQEAmakX4J/PNp/hvNI7R1X4p5eBEJXwpmC1cFCivaGYGSicrPoJ7kyavzaUbxL2mG78rU6jN5vzmGwLb+uZi/SJDU2g50cFdT30zH9w0QCIlir+zE+O76lOur4Yu92PuNEx1tnWmZdSp16eIEMBLF/KVJtj8Rwp1dK01Rch+VR+dgZfpEPDLQnHfOrWU7dP/iZZHiRS1wnuDBCpvBTlbo+EEkXxWG1dqNI3EYYRcRKNn/zoVKmMEk1Kv1TQurcFZTrs0/R/Eopk4Ec/wgoaWSgUGj+1Ihv1hEeGHAUkzGCO1dWg3VLwGPYP6L4GZr7qVSwm7UwEqzUuX6P/IdeRgiuG7wIDAQAB";
    const FINGERPRINT: &str = "36b49878fd0da4c490c05a48f73f4a8c";

    fn keys(json: &serde_json::Value) -> Result<PublicKeys, KeyFileError> {
        let mut keys = PublicKeys::default();
        keys.add(&serde_json::to_vec(json).unwrap(), "keys.json")?;
        Ok(keys)
    }

    #[test]
    fn both_spellings_and_all_forms_of_times_are_read() {
        for (start, end) in [
            (json!("2023-04-01T00:00:00Z"), json!("2023-05-01T00:00:00+00:00")),
            (json!(1_680_307_200.0), json!(1_682_899_200)),
            (json!("1680307200.0"), json!("1682899200")),
        ] {
            for list in ["PublicKeyList", "publicKeyList"] {
                let keys = keys(&json!({ list: [{"Fingerprint": FINGERPRINT, "Value": VALUE,
                    "ValidityStartTime": start, "ValidityEndTime": end}]}));
                let keys = keys.unwrap();
                let key = keys.get(FINGERPRINT).unwrap();
                assert!(key.is_usable() && &*key.source == "keys.json");
                let valid = |text: &str| key.is_valid_at(EventTime::parse(text).unwrap());
                assert!(valid("2023-04-01T00:00:00Z") && valid("2023-05-01T00:00:00Z"));
                assert!(!valid("2023-03-31T23:59:59Z") && !valid("2023-05-01T00:00:01Z"));
            }
        }
    }

    #[test]
    fn a_key_must_have_its_fingerprint() {
        let wrong = keys(&json!({"PublicKeyList": [{"Fingerprint": "00", "Value": VALUE}]}));
        assert!(matches!(wrong, Err(KeyFileError::Fingerprint { number: 1, .. })));
        for bad in [
            json!([]),
            json!({"PublicKeyList": [{"Fingerprint": FINGERPRINT, "Value": "%"}]}),
            json!({"PublicKeyList": [{"Value": VALUE, "ValidityStartTime": "soon"}]}),
        ] {
            assert!(keys(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_key_confirms_nothing() {
        let value = BASE64_STANDARD.encode(b"not a key");
        let keys = keys(&json!({"PublicKeyList": [{"Value": value}]})).unwrap();
        let key = keys.get(&fingerprint(b"not a key")).unwrap();
        assert!(!key.is_usable() && !key.confirms(b"", b""));
    }
}
