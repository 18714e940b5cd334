//! One signed request to one bucket.
//!
//! Requests are built here and only signed and sent with `object_store`. Its own operations do not
//! fit: its paths cannot express every key (one that ends in `/`, like the folders that consoles
//! create, or that contains `//` or `.`), a page that lists one such key fails as a whole, and its
//! errors hold the response of S3 only as text.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use object_store::aws::AwsAuthorizer;
use object_store::client::{HttpClient, HttpError, HttpRequest, HttpRequestBody, HttpResponse};

use super::credentials::Credentials;
use super::endpoint::Endpoint;
use super::refusal::{Refusal, RequestError, TransferError};
use crate::s3::S3Error;
use crate::s3::error::Cause;

/// Sends signed requests to one bucket.
#[derive(Debug)]
pub(super) struct S3Client {
    /// For requests that read.
    pub(super) reading: HttpClient,
    /// For requests that write, which get more time.
    pub(super) writing: HttpClient,
    pub(super) endpoint: Endpoint,
    pub(super) bucket: String,
    pub(super) credentials: Arc<Credentials>,
    pub(super) requester_pays: bool,
    /// How often S3 has asked to slow down.
    pub(super) slow_downs: AtomicU64,
}

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Put,
    Post,
    Delete,
}

impl Method {
    fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// A request.
pub(super) struct Request<'a> {
    pub(super) method: Method,
    /// The object's key as it is stored; `None` addresses the bucket.
    pub(super) key: Option<&'a str>,
    pub(super) query: &'a [(&'static str, &'a str)],
    pub(super) headers: &'a [(&'static str, String)],
    pub(super) body: HttpRequestBody,
}

impl<'a> Request<'a> {
    /// A GET request for an object.
    pub(super) fn of(key: &'a str) -> Self {
        Self { key: Some(key), ..Self::of_bucket() }
    }

    /// A GET request for the bucket.
    pub(super) fn of_bucket() -> Self {
        let body = HttpRequestBody::empty();
        Self { method: Method::Get, key: None, query: &[], headers: &[], body }
    }
}

impl S3Client {
    /// Sends the request once.
    pub(super) async fn send(&self, request: &Request<'_>) -> Result<HttpResponse, RequestError> {
        let credential = self.credentials.get().await.map_err(RequestError::NoCredentials)?;
        let http_request = self.signed(request, &credential).map_err(TransferError::Request)?;
        let response = self.execute(request.method, http_request).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(RequestError::Refused(Refusal::read(response).await))
    }

    async fn execute(&self, method: Method, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        match method {
            Method::Get => self.reading.execute(request).await,
            Method::Put | Method::Post | Method::Delete => self.writing.execute(request).await,
        }
    }

    fn signed(
        &self,
        request: &Request<'_>,
        credential: &object_store::aws::AwsCredential,
    ) -> Result<HttpRequest, Cause> {
        let mut http_request = HttpRequest::new(request.body.clone());
        *http_request.method_mut() = request.method.as_str().parse()?;
        *http_request.uri_mut() = self.url(request).parse()?;
        for (name, value) in request.headers {
            http_request.headers_mut().insert(*name, value.parse()?);
        }
        AwsAuthorizer::new(credential, "s3", &self.endpoint.region)
            .with_request_payer(self.requester_pays)
            .try_authorize(&mut http_request, None)?;
        Ok(http_request)
    }

