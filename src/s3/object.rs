//! What callers and a bucket exchange: access options, listings, contents, conditions.

use crate::model::EventTime;

/// How to access buckets, in addition to what the environment and the AWS profile say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Access {
    /// The profile, instead of `AWS_PROFILE`. It comes before keys in the environment.
    pub profile: Option<String>,
    /// The region to send requests to, instead of `AWS_REGION`.
    pub region: Option<String>,
    /// The endpoint, instead of `AWS_ENDPOINT_URL`.
    pub endpoint_url: Option<String>,
    /// The requester pays for requests and transfer (Amazon S3 User Guide: "Using Requester Pays
    /// general purpose buckets").
    pub requester_pays: bool,
    /// Put the bucket's name in the URL's path instead of the host name.
    pub path_style: bool,
    /// Use FIPS endpoints.
    pub fips: bool,
    /// Use dual-stack endpoints, which IPv6 can reach too.
    pub dual_stack: bool,
}

/// An object as a listing describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The key.
    pub key: String,
    /// The size in bytes.
    pub size: u64,
    /// The ETag as S3 sends it, with its quotes.
    pub etag: Option<String>,
    /// When the object was last written.
    pub modified: Option<EventTime>,
}

/// A request for one page of a listing.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ListRequest {
    /// List only keys that start with this.
    pub prefix: String,
    /// How keys with a further `/` after the prefix are listed.
    pub grouping: Grouping,
    /// The most keys and folders to list; S3's own limit of 1,000 if absent.
    pub max_keys: Option<u16>,
    /// [`Page::continuation`] of the page before; `None` for the first page.
    pub continuation: Option<String>,
    /// The last key or folder of the pages before.
    pub after: Option<String>,
    /// How many pages before, one behind the other, had neither keys nor folders.
    pub empty_pages: u32,
    /// How many pages came before.
    pub pages: u32,
}

impl ListRequest {
    /// The request for the page that follows `page`; `None` if that is the last one.
    pub fn next(&self, page: &Page) -> Option<Self> {
        let last = page.last().map(str::to_owned);
        let empty_pages = if last.is_some() { 0 } else { self.empty_pages.saturating_add(1) };
        let (continuation, after) = (Some(page.continuation.clone()?), last.or_else(|| self.after.clone()));
        let pages = self.pages.saturating_add(1);
        Some(Self { continuation, after, empty_pages, pages, ..self.clone() })
    }
}

/// How a listing treats keys that have a further `/` after the prefix.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Grouping {
    /// List every key.
    #[default]
    Keys,
    /// List the folder in place of the keys in it.
    Folders,
}

/// One page of a listing: keys and folders in bytewise order.
#[derive(Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The objects, in the order of their keys.
    pub objects: Vec<Object>,
    /// The folders, each with its slash at the end, in the order of their names. Objects and
    /// folders are two lists; in S3's order they alternate.
    pub folders: Vec<String>,
    /// Asks for the next page; `None` if this is the last one.
    pub continuation: Option<String>,
}

impl Page {
    /// The last key or folder in bytewise order.
    pub fn last(&self) -> Option<&str> {
        let keys = self.objects.iter().map(|object| object.key.as_str());
        keys.chain(self.folders.iter().map(String::as_str)).max()
    }
}

/// The content of an object, and the ETag that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectContent {
    /// All its bytes.
    pub bytes: Vec<u8>,
    /// The ETag as S3 sends it; `None` if the server sends none.
    pub etag: Option<String>,
}

/// Some bytes of an object, and what a digest of CloudTrail has in the metadata of its object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectBytes {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The metadata `signature`; `None`: there is none.
    pub signature: Option<String>,
}

/// When a write may replace what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteCondition {
    /// Always.
    Always,
    /// Only if there is no such object (`If-None-Match: *`).
    IfAbsent,
    /// Only if the object still has this ETag (`If-Match`).
    IfMatch(String),
}
