//! The bytes of objects: all of them, or an error.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use futures_util::StreamExt;
use object_store::client::HttpResponse;

use super::S3Error;
use super::client::{Request, RequestError, Retry, RetryPolicy, S3Client, can_be_asked_for};

/// What reading needs.
pub(super) const PERMISSION: &str =
    "s3:GetObject on the object (and kms:Decrypt on the key that encrypts it, if one does)";

/// So much received makes up for the tries it took.
const PROGRESS: u64 = 64 << 10;

/// Bytes of an object.
pub(super) struct GetRequest<'a> {
    pub(super) key: &'a str,
    /// The state it must be in, where known.
    pub(super) etag: Option<&'a str>,
    /// Which of its bytes; `None`: all, however many there are.
    pub(super) range: Option<Range<u64>>,
}

/// Takes bytes as they come.
pub(super) type Sink<'s> = &'s mut (dyn FnMut(&[u8]) -> io::Result<()> + Send);

/// How far it has come.
struct Transfer {
    got: u64,
    /// How many there are to get; known from the first answer at the latest, unless that does not say.
    all: Option<u64>,
    etag: Option<String>,
}

impl S3Client {
    /// Gives all the bytes to `sink`, in order, each once; tells the object's ETag.
    ///
    /// An answer that breaks off is gone on with by a request for what is missing, under the condition that the object has not changed.
    pub(super) async fn get(
        &self,
        wanted: &GetRequest<'_>,
        sink: Sink<'_>,
    ) -> Result<Option<String>, S3Error> {
        if !can_be_asked_for(wanted.key) {
            return Err(S3Error::Key { address: self.address(wanted.key) });
        }
        let mut retry = Retry::new(RetryPolicy::LONG);
        let all = wanted.range.as_ref().map(|range| range.end - range.start);
        let mut course = Transfer { got: 0, all, etag: wanted.etag.map(str::to_owned) };
        let mut settled = 0;
        loop {
            match self.get_once(wanted, &mut course, sink).await {
                Ok(()) => return Ok(course.etag),
                Err(Failure::Here(error)) => {
                    return Err(S3Error::File { address: self.address(wanted.key), error: Arc::new(error) });
                }
                Err(Failure::Changed) => {
                    return Err(S3Error::Precondition { address: self.address(wanted.key) });
                }
                Err(Failure::There(trouble)) => {
                    if course.got - settled >= PROGRESS {
                        settled = course.got;
                        retry.begin_again();
                    }
                    retry
                        .after(self, trouble)
                        .await
                        .map_err(|trouble| self.error(trouble, wanted.key, PERMISSION))?;
                }
            }
        }
    }

    async fn get_once(
        &self,
        wanted: &GetRequest<'_>,
        course: &mut Transfer,
        sink: Sink<'_>,
    ) -> Result<(), Failure> {
        let begin = wanted.range.as_ref().map_or(0, |range| range.start) + course.got;
        let mut headers = Vec::with_capacity(2);
        headers.extend(course.etag.clone().map(|tag| ("if-match", tag)));
        match &wanted.range {
            // There is no range of no bytes.
            Some(range) if begin < range.end => {
                headers.push(("range", format!("bytes={begin}-{}", range.end - 1)));
            }
            None if begin > 0 => headers.push(("range", format!("bytes={begin}-"))),
            _ => {}
        }
        let response = self
            .send(&Request { key: Some(wanted.key), query: &[], headers: &headers })
            .await
            .map_err(Failure::There)?;
        let mut skip = self.look_at(&response, begin, course)?;
        let mut body = response.into_body().bytes_stream();
        while let Some(bytes) = body.next().await {
            let bytes = bytes.map_err(|e| Failure::There(RequestError::of_http(&e)))?;
            let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(bytes.len());
            skip -= skipped as u64;
            let mut bytes = &bytes[skipped..];
            if let Some(all) = course.all {
                // A server that does not know ranges sends more than was asked for.
                let left = usize::try_from(all - course.got).unwrap_or(usize::MAX);
                bytes = &bytes[..bytes.len().min(left)];
            }
            sink(bytes).map_err(Failure::Here)?;
            course.got += bytes.len() as u64;
        }
        match course.all {
            Some(all) if course.got < all => {
                let why = format!("the answer broke off after {} of {all} bytes", course.got);
                Err(Failure::There(RequestError::Broken(why)))
            }
            _ => Ok(()),
        }
    }

    /// Checks what an answer says of itself; tells how many bytes precede those that are wanted.
    fn look_at(&self, response: &HttpResponse, begin: u64, course: &mut Transfer) -> Result<u64, Failure> {
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        // Some servers do not know If-Match.
        if let Some(etag) = header("etag") {
            if course.etag.as_ref().is_some_and(|known| known != etag) {
                return Err(Failure::Changed);
            }
            course.etag = Some(etag.to_owned());
        }
        if response.status().as_u16() == 206 {
            let says = header("content-range").unwrap_or_default();
            let start = says.strip_prefix("bytes ").and_then(|range| range.split('-').next()?.parse().ok());
            if start != Some(begin) {
                let why = format!("bytes from {begin} on were asked for; the answer says {says:?}");
                return Err(Failure::There(RequestError::Broken(why)));
            }
            return Ok(0);
        }
        if course.all.is_none() {
            course.all = header("content-length").and_then(|length| length.parse().ok());
        }
        Ok(begin)
    }
}

/// Why a try came to nothing.
enum Failure {
    There(RequestError),
    /// The object is another now.
    Changed,
    /// The sink does not take any more.
    Here(io::Error),
}
