//! Writes objects: under a condition where another program might write too, in parts if they are
//! large.
//!
//! Every write here can be repeated without harm, so it is repeated like a read (`retry`). A
//! success counts only if S3 says so in the body too: it may answer 200 and send an error (Amazon
//! S3 API Reference: CompleteMultipartUpload).

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use futures_util::{StreamExt, TryStreamExt};
use object_store::client::{HttpRequestBody, HttpResponse};
use serde::Deserialize;
use tokio::time::timeout;

use super::client::{Method, Request, S3Client, fits_in_url};
use super::refusal::{Refusal, RequestError, TransferError};
use super::retry::{Backoff, RetryPolicy};
use crate::s3::{ObjectContent, S3Error, WriteCondition};

/// What writing needs.
const WRITE_PERMISSION: &str = "s3:PutObject and s3:AbortMultipartUpload on the report's prefix \
     (and kms:GenerateDataKey and kms:Decrypt, if the bucket encrypts with a key of yours)";
/// What deleting needs.
const DELETE_PERMISSION: &str = "s3:DeleteObject on the report's prefix";

/// The size of a part of an upload, in bytes. S3 accepts at most 10,000 parts, so this is enough
/// for 150 GiB.
const PART_BYTES: usize = 16 << 20;
/// How many parts are uploaded at a time.
const CONCURRENT_PARTS: usize = 3;
/// How many objects are deleted at a time.
const CONCURRENT_DELETES: usize = 8;
/// How often an upload in parts is started. The second time is for an upload that S3 no longer
/// knows: it was completed or aborted, and the response was lost.
const UPLOADS: u32 = 2;

/// The response of CreateMultipartUpload (Amazon S3 API Reference).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InitiateMultipartUploadResult {
    upload_id: String,
}

/// The response to a write.
struct Written {
    etag: Option<String>,
    body: Vec<u8>,
}

impl S3Client {
    /// Writes an object if the condition holds. Returns its new ETag.
    pub(super) async fn write(
        &self,
        key: &str,
        bytes: Vec<u8>,
        condition: &WriteCondition,
    ) -> Result<Option<String>, S3Error> {
        self.check_key(key)?;
        let headers: &[_] = &match condition {
            WriteCondition::Always => vec![],
            WriteCondition::IfAbsent => vec![("if-none-match", "*".to_owned())],
            WriteCondition::IfMatch(etag) => vec![("if-match", etag.clone())],
        };
        let body = HttpRequestBody::from(bytes.clone());
        let request = Request { method: Method::Put, key: Some(key), query: &[], headers, body };
        let mut backoff = Backoff::new(RetryPolicy::WRITING);
        loop {
            let error = match self.write_once(&request).await {
                Ok(written) => return Ok(written.etag),
                Err(error) => error,
            };
            if is_precondition(&error, condition) {
                match self.read(key).await? {
                    // An earlier attempt whose response was lost may have written the object.
                    Some(ObjectContent { bytes: found, etag }) if found == bytes => return Ok(etag),
                    // Another program was writing or deleting at that moment.
                    None if *condition == WriteCondition::IfAbsent && backoff.pause().await => continue,
                    _ => return Err(S3Error::Precondition { address: self.address(key) }),
                }
            }
            self.pause_after(&mut backoff, error, key, WRITE_PERMISSION).await?;
        }
    }

    /// Uploads a file, in parts if it is large.
    pub(super) async fn upload(&self, key: &str, file: &Path) -> Result<(), S3Error> {
        self.check_key(key)?;
        let open = || File::open(file).map_err(|error| self.file_error(key, error));
        let mut file = open()?;
        let part = self.next_part(key, &mut file)?;
        if part.len() < PART_BYTES {
            return self.write(key, part, &WriteCondition::Always).await.map(drop);
        }
        let (mut file, mut part) = (file, part);
        for _ in 1..UPLOADS {
            if self.upload_parts(key, &mut file, part).await? {
                return Ok(());
            }
            file = open()?;
            part = self.next_part(key, &mut file)?;
        }
        match self.upload_parts(key, &mut file, part).await? {
            true => Ok(()),
            false => Err(S3Error::failed(
                format!("uploading {}", self.address(key)),
                "S3 does not know the upload that was started",
            )),
        }
    }

