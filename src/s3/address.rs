//! Addresses of the form `s3://bucket/key`.

use std::fmt;

use thiserror::Error;

/// An object in S3, or the folder of all keys that start with `key/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// The bucket.
    pub bucket: String,
    /// The key as it is stored; empty for the whole bucket. A key may start with `/`, though few
    /// do: then the address has two slashes there.
    pub key: String,
}

/// Text that starts with `s3://` but is not a valid address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is not a valid S3 address; write s3://bucket or s3://bucket/prefix")]
pub struct AddressError {
    text: String,
    source: BucketNameError,
}

/// Why a bucket cannot have a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
enum BucketNameError {
    #[error("the name of the bucket is missing")]
    Missing,
    #[error("access points cannot be read by their ARN; use their alias as the name of the bucket")]
    Arn,
    #[error("this cannot be the name of a bucket")]
    Invalid,
    #[error("directory buckets are not supported: they do not list their keys in order")]
    DirectoryBucket,
}

const SCHEME: &str = "s3://";

impl Address {
    /// Parses an address. Returns `None` for text that does not start with `s3://`.
    pub fn parse(text: &str) -> Option<Result<Self, AddressError>> {
        let has_scheme = text.get(..SCHEME.len())?.eq_ignore_ascii_case(SCHEME);
        has_scheme.then(|| {
            let rest = &text[SCHEME.len()..];
            let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
            match check_name(bucket) {
                Err(source) => Err(AddressError { text: text.to_owned(), source }),
                Ok(()) => Ok(Self { bucket: bucket.to_owned(), key: key.to_owned() }),
            }
        })
    }

    /// Whether the address seems to name one object: the last part of its key has an extension.
    /// Folders of CloudTrail have none.
    pub fn names_object(&self) -> bool {
        self.key.rsplit('/').next().is_some_and(|last| last.contains('.'))
    }

    /// The folder of this name. Its key is empty or ends in `/`.
    pub fn folder(&self) -> Self {
        let slash = if self.key.is_empty() || self.key.ends_with('/') { "" } else { "/" };
        Self { bucket: self.bucket.clone(), key: format!("{}{slash}", self.key) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.bucket, self.key)
    }
}

/// Checks whether the name can be part of a host name or a path (AWS: "General purpose buckets
/// naming rules"; old names may have capitals and underscores). Only S3 knows whether the bucket
/// exists.
fn check_name(bucket: &str) -> Result<(), BucketNameError> {
    if bucket.is_empty() {
        return Err(BucketNameError::Missing);
    }
    if bucket.starts_with("arn:") {
        return Err(BucketNameError::Arn);
    }
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    if !bucket.bytes().all(is_plain) || bucket.starts_with('.') || bucket.contains("..") {
        return Err(BucketNameError::Invalid);
    }
    if bucket.ends_with("--x-s3") {
        return Err(BucketNameError::DirectoryBucket);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_split_into_bucket_and_key() {
        let parse = |text| Address::parse(text).map(|a| a.map(|a| (a.bucket, a.key)).map_err(|e| e.source));
        let parts = |bucket: &str, key: &str| Some(Ok((bucket.to_owned(), key.to_owned())));
        assert_eq!(parse("s3://b"), parts("b", ""));
        assert_eq!(parse("s3://b/"), parts("b", ""));
        assert_eq!(parse("S3://b/p/q.json.gz"), parts("b", "p/q.json.gz"));
        assert_eq!(parse("s3://b/p//q/"), parts("b", "p//q/"));
        assert_eq!(parse("s3://b//q"), parts("b", "/q"));
        for other in ["logs/", "-", "s3:/b", "s3", "", "https://b.s3.amazonaws.com/k", "é3://b"] {
            assert_eq!(parse(other), None, "{other}");
        }
        for bad in ["s3://", "s3:///key", "s3://a b/k", "s3://../k", "s3://ü/k", "s3://x--use1-az4--x-s3/k"]
        {
            assert!(matches!(parse(bad), Some(Err(_))), "{bad}");
        }
    }

    #[test]
    fn an_address_is_displayed_as_it_was_parsed() {
        for text in ["s3://b/", "s3://b/p/q.json.gz", "s3://b//p"] {
            assert_eq!(Address::parse(text).unwrap().unwrap().to_string(), text);
        }
    }
}