    fn url(&self, request: &Request<'_>) -> String {
        let mut url = self.endpoint.bucket_url.clone();
        url.push('/');
        percent_encode(request.key.unwrap_or_default(), Slash::Keep, &mut url);
        for (n, (name, value)) in request.query.iter().enumerate() {
            url.push(if n == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            percent_encode(value, Slash::Encode, &mut url);
        }
        url
    }

    pub(super) fn address(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    /// Turns the failure of a request about `key` into an error for users. `permission` is what the
    /// request needs.
    pub(super) fn error(&self, error: RequestError, key: &str, permission: &'static str) -> S3Error {
        let (bucket, address) = (self.bucket.clone(), self.address(key));
        let refusal = match error {
            RequestError::NoCredentials(cause) => {
                return S3Error::NoCredentials { bucket, source: cause.into() };
            }
            RequestError::NoResponse(cause) if cause.is_transient() => return self.unreachable(cause),
            RequestError::NoResponse(cause) => {
                return S3Error::failed(format!("a request for {address}"), cause);
            }
            RequestError::Refused(refusal) => refusal,
        };
        let used = self.endpoint.region.clone();
        match (&*refusal.code, refusal.status) {
            ("NoSuchBucket", _) => S3Error::NoSuchBucket { bucket, endpoint: self.endpoint.host.clone() },
            ("PermanentRedirect" | "TemporaryRedirect" | "AuthorizationHeaderMalformed", _)
            | ("IllegalLocationConstraintException", _)
            | ("", 400)
            | (_, 301 | 302 | 303 | 307 | 308)
                if let Some(actual) = refusal.region.clone().filter(|actual| *actual != used) =>
            {
                S3Error::WrongRegion { bucket, used, actual }
            }
            ("RequestTimeTooSkewed" | "RequestExpired", _) => {
                S3Error::ClockSkew { bucket, code: refusal.code }
            }
            (
                "InvalidAccessKeyId"
                | "InvalidClientTokenId"
                | "InvalidSecurity"
                | "SignatureDoesNotMatch"
                | "InvalidToken"
                | "ExpiredToken"
                | "TokenRefreshRequired",
                _,
            ) => S3Error::CredentialsRejected { bucket, code: refusal.code },
            ("InvalidObjectState", _) => S3Error::Archived { address },
            ("AccessDenied" | "", 401 | 403) => {
                let detail = (!refusal.message.is_empty()).then_some(refusal.message);
                S3Error::Denied { address, permission, detail }
            }
            ("NoSuchUpload", _) => S3Error::NoSuchUpload { address },
            (_, 404) => S3Error::NoSuchObject { address },
            // 416: the object has become shorter than the range that was requested.
            (_, 412 | 416) => S3Error::Precondition { address },
            _ => S3Error::failed(format!("a request for {address}"), refusal),
        }
    }

    pub(super) fn unreachable(&self, cause: TransferError) -> S3Error {
        S3Error::Unreachable { endpoint: self.endpoint.host.clone(), source: cause.into() }
    }
}

/// What [`percent_encode`] does with slashes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slash {
    /// They separate the parts of a path.
    Keep,
    /// They are part of a value.
    Encode,
}

/// Appends `text`, percent-encoded as signatures require it (IAM User Guide: "Create a signed AWS
/// API request", UriEncode).
fn percent_encode(text: &str, slash: Slash, to: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => to.push(byte.into()),
            b'/' if slash == Slash::Keep => to.push('/'),
            _ => {
                to.push('%');
                to.push(HEX[usize::from(byte >> 4)].into());
                to.push(HEX[usize::from(byte & 15)].into());
            }
        }
    }
}

/// Whether a key can be part of a URL, where the segments `.` and `..` are removed on the way.
pub(super) fn fits_in_url(key: &str) -> bool {
    !key.split('/').any(|segment| matches!(segment, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_except_for_their_slashes() {
        let encoded = |text, slash| {
            let mut to = String::new();
            percent_encode(text, slash, &mut to);
            to
        };
        assert_eq!(encoded("a//b c+d%é/~.json", Slash::Keep), "a//b%20c%2Bd%25%C3%A9/~.json");
        assert_eq!(encoded("a/b=", Slash::Encode), "a%2Fb%3D");
    }

    #[test]
    fn keys_with_dot_segments_do_not_fit_in_a_url() {
        for good in ["", "a", "/a", "a//b", "a/...", "a/.b", "a/"] {
            assert!(fits_in_url(good), "{good}");
        }
        for bad in [".", "a/./b", "../a", "a/.."] {
            assert!(!fits_in_url(bad), "{bad}");
        }
    }
}
