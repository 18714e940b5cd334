//! S3: objects listed, read and written, with the credentials, regions and endpoints that AWS's own tools would use.
//!
//! The face is synchronous. Behind it a private runtime does the waiting; nothing else in the program knows of it. Every request that fails in a
//! way that may pass (server errors, `SlowDown`, resets, timeouts, answers that break off) is tried again, with exponential backoff and jitter;
//! an answer that breaks off is gone on with where it ended, and never taken for whole. Deliberately absent: what the objects are for.

mod address;
mod client;
mod credentials;
mod discovery;
mod endpoint;
mod error;
mod get;
mod lease;
mod list;
mod profile;
mod write;

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use object_store::aws::AmazonS3;
use object_store::client::{HttpClient, HttpConnector, ReqwestConnector};
use object_store::{ClientOptions, HeaderValue};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::model::EventTime;
pub use address::{Address, AddressError};
use client::{RetryPolicy, S3Client};
use credentials::{Settings, chain_of};
use discovery::endpoint_of;
use endpoint::{Endpoint, Variant};
pub use error::S3Error;
use get::GetRequest;
pub use lease::Lease;

/// How a bucket is to be asked, beside what the environment and the profile say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// The requester pays (Amazon S3 User Guide: "Using Requester Pays general purpose buckets").
    pub requester_pays: bool,
    /// The bucket is part of the path, not of the host name.
    pub path_style: bool,
    /// FIPS endpoints.
    pub fips: bool,
    /// Endpoints that IPv6 reaches, too.
    pub dual_stack: bool,
}

/// One bucket, and the way to it. Copies share it.
#[derive(Debug, Clone)]
pub struct Bucket {
    client: Arc<S3Client>,
    writer: Arc<AmazonS3>,
}

/// The buckets of a run, each opened once. Copies share them.
#[derive(Debug, Clone, Default)]
pub struct Buckets {
    access: Access,
    opened: Arc<Mutex<Opened>>,
}

#[derive(Debug, Default)]
struct Opened {
    /// Of all of them: whoever gives credentials is asked once.
    settings: Option<Settings>,
    stores: HashMap<String, Bucket>,
}

impl Buckets {
    /// None opened yet.
    pub fn new(access: Access) -> Self {
        Self { access, opened: Arc::default() }
    }

    /// The bucket of this name, with credentials, endpoint and region found if they have not been. The bucket's region need not be known: AWS
    /// tells anybody (Amazon S3 API Reference: HeadBucket, `x-amz-bucket-region`).
    ///
    /// # Errors
    /// When there are no credentials, or nobody answers; in some seconds.
    pub fn open(&self, bucket: &str) -> Result<Bucket, S3Error> {
        // A panic of another thread ends the run by itself.
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = opened.stores.get(bucket) {
            return Ok(store.clone());
        }
        let Opened { settings, stores } = &mut *opened;
        let runtime = runtime()?;
        let found = || runtime.block_on(Settings::find(self.access.fips, self.access.dual_stack));
        let settings = settings.get_or_insert_with(found);
        let store = runtime.block_on(Bucket::open(bucket, &self.access, settings))?;
        stores.insert(bucket.to_owned(), store.clone());
        Ok(store)
    }
}

/// An object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Its ETag, as S3 gives it, with quotes.
    pub etag: Option<String>,
    /// When it was last written.
    pub modified: Option<EventTime>,
}

/// Which page of a listing is wanted.
#[derive(Debug, Clone, Default)]
pub struct ListRequest {
    /// What keys begin with.
    pub prefix: String,
    /// Keys with a further `/` are not listed, but the folders that they make.
    pub folders: bool,
    /// At most so many keys and folders; 1,000 unless told.
    pub at_most: Option<u16>,
    /// Where the page before said to go on.
    pub from: Option<String>,
}

/// Some of the keys with a prefix, in bytewise order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Objects.
    pub objects: Vec<Listed>,
    /// Folders, with the slash at their end. Between objects and folders the order is that of their names.
    pub folders: Vec<String>,
    /// There is more.
    pub next: Option<String>,
}

/// The bytes of an object, and its ETag.
pub type Content = (Vec<u8>, Option<String>);

/// When to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// In any case.
    Always,
    /// If there is no such object.
    Absent,
    /// If the object still has this ETag.
    Unchanged(String),
}

