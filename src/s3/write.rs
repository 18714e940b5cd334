//! Writing: conditional where somebody else could be writing, in parts where it is much.

use std::fs::File;
use std::io::Read;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{
    ClientOptions, Error, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    RetryConfig, UpdateVersion,
};
use tokio::time::timeout;

use super::client::{Refusal, RequestError, S3Client};
use super::credentials::chain_of;
use super::get::GetRequest;
use super::{Condition, Content, S3Error, SILENCE};

/// What writing needs.
const PERMISSION: &str = "s3:PutObject and s3:AbortMultipartUpload on the report's prefix (and kms:GenerateDataKey and kms:Decrypt, if the bucket \
                          encrypts with a key of yours)";
/// What deleting needs.
const DELETING: &str = "s3:DeleteObject on the report's prefix";

/// A part of an upload. S3 takes at most 10,000 of them: enough for 150 GiB.
const PART: usize = 16 << 20;
/// Parts on their way at a time.
const PARTS_AHEAD: usize = 3;
/// Tries of what `object_store` does not try again by itself, because it cannot know whether it happened: here that does no harm.
const TRIES: u32 = 4;
/// After so long nothing is tried again. A run that cannot write has nobody to tell but by ending.
const PERSISTENCE: Duration = Duration::from_secs(60);
/// The same for what `object_store` tries again by itself.
const PERSISTENCE_WITHIN: Duration = Duration::from_secs(30);

/// The writer for the bucket of a wire.
pub(super) fn writer(client: &S3Client, options: ClientOptions) -> Result<AmazonS3, S3Error> {
    let endpoint = &client.endpoint;
    AmazonS3Builder::new()
        .with_bucket_name(&client.bucket)
        .with_region(&endpoint.region)
        .with_endpoint(if endpoint.path_style { &endpoint.host } else { &endpoint.bucket_url })
        .with_virtual_hosted_style_request(!endpoint.path_style)
        .with_credentials(client.credentials.clone())
        .with_request_payer(client.requester_pays)
        .with_client_options(options)
        .with_retry(RetryConfig { retry_timeout: PERSISTENCE_WITHIN, ..RetryConfig::default() })
        .build()
        .map_err(|error| S3Error::Failed {
            what: format!("writing to s3://{}", client.bucket),
            why: chain_of(&error),
        })
}

/// Writes under a condition; the new ETag.
pub(super) async fn write(
    client: &S3Client,
    to: &AmazonS3,
    key: &str,
    bytes: Vec<u8>,
    condition: &Condition,
) -> Result<Option<String>, S3Error> {
    let path = path_of(client, key)?;
    let bytes = PutPayload::from(bytes);
    let mut tries = Attempts::new();
    loop {
        let mode = match condition {
            Condition::Always => PutMode::Overwrite,
            Condition::Absent => PutMode::Create,
            Condition::Unchanged(etag) => {
                PutMode::Update(UpdateVersion { e_tag: Some(etag.clone()), version: None })
            }
        };
        let put = to.put_opts(&path, bytes.clone(), PutOptions { mode, ..PutOptions::default() }).await;
        let error = match put {
            Ok(done) => return Ok(done.e_tag),
            Err(error) => error,
        };
        match &error {
            // It may be our own doing: an earlier try whose answer was lost.
            Error::AlreadyExists { .. } | Error::Precondition { .. } => match read_back(client, key).await? {
                Some((held, etag)) if held == contiguous(&bytes) => return Ok(etag),
                // Somebody was writing or deleting at that moment.
                None if *condition == Condition::Absent && tries.again().await => {}
                _ => return Err(S3Error::Precondition { address: client.address(key) }),
            },
            _ if may_pass(&error) && tries.again().await => {}
            _ => return Err(explain(client, &error, key, PERMISSION)),
        }
    }
}

/// Uploads a file, in parts if it is large.
pub(super) async fn upload(
    client: &S3Client,
    to: &AmazonS3,
    key: &str,
    file: &FilePath,
) -> Result<(), S3Error> {
    let path = path_of(client, key)?;
    let mut tries = Attempts::new();
    loop {
        let failure = match upload_once(to, &path, file).await {
            Ok(()) => return Ok(()),
            Err(failure) => failure,
        };
        match failure {
            Failure::Here(error) => {
                return Err(S3Error::File { address: client.address(key), error: Arc::new(error) });
            }
            // All parts are there, but not the upload: it was completed or aborted already, and the answer was lost.
            Failure::There(error) if (may_pass(&error) || is_over(&error)) && tries.again().await => {}
            Failure::There(error) => return Err(explain(client, &error, key, PERMISSION)),
        }
    }
}

enum Failure {
    Here(std::io::Error),
    There(Error),
}

async fn upload_once(to: &AmazonS3, path: &Path, file: &FilePath) -> Result<(), Failure> {
    let mut file = File::open(file).map_err(Failure::Here)?;
    let mut part = next_part(&mut file)?;
    if part.len() < PART {
        return to.put(path, part.into()).await.map(drop).map_err(Failure::There);
    }
    let mut upload = to.put_multipart(path).await.map_err(Failure::There)?;
    let sent = send_parts(&mut *upload, &mut file, &mut part).await;
    if sent.is_err() {
        // Parts that stay would cost until a lifecycle rule removes them. There is nobody to tell if this fails, too.
        let _ = timeout(SILENCE, upload.abort()).await;
    }
    sent
}

