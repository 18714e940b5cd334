//! Text that is not an address in S3, but was probably meant to be one.

/// Hosts of S3, in the partitions that have public names.
const HOSTS: [&str; 2] = [".amazonaws.com", ".amazonaws.com.cn"];
/// Hosts of the console in the browser.
const CONSOLES: [&str; 3] =
    [".console.aws.amazon.com", ".console.amazonaws.cn", ".console.amazonaws-us-gov.com"];

/// What text that looks like an address was probably meant to be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lookalike {
    /// This address or path.
    Meant(String),
    /// A place that this program does not read.
    Elsewhere,
}

impl Lookalike {
    /// Recognises misspelled addresses, ARNs and URLs. Returns `None` for everything else, such as
    /// paths, and for text that starts with `s3://`.
    pub fn of(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        if lower.starts_with("s3://") {
            return None;
        }
        if lower.starts_with("arn:") {
            return Some(of_arn(text));
        }
        if let Some((scheme, rest)) = text.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) {
            return Some(match scheme.to_ascii_lowercase().as_str() {
                "s3a" | "s3n" => s3(rest, ""),
                "file" => Self::Meant(percent_decoded(rest)),
                "http" | "https" => of_url(rest),
                _ => Self::Elsewhere,
            });
        }
        if let Some(rest) = lower.strip_prefix("s3").map(|rest| &text[text.len() - rest.len()..])
            && (rest.starts_with([':', ';']) || rest.starts_with("//"))
        {
            return Some(s3(rest.trim_start_matches([':', ';', '/']), ""));
        }
        let host = lower.split('/').next().unwrap_or_default();
        HOSTS.iter().chain(&CONSOLES).any(|end| host.ends_with(end)).then(|| of_url(text))
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

/// The address of a bucket, or of a key in it. The key may also follow a slash in `bucket`.
fn s3(bucket: &str, key: &str) -> Lookalike {
    match (bucket, key) {
        ("", _) => Lookalike::Meant("s3://bucket/prefix".to_owned()),
        (bucket, "") => Lookalike::Meant(format!("s3://{bucket}")),
        (bucket, key) => Lookalike::Meant(format!("s3://{bucket}/{key}")),
    }
}

/// `arn:aws:s3:::bucket/key`. The ARNs of access points, trails and others name no bucket.
fn of_arn(text: &str) -> Lookalike {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts[..] {
        [_, _, service, "", "", resource] if service.eq_ignore_ascii_case("s3") => {
            s3(resource.trim_end_matches('*'), "")
        }
        _ => Lookalike::Elsewhere,
    }
}

/// A URL without its scheme: the bucket is the first label of the host or the first folder of the
/// path (Amazon S3 User Guide: "Virtual hosting of general purpose buckets").
fn of_url(url: &str) -> Lookalike {
    let (url, query) = url.split_once(['?', '#']).unwrap_or((url, ""));
    let (host, path) = url.split_once('/').unwrap_or((url, ""));
    let host = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    if CONSOLES.iter().any(|end| host.ends_with(end)) {
        return of_console(path, query);
    }
    if !HOSTS.iter().any(|end| host.ends_with(end)) {
        return Lookalike::Elsewhere;
    }
    let labels: Vec<&str> = host.split('.').collect();
    let is_s3 = |label: &&str| *label == "s3" || label.starts_with("s3-");
    match labels.iter().rposition(is_s3) {
        None => Lookalike::Elsewhere,
        Some(0) => s3(&percent_decoded(path), ""),
        Some(at) => s3(&labels[..at].join("."), &percent_decoded(path)),
    }
}

/// A page of the console: `s3/buckets/BUCKET?prefix=PREFIX`, `s3/object/BUCKET?prefix=KEY`.
fn of_console(path: &str, query: &str) -> Lookalike {
    let parts: Vec<&str> = path.split('/').collect();
    let ["s3", "buckets" | "object", bucket, ..] = parts[..] else { return Lookalike::Elsewhere };
    let prefix = query.split('&').find_map(|part| part.strip_prefix("prefix="));
    s3(bucket, &percent_decoded(prefix.unwrap_or_default()))
}

/// Replaces `%HH`. Text that is then not UTF-8 stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |b: &u8| char::from(*b).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        rest = match (first, tail) {
            (b'%', [high, low, after @ ..]) if hex(high).is_some() && hex(low).is_some() => {
                bytes.push(hex(high).unwrap_or_default() << 4 | hex(low).unwrap_or_default());
                after
            }
            _ => {
                bytes.push(*first);
                tail
            }
        };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_found() {
        for (text, meant) in [
            ("s3:/b/p/q", "s3://b/p/q"),
            ("s3:b/p", "s3://b/p"),
            ("S3:/b", "s3://b"),
            ("s3//b/p", "s3://b/p"),
            ("s3;//b", "s3://b"),
            ("s3a://b/p", "s3://b/p"),
            ("s3:", "s3://bucket/prefix"),
            ("arn:aws:s3:::b/AWSLogs/*", "s3://b/AWSLogs/"),
            ("arn:aws-cn:s3:::b", "s3://b"),
            ("https://b.s3.eu-west-1.amazonaws.com/AWSLogs/a%20b?x=1", "s3://b/AWSLogs/a b"),
            ("https://b.c.s3.amazonaws.com/", "s3://b.c"),
            ("http://s3-us-west-2.amazonaws.com/b/p", "s3://b/p"),
            ("https://s3.dualstack.us-east-1.amazonaws.com:443/b/p#x", "s3://b/p"),
            ("https://b.s3.cn-north-1.amazonaws.com.cn/k", "s3://b/k"),
            ("b.s3.amazonaws.com/k", "s3://b/k"),
            (
                "https://us-east-1.console.aws.amazon.com/s3/buckets/b?region=us-east-1&prefix=AWSLogs/",
                "s3://b/AWSLogs/",
            ),
            ("file:///var/log/a", "/var/log/a"),
        ] {
            assert_eq!(Lookalike::of(text), Some(Lookalike::Meant(meant.to_owned())), "{text}");
        }
        for text in [
            "gs://b/p",
            "az://c/p",
            "https://example.com/a.json.gz",
            "https://sts.amazonaws.com/",
            "arn:aws:cloudtrail:us-east-1:111122223333:trail/t",
            "arn:aws:s3:us-east-1:111122223333:accesspoint/a",
            "https://s3.console.aws.amazon.com/",
        ] {
            assert_eq!(Lookalike::of(text), Some(Lookalike::Elsewhere), "{text}");
        }
        for text in ["logs/", "-", "", "s3", "s3/logs", "s3://b", "a:b", "C:\\logs", "é://b", "arn", "%"] {
            assert_eq!(Lookalike::of(text), None, "{text}");
        }
        assert_eq!(percent_decoded("%zz%4"), "%zz%4");
        assert_eq!(percent_decoded("%ff"), "%ff");
    }
}