/// Finding out who and where, in all. With what follows it stays below ten seconds.
const OPENING: Duration = Duration::from_secs(5);
/// The first question to a bucket, tries included.
const CHECKING: Duration = Duration::from_secs(4);
const CONNECTING: Duration = Duration::from_secs(3);
/// Silence after which an answer is given up, and asked for again.
const SILENCE: Duration = Duration::from_secs(15);
/// The same for writing, where a part has to be sent before there can be an answer.
const SILENCE_WHILE_WRITING: Duration = Duration::from_secs(120);

impl Bucket {
    async fn open(bucket: &str, access: &Access, settings: &Settings) -> Result<Self, S3Error> {
        let variant =
            Variant { fips: settings.fips, dual_stack: settings.dual_stack, path_style: access.path_style };
        let (credentials, endpoint) =
            tokio::join!(settings.credentials.get(), endpoint_of(bucket, settings, variant));
        credentials.map_err(|why| S3Error::NoCredentials { bucket: bucket.to_owned(), why })?;
        let endpoint = endpoint?;
        let writing = options(&endpoint, SILENCE_WHILE_WRITING);
        let client = S3Client {
            client: client(&endpoint)?,
            endpoint,
            bucket: bucket.to_owned(),
            credentials: settings.credentials.clone(),
            requester_pays: access.requester_pays,
            slowed: AtomicU64::default(),
        };
        let writer = Arc::new(write::writer(&client, writing)?);
        Ok(Self { client: Arc::new(client), writer })
    }

    /// Asks one small question, to know before a long run whether the bucket is there and may be listed.
    ///
    /// # Errors
    /// When it is not, or nobody answers; in less than ten seconds.
    pub fn check(&self, prefix: &str) -> Result<(), S3Error> {
        let want = ListRequest { prefix: prefix.to_owned(), at_most: Some(1), ..ListRequest::default() };
        runtime()?.block_on(async {
            let endpoint = self.client.endpoint.host.clone();
            let late = |_| S3Error::Unreachable { endpoint, why: "no answer in time".to_owned() };
            timeout(CHECKING, self.client.page(&want, RetryPolicy::SHORT)).await.map_err(late)?.map(drop)
        })
    }

    /// All objects whose keys begin with `prefix`, in bytewise order.
    ///
    /// # Errors
    /// When they cannot be listed to their end.
    pub fn list(&self, prefix: &str) -> Result<Vec<Listed>, S3Error> {
        let mut want = ListRequest { prefix: prefix.to_owned(), ..ListRequest::default() };
        let mut all = Vec::new();
        runtime()?.block_on(async {
            loop {
                let page = self.client.page(&want, RetryPolicy::LONG).await?;
                all.extend(page.objects);
                want.from = page.next;
                if want.from.is_none() {
                    return Ok(all);
                }
            }
        })
    }

    /// Gets one page of a listing, without waiting for it: `then` gets it, on another thread, and must not wait there.
    ///
    /// # Errors
    /// When no thread can be started; what S3 says goes to `then`.
    pub fn begin_page(
        &self,
        want: ListRequest,
        then: impl FnOnce(Result<Page, S3Error>) + Send + 'static,
    ) -> Result<(), S3Error> {
        let client = self.client.clone();
        runtime()?.spawn(async move { then(client.page(&want, RetryPolicy::LONG).await) });
        Ok(())
    }

    /// Gets bytes of an object, without waiting for them: `then` gets them all or none, on another thread, and must not wait there.
    /// With an `etag`, an object that has another by now is an error.
    ///
    /// # Errors
    /// When no thread can be started; what S3 says goes to `then`.
    pub fn begin_read(
        &self,
        key: String,
        etag: Option<Arc<str>>,
        range: Range<u64>,
        then: impl FnOnce(Result<Vec<u8>, S3Error>) + Send + 'static,
    ) -> Result<(), S3Error> {
        let client = self.client.clone();
        runtime()?.spawn(async move {
            let mut held = Vec::with_capacity(usize::try_from(range.end - range.start).unwrap_or_default());
            let mut take = |bytes: &[u8]| {
                held.extend_from_slice(bytes);
                Ok(())
            };
            let wanted = GetRequest { key: &key, etag: etag.as_deref(), range: Some(range) };
            let outcome = client.get(&wanted, &mut take).await;
            then(outcome.map(|_| held));
        });
        Ok(())
    }

