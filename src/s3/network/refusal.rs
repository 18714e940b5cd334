//! Why a request failed: an error response of S3, or no usable response at all.

use std::fmt;
use std::sync::Arc;

use futures_util::StreamExt;
use object_store::client::{HttpError, HttpResponse};
use serde::Deserialize;
use thiserror::Error;

use super::credentials::CredentialsError;
use crate::s3::error::Cause;

/// Why a request failed.
#[derive(Debug)]
pub(super) enum RequestError {
    /// S3 responded with an error.
    Refused(Refusal),
    /// No response, or none that could be read to its end.
    NoResponse(TransferError),
    /// There are no credentials to sign the request with.
    NoCredentials(Arc<CredentialsError>),
}

/// Why there is no usable response.
#[derive(Debug, Error)]
pub(super) enum TransferError {
    #[error("no response in time")]
    Timeout,
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the request cannot be built")]
    Request(#[source] Cause),
    #[error("the response broke off after {received} of {expected} bytes")]
    CutOff { received: u64, expected: u64 },
    #[error("bytes from {start} on were requested, but the response has range {content_range:?}")]
    WrongRange { start: u64, content_range: String },
    #[error("the list of keys breaks off")]
    ListCutOff,
    #[error("the list of keys cannot be read")]
    InvalidList(#[source] quick_xml::DeError),
    #[error("the list of keys is incomplete and does not say how to continue")]
    ListWithoutToken,
    #[error("the list of keys names {name:?}, which is not in the folder that was asked for")]
    ForeignKey { name: String },
    #[error("the list of keys has a name of {bytes} bytes; the longest that S3 allows has 1,024")]
    LongKey { bytes: usize },
    #[error("a page of the list of keys goes back to {name:?} instead of going on")]
    ListGoesBack { name: String },
    #[error("a page of the list of keys names itself as the next one")]
    ListRepeats,
    #[error("{pages} pages of the list of keys are empty, and more are to come: given up")]
    ListWithoutEnd { pages: u32 },
    #[error("the list of keys has {pages} pages, and more are to come: given up")]
    ListTooLong { pages: u32 },
    #[error("a page of the list of keys has more than {bytes} bytes")]
    ListTooLarge { bytes: usize },
    #[error("the folder has more than {keys} objects: it is not one that keytrail writes to")]
    TooManyObjects { keys: usize },
}

impl TransferError {
    /// Whether another attempt may succeed. A response that arrived whole and cannot be right will
    /// not be right the next time.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Timeout | Self::Http(_) | Self::CutOff { .. } | Self::ListCutOff => true,
            Self::Request(_)
            | Self::WrongRange { .. }
            | Self::InvalidList(_)
            | Self::ListWithoutToken
            | Self::ForeignKey { .. }
            | Self::LongKey { .. }
            | Self::ListGoesBack { .. }
            | Self::ListRepeats
            | Self::ListWithoutEnd { .. }
            | Self::ListTooLong { .. }
            | Self::ListTooLarge { .. }
            | Self::TooManyObjects { .. } => false,
        }
    }
}

/// An error response of S3.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    /// The HTTP status.
    pub(super) status: u16,
    /// The error code; empty if the response has none.
    pub(super) code: String,
    /// The message for people; may be empty.
    pub(super) message: String,
    /// The bucket's region, if the response names it.
    pub(super) region: Option<String>,
}

/// The longest body of an error response that is read, in bytes.
const MAX_BODY: usize = 64 << 10;

/// The XML body of an error response (Amazon S3 API Reference: "Error responses").
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ErrorBody {
    code: String,
    message: String,
    region: Option<String>,
}

impl From<HttpError> for RequestError {
    fn from(error: HttpError) -> Self {
        TransferError::from(error).into()
    }
}

impl From<TransferError> for RequestError {
    fn from(error: TransferError) -> Self {
        Self::NoResponse(error)
    }
}