async fn send_parts(
    upload: &mut dyn MultipartUpload,
    file: &mut File,
    part: &mut Vec<u8>,
) -> Result<(), Failure> {
    let mut under_way = futures_util::stream::FuturesUnordered::new();
    while !part.is_empty() {
        under_way.push(upload.put_part(std::mem::take(part).into()));
        if under_way.len() >= PARTS_AHEAD
            && let Some(done) = under_way.next().await
        {
            done.map_err(Failure::There)?;
        }
        *part = next_part(file)?;
    }
    while let Some(done) = under_way.next().await {
        done.map_err(Failure::There)?;
    }
    upload.complete().await.map(drop).map_err(Failure::There)
}

/// The next bytes of a file, a part's worth unless it ends.
fn next_part(file: &mut File) -> Result<Vec<u8>, Failure> {
    let mut part = Vec::new();
    file.by_ref().take(PART as u64).read_to_end(&mut part).map_err(Failure::Here)?;
    Ok(part)
}

/// Deletes objects; those that are not there are no error.
pub(super) async fn delete(client: &S3Client, to: &AmazonS3, keys: &[String]) -> Result<(), S3Error> {
    let mut paths = keys.iter().map(|key| path_of(client, key)).collect::<Result<Vec<Path>, _>>()?;
    let mut tries = Attempts::new();
    while !paths.is_empty() {
        let all = futures_util::stream::iter(paths.clone().into_iter().map(Ok)).boxed();
        let outcome: Vec<_> = to.delete_stream(all).collect().await;
        let failed =
            outcome.into_iter().find_map(|done| done.err().filter(|e| !matches!(e, Error::NotFound { .. })));
        match failed {
            None => paths.clear(),
            // Those that are gone already can be deleted again.
            Some(error) if may_pass(&error) && tries.again().await => {}
            Some(error) => return Err(explain(client, &error, &keys[0], DELETING)),
        }
    }
    Ok(())
}

/// Tries of one call.
struct Attempts {
    made: u32,
    since: Instant,
}

impl Attempts {
    fn new() -> Self {
        Self { made: 0, since: Instant::now() }
    }

    /// Waits before the next try; false when there is to be none.
    async fn again(&mut self) -> bool {
        self.made += 1;
        if self.made >= TRIES || self.since.elapsed() > PERSISTENCE {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(100) * 3u32.pow(self.made)).await;
        true
    }
}

/// The object as it is, if it is there.
async fn read_back(client: &S3Client, key: &str) -> Result<Option<Content>, S3Error> {
    let mut held = Vec::new();
    let mut take = |bytes: &[u8]| {
        held.extend_from_slice(bytes);
        Ok(())
    };
    match client.get(&GetRequest { key, etag: None, range: None }, &mut take).await {
        Ok(etag) => Ok(Some((held, etag))),
        Err(S3Error::NoSuchObject { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn contiguous(payload: &PutPayload) -> Vec<u8> {
    payload.iter().flat_map(|bytes| bytes.iter().copied()).collect()
}

fn path_of(client: &S3Client, key: &str) -> Result<Path, S3Error> {
    Path::parse(key).ok().filter(|path| path.as_ref() == key).ok_or_else(|| S3Error::Failed {
        what: format!("writing {}", client.address(key)),
        why: "keys that are written must have no empty part, '.', '..' or control character between slashes"
            .to_owned(),
    })
}

/// Whether it may go better the next time: no answer, or one that says so.
fn may_pass(error: &Error) -> bool {
    match error {
        Error::Generic { .. } => match trouble_of(error) {
            RequestError::Refused(no) => no.status >= 500,
            RequestError::Broken(_) | RequestError::NoCredentials(_) => true,
        },
        _ => false,
    }
}

/// Whether an upload in parts has ended already (Amazon S3 API Reference: CompleteMultipartUpload, NoSuchUpload).
fn is_over(error: &Error) -> bool {
    matches!(trouble_of(error), RequestError::Refused(no) if no.code == "NoSuchUpload")
}

fn explain(client: &S3Client, error: &Error, key: &str, permission: &'static str) -> S3Error {
    client.error(trouble_of(error), key, permission)
}

/// What an error of `object_store` says: the answer of S3 is part of its words only.
fn trouble_of(error: &Error) -> RequestError {
    let words = chain_of(error);
    let between = |from: &str, to: &str| {
        let rest = &words[words.find(from)? + from.len()..];
        Some(rest[..rest.find(to)?].to_owned())
    };
    let status = match error {
        Error::PermissionDenied { .. } => Some(403),
        Error::Unauthenticated { .. } => Some(401),
        Error::NotFound { .. } => Some(404),
        Error::Precondition { .. } | Error::AlreadyExists { .. } => Some(412),
        _ => between("status code: ", " ").and_then(|status| status.parse().ok()),
    };
    let code = between("<Code>", "</Code>");
    match (status, code) {
        (None, None) => RequestError::Broken(words),
        (status, code) => RequestError::Refused(Refusal {
            status: status.unwrap_or_default(),
            code: code.unwrap_or_default(),
            message: between("<Message>", "</Message>").unwrap_or_default(),
            region: between("<Region>", "</Region>"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_found_in_the_words() {
        let answer = "Server returned non-2xx status code: 403 Forbidden: <Error><Code>AccessDenied</Code><Message>not you</Message></Error>";
        let error = Error::PermissionDenied { path: "k".to_owned(), source: answer.into() };
        let RequestError::Refused(no) = trouble_of(&error) else { panic!("it is an answer") };
        assert_eq!((no.status, no.code.as_str(), no.message.as_str()), (403, "AccessDenied", "not you"));
        assert!(!may_pass(&error));

        let error = Error::Generic { store: "S3", source: "connection reset".into() };
        assert!(matches!(trouble_of(&error), RequestError::Broken(_)));
        assert!(may_pass(&error));
        let error = Error::Generic {
            store: "S3",
            source: "status code: 400 Bad: <Code>InvalidRequest</Code>".into(),
        };
        assert!(!may_pass(&error));
    }
}
