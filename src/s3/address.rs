//! `s3://bucket/key`.

use std::fmt;

use thiserror::Error;

/// Something in S3: an object, or the folder that all keys beginning with `key/` make.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// The bucket.
    pub bucket: String,
    /// The key as it is stored; empty: the whole bucket. A key may begin with `/`, though few do: then it follows a second one.
    pub key: String,
}

/// Text that begins as an address in S3 and is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is no address in S3 ({why}); write s3://bucket or s3://bucket/prefix")]
pub struct AddressError {
    text: String,
    why: &'static str,
}

const SCHEME: &str = "s3://";

impl Address {
    /// Reads an address; `None` for text that does not begin with `s3://`.
    pub fn parse(text: &str) -> Option<Result<Self, AddressError>> {
        let begins = text.get(..SCHEME.len())?.eq_ignore_ascii_case(SCHEME);
        begins.then(|| {
            let rest = &text[SCHEME.len()..];
            let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
            match fault_of(bucket) {
                Some(why) => Err(AddressError { text: text.to_owned(), why }),
                None => Ok(Self { bucket: bucket.to_owned(), key: key.to_owned() }),
            }
        })
    }

    /// The folder of this name: its key is empty or ends in `/`.
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

/// What is wrong with the name of a bucket, going by what can stand in a host name or a path (AWS: "General purpose buckets naming rules";
/// capitals and underscores are in old names). Whether it exists is for S3 to say.
fn fault_of(bucket: &str) -> Option<&'static str> {
    if bucket.is_empty() {
        return Some("the bucket's name is missing");
    }
    if bucket.starts_with("arn:") {
        return Some("access points are not read by their ARN: use their alias as the bucket's name");
    }
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    if !bucket.bytes().all(is_plain) || bucket.starts_with('.') || bucket.contains("..") {
        return Some("this cannot be the name of a bucket");
    }
    if bucket.ends_with("--x-s3") {
        return Some("directory buckets are not supported: they do not list their keys in order");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_bucket_and_key_apart() {
        let parse = |text| Address::parse(text).map(|a| a.map(|a| (a.bucket, a.key)).map_err(|e| e.why));
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
    fn is_written_as_it_is_read() {
        for text in ["s3://b/", "s3://b/p/q.json.gz", "s3://b//p"] {
            assert_eq!(Address::parse(text).unwrap().unwrap().to_string(), text);
        }
    }
}