impl Refusal {
    /// Reads a response whose status is not a success.
    pub(super) async fn read(response: HttpResponse) -> Self {
        let status = response.status().as_u16();
        let region = region_header(&response);
        // Without a readable body the status says enough.
        let body = Self::read_body(response).await.unwrap_or_default();
        let body: ErrorBody = quick_xml::de::from_reader(&body[..]).unwrap_or_default();
        Self { status, code: body.code, message: body.message, region: region.or(body.region) }
    }

    /// Reads the body of a response that is small if S3 sent it. What is longer is cut off.
    pub(super) async fn read_body(response: HttpResponse) -> Result<Vec<u8>, RequestError> {
        let mut body = Vec::new();
        let mut chunks = response.into_body().bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let room = MAX_BODY - body.len();
            let chunk = chunk?;
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if body.len() == MAX_BODY {
                break;
            }
        }
        Ok(body)
    }

    /// The error in the body of a response whose status is a success, if it holds one.
    pub(super) fn in_body(status: u16, body: &[u8]) -> Option<Self> {
        let text = body.trim_ascii_start();
        let root = match text.strip_prefix(b"<?xml") {
            Some(rest) => rest.iter().position(|byte| *byte == b'>').map_or(&[][..], |end| &rest[end + 1..]),
            None => text,
        };
        if !root.trim_ascii_start().starts_with(b"<Error") {
            return None;
        }
        let body: ErrorBody = quick_xml::de::from_reader(body).unwrap_or_default();
        Some(Self { status, code: body.code, message: body.message, region: body.region })
    }

    /// Whether the same request may succeed later.
    pub(super) fn is_transient(&self) -> bool {
        let codes = ["SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "OperationAborted"];
        (matches!(self.status, 408 | 429) || self.status >= 500) && self.status != 501
            || codes.contains(&&*self.code)
    }

    /// Whether S3 asks for fewer requests.
    pub(super) fn is_slow_down(&self) -> bool {
        matches!(self.status, 429 | 503) || self.code == "SlowDown"
    }

    /// Whether temporary credentials have expired (earlier than they said), or are not known
    /// everywhere yet.
    pub(super) fn is_expired_token(&self) -> bool {
        matches!(&*self.code, "ExpiredToken" | "TokenRefreshRequired")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&*self.code, &*self.message) {
            ("", _) => write!(f, "HTTP status {}", self.status),
            (code, "") => f.write_str(code),
            (code, message) => write!(f, "{code}: {message}"),
        }
    }
}

impl std::error::Error for Refusal {}

/// The bucket's region, which S3 puts into most responses.
pub(super) fn region_header(response: &HttpResponse) -> Option<String> {
    let value = response.headers().get("x-amz-bucket-region")?;
    value.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_in_a_successful_response_is_found() {
        let error = b"<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code><Message>m</Message></Error>";
        let found = Refusal::in_body(200, error).unwrap();
        assert_eq!((found.status, &*found.code), (200, "InternalError"));
        assert!(found.is_transient());
        for body in ["", "<CompleteMultipartUploadResult><Key>Error</Key></CompleteMultipartUploadResult>"] {
            assert!(Refusal::in_body(200, body.as_bytes()).is_none(), "{body}");
        }
    }

    #[test]
    fn transient_refusals_are_told_from_permanent_ones() {
        let refusal = |status, code: &str| Refusal { status, code: code.to_owned(), ..Refusal::default() };
        for (status, code) in
            [(500, "InternalError"), (503, "SlowDown"), (429, ""), (400, "RequestTimeout"), (502, "")]
        {
            assert!(refusal(status, code).is_transient(), "{status} {code}");
        }
        for (status, code) in
            [(403, "AccessDenied"), (404, "NoSuchKey"), (412, ""), (301, ""), (501, "NotImplemented")]
        {
            assert!(!refusal(status, code).is_transient(), "{status} {code}");
        }
    }
}
