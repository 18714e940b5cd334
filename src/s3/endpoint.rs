//! Which host to ask, and in whose region.

/// Where a bucket is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// Scheme and host, without the bucket.
    pub(super) host: String,
    /// Of the bucket's objects, without the slash before the key.
    pub(super) bucket_url: String,
    /// The region that requests are signed for.
    pub(super) region: String,
    /// The bucket is part of the path, not of the host name.
    pub(super) path_style: bool,
}

impl Endpoint {
    /// AWS's own endpoint for a region. A bucket with a dot in its name has no host name that a certificate would cover; one with capitals, as
    /// old ones may have, would become another's name in a host name, which has none.
    pub(super) fn of_aws(bucket: &str, region: &str, variant: Variant) -> Self {
        let name = host_of(region, variant);
        let is_host = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let path_style = variant.path_style || !bucket.bytes().all(is_host);
        Self::new(format!("https://{name}"), bucket, region, path_style)
    }

    /// An endpoint as it is given (`AWS_ENDPOINT_URL`): most servers of that kind know buckets by path only.
    pub(super) fn given(url: &str, bucket: &str, region: &str) -> Self {
        Self::new(url.to_owned(), bucket, region, true)
    }

    fn new(host: String, bucket: &str, region: &str, path_style: bool) -> Self {
        let bucket_url = match host.split_once("://") {
            Some((scheme, name)) if !path_style => format!("{scheme}://{bucket}.{name}"),
            _ => format!("{host}/{bucket}"),
        };
        Self { host, bucket_url, region: region.to_owned(), path_style }
    }
}

/// Variants of AWS's endpoints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Variant {
    pub(super) fips: bool,
    pub(super) dual_stack: bool,
    pub(super) path_style: bool,
}

/// The host name of S3 in a region (AWS General Reference: "Amazon Simple Storage Service endpoints and quotas"; Amazon S3 API Reference:
/// "Using dual-stack endpoints"; "AWS FIPS endpoints").
fn host_of(region: &str, variant: Variant) -> String {
    let service = if variant.fips { "s3-fips" } else { "s3" };
    let stack = if variant.dual_stack { ".dualstack" } else { "" };
    format!("{service}{stack}.{region}.{}", suffix_of(region))
}

/// The domain of a region's partition (AWS SDKs: `partitions.json`).
fn suffix_of(region: &str) -> &'static str {
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

/// What is wrong with an endpoint, if anything: what passes here can be put in a request.
pub(super) fn fault_of(url: &str) -> Option<&'static str> {
    let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
        return Some("the URL does not begin with http:// or https://");
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let in_brackets = |b: u8| b.is_ascii_hexdigit() || b == b':' || b == b'.';
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => !address.is_empty() && address.bytes().all(in_brackets),
        None => {
            let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
            !host.is_empty() && host.bytes().all(is_plain)
        }
    };
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    let is_path = |b: u8| b.is_ascii_alphanumeric() || b"/-._~".contains(&b);
    match (is_host && is_port, rest[authority.len()..].bytes().all(is_path)) {
        (false, _) => Some("the URL has no proper host and port"),
        (_, false) => Some("the URL has more than a host, a port and a path"),
        _ => None,
    }
}

/// The region to ask for a bucket's region: any in the same partition knows.
pub(super) fn first_asked(region: Option<&str>) -> &str {
    region.unwrap_or("us-east-1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_follow_region_and_variant() {
        let url = |bucket, region, fips, dual_stack, path_style| {
            Endpoint::of_aws(bucket, region, Variant { fips, dual_stack, path_style }).bucket_url
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
    fn a_given_endpoint_is_taken_as_it_is() {
        let given = Endpoint::given("http://127.0.0.1:9000", "b", "us-east-1");
        assert_eq!(given.bucket_url, "http://127.0.0.1:9000/b");
        assert_eq!(given.region, "us-east-1");
    }

    #[test]
    fn what_is_no_endpoint_is_said() {
        for good in
            ["http://127.0.0.1:9000", "https://s3.example.com", "http://[::1]:80/minio", "http://[::1]"]
        {
            assert_eq!(fault_of(good), None, "{good}");
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
            assert!(fault_of(bad).is_some(), "{bad}");
        }
    }
}