    /// Uploads a file whose first part has been read. Returns false if S3 no longer knows the
    /// upload.
    async fn upload_parts(&self, key: &str, file: &mut File, first: Vec<u8>) -> Result<bool, S3Error> {
        let start = Request { method: Method::Post, query: &[("uploads", "")], ..Request::of(key) };
        let response = self.write_until_done(&start, key).await?;
        let started: InitiateMultipartUploadResult =
            quick_xml::de::from_reader(&response.body[..]).map_err(|error| {
                S3Error::failed(format!("starting an upload to {}", self.address(key)), error)
            })?;
        let id = &started.upload_id;
        let sent = self.send_parts(key, id, file, first).await;
        if sent.is_err() {
            // Parts that stay would cost money until a lifecycle rule removes them. If this fails,
            // too, there is nothing left to do.
            let query: &[_] = &[("uploadId", &**id)];
            let abort = Request { method: Method::Delete, query, ..Request::of(key) };
            let limit = RetryPolicy::BEFORE_RUN.attempt_timeout;
            let _ = timeout(limit, self.write_once(&abort)).await;
        }
        match sent {
            Ok(()) => Ok(true),
            Err(UploadError::Unknown) => Ok(false),
            Err(UploadError::Failed(error)) => Err(error),
        }
    }

    async fn send_parts(
        &self,
        key: &str,
        id: &str,
        file: &mut File,
        first: Vec<u8>,
    ) -> Result<(), UploadError> {
        let mut in_flight = futures_util::stream::FuturesOrdered::new();
        let mut etags = Vec::new();
        let (mut part, mut number) = (first, 1);
        while !part.is_empty() {
            in_flight.push_back(self.send_part(key, id, number, part));
            if in_flight.len() >= CONCURRENT_PARTS
                && let Some(etag) = in_flight.next().await
            {
                etags.push(etag?);
            }
            part = self.next_part(key, file)?;
            number += 1;
        }
        while let Some(etag) = in_flight.next().await {
            etags.push(etag?);
        }
        let body = HttpRequestBody::from(completion(&etags));
        let query: &[_] = &[("uploadId", id)];
        let complete = Request { method: Method::Post, query, body, ..Request::of(key) };
        self.write_until_done(&complete, key).await?;
        Ok(())
    }

    /// Uploads one part. Returns its ETag.
    async fn send_part(
        &self,
        key: &str,
        id: &str,
        number: u32,
        part: Vec<u8>,
    ) -> Result<String, UploadError> {
        let number = number.to_string();
        let query: &[_] = &[("partNumber", &*number), ("uploadId", id)];
        let request = Request { method: Method::Put, query, body: part.into(), ..Request::of(key) };
        let written = self.write_until_done(&request, key).await?;
        written.etag.ok_or_else(|| {
            S3Error::failed(format!("uploading {}", self.address(key)), "S3 sends no ETag").into()
        })
    }

    /// Deletes objects. It is no error if they do not exist.
    pub(super) async fn delete(&self, keys: &[String]) -> Result<(), S3Error> {
        let delete = |key| async move {
            self.check_key(key)?;
            let request = Request { method: Method::Delete, ..Request::of(key) };
            let mut backoff = Backoff::new(RetryPolicy::WRITING);
            loop {
                match self.write_once(&request).await {
                    Ok(_) => return Ok(()),
                    Err(RequestError::Refused(refusal)) if refusal.code == "NoSuchKey" => return Ok(()),
                    Err(error) => self.pause_after(&mut backoff, error, key, DELETE_PERMISSION).await?,
                }
            }
        };
        let deletes = futures_util::stream::iter(keys.iter().map(String::as_str).map(delete));
        deletes.buffer_unordered(CONCURRENT_DELETES).try_collect().await
    }

    /// Sends a request that writes, as often as the policy allows.
    async fn write_until_done(&self, request: &Request<'_>, key: &str) -> Result<Written, S3Error> {
        let mut backoff = Backoff::new(RetryPolicy::WRITING);
        loop {
            match self.write_once(request).await {
                Ok(written) => return Ok(written),
                Err(error) => self.pause_after(&mut backoff, error, key, WRITE_PERMISSION).await?,
            }
        }
    }

