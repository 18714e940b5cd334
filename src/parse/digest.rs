//! A digest file → [`Digest`].

use memchr::memmem;
use serde::Deserialize;
use thiserror::Error;

use crate::model::{Digest, EventTime, LONGEST_NAME, ListedLog, PreviousDigest, RecordedPlace, Sha256};

/// Why a file is no digest that can be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DigestError {
    /// It is not JSON, or a member that every digest has is missing or of another type.
    #[error("it does not have the members of a digest")]
    Members(#[source] serde_json::Error),
    /// A time is none.
    #[error("{member} is not a time")]
    Time {
        /// The member.
        member: &'static str,
    },
    /// The name of an object is longer than one can be.
    #[error("the name of an object is longer than {LONGEST_NAME} bytes")]
    Name,
}

/// The members that are read. One that is given twice is an error: CloudTrail gives none twice.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    aws_account_id: Option<String>,
    digest_start_time: String,
    digest_end_time: String,
    #[serde(rename = "digestS3Bucket")]
    bucket: String,
    #[serde(rename = "digestS3Object")]
    object: String,
    digest_public_key_fingerprint: String,
    digest_signature_algorithm: Option<String>,
    #[serde(rename = "previousDigestS3Bucket")]
    previous_bucket: Option<String>,
    #[serde(rename = "previousDigestS3Object")]
    previous_object: Option<String>,
    previous_digest_hash_value: Option<String>,
    previous_digest_hash_algorithm: Option<String>,
    // Null in the first digest of a chain, but always given: it is signed.
    #[serde(deserialize_with = "Option::deserialize")]
    previous_digest_signature: Option<String>,
    #[serde(default)]
    log_files: Vec<LogMembers>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogMembers {
    #[serde(rename = "s3Bucket")]
    bucket: String,
    #[serde(rename = "s3Object")]
    object: String,
    hash_value: Option<String>,
    hash_algorithm: Option<String>,
}

/// How many bytes [`begins_digest`] looks at.
pub const DIGEST_HEAD: usize = 512;

/// Whether content that begins so may be a digest.
pub fn begins_digest(head: &[u8]) -> bool {
    memmem::find(head, b"\"digestStartTime\"").is_some()
}

/// The only kind of signature that CloudTrail makes.
const ALGORITHM: &str = "SHA256withRSA";

/// Reads a digest file; `content`: all of its decompressed bytes, of which `sha256` is the hash.
///
/// # Errors
/// When it lacks what AWS's own validator needs.
pub fn digest(content: &[u8], sha256: Sha256) -> Result<Digest, DigestError> {
    let members: Members = serde_json::from_slice(content).map_err(DigestError::Members)?;
    let time = |member, text: &str| EventTime::parse(text).ok_or(DigestError::Time { member });
    let place = |bucket, object: String| match object.len() {
        ..=LONGEST_NAME => Ok(RecordedPlace { bucket, object }),
        _ => Err(DigestError::Name),
    };
    let hash = |algorithm: Option<&str>, value: Option<&str>| {
        value.filter(|_| algorithm == Some("SHA-256")).and_then(Sha256::from_hex)
    };
    let previous_sha256 = hash(
        members.previous_digest_hash_algorithm.as_deref(),
        members.previous_digest_hash_value.as_deref(),
    );
    let previous_place = match (members.previous_bucket, members.previous_object) {
        (Some(bucket), Some(object)) => Some(place(bucket, object)?),
        _ => None,
    };
    let previous = members.previous_digest_signature.map(|signature| PreviousDigest {
        place: previous_place,
        sha256: previous_sha256,
        signature,
    });
    let log = |log: LogMembers| {
        let sha256 = hash(log.hash_algorithm.as_deref(), log.hash_value.as_deref());
        Ok(ListedLog { place: place(log.bucket, log.object)?, sha256 })
    };
    Ok(Digest {
        place: place(members.bucket, members.object)?,
        start: time("digestStartTime", &members.digest_start_time)?,
        end: time("digestEndTime", &members.digest_end_time)?,
        end_text: members.digest_end_time,
        account_id: members.aws_account_id,
        fingerprint: members.digest_public_key_fingerprint,
        other_algorithm: members.digest_signature_algorithm.filter(|algorithm| algorithm != ALGORITHM),
        previous,
        sha256,
        has_more_members: false,
        signature: None,
        logs: members.log_files.into_iter().map(log).collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: Sha256 = Sha256([7; 32]);

    fn json(change: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>)) -> Vec<u8> {
        let mut json = serde_json::json!({
            "awsAccountId": "111122223333",
            "digestStartTime": "2023-04-01T00:00:00Z",
            "digestEndTime": "2023-04-01T01:00:00Z",
            "digestS3Bucket": "b", "digestS3Object": "AWSLogs/o",
            "digestPublicKeyFingerprint": "f", "digestSignatureAlgorithm": "SHA256withRSA",
            "newestEventTime": null, "oldestEventTime": null,
            "previousDigestS3Bucket": "b", "previousDigestS3Object": "p",
            "previousDigestHashValue": "07".repeat(32), "previousDigestHashAlgorithm": "SHA-256",
            "previousDigestSignature": "00",
            "logFiles": [{"s3Bucket": "b", "s3Object": "l", "hashValue": "07".repeat(32),
                "hashAlgorithm": "SHA-256", "newestEventTime": "2023-04-01T00:59:59Z"}],
        });
        change(json.as_object_mut().unwrap());
        serde_json::to_vec(&json).unwrap()
    }

    #[test]
    fn a_digest_is_read() {
        let read = digest(&json(|_| {}), SHA).unwrap();
        assert_eq!((read.end.0 - read.start.0, read.end_text.as_str()), (3_600_000, "2023-04-01T01:00:00Z"));
        assert_eq!(read.place.to_string(), "s3://b/AWSLogs/o");
        let previous = read.previous.unwrap();
        assert_eq!((previous.place.unwrap().object.as_str(), previous.sha256), ("p", Some(SHA)));
        assert_eq!((read.logs.len(), read.logs[0].sha256, read.other_algorithm), (1, Some(SHA), None));
    }

    #[test]
    fn the_first_of_a_chain_has_no_previous() {
        let first = digest(&json(|json| json["previousDigestSignature"] = ().into()), SHA).unwrap();
        assert_eq!(first.previous, None);
    }

    #[test]
    fn other_hashes_are_none() {
        let read = digest(
            &json(|json| {
                json["previousDigestHashAlgorithm"] = "MD5".into();
                json["logFiles"][0]["hashValue"] = "zz".into();
            }),
            SHA,
        );
        let read = read.unwrap();
        assert_eq!((read.previous.unwrap().sha256, read.logs[0].sha256), (None, None));
    }

    #[test]
    fn what_a_validator_needs_must_be_there() {
        for member in [
            "digestPublicKeyFingerprint",
            "digestS3Bucket",
            "digestS3Object",
            "previousDigestSignature",
            "digestEndTime",
            "digestStartTime",
        ] {
            let without = json(|json| drop(json.remove(member)));
            assert!(matches!(digest(&without, SHA), Err(DigestError::Members(_))), "{member}");
        }
        for (member, value) in [("digestEndTime", "soon"), ("digestS3Object", &"x".repeat(5000))] {
            assert!(digest(&json(|json| json[member] = value.into()), SHA).is_err(), "{member}");
        }
        assert!(digest(b"{}", SHA).is_err() && digest(b"", SHA).is_err());
    }
}
