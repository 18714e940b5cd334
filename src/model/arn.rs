//! Amazon Resource Names, split but not validated: samples in AWS's documentation contain ids that
//! no validator would accept.

/// The six fields of `arn:partition:service:region:account:resource`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov` …
    pub partition: &'a str,
    /// `kms`, `iam`, `sts`, `s3` …
    pub service: &'a str,
    /// Empty for global services.
    pub region: &'a str,
    /// Twelve digits in real data, or empty.
    pub account: &'a str,
    /// Everything after the fifth colon, colons included.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Splits `text`; `None` when it does not have the form of an ARN.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut rest = text.strip_prefix("arn:")?;
        let mut next = || {
            // The fields are so short that a plain loop is faster than `memchr`.
            let colon = rest.bytes().position(|byte| byte == b':')?;
            let field = rest.get(..colon)?;
            rest = rest.get(colon + 1..)?;
            Some(field)
        };
        let (partition, service, region, account) = (next()?, next()?, next()?, next()?);
        let arn = Self { partition, service, region, account, resource: rest };
        (!arn.partition.is_empty() && !arn.resource.is_empty()).then_some(arn)
    }
}

/// Whether `label` has the form of a region name (`us-west-2`, `us-gov-east-1`, `eusc-de-east-1`).
pub fn is_region(label: &str) -> bool {
    let letters = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase());
    let Some((first, rest)) = label.split_once('-') else { return false };
    let Some((middle, number)) = rest.rsplit_once('-') else { return false };
    (2..=4).contains(&first.len())
        && letters(first)
        && middle.split('-').all(letters)
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
}

/// The ARN partition of a region.
pub fn region_partition(region: &str) -> &'static str {
    const PREFIXES: [(&str, &str); 7] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ];
    PREFIXES.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_the_first_five_colons_only() {
        let arn = Arn::parse("arn:aws:s3:::bucket/2022-01-04T09:58:03Z").unwrap();
        assert_eq!((arn.service, arn.account, arn.resource), ("s3", "", "bucket/2022-01-04T09:58:03Z"));
        assert_eq!(Arn::parse("arn:aws:kms:us-west-2:1"), None);
        assert_eq!(Arn::parse("key/abc"), None);
    }

    #[test]
    fn regions_are_recognized_by_their_form() {
        for region in ["us-west-2", "us-gov-east-1", "cn-north-1", "eusc-de-east-1", "ap-southeast-12"] {
            assert!(is_region(region), "{region}");
        }
        for other in ["s3", "sagemaker-geospatial", "us-west", "us--1", "US-WEST-2", "", "us-west-2a"] {
            assert!(!is_region(other), "{other}");
        }
    }
}
