//! Signed requests, one at a time, and patience with what passes.
//!
//! Reading does not go through `object_store`'s own `get` and `list`: its paths cannot name every key (one that ends in `/`, as the folders do
//! that consoles make, or has `//` or `.` in it), and a page that lists one such key fails as a whole. So requests are put together here, from
//! `object_store`'s client and signature.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use object_store::aws::AwsAuthorizer;
use object_store::client::{HttpClient, HttpError, HttpRequest, HttpRequestBody, HttpResponse};
use serde::Deserialize;

use super::S3Error;
use super::credentials::{Credentials, chain_of};
use super::endpoint::Endpoint;

/// The way to one bucket.
#[derive(Debug)]
pub(super) struct S3Client {
    pub(super) client: HttpClient,
    pub(super) endpoint: Endpoint,
    pub(super) bucket: String,
    pub(super) credentials: Arc<Credentials>,
    pub(super) requester_pays: bool,
    /// How often S3 has asked to slow down.
    pub(super) slowed: AtomicU64,
}

/// What is asked for.
pub(super) struct Request<'a> {
    /// The key, as it is stored; `None`: the bucket.
    pub(super) key: Option<&'a str>,
    pub(super) query: &'a [(&'static str, &'a str)],
    pub(super) headers: &'a [(&'static str, String)],
}

/// Why a request came to nothing.
#[derive(Debug)]
pub(super) enum RequestError {
    /// S3 says no.
    Refused(Refusal),
    /// No answer, or none that could be read to its end.
    Broken(String),
    NoCredentials(String),
}

/// S3's answer, when it is no.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
    /// The bucket's region.
    pub(super) region: Option<String>,
}

/// An error as S3 words it (Amazon S3 API Reference: "Error responses").
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ErrorBody {
    code: String,
    message: String,
    region: Option<String>,
}

impl RequestError {
    pub(super) fn of_http(error: &HttpError) -> Self {
        Self::Broken(chain_of(error))
    }
}

impl Refusal {
    /// Reads an answer that is no success.
    pub(super) async fn of(response: HttpResponse) -> Self {
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let region = header("x-amz-bucket-region").map(str::to_owned);
        // The words are a help, no more: the status is enough.
        let body = response.into_body().bytes().await.unwrap_or_default();
        let body: ErrorBody = quick_xml::de::from_reader(&body[..]).unwrap_or_default();
        Self { status, code: body.code, message: body.message, region: region.or(body.region) }
    }

    fn passes(&self) -> bool {
        let by_code =
            ["SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "OperationAborted"];
        (matches!(self.status, 408 | 429) || self.status >= 500) && self.status != 501
            || by_code.contains(&&*self.code)
    }

    fn asks_to_slow_down(&self) -> bool {
        matches!(self.status, 429 | 503) || self.code == "SlowDown"
    }

    /// Temporary credentials have ended (earlier than they said), or are known nowhere yet.
    fn is_of_old_credentials(&self) -> bool {
        matches!(&*self.code, "ExpiredToken" | "TokenRefreshRequired")
    }

    /// In one line, for people.
    pub(super) fn words(&self) -> String {
        match (&*self.code, &*self.message) {
            ("", _) => format!("HTTP status {}", self.status),
            (code, "") => code.to_owned(),
            (code, message) => format!("{code}: {message}"),
        }
    }
}

impl S3Client {
    /// Asks once.
    pub(super) async fn send(&self, ask: &Request<'_>) -> Result<HttpResponse, RequestError> {
        let credential = self.credentials.get().await.map_err(RequestError::NoCredentials)?;
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        let not_sent = |error: &dyn std::error::Error| RequestError::Broken(chain_of(error));
        *request.uri_mut() = self.url(ask).parse().map_err(|e| not_sent(&e))?;
        for (name, value) in ask.headers {
            request.headers_mut().insert(*name, value.parse().map_err(|e| not_sent(&e))?);
        }
        AwsAuthorizer::new(&credential, "s3", &self.endpoint.region)
            .with_request_payer(self.requester_pays)
            .try_authorize(&mut request, None)
            .map_err(|e| not_sent(&e))?;
        let response = self.client.execute(request).await.map_err(|e| RequestError::of_http(&e))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(RequestError::Refused(Refusal::of(response).await))
    }

