//! Reads objects: all their bytes, or an error.

use std::io;
use std::ops::Range;

use futures_util::StreamExt;
use object_store::client::HttpResponse;

use super::client::{Request, S3Client, fits_in_url};
use super::refusal::{RequestError, TransferError};
use super::retry::{Backoff, RetryPolicy};
use crate::s3::{ObjectContent, S3Error};

/// What reading needs.
const PERMISSION: &str =
    "s3:GetObject on the object (and kms:Decrypt on the key that encrypts it, if one does)";

/// Once this many more bytes have arrived, all attempts are allowed again.
const PROGRESS_BYTES: u64 = 64 << 10;

/// A request for an object's bytes.
pub(super) struct GetRequest<'a> {
    pub(super) key: &'a str,
    /// The ETag that the object must have, if known.
    pub(super) etag: Option<&'a str>,
    /// Which of its bytes; `None` for all of them.
    pub(super) range: Option<Range<u64>>,
}

/// Receives bytes as they arrive.
pub(super) type ByteSink<'s> = &'s mut (dyn FnMut(&[u8]) -> io::Result<()> + Send);

/// How much of an object has arrived.
struct Transfer {
    received: u64,
    /// How many bytes there are to receive. Known from the first response at the latest, unless
    /// that has no length.
    expected: Option<u64>,
    etag: Option<String>,
    signature: Option<String>,
}

/// What the headers of an object's responses say.
#[derive(Debug, Default)]
pub(super) struct ObjectHeaders {
    pub(super) etag: Option<String>,
    /// The metadata `signature`.
    pub(super) signature: Option<String>,
}

/// The longest signature that is kept, in bytes: one of 8,192 bits has 2,048 digits.
const SIGNATURE: usize = 4096;

/// Why one attempt failed.
enum GetError {
    Request(RequestError),
    /// The object is no longer the one that was requested.
    Changed,
    /// The sink does not accept any more bytes.
    Sink(io::Error),
}

impl From<TransferError> for GetError {
    fn from(error: TransferError) -> Self {
        Self::Request(error.into())
    }
}

impl S3Client {
    /// Gives all requested bytes to `sink`, in order, each once.
    ///
    /// If a response breaks off, the next request asks for the rest, on condition that the object
    /// has not changed.
    pub(super) async fn get(
        &self,
        request: &GetRequest<'_>,
        sink: ByteSink<'_>,
    ) -> Result<ObjectHeaders, S3Error> {
        let address = || self.address(request.key);
        if !fits_in_url(request.key) {
            return Err(S3Error::UnsupportedKey { address: address() });
        }
        let mut backoff = Backoff::new(RetryPolicy::DURING_RUN);
        let expected = request.range.as_ref().map(|range| range.end - range.start);
        let etag = request.etag.map(str::to_owned);
        let mut transfer = Transfer { received: 0, expected, etag, signature: None };
        let mut received_at_reset = 0;
        loop {
            match self.get_once(request, &mut transfer, sink).await {
                Ok(()) => {
                    let Transfer { etag, signature, .. } = transfer;
                    return Ok(ObjectHeaders { etag, signature });
                }
                Err(GetError::Sink(error)) => {
                    return Err(S3Error::File { address: address(), source: error });
                }
                Err(GetError::Changed) => return Err(S3Error::Precondition { address: address() }),
                Err(GetError::Request(error)) => {
                    if transfer.received - received_at_reset >= PROGRESS_BYTES {
                        received_at_reset = transfer.received;
                        backoff.reset();
                    }
                    backoff
                        .pause_after(self, error)
                        .await
                        .map_err(|error| self.error(error, request.key, PERMISSION))?;
                }
            }
        }
    }

    /// Reads a whole object; `None` if there is no such object.
    pub(super) async fn read(&self, key: &str) -> Result<Option<ObjectContent>, S3Error> {
        let mut bytes = Vec::new();
        let mut append = |some: &[u8]| {
            bytes.extend_from_slice(some);
            Ok(())
        };
        match self.get(&GetRequest { key, etag: None, range: None }, &mut append).await {
            Ok(headers) => Ok(Some(ObjectContent { bytes, etag: headers.etag })),
            Err(S3Error::NoSuchObject { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn get_once(
        &self,
        request: &GetRequest<'_>,
        transfer: &mut Transfer,
        sink: ByteSink<'_>,
    ) -> Result<(), GetError> {
        let start = request.range.as_ref().map_or(0, |range| range.start) + transfer.received;
        let mut headers = Vec::with_capacity(2);
        headers.extend(transfer.etag.clone().map(|etag| ("if-match", etag)));
        match &request.range {
            // HTTP has no range of zero bytes.
            Some(range) if start < range.end => {
                headers.push(("range", format!("bytes={start}-{}", range.end - 1)));
            }
            None if start > 0 => headers.push(("range", format!("bytes={start}-"))),
            _ => {}
        }
        let response = self
            .send(&Request { headers: &headers, ..Request::of(request.key) })
            .await
            .map_err(GetError::Request)?;
        let mut to_skip = read_headers(&response, start, transfer)?;
        let mut body = response.into_body().bytes_stream();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(TransferError::from)?;
            let skipped = usize::try_from(to_skip).unwrap_or(usize::MAX).min(chunk.len());
            to_skip -= skipped as u64;
            let mut bytes = &chunk[skipped..];
            if let Some(expected) = transfer.expected {
                // A server that does not support ranges sends more than was requested.
                let left = usize::try_from(expected - transfer.received).unwrap_or(usize::MAX);
                bytes = &bytes[..bytes.len().min(left)];
            }
            sink(bytes).map_err(GetError::Sink)?;
            transfer.received += bytes.len() as u64;
        }
        match transfer.expected {
            Some(expected) if transfer.received < expected => {
                Err(TransferError::CutOff { received: transfer.received, expected }.into())
            }
            _ => Ok(()),
        }
    }
}

/// Checks the headers of a response to a request for the bytes from `start` on. Returns how many
/// bytes of the body precede the requested ones.
fn read_headers(response: &HttpResponse, start: u64, transfer: &mut Transfer) -> Result<u64, GetError> {
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    // Some servers do not support If-Match.
    if let Some(etag) = header("etag") {
        if transfer.etag.as_ref().is_some_and(|before| before != etag) {
            return Err(GetError::Changed);
        }
        transfer.etag = Some(etag.to_owned());
    }
    transfer.signature =
        header("x-amz-meta-signature").filter(|text| text.len() <= SIGNATURE).map(str::to_owned);
    if response.status().as_u16() == 206 {
        let content_range = header("content-range").unwrap_or_default();
        let sent =
            content_range.strip_prefix("bytes ").and_then(|range| range.split('-').next()?.parse().ok());
        if sent != Some(start) {
            let content_range = content_range.to_owned();
            return Err(TransferError::WrongRange { start, content_range }.into());
        }
        return Ok(0);
    }
    if transfer.expected.is_none() {
        transfer.expected = header("content-length").and_then(|length| length.parse().ok());
    }
    Ok(start)
}
