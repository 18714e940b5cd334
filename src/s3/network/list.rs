//! Lists keys, page by page.

use serde::Deserialize;
use tokio::time::timeout;

use super::client::{Request, S3Client};
use super::refusal::{RequestError, TransferError};
use super::retry::{Backoff, RetryPolicy};
use crate::model::EventTime;
use crate::s3::{Grouping, ListRequest, Object, Page, S3Error};

/// What listing needs.
const PERMISSION: &str = "s3:ListBucket on the bucket";

/// The response of ListObjectsV2 (Amazon S3 API Reference).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListBucketResult {
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    contents: Vec<Contents>,
    #[serde(default)]
    common_prefixes: Vec<CommonPrefix>,
    next_continuation_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Contents {
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
    /// Lists one page.
    pub(super) async fn list_page(&self, list: &ListRequest, policy: RetryPolicy) -> Result<Page, S3Error> {
        let max_keys = list.max_keys.map(|n| n.to_string());
        let mut query = vec![("list-type", "2"), ("prefix", &*list.prefix)];
        query.extend((list.grouping == Grouping::Folders).then_some(("delimiter", "/")));
        query.extend(max_keys.as_deref().map(|n| ("max-keys", n)));
        query.extend(list.continuation.as_deref().map(|token| ("continuation-token", token)));
        let request = Request { query: &query, ..Request::of_bucket() };
        let mut backoff = Backoff::new(policy);
        loop {
            let page = timeout(policy.attempt_timeout, self.list_page_once(&request)).await;
            match page.unwrap_or_else(|_| Err(TransferError::Timeout.into())) {
                Ok(page) => return Ok(page),
                Err(error) => backoff
                    .pause_after(self, error)
                    .await
                    .map_err(|error| self.error(error, &list.prefix, PERMISSION))?,
            }
        }
    }

    async fn list_page_once(&self, request: &Request<'_>) -> Result<Page, RequestError> {
        let body = self.send(request).await?.into_body().bytes().await?;
        Ok(parse(&body)?)
    }
}

fn parse(body: &[u8]) -> Result<Page, TransferError> {
    // The XML parser may take the end of what was received for the end of the document.
    if !body.trim_ascii_end().ends_with(b"</ListBucketResult>") {
        return Err(TransferError::ListCutOff);
    }
    let result: ListBucketResult = quick_xml::de::from_reader(body).map_err(TransferError::InvalidList)?;
    let continuation = result.next_continuation_token.filter(|token| !token.is_empty());
    if result.is_truncated && continuation.is_none() {
        return Err(TransferError::ListWithoutToken);
    }
    let object = |contents: Contents| Object {
        key: contents.key,
        size: contents.size,
        etag: contents.etag.filter(|etag| !etag.is_empty()),
        modified: contents.last_modified.as_deref().and_then(EventTime::parse),
    };
    Ok(Page {
        objects: result.contents.into_iter().map(object).collect(),
        folders: result.common_prefixes.into_iter().map(|folder| folder.prefix).collect(),
        continuation: continuation.filter(|_| result.is_truncated),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESPONSE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix></Prefix><KeyCount>4</KeyCount><MaxKeys>1000</MaxKeys>
<IsTruncated>true</IsTruncated><NextContinuationToken>a/b=+</NextContinuationToken>
<Contents><Key>a &amp; b&#x1;/</Key><LastModified>2023-03-17T18:02:06.123Z</LastModified><ETag>&quot;d41d8&quot;</ETag><Size>0</Size>
<StorageClass>STANDARD</StorageClass></Contents>
<CommonPrefixes><Prefix>c//</Prefix></CommonPrefixes>
<Contents><Key> d</Key><Size>7</Size></Contents></ListBucketResult>"#;

    #[test]
    fn keys_are_read_unchanged() {
        let page = parse(RESPONSE.as_bytes()).unwrap();
        let object = |key: &str, size, etag: Option<&str>, modified| Object {
            key: key.to_owned(),
            size,
            etag: etag.map(str::to_owned),
            modified,
        };
        let modified = EventTime::parse("2023-03-17T18:02:06.123Z");
        assert!(modified.is_some());
        assert_eq!(
            page.objects,
            [object("a & b\u{1}/", 0, Some("\"d41d8\""), modified), object(" d", 7, None, None)]
        );
        assert_eq!(page.folders, ["c//"]);
        assert_eq!(page.continuation.as_deref(), Some("a/b=+"));
    }

    #[test]
    fn an_incomplete_page_is_an_error() {
        for end in 0..RESPONSE.len() {
            assert!(parse(&RESPONSE.as_bytes()[..end]).is_err(), "{end}");
        }
        let without_token = RESPONSE.replace("<NextContinuationToken>a/b=+</NextContinuationToken>", "");
        assert!(parse(without_token.as_bytes()).is_err());
    }
}
