//! Writes objects: under a condition where another program might write too, in parts if they are
//! large.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path as FilePath;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{
    ClientOptions, Error as StoreError, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
    PutPayload, RetryConfig, UpdateVersion,
};
use tokio::time::timeout;

use super::client::S3Client;
use super::connection::READ_TIMEOUT;
use super::endpoint::Addressing;
use super::refusal::{Refusal, RequestError, TransferError};
use crate::model::error_chain;
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
/// How often a write is attempted. `object_store` does not repeat some of them by itself because it
/// cannot know whether they succeeded; the writes here can be repeated without harm.
const MAX_ATTEMPTS: u32 = 4;
/// After this long, no further attempt is made. A run that cannot write has no other way to report
/// it than to end.
const ATTEMPT_PERIOD: Duration = Duration::from_secs(60);
/// The same for the requests that `object_store` repeats by itself.
const STORE_RETRY_PERIOD: Duration = Duration::from_secs(30);

/// Creates the writer for a client's bucket.
pub(super) fn writer(client: &S3Client, options: ClientOptions) -> Result<AmazonS3, S3Error> {
    let endpoint = &client.endpoint;
    let url = match endpoint.addressing {
        Addressing::Path => &endpoint.host,
        Addressing::VirtualHost => &endpoint.bucket_url,
    };
    AmazonS3Builder::new()
        .with_bucket_name(&client.bucket)
        .with_region(&endpoint.region)
        .with_endpoint(url)
        .with_virtual_hosted_style_request(endpoint.addressing == Addressing::VirtualHost)
        .with_credentials(client.credentials.clone())
        .with_request_payer(client.requester_pays)
        .with_client_options(options)
        .with_retry(RetryConfig { retry_timeout: STORE_RETRY_PERIOD, ..RetryConfig::default() })
        .build()
        .map_err(|error| S3Error::failed(format!("writing to s3://{}", client.bucket), error))
}

/// Writes an object if the condition holds. Returns its new ETag.
pub(super) async fn write(
    client: &S3Client,
    store: &AmazonS3,
    key: &str,
    bytes: Vec<u8>,
    condition: &WriteCondition,
) -> Result<Option<String>, S3Error> {
    let path = store_path(client, key)?;
    let payload = PutPayload::from(bytes);
    let mut attempts = WriteAttempts::start();
    loop {
        let mode = match condition {
            WriteCondition::Always => PutMode::Overwrite,
            WriteCondition::IfAbsent => PutMode::Create,
            WriteCondition::IfMatch(etag) => {
                PutMode::Update(UpdateVersion { e_tag: Some(etag.clone()), version: None })
            }
        };
        let options = PutOptions { mode, ..PutOptions::default() };
        let error = match store.put_opts(&path, payload.clone(), options).await {
            Ok(result) => return Ok(result.e_tag),
            Err(error) => error,
        };
        match &error {
            // An earlier attempt whose response was lost may have written the object.
            StoreError::AlreadyExists { .. } | StoreError::Precondition { .. } => {
                match client.read(key).await? {
                    Some(ObjectContent { bytes, etag }) if bytes == contiguous(&payload) => return Ok(etag),
                    // Another program was writing or deleting at that moment.
                    None if *condition == WriteCondition::IfAbsent && attempts.pause().await => {}
                    _ => return Err(S3Error::Precondition { address: client.address(key) }),
                }
            }
            _ if is_transient(&error) && attempts.pause().await => {}
            _ => return Err(to_s3_error(client, error, key, WRITE_PERMISSION)),
        }
    }
}

/// Uploads a file, in parts if it is large.
pub(super) async fn upload(
    client: &S3Client,
    store: &AmazonS3,
    key: &str,
    file: &FilePath,
) -> Result<(), S3Error> {
    let path = store_path(client, key)?;
    let mut attempts = WriteAttempts::start();
    loop {
        match upload_once(store, &path, file).await {
            Ok(()) => return Ok(()),
            Err(UploadError::File(error)) => {
                return Err(S3Error::File { address: client.address(key), source: error });
            }
            // The parts are there, but the upload is not: it was completed or aborted already, and
            // the response was lost.
            Err(UploadError::Store(error))
                if (is_transient(&error) || is_no_such_upload(&error)) && attempts.pause().await => {}
            Err(UploadError::Store(error)) => {
                return Err(to_s3_error(client, error, key, WRITE_PERMISSION));
            }
        }
    }
}

/// Why one attempt at an upload failed.
enum UploadError {
    /// The file cannot be read.
    File(io::Error),
    Store(StoreError),
}

impl From<StoreError> for UploadError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

async fn upload_once(store: &AmazonS3, path: &Path, file: &FilePath) -> Result<(), UploadError> {
    let mut file = File::open(file).map_err(UploadError::File)?;
    let mut part = next_part(&mut file)?;
    if part.len() < PART_BYTES {
        store.put(path, part.into()).await?;
        return Ok(());
    }
    let mut upload = store.put_multipart(path).await?;
    let sent = send_parts(&mut *upload, &mut file, &mut part).await;
    if sent.is_err() {
        // Parts that stay would cost money until a lifecycle rule removes them. If this fails, too,
        // there is nothing left to do.
        let _ = timeout(READ_TIMEOUT, upload.abort()).await;
    }
    sent
}

