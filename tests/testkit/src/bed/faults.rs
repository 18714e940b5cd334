//! What can go wrong on the way to S3.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::http::Message;
use super::proxy::Asked;

/// What becomes of a request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Answered with this, and the server never hears of it.
    Answer(Message),
    /// The connection is reset before an answer, and the server never hears of it.
    Reset,
    /// The server does what it was asked to, but the connection is reset instead of its answer.
    Lost,
    /// Half of the answer's body comes, then a reset.
    ResetInBody,
    /// Half of the answer's body comes, under the length of the whole, then an orderly end.
    Truncated,
    /// Nothing comes, until the client gives up.
    Stall,
    /// Half of the answer's body comes, then nothing, until the client gives up.
    StallInBody,
}

/// An error as S3 words it (Amazon S3 API Reference, "Error responses").
pub fn error(status: u16, code: &str, message: &str) -> Fault {
    error_with(status, code, message, "", &[])
}

/// An error with further elements and headers.
pub fn error_with(status: u16, code: &str, message: &str, elements: &str, headers: &[(&str, &str)]) -> Fault {
    let mut all = vec![("Content-Type".to_owned(), "application/xml".to_owned())];
    all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>{elements}\
         <RequestId>4442587FB7D0A2F9</RequestId></Error>"
    );
    Fault::Answer(Message {
        start: format!("HTTP/1.1 {status} {code}"),
        headers: all,
        body: body.into_bytes(),
    })
}

/// A successful answer with this document.
pub fn answer(xml: &str) -> Fault {
    Fault::Answer(Message {
        start: "HTTP/1.1 200 OK".to_owned(),
        headers: vec![("Content-Type".to_owned(), "application/xml".to_owned())],
        body: format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{xml}").into_bytes(),
    })
}

pub fn internal_error() -> Fault {
    error(500, "InternalError", "We encountered an internal error. Please try again.")
}

pub fn slow_down() -> Fault {
    error(503, "SlowDown", "Please reduce your request rate.")
}

pub fn no_such_key() -> Fault {
    error(404, "NoSuchKey", "The specified key does not exist.")
}

pub fn access_denied() -> Fault {
    error(403, "AccessDenied", "Access Denied")
}

/// Lets this share of all requests fail, in one of these ways each. Which ones do depends on the
/// seed and on what is asked for the how manieth time, not on when: the same requests fail however
/// many are under way at once. Every fourth time is spared: before a run, a request is sent four
/// times at most.
pub fn some(seed: u64, share: f64, faults: Vec<Fault>) -> impl Fn(&Asked) -> Option<Fault> {
    move |asked| {
        let mut hasher = DefaultHasher::new();
        (seed, &asked.method, &asked.target, &asked.range, asked.attempt).hash(&mut hasher);
        let drawn = hasher.finish();
        let (place, kind) = ((drawn >> 32) as f64 / f64::from(u32::MAX), drawn as u32 as usize);
        let is_spared = asked.attempt % 4 == 3;
        (place < share && !is_spared).then(|| faults[kind % faults.len()].clone())
    }
}
