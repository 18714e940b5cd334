//! The methods of a bucket.

use std::fs::File;
use std::io::Write as _;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::timeout;

use super::client::S3Client;
use super::connection::{CHECK_TIMEOUT, runtime};
use super::get::GetRequest;
use super::refusal::TransferError;
use super::retry::RetryPolicy;
use crate::s3::{ListRequest, Object, ObjectBytes, ObjectContent, Page, S3Error, WriteCondition};

/// Objects that are listed at once at most. A report has some thousands.
const MOST_LISTED: usize = 1_000_000;

/// One bucket and the connection to it. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Bucket {
    client: Arc<S3Client>,
}

impl Bucket {
    pub(super) fn new(client: S3Client) -> Self {
        Self { client: Arc::new(client) }
    }

    /// Sends one small request, to know before a long run whether the bucket exists and may be
    /// listed. Returns whether there is a key that starts with `prefix`.
    ///
    /// # Errors
    /// When the bucket cannot be listed, or does not respond in less than ten seconds.
    pub fn check(&self, prefix: &str) -> Result<bool, S3Error> {
        let request = ListRequest { prefix: prefix.to_owned(), max_keys: Some(1), ..ListRequest::default() };
        runtime()?.block_on(async {
            timeout(CHECK_TIMEOUT, self.client.list_page(&request, RetryPolicy::BEFORE_RUN))
                .await
                .map_err(|_| self.client.unreachable(TransferError::Timeout))?
                .map(|page| !page.objects.is_empty())
        })
    }

    /// Lists all objects whose keys start with `prefix`, in bytewise order: those of a report.
    ///
    /// # Errors
    /// When they cannot be listed to the end, or there are more than a million.
    pub fn list(&self, prefix: &str) -> Result<Vec<Object>, S3Error> {
        let mut request = ListRequest { prefix: prefix.to_owned(), ..ListRequest::default() };
        let mut objects = Vec::new();
        runtime()?.block_on(async {
            loop {
                let page = self.client.list_page(&request, RetryPolicy::DURING_RUN).await?;
                let next = request.next(&page);
                objects.extend(page.objects);
                if objects.len() > MOST_LISTED {
                    let error = TransferError::TooManyObjects { keys: MOST_LISTED };
                    return Err(S3Error::failed(format!("listing {}", self.address(prefix)), error));
                }
                match next {
                    Some(next) => request = next,
                    None => return Ok(objects),
                }
            }
        })
    }

    /// Starts to get one page of a listing and returns at once. `on_done` is called on another
    /// thread and must not block there.
    ///
    /// # Errors
    /// When no thread can be started. Errors of the request itself go to `on_done`.
    pub fn start_list_page(
        &self,
        request: ListRequest,
        on_done: impl FnOnce(Result<Page, S3Error>) + Send + 'static,
    ) -> Result<(), S3Error> {
        let client = self.client.clone();
        runtime()?.spawn(async move { on_done(client.list_page(&request, RetryPolicy::DURING_RUN).await) });
        Ok(())
    }

    /// Starts to read a range of an object and returns at once. `on_done` gets all the bytes or
    /// none; it is called on another thread and must not block there. With an `etag`, it is an
    /// error if the object has another one by then.
    ///
    /// # Errors
    /// When no thread can be started. Errors of the request itself go to `on_done`.
    pub fn start_read(
        &self,
        key: String,
        etag: Option<Arc<str>>,
        range: Range<u64>,
        on_done: impl FnOnce(Result<ObjectBytes, S3Error>) + Send + 'static,
    ) -> Result<(), S3Error> {
        let client = self.client.clone();
        runtime()?.spawn(async move {
            let length = usize::try_from(range.end - range.start).unwrap_or_default();
            let mut content = Vec::with_capacity(length);
            let mut append = |bytes: &[u8]| {
                content.extend_from_slice(bytes);
                Ok(())
            };
            let request = GetRequest { key: &key, etag: etag.as_deref(), range: Some(range) };
            let outcome = client.get(&request, &mut append).await;
            on_done(outcome.map(|headers| ObjectBytes { bytes: content, signature: headers.signature }));
        });
        Ok(())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.client.bucket
    }

    /// The address of an object, as text for people.
    pub fn address(&self, key: &str) -> String {
        self.client.address(key)
    }

    /// How often S3 has asked to slow down so far.
    pub fn slow_downs(&self) -> u64 {
        self.client.slow_downs.load(Ordering::Relaxed)
    }

    /// Reads a whole object; `None` if there is no such object.
    ///
    /// # Errors
    /// When it cannot be read to its end.
    pub fn read(&self, key: &str) -> Result<Option<ObjectContent>, S3Error> {
        runtime()?.block_on(self.client.read(key))
    }

    /// Appends the content of an object to a file.
    ///
    /// # Errors
    /// When there is no such object, it cannot be read to its end, or the file cannot be written.
    pub fn download(&self, key: &str, to: &mut File) -> Result<(), S3Error> {
        let mut append = |bytes: &[u8]| to.write_all(bytes);
        let request = GetRequest { key, etag: None, range: None };
        runtime()?.block_on(self.client.get(&request, &mut append)).map(drop)
    }

    /// Writes an object if the condition holds, and returns its new ETag.
    ///
    /// An object that already holds exactly these bytes counts as written: it may come from an
    /// earlier attempt of this call whose response was lost. So the bytes of a lock must name its
    /// holder.
    ///
    /// # Errors
    /// [`S3Error::Precondition`] when the condition does not hold; others when the object cannot be
    /// written.
    pub fn write(
        &self,
        key: &str,
        bytes: Vec<u8>,
        condition: WriteCondition,
    ) -> Result<Option<String>, S3Error> {
        runtime()?.block_on(self.client.write(key, bytes, &condition))
    }

    /// Like [`write`](Self::write), but gives up after `limit`. Then it is unknown whether the
    /// object was written.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub fn write_within(
        &self,
        limit: Duration,
        key: &str,
        bytes: Vec<u8>,
        condition: WriteCondition,
    ) -> Result<Option<String>, S3Error> {
        runtime()?.block_on(async {
            timeout(limit, self.client.write(key, bytes, &condition))
                .await
                .map_err(|_| self.client.unreachable(TransferError::Timeout))?
        })
    }

    /// Uploads a file as an object, in parts if it is large.
    ///
    /// # Errors
    /// When the file cannot be read or the object cannot be written.
    pub fn upload(&self, key: &str, file: &Path) -> Result<(), S3Error> {
        runtime()?.block_on(self.client.upload(key, file))
    }

    /// Deletes objects. It is no error if they do not exist.
    ///
    /// # Errors
    /// When they cannot be deleted.
    pub fn delete(&self, keys: Vec<String>) -> Result<(), S3Error> {
        runtime()?.block_on(self.client.delete(&keys))
    }

    /// Deletes an object, but gives up after `limit`. Then it is unknown whether it is still there.
    ///
    /// # Errors
    /// When it cannot be deleted.
    pub fn delete_within(&self, limit: Duration, key: &str) -> Result<(), S3Error> {
        runtime()?.block_on(async {
            timeout(limit, self.client.delete(&[key.to_owned()]))
                .await
                .map_err(|_| self.client.unreachable(TransferError::Timeout))?
        })
    }
}
