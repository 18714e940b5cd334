//! The host and URL of a bucket.

use thiserror::Error;

/// Where requests for a bucket go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// Scheme and host, without the bucket.
    pub(super) host: String,
    /// What precedes the slash and the key in the URL of an object.
    pub(super) bucket_url: String,
    /// The region that requests are signed for.
    pub(super) region: String,
    pub(super) addressing: Addressing,
}

/// Where a URL names the bucket (Amazon S3 User Guide: "Virtual hosting of general purpose
/// buckets").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Addressing {
    /// In the host name: `https://bucket.host/key`.
    VirtualHost,
    /// In the path: `https://host/bucket/key`.
    Path,
}

impl Endpoint {
    /// AWS's own endpoint for a region.
    ///
    /// Some buckets are addressed by path in any case: no certificate covers the host name of a
    /// bucket with a dot in its name, and host names have no capitals, so that a bucket with
    /// capitals in its name (old ones may have them) would get the host name of another bucket.
    pub(super) fn aws(bucket: &str, region: &str, variant: EndpointVariant) -> Self {
        let host = host_name(region, variant);
        let is_label = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let addressing = if bucket.bytes().all(is_label) { variant.addressing } else { Addressing::Path };
        Self::new(format!("https://{host}"), bucket, region, addressing)
    }

    /// A configured endpoint (`AWS_ENDPOINT_URL`). Most servers of that kind know path-style only.
    pub(super) fn custom(url: &str, bucket: &str, region: &str) -> Self {
        Self::new(url.to_owned(), bucket, region, Addressing::Path)
    }

    fn new(host: String, bucket: &str, region: &str, addressing: Addressing) -> Self {
        let bucket_url = match (host.split_once("://"), addressing) {
            (Some((scheme, name)), Addressing::VirtualHost) => format!("{scheme}://{bucket}.{name}"),
            _ => format!("{host}/{bucket}"),
        };
        Self { host, bucket_url, region: region.to_owned(), addressing }
    }
}

/// A variant of AWS's endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EndpointVariant {
    pub(super) fips: bool,
    pub(super) dual_stack: bool,
    pub(super) addressing: Addressing,
}

/// The host name of S3 in a region (AWS General Reference: "Amazon Simple Storage Service endpoints
/// and quotas"; Amazon S3 API Reference: "Using dual-stack endpoints"; "AWS FIPS endpoints").
fn host_name(region: &str, variant: EndpointVariant) -> String {
    let service = if variant.fips { "s3-fips" } else { "s3" };
    let stack = if variant.dual_stack { ".dualstack" } else { "" };
    format!("{service}{stack}.{region}.{}", dns_suffix(region))
}

/// The domain of a region's partition (AWS SDKs: `partitions.json`).
fn dns_suffix(region: &str) -> &'static str {
    const SUFFIXES: [(&str, &str); 6] = [
        ("cn-", "amazonaws.com.cn"),
        ("us-iso-", "c2s.ic.gov"),
        ("us-isob-", "sc2s.sgov.gov"),
        ("eu-isoe-", "cloud.adc-e.uk"),
        ("us-isof-", "csp.hci.ic.gov"),
        ("eusc-", "amazonaws.eu"),
    ];
    SUFFIXES
        .iter()
        .find(|(region_prefix, _)| region.starts_with(region_prefix))
        .map_or("amazonaws.com", |(_, suffix)| suffix)
}

/// Why a configured endpoint cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum EndpointUrlError {
    #[error("the URL does not begin with http:// or https://")]
    Scheme,
    #[error("the URL has no valid host and port")]
    Authority,
    #[error("the URL has more than a host, a port and a path")]
    Extra,
}

/// Checks a configured endpoint. A URL that passes can be part of a request.
pub(super) fn check_url(url: &str) -> Result<(), EndpointUrlError> {
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"))
        .ok_or(EndpointUrlError::Scheme)?;
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_in_brackets = |b: u8| b.is_ascii_hexdigit() || b == b':' || b == b'.';
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => !address.is_empty() && address.bytes().all(is_in_brackets),
        None => {
            let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
            !host.is_empty() && host.bytes().all(is_plain)
        }
    };
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    if !is_host || !is_port {
        return Err(EndpointUrlError::Authority);
    }
    let is_path = |b: u8| b.is_ascii_alphanumeric() || b"/-._~".contains(&b);
    if rest[authority.len()..].bytes().all(is_path) { Ok(()) } else { Err(EndpointUrlError::Extra) }
}

/// What an error shows of a URL that [`check_url`] refused: neither user nor password, nor what
/// follows a question mark.
pub(super) fn shown_url(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = authority.split(['?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_follow_region_and_variant() {
        let url = |bucket, region, fips, dual_stack, path_style| {
            let addressing = if path_style { Addressing::Path } else { Addressing::VirtualHost };
            Endpoint::aws(bucket, region, EndpointVariant { fips, dual_stack, addressing }).bucket_url
        };
        assert_eq!(url("b", "eu-west-1", false, false, false), "https://b.s3.eu-west-1.amazonaws.com");
        assert_eq!(url("b", "us-east-1", true, false, false), "https://b.s3-fips.us-east-1.amazonaws.com");
        assert_eq!(
            url("b", "us-gov-west-1", true, true, false),
            "https://b.s3-fips.dualstack.us-gov-west-1.amazonaws.com"
        );
        assert_eq!(
            url("b", "cn-north-1", false, true, false),
            "https://b.s3.dualstack.cn-north-1.amazonaws.com.cn"
        );
        assert_eq!(url("b", "us-west-2", false, false, true), "https://s3.us-west-2.amazonaws.com/b");
        assert_eq!(url("a-1", "us-west-2", false, false, false), "https://a-1.s3.us-west-2.amazonaws.com");
        for bucket in ["a.b", "Logs", "my_logs"] {
            let expected = format!("https://s3.us-west-2.amazonaws.com/{bucket}");
            assert_eq!(url(bucket, "us-west-2", false, false, false), expected);
        }
    }

    #[test]
    fn a_configured_endpoint_is_used_unchanged() {
        let custom = Endpoint::custom("http://127.0.0.1:9000", "b", "us-east-1");
        assert_eq!(custom.bucket_url, "http://127.0.0.1:9000/b");
        assert_eq!(custom.region, "us-east-1");
    }

    #[test]
    fn credentials_in_a_url_are_not_shown() {
        for url in
            ["https://user:secret@h:1/x?token=secret", "user:secret@h:1/x", "s3://u@secret@h:1/x#secret"]
        {
            assert_eq!(shown_url(url), "h:1/x", "{url}");
        }
    }

    #[test]
    fn urls_that_cannot_be_an_endpoint_are_refused() {
        for good in
            ["http://127.0.0.1:9000", "https://s3.example.com", "http://[::1]:80/minio", "http://[::1]"]
        {
            assert_eq!(check_url(good), Ok(()), "{good}");
        }
        for bad in [
            "127.0.0.1:9000",
            "ftp://h",
            "http://",
            "http://:80",
            "http://h:99999",
            "http://h:x",
            "http://u:p@h",
            "http://h?x",
            "http://h\n",
            "http://[]",
            "http://[::1",
            "",
        ] {
            assert!(check_url(bad).is_err(), "{bad}");
        }
    }
}