    fn url(&self, ask: &Request<'_>) -> String {
        let mut url = self.endpoint.bucket_url.clone();
        url.push('/');
        encode(ask.key.unwrap_or_default(), true, &mut url);
        for (n, (name, value)) in ask.query.iter().enumerate() {
            url.push(if n == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            encode(value, false, &mut url);
        }
        url
    }

    pub(super) fn address(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    /// The trouble with a request about `key`, for people.
    pub(super) fn error(&self, trouble: RequestError, key: &str, permission: &'static str) -> S3Error {
        let (bucket, address) = (self.bucket.clone(), self.address(key));
        let no = match trouble {
            RequestError::NoCredentials(why) => return S3Error::NoCredentials { bucket, why },
            RequestError::Broken(why) => {
                return S3Error::Unreachable { endpoint: self.endpoint.host.clone(), why };
            }
            RequestError::Refused(no) => no,
        };
        let used = self.endpoint.region.clone();
        match (&*no.code, no.status) {
            ("NoSuchBucket", _) => S3Error::NoSuchBucket { bucket, endpoint: self.endpoint.host.clone() },
            ("PermanentRedirect" | "TemporaryRedirect" | "AuthorizationHeaderMalformed", _)
            | ("IllegalLocationConstraintException", _)
            | ("", 400)
            | (_, 301 | 307)
                if let Some(actual) = no.region.clone().filter(|actual| *actual != used) =>
            {
                S3Error::WrongRegion { bucket, used, actual }
            }
            ("RequestTimeTooSkewed" | "RequestExpired", _) => S3Error::Clock { bucket, code: no.code },
            (
                "InvalidAccessKeyId"
                | "InvalidClientTokenId"
                | "InvalidSecurity"
                | "SignatureDoesNotMatch"
                | "InvalidToken"
                | "ExpiredToken"
                | "TokenRefreshRequired",
                _,
            ) => S3Error::BadCredentials { bucket, code: no.code },
            ("InvalidObjectState", _) => S3Error::Archived { address },
            ("AccessDenied" | "", 401 | 403) => {
                let detail = (!no.message.is_empty()).then_some(no.message);
                S3Error::Denied { address, permission, detail }
            }
            (_, 404) => S3Error::NoSuchObject { address },
            // The object became shorter than what was asked for.
            (_, 412 | 416) => S3Error::Precondition { address },
            _ => S3Error::Failed { what: format!("a request for {address}"), why: no.words() },
        }
    }
}

/// How long to keep trying.
#[derive(Debug, Clone, Copy)]
pub(super) struct RetryPolicy {
    tries: u32,
    /// Of the pauses.
    longest: Duration,
    /// For a small question and its answer.
    pub(super) each: Duration,
}

impl RetryPolicy {
    /// While a run goes on, in all some minutes.
    pub(super) const LONG: Self =
        Self { tries: 12, longest: Duration::from_secs(20), each: Duration::from_secs(60) };
    /// Before it begins.
    pub(super) const SHORT: Self =
        Self { tries: 4, longest: Duration::from_millis(500), each: Duration::from_millis(2500) };
}

const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Tries of one request: exponential backoff with decorrelated jitter (AWS Architecture Blog: "Exponential Backoff And Jitter").
pub(super) struct Retry {
    patience: RetryPolicy,
    left: u32,
    pause: Duration,
}

impl Retry {
    pub(super) fn new(patience: RetryPolicy) -> Self {
        Self { patience, left: patience.tries, pause: FIRST_PAUSE }
    }

    /// Waits before the next try; gives the trouble back where another would not help.
    pub(super) async fn after(
        &mut self,
        client: &S3Client,
        trouble: RequestError,
    ) -> Result<(), RequestError> {
        let worth_it = match &trouble {
            RequestError::Refused(no) if no.is_of_old_credentials() => {
                client.credentials.forget().await;
                self.left = self.left.min(2);
                true
            }
            RequestError::Refused(no) => {
                if no.asks_to_slow_down() {
                    client.slowed.fetch_add(1, Ordering::Relaxed);
                }
                no.passes()
            }
            RequestError::Broken(_) => true,
            RequestError::NoCredentials(_) => false,
        };
        self.left -= 1;
        if !worth_it || self.left == 0 {
            return Err(trouble);
        }
        self.pause = between(FIRST_PAUSE, self.pause * 3).min(self.patience.longest);
        tokio::time::sleep(self.pause).await;
        Ok(())
    }

    /// The last try got something: what follows has all tries again.
    pub(super) fn begin_again(&mut self) {
        (self.left, self.pause) = (self.patience.tries, FIRST_PAUSE);
    }
}

/// A span at random: many requests that failed together must not come back together.
fn between(least: Duration, most: Duration) -> Duration {
    // The standard library's hashers have random keys; nothing here has to be unpredictable.
    let random = RandomState::new().build_hasher().finish();
    let spread = u64::try_from(most.saturating_sub(least).as_micros()).unwrap_or(u64::MAX);
    least + Duration::from_micros(random % spread.saturating_add(1))
}

/// Percent-encodes as signatures want it (IAM User Guide: "Create a signed AWS API request", UriEncode); slashes only where they are part of
/// a value.
fn encode(text: &str, is_path: bool, to: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => to.push(byte.into()),
            b'/' if is_path => to.push('/'),
            _ => {
                to.push('%');
                to.push(HEX[usize::from(byte >> 4)].into());
                to.push(HEX[usize::from(byte & 15)].into());
            }
        }
    }
}

/// Whether a key survives in a URL, where `.` and `..` between slashes are taken out on the way.
pub(super) fn can_be_asked_for(key: &str) -> bool {
    !key.split('/').any(|segment| matches!(segment, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_but_for_their_slashes() {
        let encoded = |text, is_path| {
            let mut to = String::new();
            encode(text, is_path, &mut to);
            to
        };
        assert_eq!(encoded("a//b c+d%é/~.json", true), "a//b%20c%2Bd%25%C3%A9/~.json");
        assert_eq!(encoded("a/b=", false), "a%2Fb%3D");
    }

    #[test]
    fn some_keys_cannot_be_asked_for() {
        for good in ["", "a", "/a", "a//b", "a/...", "a/.b", "a/"] {
            assert!(can_be_asked_for(good), "{good}");
        }
        for bad in [".", "a/./b", "../a", "a/.."] {
            assert!(!can_be_asked_for(bad), "{bad}");
        }
    }

    #[test]
    fn pauses_differ_and_stay_between_the_bounds() {
        let (least, most) = (Duration::from_millis(100), Duration::from_secs(3600));
        let some: Vec<Duration> = (0..8).map(|_| between(least, most)).collect();
        assert!(some.iter().all(|pause| (least..=most).contains(pause)));
        assert!(some.iter().any(|pause| *pause != some[0]), "{some:?}");
        assert_eq!(between(least, least), least);
    }

    #[test]
    fn what_passes_is_told_from_what_stays() {
        let refusal = |status, code: &str| Refusal { status, code: code.to_owned(), ..Refusal::default() };
        for (status, code) in
            [(500, "InternalError"), (503, "SlowDown"), (429, ""), (400, "RequestTimeout"), (502, "")]
        {
            assert!(refusal(status, code).passes(), "{status} {code}");
        }
        for (status, code) in
            [(403, "AccessDenied"), (404, "NoSuchKey"), (412, ""), (301, ""), (501, "NotImplemented")]
        {
            assert!(!refusal(status, code).passes(), "{status} {code}");
        }
    }
}