async fn send_parts(
    upload: &mut dyn MultipartUpload,
    file: &mut File,
    part: &mut Vec<u8>,
) -> Result<(), UploadError> {
    let mut in_flight = futures_util::stream::FuturesUnordered::new();
    while !part.is_empty() {
        in_flight.push(upload.put_part(std::mem::take(part).into()));
        if in_flight.len() >= CONCURRENT_PARTS
            && let Some(outcome) = in_flight.next().await
        {
            outcome?;
        }
        *part = next_part(file)?;
    }
    while let Some(outcome) = in_flight.next().await {
        outcome?;
    }
    upload.complete().await?;
    Ok(())
}

/// Reads the next part of a file; only the last one is shorter than [`PART_BYTES`].
fn next_part(file: &mut File) -> Result<Vec<u8>, UploadError> {
    let mut part = Vec::new();
    file.by_ref().take(PART_BYTES as u64).read_to_end(&mut part).map_err(UploadError::File)?;
    Ok(part)
}

/// Deletes objects. It is no error if they do not exist.
pub(super) async fn delete(client: &S3Client, store: &AmazonS3, keys: &[String]) -> Result<(), S3Error> {
    let paths = keys.iter().map(|key| store_path(client, key)).collect::<Result<Vec<Path>, _>>()?;
    let mut attempts = WriteAttempts::start();
    while !paths.is_empty() {
        let all = futures_util::stream::iter(paths.clone().into_iter().map(Ok)).boxed();
        let outcomes: Vec<_> = store.delete_stream(all).collect().await;
        let is_error = |error: &StoreError| !matches!(error, StoreError::NotFound { .. });
        match outcomes.into_iter().find_map(|outcome| outcome.err().filter(is_error)) {
            None => break,
            // Objects that are already deleted can be deleted again.
            Some(error) if is_transient(&error) && attempts.pause().await => {}
            Some(error) => return Err(to_s3_error(client, error, &keys[0], DELETE_PERMISSION)),
        }
    }
    Ok(())
}

/// The attempts at one write: exponential backoff without jitter, on top of what `object_store`
/// repeats by itself. (Reads use `retry::Backoff`.)
struct WriteAttempts {
    made: u32,
    started: Instant,
}

impl WriteAttempts {
    fn start() -> Self {
        Self { made: 0, started: Instant::now() }
    }

    /// Waits before the next attempt. Returns false, without waiting, if there is to be none.
    async fn pause(&mut self) -> bool {
        self.made += 1;
        if self.made >= MAX_ATTEMPTS || self.started.elapsed() > ATTEMPT_PERIOD {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(100) * 3u32.pow(self.made)).await;
        true
    }
}

fn contiguous(payload: &PutPayload) -> Vec<u8> {
    payload.iter().flat_map(|bytes| bytes.iter().copied()).collect()
}

fn store_path(client: &S3Client, key: &str) -> Result<Path, S3Error> {
    let cause =
        "keys that are written must have no empty part, '.', '..' or control character between slashes";
    Path::parse(key)
        .ok()
        .filter(|path| path.as_ref() == key)
        .ok_or_else(|| S3Error::failed(format!("writing {}", client.address(key)), cause))
}

/// Whether another attempt may succeed: there was no response, or one that says so.
fn is_transient(error: &StoreError) -> bool {
    matches!(error, StoreError::Generic { .. }) && refusal_in(error).is_none_or(|no| no.status >= 500)
}

/// Whether an upload in parts has already ended (Amazon S3 API Reference: CompleteMultipartUpload,
/// NoSuchUpload).
fn is_no_such_upload(error: &StoreError) -> bool {
    refusal_in(error).is_some_and(|refusal| refusal.code == "NoSuchUpload")
}

fn to_s3_error(client: &S3Client, error: StoreError, key: &str, permission: &'static str) -> S3Error {
    let error = match refusal_in(&error) {
        Some(refusal) => RequestError::Refused(refusal),
        None => TransferError::Store(error).into(),
    };
    client.error(error, key, permission)
}

/// The response of S3 in an error of `object_store`, which has it only as part of its text.
fn refusal_in(error: &StoreError) -> Option<Refusal> {
    let text = error_chain(error);
    let between = |from: &str, to: &str| {
        let rest = &text[text.find(from)? + from.len()..];
        Some(rest[..rest.find(to)?].to_owned())
    };
    let status = match error {
        StoreError::PermissionDenied { .. } => Some(403),
        StoreError::Unauthenticated { .. } => Some(401),
        StoreError::NotFound { .. } => Some(404),
        StoreError::Precondition { .. } | StoreError::AlreadyExists { .. } => Some(412),
        _ => between("status code: ", " ").and_then(|status| status.parse().ok()),
    };
    let code = between("<Code>", "</Code>");
    if status.is_none() && code.is_none() {
        return None;
    }
    Some(Refusal {
        status: status.unwrap_or_default(),
        code: code.unwrap_or_default(),
        message: between("<Message>", "</Message>").unwrap_or_default(),
        region: between("<Region>", "</Region>"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_response_is_found_in_the_text_of_an_error() {
        let text = "Server returned non-2xx status code: 403 Forbidden: \
             <Error><Code>AccessDenied</Code><Message>not you</Message></Error>";
        let error = StoreError::PermissionDenied { path: "k".to_owned(), source: text.into() };
        let refusal = refusal_in(&error).unwrap();
        assert_eq!((refusal.status, &*refusal.code, &*refusal.message), (403, "AccessDenied", "not you"));
        assert!(!is_transient(&error));

        let error = StoreError::Generic { store: "S3", source: "connection reset".into() };
        assert!(refusal_in(&error).is_none());
        assert!(is_transient(&error));
        let text = "status code: 400 Bad: <Code>InvalidRequest</Code>";
        let error = StoreError::Generic { store: "S3", source: text.into() };
        assert!(!is_transient(&error));
    }
}
