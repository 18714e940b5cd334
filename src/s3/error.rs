//! What S3 refuses, and what to do about it.

use std::io;
use std::sync::Arc;

use thiserror::Error;

/// Why something could not be done in S3. Each says what to do next.
#[derive(Debug, Clone, Error)]
pub enum S3Error {
    /// Nothing gives credentials.
    #[error(
        "no AWS credentials found for s3://{bucket}: set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, sign in (aws sso login), \
         or run where a role is attached ({why})"
    )]
    NoCredentials {
        /// The bucket they are for.
        bucket: String,
        /// What was tried last.
        why: String,
    },
    /// The credentials are not, or no longer, those of anybody.
    #[error("AWS does not accept the credentials for s3://{bucket} ({code}): sign in again, or correct them")]
    BadCredentials {
        /// The bucket they are for.
        bucket: String,
        /// What S3 calls it.
        code: String,
    },
    /// Requests bear times that are not S3's.
    #[error("S3 refuses requests for s3://{bucket} ({code}): the clock of this machine is wrong; set it")]
    Clock {
        /// The bucket.
        bucket: String,
        /// What S3 calls it.
        code: String,
    },
    /// There is no such bucket.
    #[error(
        "there is no bucket {bucket:?} at {endpoint}: check the name (and AWS_ENDPOINT_URL, if it is set)"
    )]
    NoSuchBucket {
        /// The bucket.
        bucket: String,
        /// Where it was looked for.
        endpoint: String,
    },
    /// The bucket is elsewhere than requests are signed for.
    #[error("bucket {bucket:?} is not in region {used} but in {actual}: set AWS_REGION to it")]
    WrongRegion {
        /// The bucket.
        bucket: String,
        /// The region that was used.
        used: String,
        /// The region it is in.
        actual: String,
    },
    /// The credentials do not allow it.
    #[error("access to {address} is denied: the caller needs {permission}; see the policies in docs/s3.md{}", detail.as_ref().map(|d| format!(" (S3 says: {d})")).unwrap_or_default())]
    Denied {
        /// The object or folder.
        address: String,
        /// The permission that is missing.
        permission: &'static str,
        /// S3's own words, which name the caller and the policy that denies.
        detail: Option<String>,
    },
    /// Nobody answers.
    #[error("cannot reach {endpoint} ({why}): check the network, proxy, AWS_REGION and AWS_ENDPOINT_URL")]
    Unreachable {
        /// Where.
        endpoint: String,
        /// What happened.
        why: String,
    },
    /// There is no such object.
    #[error("{address} does not exist (any more)")]
    NoSuchObject {
        /// The object.
        address: String,
    },
    /// The object is not, or no longer, in the state that was asked for.
    #[error("{address} was changed by somebody else in the meantime")]
    Precondition {
        /// The object.
        address: String,
    },
    /// The object is archived, and has to be restored first.
    #[error("{address} is in an archive storage class: restore it first (aws s3api restore-object)")]
    Archived {
        /// The object.
        address: String,
    },
    /// Such a key cannot be put in a request.
    #[error(
        "{address} cannot be asked for: '.' and '..' between slashes do not survive in a URL; copy it to another key"
    )]
    Key {
        /// The object.
        address: String,
    },
    /// S3 says something else, or nothing that makes sense, again and again.
    #[error("{what} failed: {why}")]
    Failed {
        /// What was being done.
        what: String,
        /// What came of it.
        why: String,
    },
    /// A file on this machine cannot be read or written.
    #[error("cannot use a file for {address}: {error}")]
    File {
        /// The object it was for.
        address: String,
        /// The operating system's words.
        error: Arc<io::Error>,
    },
}

impl From<S3Error> for io::Error {
    fn from(error: S3Error) -> Self {
        let kind = match &error {
            S3Error::NoSuchObject { .. } | S3Error::NoSuchBucket { .. } => io::ErrorKind::NotFound,
            S3Error::Denied { .. } | S3Error::NoCredentials { .. } | S3Error::BadCredentials { .. } => {
                io::ErrorKind::PermissionDenied
            }
            S3Error::Unreachable { .. } => io::ErrorKind::NotConnected,
            S3Error::Key { .. } => io::ErrorKind::InvalidInput,
            S3Error::File { error, .. } => error.kind(),
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