    /// The name of an object, for people.
    pub fn address(&self, key: &str) -> String {
        self.client.address(key)
    }

    /// How often S3 has asked to slow down; only grows.
    pub fn slowed(&self) -> u64 {
        self.client.slowed.load(Ordering::Relaxed)
    }

    /// The bytes of an object and its ETag; `None` when there is no such object.
    ///
    /// # Errors
    /// When it may not be read, or not to its end.
    pub fn read(&self, key: &str) -> Result<Option<Content>, S3Error> {
        let mut held = Vec::new();
        let mut take = |bytes: &[u8]| {
            held.extend_from_slice(bytes);
            Ok(())
        };
        let wanted = GetRequest { key, etag: None, range: None };
        match runtime()?.block_on(self.client.get(&wanted, &mut take)) {
            Ok(etag) => Ok(Some((held, etag))),
            Err(S3Error::NoSuchObject { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Appends the bytes of an object to a file.
    ///
    /// # Errors
    /// When there is no such object, it may not be read, or not to its end, or the file cannot be written.
    pub fn download(&self, key: &str, to: &mut File) -> Result<(), S3Error> {
        let mut take = |bytes: &[u8]| to.write_all(bytes);
        let wanted = GetRequest { key, etag: None, range: None };
        runtime()?.block_on(self.client.get(&wanted, &mut take)).map(drop)
    }

    /// Writes an object, if the condition holds; the new ETag. An object that holds these very bytes already counts as written, since it may be an
    /// earlier try of this call whose answer was lost: for a lock, the bytes must tell who holds it.
    ///
    /// # Errors
    /// [`S3Error::Precondition`] when the condition does not hold; when it may not be written.
    pub fn write(&self, key: &str, bytes: Vec<u8>, condition: Condition) -> Result<Option<String>, S3Error> {
        runtime()?.block_on(write::write(&self.client, &self.writer, key, bytes, &condition))
    }

    /// As [`write`](Self::write), given up after a time. Whether it was written is not known then.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub fn write_within(
        &self,
        limit: Duration,
        key: &str,
        bytes: Vec<u8>,
        condition: Condition,
    ) -> Result<Option<String>, S3Error> {
        runtime()?.block_on(async {
            let written = write::write(&self.client, &self.writer, key, bytes, &condition);
            let late = |_| S3Error::Unreachable {
                endpoint: self.client.endpoint.host.clone(),
                why: "no answer in time".to_owned(),
            };
            timeout(limit, written).await.map_err(late)?
        })
    }

    /// Writes a file's bytes as an object, in parts if it is large.
    ///
    /// # Errors
    /// When the file cannot be read or the object may not be written.
    pub fn upload(&self, key: &str, file: &Path) -> Result<(), S3Error> {
        runtime()?.block_on(write::upload(&self.client, &self.writer, key, file))
    }

    /// Deletes objects; those that are not there are no error.
    ///
    /// # Errors
    /// When they may not be deleted.
    pub fn delete(&self, keys: Vec<String>) -> Result<(), S3Error> {
        runtime()?.block_on(write::delete(&self.client, &self.writer, &keys))
    }
}

fn options(endpoint: &Endpoint, silence: Duration) -> ClientOptions {
    ClientOptions::new()
        .with_user_agent(HeaderValue::from_static(concat!("keytrail/", env!("CARGO_PKG_VERSION"))))
        .with_allow_http(endpoint.host.starts_with("http://"))
        .with_connect_timeout(CONNECTING)
        .with_read_timeout(silence)
        // A large object takes as long as it takes: what counts is that something comes.
        .with_timeout_disabled()
}

fn client(endpoint: &Endpoint) -> Result<HttpClient, S3Error> {
    ReqwestConnector::default().connect(&options(endpoint, SILENCE)).map_err(|error| S3Error::Failed {
        what: "setting up requests to S3".to_owned(),
        why: chain_of(&error),
    })
}

/// The runtime that waits for the network, for all buckets. Two threads: they decrypt and copy, and decoding needs the processor more.
fn runtime() -> Result<&'static Runtime, S3Error> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let built = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("network")
        .enable_all()
        .build()
        .map_err(|error| S3Error::Failed {
            what: "starting threads for S3".to_owned(),
            why: error.to_string(),
        })?;
    // Another thread may have been faster: then its runtime is used, and this one ends without having done anything.
    Ok(RUNTIME.get_or_init(|| built))
}