    /// Sends a request that writes, once.
    async fn write_once(&self, request: &Request<'_>) -> Result<Written, RequestError> {
        let attempt = async {
            let response = self.send(request).await?;
            let etag = etag(&response);
            let status = response.status().as_u16();
            let body = Refusal::read_body(response).await?;
            match Refusal::in_body(status, &body) {
                Some(refusal) => Err(RequestError::Refused(refusal)),
                None => Ok(Written { etag, body }),
            }
        };
        let limit = RetryPolicy::WRITING.attempt_timeout;
        timeout(limit, attempt).await.unwrap_or_else(|_| Err(TransferError::Timeout.into()))
    }

    async fn pause_after(
        &self,
        backoff: &mut Backoff,
        error: RequestError,
        key: &str,
        permission: &'static str,
    ) -> Result<(), S3Error> {
        backoff.pause_after(self, error).await.map_err(|error| self.error(error, key, permission))
    }

    /// Reads the next part of a file; only the last one is shorter than [`PART_BYTES`].
    fn next_part(&self, key: &str, file: &mut File) -> Result<Vec<u8>, S3Error> {
        let mut part = Vec::new();
        let read = file.by_ref().take(PART_BYTES as u64).read_to_end(&mut part);
        read.map_err(|error| self.file_error(key, error))?;
        Ok(part)
    }

    fn file_error(&self, key: &str, source: io::Error) -> S3Error {
        S3Error::File { address: self.address(key), source }
    }

    fn check_key(&self, key: &str) -> Result<(), S3Error> {
        match fits_in_url(key) {
            true => Ok(()),
            false => Err(S3Error::UnsupportedKey { address: self.address(key) }),
        }
    }
}

/// Why an upload in parts ended without an object.
enum UploadError {
    /// S3 does not, or no longer, know the upload (Amazon S3 API Reference: NoSuchUpload).
    Unknown,
    Failed(S3Error),
}

impl From<S3Error> for UploadError {
    fn from(error: S3Error) -> Self {
        match error {
            S3Error::NoSuchUpload { .. } => Self::Unknown,
            error => Self::Failed(error),
        }
    }
}

/// Whether S3 refused a write because its condition does not hold, or may not (409: another program
/// was writing at that moment).
fn is_precondition(error: &RequestError, condition: &WriteCondition) -> bool {
    let RequestError::Refused(refusal) = error else { return false };
    match condition {
        WriteCondition::Always => false,
        WriteCondition::IfAbsent => matches!(refusal.status, 409 | 412),
        WriteCondition::IfMatch(_) => matches!(refusal.status, 409 | 412) || refusal.code == "NoSuchKey",
    }
}

fn etag(response: &HttpResponse) -> Option<String> {
    response.headers().get("etag").and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The body of CompleteMultipartUpload for parts with these ETags.
fn completion(etags: &[String]) -> String {
    let part = |(n, etag): (usize, &String)| {
        let etag = quick_xml::escape::escape(etag);
        format!("<Part><PartNumber>{}</PartNumber><ETag>{etag}</ETag></Part>", n + 1)
    };
    let parts: String = etags.iter().enumerate().map(part).collect();
    format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_completed_in_order_with_escaped_etags() {
        assert_eq!(
            completion(&["\"a\"".to_owned(), "<b>".to_owned()]),
            "<CompleteMultipartUpload>\
             <Part><PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag></Part>\
             <Part><PartNumber>2</PartNumber><ETag>&lt;b&gt;</ETag></Part>\
             </CompleteMultipartUpload>"
        );
    }

    #[test]
    fn a_condition_that_does_not_hold_is_told_from_other_refusals() {
        let refused = |status, code: &str| {
            RequestError::Refused(Refusal { status, code: code.to_owned(), ..Refusal::default() })
        };
        let matching = WriteCondition::IfMatch("e".to_owned());
        assert!(is_precondition(&refused(412, "PreconditionFailed"), &WriteCondition::IfAbsent));
        assert!(is_precondition(&refused(409, "ConditionalRequestConflict"), &matching));
        assert!(is_precondition(&refused(404, "NoSuchKey"), &matching));
        assert!(!is_precondition(&refused(404, "NoSuchBucket"), &matching));
        assert!(!is_precondition(&refused(412, ""), &WriteCondition::Always));
        assert!(!is_precondition(&refused(403, "AccessDenied"), &WriteCondition::IfAbsent));
    }
}
