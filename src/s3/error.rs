//! Why something could not be done in S3, and what to do about it.

use std::error::Error as StdError;
use std::io;

use thiserror::Error;

/// The cause of an [`S3Error`]: an error of the network crates, or one of this module's own.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// Why something could not be done in S3. Each message says what to do next; the cause, where there
/// is one, is the `source()` and not part of the message.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum S3Error {
    /// The feature `s3` was off when this program was compiled.
    #[error(
        "this build of keytrail has no S3 support, which s3://{bucket} needs; \
         build it with the feature `s3`, which is on by default"
    )]
    Unsupported {
        /// The bucket that was asked for.
        bucket: String,
    },
    /// No source provides credentials.
    #[error(
        "no AWS credentials found for s3://{bucket}; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY, sign in (aws sso login), or run where a role is attached"
    )]
    NoCredentials {
        /// The bucket they are for.
        bucket: String,
        /// What was tried last.
        source: Cause,
    },
    /// AWS does not know the credentials, or they are no longer valid.
    #[error("AWS does not accept the credentials for s3://{bucket} ({code}); sign in again, or correct them")]
    CredentialsRejected {
        /// The bucket they are for.
        bucket: String,
        /// The error code of S3.
        code: String,
    },
    /// The time stamps of requests differ too much from the time at S3.
    #[error("S3 refuses requests for s3://{bucket} ({code}): the clock of this machine is wrong; set it")]
    ClockSkew {
        /// The bucket.
        bucket: String,
        /// The error code of S3.
        code: String,
    },
    /// There is no such bucket.
    #[error(
        "there is no bucket {bucket:?} at {endpoint}; check the name (and AWS_ENDPOINT_URL, if it is set)"
    )]
    NoSuchBucket {
        /// The bucket.
        bucket: String,
        /// Where it was looked for.
        endpoint: String,
    },
    /// Requests are signed for another region than the bucket's.
    #[error("bucket {bucket:?} is in region {actual}, not in {used}; set AWS_REGION to {actual}")]
    WrongRegion {
        /// The bucket.
        bucket: String,
        /// The region that requests were signed for.
        used: String,
        /// The region the bucket is in.
        actual: String,
    },
    /// The credentials do not allow the request.
    #[error("access to {address} is denied: the caller needs {permission}; see the policies in docs/s3.md{}", detail.as_ref().map(|d| format!(" (S3 says: {d})")).unwrap_or_default())]
    Denied {
        /// The object or folder.
        address: String,
        /// The missing permission.
        permission: &'static str,
        /// The message of S3, which names the caller and the policy that denies.
        detail: Option<String>,
    },
    /// The endpoint does not respond.
    #[error("cannot reach {endpoint}; check the network, proxy, AWS_REGION and AWS_ENDPOINT_URL")]
    Unreachable {
        /// The endpoint's URL.
        endpoint: String,
        /// What happened to the last request.
        source: Cause,
    },
    /// There is no such object.
    #[error("{address} does not exist, or no longer")]
    NoSuchObject {
        /// The object.
        address: String,
    },
    /// S3 does not, or no longer, know an upload in parts.
    #[error("the upload of {address} was ended by another program")]
    NoSuchUpload {
        /// The object.
        address: String,
    },
    /// The object is not, or no longer, in the state that the request required.
    #[error("{address} was changed by another program in the meantime")]
    Precondition {
        /// The object.
        address: String,
    },
    /// The object is in an archive storage class and has to be restored first.
    #[error("{address} is in an archive storage class; restore it first (aws s3api restore-object)")]
    Archived {
        /// The object.
        address: String,
    },
    /// The key cannot be part of a URL.
    #[error(
        "{address} cannot be requested: URLs cannot contain '.' or '..' between slashes; \
         copy the object to another key"
    )]
    UnsupportedKey {
        /// The object.
        address: String,
    },
    /// S3 refuses for another reason, or sends nothing usable, however often it is asked.
    #[error("{operation} failed")]
    Failed {
        /// What was being done.
        operation: String,
        /// What came of it.
        source: Cause,
    },
    /// A file on this machine cannot be read or written.
    #[error("cannot use the file for {address}")]
    File {
        /// The object that the file is for.
        address: String,
        /// The error of the operating system.
        source: io::Error,
    },
}

impl S3Error {
    pub(super) fn failed(operation: impl Into<String>, cause: impl Into<Cause>) -> Self {
        Self::Failed { operation: operation.into(), source: cause.into() }
    }
}

impl From<S3Error> for io::Error {
    fn from(error: S3Error) -> Self {
        let kind = match &error {
            S3Error::NoSuchObject { .. } | S3Error::NoSuchBucket { .. } => io::ErrorKind::NotFound,
            S3Error::Denied { .. } | S3Error::NoCredentials { .. } | S3Error::CredentialsRejected { .. } => {
                io::ErrorKind::PermissionDenied
            }
            S3Error::Unreachable { .. } => io::ErrorKind::NotConnected,
            S3Error::UnsupportedKey { .. } => io::ErrorKind::InvalidInput,
            S3Error::Unsupported { .. } => io::ErrorKind::Unsupported,
            S3Error::File { source, .. } => source.kind(),
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
