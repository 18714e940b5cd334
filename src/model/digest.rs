//! Digest files: which log files CloudTrail delivered in an hour, with their hashes, signed.
//!
//! Source: [CloudTrail digest file structure](https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::sha256::Sha256;
use super::time::EventTime;

/// Where CloudTrail wrote a file, as a digest records it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordedPlace {
    /// The bucket.
    pub bucket: String,
    /// The object's key.
    pub object: String,
}

/// `s3://bucket/key`.
impl fmt::Display for RecordedPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.object)
    }
}

/// A digest file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Digest {
    /// `digestS3Bucket` and `digestS3Object`.
    pub place: RecordedPlace,
    /// `digestEndTime`, unchanged: it is signed as it is written.
    pub end_text: String,
    /// `digestStartTime`.
    pub start: EventTime,
    /// `digestEndTime`.
    pub end: EventTime,
    /// `awsAccountId`.
    pub account_id: Option<String>,
    /// `digestPublicKeyFingerprint`.
    pub fingerprint: String,
    /// `digestSignatureAlgorithm`, if it is not `SHA256withRSA`.
    pub other_algorithm: Option<String>,
    /// The digest before this one in its chain; `None`: the chain starts here.
    pub previous: Option<PreviousDigest>,
    /// SHA-256 of the digest file's own content.
    pub sha256: Sha256,
    /// Something follows the first gzip member, which is all that CloudTrail writes.
    pub has_more_members: bool,
    /// The signature in the object's metadata, where the input says it.
    pub signature: Option<String>,
    /// `logFiles`.
    pub logs: Vec<ListedLog>,
}

/// What a digest says about the one before it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PreviousDigest {
    /// `previousDigestS3Bucket` and `previousDigestS3Object`; `None`: not given.
    pub place: Option<RecordedPlace>,
    /// `previousDigestHashValue`; `None`: it is no SHA-256.
    pub sha256: Option<Sha256>,
    /// `previousDigestSignature`, unchanged: part of what is signed.
    pub signature: String,
}

/// A log file that a digest lists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ListedLog {
    /// `s3Bucket` and `s3Object`.
    pub place: RecordedPlace,
    /// `hashValue`; `None`: it is no SHA-256.
    pub sha256: Option<Sha256>,
}
