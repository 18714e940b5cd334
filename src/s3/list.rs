//! What is in a bucket, page by page.

use serde::Deserialize;
use tokio::time::timeout;

use super::client::{Request, RequestError, Retry, RetryPolicy, S3Client};
use super::{ListRequest, Listed, Page, S3Error};
use crate::model::EventTime;

/// What listing needs.
pub(super) const PERMISSION: &str = "s3:ListBucket on the bucket";

/// An answer of ListObjectsV2 (Amazon S3 API Reference).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    contents: Vec<Content>,
    #[serde(default)]
    common_prefixes: Vec<CommonPrefix>,
    next_continuation_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    key: String,
    size: u64,
    last_modified: Option<String>,
    #[serde(rename = "ETag")]
    etag: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CommonPrefix {
    prefix: String,
}

impl S3Client {
    /// One page.
    pub(super) async fn page(&self, want: &ListRequest, patience: RetryPolicy) -> Result<Page, S3Error> {
        let most = want.at_most.map(|n| n.to_string());
        let mut query = vec![("list-type", "2"), ("prefix", &*want.prefix)];
        query.extend(want.folders.then_some(("delimiter", "/")));
        query.extend(most.as_deref().map(|n| ("max-keys", n)));
        query.extend(want.from.as_deref().map(|token| ("continuation-token", token)));
        let ask = Request { key: None, query: &query, headers: &[] };
        let mut retry = Retry::new(patience);
        loop {
            let late = |_| Err(RequestError::Broken("no answer in time".to_owned()));
            match timeout(patience.each, self.page_once(&ask)).await.unwrap_or_else(late) {
                Ok(page) => return Ok(page),
                Err(trouble) => retry
                    .after(self, trouble)
                    .await
                    .map_err(|trouble| self.error(trouble, &want.prefix, PERMISSION))?,
            }
        }
    }

    async fn page_once(&self, ask: &Request<'_>) -> Result<Page, RequestError> {
        let body = self.send(ask).await?.into_body();
        let body = body.bytes().await.map_err(|e| RequestError::of_http(&e))?;
        parse(&body).map_err(RequestError::Broken)
    }
}

fn parse(body: &[u8]) -> Result<Page, String> {
    // The reader might take the end of what was received for the end of the document.
    if !body.trim_ascii_end().ends_with(b"</ListBucketResult>") {
        return Err("the list of keys breaks off".to_owned());
    }
    let answer: Answer =
        quick_xml::de::from_reader(body).map_err(|e| format!("the list of keys cannot be read: {e}"))?;
    let next = answer.next_continuation_token.filter(|token| !token.is_empty());
    if answer.is_truncated && next.is_none() {
        return Err("the list of keys has no end and does not say how to go on".to_owned());
    }
    let listed = |content: Content| Listed {
        key: content.key,
        size: content.size,
        etag: content.etag.filter(|tag| !tag.is_empty()),
        modified: content.last_modified.as_deref().and_then(EventTime::parse),
    };
    Ok(Page {
        objects: answer.contents.into_iter().map(listed).collect(),
        folders: answer.common_prefixes.into_iter().map(|folder| folder.prefix).collect(),
        next: next.filter(|_| answer.is_truncated),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix></Prefix><KeyCount>4</KeyCount><MaxKeys>1000</MaxKeys>
<IsTruncated>true</IsTruncated><NextContinuationToken>a/b=+</NextContinuationToken>
<Contents><Key>a &amp; b&#x1;/</Key><LastModified>2023-03-17T18:02:06.123Z</LastModified><ETag>&quot;d41d8&quot;</ETag><Size>0</Size>
<StorageClass>STANDARD</StorageClass></Contents>
<CommonPrefixes><Prefix>c//</Prefix></CommonPrefixes>
<Contents><Key> d</Key><Size>7</Size></Contents></ListBucketResult>"#;

    #[test]
    fn reads_keys_as_they_are() {
        let page = parse(ANSWER.as_bytes()).unwrap();
        let listed = |key: &str, size, etag: Option<&str>, modified| Listed {
            key: key.to_owned(),
            size,
            etag: etag.map(str::to_owned),
            modified,
        };
        let modified = EventTime::parse("2023-03-17T18:02:06.123Z");
        assert!(modified.is_some());
        assert_eq!(
            page.objects,
            [listed("a & b\u{1}/", 0, Some("\"d41d8\""), modified), listed(" d", 7, None, None)]
        );
        assert_eq!(page.folders, ["c//"]);
        assert_eq!(page.next.as_deref(), Some("a/b=+"));
    }

    #[test]
    fn half_a_page_is_no_page() {
        for end in 0..ANSWER.len() {
            assert!(parse(&ANSWER.as_bytes()[..end]).is_err(), "{end}");
        }
        let endless = ANSWER.replace("<NextContinuationToken>a/b=+</NextContinuationToken>", "");
        assert!(parse(endless.as_bytes()).is_err());
    }
}
