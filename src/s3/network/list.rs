//! Lists keys, page by page.

use futures_util::StreamExt;
use serde::Deserialize;
use tokio::time::timeout;

use super::client::{Request, S3Client};
use super::refusal::{RequestError, TransferError};
use super::retry::{Backoff, RetryPolicy};
use crate::model::EventTime;
use crate::s3::{Grouping, ListRequest, Object, Page, S3Error};

/// The longest key in bytes (Amazon S3 User Guide: "Naming Amazon S3 objects").
const LONGEST_KEY: usize = 1024;
/// A page may be empty, and name the next one. So many in a row are a listing without end.
const MAX_EMPTY_PAGES: u32 = 100;

/// Pages of one listing at most: with S3's 1,000 keys each, a billion keys. A server that names
/// ever higher keys has no end.
const MAX_PAGES: u32 = 1_000_000;
/// Bytes of a page at most: 1,000 of the longest keys take half as much, every character escaped.
const LARGEST_PAGE: usize = 16 << 20;

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
                Ok(page) => {
                    let failed = |error| self.error(RequestError::from(error), &list.prefix, PERMISSION);
                    return check(list, &page).map_err(failed).map(|()| page);
                }
                Err(error) => backoff
                    .pause_after(self, error)
                    .await
                    .map_err(|error| self.error(error, &list.prefix, PERMISSION))?,
            }
        }
    }

    async fn list_page_once(&self, request: &Request<'_>) -> Result<Page, RequestError> {
        let mut chunks = self.send(request).await?.into_body().bytes_stream();
        let mut body = Vec::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(TransferError::from)?;
            if body.len() + chunk.len() > LARGEST_PAGE {
                return Err(TransferError::ListTooLarge { bytes: LARGEST_PAGE }.into());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(parse(&body)?)
    }
}

/// Checks that a page can be right, so that every listing comes to an end: a page names what was
/// asked for, and each one goes on behind the last.
fn check(list: &ListRequest, page: &Page) -> Result<(), TransferError> {
    let keys = page.objects.iter().map(|object| &object.key);
    let is_below = |folder: &&String| {
        folder.len() > list.prefix.len() && folder.ends_with('/') && folder.starts_with(&list.prefix)
    };
    let foreign_key = keys.clone().find(|key| !key.starts_with(&list.prefix));
    let foreign = foreign_key.or_else(|| page.folders.iter().find(|folder| !is_below(folder)));
    if let Some(name) = foreign {
        return Err(TransferError::ForeignKey { name: shortened(name) });
    }
    let mut names = keys.chain(&page.folders);
    if let Some(name) = names.clone().find(|name| name.len() > LONGEST_KEY) {
        return Err(TransferError::LongKey { bytes: name.len() });
    }
    if let Some(after) = &list.after
        && let Some(name) = names.find(|name| *name <= after)
    {
        return Err(TransferError::ListGoesBack { name: shortened(name) });
    }
    if page.continuation.is_some() && page.continuation == list.continuation {
        return Err(TransferError::ListRepeats);
    }
    if page.continuation.is_some() && page.last().is_none() && list.empty_pages + 1 >= MAX_EMPTY_PAGES {
        return Err(TransferError::ListWithoutEnd { pages: MAX_EMPTY_PAGES });
    }
    if page.continuation.is_some() && list.pages + 1 >= MAX_PAGES {
        return Err(TransferError::ListTooLong { pages: MAX_PAGES });
    }
    Ok(())
}

/// The beginning of a name that somebody else has chosen.
fn shortened(name: &str) -> String {
    name.chars().take(200).collect()
}

/// Reads the page that a server answers to `list`.
///
/// # Errors
/// When it is none, or cannot be right.
pub fn read_page(list: &ListRequest, body: &[u8]) -> Result<Page, S3Error> {
    let page = parse(body).and_then(|page| check(list, &page).map(|()| page));
    page.map_err(|error| S3Error::failed(format!("listing {}", list.prefix), error))
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
    fn a_page_names_what_was_asked_for_and_goes_on() {
        let list = ListRequest { prefix: "a/".to_owned(), ..ListRequest::default() };
        let page = |keys: &[&str], folders: &[&str], continuation: Option<&str>| Page {
            objects: keys
                .iter()
                .map(|key| Object { key: (*key).to_owned(), size: 0, etag: None, modified: None })
                .collect(),
            folders: folders.iter().map(|folder| (*folder).to_owned()).collect(),
            continuation: continuation.map(str::to_owned),
        };
        assert!(check(&list, &page(&["a/", "a/b"], &["a/c/"], None)).is_ok());
        for (keys, folders) in
            [(&["b"][..], &[][..]), (&["a"], &[]), (&[], &["a/"]), (&[], &["a/c"]), (&[], &["/"])]
        {
            let checked = check(&list, &page(keys, folders, None));
            assert!(matches!(checked, Err(TransferError::ForeignKey { .. })), "{keys:?} {folders:?}");
        }
        let long = format!("a/{}", "x".repeat(LONGEST_KEY));
        assert!(matches!(check(&list, &page(&[&long], &[], None)), Err(TransferError::LongKey { .. })));

        let first = page(&["a/b"], &["a/c/"], Some("1"));
        let second = list.next(&first).unwrap();
        assert!(check(&second, &page(&["a/d"], &[], Some("2"))).is_ok());
        for back in [page(&["a/b"], &[], Some("2")), page(&[], &["a/c/"], None)] {
            assert!(matches!(check(&second, &back), Err(TransferError::ListGoesBack { .. })));
        }
        let same = page(&["a/d"], &[], Some("1"));
        assert!(matches!(check(&second, &same), Err(TransferError::ListRepeats)));
        assert_eq!(list.next(&page(&["a/d"], &[], None)).map(|next| next.continuation), None);
    }

    #[test]
    fn empty_pages_come_to_an_end() {
        let mut list = ListRequest::default();
        let page = |n: u32| Page { continuation: Some(n.to_string()), ..Page::default() };
        let empty = (0..).find(|n| match check(&list, &page(*n)) {
            Ok(()) => {
                list = list.next(&page(*n)).unwrap();
                false
            }
            Err(error) => matches!(error, TransferError::ListWithoutEnd { .. }),
        });
        assert_eq!(empty, Some(MAX_EMPTY_PAGES - 1));
    }

    #[test]
    fn ever_higher_keys_come_to_an_end() {
        let mut list = ListRequest::default();
        let object = |n: u32| Object { key: format!("{n:09}"), size: 0, etag: None, modified: None };
        let page =
            |n: u32| Page { objects: vec![object(n)], continuation: Some(n.to_string()), ..Page::default() };
        assert_eq!(list.next(&page(0)).unwrap().pages, 1);
        list.pages = MAX_PAGES - 3;
        let last = (0..).find(|n| match check(&list, &page(*n)) {
            Ok(()) => {
                list = list.next(&page(*n)).unwrap();
                false
            }
            Err(error) => matches!(error, TransferError::ListTooLong { .. }),
        });
        assert_eq!(last, Some(2));
        let end = Page { continuation: None, ..page(2) };
        assert!(check(&list, &end).is_ok(), "the last page may be the last that is allowed");
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
